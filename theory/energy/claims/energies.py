"""The three energies and their constants (Theorems 3.1, 3.2), and schedule invariance (C.2), as claims.

Chen et al., arXiv 2509.13866; claims 1 and 7 of the energy notes.
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
    PAPER,
    finite_shapes,
    fractions,
    shape_pairs,
    unit,
    world_inputs,
)
from theory.ledger import Claim, Evidence, Instance, Status, equal, rounding
from theory.ledger.strategies import denoisers, paired, worlds
from theory.reference import laws as reference
from theory.reference import nelbo as reference_nelbo
from theory.reference.energy import (
    Moment,
    Problem,
    conditional_integrand,
    energy,
    geodesic_integrand,
    kinetic_constant,
    kinetic_integrand,
)
from theory.reference.nelbo import nelbo_by_time
from theory.schedules import beta_mask
from theory.worlds import TableWorld

QUADRATURE = (
    "rational: zero. quadrature: 1e-10 relative; double-exponential quadrature stops at 1e-12, and the"
    " at most 200 rounded terms of an integrand add 200 * 8 eps = 4e-13"
)
INTEGRANDS = {"k": kinetic_integrand, "c": conditional_integrand, "g": geodesic_integrand}


def energy_is_constant_times_j(
    kind: str,
    world: TableWorld,
    alpha: str,
    shapes: list[float],
    factor: Fraction = Fraction(1),
) -> Iterator[Evidence]:
    """Compare E_kind with factor C_kind J: integrands in fractions, energies by quadrature."""
    integrand = INTEGRANDS[kind]
    d, constant = world.d, factor * _constant(kind, world)
    at = Moment.at(Fraction(alpha), Fraction(3, 2))
    yield equal("rational", integrand(reference.exact(world), d, at), constant * unit(at), 0)
    least = float(closed_forms.beta_landscape(*shapes))
    found = energy(integrand, reference.floats(world), d, Problem.beta(*shapes))
    yield equal("quadrature", found / least, float(constant), 1e-10 * float(constant))


def kinetic_constant_counts_masks(world: TableWorld, printed: int | None = None, skip: int = 0) -> Iterator[Evidence]:
    """Compare C_k from the definition, by the vectorised sweep, and for full support n (d + 1)^(n - 1)."""
    literal = kinetic_constant(reference.exact(world), world.d)
    swept = closed_forms.kinetic_constant(world)
    yield equal("enumeration", swept, literal - skip, 0)
    if bool((world.law() > 0).all()):
        yield equal("closed form", literal, closed_forms.full_support_constant(world.n, world.d) - skip, 0)
    if printed is not None:
        yield equal("enumeration", literal, printed, 0, note="as in the notes")


def constant_ignores_support(world: TableWorld, alpha: str, printed: int | None = None) -> Iterator[Evidence]:
    """Assert that the kinetic integrand is n (d + 1)^(n - 1) alpha'^2 / (alpha (1 - alpha)) for every law."""
    at = Moment.at(Fraction(alpha), Fraction(1))
    found = kinetic_integrand(reference.exact(world), world.d, at) / unit(at)
    claimed = closed_forms.full_support_constant(world.n, world.d)
    yield equal("rational", found, claimed, 0, note=f"{found} reached, printed {printed}")
    swept = closed_forms.kinetic_constant(world)
    yield equal("enumeration", swept, claimed, 0)


def proportional(world: TableWorld, alpha: str, factor: int = 1) -> Iterator[Evidence]:
    """Compare E_k with (C_k / C_c) E_c and E_c with 2^(n-1) E_g, integrand by integrand."""
    law, n, d, at = reference.exact(world), world.n, world.d, Moment.at(Fraction(alpha), Fraction(5, 7))
    k, c, g = (f(law, d, at) for f in INTEGRANDS.values())
    ratio = Fraction(kinetic_constant(law, d), closed_forms.conditional_constant(n))
    yield equal("rational", k, factor * ratio * c, 0)
    yield equal("rational", c, factor * 2 ** (n - 1) * g, 0)
    swept = closed_forms.kinetic_constant(world)
    yield equal("enumeration", float(k / g), factor * swept / n, rounding(8, swept))
    if n == 1:
        yield equal("rational", k, factor * g, 0, note="at n = 1 all three agree")


def nelbo_is_invariant(
    world: TableWorld, denoiser: TableDenoiser, shapes: list[float], stretch: float = 1.0
) -> Iterator[Evidence]:
    """Compare the NELBO of a table denoiser under the Beta(shapes) mask with its two schedule-free forms."""
    n, exact = world.n, stretch * reference_nelbo.nelbo_by_count(denoiser, world)
    tolerance = 1e-10 * max(1.0, exact)
    a, b = shapes
    yield equal("quadrature", nelbo_by_time(denoiser, world, Problem.beta(a, b, 1.0, 1.0)), exact, tolerance)
    yield equal("enumeration", reference_nelbo.nelbo_by_order(denoiser, world), exact, tolerance)
    for k in range(n):
        share = reference_nelbo.order_share(n, tuple(range(k)), k)
        yield equal("rational", share, Fraction(stretch) * reference_nelbo.count_weight(n, k), 0)


