"""Claims 1, 2, 4 and 7: one reflected step, its acceptance, and how far a window of independent coins goes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy import integrate

from theory.ledger import EPSILON, Claim, Evidence, Instance, at_least, at_most, equal, hoeffding_samples, rounding
from theory.speculation import bounds, coupling
from theory.speculation.gaussian import TOY, diffusion
from theory.speculation.quadrature import normal
from theory.speculation.sampling import plain, speculate

SOURCE = "De Bortoli et al., arXiv 2501.05370"
DERIVED = "speculative notes, 2"
QUADRATURE = 1e-10
"""Absolute error asked of every integral; integrands are split at their kinks."""

REACH = 12.0
THROWN = 5
"""Least window for which coins are thrown: only fixtures reach it, so that the number of statistical tests is fixed."""


def reflected_density(delta: float, reflected: bool = True) -> Iterator[Evidence]:
    """Assemble the output density from its two sources with the engine's own acceptance and reflection.

    In coordinates y centred at m_q the draft's noise is y - delta, and a corrected y stems from the noise
    reflect(y), for a reflection is its own inverse.
    """
    y = torch.linspace(-REACH, REACH + delta, 2001, dtype=torch.float64)[:, None]
    shift = torch.full_like(y, delta)
    source = coupling.reflect(y, shift) if reflected else y
    kept = normal(y - shift)[:, 0] * coupling.log_ratio(y - shift, shift).exp().clamp(max=1.0)
    refused = normal(source)[:, 0] * (1 - coupling.log_ratio(source, shift).exp().clamp(max=1.0))
    slack = EPSILON * 8 * (REACH + delta) ** 2
    yield equal("quadrature", kept + refused, normal(y)[:, 0], slack, effective=delta > 0, note="density")


def acceptance_mass(delta: float, factor: float = 1.0) -> Iterator[Evidence]:
    """Integrate the rejected noise, half |p - q| and p ln(p / q), and compare with the closed forms."""
    rejected = _integral(lambda z: _normal(z) * -math.expm1(min(0.0, -z * delta - delta**2 / 2)), -delta / 2, delta)
    variation = _integral(lambda u: abs(_normal(u) - _normal(u - delta)) / 2, delta / 2, delta)
    divergence = _integral(lambda u: _normal(u - delta) * (u * delta - delta**2 / 2), delta / 2, delta)
    closed = torch.tensor(factor * delta, dtype=torch.float64)
    effective = delta > 0
    yield equal(
        "quadrature", rejected, coupling.rejection(closed), QUADRATURE, effective=effective, note="rejected mass"
    )
    yield equal(
        "quadrature", 1 - variation, coupling.acceptance(closed), QUADRATURE, effective=effective, note="1 - TV"
    )
    slack = QUADRATURE * (1 + delta**2)
    yield equal("quadrature", divergence, coupling.divergence(closed), slack, effective=effective, note="KL(p || q)")
    total = coupling.rejection(closed) + coupling.acceptance(closed)
    yield equal("closed form", total, 1.0, rounding(2), effective=False, note="erf + erfc")


def reflection(noise: Sequence[int], mismatch: Sequence[int], factor: int = 2) -> Iterator[Evidence]:
    """Mirror integer vectors in fractions: equal squared norms, the engine's vector; zero mismatch keeps the draft."""
    z, delta = torch.tensor(noise, dtype=torch.float64), torch.tensor(mismatch, dtype=torch.float64)
    square, along = sum(b * b for b in mismatch), sum(a * b for a, b in zip(noise, mismatch, strict=True))
    mirrored = [a - Fraction(factor * along * b, square or 1) for a, b in zip(noise, mismatch, strict=True)]
    effective = along != 0
    norm = Fraction(sum(m * m for m in mirrored))
    yield equal("rational", norm, Fraction(sum(a * a for a in noise)), Fraction(0), effective=effective, note="norm")
    slack = rounding(2 * len(noise), float(z.abs().max()))
    found = coupling.reflect(z, delta)
    yield equal("closed form", found, [float(m) for m in mirrored], slack, effective=effective, note="engine")
    yield equal("closed form", coupling.reflect(found, delta), z, 2 * slack, note="its own inverse")
    none = torch.zeros_like(delta)
    y, kept = coupling.couple(z, -z, 1.0, none, z, torch.tensor(0.0, dtype=torch.float64))
    yield equal("closed form", int(kept) + int(torch.equal(y, z)), 2, Fraction(0), note="Delta = 0 keeps the draft")


