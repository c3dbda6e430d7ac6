"""Parts that only batches and samplers use: surprise of masked tokens, default seeds, steps of mixed batches."""

from __future__ import annotations

import math

import torch

from theory.denoisers import TableDenoiser
from theory.unmasking import losses
from theory.unmasking.rules.compiled import from_logits
from theory.unmasking.rules.info_gain import SampledInfoGain
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import TopK
from theory.worlds import TableWorld, states

UNEQUAL = TableWorld.from_weights([1, 2, 3, 4, 5, 6, 7, 8], 3, 2)


def test_surprise_is_the_sum_over_masked_positions() -> None:
    p = torch.tensor([0.25, 0.75], dtype=torch.float64)
    model = TableDenoiser(p.log().expand(27, 3, 2))
    tokens = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 1, 1]])
    masked = torch.tensor([[True, False, True], [True, True, True], [False, False, False]])
    claimed = [math.log(4) + math.log(4 / 3), 3 * math.log(4), 0.0]
    torch.testing.assert_close(losses.surprise(model, tokens, masked), torch.tensor(claimed, dtype=torch.float64))


def test_what_is_drawn_without_a_generator_is_drawn_again() -> None:
    rows = UNEQUAL.sample(40, torch.Generator().manual_seed(3))
    first, second = (losses.cross_entropy_by_count(UNEQUAL, rows, repeats=2) for _ in range(2))
    other = losses.cross_entropy_by_count(UNEQUAL, rows, repeats=2, generator=torch.Generator().manual_seed(5))
    assert torch.equal(torch.as_tensor(first.mean), torch.as_tensor(second.mean))
    assert not torch.equal(torch.as_tensor(first.mean), torch.as_tensor(other.mean))


def test_in_a_mixed_batch_complete_rows_stay_and_open_rows_go_on() -> None:
    z = torch.tensor([[0, 1, 0], [2, 2, 2], [1, 2, 0]])
    after, calls = SampledConfidence().step(UNEQUAL, z, torch.Generator().manual_seed(0))
    assert torch.equal(after[0], z[0]) and int(calls[0]) == 0
    assert ((after == 2).sum(-1) == torch.tensor([0, 2, 0])).all()
    assert calls[1:].tolist() == [1, 1]


def test_a_rule_on_logits_selects_what_it_selects_on_their_logarithms() -> None:
    z = states.all_states(3, 2)
    hidden = z == 2
    logits = torch.randn(len(z), 3, 2, generator=torch.Generator().manual_seed(1))
    found = from_logits(TopK(2))(logits, hidden)
    assert torch.equal(found, TopK(2).select(logits.log_softmax(-1), hidden))


def test_candidates_are_drawn_at_their_temperatures() -> None:
    """Positions by softmax(-entropy / tau_position), tokens by p^(1 / tau_token), one position a step."""
    z = torch.tensor([[2, 2, 2]])
    log_p = UNEQUAL(z)
    rule = SampledInfoGain(count=4, tau_position=0.5, tau_token=3.0)
    found = rule.proposal(log_p, z == 2).reshape(3, 2)
    entropy = -(log_p.exp() * log_p).sum(-1)[0]
    position = torch.softmax(-entropy / 0.5, -1)
    token = log_p[0].exp() ** (1 / 3)
    claimed = position[:, None] * token / token.sum(-1, keepdim=True)
    torch.testing.assert_close(found, claimed, rtol=1e-12, atol=0)
