"""Claims 18, 20-25 and claim 8 of the energy paper: examples that decide which natural statements are false."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st

from theory import schedules
from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, rounding, strategies
from theory.unmasking import beta_fit, bounds, curves, laws, losses, optimal, riemann
from theory.unmasking.claims.curve import ROUNDING, worlds_and_sizes
from theory.unmasking.claims.optimal import CURVE_SUMS
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, tolerance
from theory.unmasking.claims.sampler import PARITY, models
from theory.worlds import (
    TableWorld,
    World,
    beta_toy_left,
    beta_toy_right,
    copied_pairs,
    even_parity,
    information,
    repetition,
)
from theory.worlds.table import table_of
from theory.worlds.tree import sticky_chain

SECTION_8 = "schedules notes, 8"
ENERGY = "Chen, Nie, Sun et al., arXiv 2509.13866"
LINEAR_6 = [j * math.log(2) / 5 for j in range(6)]
CHAIN = sticky_chain(6).information_curve().clamp(min=0).tolist()
JUMPS = [math.log(2) * sum(j > c for c in (1, 6, 8)) for j in range(1, 13)]
LEFT, RIGHT = table_of(beta_toy_left()), table_of(beta_toy_right())


def copied_pairs_error(pairs: int, steps: int, tokens: int = 2, offset: int = 1) -> Iterator[Evidence]:
    """Compute E of balanced sizes on copied bit pairs from the world's own curve; L a multiple of T."""
    length = 2 * pairs
    curve = (
        copied_pairs(pairs, tokens).information_curve() if pairs <= 5 else torch.linspace(0, math.log(tokens), length)
    )
    error = float(curves.fixed_size_error(curve.double().clamp(min=0), bounds.balanced_sizes(length, steps)))
    claimed = pairs * math.log(tokens) * (length / steps - 1) / (length - offset)
    yield equal("closed form", error, claimed, rounding(8 * 2**pairs, length), effective=steps < length)


def printed_rates(steps: int, rate: float, support: float) -> Iterator[Evidence]:
    """Compare the token rate gap E / L and the support error of three copied pairs with their printed digits."""
    world, sizes = copied_pairs(3), bounds.balanced_sizes(6, steps)
    error = float(curves.fixed_size_error(world.information_curve().clamp(min=0), sizes))
    yield equal("closed form", error / 6, rate, 5e-4, note="E / L, printed to three decimals")
    output = laws.sampler_law(laws.fixed_size(sizes, 6), world).output.law()
    yield equal("enumeration", output[world.law() == 0].sum(), support, 5e-4, note="SER, printed to three decimals")


def energy_optimal_is_best(curve: Sequence[float], steps: int) -> Iterator[Evidence]:
    """Compare E_iid of squared sine, optimal for the energies with gamma = t, with that of the linear grid."""
    z = torch.tensor(curve, dtype=torch.float64)
    sine, linear = (float(curves.per_token_error(z, s.grid(steps))) for s in (schedules.SQUARED_SINE, schedules.LINEAR))
    yield at_most("closed form", sine, linear, rounding(len(curve) * steps, sum(curve)), effective=linear > 1e-9)


def one_minimiser(world: TableWorld, steps: int) -> Iterator[Evidence]:
    """Evaluate KL(mu || nu-bar) of every composition; the one that minimises E must minimise it too."""
    n, curve = world.n, world.information_curve()
    parts = [s for s in laws.compositions(n, min(steps, n)) if min(s) > 0]
    mixed = torch.as_tensor(laws.sampler_law(torch.stack([laws.fixed_size(s, n) for s in parts]), world).divergence)
    errors = torch.tensor([curves.fixed_size_error(curve, s) for s in parts], dtype=torch.float64)
    slack = tolerance(world, n)
    chosen = mixed[errors <= errors.min() + slack].min()
    yield at_most("enumeration", chosen, mixed.min(), 1e-9, effective=len(parts) > 1 and float(errors.max()) > 1e-6)


