"""Rational certificates: what they prove, what they cannot, and that a forged proof is caught."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from theory.errors import InvalidInput
from theory.ledger import shannon
from theory.reference import laws as reference


def value(form: shannon.Form, law: reference.Law, n: int) -> float:
    """Evaluate a form on the entropies of a law."""
    subsets = {mask: [i for i in range(n) if mask >> i & 1] for mask in form}
    return math.fsum(float(v) * reference.subset_entropy(law, subsets[mask]) for mask, v in form.items())


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_elemental_inequalities_are_as_many_as_yeung_counts(n: int) -> None:
    assert len(shannon.elemental(n)) == n + math.comb(n, 2) * 2 ** (n - 2)


def test_submodularity_is_proved_and_its_reverse_is_not() -> None:
    h = shannon.entropy_of
    form = shannon.combine([(1, h([0, 1])), (1, h([1, 2])), (-1, h([0, 1, 2])), (-1, h([1]))])
    proof = shannon.prove(form, 3)
    assert proof is not None and proof.multipliers == {"I(0;2|1)": 1}
    assert shannon.prove(shannon.combine([(-1, form)]), 3) is None
    assert not shannon.certified(shannon.combine([(-1, form)]), 3).holds


def test_a_forged_proof_is_caught() -> None:
    form = shannon.curve(3)[2]
    proof = shannon.prove(form, 3)
    assert proof is not None and shannon.is_proof(proof.multipliers, form, 3)
    name = next(iter(proof.multipliers))
    forged = {**proof.multipliers, name: proof.multipliers[name] + Fraction(1, 10**9)}
    assert not shannon.is_proof(forged, form, 3)
    assert not shannon.is_proof(
        {"H(0|rest)": Fraction(-1)}, shannon.combine([(-1, shannon.elemental(3)["H(0|rest)"])]), 3
    )


def test_zhang_yeung_has_no_elemental_certificate() -> None:
    """A true entropy inequality beyond Shannon's (Zhang, Yeung 1998): the method must say no, not guess."""
    h = shannon.entropy_of

    def mutual(a: list[int], b: list[int], given: list[int] | None = None) -> shannon.Form:
        c = given or []
        return shannon.combine([(1, h(a + c)), (1, h(b + c)), (-1, h(a + b + c)), (-1, h(c))])

    parts = [
        (1, mutual([0], [1])), (1, mutual([0], [2, 3])), (3, mutual([2], [3], [0])), (1, mutual([2], [3], [1])),
        (-2, mutual([2], [3])),
    ]  # fmt: skip
    assert shannon.prove(shannon.combine(parts), 4) is None


def test_forms_are_the_quantities() -> None:
    from theory.unmasking import curves
    from theory.worlds import TableWorld

    n, world = 3, TableWorld.from_weights([3, 1, 4, 1, 5, 9, 2, 6], 3, 2)
    law, curve = reference.floats(world), world.information_curve()
    assert [value(z, law, n) for z in shannon.curve(n)] == pytest.approx(curve.tolist(), abs=1e-14)
    assert value(shannon.total_correlation(n), law, n) == pytest.approx(world.total_correlation())
    assert value(shannon.dual_total_correlation(n), law, n) == pytest.approx(world.dual_total_correlation())
    found = value(shannon.fixed_size_error(n, [1, 2]), law, n)
    assert found == pytest.approx(float(curves.fixed_size_error(curve, [1, 2])))
    grid = [Fraction(0), Fraction(1, 3), Fraction(1)]
    found = value(shannon.per_token_error(n, grid), law, n)
    assert found == pytest.approx(float(curves.per_token_error(curve, [float(a) for a in grid])))


def test_too_many_variables() -> None:
    with pytest.raises(InvalidInput, match="n = 9 variables"):
        shannon.prove({}, 9)
