"""How far one trained model's log-conditionals may differ between number formats and devices, and how far they do.

The budget is derived, not tuned. To first order the error of a network's output is the sum of the rounding errors of
its operations, each transported by the rest of the network. *Local errors*: with unit roundoff u a rounding moves a
number v by at most u|v|, and a rounding error spread evenly has variance at most u²v²/3. A product W x with inner
length K has, component by component,

    variance <= (1/3) [ 2 u_in² W²x²  +  u_sum² K (|W||x|)²  +  u_out² y² ]

for K products and K partial sums, each of which is at most |W||x|, in an accumulator with u_sum (in any order of
summation: Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019), inputs and weights first rounded with u_in, and the
result with u_out. Depth enters through the transport, width through K. A normalisation adds 4 u_sum of its output.
Attention mixes n values by weights that carry the relative error of exp(score): the scores' own, 2 u_in |q||k|/√h +
u_sum √h |q||k|/√h for heads of size h. *Transport*: Gaussian errors of these variances are injected after every
operation of the model in float64, which carries them to the output; `draws` injections are made, and the budget is
SAFETY times the largest difference seen in any. Were the true errors as large as their bounds, one more draw would
exceed the largest of `draws` with probability 1/(draws + 1), and SAFETY times it far less often.

A selection can only be demanded to agree where no decision is a near-tie: see `settled`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from synthetic import devices
from synthetic.denoisers import Block, Transformer
from theory.errors import InvalidInput
from theory.tolerance import SLACK
from theory.unmasking.rules.proxies import PROXIES, token_entropy, trusted_first
from theory.unmasking.rules.sets import EntropyBounded, TopK, prefix_bounds

HALF, SINGLE, DOUBLE = 2.0**-9, 2.0**-24, 2.0**-53
"""Unit roundoffs of bfloat16 (8 significant bits), float32 (24) and float64 (53)."""
SAFETY, DRAWS = 2.0, 16
Selecting = TopK | EntropyBounded


@dataclass(frozen=True)
class Precision:
    """A device and number format, with the unit roundoffs of inputs, sums and results of its matrix products."""

    name: str
    device: str
    inputs: float
    sums: float
    results: float

    @property
    def mixed(self) -> bool:
        """Return whether products are taken in bfloat16."""
        return self.inputs == HALF


CPU32 = Precision("CPU float32", "cpu", 0.0, SINGLE, SINGLE)
GPU32 = Precision("GPU float32, TF32 off", "cuda", 0.0, SINGLE, SINGLE)
GPU16 = Precision("GPU bfloat16", "cuda", HALF, SINGLE, HALF)
CPU16 = Precision("CPU bfloat16", "cpu", HALF, SINGLE, HALF)


@dataclass(frozen=True)
class Agreement:
    """One precision against float64 on the CPU.

    `difference` and `budget` are largest absolute differences of log-conditionals at masked positions, nats.
    For each rule `settled` counts the states without a near-tie, `changed` those of them where the selection differs,
    and `different` all states where it does.
    """

    precision: Precision
    difference: float
    budget: float
    states: int
    settled: dict[str, int]
    changed: dict[str, int]
    different: dict[str, int]

    @property
    def holds(self) -> bool:
        """Return whether the difference is within the budget and every settled selection agrees."""
        return self.difference <= self.budget and not any(self.changed.values())


def compare(
    model: Transformer,
    z: Int[Tensor, "batch n"],
    precision: Precision,
    rules: Sequence[Selecting],
    other: Transformer | None = None,
) -> Agreement:
    """Compare a model in a precision with itself in float64; `other`, where given, is what runs in its place.

    Raises InvalidInput where the device is missing or no position is masked.
    """
    masked = z == model.d
    if not bool(masked.any()):
        raise InvalidInput("no position of the batch is masked; give states with masked positions")
    exact = reference(model)(z)
    found = evaluate(other or model, z, precision)
    budget = error_budget(model, z, precision)
    counts: tuple[dict[str, int], ...] = ({}, {}, {})
    for rule in rules:
        sure = settled(rule, exact, masked, budget)
        differs = (rule.select(exact, masked) != rule.select(found, masked)).any(-1)
        for count, which in zip(counts, (sure, differs & sure, differs), strict=True):
            count[rule.name] = int(which.sum())
    difference = float((found - exact)[masked].abs().max())
    return Agreement(precision, difference, budget, len(z), *counts)


def reference(model: Transformer) -> Callable[[Int[Tensor, "batch n"]], Float[Tensor, "batch n d"]]:
    """Return the model in float64 on the CPU, its logits not rounded to float32 on the way out."""
    wide = copy.deepcopy(model).cpu().double().eval()
    return torch.no_grad()(lambda z: _log_conditionals(wide, z.cpu()))


@torch.no_grad()
def evaluate(model: Transformer, z: Int[Tensor, "batch n"], precision: Precision) -> Float[Tensor, "batch n d"]:
    """Return the log-conditionals that a model gives in a precision, as float64 on the CPU, normalised there."""
    where = devices.device(precision.device)
    own = copy.deepcopy(model).to(where).float().eval()
    with torch.autocast(where.type, torch.bfloat16, enabled=precision.mixed):
        return own(z.to(where)).cpu().double().log_softmax(-1)


@torch.no_grad()
def error_budget(
    model: Transformer, z: Int[Tensor, "batch n"], precision: Precision, draws: int = DRAWS, seed: int = 0
) -> float:
    """Return SAFETY times the largest change of a masked log-conditional under `draws` injections of local errors."""
    wide = copy.deepcopy(model).cpu().double().eval()
    z = z.cpu()
    masked = z == model.d
    exact = _log_conditionals(wide, z)
    generator = torch.Generator().manual_seed(seed)
    with _injecting(wide, precision, generator):
        found = [(_log_conditionals(wide, z) - exact)[masked].abs().max() for _ in range(draws)]
    closing = 4 * SINGLE * float(exact[masked].abs().amax())  # the last log-softmax is taken in float32
    return SAFETY * (float(torch.stack(found).max()) + closing)


def settled(
    rule: Selecting, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], error: float
) -> Bool[Tensor, " batch"]:
    """Return the states where no change of every ln p by at most `error` can change what the rule selects.

    Such a change moves a probability p by at most c p, c = exp(error) - 1, so confidence by c, margin by 2c, and
    the entropy H by c H + (1 + c) error. The selection stands when the last position taken and the first not taken
    differ by more than twice the proxy's error and, for EB, the bound of what is taken stays within the budget and
    that with the next position, which must itself be apart from the one after it, stays above.
    """
    c = math.expm1(error)
    h = token_entropy(log_p)
    in_entropy = c * h + (1 + c) * error
    allowed = {"confidence": torch.full_like(h, c), "margin": torch.full_like(h, 2 * c), "entropy": in_entropy}[rule.by]
    values = PROXIES[rule.by](log_p)
    order = trusted_first(values, masked)
    ranked = torch.where(masked, values, torch.inf).gather(-1, order)
    slack = torch.where(masked, allowed, 0.0).gather(-1, order)
    count = rule.select(log_p, masked).sum(-1, keepdim=True)
    apart = _apart(ranked, slack, count)
    if isinstance(rule, TopK):
        return apart
    ordered, error_h = (t.gather(-1, order) for t in (h, in_entropy))
    bound, doubt = prefix_bounds(ordered), error_h.cumsum(-1)
    place = torch.arange(h.shape[-1])
    within = ((bound + doubt <= rule.budget) | (place == 0) | (place >= count)).all(-1)
    there = masked.gather(-1, order)
    beyond = ((bound - doubt > rule.budget) | (place != count) | ~there).all(-1)
    return apart & within & beyond & _apart(ranked, slack, (count + 1).clamp(max=h.shape[-1]))


def _apart(ranked: Tensor, slack: Tensor, count: Tensor) -> Bool[Tensor, " batch"]:
    """Return whether the first `count` errors and the rest are apart by more than both sides' slack."""
    first = torch.arange(ranked.shape[-1]) < count
    highest = torch.where(first, ranked + slack, -torch.inf).amax(-1)
    lowest = torch.where(first, torch.inf, ranked - slack).amin(-1)
    return (lowest - highest > 2 * SLACK) | (lowest == torch.inf)


