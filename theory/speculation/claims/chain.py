"""Claims 3, 5 and 6 and the draft strategies: whole chains against pseudocode, quadrature and their compensators."""

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
    at_least,
    at_most,
    equal,
    hoeffding_margin,
    rounding,
)
from theory.reference import speculation as reference_speculation
from theory.speculation import bounds, coupling, quadrature, statistics
from theory.speculation.claims.step import DERIVED, SOURCE
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


def terminal_law(correct: Correction = reflect, **case: Any) -> Iterator[Evidence]:
    """Compare terminal states with the chain's law by quadrature, and with plain sampling."""
    chain, run = chain_of(**case), run_of(case, BATCH, correct)
    x = run.terminal[:, 0].sort().values
    effective = int(run.rejections.sum()) > BATCH // 10
    distance = statistics.distance_to(x, quadrature.terminal_law(chain, x))
    margin = statistics.one_sample_margin(BATCH)
    yield at_most("monte-carlo", distance, margin, 1e-9, effective=effective, note="against quadrature")
    reference = plain(chain, BATCH, Generator().manual_seed(1))[:, 0]
    between = statistics.distance_between(run.terminal[:, 0], reference)
    yield at_most(
        "monte-carlo",
        between,
        statistics.two_sample_margin(BATCH),
        0.0,
        effective=effective,
        note="against plain sampling",
    )


