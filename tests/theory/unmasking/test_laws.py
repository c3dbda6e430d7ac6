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
from theory.unmasking import kernels, laws, losses
from theory.unmasking.claims.sampler import world_model_sizes
from theory.worlds import TableWorld, states
from theory.worlds.tree import sticky_chain

PAIR = TableWorld.from_weights([1, 0, 0, 1], 2, 2)
GRID = [Fraction(0), Fraction(1, 4), Fraction(2, 3), Fraction(1)]


def as_tensor(law: dict, n: int, d: int) -> torch.Tensor:
    return torch.tensor([float(law.get(x, 0)) for x in reference.sequences(n, d)], dtype=torch.float64)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(world_model_sizes())
def test_output_laws_of_any_denoiser_are_the_literal_ones(case: dict) -> None:
    world, n, d = case["world"], case["world"].n, case["world"].d
    model = reference.exact(case["model"])
    fixed = reference_samplers.fixed_size_law(reference.conditionals_of(model, d), case["sizes"], n, d)
    found = laws.sampler_law(laws.fixed_size(case["sizes"], n), world, case["model"]).output.law()
    assert float((found - as_tensor(fixed, n, d)).abs().max()) < 1e-13
    reveal = [(b - a) / (1 - a) for a, b in itertools.pairwise(GRID)]
    chain = reference_samplers.chain_law(reference.conditionals_of(model, d), reveal, n, d)
    found = laws.sampler_law([float(a) for a in GRID], world, case["model"]).output.law()
    assert float((found - as_tensor(chain, n, d)).abs().max()) < 1e-13
    assert sum(chain.values()) == 1


@settings(max_examples=10, deadline=None, derandomize=True)
@given(strategies.worlds(n=(2, 3), cells=27))
def test_one_token_at_a_time_is_exact(world: TableWorld) -> None:
    assert laws.mixed_divergence(world, laws.fixed_size([1] * world.n, world.n)) == pytest.approx(0, abs=1e-13)


