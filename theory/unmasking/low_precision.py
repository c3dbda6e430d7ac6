"""The noise with which samplers draw tokens, as number types give it: finitely many values of known probability.

A token is drawn as argmax_v of score_v. In the *Gumbel* form the score is logit / T + g with g = -ln(-ln u); in the
*race* form, an exponential race, it is exp(logit) / E^T with E = -ln u. The second is what the code of MDLM and LLaDA
runs (both were read), the second of them in float64 on the advice of Zheng et al. (arXiv 2409.02908, abstract read).
With exact u and exact arithmetic both draw from softmax(logits / T). Here u lies on the grid of the generator, and
each operation is rounded to its type, as torch does it. `eps` guards the logarithms: u + eps and -ln(u + eps) + eps.

The grids were found by experiment with torch 2.13 on a CPU, and the tests repeat it:

    float64            multiples of 2^-53 in [0, 1), equally likely
    float32            multiples of 2^-24 in [0, 1), equally likely
    float16, bfloat16  those of float32 rounded to nearest, with 1 replaced by 0: the largest values are 1 - 2^-11 and
                       1 - 2^-8, with about these probabilities; 0 has probability 2^-12 + 2^-24 and 2^-9 + 2^-24

In the short types zero is drawn about half as often as the largest value. On GPUs and in other versions grids differ;
`bits` asks for equally likely multiples of 2^-bits instead.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.errors import InvalidInput, unknown

Form = Literal["gumbel", "race"]

TYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}

GENERATED = {"float16": 24, "bfloat16": 24, "float32": 24, "float64": 53}
"""Bits of the numbers that torch's generator makes before it rounds them to the type."""

LARGEST_TABLE = 24
"""Up to this many bits all noise values are listed; beyond, their law is computed where it is asked for."""