def beta_within(world: World, steps: int, percent: float) -> Iterator[Evidence]:
    """Compare the best Beta grid with the best grid of K steps; both are exact values of a search's result."""
    curve = world.information_curve().clamp(min=0)
    best = optimal.optimal_grid(curve, steps)[1]
    yield at_most("closed form", beta_fit.best_beta(curve, steps).error, (1 + percent / 100) * best, 1e-9)


def beta_within_on_curve(curve: Sequence[float], steps: int, percent: float) -> Iterator[Evidence]:
    """Compare the best Beta grid with the best grid on any curve."""
    best = optimal.optimal_grid(curve, steps)[1]
    beta = beta_fit.best_beta(curve, steps).error
    yield at_most("closed form", beta, (1 + percent / 100) * best, 1e-9, effective=best > 1e-6)


def rounded_beta_attains(curve: Sequence[float], steps: int) -> Iterator[Evidence]:
    """Compare the best sizes that Beta schedules round to with the programme's optimum."""
    best = optimal.optimal_sizes(curve, steps)[-1]
    found = beta_fit.best_rounded_beta(curve, steps)
    note = f"Beta {found.sizes}, optimum {best.sizes}"
    yield at_most("closed form", found.error, best.error, 1e-9, effective=sum(curve) > 1e-9, note=note)


def greedy_attains(curve: Sequence[float], steps: int) -> Iterator[Evidence]:
    """Compare greedy insertion of nodes with the programme's optimum."""
    count = min(steps, len(curve))
    best, found = optimal.optimal_sizes(curve, count)[-1], optimal.greedy_sizes(curve, count)[-1]
    note = f"greedy {found.sizes}, optimum {best.sizes}"
    slack = rounding(4 * len(curve), sum(curve))
    yield at_most("closed form", found.error, best.error, slack, effective=best.error > 1e-9, note=note)


def measured_schedule(world: TableWorld, model: TableWorld, steps: int, truth: bool = False) -> Iterator[Evidence]:
    """Give a denoiser the grid computed from its own cross-entropies; path KL by enumeration against named grids.

    The dynamic programme covers 400 cells, and the lattice loses at most the second-order term of one cell.
    """
    n, points = world.n, np.linspace(0, 1, 401)
    cross = losses.cross_entropies(world, model)
    heights = information.smoothed_curve(cross, torch.from_numpy(points[:-1])).numpy()
    nodes = riemann.least_riemann_sums(points, -heights if truth else heights, steps)[1][-1]
    found = laws.sampler_law(points[nodes], world, model)
    own = float(found.path_divergence)
    named = [laws.sampler_law(s, world, model, steps=steps) for s in schedules.NAMED.values()]
    others = [float(one.path_divergence) for one in named]
    lattice = float(np.abs(np.diff(heights)).max()) * n * steps / 400
    effective = max(others) > min(others) + 1e-6 and steps > 1
    yield at_most("enumeration", own, min(others), lattice, effective=effective, note="path KL, best named grid")
    yield at_most(
        "enumeration", found.divergence, own, tolerance(world, n), effective=effective,
        note="KL of the output law <= path KL",
    )  # fmt: skip


def toy_plane(world: World, steps: int = 3, resolution: int = 21) -> tuple[np.ndarray, np.ndarray]:
    """Return the axis and KL(mu || nu-bar) over the (a, b) plane for a toy target of Fig. 4."""
    q, axis = world.law(), np.geomspace(0.2, 5.0, resolution)
    grids = beta_fit.beta_grids(axis[:, None], axis[None, :], np.arange(steps + 1) / steps)
    grids[..., 0], grids[..., -1] = 0.0, 1.0
    output = laws.multinomial_mixture(world, grids).law()
    return axis, information.kullback_leibler(q.expand_as(output), output).numpy()


