"""Claims 22 and 23: Beta schedules beside every grid and every division into blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch

from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding, undecided
from theory.unmasking import beta_fit, certified_beta, curves, laws, optimal
from theory.worlds import (
    World,
    even_parity,
    repetition,
)
from theory.worlds.table import table_of
from theory.worlds.tree import sticky_chain

JUMPS = [math.log(2) * sum(j > c for c in (1, 6, 8)) for j in range(1, 13)]


def beta_within(world: World, steps: int, percent: float) -> Iterator[Evidence]:
    """Compare the error of the best Beta grid found with a lower bound on the error of every grid of K steps."""
    curve = world.information_curve().clamp(min=0)
    least = optimal.least_error_bound(curve, steps)
    found = beta_fit.best_beta(curve, steps).error
    yield at_least("programme", optimal.optimal_grid(curve, steps).error, least, 0.0, note="the best grid found")
    yield at_most("programme", found, (1 + percent / 100) * least, 0.0, note="the best Beta schedule found")


def rounded_beta_attains(curve: Sequence[float], steps: int) -> Iterator[Evidence]:
    """Look for Beta schedules that round to sizes of least error; prove by bisection that there is none."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    parts = list(laws.compositions(n, steps))
    errors = torch.tensor([float(curves.fixed_size_error(z, s)) for s in parts], dtype=torch.float64)
    slack = rounding(4 * n, n * max(curve))
    best = [s for s, error in zip(parts, errors, strict=True) if error <= errors.min() + slack]
    for sizes in best:
        excluded = certified_beta.never_rounds_to(sizes)
        if excluded.proved:
            yield equal("ball", Fraction(0), Fraction(1), 0, note=f"no Beta rounds to {sizes}", proves=math.inf)
        else:
            yield undecided("ball", f"{excluded.boxes} boxes do not exclude {sizes}")


def sizes_rounded_to(n: int, steps: int, missed: int) -> Iterator[Evidence]:
    """Count the compositions of n into K blocks that no Beta schedule rounds to: by proof, the others by a schedule."""
    parts = [s for s in laws.compositions(n, steps) if min(s) > 0]
    reached = beta_fit.rounded_beta_family(n, steps, np.geomspace(0.02, 100.0, 500))
    excluded = [s for s in parts if certified_beta.never_rounds_to(s, max_boxes=2000).proved]
    yield equal("ball", Fraction(len(excluded)), Fraction(missed), Fraction(0), note=f"never {excluded}")
    open_ = {tuple(s) for s in parts} - reached - {tuple(s) for s in excluded}
    yield equal("enumeration", Fraction(len(open_)), Fraction(0), Fraction(0), note="neither reached nor excluded")
    both = reached & {tuple(s) for s in excluded}
    yield equal("enumeration", Fraction(len(both)), Fraction(0), Fraction(0), note="both reached and excluded")


EXAMPLES = tuple(
    {"world": w, "steps": k, "percent": 0.3}
    for w in (table_of(sticky_chain(6)), even_parity(6), repetition(6))
    for k in (2, 4, 6)
)


CLAIMS = (
    Claim(
        id="schedules.22",
        statement=(
            "With at most six steps the best Beta schedule errs at most 0.3 % more than every grid: on the "
            "sticky chain of six bits, on their even parity and on a repeated bit."
        ),
        source="ours, see docs/derivations.md, schedules.8",
        quantifier="this instance",
        kind="upper",
        routes=("programme",),
        check=beta_within,
        tolerance="none: the errors of the Beta grid found, and a lower bound on those of all grids",
        fixtures=EXAMPLES,
        variants={"0.1 %": lambda world, steps, percent: beta_within(world, steps, 0.1)},
    ),
    Claim(
        id="schedules.23",
        statement="Whatever the information curve, some Beta schedule rounds to block sizes of least error.",
        source="ours, see docs/derivations.md, schedules.8",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="schedules.4a",
        routes=("ball",),
        check=rounded_beta_attains,
        tolerance="none: balls",
        fixtures=({"curve": JUMPS, "steps": 4},),
    ),
    Claim(
        id="schedules.23b",
        statement="Of the 35 ways to divide eight tokens into four blocks, six are rounded to by no Beta schedule.",
        source="ours, see docs/derivations.md, schedules.8",
        quantifier="this instance",
        kind="equality",
        see="schedules.23",
        routes=("ball", "enumeration"),
        check=sizes_rounded_to,
        tolerance="none: counts, proved in ball arithmetic",
        fixtures=({"n": 8, "steps": 4, "missed": 6},),
        variants={"five": lambda n, steps, missed: sizes_rounded_to(n, steps, 5)},
    ),
)
