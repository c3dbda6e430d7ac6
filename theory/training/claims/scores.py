"""VRPO (arXiv 2505.19223): what an estimated score does to the preference loss and to its gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, strategies
from theory.training import preferences
from theory.training.claims.inputs import NONE, OURS, VRPO, points

Rows = Sequence[Sequence[int]]
ROUNDING = 1e-12


def law_of(values: Sequence[Fraction], weights: Sequence[int]) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return points, chances, mean and variance of a law of a few points; the last two from fractions."""
    chances = [Fraction(w, sum(weights)) for w in weights]
    mean = sum((p * v for p, v in zip(chances, values, strict=True)), NONE)
    variance = sum((p * (v - mean) ** 2 for p, v in zip(chances, values, strict=True)), NONE)
    return np.array([float(v) for v in values]), np.array([float(p) for p in chances]), float(mean), float(variance)


def softplus(x: np.ndarray | float) -> np.ndarray:
    """Return -ln sigma(-x) = ln(1 + e^x)."""
    return np.logaddexp(0.0, x)


def deviation(
    values: Sequence[Fraction], weights: Sequence[int], factor: float = 1.0, root: float = 1.0
) -> Iterator[Evidence]:
    """Place E|loss(X) - loss(s)| below sqrt(V) and Var loss(X) below `factor` V."""
    x, p, s, v = law_of(values, weights)
    moved = softplus(-x)
    yield at_most("enumeration", p @ np.abs(moved - softplus(-s)), root * math.sqrt(v), ROUNDING, effective=v > 0)
    spread = p @ (moved - p @ moved) ** 2
    yield at_most("enumeration", spread, factor * v, ROUNDING, effective=v > 0)
    engine = np.asarray(preferences.loss(torch.tensor(x)))
    yield equal("enumeration", engine, moved, ROUNDING, note="the engine's loss")


def bias(values: Sequence[Fraction], weights: Sequence[int], share: float = 1.0) -> Iterator[Evidence]:
    """Place E loss(X) - loss(s) between 0 and ln cosh(sqrt(s^2 + V) / 2) - ln cosh(s / 2), and that below the others."""
    x, p, s, v = law_of(values, weights)
    found = float(p @ softplus(-x) - softplus(-s))
    bounds = preferences.bias_bounds(s, v)
    slack = ROUNDING * max(1.0, float(np.abs(x).max()))
    yield at_least("enumeration", found, 0.0, slack, effective=v > 0)
    yield at_most("enumeration", found, share * bounds["sharp"], slack, effective=v > 0)
    for name in ("V / 8", "sqrt(V) / 2"):
        yield at_most("closed form", bounds["sharp"], bounds[name], slack, note=f"sharp against {name}")
    sharp = math.log(math.cosh(math.sqrt(s * s + v) / 2)) - math.log(math.cosh(s / 2))
    yield equal("closed form", bounds["sharp"], sharp, slack, note="the engine's bound")


