"""Speculative decoding of masked sequences: draft from frozen conditionals, accept or draw the residual.

Target chain: at state z reveal the position that the order puts first, its token from p(. | z): sequential
decoding. Draft: the conditionals of the window's first state, for the first L positions that the order lists there
(docs/derivations.md, speculative.M). Each step has law min(p, q) + (q - p)_+ = q, so the output law is the target's for
any denoiser. A drafted position that is not the target's is a rejection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser, check_conditionals, tabulated
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.speculation.accounting import CallCount
from theory.tolerance import tied
from theory.worlds import TableWorld, states

Start = Sequence[int] | Int[Tensor, "n"]
"""One partially masked state; the masks of it are decoded, and what it shows stays."""

Priority = Callable[[Float[Tensor, "batch n d"]], Float[Tensor, "batch n"]]
"""From log-conditionals to a number for each position; the masked position of the greatest is revealed next."""

Residual = Literal["residual", "target"]


def confidence(log_p: Float[Tensor, "batch n d"]) -> Float[Tensor, "batch n"]:
    """Return the largest conditional in whole slacks: the surest position first, ties by the lower index."""
    return tied(log_p.max(-1).values.exp())


def left_to_right(log_p: Float[Tensor, "batch n d"]) -> Float[Tensor, "batch n"]:
    """Return minus the index: a fixed order."""
    n = log_p.shape[-2]
    return -torch.arange(n, dtype=log_p.dtype, device=log_p.device).expand(log_p.shape[:-1])


def fixed(order: Sequence[int]) -> Priority:
    """Return the priority of a permutation, its first entry revealed first."""
    if sorted(order) != list(range(len(order))):
        raise InvalidInput(f"order {list(order)}; expected a permutation of 0..{len(order) - 1}")
    rank = [-float(order.index(i)) for i in range(len(order))]

    def priority(log_p: Tensor) -> Tensor:
        if log_p.shape[-2] != len(order):
            raise InvalidInput(f"order of {len(order)} positions for n = {log_p.shape[-2]}; expected one for each")
        return log_p.new_tensor(rank).expand(log_p.shape[:-1])

    return priority


@dataclass(frozen=True)
class Tempered:
    """A denoiser with conditionals proportional to p^(1 / temperature). Raises InvalidInput for a temperature <= 0."""

    denoiser: Denoiser
    temperature: float

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InvalidInput(f"temperature {self.temperature:g}; expected > 0: for the mode use a small positive one")
        if not hasattr(self.denoiser, "d"):
            raise InvalidInput(
                f"{type(self.denoiser).__name__} without d; expected a denoiser: theory.denoisers.denoiser makes one"
            )

    @property
    def n(self) -> int | None:
        """Return the number of positions."""
        return self.denoiser.n

    @property
    def d(self) -> int:
        """Return the number of symbols."""
        return self.denoiser.d

    def __call__(self, z: Int[Tensor, "batch n"], /) -> Float[Tensor, "batch n d"]:
        """Return the log-conditionals at this temperature. Raises InvalidInput where the denoiser's are wrong."""
        return torch.log_softmax(check_conditionals(self.denoiser(z), z, self.d) / self.temperature, -1)


def tempered(denoiser: Denoiser, temperature: float) -> Denoiser:
    """Return the denoiser with conditionals proportional to p^(1 / temperature), of the same n and d."""
    return Tempered(denoiser, temperature)


@dataclass(frozen=True, eq=False, repr=False)
class MaskedRun(Shown):
    """Sequences and counts of each path. `mismatches` are the rejections by order, a part of `rejections`."""

    name = "speculative decoding"

    sequences: Int[Tensor, "paths n"]
    rounds: Int[Tensor, "paths"]
    rejections: Int[Tensor, "paths"]
    mismatches: Int[Tensor, "paths"]
    sequential_calls: Int[Tensor, "paths"]
    evaluations: Int[Tensor, "paths"]
    expected_rejections: Float[Tensor, "paths"]

    def _facts(self) -> dict[str, object]:
        labels = {"rounds": self.rounds, "rejections": self.rejections, "calls": self.sequential_calls}
        means = {f"mean {label}": float(count.double().mean()) for label, count in labels.items()}
        return {"paths": len(self.sequences), "n": self.sequences.shape[-1], **means}


