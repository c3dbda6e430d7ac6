"""The proof that no Beta schedule rounds to given sizes excludes no shape that does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import ctx

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


def test_two_sizes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 sizes; expected at least 3"):
        certified_beta.never_rounds_to((3, 5))
