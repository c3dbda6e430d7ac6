"""The proof that no Beta schedule rounds to given sizes excludes no shape that does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx

from theory.errors import InvalidInput
from theory.ledger.certificates import ball, exact
from theory.unmasking import beta_fit, certified_beta


def _rounded(a: float, b: float, n: int, steps: int) -> tuple[int, ...]:
    alpha = beta_fit.beta_grids(a, b, np.arange(steps + 1) / steps)
    alpha[..., 0], alpha[..., -1] = 0.0, 1.0
    return tuple(int(s) for s in np.diff(np.floor(n * alpha + 0.5)).ravel())


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_a_shape_is_never_excluded_from_the_sizes_that_it_rounds_to(steps: int) -> None:
    draws = np.random.default_rng(steps).uniform(-7, 7, (150, 2))
    for a, b in np.exp(draws):
        sizes = _rounded(a, b, 24, steps)
        point = [Fraction(float(x / (1 + x))) for x in (a, b)]
        with ctx.workprec(certified_beta.PRECISION):
            missed = certified_beta.misses(sizes)
            assert not missed([exact(u) for u in point]) > 0, (a, b, sizes)
            boxes = [ball(max(Fraction(0), u - Fraction(1, 8)), min(Fraction(1), u + Fraction(1, 8))) for u in point]
            assert not missed(boxes) > 0, (a, b, sizes)


def test_the_bounds_at_both_ends_of_the_plane_are_needed_and_close_it() -> None:
    assert certified_beta.never_rounds_to((1, 1, 5, 1)).proved
    found = certified_beta.never_rounds_to((2, 2, 2, 2))
    assert found.refuted and not found.proved


@pytest.mark.parametrize("steps", [3, 4, 6])
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.25, 0.5), (3.0, 0.5)])
def test_the_bounds_at_the_ends_are_their_formulas(a: float, b: float, steps: int) -> None:
    """F_1 in [.1, .2], F_{K-1} in [.6, .7]: by the variance, and for a, b <= 1 by the density."""
    shapes = [(arb(a), arb(a)), (arb(b), arb(b))]
    first, last = (arb("0.1"), arb("0.2")), (arb("0.6"), arb("0.7"))
    claimed = [0.1 * 0.3 * (1 - 2 / steps) ** 2 - 1 / (4 * (a + b + 1))]
    if max(a, b) <= 1:
        claimed.append(0.4 - 3 * steps**2 * min(a, b))
    found = certified_beta.end_bounds(shapes, first, last, steps)
    assert [float(x.mid()) for x in found] == pytest.approx(claimed, abs=1e-12)


def test_two_sizes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 sizes; expected at least 3"):
        certified_beta.never_rounds_to((3, 5))
