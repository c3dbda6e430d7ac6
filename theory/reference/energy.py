"""The three energies of Chen et al. (arXiv 2509.13866, section 2), literally, over any number type.

A law is a mapping from sequences (tuples of tokens 0..d-1) to positive probabilities. Numbers may be
floats, `Fraction` (exact), or NumPy arrays of floats (one entry per time). All sums run over states of
positive probability. An integrand is what the energy integrates over t, before division by gamma'(t).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from scipy import integrate

from theory.errors import InvalidInput
from theory.reference.laws import Law, State, agrees, marginal, masked, states, with_token
from theory.schedules import Schedule, beta, beta_mask


@dataclass(frozen=True)
class Moment:
    """Where a mask schedule is: alpha, 1 - alpha (kept apart so that no digits are lost) and alpha'."""

    revealed: Any
    hidden: Any
    speed: Any

    @classmethod
    def at(cls, alpha: Any, speed: Any) -> Moment:
        """Return the moment of one alpha; raise InvalidInput unless 0 < alpha < 1 and alpha' >= 0."""
        if not (0 < alpha < 1 and speed >= 0):
            raise InvalidInput(f"alpha = {alpha}, alpha' = {speed}; expected 0 < alpha < 1 and alpha' >= 0")
        return cls(alpha, 1 - alpha, speed)


RELATIVE_ERROR = 1e-11
"""Relative error that `integral` keeps for the integrands that it names."""

Integrand = Callable[[Law, int, Moment], Any]


@dataclass(frozen=True)
class Problem:
    """A mask schedule and a weight; both also read backwards, s -> 1 - schedule(1 - s), for t near 1."""

    mask: Schedule
    weight: Schedule
    backward_mask: Schedule
    backward_weight: Schedule

    @classmethod
    def of(cls, mask: Schedule, weight: Schedule) -> Problem:
        """Pair any two schedules; near t = 1 times are rounded to 1 - s unless a schedule knows its mirror image."""
        return cls(mask, weight, mask.mirrored(), weight.mirrored())

    @classmethod
    def beta(cls, a: float, b: float, c: float, e: float) -> Problem:
        """Pair the Beta(a, b) mask schedule with the Beta(c, e) weight; exact at both ends."""
        return cls(beta_mask(a, b), beta(c, e), beta_mask(b, a), beta(e, c))


def kinetic_integrand(law: Law, d: int, at: Moment) -> Any:
    """Return sum over z != x of p_t(z) / p_t(x) Q_t(z, x)^2, the integrand of E_k."""
    reachable = {z: q for z in states(_length(law), d) if (q := marginal(law, z, d)) > 0}
    return sum(
        path_probability(law, z, d, at) / path_probability(law, x, d, at) * marginal_rate(law, z, i, v, d, at) ** 2
        for z in reachable
        for i, v, x in reveals(z, d)
        if x in reachable
    )


def conditional_integrand(law: Law, d: int, at: Moment) -> Any:
    """Return E over x_1 ~ q of sum over z != x of p_t|1(z) / p_t|1(x) Q_t|1(z, x)^2, the integrand of E_c."""
    return sum(
        q * conditional_path(z, x1, d, at) / conditional_path(x, x1, d, at) * conditional_rate(x1, i, v, at) ** 2
        for x1, q in law.items()
        for z in states(len(x1), d)
        if agrees(x1, z, d)
        for i, v, x in reveals(z, d)
        if agrees(x1, x, d)
    )


def geodesic_integrand(law: Law, d: int, at: Moment) -> Any:
    """Return E over x_1 ~ q of sum_i sum_{z_i} 4 (d/dt sqrt p_t|1(z_i | x_1))^2, the integrand of E_g.

    With 4 (d/dt sqrt p)^2 = p'^2 / p a token that is revealed (p = alpha) or masked (p = 1 - alpha)
    contributes rationally; with this factor 4 the three energies agree at n = 1.
    """
    token = [(at.revealed, at.speed), (at.hidden, -at.speed)]
    return sum(q * speed**2 / p for x1, q in law.items() for _ in x1 for p, speed in token)


def kinetic_constant(law: Law, d: int) -> int:
    """Return C_k, the sum over reachable z of its number of masks m(z) (Theorem 3.1)."""
    return sum(len(masked(z, d)) for z in states(_length(law), d) if marginal(law, z, d) > 0)


def conditional_path(z: State, x1: State, d: int, at: Moment) -> Any:
    """Return p_t|1(z | x_1), the product over tokens of alpha (revealed, right), 1 - alpha (mask) or 0."""
    if not agrees(x1, z, d):
        return 0
    return math.prod(at.hidden if token == d else at.revealed for token in z)


