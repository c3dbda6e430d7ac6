"""Claims of section 7: speculative decoding of masked sequences, exact in fractions, by the sweep and by sampling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch
from torch import Generator

from theory.ledger import (
    FALSE_ALARM_SHARE,
    Claim,
    Evidence,
    at_least,
    at_most,
    equal,
    hoeffding_margin,
    rounding,
)
from theory.reference import laws as reference
from theory.reference import speculation as reference_speculation
from theory.reference.speculation import Residual
from theory.speculation import bounds, masked
from theory.speculation.claims.masked_inputs import (
    BITS,
    CASES,
    LINE,
    LONG,
    ORDERS,
    PATHS,
    cases,
    few_cells,
    product,
    products,
    setup,
)
from theory.worlds import TableWorld, dirichlet

SOURCE = "speculative notes, 7"
ROUNDING = "rounding of a sum over the (d+1)^2n pairs of states of n factors"


def law_equality(correct: Residual = "residual", **case: object) -> Iterator[Evidence]:
    """Enumerate drafts and coins in fractions against sequential decoding; then the sweep, and sampled sequences."""
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    found, target = s.literally(correct), reference_speculation.sequential_law(s.conditional, s.order, s.n, s.d)
    order = list(reference.sequences(s.n, s.d))
    gaps = [abs(Fraction(found.law.get(x, 0) - target.get(x, 0))) for x in order]
    yield equal("rational", max(gaps), Fraction(0), Fraction(0), effective=found.coins > 0, note="fractions")
    swept = masked.sweep(s.denoiser, s.window, s.priority, correct)
    listed = [float(target.get(x, 0)) for x in order]
    yield equal("enumeration", swept.output.law(), listed, s.slack, effective=found.coins > 0, note="sweep")
    yield equal(
        "enumeration", masked.sequential_law(s.denoiser, s.priority).law(), listed, s.slack, note="target of the engine"
    )


def sampled_law(correct: Residual = "residual", **case: object) -> Iterator[Evidence]:
    """Sample sequences, and compare every sequence's frequency with its probability in the target chain."""
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    paths = 25 * PATHS
    run = s.sampled(paths, correct)
    cells = s.d**s.n
    places = torch.tensor([s.d ** (s.n - 1 - i) for i in range(s.n)])
    frequency = torch.bincount((run.sequences * places).sum(-1), minlength=cells) / paths
    margin = hoeffding_margin(paths, 1.0, FALSE_ALARM_SHARE / cells)
    yield equal(
        "monte-carlo", frequency, masked.sequential_law(s.denoiser, s.priority).law(), margin, note="frequencies"
    )


def rounds_bound(spare: int = 0, **case: object) -> Iterator[Evidence]:
    """Bound the rounds of every outcome of positive probability, and of sampled paths; compare E rounds."""
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    found = s.literally()
    excess = max(rounds - bounds.rounds_ceiling(s.n, s.window, refused) for _, rounds, refused in found.joint)
    yield at_most("enumeration", excess + spare, 0, Fraction(0), effective=s.window > 1, note="all outcomes")
    swept = masked.sweep(s.denoiser, s.window, s.priority)
    yield equal("enumeration", swept.rounds, float(found.rounds), s.slack, note="E rounds")
    run = s.sampled(200)
    ceiling = bounds.rounds_ceiling(s.n, s.window, run.rejections) - spare
    yield at_most("enumeration", run.rounds, ceiling, Fraction(0), note="sampled paths")


def rejections(share: int = 1, **case: object) -> Iterator[Evidence]:
    """Compare E rejections with E sum TV in fractions, one at a mismatch of order, and with the sweep."""
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    found = s.literally()
    refused = Fraction(sum(mass * count for (_, _, count), mass in found.joint.items()))
    effective = refused > 0
    yield equal(
        "rational", refused, share * Fraction(found.variation), Fraction(0), effective=effective, note="sum of TV"
    )
    yield equal("rational", refused, Fraction(found.coins + found.mismatches), Fraction(0), note="coins and mismatches")
    swept = masked.sweep(s.denoiser, s.window, s.priority)
    yield equal("enumeration", swept.coins, float(found.coins), s.slack, effective=effective, note="coins")
    yield equal(
        "enumeration", swept.mismatches, float(found.mismatches), s.slack, effective=effective, note="mismatches"
    )


