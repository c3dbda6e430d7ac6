"""Bernstein polynomials of any degree, accurate and differentiable: what smooths a curve over random revealed sets.

B(alpha) = sum_m C(N, m) alpha^m (1 - alpha)^(N - m) c_m is the mean of the coefficients c_0..c_N under a binomial law.
Short lists go through Horner's scheme in alpha / (1 - alpha). Longer ones, whose binomial numbers overflow, are
averaged over a window around the mode: the weights there follow from the mode's by the ratios of neighbours, and the
sum is divided by theirs. Every weight is positive, so nothing cancels; a weight k places from the mode has a relative
error of at most about 4 k eps, and the mean of k is at most sqrt(N) / 2, so the whole errs by a few sqrt(N) eps max|c|.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

HORNER = 64
"""Up to this many coefficients Horner's scheme is used: its largest binomial number, C(63, 31), is below 2^63."""

LOST = 40.0
"""The weights left out of a window sum to at most 2 e^-LOST = 8e-18, a twentieth of the rounding unit."""

LARGEST = 1e300
"""Stands for an infinite ratio of neighbouring weights, which only ever multiplies zero."""

ENTRIES = 2**16
"""Weights held at a time."""


def bernstein(coefficients: Float[Tensor, "*batch n"], alpha: Float[Tensor, "*points"]) -> Tensor:
    """Return B(alpha), shape (*batch, *points), for 0 <= alpha <= 1; differentiable in both arguments, repeatedly."""
    if coefficients.shape[-1] <= HORNER:
        return _horner(coefficients, alpha)
    found: Tensor = _Mean.apply(coefficients, alpha)  # type: ignore[no-untyped-call]  # torch's Function
    return found


def derivative(coefficients: Float[Tensor, "*batch n"], alpha: Float[Tensor, "*points"]) -> Tensor:
    """Return B'(alpha): the polynomial of N (c_{m+1} - c_m)."""
    n = coefficients.shape[-1]
    if n < 2:
        return torch.zeros((*coefficients.shape[:-1], *alpha.shape), dtype=coefficients.dtype)
    return bernstein((n - 1) * coefficients.diff(dim=-1), alpha)


