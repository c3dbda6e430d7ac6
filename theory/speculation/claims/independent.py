"""Claims S1 and S2: drafts independent of the target, and speculation on Langevin chains (arXiv 2501.05370)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from hypothesis import strategies as st
from torch import Generator

from theory.ledger import (
    Claim,
    Evidence,
    Instance,
    at_least,
    at_most,
    equal,
    rounding,
)
from theory.reference import speculation as reference_speculation
from theory.speculation import bounds, statistics
from theory.speculation.claims.chain import BATCH, SHARE, TOY_CHAIN, chain_of, tested
from theory.speculation.claims.step import SOURCE, ours
from theory.speculation.gaussian import TOY, diffusion
from theory.speculation.sampling import speculate


def independent(steps: int, churn: float, score_error: float, copies: int, excess: float = 1.0) -> Iterator[Evidence]:
    """Give the draft a known score error: its mismatch, its acceptance, and the churn at which that is largest.

    The variant claims `excess` times the mismatch.
    """
    chain = diffusion(TOY, steps, churn, copies=copies)
    draft = diffusion(TOY, steps, churn, copies=copies, score_error=score_error)
    run = speculate(chain, 5, 50, Generator().manual_seed(0), draft=draft, keep=True)
    assert run.deltas is not None
    gamma, error = 4.0 / steps, score_error * math.sqrt(copies)
    delta = excess * math.sqrt(2 * gamma) * (1 + churn**2) / (2 * churn) * error
    slack = rounding(40, (1 + churn**2) * (1 + float(run.terminal.abs().max())) / (churn * math.sqrt(gamma)))
    yield equal("closed form", run.deltas, delta, slack, effective=error > 0, note="delta")
    floor = bounds.independent_draft_floor(gamma, churn, error)
    yield equal("closed form", floor, math.erfc(delta / math.sqrt(8)), slack, effective=error > 0, note="acceptance")
    best = math.erfc(math.sqrt(2 * gamma) * error / math.sqrt(8))
    yield at_most("closed form", floor, best, rounding(4), effective=error > 0, note="churn 1 is best")


def langevin_bias(steps: int, gamma: float, window: int, of_target: bool = False) -> Iterator[Evidence]:
    """Compare speculative Langevin dynamics with its own chain by quadrature, and show that chain's distance to pi.

    The variant compares it with pi.
    """
    run, x, own, error = tested({"kind": "langevin", "steps": steps, "gamma": gamma, "window": window})
    chain = chain_of(kind="langevin", steps=steps, gamma=gamma)
    literal = reference_speculation.mixture_drift((0.3, 0.7), (-2.0, 1.5), (0.4, 0.6), steps, 0.0, 0.0)
    points = x[:: len(x) // 64]
    scores = [literal(0, [v])[0] - v for v in points.tolist()]
    slack = rounding(20, (1 + float(points.abs().max())) / float(TOY.scales.min()) ** 2)
    yield equal(
        "closed form", chain.slope(0, points[:, None])[:, 0], scores, slack, note="the drift is the score of pi"
    )
    yield equal("closed form", chain.sigma, math.sqrt(2 * gamma), rounding(2), note="the noise of Langevin dynamics")
    scaled = (x[:, None] - TOY.means[:, 0]) / TOY.scales
    target = torch.special.ndtr(scaled) @ TOY.weights
    distance = statistics.distance_to(x, target if of_target else own)
    effective, margin = int(run.rejections.sum()) > BATCH // 10, statistics.one_sample_margin(BATCH)
    yield at_most("monte-carlo", distance, margin, error, effective=effective, note="its own chain")
    yield at_least("quadrature", (own - target).abs().max(), margin + error, 0.0, note="bias of the chain against pi")


def _drafts() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries(
        {
            "steps": st.integers(5, 40),
            "churn": st.integers(4, 50).map(lambda k: k / 20),
            "score_error": st.integers(0, 20).map(lambda k: k / 20),
            "copies": st.integers(1, 4),
        }
    )


CLAIMS = (
    Claim(
        id="speculative.S1",
        statement=(
            "A draft whose score is off by an error of norm e has the mismatch delta = sqrt(gamma) g (1 + eps^2) / (2 eps) e "
            "and is kept with chance 2 Phi(-delta / 2), gamma the step, g the noise of the forward process and eps the "
            "churn. The churn eps = 1 keeps most drafts."
        ),
        assumptions=f"{TOY_CHAIN}, copied in several coordinates; g = sqrt 2",
        source=f"{SOURCE}, independent draft; {ours('speculative.S1')}",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=independent,
        tolerance="rounding of the drift over sigma",
        inputs=_drafts,
        examples=5,
        fixtures=(
            {"steps": 50, "churn": 1.0, "score_error": 0.3, "copies": 1},
            {"steps": 30, "churn": 0.4, "score_error": 0.5, "copies": 4},
            {"steps": 30, "churn": 2.5, "score_error": 0.2, "copies": 2},
        ),
        variants={"a mismatch one percent larger": partial(independent, excess=1.01)},
    ),
    Claim(
        id="speculative.S2",
        statement=(
            "Speculation on unadjusted Langevin dynamics keeps the law of that chain, with its discretisation bias: it is "
            "not the law pi whose score drives the chain."
        ),
        assumptions="pi the mixture .3 N(-2, .4^2) + .7 N(1.5, .6^2)",
        source=f"{SOURCE}, Langevin chains",
        status="printed",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo", "quadrature", "closed form"),
        check=langevin_bias,
        tolerance=f"Massart's bound for {BATCH} paths at {SHARE}; the interpolation error of the quadrature",
        fixtures=({"steps": 20, "gamma": 0.2, "window": 6},),
        variants={"the law is pi": partial(langevin_bias, of_target=True)},
    ),
)