def speculate(
    denoiser: Denoiser,
    window: int,
    paths: int,
    priority: Priority = left_to_right,
    generator: Generator | None = None,
    correct: Residual = "residual",
    start: Start | None = None,
    device: torch.device | None = None,
) -> MaskedRun:
    """Decode `paths` sequences in windows of L; counts are those of a bidirectional denoiser.

    They start from all masks, or from the masks of `start`, which a denoiser of sequences of any length needs. All
    paths reveal one token a step. `expected_rejections` sums TV(p, q) over examined steps, one at a mismatch. Raises
    InvalidInput for window or paths < 1, a wrong start, and conditionals that are not normalised logarithms.
    """
    for name, value in (("window L", window), ("paths", paths)):
        if value < 1:
            raise InvalidInput(f"{name} = {value}; expected at least 1")
    first, d = _start(denoiser, start), denoiser.d
    masks, z = int((first == d).sum()), first.to(device).repeat(paths, 1)
    count = CallCount(paths, masks, window, frozen=True, lookahead=True, device=device)
    frozen, listing = torch.zeros(*z.shape, d, dtype=torch.float64, device=device), torch.zeros_like(z)
    wrong, variation = torch.zeros_like(count.age), torch.zeros(paths, dtype=torch.float64, device=device)
    for k in range(masks):
        fresh = count.open(k)
        log_q = check_conditionals(denoiser(z), z, d).double()
        order = _order(priority, log_q, z == d)
        frozen = torch.where(fresh[:, None, None], log_q.exp(), frozen)
        listing = torch.where(fresh[:, None], order, listing)
        place, drafted = order[:, 0], listing.gather(1, count.age[:, None])[:, 0]
        p, q = _rows(frozen, drafted), _rows(log_q.exp(), place)
        token = _draw(p, generator)
        u = torch.rand(paths, dtype=torch.float64, generator=generator, device=device)
        agree = drafted == place
        kept = agree & (u * _at(p, token) < _at(q, token))
        rest = (q - p).clamp(min=0.0)
        usable = (agree & (rest.sum(-1) > 0))[:, None]
        law = torch.where(usable, rest, q) if correct == "residual" else q
        token = torch.where(kept, token, _draw(law, generator))
        z = z.scatter(1, place[:, None], token[:, None])
        wrong += ~agree
        variation += torch.where(agree, (q - p).abs().sum(-1) / 2, 1.0)
        count.close(k, kept)
    return MaskedRun(z, count.rounds, count.rejections, wrong, count.calls, count.evaluations, variation)


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Shown):
    """The exact output law and expectations; `coins` + `mismatches` are all rejections."""

    name = "speculative decoding, exactly"

    output: TableWorld
    rounds: float
    coins: float
    mismatches: float

    @property
    def rejections(self) -> float:
        """Return E[rejections]."""
        return self.coins + self.mismatches

    def _facts(self) -> dict[str, object]:
        means = {"E[rounds]": self.rounds, "E[rejections]": self.rejections, "by order": self.mismatches}
        return {"n": self.output.n, "d": self.output.d, **means}