def test_batches_of_worlds_and_schedules_broadcast() -> None:
    n, d = 4, 2
    q = torch.rand(3, 1, d**n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q = q / q.sum(-1, keepdim=True)
    steps = torch.stack([laws.per_token([0, 0.3, 0.8, 1], n), laws.per_token([0, 0.5, 0.6, 1], n)])
    found = laws.sampler_law(steps, TableWorld(q, n, d))
    assert found.output.law().shape == (3, 2, d**n)
    alone = laws.sampler_law(steps[1], TableWorld(q[2, 0], n, d))
    assert float((found.output.law()[2, 1] - alone.output.law()).abs().max()) < 1e-15
    assert found.path_divergence.shape == found.divergence.shape == (3, 2)
    assert float(found.divergence[2, 1]) == pytest.approx(alone.divergence, abs=1e-14)
    assert float(found.path_divergence[2, 1]) == pytest.approx(alone.path_divergence, abs=1e-14)
    assert float(found.calls[1]) == alone.calls


def test_chunks_do_not_change_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = kernels.reveal_kernel(TableWorld.from_weights(range(1, 82), 4, 3))
    steps = laws.per_token([0, 0.25, 0.5, 1], 4)
    whole = kernels.output_law(kernel, steps)
    monkeypatch.setattr(kernels, "CHUNK", 100)
    assert float((kernels.output_law(kernel, steps) - whole).abs().max()) < 1e-15


def test_block_costs_are_curve_costs_for_the_oracle() -> None:
    n = 4
    world = TableWorld.from_weights([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 9, 3, 3, 1, 5], n, 2)
    costs, curve = kernels.block_costs(kernels.reveal_kernel(world), world.table), world.information_curve()
    for m, a in itertools.product(range(1, n + 1), repeat=2):
        if a <= m:
            shown = n - m
            expected = curve[shown : shown + a].sum() - a * curve[shown]
            assert float(costs[m, a]) == pytest.approx(float(expected), abs=1e-13)


def test_gradient_of_the_mixed_divergence() -> None:
    weights = torch.rand(8, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    steps = laws.fixed_size([1, 2], 3)
    assert torch.autograd.gradcheck(lambda w: laws.mixed_divergence(TableWorld(w / w.sum(), 3, 2), steps), (weights,))


def test_impossible_states_follow_the_uniform_rule() -> None:
    """Two copied bits drawn at once reach 01 and 10; a third token then sees an impossible context."""
    world = TableWorld.from_weights([1, 0, 0, 0, 0, 0, 0, 1], 3, 2)
    law = reference.exact(world)
    expected = reference_samplers.fixed_size_law(reference.conditionals_of(law, 2), [2, 1], 3, 2)
    found = laws.sampler_law(laws.fixed_size([2, 1], 3), world).output.law()
    assert float((found - as_tensor(expected, 3, 2)).abs().max()) < 1e-15
    assert float(found[world.law() == 0].sum()) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: laws.fixed_size([2, 1], 4), r"sizes \[2, 1\] sum to 3; expected .* n = 4"),
        (lambda: laws.fixed_size([5, -1], 4), "nonnegative integers"),
        (lambda: laws.per_token([0, 0.6, 0.4, 1], 3), "out of order"),
        (lambda: kernels.reveal_kernel(sticky_chain(16, d=4)), "GiB"),
        (lambda: laws.sampler_law("linear", sticky_chain(16, d=4), steps=3), "GiB"),
        (lambda: laws.sampler_law(laws.per_token([0, 1], 3), PAIR), r"rates of shape \(1, 4, 4\); expected .* n = 2"),
        (lambda: kernels.output_law(kernels.reveal_kernel(PAIR), laws.per_token([0, 1], 3)), "rates for n = 3"),
        (lambda: laws.sampler_law("linear", PAIR), "without a number of steps; give steps=K"),
        (lambda: laws.sampler_law("linaer", PAIR, steps=2), "unknown schedule 'linaer'"),
        (lambda: laws.sampler_law([0, 0.5], PAIR), "grid runs from"),
        (lambda: laws.sampler_law("linear", PAIR, steps=0), "K = 0 steps"),
    ],
)
def test_bad_samplers_are_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data())
def test_from_a_start_the_sampler_is_that_of_the_masked_tokens(data: st.DataObject) -> None:
    """Path KL and law of the literal chain that begins at the start, for any denoiser."""
    world = data.draw(strategies.worlds(n=(2, 3), cells=27))
    model = data.draw(st.none() | strategies.denoisers(world))
    kept = data.draw(st.integers(0, world.n - 1))
    x = states.all_sequences(world.n, world.d)[int(world.law().argmax())]
    start = torch.where(torch.arange(world.n) < kept, x, world.d)
    found = laws.sampler_law([float(a) for a in GRID], world, model, start.tolist())
    literal = reference.conditionals_of(reference.exact(world), world.d)
    if model is not None:
        z = states.all_states(world.n, world.d).tolist()
        table = {tuple(one): p for one, p in zip(z, model.log_p.exp(), strict=True)}
        literal = lambda z, i, v: float(table[z][i, v])  # noqa: E731  # a denoiser in one line
    now = {tuple(start.tolist()): 1.0}
    for reveal in [(b - a) / (1 - a) for a, b in itertools.pairwise(GRID)]:
        after: dict = {}
        for z, mass in now.items():
            for y, p in reference_samplers.successors(literal, z, reveal, world.d):
                after[y] = after.get(y, 0) + mass * float(p)
        now = after
    assert float((found.output.law() - as_tensor(now, world.n, world.d)).abs().max()) < 1e-13
    assert torch.equal(found.world.law(), world.given(start).law())
    assert found.divergence <= found.path_divergence + 1e-12
    free = world.n - kept
    assert found.calls == pytest.approx(sum(1 - (1 - float(b - a)) ** free for a, b in itertools.pairwise(GRID)))


def test_a_world_that_raises_at_impossible_states_is_swept_all_the_same() -> None:
    strict = TableWorld([0.5, 0, 0, 0.5], 2, 2, zero_rule="raise")
    for start in (None, [0, 2]):
        found = laws.sampler_law("linear", strict, start=start, steps=2)
        assert torch.equal(found.output.law(), laws.sampler_law("linear", PAIR, start=start, steps=2).output.law())


def test_a_full_start_leaves_nothing_to_do() -> None:
    found = laws.sampler_law("linear", PAIR, start=[1, 1], steps=3)
    assert (found.divergence, found.path_divergence, found.calls, found.steps) == (0, 0, 0, 3)
    assert "KL (nats) = 0" in repr(found)


