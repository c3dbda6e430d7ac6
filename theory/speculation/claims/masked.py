"""Masked chains: speculative decoding of masked sequences, exact in fractions, by the sweep and by sampling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal, hoeffding_margin, rounding
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
    frequencies,
    product,
    products,
    setup,
)
from theory.speculation.claims.step import ours
from theory.worlds import TableWorld

ZERO = Fraction(0)
ROUNDING = "rounding of a sum over the (d + 1)^2n pairs of states of n factors"


def law_equality(correct: Residual = "residual", **case: object) -> Iterator[Evidence]:
    """Enumerate drafts and coins in fractions against sequential decoding; then the sweep and the engine's target.

    The variant draws a rejected token from q in place of the residual.
    """
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    found, target = s.literally(correct), reference_speculation.sequential_law(s.conditional, s.order, s.n, s.d)
    order = list(reference.sequences(s.n, s.d))
    gaps = [abs(Fraction(found.law.get(x, 0) - target.get(x, 0))) for x in order]
    effective = found.coins > 0
    yield equal("rational", max(gaps), ZERO, ZERO, effective=effective, note="fractions")
    swept = masked.sweep(s.denoiser, s.window, s.priority, correct)
    listed = [float(target.get(x, 0)) for x in order]
    yield equal("rational", swept.output.law(), listed, s.slack, effective=effective, note="the sweep")
    sequential = masked.sequential_law(s.denoiser, s.priority).law()
    yield equal("rational", sequential, listed, s.slack, note="the engine's target")


def sampled(correct: Residual = "residual", shift: float = 0.0, **case: object) -> Iterator[Evidence]:
    """Compare the batch sampler's frequencies and mean counts with all drafts and coins written out in fractions.

    Counts lie in [0, n]. The variants draw a rejected token from q, or shift the counts.
    """
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    run, exact = s.sampled(PATHS, correct), s.literally()
    listed = [float(exact.law.get(x, 0)) for x in reference.sequences(s.n, s.d)]
    seen, margin = frequencies(run.sequences, s.d), hoeffding_margin(PATHS, 1.0)
    yield equal("monte-carlo", seen, listed, margin, note="frequencies")
    margin = hoeffding_margin(PATHS, float(s.n))
    for name, count, wanted in (
        ("rounds", run.rounds, exact.rounds),
        ("rejections", run.rejections, exact.coins + exact.mismatches),
        ("mismatches", run.mismatches, exact.mismatches),
        ("sum of TV", run.expected_rejections, exact.variation),
    ):
        yield equal("monte-carlo", count.double().mean(), float(wanted) + shift, margin, note=name)


def rounds_bound(spare: int = 0, **case: object) -> Iterator[Evidence]:
    """Bound the rounds of every outcome of positive probability, and of sampled paths; compare E rounds."""
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    found, fewest = s.literally(), math.ceil(Fraction(s.n, s.window))
    excess = max(rounds - fewest - refused for _, rounds, refused in found.joint)
    yield at_most("rational", excess + spare, 0, ZERO, effective=s.window > 1, note="all outcomes")
    yield equal("rational", bounds.rounds_ceiling(s.n, s.window, 0), fewest, ZERO, note="the engine's ceiling")
    swept = masked.sweep(s.denoiser, s.window, s.priority)
    yield equal("rational", swept.rounds, float(found.rounds), s.slack, note="E rounds, by the sweep")
    run = s.sampled(200)
    yield at_most("enumeration", run.rounds, run.rejections + fewest - spare, ZERO, note="sampled paths")


def rejections(share: Fraction = Fraction(1), **case: object) -> Iterator[Evidence]:
    """Compare E rejections with E sum TV in fractions, one at a mismatch of order, and with the sweep.

    The variant claims `share` of the sum.
    """
    s = setup(**case)  # type: ignore[arg-type]  # a JSON mapping
    found = s.literally()
    refused = Fraction(sum(mass * count for (_, _, count), mass in found.joint.items()))
    effective = refused > 0
    yield equal("rational", refused, share * Fraction(found.variation), ZERO, effective=effective, note="sum of TV")
    yield equal("rational", refused, Fraction(found.coins + found.mismatches), ZERO, note="coins and mismatches")
    swept = masked.sweep(s.denoiser, s.window, s.priority)
    yield equal("rational", swept.coins, float(found.coins), s.slack, effective=effective, note="coins")
    yield equal("rational", swept.mismatches, float(found.mismatches), s.slack, effective=effective, note="mismatches")


def independence(world: TableWorld, order: ORDERS, window: int, mixed: int = 0) -> Iterator[Evidence]:
    """Decode a product law in fractions and by sweep: no rejection at all, ceil(n / L) rounds.

    The variant adds weight `mixed` to the sequences that repeat one token.
    """
    cells = zip(world.weights or (), reference.sequences(world.n, world.d), strict=True)
    law = TableWorld.from_weights([w + mixed * (len(set(x)) == 1) for w, x in cells], world.n, world.d)
    s = setup(law, order, window)
    found, fewest = s.literally(), math.ceil(Fraction(world.n, window))
    yield equal(
        "rational", Fraction(found.coins + found.mismatches), ZERO, ZERO, effective=window > 1, note="rejections"
    )
    yield equal("rational", Fraction(found.rounds), Fraction(fewest), ZERO, effective=window > 1, note="rounds")
    swept = masked.sweep(s.denoiser, window, s.priority)
    wanted = [float(found.coins + found.mismatches), float(found.rounds)]
    yield equal("rational", [swept.rejections, swept.rounds], wanted, s.slack, note="the sweep")


def information_bound(world: TableWorld, share: float = 1.0) -> Iterator[Evidence]:
    """Bound E TV of the l-th drafted conditional by its information with the drafted predecessors, from all masks.

    The left side is a sum over tokens in fractions, the right one a sum of entropies. Rejections of two positions are
    those of the sweep. The variant claims `share` of the bound.
    """
    law, n, d = reference.exact(world), world.n, world.d
    conditional, start, slack = reference.conditionals_of(law, d), (d,) * n, rounding(n * (d + 1) ** n)
    for l in range(1, n):
        mean = ZERO
        for tokens in itertools.product(range(d), repeat=l):
            z = (*tokens, *start[l:])
            gaps = [abs(conditional(start, l, v) - conditional(z, l, v)) for v in range(d)]
            mean += reference.marginal(law, z, d) * sum(gaps) / 2
        before = list(range(l))
        entropies = [reference.subset_entropy(law, s) for s in ([l], before, [*before, l])]
        shared = entropies[0] + entropies[1] - entropies[2]
        bound = math.sqrt(max(0.0, shared) / 2)
        yield equal("closed form", bounds.pinsker(shared), bound, slack, note="the engine's bound")
        effective = shared > slack
        yield at_most(
            "rational", float(mean), share * bound, math.sqrt(slack), effective=effective, note=f"position {l}"
        )
        if n == 2:
            coins = masked.sweep(world, 2).coins
            yield equal("rational", coins, float(mean), slack, effective=mean > 0, note="rejections of L = 2")


def order_matters(denoiser: TableWorld, order: Sequence[int], window: int, same: bool = False) -> Iterator[Evidence]:
    """Compare in fractions the expected rounds in a fixed and in the confidence order, which takes more.

    By the sweep, too. The variant takes the fixed order on both sides.
    """
    line, sure = setup(denoiser, order, window), setup(denoiser, order if same else "confidence", window)
    fixed, confident = (Fraction(s.literally().rounds) for s in (line, sure))
    note = f"{float(fixed):.3f} rounds in the fixed order, {float(confident):.3f} in the confidence order"
    yield equal("rational", int(fixed < confident), 1, ZERO, note=note)
    for s, wanted in ((line, fixed), (sure, confident)):
        swept = masked.sweep(s.denoiser, window, s.priority)
        yield equal("rational", swept.rounds, float(wanted), s.slack, note="the sweep")


NEARLY_EVEN: Instance = {"world": TableWorld.from_weights([51, 49, 49, 51], 2, 2, "nearly independent bits")}

CLAIMS = (
    Claim(
        id="speculative.M1",
        statement=(
            "Speculative decoding of a masked sequence drafts L tokens from frozen conditionals p, keeps token v with chance "
            "min(1, q(v) / p(v)), q the conditional given the tokens before it, and else draws from (q - p)_+ normalised, or "
            "from q where the order has changed. Its output has the law of decoding one token at a time, for any denoiser, "
            "order and window."
        ),
        assumptions="any conditionals, consistent or not",
        source=ours("speculative.M"),
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=law_equality,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=cases,
        examples=10,
        fixtures=CASES,
        variants={"q in place of the residual": partial(law_equality, correct="target")},
    ),
    Claim(
        id="speculative.M1s",
        statement=(
            "The batch sampler draws every sequence as often as the sum over all drafts and coins says, and has its expected "
            "rounds, rejections, mismatches of order and total variations."
        ),
        source=ours("speculative.M"),
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo",),
        check=sampled,
        tolerance=f"Hoeffding for {PATHS} paths at the suite's false-alarm share for each number",
        fixtures=(LINE, LONG),
        variants={
            "q in place of the residual": partial(sampled, correct="target"),
            "a tenth of a round and of a rejection more": partial(sampled, shift=0.1),
        },
    ),
    Claim(
        id="speculative.M2",
        statement="On every path of n tokens the number of rounds is at most ceil(n / L) plus the number of rejections.",
        source=ours("speculative.M"),
        quantifier="for all",
        kind="upper",
        routes=("rational", "enumeration"),
        check=rounds_bound,
        tolerance=f"integers; {ROUNDING}",
        inputs=cases,
        examples=8,
        fixtures=CASES,
        variants={"one round fewer": partial(rounds_bound, spare=1)},
        sharp=Sharp("equality on paths without a rejection", CASES[0]),
    ),
    Claim(
        id="speculative.M3",
        statement=(
            "The expected number of rejections is the expected sum over examined steps of TV(p, q), p the drafted and q the "
            "target's conditional, with one for a step where the order has changed."
        ),
        source=ours("speculative.M"),
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=rejections,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=cases,
        examples=10,
        fixtures=CASES,
        variants={"one percent more": partial(rejections, share=Fraction(101, 100))},
    ),
    Claim(
        id="speculative.M4",
        statement=(
            "For independent positions and exact conditionals nothing is rejected, and n tokens take ceil(n / L) rounds, in "
            "a fixed and in the confidence order."
        ),
        assumptions="product laws",
        source=ours("speculative.M"),
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=independence,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=products,
        examples=10,
        fixtures=(
            {"world": product([[7, 3], [2, 9], [5, 5]]), "order": "confidence", "window": 2},
            {"world": product([[1, 2, 3], [4, 1, 1]]), "order": [1, 0], "window": 2},
        ),
        variants={"one unit of weight on the repeated sequences": partial(independence, mixed=1)},
    ),
    Claim(
        id="speculative.M5",
        statement=(
            "With exact conditionals and a fixed order, the expected total variation between the frozen conditional of the "
            "l-th drafted position and its conditional given the drafted predecessors S is at most sqrt(I(X_l; X_S) / 2)."
        ),
        assumptions="a window that starts at all masks",
        source=ours("speculative.M"),
        quantifier="for all",
        kind="upper",
        routes=("rational", "closed form"),
        check=information_bound,
        tolerance="square root of the rounding of an entropy, for the bound is a square root",
        inputs=few_cells,
        examples=12,
        fixtures=(NEARLY_EVEN, {"world": BITS}, {"world": TableWorld.from_weights([6, 5, 5, 6], 2, 2)}),
        variants={"one percent less": partial(information_bound, share=0.99)},
        sharp=Sharp(
            "the factor 1/2 under the root, in the limit of two bits of vanishing information", NEARLY_EVEN, 0.999
        ),
    ),
    Claim(
        id="speculative.M6",
        statement=(
            "There is a data law on which the confidence order takes more rounds than a fixed order with the same window: "
            "a change of the order is a rejection."
        ),
        assumptions="exact conditionals",
        source=ours("speculative.M"),
        quantifier="there exists",
        kind="equality",
        routes=("rational",),
        check=order_matters,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"denoiser": BITS, "order": [0, 1, 2], "window": 3},),
        variants={"the fixed order on both sides": partial(order_matters, same=True)},
    ),
)
