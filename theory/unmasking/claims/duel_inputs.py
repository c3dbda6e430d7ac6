"""What the DUEL claims are checked on: inconsistent integer tables, laws, rules by name or drawn, partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import TableDenoiser
from theory.ledger import Instance, strategies
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import TabulatedRule, tabulate
from theory.unmasking.claims.curve import ROUNDING, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, Threshold, TopK
from theory.worlds import TableWorld, states

DUEL = "Turok, De Sa, Kuleshov, arXiv 2603.01367"
NOTES = "DUEL notes, 2"
EXACT = f"none in fractions; {ROUNDING}"
SINGLE: dict[str, SetRule] = {
    "left to right": LeftToRight(1),
    "confidence": TopK(1, "confidence"),
    "margin": TopK(1, "margin"),
    "entropy": TopK(1, "entropy"),
}
RULES: dict[str, SetRule] = {
    **SINGLE,
    "left to right 2": LeftToRight(2),
    "confidence 2": TopK(2, "confidence"),
    "margin 2": TopK(2, "margin"),
    "threshold": Threshold(-0.6, "confidence"),
    "EB": EntropyBounded(0.5),
}
SIZES = ((2, 2), (2, 3), (3, 2), (3, 2), (3, 3), (4, 2))
BITS = {"n": 2, "d": 2, "rows": [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1]}
PARITY = {"n": 3, "d": 2, "weights": [1, 0, 0, 1, 0, 1, 1, 0]}


@dataclass(frozen=True)
class Setup:
    """One inconsistent denoiser in fractions and as a tensor, one rule as the engine and the loops take it."""

    n: int
    d: int
    exact: reference.Conditional
    table: Float[Tensor, "states n d"]
    rule: SetRule
    blocks: reference_orders.Blocks

    @property
    def sequences(self) -> Int[Tensor, "cells n"]:
        """All sequences in the order of a law."""
        return states.all_sequences(self.n, self.d)

    @property
    def denoiser(self) -> TableDenoiser:
        """The log-conditionals as a denoiser."""
        return TableDenoiser(self.table)

    def terms(self) -> Float[Tensor, "cells sets n"]:
        """Return the log-conditionals along all orders of all sequences."""
        return likelihood.order_terms(self.denoiser, self.sequences)

    def walk(self, law: Float[Tensor, "cells"] | None = None, rule: SetRule | None = None) -> walks.Walk:
        """Return the exact engine's sweep, the data uniform unless given."""
        cells = self.d**self.n
        data = torch.full((cells,), 1 / cells, dtype=torch.float64) if law is None else law
        return walks.walk(rule or self.rule, TableWorld(data, self.n, self.d), self.denoiser)

    def slack(self) -> float:
        """Return the rounding tolerance of sums of log-probabilities."""
        return tolerance(self.n, self.d, 4.0 * self.n)

    def by_hand(self, within: bool = False) -> list[tuple[Fraction, int]]:
        """Return LOGLIK's product and calls of every sequence, in fractions."""
        return [
            reference_orders.probability(self.exact, self.blocks, x, self.d, within)
            for x in reference.sequences(self.n, self.d)
        ]


def learned(n: int, d: int, rows: Sequence[int], rule: str | Sequence[int] = "left to right") -> Setup:
    """Return integer rows as a denoiser, and a rule by name or by one code of a set for every state."""
    exact = reference_orders.row_denoiser(n, d, rows)
    return _setup(n, d, exact, rule)


def true(n: int, d: int, weights: Sequence[int], rule: str | Sequence[int] = "left to right") -> Setup:
    """Return the true conditionals of a law, and a rule."""
    return _setup(n, d, reference.conditionals_of(reference.rational_law(n, d, weights), d), rule)


def _setup(n: int, d: int, exact: reference.Conditional, rule: str | Sequence[int]) -> Setup:
    rows = []
    for z in reference.states(n, d):
        hidden = reference.masked(z, d)
        rows.append([[float(exact(z, i, v)) if i in hidden else float(z[i] == v) for v in range(d)] for i in range(n)])
    table = torch.tensor(rows, dtype=torch.float64).log()
    chosen = RULES[rule] if isinstance(rule, str) else coded(rule, n, d)
    listed = tabulate(chosen, TableDenoiser(table)).sets
    sets = {z: tuple(row.nonzero()[:, 0].tolist()) for z, row in zip(reference.states(n, d), listed, strict=True)}
    return Setup(n, d, exact, table, chosen, sets.__getitem__)


def coded(codes: Sequence[int], n: int, d: int) -> TabulatedRule:
    """Return the rule that takes the (code mod 2^m - 1)-th nonempty set of the m masked positions."""
    sets = torch.zeros((d + 1) ** n, n, dtype=torch.bool)
    for row, (z, code) in enumerate(zip(reference.states(n, d), codes, strict=True)):
        hidden = reference.masked(z, d)
        picked = code % (2 ** len(hidden) - 1) + 1 if hidden else 0
        sets[row, [i for k, i in enumerate(hidden) if picked >> k & 1]] = True
    return TabulatedRule("drawn", sets, d)


@st.composite
def tables(
    draw: DrawFn,
    rules: Sequence[str] = (),
    drawn: bool = False,
    law: bool = False,
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> Instance:
    """Draw an inconsistent denoiser as positive weights for every masked row; a rule by name or as codes; a law."""
    n, d = draw(st.sampled_from(sizes))
    count = n * (d + 1) ** (n - 1) * d
    found: dict[str, object] = {
        "n": n,
        "d": d,
        "rows": draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)),
    }
    if rules:
        named: SearchStrategy[object] = st.sampled_from(tuple(rules))
        codes = st.lists(st.integers(0, 2**n - 2), min_size=(d + 1) ** n, max_size=(d + 1) ** n)
        found["rule"] = draw(named | codes if drawn else named)
    if law:
        found["weights"] = draw(strategies.laws(n=(n, n), d=(d, d)))["weights"]
    return found


@st.composite
def laws_with_rules(draw: DrawFn, rules: Sequence[str] = (), drawn: bool = True) -> Instance:
    """Draw a law for its true conditionals, with a rule by name or as codes."""
    found = draw(strategies.laws(n=(2, 3), cells=27))
    n, d = found["n"], found["d"]
    codes = st.lists(st.integers(0, 2**n - 2), min_size=(d + 1) ** n, max_size=(d + 1) ** n)
    named: SearchStrategy[object] = st.sampled_from(tuple(rules))
    return {**found, "rule": draw(named | codes if drawn else named)}


@st.composite
def refinements(draw: DrawFn) -> Instance:
    """Draw a law, an order of the positions, the sizes of its parts and the parts cut further."""
    found = draw(strategies.laws(n=(2, 4), cells=27))
    n = found["n"]
    cuts = draw(st.sets(st.integers(1, n - 1), max_size=n - 2))
    more = cuts | {draw(st.sampled_from([k for k in range(1, n) if k not in cuts]))}
    return {**found, "order": draw(st.permutations(range(n))), "cuts": sorted(cuts), "finer": sorted(more)}
