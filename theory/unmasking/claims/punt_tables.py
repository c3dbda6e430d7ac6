"""PUNT on random tables: how much it reveals, how often its premise fails, how large its errors are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.unmasking.claims.punt_bias import (
    DERIVED,
    EPS,
    ROUNDING,
    SOURCE,
    bounded_by,
    dirichlet_tables,
    literally,
    tolerance,
)
from theory.unmasking.rules.punt import Punt, Ranking, candidates, influence
from theory.worlds import TableWorld, states


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


CLAIMS = (
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
)
