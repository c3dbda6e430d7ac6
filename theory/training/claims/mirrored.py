"""Variance of the training loss (arXiv 2511.18159): two masks of one noise (MIRROR)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, at_most, equal, strategies
from theory.reference import training as reference
from theory.training import variance
from theory.training.claims.inputs import (
    DECOMPOSITION,
    NONE,
    OURS,
    ROUNDED,
    exact_losses,
    level_fractions,
    loss_tables,
    pair_inputs,
    rounding_sums,
    set_steps,
    token_losses,
    uneven,
    whole_table,
)
from theory.training.estimators import power
from theory.training.loss_table import LossTable, loss_table
from theory.training.moments import moments
from theory.worlds import TableWorld

ROOT = replace(variance.STANDARD, level=power(0.5))
Losses = Mapping[frozenset[int], Any]


def pairs(
    values: Sequence[Sequence[int]], t: Fraction, factor: float = 1.0, own_noise: bool = False
) -> Iterator[Evidence]:
    """Compare E[L L'] of mirrored masks by subset sums with all pairs of masks, and the mean with that of one mask.

    One variant takes one per cent more, the other draws the second mask by itself.
    """
    table, _ = whole_table(values, [1] * len(values))
    n, level = table.n, torch.tensor([float(t)], dtype=torch.float64)
    found = variance.mirrored_products(table, level)[0]
    for c, losses in exact_losses(values).items():
        single, together = reference.mirrored(losses, n, t)
        one = sum((t ** len(s) * (1 - t) ** (n - len(s)) * v for s, v in losses.items()), NONE)
        yield equal("rational", single, one, NONE, note="one mask of the pair alone")
        together = one**2 if own_noise else together
        slack = rounding_sums(4**n, float(together))
        yield equal("enumeration", float(found[c]), factor * float(together), slack, effective=together > 0)


def halved(values: Sequence[Sequence[int]], weights: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the variance of a mirrored pair with (v + covariance) / 2, the covariance by pairs of masks at nodes."""
    table, law = whole_table(values, weights)
    grid, losses = variance.curves(table), exact_losses(values)
    single, double = moments(ROOT, table), moments(replace(ROOT, partner="mirrored mask"), table)
    density = ROOT.level.density(grid.rule.t)
    covariance = grid.rule.t.new_zeros(len(grid.rule.t))
    for c, q in law.items():
        both = [reference.mirrored(losses[c], table.n, t) for t in grid.rule.t.tolist()]
        squared = torch.tensor([float(pair - one**2) for one, pair in both], dtype=torch.float64)
        covariance += float(q) * squared / grid.rule.t**2 / density
    claimed = (single.mask + float(grid.rule.from_zero(covariance))) / 2
    slack = 1e-9 * max(1.0, single.mask)
    yield equal("quadrature", double.mask, factor * claimed, slack, effective=single.mask > 0)
    yield equal("quadrature", double.mean, single.mean, slack, note="mean")
    equal_cost = double.variance - single.variance / 2
    gain = (single.level + single.data) / 2 + float(grid.rule.from_zero(covariance)) / 2
    yield equal("quadrature", equal_cost, gain, 2 * slack, note="against a batch twice as large")


def additive(losses: Sequence[int], t: Fraction, plus: Fraction = NONE) -> Iterator[Evidence]:
    """Compare the correlation of a mirrored pair with -min(t, 1 - t) / max(t, 1 - t), for losses that add up."""
    n = len(losses)
    table = {s: Fraction(sum(losses[i] for i in s)) for s in reference.subsets(n)}
    single, together = reference.mirrored(table, n, t)
    v = _variance(table, n, t)
    if v:
        yield equal("rational", (together - single**2) / v, -min(t, 1 - t) / max(t, 1 - t) + plus, NONE)


def copies(n: int, t: Fraction, own_noise: bool = False) -> Iterator[Evidence]:
    """Let n copies of one token cost something where all are masked, and compare the pair's correlation with its form.

    The variant draws the second mask by itself.
    """
    losses = {s: Fraction(n if len(s) == n else 0) for s in reference.subsets(n)}
    single, together = reference.mirrored(losses, n, t)
    rho = ((single**2 if own_noise else together) - single**2) / _variance(losses, n, t)
    formula = (max(2 * t - 1, NONE) ** n - t ** (2 * n)) / (t**n - t ** (2 * n))
    yield equal("rational", rho, formula, NONE)
    values = torch.zeros(2**n, 1, dtype=torch.float64)
    values[-1] = n
    table = LossTable(n, values, torch.ones(1, dtype=torch.float64))
    found = variance.mirror_correlation(table, torch.tensor([float(t)], dtype=torch.float64))
    yield equal("enumeration", float(found), float(formula), 1e-12)


def monotone(steps: Sequence[int], t: Fraction, sign: int = 1) -> Iterator[Evidence]:
    """Build losses that grow with the set, and compare the covariance of a mirrored pair with zero."""
    n = len(steps).bit_length() - 1
    table: dict[frozenset[int], Fraction] = {}
    for k, s in enumerate(reference.subsets(n)):
        below = [table[s - {i}] for i in s]
        table[s] = max(below, default=NONE) + steps[k]
    single, together = reference.mirrored(table, n, t)
    yield at_most("rational", sign * (together - single**2), NONE, NONE, effective=_variance(table, n, t) > 0)


def never_positive(world: TableWorld, cell: int, t: Fraction) -> Iterator[Evidence]:
    """Compare the correlation of a mirrored pair for one sequence with zero: exact conditionals."""
    rho = variance.mirror_correlation(loss_table(world), torch.tensor([float(t)], dtype=torch.float64))[0, cell]
    yield at_most("enumeration", float(rho), 0.0, 1e-9)


def two_tokens(world: TableWorld, t: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the covariance of two tokens' mirrored losses with its formula, and its mean over the law with zero."""
    found = reference.losses(world, world)
    law = {x: float(q) for x, q in zip(found, world.law()[world.law() > 0].tolist(), strict=True)}
    s = 1 - 2 * float(min(t, 1 - t))
    total, scale = [], 1.0
    for x, losses in found.items():
        single, together = reference.mirrored(losses, 2, float(t))
        alone = [losses[frozenset({k})] for k in (0, 1)]
        i = (losses[frozenset({0, 1})] - sum(alone)) / 2
        h = [v + i for v in alone]
        formula = ((1 - s) ** 2 * i**2 - (h[0] - s * i) ** 2 - (h[1] - s * i) ** 2) / 4
        size = sum(v * v for v in losses.values())
        if t <= Fraction(1, 2):
            covariance = (together - single**2) / (4 * float(t) ** 2)
            slack = rounding_sums(64, size / float(t) ** 2)
            yield equal("enumeration", covariance, factor * formula, slack, note=str(x))
        total.append(law[x] * (together - single**2))
        scale = max(scale, size)
    yield at_most("enumeration", math.fsum(total), 0.0, rounding_sums(64, scale), note="mean over the law")


def _variance(table: Losses, n: int, t: Fraction) -> Fraction:
    chances = [(t ** len(s) * (1 - t) ** (n - len(s)), v) for s, v in table.items()]
    mean = sum((p * v for p, v in chances), NONE)
    return sum((p * v * v for p, v in chances), NONE) - mean**2


NEARLY_OPPOSITE = TableWorld.from_weights([1, 499, 499, 1], 2, 2, "nearly opposite bits")

CLAIMS = (
    Claim(
        id="variance.6a",
        statement=(
            "The masks {u_i < t} and {u_i > 1 - t} of one noise each have the law of independent masks at t, and the mean "
            "product of their losses follows from sums over disjoint pairs of sets by size."
        ),
        source=f"{DECOMPOSITION}, MIRROR", quantifier="for all", kind="equality", status="reading",
        routes=("rational", "enumeration"), check=pairs, tolerance=f"none in fractions; {ROUNDED}",
        inputs=pair_inputs, examples=10, fixtures=({"values": [[1, 2, 3], [4, 0, 5]], "t": Fraction(1, 3)},),
        variants={"one per cent more": partial(pairs, factor=1.01), "a second mask of its own": partial(pairs, own_noise=True)},
    ),
    Claim(
        id="variance.6b",
        statement=(
            "A mirrored pair has the mask noise (v + c) / 2, v that of one mask and c the covariance of the two losses, and "
            "the same mean. Against a batch twice as large it wins exactly where c is below minus level and data noise."
        ),
        source=f"{DECOMPOSITION}, MIRROR, and ours", quantifier="for all", kind="equality", status="reading",
        routes=("quadrature",), check=halved, tolerance="1e-9 of the mask noise: panels of 16 nodes, the rest geometric",
        inputs=lambda: loss_tables(n=(2, 2)), examples=5, fixtures=({"values": [[1, 2, 3], [4, 0, 5]], "weights": [1, 2]},),
        variants={"one per cent less": partial(halved, factor=0.99)},
    ),
    Claim(
        id="variance.6c",
        statement="Where losses of tokens do not depend on other masks, the pair's correlation is -min(t, 1 - t) / max(t, 1 - t).",
        source=f"{OURS}, variance.6", quantifier="for all", kind="equality", routes=("rational",), check=additive,
        tolerance="none: fractions", inputs=lambda: strategies.paired(losses=token_losses(), t=level_fractions()), examples=12,
        fixtures=({"losses": [1, 2, 5], "t": Fraction(1, 3)},),
        variants={"one per cent more": partial(additive, plus=Fraction(1, 100))},
    ),
    Claim(
        id="variance.6d",
        statement="Where a sequence's loss only grows as tokens are masked, the pair's covariance is at most zero.",
        source=f"{OURS}, variance.6", quantifier="for all", kind="upper", routes=("rational",), check=monotone,
        tolerance="none: fractions", inputs=lambda: strategies.paired(steps=set_steps(), t=level_fractions()), examples=12,
        fixtures=({"steps": [0, 1, 2, 0, 1, 3, 0, 2], "t": Fraction(2, 5)},),
        variants={"at least zero": partial(monotone, sign=-1)},
    ),
    Claim(
        id="variance.6e",
        statement="The correlation of a mirrored pair's losses is at most zero for every sequence and model.",
        source=f"{DECOMPOSITION}, MIRROR", quantifier="for all", kind="upper", status="reading", routes=("enumeration",),
        check=never_positive, tolerance="1e-9", expected="refuted",
        fixtures=({"world": NEARLY_OPPOSITE, "cell": 0, "t": Fraction(1, 2)},),
        see="variance.6d",
    ),
    Claim(
        id="variance.6f",
        statement=(
            "For two tokens with exact conditionals and t <= 1/2 the covariance of the losses over n t is ((1-s)^2 i^2 - (h1 - "
            "s i)^2 - (h2 - s i)^2) / 4, s = 1 - 2t, h the surprises of the tokens and i their pointwise mutual information; "
            "its mean over the law is at most zero at every t."
        ),
        source=f"{OURS}, variance.6", quantifier="for all", kind="equality", routes=("enumeration",), check=two_tokens,
        tolerance=ROUNDED, inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 2)), t=level_fractions()), examples=12,
        fixtures=({"world": NEARLY_OPPOSITE, "t": Fraction(1, 2)}, {"world": uneven(2, 3), "t": Fraction(1, 3)}),
        variants={"one per cent more": partial(two_tokens, factor=1.01)},
    ),
    Claim(
        id="variance.6g",
        statement=(
            "For n copies of one token, which cost something only where all are masked, the pair's correlation is -t^n / (1 - t^n) "
            "for t <= 1/2 and ((2t - 1)^n - t^(2n)) / (t^n - t^(2n)) beyond: for long sequences nothing is gained."
        ),
        source=f"{OURS}, variance.6", quantifier="for all", kind="equality", routes=("rational", "enumeration"), check=copies,
        tolerance="none in fractions; 1e-12 for the engine, whose variance loses a digit where t is near one", examples=12,
        inputs=lambda: strategies.paired(n=st.integers(2, 5), t=level_fractions()),
        fixtures=({"n": 3, "t": Fraction(2, 5)}, {"n": 2, "t": Fraction(3, 4)}),
        variants={"a second mask of its own": partial(copies, own_noise=True)},
    ),
)  # fmt: skip
