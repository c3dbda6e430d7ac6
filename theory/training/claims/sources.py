"""Variance of the training loss (arXiv 2511.18159): its three sources, its tail, and levels drawn from a density."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, at_least, at_most, equal, strategies
from theory.reference import training as reference
from theory.training import variance
from theory.training.claims.inputs import (
    DECOMPOSITION,
    NONE,
    OURS,
    ROUNDED,
    exact_losses,
    level_steps,
    loss_tables,
    rounding_sums,
    uneven,
    whole_table,
)
from theory.training.estimators import BY_COUNT, BY_LEVEL, Estimator, Exactly, Level, Weight, clipped, power
from theory.training.loss_table import loss_table
from theory.training.moments import moments
from theory.unmasking.claims.rule_inputs import THREE_BITS
from theory.worlds import TableWorld

COUNT = Estimator("m/k", Exactly(), BY_COUNT)
ROOT = Estimator("1/(t p)", level=power(0.5))
ABOVE = Level(
    "uniform above 1/1000", lambda t: torch.full_like(t, 1 / (1 - 1e-3)), lambda u: 1e-3 + (1 - 1e-3) * u, 1e-3
)
Rows = Sequence[Sequence[int]]


def three_sources(values: Rows, weights: Sequence[int], data: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Add mask, level and data noise up and compare with E[l^2] - (E l)^2; the engine with loops in fractions."""
    table, law = whole_table(values, weights)
    losses, n = exact_losses(values), table.n
    found = reference.by_count(losses, law, n)
    every = [
        (q / (n * math.comb(n, len(s))), Fraction(n, len(s)) * v)
        for x, q in law.items()
        for s, v in losses[x].items()
        if s
    ]
    mean = sum((p * v for p, v in every), NONE)
    square = sum((p * v * v for p, v in every), NONE)
    total = found.mask + found.level + data * found.data
    yield equal("rational", total, square - mean**2, NONE, effective=found.data > 0)
    for estimator, exact in ((COUNT, found), (ROOT, reference.by_root_level(losses, law, n))):
        engine = moments(estimator, table)
        slack = rounding_sums(2**n * n, float(exact.variance + exact.mean**2))
        for name in ("mean", "mask", "level", "data"):
            numbers = getattr(engine, name), float(getattr(exact, name))
            yield equal("enumeration", *numbers, slack, note=f"{name}, {estimator.name}")
        yield equal("enumeration", engine.bias, 0.0, slack, note=f"bias, {estimator.name}")


