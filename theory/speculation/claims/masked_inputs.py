"""What the masked claims are checked on: denoisers in fractions and as tables, orders, windows, laws, products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jaxtyping import Float
from torch import Generator, Tensor

from theory.ledger import Instance, rounding, strategies
from theory.reference import laws as reference
from theory.reference import speculation as reference_speculation
from theory.reference.speculation import Outcome, Residual
from theory.speculation import masked
from theory.worlds import states

PATHS = 4000
ORDERS = Sequence[int] | str


@dataclass(frozen=True)
class Setup:
    """One denoiser in fractions and as a table, one order as the loops and as the engine take it, a window."""

    n: int
    d: int
    window: int
    conditional: reference.Conditional
    order: reference_speculation.Order
    priority: masked.Priority

    @cached_property
    def table(self) -> Float[Tensor, "states n d"]:
        """Return the log-conditionals of all states; revealed positions hold zeros, which nothing reads."""
        rows = [
            [
                [float(self.conditional(z, i, v)) if z[i] == self.d else 1.0 for v in range(self.d)]
                for i in range(self.n)
            ]
            for z in reference.states(self.n, self.d)
        ]
        return torch.tensor(rows, dtype=torch.float64).log()

    def literally(self, correct: Residual = "residual") -> Outcome:
        """Return the enumeration of all drafts."""
        return reference_speculation.speculative(self.conditional, self.order, self.n, self.d, self.window, correct)

    def sampled(self, paths: int = PATHS, correct: Residual = "residual") -> masked.MaskedRun:
        """Return a run of the batch sampler on the table."""
        table = self.table

        def denoise(z: Tensor) -> Tensor:
            return table[states.index_of(z, self.d)]

        generator = Generator().manual_seed(0)
        return masked.speculate(denoise, self.n, self.d, self.window, paths, self.priority, generator, correct)

    @property
    def slack(self) -> float:
        """Return the rounding tolerance of the sweep."""
        return rounding(self.n * (self.d + 1) ** (2 * self.n))


def setup(n: int, d: int, order: ORDERS, window: int, weights: Sequence[int] = (), rows: Sequence[int] = ()) -> Setup:
    """Return true conditionals of `weights`, or inconsistent ones of `rows`; an order by permutation or "confidence"."""
    conditional = _table(n, d, rows) if rows else reference.conditionals_of(reference.rational_law(n, d, weights), d)
    if order == "confidence":
        return Setup(
            n, d, window, conditional, reference_speculation.confidence_order(conditional, d), masked.confidence
        )
    fixed = [int(i) for i in order]
    return Setup(n, d, window, conditional, reference_speculation.fixed_order(fixed, d), masked.fixed(fixed))


def _table(n: int, d: int, rows: Sequence[int]) -> Callable[[reference.State, int, int], Fraction]:
    keys = [(z, i) for z in reference.states(n, d) for i in reference.masked(z, d)]
    known = {key: rows[k * d : (k + 1) * d] for k, key in enumerate(keys)}
    return lambda z, i, v: Fraction(known[z, i][v], sum(known[z, i]))


@st.composite
def cases(draw: DrawFn) -> Instance:
    """Draw true or inconsistent conditionals, an order and a window."""
    n, d = draw(st.sampled_from(((2, 2), (2, 3), (3, 2), (3, 2))))
    found: dict[str, object] = {"n": n, "d": d, "window": draw(st.integers(1, n + 1))}
    found["order"] = draw(st.just("confidence") | st.permutations(range(n)).map(list))
    if draw(st.booleans()):
        count = n * (d + 1) ** (n - 1) * d
        return {
            **found,
            "rows": draw(st.lists(st.integers(0, 9).map(lambda w: w or 1), min_size=count, max_size=count)),
        }
    return {**found, "weights": draw(strategies.laws(n=(n, n), d=(d, d)))["weights"]}


@st.composite
def products(draw: DrawFn) -> Instance:
    """Draw independent positions, an order and a window."""
    n, d = draw(st.sampled_from(((2, 2), (3, 2), (4, 2), (3, 3))))
    row = st.lists(st.integers(1, 9), min_size=d, max_size=d)
    order = draw(st.just("confidence") | st.permutations(range(n)).map(list))
    return {"factors": [draw(row) for _ in range(n)], "order": order, "window": draw(st.integers(1, n))}


def laws() -> SearchStrategy[Instance]:
    """Draw laws of up to 27 cells."""
    return strategies.laws(n=(2, 4), cells=27)


BITS = {"n": 3, "d": 2, "weights": [3, 1, 4, 1, 5, 9, 2, 6]}
ROWS = {"n": 2, "d": 2, "rows": [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1]}
CASES = (
    {**BITS, "order": [0, 1, 2], "window": 3}, {**BITS, "order": "confidence", "window": 2}, {**BITS, "order": [2, 0, 1], "window": 2},
    {**ROWS, "order": [1, 0], "window": 2}, {"n": 3, "d": 2, "weights": [1, 0, 0, 1, 0, 1, 1, 0], "order": [0, 1, 2], "window": 3},
)  # fmt: skip
LONG = {
    "n": 4,
    "d": 2,
    "weights": [(7 * k * k + 3 * k) % 23 + 1 for k in range(16)],
    "order": "confidence",
    "window": 4,
}
LINE = {**LONG, "order": [0, 1, 2, 3]}
