"""ReMDM's bound and schedules: NELBO weights, cap, rescale, switch, loop keep the marginals, conf does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Generator

from theory.denoisers import Denoiser
from theory.ledger import (
    FALSE_ALARM_SHARE,
    Claim,
    Evidence,
    Instance,
    at_least,
    at_most,
    equal,
    hoeffding_samples,
    rounding,
)  # fmt: skip
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import bounds, chain
from theory.remasking.claims.inputs import (
    F1,
    F2,
    NOTES,
    REMDM,
    Case,
    alphas,
    denoisers,
    fraction,
    inconsistent,
    merged,
    small_worlds,
    triples,
    uniform,
)
from theory.remasking.posterior import Posterior, largest_sigma, predictor
from theory.remasking.sampling import confident_sigma, masked_batch, sample
from theory.remasking.schedules import cap, loop, plan, rescale, standard
from theory.worlds import TableWorld, information

ZERO = Fraction(0)


def nelbo(world: TableWorld, denoiser: Denoiser, steps: int, eta: int, missing: bool = False) -> Iterator[Evidence]:
    """Sum KL over states and steps at sigma = eta / 8 of the largest, against weighted cross-entropies; grow sigma."""
    n, d = world.n, world.d
    case, grid = Case(world, denoiser), [k / steps for k in range(steps + 1)]
    process = plan(grid, rescale(eta / 8))
    fill = reference_remasking.independent(case.conditional, d)
    brute = [reference_remasking.divergence_bound(x, fill, triples(process), d) for x in reference.sequences(n, d)]
    chances = standard(steps) if missing else process
    alpha = [float(p.alpha_now) for p in process]
    weight = [(s - (1 - p.sigma) * t) / (1 - t) for (t, s, _), p in zip(triples(process), chances, strict=True)]
    losses = bounds.loss_profile(case.denoise)
    closed = bounds.weighted(losses, alpha, weight)
    slack = rounding(steps * n * (3 * d + 1) ** n, max(brute))
    yield equal("enumeration", brute, closed, slack, effective=eta > 0 and steps > 2, note="KL summed over states")
    found = bounds.negative_bound(case.denoise, process)
    yield equal("closed form", found, closed, slack, note="weights of the posterior")
    smaller = bounds.negative_bound(case.denoise, plan(grid, rescale(eta / 16)))
    yield at_least("closed form", found, smaller, slack, effective=eta > 0 and steps > 2, note="grows with sigma")
    base = bounds.negative_bound(case.denoise, standard(steps))
    yield at_least("closed form", smaller, base, slack, effective=eta > 0 and steps > 2, note="sigma = 0 is tightest")


def schedules_keep_marginals(world: TableWorld, steps: int, eta: int, joint: bool = True) -> Iterator[Evidence]:
    """Follow cap, rescale, switch and loop with a joint posterior: the noised data law at every alpha, exactly."""
    n, case = world.n, Case(world)
    grid = [k / steps for k in range(steps + 1)]
    plans = {
        "cap": plan(grid, cap(eta / 8)), "rescale": plan(grid, rescale(eta / 8)),
        "switch": plan(grid, cap(eta / 8), window=(0.45, 1.0)), "loop": loop(steps, cap(eta / 8)),
    }  # fmt: skip
    fill = case.joint if joint else case.factorised
    for name, process in plans.items():
        law = chain.masked_states(fill)
        gaps = []
        for step in process:
            law = chain.advance(law, fill, step)
            gaps.append(float(information.total_variation(law, chain.noised_states(world, float(step.alpha_next)))))
        slack = case.slack(2 * steps) * steps
        yield at_most("enumeration", max(gaps), 0.0, slack, effective=eta > 0 and n > 1, note=name)


def confident_token(now: int, after: int, share: int, marginal: bool = False) -> Iterator[Evidence]:
    """Step one token under conf, where a masked one has no share of sigma, and compare its masked probability.

    With `marginal` the claimed value is 1 - alpha_next, what the marginals would need.
    """
    t, s = fraction(now), fraction(after)
    sigma = fraction(share) * Fraction(largest_sigma(t, s))
    one = torch.tensor([[0.3]], dtype=torch.float64)
    shares = [float(confident_sigma(one, torch.tensor([[flag]]), float(sigma))) for flag in (False, True)]
    yield equal("closed form", shares, [float(sigma), 0.0], rounding(2), effective=False, note="shares of sigma")
    step = Posterior(1 - sigma, predictor(t, s).reveal)
    claimed = 1 - s if marginal else 1 - s + sigma * t
    yield equal("rational", Fraction(1 - step.revealed(t)), claimed, ZERO, effective=sigma * t > 0, note="masked")


def confident_shares(
    chances: Sequence[int], hidden: Sequence[bool], sigma: float, most: float = 1.0
) -> Iterator[Evidence]:
    """Sum conf's sigma over a sequence: at most sigma, hence at most one token a step is masked again on average."""
    psi = torch.tensor([[c / 16 for c in chances]], dtype=torch.float64)
    mask = torch.tensor([list(hidden)[: len(chances)] + [False] * (len(chances) - len(hidden))])
    shares = confident_sigma(psi, mask, sigma)
    wanted = 0.0 if bool(mask.all()) else sigma
    effective = wanted > 0
    yield equal("closed form", shares.sum(), wanted * most, rounding(2 * len(chances)), effective=effective, note="sum")
    yield at_most(
        "closed form", shares.sum(), most, rounding(2 * len(chances)), effective=effective, note="expected number"
    )


