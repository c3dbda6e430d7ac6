"""PUNT away from its theorem: the law it misses (G1 - G3 of the notes) and what random tables show."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import replace
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
DERIVED = "ours, see docs/derivations.md"
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
                yield equal("enumeration", found, divergence, 5e-4, note="KL(p_out || q), three digits")
                literal = reference.kullback_leibler(law, exact)
                yield equal("enumeration", found, literal, slack, note="KL(p_out || q), engine and fractions")


def violated(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    """Show that KL(p_out || q) exceeds E sum delta by more than rounding, by the engine and written out.

    At threshold 0 the errors are exactly zero in fractions, while the total variation is not.
    """
    divergence, errors, _, _ = bounded_by(rule, world)
    found, slack = literally(rule, world), tolerance(world)
    apart = reference.kullback_leibler(found.law, reference.floats(world))
    yield at_least("enumeration", divergence - errors, slack, 0.0, note="excess, engine")
    yield at_least("enumeration", apart - found.errors, slack, 0.0, note="excess, written out")
    yield equal("enumeration", [divergence, errors], [apart, found.errors], slack, note="both routes")
    if rule.eps == 0:
        exact, law = reference.exact(world), exactly(rule, world)
        far = sum((abs(law.get(x, 0) - exact.get(x, 0)) for x in law.keys() | exact.keys()), Fraction(0)) / 2
        yield at_least("rational", far, Fraction(6, 25), Fraction(0), note="TV in fractions")


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
    yield equal("enumeration", shares(slice(1)), literal, tolerance(worlds[0]), note="first table, literally")


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
_UNEVEN = [9, 4, 8, 6, 7, 6, 3, 7, 4, 5, 5, 4, 5, 4, 3, 9]
EXCESS = (
    {"world": SKEWED, "rule": Punt(0.0, "index")},
    {"world": TableWorld.from_weights(_UNEVEN, 4, 2, "four bits"), "rule": Punt(0.003)},
)
EXACT_AT_ZERO = "With exact conditionals and threshold 0 PUNT reveals independent tokens only, and so its output law is the data law"


def _in_order(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    return violated(world, replace(rule, tests="in-order"))


CLAIMS = (
    Claim(
        id="punt.6",
        statement=(
            "At threshold 0, with ranks equal to positions: on four bits of which the last is the parity of the second "
            "and third, PUNT's output law is at total variation .5 from the data law; on the skewed law of four tokens "
            "(X_1 of law (.4, .3, .3), X_2 given it (.5, .5), (.9, .1), (.1, .9), two free bits) at .24, with P(X_1 = 0) "
            "= .16 instead of .4 and KL(p_out || q) = .136. When each rank is tested against all kept before it, both "
            "distances are 0."
        ),
        source=f"{DERIVED}, punt.6",
        quantifier="this instance",
        kind="equality",
        routes=("rational", "enumeration"),
        check=printed_digits,
        tolerance=f"none in fractions; half a unit of the third digit of the divergence; {ROUNDING}",
        fixtures=(G2_DIGITS, G1_DIGITS),
        variants={"also with PUNT's own tests the distances are 0": partial(printed_digits, tests="in-order")},
    ),
    Claim(
        id="punt.7",
        statement=(
            "There are laws on which PUNT's tests in rounds break the bound of the tests in order: KL(p_out || q) "
            "exceeds the expected sum of the errors delta of the revealed tokens, at threshold 0 even where every such "
            "error is zero."
        ),
        assumptions="Exact conditionals; ranks that do not look at drawn tokens.",
        source=f"{DERIVED}, punt.6",
        quantifier="there exists",
        kind="lower",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=violated,
        tolerance="an excess of more than the rounding of the sums; none in fractions",
        fixtures=EXCESS,
        variants={"tests in order": _in_order},
    ),
    Claim(
        id="punt.9",
        statement="The expected number of tokens revealed in the first step rises with the threshold.",
        assumptions="In the mean over ten flat Dirichlet laws of four bits, thresholds 0, .003, .01, .03, .1, .3.",
        source=f"{SOURCE}, section 5, on average",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=rising,
        tolerance=f"none: exact expectations; {ROUNDING}",
        fixtures=({"tables": 10, "by": "confidence"},),
        variants={"it falls": partial(rising, sign=-1)},
    ),
    Claim(
        id="punt.10",
        statement=(
            "Say that a set of revealed tokens leaves a position unmoved if its influence is at most eps. Of the pairs "
            "that leave a position unmoved on flat Dirichlet laws of four bits, between 56 and 64 % at eps = .01, and "
            "between 12 and 20 % at eps = .05, have a member that does not: the stability that PUNT assumes fails there."
        ),
        assumptions="200 laws drawn with seed 0, pairs weighted by their probability.",
        source=f"{SOURCE}, Assumption 3.3, tested; {DERIVED}, punt.10",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=stability,
        tolerance=f"none: exact shares between the ends of the statement; {ROUNDING}",
        fixtures=(
            {"tables": 200, "eps": 0.01, "low": 0.56, "high": 0.64},
            {"tables": 200, "eps": 0.05, "low": 0.12, "high": 0.2},
        ),
        variants={"at most a tenth fail": lambda tables, eps, low, high: stability(tables, eps, 0.0, 0.1)},
    ),
    Claim(
        id="punt.11",
        statement="The mean error delta of a revealed token stays below the threshold at every positive threshold.",
        assumptions="PUNT's own tests, ten flat Dirichlet laws of four bits. This says nothing about the output law.",
        source=f"{SOURCE}, section 5, on average",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=mean_error,
        tolerance=f"none: exact expectations; {ROUNDING}",
        fixtures=({"tables": 10, "by": "confidence"},),
        variants={"a tenth of the threshold": partial(mean_error, factor=0.1)},
    ),
    Claim(
        id="punt.G1",
        statement=f"{EXACT_AT_ZERO}; ranks are positions, and no test need look at several tokens jointly.",
        source=f"{SOURCE}, section 3, a reading; {DERIVED}, punt.6",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": XOR, "rule": Punt(0.0, "index")},),
    ),
    Claim(
        id="punt.G2",
        statement=f"{EXACT_AT_ZERO}, on laws whose dependences are all between pairs; ranks are positions.",
        source=f"{SOURCE}, section 3, a reading; {DERIVED}, punt.6",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": SKEWED, "rule": Punt(0.0, "index")},),
    ),
    Claim(
        id="punt.G3",
        statement=f"{EXACT_AT_ZERO}; candidates are ranked by the probability of the drawn token.",
        source=f"{SOURCE}, section 3, a reading; {DERIVED}, punt.6",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": DICE, "rule": Punt(0.0, "drawn")},),
    ),
)