@dataclass(frozen=True)
class Values:
    """Numbers of one type in ascending order of what they are for, with how many of the generator's numbers give each.

    For u that is the order of u; for noise the order of the scores it gives: ascending g in the Gumbel form, descending
    E^T in the race form. `counts` is None where each value stands for one number.
    """

    values: Float[Tensor, "m"]
    counts: Int[Tensor, "m"] | None = None

    def above(self, place: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the probability of the values from this place on."""
        if self.counts is None:
            return (len(self.values) - place).double() / len(self.values)
        from_place = torch.cat((self.counts.flip(0).cumsum(0).flip(0), torch.zeros(1, dtype=torch.long)))
        return from_place[place].double() / int(self.counts.sum())


@dataclass(frozen=True)
class Recipe:
    """How tokens are drawn: number type, form, guard and temperature, and the grid of u (torch's own unless `bits`).

    Raises InvalidInput for an unknown type or form, a negative eps, a temperature that is not positive, and bits
    outside 1..24 (1..53 in float64).
    """

    dtype: str = "float32"
    form: Form = "gumbel"
    eps: float = 0.0
    temperature: float = 1.0
    bits: int | None = None

    def __post_init__(self) -> None:
        if self.dtype not in TYPES:
            raise unknown("number type", self.dtype, TYPES)
        if self.form not in ("gumbel", "race"):
            raise unknown("form", self.form, ("gumbel", "race"))
        if not (0 <= self.eps < 1 and 0 < self.temperature < math.inf):
            raise InvalidInput(
                f"eps {self.eps}, temperature {self.temperature}; expected 0 <= eps < 1, temperature > 0"
            )
        if self.bits is not None and not 1 <= self.bits <= GENERATED[self.dtype]:
            raise InvalidInput(f"{self.bits} bits in {self.dtype}; expected 1 to {GENERATED[self.dtype]}")

    @property
    def type(self) -> torch.dtype:
        """Return the number type."""
        return TYPES[self.dtype]

    @property
    def grid_bits(self) -> int:
        """Return b of the generator's grid, multiples of 2^-b."""
        return self.bits or GENERATED[self.dtype]

    @property
    def listed(self) -> bool:
        """Return whether all noise values can be listed."""
        return self.grid_bits <= LARGEST_TABLE

    @property
    def noise(self) -> Values:
        """Return all noise values. Raises InvalidInput where a value is NaN, or where they are too many to list."""
        if not self.listed:
            raise InvalidInput(f"{self.dtype} noise has 2^{self.grid_bits} values, too many to list; give fewer bits")
        return _noise(self)

    def extremes(self) -> tuple[float, float]:
        """Return the smallest and the largest Gumbel noise, -T ln E in the race form; infinite where u = 0 gives it."""
        values = self.of(torch.tensor([0.0, 1 - 2.0 ** -top_bits(self)], dtype=self.type)).double()
        low, high = (values if self.form == "gumbel" else -values.log()).tolist()
        return low, high

    def of(self, u: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the noise that torch computes from u, rounded after each operation: g, or E^T in the race form."""
        exponential = -torch.log(u + self.eps) + self.eps
        return -torch.log(exponential) if self.form == "gumbel" else exponential**self.temperature

    def scores(self, logits: Float[Tensor, "*shape"], noise: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the scores of tokens with these logits and this noise, all in the number type."""
        if self.form == "gumbel":
            return logits / self.temperature + noise
        return logits.exp() / noise


def top_bits(recipe: Recipe) -> int:
    """Return b where the largest u is 1 - 2^-b: the bits of the grid, or those of the type's significand if fewer."""
    return min(recipe.grid_bits, 1 - round(math.log2(torch.finfo(recipe.type).eps)))


@functools.lru_cache(maxsize=8)
def uniforms(dtype: str, bits: int | None = None) -> Values:
    """Return the law of u: torch's own for the type, or equally likely multiples of 2^-bits rounded like those.

    Raises InvalidInput, as `Recipe` does, and for float64 without bits, whose 2^53 values cannot be listed.
    """
    recipe = Recipe(dtype, bits=bits)
    if not recipe.listed:
        raise InvalidInput(f"{dtype} uniforms have 2^{recipe.grid_bits} values, too many to list; give fewer bits")
    exact = torch.arange(2**recipe.grid_bits, dtype=torch.float32 if dtype != "float64" else torch.float64)
    u = (exact * 2.0**-recipe.grid_bits).to(recipe.type)
    u = torch.where(u == 1, torch.zeros_like(u), u)
    if recipe.grid_bits == top_bits(recipe):
        return Values(u)
    counts = torch.bincount(u.view(torch.int16).long())
    seen = counts.nonzero()[:, 0]
    return Values(seen.to(torch.int16).view(recipe.type), counts[seen])


@functools.lru_cache(maxsize=8)
def _noise(recipe: Recipe) -> Values:
    u = uniforms(recipe.dtype, recipe.bits)
    values = recipe.of(u.values)
    wrong = values.isnan() if recipe.form == "gumbel" else ~(values >= 0)
    if bool(wrong.any()):
        raise InvalidInput(f"{recipe} gives no noise for u = {float(u.values[wrong][0]):.9g}; take a smaller eps")
    rank = values if recipe.form == "gumbel" else -values
    if bool((rank[1:] > rank[:-1]).all()):
        return Values(values, u.counts)
    distinct, place = torch.unique(rank.double(), return_inverse=True)
    ones = torch.ones(len(place), dtype=torch.long) if u.counts is None else u.counts
    counts = torch.zeros(len(distinct), dtype=torch.long).index_add_(0, place, ones)
    return Values(torch.zeros(len(distinct), dtype=recipe.type).scatter_(0, place, values), counts)


def share_above(recipe: Recipe, limits: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return P(noise > limit) in logarithmic form (g, or -T ln E), from the grid of u and exact logarithms.

    This is the law without the rounding of the logarithms: noise above x means u > exp(eps - e^(-x/T)) - eps =: u*, and
    the grid has ceil((1 - u*) 2^b) - 1 such values. For recipes whose u are equally likely.
    """
    scale = 1.0 if recipe.form == "gumbel" else recipe.temperature
    with np.errstate(over="ignore"):
        exponential = np.exp(-np.asarray(limits, dtype=np.float64) / scale)
    room = -np.expm1(recipe.eps - exponential) + recipe.eps
    count = np.ceil(room * 2.0**recipe.grid_bits) - 1
    share: np.ndarray = np.clip(count, 0, 2.0**recipe.grid_bits) / 2.0**recipe.grid_bits
    return share
