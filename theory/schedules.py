"""Mask schedules and interpolation schedules, their derivatives, and the grids a sampler steps through.

A schedule is an increasing map of generation time [0, 1] onto [0, 1]. As a *mask schedule* alpha it is
the probability that a token is revealed at t; as an *interpolation schedule* gamma it is the weight of
the energies. Condition 3.4 of Chen et al. (arXiv 2509.13866), alpha = sin^2(pi gamma / 2), links the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import differentiate, special

from theory.errors import InvalidInput, unknown

Curve = Callable[[ndarray], ndarray]
HALF_PI = np.pi / 2


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """An increasing curve with its derivative, and 1 - value computed without cancellation near t = 1.

    `recipe` says how the schedule was made, where plain values tell it: the key of RECIPES and its arguments. Two
    schedules with one recipe are equal; a schedule without one equals only itself.
    """

    name: str
    value: Curve
    complement: Curve
    derivative: Curve
    recipe: tuple[Any, ...] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule) or self.recipe is None:
            return self is other
        return self.recipe == other.recipe

    def __hash__(self) -> int:
        return id(self) if self.recipe is None else hash(self.recipe)

    def __repr__(self) -> str:
        return f"Schedule({self.name!r})"

    def __call__(self, t: object) -> ndarray:
        return np.asarray(self.value(np.asarray(t, dtype=float)))

    def grid(self, steps: int) -> Float[ndarray, "nodes"]:
        """Return alpha(k / K) for k = 0..K; both ends exact. Raises InvalidInput for K < 1."""
        t = uniform_grid(steps)
        alpha = np.maximum.accumulate(np.clip(self.value(t), 0.0, 1.0))
        alpha[0], alpha[-1] = 0.0, 1.0
        return alpha

    def reveal_probabilities(self, steps: int) -> Float[ndarray, "K"]:
        """Return the reveal probability of each step, (alpha_{k+1} - alpha_k) / (1 - alpha_k)."""
        hidden = np.clip(self.complement(uniform_grid(steps)), 0.0, 1.0)
        hidden[0], hidden[-1] = 1.0, 0.0
        return step_reveal_probabilities(self.grid(steps), hidden)


def uniform_grid(steps: int) -> Float[ndarray, "nodes"]:
    """Return k / K for k = 0..K. Raises InvalidInput for K < 1."""
    if steps != int(steps) or steps < 1:
        raise InvalidInput(f"K = {steps} steps; expected a whole number K >= 1: a sampler needs at least one step")
    return np.arange(steps + 1) / steps


def geometric_grid(steps: int, ratio: float, ending: str = "masked") -> Float[ndarray, "nodes"]:
    """Return a geometric grid (schedules notes, 7, consequence iv).

    `ending="masked"`: the masked fraction shrinks by `ratio` a step, 1 - alpha_k = r^k for k < K (TC regime).
    `ending="revealed"`: the revealed fraction grows by 1 / r a step, alpha_k = r^(K-k) for k >= 1 (DTC regime).
    """
    k = np.arange(steps + 1) if steps >= 1 else uniform_grid(steps)
    if not 0.0 < ratio < 1.0:
        raise InvalidInput(f"geometric ratio r = {ratio}; expected 0 < r < 1")
    if ending not in ("masked", "revealed"):
        raise InvalidInput(f"ending {ending!r}; expected 'masked' or 'revealed'")
    grid = 1.0 - ratio**k if ending == "masked" else ratio ** (steps - k)
    grid[0], grid[-1] = 0.0, 1.0
    return np.asarray(grid, dtype=float)


def check_grid(grid: object) -> Float[ndarray, "*batch nodes"]:
    """Return the grid as float64; raise InvalidInput unless it climbs from exactly 0 to exactly 1."""
    alpha = np.asarray(grid, dtype=float)
    if alpha.ndim < 1 or alpha.shape[-1] < 2:
        raise InvalidInput(f"grid of shape {alpha.shape}; expected K + 1 >= 2 points on the last axis")
    if not np.isfinite(alpha).all():
        raise InvalidInput("grid holds NaN or infinity; expected numbers from 0 to 1")
    if (alpha[..., 0] != 0).any() or (alpha[..., -1] != 1).any():
        ends = (float(alpha[..., 0].flat[0]), float(alpha[..., -1].flat[0]))
        raise InvalidInput(f"grid runs from {ends[0]} to {ends[1]}; expected exactly 0 to exactly 1")
    steps = np.diff(alpha, axis=-1)
    if (steps < 0).any():
        worst = int(np.argmin(steps.reshape(-1, steps.shape[-1]).min(0)))
        raise InvalidInput(f"grid out of order at step {worst}: it falls by {-steps.min():.3g}; sort it")
    return alpha


def step_reveal_probabilities(
    grid: object, complement: Float[ndarray, "*batch nodes"] | None = None
) -> Float[ndarray, "*batch K"]:
    """Return (alpha_{k+1} - alpha_k) / (1 - alpha_k), the last one exactly 1.

    With `complement` = 1 - alpha the difference is taken from the smaller of the two numbers, so no
    digits are lost at either end.
    """
    alpha = check_grid(grid)
    hidden = 1.0 - alpha if complement is None else np.asarray(complement, dtype=float)
    step = np.where(alpha[..., 1:] <= 0.5, np.diff(alpha, axis=-1), -np.diff(hidden, axis=-1))
    reveal = np.ones_like(step)
    np.divide(step, hidden[..., :-1], out=reveal, where=hidden[..., :-1] > 0)
    reveal = np.clip(reveal, 0.0, 1.0)
    reveal[..., -1] = 1.0
    return reveal


def optimal_mask(weight: Schedule) -> Schedule:
    """Return alpha = sin^2(pi gamma / 2), the energy-optimal mask schedule for a weight (Condition 3.4)."""

    def nearest_end(t: ndarray) -> ndarray:
        return np.minimum(weight.value(t), weight.complement(t))

    return Schedule(
        f"squared sine of {weight.name}",
        lambda t: np.sin(HALF_PI * weight.value(t)) ** 2,
        lambda t: np.sin(HALF_PI * weight.complement(t)) ** 2,
        lambda t: _product(HALF_PI * np.sin(np.pi * nearest_end(t)), weight.derivative(t)),
    )


def optimal_weight(mask: Schedule) -> Schedule:
    """Return gamma = (2 / pi) arcsin sqrt(alpha), the weight that makes a mask schedule optimal."""

    def angle(one: Curve, other: Curve) -> Curve:
        return lambda t: np.arctan2(np.sqrt(one(t)), np.sqrt(other(t))) / HALF_PI

    def derivative(t: ndarray) -> ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(mask.derivative(t) / (np.pi * np.sqrt(mask.value(t) * mask.complement(t))))

    value, complement = angle(mask.value, mask.complement), angle(mask.complement, mask.value)
    return Schedule(f"arcsine weight of {mask.name}", value, complement, derivative)


def beta(a: float, b: float) -> Schedule:
    """Return the Beta(a, b) distribution function as an interpolation schedule gamma."""
    if not (a > 0 and b > 0 and np.isfinite(a) and np.isfinite(b)):
        raise InvalidInput(f"Beta({a}, {b}); expected finite a > 0 and b > 0")

    def density(t: ndarray) -> ndarray:
        with np.errstate(divide="ignore"):
            powers = special.xlogy(a - 1, t) + special.xlog1py(b - 1, -t)
        return np.asarray(np.exp(powers - special.betaln(a, b)))

    return Schedule(
        f"Beta({a:g}, {b:g})",
        lambda t: np.asarray(special.betainc(a, b, t)),
        lambda t: np.asarray(special.betaincc(a, b, t)),
        density,
        ("beta", float(a), float(b)),
    )


def beta_mask(a: float, b: float) -> Schedule:
    """Return the mask schedule sin^2(pi BetaCDF(t; a, b) / 2); (1/2, 1/2) is linear, (1, 1) squared sine."""
    mask = optimal_mask(beta(a, b))

    def derivative(t: ndarray) -> ndarray:
        slope = np.asarray(mask.derivative(t))
        slope = np.where(t == 0, _end_slope(a, b), slope)
        return np.where(t == 1, _end_slope(b, a), slope)

    recipe = ("beta mask", float(a), float(b))
    return Schedule(f"Beta mask ({a:g}, {b:g})", mask.value, mask.complement, derivative, recipe)


def from_callable(value: Curve, derivative: Curve | None = None, name: str = "custom", points: int = 1025) -> Schedule:
    """Wrap any increasing callable of [0, 1] onto [0, 1]; without `derivative` one is taken numerically.

    Raises InvalidInput when the callable misses its end points or falls on a grid of `points` times.
    """
    t = np.linspace(0.0, 1.0, points)
    curve = np.asarray(value(t), dtype=float)
    if curve.shape != t.shape or not np.isfinite(curve).all():
        raise InvalidInput(f"schedule {name!r} must map an array of times to as many finite numbers")
    if abs(curve[0]) > 1e-12 or abs(curve[-1] - 1.0) > 1e-12:
        raise InvalidInput(f"schedule {name!r} runs from {curve[0]:g} to {curve[-1]:g}; expected 0 to 1")
    if (np.diff(curve) < 0).any():
        k = int(np.argmin(np.diff(curve)))
        raise InvalidInput(f"schedule {name!r} falls between t = {t[k]:.4g} and {t[k + 1]:.4g}; expected monotone")

    def numeric(times: ndarray) -> ndarray:
        inward = np.where(times < 0.01, 1, np.where(times > 0.99, -1, 0))
        found = differentiate.derivative(value, times, step_direction=inward, initial_step=0.005)
        return np.asarray(found.df)

    return Schedule(name, value, lambda s: 1.0 - value(s), derivative or numeric)


def piecewise(values: object, times: object = None, name: str | None = None) -> Schedule:
    """Return the schedule that is linear between nodes: alpha = values[k] at times[k], k / K unless given.

    `values` and `times` climb from exactly 0 to exactly 1. At a node the derivative is that of the piece after it.
    Raises InvalidInput.
    """
    alpha = check_grid(values)
    if alpha.ndim != 1:
        raise InvalidInput(f"nodes of shape {alpha.shape}; expected one list alpha_0, ..., alpha_K")
    t = uniform_grid(len(alpha) - 1) if times is None else check_grid(times)
    if t.shape != alpha.shape or (np.diff(t) <= 0).any():
        raise InvalidInput(f"{len(t)} times for {len(alpha)} nodes; expected as many, strictly increasing from 0 to 1")
    hidden, slopes = 1.0 - alpha, np.diff(alpha) / np.diff(t)

    def slope(s: ndarray) -> ndarray:
        return np.asarray(slopes[(t.searchsorted(s, side="right") - 1).clip(0, len(slopes) - 1)])

    return Schedule(
        name or f"piecewise linear, {len(slopes)} pieces",
        lambda s: np.interp(s, t, alpha),
        lambda s: np.interp(s, t, hidden),
        slope,
        ("piecewise", tuple(alpha.tolist()), tuple(t.tolist())),
    )


def _end_slope(a: float, b: float) -> float:
    """Return the limit of alpha' at the end where alpha ~ (pi t^a / (2 a B(a, b)))^2."""
    if a == 0.5:
        return float(np.pi**2 * np.exp(-2 * special.betaln(a, b)))
    return 0.0 if a > 0.5 else float("inf")


