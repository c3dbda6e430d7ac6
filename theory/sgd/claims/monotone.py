"""When the temperature of SGD on a quadratic loss rises with the learning rate, and that it need not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from flint import arb

from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal
from theory.ledger.certificates import Ball, certify_nonnegative, exact, judged
from theory.reference import sgd as reference
from theory.sgd.claims.inputs import EXACT, NONE, PAPER, SETTING, curvatures_and_noise
from theory.sgd.quadratic import Quadratic, aligned_temperature

if TYPE_CHECKING:
    import sympy


def slope(h: Sequence[Fraction], c: Sequence[Fraction], rate: Fraction) -> Fraction:
    """Return T' = (4 B D - 2 A' A) / B², with B = sum x, A = sum x², A' = sum c x², D = sum c x³, x = 1 / (2 - eta h)."""
    x = [1 / (2 - rate * curvature) for curvature in h]
    b, a = sum(x), sum(v**2 for v in x)
    weighted = [sum((k * v**power for k, v in zip(c, x, strict=True)), NONE) for power in (2, 3)]
    return (4 * b * weighted[1] - 2 * weighted[0] * a) / b**2


def temperature(h: Sequence[Fraction], c: Sequence[Fraction], rate: Fraction) -> Fraction:
    """Return T from the derivative of the stationary equation, for axes that Hessian and noise share."""
    hessian = [[x * (i == j) for j in range(len(h))] for i, x in enumerate(h)]
    noise = [[x * (i == j) for j in range(len(h))] for i, x in enumerate(c)]
    return reference.temperature(hessian, noise, rate)


def derivative(h: list[Fraction], c: list[Fraction], share: Fraction, factor: int = 1) -> Iterator[Evidence]:
    """Compare the formula of T' with the exact derivative of the rational function T, and T with its own formula."""
    import sympy

    eta = sympy.Symbol("eta")
    rate = share * 2 / max(h)
    x = [1 / (2 - eta * sympy.Rational(k.numerator, k.denominator)) for k in h]
    weights = [sympy.Rational(k.numerator, k.denominator) for k in c]
    function = eta * sum(k * v**2 for k, v in zip(weights, x, strict=True)) / sum(x)
    yield equal("symbolic", _at(sympy.diff(function, eta), eta, rate), factor * slope(h, c, rate), 0)
    yield equal("rational", temperature(h, c, rate), _at(function, eta, rate), 0, note="T itself")


def _at(function: sympy.Expr, eta: sympy.Symbol, rate: Fraction) -> Fraction:
    import sympy

    value = function.subs(eta, sympy.Rational(rate.numerator, rate.denominator))
    top, bottom = (sympy.expand(part) for part in sympy.fraction(sympy.together(value)))
    number = sympy.Rational(top, bottom)  # a product that substitution left standing is multiplied out first
    return Fraction(int(number.p), int(number.q))


def rises(
    h: list[Fraction], c: list[Fraction], share: Fraction, family: str, least: Fraction = NONE, sign: int = 1
) -> Iterator[Evidence]:
    """Place T' above what the family's proof says, exactly; the identity behind the proof holds as a polynomial.

    B D - A' A = sum over i < j of x_i x_j (c_i x_i - c_j x_j)(x_i - x_j).
    """
    import sympy

    h = sorted(h)
    c = {"isotropic": [Fraction(1)] * len(h), "curvature": h, "rising": sorted(c)}[family]
    rate = share * 2 / max(h)
    x = [1 / (2 - rate * curvature) for curvature in h]
    floor = 2 * sum(k * v**2 for k, v in zip(c, x, strict=True)) * sum(v**2 for v in x) / sum(x) ** 2
    yield at_least("rational", slope(h, c, rate), (1 + least) * floor, 0, note="T' at least 2 A' A / B²")
    before, after = (temperature(h, c, rate * part) for part in (Fraction(99, 100), Fraction(1)))
    yield at_least("rational", sign * (after - before), NONE, 0, note="T at two learning rates")
    names = sympy.symbols(f"x:{len(h)}"), sympy.symbols(f"c:{len(h)}")
    b, a = sum(names[0]), sum(v**2 for v in names[0])
    products = [k * v for k, v in zip(names[1], names[0], strict=True)]
    left = b * sum(p * v**2 for p, v in zip(products, names[0], strict=True)) - a * sum(
        p * v for p, v in zip(products, names[0], strict=True)
    )
    pairs = [(i, j) for j in range(len(h)) for i in range(j)]
    right = sum(names[0][i] * names[0][j] * (products[i] - products[j]) * (names[0][i] - names[0][j]) for i, j in pairs)
    yield equal("symbolic", int(sympy.expand(left - right) == 0), 1, 0, proves=len(h))
    engine = [
        aligned_temperature(np.array(h, float), np.array(c, float), float(rate * part))[0]
        for part in (Fraction(99, 100), 1)
    ]
    yield at_least(
        "closed form", sign * (engine[1] - engine[0]), 0.0, 1e-13 * engine[1] / float(1 - share), note="the engine's T"
    )