def targets_prefer(own: TableWorld, other: TableWorld, steps: int = 3) -> Iterator[Evidence]:
    """Take the best (a, b) of the other target over to this one: it must do strictly worse than this one's best."""
    _, mine = toy_plane(own, steps)
    axis, theirs = toy_plane(other, steps)
    i, j = np.unravel_index(int(np.argmin(theirs)), theirs.shape)
    note = f"best of {other.name}: ({axis[i]:.3g}, {axis[j]:.3g})"
    effective = own != other
    yield at_least("enumeration", mine[i, j], mine.min() * 1.001, 0.0, effective=effective, note=note)


def _curve_steps(longest: int = 12, most: int = 5) -> st.SearchStrategy[Instance]:
    return strategies.paired(curve=strategies.curves(n=(3, longest)), steps=st.integers(2, most))


@st.composite
def _world_steps(draw: st.DrawFn) -> Instance:
    return {"world": draw(worlds_and_sizes())["world"], "steps": draw(st.integers(2, 3))}


@st.composite
def _world_model_steps(draw: st.DrawFn) -> Instance:
    world = draw(strategies.worlds(n=(2, 3), cells=27))
    return {"world": world, "model": draw(models(world.n, world.d)), "steps": draw(st.integers(2, 5))}


EXAMPLES = tuple(
    {"world": w, "steps": k, "percent": p}
    for w, p in ((table_of(sticky_chain(6)), 0.8), (even_parity(6), 1.0), (repetition(6), 2.3))
    for k in (2, 4, 6)
)
TWO_MINIMA = TableWorld.from_weights([1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 3, 2, 1, 2, 2], 4, 2)

