"""P2, path planning (arXiv 2502.03540): what it generalises, when it masks a token again at all, and what that costs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from torch import Tensor

from theory.denoisers import Denoiser
from theory.ledger import Claim, Evidence, Instance, at_least, equal, rounding
from theory.reference import laws as reference
from theory.reference import planned as literal
from theory.remasking.claims.inputs import F1, Case, denoisers, ours, small_worlds, variation
from theory.remasking.planned import Plan, Planner, leave_one_out, planned, pseudo_likelihood, self_planner
from theory.unmasking import laws
from theory.unmasking.rules.low_confidence import LowConfidence
from theory.unmasking.walks import walk
from theory.worlds import TableWorld

P2 = "Peng et al., arXiv 2502.03540"
CODE = f"{P2}, released code, package path_planning (read in public copies; of the paper the abstract was read)"
PARTS = 12
"""Kept fractions kappa are multiples of 1 / PARTS."""

ZERO = Fraction(0)
PLANNERS = ("own", "others", "draft", "uniform")
"""The denoiser's own probability, that given the other shown tokens, the law's given the whole draft, and a uniform number."""


def planner_of(world: TableWorld, planner: str) -> Planner | None:
    """Return a planner by its name."""
    if planner == "draft":
        return pseudo_likelihood(world)
    return {"own": self_planner, "others": leave_one_out}.get(planner)


def kept_rule(case: Case, planner: str, eta: Fraction) -> literal.Kept:
    """Return the literal rule of a planner's name."""
    if planner == "uniform":
        return literal.race(eta, case.d)
    if planner == "draft":
        law = reference.conditionals_of(case.rational, case.d)
        return literal.greatest(literal.of_draft(case.conditional, law, case.d), eta, case.d)
    trust = literal.own if planner == "own" else literal.others
    return literal.greatest(trust(case.conditional, case.d), eta, case.d)


def fractions(kappas: Sequence[int]) -> list[Fraction]:
    """Return the kept fractions after each step."""
    return [Fraction(k, PARTS) for k in kappas]


def grid(kappas: Sequence[int]) -> list[float]:
    """Return the kept fractions from 0 on, as the engine takes them."""
    return [0.0, *(k / PARTS for k in kappas)]


def written_out(
    world: TableWorld,
    kappas: Sequence[int],
    planner: str,
    eta: Fraction,
    denoiser: Denoiser | None = None,
    excess: float = 1.0,
    later: float = 1.0,
) -> Iterator[Evidence]:
    """Compare the exact law with the sum over all drafts in fractions; the variants take another eta or kappa."""
    case = Case(world, denoiser)
    exact = literal.output_law(
        case.conditional, kept_rule(case, planner, eta), fractions(kappas), (case.d,) * case.n, case.d
    )
    taken = [min(1.0, k * later) for k in grid(kappas)]
    engine = planned(Plan(planner_of(world, planner), float(eta) * excess), taken, world, case.denoise)
    yield equal("rational", engine.output.law(), case.listed(exact), _slack(case, kappas), effective=len(kappas) > 1)


def low_confidence(
    world: TableWorld,
    kappas: Sequence[int],
    denoiser: Denoiser | None = None,
    eta: Fraction = ZERO,
    planner: str = "own",
) -> Iterator[Evidence]:
    """Compare P2 at eta = 0 with the walk of low-confidence remasking whose steps keep as many tokens."""
    case = Case(world, denoiser)
    held = [0, *(case.n - int((1 - kappa) * case.n) for kappa in fractions(kappas))]
    sizes = tuple(b - a for a, b in itertools.pairwise(held))
    planned_law = planned(Plan(planner_of(world, planner), float(eta)), grid(kappas), world, case.denoise).output.law()
    rule = walk(LowConfidence(sizes=sizes), world, case.denoise).output.law()
    several = sum(size > 0 for size in sizes) > 1
    yield equal("enumeration", planned_law, rule, _slack(case, kappas), effective=several)


def carried_over(
    world: TableWorld, kappas: Sequence[int], eta: Fraction, leak: float = 0.0, denoiser: Denoiser | None = None
) -> Iterator[Evidence]:
    """Compare the self-planner at eta with eta = 0; in the variant the denoiser gives shown tokens 1 - leak."""
    case, effective = Case(world, denoiser), eta > 0 and len(kappas) > 1
    asked: Denoiser = _Leaking(case.denoise, leak) if leak else case.denoise
    planned_law = planned(Plan(self_planner, float(eta)), grid(kappas), world, asked).output.law()
    still = kept_rule(case, "own", ZERO)
    exact = literal.output_law(case.conditional, still, fractions(kappas), (case.d,) * case.n, case.d)
    yield equal("rational", planned_law, case.listed(exact), _slack(case, kappas), effective=effective)
    other = planned(Plan(self_planner, 0.0), grid(kappas), world, asked).output.law()
    yield equal("enumeration", planned_law, other, _slack(case, kappas), effective=effective)


