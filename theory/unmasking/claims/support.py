"""Claim 17: what parallel unmasking puts outside the support, and its error per token."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from torch import Tensor

from theory.ledger import Claim, Evidence, Sharp, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import bounds, laws
from theory.unmasking.claims.curve import ROUNDING, worlds_and_sizes
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, tolerance
from theory.unmasking.claims.sampler import PARITY
from theory.worlds import TableWorld, mds_code

ONE_BLOCK = {"world": PARITY, "sizes": [3]}


REPEATED = {"world": TableWorld.from_weights([1] + [0] * 14 + [1], 4, 2), "steps": 1}


def support_error(world: TableWorld, sizes: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Sum the output law outside the support and compare with 1 - exp(-KL), mixed law and each partition."""
    n, d, law = world.n, world.d, reference.floats(world)
    found = laws.sampler_law(laws.fixed_size(sizes, n), world)
    outside, divergence = float(found.output.law()[world.law() == 0].sum()), float(found.divergence)
    slack = tolerance(world)
    effective = outside > slack
    yield at_most("enumeration", outside, bounds.support_error_bound(factor * divergence), slack, effective=effective)
    for partition in itertools.islice(reference_samplers.ordered_partitions(n, sizes), 6):
        nu = reference_samplers.partition_law(reference.conditionals_of(law, d), partition, n, d)
        missed = math.fsum(p for x, p in nu.items() if x not in law)
        bound = bounds.support_error_bound(factor * reference.kullback_leibler(law, nu))
        yield at_most("enumeration", missed, bound, slack, effective=missed > slack, note="one partition")


def support_error_of_code(
    n: int, dimension: int, prime: int, sizes: Sequence[int], factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Check in fractions that every partition's law is the code's scaled by nu(support), so SER = 1 - e^-KL exactly."""
    rows = [tuple(row) for row in mds_code(n, dimension, prime).support.tolist()]
    law = {row: Fraction(1, len(rows)) for row in rows}
    for partition in itertools.islice(reference_samplers.ordered_partitions(n, sizes), 4):
        nu = reference_samplers.partition_law(reference.conditionals_of(law, prime), partition, n, prime)
        inside = Fraction(sum(nu[row] for row in rows))
        ratios = {law[row] / nu[row] for row in rows}
        yield equal("rational", factor * inside * max(ratios), Fraction(1), Fraction(0), effective=inside < 1)
        yield equal("rational", factor * inside * min(ratios), Fraction(1), Fraction(0), effective=inside < 1)


def token_error_gap(world: TableWorld, steps: int, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the KL of T balanced blocks per token, from the output law, with its least multiple of ln d."""
    n, d, q = world.n, world.d, world.law()
    count = min(steps, n)
    output = laws.sampler_law(laws.fixed_size(bounds.balanced_sizes(n, count), n), world).output.law()
    cross = float(-torch.xlogy(q, torch.where(q > 0, output, 1.0)).sum())
    gap = (cross - float(world.entropy())) / n
    least = Fraction(-(-n // count) - 1, n)
    yield at_most("rational", least, Fraction(1, count), Fraction(0), note="below 1 / T")
    slack = tolerance(world)
    yield at_most("enumeration", gap, factor * float(least) * math.log(d), slack, effective=gap > slack)


def relative_support_room(world: TableWorld, sizes: Sequence[int]) -> Tensor:
    """Return 1 - SER / (1 - e^-KL), differentiable in the world's law."""
    found = laws.sampler_law(laws.fixed_size(sizes, world.n), world)
    return 1 - found.output.law()[world.law() == 0].sum() / -torch.expm1(-torch.as_tensor(found.divergence))


CLAIMS = (
    Claim(
        id="schedules.17a",
        statement=(
            "The mass that an output law nu puts outside the support of the data law mu is at most 1 - e^-KL(mu || nu)."
        ),
        tex=r"SER = 1 - \nu(\mathrm{supp}\, \mu) \le 1 - e^{-KL(\mu \| \nu)}",
        assumptions="any output law",
        source="Feng et al., arXiv 2502.09622, by data processing; see docs/derivations.md, schedules.F",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=support_error,
        tolerance=ROUNDING,
        inputs=worlds_and_sizes,
        examples=25,
        fixtures=({"world": COPIED_PAIRS, "sizes": [2, 2]}, ONE_BLOCK),
        variants={"99 % of KL": partial(support_error, factor=0.99)},
        objective=relative_support_room,
        differentiable=("world",),
        sharp=Sharp("1: for the uniform law on a linear code and one block", ONE_BLOCK),
    ),
    Claim(
        id="schedules.17b",
        statement=(
            "For the uniform law on a linear code the mass outside the support, given the partition, is exactly "
            "1 - e^-KL."
        ),
        source="Feng et al., arXiv 2502.09622, by data processing; see docs/derivations.md, schedules.F",
        quantifier="this instance",
        kind="equality",
        routes=("rational",),
        check=support_error_of_code,
        tolerance="none: fractions",
        fixtures=(
            {"n": 3, "dimension": 1, "prime": 3, "sizes": [2, 1]},
            {"n": 3, "dimension": 2, "prime": 3, "sizes": [1, 2]},
            {"n": 4, "dimension": 2, "prime": 5, "sizes": [1, 3]},
        ),
        variants={"1 % more": partial(support_error_of_code, factor=Fraction(101, 100))},
    ),
    Claim(
        id="schedules.17c",
        statement=(
            "T blocks of sizes that differ by at most one have a KL per token of at most (ceil(n / T) - 1) / n "
            "times ln d, below Feng et al.'s ln d / T, over d symbols."
        ),
        tex=r"KL(\mu \| \bar\nu) / n \le \frac{\lceil n/T \rceil - 1}{n} \ln d < \frac{\ln d}{T}",
        assumptions="exact conditionals",
        source="Feng et al., arXiv 2502.09622; least constant ours, see docs/derivations.md, schedules.F",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "rational"),
        check=token_error_gap,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(cells=27), steps=st.integers(1, 4)),
        fixtures=(REPEATED,),
        variants={"99 % of it": partial(token_error_gap, factor=0.99)},
        sharp=Sharp("(ceil(n / T) - 1) / n: a repeated token and one block", REPEATED),
    ),
)
