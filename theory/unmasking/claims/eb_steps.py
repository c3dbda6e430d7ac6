"""Claims 6-9 and 11 of the EB-Sampler notes: limits, prefixes, one-token exactness, what holds for a model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, hoeffding_margin, rounding, strategies
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.unmasking import entropy_bounds
from theory.unmasking.claims.eb import COPY, GENERIC, PAPER, ROUNDING, SIX_ATOMS, SUPPLEMENT, budgets, literal_paths
from theory.unmasking.claims.rule_inputs import proxies, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import ProxyName
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, Threshold, TopK, prefix_bounds
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, information, states


def limits(world: TableWorld, by: ProxyName, steps: int = 1) -> Iterator[Evidence]:
    """Run EB at budget infinity (one step, KL = TC) and at 0 on a law with positive entropies (n steps, Top-1, KL 0)."""
    at_once, n, slack = walk(EntropyBounded(math.inf, by), world), world.n, tolerance(world)
    yield equal("enumeration", [at_once.calls, at_once.calls_of_data], float(steps), slack, note="one step")
    whole = tolerance(world, n * math.log(world.d))
    yield equal("enumeration", at_once.divergence, world.total_correlation(), whole, note="KL = TC")
    careful = walk(EntropyBounded(0.0, by), world)
    if bool((world.law() > 0).all()):
        top = walk(TopK(1, by), world)
        yield equal("enumeration", [careful.calls, careful.calls_of_data], float(n), slack, note="n steps")
        for found, other in ((careful.visits, top.visits), (careful.visits_of_data, top.visits_of_data)):
            yield equal("enumeration", found, other, slack, note="same states as Top-1")
    yield equal("enumeration", careful.divergence, 0.0, tolerance(world, n), note="KL = 0")


def prefixes(h: Sequence[float], budget: float, ordered: bool = True, last: bool = False) -> Iterator[Evidence]:
    """Compare the recursion with sums minus maxima, and the greedy prefix with the largest feasible subset.

    `ordered` sorts the entropies ascending first; `last` subtracts the last entropy instead of the largest.
    """
    values = sorted(h) if ordered else list(h)
    found = prefix_bounds(torch.tensor(values, dtype=torch.float64))
    direct = [math.fsum(values[:k]) - (values[k - 1] if last else max(values[:k])) for k in range(1, len(h) + 1)]
    slack = rounding(len(h), sum(h))
    yield equal("enumeration", found, direct, slack, effective=len(h) > 2, note="recursion X1")
    yield at_least("enumeration", found.diff() if len(h) > 1 else found, 0.0, 0.0, note="nondecreasing")
    count = int((found <= budget).sum())
    feasible = [
        len(s) for k in range(1, len(h) + 1) for s in itertools.combinations(values, k)
        if math.fsum(s) - max(s) <= budget - slack
    ]  # fmt: skip
    yield at_least(
        "enumeration", count, max(feasible, default=1), 0.0, effective=count < len(h), note="X2: largest set"
    )


def more_budget_more_tokens(
    rows: Sequence[Sequence[int]], by: ProxyName, low: float, high: float, sign: int = 1
) -> Iterator[Evidence]:
    """Count the tokens that EB reveals at one state for two budgets."""
    p = torch.tensor(rows, dtype=torch.float64)[None]
    log_p = (p / p.sum(-1, keepdim=True)).log()
    masked = torch.ones(log_p.shape[:2], dtype=torch.bool)
    few, many = (int(EntropyBounded(b, by).select(log_p, masked).sum()) for b in (low, high))
    yield at_most("enumeration", sign * few, sign * many, 0, effective=few < many, note="k nondecreasing in the budget")
    yield at_least("enumeration", few, 1, 0, note="k >= 1")


def one_token_exact(world: TableWorld, rule: SetRule) -> Iterator[Evidence]:
    """Run a one-token rule with exact conditionals: TV between output law and data law, and in fractions."""
    distance = (walk(rule, world).output.law() - world.law()).abs().sum() / 2
    yield equal("enumeration", distance, 0.0, tolerance(world), effective=float(world.law().max()) < 1)
    if rule in (RandomOne(), TopK(1, "entropy")):
        law, output = reference.exact(world), reference_paths.output(literal_paths(world, None, rule))
        gap = max(abs(Fraction(p) - law.get(x, 0)) for x, p in output.items())
        yield equal("rational", gap, Fraction(0), Fraction(0))


def two_tokens(world: TableWorld, rule: SetRule) -> Iterator[Evidence]:
    """Run the rule with two tokens a step where it has a number of them."""
    return one_token_exact(world, replace(rule, k=2) if isinstance(rule, LeftToRight | TopK) else rule)


def model_side(block: TableWorld, predicted: Sequence[Sequence[int]], terms: float = 1.0) -> Iterator[Evidence]:
    """Compare the total correlation of a block with X4, from predicted entropies and total variations."""
    k, d = block.n, block.d
    exact, p = marginals(block), torch.tensor(predicted, dtype=torch.float64)
    p = p / p.sum(-1, keepdim=True)
    delta = (p - exact).abs().sum(-1) / 2
    predicted_h = information.entropy(p)
    bound = entropy_bounds.sum_minus_max(predicted_h) + terms * entropy_bounds.continuity(delta, d).sum()
    dependence = block.total_correlation()
    yield at_most("enumeration", dependence, bound, rounding(d**k, k), effective=float(dependence) > 1e-6)
    worst = float(delta.max())
    gap = (information.entropy(exact) - predicted_h).abs() - terms * entropy_bounds.continuity(delta, d)
    yield at_most("enumeration", gap, 0.0, rounding(d, 4), effective=worst > 1e-9, note="Fannes-Audenaert per token")


def greedy_guarantee(block: TableWorld, factor: float = 1.0) -> Iterator[Evidence]:
    """Decode each token's mode: all but the most uncertain are right with probability >= 1 - B / (2 ln 2)."""
    q, exact = block.law(), marginals(block)
    h = information.entropy(exact)
    uncertain, modes = int(h.argmax()), exact.argmax(-1)
    x = states.all_sequences(block.n, block.d)
    others = [i for i in range(block.n) if i != uncertain]
    right = (x[:, others] == modes[others]).all(-1)
    epsilon = factor * entropy_bounds.greedy_error(float(entropy_bounds.sum_minus_max(h)))
    yield at_least("enumeration", q[right].sum(), 1 - epsilon, rounding(len(q)), effective=0 < epsilon < 1)
    top = exact[uncertain].sort(descending=True).values
    if float(top[0]) - epsilon > max(float(top[1]), epsilon):
        mode = x[int(q.argmax())] == modes
        yield equal("enumeration", int(mode.all()), 1, 0, note="the unique mode of the joint law")


