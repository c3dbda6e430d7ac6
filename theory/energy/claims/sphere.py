"""Diffusions as flows on the sphere, and the schedule of constant Fisher-Rao speed.

Claim 16 of the schedules notes: Jo and Hwang (arXiv 2502.11564), Zhang and Syed (arXiv 2508.04884).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.energy import sphere
from theory.ledger import Claim, Evidence, Instance, at_least, equal, rounding
from theory.schedules import SQUARED_SINE

ZHANG = "Zhang and Syed, arXiv 2508.04884 (schedules notes, E)"
JO = "Jo and Hwang, arXiv 2502.11564, Proposition 3.1 (schedules notes, E)"
EXACT = "1e-12: a dozen rounded operations at most, conditioned by 1 / kappa <= 11"


def masked_flow_is_masking(d: int, kappa: float, stretch: float = 1.0) -> Iterator[Evidence]:
    """Compare the arc from a token to the mask, share kappa left, with the law a delta + (1-a) mask."""
    retained = math.sin(math.pi * kappa / 2) ** 2
    yield equal("closed form", stretch * float(sphere.masked_kappa(retained)), kappa, 1e-12)
    start, end = np.eye(d + 1)[0], np.eye(d + 1)[d]
    yield from _same_law(start, end, kappa, retained * start + (1 - retained) * end, stretch)


def uniform_flow_is_uniform(d: int, kappa: float, stretch: float = 1.0) -> Iterator[Evidence]:
    """Compare the arc from a token to the uniform law, share kappa left, with the law a delta + (1-a) / d."""
    omega = math.acos(d**-0.5)
    retained = 1 - (math.sin(omega * (1 - kappa)) / math.sin(omega)) ** 2
    start, end = np.eye(d)[0], np.full(d, d**-0.5)
    yield equal("closed form", stretch * float(sphere.uniform_kappa(retained, d)), kappa, 1e-12)
    yield from _same_law(start, end, kappa, retained * start + (1 - retained) * end**2, stretch)


def flow_follows_the_arc(d: int, mask: bool, power: float, kappa: float, slowed: float = 1.0) -> Iterator[Evidence]:
    """Compare the exponential-map flow for kappa_t = (1 - t)^power with slerp and its remaining angle."""
    size = d + 1 if mask else d
    start = np.eye(size)[0]
    end = np.eye(size)[d] if mask else np.full(d, d**-0.5)
    last = 1 - kappa ** (1 / power)
    times_at = np.linspace(0.0, last, 4)
    found = sphere.exponential_map_flow(start, end, lambda t: -slowed * power / (1 - t), times_at)
    left = (1 - times_at) ** power
    yield equal("quadrature", found, sphere.slerp(start, end, 1 - left), 1e-8)
    total = float(sphere.geodesic_angle(start**2, end**2))
    angle = [math.acos(min(1.0, float(y @ end))) for y in found]
    yield equal("closed form", angle, left * total, 1e-7, note="angle left")


def constant_speed_is_best(steps: list[int], shrink: float = 1.0) -> Iterator[Evidence]:
    """Assert that alpha = sin^2 on equal angles spends least sum of squared Fisher-Rao lengths."""
    theta = math.pi / 2 * np.asarray(steps) / sum(steps)
    k = len(steps)
    least = shrink * math.pi**2 / k
    found = float(4 * (theta**2).sum())
    yield at_least("enumeration", found, least, rounding(8 * k, found))
    grid = SQUARED_SINE.grid(k)
    equal_steps = np.diff(np.arcsin(np.sqrt(grid)))
    yield equal("closed form", float(4 * (equal_steps**2).sum()), least, 1e-12 * k)


def _same_law(start: Any, end: Any, kappa: float, law: Any, stretch: float) -> Iterator[Evidence]:
    point = sphere.slerp(start, end, 1 - kappa * stretch)
    yield equal("closed form", point**2, law, 1e-12)
    flown = sphere.exponential_map_flow(start, end, lambda t: -1 / (1 - t), [0.0, 1 - kappa])[-1]
    yield equal("quadrature", flown**2, law, 1e-8)


def _share_left() -> SearchStrategy[float]:
    return st.integers(3, 31).map(lambda k: k / 32)


def _flow_inputs() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"d": st.integers(2, 6), "kappa": _share_left()})


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="schedules.16a",
        statement="masked diffusion is the geodesic flow to the mask with kappa = (2/pi) arcsin sqrt(a)",
        source=JO,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "quadrature"),
        check=masked_flow_is_masking,
        tolerance=EXACT + "; flow 1e-8: DOP853 at rtol 1e-11, errors shrink with the angle left",
        inputs=_flow_inputs,
        examples=20,
        fixtures=({"d": 2, "kappa": 0.5},),
        variants={"kappa 1% larger": partial(masked_flow_is_masking, stretch=1.01)},
    ),
    Claim(
        id="schedules.16b",
        statement="uniform diffusion: kappa = 1 - arcsin(sqrt(1-a) sin Omega) / Omega, cos Omega = d^(-1/2)",
        source=JO,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "quadrature"),
        check=uniform_flow_is_uniform,
        tolerance=EXACT + "; flow 1e-8",
        inputs=_flow_inputs,
        examples=20,
        fixtures=({"d": 3, "kappa": 0.5},),
        variants={"kappa 1% larger": partial(uniform_flow_is_uniform, stretch=1.01)},
    ),
    Claim(
        id="schedules.16c",
        statement="dY/dt = -(d ln kappa / dt) exp_Y^(-1)(y_1) leaves the share kappa_t of the first angle",
        source=JO,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "closed form"),
        check=flow_follows_the_arc,
        tolerance="1e-8: DOP853 at rtol 1e-11; 1e-7 for angles, arccos at angles >= 0.07",
        inputs=lambda: st.fixed_dictionaries(
            {
                "d": st.integers(2, 6),
                "mask": st.booleans(),
                "power": st.sampled_from((0.5, 1.0, 2.0)),
                "kappa": _share_left(),
            }
        ),
        examples=15,
        fixtures=({"d": 3, "mask": True, "power": 2.0, "kappa": 0.25},),
        variants={"1% slower": partial(flow_follows_the_arc, slowed=0.99)},
    ),
    Claim(
        id="schedules.16d",
        statement="alpha_k = sin^2(pi k / 2K), constant Fisher-Rao speed, has least squared length, pi^2 / K",
        source=ZHANG,
        status="printed",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "closed form"),
        check=constant_speed_is_best,
        tolerance="8 eps for 8 K terms; 1e-12 K",
        inputs=lambda: st.fixed_dictionaries({"steps": st.lists(st.integers(1, 20), min_size=1, max_size=12)}),
        fixtures=({"steps": [1, 1, 1, 1]}, {"steps": [1, 2, 3]}),
        variants={"2% more": partial(constant_speed_is_best, shrink=1.02)},
    ),
)
