"""The NELBO under any mask schedule, by quadrature over time (Chen et al., arXiv 2509.13866, C.2). Nats."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from theory.energy.definitions import Problem, integral
from theory.nelbo import revealed_set_losses
from theory.schedules import Schedule


def nelbo_by_time(denoiser: object, law: object, problem: Problem) -> float:
    """Return the NELBO under `problem.mask` by quadrature over t, from the loss of every revealed set.

    `problem.weight` plays no part. Relative error 1e-11 (see `integral`). Raises InvalidInput for tables of
    wrong shape, NaN or negative entries, or rows that do not sum to one.
    """
    loss = revealed_set_losses(denoiser, law)
    n = len(next(iter(loss)))

    def half(mask: Schedule, flip: bool) -> float:
        def density(t: ndarray) -> ndarray:
            one, other = mask.value(t), mask.complement(t)
            revealed, hidden = (other, one) if flip else (one, other)
            total = sum(revealed ** sum(s) * hidden ** (n - sum(s)) * value for s, value in loss.items())
            return np.asarray(mask.derivative(t) / hidden * total)

        return integral(density)

    return half(problem.mask, False) + half(problem.backward_mask, True)
