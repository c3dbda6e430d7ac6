"""PUNT (arXiv 2510.21961): what can be proved about it."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory.denoisers import denoiser as as_denoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.tolerance import SLACK
from theory.unmasking.claims.punt_bias import (
    DERIVED,
    EPS,
    ROUNDING,
    SOURCE,
    listed,
    tolerance,
)  # fmt: skip
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, product_world, product_worlds
from theory.unmasking.rules.punt import Punt, Tests, influence, ranks, token_errors
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, states

CHANNEL = TableWorld.from_weights([3, 1, 1, 3], 2, 2, "symmetric channel")
"""X_1 = X_0 with probability 3/4: the influence is (ln 4/3) / 2 for every candidate."""


def direction(world: TableWorld, order: Sequence[int], kept: int, swap: bool = False) -> Iterator[Evidence]:
    """Compute KL(prod p_i || p_R) and E sum delta of the ordered set R, both literally and by the rule's own errors."""
    n, d, chosen = world.n, world.d, list(order[:kept])
    law, denoiser, start = reference.floats(world), reference.float_conditionals(world), (d,) * n
    product = {
        y: math.prod(denoiser(start, i, v) for i, v in zip(chosen, y, strict=True))
        for y in reference.sequences(kept, d)
    }
    placed = {y: _placed(y, chosen, n) for y in product}
    joint = {y: reference.marginal(law, reference_lookahead.shown(start, x, chosen), d) for y, x in placed.items()}
    claimed = reference.kullback_leibler(*((joint, product) if swap else (product, joint)))
    summed = math.fsum(
        p * reference_lookahead.step_errors(denoiser, start, placed[y], chosen, d) for y, p in product.items()
    )
    slack = tolerance(world)
    effective = claimed > slack
    yield equal("enumeration", summed, claimed, slack, effective=effective, note="literal sum")
    y = torch.tensor(list(placed.values()))
    hidden = torch.zeros(n, dtype=torch.bool).index_fill(0, torch.tensor(chosen), True).expand(y.shape)
    rank = torch.zeros(n, dtype=torch.long).scatter(0, torch.tensor(order), torch.arange(n)).expand(y.shape)
    z = torch.full_like(y, d)
    delta = token_errors(world, z, y, hidden, rank, world(z)).sum(-1)
    engine = (delta * torch.tensor(list(product.values()), dtype=torch.float64)).sum()
    yield equal("enumeration", engine, claimed, slack, effective=effective, note="torch errors")


def coverage(m: int, skipped: int = 0) -> Iterator[Evidence]:
    """Count the pairs of ranks never tested in order: by their codes, and by the calls PUNT makes of an independent law.

    `skipped` leaves out that many of the least significant bits.
    """
    width = (m - 1).bit_length()
    apart = sum(
        not any((i >> b) % 2 == 0 and (j >> b) % 2 == 1 for b in range(skipped, width))
        for i, j in itertools.combinations(range(m), 2)
    )
    yield equal("enumeration", apart, 0, Fraction(0), effective=m > 1, note="pairs apart by their codes")
    asked: list[Tensor] = []

    def independent(z: Tensor) -> Tensor:
        asked.append(z)
        return torch.full((*z.shape, 2), -math.log(2), dtype=torch.float64)

    kept, calls = Punt(0.0, "index").keep(
        as_denoiser(independent, d=2), torch.full((1, m), 2), torch.zeros(1, m, dtype=torch.long)
    )
    shown = torch.cat(asked) != 2
    tested = (shown[:, :, None] & ~shown[:, None, :]).any(0)
    missed = sum(not bool(tested[i, j]) for i, j in itertools.combinations(range(m), 2))
    yield equal("enumeration", missed, 0, Fraction(0), effective=m > 1, note="pairs apart in the calls")
    yield equal("enumeration", int(kept.sum()), m, Fraction(0), note="all kept")
    rounds = next(k for k in itertools.count() if 2**k >= m)
    yield equal("enumeration", int(calls), 1 + rounds - skipped, Fraction(0), effective=m > 1, note="calls a step")