def attained(score: Fraction, spread: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Take the two points +-r, r^2 = s^2 + V, of mean s, and compare the bias with the sharp bound at `factor` V."""
    s, v = float(score), float(spread)
    r = math.sqrt(s * s + v)
    p = (1 + s / r) / 2
    found = p * softplus(-r) + (1 - p) * softplus(r) - softplus(-s)
    yield equal(
        "closed form",
        float(found),
        preferences.bias_bounds(s, factor * v)["sharp"],
        ROUNDING * max(1.0, r),
        effective=v > 0,
    )


def kurtosis(values: Sequence[Fraction], weights: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Place E|X - s| above sqrt(V / kappa), and that above the printed c sqrt(V) / kappa."""
    x, p, s, v = law_of(values, weights)
    if v == 0:
        return
    kappa = float(p @ (x - s) ** 4) / v**2
    found = float(p @ np.abs(x - s))
    yield at_least("enumeration", found, factor * math.sqrt(v / kappa), ROUNDING * max(1.0, found))
    yield at_least("closed form", math.sqrt(v / kappa), math.sqrt(0.2) * 0.64 / kappa * math.sqrt(v), ROUNDING)


def first_order(
    values: Sequence[Fraction], weights: Sequence[int], lower: float = 1.0, upper: float = 1.0
) -> Iterator[Evidence]:
    """Place E|loss(X) - loss(s)| between u sqrt(V / kappa) - V / 8 and u sqrt(V) + V / 8, u = sigma(-s)."""
    x, p, s, v = law_of(values, weights)
    if v == 0:
        return
    kappa, slope = float(p @ (x - s) ** 4) / v**2, 1 / (1 + math.exp(s))
    found = float(p @ np.abs(softplus(-x) - softplus(-s)))
    least = lower * slope * math.sqrt(v / kappa) - v / 8
    yield at_least("enumeration", found, least, ROUNDING, effective=least > 0)
    yield at_most("enumeration", found, upper * slope * math.sqrt(v) + v / 8, ROUNDING)
    moved = preferences.loss(torch.tensor([*x, s], dtype=torch.float64))
    engine = float((moved[:-1] - moved[-1]).abs() @ torch.tensor(p))
    yield equal("enumeration", engine, found, ROUNDING, note="the engine's loss")


def rare_ends(chance: Fraction, score: Fraction = NONE, share: float = 0.01) -> Iterator[Evidence]:
    """Put the score off by -a, 0 or a with `chance` of each end and V = .01: E|loss(X) - loss(s)| against u sqrt(V)."""
    s, q, v = float(score), float(chance), 0.01
    a = math.sqrt(v / (2 * q))
    found = float(q * (softplus(a - s) - softplus(-s)) + q * (softplus(-s) - softplus(-a - s)))
    yield at_least("closed form", found, share * math.sqrt(v) / (1 + math.exp(s)), 0.0)


def gradient_noise(
    values: Sequence[Fraction], weights: Sequence[int], gradients: Rows, constant: float = preferences.GRADIENT_SHARP
) -> Iterator[Evidence]:
    """Place tr Var[loss'(X) G] below constant C^2 V + tr Var G, C the largest norm of G, and the mean deviation."""
    x, p, _, v = law_of(values, weights)
    g = np.array(gradients, dtype=float)
    largest = float(np.sqrt((g**2).sum(-1)).max())
    slope = 1 / (1 + np.exp(x))
    moved = slope[:, None] * g
    spread = float(p @ ((moved - p @ moved) ** 2).sum(-1))
    inner = float(p @ ((g - p @ g) ** 2).sum(-1))
    slack = ROUNDING * max(1.0, largest**2 * max(1.0, v))
    yield at_most("enumeration", spread, constant * largest**2 * v + inner, slack, effective=v > 0 and largest > 0)
    s = float(p @ x)
    error = float(p @ np.sqrt(((moved - (p @ g) / (1 + math.exp(s))) ** 2).sum(-1)))
    yield at_most("enumeration", error, largest / 4 * math.sqrt(v) + math.sqrt(inner), slack, note="mean deviation")


def gradient_constant(factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Prove u^2 + K m^2 <= 1, K the inverse constant, for the smaller of two slopes u and the mean slope m between them.

    The logistic function's slope at the value u is u (1 - u), at most 1/4. Where u <= 1/2 that gives 1/4 + K / 16; where
    u >= 1/2 the slope falls from there on, so m <= u (1 - u), and 1 - u^2 - K u^2 (1 - u)^2 = (1 - u) q(u) with q(u) = 1
    + u - K u^2 (1 - u), which is convex for u >= 1/3 and has a double zero at one over the golden ratio if K = phi^5.
    """
    import sympy

    u, golden = sympy.Symbol("u"), (sympy.sqrt(5) - 1) / 2
    inverse = golden**-5 * sympy.Rational(factor.numerator, factor.denominator)
    q = 1 + u - inverse * u**2 * (1 - u)
    whole = sympy.expand(1 - u**2 - inverse * u**2 * (1 - u) ** 2 - (1 - u) * q)
    facts = {
        "factorised": sympy.simplify(whole) == 0,
        "q is zero at 1 / phi": sympy.simplify(q.subs(u, golden)) == 0,
        "its slope is zero there": sympy.simplify(sympy.diff(q, u).subs(u, golden)) == 0,
        "convex from 1/3 on": sympy.simplify(sympy.diff(q, u, 2) - inverse * (6 * u - 2)) == 0,
        "1/4 + K / 16 at most one": bool(sympy.Rational(1, 4) + inverse / 16 <= 1),
        "K is the engine's": abs(float(inverse) * preferences.GRADIENT_SHARP - 1) < 1e-12 or factor != 1,
    }
    for note, true in facts.items():
        yield equal("symbolic", Fraction(int(true)), Fraction(1), NONE, note=note, proves=math.inf)


def near_golden(distance: Fraction, share: float = 0.999) -> Iterator[Evidence]:
    """Two near scores around that of u = 1 / phi, gradients 1 and a little less: the share of the constant they use."""
    golden, h = (math.sqrt(5) - 1) / 2, float(distance)
    s = -math.log(golden / (1 - golden))
    steep, flat = (1 / (1 + math.exp(x)) for x in (s - h, s + h))
    less = (steep - flat) * flat / (1 - flat**2)
    gained = (steep - flat * (1 - less)) ** 2 - less**2
    yield at_least("enumeration", gained / (2 * h) ** 2, share * preferences.GRADIENT_SHARP, 0.0)


def splitting(values: Sequence[Fraction], weights: Sequence[int], gradients: Rows) -> Iterator[Evidence]:
    """Compare E|a + b|^2 with E|a|^2 + E|b|^2 for a = (u - u_s) G, b = u_s (G - E G): the step of the printed proof."""
    x, p, s, _ = law_of(values, weights)
    g = np.array(gradients, dtype=float)
    slope, at = 1 / (1 + np.exp(x)), 1 / (1 + math.exp(s))
    a, b = (slope - at)[:, None] * g, at * (g - p @ g)
    parts = float(p @ (a**2).sum(-1) + p @ (b**2).sum(-1))
    yield at_most("enumeration", float(p @ ((a + b) ** 2).sum(-1)), parts, ROUNDING)


def nearly_gaussian(values: Sequence[Fraction], weights: Sequence[int]) -> Iterator[Evidence]:
    """Compare the bias with sigma(s) sigma(-s) V / 2, within a tenth."""
    x, p, s, v = law_of(values, weights)
    found = float(p @ softplus(-x) - softplus(-s))
    expansion = v / 2 / (2 + 2 * math.cosh(s))
    yield equal("enumeration", found, expansion, expansion / 10)


def _eighths(low: int, high: int) -> st.SearchStrategy[Fraction]:
    return st.integers(low, high).map(lambda k: Fraction(k, 8))


def _near() -> st.SearchStrategy[Instance]:
    return points().map(lambda i: {**i, "values": [v / 64 for v in i["values"]]})


STEEP: Instance = {"values": [Fraction(-20), Fraction(-19)], "weights": [1, 1]}
"""So far out that the loss is a straight line of slope one."""
CLOSE: Instance = {"values": [Fraction(-1, 8), Fraction(1, 8)], "weights": [1, 1]}
RARE: Instance = {"values": [Fraction(-1), NONE, Fraction(1)], "weights": [1, 198, 1]}
"""Kurtosis 100."""
NEARER: Instance = {"values": [Fraction(-1, 1000), Fraction(1, 1000)], "weights": [1, 1]}
OPPOSITE: Instance = {"values": [Fraction(5, 2), Fraction(-5, 2)], "weights": [3, 1]}
SKEWED: Instance = {"values": [Fraction(31, 10), Fraction(11, 10)], "weights": [19, 1]}
GOLDEN: Instance = {
    "values": [Fraction(-4912, 10_000), Fraction(-4712, 10_000)],
    "weights": [1, 1],
    "gradients": [[10_000], [9951]],
}
"""Two near scores around ln(1 / phi) = -.4812, where the logistic function of minus the score is 1 / phi."""
APART: Instance = {"values": [Fraction(-8), Fraction(8, 79)], "weights": [1, 79], "gradients": [[100], [0]]}

CLAIMS = (
    Claim(
        id="vrpo.1",
        statement=(
            "For a score estimate X of mean s and variance V the loss -ln sigma differs from that at s by at most sqrt(V) in "
            "mean, and its variance is at most V."
        ),
        source=f"{OURS}, vrpo.1", quantifier="for all", kind="upper",
        routes=("enumeration",), check=deviation, tolerance="1e-12: rounding of a few terms of size at most ten",
        inputs=points, examples=20, fixtures=(STEEP, CLOSE),
        variants={"99 % of V": partial(deviation, factor=0.99), "99 % of sqrt(V)": partial(deviation, root=0.99)},
        sharp=Sharp("1, approached as s falls: the loss becomes a straight line of slope one", STEEP, 0.99),
    ),
    Claim(
        id="vrpo.2",
        statement=(
            "The loss is overestimated: 0 <= E loss(X) - loss(s) <= ln cosh(sqrt(s^2 + V) / 2) - ln cosh(s / 2), which is at "
            "most V / 8 and at most sqrt(V) / 2."
        ),
        source=f"{OURS}, vrpo.2", quantifier="for all", kind="upper", routes=("enumeration", "closed form"), check=bias,
        tolerance="1e-12 of the largest score", inputs=points, examples=20, fixtures=(CLOSE, STEEP, OPPOSITE),
        variants={"99 % of the bound": partial(bias, share=0.99)},
        sharp=Sharp("attained for every s and V by the two points +-sqrt(s^2 + V): vrpo.2b", OPPOSITE, 1 - 1e-9),
    ),
    Claim(
        id="vrpo.2b",
        statement="For every s and V the two points +-sqrt(s^2 + V) with mean s attain that bound.",
        source=f"{OURS}, vrpo.2", quantifier="for all", kind="equality", routes=("closed form",), check=attained,
        tolerance="1e-12 of the largest score", examples=12,
        inputs=lambda: strategies.paired(score=_eighths(-40, 40), spread=_eighths(1, 80)),
        fixtures=({"score": Fraction(1), "spread": Fraction(2)},),
        variants={"a variance one per cent larger": partial(attained, factor=1.01)},
    ),
    Claim(
        id="vrpo.3",
        statement=(
            "E|X - s| is at least sqrt(V / kappa), kappa the kurtosis, which is at least the printed c sqrt(V) / kappa, c = "
            "sqrt(.2) .8^2."
        ),
        source=f"{OURS}, vrpo.3", quantifier="for all", kind="lower",
        routes=("enumeration", "closed form"), check=kurtosis, tolerance="1e-12 relative", inputs=points, examples=20,
        fixtures=(CLOSE, STEEP, RARE), variants={"one per cent more": partial(kurtosis, factor=1.01)},
        sharp=Sharp("1: equality for two symmetric points, and for {-a, 0, a} at every kurtosis", RARE, 1 - 1e-9),
    ),
    Claim(
        id="vrpo.3b",
        statement=(
            "To first order E|loss(X) - loss(s)| is u sqrt(V) times a factor from 1 / sqrt(kappa) to 1, u the slope of the loss "
            "at s, kappa the kurtosis: it lies between u sqrt(V / kappa) - V / 8 and u sqrt(V) + V / 8."
        ),
        source=f"{OURS}, vrpo.3", quantifier="for all", kind="lower", routes=("enumeration",), check=first_order,
        tolerance="1e-12: rounding of a few terms of size at most one", inputs=_near, examples=20, fixtures=(NEARER, RARE),
        variants={
            "one per cent more": partial(first_order, lower=1.01), "99 % of sqrt(V)": partial(first_order, upper=0.99),
        },
        sharp=Sharp("1, approached by two near points", NEARER, 0.999),
    ),
    Claim(
        id="vrpo.3.theorem",
        statement=(
            "Whatever the law of the estimate, E|loss(X) - loss(s)| is of the order of u sqrt(V), u the slope of the loss at s: at "
            "V = .01 it is at least a hundredth of that."
        ),
        source=f"{VRPO}, Theorem 2, without a bound on the kurtosis", quantifier="for all", kind="lower", status="reading",
        routes=("closed form",), check=rare_ends, tolerance="none", expected="refuted",
        fixtures=({"chance": Fraction(1, 10**6)}, {"chance": Fraction(1, 10**6), "score": Fraction(1)}), see="vrpo.3b",
    ),
    Claim(
        id="vrpo.4",
        statement=(
            "For score gradients G of norm at most C, tr Var of the loss gradient is at most c C^2 V + tr Var G with c = (5 "
            "sqrt(5) - 11) / 2 = .0902, where 1/8 is printed; its mean deviation is at most C sqrt(V) / 4 + sqrt(tr Var G)."
        ),
        source=f"{OURS}, vrpo.4", quantifier="for all", kind="upper",
        routes=("enumeration",), check=gradient_noise, tolerance="1e-12 of C^2 V",
        inputs=lambda: points(vectors=2), examples=25, fixtures=(GOLDEN, APART),
        variants={"99 % of the constant": partial(gradient_noise, constant=0.99 * preferences.GRADIENT_SHARP)},
    ),
    Claim(
        id="vrpo.4b",
        statement="The step that gives this constant holds: u^2 + phi^5 m^2 <= 1 for the smaller slope u and the mean slope m.",
        source=f"{OURS}, vrpo.4", quantifier="for all", kind="equality", routes=("symbolic",), check=gradient_constant,
        tolerance="none: symbolic", fixtures=({},),
        variants={"a constant one per cent smaller": partial(gradient_constant, factor=Fraction(101, 100))},
    ),
    Claim(
        id="vrpo.4c",
        statement="No smaller constant will do: two near scores around u = 1 / phi use 99.9 % of it.",
        source=f"{OURS}, vrpo.4", quantifier="there exists", kind="lower", routes=("enumeration",), check=near_golden,
        tolerance="none", fixtures=({"distance": Fraction(1, 2000)},), variants={"one per cent more": partial(near_golden, share=1.01)},
    ),
    Claim(
        id="vrpo.4.splitting",
        statement="E|a + b|^2 <= E|a|^2 + E|b|^2 for a = (u - u_s) G and b = u_s (G - E G), the step of the printed proof.",
        source=f"{VRPO}, proof of Theorem 4", quantifier="for all", kind="upper", status="reading", routes=("enumeration",),
        check=splitting, tolerance="1e-12", expected="refuted", fixtures=(APART,),
        see="vrpo.4",
    ),
    Claim(
        id="vrpo.13",
        statement="For V below .2 the bias is sigma(s) sigma(-s) V / 2 within a tenth.",
        source=f"{OURS}, vrpo.13", quantifier="for all", kind="equality", routes=("enumeration",), check=nearly_gaussian,
        tolerance="a tenth, as stated", expected="refuted", fixtures=(SKEWED,),
        see="vrpo.2",
    ),
)  # fmt: skip
