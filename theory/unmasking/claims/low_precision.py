"""Claims on draws with low-precision noise: the law itself, its range, its ties, and how far it is from what is meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal, rounding
from theory.reference import draws as reference
from theory.unmasking.draw_laws import by_atoms, by_cells, draw_law
from theory.unmasking.low_precision import Form, Recipe, top_bits

NOTES = "ours, see docs/derivations.md"
FORMS: tuple[Form, ...] = ("gumbel", "race")
PAPER = "Zheng et al., arXiv 2409.02908"


def literal(recipe: Recipe) -> reference.Draw:
    """Return the recipe for the route that lists all combinations."""
    return reference.Draw(recipe.dtype, recipe.form, recipe.eps, recipe.temperature, recipe.grid_bits)


def listed(logits: Sequence[float], recipe: Recipe, last: bool = False) -> Iterator[Evidence]:
    """Compare the law by score atoms, and by cells within their error, with all combinations of uniforms in fractions."""
    exact = [float(p) for p in reference.law(logits, literal(recipe), last)]
    slack = rounding(len(logits) * 2**recipe.grid_bits)
    yield equal("enumeration", draw_law(logits, recipe).law, exact, slack, effective=len(logits) > 1)
    cells = 64
    rough = by_cells(logits, recipe, cells=cells)
    apart = float((rough.law - torch.tensor(exact)).abs().sum()) / 2
    allowed = rough.error + slack + rounding(cells * len(logits))
    yield at_most("enumeration", apart, allowed, 0.0, effective=False, note="by cells, within their error")


def same_law(logits: Sequence[float], bits: int, temperature: float, dtype: str = "float64") -> Iterator[Evidence]:
    """Compare the two forms on the same grid, by the engine and by listing, in a type too fine to matter."""
    gumbel, race = (Recipe(dtype, form, 0.0, temperature, bits) for form in FORMS)
    computed, claimed = by_atoms(logits, gumbel).law, by_atoms(logits, race).law
    slack = rounding(len(logits) * 2**bits)
    yield equal("enumeration", computed, claimed, slack, effective=len(logits) > 1)
    lists = [[float(p) for p in reference.law(logits, literal(recipe))] for recipe in (gumbel, race)]
    yield equal("enumeration", lists[0], lists[1], slack, effective=len(logits) > 1, note="both listed in fractions")


def beyond_the_range(recipe: Recipe, others: int, share: float = 1.0) -> Iterator[Evidence]:
    """Draw from a token above others by more than the range of the noise: these must have probability exactly 0."""
    low, high = recipe.extremes()
    unit = 4 * torch.finfo(recipe.type).eps * (high - low)
    scale = recipe.temperature if recipe.form == "gumbel" else 1.0  # in the race form -T ln E has the range itself
    gap = share * (high - low) * scale + unit
    law = draw_law([-gap] * others + [0.0], recipe).law
    yield equal("enumeration", law[:-1], [0.0] * others, 0.0)
    yield equal("enumeration", float(law[-1]), 1.0, rounding(2**12), note="the other one")


def floor(recipe: Recipe, gap: float, factor: float = 1.0) -> Iterator[Evidence]:
    """Draw from two tokens with so large a gap that the lower one wins only where the upper has u = 0."""
    zero = float(recipe.noise.above(torch.tensor(0)) - recipe.noise.above(torch.tensor(1)))
    bits = top_bits(recipe)
    known = 2.0**-bits if recipe.bits else 2.0 ** -(bits + 1) + 2.0**-24
    law = draw_law([0.0, -gap], recipe).law
    yield equal("enumeration", float(law[1]), factor * known * (1 - known), rounding(4))
    yield equal("enumeration", zero, known, 0.0, note="probability of u = 0")


def largest_noise(dtype: str, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the largest noise that torch computes with -ln(-ln(1 - 2^-b)), and that with b ln 2."""
    recipe = Recipe(dtype)
    high, bits = recipe.extremes()[1], top_bits(recipe)
    exact = -math.log(-math.log1p(-factor * 2.0**-bits))
    slack = 2 * torch.finfo(recipe.type).eps * (1 + exact)
    yield equal("closed form", high, exact, slack)
    yield at_most("closed form", exact, bits * math.log(2), 0.0, note="at most b ln 2")


