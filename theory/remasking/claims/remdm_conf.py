"""ReMDM-conf: sigma shared out by confidence among the shown tokens. It does not keep the marginals (2503.00307)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Generator

from theory.ledger import Claim, Evidence, Instance, at_most, equal, hoeffding_margin, rounding
from theory.reference import remasking as reference_remasking
from theory.remasking.claims.inputs import PATHS, REMDM, Case, alphas, fraction, frequencies, ours
from theory.remasking.sampling import confident_sigma, masked_batch, sample
from theory.remasking.schedules import cap, plan
from theory.worlds import TableWorld

ZERO = Fraction(0)


def confident_token(now: int, after: int, share: int, marginal: bool = False) -> Iterator[Evidence]:
    """Step one token under conf, from the law at alpha_now, and compare its masked probability.

    A shown token carries all of sigma, a masked one none: by the printed cases of the step, by walking every path with
    its history, and by the shares that the sampler computes. With `marginal` the claimed value is 1 - alpha_next.
    """
    t, s = fraction(now), fraction(after)
    sigma = fraction(share) * (min(Fraction(1), (1 - s) / t) if t else Fraction(1))
    claimed = 1 - s if marginal else 1 - s + sigma * t
    effective = sigma * t > 0
    shown = reference_remasking.token_law(0, 0, t, s, sigma, 1)
    hidden = reference_remasking.token_law(1, 0, t, s, ZERO, 1)
    masked = Fraction(t * shown[1] + (1 - t) * hidden[1])
    yield equal("rational", masked, claimed, ZERO, effective=effective, note="masked probability")
    steps = [(0.0, float(t), 0.0), (float(t), float(s), float(sigma))]
    walked = reference_remasking.confident_law(lambda z, i, v: 1, steps, 1, 1)
    slack = rounding(4) / float(1 - t)
    yield equal("enumeration", walked.get((1,), 0.0), float(claimed), slack, effective=effective, note="every path")
    one = torch.tensor([[0.3]], dtype=torch.float64)
    shares = [float(confident_sigma(one, torch.tensor([[flag]]), float(sigma))) for flag in (False, True)]
    yield equal(
        "closed form", shares, [float(sigma), 0.0], rounding(2), effective=effective, note="the engine's shares"
    )


def confident_shares(
    chances: Sequence[int], hidden: Sequence[bool], sigma: float, excess: float = 1.0
) -> Iterator[Evidence]:
    """Compare the engine's shares of sigma with exp(-psi) over its sum, and their sum with sigma.

    `chances` are the tokens' probabilities when revealed, in sixteenths; the variant claims `excess` times the shares.
    """
    psi, mask = [c / 16 for c in chances], (list(hidden) + [False] * len(chances))[: len(chances)]
    found = confident_sigma(torch.tensor([psi], dtype=torch.float64), torch.tensor([mask]), sigma)[0]
    total = math.fsum(math.exp(-p) for p, masked in zip(psi, mask, strict=True) if not masked)
    wanted = [0.0 if m else excess * sigma * math.exp(-p) / total for p, m in zip(psi, mask, strict=True)]
    effective, slack = sigma > 0 and not all(mask), rounding(2 * len(chances))
    yield equal("closed form", found, wanted, slack, effective=effective, note="each token's share")
    share = 0.0 if all(mask) else sigma
    yield equal("closed form", found.sum(), share, slack, effective=effective, note="they sum to sigma")
    yield at_most("closed form", found.sum(), 1.0, slack, effective=effective, note="at most one token a step")


def confident_sampler(
    world: TableWorld, steps: int, ends: int, sigma: Fraction, flip: bool = False
) -> Iterator[Evidence]:
    """Sample under conf, and compare the frequencies of states after `ends` of `steps` steps with all paths walked.

    A path carries the probability that each token had when it was revealed. The variant never masks again.
    """
    n, d = world.n, world.d
    case = Case(world)
    grid = [Fraction(k, steps) for k in range(ends + 1)]
    eta = ZERO if flip else sigma
    triples = [
        (float(t), float(s), float(min(eta, min(Fraction(1), (1 - s) / t) if t else eta)))
        for t, s in itertools.pairwise(grid)
    ]
    exact = reference_remasking.confident_law(case.conditional, triples, n, d)
    process = plan([k / steps for k in range(steps + 1)], cap(float(sigma)), kind="confident")[:ends]
    batch = sample(case.denoise, process, masked_batch(world, PATHS), generator=Generator().manual_seed(0))
    seen, margin = frequencies(batch.tokens, d + 1), hoeffding_margin(PATHS, 1.0)
    yield equal("monte-carlo", seen, case.listed(exact, masks=True), margin, note="frequencies of states")


def _shares() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries(
        {
            "chances": st.lists(st.integers(0, 16), min_size=1, max_size=8),
            "hidden": st.lists(st.booleans(), max_size=8),
            "sigma": st.integers(0, 16).map(lambda k: k / 16),
        }
    )


PAIR: Instance = {"world": TableWorld.from_weights([5, 1, 2, 8], 2, 2)}
TOKEN = (
    {"now": 12, "after": 18, "share": 24},
    {"now": 9, "after": 12, "share": 6},
    {"now": 20, "after": 20, "share": 12},
)

CLAIMS = (
    Claim(
        id="remdm.conf.read",
        statement=(
            "The schedule conf keeps the marginals: a token that is masked with chance 1 - alpha_now before a step is "
            "masked with chance 1 - alpha_next after it, although masked tokens have no share of sigma."
        ),
        assumptions="one token",
        source=f"{REMDM}, conf of section 4.1 taken with Theorem 3.1",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="remdm.conf",
        routes=("rational", "enumeration", "closed form"),
        check=partial(confident_token, marginal=True),
        tolerance="none in fractions; rounding of a step over 1 - alpha_now",
        inputs=alphas,
        examples=20,
        fixtures=TOKEN,
    ),
    Claim(
        id="remdm.conf",
        statement=(
            "Under conf one token is masked with chance 1 - alpha_next + sigma alpha_now after a step. That is "
            "sigma alpha_now too much: a step must have the same sigma for a token that is masked and one that is shown."
        ),
        assumptions="one token, masked with chance 1 - alpha_now before the step",
        source=ours("remdm.conf"),
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration", "closed form"),
        check=confident_token,
        tolerance="none in fractions; rounding of a step over 1 - alpha_now",
        inputs=alphas,
        examples=20,
        fixtures=TOKEN,
        variants={"1 - alpha_next": partial(confident_token, marginal=True)},
    ),
    Claim(
        id="remdm.conf.sum",
        statement=(
            "Conf gives each shown token the share exp(-psi) / (sum of exp(-psi) over shown tokens) of sigma, psi its "
            "probability when it was revealed. The shares sum to sigma, so at most one token a step is masked again in "
            "expectation."
        ),
        source=ours("remdm.conf"),
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=confident_shares,
        tolerance="rounding of a softmax",
        inputs=_shares,
        examples=20,
        fixtures=({"chances": [4, 8, 16], "hidden": [False, True], "sigma": 1.0},),
        variants={"shares one percent larger": partial(confident_shares, excess=1.01)},
    ),
    Claim(
        id="remdm.conf.sampler",
        statement=(
            "The batch sampler draws every state under conf as often as its probability, summed over all paths with "
            "each token's history."
        ),
        source=f"{REMDM}, conf; {ours('remdm.conf')}",
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo",),
        check=confident_sampler,
        tolerance=f"Hoeffding for {PATHS} paths at the suite's false-alarm share for each state",
        fixtures=(
            {**PAIR, "steps": 6, "ends": 4, "sigma": Fraction(3, 4)},
            {**PAIR, "steps": 5, "ends": 5, "sigma": Fraction(1, 2)},
        ),
        variants={"no token is masked again": partial(confident_sampler, flip=True)},
    ),
)
