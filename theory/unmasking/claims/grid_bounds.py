"""Claims 10b and 11: what a grid of revealed fractions costs at least and at most, whatever the law."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory import schedules
from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding, strategies
from theory.reference import curves as reference
from theory.unmasking import bounds, curves, laws
from theory.unmasking.bounds import Regime
from theory.unmasking.claims.block_bounds import LESS, REGIMES, curves_with, slack
from theory.unmasking.claims.rule_inputs import tolerance
from theory.unmasking.claims.spanning import bounded_on_thresholds
from theory.worlds import TableWorld

OURS = "ours, see docs/derivations.md, schedules"
TOLERANCE = "rounding of 4 n K products; none on the thresholds, which are fractions"


def rational(grid: Sequence[float]) -> list[Fraction]:
    """Return the grid of fractions with denominators up to 1000 that floats stand for."""
    return [Fraction(a).limit_denominator(1000) for a in grid]


def _per_token(curve: Sequence[float], grid: Sequence[Fraction]) -> float:
    return float(curves.per_token_error(torch.tensor(curve, dtype=torch.float64), [float(a) for a in grid]))


def widest_cell(curve: Sequence[float], grid: Sequence[float], factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare E_iid with the widest cell times TC + DTC, on a curve and for all curves of every length."""
    nodes, room = rational(grid), slack(curve) * len(grid)
    error = _per_token(curve, nodes)
    literal = float(reference.per_token_error([Fraction(z) for z in curve], nodes))
    yield equal("rational", error, literal, room, note="E_iid in fractions")
    constant = factor * bounds.grid_constant(nodes)
    claimed = float(constant) * len(curve) * curve[-1]
    yield at_most("closed form", error, claimed, room, effective=error > room)
    yield from bounded_on_thresholds(nodes, lambda tau: constant, attained=True)
    steps = len(grid) - 1
    cells = [Fraction(k, steps) for k in range(steps + 1)]
    own = schedules.uniform_grid(steps)
    yield equal("rational", own, [float(a) for a in cells], rounding(1), note="K equal cells")
    yield equal("rational", bounds.grid_constant(cells), Fraction(1, steps), Fraction(0), note="1 / K for them")