def nelbo_without_rate(world: TableWorld, denoiser: TableDenoiser, shapes: list[float]) -> Iterator[Evidence]:
    """State, falsely, that the loss averaged over t without alpha' / (1 - alpha) ignores the schedule."""
    n, losses = world.n, reference_nelbo.revealed_set_losses(denoiser, world)
    t = (np.arange(200) + 0.5) / 200
    means = []
    for mask in (beta_mask(*shapes), beta_mask(0.3, 3.0)):
        shown, hidden = mask.value(t), mask.complement(t)
        terms = [shown ** sum(s) * hidden ** (n - sum(s)) * loss for s, loss in losses.items()]
        means.append(float(np.sum(terms, axis=0).mean()))
    yield equal("quadrature", means[0], means[1], 1e-3)


def in_turn(n: int, d: int, ticks: Sequence[int]) -> TableDenoiser:
    """Return the denoiser whose weights at all states, positions and tokens are the given numbers, used in turn."""
    raw = np.resize(np.asarray(ticks, dtype=float), ((d + 1) ** n, n, d))
    return TableDenoiser(torch.from_numpy(raw / raw.sum(-1, keepdims=True)).log(), "numbers in turn")


def _constant(kind: str, world: TableWorld) -> int:
    if kind == "k":
        return kinetic_constant(reference.exact(world), world.d)
    return closed_forms.conditional_constant(world.n) if kind == "c" else closed_forms.geodesic_constant(world.n)


@st.composite
def _with_denoiser(draw: DrawFn) -> Instance:
    found = draw(world_inputs(shapes=shape_pairs(6)))
    return {**found, "denoiser": draw(denoisers(found["world"]))}


SPARSE_25 = {"world": TableWorld.from_weights([0, 0, 0, 1, 1, 1, 1, 1], 3, 2)}
"""x_1 = 0 forces x_2 = x_3 = 1: two pairs of tokens never occur."""
SPARSE_7 = {"world": TableWorld.from_weights([1, 2, 3, 4, 5, 6, 0, 0, 0], 2, 3)}
"""Token 2 never comes first."""
COIN = {"world": TableWorld.from_weights([1, 3], 1, 2)}

THEOREM_31 = f"{PAPER}, Theorem 3.1"
THEOREM_32 = f"{PAPER}, Theorem 3.2"
_EXAMPLE = {"alpha": "2/5", "shapes": [1.3, 0.8, 1.0, 1.0]}


def _energy_claim(suffix: str, kind: str, source: str, statement: str, status: Status = "printed") -> Claim:
    check = partial(energy_is_constant_times_j, kind)
    return Claim(
        id=f"energy.1{suffix}",
        statement=statement,
        assumptions="any law; alpha strictly increasing, J finite; sums over states with p_t > 0",
        source=source,
        status=status,
        quantifier="for all",
        kind="equality",
        routes=("rational", "quadrature"),
        check=check,
        tolerance=QUADRATURE,
        inputs=lambda: world_inputs(alpha=fractions(), shapes=finite_shapes(8)),
        examples=12,
        fixtures=tuple({**law, **_EXAMPLE} for law in (SPARSE_25, SPARSE_7, COIN)),
        variants={"constant 1% larger": partial(check, factor=Fraction(101, 100))},
    )


CONSTANTS = (
    _energy_claim("a", "k", THEOREM_31, "E_k = C_k J with C_k the sum of m(z) over all z with q(z_UM) > 0", "ours"),
    _energy_claim("b", "c", THEOREM_31, "E_c = n 2^(n-1) J"),
    _energy_claim("c", "g", THEOREM_32, "E_g = n J, with the factor 4 in the integrand of E_g"),
    Claim(
        id="energy.1d",
        statement="C_k counts masks over the reachable states; it is n (d+1)^(n-1) when q has full support",
        source=THEOREM_31,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=kinetic_constant_counts_masks,
        tolerance="zero: integers",
        inputs=lambda: paired(world=worlds(n=(1, 4), d=(2, 3), cells=27)),
        examples=25,
        fixtures=({**SPARSE_25, "printed": 25}, {**SPARSE_7, "printed": 7}, COIN),
        variants={"the all-masked state dropped": partial(kinetic_constant_counts_masks, skip=1)},
    ),
    Claim(
        id="energy.1e",
        statement="E_k = (C_k / C_c) E_c and E_c = 2^(n-1) E_g, so all three share their minimisers",
        source=f"{PAPER}, Theorems 3.1, 3.2 and Example 3.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=proportional,
        tolerance="rational: zero. enumeration: 8 eps per rounded operation of the quotient",
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=20,
        fixtures=({**SPARSE_25, "alpha": "1/3"}, {**COIN, "alpha": "1/3"}),
        variants={"constants doubled": partial(proportional, factor=2)},
    ),
    Claim(
        id="energy.1.printed",
        statement="The constant C_k in E_k = C_k J depends only on n and d",
        source=THEOREM_31,
        status="printed",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="energy.1a",
        routes=("rational", "enumeration"),
        check=constant_ignores_support,
        tolerance="zero: fractions and integers",
        fixtures=(
            {**SPARSE_25, "alpha": "1/2", "printed": 25},
            {**SPARSE_7, "alpha": "1/2", "printed": 7},
        ),
    ),
)

INVARIANCE = (
    Claim(
        id="energy.7",
        statement="The NELBO of a fixed denoiser is the same under every mask schedule",
        assumptions="the denoiser gives every token positive probability",
        source=f"{PAPER}, C.2",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "enumeration", "rational"),
        check=nelbo_is_invariant,
        tolerance="rational: zero. Else 1e-10 of the value: quadrature stops at 1e-12, rounding adds 1e-13",
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
            "rate dropped from the integrand": nelbo_without_rate,
        },
    ),
)

CLAIMS: tuple[Claim, ...] = (*CONSTANTS, *INVARIANCE)
