"""A pretrained model of antibodies and a small trained chain: calls saved, schedules, orders, the entropy bound.

Sequences are the independent numbers here: there is one pretrained model, and the question is what it does on
sequences of the kind that was drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import Estimate

if TYPE_CHECKING:
    import pandas as pd

EB = "Ben-Hamu, Gat, Severo, Nolte, Karrer, arXiv 2505.24857"
DUEL = "Turok, De Sa, Kuleshov, arXiv 2603.01367"
SCHEDULES = "Chen, Cong, Li, arXiv 2511.04647"
EXACT, OWN = "Markov chain, exact", "AntiBERTy, own samples"
MARGIN = 0.01
"""Nats a token that count as equal likelihood: one percent in the probability of each token."""
SAVED = 0.1
"""The share of calls from which one speaks of a saving."""
NOTICED = 0.1
"""Nats a sequence by which orders must differ to count as different: above rounding, below any use of it."""


def learned(records: Records) -> dict[str, pd.DataFrame]:
    """Return the rows of each source whose conditionals were learned."""
    table = records["pretrained"].table
    return {str(name): rows for name, rows in table.groupby("source", sort=False) if name != EXACT}


def saving(records: Records) -> tuple[Finding, ...]:
    """Judge, at EB's least budget, the share of calls saved and the likelihood against one token a step by entropy."""
    from synthetic.measuring import estimates

    findings = []
    for source, rows in learned(records).items():
        path = rows[(rows.kind == "rule") & (rows.name == "EB")]
        path = path[path.parameter == path.parameter.min()].set_index("item")
        single = rows[(rows.kind == "order") & rows.name.isin(["entropy", "confidence"])]
        single = single[single.name == single.name.max()].set_index("item")  # of two symbols both orders are one
        saved = estimates.estimate(1 - (path.calls / path.free).to_numpy())
        change = estimates.estimate(((path.value - single.value) / path.free).to_numpy())
        findings.append(Finding(f"share of calls saved, {source}", saved, SAVED))
        findings.append(Finding(f"nats a token above one token a step, {source}", change, -MARGIN))
    return tuple(findings)


def over_linear(records: Records) -> tuple[Finding, ...]:
    """Judge what the linear schedule costs above the computed one, in the mean of the numbers of steps."""
    from synthetic.measuring import estimates, grids

    findings = []
    for source, rows in learned(records).items():
        excess = grids.excess_over_computed(rows, "linear")
        label = f"linear above computed, mean of {', '.join(map(str, excess))} steps, {source}"
        findings.append(Finding(label, estimates.estimate(np.mean(list(excess.values()), axis=0))))
    return tuple(findings)


def by_confidence(records: Records) -> tuple[Finding, ...]:
    """Judge the gain in log-likelihood of the order by confidence over a random one."""
    from synthetic.measuring import estimates

    findings = []
    for source, rows in learned(records).items():
        values = rows[rows.kind == "order"].groupby(["item", "name"]).value.mean().unstack()
        gain = estimates.estimate((values["confidence"] - values["random"]).to_numpy())
        findings.append(Finding(f"confidence above random, {source}", gain))
    return tuple(findings)


def disagreement(records: Records) -> tuple[Finding, ...]:
    """Judge how far orders differ in log-likelihood, beside the exact conditionals as a control."""
    from synthetic.measuring import estimates

    findings = []
    for source, rows in records["pretrained"].table.groupby("source", sort=False):
        spread = estimates.spread(rows)
        assert spread is not None
        if source == EXACT:
            findings.append(Finding(f"best minus worst order, {source}", _whole(spread), 1e-6, "at most"))
        else:
            findings.append(Finding(f"best minus worst order, {source}", spread, NOTICED))
    return tuple(findings)


def below_bound(records: Records) -> tuple[Finding, ...]:
    """Judge EB's cost against its entropy bound on sequences of the law that the conditionals are meant to be of."""
    from synthetic.measuring import estimates

    findings = []
    for source, rows in records["pretrained"].table.groupby("source", sort=False):
        if source not in (EXACT, OWN):
            continue
        wide = rows[rows.name == "EB"].pivot_table(index=["item", "parameter"], columns="kind", values="value")
        room = (wide["bound"] - (wide["one by one"] - wide["rule"])).unstack()
        for budget in room.columns:
            slack = estimates.estimate(room[budget].to_numpy())
            findings.append(Finding(f"bound minus cost, budget {budget:g}, {source}", _whole(slack), -1e-6, "at least"))
    return tuple(findings)


def _whole(estimate: Estimate) -> Estimate:
    """Return an estimate without a spread of rounding alone: nine digits of each number are kept."""
    if np.sqrt(float(np.max(estimate.between))) < 1e-6 and abs(float(estimate.mean)) < 1e-6:
        return Estimate(0.0, "exact", estimate.seeds, 1)
    return estimate


CLAIMS = (
    Empirical(
        "pretrained.eb", f"{EB}, asked of a model of antibodies and of a chain",
        f"EB with its least budget, 0.1 nats, saves {SAVED:.0%} of the calls at a log-likelihood at most {MARGIN} "
        "nats a token below that of one token a step by entropy.",
        ("pretrained",), saving,
        reported="The headline: two to three times fewer calls at equal accuracy, on language models. We ask "
        "it of given sequences' exact likelihood, on human germline chains, the model's own samples and a chain.",
    ),
    Empirical(
        "pretrained.schedule", f"{SCHEDULES}, asked of a model of antibodies and of a chain",
        "The schedule computed from a model's cross-entropies on other sequences costs less than the linear one, in "
        "the mean of 4, 8, 16 and 32 steps (fewer than the tokens).",
        ("pretrained",), over_linear,
    ),
    Empirical(
        "pretrained.confidence", f"{DUEL}, asked of a model of antibodies and of a chain",
        "Revealing one token a step by confidence gives a sequence a higher log-likelihood than a random order does.",
        ("pretrained",), by_confidence,
        reported="AG News, BD3-LM in blocks of four: perplexity 56.73 by confidence, against at most 61.67 by the "
        "ELBO, a mean over random orders. We ask it of sequences of antibodies and of a chain.",
    ),
    Empirical(
        "pretrained.orders", f"{DUEL}, asked of a model of antibodies and of a chain",
        f"The best and the worst order of a sequence differ by more than {NOTICED} nats under learned conditionals, "
        "and not at all under exact ones.",
        ("pretrained",), disagreement,
    ),
    Empirical(
        "pretrained.bound", f"{EB}, asked of samples",
        "On sequences drawn from its own conditionals, what EB loses by revealing tokens together stays below its "
        "entropy bound, at every budget.",
        ("pretrained",), below_bound,
        reported="Equation (8) bounds the loss where the conditionals are those of one law and the sequences are its "
        "own. AntiBERTy's conditionals are of no one law; its samples are drawn one token a step in random orders.",
    ),
)  # fmt: skip
