"""Least squares in one dimension under SGD: the mean squared error, its decay, and the signal against the noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.reference import sgd as reference
from theory.sgd.claims.inputs import EXACT, NONE, PAPER, features
from theory.sgd.least_squares import LeastSquares, mixture_entropy

Pairs = list[tuple[Fraction, Fraction]]
SOURCE = f"ours, a model of the two regimes of {PAPER}; docs/derivations.md, sgd.11"


def stationary(pairs: Pairs, share: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Take one step of the exact recursion from the claimed mean square: it stays; from any other it moves towards it."""
    law = LeastSquares(pairs)
    rate = share * Fraction(law.largest_rate)
    claimed = factor * Fraction(law.mean_square(rate))
    n = len(pairs)
    keep = sum((1 - rate * x * x) ** 2 for x, _ in pairs) / n
    push = sum((rate * x * e) ** 2 for x, e in pairs) / n
    yield equal("rational", keep * claimed + push, claimed, 0, effective=push > 0)
    yield at_most("rational", keep, Fraction(1), 0, note="the step contracts")


def decay(pairs: Pairs, rate: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare E[delta_t²] with rho^t for fixed starts, by the recursion and by all sequences of features."""
    law, steps = LeastSquares(pairs), 3
    rho = factor * Fraction(law.factor(rate))
    recursion = reference.second_moments(pairs, rate, Fraction(1), steps)
    yield equal("rational", recursion[-1], rho**steps, 0)
    paths = itertools.product(pairs, repeat=steps)
    total = sum((math.prod((1 - rate * x * x for x, _ in path), start=Fraction(1)) ** 2 for path in paths), NONE)
    yield equal("rational", total / len(pairs) ** steps, rho**steps, 0, note="all sequences")


def signal(pairs: Pairs, error: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the squared ratio of signal and noise with E[x²]² / (Var x² + E[x² e²] / delta² + 2 E[x³ e] / delta)."""
    n = len(pairs)
    gradients = [x * x * error + x * e for x, e in pairs]
    mean = sum(gradients, NONE) / n
    variance = sum(((g - mean) ** 2 for g in gradients), NONE) / n
    if not variance or not error:
        return
    square = sum((x * x for x, _ in pairs), NONE) / n
    noise = sum((x**4 for x, _ in pairs), NONE) / n - square**2
    noise += (
        sum((x * x * e * e for x, e in pairs), NONE) / n / error**2
        + 2 * sum((x**3 * e for x, e in pairs), NONE) / n / error
    )
    yield equal("rational", mean**2 / variance, factor * square**2 / noise, 0)
    engine = LeastSquares(pairs).signal_to_noise(float(error))
    yield equal(
        "closed form", engine**2, float(factor * square**2 / noise), 1e-11 * max(1.0, engine**4), note="the engine's"
    )


def temperature_decays(pairs: Pairs, rate: Fraction, power: float = 1.0) -> Iterator[Evidence]:
    """Compare ln of (dU/dS) / rho^t with its limit: it changes by less than the entropy's own 1 / (2t) correction."""
    law = LeastSquares(pairs)
    rho, pace = float(law.factor(rate)), law.entropy_rate(float(rate))
    moments = np.array([float(v) for v in reference.second_moments(pairs, rate, Fraction(1), 60)])
    entropy = {t: mixture_entropy(law, float(rate), t) for t in (20, 21, 40, 41)}
    half = float(law.mean(2)) / 2
    for t in (20, 40):
        step = entropy[t + 1] - entropy[t]
        corrected = pace + 1 / (2 * (t + 0.5))
        yield at_most("quadrature", abs(step - corrected), 0.25 / t, 0.0, note=f"entropy of a step at t = {t}")
        slope = half * (moments[t + 1] - moments[t]) / step
        limit = half * (rho - 1) / corrected
        yield at_most(
            "quadrature", abs(math.log(slope / limit) - t * power * math.log(rho)), 0.25 / t / abs(corrected), 1e-9
        )
    yield at_least("quadrature", -pace, 0.0, 0.0, note="the entropy falls")


TWO = [(Fraction(1), NONE), (Fraction(1, 2), NONE)]
NOISY = [
    (Fraction(1), Fraction(1)),
    (Fraction(1), Fraction(-1)),
    (Fraction(2), Fraction(1, 2)),
    (Fraction(2), Fraction(-1, 2)),
]

CLAIMS = (
    Claim(
        id="sgd.11",
        statement="With residuals at the optimum the mean squared error settles at eta E[x² e²] / (2 E[x²] - eta E[x⁴]).",
        source=SOURCE, quantifier="for all", kind="equality", routes=("rational",), check=stationary, tolerance=EXACT,
        inputs=lambda: st.fixed_dictionaries({"pairs": features(True), "share": st.integers(1, 19).map(lambda k: Fraction(k, 20))}),
        examples=15, fixtures=({"pairs": NOISY, "share": Fraction(1, 2)},),
        variants={"one per cent more": partial(stationary, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.11a",
        statement="Without residuals a step multiplies the mean squared error by rho = 1 - 2 eta E[x²] + eta² E[x⁴].",
        source=SOURCE, quantifier="for all", kind="equality", routes=("rational",), check=decay, tolerance=EXACT,
        inputs=lambda: st.fixed_dictionaries({"pairs": features(False), "rate": st.integers(1, 20).map(lambda k: Fraction(k, 20))}),
        examples=15, fixtures=({"pairs": TWO, "rate": Fraction(1, 2)},),
        variants={"one per cent more": partial(decay, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.11b",
        statement=(
            "The signal-to-noise ratio at an error delta is E[x²] over the root of Var x² + E[x² e²] / delta² + 2 E[x³ e] / delta: "
            "one constant without residuals, and with them proportional to |delta| near the optimum and that constant far away."
        ),
        source=SOURCE, quantifier="for all", kind="equality", routes=("rational", "closed form"), check=signal, tolerance=EXACT,
        inputs=lambda: st.fixed_dictionaries({"pairs": features(True), "error": st.integers(1, 40).map(lambda k: Fraction(k, 8))}),
        examples=15, fixtures=({"pairs": TWO, "error": Fraction(3)}, {"pairs": NOISY, "error": Fraction(1, 8)}),
        variants={"one per cent more": partial(signal, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.11c",
        statement=(
            "Without residuals the entropy of the error changes by E ln|1 - eta x²| + 1 / (2t) a step, up to terms that fall "
            "faster, so that the drift dU/dS falls like rho^t."
        ),
        source=SOURCE, quantifier="this instance", kind="upper", routes=("quadrature",), check=temperature_decays,
        tolerance="a quarter of 1 / t, half the correction itself", fixtures=({"pairs": TWO, "rate": Fraction(1, 2)},),
        variants={"one per cent faster": partial(temperature_decays, power=1.01)},
    ),
)  # fmt: skip
