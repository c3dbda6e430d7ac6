"""Arithmetic expressions by planner and predictor, and how deep random expressions are (arXiv 2510.13117).

An expression's operations are written one symbol each behind its numbers. The parallel planner picks every operation
whose operands are written, so that an operation of height r is written in step r; the sequential one picks them one a
step. Symbols are the values modulo `modulus`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Int
from torch import Tensor

from theory.errors import InvalidInput, unknown
from theory.power.planners import MDM, NOTHING, Planner, View, left_to_right

MODULUS = 10_007
"""The symbols of an expression: enough that values below it are themselves."""

OPERATIONS: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {
    "+": lambda terms: torch.stack(list(terms)).sum(0),
    "-": lambda terms: terms[0] - torch.stack(list(terms[1:])).sum(0),
    "*": lambda terms: torch.stack(list(terms)).prod(0),
}


@dataclass(frozen=True)
class Expression:
    """`numbers` operands 0..numbers - 1, and operations: a sign with the places of its operands, earlier ones only.

    Operation k stands at place numbers + k; the last one is the result. Raises InvalidInput for an unknown sign, fewer
    than two operands, and a place that is not written before.
    """

    numbers: int
    operations: tuple[tuple[str, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        for k, (sign, operands) in enumerate(self.operations):
            if sign not in OPERATIONS:
                raise unknown("operation", sign, OPERATIONS)
            own = self.numbers + k
            if len(operands) < 2 or not all(0 <= place < own for place in operands):
                raise InvalidInput(
                    f"operation {k} ({sign}) at place {own} reads places {list(operands)}; expected at least two, all "
                    "before its own"
                )

    @property
    def heights(self) -> list[int]:
        """Return the height of every operation: one more than that of its highest operand; numbers have height 0."""
        height = [0] * self.numbers
        for _, operands in self.operations:
            height.append(max(height[place] for place in operands) + 1)
        return height[self.numbers :]

    def machine(self, sequential: bool = False, modulus: int = MODULUS) -> MDM:
        """Return the machine that writes every operation once, all that are ready in a step or one a step."""
        most = max(len(operands) for _, operands in self.operations)
        rows = [[*operands, *[NOTHING] * (most - len(operands))] for _, operands in self.operations]
        window = torch.tensor(rows)

        def predictor(view: View) -> Int[Tensor, "batch written"]:
            symbols = view.read(window[view.places - self.numbers])
            columns = []
            for j, k in enumerate((view.places - self.numbers).tolist()):
                sign, operands = self.operations[k]
                columns.append(OPERATIONS[sign](symbols[:, j, : len(operands)].unbind(-1)) % modulus)
            return torch.stack(columns, -1)

        count = len(self.operations)
        planner = left_to_right(count) if sequential else _when_ready(window, self.numbers, modulus)
        return MDM(self.numbers, count, modulus, planner, predictor, window)


def _when_ready(window: Int[Tensor, "operations reads"], numbers: int, mask: int) -> Planner:
    def planner(string: Int[Tensor, "batch places"], step: int) -> Tensor:
        read = string[:, window.clamp(min=0)]
        ready = ((read != mask) | (window == NOTHING)).all(-1)
        return (string[:, numbers:] == mask) & ready

    return planner


def products_of_sums() -> Expression:
    """Return (a + b)(c + d) + (e - f)(g + h) + (i + j)(k + l)(m - n): eleven operations of heights one to three."""
    sums = [("-" if k in (2, 6) else "+", (2 * k, 2 * k + 1)) for k in range(7)]
    products = [("*", (14, 15)), ("*", (16, 17)), ("*", (18, 19, 20))]
    return Expression(14, (*sums, *products, ("+", (21, 22, 23))))


def mean_height(operations: int) -> Fraction:
    """Return the mean height of an expression of binary operations whose shape is uniform among all Catalan shapes.

    Of the shapes with n operations A_h(n) have height at most h, A_h(n) = sum over i of A_(h-1)(i) A_(h-1)(n - 1 - i).
    """
    if operations < 1:
        raise InvalidInput(f"{operations} operations; expected at least one")
    total = math.comb(2 * operations, operations) // (operations + 1)
    lower = [1] + [0] * operations
    above = Fraction(total)  # shapes of height above 0, then above 1, ...
    mean = Fraction(0)
    for _ in range(operations):
        mean += above / total
        lower = [1, *(sum(lower[i] * lower[n - 1 - i] for i in range(n)) for n in range(1, operations + 1))]
        above = Fraction(total - lower[operations])
    return mean
