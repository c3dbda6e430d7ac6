"""Diffusions as flows on the sphere of square roots (Jo and Hwang, arXiv 2502.11564)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.energy import sphere
from theory.ledger import Claim, Evidence, Instance, equal, rounding

JO = "Jo and Hwang, arXiv 2502.11564, Proposition 3.1; see docs/derivations.md, schedules E"
SHARES = "8 eps for each of 16 rounded operations, over the share kappa of the arc that is left"
FLOW = "flow: 100 times the error that its solver allows itself in a step; errors shrink with the angle left"
FLOW_ERROR = 100 * sum(sphere.FLOW_ACCURACY)


def masked_flow_is_masking(d: int, kappa: float, stretch: float = 1.0) -> Iterator[Evidence]:
    """Compare the arc from a token to the mask, share kappa left, with the law a delta + (1 - a) mask."""
    retained = math.sin(math.pi * kappa / 2) ** 2
    found = float(sphere.masked_kappa(retained))
    yield equal("closed form", stretch * found, kappa, rounding(16, 1 / kappa))
    start, end = np.eye(d + 1)[0], np.eye(d + 1)[d]
    yield from _same_law(start, end, kappa, retained * start + (1 - retained) * end, stretch)


def uniform_flow_is_uniform(d: int, kappa: float, stretch: float = 1.0) -> Iterator[Evidence]:
    """Compare the arc from a token to the uniform law, share kappa left, with the law a delta + (1 - a) / d."""
    omega = math.acos(d**-0.5)
    retained = 1 - (math.sin(omega * (1 - kappa)) / math.sin(omega)) ** 2
    start, end = np.eye(d)[0], np.full(d, d**-0.5)
    found = float(sphere.uniform_kappa(retained, d))
    yield equal("closed form", stretch * found, kappa, rounding(16, 1 / (kappa * (1 - kappa))))
    yield from _same_law(start, end, kappa, retained * start + (1 - retained) * end**2, stretch)


def flow_follows_the_arc(d: int, mask: bool, power: float, kappa: float, slowed: float = 1.0) -> Iterator[Evidence]:
    """Compare the exponential-map flow for kappa_t = (1 - t)^power with the great circle and its remaining angle."""
    size = d + 1 if mask else d
    start = np.eye(size)[0]
    end = np.eye(size)[d] if mask else np.full(d, d**-0.5)
    last = 1 - kappa ** (1 / power)
    moments = np.linspace(0.0, last, 4)
    found = sphere.exponential_map_flow(start, end, lambda t: -slowed * power / (1 - t), moments)
    left, omega = (1 - moments) ** power, math.pi / 2 if mask else math.acos(d**-0.5)
    side = (end - math.cos(omega) * start) / math.sin(omega)
    circle = np.array([math.cos((1 - s) * omega) * start + math.sin((1 - s) * omega) * side for s in left])
    yield equal("quadrature", found, circle, FLOW_ERROR)
    yield equal("closed form", sphere.slerp(start, end, 1 - left), circle, rounding(16, 1 / math.sin(omega)))
    total = float(sphere.geodesic_angle(start**2, end**2))
    angle = [2 * math.asin(min(1.0, float(np.linalg.norm(y - end)) / 2)) for y in found]
    yield equal("closed form", angle, left * total, 2 * math.sqrt(size) * FLOW_ERROR, note="angle left")


def _same_law(start: Any, end: Any, kappa: float, law: Any, stretch: float) -> Iterator[Evidence]:
    point = sphere.slerp(start, end, 1 - kappa * stretch)
    yield equal("closed form", point**2, law, rounding(16))
    flown = sphere.exponential_map_flow(start, end, lambda t: -1 / (1 - t), [0.0, 1 - kappa])[-1]
    yield equal("quadrature", flown**2, law, 2 * FLOW_ERROR)


def _share_left() -> SearchStrategy[float]:
    return st.integers(3, 31).map(lambda k: k / 32)


def _flow_inputs() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"d": st.integers(2, 6), "kappa": _share_left()})


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="schedules.16a",
        statement="Masked diffusion, which keeps a token with probability a, is the geodesic flow from the token to the"
        " mask with the share kappa = (2 / pi) arcsin sqrt(a) of the arc left.",
        source=JO,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "quadrature"),
        check=masked_flow_is_masking,
        tolerance=f"{SHARES}; {FLOW}",
        inputs=_flow_inputs,
        examples=20,
        fixtures=({"d": 2, "kappa": 0.5}, {"d": 3, "kappa": 0.25}),
        variants={"kappa 1% larger": partial(masked_flow_is_masking, stretch=1.01)},
    ),
    Claim(
        id="schedules.16b",
        statement="Uniform diffusion over d symbols, which keeps a token with probability a beside the uniform law, is the"
        " geodesic flow to the uniform law with the share kappa = 1 - arcsin(sqrt(1 - a) sin Omega) / Omega of the arc"
        " left, cos Omega = d^(-1/2).",
        source=JO,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "quadrature"),
        check=uniform_flow_is_uniform,
        tolerance=f"{SHARES}; {FLOW}",
        inputs=_flow_inputs,
        examples=20,
        fixtures=({"d": 3, "kappa": 0.5}, {"d": 5, "kappa": 0.25}),
        variants={"kappa 1% larger": partial(uniform_flow_is_uniform, stretch=1.01)},
    ),
    Claim(
        id="schedules.16c",
        statement="The flow dY/dt = -(d/dt ln kappa) exp_Y^(-1)(y_1) on the sphere follows the great circle to y_1 and"
        " leaves the share kappa_t of the first angle.",
        source=JO,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "closed form"),
        check=flow_follows_the_arc,
        tolerance=f"{SHARES}; {FLOW}",
        inputs=lambda: st.fixed_dictionaries(
            {
                "d": st.integers(2, 6),
                "mask": st.booleans(),
                "power": st.sampled_from((0.5, 1.0, 2.0)),
                "kappa": _share_left(),
            }
        ),
        examples=12,
        fixtures=(
            {"d": 3, "mask": True, "power": 2.0, "kappa": 0.25},
            {"d": 3, "mask": False, "power": 1.0, "kappa": 0.5},
        ),
        variants={"1% slower": partial(flow_follows_the_arc, slowed=0.99)},
    ),
)
