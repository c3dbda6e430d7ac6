"""Sampling with any rule and any denoiser: the one loop that asks, chooses, checks and reveals until nothing is masked.

The uniform that decides position i of sequence r is drawn before the first step, so a sample depends on its seed and
row, not on which other sequences share its batch. Temperature hardens the tokens only: proxies, entropies and
thresholds see the conditionals themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.unmasking.rules.actions import likely
from theory.unmasking.rules.base import Rule, SetRule, ask, check_selection, checked_states
from theory.unmasking.rules.proxies import token_entropy

Advance = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]
"""The number of the step, the numbers of the rows that still have masks, and their states; to their next states and
the denoiser calls of each."""


@dataclass(frozen=True)
class Step:
    """One step of the rows that still had masks: their numbers, their states before and after, their calls."""

    number: int
    rows: Int[Tensor, " r"]
    before: Int[Tensor, "r n"]
    after: Int[Tensor, "r n"]
    calls: Int[Tensor, " r"]


@dataclass(frozen=True)
class Trace:
    """One entry for each step of each sequence, in the order of the calls."""

    row: Int[Tensor, " entries"]
    step: Int[Tensor, " entries"]
    revealed: Bool[Tensor, "entries n"]
    entropy: Float[Tensor, "entries n"]
    """Predicted entropies in nats before the step, 0 where nothing was masked."""

    @property
    def bound(self) -> Float[Tensor, " entries"]:
        """Return the part of EB's budget that each step used: its entropies but the largest, in nats."""
        h = torch.where(self.revealed, self.entropy, 0.0)
        return h.sum(-1) - h.amax(-1)


@dataclass(frozen=True, repr=False, eq=False)
class Samples(Shown):
    """Complete sequences with what they cost: `nfe` denoiser calls each, `evaluated` sequences in all calls."""

    rule: str
    tokens: Int[Tensor, "rows n"]
    nfe: Int[Tensor, " rows"]
    evaluated: int
    trace: Trace | None = None

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule
        """Return what drew them."""
        return f"drawn by {self.rule}"

    @property
    def calls(self) -> float:
        """Return the mean number of denoiser calls of a sequence."""
        return float(self.nfe.double().mean())

    def _facts(self) -> dict[str, object]:
        rows, n = self.tokens.shape
        return {"sequences": rows, "n": n, "calls": self.calls, "evaluated": self.evaluated}


def sample(
    rule: Rule,
    denoiser: Denoiser,
    start: Int[Tensor, "rows n"] | int,
    *,
    seed: int,
    temperature: float = 1.0,
    batch: int = 512,
    keep_trace: bool = False,
) -> Samples:
    """Complete every row of `start` by the rule; revealed tokens stay. The device is that of `start`.

    `start` may be a number of rows: all masked, as long as the denoiser's sequences. Temperature 0 takes the most
    probable token. Raises InvalidInput for a temperature that is negative or set beside a rule that draws its own
    tokens, a trace of such a rule, states that are not int64 or hold foreign tokens, wrong conditionals or a wrong
    selection.
    """
    _check(rule, temperature, keep_trace)
    z = started(denoiser, start)
    run = _Run(rule, denoiser, uniforms(z, seed), temperature, Generator(z.device).manual_seed(seed + 1), keep_trace)
    nfe = torch.zeros(len(z), dtype=torch.long, device=z.device)
    for step in unmask(z, denoiser.d, run.advance, batch):
        nfe[step.rows] += step.calls
    return Samples(rule.name, z, nfe, run.evaluated, run.trace() if keep_trace else None)


def sample_sizes(
    denoiser: Denoiser,
    sizes: Int[Tensor, "rows steps"],
    start: Int[Tensor, "rows n"] | int,
    *,
    seed: int,
    temperature: float = 1.0,
    batch: int = 512,
) -> Samples:
    """Complete row r by revealing sizes[r, k] positions at step k, in an order drawn uniformly.

    The sampler of the schedule theorems (Chen, Cong, Li, arXiv 2511.04647); steps of size zero make no call. `start`
    is as in `sample`. Raises InvalidInput where a row's sizes do not sum to its masked positions.
    """
    _check_temperature(temperature)
    z = started(denoiser, start)
    masked = z == denoiser.d
    fits = sizes.ndim == 2 and len(sizes) == len(z)
    if not fits or bool((sizes.sum(-1) != masked.sum(-1)).any()) or bool((sizes < 0).any()):
        raise InvalidInput("sizes of a row are counts that sum to its masked positions; give every row its own sizes")
    noise = torch.rand(z.shape, dtype=torch.float64, generator=Generator().manual_seed(seed + 2)).to(z.device)
    rank = torch.where(masked, noise, torch.inf).argsort(-1).argsort(-1)
    uniform = uniforms(z, seed)
    ends = sizes.gather(-1, (sizes == 0).long().argsort(dim=-1, stable=True)).cumsum(-1)

    def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        chosen = (before == denoiser.d) & (rank[rows] < ends[rows, number, None])
        drawn = drawn_tokens(ask(denoiser, before), uniform[rows], temperature)
        return torch.where(chosen, drawn, before), torch.ones_like(rows)

    evaluated = sum(len(step.rows) for step in unmask(z, denoiser.d, advance, batch))
    return Samples("given sizes", z, (sizes > 0).sum(-1), evaluated)