def sampled_rejections(shift: float = 0.0, **case: object) -> Iterator[Evidence]:
    """Compare the sampler's mean rounds, rejections and mismatches with the sweep; all lie in [0, n]."""
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    run, swept = s.sampled(25 * PATHS), masked.sweep(s.denoiser, s.window, s.priority)
    margin = hoeffding_margin(25 * PATHS, float(s.n))
    for name, seen, exact in (
        ("rounds", run.rounds, swept.rounds), ("rejections", run.rejections, swept.rejections),
        ("mismatches", run.mismatches, swept.mismatches), ("sum of TV", run.expected_rejections, swept.rejections),
    ):  # fmt: skip
        yield equal("monte-carlo", seen.double().mean(), exact + shift, margin, note=name)


def independence(world: TableWorld, order: ORDERS, window: int, missing: int = 0) -> Iterator[Evidence]:
    """Decode a product law in fractions and by sweep: no rejection at all, ceil(n / L) rounds."""
    s = setup(world, order, window)
    found = s.literally()
    yield equal("rational", Fraction(found.coins + found.mismatches), Fraction(missing), Fraction(0), note="rejections")
    fewest = bounds.rounds_ceiling(world.n, window, 0)
    yield equal("rational", Fraction(found.rounds), Fraction(fewest), Fraction(0), effective=window > 1, note="rounds")
    swept = masked.sweep(s.denoiser, window, s.priority)
    yield equal("enumeration", [swept.rejections, swept.rounds], [missing, fewest], s.slack, note="sweep")


def information_bound(world: TableWorld, power: float = 0.5) -> Iterator[Evidence]:
    """Bound E TV of the l-th drafted conditional by its information with the drafted predecessors, from all masks."""
    law, n, d = reference.exact(world), world.n, world.d
    conditional, start, slack = reference.conditionals_of(law, d), (d,) * n, rounding(n * (d + 1) ** n)
    for l in range(1, n):
        mean = 0.0
        for tokens in itertools.product(range(d), repeat=l):
            z = (*tokens, *start[l:])
            gaps = [abs(conditional(start, l, v) - conditional(z, l, v)) for v in range(d)]
            mean += float(reference.marginal(law, z, d) * sum(gaps)) / 2
        before = list(range(l))
        shared = (
            reference.subset_entropy(law, [l])
            + reference.subset_entropy(law, before)
            - reference.subset_entropy(law, [*before, l])
        )
        bound = bounds.pinsker(shared) if power == 0.5 else (max(0.0, shared) / 2) ** power
        yield at_most("enumeration", mean, bound, math.sqrt(slack), effective=shared > 1e-6, note=f"position {l}")
        if l == 1:
            coins = masked.sweep(world, 2).coins if n == 2 else mean
            yield equal("enumeration", coins, mean, slack, effective=n == 2 and mean > 0, note="rejections of L = 2")


def order_matters(tables: int, window: int, swap: bool = False) -> Iterator[Evidence]:
    """Average the exact rounds over Dirichlet(1) tables of five bits, for a fixed and a confidence order."""
    generator = Generator().manual_seed(0)
    rounds: dict[str, list[float]] = {"fixed": [], "confidence": []}
    for _ in range(tables):
        world = dirichlet(5, 2, 1.0, generator)
        rounds["fixed"].append(masked.sweep(world, window).rounds)
        rounds["confidence"].append(masked.sweep(world, window, masked.confidence).rounds)
    fixed, sure = (math.fsum(found) / tables for found in rounds.values())
    if swap:
        fixed, sure = sure, fixed
    yield at_most("enumeration", fixed, sure - 0.5, 0.0, note="half a round fewer in a fixed order")
    for low, value, high in ((1.1, fixed, 1.5), (2.0, sure, 2.5)):
        yield at_least("enumeration", value, low, 0.0, note="rounds of five")
        yield at_most("enumeration", value, high, 0.0, note="rounds of five")