def window_of_one(steps: int, churn: float, copies: int, window: int = 1) -> Iterator[Evidence]:
    """Run the plain chain and the sampler with L = 1 on the same start and noise; count coordinates that differ."""
    chain = diffusion(TOY, steps, churn, copies=copies)
    reference = plain(chain, 200, torch.Generator().manual_seed(0))
    run = speculate(chain, window, 200, torch.Generator().manual_seed(0))
    differing = int((reference != run.terminal).sum())
    yield equal("enumeration", differing, 0, Fraction(0), note="coordinates of the terminal state that differ")
    yield equal("enumeration", run.sequential_calls, steps, Fraction(0), note="one call a step")


def acceptance_bounds(deltas: Sequence[float], slope: float = 1.0) -> Iterator[Evidence]:
    """Compare the acceptance with both polynomials, and its mean with Jensen's floors on the listed mismatches."""
    delta = torch.tensor(deltas, dtype=torch.float64)
    found, effective = coupling.acceptance(delta), max(deltas) > 0
    slack = rounding(2, float(delta.max()) ** 3)
    yield at_least(
        "closed form", found, bounds.acceptance_floor(slope * delta), slack, effective=effective, note="floor"
    )
    yield at_most(
        "closed form", found, bounds.acceptance_ceiling(slope * delta), slack, effective=effective, note="ceiling"
    )
    numbers = [1 - 2 / math.sqrt(math.pi) * _gauss(d / math.sqrt(8)) for d in deltas[:12]]
    yield equal("quadrature", found[:12], numbers, QUADRATURE, note="erf from its integral")
    floors = bounds.expected_acceptance_floors(slope * float(delta.mean()), slope * float(delta.square().mean()))
    yield at_least("closed form", found.mean(), floors[0], slack, effective=effective, note="Jensen, E delta")
    yield at_least("closed form", floors[0], floors[1], slack, effective=effective, note="Jensen, E delta^2")


def recorded_bounds(steps: int, window: int, churn: float, slope: float = 1.0) -> Iterator[Evidence]:
    """The same bounds on the mismatches that a run recorded: they hold for every empirical measure."""
    run = speculate(diffusion(TOY, steps, churn), window, 200, torch.Generator().manual_seed(0), keep=True)
    assert run.deltas is not None
    yield from acceptance_bounds(run.deltas.flatten().tolist(), slope)


