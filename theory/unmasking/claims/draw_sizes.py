"""Claims on draws from vocabularies of today: what float32 and shorter noise does to them, and torch's own draws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from scipy import special

from theory.ledger import FALSE_ALARM_SHARE, Claim, Evidence, at_most, equal
from theory.unmasking.claims.low_precision import NOTES, PAPER
from theory.unmasking.draw_laws import by_cells, draw_law, intended_law
from theory.unmasking.low_precision import Form, Recipe

LLADA = 126_464
"""Tokens of LLaDA's vocabulary."""

CELLS = 2**14
"""Cells of scores for a likely token among equally rare ones: the error is then some 10^-4 at most."""


def zipf(d: int) -> torch.Tensor:
    """Return logits -ln(rank) of d tokens, whose probabilities fall like 1 / rank."""
    return -torch.arange(1, d + 1, dtype=torch.float64).log()


def head_and_tail(d: int, tail: float) -> torch.Tensor:
    """Return logits of d tokens: all but the last share the probability `tail` equally."""
    logits = torch.full((d,), math.log(tail / (d - 1)), dtype=torch.float64)
    logits[-1] = math.log1p(-tail)
    return logits


def rare_share(x: float) -> float:
    """Return (1 / x) / (e^(1 / x) - 1): which part of its probability a rare token keeps against a likely one, where
    it is meant to have x / 2^b times the other's (see docs/derivations.md, draws.rare)."""
    return 1 / (x * math.expm1(1 / x))


def precise_enough(d: int, tail: float, recipe: Recipe, limit: float) -> Iterator[Evidence]:
    """Compare what the likely token gains, a lower bound of the total variation, with the limit."""
    law = by_cells(head_and_tail(d, tail), recipe, CELLS)
    gain = abs(float(law.law[-1] - law.intended[-1])) - law.group_error
    yield at_most("quadrature", gain, limit, 0.0)


def revealed_in_a_step(d: int, steps: int, recipe: Recipe, most: float, factor: float = 1.0) -> Iterator[Evidence]:
    """Draw from the mask and d tokens as the first of many equal steps does; compare what is revealed with 1 / steps."""
    law = by_cells(head_and_tail(d + 1, 1 / steps), recipe, CELLS)
    share = (1 - float(law.law[-1])) * steps
    yield at_most("quadrature", share, most, law.group_error * steps)
    kept = rare_share(2.0**recipe.grid_bits / (steps - 1) / d * factor)
    slack = steps * (2.0**-recipe.grid_bits + law.group_error) + 2 / steps
    yield equal("quadrature", share, kept, slack, note="against the closed form")


def temperature(d: int, recipe: Recipe, value: float, digits: int, by_entropy: bool = False) -> Iterator[Evidence]:
    """Compare the effective temperature of a draw from Zipf's law with its printed digits."""
    law = draw_law(zipf(d), recipe)
    found = law.entropy_temperature if by_entropy else law.temperature
    yield equal("enumeration", found, value, 0.5 * 10.0**-digits, note="effective temperature")
    yield at_most("enumeration", law.entropy, law.intended_entropy, 0.0, note="entropy lost")


def no_warmer(d: int, tail: float, recipe: Recipe) -> Iterator[Evidence]:
    """Compare the effective temperature of a draw from one likely token among equally rare ones with 1."""
    law = draw_law(head_and_tail(d, tail), recipe)
    yield at_most("enumeration", law.temperature, 1.0, 0.0)


def torch_draws(dtype: str, form: Form, draws: int, meant: bool = False) -> Iterator[Evidence]:
    """Draw with torch's own uniforms and argmax, and compare counts with the law by the chi-square statistic."""
    recipe = Recipe(dtype, form)
    logits = torch.tensor([0.0, -4.0, -4.0, -4.0, -4.0, -5.0], dtype=recipe.type)
    law = intended_law(logits, recipe) if meant else draw_law(logits.tolist(), recipe).law
    generator = torch.Generator().manual_seed(20)
    u = torch.rand(draws, len(logits), dtype=recipe.type, generator=generator)
    count = torch.bincount(recipe.scores(logits, recipe.of(u)).argmax(-1), minlength=len(logits)).double()
    statistic = float(((count - draws * law) ** 2 / (draws * law)).sum())
    yield at_most("monte-carlo", statistic, float(special.chdtri(len(logits) - 1, FALSE_ALARM_SHARE)), 0.0)


