"""What the claims are checked on: small worlds in fractions and as tables, plans, drawn alphas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import Denoiser, TableDenoiser, tabulated
from theory.ledger import Evidence, Instance, Number, Route, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, drafts, predictor
from theory.remasking.drafts import Proposal, Refinement
from theory.remasking.schedules import Step
from theory.remasking.selection import Selection
from theory.worlds import TableWorld, states

STAR = "Meshchaninov et al., arXiv 2510.08369"
REMDM = "Wang et al., arXiv 2503.00307"
GRID = 24
"""Drawn alphas are multiples of 1 / GRID."""

PATHS = 40_000
"""Sampled sequences of a statistical comparison."""


def ours(note: str) -> str:
    """Return the source of a statement of our own, whose proof is a note of docs/derivations.md."""
    return f"ours, see docs/derivations.md, {note}"


@dataclass(frozen=True, eq=False)
class Case:
    """A world and, where one is given, a denoiser that fits no law; else the world's exact conditionals."""

    world: TableWorld
    denoiser: Denoiser | None = None

    @property
    def n(self) -> int:
        """Return the number of positions."""
        return self.world.n

    @property
    def d(self) -> int:
        """Return the number of symbols."""
        return self.world.d

    @cached_property
    def rational(self) -> dict[reference.State, Fraction]:
        """Return the law in fractions."""
        return reference.exact(self.world)

    @cached_property
    def law(self) -> Float[Tensor, "cells"]:
        """Return the law as a tensor, for sums over it."""
        return self.world.law()

    @cached_property
    def conditional(self) -> reference.Conditional:
        """Return the denoiser in fractions."""
        if self.denoiser is None:
            return reference.conditionals_of(self.rational, self.d)
        return reference.rational_conditionals(self.denoiser)

    @cached_property
    def denoise(self) -> TableDenoiser:
        """Return the denoiser as a table."""
        return tabulated(self.world if self.denoiser is None else self.denoiser)

    @cached_property
    def factorised(self) -> Proposal:
        """Return the proposal that fills masks independently."""
        return drafts.factorised(self.denoise)

    @cached_property
    def joint(self) -> Proposal:
        """Return the proposal that fills masks from the true joint conditional."""
        return drafts.joint(self.world)

    @cached_property
    def logits(self) -> Float[Tensor, "cells n"]:
        """Return the Bayes-optimal error predictor's logits."""
        return predictor.error_logits(self.world, self.factorised)

    def guided(self, selection: Selection | None = None) -> Refinement:
        """Return the refinement by the Bayes-optimal predictor."""
        return drafts.refinement(selection or Selection(), self.logits)

    @cached_property
    def literal_fill(self) -> reference_remasking.Fill:
        """Return the way to fill masks independently, in fractions."""
        return reference_remasking.independent(self.conditional, self.d)

    @cached_property
    def odds(self) -> dict[reference.State, list[Fraction]]:
        """Return the odds g* / (1 - g*) of every draft in fractions, from the definition of the labels.

        The weights exp(logit g*) with which a predictor at temperature 1 draws positions.
        """
        chances = literal_mask_weights(self.n)
        table = reference_remasking.error_table(self.rational, self.literal_fill, chances, self.n, self.d)
        return {y: [e / (1 - e) for e in row] for y, row in table.items()}

    def distance(self, steps: Sequence[Step], refine: Refinement | None = None) -> float:
        """Return the TV of a sampler's output from the law."""
        return self.gap(chain.output_law(self.factorised, steps, refine))

    def gap(self, output: TableWorld) -> float:
        """Return the TV of an output law from the law."""
        return float(chain.distances(self.world, output)[0])

    def listed(self, law: reference.Law, masks: bool = False) -> list[float]:
        """Return a literal law in the engine's order, over sequences or over states."""
        keys = reference.states(self.n, self.d) if masks else reference.sequences(self.n, self.d)
        return [float(law.get(key, 0)) for key in keys]

    def slack(self, steps: int = 1) -> float:
        """Return the rounding of `steps` steps: all terms are positive, so 2d terms a position add up."""
        return rounding(steps * self.n * (2 * self.d + 2))


def literal_mask_weights(n: int) -> list[Fraction]:
    """Return the chance 1 / ((n + 1) C(n, m)) of each set of m masks under linear alpha and uniform times."""
    return [Fraction(1, (n + 1) * math.comb(n, m)) for m in range(n + 1)]


def variation(left: reference.Law, right: reference.Law) -> Fraction:
    """Return the total variation between two literal laws, exactly where they are in fractions."""
    return sum((abs(Fraction(left.get(x, 0)) - Fraction(right.get(x, 0))) for x in {*left, *right}), Fraction(0)) / 2


