"""G-Star 9 and 14: which subsets of positions are masked again, and how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Generator, Tensor

from theory.ledger import Claim, Evidence, Instance, equal, hoeffding_margin, rounding, strategies
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, drafts
from theory.remasking.claims.inputs import F2, PATHS, STAR, Case, alphas, fraction, merged, ours, variation
from theory.remasking.claims.steps import STEPPED
from theory.remasking.schedules import counted, star
from theory.remasking.selection import Selection
from theory.worlds import TableWorld

ZERO = Fraction(0)


def subsets(odds: Sequence[int], size: int, inverse: int = 1, late: bool = False) -> Iterator[Evidence]:
    """Compare the recursion over sets with all orders in fractions, and Gumbel-top-k draws with all orders.

    Weights are odds^inverse for the temperature 1 / inverse, hence rational. In the variant the temperature divides
    scores and noise alike. Draws are made for four positions and more: only fixtures have as many.
    """
    n, selection = len(odds), Selection(1 / inverse)
    scores = torch.tensor(odds, dtype=torch.float64).log()
    exact = reference_remasking.subset_law([Fraction(o) ** inverse for o in odds], size)
    listed = [0.0] * 2**n
    for subset, p in exact.items():
        listed[sum(2 ** (n - 1 - i) for i in subset)] = float(p)
    of_size = torch.tensor([s.bit_count() == size for s in range(2**n)])
    found = torch.where(of_size, selection.set_probabilities(scores), 0.0)
    effective = len(set(odds)) > 1 and 0 < size < n
    slack = rounding(n * 2**n, inverse * max(1.0, float(scores.abs().max())))
    yield equal("rational", found, listed, slack, effective=effective, note="all orders")
    if n >= 4:
        chosen = _late(scores, size) if late else _drawn(selection, scores, size)
        index = (chosen * (2 ** torch.arange(n - 1, -1, -1))).sum(-1)
        seen, margin = torch.bincount(index, minlength=2**n).double() / PATHS, hoeffding_margin(PATHS, 1.0)
        yield equal("monte-carlo", seen, listed, margin, effective=effective, note="Gumbel-top-k")


def binomial_number(
    world: TableWorld, now: int, after: int, share: int, count: str = "bernoulli"
) -> Iterator[Evidence]:
    """Compare uniform subsets of a binomial number of positions with the star step, from the noised data.

    The star step is written out over all drafts in fractions. The variant takes a fixed number.
    """
    case, t, s, d = Case(world), fraction(now), fraction(after), world.d
    start = reference_remasking.noised_law(case.rational, t, d)
    wanted = reference_remasking.posterior_step(start, case.literal_fill, t, s, 1 - s, d)
    refine = drafts.unguided(Selection(count=count), world)
    found = chain.counted_step(chain.noised_states(world, float(t)), case.factorised, refine.chance(float(s)))
    yield equal("rational", found, case.listed(wanted, masks=True), case.slack(2), effective=0 < s < 1, note="one step")


def count_rule(world: TableWorld, steps: int, same: bool = False) -> Iterator[Evidence]:
    """Compute in fractions the TV from the data of the unguided star with a fixed and with a free number of masks.

    A fixed number is nearer. The variant takes the free number on both sides.
    """
    case, n, d = Case(world), world.n, world.d
    grid = [(Fraction(k, steps), Fraction(k + 1, steps), 1 - Fraction(k + 1, steps)) for k in range(steps)]
    free = reference_remasking.output_law(case.literal_fill, grid, n, d)
    fixed = (
        free
        if same
        else reference_remasking.refined_law(case.literal_fill, lambda y: [Fraction(1)] * n, steps, 0, n, d)
    )
    near, far = (variation(law, case.rational) for law in (fixed, free))
    note = f"TV {float(near):.4f} with a fixed number, {float(far):.4f} with a free one"
    yield equal("rational", int(near < far), 1, ZERO, note=note)
    slack = case.slack(4 * steps)
    yield equal("enumeration", case.distance(star(steps)), float(far), slack, note="the engine, independent masks")
    refine = drafts.unguided(Selection(), world)
    yield equal("enumeration", case.distance(counted(steps), refine), float(near), slack, effective=not same)


def _drawn(selection: Selection, scores: Tensor, size: int) -> Tensor:
    return selection.choose(scores.expand(PATHS, -1), torch.full((PATHS,), size), Generator().manual_seed(0))


def _late(scores: Tensor, size: int) -> Tensor:
    u = torch.rand(PATHS, len(scores), dtype=torch.float64, generator=Generator().manual_seed(0))
    ranks = ((scores - torch.log(-torch.log(u))) / 7.0).argsort(-1, descending=True).argsort(-1)
    return ranks < size


def _odds() -> SearchStrategy[Instance]:
    lists = st.lists(st.integers(1, 9), min_size=3, max_size=3)
    return st.fixed_dictionaries({"odds": lists, "size": st.integers(0, 3), "inverse": st.integers(1, 2)})


def _pairs_of_alphas() -> SearchStrategy[Instance]:
    return merged(strategies.paired(world=strategies.worlds(n=(2, 3), cells=9)), alphas())


CLAIMS = (
    Claim(
        id="gstar.9",
        statement=(
            "The positions of the N largest values of g_i / tau + Gumbel noise are N draws without replacement with "
            "weights exp(g_i / tau), the Plackett-Luce law of scores g at temperature tau."
        ),
        source=f"{STAR}, equation (5); see docs/derivations.md, gstar.9",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "monte-carlo"),
        check=subsets,
        tolerance=f"recursion: rounding; Hoeffding for {PATHS} draws at the suite's false-alarm share for each set",
        inputs=_odds,
        examples=20,
        fixtures=({"odds": [1, 2, 5, 3], "size": 2, "inverse": 2}, {"odds": [9, 1, 1, 4], "size": 3}),
        variants={"temperature after the noise": partial(subsets, late=True)},
    ),
    Claim(
        id="gstar.14a",
        statement=(
            "Filling all masks and masking a uniform subset of a Binomial(n, 1 - alpha_next) number of the n positions "
            "again is the star step with independent masks."
        ),
        source=ours("gstar.14"),
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=binomial_number,
        tolerance="engine against fractions: rounding of a step",
        inputs=_pairs_of_alphas,
        examples=10,
        fixtures=STEPPED[:2],
        variants={"fixed number": partial(binomial_number, count="ceil")},
    ),
    Claim(
        id="gstar.14b",
        statement=(
            "There is a data law for which the unguided star over the whole run is nearer to the data with "
            "ceil((1 - alpha_next) n) masks after each step than with independent masks: the count rule alone moves the "
            "law, so guided and unguided samplers must be compared under one rule."
        ),
        assumptions="exact conditionals, linear alpha",
        source=ours("gstar.14"),
        quantifier="there exists",
        kind="equality",
        routes=("rational", "enumeration"),
        check=count_rule,
        tolerance="none in fractions; engine: rounding of T steps",
        fixtures=({"world": F2, "steps": 8},),
        variants={"a free number on both sides": partial(count_rule, same=True)},
    ),
)
