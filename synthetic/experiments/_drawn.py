"""Sequences drawn by rules with what their paths know, and the entropy of a Markov projection. Nats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.unmasking.rules.base import SetRule, ask, check_selection, draw_candidates
from theory.unmasking.rules.proxies import token_entropy
from theory.unmasking.rules.sets import TopK
from theory.unmasking.sampling import choose, started, unmask

if TYPE_CHECKING:
    from theory.denoisers import Denoiser
    from theory.unmasking.rules.base import ValueRule
    from theory.unmasking.rules.punt import Punt

Watch = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], None]
"""Sees, at each step, which rows are open, their states, candidate tokens, positions revealed and
log-conditionals."""


@dataclass(frozen=True)
class Drawn:
    """Complete sequences, their denoiser calls and steps, and sums along each path.

    `log_p` adds ln p(x_i | z) of the revealed tokens: where x alone decides the path (deterministic set rules, PUNT
    with in-order tests and value-free ranks) it is ln p_out(x). `surprise` is the cumulative entropy Htilde.
    """

    tokens: Int[Tensor, "rows n"]
    calls: Int[Tensor, " rows"]
    steps: Int[Tensor, " rows"]
    log_p: Float[Tensor, " rows"]
    surprise: Float[Tensor, " rows"]


def draw(
    denoiser: Denoiser, rule: SetRule | Punt, start: Int[Tensor, "rows n"], seed: int, watch: Watch | None = None
) -> Drawn:
    """Complete every row at temperature 1; each denoiser call evaluates one sequence, so calls are the compute too."""
    generator = Generator(start.device).manual_seed(seed)
    z, counts = started(denoiser, start), torch.zeros(2, len(start), dtype=torch.long, device=start.device)
    sums = torch.zeros(2, len(start), dtype=torch.float64, device=start.device)

    def advance(number: int, rows: Tensor, here: Tensor) -> tuple[Tensor, Tensor]:
        log_p = ask(denoiser, here)
        y = draw_candidates(log_p, here, generator)
        kept, spent = _kept(denoiser, rule, here, y, log_p, generator)
        if watch is not None:
            watch(rows, here, y, kept, log_p)
        own = log_p.gather(-1, y.clamp(max=denoiser.d - 1)[..., None])[..., 0]
        found = torch.stack((own, token_entropy(log_p))).double()
        sums[:, rows] += torch.where(kept, found, 0.0).sum(-1)
        return torch.where(kept, y, here), spent

    for step in unmask(z, denoiser.d, advance):
        counts[:, step.rows] += torch.stack((step.calls, torch.ones_like(step.calls)))
    return Drawn(z, counts[0], counts[1], sums[0], sums[1])


def _kept(
    denoiser: Denoiser, rule: SetRule | Punt, z: Tensor, y: Tensor, log_p: Tensor, generator: Generator
) -> tuple[Bool[Tensor, "rows n"], Int[Tensor, " rows"]]:
    if not isinstance(rule, SetRule):
        return rule.keep(denoiser, z, y, log_p)
    masked = z == denoiser.d
    chosen = rule.for_states(z).select(log_p, masked, generator)
    return check_selection(rule.name, chosen, masked, z), torch.ones(len(z), dtype=torch.long, device=z.device)


def follow(denoiser: Denoiser, rule: ValueRule, start: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sequences that a rule completes, their cumulative entropy and the steps taken."""
    generator, z, d = torch.Generator().manual_seed(seed), started(denoiser, start), denoiser.d
    surprise, steps = torch.zeros(len(z), dtype=torch.float64), torch.zeros(len(z), dtype=torch.long)

    def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        known = denoiser(before)
        asked = _Remembered(denoiser, before, known)
        after, calls = rule.step(asked, before, generator)
        surprise[rows] += torch.where((before == d) & (after != d), token_entropy(known), 0.0).sum(-1)
        return after, calls

    for step in unmask(z, d, advance):
        steps[step.rows] += 1
    return z, surprise, steps


@dataclass(frozen=True, eq=False)
class _Remembered:
    """A denoiser that knows its answer at some states."""

    denoiser: Denoiser
    states: Tensor
    log_p: Tensor

    @property
    def n(self) -> int | None:
        return self.denoiser.n

    @property
    def d(self) -> int:
        return self.denoiser.d

    def __call__(self, z: Tensor) -> Tensor:
        return self.log_p if torch.equal(z, self.states) else self.denoiser(z)