def progress(numerator: int, denominator: int, window: int, bonus: int = 0) -> Iterator[Evidence]:
    """Enumerate all 2^L coins in fractions, compare with both forms; for L >= THROWN coins are thrown too, to 1%."""
    a = Fraction(numerator, denominator)
    mean = Fraction(0)
    for coins in itertools.product((True, False), repeat=window):
        steps = next((j + 1 for j, c in enumerate(coins) if not c), window)
        mean += math.prod(a if c else 1 - a for c in coins) * steps
    formula = bounds.window_progress(a, window + bonus)
    effective = window > 1 and 0 < a < 1
    yield equal("rational", mean, formula, Fraction(0), effective=effective, note="all coins")
    if a < 1:
        yield equal("rational", (1 - a ** (window + bonus)) / (1 - a), formula, Fraction(0), note="quotient")
    if effective and window >= THROWN:
        margin = float(mean) / 100
        samples = hoeffding_samples(margin, window - 1)
        u = torch.rand(samples, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        kept = (torch.log1p(-u) / math.log(a)).floor().clamp(max=window - 1)
        yield equal("monte-carlo", (kept + 1).mean(), formula, margin, note="coins, within 1%")


def rounds_of_coins(coins: Sequence[int], window: int, late: int = 0) -> Iterator[Evidence]:
    """Enumerate the rounds over all outcomes of independent, unequal coins (in sixteenths), against the recursion."""
    a = [Fraction(c, 16) for c in coins]
    mean = Fraction(0)
    for outcome in itertools.product((True, False), repeat=len(a)):
        rounds = age = 0
        for kept in outcome:
            rounds, age = rounds + (age == 0), age + 1
            age = 0 if not kept or age == window else age
        mean += math.prod(p if kept else 1 - p for p, kept in zip(a, outcome, strict=True)) * rounds
    recursion = Fraction(bounds.expected_rounds(a, window + late))
    yield equal("rational", mean, recursion, Fraction(0), effective=1 < window < len(a))
    ceiling = bounds.rounds_ceiling(len(a), window, sum(1 - p for p in a))
    yield at_most("rational", mean, Fraction(ceiling), Fraction(0), note="ceil(N / L) + E rejections")


def _gauss(x: float) -> float:
    return float(integrate.quad(lambda t: math.exp(-t * t), 0, x, epsabs=1e-13)[0])


def _normal(u: float) -> float:
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def _integral(f: Callable[[float], float], kink: float, delta: float) -> float:
    ends = sorted({-REACH - delta, -delta, kink, 0.0, delta, REACH + delta})
    return math.fsum(integrate.quad(f, a, b, epsabs=1e-13, epsrel=1e-13)[0] for a, b in itertools.pairwise(ends))


@st.composite
def _vectors(draw: DrawFn) -> Instance:
    dim = draw(st.integers(1, 6))
    entries = st.lists(st.integers(-9, 9), min_size=dim, max_size=dim)
    return {"noise": draw(entries), "mismatch": draw(entries)}


def _deltas() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries({"delta": st.integers(0, 400).map(lambda k: k / 50)})


def _lists() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries(
        {"deltas": st.lists(st.integers(0, 400).map(lambda k: k / 50), min_size=1, max_size=12)}
    )


def _chances() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries(
        {"numerator": st.integers(0, 16), "denominator": st.just(16), "window": st.integers(1, THROWN - 1)}
    )


def _coins() -> st.SearchStrategy[Instance]:
    coins = st.lists(st.integers(0, 16), min_size=1, max_size=8)
    return st.fixed_dictionaries({"coins": coins, "window": st.integers(1, 6)})


PRINTED = tuple({"delta": d} for d in (0.1, 0.7, 2.0, 5.0))
EVEN = {"deltas": [k / 10 for k in range(81)]}

CLAIMS = (
    Claim(
        id="speculative.1a",
        statement="Accepted plus reflected density is that of N(m_q, sigma^2 I)",
        assumptions="equal covariances",
        source=f"{SOURCE}, Algorithm 4 and Prop. 3.1",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature",),
        check=reflected_density,
        tolerance="rounding of exponents up to (12 + delta)^2 / 2: 8 eps (12 + delta)^2",
        inputs=_deltas,
        examples=20,
        fixtures=PRINTED,
        variants={"rejected noise not mirrored": partial(reflected_density, reflected=False)},
    ),
    Claim(
        id="speculative.1b",
        statement=(
            "P(accept) = 2 Phi(-delta/2) = 1 - TV(p, q), the most of any coupling; rejection 2 Phi(delta/2) "
            "- 1; KL(p || q) = delta^2 / 2"
        ),
        assumptions="equal covariances",
        source=f"{SOURCE}, Prop. 3.1; {DERIVED}",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "closed form"),
        check=acceptance_mass,
        tolerance="quadrature, split at kinks: 1e-10",
        inputs=_deltas,
        examples=20,
        fixtures=PRINTED,
        variants={"2 Phi(-delta)": partial(acceptance_mass, factor=2.0)},
    ),
    Claim(
        id="speculative.2a",
        statement="||(I - 2 e e^T) Z|| = ||Z||, twice is the identity, and Delta = 0 always accepts",
        source=f"{SOURCE}, Algorithm 4",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "closed form"),
        check=reflection,
        tolerance="none in fractions; engine: rounding of two sums over the coordinates",
        inputs=_vectors,
        fixtures=(
            {"noise": [3, -1, 2], "mismatch": [1, 2, -2]},
            {"noise": [5], "mismatch": [-3]},
            {"noise": [1, 2], "mismatch": [0, 0]},
        ),
        variants={"projection": partial(reflection, factor=1)},
    ),
    Claim(
        id="speculative.2b",
        statement="With L = 1 the frozen draft gives plain sampling for the same noise, bit for bit, in N calls",
        source=f"{DERIVED}, frozen draft",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=window_of_one,
        tolerance="none: the same floating-point operations",
        fixtures=({"steps": 40, "churn": 1.0, "copies": 1}, {"steps": 25, "churn": 0.3, "copies": 3}),
        variants={"L = 2": partial(window_of_one, window=2)},
    ),
    Claim(
        id="speculative.4a",
        statement=(
            "1 - delta/sqrt(2 pi) <= a(delta) <= that + delta^3/(24 sqrt(2 pi)); E a >= 2 Phi(-E delta/2) >= "
            "2 Phi(-sqrt(E delta^2)/2)"
        ),
        source=f"{DERIVED}, lower bounds",
        quantifier="for all",
        kind="lower",
        routes=("closed form", "quadrature"),
        check=acceptance_bounds,
        tolerance="rounding of a cubic in delta",
        inputs=_lists,
        examples=25,
        fixtures=(EVEN,),
        variants={
            "half the slope": partial(acceptance_bounds, slope=0.5),
            "twice the slope": partial(acceptance_bounds, slope=2.0),
        },
    ),
    Claim(
        id="speculative.4b",
        statement="The bounds of 4a on recorded mismatches of the frozen draft",
        source=f"{DERIVED}, lower bounds",
        quantifier="this instance",
        kind="lower",
        routes=("closed form", "quadrature"),
        check=recorded_bounds,
        tolerance="rounding of a cubic in delta: Jensen holds for the empirical measure itself",
        fixtures=({"steps": 50, "window": 10, "churn": 1.0}, {"steps": 40, "window": 40, "churn": 0.1}),
        variants={"half the slope": partial(recorded_bounds, slope=0.5)},
    ),
    Claim(
        id="speculative.7a",
        statement="With i.i.d. acceptance a: E[steps per round] = (1 - a^L) / (1 - a), no bonus step",
        source=f"{DERIVED}, window progress",
        quantifier="for all",
        kind="equality",
        routes=("rational", "monte-carlo"),
        check=progress,
        tolerance="none in fractions; coins: 1%, the sample size by Hoeffding at the suite's share",
        inputs=_chances,
        examples=12,
        fixtures=({"numerator": 9, "denominator": 10, "window": 10}, {"numerator": 3, "denominator": 4, "window": 5}),
        variants={"bonus step of the LLM rule": partial(progress, bonus=1)},
    ),
    Claim(
        id="speculative.7b",
        statement=(
            "For unequal independent coins E[rounds] follows the recursion over ages; E rounds <= ceil(N/L) "
            "+ E rejections"
        ),
        source=f"{DERIVED}, window progress",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=rounds_of_coins,
        tolerance="none: fractions",
        inputs=_coins,
        examples=20,
        fixtures=({"coins": [16, 15, 12, 16, 9, 14], "window": 3}, {"coins": [8] * 7, "window": 7}),
        variants={"window one longer": partial(rounds_of_coins, late=1)},
    ),
)
