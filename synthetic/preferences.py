"""Preference optimisation of masked denoisers with estimated ELBOs (VRPO, arXiv 2505.19223), several seeds at once.

For pairs of responses, preferred and other, the score is beta times the difference of (policy ELBO - reference ELBO),
each estimated with masks and weights of one `Estimator`, and the loss is -ln sigma(score). Policy and reference look at
the same masks or at masks of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from synthetic.optimisation import Optimiser, Schedule
from synthetic.training import step_generator
from theory.errors import InvalidInput
from theory.training import preferences
from theory.training.estimators import Draws, Estimator, draw

Pairs = Callable[[int, Generator], Int[Tensor, "pairs 2 n"]]
"""A number and a generator to drawn pairs of responses, the preferred one first."""


class Preferring(nn.Module):
    """A stack of policies in training, each beside its frozen reference; d is the mask.

    Raises InvalidInput for a temperature beta that is not positive.
    """

    def __init__(self, policy: nn.Module, reference: nn.Module, d: int, beta: float) -> None:
        super().__init__()
        if not beta > 0:
            raise InvalidInput(f"beta {beta}; expected a positive temperature")
        self.policy, self.reference = policy, reference.requires_grad_(False).eval()
        self.d, self.beta = d, beta


def losses(
    module: Preferring,
    pairs: Int[Tensor, "members pairs two n"],
    masked: Bool[Tensor, "members two draws responses n"],
    weight: Float[Tensor, "members two draws responses"],
) -> Float[Tensor, " members"]:
    """Return each member's mean loss of its pairs; the masks of the policy come first, then those of the reference."""
    policy = estimates(module.policy, pairs.flatten(1, 2), masked[:, 0], weight[:, 0], module.d)
    with torch.no_grad():
        reference = estimates(module.reference, pairs.flatten(1, 2), masked[:, 1], weight[:, 1], module.d)
    score = module.beta * (policy - reference).unflatten(1, pairs.shape[1:3])
    return preferences.loss(score[..., 0] - score[..., 1]).mean(-1)


def estimates(
    denoiser: nn.Module,
    x: Int[Tensor, "members responses n"],
    masked: Bool[Tensor, "members draws responses n"],
    weight: Float[Tensor, "members draws responses"],
    d: int,
) -> Float[Tensor, "members responses"]:
    """Return an estimate of each response's ELBO, the mean over its draws."""
    z = torch.where(masked, d, x[:, None])
    log_p = denoiser(z.flatten(1, 2)).unflatten(1, z.shape[1:3])
    own = log_p.gather(-1, x[:, None, ..., None].expand(*z.shape, 1))[..., 0]
    return (weight * torch.where(masked, own, 0.0).sum(-1)).mean(1)


@dataclass(frozen=True)
class Preference:
    """How a policy is trained: the estimator of each ELBO, shared masks or not, steps, pairs a step, the peak rate."""

    estimator: Estimator
    shared: bool = True
    steps: int = 200
    pairs: int = 32
    rate: float = 1e-3


class PreferenceRun:
    """Policies in training with one way to draw masks, a seed each; `advance` takes steps, `policies` are averages.

    Members of one seed in other runs see the same pairs. Raises InvalidInput where the seeds are not as many as the
    members.
    """

    def __init__(self, module: Preferring, pairs: Pairs, seeds: Sequence[int], how: Preference) -> None:
        members = len(next(module.policy.parameters()))
        if members != len(seeds):
            raise InvalidInput(f"{len(seeds)} seeds for a stack of {members} policies; expected one each")
        self.pairs, self.seeds, self.how, self.step = pairs, tuple(seeds), how, 0
        schedule = Schedule(how.steps, how.rate, warmup=max(1, how.steps // 20), ema=0.99)
        self._optimiser = Optimiser(module, losses, schedule, stack=True)

    def advance(self, until: int) -> None:
        """Train up to a step."""
        for step in range(self.step, until):
            drawn = [self._batch(step_generator(seed, step)) for seed in self.seeds]
            self._optimiser.step(step, *(torch.stack(parts) for parts in zip(*drawn, strict=True)))
        self.step = until

    @property
    def policies(self) -> nn.Module:
        """Return the averaged policies as a stack."""
        averaged = self._optimiser.average
        assert isinstance(averaged, Preferring)
        return averaged.policy

    def _batch(self, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        pairs = self.pairs(self.how.pairs, generator)
        given = torch.zeros(2 * len(pairs), pairs.shape[-1], dtype=torch.bool)
        first = draw(self.how.estimator, given, generator)
        drawn: list[Draws] = [first, first if self.how.shared else draw(self.how.estimator, given, generator)]
        return pairs, torch.stack([d.masked for d in drawn]), torch.stack([d.weight for d in drawn])
