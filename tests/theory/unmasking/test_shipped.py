"""Shipped schedules against loops written as the released code runs, in float32 too; what eps and rounding cost."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planting import outcome, plant, times
from theory import worlds
from theory.errors import InvalidInput
from theory.ledger import catalogue
from theory.reference import laws as reference
from theory.reference import shipped as literal
from theory.unmasking import curves, early_ends, laws, losses, optimal
from theory.unmasking.claims import shipped as shipped_claims
from theory.unmasking.early_ends import early_end, early_grid, shipped_loss, shipped_loss_of
from theory.unmasking.rounding_costs import ideal_error, rounding_cost
from theory.unmasking.shipped import (
    ROUNDINGS,
    equal_quotas,
    floored_shares,
    maskgit_quotas,
    proportional_quotas,
    rounded_quotas,
)
from theory.worlds.table import table_of
from theory.worlds.tree import sticky_chain

SMALL = st.integers(0, 60), st.integers(1, 25)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(*SMALL)
def test_sizes_are_those_of_the_loops(masks: int, steps: int) -> None:
    assert list(equal_quotas(masks, steps)) == literal.llada_sizes(masks, steps)
    assert list(floored_shares(masks, steps)) == literal.dream_sizes(masks, steps, Fraction(1, 1000))
    if masks:
        assert list(maskgit_quotas(masks, steps)) == literal.maskgit_sizes(masks, steps)
    for sizes in (equal_quotas(masks, steps), floored_shares(masks, steps), maskgit_quotas(masks, steps)):
        assert len(sizes) == steps and sum(sizes) == masks and min(sizes) >= 0


def test_equal_sizes_give_the_remainder_to_the_first_steps() -> None:
    assert equal_quotas(10, 4) == (3, 3, 2, 2)
    assert equal_quotas(3, 5) == (1, 1, 1, 0, 0)
    assert equal_quotas(0, 2) == (0, 0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 200), st.integers(1, 40))
def test_linear_totals_are_rounded_as_fractions_are(masks: int, steps: int) -> None:
    exact = [Fraction(masks * k, steps) for k in range(steps + 1)]
    literally = {
        "floor": math.floor, "ceil": math.ceil, "half even": round, "half up": lambda x: math.floor(x + Fraction(1, 2))
    }  # fmt: skip
    for name, whole in literally.items():
        wanted = tuple(b - a for a, b in itertools.pairwise(whole(x) for x in exact))
        assert rounded_quotas("linear", masks, steps, name) == wanted  # type: ignore[arg-type]  # wrong on purpose, or a name from a list
    assert set(literally) == set(ROUNDINGS)
    if all(x % 1 != Fraction(1, 2) for x in exact):
        whole_sizes = [size for size in rounded_quotas("linear", masks, steps, "half up") if size]
        assert curves.rounded_sizes([k / steps for k in range(steps + 1)], masks) == whole_sizes


def _maskgit_in_float32(masks: int, steps: int) -> tuple[int, ...]:
    """Run the loop of parallel_decode.py with torch's float32."""
    unknown, sizes = masks, []
    for step in range(steps):
        ratio = torch.tensor(step + 1, dtype=torch.float32) / steps
        share = torch.cos(torch.tensor(math.pi / 2, dtype=torch.float32) * ratio).clamp(1e-6, 1.0)
        length = max(1, min(unknown - 1, int(torch.floor(masks * share)))) if step < steps - 1 else 0
        sizes.append(max(0, unknown - length))
        unknown -= sizes[-1]
    return tuple(sizes)


def test_float32_matters_where_the_cosine_is_one_half() -> None:
    """With 12 steps on 256 tokens 127 stay masked after step 8, although 256 cos(pi / 3) = 128."""
    assert sum(maskgit_quotas(256, 12)[8:]) == 128
    assert sum(maskgit_quotas(256, 12, as_released=True)[8:]) == 127
    for masks, steps in itertools.product((5, 16, 64, 100, 256, 1024), (1, 2, 3, 8, 9, 10, 12, 16, 18)):
        released = maskgit_quotas(masks, steps, as_released=True)
        assert released == _maskgit_in_float32(masks, steps)
        assert steps % 3 == 0 or released == maskgit_quotas(masks, steps)


def test_float32_changes_nothing_in_floors_of_shares() -> None:
    for masks, steps in [(64, 64), (64, 20), (128, 128), (100, 33), (256, 100), (512, 512)]:
        nodes, left, sizes = torch.linspace(1, 1e-3, steps + 1), masks, []
        for k in range(steps):
            share = int(torch.tensor(float(left)) * (1 - nodes[k + 1] / nodes[k])) if k < steps - 1 else left
            sizes.append(share)
            left -= share
        assert floored_shares(masks, steps) == tuple(sizes)


