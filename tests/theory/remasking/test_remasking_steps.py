"""Posteriors, schedules and selections: limits, admissibility, count rules, ties, bad input."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.reference import remasking as reference_remasking
from theory.remasking import posterior, schedules
from theory.remasking.posterior import Posterior
from theory.remasking.schedules import Step
from theory.remasking.selection import RANDOM, Selection, check_logits, rounded_counts, set_sizes
from theory.schedules import SQUARED_SINE


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_fractions_stay_fractions_and_give_the_printed_cases(a: int, b: int, share: int) -> None:
    now, after = sorted((Fraction(a, 41), Fraction(b, 41)))
    sigma = Fraction(share, 40) * Fraction(posterior.largest_sigma(now, after))
    found = posterior.posterior(now, after, sigma)
    assert isinstance(found.keep, Fraction) and isinstance(found.reveal, Fraction)
    assert reference_remasking.token_law(0, 0, now, after, sigma, 1) == {0: found.keep, 1: 1 - found.keep}
    assert reference_remasking.token_law(1, 0, now, after, sigma, 1) == {0: found.reveal, 1: 1 - found.reveal}
    assert found.is_kernel and found.revealed(now) == after


def test_ends_of_a_step() -> None:
    assert posterior.posterior(0.0, 1.0, 0.0) == Posterior(1.0, 1.0)
    assert posterior.posterior(1.0, 1.0, 0.0) == Posterior(1.0, 1.0)
    assert posterior.largest_sigma(0.0, 0.4) == 1 and posterior.largest_sigma(1.0, 1.0) == 0
    assert posterior.largest_sigma(0.5, 0.75) == 0.5
    assert posterior.capped_sigma(0.5, 0.75, 0.9) == 0.5 and posterior.rescaled_sigma(0.5, 0.75, 0.5) == 0.25
    for now, after in itertools.product(np.linspace(0, 1, 50), repeat=2):
        if now <= after:
            assert Step(now, after, posterior.star_sigma(now, after)).posterior.is_kernel


def test_composition_is_a_product_of_matrices() -> None:
    first, second = Posterior(Fraction(2, 3), Fraction(1, 5)), Posterior(Fraction(1, 4), Fraction(5, 7))
    a, b = (
        torch.tensor([[float(p.keep), 1 - float(p.keep)], [float(p.reveal), 1 - float(p.reveal)]])
        for p in (first, second)
    )
    both = first.then(second)
    assert torch.allclose((a @ b)[:, 0], torch.tensor([float(both.keep), float(both.reveal)]))


def test_a_window_holds_the_steps_that_lie_in_it() -> None:
    """The paper's t <= .3 at T = 8 holds the last two steps; below 1 / T only the mask-free one, at 0 none."""
    kinds = [[s.kind for s in schedules.counted(8, (1 - t_on, 1.0))] for t_on in (0.3, 0.125, 0.1, 1.0)]
    assert [row.count("counted") for row in kinds] == [2, 1, 0, 8]
    assert kinds[0][-2:] == ["counted"] * 2
    window = schedules.star(10, (0.3, 0.6))
    assert [k for k, s in enumerate(window) if s.sigma] == [3, 4, 5]
    assert all(a.alpha_next == b.alpha_now for a, b in itertools.pairwise(window))


def test_loop_climbs_waits_and_climbs() -> None:
    steps = schedules.loop(20, schedules.cap(0.05))
    waiting = [k for k, s in enumerate(steps) if s.alpha_now == s.alpha_next]
    assert waiting == list(range(9, 19)) and all(steps[k].alpha_now == 0.9 and steps[k].sigma == 0.05 for k in waiting)
    assert [s.sigma for k, s in enumerate(steps) if k not in waiting] == [0] * 10
    assert steps[0].alpha_now == 0 and steps[-1].alpha_next == 1
    whole = schedules.loop_grid(5, (0.0, 1.0), 0.5)
    assert whole.tolist() == [0, 0.5, 0.5, 0.5, 0.5, 1]
    guided = schedules.loop(20, kind="counted")
    assert {RANDOM.counts(float(s.alpha_next), 30).argmax().item() for s in guided if s.kind == "counted"} == {3}


def test_other_schedules_of_alpha() -> None:
    steps = schedules.star(6, schedule=SQUARED_SINE)
    assert [float(s.alpha_now) for s in steps] == SQUARED_SINE.grid(6)[:-1].tolist()
    assert all(float(s.posterior.reveal) == pytest.approx(float(s.alpha_next)) for s in steps)
    assert schedules.plan([0, 0.5, 1], schedules.rescale(1.0))[1].sigma == 0
    assert [s.sigma for s in schedules.plan([0, 0.5, 0.5, 1], schedules.cap(0.1))] == [0.1, 0.1, 0]


def rounded_count(rule: str, alpha: float, n: int) -> int:
    return int(rounded_counts(rule, alpha, torch.tensor([n]))[0])


def test_counts_of_the_three_rules() -> None:
    assert [rounded_count("ceil", 1 - 1 / k, k) for k in range(1, 50)] == [1] * 49, "1 - 1/k is not exact"
    assert [rounded_count("floor", 1 - 1 / k, k) for k in range(1, 50)] == [1] * 49
    assert (rounded_count("ceil", 0.9, 4), rounded_count("floor", 0.9, 4)) == (1, 0)
    assert rounded_count("ceil", 1.0, 7) == 0 and rounded_count("floor", 0.0, 7) == 7
    binomial = Selection(count="bernoulli").counts(0.25, 5)
    assert binomial.tolist() == pytest.approx([math.comb(5, k) * 0.75**k * 0.25 ** (5 - k) for k in range(6)])
    assert Selection(count="floor").counts(0.7, 4).tolist() == [0, 1, 0, 0, 0]
    draws = Selection(count="bernoulli").draw_counts(0.25, torch.ones(40_000, 5).bool(), Generator().manual_seed(0))
    margin = hoeffding_margin(40_000, 1.0, 1e-9 / 6)
    assert float((torch.bincount(draws, minlength=6) / 40_000 - binomial).abs().max()) < margin


