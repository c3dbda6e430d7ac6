"""Claims 6-8: limits, prefixes, one-token exactness."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import (
    Claim,
    Evidence,
    Instance,
    at_least,
    at_most,
    equal,
    rounding,
    strategies,
)
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.tolerance import meets
from theory.unmasking import walks
from theory.unmasking.claims import literal as written
from theory.unmasking.claims.eb import COPY, GENERIC, NOTES, PAPER, ROUNDING, SIX_ATOMS, budgets
from theory.unmasking.claims.rule_inputs import any_rule, coded, proxies, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import ProxyName
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, Threshold, TopK, prefix_bounds
from theory.worlds import TableWorld


def limits(world: TableWorld, by: ProxyName, positive: bool = True, dual: bool = False) -> Iterator[Evidence]:
    """Run EB at budget infinity and at 0; calls exactly, errors against entropies of the law in fractions.

    `positive` asks for n steps at budget 0 only where every sequence is possible; `dual` claims the dual total
    correlation for one step.
    """
    n, law, slack = world.n, reference.exact(world), tolerance(world, world.n * math.log(world.d))
    whole, single = reference.entropy(law.values()), [reference.subset_entropy(law, [i]) for i in range(n)]
    at_once = walks.walk(EntropyBounded(math.inf, by), world)
    others = [reference.subset_entropy(law, [j for j in range(n) if j != i]) for i in range(n)]
    claimed = math.fsum(others) - (n - 1) * whole if dual else math.fsum(single) - whole
    yield equal("enumeration", at_once.divergence, claimed, slack, effective=len(law) > 1, note="KL in one step")
    yield equal("enumeration", [at_once.calls, at_once.calls_of_data], 1.0, slack, note="one step")
    careful = walks.walk(EntropyBounded(0.0, by), world)
    if len(law) == world.d**n or not positive:
        found = written.paths(world, None, EntropyBounded(0.0, by))
        yield equal("rational", [written.calls(found), written.calls(found, True)], [Fraction(n)] * 2, Fraction(0))
        yield equal("enumeration", [careful.calls, careful.calls_of_data], float(n), n * slack, note="n steps")
        top = walks.walk(TopK(1, by), world)
        yield equal("enumeration", careful.visits, top.visits, slack, note="same states as Top-1")
    yield equal("enumeration", careful.divergence, 0.0, slack, effective=len(law) > 1, note="KL at budget 0")


def prefixes(twentieths: Sequence[int], budget: int, ordered: bool = True, last: bool = False) -> Iterator[Evidence]:
    """Compare the recursion with sums minus maxima, and the prefix with the largest set within the budget, exactly.

    Entropies and budget are in twentieths of a nat. `ordered` sorts the entropies ascending first; `last` subtracts
    the last entropy instead of the largest.
    """
    h = [Fraction(v, 20) for v in (sorted(twentieths) if ordered else twentieths)]
    limit = Fraction(budget, 20)
    found = prefix_bounds(torch.tensor([float(v) for v in h], dtype=torch.float64))
    direct = [sum(h[:k], Fraction(0)) - (h[k - 1] if last else max(h[:k])) for k in range(1, len(h) + 1)]
    slack, effective = rounding(len(h), float(sum(h))), len(h) > 2
    yield equal("enumeration", found, [float(b) for b in direct], slack, effective=effective, note="recursion")
    count = int(meets(found, float(limit)).sum())
    within = [
        len(s)
        for k in range(1, len(h) + 1)
        for s in itertools.combinations(h, k)
        if sum(s, Fraction(0)) - max(s) <= limit
    ]
    note = "prefix, size of the largest set"
    yield equal("rational", Fraction(count), Fraction(max(within)), Fraction(0), effective=count < len(h), note=note)
    rises = [b - a for a, b in itertools.pairwise(direct)] or [Fraction(0)]
    yield at_least("rational", rises, Fraction(0), Fraction(0), effective=effective, note="never falls")


def more_budget_more_tokens(
    rows: Sequence[Sequence[int]], by: ProxyName, low: float, high: float, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare what EB reveals at one state for two budgets with the rule written out, and the two counts."""
    p = torch.tensor(rows, dtype=torch.float64)[None]
    log_p = (p / p.sum(-1, keepdim=True)).log()
    masked = torch.ones(log_p.shape[:2], dtype=torch.bool)
    exact = {i: [Fraction(w, sum(row)) for w in row] for i, row in enumerate(rows)}
    counts = []
    for budget in (low, high):
        chosen = EntropyBounded(budget, by).select(log_p, masked)[0].nonzero()[:, 0].tolist()
        block = reference_paths.entropy_bounded(factor * budget, by)(exact)[0][1]
        wanted = [float(i in block) for i in range(len(rows))]
        engine = [float(i in chosen) for i in range(len(rows))]
        yield equal("enumeration", engine, wanted, 0.0, note=f"set at budget {budget:.3g}")
        counts.append(len(chosen))
    yield at_most("enumeration", counts[0], counts[1], 0.0, effective=counts[0] < counts[1], note="more budget")
    yield at_least("enumeration", counts[0], 1, 0.0, note="at least one")


def one_token_exact(world: TableWorld, rule: SetRule) -> Iterator[Evidence]:
    """Compare the output law of a one-token rule with exact conditionals with the data law, by the walk and exactly."""
    law, effective = reference.exact(world), float(world.law().max()) < 1
    output = walks.walk(rule, world).output.law()
    yield equal("enumeration", output, world.law(), tolerance(world), effective=effective)
    if isinstance(rule, RandomOne | LeftToRight | TopK | Threshold):
        found = reference_paths.output(written.paths(world, None, rule))
        drawn, true = ([Fraction(q.get(x, 0)) for x in reference.sequences(world.n, world.d)] for q in (found, law))
        yield equal("rational", drawn, true, Fraction(0), effective=effective)


