"""Temperatures at which a learning rate has the least free energy: intervals, the convex hull, the point estimate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.ledger import Claim, Evidence, at_most, equal
from theory.reference import sgd as reference
from theory.sgd import temperatures as engine
from theory.sgd.claims.inputs import EXACT, NONE, PAPER, SETTING, curvatures_and_noise
from theory.sgd.quadratic import Quadratic


def on_hull(points: list[list[int]], off: int = 0) -> Iterator[Evidence]:
    """Compare where [T-, T+] is not empty with where no chord of two other points passes below; whole numbers."""
    points_by_entropy = [(Fraction(s), Fraction(u)) for s, u in sorted(points)]
    intervals = engine.temperatures(
        np.array([float(u) for _, u in points_by_entropy]), np.array([float(s) for s, _ in points_by_entropy])
    )
    below = [reference.feasible(points_by_entropy, k) for k in range(len(points_by_entropy))]
    yield equal(
        "enumeration", intervals.feasible.astype(int), [int(b) ^ (off * (k == 1)) for k, b in enumerate(below)], 0
    )
    for k in range(len(points_by_entropy)):
        if below[k] and 0 < k < len(points_by_entropy) - 1:
            middle = (intervals.low[k] + intervals.high[k]) / 2
            free = [float(u) - middle * float(s) for s, u in points_by_entropy]
            scale = max(map(abs, free)) + 1
            yield at_most(
                "enumeration", free[k], min(free), 1e-14 * scale, note="least free energy inside its interval"
            )


def least_at_own_temperature(
    h: list[Fraction], share: Fraction, family: str, factor: float = 1.0
) -> Iterator[Evidence]:
    """Find the least free energy at T(eta_0) over 4,000 learning rates: it lies within one step of eta_0."""
    curvatures = np.array(h, dtype=float)
    noise = np.ones_like(curvatures) if family == "isotropic" else curvatures
    problem = Quadratic.diagonal(curvatures, noise)
    rates = np.linspace(0, problem.largest_rate, 4002)[1:-1]
    own = round(float(share) * 4000)
    laws = problem.stationary(rates)
    temperature = factor * float(laws.temperature[own])
    yield at_most("closed form", abs(int(laws.free_energy(temperature).argmin()) - own), 1, 0)
    # The entropy enters by its Gaussian formula, written out along the axes.
    variance = rates[:, None] * noise / curvatures / (2 - rates[:, None] * curvatures)
    free = (variance * curvatures).sum(-1) / 2 - temperature * np.log(variance).sum(-1) / 2
    yield at_most("closed form", abs(int(free.argmin()) - own), 1, 0, note="by the axes' variances")


def geometric(ratio: Fraction, scale: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare sqrt(T- T+) / T on a grid of ratio q, U = a eta and S = b ln eta, with (sqrt q - 1 / sqrt q) / ln q."""
    q, a = float(ratio), float(scale)
    rates = q ** np.arange(5.0)
    ratios = engine.temperatures(a * rates, np.log(rates)).point[1:-1] / (a * rates[1:-1])
    claimed = factor * (math.sqrt(q) - 1 / math.sqrt(q)) / math.log(q)
    yield equal("closed form", ratios, np.full(3, claimed), 1e-12 * claimed / math.log(q))


def estimate_exists(losses: list[Fraction], entropies: list[Fraction], slack: Fraction) -> Iterator[Evidence]:
    """State, falsely, that every learning rate with a temperature up to eps has a positive T-, so that sqrt(T- T+) exists."""
    u, s = losses, entropies
    for k in range(1, len(u) - 1):
        low = max((u[k] - u[j] - slack) / (s[k] - s[j]) for j in range(k))
        high = min((u[j] - u[k] + slack) / (s[j] - s[k]) for j in range(k + 1, len(u)))
        if low <= high:
            yield equal("rational", low > 0, True, 0)
        intervals = engine.temperatures(np.array(u, float), np.array(s, float), float(slack))
        yield equal(
            "closed form",
            [intervals.low[k], intervals.high[k]],
            [float(low), float(high)],
            1e-15,
            note="the engine's interval",
        )


@st.composite
def point_sets(draw: DrawFn) -> list[list[int]]:
    """Draw points (S, U) of whole numbers with different S."""
    entropies = draw(st.lists(st.integers(0, 30), min_size=3, max_size=8, unique=True))
    return [[s, draw(st.integers(0, 60))] for s in entropies]


CLAIMS = (
    Claim(
        id="sgd.5",
        statement=(
            "At eps = 0 a learning rate has the least free energy at some temperature iff its point (entropy, loss) lies on "
            "the lower convex hull of all points: [T-, T+] is not empty exactly there."
        ),
        source=f"{SETTING}; docs/derivations.md, sgd.5", quantifier="for all", kind="equality", routes=("enumeration",), check=on_hull,
        tolerance="none for whole numbers; 1e-14 of a free energy", inputs=lambda: st.fixed_dictionaries({"points": point_sets()}),
        examples=40, fixtures=({"points": [[0, 0], [1, 1], [2, 2], [3, 4], [4, 5], [5, 9]]},),
        variants={"one point more": partial(on_hull, off=1)},
    ),
    Claim(
        id="sgd.5a",
        statement="Where T rises with eta, each learning rate is the only one of least free energy at its own temperature.",
        source=f"{SETTING}; docs/derivations.md, sgd.5", quantifier="for all", kind="upper", routes=("closed form",),
        check=partial(least_at_own_temperature, family="isotropic"), tolerance="one step of the 4,000 learning rates",
        inputs=lambda: curvatures_and_noise(d=(1, 4)).map(lambda q: {"h": q["h"], "share": q["share"]}), examples=10,
        fixtures=({"h": [Fraction(1, 5), Fraction(1)], "share": Fraction(1, 2)},),
        variants={"one per cent hotter": partial(least_at_own_temperature, family="isotropic", factor=1.01)},
    ),
    Claim(
        id="sgd.5b",
        statement=(
            "On a grid of learning rates of ratio q with U proportional to eta and S to ln eta, the estimate sqrt(T- T+) exceeds "
            "the temperature by the factor (sqrt q - 1 / sqrt q) / ln q: 1.002 at q = 1.26, 1.020 at 2, 1.236 at 10."
        ),
        source=f"ours, on the estimate of the code of {PAPER}; docs/derivations.md, sgd.5", quantifier="for all", kind="equality",
        routes=("closed form",), check=geometric, tolerance="1e-12 over ln q",
        inputs=lambda: st.fixed_dictionaries(
            {"ratio": st.integers(11, 100).map(lambda k: Fraction(k, 10)), "scale": st.integers(1, 40).map(lambda k: Fraction(k, 8))}
        ), examples=15, fixtures=tuple({"ratio": q, "scale": Fraction(1)} for q in (Fraction(126, 100), Fraction(2), Fraction(10))),
        variants={"one per cent more": partial(geometric, factor=1.01)},
    ),
    Claim(
        id="sgd.5.estimate",
        statement="Where a learning rate has a temperature up to eps > 0, the estimate sqrt(T- T+) exists.",
        source=f"the estimate of the code of {PAPER}, used at every learning rate", status="reading", quantifier="for all",
        kind="equality", routes=("rational", "closed form"), check=estimate_exists, tolerance=EXACT, expected="refuted", see="sgd.5b",
        fixtures=(
            {
                "losses": [NONE, Fraction(1, 200), Fraction(1, 50)], "entropies": [NONE, Fraction(1), Fraction(2)],
                "slack": Fraction(1, 100),
            },
        ),
    ),
)  # fmt: skip