MDLM = Recipe("float32", "race", 1e-10)
"""The noise that MDLM's sampler computes in float32: 1e-10 - ln(u + 1e-10)."""

CLAIMS = (
    Claim(
        id="draws.7",
        statement=(
            "Float32 noise is precise enough for any vocabulary of today: a draw from 126,464 tokens is within one part in a "
            "thousand of the law that is meant, in total variation."
        ),
        source=f"natural reading of common practice, against {PAPER} (abstract read)",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="draws.6",
        routes=("quadrature",),
        check=precise_enough,
        tolerance="none: the bound on the error of the quadrature is subtracted",
        fixtures=({"d": LLADA, "tail": 0.1, "recipe": Recipe("float32"), "limit": 0.001},),
    ),
    Claim(
        id="draws.8",
        statement=(
            "A sampler that takes 1000 equal steps and draws each token from the mask and 126,464 equally likely ones with "
            "MDLM's noise in float32 reveals in its first step less than one percent of what it should; with 32,000 tokens "
            "less than 34 percent. A token meant to have x 2^-24 times the mask's probability keeps (1/x) / (e^(1/x) - 1) of it."
        ),
        source=f"{NOTES}, draws.rare",
        quantifier="this instance",
        kind="upper",
        routes=("quadrature",),
        check=revealed_in_a_step,
        tolerance="bound on the error of the quadrature; 2^-24 for the mask's own noise, and competition among the tokens",
        fixtures=(
            {"d": LLADA, "steps": 1000, "recipe": MDLM, "most": 0.01},
            {"d": 32_000, "steps": 1000, "recipe": MDLM, "most": 0.34},
        ),
        variants={"one more bit of noise": partial(revealed_in_a_step, factor=2.0)},
    ),
    Claim(
        id="draws.9",
        statement=(
            "Of tokens with probabilities that fall like 1 / rank, bfloat16 noise draws as at temperature 0.711 where there "
            "are 32,000 and 0.706 where there are 126,464. The entropy falls."
        ),
        source=f"{NOTES}, draws.temperature",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=temperature,
        tolerance="half a unit of the last printed digit",
        fixtures=(
            {"d": 32_000, "recipe": Recipe("bfloat16"), "value": 0.711, "digits": 3},
            {"d": LLADA, "recipe": Recipe("bfloat16"), "value": 0.706, "digits": 3},
        ),
        variants={"the temperature of equal entropy": partial(temperature, by_entropy=True)},
    ),
    Claim(
        id="draws.9lowers",
        statement="Low precision of the noise always lowers the effective temperature of a draw.",
        source=f"{PAPER}, abstract ('it lowers the effective temperature'), read as a statement on every draw",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="draws.9",
        routes=("enumeration",),
        check=no_warmer,
        tolerance="none: the excess is far above rounding",
        fixtures=({"d": 32_000, "tail": 0.001, "recipe": Recipe("bfloat16")},),
    ),
    Claim(
        id="draws.10",
        statement="Torch draws from the engine's law, in bfloat16 and float16, in both forms.",
        source=f"{NOTES}, draws.law",
        quantifier="this instance",
        kind="upper",
        routes=("monte-carlo",),
        check=torch_draws,
        tolerance="chi-square quantile at the ledger's share of false alarms, least expected count above 1000",
        fixtures=(
            {"dtype": "bfloat16", "form": "gumbel", "draws": 200_000},
            {"dtype": "bfloat16", "form": "race", "draws": 200_000},
            {"dtype": "float16", "form": "gumbel", "draws": 200_000},
        ),
        variants={"torch draws from the softmax": partial(torch_draws, meant=True)},
    ),
)