def two_tokens(world: TableWorld, rule: SetRule) -> Iterator[Evidence]:
    """Run the rule with two tokens a step where it has a number of them."""
    return one_token_exact(world, replace(rule, k=2) if isinstance(rule, LeftToRight | TopK) else rule)


@st.composite
def rows(draw: st.DrawFn, k: int, d: int, least: int = 1) -> list[list[int]]:
    """Draw k rows of weights over d tokens."""
    row = st.lists(st.integers(least, 30), min_size=d, max_size=d).filter(any)
    return draw(st.lists(row, min_size=k, max_size=k))


def _entropy_lists() -> st.SearchStrategy[Instance]:
    values = st.lists(st.integers(0, 40), min_size=1, max_size=7)
    return st.fixed_dictionaries({"twentieths": values, "budget": st.integers(0, 40)})


@st.composite
def _two_budgets(draw: st.DrawFn) -> Instance:
    low, high = sorted((draw(budgets()), draw(budgets())))
    return {"rows": draw(rows(draw(st.integers(1, 6)), 3)), "by": draw(proxies()), "low": low, "high": high}


@st.composite
def _one_token(draw: st.DrawFn) -> Instance:
    world = draw(strategies.worlds(n=(2, 4), cells=27))
    return {"world": world, "rule": draw(any_rule(ONE_TOKEN, world.n, world.d, single=True))}


ONE_TOKEN: tuple[SetRule, ...] = (
    RandomOne(),
    LeftToRight(1),
    TopK(1),
    TopK(1, "margin"),
    TopK(1, "entropy"),
    Threshold(-math.inf),
)

CLAIMS = (
    Claim(
        id="eb.6",
        statement=(
            "At an infinite budget the entropy-bounded sampler takes one step and its divergence from the data law is "
            "the total correlation of all tokens. At budget zero its divergence is zero, and where every sequence is "
            "possible it takes n steps through the states of the one-token rule with the same proxy."
        ),
        assumptions="Exact conditionals.",
        source=f"{PAPER}, section 4",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=limits,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 4), cells=27), by=proxies()),
        examples=10,
        fixtures=({"world": GENERIC, "by": "entropy"}, {"world": COPY, "by": "margin"}),
        variants={
            "n steps at budget zero on every law": partial(limits, positive=False),
            "in one step the dual total correlation": partial(limits, dual=True),
        },
    ),
    Claim(
        id="eb.7a",
        statement=(
            "Let h_1, ..., h_m be entropies in ascending order and B_k the sum of the first k minus the largest of "
            "them. Then B_k = B_(k-1) + min(h_k, max of the earlier ones) never falls, and the longest prefix with B_k "
            "within a budget is a largest one of all sets whose entropies, all but the largest, sum to at most the "
            "budget."
        ),
        source=f"{NOTES}, eb.7a",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=prefixes,
        tolerance="none in fractions; rounding of a sum of k entropies",
        inputs=_entropy_lists,
        examples=60,
        fixtures=({"twentieths": [14, 2, 6, 6], "budget": 8},),
        variants={"subtract the last entropy, in any order": partial(prefixes, ordered=False, last=True)},
    ),
    Claim(
        id="eb.7a.any-order",
        statement=(
            "In every order of the tokens, not only by ascending entropy, the longest prefix within the budget is a "
            "largest one of all sets within the budget."
        ),
        source=f"{PAPER}, section 4: 'the largest subset U of sorted masked tokens', read without the order",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="eb.7a",
        routes=("rational", "enumeration"),
        check=partial(prefixes, ordered=False),
        tolerance="none in fractions; rounding of a sum of k entropies",
        inputs=_entropy_lists,
        examples=60,
        fixtures=({"twentieths": [10, 10, 2, 2], "budget": 4},),
    ),
    Claim(
        id="eb.7b",
        statement=(
            "At a fixed state the rule reveals the set of Algorithm 1, which holds at least one token and loses none "
            "when the budget grows."
        ),
        source=f"{PAPER}, Algorithm 1",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=more_budget_more_tokens,
        tolerance="none: sets and counts",
        inputs=_two_budgets,
        examples=60,
        fixtures=(
            {"rows": [[1, 1, 1], [1, 2, 1], [9, 1, 1]], "by": "margin", "low": 0.0, "high": 1.5},
            {"rows": [[1, 1], [1, 1]], "by": "entropy", "low": 0.0, "high": math.log(2)},
            {"rows": [[12, 4, 4], [11, 9, 0]], "by": "confidence", "low": 0.0, "high": 0.7},
        ),
        variants={"the set of 99 % of the budget": partial(more_budget_more_tokens, factor=0.99)},
    ),
    Claim(
        id="eb.8",
        statement=(
            "With exact conditionals every rule that reveals one token a step, chosen from the revealed tokens alone, "
            "samples the data law exactly."
        ),
        assumptions="Exact conditionals; the rule does not look at hidden tokens.",
        source=f"{PAPER}, section 3.1",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "rational"),
        check=one_token_exact,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=_one_token,
        examples=10,
        fixtures=(
            {"world": COPY, "rule": RandomOne()},
            {"world": COPY, "rule": TopK(1, "entropy")},
            {"world": SIX_ATOMS, "rule": TopK(1, "margin")},
            {"world": COPY, "rule": LeftToRight(1)},
            {"world": GENERIC, "rule": coded(range(27), 3, 2, single=True)},
        ),
        variants={"two tokens at a time": two_tokens},
    ),
)
