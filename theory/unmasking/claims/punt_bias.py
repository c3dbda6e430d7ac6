"""PUNT away from its theorem: the law it misses (G1 - G3 of the notes) and what random tables show."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
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
from theory.worlds import TableWorld, information, states

SOURCE = "Azangulov et al., arXiv 2510.21961"
DERIVED = "PUNT notes"
EPS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
ROUNDING = "rounding of a sum over states and candidate vectors: ledger.rounding(n (d+1)^n d^n)"
FEW = 10

XOR = {"n": 4, "d": 2, "weights": [int(x[3] == x[1] ^ x[2]) for x in itertools.product((0, 1), repeat=4)]}
_FIRST, _SECOND = (4, 3, 3), ((5, 5), (9, 1), (1, 9))
SKEWED = {
    "n": 4, "d": 3,
    "weights": [0 if max(x[0], x[2], x[3]) > 1 else _FIRST[x[1]] * _SECOND[x[1]][x[2]] for x in itertools.product((0, 1, 2), repeat=4)],
}  # fmt: skip
"""G1: X_3 = X_1 xor X_2. G2: X_1 in {0, 1, 2} with law (.4, .3, .3), X_2 given it (.5, .5), (.9, .1), (.1, .9)."""


def tolerance(n: int, d: int) -> float:
    """Return the rounding error of a sum over states and candidate vectors."""
    return rounding(n * (d + 1) ** n * d**n)


def bounded_by(rule: Punt, world: TableWorld) -> tuple[float, float, float, Tensor]:
    """Return KL(p_out || q), E sum delta, E T and p_out of PUNT on a law."""
    found = walk(rule, world)
    z, mass = states.all_states(world.n, world.d), found.visits
    open_ = (z == world.d).any(-1) & (mass > 0)
    errors = (mass[open_] * rule.step_error(world, z[open_])).sum()
    divergence = information.kullback_leibler(found.output.law(), world.law())
    return float(divergence), float(errors), float(mass[open_].sum()), found.output.law()


def listed(law: dict[reference.State, Fraction] | dict[reference.State, float], n: int, d: int) -> list[float]:
    """Return a law as floats in the order of a table."""
    return [float(law.get(x, 0)) for x in reference.sequences(n, d)]


def printed_digits(
    n: int,
    d: int,
    weights: Sequence[float],
    distance: float,
    first_zero: float,
    divergence: float,
    tests: Tests = "binary",
) -> Iterator[Evidence]:
    """Compute TV, P(X_1 = 0) and KL(p_out || q) at eps = 0, ranks = indices, exactly and by the engine; TV is 0 in order."""
    exact, world = reference.rational_law(n, d, weights), TableWorld.from_weights(weights, n, d)
    for kind, wanted in ((tests, distance), ("in-order", 0.0)):
        found = reference_lookahead.punt(
            reference.conditionals_of(exact, d), n, d, "index", lambda p, q: p == q, kind == "in-order", errors=False
        )
        keys = found.law.keys() | exact.keys()
        apart = sum((abs(found.law.get(x, Fraction(0)) - exact.get(x, Fraction(0))) for x in keys), Fraction(0)) / 2
        yield equal("rational", apart, Fraction(str(wanted)), Fraction(0), note=f"TV, {kind}")
        engine = walk(Punt(0.0, "index", "in-order" if kind == "in-order" else tests), world)
        yield equal(
            "enumeration",
            information.total_variation(world.law(), engine.output.law()),
            wanted,
            tolerance(n, d),
            note=f"TV, {kind}",
        )
        if kind == tests:
            zero = sum((p for x, p in found.law.items() if x[1] == 0), Fraction(0))
            yield equal("rational", zero, Fraction(str(first_zero)), Fraction(0), note="P(X_1 = 0)")
            if divergence < math.inf:
                yield equal(
                    "enumeration",
                    information.kullback_leibler(engine.output.law(), world.law()),
                    divergence,
                    5e-4,
                    note="KL(p_out || q)",
                )


def violations(tables: int, least: int, by: Ranking, tests: Tests = "binary") -> Iterator[Evidence]:
    """Count Dirichlet 4-bit tables x eps in which KL(p_out || q) exceeds E sum delta; redo the worst one literally."""
    cases = []
    for weights, eps in itertools.product(dirichlet_tables(tables), EPS):
        world = TableWorld(weights, 4, 2)
        divergence, errors, _, _ = bounded_by(Punt(eps, by, tests), world)
        cases.append((divergence - errors, weights, eps))
    yield at_least("enumeration", sum(gap > 1e-10 for gap, _, _ in cases), least, Fraction(0), note="violations")
    gap, weights, eps = max(cases, key=lambda case: case[0])
    law = reference.float_law(4, 2, weights.tolist())
    found = reference_lookahead.punt(
        reference.conditionals_of(law, 2), 4, 2, by, reference_lookahead.within(eps), tests == "in-order"
    )
    excess = reference.kullback_leibler(found.law, law) - found.errors
    yield at_least("enumeration", excess, 1e-10, 0.0, note="worst case, literally")
    yield equal("enumeration", excess, gap, tolerance(4, 2), note="worst case, both routes")


def dirichlet_tables(count: int) -> Iterator[np.ndarray]:
    """Yield flat Dirichlet laws of four bits."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.dirichlet([1.0] * 16)


