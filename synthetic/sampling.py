"""Sampling with any rule and any denoiser: finished sequences leave the batch, and a trace can be kept.

The uniform that decides position i of sequence r is drawn before the first step, so a sample depends on its
seed and row, not on which other sequences share its batch. Temperature hardens the tokens only: proxies,
entropies and thresholds see the conditionals themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.unmasking.rules.actions import likely
from theory.unmasking.rules.base import Denoise, Rule, SetRule, check_conditionals, check_selection
from theory.unmasking.rules.proxies import token_entropy


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


@dataclass(frozen=True)
class Samples:
    """Complete sequences with what they cost: `nfe` denoiser calls each, `evaluated` sequences in all calls."""

    tokens: Int[Tensor, "rows n"]
    nfe: Int[Tensor, " rows"]
    evaluated: int
    trace: Trace | None


def sample(
    denoise: Denoise,
    rule: Rule,
    start: Int[Tensor, "rows n"],
    d: int,
    *,
    seed: int,
    temperature: float = 1.0,
    batch: int = 512,
    keep_trace: bool = False,
) -> Samples:
    """Complete every row of `start` by the rule; revealed tokens stay. The device is that of `start`.

    Temperature 0 takes the most probable token. Raises InvalidInput for a temperature that is negative or set
    beside a rule that draws its own tokens, a trace of such a rule, wrong conditionals or a wrong selection.
    """
    _check(rule, temperature, keep_trace)
    run = _Run(denoise, rule, d, temperature, Generator(start.device).manual_seed(seed + 1), keep_trace)
    uniform = uniforms(start, seed)
    tokens, nfe = start.clone(), torch.zeros(len(start), dtype=torch.long, device=start.device)
    for rows in torch.arange(len(start), device=start.device).split(batch):
        run.complete(tokens, nfe, rows, uniform)
    return Samples(tokens, nfe, run.evaluated, run.trace() if keep_trace else None)


def sample_sizes(
    denoise: Denoise,
    sizes: Int[Tensor, "rows steps"],
    start: Int[Tensor, "rows n"],
    d: int,
    *,
    seed: int,
    temperature: float = 1.0,
    batch: int = 512,
) -> Samples:
    """Complete row r by revealing sizes[r, k] positions at step k, in an order drawn uniformly.

    The sampler of the schedule theorems (Chen, Cong, Li, arXiv 2511.04647); steps of size zero make no call.
    Raises InvalidInput where a row's sizes do not sum to its masked positions.
    """
    masked = start == d
    if bool((sizes.sum(-1) != masked.sum(-1)).any()) or bool((sizes < 0).any()):
        raise InvalidInput("sizes of a row are counts that sum to its masked positions; give every row its own sizes")
    noise = torch.rand(start.shape, dtype=torch.float64, generator=Generator().manual_seed(seed + 2)).to(start.device)
    rank = torch.where(masked, noise, torch.inf).argsort(-1).argsort(-1)
    uniform, tokens = uniforms(start, seed), start.clone()
    ends = sizes.cumsum(-1)
    evaluated = 0
    for k in range(sizes.shape[1]):
        for rows in (sizes[:, k] > 0).nonzero()[:, 0].split(batch):
            here = tokens[rows]
            chosen = (here == d) & (rank[rows] < ends[rows, k, None])
            drawn = _draw(check_conditionals(denoise(here), here, d), uniform[rows], temperature)
            tokens[rows] = torch.where(chosen, drawn, here)
            evaluated += len(rows)
    return Samples(tokens, (sizes > 0).sum(-1), evaluated, None)


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


class _Run:
    """One sampling run: what it draws with, counts and remembers."""

    def __init__(
        self, denoise: Denoise, rule: Rule, d: int, temperature: float, generator: Generator, keep: bool
    ) -> None:
        self.given, self.rule, self.d, self.temperature, self.generator = denoise, rule, d, temperature, generator
        self.entries: list[tuple[Tensor, Tensor, Tensor, Tensor]] | None = [] if keep else None
        self.evaluated = 0

    def denoise(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        self.evaluated += len(z)
        return self.given(z)

    def complete(self, tokens: Tensor, nfe: Tensor, rows: Tensor, uniform: Tensor) -> None:
        """Step the given rows until none has a mask, each leaving when it is finished."""
        for step in _counting():
            rows = rows[(tokens[rows] == self.d).any(-1)]
            if not len(rows):
                return
            here = tokens[rows]
            if isinstance(self.rule, SetRule):
                after, calls = self.reveal(self.rule, here, rows, step, uniform[rows])
            else:
                after, calls = self.rule.step(self.denoise, here, self.d, self.generator)  # type: ignore[attr-defined]
            tokens[rows], nfe[rows] = after, nfe[rows] + calls

    def reveal(self, rule: SetRule, z: Tensor, rows: Tensor, step: int, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states after one step of a set rule, and one call for each."""
        masked = z == self.d
        log_p = check_conditionals(self.denoise(z), z, self.d)
        chosen = rule.for_states(z).select(log_p, masked.clone(), self.generator)
        check_selection(rule.name, chosen, masked, z)
        if self.entries is not None:
            entropy = torch.where(masked, token_entropy(log_p), 0.0)
            self.entries.append((rows, torch.full_like(rows, step), chosen, entropy))
        return torch.where(chosen, _draw(log_p, uniform, self.temperature), z), torch.ones_like(rows)

    def trace(self) -> Trace:
        """Return what was remembered."""
        return Trace(*(torch.cat(parts) for parts in zip(*self.entries or [], strict=True)))


def _draw(log_p: Float[Tensor, "rows n d"], uniform: Float[Tensor, "rows n"], temperature: float) -> Tensor:
    if temperature == 0:
        return likely(log_p)
    p = (log_p if temperature == 1 else log_p / temperature).double().softmax(-1)
    ends = p.cumsum(-1)
    return (ends < uniform[..., None] * ends[..., -1:]).sum(-1).clamp(max=log_p.shape[-1] - 1)


def _counting() -> Iterator[int]:
    step = 0
    while True:
        yield step
        step += 1


def _check(rule: Rule, temperature: float, keep_trace: bool) -> None:
    if not 0 <= temperature < math.inf:
        raise InvalidInput(f"temperature {temperature}; expected a finite number >= 0, 0 for the most probable token")
    if isinstance(rule, SetRule):
        return
    if not hasattr(rule, "step"):
        raise InvalidInput(f"rule {rule.name!r} only lists its outcomes; give it a `step` to sample with it")
    if temperature != 1 or keep_trace:
        raise InvalidInput(f"rule {rule.name!r} draws its own tokens; leave temperature at 1 and keep no trace")