CLAIMS = (
    Claim(
        id="schedules.18",
        statement="Copied bit pairs, balanced sizes: E = (L/2) ln 2 (L/T - 1)/(L - 1)",
        assumptions="T divides L",
        source="schedules notes, F, after Feng et al., arXiv 2502.09622",
        quantifier="this instance",
        kind="equality",
        routes=("closed form",),
        check=copied_pairs_error,
        tolerance="rounding of a sum over the support",
        fixtures=tuple({"pairs": p, "steps": k} for p, k in ((3, 1), (3, 2), (3, 3), (3, 6), (4, 2), (5, 5), (50, 20))),
        variants={"L instead of L - 1": partial(copied_pairs_error, offset=0)},
    ),
    Claim(
        id="schedules.18.digits",
        statement="Three copied pairs, T = 1, 2, 3: token rate gap .347, .139, .069; support error .875, .450, .258",
        source="schedules notes, F",
        quantifier="this instance",
        kind="equality",
        routes=("closed form", "enumeration"),
        check=printed_rates,
        tolerance="half a unit of the last printed digit",
        fixtures=(
            {"steps": 1, "rate": 0.347, "support": 0.875},
            {"steps": 2, "rate": 0.139, "support": 0.450},
            {"steps": 3, "rate": 0.069, "support": 0.258},
        ),
        variants={"one more step": lambda steps, rate, support: printed_rates(steps + 1, rate, support)},
    ),
    Claim(
        id="schedules.20",
        statement="Energy-optimal implies low error: squared sine errs no more than the linear grid at equal K",
        source=f"{SECTION_8}; {ENERGY}, Theorem 3.6",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.13a",
        routes=("closed form",),
        check=energy_optimal_is_best,
        tolerance=CURVE_SUMS,
        inputs=_curve_steps,
        fixtures=({"curve": LINEAR_6, "steps": 4}, {"curve": CHAIN, "steps": 4}),
        variants={"on copied pairs": lambda curve, steps: energy_optimal_is_best(LINEAR_6, steps)},
    ),
    Claim(
        id="schedules.21",
        statement="The sizes that minimise E(s) minimise KL(mu || nu-bar)",
        source="Chen, Cong, Li, arXiv 2511.04647, slip (7)",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.3",
        routes=("enumeration",),
        check=one_minimiser,
        tolerance=ROUNDING,
        inputs=_world_steps,
        examples=60,
        fixtures=({"world": TWO_MINIMA, "steps": 2}, {"world": COPIED_PAIRS, "steps": 2}),
        variants={"at K = 2": lambda world, steps: one_minimiser(world, 2)},
    ),
    Claim(
        id="schedules.22",
        statement=(
            "The best Beta grid is within 0.8 % of the best grid on the chain, 1.0 % on parity, 2.3 % on "
            "repetition (K <= 6)"
        ),
        source=f"{SECTION_8}, 'Beta-CDF versus the optimum'",
        quantifier="this instance",
        kind="upper",
        see="schedules.22.general",
        routes=("closed form",),
        check=beta_within,
        tolerance="values of E_iid at the points found, 1e-9; the searches can only overstate",
        fixtures=EXAMPLES,
        variants={"within 0.01 %": lambda world, steps, percent: beta_within(world, steps, 0.01)},
    ),
    Claim(
        id="schedules.22.general",
        statement="The best Beta grid is within 2.3 % of the best grid for every law",
        source=f"{SECTION_8}, 'Beta-CDF versus the optimum'",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.22",
        routes=("closed form",),
        check=beta_within_on_curve,
        tolerance="1e-9: a gap of more than 2.3 % is no search error",
        fixtures=({"curve": [0.0] + [1.0] * 14 + [40.0], "steps": 4, "percent": 2.3},),
        variants={"within 1 %": lambda curve, steps, percent: beta_within_on_curve(curve, steps, 1.0)},
    ),
    Claim(
        id="schedules.23",
        statement="Some Beta schedule rounds to the provably optimal sizes",
        source=f"{SECTION_8}, 'Beta-CDF versus the optimum'",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.4a",
        routes=("closed form",),
        check=rounded_beta_attains,
        tolerance="1e-9: errors differ by ln 2",
        inputs=_curve_steps,
        examples=6,
        fixtures=({"curve": JUMPS, "steps": 4},),
        variants={"for four steps": lambda curve, steps: rounded_beta_attains(JUMPS, 4)},
    ),
    Claim(
        id="schedules.24",
        statement="Greedy splitting attains the optimum",
        source=f"{SECTION_8}; Park et al., arXiv 2410.07761",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.4a",
        routes=("closed form",),
        check=greedy_attains,
        tolerance=CURVE_SUMS,
        inputs=_curve_steps,
        fixtures=({"curve": CHAIN, "steps": 3},),
        variants={"at K = 3": lambda curve, steps: greedy_attains(CHAIN, 3)},
    ),
    Claim(
        id="schedules.25",
        statement=(
            "The grid computed from a model's CE(alpha) has path KL at most that of every named schedule at equal K"
        ),
        assumptions="CE(alpha) known",
        source="schedules notes, 7 and 9 (25)",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=measured_schedule,
        tolerance="one lattice cell of the programme: n K max|dCE| / 400",
        inputs=_world_model_steps,
        examples=25,
        fixtures=({"world": PARITY, "model": TableWorld.from_weights([9, 2, 2, 9, 2, 9, 9, 2], 3, 2), "steps": 3},),
        variants={"grid of the reversed curve": partial(measured_schedule, truth=True)},
    ),
    Claim(
        id="energy.8",
        statement="Different targets prefer different (a, b): each target's best pair is worse on the other",
        source=f"{ENERGY}, Fig. 4",
        status="printed",
        quantifier="there exists",
        kind="lower",
        routes=("enumeration",),
        check=targets_prefer,
        tolerance="none: a gap of one part in a thousand of exact values is asked for",
        fixtures=({"own": LEFT, "other": RIGHT}, {"own": RIGHT, "other": LEFT}),
        variants={"the same target": lambda own, other: targets_prefer(own, own)},
    ),
)
