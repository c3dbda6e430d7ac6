"""The state engine against the samplers written out, in floats and fractions; batches; bad input."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import InvalidInput
from theory.ledger import strategies
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import laws
from theory.unmasking.claims.sampler import law_model_sizes
from theory.worlds import information, states

GRID = [Fraction(0), Fraction(1, 4), Fraction(2, 3), Fraction(1)]


def as_tensor(law: dict, n: int, d: int) -> torch.Tensor:
    return torch.tensor([float(law.get(x, 0)) for x in reference.sequences(n, d)], dtype=torch.float64)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(law_model_sizes())
def test_output_laws_of_any_denoiser_are_the_literal_ones(case: dict) -> None:
    n, d = case["n"], case["d"]
    model = reference.rational_law(n, d, case["model"])
    kernel = laws.table_kernel(states.normalised_law(case["model"], n, d), n, d)
    fixed = reference_samplers.fixed_size_law(reference.conditionals_of(model, d), case["sizes"], n, d)
    found = laws.output_law(kernel, laws.fixed_size(case["sizes"], n))
    assert float((found - as_tensor(fixed, n, d)).abs().max()) < 1e-13
    reveal = [(b - a) / (1 - a) for a, b in itertools.pairwise(GRID)]
    chain = reference_samplers.chain_law(reference.conditionals_of(model, d), reveal, n, d)
    found = laws.output_law(kernel, laws.per_token([float(a) for a in GRID], n))
    assert float((found - as_tensor(chain, n, d)).abs().max()) < 1e-13
    assert sum(chain.values()) == 1


@settings(max_examples=10, deadline=None, derandomize=True)
@given(strategies.laws(n=(2, 3), cells=27), st.integers(1, 3))
def test_one_token_at_a_time_is_exact(law: dict, seed: int) -> None:
    n, d = law["n"], law["d"]
    q = states.normalised_law(law["weights"], n, d)
    assert float(laws.mixed_divergence(q, laws.fixed_size([1] * n, n), n, d)) == pytest.approx(0, abs=1e-13)


def test_batches_of_worlds_and_schedules_broadcast() -> None:
    n, d = 4, 2
    q = torch.rand(3, 1, d**n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q = q / q.sum(-1, keepdim=True)
    steps = torch.stack([laws.per_token([0, 0.3, 0.8, 1], n), laws.per_token([0, 0.5, 0.6, 1], n)])
    found = laws.output_law(laws.table_kernel(q, n, d), steps)
    assert found.shape == (3, 2, d**n)
    alone = laws.output_law(laws.table_kernel(q[2, 0], n, d), steps[1])
    assert float((found[2, 1] - alone).abs().max()) < 1e-15
    costs = laws.block_costs(laws.table_kernel(q, n, d), states.marginal_table(q, n, d))
    assert laws.path_divergence(costs, steps).shape == (3, 2)


def test_chunks_do_not_change_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    q = states.normalised_law(torch.arange(1, 82), 4, 3)
    kernel, steps = laws.table_kernel(q, 4, 3), laws.per_token([0, 0.25, 0.5, 1], 4)
    whole = laws.output_law(kernel, steps)
    monkeypatch.setattr(laws, "CHUNK", 100)
    assert float((laws.output_law(kernel, steps) - whole).abs().max()) < 1e-15


def test_block_costs_are_curve_costs_for_the_oracle() -> None:
    n, d = 4, 2
    q = states.normalised_law([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 9, 3, 3, 1, 5], n, d)
    costs = laws.block_costs(laws.table_kernel(q, n, d), states.marginal_table(q, n, d))
    curve = information.curve_of(q, n, d)
    for m, a in itertools.product(range(1, n + 1), repeat=2):
        if a <= m:
            shown = n - m
            expected = curve[shown : shown + a].sum() - a * curve[shown]
            assert float(costs[m, a]) == pytest.approx(float(expected), abs=1e-13)


def test_gradient_of_the_mixed_divergence() -> None:
    weights = torch.rand(8, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    steps = laws.fixed_size([1, 2], 3)
    assert torch.autograd.gradcheck(lambda w: laws.mixed_divergence(w / w.sum(), steps, 3, 2), (weights,))


def test_impossible_states_follow_the_uniform_rule() -> None:
    """Two copied bits drawn at once reach 01 and 10; a third token then sees an impossible context."""
    law = reference.rational_law(3, 2, [1, 0, 0, 0, 0, 0, 0, 1])
    expected = reference_samplers.fixed_size_law(reference.conditionals_of(law, 2), [2, 1], 3, 2)
    q = states.normalised_law([1, 0, 0, 0, 0, 0, 0, 1], 3, 2)
    found = laws.output_law(laws.table_kernel(q, 3, 2), laws.fixed_size([2, 1], 3))
    assert float((found - as_tensor(expected, 3, 2)).abs().max()) < 1e-15
    assert float(found[q == 0].sum()) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: laws.fixed_size([2, 1], 4), r"sizes \[2, 1\] sum to 3; expected .* n = 4"),
        (lambda: laws.fixed_size([5, -1], 4), "nonnegative integers"),
        (lambda: laws.per_token([0, 0.6, 0.4, 1], 3), "out of order"),
        (lambda: laws.table_kernel(torch.zeros(1), 16, 4), "GiB"),
        (
            lambda: laws.output_law(
                laws.table_kernel(torch.full((4,), 0.25, dtype=torch.float64), 2, 2), laws.per_token([0, 1], 3)
            ),
            "steps for n = 3; expected the kernel's n = 2",
        ),
    ],
)
def test_bad_samplers_are_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
