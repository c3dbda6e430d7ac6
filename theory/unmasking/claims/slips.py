"""Sentences of Chen, Cong and Li that do not hold as printed, or as one reads them, beside what does hold.

None of them touches a theorem of the paper; docs/derivations.md, schedules, says what each one is about.
"""

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
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding, shannon, strategies
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import bounds, curves, optimal
from theory.unmasking.claims.block_bounds import slack
from theory.unmasking.claims.curve import ROUNDING, worlds_and_sizes
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, tolerance
from theory.unmasking.laws import fixed_size, mixed_divergence
from theory.worlds import TableWorld, mds_code

SOURCE = "Chen, Cong, Li, arXiv 2511.04647"
TWO_OR_THREE = TableWorld.from_weights([int(bin(x).count("1") in (2, 3)) for x in range(32)], 5, 2, "two or three")


def rectangle(curve: Sequence[float], singles: int) -> Iterator[Evidence]:
    """After k - 1 singles, k = `singles` + 1, ask whether the error of one block equals (n - k + 1)(Z_n - Z_k)."""
    z, n, k = torch.tensor(curve, dtype=torch.float64), len(curve), min(singles, len(curve) - 1) + 1
    error = float(curves.fixed_size_error(z, [1] * (k - 1) + [n - k + 1]))
    claimed = (n - k + 1) * float(z[-1] - z[k - 1])
    yield equal("closed form", error, claimed, slack(curve), effective=claimed > slack(curve))


def last_node_below_n(world: TableWorld) -> Iterator[Evidence]:
    """Take the n-step sampler, exact for every law, and ask whether its last node, 1 + (n - 1), is below n."""
    sizes = [1] * world.n
    error = curves.fixed_size_error(world.information_curve(), sizes)
    yield equal("closed form", error, 0.0, tolerance(world), note="the sampler is exact")
    yield at_most("enumeration", Fraction(1 + sum(sizes[:-1])), Fraction(world.n - 1), Fraction(0))


def lemma_28(n: int, epsilon: float) -> Iterator[Evidence]:
    """Build the function of the proof, (1 + eps)^-i / (4 ln n) on the i-th block, and take its increments and sum."""
    ends = [math.floor((1 + epsilon) ** i) for i in range(math.ceil(math.log(n + 1) / math.log1p(epsilon)) + 1)]
    block = np.searchsorted(ends, np.arange(1, n + 1), side="right") - 1
    f = (1 + epsilon) ** -block.astype(float) / (4 * math.log(n))
    yield at_least("closed form", np.diff(f), 0.0, 0.0, note="increasing")
    yield equal("closed form", float(f.sum()), 1.0, rounding(n), note="sum one")


def unnoticed_code(n: int, dimension: int, prime: int, more: int = 0) -> Iterator[Evidence]:
    """Compute the TV between the uniform law on all sequences and that on a code: 1 - q^(k - n), at least 1/2."""
    words = {tuple(row) for row in mds_code(n, dimension, prime).support.tolist()}
    inside, each = Fraction(1, len(words)), Fraction(1, prime**n)
    law = {x: inside * (x in words) for x in itertools.product(range(prime), repeat=n)}
    distance = sum((abs(p - each) for p in law.values()), Fraction(0)) / 2
    yield equal("rational", distance, 1 - Fraction(1, prime ** (n - dimension + more)), Fraction(0))
    yield at_least("rational", distance, Fraction(1, 2), Fraction(0))


def sweep(total: float, low: float, high: float, on_exponent: bool = False, twice: bool = True) -> Iterator[Evidence]:
    """Look for an estimate T with TC <= T <= 2 TC among the 2^i, with i or 2^i from eps to (twice) n ln |Sigma|."""
    top = high * (2 if twice else 1)
    estimates = [2.0**i for i in range(-60, 60) if low <= (i if on_exponent else 2.0**i) <= top]
    nearest = min((t for t in estimates if t >= total), default=math.inf)
    yield at_most("enumeration", nearest, 2 * total, 0.0)


def mixed_equals(world: TableWorld, sizes: Sequence[int]) -> Iterator[Evidence]:
    """Compare the KL of the sampler's output law with E(s), the mean KL given the partition, for equality."""
    n, error = world.n, float(curves.fixed_size_error(world.information_curve(), sizes))
    mixed = float(mixed_divergence(world, fixed_size(sizes, n)))
    yield equal("enumeration", mixed, error, tolerance(world, n), effective=error > tolerance(world, n))