def growth(values: Rows, weights: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the growth of mask noise in ln(1/eps) with the mean of the summed squares of single-token losses."""
    table, law = whole_table(values, weights)
    losses = exact_losses(values)
    alone = sum((q * sum(v * v for s, v in losses[x].items() if len(s) == 1) for x, q in law.items()), NONE)
    found = moments(variance.STANDARD, table)
    slack = 1e-9 * max(1.0, float(alone))
    yield equal("quadrature", found.mask_growth, factor * float(alone), slack, effective=alone > 0)
    yield equal("quadrature", float(math.isinf(found.mask)), float(alone > 0), 0.0, note="infinite")
    finite = moments(ROOT, table).mask
    yield at_most(
        "quadrature", finite, 4.0 * table.n * float((table.values**2).sum()) * 2, 0.0, note="finite for t^-1/2"
    )


def best_density(roots: Sequence[int], chances: Sequence[int], plus: Fraction = NONE) -> Iterator[Evidence]:
    """For levels in equal steps with m2 the square of `roots`, compare variances under uniform, best and any chances."""
    steps, total = len(roots), sum(roots)
    p = [Fraction(c, sum(chances)) for c in chances]
    best = [Fraction(r, total) for r in roots]

    def second(law: Sequence[Fraction]) -> Fraction:
        return sum((Fraction(r * r, steps**2) / q for r, q in zip(roots, law, strict=True)), NONE)

    uniform = second([Fraction(1, steps)] * steps)
    mean = Fraction(total, steps)
    gap = sum(((r - mean) ** 2 for r in roots), NONE) / steps
    yield equal("rational", uniform - second(best), gap + plus, NONE, effective=len(set(roots)) > 1)
    yield at_least("rational", second(p), second(best), NONE, effective=p != best)


def unbiased(values: Rows, weights: Sequence[int], drop: float = 0.0, masked_rows: bool = False) -> Iterator[Evidence]:
    """Compare mean and data noise under several densities.

    One variant never draws the lowest levels. The other takes the mean over rows with a mask: at uniform levels they are
    a share n / (n + 1) of all.
    """
    table, _ = whole_table(values, weights)
    if not table.nelbo().sum():
        return
    laws = [power(g) for g in (0.0, 0.25, 0.5)] + [variance.best_level(table, 8)]
    if drop or masked_rows:
        laws = [clipped(drop) if drop else power(0.0)]
    weight = Weight("over rows with a mask", lambda t, k, m, p: (m + 1) / (m * t * p)) if masked_rows else BY_LEVEL
    found = [moments(Estimator(law.name, weight=weight, level=law), table) for law in laws]
    slack = 1e-10 * max(1.0, float(table.mean(table.nelbo())) ** 2)
    yield equal("quadrature", [f.mean for f in found], found[0].nelbo, slack)
    data = float(table.mean(table.nelbo() ** 2)) - found[0].nelbo ** 2
    yield equal("quadrature", [f.data for f in found], data, slack, note="data noise")


def gap_of_tables(denoiser: TableDenoiser, world: TableWorld, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare uniform less best variance with the variance of sqrt(m2) for a denoiser's losses, levels above 1/1000."""
    found = variance.curves(loss_table(world, denoiser), 1e-3)
    ones = torch.ones_like(found.rule.t)
    uniform, best = variance.split(found, ones), variance.split(found, found.second.sqrt())
    slack = 1e-10 * uniform.total
    yield equal("quadrature", uniform.total - best.total, factor * variance.gain_of_best(found), slack)
    engine = moments(Estimator("uniform", level=ABOVE), loss_table(world, denoiser))
    pairs = ((engine.mask, uniform.mask), (engine.level, uniform.level), (engine.data, uniform.data))
    for mine, other in pairs:
        yield equal("quadrature", mine, factor * other, slack, note="uniform levels, by size of the masked set")
    yield equal("quadrature", engine.data, best.data, slack, note="data noise")


def lowers_each(denoiser: TableDenoiser, world: TableWorld) -> Iterator[Evidence]:
    """Compare mask and level noise under p* with those under uniform levels above 1/1000."""
    found = variance.curves(loss_table(world, denoiser), 1e-3)
    uniform = variance.split(found, torch.ones_like(found.rule.t))
    best = variance.split(found, found.second.sqrt())
    yield at_most("quadrature", best.mask, uniform.mask, 0.0, note="mask noise")
    yield at_most("quadrature", best.level, uniform.level, 0.0, note="level noise")


def plug_in(chance: Fraction, first: Sequence[Fraction], second: Sequence[Fraction]) -> Iterator[Evidence]:
    """Two sequences without mask noise, means given on the halves of (0, 1]: the variance under sqrt(g^2 + v), uniform."""
    g = [(chance, first), (1 - chance, second)]
    averaged = [sum((q * row[half] for q, row in g), NONE) for half in (0, 1)]
    total = sum(averaged, NONE)
    mean = total / 2
    m2 = [sum((q * row[half] ** 2 for q, row in g), NONE) for half in (0, 1)]
    uniform = sum(m2, NONE) / 2 - mean**2
    plugged = sum((m / 4 / (a / total) for m, a in zip(m2, averaged, strict=True)), NONE) - mean**2
    yield at_most("rational", plugged, uniform, NONE)


CLAIMS = (
    Claim(
        id="variance.1",
        statement=(
            "The variance of a draw is mask noise (the mean variance over masks), level noise (the mean variance over levels "
            "of the mean loss) and data noise (the variance of the mean loss over sequences) together, for any model."
        ),
        source=f"{DECOMPOSITION}, decomposition", quantifier="for all", kind="equality", status="reading",
        routes=("rational", "enumeration"), check=three_sources, tolerance=f"none in fractions; {ROUNDED}",
        inputs=loss_tables, examples=10, fixtures=({"values": [[1, 2, 3], [4, 0, 5]], "weights": [1, 2]},),
        variants={"one per cent of data noise left out": partial(three_sources, data=Fraction(99, 100))},
    ),
    Claim(
        id="variance.2",
        statement=(
            "With uniform levels above eps and weight 1/t, mask noise grows without bound: by the mean over sequences of the "
            "sum of squared losses of single masked tokens, for each unit of ln(1/eps). Levels of density t^(-1/2) keep it finite."
        ),
        source=f"{OURS}, variance.2", quantifier="for all", kind="equality", routes=("quadrature",), check=growth,
        tolerance="1e-9 relative: the panel of t from 2^-60 to 2^-59 differs by terms of order 2^-59",
        inputs=loss_tables, examples=8, fixtures=({"values": [[1, 2, 3], [4, 0, 5]], "weights": [1, 2]},),
        variants={"one per cent more": partial(growth, factor=1.01)},
    ),
    Claim(
        id="variance.3a",
        statement=(
            "With levels drawn from a density p and losses divided by p, the variance is least for p proportional to "
            "sqrt(m2), m2(t) the mean squared loss at t, and falls from that of uniform levels by the variance of sqrt(m2(t)) "
            "over uniform t."
        ),
        source=f"{DECOMPOSITION}, P-POTS, with m2 for g^2 + v", quantifier="for all", kind="equality", status="reading",
        routes=("rational",), check=best_density, tolerance="none: fractions", inputs=level_steps, examples=12,
        fixtures=({"roots": [1, 3], "chances": [1, 1]},),
        variants={"one per cent more": partial(best_density, plus=Fraction(1, 100))},
    ),
    Claim(
        id="variance.3b",
        statement="For any density that is positive on (0, 1] the mean is the NELBO, and data noise does not depend on it.",
        source=f"{DECOMPOSITION}, P-POTS", quantifier="for all", kind="equality", status="reading", routes=("quadrature",),
        check=unbiased, tolerance="1e-10 relative: panels of 16 nodes and the geometric rest below 2^-60", inputs=loss_tables,
        examples=8, fixtures=({"values": [[1, 2, 3], [4, 0, 5]], "weights": [1, 2]},),
        variants={
            "levels below 1/100 never drawn": partial(unbiased, drop=0.01),
            "rows without a mask dropped": partial(unbiased, masked_rows=True),
        },
    ),
    Claim(
        id="variance.3c",
        statement="For a denoiser's losses and levels above 1/1000 the same gap is the variance of sqrt(m2(t)).",
        source=f"{OURS}, variance.3", quantifier="for all", kind="equality", routes=("quadrature",), check=gap_of_tables,
        tolerance="1e-10 of the variance: rounding of integrals over some thousand nodes",
        inputs=lambda: strategies.paired(denoiser=strategies.denoisers((3, 2)), world=strategies.worlds(n=(3, 3), d=(2, 2))),
        examples=8, fixtures=({"denoiser": THREE_BITS, "world": uneven(3, 2)},),
        variants={"one per cent more": partial(gap_of_tables, factor=1.01)},
    ),
    Claim(
        id="variance.4",
        statement="Drawing levels from p*, of least variance, lowers both mask noise and level noise.",
        source=f"{OURS}, variance.3", quantifier="for all", kind="upper", routes=("quadrature",),
        check=lowers_each, tolerance="none", expected="refuted", fixtures=({"denoiser": THREE_BITS, "world": uneven(3, 2)},),
        see="variance.3a",
    ),
    Claim(
        id="variance.5",
        statement=(
            "Levels drawn in proportion to sqrt(g^2 + v), g and v means over sequences of the mean loss and of its variance, "
            "have at most the variance of uniform levels."
        ),
        source=f"{DECOMPOSITION}, P-POTS, the quantity that is estimated", quantifier="for all", kind="upper",
        status="reading", routes=("rational",), check=plug_in, tolerance="none: fractions", expected="refuted",
        fixtures=(
            {"chance": Fraction(1, 10), "first": [Fraction(1), Fraction(3)], "second": [Fraction(1), NONE]},
            {"chance": Fraction(1, 10_000), "first": [Fraction(1), Fraction(100)], "second": [Fraction(1), NONE]},
        ),
        see="variance.3a",
    ),
)  # fmt: skip
