"""Claims on decoding block by block, on stopping at an end mark, and on drawing from a nucleus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal, strategies
from theory.reference import decoding
from theory.reference import laws as reference
from theory.unmasking.claims.decoding import CODE, GENERIC, NOTES, TERNARY, bits, listed
from theory.unmasking.claims.eb import ROUNDING
from theory.unmasking.claims.rule_inputs import THREE_BITS, tolerance
from theory.unmasking.rules.base import Rule
from theory.unmasking.rules.in_blocks import InBlocks, StopAtEnd
from theory.unmasking.rules.low_confidence import LowConfidence
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, TopK
from theory.unmasking.rules.tokens import DrawnFrom, TokenLaw
from theory.unmasking.walks import walk
from theory.worlds import TableWorld


def block_after_block(world: TableWorld, rule: Rule, size: int, first: int, slip: int = 0) -> Iterator[Evidence]:
    """Compare a rule in blocks with the same sampler run on each block alone, and in one block with the rule itself."""
    d, n, slack = world.d, world.n, tolerance(world)
    mine = walk(InBlocks(rule, size + slip, first), world)

    def within(alone: reference.Conditional) -> decoding.Step:
        if isinstance(rule, LowConfidence):
            return decoding.low_confidence(alone, d, rule.k)
        assert isinstance(rule, TopK)
        return decoding.blind(alone, d, decoding.most_confident(rule.k))

    conditional = reference.exact_conditionals(world)
    step = decoding.in_blocks(within, conditional, d, size, first)
    law, steps = decoding.output(step, (d,) * n, d)
    yield equal("enumeration", mine.output.law(), listed(law, world), slack, effective=n > 1)
    yield equal("enumeration", mine.calls, float(steps), tolerance(world, n), note="calls")
    whole, plain = walk(InBlocks(rule, n + slip, 0), world), walk(rule, world)
    yield equal("enumeration", whole.output.law(), plain.output.law(), 0.0, note="one block")


def stops_where_it_ends(
    world: TableWorld, denoiser: TableDenoiser | None, rule: Rule, end: int, within: int | None, keep: bool = False
) -> Iterator[Evidence]:
    """Compare the law of a rule that stops with the padded law of the rule, and KL and calls of the two."""
    d, n, slack = world.d, world.n, tolerance(world)
    plain = walk(rule, world, denoiser)
    stopped = plain if keep else walk(StopAtEnd(rule, end, within), world, denoiser)
    law = dict(zip(reference.sequences(n, d), plain.output.law().tolist(), strict=True))
    pushed = listed(decoding.pushed(law, d, end), world)
    moved = any(abs(a - b) > slack for a, b in zip(pushed, plain.output.law().tolist(), strict=True))
    yield equal("enumeration", stopped.output.law(), pushed, slack, effective=moved)
    yield at_most("enumeration", stopped.calls, plain.calls, tolerance(world, n), note="calls")
    weights = [float(p) for p in listed(decoding.pushed(reference.exact(world), d, end), world)]
    data = {x: p for x, p in zip(reference.sequences(n, d), weights, strict=True) if p > 0}
    before, after = (
        reference.kullback_leibler(data, dict(zip(reference.sequences(n, d), w.output.law().tolist(), strict=True)))
        for w in (plain, stopped)
    )
    yield at_most("enumeration", math.exp(-before), math.exp(-after), slack, note="exp(-KL) from padded data")


def cut_mass(world: TableWorld, left: bool, percent: int, less: float = 1.0) -> Iterator[Evidence]:
    """Compare TV and KL of nucleus sampling, one token a step, with the mass of the sequences that it cuts."""
    law, d, n, share = reference.exact(world), world.d, world.n, Fraction(percent, 100)
    rule = LeftToRight() if left else TopK()
    choose: decoding.Choose = (lambda rows: [min(rows)]) if left else decoding.most_confident(1)
    out = walk(DrawnFrom(rule, TokenLaw(nucleus=float(share))), world)
    conditional = reference.conditionals_of(law, d)
    tokens = partial(decoding.token_row, nucleus=share)
    _, cut = decoding.surprise_of_cut(law, conditional, n, d, choose, tokens)
    apart = float((out.output.law() - world.law()).abs().sum() / 2)
    yield equal("enumeration", apart, float(cut), tolerance(world), effective=cut > 0, note="TV against the mass cut")
    yield equal("enumeration", math.exp(-out.divergence), float(cut == 0), tolerance(world), note="exp(-KL)")
    yield at_most("enumeration", float(cut), less * (1 - float(share) ** n), tolerance(world), effective=cut > 0)


@st.composite
def _blocks(draw: st.DrawFn) -> Instance:
    world = draw(strategies.worlds(n=(2, 4), cells=27))
    rule = draw(st.builds(TopK, st.integers(1, 2)) | st.builds(LowConfidence, st.integers(1, 2)))
    size = draw(st.integers(1, world.n))
    return {"world": world, "rule": rule, "size": size, "first": draw(st.integers(0, 1))}


@st.composite
def _ending(draw: st.DrawFn) -> Instance:
    world = draw(strategies.worlds(n=(2, 3), cells=27))
    rules = (TopK(2), LeftToRight(), EntropyBounded(0.5), LowConfidence(2), Punt(0.1), InBlocks(TopK(2), 2))
    instance = {
        "world": world,
        "denoiser": draw(st.none() | strategies.denoisers(world)),
        "rule": draw(st.sampled_from(rules)),
    }
    return {**instance, "end": draw(st.integers(0, world.d - 1)), "within": draw(st.none() | st.integers(1, 3))}


def _cuts() -> st.SearchStrategy[Instance]:
    percent = st.integers(30, 99)
    return st.fixed_dictionaries(
        {"world": strategies.worlds(n=(2, 4), cells=27), "left": st.booleans(), "percent": percent}
    )


FOUR = TableWorld.from_weights([(5 * k * k + 3 * k) % 17 + 1 for k in range(16)], 4, 2, "four bits")

CLAIMS = (
    Claim(
        id="decoding.blocks",
        statement=(
            "A rule in blocks is the rule run on each block as on a sequence of its own, whose denoiser sees what stands "
            "before; in one block it is the rule itself."
        ),
        source=f"{CODE}, semi-autoregressive sampling, written out; see {NOTES}, decoding.blocks",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=block_after_block,
        tolerance=ROUNDING,
        inputs=_blocks,
        examples=15,
        fixtures=(
            {"world": FOUR, "rule": LowConfidence(2), "size": 2, "first": 0},
            {"world": FOUR, "rule": TopK(2), "size": 3, "first": 1},
            {"world": TERNARY, "rule": LowConfidence(1), "size": 2, "first": 0},
        ),
        variants={"blocks one longer": partial(block_after_block, slip=1)},
    ),
    Claim(
        id="decoding.stop",
        statement=(
            "A sampler that stops at the end mark, at once or after the block that holds it, has the law of the sampler that "
            "does not, its sequences padded behind their first end mark, and never makes more calls. From data that are padded "
            "its KL is never larger."
        ),
        source=f"ours, see {NOTES}, decoding.stop",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=stops_where_it_ends,
        tolerance=ROUNDING,
        inputs=_ending,
        examples=20,
        fixtures=(
            {"world": TERNARY, "denoiser": None, "rule": TopK(2), "end": 2, "within": None},
            {"world": GENERIC, "denoiser": THREE_BITS, "rule": LowConfidence(2), "end": 1, "within": 2},
        ),
        variants={"nothing is overwritten": partial(stops_where_it_ends, keep=True)},
    ),
    Claim(
        id="decoding.nucleus",
        statement=(
            "From exact conditionals, one token a step at positions chosen blind to the draws, nucleus sampling with share p "
            "is as far from the data in total variation as the data have mass on sequences that it cuts. That mass is at most "
            "1 - p^n. KL(data || output) is infinite where it is positive, and 0 where nothing is cut."
        ),
        assumptions="Temperature 1.",
        source=f"ours, see {NOTES}, decoding.nucleus",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=cut_mass,
        tolerance=ROUNDING,
        inputs=_cuts,
        examples=20,
        fixtures=(
            {"world": bits(3, Fraction(1, 5)), "left": False, "percent": 80},
            {"world": TERNARY, "left": True, "percent": 70},
            {"world": GENERIC, "left": False, "percent": 99},
        ),
        variants={"one percent less": partial(cut_mass, less=0.99)},
        sharp=Sharp(
            "Independent tokens whose likeliest one has probability p attain 1 - p^n.",
            {"world": bits(3, Fraction(1, 5)), "left": False, "percent": 80},
            1 - 1e-9,
        ),
    ),
)