def path_probability(law: Law, z: State, d: int, at: Moment) -> Any:
    """Return p_t(z), the mean of p_t|1(z | x_1) over the law."""
    return sum(q * conditional_path(z, x1, d, at) for x1, q in law.items())


def marginal_rate(law: Law, z: State, i: int, v: int, d: int, at: Moment) -> Any:
    """Return Q_t(z, x) = alpha' / (1 - alpha) q(x_i = v | z_UM) for x = z with token v in place of mask i."""
    return at.speed / at.hidden * (marginal(law, with_token(z, i, v), d) / marginal(law, z, d))


def conditional_rate(x1: State, i: int, v: int, at: Moment) -> Any:
    """Return Q_t|1(z, x | x_1) = alpha' / (1 - alpha) if x reveals the right token, else 0 (Lemma C.3)."""
    return at.speed / at.hidden if x1[i] == v else 0


def reveals(z: State, d: int) -> Iterator[tuple[int, int, State]]:
    """Yield (i, v, x) for every state x that shows token v at the masked position i of z."""
    for i, v in itertools.product(range(len(z)), range(d)):
        if z[i] == d:
            yield i, v, with_token(z, i, v)


def energy(integrand: Integrand, law: Law, d: int, problem: Problem) -> float:
    """Return the integral over t of integrand / gamma' by quadrature (see `integral` for its accuracy)."""

    def half(mask: Schedule, weight: Schedule, flip: bool) -> Callable[[ndarray], ndarray]:
        def value(t: ndarray) -> ndarray:
            revealed, hidden = mask.value(t), mask.complement(t)
            one, other = (hidden, revealed) if flip else (revealed, hidden)
            at = Moment(one, other, mask.derivative(t))
            return np.asarray(integrand(law, d, at) / weight.derivative(t))

        return value

    left = half(problem.mask, problem.weight, False)
    right = half(problem.backward_mask, problem.backward_weight, True)
    return integral(left) + integral(right)


def integral(integrand: Callable[[ndarray], ndarray], upper: float = 0.5) -> float:
    """Integrate over t in (0, upper) by double-exponential quadrature; relative error below 1e-11.

    Integrands that grow like t^(p - 1) at 0 are resolved for p >= 0.1. Times at which the integrand
    under- or overflows count as 0. A half read backwards from a general schedule knows 1 - s only to
    2e-16, which costs about (2e-16)^p. Raises InvalidInput when the quadrature does not settle: the
    integral is infinite, or p is below 0.1.
    """

    def finite(t: ndarray) -> ndarray:
        with np.errstate(all="ignore"):
            value = np.asarray(integrand(np.atleast_1d(t)), dtype=float).reshape(np.shape(t))
        return np.where(np.isfinite(value), value, 0.0)

    # From level 5 on: at level 2 SciPy's estimate of the error was seen a hundred times too small.
    found = integrate.tanhsinh(finite, 0.0, upper, atol=0.0, rtol=1e-12, minlevel=5, maxlevel=10)
    settled = found.error <= 1e-9 * abs(found.integral) or found.integral == 0
    if not (settled and math.isfinite(found.integral)):
        raise InvalidInput(
            f"energy integral does not settle ({found.integral:.6g} +- {found.error:.1g}); expected a finite"
            " energy: near t = 0 and 1, alpha'^2 / (gamma' alpha (1 - alpha)) must be integrable"
        )
    return float(found.integral)


def beta_mixture(components: Sequence[Sequence[float]]) -> Schedule:
    """Return the interpolation schedule sum_k w_k BetaCDF(t; a_k, b_k) / sum_k w_k of [w, a, b] rows.

    Raises InvalidInput for no components or weights that are not positive.
    """
    rows = [tuple(float(v) for v in row) for row in components]
    if not rows or any(len(row) != 3 or not row[0] > 0 for row in rows):
        raise InvalidInput(f"mixture {components!r}; expected rows [weight, a, b] with weight > 0")
    total = sum(row[0] for row in rows)
    parts = [(w / total, beta(a, b)) for w, a, b in rows]
    return Schedule(
        " + ".join(f"{w:.3g} {part.name}" for w, part in parts),
        lambda t: np.asarray(sum(w * part.value(t) for w, part in parts)),
        lambda t: np.asarray(sum(w * part.complement(t) for w, part in parts)),
        lambda t: np.asarray(sum(w * part.derivative(t) for w, part in parts)),
    )


def _length(law: Law) -> int:
    if not law:
        raise InvalidInput("the law has empty support; expected at least one sequence of positive probability")
    return len(next(iter(law)))