def geometric_bound(
    curve: Sequence[float], steps: int, ratio: Fraction, regime: Regime, factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare E_iid of the geometric grid with c TC or c DTC plus e (TC + DTC), on a curve and for all curves."""
    n, z, room = len(curve), torch.tensor(curve, dtype=torch.float64), slack(curve) * (steps + 1)
    first, rest = bounds.geometric_constants(steps, ratio, regime)
    grid = bounds.regime_grid(steps, float(ratio), regime)
    powers = [ratio**k for k in range(steps)]
    nodes = [*(1 - p for p in powers), Fraction(1)] if regime == "TC" else [Fraction(0), *powers[::-1]]
    yield equal("rational", grid, [float(a) for a in nodes], rounding(steps + 1), note="the grid, written out")
    error = float(curves.per_token_error(z, grid))
    area = float(curves.total(z) if regime == "TC" else curves.dual_total(z))
    claimed = float(factor) * (float(first) * area + float(rest) * n * curve[-1])
    yield at_most("closed form", error, claimed, room, effective=error > room)

    def bound(tau: Fraction) -> Fraction:
        return factor * (first * (1 - tau if regime == "TC" else tau) + rest)

    yield from bounded_on_thresholds(nodes, bound, attained=True)


def never_exact(world: TableWorld, grid: Sequence[float], more: Fraction = Fraction(0)) -> Iterator[Evidence]:
    """Compare E_iid with TC times the chance that all tokens share a cell: on a law, by two routes, and on the steps."""
    n, total, nodes = world.n, float(world.total_correlation()), rational(grid)
    share = sum((b - a) ** n for a, b in itertools.pairwise(nodes)) * (1 + more)
    room, effective = tolerance(world, total), total > tolerance(world, total)
    found = curves.per_token_error(world.information_curve(), [float(a) for a in nodes])
    yield at_least("closed form", found, float(share) * total, room, effective=effective)
    engine = laws.sampler_law([float(a) for a in nodes], world).path_divergence
    yield at_least("enumeration", engine, float(share) * total, room, effective=effective)
    ratios = (reference.per_token_error(reference.step(n, m), nodes) / (n - m + 1) for m in range(2, n + 1))
    yield at_least("certificate", min(ratios), share, Fraction(0), proves=n, note=f"on each of the {n - 1} steps")


def curves_and_grids() -> SearchStrategy[Instance]:
    """Draw a curve of at most twelve tokens and a grid of at most twelve cells."""
    return strategies.paired(curve=strategies.curves(n=(2, 12)), grid=strategies.grids(steps=(1, 12)))


def worlds_and_grids() -> SearchStrategy[Instance]:
    """Draw a law of two or three tokens and a grid of at most three cells."""
    return strategies.paired(world=strategies.worlds(n=(2, 3), cells=27), grid=strategies.grids(steps=(1, 3)))


RATIOS = st.integers(1, 19).map(lambda k: Fraction(k, 20))
PARITY = TableWorld.from_weights([1, 0, 0, 1, 0, 1, 1, 0], 3, 2, "even parity")
EARLY = {"curve": [0.0] + [1.0] * 999, "grid": [0.0, 0.5, 1.0]}
FALLING = {"curve": [0.0, 1.0, 1.0, 1.0], "steps": 3, "ratio": Fraction(1, 2), "regime": "TC"}
GROWING = {"curve": [0.0, 0.0, 1.0], "steps": 3, "ratio": Fraction(1, 2), "regime": "DTC"}
AT_FOUR = {"curve": [0.0] * 751 + [1.0] * 249, "steps": 3, "ratio": Fraction(1, 2), "regime": "TC"}

CLAIMS = (
    Claim(
        id="schedules.10b",
        statement=(
            "No finite grid of revealed fractions alpha_0 < ... < alpha_K samples a dependent law exactly: the path "
            "KL is at least TC times the probability that all n tokens fall into one cell."
        ),
        tex=r"E_{iid} \ge TC \sum_k (\alpha_{k+1} - \alpha_k)^n",
        assumptions="exact conditionals, TC > 0",
        source=f"{OURS}.10b",
        quantifier="for all",
        kind="lower",
        routes=("closed form", "enumeration", "certificate"),
        check=never_exact,
        tolerance="rounding of a sum over all states; none on the steps, which are fractions",
        inputs=worlds_and_grids,
        examples=25,
        fixtures=({"world": PARITY, "grid": [0.0, 1.0]}, {"world": PARITY, "grid": [0.0, 0.25, 1.0]}),
        variants={"1 % more": partial(never_exact, more=Fraction(1, 100))},
        sharp=Sharp("1, for the grid of one cell", {"world": PARITY, "grid": [0.0, 1.0]}),
    ),
    Claim(
        id="schedules.11a",
        statement=(
            "The path KL of a grid is at most its widest cell times TC + DTC; for K equal cells, (TC + DTC) / K. "
            "No smaller multiple holds at every n."
        ),
        tex=r"E_{iid} \le \max_k (\alpha_{k+1} - \alpha_k) (TC + DTC)",
        assumptions="exact conditionals",
        source=f"{OURS}.11a",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=widest_cell,
        tolerance=TOLERANCE,
        inputs=curves_and_grids,
        fixtures=({"curve": [0.0, 1.0, 1.0, 1.0], "grid": [0.0, 0.5, 1.0]}, {"curve": [0.0, 1.0], "grid": [0.0, 1.0]}),
        variants={"99 % of it": partial(widest_cell, factor=LESS)},
        sharp=Sharp("1 as n grows, at a jump right after the start of a widest cell", EARLY, share=0.99),
    ),
    Claim(
        id="schedules.11b",
        statement=(
            "Let the masked fraction shrink by the factor r in each of K steps, the last one complete: the path KL is "
            "at most (1 - r) TC + r^K (TC + DTC). Let the revealed fraction grow by 1/r in each step but the first: it "
            "is at most ((1 - r) / r) DTC + r^(K-1) (TC + DTC). Neither second term can be smaller at every n."
        ),
        tex=r"E_{iid} \le (1 - r) TC + r^K (TC + DTC), \quad E_{iid} \le \frac{1-r}{r} DTC + r^{K-1} (TC + DTC)",
        assumptions="exact conditionals, 0 < r < 1",
        source=f"{OURS}.11b",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=geometric_bound,
        tolerance=TOLERANCE,
        inputs=lambda: curves_with(longest=20, steps=st.integers(1, 8), ratio=RATIOS, regime=REGIMES),
        fixtures=(FALLING, GROWING),
        variants={"99 % of it": partial(geometric_bound, factor=LESS)},
        sharp=Sharp("both second terms, as n grows, at a jump where the longest cell begins", AT_FOUR, share=0.95),
    ),
)
