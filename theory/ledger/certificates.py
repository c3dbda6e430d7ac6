"""Certified inequalities over boxes: ball arithmetic (Arb, through python-flint) with adaptive bisection.

A proof here is a finite list of boxes on each of which a rigorous enclosure of the function is nonnegative.
Ball arithmetic encloses rounding errors, so `proved` is a theorem about real numbers, not about floats.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq

from theory.errors import InvalidInput
from theory.ledger import Evidence, equal, undecided

Ball = Any
"""A real interval, `flint.arb`."""

Box = tuple[tuple[Fraction, Fraction], ...]
"""One (low, high) pair per variable, exact."""

BallFunction = Callable[[Sequence[Ball]], Ball]


@dataclass(frozen=True)
class Certificate:
    """How a bisection ended: `boxes` examined, and the box left `uncertified` (None when proved).

    `refuted` is True when the function is certainly negative at the centre of that box.
    """

    boxes: int
    uncertified: Box | None = None
    refuted: bool = False

    @property
    def proved(self) -> bool:
        return self.uncertified is None


def certify_nonnegative(
    function: BallFunction,
    box: Sequence[tuple[Any, Any]],
    *,
    max_boxes: int = 100_000,
    precision: int = 64,
) -> Certificate:
    """Prove function >= 0 on a box of (low, high) fractions, by bisection along the relatively widest edge,
    breadth first (so a false statement is met at a coarse level).

    `function` maps one ball per variable to an enclosure of its value there. Returns after `max_boxes`
    evaluations, or at a box whose centre is certainly negative, with that box. Raises InvalidInput for an
    empty, infinite or reversed box. `precision` is in bits.
    """
    whole = _checked(box)
    widths = [high - low for low, high in whole]
    queue, examined = deque([whole]), 0
    with ctx.workprec(precision):
        while queue:
            part = queue.popleft()
            if examined == max_boxes:
                return Certificate(examined, part)
            examined += 1
            if function([ball(low, high) for low, high in part]) >= 0:
                continue
            centre = function([exact((low + high) / 2) for low, high in part])
            if centre < 0 or not any(widths):
                return Certificate(examined, part, bool(centre < 0))
            queue.extend(_halves(part, widths))
    return Certificate(examined)


def judged(certificate: Certificate, note: str = "", proves: float = math.inf) -> Evidence:
    """Return a certificate as evidence: proved, refuted at a point, or undecided where the boxes ran out."""
    said = f"{note or 'bisection'}: {certificate.boxes} boxes"
    if certificate.proved or certificate.refuted:
        return equal("ball", Fraction(int(certificate.proved)), Fraction(1), 0, note=said, proves=proves)
    return undecided("ball", f"{said}, not decided on {certificate.uncertified}")


def ball(low: Fraction, high: Fraction) -> Ball:
    """Return the smallest ball found around [low, high]; outward rounding at the current precision."""
    return exact(low) if low == high else exact(low).union(exact(high))


def exact(value: Fraction) -> Ball:
    """Return the ball of a rational number."""
    return arb(fmpq(value.numerator, value.denominator))


def ends(x: Ball) -> tuple[Ball, Ball]:
    """Return the exact lower and upper end points of a ball."""
    return x.lower(), x.upper()


def _checked(box: Sequence[tuple[Any, Any]]) -> Box:
    try:
        whole = tuple((Fraction(low), Fraction(high)) for low, high in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"box {box!r}; expected finite (low, high) pairs, best as fractions") from error
    if not whole or any(low > high for low, high in whole):
        raise InvalidInput(f"box {box!r}; expected at least one pair, each with low <= high")
    return whole


def _halves(box: Box, widths: Sequence[Fraction]) -> list[Box]:
    share = [(high - low) / width if width else Fraction(0) for (low, high), width in zip(box, widths, strict=True)]
    k = max(range(len(box)), key=lambda i: share[i])
    low, high = box[k]
    middle = (low + high) / 2
    return [(*box[:k], half, *box[k + 1 :]) for half in ((middle, high), (low, middle))]