def windows_law(steps: int, window: int, churn: float, points: int, shift: float = 0.0) -> Iterator[Evidence]:
    """Sweep all windows by quadrature on two grids: the chain's density, and the rounds and rejections of the engine."""
    chain = diffusion(TOY, steps, churn)
    y = quadrature.grid(chain, points)
    fine, coarse = (quadrature.windows(chain, window, quadrature.grid(chain, m)) for m in (points, points // 2 + 1))
    direct = quadrature.marginal(chain, y, steps)
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
    distance = statistics.distance_to(x, torch.special.ndtr(x))
    yield at_most("monte-carlo", distance, statistics.one_sample_margin(samples), 0.0, note="law of the corrected step")
    accepted = coupling.acceptance(torch.tensor(delta, dtype=torch.float64))
    yield equal("monte-carlo", kept.double().mean(), accepted, hoeffding_margin(samples, 1.0), note="acceptance")


def compensator(factor: float = 1.0, **case: Any) -> Iterator[Evidence]:
    """Compare the share of kept drafts with the mean of 2 Phi(-delta / 2) over the same steps.

    Given the past, kept minus 2 Phi(-delta / 2) has mean zero and lies in an interval of length one: Azuma and
    Hoeffding's inequality over all steps of all paths.
    """
    run = run_of(case, BATCH, keep=True)
    assert run.deltas is not None and run.kept is not None
    claimed = coupling.acceptance(factor * run.deltas).mean()
    margin = hoeffding_margin(run.deltas.numel(), 1.0)
    yield equal("monte-carlo", run.kept.double().mean(), claimed, margin, effective=run.acceptance < 1, note="kept")
    slack = rounding(run.deltas.numel())
    yield equal("closed form", run.expected_acceptance, coupling.acceptance(run.deltas).mean(), slack, note="accounts")


def independent(steps: int, churn: float, score_error: float, copies: int, power: int = 2) -> Iterator[Evidence]:
    """Give the draft a known score error: its mismatch, its acceptance, and the churn at which that is largest."""
    chain = diffusion(TOY, steps, churn, copies=copies)
    draft = diffusion(TOY, steps, churn, copies=copies, score_error=score_error)
    run = speculate(chain, 5, 50, Generator().manual_seed(0), draft=draft, keep=True)
    assert run.deltas is not None
    gamma, error = float(chain.gamma[0]), score_error * math.sqrt(copies)
    delta = math.sqrt(gamma) * math.sqrt(2) * (1 + churn**power) / (2 * churn) * error
    slack = rounding(40, (1 + float(run.terminal.abs().max())) / float(chain.sigma[0]))
    yield equal("closed form", run.deltas, delta, slack, effective=error > 0, note="delta")
    floor = bounds.independent_draft_floor(gamma, churn, error)
    yield equal(
        "closed form", coupling.acceptance(torch.tensor(delta, dtype=torch.float64)), floor, slack, note="acceptance"
    )
    best = bounds.independent_draft_floor(gamma, 1.0, error)
    yield at_most("closed form", floor, best, rounding(4), note="churn 1 is best")
    wide = speculate(
        diffusion(TOY, steps, churn), 5, 200, Generator().manual_seed(0), draft=diffusion(WIDE, steps, churn)
    )
    root = float(wide.mean_square_delta.mean().sqrt())
    slope = math.sqrt(gamma) * math.sqrt(2) * (1 + churn**2) / (2 * churn)
    least = bounds.independent_draft_floor(gamma, churn, root / slope)
    yield at_least(
        "closed form", wide.expected_acceptance, least, rounding(steps * 200), note="floor from the mean square error"
    )


def langevin_bias(steps: int, gamma: float, window: int, of_target: bool = False) -> Iterator[Evidence]:
    """Compare speculative Langevin dynamics with its own chain by quadrature, and show that chain's distance to pi."""
    case: dict[str, Any] = {"kind": "langevin", "steps": steps, "gamma": gamma, "window": window}
    run = run_of(case, BATCH)
    x = run.terminal[:, 0].sort().values
    own = quadrature.terminal_law(chain_of(**case), x)
    scaled = (x[:, None] - TOY.means[:, 0]) / TOY.scales
    target = torch.special.ndtr(scaled) @ TOY.weights
    distance = statistics.distance_to(x, target if of_target else own)
    effective = int(run.rejections.sum()) > BATCH // 10
    yield at_most(
        "monte-carlo", distance, statistics.one_sample_margin(BATCH), 1e-9, effective=effective, note="its own chain"
    )
    margin = statistics.one_sample_margin(BATCH)
    yield at_least("quadrature", (own - target).abs().max(), margin, 1e-9, note="bias of the chain against pi")


def _pathwise() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries(
        {
            "steps": st.integers(1, 12), "window": st.integers(1, 14), "churn": st.sampled_from((0.3, 1.0, 2.0)),
            "copies": st.integers(1, 3), "lookahead": st.booleans(),
        }
    )  # fmt: skip


TERMINAL = (
    {"steps": 40, "churn": 1.0, "window": 5}, {"steps": 40, "churn": 0.3, "window": 40}, {"steps": 25, "churn": 2.0, "window": 10},
    {"steps": 20, "churn": 1.0, "window": 5, "draft": "wide"}, {"kind": "langevin", "steps": 20, "gamma": 0.1, "window": 6},
)  # fmt: skip

CLAIMS = (
    Claim(
        id="speculative.3",
        statement="Every round advances between 1 and L steps; rounds <= ceil(N/L) + rejections on every path",
        source=f"{DERIVED}, window progress; section 3",
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
        ),
        variants={"one round fewer": partial(pathwise, spare=1)},
    ),
    Claim(
        id="speculative.5a",
        statement=(
            "The speculative Y_N has the law of the discretised chain, whatever the draft: frozen, "
            "independent, Langevin"
        ),
        source=f"{SOURCE}, Prop. 3.1 by induction",
        status="printed",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo",),
        check=terminal_law,
        tolerance=f"Massart and Wei-Dudley bounds for {BATCH} paths at {SHARE}; quadrature 1e-9",
        fixtures=TERMINAL,
        variants={"m_q + sigma Z on rejection": partial(terminal_law, correct=unmirrored)},
    ),
    Claim(
        id="speculative.5b",
        statement="One step at delta = 2 has law N(m_q, sigma^2 I); returning m_q + sigma Z on rejection has not",
        source=f"{DERIVED}; claim 5, negative control",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo",),
        check=one_step,
        tolerance=f"Massart's bound at half the planted law's exact distance, {SHARE}",
        fixtures=({"delta": 2.0}, {"delta": 1.0}),
        variants={"m_q + sigma Z on rejection": partial(one_step, correct=unmirrored)},
    ),
    Claim(
        id="speculative.5c",
        statement=(
            "Quadrature over all windows: Y_N has the chain's density; E rounds and E rejections are those "
            "of the engine"
        ),
        source=f"{SOURCE}, exactness of the chain; {DERIVED}",
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
        variants={"rejections half a step more": partial(windows_law, shift=0.5)},
    ),
    Claim(
        id="speculative.6",
        statement="The share of kept drafts is the mean of 2 Phi(-delta/2) over the examined steps",
        source=f"{DERIVED}; claim 6",
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo", "closed form"),
        check=compensator,
        tolerance=f"Azuma-Hoeffding over all steps at {SHARE}; rounding of a mean",
        fixtures=({"steps": 40, "churn": 1.0, "window": 10}, {"steps": 20, "churn": 1.0, "window": 5, "draft": "wide"}),
        variants={"2 Phi(-delta)": partial(compensator, factor=2.0)},
    ),
    Claim(
        id="speculative.S1",
        statement=(
            "delta = sqrt(gamma) g (1 + eps^2) / (2 eps) ||score error||; E a >= 2 Phi of minus half its "
            "root mean square; eps = 1 is best"
        ),
        source=f"{SOURCE}, independent draft; {DERIVED}",
        status="reading",
        quantifier="this instance",
        kind="equality",
        routes=("closed form",),
        check=independent,
        tolerance="rounding of the drift over sigma",
        fixtures=(
            {"steps": 50, "churn": 1.0, "score_error": 0.3, "copies": 1},
            {"steps": 30, "churn": 0.4, "score_error": 0.5, "copies": 4},
            {"steps": 30, "churn": 2.5, "score_error": 0.2, "copies": 2},
        ),
        variants={"1 + eps": partial(independent, power=1)},
    ),
    Claim(
        id="speculative.S2",
        statement="Speculation keeps the law of the Langevin chain, its discretisation bias included",
        source=f"{SOURCE}, Langevin chains",
        status="printed",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo", "quadrature"),
        check=langevin_bias,
        tolerance=f"Massart's bound for {BATCH} paths at {SHARE}; quadrature 1e-9",
        fixtures=({"steps": 20, "gamma": 0.2, "window": 6},),
        variants={"the law is pi": partial(langevin_bias, of_target=True)},
    ),
)
