"""Claims 9 and 11: predicted entropies, greedy decoding, teacher forcing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st

from theory.ledger import (
    Claim,
    Evidence,
    Instance,
    Sharp,
    at_least,
    at_most,
    equal,
    hoeffding_margin,
    rounding,
    strategies,
)
from theory.reference import laws as reference
from theory.unmasking import entropy_bounds, likelihood, sampling, walks
from theory.unmasking.claims.eb import NOTES, PAPER, SIX_ATOMS, budgets
from theory.unmasking.claims.eb_steps import rows
from theory.unmasking.claims.rule_inputs import tolerance
from theory.unmasking.rules.sets import EntropyBounded
from theory.worlds import TableWorld, information, states

SAMPLES = 5_000
"""How many sequences the sampled comparisons draw."""


def model_side(block: TableWorld, predicted: Sequence[Sequence[int]], terms: float = 1.0) -> Iterator[Evidence]:
    """Compare a block's total correlation with the bound by predicted entropies; `terms` scales what errors add."""
    k, d, law = block.n, block.d, reference.exact(block)
    start = (d,) * k
    true = [[reference.conditional(law, start, i, v, d) for v in range(d)] for i in range(k)]
    model = [[Fraction(w, sum(row)) for w in row] for row in predicted]
    far = [
        sum((abs(a - b) for a, b in zip(p, q, strict=True)), Fraction(0)) / 2 for p, q in zip(model, true, strict=True)
    ]
    more = [float(f) * math.log(max(1, d - 1)) + reference.entropy([f, 1 - f]) for f in far]
    most = [reference.entropy(p) + terms * m for p, m in zip(model, more, strict=True)]
    bound, h = math.fsum(most) - max(most), [reference.entropy(q) for q in true]
    slack = rounding(d**k, k * math.log(d))
    yield at_most("enumeration", block.total_correlation(), bound, slack, effective=bound > slack)
    p = torch.tensor(predicted, dtype=torch.float64)
    p = p / p.sum(-1, keepdim=True)
    delta = information.total_variation(p, block.conditionals(torch.full((k,), d)))
    engine = entropy_bounds.model_side_bound(information.entropy(p), delta, d)
    dependence = math.fsum(h) - reference.entropy(law.values())
    yield at_most("enumeration", dependence, engine, slack, effective=bound > slack, note="sides exchanged")
    if terms == 1:
        yield equal("enumeration", engine, bound, slack, note="bound of the engine")
    excess = [abs(a - reference.entropy(q)) - terms * m for a, q, m in zip(h, model, more, strict=True)]
    yield at_most(
        "enumeration", excess, 0.0, slack, effective=max(far) > 0, note="entropies differ by the terms at most"
    )


def greedy_guarantee(block: TableWorld, factor: float = 1.0, margin: bool = True) -> Iterator[Evidence]:
    """Compare, exactly, how often all tokens but the most uncertain equal their modes with 1 - B / (2 ln 2).

    `margin` asks for a clear margin before it claims that the modes are the joint mode.
    """
    d, law = block.d, reference.exact(block)
    true = [[reference.conditional(law, (d,) * block.n, i, v, d) for v in range(d)] for i in range(block.n)]
    h = [reference.entropy(q) for q in true]
    uncertain = h.index(max(h))
    modes = tuple(q.index(max(q)) for q in true)
    right = sum(
        (p for x, p in law.items() if all(x[i] == m for i, m in enumerate(modes) if i != uncertain)), Fraction(0)
    )
    error = float(
        entropy_bounds.greedy_error(float(entropy_bounds.sum_minus_max(torch.tensor(h, dtype=torch.float64))))
    )
    slack = rounding(d**block.n, block.n * math.log(d))
    yield equal("enumeration", error, (math.fsum(h) - max(h)) / math.log(4), slack, note="B / (2 ln 2)")
    yield at_least("enumeration", float(right), 1 - factor * error, slack, effective=slack < error < 1)
    for q in true:
        yield at_most("enumeration", 1 - float(max(q)), reference.entropy(q) / math.log(4), slack, note="each token")
    first, second = sorted(map(float, true[uncertain]), reverse=True)[:2]
    if not margin or first - error > max(second, error) + slack:
        best = max(law.values())
        yield equal("rational", law.get(modes, Fraction(0)), best, Fraction(0), note="the modes are the joint mode")


def teacher_forced(world: TableWorld, rule: EntropyBounded, factor: float = 1.0) -> Iterator[Evidence]:
    """Average ln q(x) - LOGLIK(x) over drawn sequences; the walk's path KL must lie within Hoeffding's margin.

    Each term lies between ends that are found by enumeration, so the margin is rigorous. Beside it LOGLIK of every
    sequence against the walk's output law, and the calls of drawn samples against the walk's.
    """
    done, law = walks.walk(rule, world), reference.exact(world)
    x = torch.tensor(list(law))
    score = likelihood.log_likelihood(rule, world, x)
    ratio = torch.tensor([math.log(p) for p in law.values()], dtype=torch.float64) - score.log_likelihood
    slack = tolerance(world, world.n * math.log(world.d))
    mean = math.fsum(float(p) * float(r) for p, r in zip(law.values(), ratio, strict=True))
    claimed = factor * float(done.path_divergence)
    yield equal("enumeration", mean, claimed, slack, effective=claimed > slack, note="mean over all sequences")
    draws = torch.Generator().manual_seed(world.n * 100 + world.d)
    drawn = likelihood.log_likelihood(rule, world, world.sample(SAMPLES, draws))
    width = float(ratio.max() - ratio.min())
    seen = float(drawn.log_likelihood.mean())
    margin = hoeffding_margin(SAMPLES, float(score.log_likelihood.max() - score.log_likelihood.min())) + slack
    wanted = -claimed - float(world.entropy())
    yield equal("monte-carlo", seen, wanted, margin, effective=width > slack, note="mean over drawn sequences")
    sampled, output = sampling.sample(rule, world, SAMPLES, seed=world.n), done.output.law()
    margin = hoeffding_margin(SAMPLES, world.n - 1.0)
    yield equal("monte-carlo", sampled.calls, done.calls, margin, note="mean calls of drawn samples")
    mode = states.all_sequences(world.n, world.d)[int(output.argmax())]
    share = float((sampled.tokens == mode).all(-1).double().mean())
    margin = hoeffding_margin(SAMPLES, 1.0)
    yield equal("monte-carlo", share, float(output.max()), margin, note="share of the likeliest sequence")


