"""The slips of Chen, Cong, Li (section A of the notes): each statement as printed, beside the corrected one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st

from theory import schedules
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import bounds, curves, optimal
from theory.unmasking.claims.curve import ROUNDING, mixed_error, worlds_and_sizes
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, tolerance
from theory.unmasking.laws import fixed_size, mixed_divergence
from theory.worlds import TableWorld, mds_code

SOURCE = "Chen, Cong, Li, arXiv 2511.04647"
TWO_OR_THREE = TableWorld.from_weights([int(bin(x).count("1") in (2, 3)) for x in range(32)], 5, 2, "two or three")
RANDOM_5 = {"curve": [0.0, 0.1, 0.15, 0.35, 0.6], "singles": 2}


def corollary_34(curve: Sequence[float], singles: int, exact: bool = True) -> Iterator[Evidence]:
    """Compare sum_{j >= k} (Z_j - Z_k), k = singles + 1, with (n - k + 1)(Z_n - Z_k)"""
    z = torch.tensor(curve, dtype=torch.float64)
    n, k = len(curve), min(singles, len(curve) - 1) + 1
    error = float(curves.fixed_size_error(z, [1] * (k - 1) + [n - k + 1]))
    rectangle = (n - k + 1) * float(z[-1] - z[k - 1])
    compare = equal if exact else at_most
    yield compare("closed form", error, rectangle, rounding(n, n * float(z[-1])), effective=rectangle > 1e-9)


def largest_node(n: int, allowed: int = 0) -> Iterator[Evidence]:
    """Compute the last node N_K of the exact n-step sampler, all sizes one, and the bound put on it."""
    nodes = list(itertools.accumulate([1] * n))
    yield at_most("enumeration", Fraction(nodes[-1]), Fraction(n - 1 + allowed), Fraction(0))


def block_curve(blocks: int, reflected: bool) -> Iterator[Evidence]:
    """Build the curve of Lemma 28, value 1 / length on blocks of doubling length, and take its increments and sum."""
    values = np.repeat([2.0**-b for b in range(blocks)], [2**b for b in range(blocks)]) / blocks
    curve = values[::-1] if reflected else values
    yield at_least("closed form", np.diff(curve), 0.0, 0.0, note="increasing")
    yield at_most("closed form", float(curve.sum()), 1.0, rounding(len(curve)), note="sum at most 1")


def unnoticed_code(n: int, dimension: int, prime: int, least: float = 0.5) -> Iterator[Evidence]:
    """Compute the TV between the uniform law and a code, 1 - q^(k-n): what an algorithm that notices nothing pays."""
    count = len(mds_code(n, dimension, prime).support)
    inside = Fraction(count, prime**n)
    distance = ((Fraction(1, count) - Fraction(1, prime**n)) * count + (1 - inside)) / 2
    yield equal("rational", distance, 1 - Fraction(1, prime ** (n - dimension)), Fraction(0))
    yield at_least("rational", distance, Fraction(least), Fraction(0))


def sweep_contains(total: float, low: float, high: float, exponents_in_range: bool) -> Iterator[Evidence]:
    """Look for an estimate T with TC <= T <= 2 TC in the sweep set {2^i}, i or 2^i restricted to [low, 2 high]."""
    found = [
        2.0**i for i in range(-60, 60)
        if (low <= i <= 2 * high if exponents_in_range else low <= 2.0**i <= 2 * high)
    ]  # fmt: skip
    nearest = min((t for t in found if t >= total), default=math.inf)
    yield at_most("enumeration", nearest, 2 * total, 1e-12 * total)


def mixed_equals(world: TableWorld, sizes: Sequence[int]) -> Iterator[Evidence]:
    """Compare KL(mu || nu-bar) with E(s) for equality."""
    n, error = world.n, float(curves.fixed_size_error(world.information_curve(), sizes))
    mixed = float(mixed_divergence(world, fixed_size(sizes, n)))
    yield equal("enumeration", mixed, error, tolerance(world, n), effective=error > 1e-6)


def exact_though_costly(world: TableWorld, sizes: Sequence[int]) -> Iterator[Evidence]:
    """Compare the mixed law with the target in fractions, and E(s) by partitions with its curve value, positive."""
    n, d, law = world.n, world.d, reference.exact(world)
    output = reference_samplers.fixed_size_law(reference.conditionals_of(law, d), sizes, n, d)
    gap = max(abs(Fraction(output[x]) - law.get(x, 0)) for x in output)
    yield equal("rational", gap, Fraction(0), Fraction(0), note="output law = target")
    error = reference_samplers.fixed_size_error(law, reference.conditionals_of(law, d), sizes, n, d)
    yield equal(
        "enumeration",
        error,
        curves.fixed_size_error(world.information_curve(), sizes),
        tolerance(world, n),
        note="E(s)",
    )
    yield at_least("enumeration", error, 0.05, 0.0, note="E(s) is far from zero")


def copied_pair_digits(error: float, mixed: float) -> Iterator[Evidence]:
    """Compute E and KL(mu || nu-bar) of two copied pairs in two halves; printed .4621 and .2877."""
    yield equal("closed form", curves.fixed_size_error(COPIED_PAIRS.information_curve(), [2, 2]), error, 5e-5)
    yield equal("enumeration", mixed_divergence(COPIED_PAIRS, fixed_size([2, 2], 4)), mixed, 5e-5)


def first_value(world: TableWorld, wanted: float) -> Iterator[Evidence]:
    """Compute Z_1 of a law and compare it with the first value a realised curve is allowed to have."""
    yield equal("enumeration", world.information_curve()[0], wanted, tolerance(world))


def log_linear_blocks(n: int, steps: int, growing: bool) -> Iterator[Evidence]:
    """Compute the expected block sizes n (alpha_{k+1} - alpha_k) of the log-linear schedule, alpha_t = t."""
    expected = n * np.diff(schedules.LINEAR.grid(steps))
    if growing:
        yield at_least("closed form", np.diff(expected), 1e-6, 0.0)
    else:
        yield equal("closed form", expected, n / steps, rounding(steps, n))


def harmonic_range(n: int, steps: Sequence[int], low: float, high: float) -> Iterator[Evidence]:
    """Compute K E*_K / (TC ln n) for the harmonic curve and its extremes over the printed range of K."""
    curve = bounds.harmonic_curve(n)
    best = optimal.optimal_sizes(curve, max(steps))
    ratios = [best[k - 1].error * k / (curve.sum() * math.log(n)) for k in steps]
    yield at_least("closed form", min(ratios), low, 0.005, note="rounded to two decimals")
    yield at_most("closed form", max(ratios), high, 0.005, note="rounded to two decimals")


def _curve_and_singles() -> st.SearchStrategy[dict[str, object]]:
    return strategies.paired(curve=strategies.curves(n=(3, 20)), singles=st.integers(1, 8))


HARMONIC = {"n": 1024, "steps": list(range(4, 25))}

CLAIMS = (
    Claim(
        id="schedules.A2.printed",
        statement="After k - 1 singles, one block has KL = (n - k + 1)(Z_n - Z_k)",
        source=f"{SOURCE}, proof of Corollary 34",
        status="printed",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="schedules.A2",
        routes=("closed form",),
        check=corollary_34,
        tolerance="rounding of n products",
        inputs=_curve_and_singles,
        fixtures=(RANDOM_5,),
    ),
    Claim(
        id="schedules.A2",
        statement="After k - 1 singles, one block has KL <= (n - k + 1)(Z_n - Z_k)",
        source=f"{SOURCE}, proof of Corollary 34, corrected",
        quantifier="for all",
        kind="upper",
        routes=("closed form",),
        check=partial(corollary_34, exact=False),
        tolerance="rounding of n products",
        inputs=_curve_and_singles,
        fixtures=(RANDOM_5,),
        variants={"equality": corollary_34},
    ),
    Claim(
        id="schedules.A3.printed",
        statement="Admissible sizes have N_k < n, the exact n-step sampler included",
        source=f"{SOURCE}, Definition 2",
        status="printed",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.A3",
        routes=("enumeration",),
        check=largest_node,
        tolerance="none: integers",
        fixtures=({"n": 4},),
        variants={"N_k < n - 1": partial(largest_node, allowed=-1)},
    ),
    Claim(
        id="schedules.A3",
        statement="Admissible sizes have N_k <= n, the exact n-step sampler included",
        source=f"{SOURCE}, Definition 2, corrected",
        quantifier="this instance",
        kind="upper",
        routes=("enumeration",),
        check=partial(largest_node, allowed=1),
        tolerance="none: integers",
        fixtures=({"n": 1}, {"n": 4}),
        variants={"as printed": largest_node},
    ),
    Claim(
        id="schedules.A4.printed",
        statement="The harmonic construction on blocks of growing length is increasing with sum at most 1",
        source=f"{SOURCE}, Lemma 28, as reconstructed",
        status="printed",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="schedules.A4",
        routes=("closed form",),
        check=partial(block_curve, reflected=False),
        tolerance="none; rounding of the sum",
        fixtures=({"blocks": 5},),
    ),
    Claim(
        id="schedules.A4",
        statement="Its reflection is increasing with sum at most 1",
        source=f"{SOURCE}, Lemma 28, corrected",
        quantifier="this instance",
        kind="lower",
        routes=("closed form",),
        check=partial(block_curve, reflected=True),
        tolerance="none; rounding of the sum",
        fixtures=({"blocks": 2}, {"blocks": 5}, {"blocks": 9}),
        variants={"unreflected": partial(block_curve, reflected=False)},
    ),
    Claim(
        id="schedules.A5",
        statement="An output that has not noticed an MDS code of dimension k < n is at TV 1 - q^(k-n) >= 1/2 from it",
        source=f"{SOURCE}, Theorem 24 (its unconditional part)",
        status="reading",
        quantifier="this instance",
        kind="lower",
        routes=("rational",),
        check=unnoticed_code,
        tolerance="none: fractions",
        fixtures=(
            {"n": 3, "dimension": 2, "prime": 3},
            {"n": 4, "dimension": 2, "prime": 5},
            {"n": 3, "dimension": 1, "prime": 7},
        ),
        variants={"TV >= 9/10": partial(unnoticed_code, least=0.9)},
    ),
    Claim(
        id="schedules.A6.printed",
        statement="Powers 2^i with i in [eps, 2 n ln q] hold an estimate between TC and 2 TC",
        source=f"{SOURCE}, sweep over estimates",
        status="printed",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.A6",
        routes=("enumeration",),
        check=partial(sweep_contains, exponents_in_range=True),
        tolerance="rounding of powers of two",
        fixtures=({"total": 0.3, "low": 0.1, "high": 4.0},),
    ),
    Claim(
        id="schedules.A6",
        statement="Powers 2^i in [eps, 2 n ln q] hold an estimate between TC and 2 TC",
        source=f"{SOURCE}, sweep over estimates, corrected",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=partial(sweep_contains, exponents_in_range=False),
        tolerance="rounding of powers of two",
        inputs=lambda: st.integers(1, 400).map(lambda k: {"total": k / 100, "low": 0.01, "high": 4.0}),
        fixtures=({"total": 0.3, "low": 0.1, "high": 4.0},),
        variants={"exponents": partial(sweep_contains, exponents_in_range=True)},
    ),
    Claim(
        id="schedules.A7.read",
        statement="E(s) is exactly the sampler's KL error, KL(mu || nu-bar)",
        source=f"{SOURCE}, introduction",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="schedules.3",
        routes=("enumeration",),
        check=mixed_equals,
        tolerance=ROUNDING,
        inputs=worlds_and_sizes,
        fixtures=({"world": COPIED_PAIRS, "sizes": [2, 2]}, {"world": TWO_OR_THREE, "sizes": [3, 1, 1]}),
        variants={"half": partial(mixed_error, factor=0.5)},
    ),
    Claim(
        id="schedules.A7.exact",
        statement="A sampler with E(s) > 0 can be exact: uniform on two or three a's of five, sizes (3, 1, 1)",
        source=f"{SOURCE}, slip (7), sharpened",
        quantifier="there exists",
        kind="equality",
        routes=("rational", "enumeration"),
        check=exact_though_costly,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": TWO_OR_THREE, "sizes": [3, 1, 1]},),
        variants={"sizes (2, 2, 1)": lambda world, sizes: exact_though_costly(world, [2, 2, 1])},
    ),
    Claim(
        id="schedules.A7.digits",
        statement="Two copied pairs, sizes (2, 2): E = .4621, KL(mu || nu-bar) = .2877",
        source="schedules notes, A (7)",
        quantifier="this instance",
        kind="equality",
        routes=("closed form", "enumeration"),
        check=copied_pair_digits,
        tolerance="half a unit of the last printed digit",
        fixtures=({"error": 0.4621, "mixed": 0.2877},),
        variants={"equal": lambda error, mixed: copied_pair_digits(error, error)},
    ),
    Claim(
        id="schedules.A8.read",
        statement="Every nondecreasing curve is realised by some law, Z_1 > 0 included",
        source=f"{SOURCE}, Lemma 29",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="schedules.A8",
        routes=("enumeration",),
        check=first_value,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(), wanted=st.just(0.25)),
        fixtures=({"world": COPIED_PAIRS, "wanted": 0.25},),
    ),
    Claim(
        id="schedules.A8",
        statement="Z_1 = 0 for every law",
        source=f"{SOURCE}, Lemma 29, corrected",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=first_value,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(), wanted=st.just(0.0)),
        fixtures=({"world": COPIED_PAIRS, "wanted": 0.0},),
        variants={"Z_1 = 1/4": lambda world, wanted: first_value(world, 0.25)},
    ),
    Claim(
        id="schedules.A9.printed",
        statement="The log-linear schedule reveals blocks of growing expected size",
        source=f"{SOURCE}, log-linear schedule",
        status="printed",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="schedules.A9",
        routes=("closed form",),
        check=partial(log_linear_blocks, growing=True),
        tolerance="none",
        fixtures=({"n": 12, "steps": 4},),
    ),
    Claim(
        id="schedules.A9",
        statement="Its alpha is linear: every block has expected size n / K",
        source=f"{SOURCE}, log-linear schedule, corrected",
        quantifier="this instance",
        kind="equality",
        routes=("closed form",),
        check=partial(log_linear_blocks, growing=False),
        tolerance="rounding of K differences",
        fixtures=({"n": 12, "steps": 4}, {"n": 100, "steps": 7}),
        variants={"growing": partial(log_linear_blocks, growing=True)},
    ),
    Claim(
        id="schedules.A10.false",
        statement="Z_j = 1/(n+1-j) shifted: K E*_K / (TC ln n) stays in .31 - .37 at n = 1024, K = 4..24",
        source="schedules notes, A, after Theorem 30",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.A10",
        routes=("closed form",),
        check=partial(harmonic_range, low=0.31, high=0.37),
        tolerance="half a unit of the last digit",
        fixtures=(HARMONIC,),
        variants={"at most .35": partial(harmonic_range, low=0.31, high=0.35)},
    ),
    Claim(
        id="schedules.A10",
        statement="Z_j = 1/(n+1-j) shifted: K E*_K / (TC ln n) stays in .31 - .38 at n = 1024, K = 4..24",
        source="schedules notes, A, corrected",
        quantifier="this instance",
        kind="upper",
        routes=("closed form",),
        check=partial(harmonic_range, low=0.31, high=0.38),
        tolerance="half a unit of the last digit",
        fixtures=(HARMONIC,),
        variants={"at most .35": partial(harmonic_range, low=0.31, high=0.35)},
    ),
)
