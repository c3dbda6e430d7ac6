"""The toys of arXiv 2505.23489 on the unit sphere: signal against noise, the sharp learning rate, the noisy minimum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.ledger import Claim, Evidence, Sharp, at_least, equal
from theory.reference import sgd as reference
from theory.sgd import sphere
from theory.sgd.claims.inputs import EXACT, NONE, PAPER, angles, points, small_fractions, two_rows

Vector = list[Fraction]
TOY = f"ours, on the toy of the code of {PAPER}"


def _tensor(numbers: Sequence[Vector] | Vector) -> torch.Tensor:
    """Return a vector, or rows of vectors, of fractions as float64."""
    return torch.from_numpy(np.array(numbers, dtype=float))


def _shares(half_tangent: Fraction, x: Vector) -> tuple[Fraction, Fraction, Fraction]:
    """Return R = sin² beta, r² and S of a point."""
    r = x[0] ** 2 + x[1] ** 2
    return two_rows(half_tangent)[0][1] ** 2, r, x[0] ** 2 / r if r else NONE


def _defined(half_tangent: Fraction, x: Vector) -> bool:
    _, r, s = _shares(half_tangent, x)
    return r > 0 and r * 4 * s * (1 - s) < 1


def signal_to_noise(half_tangent: Fraction, x: Vector, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare |mean gradient|² over the noise by definition with the closed form, and the engine's with both."""
    if not _defined(half_tangent, x):
        return
    square, r, s = _shares(half_tangent, x)
    m = s * (1 - square) ** 2 + (1 - s) * square**2
    p = (s * (1 - square) + (1 - s) * square) ** 2
    closed = (m - r * p) / (square * (1 - square) * (1 - r * 4 * s * (1 - s)))
    exact = reference.signal_to_noise_squared(two_rows(half_tangent), x)
    yield equal("rational", exact, factor * closed, 0, effective=exact > 0)
    point, degrees = _tensor(x), math.degrees(2 * math.atan(half_tangent))
    # Differences of gradients and 1 - r² Q lose digits where the noise is small; so does M - r² P where the signal is.
    lost = 1e-12 / float((1 - r * 4 * s * (1 - s)) * square * (1 - square)) ** 2
    for name, value in (
        ("by gradients", sphere.signal_to_noise(_tensor(two_rows(half_tangent)), point)),
        ("in closed form", sphere.signal_to_noise_of_two(degrees, point)),
    ):
        yield equal(
            "closed form",
            float(value) ** 2,
            float(factor * closed),
            lost * max(1.0, float(closed)),
            note=f"the engine's, {name}",
        )