def per_token_sizes(
    alpha: Float[Tensor, " nodes"], masked: Int[Tensor, " rows"], seed: int
) -> Int[Tensor, "rows steps"]:
    """Return the block sizes of a grid alpha_0 = 0 < ... < 1 when every token draws its step on its own."""
    most = int(masked.max())
    noise = torch.rand(len(masked), most, dtype=torch.float64, generator=Generator().manual_seed(seed + 3))
    step = torch.searchsorted(alpha.double().cpu(), noise, right=True).clamp(1, len(alpha) - 1) - 1
    member = torch.nn.functional.one_hot(step, len(alpha) - 1)
    used = torch.arange(most) < masked.cpu()[:, None]
    return (member * used[..., None]).sum(1).to(masked.device)


def uniforms(start: Int[Tensor, "rows n"], seed: int) -> Float[Tensor, "rows n"]:
    """Return the uniforms that decide the tokens, drawn on the CPU so that every device has the same."""
    return torch.rand(start.shape, dtype=torch.float64, generator=Generator().manual_seed(seed)).to(start.device)


def started(denoiser: Denoiser, start: Int[Tensor, "rows n"] | int) -> Int[Tensor, "rows n"]:
    """Return a copy of the start states, or that many rows of masks. Raises InvalidInput for wrong states."""
    if isinstance(start, Tensor):
        return checked_states(denoiser, start).clone()
    if denoiser.n is None:
        raise InvalidInput(f"start of {start} rows beside a denoiser of sequences of any length; give the start states")
    return torch.full((start, denoiser.n), denoiser.d)


def unmask(z: Int[Tensor, "rows n"], d: int, advance: Advance, batch: int | None = None) -> Iterator[Step]:
    """Advance the rows of z, in place, until none holds the mask d; each leaves when it is complete.

    At most `batch` rows are advanced together; their first step has number 0. Raises InvalidInput where a step
    reveals nothing.
    """
    for part in torch.split(torch.arange(len(z), device=z.device), batch or max(1, len(z))):
        rows, number = part[(z[part] == d).any(-1)], 0
        while len(rows):
            before = z[rows]
            after, calls = advance(number, rows, before)
            if bool((after == before).all(-1).any()):
                raise InvalidInput(f"a step from state {_unmoved(before, after)} reveals nothing; reveal at least one")
            z[rows] = after
            yield Step(number, rows, before, after, calls)
            rows, number = rows[(after == d).any(-1)], number + 1


def choose(
    rule: SetRule, denoiser: Denoiser, z: Int[Tensor, "r n"], generator: Generator | None = None
) -> tuple[Float[Tensor, "r n d"], Bool[Tensor, "r n"]]:
    """Return a denoiser's conditionals and the positions that the rule reveals, both checked."""
    log_p, masked = ask(denoiser, z), z == denoiser.d
    chosen = rule.for_states(z).select(log_p, masked.clone(), generator)
    return log_p, check_selection(rule.name, chosen, masked, z)


def drawn_tokens(
    log_p: Float[Tensor, "rows n d"], uniform: Float[Tensor, "rows n"], temperature: float = 1.0
) -> Int[Tensor, "rows n"]:
    """Return the token that each uniform draws; at temperature 0 the most probable one."""
    if temperature == 0:
        return likely(log_p)
    p = (log_p if temperature == 1 else log_p / temperature).double().softmax(-1)
    ends = p.cumsum(-1)
    return (ends < uniform[..., None] * ends[..., -1:]).sum(-1).clamp(max=log_p.shape[-1] - 1)


class _Run:
    """One sampling run: what it draws with, counts and remembers."""

    def __init__(
        self, rule: Rule, denoiser: Denoiser, uniform: Tensor, temperature: float, generator: Generator, keep: bool
    ) -> None:
        self.rule, self.given, self.n, self.d = rule, denoiser, denoiser.n, denoiser.d
        self.uniform, self.temperature, self.generator = uniform, temperature, generator
        self.entries: list[tuple[Tensor, Tensor, Tensor, Tensor]] | None = [] if keep else None
        self.evaluated = 0

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return the denoiser's answer, counted: the run is a denoiser."""
        self.evaluated += len(z)
        return self.given(z)

    def advance(self, number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states after one step and the calls that each took."""
        if not isinstance(self.rule, SetRule):
            return self.rule.step(self, before, self.generator)
        log_p, chosen = choose(self.rule, self, before, self.generator)
        if self.entries is not None:
            entropy = torch.where(before == self.d, token_entropy(log_p), 0.0)
            self.entries.append((rows, torch.full_like(rows, number), chosen, entropy))
        drawn = drawn_tokens(log_p, self.uniform[rows], self.temperature)
        return torch.where(chosen, drawn, before), torch.ones_like(rows)

    def trace(self) -> Trace:
        """Return what was remembered."""
        if not self.entries:
            n, device = self.uniform.shape[-1], self.uniform.device
            none = torch.zeros(0, dtype=torch.long, device=device)
            return Trace(none, none, torch.zeros(0, n, dtype=torch.bool, device=device), self.uniform[:0])
        return Trace(*(torch.cat(parts) for parts in zip(*self.entries, strict=True)))


def _unmoved(before: Tensor, after: Tensor) -> list[int]:
    unmoved: list[int] = before[(after == before).all(-1)][0].tolist()
    return unmoved


def _check(rule: Rule, temperature: float, keep_trace: bool) -> None:
    _check_temperature(temperature)
    if not isinstance(rule, SetRule) and (temperature != 1 or keep_trace):
        raise InvalidInput(f"rule {rule.name!r} draws its own tokens; leave temperature at 1 and keep no trace")


def _check_temperature(temperature: float) -> None:
    if not 0 <= temperature < math.inf:
        raise InvalidInput(f"temperature {temperature}; expected a finite number >= 0, 0 for the most probable token")
