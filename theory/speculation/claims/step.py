"""Claims 1, 2 and 4: one reflected step, its acceptance, and bounds on the acceptance (arXiv 2501.05370)."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch
from flint import arb
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy import integrate

from theory.ledger import EPSILON, Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding
from theory.ledger.certificates import Certificate, certify_nonnegative, judged
from theory.speculation import bounds, coupling

SOURCE = "De Bortoli et al., arXiv 2501.05370"
REACH = 12.0
"""Where integrals over the normal density end: the mass beyond is below 1e-32."""


def ours(note: str) -> str:
    """Return the source of a statement of our own, whose proof is a note of docs/derivations.md."""
    return f"ours, see docs/derivations.md, {note}"


def reflected_density(delta: float, reflected: bool = True, stretch: float = 1.0) -> Iterator[Evidence]:
    """Assemble the output density from its two sources with the engine's own acceptance and reflection.

    In coordinates y centred at m_q the draft's noise is y - delta, and a corrected y stems from the noise
    reflect(y), for a reflection is its own inverse. The variants do not reflect, or take a mismatch off by `stretch`.
    """
    y = torch.linspace(-REACH, REACH + delta, 2001, dtype=torch.float64)[:, None]
    shift = torch.full_like(y, delta)
    seen = stretch * shift
    source = coupling.reflect(y, seen) if reflected else y
    kept = _density(y - shift) * coupling.log_ratio(y - shift, seen).exp().clamp(max=1.0)
    refused = _density(source) * (1 - coupling.log_ratio(source, seen).exp().clamp(max=1.0))
    slack = EPSILON * 8 * (REACH + delta) ** 2
    yield equal("closed form", kept + refused, _density(y), slack, effective=delta > 0, note="density")
    zero, one = torch.zeros_like(y), torch.zeros(len(y), dtype=torch.float64)
    ratio = coupling.log_ratio(y, seen)
    for side, uniform in ((-1.0, ratio - 1e-6 * (1 + ratio.abs())), (1.0, ratio + 1e-6 * (1 + ratio.abs()))):
        kept_now = coupling.couple(y + shift, zero, 1.0, shift, y, uniform.where(uniform < 0, one))[1]
        wanted = torch.full_like(kept_now, side < 0) | (ratio >= 0)
        yield equal("closed form", kept_now.int(), wanted.int(), 0, effective=False, note="kept below the ratio")


def acceptance_mass(delta: float, factor: float = 1.0) -> Iterator[Evidence]:
    """Integrate the rejected noise, half |p - q| and p ln(p / q), and compare with the engine's closed forms.

    The tolerance is the integrator's own error estimate, plus rounding. The variant takes `factor` times the mismatch.
    """
    closed = torch.tensor(factor * delta, dtype=torch.float64)
    effective = delta > 0
    pieces: tuple[tuple[str, Callable[[float], float], float, Any], ...] = (
        (
            "rejected mass",
            lambda z: _normal(z) * -math.expm1(min(0.0, -z * delta - delta**2 / 2)),
            -delta / 2,
            coupling.rejection(closed),
        ),
        (
            "total variation",
            lambda u: abs(_normal(u) - _normal(u - delta)) / 2,
            delta / 2,
            1 - coupling.acceptance(closed),
        ),
        (
            "KL(p || q)",
            lambda u: _normal(u - delta) * (u * delta - delta**2 / 2),
            delta / 2,
            coupling.divergence(closed),
        ),
    )
    for name, integrand, kink, wanted in pieces:
        value, error = _integral(integrand, kink, delta)
        slack = error + rounding(8, 1 + delta**2)
        yield equal("quadrature", value, wanted, slack, effective=effective, note=name)


def reflection(noise: Sequence[int], mismatch: Sequence[int], factor: Fraction = Fraction(2)) -> Iterator[Evidence]:
    """Mirror integer vectors in fractions: equal squared norms, the engine's vector; zero mismatch keeps the draft.

    The variant subtracts `factor` times the projection.
    """
    z, delta = torch.tensor(noise, dtype=torch.float64), torch.tensor(mismatch, dtype=torch.float64)
    square, along = sum(b * b for b in mismatch), sum(a * b for a, b in zip(noise, mismatch, strict=True))
    mirrored = [a - factor * along * b / (square or 1) for a, b in zip(noise, mismatch, strict=True)]
    effective = along != 0
    norm = Fraction(sum(m * m for m in mirrored))
    yield equal("rational", norm, Fraction(sum(a * a for a in noise)), Fraction(0), effective=effective, note="norm")
    slack = rounding(2 * len(noise), float(z.abs().max()))
    found = coupling.reflect(z, delta)
    yield equal("rational", found, [float(m) for m in mirrored], slack, effective=effective, note="engine")
    yield equal(
        "rational", coupling.mismatch_norm(delta) ** 2, float(square), rounding(len(noise), square), note="norm"
    )
    ratio = -Fraction(along) - Fraction(square, 2)
    slack = rounding(3 * len(noise), float(abs(ratio)))
    yield equal("rational", coupling.log_ratio(z, delta), float(ratio), slack, note="ln q - ln p")
    none = torch.zeros_like(delta)
    y, kept = coupling.couple(z, -z, 1.0, none, z, torch.tensor(0.0, dtype=torch.float64))
    yield equal("rational", int(kept) + int(torch.equal(y, z)), 2, Fraction(0), note="Delta = 0 keeps the draft")


def floor_integrand(w: Any) -> Any:
    """Enclose (1 - e^-w) / w on a ball; for w < 1/4 between 1 - w / 2 and that plus w^2 / 6, its alternating series."""
    return 1 - w / 2 + (w * w / 6).union(arb(0)) if w < arb("0.25") else (1 - (-w).exp()) / w


def ceiling_integrand(w: Any) -> Any:
    """Enclose (e^-w - 1 + w) / w^2 on a ball; for w < 1/4 between 1/2 - w / 6 and 1/2, its alternating series."""
    return arb("0.5") - (w / 6).union(arb(0)) if w < arb("0.25") else ((-w).exp() - 1 + w) / (w * w)


@functools.cache
def bound_certificates() -> tuple[Certificate, Certificate]:
    """Prove both polynomial bounds for 0 <= delta <= 8, in ball arithmetic.

    With x = delta / sqrt 8 the gaps are (2 / sqrt pi) times the integrals over t in [0, x] of 1 - e^(-t^2) and of
    e^(-t^2) - 1 + t^2: they are nonnegative because the integrands are, w = t^2 in [0, 8]. For larger delta the floor
    is negative and the ceiling above one.
    """
    box = [(Fraction(0), Fraction(8))]
    return (
        certify_nonnegative(lambda w: floor_integrand(w[0]), box),
        certify_nonnegative(lambda w: ceiling_integrand(w[0]), box),
    )


def acceptance_bounds(
    deltas: Sequence[float], slope: float = 1.0, cubic: float = 1.0, jensen: float = 1.0
) -> Iterator[Evidence]:
    """Compare the acceptance with both polynomials, and its mean over the listed mismatches with Jensen's floors.

    The acceptance comes from the integral of the normal density, the bounds from the engine. The variants scale the
    slope of the floor, the cubic term of the ceiling, or Jensen's floor.
    """
    delta = torch.tensor(deltas, dtype=torch.float64)
    wanted = [1 - 2 / math.sqrt(math.pi) * _gauss(d / math.sqrt(8)) for d in deltas]
    effective = max(deltas) > 0
    slack = rounding(8, float(delta.max()) ** 3)
    yield equal("quadrature", coupling.acceptance(delta), wanted, slack, effective=effective, note="the acceptance")
    floor = [bounds.acceptance_floor(slope * d) for d in deltas]
    yield at_least("quadrature", wanted, floor, slack, effective=effective, note="floor")
    linear = [1 - d / math.sqrt(2 * math.pi) for d in deltas]
    yield equal(
        "closed form", [bounds.acceptance_floor(d) for d in deltas], linear, slack, note="1 - delta / sqrt(2 pi)"
    )
    cube = [a + cubic * d**3 / (24 * math.sqrt(2 * math.pi)) for a, d in zip(linear, deltas, strict=True)]
    yield at_most("quadrature", wanted, cube, slack, effective=effective, note="ceiling")
    ceiling = [bounds.acceptance_ceiling(d) for d in deltas]
    yield equal(
        "closed form", [cubic * (c - a) + a for c, a in zip(ceiling, linear, strict=True)], cube, slack, note="+"
    )
    mean = math.fsum(wanted) / len(wanted)
    first, second = math.fsum(deltas) / len(deltas), math.fsum(d * d for d in deltas) / len(deltas)
    floors = bounds.expected_acceptance_floors(first, second)
    listed = [1 - 2 / math.sqrt(math.pi) * _gauss(d / math.sqrt(8)) for d in (first, math.sqrt(second))]
    yield equal("quadrature", floors, listed, slack, note="2 Phi(-E delta / 2), 2 Phi(-sqrt(E delta^2) / 2)")
    yield at_least("quadrature", mean, jensen * floors[0], slack, effective=effective, note="Jensen, E delta")
    yield at_least("closed form", floors[0], floors[1], slack, effective=effective, note="Jensen, E delta^2")
    for certificate, name in zip(bound_certificates(), ("floor", "ceiling"), strict=True):
        yield judged(certificate, f"integrand of the {name}'s gap")


def _gauss(x: float) -> float:
    """Return the integral of e^(-t^2) over [0, x], x <= 3, by 40 Gauss-Legendre nodes: exact up to rounding."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    return float(x / 2 * (weights * np.exp(-((x * (1 + nodes) / 2) ** 2))).sum())