def test_floors_of_shares_lag_behind_by_one_token() -> None:
    assert floored_shares(512, 512) == (0, *[1] * 510, 2)
    assert floored_shares(256, 128) == (1, *[2] * 126, 3)
    assert floored_shares(8, 8, 0) == (1,) * 8
    assert floored_shares(1024, 1024)[:2] == (0, 0), "beyond eps = 1 / (n + 1) two steps reveal nothing"


def test_weights_are_made_whole_as_in_the_released_scheduler() -> None:
    for steps, masks in itertools.product((2, 8, 12, 32), (64, 256)):
        weights = torch.arccos(torch.linspace(1, 0, steps)) / (math.pi / 2)
        sizes = (weights / weights.sum() * masks).round()
        sizes[sizes == 0] = 1
        sizes[-1] += masks - sizes.sum()
        assert proportional_quotas(weights.tolist(), masks) == tuple(int(s) for s in sizes)


def test_masks_that_stay_and_masks_that_are_filled() -> None:
    world = table_of(worlds.copied_pairs(1))
    stay, drawn, likeliest = (early_end(world, 2, 0.25, fill) for fill in ("none", "draw", "argmax"))
    assert stay.unfinished == pytest.approx(1 - 0.75**2) and stay.masks_left == 0.5
    assert drawn.unfinished == 0 == likeliest.unfinished
    plain = laws.sampler_law("linear", world, steps=2)
    assert stay.divergence == pytest.approx(float(plain.divergence) - 2 * math.log(0.75), abs=1e-12)
    engine = laws.sampler_law(early_grid(2, 0.25), world)
    torch.testing.assert_close(drawn.finished, engine.output.law(), rtol=0, atol=1e-14)
    assert drawn.path_divergence == pytest.approx(float(engine.path_divergence), abs=1e-12)
    assert math.isnan(stay.path_divergence) and likeliest.path_divergence == math.inf
    assert early_end(world, 2, 0.0, "argmax").divergence == pytest.approx(float(plain.divergence), abs=1e-13)


def test_a_likeliest_token_that_is_certain_costs_no_path() -> None:
    point = worlds.TableWorld.from_weights([0, 0, 1, 0], 2, 2)
    assert early_end(point, 1, 0.5, "argmax").path_divergence == pytest.approx(0.0, abs=1e-13)


def test_the_released_eps_costs_a_hundredth_of_a_nat_at_most() -> None:
    """The bound n ln(1 / (1 - eps)) at n = 1024 and eps = 1e-5, and the far smaller cost of exact conditionals."""
    assert -1024 * math.log1p(-1e-5) == pytest.approx(0.01024, abs=1e-6)
    chain = table_of(sticky_chain(4))
    cost = early_end(chain, 64, 1e-3, "argmax").divergence - float(
        laws.sampler_law("linear", chain, steps=64).divergence
    )
    assert abs(cost) < 4e-3 / 100


def test_the_released_loss_of_a_perfect_model_is_below_the_entropy() -> None:
    chain = sticky_chain(5)
    entropy = float(chain.entropy() or 0)
    assert 0.998 * entropy < shipped_loss(chain) < entropy
    assert shipped_loss(chain, 0.0, 0.0) == pytest.approx(entropy, abs=1e-12)
    assert shipped_loss_of(losses.cross_entropies(chain)) == pytest.approx(shipped_loss(chain), abs=1e-13)
    law = reference.exact(table_of(chain))
    direct = literal.shipped_loss(law, reference.conditionals_of(law, 2), Fraction(1, 8), Fraction(1, 16), 5, 2)
    assert shipped_loss(chain, 1 / 8, 1 / 16) == pytest.approx(direct, abs=1e-12)
    quadrature = np.polynomial.legendre.leggauss(20)
    t = 1 / 16 + (quadrature[0] + 1) / 2 * (1 - 1 / 16)
    ce = losses.cross_entropies(chain).numpy()
    hidden = 7 / 8 * t
    smoothed = sum(math.comb(4, m) * (1 - hidden) ** m * hidden ** (4 - m) * ce[m] for m in range(5))
    assert shipped_loss(chain, 1 / 8, 1 / 16) == pytest.approx(
        float(quadrature[1] @ (5 * 7 / 8 * smoothed) / 2), abs=1e-12
    )


