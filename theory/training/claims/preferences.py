"""VRPO (arXiv 2505.19223): how draws are allotted and shared, and the two forms of the estimate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from scipy import integrate

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, strategies
from theory.reference import training as reference
from theory.training import preferences
from theory.training.claims.inputs import (
    NONE,
    OURS,
    ROUNDED,
    VRPO,
    exact_losses,
    loss_tables,
    rounding_sums,
    whole_table,
)
from theory.training.estimators import clipped
from theory.training.loss_table import LossTable, loss_table
from theory.training.moments import moments
from theory.training.variance import STANDARD
from theory.unmasking.claims.rule_inputs import table
from theory.worlds import TableWorld, states

Rows = Sequence[Sequence[int]]
CLIP = 1e-3


def nested(values: Rows, weights: Sequence[int], levels: int, masks: int, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the variance of n_t levels of n_y masks with V_t / n_t + V_y / (n_t n_y), by all draws in fractions."""
    losses_table, _ = whole_table(values[:1], [1])
    n, losses = losses_table.n, exact_losses(values[:1])[0]
    one = reference.by_count({0: losses}, {0: Fraction(1)}, n)
    claimed = one.level / levels + one.mask / (levels * masks)
    by_level: list[dict[Fraction, Fraction]] = []
    for k in range(1, n + 1):
        sets = [Fraction(n, k) * v for s, v in losses.items() if len(s) == k]
        single: dict[Fraction, Fraction] = {}
        for v in sets:
            single[v] = single.get(v, NONE) + Fraction(1, len(sets))
        by_level.append(_mean_law([single] * masks))
    pooled: dict[Fraction, Fraction] = {}
    for each in by_level:
        for v, q in each.items():
            pooled[v] = pooled.get(v, NONE) + q / n
    total = _mean_law([pooled] * levels)
    mean = sum((q * v for v, q in total.items()), NONE)
    found = sum((q * (v - mean) ** 2 for v, q in total.items()), NONE)
    yield equal("rational", found, claimed * Fraction(factor).limit_denominator(100), NONE, effective=claimed > 0)
    engine = moments(replace(preferences.COUNT, levels=levels, masks=masks), losses_table).variance
    yield equal("enumeration", engine, float(found), rounding_sums(4**n, float(found)))
    yield at_least(
        "rational", found, one.level / (levels * masks) + one.mask / (levels * masks), NONE, note="n_y = 1 is best"
    )


def _mean_law(laws: Sequence[dict[Fraction, Fraction]]) -> dict[Fraction, Fraction]:
    found = {NONE: Fraction(1)}
    for law in laws:
        step: dict[Fraction, Fraction] = {}
        for v, q in found.items():
            for w, r in law.items():
                key = v + w / len(laws)
                step[key] = step.get(key, NONE) + q * r
        found = step
    return found