def _density(y: torch.Tensor) -> torch.Tensor:
    """Return the standard normal density of a column of points."""
    return torch.exp(-(y[:, 0] ** 2) / 2) / math.sqrt(2 * math.pi)


def _normal(u: float) -> float:
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def _integral(f: Callable[[float], float], kink: float, delta: float) -> tuple[float, float]:
    """Return an integral and its error estimate, split at the kink and where the densities peak."""
    ends = sorted({-REACH - delta, -delta, kink, 0.0, delta, REACH + delta})
    parts = [integrate.quad(f, a, b, epsabs=1e-13, epsrel=1e-13) for a, b in itertools.pairwise(ends)]
    return math.fsum(p[0] for p in parts), math.fsum(p[1] for p in parts)


@st.composite
def _vectors(draw: DrawFn) -> Instance:
    dim = draw(st.integers(1, 6))
    entries = st.lists(st.integers(-9, 9), min_size=dim, max_size=dim)
    return {"noise": draw(entries), "mismatch": draw(entries)}


def _deltas() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries({"delta": st.integers(0, 400).map(lambda k: k / 50)})


def _lists() -> st.SearchStrategy[Instance]:
    values = st.integers(0, 400).map(lambda k: k / 50)
    return st.fixed_dictionaries({"deltas": st.lists(values, min_size=1, max_size=12)})