def test_tied_scores_are_broken_at_random_in_the_limit() -> None:
    """Three tied scores: chances of a third each, in 64 bits; the draws have them too."""
    scores, greedy = torch.tensor([[0.5, 0.5, -1.0, 0.5]]).double(), Selection(None)
    found = greedy.set_probabilities(scores)[0]
    for size in range(5):
        exact = reference_remasking.greatest_law([0.5, 0.5, -1.0, 0.5], size)
        for subset, p in exact.items():
            assert float(found[sum(8 >> i for i in subset)]) == pytest.approx(p, abs=1e-15)
        assert float(found[set_sizes(4) == size].sum()) == pytest.approx(1, abs=1e-15)
    chosen = greedy.choose(scores.expand(30_000, -1), torch.full((30_000,), 2), Generator().manual_seed(0))
    rate = chosen.double().mean(0)
    assert float((rate - torch.tensor([2, 2, 0, 2]) / 3).abs().max()) < hoeffding_margin(30_000, 1.0, 1e-9 / 4)


def test_small_temperatures_reach_the_limit_without_overflow() -> None:
    scores = torch.tensor([3.0, -20.0, 1.0, 34.0, 0.5]).double()
    limit = Selection(None).set_probabilities(scores)
    assert torch.allclose(Selection(1e-3).set_probabilities(scores), limit, atol=1e-12)
    flat = Selection(1e9).set_probabilities(scores)
    even = torch.tensor([1 / math.comb(5, int(k)) for k in set_sizes(5)]).double()
    assert torch.allclose(flat, even, atol=1e-7)


def test_as_many_positions_are_chosen_as_asked_in_every_row() -> None:
    counts = torch.arange(7)
    for temperature in (None, 0.3, 2.0):
        chosen = Selection(temperature).choose(torch.randn(7, 6).double(), counts, Generator().manual_seed(0))
        assert torch.equal(chosen.sum(-1), counts)
        free = torch.tensor([True, False, True, True, False, True]).expand(7, -1)
        some = Selection(temperature).choose(torch.randn(7, 6).double(), counts.clamp(max=4), None, free)
        assert torch.equal(some.sum(-1), counts.clamp(max=4)) and not bool((some & ~free).any())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Step(0.5, 0.75, 0.6), r"sigma = 0\.6 .*0\.5 to 0\.75; expected 0 <= sigma <= .* = 0\.5.*capped"),
        (lambda: Step(0.5, 0.75, -0.1), r"sigma = -0\.1"),
        (lambda: Step(0.5, 0.4), r"from alpha 0\.5 to 0\.4; expected 0 <= alpha_now <= alpha_next <= 1.*generation"),
        (lambda: Step(0.5, math.nan), r"alpha 0\.5 to nan"),
        (lambda: Step(0.5, 1.4), r"alpha 0\.5 to 1\.4"),
        (lambda: Step(0.5, 0.6, kind="star"), r"kind of step 'star'; expected one of posterior, confident, counted"),
        (lambda: posterior.corrector(0.8, 0.5), r"sigma = 0\.5 at alpha = 0\.8; expected .* = 0\.25, stricter"),
        (lambda: posterior.capped_sigma(0.1, 0.2, 1.5), r"eta = 1\.5; expected 0 <= eta <= 1"),
        (lambda: schedules.counted(8, (-0.1, 1.0)), r"window \(-0\.1, 1\); expected generation times 0 <= start"),
        (lambda: schedules.star(8, (0.2, 1.2)), r"window \(0\.2, 1\.2\)"),
        (lambda: schedules.star(8, (0.8, 0.2)), r"window \(0\.8, 0\.2\)"),
        (lambda: schedules.loop(3), r"3 steps leave no step inside the window \(0\.45, 0\.95\); use more steps"),
        (lambda: schedules.loop(30, plateau=1.1), r"plateau 1\.1; expected a revealed fraction"),
        (lambda: schedules.plan([0, 0.7, 0.5, 1]), r"grid out of order at step 1"),
        (lambda: schedules.plan([0, 0.5]), r"grid runs from 0\.0 to 0\.5; expected exactly 0 to exactly 1"),
        (lambda: schedules.plan([0, 0.5, 1], schedules.constant(0.3)), r"sigma = 0\.3 .* from alpha 0\.5 to 1"),
        (lambda: schedules.star(0), r"K = 0 steps"),
        (lambda: Selection(0.0), r"temperature 0; expected a finite number > 0: for the limit 0 use None"),
        (lambda: Selection(-1.0), r"temperature -1"),
        (lambda: Selection(math.inf), r"temperature inf"),
        (lambda: Selection(count="round"), r"count rule 'round'; expected one of ceil, floor, bernoulli"),
        (lambda: RANDOM.counts(1.5, 4), r"alpha_next = 1\.5"),
        (lambda: RANDOM.set_probabilities(torch.tensor([0.0, math.inf]).double()), r"scores hold NaN or infinity"),
        (
            lambda: check_logits(torch.zeros(5, 3, 1), torch.zeros(5, 3).long()),
            r"returned shape \(5, 3, 1\); expected one logit a token, \(5, 3\); drop its last axis",
        ),
        (lambda: check_logits(torch.full((2, 3), math.nan), torch.zeros(2, 3).long()), r"NaN or infinity"),
    ],
)
def test_bad_input_says_what_was_given_and_expected(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
