"""Claims 3, 5, 6, S1, S2: whole chains against the pseudocode, quadrature and their compensators (2501.05370)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Generator, Tensor

from theory.ledger import (
    FALSE_ALARM_SHARE,
    Claim,
    Evidence,
    Instance,
    Sharp,
    at_least,
    at_most,
    equal,
    hoeffding_margin,
    rounding,
)
from theory.reference import speculation as reference_speculation
from theory.speculation import bounds, coupling, quadrature, statistics
from theory.speculation.claims.step import SOURCE, ours
from theory.speculation.coupling import Correction, reflect
from theory.speculation.gaussian import TOY, Chain, Mixture, diffusion, langevin
from theory.speculation.sampling import Run, drawn, listed, plain, speculate

BATCH = 20_000
SHARE = "the suite's false-alarm share"
WIDE = Mixture((0.5, 0.5), (-1.5, 1.5), (0.8, 0.8))
"""What a cheap draft might have learned of the toy."""


def unmirrored(noise: Tensor, mismatch: Tensor) -> Tensor:
    """Return the rejected noise as it is: the planted error m_q + sigma Z."""
    return noise


def chain_of(kind: str = "diffusion", steps: int = 40, churn: float = 1.0, gamma: float = 0.1, **_: Any) -> Chain:
    """Return the toy's reversed diffusion, or Langevin dynamics on it."""
    return diffusion(TOY, steps, churn) if kind == "diffusion" else langevin(TOY, steps, gamma, start_scale=1.5)


def run_of(case: Instance, paths: int, correct: Correction = reflect, keep: bool = False) -> Run:
    """Return a run of an instance: kind, steps, churn, window, and `draft` "frozen" or "wide"."""
    chain, draft = chain_of(**case), None
    if case.get("draft") == "wide":
        wide = diffusion(WIDE, chain.steps, case.get("churn", 1.0))
        draft = (
            wide if case.get("kind", "diffusion") == "diffusion" else replace(chain, drift=lambda k, y: WIDE.score(y))
        )
    return speculate(
        chain, case["window"], paths, Generator().manual_seed(0), draft=draft, correct=correct, keep=keep
    )  # fmt: skip


def pathwise(
    steps: int, window: int, churn: float, copies: int = 1, lookahead: bool = True, spare: int = 0
) -> Iterator[Evidence]:
    """Bound the rounds of every path, and walk the first of them through the pseudocode on the same noise."""
    chain = diffusion(TOY, steps, churn, copies=copies)
    generator, paths = Generator().manual_seed(0), 300
    start, noise = chain.start(paths, generator), drawn(chain, paths, generator)
    z, log_uniform = (torch.stack(part) for part in zip(*map(noise, range(steps)), strict=True))
    run = speculate(chain, window, paths, start=start, noise=listed(z, log_uniform), lookahead=lookahead)
    ceiling = bounds.rounds_ceiling(steps, window, run.rejections) - spare
    yield at_most("enumeration", run.rounds, ceiling, Fraction(0), effective=window > 1, note="rounds")
    if window == 1:
        alone = plain(chain, paths, start=start, noise=listed(z, log_uniform))
        differing = int((alone != run.terminal).sum())
        yield equal("enumeration", differing, 0, Fraction(0), note="plain sampling, bit for bit")
        yield equal("enumeration", run.sequential_calls, steps, Fraction(0), note="one call a step")
    yield at_least("enumeration", run.shortest, 1, Fraction(0), note="least advance")
    yield at_most("enumeration", run.longest, min(window, steps), Fraction(0), note="greatest advance")
    drift = reference_speculation.mixture_drift((0.3, 0.7), (-2.0, 1.5), (0.4, 0.6), steps, churn, 4.0)
    for i in range(3):
        path = reference_speculation.spec_diffusion(
            drift, chain.gamma.tolist(), chain.sigma.tolist(), window, start[i].tolist(), z[:, i].tolist(),
            log_uniform[:, i].tolist(), lookahead,
        )  # fmt: skip
        growth = math.prod(1 + float(g) * (1 + (1 + churn**2) / 0.16) for g in chain.gamma[-4:])
        slack = rounding(20 * steps, growth * float(run.terminal[i].abs().max() + 1))
        yield equal("enumeration", run.terminal[i], path.states[-1], slack, note="state of the pseudocode")
        counts = (len(path.advances), path.rejections, len(path.batches), sum(path.batches))
        found = (run.rounds[i], run.rejections[i], run.sequential_calls[i], run.evaluations[i])
        yield equal("enumeration", [int(v) for v in found], list(counts), 0.0, note="counts of the pseudocode")


def tested(case: Instance, correct: Correction = reflect) -> tuple[Run, Tensor, Tensor, float]:
    """Return a run of an instance, its sorted terminal states, their law by quadrature, and the error of that law.

    The law is interpolated; the error is the largest distance from the direct sum at 64 of the states, plus rounding.
    """
    chain, run = chain_of(**case), run_of(case, BATCH, correct)
    x = run.terminal[:, 0].sort().values
    law, stride = quadrature.terminal_law(chain, x), len(x) // 64
    gap = (law[::stride] - quadrature.terminal_law(chain, x[::stride])).abs().max()
    return run, x, law, float(gap) + rounding(quadrature.KNOTS)