def mean(coefficients: Float[Tensor, "*batch n"], alpha: Float[Tensor, "*points"], lost: float = LOST) -> Tensor:
    """Return B(alpha) from windows that leave out 2 e^-lost of the weights; not differentiable."""
    degree, flat = coefficients.shape[-1] - 1, alpha.reshape(-1)
    found = coefficients.new_empty(*coefficients.shape[:-1], len(flat))
    for part in _parts(flat, degree, math.prod(coefficients.shape[:-1])):
        mode, weights = window(degree, flat[part], lost)
        seen = _seen(coefficients, mode, weights.shape[-1] // 2)
        found[..., part] = torch.linalg.vecdot(seen, weights) / weights.sum(-1)
    return found.reshape((*coefficients.shape[:-1], *alpha.shape))


def with_derivatives(
    coefficients: Float[Tensor, "n"], alpha: Float[Tensor, "p"], lost: float = LOST
) -> tuple[Tensor, Tensor, Tensor]:
    """Return B, B' and B'' at the same points, from one set of weights (two steps of de Casteljau's scheme)."""
    degree = len(coefficients) - 1
    if degree < HORNER + 2:
        slope = degree * coefficients.diff()
        return bernstein(coefficients, alpha), derivative(coefficients, alpha), derivative(slope, alpha)
    parts = []
    for part in _parts(alpha, degree - 2, 1):
        mode, weights = window(degree - 2, alpha[part], lost)
        seen = _seen(coefficients, mode, weights.shape[-1] // 2, 2)
        shifted = [torch.linalg.vecdot(seen[:, k : k + weights.shape[-1]], weights) for k in range(3)]
        parts.append(torch.stack(shifted) / weights.sum(-1))
    low, middle, high = torch.cat(parts, -1)
    rest = 1 - alpha
    value = rest**2 * low + 2 * alpha * rest * middle + alpha**2 * high
    first = degree * (rest * (middle - low) + alpha * (high - middle))
    return value, first, degree * (degree - 1) * (high - 2 * middle + low)


def window(degree: int, alpha: Float[Tensor, "p"], lost: float = LOST) -> tuple[Int[Tensor, "p"], Float[Tensor, "p w"]]:
    """Return for each alpha the mode and the binomial weights around it over its own; places beyond the ends weigh 0.

    By Bernstein's inequality a deviation of t = L/3 + sqrt(L^2/9 + 2 L v), v the variance, has probability e^-L.
    """
    mode = ((degree + 1) * alpha).floor().clamp(max=degree)[:, None]
    reach = _reach(degree, degree * float((alpha * (1 - alpha)).max()), lost)
    k = torch.arange(1, reach + 1, dtype=alpha.dtype)
    odds = (alpha / (1 - alpha)).clamp(max=LARGEST)[:, None]
    against = ((1 - alpha) / alpha).clamp(max=LARGEST)[:, None]
    up = (degree + 1 - mode - k).clamp_(min=0).div_(mode + k).mul_(odds).cumprod_(-1)
    down = (mode + 1 - k).clamp_(min=0).div_(degree - mode + k).mul_(against).cumprod_(-1)
    return mode[:, 0].long(), torch.cat((down.flip(-1), torch.ones_like(mode), up), -1)


class _Mean(Function):
    """The mean of coefficients under binomial weights; its derivative in them is `_Spread`."""

    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(coefficients, alpha)
        return mean(coefficients, alpha)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        coefficients, alpha = ctx.saved_tensors
        (outer,) = gradients
        return _gradients(ctx, outer, coefficients, alpha)


class _Spread(Function):
    """Amounts at the points alpha spread over the n coefficients by their binomial weights: the adjoint of `_Mean`."""

    @staticmethod
    def forward(ctx: Any, amounts: Tensor, alpha: Tensor, n: int) -> Tensor:
        ctx.save_for_backward(amounts, alpha)
        flat = alpha.reshape(-1)
        given = amounts.reshape(-1, len(flat))
        found = amounts.new_zeros(len(given), n)
        for part in _parts(flat, n - 1, len(given)):
            mode, weights = window(n - 1, flat[part])
            reach = weights.shape[-1] // 2
            index = (mode[:, None] + torch.arange(-reach, reach + 1)).clamp(0, n - 1)
            shares = given[:, part] / weights.sum(-1)
            found.index_add_(1, index.flatten(), (shares[..., None] * weights).flatten(1))
        return found.reshape((*amounts.shape[: amounts.ndim - alpha.ndim], n))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        amounts, alpha = ctx.saved_tensors
        (outer,) = gradients
        moved = (derivative(outer, alpha) * amounts) if ctx.needs_input_grad[1] else None
        to_amounts = bernstein(outer, alpha) if ctx.needs_input_grad[0] else None
        return to_amounts, None if moved is None else moved.sum_to_size(alpha.shape), None


def _gradients(ctx: Any, outer: Tensor, coefficients: Tensor, alpha: Tensor) -> tuple[Tensor | None, Tensor | None]:
    to_coefficients = to_alpha = None
    if ctx.needs_input_grad[0]:
        to_coefficients = _Spread.apply(outer, alpha, coefficients.shape[-1])  # type: ignore[no-untyped-call]  # torch's Function
    if ctx.needs_input_grad[1]:
        to_alpha = (outer * derivative(coefficients, alpha)).sum_to_size(alpha.shape)
    return to_coefficients, to_alpha


def _seen(
    coefficients: Float[Tensor, "*batch n"], mode: Int[Tensor, "p"], reach: int, more: int = 0
) -> Float[Tensor, "*batch p w"]:
    """Return the coefficients from `reach` below each mode to `reach + more` above it, 0 beyond the ends."""
    padded = torch.nn.functional.pad(coefficients, (reach, reach + more))
    found: Tensor = padded.unfold(-1, 2 * reach + 1 + more, 1)[..., mode, :]
    return found


def _parts(points: Tensor, degree: int, batch: int) -> list[slice]:
    """Return slices of the points whose windows fit into ENTRIES."""
    rows = max(1, ENTRIES // ((2 * _reach(degree, degree / 4) + 1) * max(1, batch)))
    return [slice(start, start + rows) for start in range(0, len(points), rows)]


def _reach(degree: int, variance: float, lost: float = LOST) -> int:
    """Return how far from the mode a window extends; the mode is within one of the mean."""
    return min(degree, math.ceil(lost / 3 + math.sqrt(lost**2 / 9 + 2 * lost * variance)) + 1)


def _horner(coefficients: Float[Tensor, "*batch n"], alpha: Float[Tensor, "*points"]) -> Tensor:
    """Horner in alpha / (1 - alpha), or its inverse above one half."""
    degree = coefficients.shape[-1] - 1
    below = alpha <= 0.5
    small, large = torch.where(below, alpha, 1 - alpha), torch.where(below, 1 - alpha, alpha)
    ratio = small / large
    shape = (*coefficients.shape[:-1], *[1] * alpha.ndim)
    total = torch.zeros((*coefficients.shape[:-1], *alpha.shape), dtype=coefficients.dtype)
    for m in range(degree, -1, -1):
        ends = torch.where(below, coefficients[..., m].reshape(shape), coefficients[..., degree - m].reshape(shape))
        total = total * ratio + math.comb(degree, m) * ends
    return total * large**degree
