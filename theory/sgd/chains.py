"""Many chains of SGD on a quadratic loss at once: learning rates, seeds and particles are batch axes of one product."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.sgd.quadratic import Quadratic


def chains(
    problem: Quadratic,
    rates: Tensor,
    count: int,
    generator: torch.Generator,
    start: Tensor | None = None,
    shared: bool = True,
) -> Iterator[Float[Tensor, "m count d"]]:
    """Yield the weights of `count` independent chains at each of m learning rates, step after step, without end.

    The weights begin at `start` (m, count, d), or at 0, and are in float64 on the generator's device. A step is
    w (I - eta H) - eta xi with xi ~ N(0, C). The first value yielded is the start.
    With `shared` the m learning rates see the same noise, which sharpens differences between them and saves most of the
    time; chains of one learning rate are independent either way. Noise is drawn in float32.
    Raises InvalidInput for rates outside 0 < eta < 2 / h_max, where the weights do not settle.
    """
    eta = torch.as_tensor(rates, dtype=torch.float64).reshape(-1)
    problem.stationary(eta.cpu().numpy())
    if count < 1:
        raise InvalidInput(f"{count} chains; expected at least one")
    device = generator.device
    keep = torch.eye(problem.d, dtype=torch.float64) - eta[:, None, None] * torch.from_numpy(problem.hessian)
    push = eta[:, None, None] * _root(problem)
    keep, push = keep.to(device), push.to(device)
    w = torch.zeros(len(eta), count, problem.d, dtype=torch.float64, device=device) if start is None else start
    size = (1 if shared else len(eta), count, problem.d)
    while True:
        yield w
        noise = torch.randn(size, generator=generator, device=device).double().expand(w.shape)
        w = torch.baddbmm(torch.bmm(w, keep), noise, push, alpha=-1)


def mean_squares(
    problem: Quadratic, rates: Tensor, count: int, steps: int, generator: torch.Generator, settle: int
) -> Float[Tensor, "m d d"]:
    """Return E w wᵀ over `count` chains and `steps` steps, after `settle` steps from 0, for each learning rate."""
    total: Tensor | None = None
    for step, w in enumerate(chains(problem, rates, count, generator)):
        if step >= settle + steps:
            break
        if step >= settle:
            square = w.mT @ w
            total = square if total is None else total.add_(square)
    if total is None:
        raise InvalidInput(f"{steps} steps; expected at least one")
    return total / (steps * count)


def steps_to_settle(problem: Quadratic, rate: float, left: float = 1e-3) -> int:
    """Return after how many steps from 0 every entry of E w wᵀ is within the share `left` of its stationary value.

    Along two eigenvectors of the Hessian the rest shrinks by (1 - eta h_i) (1 - eta h_j) a step.
    """
    slowest = max(abs(1 - rate * float(h)) for h in problem.curvatures)
    return 1 if slowest == 0 else math.ceil(math.log(left) / (2 * math.log(slowest)))


def _root(problem: Quadratic) -> Tensor:
    """Return a matrix A with Aᵀ A = C; C may be singular."""
    values, vectors = torch.linalg.eigh(torch.from_numpy(problem.noise))
    root: Tensor = values.clamp(min=0).sqrt()[:, None] * vectors.T
    return root