def first_minus_last(d: int, recipe: Recipe, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the first token's probability less the last one's with 2^-b, and every token's with the one before."""
    law = draw_law([0.0] * d, recipe).law
    slack = rounding(64)
    yield equal("enumeration", float(law[0] - law[-1]) * 2.0**recipe.grid_bits, factor, slack * 2.0**recipe.grid_bits)
    yield at_most("enumeration", law.diff(), 0.0, slack, note="no token beats the one before it")


def total_variation(logits: Sequence[float], bits: int, share: float = 1.0) -> Iterator[Evidence]:
    """Compare the total variation with d / 2^b, in exact arithmetic."""
    found = by_atoms(logits, Recipe("float64", bits=bits))
    yield at_most("enumeration", found.total_variation, share * len(logits) / 2**bits, rounding(len(logits) * 2**bits))


@st.composite
def _logits(draw: st.DrawFn, least: int = 1, most: int = 4) -> list[float]:
    steps = draw(st.lists(st.integers(-12, 12), min_size=least, max_size=most))
    return [k / 4 for k in steps]


@st.composite
def _draws(draw: st.DrawFn) -> Instance:
    dtype, form = draw(st.sampled_from(("float16", "bfloat16", "float32"))), draw(st.sampled_from(FORMS))
    eps, temperature = draw(st.sampled_from((0.0, 0.0, 2.0**-10, 1e-20))), draw(st.sampled_from((1.0, 0.5, 2.0)))
    return {"logits": draw(_logits()), "recipe": Recipe(dtype, form, eps, temperature, draw(st.integers(1, 3)))}


@st.composite
def _forms(draw: st.DrawFn) -> Instance:
    temperature = draw(st.sampled_from((1.0, 0.5, 0.7)))
    return {"logits": draw(_logits(2)), "bits": draw(st.integers(1, 3)), "temperature": temperature}


@st.composite
def _guarded(draw: st.DrawFn) -> Instance:
    dtype, form = draw(st.sampled_from(("float16", "bfloat16"))), draw(st.sampled_from(FORMS))
    recipe = Recipe(dtype, form, 2.0**-10, draw(st.sampled_from((1.0, 0.5))), draw(st.integers(2, 8)))
    return {"recipe": recipe, "others": draw(st.integers(1, 4))}


@st.composite
def _equal_logits(draw: st.DrawFn) -> Instance:
    return {"d": draw(st.integers(2, 60)), "recipe": Recipe("float64", bits=draw(st.integers(1, 10)))}


@st.composite
def _fine_draws(draw: st.DrawFn) -> Instance:
    return {"logits": draw(_logits(2, 12)), "bits": draw(st.integers(1, 10))}


HALF = Recipe("bfloat16")
HEAD_AND_TAIL = {"logits": [*[0.0] * 80, math.log(0.95 / 0.05 * 80)], "bits": 12}

CLAIMS = (
    Claim(
        id="draws.1",
        statement=(
            "The engine's law of argmax_v score_v, smaller index first in ties, is that of listing all combinations of the "
            "tokens' uniforms, in either form, for every guard and temperature."
        ),
        assumptions="Few bits of u, so that all combinations can be listed.",
        source=f"{NOTES}, draws.law",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=listed,
        tolerance="rounding of a sum over scores; the listing is exact",
        inputs=_draws,
        examples=40,
        fixtures=(
            {"logits": [0.0, 0.0, 0.5], "recipe": Recipe("bfloat16", bits=3)},
            {"logits": [1.0, 1.0, 0.25], "recipe": Recipe("float16", "race", 2.0**-10, 0.5, 3)},
        ),
        variants={"ties go to the larger index": partial(listed, last=True)},
    ),
    Claim(
        id="draws.2",
        statement=(
            "In exact arithmetic the Gumbel form and the exponential race draw from one law, for every grid of u and every "
            "temperature."
        ),
        assumptions="No operation is rounded; checked in float64.",
        source=f"{NOTES}, draws.law",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=same_law,
        tolerance="rounding of a sum over scores",
        inputs=_forms,
        examples=25,
        fixtures=({"logits": [0.0, 0.5, 1.0, 1.5], "bits": 3, "temperature": 1.0},),
        variants={"in bfloat16": partial(same_law, dtype="bfloat16")},
    ),
    Claim(
        id="draws.3",
        statement=(
            "With a guard eps > 0 noise is bounded. A token whose logit lies below another's by more than T times the range "
            "of Gumbel noise, in the race form by more than the range of T ln E, has probability exactly 0."
        ),
        source=f"{NOTES}, draws.3",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=beyond_the_range,
        tolerance="none; the gap exceeds the range by four roundings",
        inputs=_guarded,
        examples=25,
        fixtures=(
            {"recipe": Recipe("bfloat16", eps=1e-20), "others": 3},
            {"recipe": Recipe("float16", "race", eps=1e-3), "others": 2},
        ),
        variants={"95 % of the range": partial(beyond_the_range, share=0.95)},
    ),
    Claim(
        id="draws.3zero",
        statement=(
            "Without a guard u = 0 gives noise -infinity. Of two tokens the second, however much likelier, then loses with "
            "probability p (1 - p), p that of u = 0: 2^-b on an even grid, 2^-9 + 2^-24 in bfloat16, 2^-12 + 2^-24 in float16."
        ),
        source=f"{NOTES}, draws.3",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=floor,
        tolerance="rounding of a product",
        fixtures=(
            {"recipe": HALF, "gap": 50.0},
            {"recipe": Recipe("float16"), "gap": 200.0},
            {"recipe": Recipe("float64", bits=6), "gap": 40.0},
        ),
        variants={"one percent more": partial(floor, factor=1.01)},
    ),
    Claim(
        id="draws.4",
        statement=(
            "The largest noise is -ln(-ln(1 - 2^-b)) up to rounding, which is at most b ln 2: 5.53 in bfloat16 (b = 8), 7.63 "
            "in float16 (b = 11), 16.64 in float32 (b = 24), 36.74 in float64 (b = 53)."
        ),
        source=f"{NOTES}, draws.3",
        quantifier="this instance",
        kind="equality",
        routes=("closed form",),
        check=largest_noise,
        tolerance="two roundings of the number type",
        fixtures=tuple({"dtype": dtype} for dtype in ("bfloat16", "float16", "float32", "float64")),
        variants={"one percent more than 2^-b": partial(largest_noise, factor=1.01)},
    ),
    Claim(
        id="draws.5",
        statement=(
            "Of d >= 2 tokens with equal logits none is likelier than one before it, and the first is likelier than the last by "
            "exactly 2^-b, whatever d is, where u takes 2^b values with equal chances and distinct noise. Relative to 1 / d "
            "that is 0.75 percent for 126,464 tokens in float32."
        ),
        source=f"{NOTES}, draws.5",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=first_minus_last,
        tolerance="rounding of a sum over scores",
        inputs=_equal_logits,
        examples=25,
        fixtures=(
            {"d": 126_464, "recipe": Recipe("float32")},
            {"d": 30, "recipe": Recipe("float64", bits=4)},
        ),
        variants={"one percent less": partial(first_minus_last, factor=0.99)},
    ),
    Claim(
        id="draws.6",
        statement=(
            "A draw from d tokens with u on an even grid of 2^b values is within d / 2^b of softmax(logits / T) in total "
            "variation, in exact arithmetic."
        ),
        source=f"{NOTES}, draws.6",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=total_variation,
        tolerance="rounding of a sum over scores",
        inputs=_fine_draws,
        examples=25,
        fixtures=(HEAD_AND_TAIL, {"logits": [0.0, 0.0], "bits": 1}),
        variants={"at most 0.43 of it": partial(total_variation, share=0.43)},
        sharp=Sharp(
            "The least constant is not known; it is at least 1/2, which one likely token among many equally rare ones tends to.",
            HEAD_AND_TAIL,
            0.431,
        ),
    ),
)