def fixed_sizes(
    world: TableWorld, kappas: Sequence[int], denoiser: Denoiser | None = None, eta: Fraction = ZERO
) -> Iterator[Evidence]:
    """Compare P2 with uniform numbers at eta = 0 with the sampler that reveals random subsets of the same sizes."""
    case = Case(world, denoiser)
    held = [0, *(case.n - int((1 - kappa) * case.n) for kappa in fractions(kappas))]
    rates = laws.fixed_size([b - a for a, b in itertools.pairwise(held)], case.n)
    planned_law = planned(Plan(None, float(eta)), grid(kappas), world, case.denoise).output.law()
    other = laws.sampler_law(rates, world, case.denoise).output.law()
    yield equal("enumeration", planned_law, other, _slack(case, kappas), effective=len(kappas) > 1)


def ancestral(world: TableWorld, kappas: Sequence[int]) -> Iterator[Evidence]:
    """Compare P2 with uniform numbers at eta = 0 with masked diffusion, whose tokens are revealed independently."""
    case, steps = Case(world), fractions(kappas)
    start = (case.d,) * case.n
    exact = literal.independent_law(case.conditional, steps, start, case.d)
    mine = literal.output_law(case.conditional, literal.race(ZERO, case.d), steps, start, case.d)
    planned_law = planned(Plan(None, 0.0), grid(kappas), world).output.law()
    yield equal(
        "enumeration", planned_law, case.listed(mine), _slack(case, kappas), note="the engine against fractions"
    )
    yield equal("rational", variation(mine, exact), ZERO, ZERO, note="total variation from masked diffusion")


def farther(
    world: TableWorld, kappas: Sequence[int], planner: str, least: Fraction, more: Fraction = ZERO
) -> Iterator[Evidence]:
    """Compare the distances from the data at eta = 1 and eta = 0, in fractions; `least` is what eta = 1 adds to it."""
    case, law = Case(world), Case(world).rational
    gaps = []
    for eta in (Fraction(1), ZERO):
        rule = kept_rule(case, planner, eta)
        exact = literal.output_law(case.conditional, rule, fractions(kappas), (case.d,) * case.n, case.d)
        gaps.append(variation(law, exact))
        distance = planned(Plan(planner_of(world, planner), float(eta)), grid(kappas), world).total_variation
        yield equal("enumeration", distance, float(gaps[-1]), _slack(case, kappas), note=f"eta = {eta}")
    yield at_least("rational", gaps[0] - gaps[1], least + more, ZERO, note="what masking again adds to the distance")


class _Leaking:
    """A denoiser that gives a shown token 1 - leak and the rest to the others."""

    def __init__(self, denoiser: Denoiser, leak: float) -> None:
        self.denoiser, self.leak, self.n, self.d = denoiser, leak, denoiser.n, denoiser.d

    def __call__(self, z: Tensor) -> Tensor:
        log_p = self.denoiser(z)
        own = z[..., None] == torch.arange(self.d)
        said = torch.where(own, 1 - self.leak, self.leak / (self.d - 1)).to(log_p.dtype).log()
        return torch.where((z == self.d)[..., None], log_p, said)


def _slack(case: Case, kappas: Sequence[int]) -> float:
    """Return the rounding of a step's sum over drafts and sets, for all steps; all terms are positive."""
    return rounding(len(kappas) * case.n * (2 * case.d + 2 + 2**case.n))


@st.composite
def _steps(draw: DrawFn, most: int = 4) -> list[int]:
    """Draw up to `most` kept fractions that do not fall and end at 1."""
    return [*sorted(draw(st.lists(st.integers(1, PARTS), max_size=most - 1))), PARTS]


@st.composite
def _cases(draw: DrawFn, /, **further: SearchStrategy[object]) -> Instance:
    """Draw a world or a denoiser that fits no law, kept fractions, and what else is named."""
    drawn_case = draw(st.one_of(small_worlds(), denoisers()))
    return {**drawn_case, "kappas": draw(_steps()), **{name: draw(strategy) for name, strategy in further.items()}}


def _etas(*more: Fraction) -> SearchStrategy[object]:
    return st.sampled_from((ZERO, Fraction(1, 2), Fraction(1), Fraction(2), *more))


THREE = TableWorld.from_weights([6, 1, 2, 3, 1, 9, 4, 5], 3, 2)
PAIR = TableWorld.from_weights([6, 1, 2, 9], 2, 2)
HALVES = [6, 6, 6, 12]
RISING = [4, 8, 12]