def path_entropy(denoiser: Denoiser, x: Tensor) -> Tensor:
    """Return Htilde of every sequence along its own entropy-greedy path."""
    z, total = torch.full_like(x, denoiser.d), torch.zeros(len(x), dtype=torch.float64)

    def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        log_p, chosen = choose(TopK(1, "entropy"), denoiser, before)
        total[rows] += torch.where(chosen, token_entropy(log_p), 0.0).sum(-1)
        return torch.where(chosen, x[rows], before), torch.ones_like(rows)

    for _ in unmask(z, denoiser.d, advance):
        pass
    return total


def markov_entropy(x: Int[Tensor, "rows n"], d: int) -> Float[Tensor, " rows"]:
    """Return jackknife pseudo-values of the entropy of the Markov chain that has the pair marginals of neighbours.

    That chain M is the projection of the law p_out of the rows on Markov chains: H(M) >= H(p_out), and for a Markov
    chain p KL(p_out || p) = KL(p_out || M) + KL(M || p), so E_out[-ln p] - H(M) = KL(M || p) is a lower bound of it.
    The mean of the pseudo-values is H(M) estimated with bias of order 1 / rows^2; they are items of an interval.
    """
    if len(x) < 2:
        raise InvalidInput(f"{len(x)} sequences; expected at least two to leave one out")
    pairs = x[:, :-1] * d + x[:, 1:]
    return _pseudo_entropy(pairs, d * d).sum(-1) - _pseudo_entropy(x[:, 1:-1], d).sum(-1)


def pooled_markov_entropy(x: Int[Tensor, "rows n"], d: int) -> Float[Tensor, " rows"]:
    """Return pseudo-values of H(X_1) + (n - 1) H(next | token), neighbours pooled over positions.

    Entropy is concave, so this is at least the entropy of the Markov projection, and E_out[-ln p] minus it is still a
    lower bound of KL(p_out || p), for few sequences a less noisy one.
    """
    pair, left = pooled_entropy(x[:, :-1] * d + x[:, 1:], d * d), pooled_entropy(x[:, :-1], d)
    return _pseudo_entropy(x[:, :1], d)[:, 0] + (x.shape[1] - 1) * (pair - left)


def pooled_entropy(cell: Int[Tensor, "rows m"], cells: int) -> Float[Tensor, " rows"]:
    """Return jackknife pseudo-values, a row left out at a time, of the entropy of all cells pooled."""
    if len(cell) < 2:
        raise InvalidInput(f"{len(cell)} sequences; expected at least two to leave one out")
    counts = torch.zeros(len(cell), cells, dtype=torch.float64)
    counts.scatter_add_(1, cell, torch.ones(cell.shape, dtype=torch.float64))
    size, left = counts.sum(), counts.sum(0) - counts
    whole = size.log() - torch.xlogy(counts.sum(0), counts.sum(0)).sum() / size
    less = size - cell.shape[1]
    return len(cell) * whole - (len(cell) - 1) * (less.log() - torch.xlogy(left, left).sum(-1) / less)


def _pseudo_entropy(cell: Int[Tensor, "rows m"], cells: int) -> Float[Tensor, "rows m"]:
    """Return S H - (S - 1) H_without_s of the plug-in entropy of each column."""
    rows = len(cell)
    counts = torch.nn.functional.one_hot(cell, cells).sum(0).double()
    own = counts.expand(rows, *counts.shape).gather(-1, cell[..., None])[..., 0]
    total = torch.xlogy(counts, counts).sum(-1)
    without = total - torch.xlogy(own, own) + torch.xlogy(own - 1, own - 1)
    size = torch.tensor([float(rows), float(rows - 1)], dtype=torch.float64)
    whole, less = size * size.log()
    return (whole - total) - (less - without)


def grouped(values: Tensor, size: int) -> list[float]:
    """Return the means of consecutive groups of rows: the items of a table that stays small."""
    if len(values) % size:
        raise InvalidInput(f"{len(values)} rows in groups of {size}; choose a number of rows that the size divides")
    means: list[float] = values.double().reshape(-1, size).mean(-1).tolist()
    return means