def frequencies(tokens: Int[Tensor, "paths n"], base: int) -> Float[Tensor, "cells"]:
    """Return how often each sequence over `base` symbols was drawn, in the order of a law."""
    n = tokens.shape[-1]
    index = (tokens * torch.tensor([base ** (n - 1 - i) for i in range(n)])).sum(-1)
    return torch.bincount(index, minlength=base**n).double() / len(tokens)


def in_digits(route: Route, found: Number, printed: str, note: str) -> Evidence:
    """Compare a number with a decimal fraction: half a unit of its last place is the tolerance."""
    unit = Fraction(1, 10 ** len(printed.partition(".")[2]))
    return equal(route, Fraction(found), Fraction(printed), unit / 2, note=note)


def triples(steps: Sequence[Step]) -> list[tuple[float, float, float]]:
    """Return (alpha_now, alpha_next, sigma) of posterior steps, as the literal samplers take them."""
    return [(float(s.alpha_now), float(s.alpha_next), float(s.sigma)) for s in steps]


def sticky(n: int) -> TableWorld:
    """Return the chain of two tokens with start (.7, .3) that stays with chance .85, as integer weights."""
    moves = {True: 17, False: 3}
    weights = [
        (7, 3)[x[0]] * math.prod(moves[a == b] for a, b in itertools.pairwise(x)) for x in reference.sequences(n, 2)
    ]
    return TableWorld.from_weights(weights, n, 2, f"chain of {n}")


def _constraint(holds: Callable[[reference.State], bool], name: str) -> TableWorld:
    return TableWorld.from_weights([int(holds(x)) for x in reference.sequences(4, 2)], 4, 2, name)


F1, F2 = sticky(4), sticky(3)
F3 = TableWorld.from_weights([a * b * c for a in (7, 3) for b in (6, 4) for c in (8, 2)], 3, 2, "product law")
COPIES = _constraint(lambda x: x[0] == x[1] and x[2] == x[3], "two copied pairs")
PARITY = _constraint(lambda x: sum(x) % 2 == 0, "even parity")
"""The fixed worlds: two Markov chains, a product law, two copied pairs, an even parity."""


def uniform(n: int, d: int) -> TableWorld:
    """Return the uniform law."""
    return TableWorld.from_weights([1] * d**n, n, d, "uniform")


def inconsistent(n: int, d: int, rows: Sequence[int]) -> TableDenoiser:
    """Return the denoiser of given weights, d for each masked position of each state in turn."""
    z = states.all_states(n, d)
    p = (z[..., None] == torch.arange(d)).double()
    weights = torch.tensor(rows, dtype=torch.float64).reshape(-1, d)
    p[z == d] = weights / weights.sum(-1, keepdim=True)
    return TableDenoiser(p.log(), "inconsistent")


def fraction(k: int) -> Fraction:
    """Return k / GRID."""
    return Fraction(k, GRID)


@st.composite
def alphas(draw: DrawFn, last: int = GRID) -> dict[str, int]:
    """Draw 0 <= now <= after <= `last` with now < GRID, and a share of the largest sigma, all over GRID."""
    now = draw(st.integers(0, min(last, GRID - 1)))
    return {"now": now, "after": draw(st.integers(now, last)), "share": draw(st.integers(0, GRID))}


def product(rows: Sequence[Sequence[int]]) -> TableWorld:
    """Return independent positions with the given weights."""
    weights = [math.prod(row) for row in itertools.product(*rows)]
    return TableWorld.from_weights(weights, len(rows), len(rows[0]), "product law")


def products(most: int = 4) -> SearchStrategy[Instance]:
    """Draw up to `most` independent bits."""
    row = st.lists(st.integers(1, 9), min_size=2, max_size=2)
    return strategies.paired(world=st.lists(row, min_size=1, max_size=most).map(product))


def small_worlds() -> SearchStrategy[Instance]:
    """Draw a world of up to 9 sequences."""
    return strategies.paired(world=strategies.worlds(n=(1, 3), d=(2, 3), cells=9))


@st.composite
def denoisers(draw: DrawFn, sizes: Sequence[tuple[int, int]] = ((1, 3), (2, 2), (2, 3))) -> Instance:
    """Draw a denoiser of positive conditionals that need fit no law, beside the uniform world of its size."""
    n, d = draw(st.sampled_from(list(sizes)))
    return {"world": uniform(n, d), "denoiser": draw(strategies.denoisers((n, d)))}


def merged(*parts: SearchStrategy[Instance]) -> SearchStrategy[Instance]:
    """Draw one mapping of all parts."""
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})