PRINTED = tuple({"delta": d} for d in (0.1, 0.7, 2.0, 5.0))
EVEN = {"deltas": [k / 10 for k in range(81)]}
ONE: Instance = {"deltas": [0.5, 0.5]}
SMALL: Instance = {"deltas": [0.05]}
MISMATCH = (
    "Delta = (m_p - m_q) / sigma is the mismatch of the draft's mean m_p and the target's mean m_q, delta its norm"
)

CLAIMS = (
    Claim(
        id="speculative.1a",
        statement=(
            "A draft m_p + sigma Z is kept with chance min(1, q / p), else the noise Z is mirrored along the mismatch and "
            "added to m_q. The density of kept and mirrored parts together is that of the target N(m_q, sigma^2 I)."
        ),
        assumptions=f"equal covariances; {MISMATCH}",
        source=f"{SOURCE}, Algorithm 4 and Proposition 3.1",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=reflected_density,
        tolerance="rounding of exponents up to (12 + delta)^2 / 2: 8 eps (12 + delta)^2",
        inputs=_deltas,
        examples=20,
        fixtures=PRINTED,
        variants={
            "rejected noise not mirrored": partial(reflected_density, reflected=False),
            "mismatch one percent larger": partial(reflected_density, stretch=1.01),
        },
    ),
    Claim(
        id="speculative.1b",
        statement=(
            "The draft is kept with chance 2 Phi(-delta / 2) = 1 - TV(p, q), which no coupling exceeds, and rejected with "
            "chance 2 Phi(delta / 2) - 1. The divergence of draft from target is KL(p || q) = delta^2 / 2."
        ),
        assumptions=f"equal covariances; {MISMATCH}; Phi the normal distribution function",
        source=f"{SOURCE}, Proposition 3.1; see docs/derivations.md, speculative.1",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature",),
        check=acceptance_mass,
        tolerance="the integrator's error estimate, integrals split at kinks, plus rounding",
        inputs=_deltas,
        examples=20,
        fixtures=PRINTED,
        variants={"a mismatch one percent larger": partial(acceptance_mass, factor=1.01)},
    ),
    Claim(
        id="speculative.2",
        statement=(
            "With e = Delta / delta the reflection (I - 2 e e^T) Z has the norm of Z, and a draft without mismatch is "
            "always kept, as it is."
        ),
        assumptions=MISMATCH,
        source=f"{SOURCE}, Algorithm 4",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=reflection,
        tolerance="none in fractions; engine: rounding of sums over the coordinates",
        inputs=_vectors,
        examples=20,
        fixtures=(
            {"noise": [3, -1, 2], "mismatch": [1, 2, -2]},
            {"noise": [5], "mismatch": [-3]},
            {"noise": [1, 2], "mismatch": [0, 0]},
        ),
        variants={"1.99 times the projection": partial(reflection, factor=Fraction(199, 100))},
    ),
    Claim(
        id="speculative.4",
        statement=(
            "The acceptance a(delta) = 2 Phi(-delta / 2) lies between 1 - delta / sqrt(2 pi) and that plus "
            "delta^3 / (24 sqrt(2 pi)), and its mean over any mismatches is at least 2 Phi(-E delta / 2), which is at "
            "least 2 Phi(-sqrt(E delta^2) / 2)."
        ),
        tex=r"1 - \tfrac{\delta}{\sqrt{2 \pi}} \le 2 \Phi(-\tfrac{\delta}{2}) \le 1 - \tfrac{\delta}{\sqrt{2 \pi}} + \tfrac{\delta^3}{24 \sqrt{2 \pi}}",
        source=ours("speculative.4"),
        quantifier="for all",
        kind="lower",
        routes=("closed form", "quadrature", "ball"),
        check=acceptance_bounds,
        tolerance="rounding of a cubic in delta",
        inputs=_lists,
        examples=15,
        fixtures=(EVEN, ONE, SMALL),
        variants={
            "slope of the floor one percent smaller": partial(acceptance_bounds, slope=0.99),
            "cubic term one percent smaller": partial(acceptance_bounds, cubic=0.99),
            "Jensen's floor one percent higher": partial(acceptance_bounds, jensen=1.01),
        },
        sharp=Sharp(
            "both coefficients, 1 / sqrt(2 pi) and 1 / (24 sqrt(2 pi)), are those of a at delta = 0, so neither can be "
            "improved; Jensen's first floor is attained by equal mismatches",
            ONE,
        ),
    ),
)
