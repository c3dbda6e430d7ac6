"""How masks are filled and which positions are masked again: the chances of all drafts, over (2d)^n of them.

A *draft* is a flag and a token at each position. As a proposal's the flag says that the position was masked before,
as a refinement's that it is masked next. A draft's index reads its digits flag * d + token in base 2d, first position
most significant. Given the state, positions are independent in everything but the draft, which is why the laws of
`chain` go through drafts and never through the (3d + 1)^n pairs of states.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.denoisers import Denoiser, tabulated
from theory.errors import InvalidInput
from theory.remasking.selection import Selection, check_scores, set_sizes
from theory.worlds import World, states
from theory.worlds.table import table_of


@runtime_checkable
class Sized(Protocol):
    """Anything with a length and a number of symbols: a world, a proposal."""

    @property
    def n(self) -> int:
        """Return the number of positions."""
        ...

    @property
    def d(self) -> int:
        """Return the number of symbols."""
        ...


@dataclass(frozen=True, eq=False)
class Proposal:
    """How masks are filled: `chance` of every draft given the state that its unflagged tokens show."""

    n: int
    d: int
    chance: Float[Tensor, "*batch drafts"]

    @property
    def worlds(self) -> tuple[int, ...]:
        """Return the shape of the batch, () for one proposal."""
        return tuple(self.chance.shape[:-1])

    def given(self, start: Int[Tensor, "n"]) -> Proposal:
        """Return the proposal over the masked positions of a state whose other tokens stay shown."""
        free, d = int((start == self.d).sum()), self.d
        digit = embedded(states.digits(torch.arange((2 * d) ** free), free, 2 * d), start, d)
        places = torch.tensor([(2 * d) ** (self.n - 1 - i) for i in range(self.n)])
        return Proposal(free, d, self.chance[..., (digit * places).sum(-1)])


def factorised(denoiser: Denoiser) -> Proposal:
    """Return the proposal that fills every mask independently from a denoiser: a world, a table, any of known n.

    A batch of worlds or tables gives a batch of proposals. Raises InvalidInput as `theory.denoisers.tabulated` does.
    """
    listed = tabulated(denoiser)
    n, d = listed.n, listed.d
    table, p = draft_layout(n, d), listed.log_p.exp()
    chance = torch.ones(*listed.worlds, (2 * d) ** n, dtype=torch.float64)
    for i in range(n):
        chance *= torch.where(table.flags[:, i], p[..., table.state, i, table.tokens[:, i]], 1.0)
    return Proposal(n, d, chance)


def joint(world: World) -> Proposal:
    """Return the proposal that fills all masks from their true joint conditional; uniform where there is none."""
    listed = table_of(world)
    table = draft_layout(listed.n, listed.d)
    context, uniform = listed.table[..., table.state], float(listed.d) ** -table.sizes.double()
    chance = listed.law()[..., table.cell] / context.clamp(min=1e-300)
    return Proposal(listed.n, listed.d, torch.where(context > 0, chance, uniform))


@dataclass(frozen=True, eq=False)
class Refinement:
    """Which positions of a draft are masked again: by a score of every position of every sequence."""

    n: int
    d: int
    selection: Selection
    scores: Float[Tensor, "*batch cells n"]

    @functools.cached_property
    def subsets(self) -> Float[Tensor, "*batch drafts"]:
        """Return P(flagged positions | their number, tokens) of every draft, flag = masked next."""
        table = draft_layout(self.n, self.d)
        return self.selection.set_probabilities(self.scores)[..., table.cell, table.chosen]

    def chance(self, alpha_next: float) -> Float[Tensor, "*batch drafts"]:
        """Return P(exactly the flagged positions are masked | tokens) at a step to alpha_next."""
        counts = self.selection.counts(alpha_next, self.n)
        return self.subsets * counts[draft_layout(self.n, self.d).sizes]

    def given(self, start: Int[Tensor, "n"]) -> Refinement:
        """Return the refinement that chooses among the masked positions of a state, whose other tokens stay shown."""
        hidden = start == self.d
        free = int(hidden.sum())
        cells = cell_index(embedded(states.all_sequences(free, self.d), start, self.d), self.d)
        return Refinement(free, self.d, self.selection, self.scores[..., cells, :][..., hidden])


def refinement(selection: Selection, scores: Float[Tensor, "*batch cells n"]) -> Refinement:
    """Return the refinement by scores of all d^n sequences, in the order of a law; equal scores give uniform subsets.

    Raises InvalidInput for another number of sequences, NaN or infinity.
    """
    d = symbols_of(scores, "scores")
    return Refinement(int(scores.shape[-1]), d, selection, check_scores(scores.double()))


def unguided(selection: Selection, sized: Sized) -> Refinement:
    """Return the refinement that chooses uniform subsets, for a world or a proposal."""
    scores = torch.zeros(sized.d**sized.n, sized.n, dtype=torch.float64)
    return Refinement(sized.n, sized.d, selection, scores)


def symbols_of(table: Float[Tensor, "*batch cells n"], what: str) -> int:
    """Return d of a table with a row for each of d^n sequences. Raises InvalidInput where no d fits."""
    cells, n = (int(size) for size in table.shape[-2:]) if table.ndim >= 2 else (0, 0)
    d = round(cells ** (1 / n)) if n else 0
    if d < 1 or d**n != cells:
        raise InvalidInput(
            f"{what} of shape {tuple(table.shape)}; expected a row of n for each of the d^n sequences, in a law's order"
        )
    return d


def embedded(tokens: Int[Tensor, "*batch free"], start: Int[Tensor, "n"], d: int) -> Int[Tensor, "*batch n"]:
    """Return tokens written into the masked positions of a state."""
    return start.expand(*tokens.shape[:-1], -1).masked_scatter(start == d, tokens)


def cell_index(x: Int[Tensor, "*batch n"], d: int) -> Int[Tensor, "*batch"]:
    """Return the place of each sequence in the order of a law."""
    n = x.shape[-1]
    return (x * torch.tensor([d ** (n - 1 - i) for i in range(n)], device=x.device)).sum(-1)


def one_start(start: Sequence[int] | Int[Tensor, "n"], sized: Sized) -> Int[Tensor, "n"]:
    """Return a start as one checked state of n tokens."""
    z = states.check_states(torch.as_tensor(start), sized.n, sized.d)
    if z.ndim != 1:
        raise InvalidInput(f"start of shape {tuple(z.shape)}; expected one state of n = {sized.n} tokens")
    return z


@dataclass(frozen=True)
class Drafts:
    """For every draft: flags, tokens, the state that shows unflagged tokens, its sequence and its flagged set."""

    flags: Bool[Tensor, "drafts n"]
    tokens: Int[Tensor, "drafts n"]
    state: Int[Tensor, "drafts"]
    cell: Int[Tensor, "drafts"]
    chosen: Int[Tensor, "drafts"]
    sizes: Int[Tensor, "drafts"]


@functools.lru_cache(maxsize=16)
def draft_layout(n: int, d: int) -> Drafts:
    """Return the index tables of all (2d)^n drafts."""
    states.require_memory((2 * d) ** n * (2 * n + 8), f"drafts for n = {n}, d = {d}")
    digit = states.digits(torch.arange((2 * d) ** n), n, 2 * d)
    flags, tokens = digit >= d, digit % d
    state = states.index_of(torch.where(flags, d, tokens), d)
    chosen = (flags * torch.tensor([2 ** (n - 1 - i) for i in range(n)])).sum(-1)
    return Drafts(flags, tokens, state, cell_index(tokens, d), chosen, set_sizes(n)[chosen])
