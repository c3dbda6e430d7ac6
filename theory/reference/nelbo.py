"""The NELBO of a masked diffusion model: by revealed count, by order, and by quadrature over time. Nats.

A world has n, d and either whole weights or `law()`; a denoiser of known n returns log-probabilities of all states.
NELBO = int alpha' / (1 - alpha) E_{x ~ q, z ~ p_t|1} sum over masked i of -ln p(x_i | z) dt does not depend
on alpha (Chen et al., arXiv 2509.13866, C.2).
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy import ndarray
from scipy import special

from theory.errors import InvalidInput
from theory.reference.energy import Problem, integral
from theory.reference.laws import State, floats, states
from theory.schedules import Schedule


def nelbo_by_count(denoiser: Any, world: Any) -> float:
    """Return the NELBO with time integrated out: sum over revealed sets S of B(|S| + 1, n - |S|) loss(S)."""
    loss, n = revealed_set_losses(denoiser, world), world.n
    return math.fsum(special.beta(sum(s) + 1, n - sum(s)) * value for s, value in loss.items() if sum(s) < n)


def nelbo_by_time(denoiser: Any, world: Any, problem: Problem) -> float:
    """Return the NELBO under `problem.mask` by quadrature over t, from the loss of every revealed set.

    `problem.weight` plays no part. Relative error 1e-11 (see `integral`). Raises InvalidInput for
    conditionals of wrong shape, with NaN, or in rows that do not sum to one.
    """
    loss, n = revealed_set_losses(denoiser, world), world.n

    def half(mask: Schedule, flip: bool) -> float:
        def density(t: ndarray) -> ndarray:
            one, other = mask.value(t), mask.complement(t)
            revealed, hidden = (other, one) if flip else (one, other)
            total = sum(revealed ** sum(s) * hidden ** (n - sum(s)) * value for s, value in loss.items())
            return np.asarray(mask.derivative(t) / hidden * total)

        return integral(density)

    return half(problem.mask, False) + half(problem.backward_mask, True)


def nelbo_by_order(denoiser: Any, world: Any) -> float:
    """Return the mean over all n! orders of the code length E -ln prod p(x_i | x_before)."""
    log_p, n, d = _conditionals(denoiser, world), world.n, world.d
    total = 0.0
    for x, q in floats(world).items():
        for order in itertools.permutations(range(n)):
            z = [d] * n
            for i in order:
                total -= q * log_p[tuple(z)][i][x[i]]
                z[i] = x[i]
    return total / math.factorial(n)


def revealed_set_losses(denoiser: Any, world: Any) -> dict[tuple[int, ...], float]:
    """Return, per revealed set (a 0/1 tuple), E_q sum over masked i of -ln p(x_i | x_S), in nats."""
    log_p, law, d = _conditionals(denoiser, world), floats(world), world.d
    losses = {}
    for shown in itertools.product((0, 1), repeat=world.n):
        terms = (
            -q * log_p[tuple(v if s else d for v, s in zip(x, shown, strict=True))][i][x[i]]
            for x, q in law.items()
            for i in range(world.n)
            if not shown[i]
        )
        losses[shown] = math.fsum(terms)
    return losses


def count_weight(n: int, revealed: int) -> Fraction:
    """Return B(k + 1, n - k) = k! (n - k - 1)! / n!, the weight of each set of k revealed tokens, exactly."""
    if not 0 <= revealed < n:
        raise InvalidInput(f"{revealed} revealed tokens of {n}; expected 0 <= k < n")
    return Fraction(math.factorial(revealed) * math.factorial(n - revealed - 1), math.factorial(n))


def order_share(n: int, before: tuple[int, ...], token: int) -> Fraction:
    """Return the share of the n! orders in which exactly the set `before` precedes `token`, by counting."""
    orders = list(itertools.permutations(range(n)))
    hits = sum(set(order[: order.index(token)]) == set(before) for order in orders)
    return Fraction(hits, len(orders))


def _conditionals(denoiser: Any, world: Any) -> dict[State, list[list[float]]]:
    """Return ln p(x_i = v | z) of every state, checked at its masked positions."""
    import torch

    if (denoiser.n, denoiser.d) != (world.n, world.d):
        raise InvalidInput(
            f"denoiser with n = {denoiser.n}, d = {denoiser.d} beside a world with n = {world.n}, d = {world.d}; give "
            "them one size"
        )
    listed = list(states(world.n, world.d))
    found = denoiser(torch.tensor(listed)).double().tolist()
    for z, rows in zip(listed, found, strict=True):
        for i, row in enumerate(rows):
            if z[i] == world.d and not abs(math.fsum(math.exp(a) for a in row) - 1) <= 1e-9:
                raise InvalidInput(f"denoiser at state {z}, position {i}: NaN or a sum other than 1; normalise it")
    return dict(zip(listed, found, strict=True))
