"""Categorical draws with coarse noise by listing every combination of uniforms: fractions, loops, own rounding.

Numbers of a type are floats that the type can hold. Each operation is computed exactly (sums, products, quotients) or
in float64 (logarithms, exponentials, powers) and then rounded to the type, to nearest and even in ties.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

PRECISION = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}
"""Bits of the significand, and exponent of the smallest positive number."""

LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


@dataclass(frozen=True)
class Draw:
    """A draw: number type, form ("gumbel" or "race"), guard, temperature, and bits of the equally likely uniforms."""

    dtype: str
    form: str
    eps: float
    temperature: float
    bits: int


def law(logits: Sequence[float], draw: Draw, last: bool = False) -> list[Fraction]:
    """Return the probability of each token; `last` gives ties to the largest index instead of the smallest."""
    share = Fraction(1, 2**draw.bits) ** len(logits)
    grid = [k / 2**draw.bits for k in range(2**draw.bits)]
    noise = [noise_of(u, draw) for u in grid]
    scores = [[score(logit, g, draw) for g in noise] for logit in logits]
    chances = [Fraction(0)] * len(logits)
    for one in itertools.product(*scores):
        best = max(one)
        chances[len(one) - 1 - one[::-1].index(best) if last else one.index(best)] += share
    return chances


def noise_of(u: float, draw: Draw) -> float:
    """Return g, or E^T in the race form, of one uniform."""
    guarded = rounded(Fraction(u) + Fraction(draw.eps), draw.dtype)
    logarithm = rounded(math.log(guarded), draw.dtype) if guarded else -math.inf
    exponential = math.inf if logarithm == -math.inf else rounded(Fraction(draw.eps) - Fraction(logarithm), draw.dtype)
    if draw.form == "race":
        return exponential if math.isinf(exponential) else rounded(exponential**draw.temperature, draw.dtype)
    if math.isinf(exponential) or exponential == 0:
        return -math.inf if exponential else math.inf
    return -rounded(math.log(exponential), draw.dtype)


def score(logit: float, noise: float, draw: Draw) -> float:
    """Return the score of a token."""
    if draw.form == "race":
        weight = rounded(math.exp(logit), draw.dtype)
        return 0.0 if math.isinf(noise) else rounded(Fraction(weight) / Fraction(noise), draw.dtype)
    if math.isinf(noise):
        return noise
    scaled = rounded(Fraction(logit) / Fraction(draw.temperature), draw.dtype)
    return rounded(Fraction(scaled) + Fraction(noise), draw.dtype)


def rounded(number: float | Fraction, dtype: str) -> float:
    """Return the nearest number of the type, the one with an even significand in ties, infinite beyond the largest."""
    exact = Fraction(number)
    if not exact:
        return 0.0
    bits, smallest = PRECISION[dtype]
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if size < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - bits + 1, smallest)
    whole = round(size / unit)  # Python rounds to even in ties
    value = whole * unit
    if value > Fraction(LARGEST.get(dtype, math.inf) if dtype in LARGEST else 2**1024):
        return math.copysign(math.inf, exact)
    return float(value) if exact > 0 else -float(value)
