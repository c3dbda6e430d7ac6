"""Plain SGD at constant learning rates: many chains of one network at once, free or on a sphere (arXiv 2505.23489).

Every member of a stack of networks has a learning rate of its own and noise of its own. On a sphere the weights of a
member, taken together, keep the length that they begin with: each step moves them along the sphere and rescales them.
For a loss that does not depend on that length, this fixes the effective learning rate.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthetic.devices import wide_products
from theory.errors import InvalidInput

Objective = Callable[..., Float[Tensor, " members"]]
"""A stack of networks and a batch's tensors to the mean loss of each member."""


class Chains:
    """A stack of networks under SGD without momentum, a learning rate each.

    All trainable weights of a member lie in one row of `weights` (members, P). Raises InvalidInput for rates that are
    not positive numbers, one a member.
    """

    def __init__(self, module: nn.Module, objective: Objective, rates: Float[Tensor, " members"], sphere: bool) -> None:
        self.module, self.objective, self.sphere = module, objective, sphere
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        members = len(self._parameters[0])
        if rates.shape != (members,) or not bool((rates > 0).all()):
            raise InvalidInput(
                f"learning rates {tuple(rates.shape)}; expected {members} positive numbers, one a member"
            )
        self.rates = rates.to(self._parameters[0])[:, None]
        self.weights = torch.cat([p.detach().flatten(1) for p in self._parameters], 1)
        at = 0
        for p in self._parameters:
            size = p[0].numel()
            p.data = self.weights[:, at : at + size].view(p.shape)
            at += size
        self._radius = self.weights.norm(dim=1, keepdim=True)

    def gradient(self, *batch: Tensor) -> tuple[Float[Tensor, " members"], Float[Tensor, "members P"]]:
        """Return each member's loss on a batch and its gradient, along the sphere where there is one."""
        with wide_products(batch[0], self.weights.shape[1], len(self.weights)):
            losses = self.objective(self.module, *batch)
            parts = torch.autograd.grad(losses.sum(), self._parameters)
        gradient = torch.cat([part.flatten(1) for part in parts], 1)
        if self.sphere:
            outward = self.weights / self._radius
            gradient -= (gradient * outward).sum(1, keepdim=True) * outward
        return losses.detach(), gradient

    @torch.no_grad()
    def step(self, *batch: Tensor) -> None:
        """Take one step of every member on its part of a batch."""
        with torch.enable_grad():
            gradient = self.gradient(*batch)[1]
        self.weights.addcmul_(self.rates, gradient, value=-1)
        if self.sphere:
            self.weights.mul_(self._radius / self.weights.norm(dim=1, keepdim=True))

    def moments(
        self, batches: Callable[[int], tuple[Tensor, ...]], count: int
    ) -> tuple[Float[Tensor, " members"], Float[Tensor, " members"]]:
        """Return estimates of |E g|² and of the trace of the gradient's covariance, from `count` batches.

        Both are unbiased: the squared mean of the batches' gradients less the share of the noise that is left in it.
        """
        total, squares = torch.zeros_like(self.weights), torch.zeros(len(self.weights), dtype=torch.float64)
        for k in range(count):
            gradient = self.gradient(*batches(k))[1]
            total += gradient
            squares += gradient.double().pow(2).sum(1).cpu()
        mean_square = (total.double() / count).pow(2).sum(1).cpu()
        trace = (squares / count - mean_square) * count / (count - 1)
        return mean_square - trace / count, trace