def exact_though_costly(world: TableWorld, sizes: Sequence[int]) -> Iterator[Evidence]:
    """Compare the mixed law with the target in fractions, and E(s) by partitions with its curve value, positive."""
    n, d, law = world.n, world.d, reference.exact(world)
    output = reference_samplers.fixed_size_law(reference.conditionals_of(law, d), sizes, n, d)
    gap = max(abs(Fraction(output[x]) - law.get(x, 0)) for x in output)
    yield equal("rational", gap, Fraction(0), Fraction(0), note="output law = target")
    error = reference_samplers.fixed_size_error(law, reference.conditionals_of(law, d), sizes, n, d)
    found = curves.fixed_size_error(world.information_curve(), sizes)
    yield equal("enumeration", error, found, tolerance(world, n), note="E(s) by partitions and from the curve")
    yield at_least("enumeration", error, tolerance(world, n), 0.0, note="E(s) is positive beyond rounding")


def first_value(n: int, wanted: float) -> Iterator[Evidence]:
    """Write Z_1 of any n tokens as a combination of entropies: all terms cancel, so no law has another value than 0."""
    form = shannon.curve(n)[0]
    value = Fraction(0) if not form else Fraction(1)
    yield equal("certificate", value, Fraction(wanted), Fraction(0), proves=math.inf, note="H_1 + H_0 - H_1")


def log_linear(n: int, steps: int, growth: Fraction = Fraction(0)) -> Iterator[Evidence]:
    """Take noise sigma(t) = -ln(1 - t): a token is revealed with probability exp(-sigma) of time 1 - t, that is t."""
    import sympy

    t = sympy.Symbol("t", positive=True)
    revealed = sympy.simplify(1 - sympy.exp(sympy.log(1 - t)))
    nodes = [Fraction(int(k), steps) for k in range(steps + 1)]
    alpha = [Fraction(str(revealed.subs(t, sympy.Rational(a.numerator, a.denominator)))) for a in nodes[:-1]] + [1]
    sizes = [n * (b - a) for a, b in itertools.pairwise(alpha)]
    growths = [b - a for a, b in itertools.pairwise(sizes)]
    yield at_least("symbolic", min(growths), growth, Fraction(0), note="expected sizes grow by")
    yield equal("closed form", schedules.LINEAR.grid(steps), [float(a) for a in alpha], rounding(1), note="our grid")


def harmonic_range(n: int, steps: Sequence[int], low: float, high: float) -> Iterator[Evidence]:
    """Compute K E*_K / (TC ln n) for the harmonic curve and its extremes over the printed range of K."""
    curve = bounds.harmonic_curve(n)
    best = optimal.optimal_sizes(curve, max(steps))
    ratios = [best[k - 1].error * k / (curve.sum() * math.log(n)) for k in steps]
    half = 0.005
    yield at_least("closed form", min(ratios), low - half, 0.0, note="least, to two decimals")
    yield at_most("closed form", min(ratios), low + half, 0.0, note="least, to two decimals")
    yield at_least("closed form", max(ratios), high - half, 0.0, note="largest, to two decimals")
    yield at_most("closed form", max(ratios), high + half, 0.0, note="largest, to two decimals")


def _curve_and_singles() -> st.SearchStrategy[dict[str, object]]:
    return strategies.paired(curve=strategies.curves(n=(3, 20)), singles=st.integers(1, 8))


SWEEP = {"total": 0.3, "low": 0.1, "high": 4.0}
HIGH = {"total": 3.6, "low": 0.1, "high": 3.9}