def count_and_time(values: Rows, weights: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare both forms' means, the count form's second moment with its sum, and its variance with the time form's."""
    found, _ = whole_table(values, weights)
    count, time = moments(preferences.COUNT, found), moments(STANDARD, found)
    above = moments(replace(STANDARD, level=clipped(CLIP)), found)
    slack = 1e-9 * max(1.0, count.variance + count.mean**2)
    yield equal("quadrature", time.mean, factor * count.mean, slack, effective=count.mean > 0)
    yield at_most("quadrature", count.variance, above.variance, slack, effective=count.variance > 0)
    _, square = found.by_count()
    sums = float(found.mean((square[1:] / torch.arange(1, found.n + 1)[:, None] ** 2).sum(0)))
    second = count.variance + count.mean**2
    yield equal("enumeration", second, factor * found.n * sums, slack, note="n times the sum of mean squares over k^2")


def single_mask_losses(length: int) -> Iterator[Evidence]:
    """Let a token cost one nat where it alone is masked: the variance by count against that by time above 1/1000."""
    n = length
    mean = (1 - CLIP) ** n
    alone = integrate.quad(lambda t: n * (1 - t) ** (n - 1) / t, CLIP, 1, epsabs=0, epsrel=1e-10, limit=400)[0]
    square = alone * (1 - CLIP)
    yield at_most("quadrature", n - 1.0, float(square) - mean**2, 1e-6)


def sharing(policy: TableDenoiser, other: TableDenoiser, sign: int = 1) -> Iterator[Evidence]:
    """Compare V with shared masks with that of the difference and with independent masks less twice the covariance."""
    first, second = _tables(policy), _tables(other)
    pair = preferences.Pair(
        (first.at(0), first.at(len(first.law) - 1)), (second.at(0), second.at(len(second.law) - 1)), 1.0
    )
    shared, apart = pair.variance(), pair.variance(shared=False)
    losses = [_by_mask(each) for tables in (pair.policy, pair.reference) for each in tables]
    covariance = sum(_covariance(losses[k], losses[k + 2], first.n) for k in (0, 1))
    slack = rounding_sums(4**first.n, apart)
    yield equal("enumeration", shared, apart - sign * 2 * covariance, slack, effective=abs(covariance) > slack)
    values, chances = pair.scores()
    mean = float(values @ chances)
    yield equal("enumeration", float(((values - mean) ** 2) @ chances), shared, slack, note="all pairs of masks")
    yield equal("enumeration", mean, pair.score, slack, note="mean score")
    same = preferences.Pair(pair.policy, pair.policy, 1.0)
    yield equal("enumeration", same.variance(), 0.0, slack, note="policy = reference")


def always_positive(policy: TableDenoiser, other: TableDenoiser) -> Iterator[Evidence]:
    """Compare the covariance of policy and reference on shared masks, by count, with zero for every response."""
    first, second = _tables(policy), _tables(other)
    found = [_covariance(_by_mask(first.at(c)), _by_mask(second.at(c)), first.n) for c in range(len(first.law))]
    yield at_least("enumeration", min(found), 0.0, 0.0)


def _tables(denoiser: TableDenoiser) -> LossTable:
    uniform = TableWorld.from_weights([1] * denoiser.d**denoiser.n, denoiser.n, denoiser.d)
    return loss_table(uniform, denoiser)


def _by_mask(table: LossTable) -> list[float]:
    return [float(v) for v in table.values[:, 0]]


def _covariance(first: Sequence[float], second: Sequence[float], n: int) -> float:
    """Return the covariance of n / k times both losses over a uniform count and set."""
    masks = [(s, sum(states.digits(torch.tensor(s), n, 2).tolist())) for s in range(1, 2**n)]
    chance = {s: 1 / (n * math.comb(n, k)) for s, k in masks}
    scaled = [(chance[s], n / k * first[s], n / k * second[s]) for s, k in masks]
    a, b = (math.fsum(row[0] * row[j] for row in scaled) for j in (1, 2))
    return math.fsum(p * x * y for p, x, y in scaled) - a * b


def _pairs_of_denoisers() -> st.SearchStrategy[Instance]:
    sizes = st.sampled_from([(2, 2), (2, 3), (3, 2)])
    return sizes.flatmap(
        lambda n: st.fixed_dictionaries({name: strategies.denoisers(n) for name in ("policy", "other")})
    )


def _nests() -> st.SearchStrategy[Instance]:
    few = {"levels": st.integers(1, 3), "masks": st.integers(1, 2)}
    return loss_tables(n=(2, 2)).flatmap(
        lambda i: st.fixed_dictionaries({**few, **{k: st.just(v) for k, v in i.items()}})
    )


POLICY, REFERENCE = (
    table(2, 2, rows) for rows in ([1, 9, 9, 1, 1, 1, 1, 1, 1, 9, 1, 1], [9, 1, 1, 9, 5, 1, 5, 1, 9, 1, 5, 1])
)

CLAIMS = (
    Claim(
        id="vrpo.5",
        statement=(
            "With n_t levels of n_y masks the variance is V_t / n_t + V_y / (n_t n_y); at a fixed number of masks one mask a "
            "level is best."
        ),
        source=f"{VRPO}, Lemma 5 and Proposition 1", quantifier="for all", kind="equality", status="reading",
        routes=("rational", "enumeration"), check=nested, tolerance=f"none in fractions; {ROUNDED}", inputs=_nests, examples=8,
        fixtures=({"values": [[1, 2, 4]], "weights": [1], "levels": 2, "masks": 2},),
        variants={"one per cent more": partial(nested, factor=1.01)},
    ),
    Claim(
        id="vrpo.6",
        statement=(
            "The form by count and the form by time have the same mean. The second moment by count is n times the sum over k of "
            "mean squared k-token losses over k^2, and for two or three tokens its variance is below that by time above 1/1000."
        ),
        source=f"{OURS}, vrpo.6", quantifier="for all", kind="upper",
        routes=("quadrature", "enumeration"), check=count_and_time, tolerance="1e-9 relative", inputs=loss_tables, examples=10,
        fixtures=({"values": [[1, 2, 3]], "weights": [1]},), variants={"one per cent more": partial(count_and_time, factor=1.01)},
    ),
    Claim(
        id="vrpo.6.long",
        statement="At every length the variance by count is below that by time with levels above 1/1000.",
        source=f"{OURS}, vrpo.6", quantifier="for all", kind="upper", routes=("quadrature",), check=single_mask_losses,
        tolerance="1e-6", expected="refuted", fixtures=({"length": 300},),
        see="vrpo.6",
    ),
    Claim(
        id="vrpo.7",
        statement=(
            "With the same masks for policy and reference V is that of an estimate of the difference: it is lower by twice the "
            "covariances, and zero where policy and reference are the same."
        ),
        source=f"{VRPO}, Proposition 2", quantifier="for all", kind="equality", status="reading", routes=("enumeration",),
        check=sharing, tolerance=ROUNDED, inputs=_pairs_of_denoisers, examples=10,
        fixtures=({"policy": POLICY, "other": REFERENCE},), variants={"higher": partial(sharing, sign=-1)},
    ),
    Claim(
        id="vrpo.8",
        statement="On shared masks by count the losses of policy and reference never have a negative covariance.",
        source=f"{OURS}, vrpo.8", quantifier="for all", kind="lower",
        routes=("enumeration",), check=always_positive, tolerance="none", expected="refuted",
        fixtures=({"policy": POLICY, "other": REFERENCE},), see="vrpo.7",
    ),
)  # fmt: skip
