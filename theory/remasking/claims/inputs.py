"""What the claims are checked on: small worlds in fractions and as tables, plans, drawn alphas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jaxtyping import Float, Int
from torch import Tensor

from theory.ledger import Instance, rounding, strategies
from theory.reference import laws as reference
from theory.remasking import chain, predictor
from theory.remasking.chain import Proposal, Refinement
from theory.remasking.schedules import Step
from theory.remasking.selection import Selection
from theory.worlds import information, states

NOTES = "remasking notes"
STAR = "Meshchaninov et al., arXiv 2510.08369"
REMDM = "Wang et al., arXiv 2503.00307"
GRID = 24
"""Drawn alphas are multiples of 1 / GRID."""


@dataclass(frozen=True)
class Case:
    """A law of integer weights and, where `rows` are given, a denoiser that fits no law; else its exact conditionals."""

    n: int
    d: int
    weights: tuple[int, ...]
    rows: tuple[int, ...] = ()

    @cached_property
    def rational(self) -> dict[reference.State, Fraction]:
        """Return the law in fractions."""
        return reference.rational_law(self.n, self.d, self.weights)

    @cached_property
    def law(self) -> Float[Tensor, "cells"]:
        """Return the law as a table."""
        return states.normalised_law(list(self.weights), self.n, self.d)

    @cached_property
    def conditional(self) -> reference.Conditional:
        """Return the denoiser in fractions."""
        if not self.rows:
            return reference.conditionals_of(self.rational, self.d)
        keys = [(z, i) for z in reference.states(self.n, self.d) for i in reference.masked(z, self.d)]
        known = {key: self.rows[k * self.d : (k + 1) * self.d] for k, key in enumerate(keys)}
        return lambda z, i, v: Fraction(known[z, i][v], sum(known[z, i]))

    @cached_property
    def log_p(self) -> Float[Tensor, "states n d"]:
        """Return the denoiser's log-conditionals at all states, revealed positions as point masses."""
        z = states.all_states(self.n, self.d)
        table = states.marginal_table(self.law, self.n, self.d)
        p = states.table_conditionals(table, z, self.d)
        if self.rows:
            rows = torch.tensor(self.rows, dtype=torch.float64).reshape(-1, self.d)
            p[z == self.d] = rows / rows.sum(-1, keepdim=True)
        return p.log()

    def denoise(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return the log-conditionals at given states."""
        return self.log_p[states.index_of(z, self.d)]

    @cached_property
    def factorised(self) -> Proposal:
        """Return the proposal that fills masks independently."""
        return chain.factorised(self.log_p)

    @cached_property
    def joint(self) -> Proposal:
        """Return the proposal that fills masks from the true joint conditional."""
        return chain.joint(self.law, self.n, self.d)

    @cached_property
    def logits(self) -> Float[Tensor, "cells n"]:
        """Return the Bayes-optimal error predictor's logits."""
        return predictor.error_logits(self.law, self.factorised)

    def guided(self, selection: Selection | None = None) -> Refinement:
        """Return the refinement by the Bayes-optimal predictor."""
        return chain.refinement(selection or Selection(), self.logits, self.d)

    def distance(self, steps: Sequence[Step], refine: Refinement | None = None) -> float:
        """Return the TV of a sampler's output from the law."""
        return float(information.total_variation(chain.output_law(self.factorised, steps, refine), self.law))

    def listed(self, law: reference.Law, masks: bool = False) -> list[float]:
        """Return a literal law in the engine's order, over sequences or over states."""
        keys = reference.states(self.n, self.d) if masks else reference.sequences(self.n, self.d)
        return [float(law.get(key, 0)) for key in keys]

    def slack(self, steps: int = 1) -> float:
        """Return the rounding of `steps` steps: all terms are positive, so 2d terms a position add up."""
        return rounding(steps * self.n * (2 * self.d + 2))


def triples(steps: Sequence[Step]) -> list[tuple[float, float, float]]:
    """Return (alpha_now, alpha_next, sigma) of posterior steps, as the literal samplers take them."""
    return [(float(s.alpha_now), float(s.alpha_next), float(s.sigma)) for s in steps]


def case(n: int, d: int, weights: Sequence[int], rows: Sequence[int] = ()) -> Case:
    """Return the case of a JSON instance."""
    return Case(n, d, tuple(weights), tuple(rows))


def sticky(n: int) -> Instance:
    """Return the chain of two tokens with start (.7, .3) that stays with chance .85, as integer weights."""
    moves = {True: 17, False: 3}
    weights = [
        (7, 3)[x[0]] * math.prod(moves[a == b] for a, b in itertools.pairwise(x)) for x in reference.sequences(n, 2)
    ]
    return {"n": n, "d": 2, "weights": weights}


F1, F2 = sticky(4), sticky(3)
F3: Instance = {"n": 3, "d": 2, "weights": [a * b * c for a in (7, 3) for b in (6, 4) for c in (8, 2)]}
COPIES: Instance = {"n": 4, "d": 2, "weights": [int(x[0] == x[1] and x[2] == x[3]) for x in reference.sequences(4, 2)]}
PARITY: Instance = {"n": 4, "d": 2, "weights": [int(sum(x) % 2 == 0) for x in reference.sequences(4, 2)]}
"""The fixed worlds: two Markov chains, a product law, two copied pairs, an even parity."""


def fraction(k: int) -> Fraction:
    """Return k / GRID."""
    return Fraction(k, GRID)


@st.composite
def alphas(draw: DrawFn, last: int = GRID) -> dict[str, int]:
    """Draw 0 <= now <= after <= `last` with now < GRID, and a share of the largest sigma, all over GRID."""
    now = draw(st.integers(0, min(last, GRID - 1)))
    return {"now": now, "after": draw(st.integers(now, last)), "share": draw(st.integers(0, GRID))}


@st.composite
def small_laws(draw: DrawFn) -> Instance:
    """Draw a law of up to 9 cells."""
    return draw(strategies.laws(n=(1, 3), d=(2, 3), cells=9))


@st.composite
def denoisers(draw: DrawFn, sizes: Sequence[tuple[int, int]] = ((1, 3), (2, 2), (2, 3))) -> Instance:
    """Draw sizes and a denoiser of positive conditionals that need fit no law; the law is uniform."""
    n, d = draw(st.sampled_from(list(sizes)))
    count = n * (d + 1) ** (n - 1) * d
    rows = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    return {"n": n, "d": d, "weights": [1] * d**n, "rows": rows}


def merged(*parts: SearchStrategy[Instance]) -> SearchStrategy[Instance]:
    """Draw one mapping of all parts."""
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})
