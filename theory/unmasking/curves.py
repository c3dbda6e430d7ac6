"""Schedule errors read off the information curve: exact path KL without touching a single state. Nats.

E(s) and E_iid(alpha) are the mean KL given the partition (Theorems 4 and 16 of Chen, Cong, Li, arXiv
2511.04647; schedules notes, 7), hence the path KL, and upper bounds on the KL of the
output law. Both are gaps between a curve and a left-endpoint step approximation.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy import integrate
from torch import Tensor

from theory.errors import InvalidInput
from theory.schedules import Schedule, check_grid
from theory.unmasking.laws import check_sizes
from theory.worlds.information import check_curve, smoothed_curve, smoothed_curve_derivative


def total(curve: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Return TC = sum_j Z_j (Lemma 8)."""
    return curve.sum(-1)


def dual_total(curve: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Return DTC = n Z_n - sum_j Z_j (Lemma 8)."""
    return curve.shape[-1] * curve[..., -1] - curve.sum(-1)


def fixed_size_error(curve: Float[Tensor, "*batch n"], sizes: Sequence[int]) -> Float[Tensor, "*batch"]:
    """Return E(s) = TC - sum_k s_k Z_{N_{k-1}+1}."""
    z = check_curve(curve)
    check_sizes(sizes, z.shape[-1])
    blocks = [s for s in sizes if s]
    starts = [0, *itertools.accumulate(blocks)][:-1]
    kept = sum((s * z[..., start] for s, start in zip(blocks, starts, strict=True)), torch.zeros_like(z[..., 0]))
    return total(z) - kept


def per_token_error(curve: Float[Tensor, "n"], grid: object) -> Float[Tensor, "*grids"]:
    """Return E_iid(alpha) = TC - n sum_k (alpha_{k+1} - alpha_k) Z~(alpha_k), for one grid or a batch."""
    z = check_curve(curve)
    alpha = grid if isinstance(grid, Tensor) and grid.requires_grad else torch.from_numpy(check_grid(grid))
    heights = smoothed_curve(z, alpha[..., :-1])
    return total(z) - z.shape[-1] * (alpha.diff(dim=-1) * heights).sum(-1)


def learned_fixed_size_error(
    cross_entropy: Float[Tensor, "n"], entropy: float, sizes: Sequence[int]
) -> Float[Tensor, ""]:
    """Return E KL(mu || nu_S) = sum_k s_k CE_{N_{k-1}} - H(X) of a learned denoiser.

    `cross_entropy[m]` is the mean cross-entropy of a masked token given m revealed ones.
    """
    check_sizes(sizes, len(cross_entropy))
    blocks = [s for s in sizes if s]
    starts = [0, *itertools.accumulate(blocks)][:-1]
    return sum((s * cross_entropy[a] for s, a in zip(blocks, starts, strict=True)), torch.zeros(())) - entropy


def learned_per_token_error(cross_entropy: Float[Tensor, "n"], entropy: float, grid: object) -> Tensor:
    """Return n sum_k (alpha_{k+1} - alpha_k) CE(alpha_k) - H(X), CE(alpha) the smoothed cross-entropy."""
    alpha = torch.from_numpy(check_grid(grid))
    heights = smoothed_curve(cross_entropy, alpha[..., :-1])
    return len(cross_entropy) * (alpha.diff(dim=-1) * heights).sum(-1) - entropy


def many_step_constant(curve: Float[Tensor, "n"], mask: Schedule) -> float:
    """Return lim K E_iid = (n / 2) int_0^1 Z~'(alpha(t)) alpha'(t)^2 dt (section 8, large K)."""

    def speed(t: float) -> float:
        alpha = torch.as_tensor(mask(t), dtype=torch.float64)
        return float(smoothed_curve_derivative(curve, alpha)) * float(mask.derivative(np.asarray(t))) ** 2

    with warnings.catch_warnings():
        warnings.simplefilter("error", integrate.IntegrationWarning)
        try:
            found = integrate.quad(speed, 0, 1, limit=200, epsabs=1e-12, epsrel=1e-11)[0]
        except integrate.IntegrationWarning as error:
            raise InvalidInput(
                f"the many-step constant of {mask.name} does not converge: alpha' is too steep"
            ) from error
    return len(curve) / 2 * float(found)


def best_many_step_constant(curve: Float[Tensor, "n"]) -> float:
    """Return the least many-step constant, (n / 2) (int sqrt Z~' dalpha)^2, over all mask schedules."""

    def root(alpha: float) -> float:
        slope = smoothed_curve_derivative(curve, torch.tensor(alpha, dtype=torch.float64))
        return float(slope.clamp(min=0).sqrt())

    return len(curve) / 2 * float(integrate.quad(root, 0, 1, limit=200, epsabs=1e-12)[0]) ** 2


def rounded_sizes(grid: object, n: int) -> list[int]:
    """Return the block sizes of a grid rounded to whole tokens, N_k = floor(n alpha_k + 1/2); zeros dropped."""
    alpha = check_grid(grid)
    if alpha.ndim != 1:
        raise InvalidInput(f"grids of shape {alpha.shape}; expected one grid")
    nodes = np.floor(n * alpha + 0.5).astype(int)
    return [int(s) for s in np.diff(nodes) if s]
