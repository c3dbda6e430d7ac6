"""Claims 5, 6 and A2: upper bounds on the error of given block sizes, each with the least constant that holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal, rounding, strategies
from theory.reference import curves as reference
from theory.unmasking import bounds, curves
from theory.unmasking.bounds import Regime
from theory.unmasking.claims.spanning import bounded_on_steps

CCL = "Chen, Cong, Li, arXiv 2511.04647"
LI_CAI = "Li, Cai, arXiv 2505.21400"
OURS = "least constant ours, see docs/derivations.md, schedules"
TOLERANCE = "rounding of 4 n products of a size and a value of the curve; none on the steps, which are fractions"
EXACT = Fraction(0)


def slack(curve: Sequence[float]) -> float:
    """Return the rounding of the sums of n products that E, TC and DTC are."""
    return rounding(4 * len(curve), len(curve) * max(curve))


def _errors(curve: Sequence[float], sizes: Sequence[int]) -> Iterator[Evidence]:
    """Compare the engine's E(s) with the sum over positions, written out."""
    found = curves.fixed_size_error(torch.tensor(curve, dtype=torch.float64), sizes)
    yield equal("closed form", found, reference.fixed_size_error(curve, sizes), slack(curve), note="E(s) by position")


def _last(curve: reference.Curve) -> object:
    return curve[-1]


