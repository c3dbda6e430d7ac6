"""PUNT away from its theorem: the law it misses (G1 - G3 of the notes) and what random tables show."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from torch import Tensor

from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.unmasking.rules.punt import Punt, Ranking, Tests, candidates, influence
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, World, information, states

SOURCE = "Azangulov et al., arXiv 2510.21961"
DERIVED = "PUNT notes"
EPS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
ROUNDING = "rounding of a sum over states and candidate vectors: ledger.rounding(n (d+1)^n d^n)"

XOR = TableWorld.from_weights([int(x[3] == x[1] ^ x[2]) for x in itertools.product((0, 1), repeat=4)], 4, 2, "xor")
"""G1: X_3 = X_1 xor X_2."""

_FIRST, _SECOND = (4, 3, 3), ((5, 5), (9, 1), (1, 9))
_SKEWED = [
    0 if max(x[0], x[2], x[3]) > 1 else _FIRST[x[1]] * _SECOND[x[1]][x[2]]
    for x in itertools.product((0, 1, 2), repeat=4)
]
SKEWED = TableWorld.from_weights(_SKEWED, 4, 3, "skewed")
"""G2: X_1 in {0, 1, 2} with law (.4, .3, .3), X_2 given it (.5, .5), (.9, .1), (.1, .9)."""


def tolerance(world: World) -> float:
    """Return the rounding error of a sum over states and candidate vectors."""
    n, d = world.n, world.d
    return rounding(n * (d + 1) ** n * d**n)


def bounded_by(rule: Punt, world: TableWorld) -> tuple[float, float, float, Tensor]:
    """Return KL(p_out || q), E sum delta, E T and p_out of PUNT on a law."""
    found = walk(rule, world)
    z, mass = states.all_states(world.n, world.d), found.visits
    open_ = (z == world.d).any(-1) & (mass > 0)
    errors = (mass[open_] * rule.step_error(world, z[open_])).sum()
    divergence = information.kullback_leibler(found.output.law(), world.law())
    return float(divergence), float(errors), float(mass[open_].sum()), found.output.law()


def literally(rule: Punt, world: TableWorld) -> reference_lookahead.Sampled:
    """Return the law, errors and steps of the same rule written out, in floats."""
    passes, in_order = reference_lookahead.within(rule.eps), rule.tests == "in-order"
    return reference_lookahead.punt(reference.float_conditionals(world), world.n, world.d, rule.by, passes, in_order)


def exactly(rule: Punt, world: TableWorld) -> reference.Law:
    """Return the law of the same rule at eps = 0 in fractions: only equal conditionals pass."""
    denoiser, in_order = reference.exact_conditionals(world), rule.tests == "in-order"
    return reference_lookahead.punt(denoiser, world.n, world.d, rule.by, operator.eq, in_order, errors=False).law


def listed(law: reference.Law, world: World) -> list[float]:
    """Return a law as floats in the order of a world's table."""
    return [float(law.get(x, 0)) for x in reference.sequences(world.n, world.d)]


def printed_digits(
    world: TableWorld, distance: float, first_zero: float, divergence: float, tests: Tests = "binary"
) -> Iterator[Evidence]:
    """Compute TV, P(X_1 = 0) and KL(p_out || q) at eps = 0, ranks = indices, exactly and by the engine; TV is 0 in order."""
    exact, slack = reference.exact(world), tolerance(world)
    for kind, wanted in ((tests, distance), ("in-order", 0.0)):
        rule = Punt(0.0, "index", "in-order" if kind == "in-order" else tests)
        law = exactly(rule, world)
        apart = sum((abs(law.get(x, 0) - exact.get(x, 0)) for x in law.keys() | exact.keys()), Fraction(0)) / 2
        yield equal("rational", apart, Fraction(str(wanted)), Fraction(0), note=f"TV, {kind}")
        output = walk(rule, world).output.law()
        far = information.total_variation(world.law(), output)
        yield equal("enumeration", far, wanted, slack, note=f"TV, {kind}")
        if kind == tests:
            zero = sum((p for x, p in law.items() if x[1] == 0), Fraction(0))
            yield equal("rational", zero, Fraction(str(first_zero)), Fraction(0), note="P(X_1 = 0)")
            if divergence < math.inf:
                found = information.kullback_leibler(output, world.law())
                yield equal("enumeration", found, divergence, 5e-4, note="KL(p_out || q)")


def violations(tables: int, least: int, by: Ranking, tests: Tests = "binary") -> Iterator[Evidence]:
    """Count Dirichlet 4-bit tables x eps in which KL(p_out || q) exceeds E sum delta; redo the worst one literally."""
    cases = []
    for world, eps in itertools.product(dirichlet_tables(tables), EPS):
        rule = Punt(eps, by, tests)
        divergence, errors, _, _ = bounded_by(rule, world)
        cases.append((divergence - errors, world, rule))
    yield at_least("enumeration", sum(gap > 1e-10 for gap, _, _ in cases), least, Fraction(0), note="violations")
    gap, world, rule = max(cases, key=lambda case: case[0])
    found = literally(rule, world)
    excess = reference.kullback_leibler(found.law, reference.floats(world)) - found.errors
    yield at_least("enumeration", excess, 1e-10, 0.0, note="worst case, literally")
    yield equal("enumeration", excess, gap, tolerance(world), note="worst case, both routes")