def _log_conditionals(model: Transformer, z: Tensor) -> Tensor:
    return model.head(model.features(z)).double().log_softmax(-1)


@contextmanager
def _injecting(model: Transformer, precision: Precision, generator: Generator) -> Iterator[None]:
    """Add the local errors of a precision after every operation of a float64 model while the context is open."""
    inject = _Injection(precision, generator)
    hooks = [model.blocks[0].register_forward_pre_hook(inject.embedding(model.symbols))]
    for part in model.modules():
        if isinstance(part, nn.Linear):
            hooks.append(part.register_forward_hook(inject.product))
        elif isinstance(part, nn.LayerNorm):
            hooks.append(part.register_forward_hook(inject.normalisation))
        elif isinstance(part, Block):
            hooks.append(part.query_key_value.register_forward_hook(inject.scores(part.heads, model.n)))
            hooks.append(part.out.register_forward_pre_hook(inject.mixture))
            hooks.append(part.register_forward_hook(inject.sum))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Injection:
    """The local errors, as hooks of a model in float64."""

    def __init__(self, precision: Precision, generator: Generator) -> None:
        self.precision, self.generator = precision, generator
        self.relative = torch.zeros(())

    def noise(self, variance: Tensor) -> Tensor:
        return (variance / 3).sqrt() * torch.randn(variance.shape, dtype=torch.float64, generator=self.generator)

    def product(self, layer: nn.Linear, given: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """Return W x with the errors of its inputs, of its sums and of its result."""
        (x,), w, p = given, layer.weight, self.precision
        entries = x.square() @ w.square().T
        sums = layer.in_features * (x.abs() @ w.abs().T).square()
        return y + self.noise(2 * p.inputs**2 * entries + p.sums**2 * sums + p.results**2 * y.square())

    def embedding(self, symbols: Tensor) -> Callable[..., tuple[Tensor, int]]:
        """Return a hook that adds the errors of the symbols' embedding, rounded like an input, and of its addition."""
        size = symbols.abs().amax(0)

        def hook(layer: nn.Module, given: tuple[Tensor, int]) -> tuple[Tensor, int]:
            (h, n), p = given, self.precision
            return h + self.noise((p.inputs * size).square() + 2 * (p.sums * h).square()), n

        return hook

    def normalisation(self, layer: nn.Module, given: tuple[Tensor, ...], y: Tensor) -> Tensor:
        return y + self.noise((4 * self.precision.sums * y).square())

    def sum(self, block: nn.Module, given: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """Return the block's output with the errors of its two additions, in the state's own float32."""
        return y + self.noise(2 * (self.precision.sums * y).square())

    def scores(self, heads: int, n: int) -> Callable[..., None]:
        """Return a hook that works out the relative errors of the attention weights from queries and keys.

        The layer's rows are the n positions of one sequence after those of another.
        """

        def hook(layer: nn.Module, given: tuple[Tensor, ...], y: Tensor) -> None:
            query, key, _ = y.unflatten(0, (-1, n)).unflatten(-1, (3, heads, -1)).unbind(-3)
            size = query.shape[-1]
            largest = query.norm(dim=-1) * key.norm(dim=-1).amax(1, keepdim=True) / math.sqrt(size)
            p = self.precision
            self.relative = (p.sums * math.sqrt(size) + p.results) * largest + p.results + 4 * p.sums

        return hook

    def mixture(self, layer: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Return the mixed values with the errors of the weights, of the sums over n positions and of the result."""
        (y,) = given
        _, n, heads = self.relative.shape
        p, split = self.precision, y.unflatten(-1, (heads, -1)).unflatten(0, (-1, n))
        scale = split.abs().amax(1, keepdim=True)
        variance = (self.relative[..., None] * scale).square() + n * (p.sums * scale).square()
        return ((split + self.noise(variance + (p.results * split).square())).flatten(-2).flatten(0, 1),)
