"""The one rule of ties and thresholds, at its edges."""

from __future__ import annotations

import torch

from theory.tolerance import SLACK, meets, slack, tied


def test_the_slack_of_each_type() -> None:
    assert slack(torch.float64) == SLACK == 2.0**-36
    assert slack(torch.float32) == slack(torch.bfloat16) == 2.0**-14


def test_a_limit_is_met_up_to_the_slack_of_the_larger_of_one_and_the_limit() -> None:
    for limit in (0.0, 0.5, 3.0, -3.0):
        room = SLACK * max(1.0, abs(limit))
        scores = torch.tensor([limit + 0.9 * room, limit + 1.5 * room, limit - 1.0], dtype=torch.float64)
        assert meets(scores, limit).tolist() == [True, False, True]


def test_scores_within_the_slack_are_tied_with_the_best() -> None:
    scores = torch.tensor([[1.0, 1.0 - 0.5 * SLACK, 1.0 - 3 * SLACK]], dtype=torch.float64)
    assert tied(scores).argmax(-1).tolist() == [0]
    assert tied(scores[:, [1, 0, 2]]).argmax(-1).tolist() == [0]
    assert tied(scores[:, [2, 1, 0]]).argmax(-1).tolist() == [1]
