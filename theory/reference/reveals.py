"""The factor rule and the Halton order written out: fractions, digits and loops, shared with no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction


def factor_block(rows: Mapping[int, Sequence[Fraction]], factor: Fraction) -> tuple[int, ...]:
    """Return the positions that Fast-dLLM's factor rule reveals, ascending; rows hold each masked one's conditional."""
    order = sorted(rows, key=lambda i: (-max(rows[i]), i))
    block = order[:1]
    for count, i in enumerate(order[1:], start=2):
        if (count + 1) * (1 - max(rows[i])) > factor:
            break
        block.append(i)
    return tuple(sorted(block))


def released_block(rows: Mapping[int, Sequence[Fraction]], factor: Fraction) -> tuple[int, ...]:
    """Return what the loop of the released code reveals: thresholds 1 - factor / (n + 1), and its two exceptions."""
    order = sorted(rows, key=lambda i: (-max(rows[i]), i))
    confidences = [max(rows[i]) for i in order]
    thresholds = [1 - factor / (n + 1) for n in range(1, len(order) + 1)]
    thresholds[0] = Fraction(-1)
    top = 0
    for top in range(len(thresholds)):
        if confidences[top] < thresholds[top]:
            break
    if top in (0, len(thresholds) - 1):
        top += 1
    return tuple(sorted(order[:top]))


def mirrored(point: int, base: int) -> Fraction:
    """Return the number 0.a_0 a_1 a_2 ... in a base, where ... a_2 a_1 a_0 are the digits of the point."""
    return Fraction(*_mirrored(point, base))


def halton(rows: int, columns: int, first: int, points: int | None = None) -> list[int]:
    """Return positions r * columns + c in the order of first visits, by all points needed or by a number of them."""
    order: dict[int, None] = {}
    number = first
    while len(order) < rows * columns and (points is None or number < first + points):
        if min(rows, columns) == 1:
            order[_cell(number, 2, rows * columns)] = None
        else:
            order[_cell(number, 2, rows) * columns + _cell(number, 3, columns)] = None
        number += 1
    return list(order)


def _cell(point: int, base: int, size: int) -> int:
    numerator, denominator = _mirrored(point, base)
    return size * numerator // denominator


def _mirrored(point: int, base: int) -> tuple[int, int]:
    numerator, denominator = 0, 1
    while point:
        point, digit = divmod(point, base)
        numerator, denominator = base * numerator + digit, base * denominator
    return numerator, denominator