CLAIMS = (
    Claim(
        id="p2.step",
        statement=(
            "The exact law of P2 is the sum over all drafts in which each step keeps the n - floor((1 - kappa) n) positions "
            "of highest score, u_i for masked and u_i^eta for shown ones, shown ones first in ties; for uniform numbers "
            "u_i the kept positions are drawn one after the other with weights 1 (masked) and 1 / eta (shown)."
        ),
        source=f"{CODE}; {ours('p2.step')}",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=written_out,
        tolerance="rounding of a sum over drafts and sets of positions, for each step",
        inputs=partial(_cases, planner=st.sampled_from(PLANNERS), eta=_etas()),
        examples=25,
        fixtures=(
            {"world": THREE, "kappas": HALVES, "planner": "uniform", "eta": Fraction(1, 2)},
            {"world": THREE, "kappas": HALVES, "planner": "others", "eta": Fraction(1)},
            {"world": THREE, "kappas": HALVES, "planner": "draft", "eta": Fraction(1)},
            {"world": PAIR, "kappas": [6, 12], "planner": "own", "eta": ZERO},
        ),
        variants={
            "eta one percent larger": partial(written_out, excess=1.01),
            "kappa one percent larger": partial(written_out, later=1.01),
        },
    ),
    Claim(
        id="p2.low",
        statement=(
            "At eta = 0 the self-planner is low-confidence remasking: the most probable of the drawn tokens are kept, as "
            "many as kappa says, and a shown token stays."
        ),
        source=CODE,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=low_confidence,
        tolerance="rounding of a sum over drafts and sets of positions, for each step",
        inputs=_cases,
        examples=25,
        fixtures=({"world": THREE, "kappas": RISING}, {"world": F1, "kappas": [3, 6, 9, 12]}),
        variants={
            "with shown tokens scored by the others": partial(low_confidence, eta=Fraction(1), planner="others"),
        },
    ),
    Claim(
        id="p2.carry",
        statement=(
            "A self-planner whose denoiser carries shown tokens over never masks a token again: its law is the same for every "
            "eta."
        ),
        assumptions="At a shown position the denoiser gives the token there probability one, as a world does.",
        source=ours("p2.carry"),
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=carried_over,
        tolerance="rounding of a sum over drafts and sets of positions, for each step",
        inputs=partial(_cases, eta=_etas(Fraction(200))),
        examples=20,
        fixtures=({"world": THREE, "kappas": HALVES, "eta": Fraction(200)},),
        variants={"shown tokens have probability .99": partial(carried_over, leak=0.01)},
    ),
    Claim(
        id="p2.ancestral",
        statement=(
            "With uniform numbers and eta = 0, which the released code names ancestral sampling, P2 has the law of masked "
            "diffusion on the same grid."
        ),
        assumptions="exact conditionals; masked diffusion reveals each masked token by itself",
        source=f"{CODE}: the name ancestral_sampling, beside the abstract's claim that P2 generalises all samplers of MDMs",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="p2.fixed",
        routes=("enumeration", "rational"),
        check=ancestral,
        tolerance="none in fractions; rounding of a sum over drafts and sets of positions, for each step",
        fixtures=({"world": TableWorld.from_weights([1, 0, 0, 1], 2, 2), "kappas": [6, 12]},),
    ),
    Claim(
        id="p2.fixed",
        statement=(
            "With uniform numbers and eta = 0, P2 has the law of the sampler that reveals uniformly random subsets whose "
            "sizes are fixed in advance, the differences of n - floor((1 - kappa) n)."
        ),
        source=ours("p2.fixed"),
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=fixed_sizes,
        tolerance="rounding of a sum over drafts and sets of positions, for each step",
        inputs=_cases,
        examples=20,
        fixtures=({"world": THREE, "kappas": [3, 7, 12]}, {"world": F1, "kappas": [6, 12]}),
        variants={"eta = .01": partial(fixed_sizes, eta=Fraction(1, 100))},
    ),
    Claim(
        id="p2.bias",
        statement=(
            "Masking again by plan can take an exact denoiser's samples farther from the data: on four tokens of the sticky "
            "chain, halves kept twice more, eta = 1 adds .0097 to the total variation where tokens are scored by the others."
        ),
        source=ours("p2.bias"),
        quantifier="this instance",
        kind="lower",
        routes=("enumeration", "rational"),
        check=farther,
        tolerance="none in fractions; rounding of a sum over drafts and sets of positions, for each step",
        fixtures=({"world": F1, "kappas": [6, 6, 12], "planner": "others", "least": Fraction(97, 10000)},),
        variants={"one percent more": partial(farther, more=Fraction(97, 1000000))},
    ),
)
