"""P2 against low-confidence remasking, its own batches, prompts, what the released code does, and corruption."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
import torch
from scipy.integrate import quad
from torch import Generator

from tests.black_boxes import surprising_cells
from tests.planting import outcome, plant
from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.reference import planned as literal
from theory.remasking import planned as planned_module
from theory.remasking.claims.inputs import COPIES, F1, Case, sticky
from theory.remasking.claims.planned import CLAIMS
from theory.remasking.planned import Plan, leave_one_out, planned, pseudo_likelihood, sample, self_planner
from theory.remasking.sampling import masked_batch, started
from theory.unmasking.rules.low_confidence import LowConfidence
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, dirichlet

ROWS = 40_000
BY_NAME = {claim.id: claim for claim in CLAIMS}
BATCHED = dirichlet(4, 2, 0.5, Generator().manual_seed(1))
PLANS = [Plan(planner, eta) for planner in (self_planner, leave_one_out, None) for eta in (0.0, 0.5, 1.0, 2.0)]
AGAIN = [0.0, 0.5, 0.5, 1.0]
"""Half of the tokens are kept, and after another step half of them again."""


def gap(one: TableWorld, other: TableWorld) -> float:
    return float((one.law() - other.law()).abs().max())


def name(plan: Plan) -> str:
    return f"{getattr(plan.planner, '__name__', 'uniform')} {plan.eta:g}"


def test_without_remasking_the_self_planner_is_our_rule_by_the_drawn_token() -> None:
    """One token a step, two a step, and one after a prompt."""
    world = dirichlet(4, 3, 0.5, Generator().manual_seed(0))
    still = Plan(self_planner, 0.0)
    assert gap(planned(still, [0, 0.25, 0.5, 0.75, 1], world).output, walk(SampledConfidence(), world).output) < 1e-14
    assert gap(planned(still, [0, 0.5, 1], world).output, walk(LowConfidence(2), world).output) < 1e-14
    prompt = [2, 3, 0, 3]
    ours, other = planned(still, [0, 0.5, 1], world, start=prompt), walk(LowConfidence(1), world, start=prompt)
    assert gap(ours.output, other.output) < 1e-14 and gap(ours.world, other.world) == 0
    assert ours.calls == 2 and other.calls == pytest.approx(2)
    assert gap(planned(Plan(leave_one_out, 1.0), AGAIN, world).output, planned(still, AGAIN, world).output) > 0.01


@pytest.mark.parametrize("plan", [*PLANS, Plan(pseudo_likelihood(BATCHED), 1.0)], ids=name)
def test_batches_have_the_exact_law(plan: Plan) -> None:
    world = BATCHED
    exact = planned(plan, AGAIN, world)
    batch = sample(world, plan, AGAIN, masked_batch(world, ROWS), generator=Generator().manual_seed(2))
    assert not surprising_cells(batch.tokens, exact.output.law().tolist(), 2)
    assert batch.denoiser_calls.tolist() == [exact.calls] * ROWS


def test_a_wrong_law_is_noticed() -> None:
    """A law without remasking, .03 away, is refused by the draws with it."""
    world = dirichlet(4, 2, 0.5, Generator().manual_seed(1))
    wrong = planned(Plan(None, 0.0), AGAIN, world).output
    assert float((wrong.law() - planned(Plan(None, 1.0), AGAIN, world).output.law()).abs().sum()) / 2 < 0.033
    batch = sample(world, Plan(None, 1.0), AGAIN, masked_batch(world, ROWS), generator=Generator().manual_seed(2))
    assert surprising_cells(batch.tokens, wrong.law().tolist(), 2)


@pytest.mark.parametrize("plan", PLANS[::2], ids=name)
@pytest.mark.parametrize("prompt", [[0, 2, 2, 1], [2, 2, 1, 2], [1, 0, 0, 2], [0, 1, 1, 0]])
def test_a_prompt_stays_and_does_not_count(plan: Plan, prompt: list[int]) -> None:
    case, eta = Case(F1), Fraction(plan.eta)
    exact = planned(plan, AGAIN, F1, start=prompt)
    trust = literal.own if plan.planner is self_planner else literal.others
    kept = literal.race(eta, 2) if plan.planner is None else literal.greatest(trust(case.conditional, 2), eta, 2)
    kappas = [Fraction(1, 2), Fraction(1, 2), Fraction(1)]
    law = literal.output_law(case.conditional, kept, kappas, tuple(prompt), 2)
    assert exact.output.law().tolist() == pytest.approx(case.listed(law), abs=1e-14)
    z = torch.tensor(prompt).expand(ROWS // 8, -1)
    batch = sample(F1, plan, AGAIN, started(z, 2, z != 2), generator=Generator().manual_seed(3))
    assert bool((batch.tokens == z)[z != 2].all())
    assert batch.denoiser_calls.tolist() == [exact.calls] * len(z)
    assert not surprising_cells(batch.tokens, exact.output.law().tolist(), 2)


@pytest.mark.parametrize("planner", [self_planner, leave_one_out, None])
def test_at_eta_zero_a_shown_token_stays(planner: Any) -> None:
    world, grid = dirichlet(6, 2, 0.5, Generator().manual_seed(4)), [0, 1 / 3, 1 / 3, 2 / 3, 1]
    masks, stay, leave = [], True, 0
    for eta in (0.0, 2.0):
        batch = masked_batch(world, 500)
        generator = Generator().manual_seed(5)
        for kappa in grid[1:]:
            after = planned_module.advance(world, Plan(planner, eta), kappa, batch, generator=generator)
            moved = int(((after.tokens != batch.tokens) & ~batch.hidden).sum())
            stay, leave = stay and (moved == 0 or eta > 0), leave + moved
            masks.append(int(after.hidden.sum(-1).unique()))
            batch = after
    assert masks == [4, 4, 2, 0] * 2 and stay
    assert (leave > 0) == (planner is not self_planner)


def test_uniform_numbers_are_a_race() -> None:
    """The first of two masked and two shown positions by U and U^eta, drawn, against the weights 1 and 1 / eta."""
    generator, shown = Generator().manual_seed(6), torch.tensor([False, False, True, True])
    for eta in (0.5, 3.0):
        u = torch.rand(ROWS, 4, dtype=torch.float64, generator=generator)
        kept = torch.where(shown, u**eta, u).argsort(-1, descending=True)[:, :2]
        both = float((kept >= 2).all(-1).double().mean())
        law = literal.race(Fraction(eta), 2)((2, 2, 0, 0), (0, 0, 0, 0), range(4), 2)
        assert both == pytest.approx(float(law[frozenset((2, 3))]), abs=hoeffding_margin(ROWS, 1.0))


def test_the_released_score_is_no_probability() -> None:
    """Two bits of probability .9 and .6 draw their likelier token; the second has the greater noised score: .283."""
    odds = [math.log(9), math.log(1.5)]

    def tail(x: float, odd: float) -> float:
        return 1 / (1 + math.exp(x - odd))

    def second(x: float) -> float:
        return tail(x, odds[1]) * (1 - tail(x, odds[1])) * (tail(0, odds[0]) - tail(x, odds[0]))

    exact = quad(second, 0, 60)[0] / (0.9 * 0.6)
    assert exact == pytest.approx(0.283, abs=5e-4)
    log_p = torch.tensor([[0.9, 0.1], [0.6, 0.4]], dtype=torch.float64).log()
    u = torch.rand(4 * ROWS, 2, 2, dtype=torch.float64, generator=Generator().manual_seed(7))
    score, token = (log_p - (-u.log()).log()).log_softmax(-1).max(-1)
    drawn = (token == 0).all(-1)
    found = float((score[drawn, 1] > score[drawn, 0]).double().mean())
    assert found == pytest.approx(exact, abs=hoeffding_margin(int(drawn.sum()), 1.0))


def test_masking_again_at_random_nears_the_data_and_by_plan_it_may_not() -> None:
    """Four tokens of the sticky chain, and two copied pairs; the numbers of the notes, p2.bias."""
    found = [[planned(Plan(p, e), AGAIN, F1).total_variation for e in (0.0, 1.0)] for p in (leave_one_out, None)]
    assert list(itertools.chain(*found)) == pytest.approx([0.34681, 0.35658, 0.20860, 0.11880], abs=5e-6)
    copied = [planned(Plan(leave_one_out, e), AGAIN, COPIES).total_variation for e in (0.0, 1.0)]
    assert copied == pytest.approx([0.75, 0.625], abs=1e-14)


def test_a_longer_chain_takes_little_time() -> None:
    exact = planned(Plan(leave_one_out, 1.0), [k / 6 for k in range(7)], sticky(6))
    assert exact.steps == exact.calls == 6 and float(exact.output.law().sum()) == pytest.approx(1, abs=1e-12)


def wrong_planner(answer: Any) -> Plan:
    return Plan(lambda *asked: answer)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Plan(eta=-1.0), "eta = -1.0; expected a finite number >= 0"),
        (lambda: Plan(eta=math.nan), "eta = nan"),
        (lambda: planned(Plan(), [0, 0.5], F1), "grid"),
        (lambda: planned(Plan(), [0, 0.6, 0.5, 1], F1), "grid"),
        (lambda: planned(Plan(), [0, 1], TableWorld(torch.full((3, 4), 0.25), 2, 2)), "a batch of"),
        (lambda: planned(wrong_planner(torch.ones(3)), [0, 0.5, 1], F1), "planner returned shape"),
        (lambda: planned(wrong_planner(torch.full((256, 4), -1.0)), [0, 0.5, 1], F1), "outside"),
        (lambda: planned(Plan(), [0, 1], F1, start=[0, 1]), "expected n = 4"),
        (lambda: sample(F1, Plan(), [0, 0.5], masked_batch(F1, 2)), "grid"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(call: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


@pytest.mark.parametrize(
    ("target", "wrong", "claim"),
    [
        ("rounded_counts", lambda f: lambda rule, kappa, sizes: f("ceil", kappa, sizes), "p2.step"),
        ("rounded_counts", lambda f: lambda rule, kappa, sizes: f("ceil", kappa, sizes), "p2.fixed"),
        ("self_planner", lambda f: lambda *asked: 1 - f(*asked), "p2.low"),
        ("self_planner", lambda f: lambda *asked: 0.99 * f(*asked), "p2.carry"),
        ("leave_one_out", lambda f: lambda *asked: f(*asked).roll(1, -1), "p2.bias"),
        ("leave_one_out", lambda f: self_planner, "p2.step"),
        ("ALWAYS_FIRST", lambda value: 5.0, "p2.fixed"),
    ],
)
def test_a_corrupted_engine_is_noticed(monkeypatch: pytest.MonkeyPatch, target: str, wrong: Any, claim: str) -> None:
    assert outcome(BY_NAME[claim]) == BY_NAME[claim].expected
    if target == "ALWAYS_FIRST":
        monkeypatch.setattr(planned_module, target, wrong(planned_module.ALWAYS_FIRST))
    elif target in ("self_planner", "leave_one_out"):
        from theory.remasking.claims import planned as claims_module

        planner = wrong(getattr(planned_module, target))
        monkeypatch.setattr(claims_module, target, planner)
    else:
        plant(monkeypatch, "theory.remasking.planned", target, wrong)
    assert outcome(BY_NAME[claim]) in ("refuted", "raised")
