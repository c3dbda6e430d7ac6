"""The three energies and their constants (Theorems 3.1, 3.2), and schedule invariance (C.2), as claims.

Chen et al., arXiv 2509.13866. The definitions are those of `theory.reference.energy`, in fractions; what is checked
against them are the constants and closed forms of `theory.energy.closed_forms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.energy import closed_forms
from theory.energy.claims.inputs import (
    EXACT,
    J_MEANS,
    PAPER,
    QUADRATURE,
    SCHEDULES,
    by_reference_quadrature,
    finite_shapes,
    fractions,
    ours,
    shape_pairs,
    unit,
    world_inputs,
)
from theory.ledger import Claim, Evidence, Instance, Status, equal, rounding
from theory.ledger.strategies import denoisers, paired, worlds
from theory.reference import energy as definitions
from theory.reference import laws as reference
from theory.reference import nelbo as reference_nelbo
from theory.reference.energy import Moment, Problem
from theory.unmasking import likelihood
from theory.worlds import TableWorld

INTEGRANDS = {
    "k": definitions.kinetic_integrand,
    "c": definitions.conditional_integrand,
    "g": definitions.geodesic_integrand,
}
SPEED = Fraction(3, 2)
"""alpha' at the moment at which integrands are compared."""


def energy_is_constant_times_j(
    kind: str, world: TableWorld, alpha: str, shapes: list[float], factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare an energy with its constant times J.

    The integrand, summed over states as the paper defines it, is compared in fractions at one moment. The energy of a
    Beta mask schedule under a Beta weight, by quadrature of that sum, is compared with the closed form of J.
    """
    integrand, constant = INTEGRANDS[kind], factor * _constant(kind, world)
    found = integrand(reference.exact(world), world.d, Moment.at(Fraction(alpha), SPEED))
    yield equal("rational", found, constant * unit(Fraction(alpha), SPEED), 0)
    claimed = float(constant) * float(closed_forms.beta_landscape(*shapes))
    by_time = definitions.energy(integrand, reference.floats(world), world.d, Problem.beta(*shapes))
    yield equal("quadrature", by_time, claimed, by_reference_quadrature(claimed) + rounding(200, claimed))


def kinetic_constant_counts_masks(world: TableWorld, extra: int = 0) -> Iterator[Evidence]:
    """Compare the sweep over all states with a literal count of masks, and with n (d + 1)^(n - 1) for full support."""
    literal = definitions.kinetic_constant(reference.exact(world), world.d)
    yield equal("enumeration", closed_forms.kinetic_constant(world), literal + extra, 0)
    if _is_full(world):
        yield equal("closed form", closed_forms.full_support_constant(world.n, world.d), literal + extra, 0)


def constant_ignores_support(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """State that a law has the kinetic constant of the uniform law of its size, by the definition and by the sweep."""
    uniform = TableWorld.from_weights([1] * world.d**world.n, world.n, world.d)
    found, claimed = (_integrand_in_units("k", w, alpha) for w in (world, uniform))
    yield equal("rational", found, claimed, 0, note=f"{found} here, {claimed} for the uniform law")
    yield equal("enumeration", closed_forms.kinetic_constant(world), closed_forms.kinetic_constant(uniform), 0)


def energies_are_proportional(world: TableWorld, alpha: str, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare E_k with (C_k / C_c) E_c and E_c with 2^(n-1) E_g, integrand by integrand, in fractions."""
    k, c, g = (_integrand_in_units(kind, world, alpha) for kind in INTEGRANDS)
    ratio = Fraction(closed_forms.kinetic_constant(world), closed_forms.conditional_constant(world.n))
    yield equal("rational", k, factor * ratio * c, 0)
    yield equal("rational", c, factor * 2 ** (world.n - 1) * g, 0)
    if world.n == 1:
        yield equal("rational", k, factor * g, 0, note="with one token all three agree")


def nelbo_is_invariant(
    world: TableWorld, denoiser: TableDenoiser, shapes: list[float], stretch: float = 1.0
) -> Iterator[Evidence]:
    """Compare the NELBO under the Beta(shapes) mask schedule, by quadrature over time, with forms without a schedule.

    These are the engine's ELBO as a mean over all orders, its ELBO by the number of masks, and the reference's sums.
    """
    a, b = shapes
    terms = [likelihood.order_terms(denoiser, torch.tensor([x])) for x in reference.exact(world)]
    chances = [float(q) for q in reference.exact(world).values()]
    claimed = stretch * reference_nelbo.nelbo_by_count(denoiser, world)
    by_time = reference_nelbo.nelbo_by_time(denoiser, world, Problem.beta(a, b, 1.0, 1.0))
    sums = rounding(world.n * 2**world.n * len(chances), claimed)
    yield equal("quadrature", by_time, claimed, by_reference_quadrature(claimed) + sums)
    for engine in (likelihood.elbo, likelihood.elbo_by_count):
        found = -sum(q * float(engine(t)) for q, t in zip(chances, terms, strict=True))
        yield equal("enumeration", found, claimed, sums, note=engine.__name__)
    yield equal("enumeration", reference_nelbo.nelbo_by_order(denoiser, world), claimed, sums, note="mean over orders")


def nelbo_without_rate(world: TableWorld, denoiser: TableDenoiser, shapes: list[float]) -> Iterator[Evidence]:
    """State, falsely, that the loss averaged over t without alpha' / (1 - alpha) ignores the schedule.

    By the midpoint rule at 200 times, whose error is far below the difference that is seen.
    """
    a, b = shapes
    n, losses = world.n, reference_nelbo.revealed_set_losses(denoiser, world)
    t = (np.arange(200) + 0.5) / 200
    means = []
    for mask in (Problem.beta(a, b, 1.0, 1.0).mask, Problem.beta(0.3, 3.0, 1.0, 1.0).mask):
        shown, hidden = mask.value(t), mask.complement(t)
        terms = [shown ** sum(s) * hidden ** (n - sum(s)) * loss for s, loss in losses.items()]
        means.append(float(np.sum(terms, axis=0).mean()))
    yield equal("quadrature", means[0], means[1], abs(means[1]) / len(t))


def in_turn(n: int, d: int, ticks: Sequence[int]) -> TableDenoiser:
    """Return the denoiser whose weights at all states, positions and tokens are the given numbers, used in turn."""
    raw = np.resize(np.asarray(ticks, dtype=float), ((d + 1) ** n, n, d))
    return TableDenoiser(torch.from_numpy(raw / raw.sum(-1, keepdims=True)).log(), "numbers in turn")


def _constant(kind: str, world: TableWorld) -> int:
    if kind == "k":
        return closed_forms.kinetic_constant(world)
    return closed_forms.conditional_constant(world.n) if kind == "c" else closed_forms.geodesic_constant(world.n)


def _integrand_in_units(kind: str, world: TableWorld, alpha: str) -> Fraction:
    found = INTEGRANDS[kind](reference.exact(world), world.d, Moment.at(Fraction(alpha), SPEED))
    return Fraction(found / unit(Fraction(alpha), SPEED))


def _is_full(world: TableWorld) -> bool:
    return len(reference.exact(world)) == int(world.d**world.n)


@st.composite
def _with_denoiser(draw: DrawFn) -> Instance:
    found = draw(world_inputs(shapes=shape_pairs(6)))
    return {**found, "denoiser": draw(denoisers(found["world"]))}


SPARSE_25 = {"world": TableWorld.from_weights([0, 0, 0, 1, 1, 1, 1, 1], 3, 2)}
"""x_1 = 0 forces x_2 = x_3 = 1: two pairs of tokens never occur."""
SPARSE_7 = {"world": TableWorld.from_weights([1, 2, 3, 4, 5, 6, 0, 0, 0], 2, 3)}
"""Token 2 never comes first."""
COIN = {"world": TableWorld.from_weights([1, 3], 1, 2)}
FULL = {"world": TableWorld.from_weights([5, 2, 9, 1], 2, 2)}

THEOREM_31 = f"{PAPER}, Theorem 3.1"
THEOREM_32 = f"{PAPER}, Theorem 3.2"
LAW = "any law q of n tokens from d symbols; sums run over the states of positive probability; J is finite; "


def _energy_claim(suffix: str, kind: str, source: str, statement: str, tex: str, status: Status = "printed") -> Claim:
    check = partial(energy_is_constant_times_j, kind)
    return Claim(
        id=f"energy.1{suffix}",
        statement=statement,
        assumptions=LAW + SCHEDULES,
        tex=tex,
        source=source,
        status=status,
        quantifier="for all",
        kind="equality",
        routes=("rational", "quadrature"),
        check=check,
        tolerance=f"rational: {EXACT}; {QUADRATURE}; the integrand's sum has at most 200 rounded terms",
        inputs=lambda: world_inputs(alpha=fractions(), shapes=finite_shapes(8)),
        examples=12,
        fixtures=tuple(
            {**law, "alpha": "2/5", "shapes": [1.3, 0.8, 1.0, 1.0]} for law in (SPARSE_25, SPARSE_7, COIN, FULL)
        ),
        variants={"constant 1% larger": partial(check, factor=Fraction(101, 100))},
    )


CONSTANTS = (
    _energy_claim(
        "a",
        "k",
        ours("1a"),
        "The kinetic energy is E_k = C_k J, with C_k the sum of the number of masks m(z) over all partially masked"
        f" states z whose revealed part has positive probability, and {J_MEANS}.",
        r"E_k(\alpha,\gamma) = \sum_{z:\,q(z_{UM})>0} m(z) \int_0^1 \frac{\dot\alpha^2}{\dot\gamma\,\alpha(1-\alpha)}\,dt",
        "ours",
    ),
    _energy_claim(
        "b",
        "c",
        THEOREM_31,
        f"The conditional kinetic energy is E_c = n 2^(n-1) J for n tokens, whatever the law, with {J_MEANS}.",
        r"E_c(\alpha,\gamma) = n\,2^{n-1} \int_0^1 \frac{\dot\alpha^2}{\dot\gamma\,\alpha(1-\alpha)}\,dt",
    ),
    _energy_claim(
        "c",
        "g",
        THEOREM_32,
        "The geodesic energy, the integral of 4 sum (d/dt sqrt p)^2 / gamma' over the tokens' own laws, is E_g = n J"
        f" for n tokens, with {J_MEANS}.",
        r"E_g(\alpha,\gamma) = n \int_0^1 \frac{\dot\alpha^2}{\dot\gamma\,\alpha(1-\alpha)}\,dt",
    ),
    Claim(
        id="energy.1d",
        statement="The constant C_k, the number of masks summed over the states that the data law q can reach, is"
        " n (d + 1)^(n - 1) when every sequence of n tokens from d symbols has positive probability; one sweep over"
        " a table of all states finds it for any q.",
        source=ours("1a"),
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=kinetic_constant_counts_masks,
        tolerance=EXACT,
        inputs=lambda: paired(world=worlds(n=(1, 4), d=(2, 3), cells=27)),
        examples=25,
        fixtures=(SPARSE_25, SPARSE_7, COIN, FULL),
        variants={"one mask more": partial(kinetic_constant_counts_masks, extra=1)},
    ),
    Claim(
        id="energy.1e",
        statement="The three energies are proportional: E_k = (C_k / (n 2^(n-1))) E_c and E_c = 2^(n-1) E_g for n"
        " tokens, so they have the same minimisers over mask schedules; with one token they are equal.",
        assumptions="C_k is that of energy.1a",
        source=f"{PAPER}, Theorems 3.1, 3.2 and Example 3.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=energies_are_proportional,
        tolerance=EXACT,
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=20,
        fixtures=({**SPARSE_25, "alpha": "1/3"}, {**COIN, "alpha": "1/3"}),
        variants={"constants 1% larger": partial(energies_are_proportional, factor=Fraction(101, 100))},
    ),
    Claim(
        id="energy.1.printed",
        statement="The constant C_k in E_k = C_k J depends only on the length n and the number d of symbols: two laws"
        " of one size have the same.",
        source=THEOREM_31,
        status="printed",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="energy.1a",
        routes=("rational", "enumeration"),
        check=constant_ignores_support,
        tolerance=EXACT,
        fixtures=({**SPARSE_25, "alpha": "1/2"}, {**SPARSE_7, "alpha": "1/2"}),
    ),
)

INVARIANCE = (
    Claim(
        id="energy.7",
        statement="The negative evidence lower bound (NELBO) of a fixed denoiser is the same under every mask schedule:"
        " it is the mean of its code lengths over all orders of revealing the tokens.",
        assumptions="the denoiser gives every token positive probability",
        source=f"{PAPER}, C.2",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "enumeration"),
        check=nelbo_is_invariant,
        tolerance=f"{QUADRATURE}; sums: 8 eps for each of their n 2^n terms per sequence",
        inputs=lambda: _with_denoiser(),
        examples=20,
        fixtures=(
            {
                "world": TableWorld.from_weights([1, 0, 2, 3], 2, 2),
                "denoiser": in_turn(2, 2, [1, 5, 2, 9, 4]),
                "shapes": [0.5, 0.5],
            },
            {
                "world": TableWorld.from_weights([1, 2, 3, 4, 0, 0, 1, 1], 3, 2),
                "denoiser": in_turn(3, 2, [7, 1, 3]),
                "shapes": [0.3, 2.0],
            },
        ),
        variants={
            "1% larger": partial(nelbo_is_invariant, stretch=1.01),
            "the reveal rate dropped from the integrand": nelbo_without_rate,
        },
    ),
)

CLAIMS: tuple[Claim, ...] = (*CONSTANTS, *INVARIANCE)