def marginals(block: TableWorld) -> Float[Tensor, "n d"]:
    """Return the law of each token."""
    return block.conditionals(torch.full((block.n,), block.d))


def teacher_forced(world: TableWorld, rule: EntropyBounded, shift: float = 0.0) -> Iterator[Evidence]:
    """Average ln q(x) - ln p_phi(x) over samples of the data; by Hoeffding within the margin of the exact path KL.

    Each term lies in an interval whose ends are found by enumeration, so the margin is rigorous.
    """
    done, q = walk(rule, world), world.law()
    ratio = torch.where(q > 0, (q / torch.where(q > 0, done.output.law(), 1.0)).log(), 0.0)
    exact = float((q * ratio).sum())
    slack = tolerance(world, world.n)
    yield equal("enumeration", exact, done.path_divergence + shift, slack, note="-E ln p_phi - H(q)")
    seen, samples = ratio[q > 0], 20_000
    generator = torch.Generator().manual_seed(world.n * 100 + world.d)
    drawn = torch.multinomial(q, samples, replacement=True, generator=generator)
    width = float(seen.max() - seen.min())
    margin = hoeffding_margin(samples, max(width, 1e-12))
    yield equal("monte-carlo", ratio[drawn].mean(), exact + shift, margin, effective=width > 1e-6)


@st.composite
def rows(draw: st.DrawFn, k: int, d: int) -> list[list[int]]:
    """Draw k positive rows of weights over d tokens."""
    row = st.lists(st.integers(1, 30), min_size=d, max_size=d)
    return draw(st.lists(row, min_size=k, max_size=k))


@st.composite
def blocks(draw: st.DrawFn, with_model: bool) -> Instance:
    """Draw the joint law of a block, nearly deterministic half of the time, and predicted rows if wanted."""
    k, d = draw(st.integers(2, 3)), draw(st.integers(2, 3))
    cells = st.integers(1, 9) if draw(st.booleans()) else st.sampled_from((0, 0, 1, 400))
    joint = draw(st.lists(cells, min_size=d**k, max_size=d**k).filter(any))
    found: Instance = {"block": TableWorld.from_weights(joint, k, d)}
    return {**found, "predicted": draw(rows(k, d))} if with_model else found


def _entropy_lists() -> st.SearchStrategy[Instance]:
    values = st.lists(st.integers(0, 40).map(lambda v: v / 20), min_size=1, max_size=7)
    return st.fixed_dictionaries({"h": values, "budget": budgets()})


@st.composite
def _two_budgets(draw: st.DrawFn) -> Instance:
    low, high = sorted((draw(budgets()), draw(budgets())))
    return {
        "rows": draw(rows(draw(st.integers(1, 6)), 3)),
        "by": draw(proxies()),
        "low": low,
        "high": high,
    }


ONE_TOKEN: tuple[SetRule, ...] = (
    RandomOne(), LeftToRight(1), TopK(1), TopK(1, "margin"), TopK(1, "entropy"), Threshold(-math.inf),
)  # fmt: skip
SHARED = TableWorld.from_weights([396, 1, 1, 2], 2, 2, "a shared bit, nearly")
SAME = TableWorld.from_weights([1, 0, 0, 1], 2, 2, "a shared bit")

