"""Bit slicing: magnitudes as binary digits in the columns of a crossbar, cut off (the setting of arXiv 2511.04798).

A magnitude w in [0, 1) is stored as its first K binary digits b_1 ... b_K, most significant first, one a column. The
currents of its columns are recombined digitally with the weights 2^-k.

Where magnitudes have a nonincreasing density f, digit k + 1 is 1 at least as often as digit k, none more often than
half the time, and digit k with probability at least 1/2 - 2^-k f(0) / 2 (docs/derivations.md, crossbar.7digits).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray

from theory.errors import InvalidInput, unknown

ORDERS = ("grouped", "interleaved")
"""Columns of one significance side by side, or all columns of one weight side by side."""

Number = float | Fraction

MOST_BITS = 52
"""Digits that a float64 in [0, 1) is certain to have."""


@dataclass(frozen=True)
class Layout:
    """Which column of a tile holds which digit of which weight: most significant first, nearest the drivers.

    Grouped columns hold the first digits of all weights, then the second digits, and so on; interleaved ones the digits
    of the first weight, then of the second. Raises InvalidInput for fewer than 1 or more than 52 bits and other orders.
    """

    bits: int = 8
    order: str = "grouped"

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MOST_BITS:
            raise InvalidInput(f"{self.bits} bits; expected 1 to {MOST_BITS}")
        if self.order not in ORDERS:
            raise unknown("order of columns", self.order, ORDERS)

    def significance(self, weights: int) -> Float[ndarray, "m"]:
        """Return the factor 2^-k of each column of a tile with so many weights a row."""
        factors = 2.0 ** -np.arange(1, self.bits + 1)
        return np.repeat(factors, weights) if self.order == "grouped" else np.tile(factors, weights)

    def pattern(self, magnitudes: Float[ndarray, "*tiles rows weights"]) -> Int[ndarray, "*tiles rows m"]:
        """Return the active cells of tiles that hold magnitudes. Raises InvalidInput for magnitudes outside [0, 1)."""
        digits = binary_digits(magnitudes, self.bits)
        if self.order == "grouped":
            digits = np.swapaxes(digits, -1, -2)
        return digits.reshape(*magnitudes.shape[:-1], -1)

    def recombine(self, columns: Float[ndarray, "... m"]) -> Float[ndarray, "... weights"]:
        """Return one number a weight: the columns that hold its digits, shifted by their significance and added.

        Raises InvalidInput for a number of columns that is no multiple of the bits.
        """
        weights, rest = divmod(columns.shape[-1], self.bits)
        if rest or not weights:
            raise InvalidInput(f"{columns.shape[-1]} columns for weights of {self.bits} bits; expected a multiple")
        factors = 2.0 ** -np.arange(1, self.bits + 1)
        if self.order == "grouped":
            return np.asarray(factors @ columns.reshape(*columns.shape[:-1], self.bits, weights))
        return np.asarray(columns.reshape(*columns.shape[:-1], weights, self.bits) @ factors)


EIGHT_BITS = Layout(8)
"""Eight digits, grouped by significance."""


def binary_digits(magnitudes: Float[ndarray, "*shape"], bits: int) -> Int[ndarray, "*shape bits"]:
    """Return the first binary digits of magnitudes in [0, 1), most significant first; the rest is cut off.

    Raises InvalidInput for magnitudes outside [0, 1) or NaN and for fewer than 1 or more than 52 bits.
    """
    if not 1 <= bits <= MOST_BITS:
        raise InvalidInput(f"{bits} bits; expected 1 to {MOST_BITS}")
    if not bool(((magnitudes >= 0) & (magnitudes < 1)).all()):
        raise InvalidInput("magnitudes outside [0, 1); divide them by their largest first, see normalised")
    whole = np.floor(np.ldexp(magnitudes, bits)).astype(np.int64)
    return np.asarray(whole[..., None] >> np.arange(bits - 1, -1, -1) & 1)


def normalised(weights: Num[ndarray, "*shape"]) -> tuple[Float[ndarray, "*shape"], float]:
    """Return magnitudes in [0, 1) and the scale that turns them into |weights|.

    The largest magnitude is the largest number below 1, whose digits are all 1. Weights that are all zero have scale 1.
    Raises InvalidInput for weights that are not finite.
    """
    magnitudes = np.abs(np.asarray(weights, dtype=np.float64))
    largest = float(magnitudes.max(initial=0.0))
    if not np.isfinite(magnitudes).all():
        raise InvalidInput("weights that are not finite; expected finite numbers")
    if largest == 0:
        return magnitudes, 1.0
    below_one = float(np.nextafter(1.0, 0.0))
    return np.minimum(magnitudes / largest, below_one), largest


def digit_probabilities(cdf: Callable[[Fraction], Number], bits: int) -> list[Number]:
    """Return the probability that each of the first digits is 1, for a distribution function on [0, 1] in one variable.

    Digit k is 1 on the intervals [i / 2^k, (i + 1) / 2^k) with odd i. A distribution function that returns Fractions
    gives Fractions. Raises InvalidInput for fewer than one bit, and unless the function has 0 at 0 and 1 at 1.
    """
    if bits < 1:
        raise InvalidInput(f"{bits} bits; expected at least 1")
    if cdf(Fraction(0)) != 0 or cdf(Fraction(1)) != 1:
        raise InvalidInput(f"a distribution function with {cdf(Fraction(0))} at 0 and {cdf(Fraction(1))} at 1")
    return [
        sum((cdf(Fraction(i + 1, 2**k)) - cdf(Fraction(i, 2**k)) for i in range(1, 2**k, 2)), start=Fraction(0))
        for k in range(1, bits + 1)
    ]