def boxes(
    family: str, low: Fraction, high: Fraction, directions: int = 3, factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Certify T' > 0 for all curvatures with eta h_i in [low, high], by ball arithmetic: 4 B D - factor 2 A' A > 0.

    The noise is isotropic, proportional to the Hessian, or, in two directions, grows by a factor of up to 10.
    """

    def sign(point: Sequence[Ball]) -> Ball:
        u = point[:directions]
        if any(a > b for a, b in itertools.pairwise(u)):
            return arb(0)  # another order of the directions, which is done elsewhere or not meant
        x = [1 / (2 - v) for v in u]
        c = {"isotropic": [arb(1)] * directions, "curvature": u, "rising": [arb(1), point[-1]]}[family]
        b, a = sum(x), sum(v**2 for v in x)
        weighted, cubed = (sum(k * v**power for k, v in zip(c, x, strict=True)) for power in (2, 3))
        return 4 * b * cubed - 2 * exact(factor) * weighted * a

    ratio = [(Fraction(1), Fraction(10))] if family == "rising" else []
    certificate = certify_nonnegative(sign, [(low, high)] * directions + ratio, max_boxes=60_000)
    yield judged(certificate, f"{family} noise, {directions} directions", proves=directions)


def always_rises(h: list[Fraction], c: list[Fraction], rates: list[Fraction]) -> Iterator[Evidence]:
    """State, falsely, that T rises from each of the learning rates to the next, whatever the noise; exact."""
    levels = [temperature(h, c, rate) for rate in rates]
    for before, after in itertools.pairwise(levels):
        yield at_least("rational", after, before, 0)
    engine = Quadratic.diagonal(np.array(h, float), np.array(c, float)).stationary(np.array(rates, float)).temperature
    yield equal("closed form", engine, [float(v) for v in levels], 1e-9, note="the engine's T")


def own_rate_is_least(h: list[Fraction], c: list[Fraction], own: Fraction, other: Fraction) -> Iterator[Evidence]:
    """State, falsely, that at the temperature of a learning rate no other has less free energy; by ball arithmetic.

    The constant of the entropies cancels: F(own) - F(other) = U - U' - T / 2 sum ln(Sigma_ii / Sigma'_ii).
    """
    t = temperature(h, c, own)
    loss, logarithm = NONE, arb(0)
    for curvature, variance in zip(h, c, strict=True):
        one, two = (rate * variance / (2 - rate * curvature) for rate in (own, other))
        loss += (one - two) / 2
        logarithm += exact(one / two / curvature * curvature).log()
    difference = exact(loss) - exact(t) * logarithm / 2
    if difference > 0:
        yield at_most("ball", Fraction(1), NONE, 0, note=f"F is less by {float(difference.mid()):.4f}", proves=2)
    else:
        yield at_most("ball", float(difference.upper()), 0.0, 0.0)


FALLING = {"h": [Fraction(1, 5), Fraction(1)], "c": [Fraction(1), Fraction(1, 10**4)]}
THREE = {
    "h": [Fraction(1, 5), Fraction(1), Fraction(1)],
    "c": [Fraction(1), Fraction(1, 2), Fraction(2)],
    "share": Fraction(9, 10),
}
SAME_NOISE = {
    "h": [Fraction(27, 8), Fraction(5, 8), Fraction(11, 8)], "c": [Fraction(27, 8), Fraction(5, 8), Fraction(11, 8)],
    "share": Fraction(9, 20),
}  # fmt: skip
"""Noise equal to the curvatures; here the derivative by sympy is a product that has to be multiplied out."""
ONE = {"h": [Fraction(1)], "c": [Fraction(1)], "share": Fraction(1, 2)}
PROOF = "; docs/derivations.md, sgd.3"
TOLERANCE = f"{EXACT}; 1e-13 of T over 1 - eta h_max / 2 for the engine"


def _rising(identifier: str, family: str, words: str) -> Claim:
    return Claim(
        id=identifier, statement=f"With noise {words} T rises strictly with eta: T' is at least 2 A' A / B², with B = sum x, A = "
        "sum x², A' = sum c x² and x_i = 1 / (2 - eta h_i).",
        source=f"{SETTING}{PROOF}", quantifier="for all", kind="lower", routes=("rational", "symbolic", "closed form"),
        check=partial(rises, family=family), tolerance=TOLERANCE, inputs=curvatures_and_noise, examples=8, fixtures=(ONE, THREE),
        sharp=Sharp("2, attained where all curvatures are equal", ONE),
        variants={
            "it falls": partial(rises, family=family, sign=-1),
            "T' is one per cent larger": partial(rises, family=family, least=Fraction(1, 100)),
        },
    )  # fmt: skip


def _boxed(identifier: str, family: str, words: str, directions: int = 3) -> Claim:
    count = {2: "both", 3: "all three"}[directions]
    return Claim(
        id=identifier, statement=f"With noise {words} T' is positive for {count} curvatures with eta h_i between 1/10 and 9/5.",
        source=f"{SETTING}{PROOF}", quantifier="for all", kind="lower", routes=("ball",),
        check=partial(boxes, family=family, directions=directions), tolerance="none: enclosures",
        fixtures=({"low": Fraction(1, 10), "high": Fraction(9, 5)},),
        variants={"B D exceeds 1.5 A' A": partial(boxes, family=family, directions=directions, factor=Fraction(3))},
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="sgd.3",
        statement="Where Hessian and noise share their eigenvectors, T' = (4 B D - 2 A' A) / B², with D = sum c x³.",
        source=f"{SETTING}{PROOF}", quantifier="for all", kind="equality", routes=("symbolic", "rational"), check=derivative,
        tolerance=EXACT, inputs=curvatures_and_noise, examples=6, fixtures=(THREE, SAME_NOISE),
        variants={"twice": partial(derivative, factor=2)},
    ),
    _rising("sgd.3a", "isotropic", "of one variance in every direction"),
    _rising("sgd.3b", "curvature", "proportional to the Hessian"),
    _rising("sgd.3c", "rising", "that grows with the curvature"),
    _boxed("sgd.3a.boxes", "isotropic", "of one variance in every direction"),
    _boxed("sgd.3b.boxes", "curvature", "proportional to the Hessian"),
    _boxed("sgd.3c.boxes", "rising", "that grows with the curvature in two directions, by a factor of at most 10,", directions=2),
    Claim(
        id="sgd.3.always",
        statement="T rises with eta for every noise.",
        source=f"the hypothesis of {PAPER} that T increases with eta, read as a statement on every quadratic", status="reading",
        quantifier="for all", kind="lower", routes=("rational", "closed form"), check=always_rises, tolerance=TOLERANCE,
        expected="refuted", see="sgd.3c",
        fixtures=({**FALLING, "rates": [Fraction(1), Fraction(1278, 1000), Fraction(3, 2), Fraction(19, 10), Fraction(19836, 10000)]},),
    ),
    Claim(
        id="sgd.5.own",
        statement="At the temperature of a learning rate no other learning rate has less free energy, for every noise.",
        source=f"the hypothesis of {PAPER} that SGD at every eta minimises F at T(eta), read as a statement on every quadratic",
        status="reading", quantifier="for all", kind="upper", routes=("ball",), check=own_rate_is_least, tolerance="none: enclosures",
        expected="refuted", see="sgd.5a", fixtures=({**FALLING, "own": Fraction(19, 10), "other": Fraction(2902, 10000)},),
    ),
)  # fmt: skip
