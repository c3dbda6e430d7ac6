"""Functions of one real variable from outside: brought to arrays, differentiated, and subtracted from one with care."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from scipy import differentiate

from theory.errors import InvalidInput

Curve = Callable[[ndarray], ndarray]

PROBE = np.array([0.25, 0.5])
"""Times at which a function is tried first."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
STEP = 0.005
"""First step of numerical derivatives; scipy halves it until the error stops falling."""


def on_arrays(function: Callable[..., Any], name: str) -> tuple[Curve, Curve | None]:
    """Return a function as one of float64 arrays, and its derivative where torch can give it.

    It is tried on an array of NumPy, on a tensor of torch and, last, on single numbers, as `math.sin` wants them; the
    first that gives as many finite numbers is kept. Raises InvalidInput.
    """
    ways = {"numpy": _through_numpy(function), "torch": _through_torch(function), "numbers": _one_by_one(function)}
    problem = ""
    for kind, way in ways.items():
        try:
            found = np.asarray(way(PROBE), dtype=float)
        except Exception as error:  # any function may fail in any way on what it does not take
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        if found.shape == PROBE.shape and np.isfinite(found).all():
            return way, _by_autograd(function) if kind == "torch" else None
        problem = f"it returned {found.dtype} of shape {found.shape}" if found.shape != PROBE.shape else "NaN"
    raise InvalidInput(
        f"schedule {name!r} must map times, as an array of NumPy or torch or one by one, to as many finite numbers "
        f"({problem:.120})"
    )


def numeric_derivative(value: Curve) -> Curve:
    """Return the derivative of an increasing function on [0, 1] by finite differences, without a warning or a NaN.

    Steps stay inside [0, 1]: centred ones, a quarter of the time near 0, where values may rise like any power, and
    one-sided ones within 0.01 of 1. At 0 itself, and where differences fail, the slope of a short chord stands in.
    """

    def slope(t: ndarray) -> ndarray:
        times = np.asarray(t, dtype=float)
        inward = np.where(times > 0.99, -1, np.where(times <= 0, 1, 0))
        first = np.where((times > 0) & (times < 4 * STEP), times / 4, STEP)
        with np.errstate(all="ignore"):
            found = differentiate.derivative(value, times, step_direction=inward, initial_step=first)
            chord = np.where(times < 0.5, 1e-8, -1e-8)
            rough = (np.asarray(value(times + chord)) - value(times)) / chord
            return np.asarray(np.where(np.isfinite(found.df), found.df, rough)).clip(min=0.0)

    return slope


def complement_of(value: Curve, derivative: Curve) -> Curve:
    """Return 1 - value, for an increasing function that reaches 1 at t = 1, as accurately as values allow.

    Subtraction leaves an error of one rounding unit, however small the difference. Near t = 1 the integral of the
    derivative from t to 1 (Gauss, 20 nodes) keeps its relative accuracy; it is taken wherever it confirms the
    difference up to that rounding, so it can refine the difference but never replace it by something else.
    """

    def hidden(t: ndarray) -> ndarray:
        times = np.asarray(t, dtype=float)
        difference = np.asarray(1.0 - np.asarray(value(times), dtype=float))
        near = (difference < 1e-3) & (times < 1)
        if not near.any():
            return np.asarray(difference)
        half = (1.0 - times[near])[..., None] / 2
        with np.errstate(all="ignore"):
            area = (half * WEIGHTS * derivative(1.0 - half * (1 + NODES))).sum(-1)
        confirmed = np.abs(area - difference[near]) <= 4 * np.finfo(float).eps
        refined = difference.copy()
        refined[near] = np.where(confirmed & (area > 0), area, difference[near])
        return np.asarray(refined)

    return hidden


def _through_numpy(function: Callable[..., Any]) -> Curve:
    return lambda t: np.asarray(function(np.asarray(t, dtype=float)), dtype=float)


def _through_torch(function: Callable[..., Any]) -> Curve:
    def way(t: ndarray) -> ndarray:
        with torch.no_grad():
            found = function(torch.as_tensor(np.array(t, dtype=float)))
        return np.asarray(torch.as_tensor(found).cpu().double().numpy())

    return way


def _one_by_one(function: Callable[..., Any]) -> Curve:
    def way(t: ndarray) -> ndarray:
        times = np.asarray(t, dtype=float)
        return np.array([float(function(x)) for x in times.ravel().tolist()]).reshape(times.shape)

    return way


def _by_autograd(function: Callable[..., Any]) -> Curve | None:
    """Return torch's derivative, or None where the function cuts the graph."""

    def slope(t: ndarray) -> ndarray:
        times = torch.tensor(np.asarray(t, dtype=float), requires_grad=True)
        with torch.enable_grad():
            (found,) = torch.autograd.grad(function(times).sum(), times)
        return np.asarray(found.numpy())

    try:
        return slope if math.isfinite(float(slope(PROBE).sum())) else None
    except RuntimeError:
        return None
