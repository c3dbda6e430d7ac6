"""What the DUEL claims are checked on: inconsistent conditionals, laws, rules by name or drawn, partitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import TableDenoiser
from theory.ledger import Instance, strategies
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import tabulate
from theory.unmasking.claims.rule_inputs import any_rule, table, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, Threshold, TopK
from theory.worlds import TableWorld, states

DUEL = "Turok, De Sa, Kuleshov, arXiv 2603.01367"
NOTES = "ours, see docs/derivations.md"
ROUNDING = "rounding of sums over states of log-probabilities, ledger.rounding(n (d+1)^n, 4 n)"
EXACT = f"none in fractions; {ROUNDING}"
SINGLE: tuple[SetRule, ...] = (LeftToRight(1), TopK(1, "confidence"), TopK(1, "margin"), TopK(1, "entropy"))
PARALLEL: tuple[SetRule, ...] = (
    LeftToRight(2), TopK(2, "confidence"), TopK(2, "margin"), Threshold(-0.6, "confidence"), EntropyBounded(0.5),
)  # fmt: skip
FEW = 200
"""Up to this many factors, products of powers of fractions are compared exactly."""

SIZES = ((2, 2), (2, 3), (3, 2), (3, 2), (3, 3), (4, 2))
PARITY = TableWorld.from_weights([1, 0, 0, 1, 0, 1, 1, 0], 3, 2, "even parity")


class Setup:
    """A world or a denoiser, in floats for the engines and in fractions for the loops, and a rule for both."""

    def __init__(self, denoiser: TableDenoiser | TableWorld, rule: SetRule = SINGLE[0]) -> None:
        self.denoiser, self.rule = denoiser, rule
        self.n, self.d = denoiser.n, denoiser.d
        self.exact = reference.exact_conditionals(denoiser)
        self.sequences: Int[Tensor, "cells n"] = states.all_sequences(self.n, self.d)
        self.uniform = TableWorld.from_weights([1] * self.d**self.n, self.n, self.d, "uniform")
        self.slack = tolerance(self.uniform, 4.0 * self.n)
        """The rounding tolerance of sums of log-probabilities."""

    @cached_property
    def blocks(self) -> reference_orders.Blocks:
        """The rule's set at every state."""
        listed = tabulate(self.rule, self.denoiser).sets
        rows = zip(reference.states(self.n, self.d), listed, strict=True)
        return {z: tuple(row.nonzero()[:, 0].tolist()) for z, row in rows}.__getitem__

    def terms(self) -> Float[Tensor, "cells sets n"]:
        """Return the log-conditionals along all orders of all sequences."""
        return likelihood.order_terms(self.denoiser, self.sequences)

    def scores(self, rule: SetRule | None = None) -> likelihood.Score:
        """Return LOGLIK of every sequence."""
        return likelihood.log_likelihood(rule or self.rule, self.denoiser, self.sequences)

    def walk(self, world: TableWorld | None = None, rule: SetRule | None = None) -> walks.Walk:
        """Return the exact engine's sweep, the data uniform unless given."""
        return walks.walk(rule or self.rule, self.uniform if world is None else world, self.denoiser)

    def along_orders(self) -> list[list[Fraction]]:
        """Return the probability of every sequence along each of the n! orders, in fractions."""
        every = reference.sequences(self.n, self.d)
        return [list(reference_orders.order_probabilities(self.exact, x, self.d).values()) for x in every]

    def by_hand(self, within: bool = False) -> list[tuple[Fraction, int]]:
        """Return LOGLIK's product and calls of every sequence, in fractions."""
        every = reference.sequences(self.n, self.d)
        return [reference_orders.probability(self.exact, self.blocks, x, self.d, within) for x in every]


def clock(n: int) -> TableDenoiser:
    """Return the conditionals by which every token is, for certain, the number of tokens revealed before it.

    Each order then gives one sequence of its own for certain: the furthest that conditionals can be from those of a law.
    """
    rows = [
        int(v == n - len(reference.masked(z, n)))
        for z in reference.states(n, n)
        for _ in reference.masked(z, n)
        for v in range(n)
    ]
    return table(n, n, rows)


def powers(chances: Sequence[Fraction], weights: Sequence[int]) -> Fraction:
    """Return prod p^w: its logarithm is a mean of logarithms times the sum of the weights, compared without rounding."""
    return math.prod((p**w for p, w in zip(chances, weights, strict=True)), start=Fraction(1))


@st.composite
def tables(draw: DrawFn, rules: Sequence[SetRule] = (), drawn: bool = False, law: bool = False) -> Instance:
    """Draw an inconsistent denoiser; a rule, by name or any; a law."""
    n, d = draw(st.sampled_from(SIZES))
    found: dict[str, object] = {"denoiser": draw(strategies.denoisers((n, d)))}
    if rules:
        found["rule"] = draw(any_rule(rules, n, d) if drawn else st.sampled_from(rules))
    if law:
        found["world"] = draw(strategies.worlds(n=(n, n), d=(d, d)))
    return found


@st.composite
def laws_with_rules(draw: DrawFn, rules: Sequence[SetRule] = (), drawn: bool = True) -> Instance:
    """Draw a law for its true conditionals, with a rule, by name or any."""
    world = draw(strategies.worlds(n=(2, 3), cells=27))
    return {"world": world, "rule": draw(any_rule(rules, world.n, world.d) if drawn else st.sampled_from(rules))}


@st.composite
def refinements(draw: DrawFn) -> Instance:
    """Draw a law, an order of the positions, the sizes of its parts and the parts cut further."""
    world = draw(strategies.worlds(n=(2, 4), cells=27))
    n = world.n
    cuts = draw(st.sets(st.integers(1, n - 1), max_size=n - 2))
    more = cuts | {draw(st.sampled_from([k for k in range(1, n) if k not in cuts]))}
    return {"world": world, "order": draw(st.permutations(range(n))), "cuts": sorted(cuts), "finer": sorted(more)}