CLAIMS = (
    Claim(
        id="eb.6",
        statement=(
            "Budget infinity: one step, KL = TC. Budget 0 with positive entropies: n steps, the states of Top-1, KL = 0"
        ),
        assumptions="exact conditionals",
        source=f"{PAPER}, section 4",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=limits,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 4), cells=27), by=proxies()),
        examples=20,
        fixtures=({"world": GENERIC, "by": "entropy"},),
        variants={"two steps": partial(limits, steps=2)},
    ),
    Claim(
        id="eb.7a",
        statement=(
            "B_k = B_{k-1} + min(h_k, max h_{<k}) never falls; in ascending order the prefix is a largest feasible set"
        ),
        source=f"{SUPPLEMENT}, X1 and X2",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=prefixes,
        tolerance="rounding of a sum of k entropies",
        inputs=_entropy_lists,
        examples=60,
        fixtures=({"h": [0.7, 0.1, 0.3, 0.3], "budget": 0.4},),
        variants={"subtract the last entropy, any order": partial(prefixes, ordered=False, last=True)},
    ),
    Claim(
        id="eb.7a.any-order",
        statement="In every order the prefix is a largest feasible set",
        source=f"{SUPPLEMENT}, X2, dropping its assumption",
        status="reading",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="eb.7a",
        routes=("enumeration",),
        check=partial(prefixes, ordered=False),
        tolerance="rounding of a sum of k entropies",
        inputs=_entropy_lists,
        examples=60,
        fixtures=({"h": [0.5, 0.5, 0.1, 0.1], "budget": 0.2},),
    ),
    Claim(
        id="eb.7b",
        statement="At a fixed state k >= 1, and k does not fall when the budget grows",
        source=f"{PAPER}, Algorithm 1",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=more_budget_more_tokens,
        tolerance="none: integers",
        inputs=_two_budgets,
        examples=60,
        fixtures=({"rows": [[1, 1, 1], [1, 2, 1], [9, 1, 1]], "by": "margin", "low": 0.0, "high": 1.5},),
        variants={"k never rises": partial(more_budget_more_tokens, sign=-1)},
    ),
    Claim(
        id="eb.8",
        statement="Any one-token value-free rule with exact conditionals samples q exactly",
        assumptions="exact conditionals",
        source=f"{PAPER}, section 3.1",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "rational"),
        check=one_token_exact,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 4), cells=27), rule=st.sampled_from(ONE_TOKEN)),
        fixtures=(
            {"world": COPY, "rule": RandomOne()},
            {"world": COPY, "rule": TopK(1, "entropy")},
            {"world": SIX_ATOMS, "rule": TopK(1, "margin")},
            {"world": COPY, "rule": LeftToRight(1)},
        ),
        variants={"two tokens at a time": two_tokens},
    ),
    Claim(
        id="eb.9a",
        statement="JD <= B(predicted entropies) + sum_l [delta_l ln(d - 1) + h_b(delta_l)]",
        assumptions="delta_l = TV(q_l, p_l) <= 1 - 1/d",
        source=f"{SUPPLEMENT}, X4 (Fannes-Audenaert)",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=model_side,
        tolerance="rounding of a sum over the block's joint law",
        inputs=partial(blocks, True),
        examples=80,
        fixtures=({"block": SAME, "predicted": [[999, 1], [999, 1]]},),
        variants={"continuity terms dropped": partial(model_side, terms=0.0)},
    ),
    Claim(
        id="eb.9b",
        statement=(
            "All tokens but the most uncertain equal their modes with probability >= 1 - B / (2 ln 2); with "
            "a clear margin the mode is the joint mode"
        ),
        assumptions="exact marginals",
        source=f"{SUPPLEMENT}, X5",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=greedy_guarantee,
        tolerance="rounding of a sum over the block's joint law",
        inputs=partial(blocks, False),
        examples=80,
        fixtures=({"block": SHARED},),
        variants={"a tenth of epsilon": partial(greedy_guarantee, factor=0.1)},
    ),
    Claim(
        id="eb.11",
        statement="The mean of ln q(x) - ln p_phi(x) over data is the path KL of a deterministic rule",
        source=f"{PAPER}, eq. (7), teacher forcing",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "monte-carlo"),
        check=teacher_forced,
        tolerance="sampled: Hoeffding over the enumerated range, 20000 draws, the suite's false-alarm share",
        inputs=lambda: strategies.paired(
            world=strategies.worlds(n=(2, 4), cells=27), rule=st.builds(EntropyBounded, budgets())
        ),
        examples=15,
        fixtures=({"world": SIX_ATOMS, "rule": EntropyBounded(0.45)},),
        variants={"half a nat more": partial(teacher_forced, shift=0.5)},
    ),
)
