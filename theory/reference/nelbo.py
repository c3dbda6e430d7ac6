"""The NELBO of a masked diffusion model: by revealed count, by order, and by quadrature over time. Nats.

A denoiser is a table of probabilities p(x_i = v | z), shape (d + 1,) * n + (n, d); a law has shape (d,) * n.
NELBO = int alpha' / (1 - alpha) E_{x ~ q, z ~ p_t|1} sum over masked i of -ln p(x_i | z) dt does not depend
on alpha (Chen et al., arXiv 2509.13866, C.2).
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

from theory.errors import InvalidInput
from theory.reference.energy import Problem, integral
from theory.schedules import Schedule


def nelbo_by_count(denoiser: object, law: object) -> float:
    """Return the NELBO with time integrated out: sum over revealed sets S of B(|S| + 1, n - |S|) loss(S)."""
    loss = revealed_set_losses(denoiser, law)
    n = len(next(iter(loss)))
    return math.fsum(special.beta(sum(s) + 1, n - sum(s)) * value for s, value in loss.items() if sum(s) < n)


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


def nelbo_by_order(denoiser: object, law: object) -> float:
    """Return the mean over all n! orders of the code length E -ln prod p(x_i | x_before)."""
    p, q = _checked(denoiser, law)
    n, d = q.ndim, q.shape[0]
    total = 0.0
    for x in itertools.product(range(d), repeat=n):
        for order in itertools.permutations(range(n)):
            z = [d] * n
            for i in order:
                total += _surprise(q[x], p[(*z, i, x[i])])
                z[i] = x[i]
    return total / math.factorial(n)


def revealed_set_losses(denoiser: object, law: object) -> dict[tuple[int, ...], float]:
    """Return, per revealed set (a 0/1 tuple), E_q sum over masked i of -ln p(x_i | x_S), in nats."""
    p, q = _checked(denoiser, law)
    n, d = q.ndim, q.shape[0]
    losses = {}
    for shown in itertools.product((0, 1), repeat=n):
        terms = (
            _surprise(q[x], p[(*(v if s else d for v, s in zip(x, shown, strict=True)), i, x[i])])
            for x in itertools.product(range(d), repeat=n)
            for i in range(n)
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


def _surprise(weight: float, probability: float) -> float:
    if weight == 0:
        return 0.0
    return math.inf if probability == 0 else -float(weight) * math.log(probability)


def _checked(denoiser: object, law: object) -> tuple[Float[ndarray, "*states"], Float[ndarray, "*law"]]:
    p, q = np.asarray(denoiser, dtype=float), np.asarray(law, dtype=float)
    n, d = q.ndim, q.shape[0] if q.ndim else 0
    expected = (d + 1,) * n + (n, d)
    if n < 1 or set(q.shape) != {d} or p.shape != expected:
        raise InvalidInput(f"denoiser {p.shape} for a law {q.shape}; expected {expected} over all masked states")
    for name, table, sums in (("denoiser", p, p.sum(-1)), ("law", q, q.sum())):
        if not (np.isfinite(table).all() and (table >= 0).all() and np.allclose(sums, 1, rtol=0, atol=1e-9)):
            raise InvalidInput(f"{name} holds NaN or negative probabilities or does not sum to 1; normalise it")
    return p, q