def samples_the_law(
    n: int, d: int, weights: Sequence[float], by: Ranking, tests: Tests = "binary"
) -> Iterator[Evidence]:
    """Compare the output law at eps = 0 with the data law, exactly and by the engine."""
    exact, world = reference.rational_law(n, d, weights), TableWorld.from_weights(weights, n, d)
    found = reference_lookahead.punt(
        reference.conditionals_of(exact, d), n, d, by, lambda p, q: p == q, tests == "in-order", errors=False
    ).law
    worst = max(reference.sequences(n, d), key=lambda x: abs(found.get(x, Fraction(0)) - exact.get(x, Fraction(0))))
    yield equal(
        "rational",
        found.get(worst, Fraction(0)),
        exact.get(worst, Fraction(0)),
        Fraction(0),
        note=f"probability of {worst}",
    )
    engine = walk(Punt(0.0, by, tests), world)
    yield equal("enumeration", engine.output.law(), world.law(), tolerance(n, d), note="engine")


def kept_counts(law: Tensor, n: int, d: int, eps: float, by: Ranking) -> float:
    """Return E|R| of the first step."""
    world, start = TableWorld(law, n, d), torch.full((1, n), d)
    weights, y, log_p = candidates(world, start)
    many = start.expand(y.shape[1], n)
    kept, _ = Punt(eps, by).keep(world, many, y[0], log_p.expand(y.shape[1], n, d))
    return float((weights[0] * kept.sum(-1)).sum())


def rising(tables: int, by: Ranking, sign: int = 1) -> Iterator[Evidence]:
    """Compute the mean |R| of the first step over Dirichlet tables at each eps; one table literally."""
    laws = list(dirichlet_tables(tables))
    found = np.array([[kept_counts(torch.from_numpy(w), 4, 2, eps, by) for eps in EPS] for w in laws])
    yield at_least("enumeration", sign * np.diff(found.mean(0)), 0.0, 0.0, note="mean over tables")
    denoiser = reference.conditionals_of(reference.float_law(4, 2, laws[0].tolist()), 2)
    for eps, count in zip(EPS, found[0], strict=True):
        pairs = reference_lookahead.candidate_vectors(denoiser, (2,) * 4, 2)
        sizes = [
            p
            * len(
                reference_lookahead.punt_step(
                    denoiser, (2,) * 4, y, 2, reference_lookahead.ranked(by), reference_lookahead.within(eps)
                )[0]
            )
            for y, p in pairs
        ]
        yield equal("enumeration", math.fsum(sizes), count, tolerance(4, 2), note=f"literal |R| at eps = {eps}")


def stability(tables: int, eps: float, low: float, high: float) -> Iterator[Evidence]:
    """Compute how often a pair U leaves i unmoved (KL <= eps) and one of its members does not, weighted by q(y_U)."""
    laws = np.stack(list(dirichlet_tables(tables)))
    table = states.marginal_table(torch.from_numpy(laws), 4, 2)
    z = states.all_states(4, 2)
    found = states.table_conditionals(table, z, 2).log()
    moved = influence(found[:, -1:], found)
    rate = _failures(
        lambda w, i: moved[:, states.index_of(torch.tensor(w), 2), i],
        lambda w: table[:, states.index_of(torch.tensor(w), 2)],
        eps,
    )
    yield at_least("enumeration", rate, low, 0.0, note="share of failures")
    yield at_most("enumeration", rate, high, 0.0, note="share of failures")
    one = reference.conditionals_of(law := reference.float_law(4, 2, laws[0].tolist()), 2)
    start = (2,) * 4
    literally = _failures(
        lambda w, i: torch.tensor([reference_lookahead.divergence(reference_lookahead.row(one, start, i, 2), reference_lookahead.row(one, w, i, 2))], dtype=torch.float64),
        lambda w: torch.tensor([reference.marginal(law, w, 2)], dtype=torch.float64), eps,
    )  # fmt: skip
    first = _failures(
        lambda w, i: moved[:1, states.index_of(torch.tensor(w), 2), i],
        lambda w: table[:1, states.index_of(torch.tensor(w), 2)],
        eps,
    )
    yield equal("enumeration", first, literally, 1e-9, note="first table, literally")


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
    for eps in EPS[1:]:
        found = [bounded_by(Punt(eps, by), TableWorld(w, 4, 2)) for w in dirichlet_tables(tables)]
        yield at_most(
            "enumeration", sum(e for _, e, _, _ in found) / (4 * tables), factor * eps, 0.0, note=f"eps = {eps}"
        )
    weights = next(dirichlet_tables(1)).tolist()
    written = reference_lookahead.punt(
        reference.conditionals_of(reference.float_law(4, 2, weights), 2), 4, 2, by, reference_lookahead.within(EPS[-1])
    )
    yield equal("enumeration", found[0][1], written.errors, tolerance(4, 2), note="first table, literally")