def _product(left: ndarray, right: ndarray) -> ndarray:
    """Multiply with 0 * inf = 0; only at an end point where the weight's density has a pole."""
    with np.errstate(invalid="ignore"):
        return np.where(left == 0, 0.0, left * right)


LINEAR = Schedule("linear", lambda t: t * 1.0, lambda t: 1.0 - t, np.ones_like)
SINE = Schedule(
    "sine",
    lambda t: np.sin(HALF_PI * t),
    lambda t: 2 * np.sin(HALF_PI * (1 - t) / 2) ** 2,
    lambda t: HALF_PI * np.cos(HALF_PI * t),
)
SQUARED_SINE = Schedule(
    "squared sine",
    lambda t: np.sin(HALF_PI * t) ** 2,
    lambda t: np.sin(HALF_PI * (1 - t)) ** 2,
    lambda t: HALF_PI * np.sin(np.pi * np.minimum(t, 1 - t)),
)
ONE_MINUS_COSINE = Schedule(
    "one minus cosine",
    lambda t: 2 * np.sin(HALF_PI * t / 2) ** 2,
    lambda t: np.sin(HALF_PI * (1 - t)),
    lambda t: HALF_PI * np.sin(HALF_PI * t),
)
NAMED: dict[str, Schedule] = {
    s.name: replace(s, recipe=("named", s.name)) for s in (LINEAR, SINE, SQUARED_SINE, ONE_MINUS_COSINE)
}
LINEAR, SINE, SQUARED_SINE, ONE_MINUS_COSINE = NAMED.values()
RECIPES: dict[str, Callable[..., Schedule]] = {
    "named": NAMED.__getitem__, "beta": beta, "beta mask": beta_mask, "piecewise": piecewise
}  # fmt: skip
"""What makes a schedule again from its recipe."""


def from_recipe(kind: str, *arguments: Any) -> Schedule:
    """Return the schedule of a recipe. Raises InvalidInput for an unknown kind."""
    if kind not in RECIPES:
        raise unknown("kind of schedule", kind, RECIPES)
    return RECIPES[kind](*arguments)