@st.composite
def blocks(draw: st.DrawFn, with_model: bool) -> Instance:
    """Draw the joint law of a block, nearly deterministic half of the time, and predicted rows if wanted."""
    k, d = draw(st.integers(2, 3)), draw(st.integers(2, 3))
    cells = st.integers(1, 9) if draw(st.booleans()) else st.sampled_from((0, 0, 1, 400))
    joint = draw(st.lists(cells, min_size=d**k, max_size=d**k).filter(any))
    found: Instance = {"block": TableWorld.from_weights(joint, k, d)}
    return {**found, "predicted": draw(rows(k, d, 0))} if with_model else found


def _copies(weights: Sequence[int], count: int) -> TableWorld:
    """Return copies of one token of given weights."""
    d = len(weights)
    cells: list[Any] = [weights[x[0]] if len(set(x)) == 1 else 0 for x in reference.sequences(count, d)]
    return TableWorld.from_weights(cells, count, d, "copies")


SHARED = TableWorld.from_weights([396, 1, 1, 2], 2, 2, "a shared bit, nearly")


FAIR_PAIR = TableWorld.from_weights([1, 1, 1, 1], 2, 2, "two fair bits")


NO_MARGIN = TableWorld.from_weights([47, 4, 49, 0], 2, 2, "modes 0, 0, joint mode 1, 0")


SURE_BUT_WRONG = {"block": _copies([8, 1, 1], 3), "predicted": [[1, 0, 0]] * 3}


CLAIMS = (
    Claim(
        id="eb.9a",
        statement=(
            "Let a model predict the tokens of a block, let delta_l be the total variation between its prediction of "
            "token l and the true law, and u_l = predicted entropy + delta_l ln(d - 1) + h(delta_l), h the entropy of a "
            "bit of that probability. Then the joint dependence error of the block is at most the sum of the u_l minus "
            "the largest of them."
        ),
        source=f"{NOTES}, eb.9a",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=model_side,
        tolerance="rounding of a sum over the block's joint law",
        inputs=partial(blocks, True),
        examples=50,
        fixtures=(
            SURE_BUT_WRONG,
            {"block": _copies([1, 1], 2), "predicted": [[999, 1], [999, 1]]},
            {"block": SHARED, "predicted": [[5, 1], [1, 3]]},
        ),
        variants={"99 % of the terms for wrong predictions": partial(model_side, terms=0.99)},
        sharp=Sharp(
            "The factor 1 is the best for every d, every number of tokens and every delta: copies of a "
            "token that takes one value with probability 1 - delta and the others equally often, each predicted with "
            "certainty.",
            SURE_BUT_WRONG,
            1 - 1e-9,
        ),
    ),
    Claim(
        id="eb.9b",
        statement=(
            "Let B be the sum of a block's entropies minus the largest. All tokens of the block but the most uncertain "
            "equal their modes with probability at least 1 - B / (2 ln 2). Where the most uncertain token's two largest "
            "probabilities p_1, p_2 satisfy p_1 - B / (2 ln 2) > max(p_2, B / (2 ln 2)), the modes together are the "
            "mode of the joint law."
        ),
        assumptions="Exact marginals of the tokens.",
        source=f"{NOTES}, eb.9b",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "rational"),
        check=greedy_guarantee,
        tolerance="rounding of a sum over the block's joint law",
        inputs=partial(blocks, False),
        examples=60,
        fixtures=({"block": FAIR_PAIR}, {"block": SHARED}, {"block": NO_MARGIN}),
        variants={
            "99 % of B / (2 ln 2)": partial(greedy_guarantee, factor=0.99),
            "the joint mode without the margin": partial(greedy_guarantee, margin=False),
        },
        sharp=Sharp("The constant 1 / (2 ln 2) is the best: two fair bits.", {"block": FAIR_PAIR}, 1 - 1e-9),
    ),
    Claim(
        id="eb.11",
        statement=(
            "Score sequences of the data by teacher forcing along the blocks that the rule itself would reveal. The "
            "mean of ln q(x) minus the score is the divergence between paths, model error plus joint dependence error; "
            "drawn sequences and drawn samples agree with both chains."
        ),
        assumptions="Deterministic rule, exact conditionals.",
        source=f"{PAPER}, equation (7), estimated by teacher forcing",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "monte-carlo"),
        check=teacher_forced,
        tolerance="drawn: Hoeffding over the enumerated range at the suite's false-alarm share; else rounding",
        inputs=lambda: strategies.paired(
            world=strategies.worlds(n=(2, 4), cells=27), rule=st.builds(EntropyBounded, budgets())
        ),
        examples=4,
        fixtures=({"world": SIX_ATOMS, "rule": EntropyBounded(0.45)},),
        variants={"one percent more": partial(teacher_forced, factor=1.01)},
    ),
)
