"""Mask schedules and interpolation schedules, and their derivatives.

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
from scipy import special

from theory import callables
from theory.callables import Curve
from theory.errors import InvalidInput, unknown
from theory.grids import check_grid as check_grid
from theory.grids import geometric_grid as geometric_grid
from theory.grids import step_reveal_probabilities as step_reveal_probabilities
from theory.grids import uniform_grid as uniform_grid
from theory.showing import called
from theory.tolerance import SLACK

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

    def mirrored(self) -> Schedule:
        """Return t -> 1 - alpha(1 - t): the end at t = 1 becomes the start, where floating-point numbers are dense."""
        if self.recipe is not None and self.recipe[0] in MIRRORS:
            return from_recipe(*MIRRORS[self.recipe[0]](*self.recipe[1:]))
        return Schedule(
            f"{self.name}, mirrored",
            lambda s: self.complement(1.0 - s),
            lambda s: self.value(1.0 - s),
            lambda s: self.derivative(1.0 - s),
        )

    def start_order(self) -> tuple[float, float]:
        """Return p where alpha starts like t^p, and how far off it may be; p is infinite where alpha is flat.

        Measured as near to 0 as values allow, at powers of two, so that 1 - t is exact too.
        """
        for low, high, doubt in ((-500, -465, SLACK), (-130, -115, SLACK), (-30, -27, 1e-6), (-20, -17, 1e-4)):
            first, second = float(self(2.0**low)), float(self(2.0**high))
            if 0 < first < second:
                return float(np.log2(second / first)) / (high - low), doubt
        return float("inf"), 0.0

    def nodes(self) -> tuple[float, ...]:
        """Return the inner times at which the derivative jumps, where they are known."""
        piecewise = self.recipe is not None and self.recipe[0] == "piecewise"
        return tuple(self.recipe[2][1:-1]) if self.recipe is not None and piecewise else ()

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


def optimal_mask(weight: Schedule) -> Schedule:
    """Return alpha = sin^2(pi gamma / 2), the energy-optimal mask schedule for a weight (Condition 3.4)."""

    def nearest_end(t: ndarray) -> ndarray:
        return np.asarray(np.minimum(weight.value(t), weight.complement(t)))

    return Schedule(
        f"squared sine of {weight.name}",
        lambda t: np.sin(HALF_PI * weight.value(t)) ** 2,
        lambda t: np.sin(HALF_PI * weight.complement(t)) ** 2,
        lambda t: _product(np.asarray(HALF_PI * np.sin(np.pi * nearest_end(t))), weight.derivative(t)),
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


def from_callable(
    value: Callable[..., Any],
    derivative: Callable[..., Any] | None = None,
    name: str | None = None,
    points: int = 1025,
    complement: Callable[..., Any] | None = None,
) -> Schedule:
    """Wrap any increasing function of [0, 1] onto [0, 1], of NumPy arrays, of torch tensors or of single numbers.

    Without `derivative` torch's is taken, or finite differences; without `complement`, 1 - value is computed near t = 1
    from the integral of the derivative (`theory.callables.complement_of`). Raises InvalidInput when the function misses
    its end points or falls between two of `points` times; it may do so by its own rounding.
    """
    name = name or called(value, "custom")
    on_arrays, automatic = callables.on_arrays(value, name)
    t = np.linspace(0.0, 1.0, points)
    with np.errstate(all="ignore"):
        curve = np.asarray(on_arrays(t), dtype=float)
    if not np.isfinite(curve).all():
        raise InvalidInput(f"schedule {name!r} is not finite at t = {t[~np.isfinite(curve)][0]:.4g}; expected 0 to 1")
    if abs(curve[0]) > 1e-12 or abs(curve[-1] - 1.0) > 1e-12:
        raise InvalidInput(f"schedule {name!r} runs from {curve[0]:g} to {curve[-1]:g}; expected 0 to 1")
    if (np.diff(curve) < -8 * np.finfo(float).eps).any():
        k = int(np.argmin(np.diff(curve)))
        raise InvalidInput(f"schedule {name!r} falls between t = {t[k]:.4g} and {t[k + 1]:.4g}; expected monotone")
    slope = automatic or callables.numeric_derivative(on_arrays)
    if derivative is not None:
        slope = callables.on_arrays(derivative, f"derivative of {name}")[0]
    hidden = callables.complement_of(on_arrays, slope)
    if complement is not None:
        hidden = callables.on_arrays(complement, f"complement of {name}")[0]
    return Schedule(name, on_arrays, hidden, slope)


def as_schedule(source: object) -> Schedule:
    """Return a schedule from whatever names or describes one.

    A schedule as it is; one of the names in NAMED; an increasing function (`from_callable`); or the grid
    alpha_0 = 0, ..., alpha_K = 1 as a list or array, linear between its nodes (`piecewise`). Raises InvalidInput.
    """
    if isinstance(source, Schedule):
        return source
    if isinstance(source, str):
        if source not in NAMED:
            raise unknown("schedule", source, NAMED)
        return NAMED[source]
    if callable(source):
        return from_callable(source)
    try:
        grid = np.asarray(source, dtype=float)
    except (TypeError, ValueError, RuntimeError):
        grid = np.asarray(0.0)
    if grid.ndim != 1:
        raise InvalidInput(
            f"schedule of type {type(source).__name__}; expected a Schedule, a name ({', '.join(NAMED)}), a function "
            "of [0, 1] or a grid alpha_0 = 0, ..., alpha_K = 1"
        )
    return piecewise(grid)


def piecewise(values: object, times: object = None, name: str | None = None) -> Schedule:
    """Return the schedule that is linear between its nodes: alpha = values[k] at times[k] (k / K unless given).

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


MIRRORS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "named": lambda name: ("named", {"sine": "one minus cosine", "one minus cosine": "sine"}.get(name, name)),
    "beta": lambda a, b: ("beta", b, a),
    "beta mask": lambda a, b: ("beta mask", b, a),
    "piecewise": lambda values, times: ("piecewise", *(tuple(1.0 - x for x in xs[::-1]) for xs in (values, times))),
}
"""The recipe of t -> 1 - alpha(1 - t)."""


def from_recipe(kind: str, *arguments: Any) -> Schedule:
    """Return the schedule of a recipe: a key of RECIPES and its arguments."""
    return RECIPES[kind](*arguments)