def test_exact_cross_entropies_sum_to_the_nelbo() -> None:
    """Of the world's own conditionals: H(X_i | X_S) on average, so that they sum to H(X)."""
    world = TableWorld.from_weights([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 9, 3, 3, 1, 5], 4, 2)
    own = losses.cross_entropies(world)
    assert float(own.sum()) == pytest.approx(world.entropy(), abs=1e-13)
    assert (own[0] - own).tolist() == pytest.approx(world.information_curve().tolist(), abs=1e-13)
    two = TableWorld(torch.stack([world.law(), world.law().flip(0)]), 4, 2)
    assert losses.cross_entropies(two, world).shape == (2, 4)


def test_measured_cross_entropies_agree_with_the_exact_ones() -> None:
    """Rows drawn from the law; five standard errors are exceeded once in two million."""
    world = TableWorld.from_weights([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 9, 3, 3, 1, 5], 4, 2)
    model = TableWorld.from_weights(range(1, 17), 4, 2)
    rows = world.sample(4000, torch.Generator().manual_seed(0))
    found = losses.cross_entropy_by_count(model, rows, repeats=2)
    gap = (found.mean - losses.cross_entropies(world, model)).abs()
    assert bool((gap < 5 * found.standard_error).all())
    assert "rows = 4000" in repr(found)
    given = torch.zeros_like(rows, dtype=torch.bool)
    given[:, 0] = True
    assert len(losses.cross_entropy_by_count(model, rows, given=given).mean) == 3


def raw(z: torch.Tensor) -> torch.Tensor:
    return torch.full((*z.shape, 2), 0.3, dtype=torch.float64)


ENTRIES = {
    "reveal_kernel": lambda denoiser: kernels.reveal_kernel(PAIR, denoiser),
    "sampler_law": lambda denoiser: laws.sampler_law("linear", PAIR, denoiser, steps=2),
    "sampler_law from a start": lambda denoiser: laws.sampler_law("linear", PAIR, denoiser, [0, 2], steps=2),
    "cross_entropies": lambda denoiser: losses.cross_entropies(PAIR, denoiser),
    "cross_entropy_by_count": lambda denoiser: losses.cross_entropy_by_count(denoiser, [[0, 0], [1, 1]], d=2),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize(
    ("denoiser", "message"),
    [
        (lambda z: torch.full((*z.shape, 2), 0.3, dtype=torch.float64), "probabilities sum to 1"),
        (lambda z: torch.full((*z.shape, 2), 0.5, dtype=torch.float64), "look like probabilities"),
        (lambda z: torch.zeros(*z.shape, 3), "expected"),
        (lambda z: torch.full((*z.shape, 2), torch.nan), "without NaN"),
        (TableWorld.from_weights([1] * 8, 3, 2), "n = 3 beside"),
        (TableWorld.from_weights([1] * 9, 2, 3), "d = "),
    ],
    ids=["unnormalised", "probabilities", "wide", "nan", "other n", "other d"],
)
def test_every_entry_refuses_a_wrong_denoiser(entry: object, denoiser: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        entry(denoiser)
    assert "\n" not in str(caught.value)


STARTS = {
    "sampler_law": lambda start: laws.sampler_law("linear", PAIR, None, start, steps=2),
    "cross_entropy_by_count": lambda row: losses.cross_entropy_by_count(PAIR, torch.as_tensor(row).repeat(2, 1)),
}


@pytest.mark.parametrize("entry", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize(
    "start",
    [[-1, 2], [5, 2], torch.tensor([2, 1], dtype=torch.int32), [2, 2, 2], [0.5, 1.0], [[0], [1]]],
    ids=["minus one", "d + 3", "int32", "length", "floats", "column"],
)
def test_every_entry_refuses_wrong_states(entry: object, start: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        entry(start)
    assert "\n" not in str(caught.value)


def test_impossible_and_masked_states_are_named() -> None:
    with pytest.raises(InvalidInput, match="probability zero"):
        laws.sampler_law("linear", PAIR, start=[0, 1], steps=2)
    with pytest.raises(InvalidInput, match="rows hold the mask 2"):
        losses.cross_entropy_by_count(PAIR, [[0, 2], [1, 1]])
