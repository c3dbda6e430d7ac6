"""Claims 1-5 of the EB-Sampler notes: paths, the KL ordering, the decomposition, the entropy bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.unmasking import entropy_bounds, walks
from theory.unmasking.claims.curve import tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import PROXIES
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, TopK
from theory.unmasking.walks import Walk
from theory.worlds import TableWorld, states

PAPER = "Ben-Hamu et al., arXiv 2505.24857"
SUPPLEMENT = "EB-Sampler notes"
ROUNDING = "rounding of sums over states, ledger.rounding(n (d+1)^n, n ln d)"
COPY = {"n": 3, "d": 2, "weights": [1, 0, 0, 0, 0, 0, 0, 1]}
SIX_ATOM_WEIGHTS = [{7: 31, 10: 40, 13: 50, 14: 10, 23: 52, 29: 83}.get(x, 0) for x in range(32)]
SIX_ATOMS = {"n": 5, "d": 2, "weights": SIX_ATOM_WEIGHTS}
RULES = ("random", "top", "eb")


def torch_rule(kind: str, by: str, budget: float) -> SetRule:
    """Return the rule of the suite that an instance names."""
    if kind == "random":
        return RandomOne()
    return TopK(2, by) if kind == "top" else EntropyBounded(budget, by)


def literal_rule(kind: str, by: str, budget: float) -> reference_paths.LiteralRule:
    """Return the same rule written out."""
    if kind == "random":
        return reference_paths.random_one
    return reference_paths.top_k(2, by) if kind == "top" else reference_paths.entropy_bounded(budget, by)


def case(
    n: int, d: int, weights: Sequence[float], model: Sequence[Sequence[float]] | None
) -> tuple[TableWorld, TableDenoiser | None, Any]:
    """Return the world, the model as a table (None: the oracle) and the denoiser in exact fractions.

    A model lists positive weights, one row for each state and position: any, hence inconsistent, conditionals.
    """
    world = TableWorld.from_weights(weights, n, d)
    if model is None:
        return world, None, reference.conditionals_of(reference.rational_law(n, d, weights), d)
    rows = torch.tensor(model, dtype=torch.float64).reshape((d + 1) ** n, n, d)
    table = (rows / rows.sum(-1, keepdim=True)).log()

    def denoiser(z: reference.State, i: int, v: int) -> Fraction:
        row = model[int(states.index_of(torch.tensor(z), d)) * n + i]
        return Fraction(row[v]) / sum(Fraction(w) for w in row)

    return world, TableDenoiser(table), denoiser


def oracle_walk(n: int, d: int, weights: Sequence[float], rule: SetRule, model: Any = None) -> Walk:
    return walks.walk(rule, TableWorld.from_weights(weights, n, d), model)


def normalised(
    n: int, d: int, weights: Sequence[float], model: Any, kind: str, by: str, budget: float, peek: float = 0.0
) -> Iterator[Evidence]:
    """Sum p_phi over all paths, and q_phi over the partitions of each sequence, in fractions; then the walk's law."""
    world, torch_model, denoiser = case(n, d, weights, model)
    law = reference.rational_law(n, d, weights)
    found = list(reference_paths.paths(law, denoiser, literal_rule(kind, by, budget), n, d))
    effective = len(law) > 1
    total = sum((p.sampler for p in found), Fraction(0)) + Fraction(peek)
    yield equal("rational", Fraction(total), Fraction(1), Fraction(0), effective=effective, note="sum of p_phi")
    shares = {x: sum((p.data for p in found if p.x == x), Fraction(0)) for x in reference.sequences(n, d)}
    worst = max(shares, key=lambda x: abs(shares[x] - law.get(x, 0)))
    yield equal("rational", Fraction(shares[worst]), Fraction(law.get(worst, 0)), Fraction(0), effective=effective)
    walk = walks.walk(torch_rule(kind, by, budget), world, torch_model)
    expected = [float(reference_paths.output(found).get(x, 0)) for x in reference.sequences(n, d)]
    yield equal("enumeration", walk.output.law(), expected, tolerance(n, d), effective=effective, note="walk's law")
    done = states.sequence_index(n, d)
    yield equal(
        "enumeration", walk.visits_of_data[done], world.law(), tolerance(n, d), effective=effective, note="data chain"
    )