def bounded_below(half_tangent: Fraction, x: Vector, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Place SNR² above factor² x_3² min(tan² beta, cot² beta), exactly."""
    if not _defined(half_tangent, x):
        return
    square, _, _ = _shares(half_tangent, x)
    least = x[2] ** 2 * min(square / (1 - square), (1 - square) / square)
    exact = reference.signal_to_noise_squared(two_rows(half_tangent), x)
    yield at_least("rational", exact, factor**2 * least, 0, effective=least > 0)
    engine = float(sphere.signal_to_noise(_tensor(two_rows(half_tangent)), _tensor(x)))
    yield equal("closed form", engine**2, float(exact), 1e-9 * max(1.0, float(exact)), note="the engine's ratio")


def _independent(rows: Sequence[Vector]) -> bool:
    return reference.positive_definite([[reference.dot(a, b) for b in rows] for a in rows])


def one_row(rows: list[Vector], x: Vector, rate: Fraction, off: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the exact growth of ||P x||² in one step with its formula, and its sign with eta (1 - 2 p²) <= 1."""
    if not _independent(rows) or not any(reference.orthogonal_part(rows, x)):
        return
    for k, a in enumerate(rows):
        p = reference.dot(a, x)
        exact = reference.growth(rows, [k], x, rate)
        formula = (1 + 2 * rate * p**2) ** 2 / (1 + 4 * rate**2 * p**2 * (1 - p**2))
        yield equal("rational", exact, formula, 0, effective=p != 0)
        yield equal("rational", exact >= 1, p == 0 or rate * (1 - 2 * p**2) <= off, 0, effective=p != 0)
        yield equal(
            "closed form", sphere.growth(float(rate), float(p)), float(exact), 1e-13 * float(exact), note="the engine's"
        )
    row, point = _tensor(rows), _tensor(x)
    length = math.sqrt(float(reference.dot(v := reference.orthogonal_part(rows, x), v)))
    yield equal("closed form", float(sphere.beyond(row, point)), length, 1e-9, note="the engine's ||P x||")


def batch_of_two(rows: list[Vector], x: Vector, share: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Place the growth of ||P x||² above 1 for a step with two rows at eta <= factor / lambda, lambda = (1 + |a . b|) / 2."""
    if not _independent(rows) or not any(reference.orthogonal_part(rows, x)):
        return
    for i, j in itertools.combinations(range(len(rows)), 2):
        largest = (1 + abs(reference.dot(rows[i], rows[j]))) / 2
        exact = reference.growth(rows, [i, j], x, factor * share / largest)
        yield at_least("rational", exact, Fraction(1), 0, effective=any(reference.dot(rows[k], x) for k in (i, j)))


def noisy_minimum(height: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare least loss, curvature and noise of the three rows at e_3 with fractions.

    With p² = h² / (1 + h²) the squared third coordinate of a row, they are p², 1 - 3 p² and 2 p² (1 - p²), each times the
    identity; at h = 1/5: 1/26, 23/26 and 25/338.
    """
    square = height**2 / (1 + height**2)
    rows = sphere.underparameterised(float(height))
    minimum = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    hessian, noise = sphere.at_minimum(rows, minimum)
    one = torch.eye(2, dtype=torch.float64)
    slack = 1e-14
    yield equal("closed form", float(sphere.loss(rows, minimum)), float(factor * square), slack, note="least loss")
    yield equal("closed form", hessian, float(factor * (1 - 3 * square)) * one, slack, note="curvature")
    yield equal("closed form", noise, float(factor * 2 * square * (1 - square)) * one, slack, note="noise")
    # Curvature and noise once more, by second differences of the loss and by the mean square of the gradients.
    step = 1e-4
    tilted = torch.tensor([math.sin(step), 0.0, math.cos(step)], dtype=torch.float64)
    second = 2 * float(sphere.loss(rows, tilted) - sphere.loss(rows, minimum)) / step**2
    yield equal("closed form", second, float(factor * (1 - 3 * square)), 1e-6, note="second difference")
    mean_square = float((sphere.gradients(rows, minimum) ** 2).sum(-1).mean()) / 2
    yield equal(
        "closed form", mean_square, float(factor * 2 * square * (1 - square)), slack, note="mean squared gradient"
    )


@st.composite
def rows_and_point(draw: DrawFn, size: int = 2, dimensions: int = 4) -> dict[str, object]:
    """Draw fewer rational unit rows than dimensions, and a rational point of the sphere."""
    return {"rows": [draw(points(dimensions)) for _ in range(size)], "x": draw(points(dimensions))}


SLOW = {"half_tangent": Fraction(1, 4), "x": reference.on_sphere([NONE, Fraction(2)])}
"""A point with x_1 = 0, the direction in which the two losses change least, at beta < 45 degrees."""

ROWS = [
    reference.on_sphere([Fraction(1), NONE, Fraction(1, 2)]),
    reference.on_sphere([Fraction(1, 2), Fraction(1), NONE]),
]
NEAR = {"rows": ROWS, "x": reference.on_sphere([Fraction(1, 50), Fraction(1, 2), Fraction(1, 3)])}
ALONG = {"rows": two_rows(Fraction(1, 4)), "x": reference.on_sphere([Fraction(1, 1000), NONE])}
"""A point beside the optimum e_3, moved along the sum of the two rows, where both pull most."""

CLAIMS = (
    Claim(
        id="sgd.7",
        statement=(
            "For two unit rows at angles +-beta, with R = sin² beta, r² = x_1² + x_2² < 1 or S (1 - S) < 1/4, and S = x_1² / r², "
            "the squared signal-to-noise ratio is (M - r² P) / (R (1-R) (1 - r² Q)), M = S (1-R)² + (1-S) R², P = (S (1-R) + "
            "(1-S) R)², Q = 4 S (1-S)."
        ),
        source=f"{TOY}; docs/derivations.md, sgd.7", quantifier="for all", kind="equality", routes=("rational", "closed form"),
        check=signal_to_noise, tolerance=f"{EXACT}; for the engine 1e-12 over the square of R (1-R) (1 - r² Q)",
        inputs=lambda: st.fixed_dictionaries({"half_tangent": angles(), "x": points(3)}), examples=30, fixtures=(SLOW,),
        variants={"one per cent more": partial(signal_to_noise, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.7a",
        statement="There the signal-to-noise ratio is at least |x_3| min(tan beta, cot beta): it stays away from 0 near the optimum.",
        source=f"{TOY}; docs/derivations.md, sgd.7", quantifier="for all", kind="lower", routes=("rational", "closed form"),
        check=bounded_below, tolerance=f"{EXACT}; 1e-9 for the engine",
        inputs=lambda: st.fixed_dictionaries({"half_tangent": angles(), "x": points(3)}), examples=30, fixtures=(SLOW,),
        sharp=Sharp("1, attained where x_1 = 0 for beta < 45 degrees", SLOW),
        variants={"one per cent more": partial(bounded_below, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.8",
        statement=(
            "For unit rows fewer than the dimensions, a step with one row a, p = a . x, multiplies ||P x||², P the projection on "
            "what is orthogonal to all rows, by (1 + 2 eta p²)² / (1 + 4 eta² p² (1 - p²)). For p != 0 this is at least 1 iff eta "
            "(1 - 2 p²) <= 1; so no path comes nearer to the rows' span while eta <= 1."
        ),
        source=f"{TOY}; docs/derivations.md, sgd.8", quantifier="for all", kind="equality", routes=("rational", "closed form"),
        check=one_row, tolerance=f"{EXACT}; 1e-13 for the engine's formula, 1e-9 for its projection",
        inputs=lambda: st.builds(lambda q, k: {**q, "rate": Fraction(k, 20)}, rows_and_point(), st.integers(1, 40)), examples=15,
        fixtures=({**ALONG, "rate": Fraction(1)}, {**ALONG, "rate": Fraction(1001, 1000)}),
        variants={"up to eta = 1.01": partial(one_row, off=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.8a",
        statement=(
            "A step with the mean gradient of two rows a and b does not shrink ||P x|| while eta is at most 2 / (1 + |a . b|), one "
            "over the largest eigenvalue of the mean of a aᵀ and b bᵀ: a batch allows larger learning rates than one row."
        ),
        source=f"{TOY}; docs/derivations.md, sgd.8", quantifier="for all", kind="lower", routes=("rational",), check=batch_of_two,
        tolerance=EXACT, inputs=lambda: st.builds(lambda q, k: {**q, "share": Fraction(k, 20)}, rows_and_point(), st.integers(1, 20)),
        examples=15, fixtures=({**ALONG, "share": Fraction(1)}, {**NEAR, "share": Fraction(1)}),
        sharp=Sharp("1, approached as x nears the optimum along the rows' sum", {**ALONG, "share": Fraction(1)}, share=0.99),
        variants={"eta one per cent larger": partial(batch_of_two, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.9",
        statement=(
            "Three rows around e_3 with squared third coordinate p² have there least loss p², curvature 1 - 3 p² and noise of "
            "covariance 2 p² (1 - p²) in both directions; in the paper's toy p² = 1/26, 23/26 and 25/338."
        ),
        source=f"{TOY}; docs/derivations.md, sgd.9", quantifier="for all", kind="equality", routes=("closed form",),
        check=noisy_minimum, tolerance="1e-14, a few roundings; 1e-6 for a second difference of step 1e-4",
        inputs=lambda: st.fixed_dictionaries({"height": small_fractions(3).filter(lambda h: 0 < h**2 < Fraction(1, 2))}), examples=8,
        fixtures=({"height": Fraction(1, 5)},), variants={"one per cent more": partial(noisy_minimum, factor=Fraction(101, 100))},
    ),
)  # fmt: skip