def sweep(
    denoiser: Denoiser,
    window: int,
    priority: Priority = left_to_right,
    correct: Residual = "residual",
    start: Start | None = None,
) -> Sweep:
    """Return the speculative sampler's exact output law for a denoiser of known n, from all masks or from `start`.

    The mass sits on pairs (state that the window froze, state now); each step reveals one token, so one pass over
    the number of revealed tokens suffices. Memory is (d + 1)^2n numbers; rounding n (d + 1)^n eps. Raises InvalidInput
    for a window < 1, a wrong start and wrong conditionals.
    """
    if window < 1:
        raise InvalidInput(f"window L = {window}; expected at least 1")
    table, first = _table(denoiser), _start(denoiser, start)
    n, d, size = denoiser.n or 0, denoiser.d, len(table)
    states.require_memory(4 * size**2 * d, f"pairs of states for n = {n}, d = {d}")
    z, p = states.all_states(n, d), table.exp()
    order, revealed, rows = _order(priority, table, z == d), (z != d).sum(-1), torch.arange(size)
    places = states.place_values(n, d)
    starts = torch.zeros(size, dtype=torch.float64)
    starts[states.index_of(first, d)] = 1.0
    joint = torch.zeros(size, size, dtype=torch.float64)
    rounds = coins = mismatches = 0.0
    for c in range(int((first != d).sum()), n):
        now = (revealed == c).nonzero()[:, 0]
        rounds += float(starts[now].sum())
        joint[now, now] += starts[now]
        target, live = order[now, 0], ((revealed <= c) & (revealed > c - window)).nonzero()[:, 0]
        q = p[now, target]
        age = c - revealed[live]
        drafted = order[live, age]
        agree = drafted[:, None] == target
        mass = joint[live[:, None], now]
        shared = torch.minimum(p[live, drafted][:, None], q) * agree[..., None]
        refused = mass * (1 - shared.sum(-1)).clamp(min=0.0)
        coins += float(refused[agree].sum())
        mismatches += float(refused[~agree].sum())
        rest = (q - shared) * mass[..., None] if correct == "residual" else refused[..., None] * q
        after = rows[now, None] + (torch.arange(d) - d) * places[target, None]
        goes_on = (age + 1 < window).to(torch.float64)[:, None, None]
        kept = shared * mass[..., None]
        joint.index_put_((live[:, None, None], after), kept * goes_on, accumulate=True)
        starts.index_add_(0, after.flatten(), (rest + kept * (1 - goes_on)).sum(0).flatten())
    final = starts + joint.sum(0) * (revealed == n)
    output = TableWorld(final[states.sequence_index(n, d)], n, d, "speculative decoding")
    return Sweep(output, rounds, coins, mismatches)


def sequential_law(denoiser: Denoiser, priority: Priority = left_to_right, start: Start | None = None) -> TableWorld:
    """Return the law of the target chain, as the product of its conditionals along each sequence's own path."""
    table, first, d = _table(denoiser), _start(denoiser, start), denoiser.d
    n = len(first)
    order = _order(priority, table, states.all_states(n, d) == d)
    x = states.all_sequences(n, d)
    agrees = ((first == d) | (x == first)).all(-1)
    z, log_law = first.repeat(len(x), 1), torch.zeros(len(x), dtype=torch.float64)
    for _ in range(int((first == d).sum())):
        index = states.index_of(z, d)
        place = order[index, 0]
        token = x.gather(1, place[:, None])
        log_law += table[index, place].gather(1, token)[:, 0]
        z = z.scatter(1, place[:, None], token)
    return TableWorld(log_law.exp() * agrees, n, d, "sequential decoding")


def _order(
    priority: Priority, log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"]
) -> Int[Tensor, "batch n"]:
    """Return the positions, masked ones first, in falling priority; ties by index."""
    score = torch.where(hidden, priority(log_p), -torch.inf)
    return score.argsort(dim=-1, descending=True, stable=True)


def _table(denoiser: Denoiser) -> Float[Tensor, "states n d"]:
    """Return the log-conditionals at all states. Raises InvalidInput for a batch of denoisers."""
    listed = tabulated(denoiser)
    if listed.worlds:
        raise InvalidInput(f"a batch of {listed.worlds} denoisers; expected one: take denoiser[k] of a batch of worlds")
    return listed.log_p


def _start(denoiser: Denoiser, start: Start | None) -> Int[Tensor, "n"]:
    """Return the first state: all masks unless one is given."""
    n, d = getattr(denoiser, "n", None), getattr(denoiser, "d", None)
    if d is None:
        raise InvalidInput(f"{type(denoiser).__name__} without d; expected a denoiser: theory.denoisers.denoiser")
    if start is None:
        if n is None:
            raise InvalidInput("denoiser of sequences of any length; give a start, such as n masks")
        return torch.full((n,), d)
    z = torch.as_tensor(start)
    if z.ndim != 1:
        raise InvalidInput(f"start of shape {tuple(z.shape)}; expected one state, shape (n,)")
    return states.check_states(z, n or len(z), d)


def _rows(p: Float[Tensor, "batch n d"], place: Int[Tensor, "batch"]) -> Float[Tensor, "batch d"]:
    return p[torch.arange(len(p), device=p.device), place]


def _at(p: Float[Tensor, "batch d"], token: Int[Tensor, "batch"]) -> Float[Tensor, "batch"]:
    return p.gather(1, token[:, None])[:, 0]


def _draw(p: Float[Tensor, "batch d"], generator: Generator | None) -> Int[Tensor, "batch"]:
    return torch.multinomial(p, 1, generator=generator)[:, 0]
