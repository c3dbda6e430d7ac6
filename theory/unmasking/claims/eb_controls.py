"""What is not a theorem about EB, and what must fail: claims 10 and 12 of the notes, monotonicity, hulls, ties."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, strategies
from theory.unmasking.claims.eb import COPY, PAPER, ROUNDING, SIX_ATOMS, budgets
from theory.unmasking.claims.eb_steps import rows
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, proxies, tolerance
from theory.unmasking.hull import height, lower_hull
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import ProxyName
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, Threshold, TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, dirichlet

NOTES = "EB-Sampler notes, not theorems"
_TIED = {7: 3, 10: 4, 13: 5, 14: 1, 23: 5, 29: 8}
TIED = TableWorld.from_weights([_TIED.get(x, 0) for x in range(32)], 5, 2, "six atoms with ties")


def every_rule(by: ProxyName, budget: float) -> list[SetRule]:
    """Return one rule of each deterministic kind."""
    return [
        TopK(2, by), LeftToRight(2), Threshold(-0.6 if by != "entropy" else 0.4, by), Dilated(2), EntropyBounded(budget, by),
    ]  # fmt: skip


def batch_invariance(
    found: Sequence[Sequence[Sequence[int]]], by: ProxyName, budget: float, neighbour: float = 0.0
) -> Iterator[Evidence]:
    """Select for each state alone, in a batch, padded with revealed positions of arbitrary logits; equal sets.

    `neighbour` mixes that share of the next row into each: a batch that leaks.
    """
    p = torch.tensor(found, dtype=torch.float64)
    log_p = (p / p.sum(-1, keepdim=True)).log()
    masked = torch.ones(log_p.shape[:2], dtype=torch.bool)
    leaky = ((1 - neighbour) * log_p.exp() + neighbour * log_p.exp().roll(1, 0)).log()
    padding = torch.full_like(log_p, math.nan)
    padded, hidden = torch.cat((log_p, padding), 1), torch.cat((masked, ~masked), 1)
    for rule in every_rule(by, budget):
        batch = rule.select(leaky, masked)
        alone = torch.cat([rule.select(log_p[k : k + 1], masked[k : k + 1]) for k in range(len(p))])
        yield equal("enumeration", int((batch != alone).sum()), 0, 0, note=f"{rule.name}: batched")
        if isinstance(rule, Dilated):
            continue
        wide = rule.select(padded, hidden)[:, : masked.shape[1]]
        yield equal("enumeration", int((wide != alone).sum()), 0, 0, note=f"{rule.name}: padded")


def sampled_confidence(first: float, second: float, printed: float | None = None) -> Iterator[Evidence]:
    """Reveal the most probable of two drawn independent bits: the law must stay q; printed P(X_1 = 1) beside it."""
    q = torch.tensor([a * b for a in (1 - first, first) for b in (1 - second, second)], dtype=torch.float64)
    world = TableWorld(q, 2, 2)
    share = float(walk(SampledConfidence(), world).output.law()[2:].sum())
    yield equal("enumeration", share, first if printed is None else printed, tolerance(world), note="P(X_1 = 1)")


def overconfident(budget: float, wrong: float) -> Iterator[Evidence]:
    """Let a model claim 1 - wrong for each half of a fair copied bit: JD at most the budget that it passes."""
    world = TableWorld.from_weights([1, 0, 0, 1], 2, 2)
    p = torch.tensor([1 - wrong, wrong], dtype=torch.float64).log().expand(9, 2, 2)
    done = walk(EntropyBounded(budget), world, TableDenoiser(p))
    yield equal("enumeration", done.calls, 1.0, tolerance(world), note="passes the budget in one step")
    yield at_most("enumeration", done.joint_dependence, budget, tolerance(world), note="JD <= budget")


def calls_fall(world: TableWorld, low: float, high: float) -> Iterator[Evidence]:
    """Compare E[NFE] of EB at two budgets, under the sampler and under the data."""
    few, many = (walk(EntropyBounded(b), world) for b in (low, high))
    effective = bool((few.output.law() != many.output.law()).any())
    more, fewer = ([w.calls, w.calls_of_data] for w in (few, many))
    yield at_most("enumeration", fewer, more, tolerance(world, world.n), effective=effective)


def error_rises(world: TableWorld, low: float, high: float) -> Iterator[Evidence]:
    """Compare KL(q || p_phi) of EB at two budgets."""
    few, many = (walk(EntropyBounded(b), world) for b in (low, high))
    effective = bool((few.output.law() != many.output.law()).any())
    yield at_most("enumeration", few.divergence, many.divergence, tolerance(world, world.n), effective=effective)


def six_atoms(budget: float, sampler: float, data: float, divergence: float) -> Iterator[Evidence]:
    """Compute E[NFE] under both chains and the KL of the six-atom fixture; printed to three decimals."""
    done = walk(EntropyBounded(budget), SIX_ATOMS)
    yield equal("enumeration", done.calls, sampler, 5e-4, note="E[NFE], sampler")
    yield equal("enumeration", done.calls_of_data, data, 5e-4, note="E[NFE], data")
    yield equal("enumeration", done.divergence, divergence, 5e-4, note="KL")


def ties_matter(ascending: float, descending: float) -> Iterator[Evidence]:
    """Compute E[NFE] at budget .45 with ties to the smaller index, and on the mirrored law, ties to the larger."""
    mirrored = TableWorld(TIED.law().reshape([2] * 5).permute(4, 3, 2, 1, 0))
    for world, printed in ((TIED, ascending), (mirrored, descending)):
        done = walk(EntropyBounded(0.45), world)
        yield equal("enumeration", done.calls, printed, 5e-3, note="printed to two decimals")


def below_hull(world: TableWorld, budget: float) -> Iterator[Evidence]:
    """Compare EB (entropy order, exact conditionals) with the lower hull of all Top-k points at its own E[NFE]."""
    done, n = walk(EntropyBounded(budget), world), world.n
    points = [walk(TopK(k, "entropy"), world) for k in range(1, n + 1)]
    hull = lower_hull([(float(w.calls), float(w.divergence)) for w in points])
    nfe = float(done.calls)
    effective = 1 + 1e-9 < nfe < n - 1e-9
    yield at_most("enumeration", done.divergence, height(hull, nfe), tolerance(world, n), effective=effective)


def hull_families(family: str, low: float, high: float) -> Iterator[Evidence]:
    """Count over 40 laws and nine budgets how often EB lies strictly below the Top-k hull; fractions by two slacks.

    Families at n = 5, d = 2: dense Dirichlet(1); sparse, six random atoms; functional, three of the bits
    random functions of two random bits. Laws are drawn with seed 0 and not chosen.
    """
    generator = torch.Generator().manual_seed(0)
    found = TableWorld(torch.stack([_family_law(family, generator) for _ in range(40)]), 5, 2)
    tops = [walk(TopK(k, "entropy"), found) for k in range(1, 6)]
    bounds = [walk(EntropyBounded(b), found) for b in (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)]
    below = interior = 0
    for w in range(40):
        hull = lower_hull([(float(torch.as_tensor(t.calls)[w]), float(torch.as_tensor(t.divergence)[w])) for t in tops])
        for done in bounds:
            nfe, divergence = float(torch.as_tensor(done.calls)[w]), float(torch.as_tensor(done.divergence)[w])
            top = height(hull, nfe)
            interior += 1 + 1e-9 < nfe < 5 - 1e-9
            below += 1 + 1e-9 < nfe < 5 - 1e-9 and divergence < top - 1e-9
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


@st.composite
def _pair(draw: st.DrawFn) -> Instance:
    low, high = sorted((draw(budgets()), draw(budgets())))
    return {"world": draw(strategies.worlds(n=(3, 4), cells=27)), "low": low, "high": high}


@st.composite
def _batches(draw: st.DrawFn) -> Instance:
    positions = draw(st.integers(1, 5))
    found = [draw(rows(positions, 3)) for _ in range(draw(st.integers(2, 4)))]
    return {"found": found, "by": draw(proxies()), "budget": draw(budgets())}


LEAK = {"found": [[[9, 1, 1], [1, 1, 1]], [[1, 1, 1], [9, 1, 1]]], "by": "entropy", "budget": 0.0}
LADDER = {"world": SIX_ATOMS, "low": 0.40, "high": 0.45}
WIDE = TableWorld.from_weights([1, 1, 1, 1, 1, 1, 1, 3], 3, 2)

CLAIMS = (
    Claim(
        id="eb.10",
        statement=(
            "A rule selects the same set alone, in a batch, and beside revealed positions with arbitrary logits"
        ),
        source=f"{PAPER}, Algorithm 1",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=batch_invariance,
        tolerance="none: sets of positions",
        inputs=_batches,
        examples=25,
        fixtures=(LEAK,),
        variants={"neighbours leak": partial(batch_invariance, neighbour=0.9)},
    ),
    Claim(
        id="eb.12a",
        statement="Ordering by the probability of the sampled token keeps the law of independent tokens",
        source="EB-Sampler notes, not theorems (12a)",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="eb.8",
        routes=("enumeration",),
        check=sampled_confidence,
        tolerance=ROUNDING,
        fixtures=({"first": 0.9, "second": 0.6},),
    ),
    Claim(
        id="eb.12a.digits",
        statement="Independent Bernoulli(.9), Bernoulli(.6): sampled-token confidence gives P(X_1 = 1) = .99",
        source="EB-Sampler notes, not theorems (12a)",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=sampled_confidence,
        tolerance=ROUNDING,
        fixtures=({"first": 0.9, "second": 0.6, "printed": 0.99},),
        variants={"unbiased": lambda first, second, printed: sampled_confidence(first, second, first)},
    ),
    Claim(
        id="eb.12b",
        statement="A block that passes the budget with predicted entropies has JD at most the budget",
        source="EB-Sampler notes, not theorems (12b)",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="eb.9a",
        routes=("enumeration",),
        check=overconfident,
        tolerance=ROUNDING,
        fixtures=({"budget": 0.01, "wrong": 0.001},),
    ),
    Claim(
        id="eb.nfe",
        statement="E[NFE] of EB does not rise with the budget",
        source=NOTES,
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="eb.7b",
        routes=("enumeration",),
        check=calls_fall,
        tolerance=ROUNDING,
        inputs=_pair,
        fixtures=(LADDER,),
    ),
    Claim(
        id="eb.kl",
        statement="KL(q || p_phi) of EB does not fall with the budget",
        source=NOTES,
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="eb.5",
        routes=("enumeration",),
        check=error_rises,
        tolerance=ROUNDING,
        inputs=_pair,
        examples=60,
        fixtures=({"world": COPIED_PAIRS, "low": 0.7, "high": 1.4},),
    ),
    Claim(
        id="eb.fixture",
        statement=(
            "Six atoms, budget .40 to .45: E[NFE] rises 2.863 to 3.624 (2.850 to 3.624 under the data), KL .018 to .329"
        ),
        source=NOTES,
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=six_atoms,
        tolerance="half a unit of the last printed digit",
        fixtures=(
            {"budget": 0.40, "sampler": 2.863, "data": 2.850, "divergence": 0.018},
            {"budget": 0.45, "sampler": 3.624, "data": 3.624, "divergence": 0.329},
        ),
        variants={"budget .35": lambda budget, **printed: six_atoms(0.35, **printed)},
    ),
    Claim(
        id="eb.ties",
        statement=(
            "Weights 3, 4, 5, 1, 5, 8 at budget .45: E[NFE] 3.62 with ties to the smaller index, 2.93 to the larger"
        ),
        source="EB-Sampler notes, ties",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=ties_matter,
        tolerance="half a unit of the last printed digit",
        fixtures=({"ascending": 3.62, "descending": 2.93},),
        variants={"ties do not matter": lambda ascending, descending: ties_matter(ascending, ascending)},
    ),
    Claim(
        id="eb.hull",
        statement="EB lies on or below the lower hull of all Top-k points at the same E[NFE]",
        source=NOTES,
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="eb.5",
        routes=("enumeration",),
        check=below_hull,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(3, 4), cells=27), budget=budgets()),
        examples=60,
        fixtures=({"world": WIDE, "budget": 0.65}, {"world": COPY, "budget": 0.3}),
    ),
    Claim(
        id="eb.hull.families",
        statement=(
            "EB beats the Top-k hull at most budget points for sparse and functional laws, and at few for "
            "dense Dirichlet(1) laws"
        ),
        source=NOTES,
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=hull_families,
        tolerance="none: exact values, rates over 40 laws a family; the notes give 59-65 % and 2 %",
        fixtures=(
            {"family": "sparse", "low": 0.5, "high": 1.0},
            {"family": "functional", "low": 0.5, "high": 1.0},
            {"family": "dense", "low": 0.0, "high": 0.25},
        ),
        variants={"dense laws too": lambda family, low, high: hull_families("dense", 0.5, 1.0)},
    ),
)
