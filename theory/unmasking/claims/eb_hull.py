"""EB against mixtures of Top-k samplers at equal calls: no theorem, and how often it holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch

from theory.ledger import Claim, Evidence, at_least, at_most, equal, strategies
from theory.tolerance import SLACK
from theory.unmasking import walks
from theory.unmasking.claims.eb import COPY, NOTES, PAPER, ROUNDING, budgets
from theory.unmasking.claims.rule_inputs import tolerance
from theory.unmasking.hull import height, lower_hull
from theory.unmasking.rules.sets import EntropyBounded, TopK
from theory.worlds import TableWorld, dirichlet


def below_hull(world: TableWorld, budget: float) -> Iterator[Evidence]:
    """Compare EB (entropy order, exact conditionals) with the lower hull of all Top-k points at its own E[NFE]."""
    done, n, slack = walks.walk(EntropyBounded(budget), world), world.n, tolerance(world, world.n)
    tops = [walks.walk(TopK(k, "entropy"), world) for k in range(1, n + 1)]
    points = [(float(w.calls), float(w.divergence)) for w in tops]
    nfe, mixed = float(done.calls), _mixed(points, float(done.calls))
    yield equal("enumeration", height(lower_hull(points), nfe), mixed, slack, note="hull, and mixtures of two points")
    yield at_most("enumeration", done.divergence, mixed, slack, effective=1 + SLACK < nfe < n - SLACK)


def _mixed(points: Sequence[tuple[float, float]], x: float) -> float:
    """Return the least divergence of any mixture of two points that makes x calls (at the ends: of one point)."""
    x = min(max(x, min(a for a, _ in points)), max(a for a, _ in points))
    found = [b for a, b in points if abs(a - x) <= SLACK]
    for (a, left), (b, right) in itertools.permutations(points, 2):
        if a < b and a <= x <= b:
            found.append(left + (right - left) * (x - a) / (b - a))
    return min(found)


def hull_families(family: str, low: float, high: float) -> Iterator[Evidence]:
    """Count over 40 laws and nine budgets how often EB lies strictly below the Top-k hull; fractions by two slacks.

    Families at n = 5, d = 2: dense Dirichlet(1); sparse, six random atoms; functional, three of the bits
    random functions of two random bits. Laws are drawn with seed 0 and not chosen.
    """
    generator = torch.Generator().manual_seed(0)
    found = TableWorld(torch.stack([_family_law(family, generator) for _ in range(40)]), 5, 2)
    tops = [walks.walk(TopK(k, "entropy"), found) for k in range(1, 6)]
    bounds = [walks.walk(EntropyBounded(b), found) for b in (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)]
    below = interior = 0
    for w in range(40):
        points = [(float(torch.as_tensor(t.calls)[w]), float(torch.as_tensor(t.divergence)[w])) for t in tops]
        hull = lower_hull(points)
        for done in bounds:
            nfe, divergence = float(torch.as_tensor(done.calls)[w]), float(torch.as_tensor(done.divergence)[w])
            if w == 0:
                mixed, slack = _mixed(points, nfe), tolerance(found[0], 5)
                yield equal("enumeration", height(hull, nfe), mixed, slack, note="hull, and mixtures of two points")
            inside = 1 + SLACK < nfe < 5 - SLACK
            interior += inside
            below += inside and divergence < height(hull, nfe) - SLACK
    note = f"{below} of {interior} points"
    yield at_least("enumeration", below / max(1, interior), low, 0.0, note=note)
    yield at_most("enumeration", below / max(1, interior), high, 0.0, note=note)


def _family_law(family: str, generator: torch.Generator) -> torch.Tensor:
    if family == "functional":
        parents = torch.rand(4, dtype=torch.float64, generator=generator) + 0.05
        children = torch.randint(0, 2, (4, 3), generator=generator)
        law = torch.zeros(32, dtype=torch.float64)
        for k in range(4):
            bits = [k // 2, k % 2, *children[k].tolist()]
            law[sum(b << (4 - i) for i, b in enumerate(bits))] += parents[k] / parents.sum()
        return law
    return dirichlet(5, 2, 1.0, generator, support=6 if family == "sparse" else None).law()


WIDE = TableWorld.from_weights([1, 1, 1, 1, 1, 1, 1, 3], 3, 2)


CLAIMS = (
    Claim(
        id="eb.hull",
        statement=(
            "With exact conditionals the entropy-bounded sampler errs no more than the best mixture of Top-k samplers "
            "that makes as many calls (entropy order for both)."
        ),
        source=f"{PAPER}, section 6.1.1, observed there on benchmarks, read as a theorem",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="eb.5",
        routes=("enumeration",),
        check=below_hull,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(3, 4), cells=27), budget=budgets()),
        examples=12,
        fixtures=({"world": WIDE, "budget": 0.65}, {"world": COPY, "budget": 0.3}),
    ),
    Claim(
        id="eb.hull.families",
        statement=(
            "Over 40 random laws of five bits and nine budgets the entropy-bounded sampler errs less than every mixture "
            "of Top-k samplers with as many calls at most points where the laws are sparse or where three bits are "
            "functions of two, and at no more than a quarter of the points where the laws are dense."
        ),
        assumptions="Dirichlet(1) laws, laws on six random sequences, and functional laws, drawn with seed 0.",
        source=f"{NOTES}, eb.hull.families",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=hull_families,
        tolerance="none: counts over the named laws",
        fixtures=(
            {"family": "sparse", "low": 0.5, "high": 1.0},
            {"family": "functional", "low": 0.5, "high": 1.0},
            {"family": "dense", "low": 0.0, "high": 0.25},
        ),
        variants={"dense laws too": lambda family, low, high: hull_families("dense", 0.5, 1.0)},
    ),
)