def survivors(world: TableWorld, rule: Punt, spare: int = 0) -> Iterator[Evidence]:
    """Run one step from all masked for every candidate vector: rank 0 is kept, calls at most 1 + ceil(log2 m)."""
    n, d = world.n, world.d
    y = states.all_sequences(n, d)
    z = torch.full_like(y, d)
    kept, calls = rule.keep(world, z, y)
    first = ranks(world(z), z == d, y, rule.by) == 0
    yield equal("enumeration", int((kept & first).sum()), len(y), Fraction(0), note="rank 0 kept")
    most = 1 + next(k for k in itertools.count() if 2**k >= n) - spare
    yield at_most("enumeration", int(calls.max()), most, Fraction(0), note="calls")
    order, passes = reference_lookahead.ranked(rule.by), reference_lookahead.within(rule.eps)
    pairs = _steps(reference.float_conditionals(world), world, order, passes)
    yield equal("enumeration", calls.tolist(), [c for _, c in pairs], 0.0, note="literal calls")
    sets = torch.tensor([[i in k for i in range(n)] for k, _ in pairs])
    yield equal("enumeration", (kept != sets).sum(), 0, 0.0, note="literal sets")


def extremes(world: TableWorld, high: float = math.inf, low: float = -1.0) -> Iterator[Evidence]:
    """Compute the output at eps = infinity and eps < 0, by the engine and exactly, against prod p_i and the law."""
    exact, denoiser, n, d = reference.exact(world), reference.exact_conditionals(world), world.n, world.d
    product = {
        x: Fraction(math.prod(denoiser((d,) * n, i, v) for i, v in enumerate(x))) for x in reference.sequences(n, d)
    }
    effective, slack = any(product[x] != exact.get(x, 0) for x in product), tolerance(world)
    for eps, wanted, steps in ((high, product, 1), (low, exact, n)):
        passes = reference_lookahead.within(eps) if eps == 0 else (lambda p, q, eps=eps: eps > 0)
        found = reference_lookahead.punt(denoiser, n, d, "index", passes, errors=False)
        gap = max((abs(found.law.get(x, Fraction(0)) - wanted.get(x, 0)) for x in product), default=Fraction(0))
        note = f"eps = {eps}"
        yield equal("rational", Fraction(gap), Fraction(0), Fraction(0), effective=effective, note=note)
        engine = walk(Punt(eps, "index"), world)
        output, claimed = engine.output.law(), listed(wanted, world)
        yield equal("enumeration", output, claimed, slack, effective=effective, note=note)
        count = engine.visits[(states.all_states(n, d) == d).any(-1)].sum()
        yield equal("enumeration", count, steps, slack, note=f"steps at eps = {eps}")