def terminal_law(correct: Correction = reflect, **case: Any) -> Iterator[Evidence]:
    """Compare terminal states with the chain's law by quadrature, and with plain sampling.

    The variant returns the rejected noise unmirrored.
    """
    run, x, law, error = tested(case, correct)
    effective = int(run.rejections.sum()) > BATCH // 10
    distance = statistics.distance_to(x, law)
    margin = statistics.one_sample_margin(BATCH)
    yield at_most("monte-carlo", distance, margin, error, effective=effective, note="against quadrature")
    reference = plain(chain_of(**case), BATCH, Generator().manual_seed(1))[:, 0]
    between = statistics.distance_between(run.terminal[:, 0], reference)
    margin = statistics.two_sample_margin(BATCH)
    yield at_most("monte-carlo", between, margin, 0.0, effective=effective, note="against plain sampling")


def windows_law(
    steps: int, window: int, churn: float, points: int, shift: float = 0.0, stretch: float = 1.0
) -> Iterator[Evidence]:
    """Sweep all windows by quadrature on two grids: the chain's density, and the rounds and rejections of the engine.

    The variants shift both expectations, or take the density of `stretch` times the states.
    """
    chain = diffusion(TOY, steps, churn)
    y = quadrature.grid(chain, points)
    fine, coarse = (quadrature.windows(chain, window, quadrature.grid(chain, m)) for m in (points, points // 2 + 1))
    direct = quadrature.marginal(chain, stretch * y, steps)
    yield equal("quadrature", fine.density, direct, rounding(steps * points), note="density of Y_N")
    run = speculate(chain, window, BATCH, Generator().manual_seed(0))
    for name, exact, rough, seen in (
        ("rounds", fine.rounds, coarse.rounds, run.rounds),
        ("rejections", fine.rejections, coarse.rejections, run.rejections),
    ):
        margin = statistics.mean_margin(seen.double(), steps) + abs(exact - rough)
        yield equal("monte-carlo", seen.double().mean(), exact + shift, margin, note=name)


def one_step(delta: float, share: float = 0.5, correct: Correction = reflect) -> Iterator[Evidence]:
    """Draw one coupled step, as often as tells the unmirrored law apart, and compare it with N(0, 1).

    The size follows from the exact distance of the planted law, found by quadrature: the margin is `share` of it.
    """
    y = torch.linspace(-12.0, 12.0 + delta, 40_001, dtype=torch.float64)
    wrong = torch.minimum(quadrature.normal(y), quadrature.normal(y - delta))
    wrong += (quadrature.normal(y) - quadrature.normal(y + delta)).clamp(min=0.0)
    gap = float((wrong.cumsum(0) * (y[1] - y[0]) - torch.special.ndtr(y)).abs().max())
    samples = math.ceil(math.log(2 / FALSE_ALARM_SHARE) / (2 * (share * gap) ** 2))
    generator = Generator().manual_seed(0)
    z = torch.randn(samples, 1, dtype=torch.float64, generator=generator)
    log_uniform = torch.log1p(-torch.rand(samples, dtype=torch.float64, generator=generator))
    shift = torch.full_like(z, delta)
    found, kept = coupling.couple(shift + z, torch.zeros_like(z), 1.0, shift, z, log_uniform, correct)
    x = found[:, 0].sort().values
    margin = statistics.one_sample_margin(samples)
    distance = statistics.distance_to(x, torch.special.ndtr(x))
    yield at_most("monte-carlo", distance, margin, 0.0, note="law of the corrected step")
    share_kept = float(kept.double().mean())
    wanted = math.erfc(delta / math.sqrt(8))
    yield equal("monte-carlo", share_kept, wanted, hoeffding_margin(samples, 1.0), note="share of kept drafts")


def compensator(factor: float = 1.0, **case: Any) -> Iterator[Evidence]:
    """Compare the share of kept drafts with the mean of 2 Phi(-delta / 2) over all examined steps.

    Given the past, kept minus 2 Phi(-delta / 2) has mean zero and lies in an interval of length one: Azuma and
    Hoeffding's inequality over all steps of all paths. The variant takes `factor` times the mismatch.
    """
    run = run_of(case, BATCH, keep=True)
    assert run.deltas is not None and run.kept is not None
    claimed = torch.special.erfc(factor * run.deltas / math.sqrt(8)).mean()
    margin = hoeffding_margin(run.deltas.numel(), 1.0)
    yield equal("monte-carlo", run.kept.double().mean(), claimed, margin, effective=run.acceptance < 1, note="kept")
    slack, exact = rounding(run.deltas.numel()), torch.special.erfc(run.deltas / math.sqrt(8)).mean()
    yield equal("closed form", run.expected_acceptance, exact, slack, note="the engine's account")
    yield equal("closed form", run.acceptance, run.kept.double().mean(), slack, note="the engine's count")


def _pathwise() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries(
        {
            "steps": st.integers(1, 12),
            "window": st.integers(1, 14),
            "churn": st.sampled_from((0.3, 1.0, 2.0)),
            "copies": st.integers(1, 3),
            "lookahead": st.booleans(),
        }
    )


TERMINAL: tuple[Instance, ...] = (
    {"steps": 40, "churn": 1.0, "window": 5},
    {"steps": 20, "churn": 0.3, "window": 20},
    {"steps": 25, "churn": 2.0, "window": 10},
    {"steps": 20, "churn": 1.0, "window": 5, "draft": "wide"},
)
TOY_CHAIN = "the reversed diffusion of the mixture .3 N(-2, .4^2) + .7 N(1.5, .6^2), horizon 4"

CLAIMS = (
    Claim(
        id="speculative.3",
        statement=(
            "A round of the speculative sampler advances between 1 and L steps, and on every path of N steps the number of "
            "rounds is at most ceil(N / L) plus the number of rejections. With L = 1 the frozen draft gives the states of "
            "plain sampling on the same noise, bit for bit, in N calls."
        ),
        assumptions=TOY_CHAIN,
        source=ours("speculative.3"),
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=pathwise,
        tolerance="integers; states: rounding of 20 N products, grown by the last steps' Lipschitz constants",
        inputs=_pathwise,
        examples=12,
        fixtures=(
            {"steps": 30, "window": 5, "churn": 1.0},
            {"steps": 24, "window": 24, "churn": 0.3, "lookahead": False},
            {"steps": 10, "window": 1, "churn": 1.0, "copies": 2},
        ),
        variants={"one round fewer": partial(pathwise, spare=1)},
        sharp=Sharp(
            "equality on paths that reject nothing, for every N and L",
            {"steps": 30, "window": 5, "churn": 1.0},
        ),
    ),
    Claim(
        id="speculative.5a",
        statement=(
            "The last state of the speculative sampler has the law of the discretised chain, whether the draft freezes the "
            "drift of the window's first state or comes from another model."
        ),
        assumptions=TOY_CHAIN,
        source=f"{SOURCE}, Proposition 3.1 by induction over the steps",
        status="printed",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo",),
        check=terminal_law,
        tolerance=f"Massart and Wei-Dudley bounds for {BATCH} paths at {SHARE}; the interpolation error of the quadrature",
        fixtures=TERMINAL,
        variants={"m_q + sigma Z on rejection": partial(terminal_law, correct=unmirrored)},
    ),
    Claim(
        id="speculative.5b",
        statement=(
            "One coupled step with a mismatch of norm delta has the law N(m_q, sigma^2 I) and keeps the draft with chance "
            "2 Phi(-delta / 2), while returning m_q + sigma Z on rejection gives another law."
        ),
        source=f"{SOURCE}, Proposition 3.1; {ours('speculative.1')}",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo",),
        check=one_step,
        tolerance=f"Massart's bound at half the planted law's exact distance, Hoeffding's for the share, at {SHARE}",
        fixtures=({"delta": 2.0}, {"delta": 1.0}),
        variants={"m_q + sigma Z on rejection": partial(one_step, correct=unmirrored)},
    ),
    Claim(
        id="speculative.5c",
        statement=(
            "Summed by quadrature over all windows, the sampler's last state has the density of the discretised chain, and "
            "the batch sampler has the expected numbers of rounds and rejections that this sum gives."
        ),
        assumptions=TOY_CHAIN,
        source=f"{SOURCE}, exactness of the chain; {ours('speculative.3')}",
        status="reading",
        quantifier="this instance",
        kind="equality",
        routes=("quadrature", "monte-carlo"),
        check=windows_law,
        tolerance=f"rounding; difference of two grids; empirical Bernstein at {SHARE}",
        fixtures=(
            {"steps": 10, "window": 4, "churn": 1.0, "points": 81},
            {"steps": 8, "window": 8, "churn": 0.7, "points": 61},
        ),
        variants={
            "half a round and half a rejection more": partial(windows_law, shift=0.5),
            "states one percent larger": partial(windows_law, stretch=1.01),
        },
    ),
    Claim(
        id="speculative.6",
        statement=(
            "The share of kept drafts is the mean of 2 Phi(-delta / 2) over the examined steps, delta the mismatch of each."
        ),
        assumptions=TOY_CHAIN,
        source=ours("speculative.1"),
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo", "closed form"),
        check=compensator,
        tolerance=f"Azuma-Hoeffding over all steps at {SHARE}; rounding of a mean",
        fixtures=({"steps": 20, "churn": 1.0, "window": 5, "draft": "wide"}, {"steps": 40, "churn": 1.0, "window": 10}),
        variants={"2 Phi(-.55 delta), a tenth more": partial(compensator, factor=1.1)},
    ),
)