def block_size_bounds(
    curve: Sequence[float], sizes: Sequence[int], factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare E(s) with (s_max - 1) Z_n on a curve, prove it on the steps, and compare it with Li and Cai's constant."""
    n, error = len(curve), float(curves.fixed_size_error(torch.tensor(curve, dtype=torch.float64), sizes))
    yield from _errors(curve, sizes)
    constant = factor * bounds.block_constant(sizes)
    yield at_most("closed form", error, float(constant) * curve[-1], slack(curve), effective=error > slack(curve))
    yield from bounded_on_steps(constant, n, lambda z: reference.fixed_size_error(z, sizes), _last, attained=True)
    printed = min(2**k for k in range(n.bit_length() + 1) if 2**k >= max(sizes)) - 1
    yield equal("rational", Fraction(bounds.li_cai_constant(sizes)), Fraction(printed), EXACT, note="Li and Cai's")
    yield at_most("rational", Fraction(constant), Fraction(printed), EXACT, note="never weaker than Theorem 1")


def halving(curve: Sequence[float], sizes: Sequence[int], factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare E(s) with E of the halved blocks plus floor(s_max / 2) Z_n, on a curve and on the steps."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    halves = [part for s in sizes for part in (s - s // 2, s // 2) if part]
    after = float(curves.fixed_size_error(z, bounds.halved(sizes)))
    yield equal("closed form", after, reference.fixed_size_error(curve, halves), slack(curve), note="the halved blocks")
    cost = float(curves.fixed_size_error(z, sizes)) - after
    constant = factor * bounds.halving_constant(sizes)
    yield at_most("closed form", cost, float(constant) * curve[-1], 2 * slack(curve), effective=cost > slack(curve))

    def difference(curve: reference.Curve) -> Fraction:
        return Fraction(reference.fixed_size_error(curve, sizes) - reference.fixed_size_error(curve, halves))

    yield from bounded_on_steps(constant, n, difference, _last, attained=True)


def balanced(curve: Sequence[float], steps: int, constant: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare E of balanced sizes with C_1 n Z_n / T, C_1 = 1, on a curve and on the steps."""
    n, count = len(curve), min(steps, len(curve))
    sizes = bounds.balanced_sizes(n, count)
    yield at_most("rational", Fraction(max(sizes) - min(sizes)), Fraction(1), EXACT, note="sizes differ by at most one")
    yield equal("rational", Fraction(len(sizes)), Fraction(count), EXACT, note="number of blocks")
    error = float(curves.fixed_size_error(torch.tensor(curve, dtype=torch.float64), sizes))
    claimed = float(constant) * n * curve[-1] / count
    yield at_most("closed form", error, claimed, slack(curve), effective=error > slack(curve))
    yield from bounded_on_steps(constant * Fraction(n, count), n, lambda z: reference.fixed_size_error(z, sizes), _last)


def theorem_9(curve: Sequence[float], zeta: int, regime: Regime, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Build the schedule of Theorem 9, compare E with c TC or c DTC, and the number of steps with 2 + zeta (1 + ln n)."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    sizes = bounds.doubling_sizes(n, zeta, regime)
    area = float(curves.total(z) if regime == "TC" else curves.dual_total(z))
    error = float(curves.fixed_size_error(z, sizes))
    constant = factor * bounds.doubling_constant(n, zeta, regime)
    yield at_most("closed form", error, float(constant) * area, slack(curve), effective=error > slack(curve))
    yield at_most("closed form", len(sizes), bounds.doubling_steps(n, zeta), 0.0, note="number of steps")
    literal = reference.total if regime == "TC" else reference.dual_total
    attained = zeta < n and n % zeta == 0 and n <= LONGEST
    if n <= LONGEST:
        yield from bounded_on_steps(constant, n, lambda c: reference.fixed_size_error(c, sizes), literal, attained)
    limit = Fraction(1, zeta if regime == "TC" else zeta - 1)
    yield at_most("rational", Fraction(constant), limit, EXACT, note="below 1 / zeta (TC) or 1 / (zeta - 1) (DTC)")


LONGEST = 60
"""The longest curves whose steps are tried one by one in fractions; the work grows like n^3."""


def theorem_10(curve: Sequence[float], singles: int, blocks: int, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare E of k singles and l equal blocks with its least multiple of DTC, and that with n / (k l)."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    k = min(singles, n - 1)
    count = min(blocks, n - k)
    sizes = bounds.singles_then_blocks(n, k, count)
    error = float(curves.fixed_size_error(z, sizes))
    constant = factor * bounds.singles_constant(n, k, count)
    claimed = float(constant) * float(curves.dual_total(z))
    yield at_most("closed form", error, claimed, slack(curve), effective=error > slack(curve))
    yield from bounded_on_steps(
        constant, n, lambda c: reference.fixed_size_error(c, sizes), reference.dual_total, attained=True
    )
    printed = Fraction(n) / (k * count)
    yield equal("rational", bounds.austin_constant(n, k, count), printed, EXACT, note="n / (k l)")
    yield at_most("rational", Fraction(constant), printed, EXACT, note="never weaker than the paper's")


def corollary_34(curve: Sequence[float], singles: int, more: int = 0) -> Iterator[Evidence]:
    """After k - 1 singles, k = `singles` + 1, compare the error of one block with (n - k)(Z_n - Z_k)."""
    n, k = len(curve), min(singles, len(curve) - 1) + 1
    sizes = [1] * (k - 1) + [n - k + 1]
    error = float(curves.fixed_size_error(torch.tensor(curve, dtype=torch.float64), sizes))
    constant = Fraction(n - k + more)
    claimed = float(constant) * (curve[-1] - curve[k - 1])
    yield at_most("closed form", error, claimed, slack(curve), effective=error > slack(curve))
    yield from bounded_on_steps(
        constant, n, lambda z: reference.fixed_size_error(z, sizes), lambda z: z[-1] - z[k - 1], attained=more == 0
    )


@st.composite
def curves_and_sizes(draw: DrawFn) -> Instance:
    """Draw a curve with a composition of its length."""
    curve = draw(strategies.curves(n=(2, 24)))
    return {"curve": curve, "sizes": draw(strategies.sizes(len(curve)))}


def curves_with(longest: int = 40, **parts: SearchStrategy[object]) -> SearchStrategy[Instance]:
    """Draw a curve and what else is named."""
    return strategies.paired(curve=strategies.curves(n=(2, longest)), **parts)


REGIMES: SearchStrategy[Regime] = st.sampled_from(("TC", "DTC"))
LESS = Fraction(99, 100)
HALVES = {"curve": [0.0, 0.0, 1.0, 1.0], "sizes": [2, 2]}
LONG_BLOCK = {"curve": [0.0] + [1.0] * 199, "steps": 1}
MANY_SINGLES = {"curve": [0.0] * 21 + [1.0] * 579, "singles": 20, "blocks": 1}
FIRST_STEP = {"curve": [0.0] + [1.0] * 11, "zeta": 3, "regime": "TC"}
LAST_BLOCK = {"curve": [0.0] * 9 + [1.0] * 3, "zeta": 3, "regime": "DTC"}

CLAIMS = (
    Claim(
        id="schedules.5a",
        statement=(
            "Reveal n tokens in blocks of sizes s, the largest s_max. The mean KL given the partition is at most "
            "(s_max - 1) Z_n, Z_n the mean mutual information between one token and all others; Li and Cai's "
            "2^ceil(log2 s_max) - 1 in place of s_max - 1 follows."
        ),
        tex=r"E(s) \le (s_{\max} - 1) Z_n \le (2^{\lceil \log_2 s_{\max} \rceil} - 1) Z_n",
        assumptions="exact conditionals",
        source=f"{LI_CAI}, Theorem 1; {CCL}, Theorem 4; {OURS}.5a",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=block_size_bounds,
        tolerance=TOLERANCE,
        inputs=curves_and_sizes,
        fixtures=(HALVES, {"curve": [0.0, 1.0, 1.0], "sizes": [3]}),
        variants={"99 % of it": partial(block_size_bounds, factor=LESS)},
        sharp=Sharp(
            "s_max - 1, at a curve that jumps at the second position of a largest block",
            HALVES | {"curve": [0, 1, 1, 1]},
        ),
    ),
    Claim(
        id="schedules.5b",
        statement=(
            "Splitting every block into two halves lowers the mean KL given the partition by at most floor(s_max / 2) "
            "Z_n, hence by Li and Cai's (s_max / 2n) sum_i I(X_i; X_-i)."
        ),
        tex=r"E(s) \le E(\text{halved } s) + \lfloor s_{\max} / 2 \rfloor Z_n",
        assumptions="exact conditionals",
        source=f"{LI_CAI}, proof of Theorem 1; {OURS}.5b",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=halving,
        tolerance=TOLERANCE,
        inputs=curves_and_sizes,
        fixtures=({"curve": [0.0, 0.0, 1.0, 1.0], "sizes": [4]}, {"curve": [0.0, 1.0], "sizes": [2]}),
        variants={"99 % of it": partial(halving, factor=LESS)},
        sharp=Sharp(
            "floor(s_max / 2), at a jump where the second half begins", {"curve": [0.0, 0.0, 1.0, 1.0], "sizes": [4]}
        ),
    ),
    Claim(
        id="schedules.5c",
        statement=(
            "T blocks of sizes that differ by at most one have a mean KL given the partition of at most (C_1 / T) "
            "sum_i I(X_i; X_-i) with C_1 = 1."
        ),
        tex=r"E \le \frac{C_1}{T} \sum_i I(X_i; X_{-i}), \quad C_1 = 1",
        assumptions="exact conditionals, T <= n",
        source=f"{LI_CAI}, Corollary 1",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=balanced,
        tolerance=TOLERANCE,
        inputs=lambda: curves_with(steps=st.integers(1, 12)),
        fixtures=({"curve": [0.0, 1.0, 1.0, 1.0, 1.0], "steps": 2}, LONG_BLOCK),
        variants={"C_1 = .99": partial(balanced, constant=LESS)},
        sharp=Sharp("C_1 = 1 as n grows; 1 - 1/n for one block", LONG_BLOCK, share=0.994),
    ),
    Claim(
        id="schedules.6a",
        statement=(
            "The sizes of Theorem 9, each block 1/zeta of what is left, have a mean KL given the partition below "
            "TC / zeta (large blocks first) or DTC / (zeta - 1) (large blocks last), in at most 2 + zeta (1 + ln n) "
            "steps. The paper has zeta - 1 in both."
        ),
        tex=r"E \le \frac{n - \zeta}{\zeta (n - 1)} TC < \frac{TC}{\zeta}, \quad E \le \frac{n - \zeta}{n (\zeta - 1) + \zeta} DTC < \frac{DTC}{\zeta - 1}",
        assumptions="exact conditionals; zeta >= 2",
        source=f"{CCL}, Theorem 9; {OURS}.6a",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=theorem_9,
        tolerance=TOLERANCE,
        inputs=lambda: curves_with(zeta=st.integers(2, 12), regime=REGIMES),
        fixtures=(FIRST_STEP, LAST_BLOCK, {"curve": [0.0] * 400 + [1.0] * 100, "zeta": 5, "regime": "DTC"}),
        variants={"99 % of it": partial(theorem_9, factor=LESS)},
        sharp=Sharp("(n - zeta) / (zeta (n - 1)) of TC where zeta divides n, at a jump at position 2", FIRST_STEP),
    ),
    Claim(
        id="schedules.6b",
        statement=(
            "k single tokens, then l equal blocks, have a mean KL given the partition of at most "
            "(ceil((n - k) / l) - 1) / (k + 1) DTC, below the paper's n / (k l) DTC."
        ),
        tex=r"E \le \frac{\lceil (n - k)/l \rceil - 1}{k + 1} DTC \le \frac{n}{l} \frac{DTC}{k}",
        assumptions="exact conditionals",
        source=f"{CCL}, Theorem 10 and Corollary 34 (after Austin); {OURS}.6b",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=theorem_10,
        tolerance=TOLERANCE,
        inputs=lambda: curves_with(singles=st.integers(1, 10), blocks=st.integers(1, 10)),
        fixtures=({"curve": [0.0, 0.0, 1.0], "singles": 1, "blocks": 1},),
        variants={"99 % of it": partial(theorem_10, factor=LESS)},
        sharp=Sharp(
            "(ceil((n - k) / l) - 1) / (k + 1), at a jump at position k + 2",
            {"curve": [0.0, 0.0, 1.0, 1.0, 1.0], "singles": 1, "blocks": 1},
        ),
    ),
    Claim(
        id="schedules.A2",
        statement="After k - 1 single tokens, one last block costs at most (n - k)(Z_n - Z_k).",
        tex=r"\sum_{j \ge k} (Z_j - Z_k) \le (n - k)(Z_n - Z_k)",
        assumptions="exact conditionals",
        source=f"{CCL}, proof of Corollary 34, corrected; {OURS}.A",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=corollary_34,
        tolerance=TOLERANCE,
        inputs=lambda: strategies.paired(curve=strategies.curves(n=(3, 20)), singles=st.integers(1, 8)),
        fixtures=({"curve": [0.0, 0.1, 0.15, 0.35, 0.6], "singles": 2}, {"curve": [0.0, 0.0, 1.0, 1.0], "singles": 1}),
        variants={"n - k - 1": partial(corollary_34, more=-1)},
        sharp=Sharp("n - k, at a jump at position k + 1", {"curve": [0.0, 0.0, 1.0, 1.0], "singles": 1}),
    ),
)