def ordering(
    n: int, d: int, weights: Sequence[float], model: Any, kind: str, by: str, budget: float, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare KL(q || p_phi) with the joint KL over paths; the gap with E_q KL(q_phi(z|x) || p_phi(z|x))."""
    world, torch_model, denoiser = case(n, d, weights, model)
    law = reference.rational_law(n, d, weights)
    found = list(reference_paths.paths(law, denoiser, literal_rule(kind, by, budget), n, d))
    joint, output = reference_paths.joint_divergence(found), reference_paths.output(found)
    single = reference.kullback_leibler(law, output)
    slack, effective = tolerance(n, d, n * math.log(d)), joint > 1e-9
    yield at_most("enumeration", single, factor * joint, slack, effective=effective, note="KL(q||p) <= joint KL")
    gap = math.fsum(float(p.data) * math.log(p.data / law[p.x] * output[p.x] / p.sampler) for p in found if p.data > 0)
    yield equal("enumeration", joint - single, gap, slack, note="gap = E_q KL of the partitions")
    if kind != "random":
        yield equal("enumeration", single, joint, slack, note="deterministic rule: equality")
    walk = walks.walk(torch_rule(kind, by, budget), world, torch_model)
    yield equal("enumeration", walk.path_divergence, joint, slack, note="walk's path KL")


def decomposition(
    n: int, d: int, weights: Sequence[float], model: Any, kind: str, by: str, budget: float, drop: bool = False
) -> Iterator[Evidence]:
    """Sum model error and joint dependence error along the paths of the data, node by node, against the joint KL."""
    world, torch_model, denoiser = case(n, d, weights, model)
    law = reference.rational_law(n, d, weights)
    found = list(reference_paths.paths(law, denoiser, literal_rule(kind, by, budget), n, d))
    gaps, dependences = [], []
    for path in (p for p in found if p.data > 0):
        z = (d,) * n
        for block in path.partition:
            gap, dependence, _ = reference_paths.node_errors(law, denoiser, z, block, d)
            gaps.append(float(path.data) * gap)
            dependences.append(float(path.data) * dependence)
            for i in block:
                z = reference.with_token(z, i, path.x[i])
    joint = reference_paths.joint_divergence(found)
    slack = tolerance(n, d, n * math.log(d))
    total = math.fsum(gaps) + (0.0 if drop else math.fsum(dependences))
    yield equal("enumeration", total, joint, slack, effective=joint > 1e-9, note="ME + JD = joint KL")
    walk = walks.walk(torch_rule(kind, by, budget), world, torch_model)
    yield equal("enumeration", walk.model_error, math.fsum(gaps), slack, note="walk's model error")
    yield equal("enumeration", walk.joint_dependence, math.fsum(dependences), slack, note="walk's JD")


def node_bound(
    n: int, d: int, weights: Sequence[float], model: Any, kind: str, by: str, budget: float, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare joint dependence error with sum-minus-max at every reachable state."""
    world, torch_model, denoiser = case(n, d, weights, model)
    walk = walks.walk(torch_rule(kind, by, budget), world, torch_model)
    here = walk.visits_of_data > 0
    dependence, bound = walk.nodes.joint_dependence[here], walk.nodes.bound[here]
    slack, effective = tolerance(n, d, n * math.log(d)), float(bound.max()) > 1e-6
    yield at_most("enumeration", dependence, factor * bound, slack, effective=effective)
    yield at_least("enumeration", dependence, 0.0, slack, effective=effective, note="JD >= 0")
    if kind != "random":
        law = reference.rational_law(n, d, weights)
        block = literal_rule(kind, by, budget)(reference_paths.rows_at(denoiser, (d,) * n, d))[0][1]
        _, jd, b = reference_paths.node_errors(law, denoiser, (d,) * n, block, d)
        yield equal("enumeration", walk.nodes.joint_dependence[-1], jd, slack, note="JD at the root, written out")
        yield equal("enumeration", walk.nodes.bound[-1], b, slack, note="bound at the root, written out")


def copies_are_tight(copies: int, d: int) -> Iterator[Evidence]:
    """Reveal all copies of one token at once: JD = B = (k - 1) ln d; independent tokens: JD = 0."""
    law = [int(len(set(x)) == 1) for x in reference.sequences(copies, d)]
    walk = oracle_walk(copies, d, law, EntropyBounded(math.inf))
    slack = tolerance(copies, d, copies)
    yield equal("enumeration", walk.nodes.joint_dependence[-1], (copies - 1) * math.log(d), slack)
    yield equal("enumeration", walk.nodes.bound[-1], (copies - 1) * math.log(d), slack)
    free = oracle_walk(copies, d, [1] * d**copies, EntropyBounded(math.inf))
    yield equal("enumeration", free.nodes.joint_dependence[-1], 0.0, slack, note="independent tokens")


def oracle_guarantee(
    n: int, d: int, weights: Sequence[float], by: str, budget: float, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare KL(q || p_phi) of EB with exact conditionals with budget * E[steps that reveal several tokens]."""
    walk = oracle_walk(n, d, weights, EntropyBounded(budget, by))
    several = torch.as_tensor(walk.total(walk.nodes.several), dtype=torch.float64)
    claimed = factor * entropy_bounds.oracle_guarantee(budget, several)
    effective = float(walk.divergence) > 1e-9
    slack = tolerance(n, d, n)
    yield at_most("enumeration", walk.divergence, claimed, slack, effective=effective)
    tighter = walk.bound
    yield at_most("enumeration", tighter, claimed, slack, effective=effective, note="sum of node bounds")


@st.composite
def cases(draw: DrawFn, largest: int = 3) -> Instance:
    """Draw a law, an oracle or any inconsistent model, a rule, a proxy and a budget."""
    found = draw(strategies.laws(n=(2, largest), cells=9 if largest == 3 else 27))
    rows = (found["d"] + 1) ** found["n"] * found["n"]
    row = st.lists(st.integers(1, 12), min_size=found["d"], max_size=found["d"])
    model = draw(st.none() | st.lists(row, min_size=rows, max_size=rows))
    return {**found, "model": model, **draw(rules())}


def rules() -> st.SearchStrategy[Instance]:
    """Draw the entries that name a rule."""
    return st.fixed_dictionaries(
        {"kind": st.sampled_from(RULES), "by": st.sampled_from(sorted(PROXIES)), "budget": budgets()}
    )


def budgets() -> st.SearchStrategy[float]:
    """Draw a budget in nats, zero included."""
    return st.integers(0, 30).map(lambda k: k / 20)


BUDGET_CASE = {"model": None, "kind": "eb", "by": "entropy", "budget": 0.4}
STOCHASTIC = {
    "n": 3,
    "d": 2,
    "weights": [5, 1, 2, 4, 3, 1, 1, 7],
    "model": None,
    "kind": "random",
    "by": "entropy",
    "budget": 0.0,
}

CLAIMS = (
    Claim(
        "eb.1", f"{PAPER}, section 5 and eqs. (5), (6)", "p_phi sums to one over sequences and partitions; the partitions of q_phi sum to q",
        "equality", ("rational", "enumeration"), normalised, f"none in fractions; {ROUNDING}",
        assumptions="rule blind to hidden values; any denoiser", inputs=cases, examples=12,
        fixtures=({**COPY, **BUDGET_CASE}, STOCHASTIC), variants={"a millionth too much": partial(normalised, peek=1e-6)},
    ),
    Claim(
        "eb.2", f"{PAPER}, eq. (10)",
        "KL(q || p_phi) <= KL(q_phi || p_phi); the gap is E_q KL(q_phi(z|x) || p_phi(z|x)), zero for deterministic rules",
        "upper", ("enumeration",), ordering, ROUNDING, assumptions="denoiser positive on the support", inputs=cases, examples=12,
        fixtures=({**COPY, **BUDGET_CASE, "budget": 2.0}, STOCHASTIC), variants={"half the joint KL": partial(ordering, factor=0.5)},
    ),
    Claim(
        "eb.3", f"{PAPER}, eq. (7)", "KL(q_phi || p_phi) = model error + joint dependence error, both averaged under q_phi",
        "equality", ("enumeration",), decomposition, ROUNDING, assumptions="denoiser positive on the support", inputs=cases, examples=12,
        fixtures=({**COPY, **BUDGET_CASE, "budget": 2.0}, STOCHASTIC), variants={"dependence error dropped": partial(decomposition, drop=True)},
    ),
    Claim(
        "eb.4", f"{PAPER}, eq. (8)", "At every reachable state 0 <= JD <= sum of the block's entropies minus the largest",
        "upper", ("enumeration",), node_bound, ROUNDING, assumptions="entropies of the true conditionals", inputs=partial(cases, 4), examples=25,
        fixtures=({**COPY, **BUDGET_CASE, "budget": 2.0},), variants={"half the bound": partial(node_bound, factor=0.5)},
    ),
    Claim(
        "eb.4b", f"{PAPER}, eq. (8)", "k copies revealed at once: JD = B = (k - 1) H; independent tokens: JD = 0",
        "equality", ("enumeration",), copies_are_tight, ROUNDING,
        fixtures=({"copies": 2, "d": 2}, {"copies": 3, "d": 3}, {"copies": 5, "d": 2}),
        variants={"one copy fewer": lambda copies, d: (equal("enumeration", e.computed, e.claimed * (copies - 2) / (copies - 1), 1e-12) for e in copies_are_tight(copies, d))},
    ),
    Claim(
        "eb.5", f"{SUPPLEMENT}, X3", "EB with exact conditionals: KL(q || p_phi) <= budget * E[steps that reveal two tokens or more]",
        "upper", ("enumeration",), oracle_guarantee, ROUNDING, assumptions="exact conditionals; any proxy",
        inputs=lambda: strategies.paired(law=strategies.laws(n=(2, 5), cells=32), by=st.sampled_from(sorted(PROXIES)), budget=budgets()),
        fixtures=({**SIX_ATOMS, "by": "entropy", "budget": 0.45}, {**COPY, "by": "margin", "budget": 1.4}),
        variants={"a tenth of the budget": partial(oracle_guarantee, factor=0.1)},
    ),
)  # fmt: skip