CLAIMS = (
    Claim(
        id="schedules.A2.printed",
        statement="After k - 1 single tokens, one last block costs exactly (n - k + 1)(Z_n - Z_k).",
        source=f"{SOURCE}, proof of Corollary 34",
        status="printed",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="schedules.A2",
        routes=("closed form",),
        check=rectangle,
        tolerance="rounding of n products",
        inputs=_curve_and_singles,
        fixtures=({"curve": [0.0, 0.1, 0.15, 0.35, 0.6], "singles": 2},),
    ),
    Claim(
        id="schedules.A3.printed",
        statement="In every schedule the last node, the position of the first token of the last block, is below n.",
        source=f"{SOURCE}, Definition 2 (Theorem 4 and the exact n-step sampler need N_k <= n)",
        status="printed",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.4a",
        routes=("closed form", "enumeration"),
        check=last_node_below_n,
        tolerance="none: whole numbers; rounding of the error",
        fixtures=({"world": COPIED_PAIRS},),
    ),
    Claim(
        id="schedules.A4.printed",
        statement="The function that proves Lemma 28, (1 + eps)^-i / (4 ln n) on the i-th block, increases and sums to one.",
        source=f"{SOURCE}, Lemma 28 and its proof (its mirror image, scaled, serves; Theorem 30 stands)",
        status="printed",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="schedules.A10",
        routes=("closed form",),
        check=lemma_28,
        tolerance="none for the increments; rounding of the sum",
        fixtures=({"n": 64, "epsilon": 0.2},),
    ),
    Claim(
        id="schedules.A5",
        statement=(
            "A sampler that does not notice an MDS code of dimension k < n over q symbols, and returns uniform "
            "sequences, is at total variation 1 - q^(k - n) from it, at least 1/2."
        ),
        source=f"{SOURCE}, Theorem 24 (its unconditional part)",
        status="reading",
        quantifier="this instance",
        kind="equality",
        routes=("rational",),
        check=unnoticed_code,
        tolerance="none: fractions",
        fixtures=(
            {"n": 3, "dimension": 2, "prime": 3},
            {"n": 4, "dimension": 2, "prime": 5},
            {"n": 3, "dimension": 1, "prime": 7},
        ),
        variants={"exponent k - n - 1": partial(unnoticed_code, more=1)},
    ),
    Claim(
        id="schedules.A6.printed",
        statement="For TC >= eps, the 2^i with eps <= i <= n ln |Sigma| hold an estimate between TC and 2 TC.",
        source=f"{SOURCE}, Appendix D, knowledge of TC and DTC",
        status="printed",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.A6",
        routes=("enumeration",),
        check=partial(sweep, on_exponent=True, twice=False),
        tolerance="none: powers of two",
        fixtures=(SWEEP,),
    ),
    Claim(
        id="schedules.A6",
        statement=(
            "For TC >= eps, the 2^i with eps <= 2^i <= 2 n ln |Sigma| hold an estimate between TC and 2 TC. (Up to "
            "n ln |Sigma| they may not.)"
        ),
        source=f"{SOURCE}, Appendix D, corrected",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=sweep,
        tolerance="none: powers of two",
        inputs=lambda: st.integers(1, 400).map(lambda k: {"total": k / 100, "low": 0.01, "high": 4.0}),
        fixtures=(SWEEP, HIGH),
        variants={
            "range of the exponent": partial(sweep, on_exponent=True),
            "2^i <= n ln |Sigma|": partial(sweep, twice=False),
        },
    ),
    Claim(
        id="schedules.A7.read",
        statement="E(s), the mean KL given the partition, is the KL from the data law to the sampler's output law.",
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
    ),
    Claim(
        id="schedules.A7.exact",
        statement=(
            "A sampler with E(s) > 0 can be exact: for the uniform law on sequences with two or three a's among five "
            "letters a, b, sizes (3, 1, 1) return the data law."
        ),
        source="ours, see docs/derivations.md, schedules.A",
        quantifier="there exists",
        kind="equality",
        routes=("rational", "enumeration"),
        check=exact_though_costly,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": TWO_OR_THREE, "sizes": [3, 1, 1]},),
        variants={"sizes (2, 2, 1)": lambda world, sizes: exact_though_costly(world, [2, 2, 1])},
    ),
    Claim(
        id="schedules.A8.read",
        statement="Every nondecreasing curve is the information curve of some law, also those with Z_1 = 1/4.",
        source=f"{SOURCE}, Lemma 29",
        status="reading",
        quantifier="there exists",
        kind="equality",
        expected="refuted",
        see="schedules.1c",
        routes=("certificate",),
        check=first_value,
        tolerance="none: Z_1 is the zero form of entropies",
        fixtures=({"n": 3, "wanted": 0.25},),
    ),
    Claim(
        id="schedules.A9.printed",
        statement="With the log-linear schedule the expected numbers of tokens revealed in equal time steps grow.",
        source=f"{SOURCE}, introduction",
        status="printed",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="schedules.A9",
        routes=("symbolic", "closed form"),
        check=partial(log_linear, growth=Fraction(1, 1000)),
        tolerance="none: fractions",
        fixtures=({"n": 12, "steps": 4},),
    ),
    Claim(
        id="schedules.A9",
        statement="With log-linear noise -ln(1 - t), the schedule is alpha = t: all expected block sizes are n / K.",
        source=f"{SOURCE}, introduction, corrected",
        quantifier="this instance",
        kind="lower",
        routes=("symbolic", "closed form"),
        check=log_linear,
        tolerance="none: fractions; one rounding of the grid",
        fixtures=({"n": 12, "steps": 4}, {"n": 100, "steps": 7}),
        variants={"sizes grow by .001": partial(log_linear, growth=Fraction(1, 1000))},
    ),
    Claim(
        id="schedules.A10",
        statement=(
            "On the curve Z_j = 1 / (n + 1 - j) - 1 / n at n = 1024 the least error E*_K of K blocks times K, over "
            "TC ln n, lies between .31 and .38 for K = 4 to 24, and reaches both."
        ),
        source="ours, see docs/derivations.md, schedules.A (the curve of Theorem 30)",
        quantifier="this instance",
        kind="upper",
        routes=("closed form",),
        check=partial(harmonic_range, low=0.31, high=0.38),
        tolerance="half a unit of the last digit",
        fixtures=({"n": 1024, "steps": list(range(4, 25))},),
        variants={"at most .37": partial(harmonic_range, low=0.31, high=0.37)},
    ),
)