def products(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    """Keep all m tokens of a product law in one step, by the rule and exactly; bound the influence that rounding leaves."""
    n, d, found = world.n, world.d, walk(rule, world)
    at_once = found.visits[-1] + found.output.law().sum()
    yield equal("enumeration", at_once, found.visits.sum(), tolerance(world), note="one step")
    steps = _steps(reference.exact_conditionals(world), world, reference_lookahead.ranked("index"), operator.eq)
    kept = min(len(k) for k, _ in steps)
    yield equal("rational", kept, n, Fraction(0), note="exact conditionals are equal")
    z = states.all_states(n, d)
    moved = influence(world(torch.full((1, n), d)), world(z))[z == d]
    yield at_most("enumeration", moved.max(), SLACK, 0.0, note="rounding stays within the slack")


def nearly_products(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    """Test a law that is no product: all sequences that begin with two zeros get one percent more weight."""
    pairs = zip(reference.sequences(world.n, world.d), world.weights or (), strict=True)
    weights = [w * (101 if x[:2] == (0, 0) else 100) for x, w in pairs]
    return products(TableWorld.from_weights(weights, world.n, world.d), rule)


def _steps(
    denoiser: reference.Conditional,
    world: TableWorld,
    order: reference_lookahead.Order,
    passes: reference_lookahead.Passes,
) -> list[tuple[list[int], int]]:
    """Return what the first step keeps of every candidate vector, and its calls, written out."""
    every = reference.sequences(world.n, world.d)
    start = (world.d,) * world.n
    return [reference_lookahead.punt_step(denoiser, start, y, world.d, order, passes) for y in every]


def _placed(y: Sequence[int], positions: Sequence[int], n: int) -> reference.State:
    values = dict(zip(positions, y, strict=True))
    return tuple(values.get(i, 0) for i in range(n))


@st.composite
def _ordered(draw: DrawFn) -> Instance:
    """Draw a law without zeros, an order of its positions and how many of them are kept."""
    world = draw(strategies.worlds(n=(2, 4), cells=27))
    full = TableWorld.from_weights([w + 1 for w in world.weights or ()], world.n, world.d)
    return {"world": full, "order": draw(st.permutations(range(world.n))), "kept": draw(st.integers(2, world.n))}


def _worlds(largest: int = 4) -> st.SearchStrategy[TableWorld]:
    return strategies.worlds(n=(2, largest), cells=16)


def worlds_and_rules(tests: Tests) -> st.SearchStrategy[Instance]:
    """Draw a law with a PUNT rule of the given kind of tests."""
    return strategies.paired(world=_worlds(), rule=st.sampled_from([Punt(eps, tests=tests) for eps in EPS]))


CHAIN = TableWorld.from_weights([9, 3, 1, 3, 3, 1, 3, 9], 3, 2, "sticky chain of three bits")
"""Each bit repeats the one before with probability 3/4: every influence along the chain is (ln 4/3) / 2."""

THREE_FAIR = {"world": product_world([[1, 1]] * 3), "rule": Punt(0.0)}

CLAIMS = (
    Claim(
        id="punt.1",
        statement=(
            "Let R be an ordered set of positions, Q the product of their conditionals p_i at the present state, and p_R "
            "their joint law there. Then KL(Q || p_R) is the mean over y drawn from Q of the sum over i in R of delta_i "
            "= KL(p_i || p_i given the tokens y of the positions before i): the tests of PUNT measure this direction."
        ),
        assumptions="Exact conditionals of a law without zeros; any order.",
        source=f"{DERIVED}, punt.1",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=direction,
        tolerance=ROUNDING,
        inputs=_ordered,
        examples=20,
        fixtures=(
            {"world": TableWorld.from_weights([4, 1, 2, 3], 2, 2), "order": [1, 0], "kept": 2},
            {"world": CHANNEL, "order": [1, 0], "kept": 2},
        ),
        variants={"the other direction, KL(p_R || Q)": partial(direction, swap=True)},
    ),
    Claim(
        id="punt.2a",
        statement=(
            "Whatever the number m of candidates, every candidate is tested at least once beside each candidate of "
            "smaller rank, as long as all are kept; a step then takes 1 + ceil(log2 m) denoiser calls."
        ),
        source=f"{DERIVED}, punt.2",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=coverage,
        tolerance="none: counts",
        inputs=lambda: strategies.paired(m=st.integers(1, 100)),
        examples=20,
        fixtures=tuple({"m": m} for m in (*range(1, 10), 16, 17, 64, 69)),
        variants={"one round fewer": partial(coverage, skipped=1)},
    ),
    Claim(
        id="punt.2b",
        statement=(
            "The candidate of rank 0 is always kept, and a step takes at most 1 + ceil(log2 m) denoiser calls, m the "
            "number of masked positions."
        ),
        assumptions="Any law, threshold and candidates.",
        source=f"{SOURCE}, section 3",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=survivors,
        tolerance="none: counts and sets",
        inputs=lambda: worlds_and_rules("binary"),
        examples=15,
        fixtures=({"world": COPIED_PAIRS, "rule": Punt(0.0)}, {"world": CHANNEL, "rule": Punt(0.2)}, THREE_FAIR),
        variants={"one call fewer": partial(survivors, spare=1)},
        sharp=Sharp("Independent tokens take this many calls at every m.", THREE_FAIR),
    ),
    Claim(
        id="punt.3",
        statement=(
            "With an infinite threshold all positions are revealed in one step and the output law is the product of the "
            "conditionals; with a negative threshold one position is revealed a step and the output law is the data law."
        ),
        assumptions="Exact conditionals, ranks that do not look at drawn tokens.",
        source=f"{DERIVED}, punt.3",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=extremes,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=lambda: strategies.paired(world=_worlds(3)),
        examples=12,
        fixtures=({"world": COPIED_PAIRS},),
        variants={
            "threshold 0 reveals all": partial(extremes, high=0.0),
            "an infinite threshold gives the data law": partial(extremes, low=math.inf),
        },
    ),
    Claim(
        id="punt.4",
        statement="On the law of independent tokens all masked positions are kept in one step, at every threshold >= 0.",
        assumptions="Exact conditionals.",
        source=f"{DERIVED}, punt.4",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=products,
        tolerance=f"none in fractions; the slack derived in theory.tolerance; {ROUNDING}",
        inputs=lambda: strategies.paired(
            world=product_worlds((2, 4)), rule=st.builds(Punt, st.sampled_from((0.0, 0.01, 1.0)))
        ),
        examples=15,
        fixtures=({"world": product_world([[7, 3, 1], [2, 9, 4], [5, 5, 11]]), "rule": Punt(0.0)},),
        variants={"on laws within one percent of a product": nearly_products},
    ),
)