CLAIMS = (
    Claim(
        id="speculative.M1",
        statement=(
            "The law of the speculative sampler is that of sequential decoding, for any denoiser, order and window"
        ),
        assumptions="any conditionals, consistent or not",
        source=f"{SOURCE}, exactness",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=law_equality,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=cases,
        examples=15,
        fixtures=CASES,
        variants={"q instead of the residual": partial(law_equality, correct="target")},
    ),
    Claim(
        id="speculative.M1s",
        statement="The batch sampler draws every sequence as often as sequential decoding does",
        source=f"{SOURCE}, exactness",
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo",),
        check=sampled_law,
        tolerance=f"Hoeffding for {25 * PATHS} paths at the suite's false-alarm share",
        fixtures=(LINE, LONG),
        variants={"q instead of the residual": partial(sampled_law, correct="target")},
    ),
    Claim(
        id="speculative.M2",
        statement="rounds <= ceil(n/L) + rejections on every path",
        source=f"{SOURCE}, rounds",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=rounds_bound,
        tolerance=f"integers; {ROUNDING}",
        inputs=cases,
        examples=10,
        fixtures=CASES,
        variants={"one round fewer": partial(rounds_bound, spare=1)},
    ),
    Claim(
        id="speculative.M3",
        statement="E rejections = E sum of TV(p, q) over examined steps, with one where the order changes",
        source=f"{SOURCE}, step acceptance",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=rejections,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=cases,
        examples=15,
        fixtures=CASES,
        variants={"twice the variation": partial(rejections, share=2)},
    ),
    Claim(
        id="speculative.M3s",
        statement="The batch sampler's mean rounds, rejections and mismatches are those of the sweep",
        source=f"{SOURCE}, step acceptance",
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo",),
        check=sampled_rejections,
        tolerance=f"Hoeffding for {25 * PATHS} paths at the suite's false-alarm share",
        fixtures=(LINE, LONG),
        variants={"a tenth more": partial(sampled_rejections, shift=0.1)},
    ),
    Claim(
        id="speculative.M4",
        statement="Independent positions: no rejection, ceil(n/L) rounds, in a fixed and in a confidence order",
        assumptions="product laws",
        source=f"{SOURCE}, checks",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=independence,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=products,
        examples=15,
        fixtures=(
            {"world": product([[7, 3], [2, 9], [5, 5]]), "order": "confidence", "window": 2},
            {"world": product([[1, 2, 3], [4, 1, 1]]), "order": [1, 0], "window": 2},
        ),
        variants={"one rejection": partial(independence, missing=1)},
    ),
    Claim(
        id="speculative.M5",
        statement=(
            "True conditionals and a fixed order: E TV <= sqrt(I(X_l; X_S | z) / 2), S the drafted predecessors"
        ),
        assumptions="exact conditionals of a law; z all masked",
        source=f"{SOURCE}, step acceptance",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=information_bound,
        tolerance="square root of the rounding of an entropy, for the bound is a square root",
        inputs=few_cells,
        examples=20,
        fixtures=({"world": BITS}, {"world": TableWorld.from_weights([6, 5, 5, 6], 2, 2)}),
        variants={"I / 2": partial(information_bound, power=1.0)},
    ),
    Claim(
        id="speculative.M6",
        statement=(
            "Five bits, L = 5: between 1.1 and 1.5 rounds in a fixed order, between 2 and 2.5 in a confidence order"
        ),
        assumptions="40 Dirichlet(1) tables; the notes' tables (1.24 and 2.25) are not given",
        source=f"{SOURCE}, rounds",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=order_matters,
        tolerance="none: exact rounds of stated tables",
        fixtures=({"tables": 40, "window": 5},),
        variants={"confidence first": partial(order_matters, swap=True)},
    ),
)