def confident_sampler(world: TableWorld, steps: int, ends: int, sigma: float, flip: bool = False) -> Iterator[Evidence]:
    """Enumerate conf with each token's history and compare the batch sampler's frequencies after `ends` of `steps` steps."""
    n, d = world.n, world.d
    case = Case(world)
    eta = 0.0 if flip else sigma
    process = plan([k / steps for k in range(steps + 1)], cap(sigma), kind="confident")[:ends]
    other = plan([k / steps for k in range(steps + 1)], cap(eta), kind="confident")[:ends]
    exact = reference_remasking.confident_law(case.conditional, triples(other), n, d)
    size = (d + 1) ** n
    count = hoeffding_samples(0.01, 1.0, FALSE_ALARM_SHARE / size)
    batch = sample(case.denoise, process, masked_batch(world, count), generator=Generator().manual_seed(0))
    index = (batch.tokens * torch.tensor([(d + 1) ** (n - 1 - i) for i in range(n)])).sum(-1)
    frequency = torch.bincount(index, minlength=size) / count
    yield equal("monte-carlo", frequency, case.listed(exact, masks=True), 0.01, note="frequencies of states")


def _etas(most: int = 8) -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"steps": st.integers(3, 4), "eta": st.integers(1, most)})


def _loops() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"steps": st.integers(4, 12), "eta": st.integers(1, 8)})


def _shares() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({
        "chances": st.lists(st.integers(0, 16), min_size=1, max_size=8),
        "hidden": st.lists(st.booleans(), max_size=8), "sigma": st.integers(0, 16).map(lambda k: k / 16),
    })  # fmt: skip


SHORT: Instance = {"world": uniform(2, 2), "denoiser": inconsistent(2, 2, [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1])}
PAIR: Instance = {"world": TableWorld.from_weights([5, 1, 2, 8], 2, 2)}
TOKEN = (
    {"now": 12, "after": 18, "share": 24},
    {"now": 9, "after": 12, "share": 6},
    {"now": 20, "after": 20, "share": 12},
)

CLAIMS = (
    Claim(
        id="remdm.nelbo",
        statement=(
            "The NELBO weighs the masked cross-entropy with (alpha_next - (1 - sigma) alpha_now) / (1 - "
            "alpha_now); it grows with sigma, so masked diffusion's is the tightest"
        ),
        assumptions="any denoiser that carries visible tokens over; linear alpha",
        source=f"{REMDM}, NELBO",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=nelbo,
        tolerance="rounding of sums over pairs of states and steps",
        inputs=lambda: merged(denoisers(), _etas()),
        examples=5,
        fixtures=({**SHORT, "steps": 5, "eta": 8}, {**SHORT, "steps": 3, "eta": 3}),
        variants={"sigma left out": partial(nelbo, missing=True)},
    ),
    Claim(
        id="remdm.schedules",
        statement=(
            "cap, rescale, switch and loop keep the marginals: with a joint posterior the state's law is "
            "q_alpha after every step"
        ),
        source=f"{REMDM}, section 4.1",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=schedules_keep_marginals,
        tolerance="rounding of all steps over the last 1 - alpha_now = 1 / T",
        inputs=lambda: merged(small_worlds(), _loops()),
        examples=8,
        fixtures=(
            {"world": F2, "steps": 20, "eta": 4},
            {"world": F1, "steps": 40, "eta": 1},
            {"world": F2, "steps": 7, "eta": 8},
        ),
        variants={"masks filled independently": partial(schedules_keep_marginals, joint=False)},
    ),
    Claim(
        id="remdm.conf.read",
        statement=(
            "With conf, where masked tokens have no share of sigma, the masked fraction after a step is 1 - alpha_next"
        ),
        assumptions="one token",
        source=f"{REMDM}, conf taken with Thm 3.1",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="remdm.conf",
        routes=("rational", "closed form"),
        check=partial(confident_token, marginal=True),
        tolerance="none: fractions",
        inputs=alphas,
        examples=20,
        fixtures=TOKEN,
    ),
    Claim(
        id="remdm.conf",
        statement=(
            "For one token under conf it is 1 - alpha_next + sigma alpha_now: masked tokens with sigma = 0 "
            "beside visible ones with sigma > 0 break the marginals"
        ),
        assumptions="one token",
        source=f"{NOTES}, conf",
        quantifier="for all",
        kind="equality",
        routes=("rational", "closed form"),
        check=confident_token,
        tolerance="none in fractions; rounding of a softmax",
        inputs=alphas,
        examples=40,
        fixtures=TOKEN,
        variants={"1 - alpha_next": partial(confident_token, marginal=True)},
    ),
    Claim(
        id="remdm.conf.sum",
        statement="Conf's shares sum to sigma, so at most one token a step is masked again in expectation",
        source=f"{NOTES}, conf",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=confident_shares,
        tolerance="rounding of a softmax",
        inputs=_shares,
        examples=30,
        fixtures=({"chances": [4, 8, 16], "hidden": [False, True], "sigma": 1.0},),
        variants={"of two tokens": partial(confident_shares, most=2.0)},
    ),
    Claim(
        id="remdm.conf.sampler",
        statement=(
            "The batch sampler draws every state under conf as often as the enumeration with each token's history"
        ),
        source=f"{REMDM}, conf",
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo",),
        check=confident_sampler,
        tolerance="1%, the sample size by Hoeffding at the suite's share over all states",
        fixtures=({**PAIR, "steps": 6, "ends": 4, "sigma": 0.75}, {**PAIR, "steps": 5, "ends": 5, "sigma": 0.5}),
        variants={"no remasking": partial(confident_sampler, flip=True)},
    ),
)