DICE = {"n": 2, "d": 2, "weights": [4, 1, 2, 3], "by": "drawn"}
G1_DIGITS = {**XOR, "distance": 0.5, "first_zero": 0.5, "divergence": math.inf}
G2_DIGITS = {**SKEWED, "distance": 0.24, "first_zero": 0.16, "divergence": 0.136}
PRINTED = "PUNT's tests pass at eps = 0, so the revealed set is independent and the output is the data law"

CLAIMS = (
    Claim(
        "punt.6", f"{DERIVED}, G1 and G2", "At eps = 0: xor law, TV = .5; skewed law, TV = .24, P(X_1 = 0) = .16, KL(p_out || q) = .136; in order TV = 0",
        "equality", ("rational", "enumeration"), printed_digits, "TV and probabilities exact; KL to the three digits printed",
        assumptions="ranks = indices", fixtures=({**G2_DIGITS}, {**G1_DIGITS}), variants={"tests in order": partial(printed_digits, tests="in-order")},
    ),
    Claim(
        "punt.7", f"{DERIVED}, claim 7", "Batched PUNT exceeds T1's bound: KL(p_out || q) > E sum delta on random 4-bit tables",
        "lower", ("enumeration",), violations, "excess above 1e-10; counts exact", assumptions="8 flat Dirichlet tables, six eps",
        fixtures=({"tables": 8, "least": 10, "by": "confidence"}, {"tables": 8, "least": 10, "by": "index"}),
        variants={"tests in order": partial(violations, tests="in-order")},
    ),
    Claim(
        "punt.9", f"{SOURCE}, section 5 (claim 9)", "The mean number of tokens revealed in a step rises with eps",
        "empirical", ("enumeration",), rising, "none: exact expectations", assumptions="first step, flat Dirichlet 4-bit tables, in the mean",
        fixtures=({"tables": 10, "by": "confidence"},), variants={"falls with eps": partial(rising, sign=-1)},
    ),
    Claim(
        "punt.10", f"{SOURCE}, Assumption 3.3 (claim 10)", "Independence stability fails at eps = .01 for about 60%, at .05 for about 16% of the pairs that pass, on flat Dirichlet 4-bit tables",
        "empirical", ("enumeration",), stability, "four percentage points: tables differ from the notes'", assumptions="200 tables, pairs weighted by probability",
        fixtures=({"tables": 200, "eps": 0.01, "low": 0.56, "high": 0.64}, {"tables": 200, "eps": 0.05, "low": 0.12, "high": 0.2}),
        variants={"rare, as the paper's premise": lambda tables, eps, low, high: stability(tables, eps, 0.0, 0.1)},
    ),
    Claim(
        "punt.11", f"{SOURCE}, section 5 (claim 11)", "The mean in-step error delta of a revealed token stays below eps",
        "empirical", ("enumeration",), mean_error, "none: exact expectations", assumptions="batched tests, flat Dirichlet 4-bit tables; says nothing about the law (G2)",
        fixtures=({"tables": 10, "by": "confidence"},), variants={"a tenth of eps": partial(mean_error, factor=0.1)},
    ),
    Claim(
        "punt.G1", f"{SOURCE}, section 3; refuted in the notes, G1", f"{PRINTED} (blockwise tests of joint dependence)",
        "equality", ("rational", "enumeration"), samples_the_law, ROUNDING, expected="refuted", see="punt.5", fixtures=({**XOR, "by": "index"},),
    ),
    Claim(
        "punt.G2", f"{SOURCE}, section 3; refuted in the notes, G2", f"{PRINTED} (reverse anchors, value-free ranks)",
        "equality", ("rational", "enumeration"), samples_the_law, ROUNDING, expected="refuted", see="punt.5", fixtures=({**SKEWED, "by": "index"},),
    ),
    Claim(
        "punt.G3", f"{SOURCE}, section 3; refuted in the notes, G3", f"{PRINTED} (ranked by the probability of the drawn token)",
        "equality", ("rational", "enumeration"), samples_the_law, ROUNDING, expected="refuted", see="punt.5", fixtures=(DICE,),
    ),
)  # fmt: skip
