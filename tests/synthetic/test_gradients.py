"""Exact variances of gradients against gradients of drawn losses."""

from __future__ import annotations

import pytest
import torch

from synthetic.denoisers import Architecture
from synthetic.gradients import gradient_sums
from synthetic.training import untrained
from theory.training.estimators import BY_COUNT, Estimator, Exactly, draw
from theory.training.moments import sources
from theory.worlds import TableWorld, states

WORLD = TableWorld([0.4, 0.1, 0.05, 0.05, 0.1, 0.1, 0.0, 0.2], 3, 2)
COUNT = Estimator("count", Exactly(), BY_COUNT)


@pytest.mark.parametrize("partner", ["none", "mirrored mask", "mirrored level", "complement"])
def test_traces_are_those_of_drawn_gradients(partner: str) -> None:
    """Within 6 %: the sample variance of 6,000 draws errs by about 1.5 %."""
    network = untrained(Architecture(8, 1, 1), (3,), 2, 0)
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(0.3 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(1)))
    estimator = Estimator("pair", Exactly(), BY_COUNT, partner=partner)  # type: ignore[arg-type]  # one of the names
    mask, level, data, growth = sources(estimator, 3, gradient_sums(network, WORLD))
    generator, found = torch.Generator().manual_seed(2), []
    for _ in range(6000):
        x = states.all_sequences(3, 2)[torch.multinomial(WORLD.law(), 1, generator=generator)]
        drawn = draw(estimator, torch.zeros(1, 3, dtype=torch.bool), generator)
        masked = drawn.masked[:, 0]
        log_p = network(torch.where(masked, 2, x)).gather(-1, x.expand(len(masked), -1)[..., None])[..., 0]
        loss = (drawn.weight[:, 0] * -torch.where(masked, log_p, 0.0).sum(-1)).mean()
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))]))
    sampled = float(torch.stack(found).double().var(0).sum())
    assert mask + level + data == pytest.approx(sampled, rel=0.06)
    assert growth == 0 and min(mask, level, data) >= 0
