"""Rules against the built-in ones and against the best: scores, standings, verdicts, what lies outside the theory."""

from __future__ import annotations

import math

import pytest
import torch

from theory.errors import InvalidInput
from theory.unmasking import evaluation
from theory.unmasking.best_rules import best_rule
from theory.unmasking.rules.function import FunctionRule
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.worlds import copied_pairs
from theory.worlds.tree import sticky_chain


def test_no_rule_beats_the_optimum() -> None:
    worlds = {"chain": sticky_chain(4)}
    for _, scores, _ in evaluation.evaluate(EntropyBounded(0.4), worlds):
        covered = [s for s in scores if not math.isnan(s.excess)]
        assert all(s.excess >= 0 for s in covered)
        assert {s.rule.split()[0] for s in scores if s not in covered} == {"PUNT", "Info-Gain"}
        assert sum(s.mine for s in scores) == 1


def crooked(log_p: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
    """Depend on the neighbours in the batch."""
    first = masked & (masked.cumsum(-1) == 1)
    return first | (masked & (log_p.sum() % 2 > 1))


def test_rules_outside_the_family_are_told() -> None:
    assert "looks at drawn values" in evaluation.family_remarks(SampledConfidence())[0]
    assert "depends on the others in the batch" in evaluation.family_remarks(FunctionRule(crooked, "crooked"))[0]
    assert evaluation.family_remarks(RandomOne()) == []
    row = next(iter(evaluation.evaluate(SampledConfidence(), {"chain": sticky_chain(3)})))
    report = evaluation.report(SampledConfidence(), [row])
    assert math.isnan(report.worst().excess) and report.worst().divergence > 0


def test_worlds_are_small_and_valid() -> None:
    for world in evaluation.small_worlds().values():
        assert float(world.law().sum()) == pytest.approx(1.0)
        assert (world.d + 1) ** world.n <= 10_000
        assert world.law().dtype == torch.float64


def reported(rule: object, worlds: dict, denoiser: object = None) -> evaluation.Report:
    return evaluation.report(rule, list(evaluation.evaluate(rule, worlds, denoiser)))


def test_a_rule_of_one_token_a_step_is_never_called_optimal() -> None:
    dense = evaluation.small_worlds()["Dirichlet, dense"]
    report = reported(LeftToRight(1), {"pairs": copied_pairs(2), "dense": dense})
    pairs, dense = report.mine()
    assert pairs.at_end and dense.at_end
    assert (pairs.excess, pairs.divergence, dense.excess) == (0.0, 0.0, 0.0)
    assert pairs.excess_calls == pytest.approx(2) and "EB 0, confidence" in pairs.dominated_by
    assert dense.excess_calls == 0.0 and not dense.optimal and not pairs.optimal
    told = report.verdict
    assert "optimal" not in told and "says nothing about how well it chooses" in told
    assert "exists on 1 of them" in told
    assert "all at once, on all of them: at these ends" in told


def test_all_at_once_is_an_end_too() -> None:
    report = reported(TopK(4), {"pairs": copied_pairs(2)})
    assert report.mine()[0].at_end and "optimal" not in report.verdict


def test_a_rule_on_the_hull_between_its_ends_is_optimal() -> None:
    best = best_rule(copied_pairs(2)).rule
    report = reported(best, {"pairs": copied_pairs(2)})
    standing = report.mine()[0]
    assert (standing.excess, standing.excess_calls, standing.dominated_by) == (0.0, 0.0, ())
    assert standing.optimal and "optimal on 1" in report.verdict
    assert "optimal on 1" in repr(report)


def test_a_dominated_rule_is_told_all_that_dominate_it() -> None:
    report = reported(LeftToRight(2), {"pairs": copied_pairs(2), "repetition": evaluation.small_worlds()["repetition"]})
    standing = report.mine()[0]
    rivals = [s for s in report.scores if not s.mine and s.world == "pairs"]
    assert standing.dominated_by == tuple(s.rule for s in rivals if s.dominates(standing))
    assert standing.excess == pytest.approx(2 * math.log(2)) and len(standing.dominated_by) > 1
    assert "optimal" not in report.verdict and "1.386 nats more than the best rule" in evaluation.verdict(report)


def test_a_denoiser_of_the_users_own_is_measured_against_the_best_rules_under_it() -> None:
    world = sticky_chain(4)
    report = reported(EntropyBounded(0.4), {"chain": world}, sticky_chain(4, 0.7))
    assert report.mine()[0].divergence > reported(EntropyBounded(0.4), {"chain": world}).mine()[0].divergence
    assert report.mine()[0].excess >= 0
    with pytest.raises(InvalidInput, match="denoiser with n = 5 beside a world with n = 4"):
        reported(TopK(1), {"chain": world}, sticky_chain(5))


def test_a_rule_that_looks_at_values_has_a_verdict() -> None:
    told = evaluation.verdict(reported(SampledConfidence(), {"chain": sticky_chain(3)}))
    assert told.startswith("sampled-token confidence") and "optimal" not in told


def test_the_picture_has_one_star_a_world_and_all_others_as_circles(monkeypatch, tmp_path) -> None:
    """`plot`: the own rule's point on its own world, and on no other."""
    drawn = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *to, **how: drawn.append(figure))
    rule, worlds = TopK(2), {"pairs": copied_pairs(2), "chain": sticky_chain(3, 0.8)}
    found = evaluation.report(rule, list(evaluation.evaluate(rule, worlds)))
    evaluation.plot(found, tmp_path / "picture.png")
    for axes, name in zip(drawn[0].axes, found.hulls, strict=False):
        others, own = (marks.get_offsets().tolist() for marks in axes.collections)
        mine = [s for s in found.scores if s.world == name and s.mine]
        assert own == [[float(s.calls), float(s.divergence)] for s in mine]
        assert len(own) == 1
        assert len(others) == sum(s.world == name and not s.mine for s in found.scores)