def test_the_remainder_is_better_placed_last_on_a_chain() -> None:
    """Equal sizes of 256 tokens in 100 steps: remainder first .489 nats, last .342, the best sizes .323."""
    curve = sticky_chain(256).information_curve()
    sizes = equal_quotas(256, 100)
    first, last = rounding_cost(curve, sizes), rounding_cost(curve, sizes[::-1])
    assert (first.error, last.error) == pytest.approx((0.48892, 0.34247), abs=2e-3)
    assert first.best.error == last.best.error == optimal.optimal_sizes(curve, 100)[-1].error < last.error
    assert first.cost == pytest.approx(first.error - ideal_error(curve, np.linspace(0, 256, 101)), abs=1e-12)
    assert first.excess > 0.16 > 0.02 > last.excess


def test_steps_below_a_token_gain_half_the_last_height() -> None:
    """The bound of shipped.7 on what flooring costs needs steps of a token: ever finer steps tend to -Z_n / 2."""
    curve, fine = [0.0, 1.0, 1.0, 1.0], np.linspace(0, 4, 4001)
    assert ideal_error(curve, fine) == pytest.approx(-0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: equal_quotas(3, 0), "steps = 0; expected a whole number of at least 1"),
        (lambda: equal_quotas(2.5, 3), "masks = 2.5"),  # type: ignore[arg-type]  # wrong on purpose, or a name from a list
        (lambda: floored_shares(4, 2, 1.0), "expected a number from 0 up to, but not, 1"),
        (lambda: rounded_quotas("linear", 4, 2, "down"), "unknown rounding 'down'"),  # type: ignore[arg-type]  # wrong on purpose, or a name from a list
        (lambda: maskgit_quotas(4, 2, "linear", as_released=True), "leave it out"),
        (lambda: proportional_quotas([0.0, 0.0], 3), "expected numbers >= 0"),
        (lambda: proportional_quotas([1.0] * 9, 3), "take fewer"),
        (lambda: early_end(worlds.even_parity(3), 2, 0.1, "guess"), "unknown fill 'guess'"),
        (lambda: early_end(worlds.even_parity(3), 2, 1.0), "eps = 1.0"),
        (lambda: early_end(worlds.TableWorld(torch.full((2, 4), 0.25), 2, 2), 2, 0.1), r"a batch of \(2,\) laws"),
        (lambda: shipped_loss_of([math.inf]), "expected n finite numbers"),
        (lambda: ideal_error([0.0, 1.0], [0.0, 1.0]), "climb from 0 to n = 2"),
        (lambda: rounding_cost([0.0, 1.0], [1, 2]), "summing to n = 2"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(call, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "name", "wrong", "claim"),
    [
        ("theory.unmasking.early_ends", "reveal_probability", times(1.01), "shipped.1"),
        (
            "theory.unmasking.early_ends",
            "_after_steps",
            lambda f: lambda *a: (1.01 * f(*a)[0], *f(*a)[1:]),
            "shipped.2",
        ),
        ("theory.unmasking.early_ends", "shipped_loss", times(1.01), "shipped.3"),
        ("theory.unmasking.early_ends", "_fill_cost", times(1.01), "shipped.4"),
        ("theory.unmasking.early_ends", "_step_cost", times(1.01), "shipped.4"),
        ("theory.unmasking.shipped", "floored_shares", lambda f: lambda n, k, e: f(n, k, e)[::-1], "shipped.5"),
        ("theory.unmasking.shipped", "equal_quotas", lambda f: lambda n, k: f(n, k)[::-1], "shipped.6"),
        ("theory.unmasking.shipped", "rounded_quotas", lambda f: lambda a, n, k, _: f(a, n, k, "ceil"), "shipped.7"),
        ("theory.unmasking.rounding_costs", "ideal_error", times(1.01), "shipped.7"),
    ],
)
def test_a_corrupted_engine_is_noticed(monkeypatch, module: str, name: str, wrong, claim: str) -> None:
    plant(monkeypatch, module, name, wrong)
    assert outcome(catalogue.claim(claim)) in ("refuted", "raised")


def test_the_released_updates_are_all_listed() -> None:
    assert {literal.revealed(u, Fraction(1, 2), Fraction(1, 4), Fraction(1, 9)) for u in shipped_claims.UPDATES} == {
        Fraction(1, 2)
    }
    assert early_ends.reveal_probability(Fraction(1, 2), Fraction(1, 4)) == Fraction(1, 2)