def dirichlet_tables(count: int) -> list[TableWorld]:
    """Return flat Dirichlet laws of four bits."""
    rng = np.random.default_rng(0)
    return [TableWorld(rng.dirichlet([1.0] * 16), 4, 2, "flat Dirichlet") for _ in range(count)]


def samples_the_law(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    """Compare the output law of a rule at eps = 0 with the data law, exactly and by the engine."""
    exact, found = reference.exact(world), exactly(rule, world)
    x = max(reference.sequences(world.n, world.d), key=lambda x: abs(found.get(x, 0) - exact.get(x, 0)))
    ours, true = (law.get(x, Fraction(0)) for law in (found, exact))
    yield equal("rational", ours, true, Fraction(0), note=f"probability of {x}")
    yield equal("enumeration", walk(rule, world).output.law(), world.law(), tolerance(world), note="engine")


def kept_counts(world: TableWorld, rule: Punt) -> float:
    """Return E|R| of the first step."""
    start = torch.full((1, world.n), world.d)
    weights, y, log_p = candidates(world, start)
    count = y.shape[1]
    kept, _ = rule.keep(world, start.expand(count, -1), y[0], log_p.expand(count, -1, -1))
    return float((weights[0] * kept.sum(-1)).sum())


def rising(tables: int, by: Ranking, sign: int = 1) -> Iterator[Evidence]:
    """Compute the mean |R| of the first step over Dirichlet tables at each eps; one table literally."""
    worlds = dirichlet_tables(tables)
    found = np.array([[kept_counts(world, Punt(eps, by)) for eps in EPS] for world in worlds])
    yield at_least("enumeration", sign * np.diff(found.mean(0)), 0.0, 0.0, note="mean over tables")
    first = worlds[0]
    denoiser, start, order = reference.float_conditionals(first), (2,) * 4, reference_lookahead.ranked(by)
    for eps, count in zip(EPS, found[0], strict=True):
        passes = reference_lookahead.within(eps)
        sizes = [
            p * len(reference_lookahead.punt_step(denoiser, start, y, 2, order, passes)[0])
            for y, p in reference_lookahead.candidate_vectors(denoiser, start, 2)
        ]
        yield equal("enumeration", math.fsum(sizes), count, tolerance(first), note=f"literal |R| at eps = {eps}")


def stability(tables: int, eps: float, low: float, high: float) -> Iterator[Evidence]:
    """Compute how often a pair U leaves i unmoved (KL <= eps) and one of its members does not, weighted by q(y_U)."""
    worlds = dirichlet_tables(tables)
    every = TableWorld(torch.stack([world.law() for world in worlds]), 4, 2)
    found = every.conditionals(states.all_states(4, 2)).log()
    moved = influence(found[:, -1:], found)

    def shares(some: slice) -> float:
        return _failures(
            lambda w, i: moved[some, states.index_of(torch.tensor(w), 2), i],
            lambda w: every.table[some, states.index_of(torch.tensor(w), 2)],
            eps,
        )

    rate = shares(slice(None))
    yield at_least("enumeration", rate, low, 0.0, note="share of failures")
    yield at_most("enumeration", rate, high, 0.0, note="share of failures")
    law, one, start = reference.floats(worlds[0]), reference.float_conditionals(worlds[0]), (2,) * 4

    def divergence(w: reference.State, i: int) -> Tensor:
        rows = (reference_lookahead.row(one, z, i, 2) for z in (start, w))
        return torch.tensor([reference_lookahead.divergence(*rows)], dtype=torch.float64)

    def mass(w: reference.State) -> Tensor:
        return torch.tensor([reference.marginal(law, w, 2)], dtype=torch.float64)

    literal = _failures(divergence, mass, eps)
    yield equal("enumeration", shares(slice(1)), literal, 1e-9, note="first table, literally")


def _failures(
    moved: Callable[[reference.State, int], Tensor], mass: Callable[[reference.State], Tensor], eps: float
) -> float:
    passed = failed = 0.0
    for i, j, k in itertools.permutations(range(4), 3):
        if j > k:
            continue
        for a, b in itertools.product((0, 1), repeat=2):
            both = reference_lookahead.shown((2,) * 4, _at({j: a, k: b}), (j, k))
            single = [reference_lookahead.shown((2,) * 4, _at({m: v}), (m,)) for m, v in ((j, a), (k, b))]
            calm = moved(both, i) <= eps
            stirred = torch.maximum(moved(single[0], i), moved(single[1], i)) > eps
            passed += float((mass(both) * calm).sum())
            failed += float((mass(both) * (calm & stirred)).sum())
    return failed / passed


def _at(values: dict[int, int]) -> reference.State:
    return tuple(values.get(i, 0) for i in range(4))


def mean_error(tables: int, by: Ranking, factor: float = 1.0) -> Iterator[Evidence]:
    """Compute the mean delta of a revealed token of batched PUNT over Dirichlet tables, at each positive eps."""
    worlds = dirichlet_tables(tables)
    for eps in EPS[1:]:
        found = [bounded_by(Punt(eps, by), world)[1] for world in worlds]
        yield at_most("enumeration", sum(found) / (4 * tables), factor * eps, 0.0, note=f"eps = {eps}")
    written = literally(Punt(EPS[-1], by), worlds[0])
    yield equal("enumeration", found[0], written.errors, tolerance(worlds[0]), note="first table, literally")


DICE = TableWorld.from_weights([4, 1, 2, 3], 2, 2, "two dependent bits")
G1_DIGITS = {"world": XOR, "distance": 0.5, "first_zero": 0.5, "divergence": math.inf}
G2_DIGITS = {"world": SKEWED, "distance": 0.24, "first_zero": 0.16, "divergence": 0.136}
PRINTED = "PUNT's tests pass at eps = 0, so the revealed set is independent and the output is the data law"

CLAIMS = (
    Claim(
        id="punt.6",
        statement=(
            "At eps = 0: xor law, TV = .5; skewed law, TV = .24, P(X_1 = 0) = .16, KL(p_out || q) = .136; in "
            "order TV = 0"
        ),
        assumptions="ranks = indices",
        source=f"{DERIVED}, G1 and G2",
        quantifier="this instance",
        kind="equality",
        routes=("rational", "enumeration"),
        check=printed_digits,
        tolerance="TV and probabilities exact; KL to the three digits printed",
        fixtures=(G2_DIGITS, G1_DIGITS),
        variants={"tests in order": partial(printed_digits, tests="in-order")},
    ),
    Claim(
        id="punt.7",
        statement="Batched PUNT exceeds T1's bound: KL(p_out || q) > E sum delta on random 4-bit tables",
        assumptions="8 flat Dirichlet tables, six eps",
        source=f"{DERIVED}, claim 7",
        quantifier="there exists",
        kind="lower",
        routes=("enumeration",),
        check=violations,
        tolerance="excess above 1e-10; counts exact",
        fixtures=({"tables": 8, "least": 10, "by": "confidence"}, {"tables": 8, "least": 10, "by": "index"}),
        variants={"tests in order": partial(violations, tests="in-order")},
    ),
    Claim(
        id="punt.9",
        statement="The mean number of tokens revealed in a step rises with eps",
        assumptions="first step, flat Dirichlet 4-bit tables, in the mean",
        source=f"{SOURCE}, section 5 (claim 9)",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=rising,
        tolerance="none: exact expectations",
        fixtures=({"tables": 10, "by": "confidence"},),
        variants={"falls with eps": partial(rising, sign=-1)},
    ),
    Claim(
        id="punt.10",
        statement=(
            "Independence stability fails at eps = .01 for about 60%, at .05 for about 16% of the pairs that "
            "pass, on flat Dirichlet 4-bit tables"
        ),
        assumptions="200 tables, pairs weighted by probability",
        source=f"{SOURCE}, Assumption 3.3 (claim 10)",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=stability,
        tolerance="four percentage points: tables differ from the notes'",
        fixtures=(
            {"tables": 200, "eps": 0.01, "low": 0.56, "high": 0.64},
            {"tables": 200, "eps": 0.05, "low": 0.12, "high": 0.2},
        ),
        variants={"rare, as the paper's premise": lambda tables, eps, low, high: stability(tables, eps, 0.0, 0.1)},
    ),
    Claim(
        id="punt.11",
        statement="The mean in-step error delta of a revealed token stays below eps",
        assumptions="batched tests, flat Dirichlet 4-bit tables; says nothing about the law (G2)",
        source=f"{SOURCE}, section 5 (claim 11)",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=mean_error,
        tolerance="none: exact expectations",
        fixtures=({"tables": 10, "by": "confidence"},),
        variants={"a tenth of eps": partial(mean_error, factor=0.1)},
    ),
    Claim(
        id="punt.G1",
        statement=f"{PRINTED} (blockwise tests of joint dependence)",
        source=f"{SOURCE}, section 3; refuted in the notes, G1",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=ROUNDING,
        fixtures=({"world": XOR, "rule": Punt(0.0, "index")},),
    ),
    Claim(
        id="punt.G2",
        statement=f"{PRINTED} (reverse anchors, value-free ranks)",
        source=f"{SOURCE}, section 3; refuted in the notes, G2",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=ROUNDING,
        fixtures=({"world": SKEWED, "rule": Punt(0.0, "index")},),
    ),
    Claim(
        id="punt.G3",
        statement=f"{PRINTED} (ranked by the probability of the drawn token)",
        source=f"{SOURCE}, section 3; refuted in the notes, G3",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=ROUNDING,
        fixtures=({"world": DICE, "rule": Punt(0.0, "drawn")},),
    ),
)
