"""Preference optimisation: drawn scores against exact ones, shared masks, the known optimum."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from synthetic.denoisers import Architecture, Transformer, exact, stacked
from synthetic.experiments import trained_preferences as experiment
from synthetic.preferences import Preference, PreferenceRun, Preferring, estimates, losses
from synthetic.training import untrained
from theory.errors import InvalidInput
from theory.training.estimators import draw
from theory.training.loss_table import loss_table
from theory.training.preferences import Pair

N, D = 3, 3
WORLD = experiment.answers(N)


def network(seed: int) -> Transformer:
    """Return a small network with random weights everywhere."""
    net = untrained(Architecture(8, 1, 1), (N,), D, seed)
    with torch.no_grad():
        for weights in net.parameters():
            weights.add_(0.5 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed)))
    return net


@pytest.mark.parametrize("shared", [True, False])
def test_drawn_scores_have_the_exact_mean_and_variance(shared: bool) -> None:
    """Of 20,000 scores: the mean within 5 standard errors, the variance within 6 % (kurtosis below 9)."""
    policy, reference = network(1), network(2)
    x, _, _ = experiment.lengths(WORLD)
    tables = [loss_table(WORLD, exact(net.eval())) for net in (policy, reference)]
    first, second = len(x) - 1, 0
    pair = Pair((tables[0].at(first), tables[0].at(second)), (tables[1].at(first), tables[1].at(second)), beta=1.0)
    used, count = experiment.estimator(2, 1), 20_000
    responses = x[[first, second]].repeat(count, 1)[None]
    given, generator = torch.zeros(2 * count, N, dtype=torch.bool), torch.Generator().manual_seed(0)
    mine = draw(used, given, generator)
    other = mine if shared else draw(used, given, generator)
    with torch.no_grad():
        found = [
            estimates(stacked([net]), responses, drawn.masked[None], drawn.weight[None], D)[0]
            for net, drawn in ((policy, mine), (reference, other))
        ]
    gaps = (found[0] - found[1]).view(count, 2).double()
    scores = gaps[:, 0] - gaps[:, 1]
    variance = pair.variance(used, shared)
    assert float(scores.mean()) == pytest.approx(pair.score, abs=5 * math.sqrt(variance / count))
    assert float(scores.var()) == pytest.approx(variance, rel=0.06)


def test_a_policy_equal_to_its_reference_scores_zero_on_shared_masks() -> None:
    """The loss is then ln 2 whatever is drawn, with no variance."""
    nets = stacked([network(1), network(2)])
    module = Preferring(nets, copy.deepcopy(nets), D, 0.2)
    x, _, _ = experiment.lengths(WORLD)
    pairs = x[[0, 1, 2, 3]].view(1, 2, 2, N).expand(2, 2, 2, N)
    drawn = draw(experiment.estimator(2, 2), torch.zeros(4, N, dtype=torch.bool), torch.Generator().manual_seed(0))
    masked = torch.stack([drawn.masked] * 2).expand(2, 2, *drawn.masked.shape)
    weight = torch.stack([drawn.weight] * 2).expand(2, 2, *drawn.weight.shape)
    assert torch.allclose(losses(module, pairs, masked, weight), torch.full((2,), math.log(2)))
    assert not any(weights.requires_grad for weights in module.reference.parameters())


def test_the_optimum_is_known_and_the_loss_above_it_is_not_negative() -> None:
    """A policy equal to its reference predicts nothing; its loss is ln 2 less the mean entropy of the labels."""
    nets = stacked([network(1)])
    (row,) = experiment.judged(WORLD, nets, nets, experiment.Config(N, (0,)))
    _, law, length = experiment.lengths(WORLD)
    labels = (length - length[:, None]).sigmoid()
    entropy = torch.special.entr(labels) + torch.special.entr(1 - labels)
    assert row["value"] == pytest.approx(math.log(2) - float(law @ entropy @ law), abs=1e-12)
    assert row["distance"] == 0
    assert 0.5 < experiment.bayes(WORLD) < 1


def test_training_comes_nearer_to_the_optimum() -> None:
    """Two seeds, 120 steps with four shared masks: less than half of the loss that could be gained is left."""
    config = experiment.Config(N, (0, 1), 120)
    references = stacked([network(1), network(2)])
    *_, (step, policies) = experiment.training(WORLD, references, config, 4, 1, True)
    start = [row["value"] for row in experiment.judged(WORLD, references, references, config)]
    end = [row["value"] for row in experiment.judged(WORLD, references, policies, config)]
    assert step == config.steps
    assert all(after < before / 2 for before, after in zip(start, end, strict=True))


def test_wrong_temperatures_and_seeds_are_refused() -> None:
    """One clear line each."""
    nets = stacked([network(1)])
    with pytest.raises(InvalidInput, match="positive temperature"):
        Preferring(nets, nets, D, 0.0)
    module = Preferring(nets, copy.deepcopy(nets), D, 1.0)
    with pytest.raises(InvalidInput, match="2 seeds for a stack of 1"):
        PreferenceRun(module, lambda count, g: torch.zeros(count, 2, N), (0, 1), Preference(experiment.estimator(1, 1)))
