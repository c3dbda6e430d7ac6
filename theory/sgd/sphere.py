"""SGD on the unit sphere with losses (a_i . x)²: the toys of arXiv 2505.23489, with and without a common zero.

A step draws one row a of `directions` (N, D), and takes x to x - eta g normalised, g = 2 p (a - p x), p = a . x: the
gradient of p² along the sphere. The loss is the mean of (a_i . x)² over the rows. With fewer rows than dimensions all
losses vanish together on a subsphere (*overparameterised*); with more there is in general no common zero.
The toys are those of the authors' code. The formulas are ours: docs/derivations.md, sgd.7 to sgd.9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput


def overparameterised(degrees: float = 30.0) -> Float[Tensor, "2 3"]:
    """Return two unit rows in R³ at the angles +-beta to their mean: both losses vanish at x = +-e_3."""
    beta = math.radians(degrees)
    if not 0 < degrees < 90:
        raise InvalidInput(f"angle {degrees} degrees; expected it strictly between 0 and 90")
    return torch.tensor([[math.cos(beta), s * math.sin(beta), 0.0] for s in (1, -1)], dtype=torch.float64)


def underparameterised(height: float = 0.2) -> Float[Tensor, "3 3"]:
    """Return three unit rows in R³ around the third axis: no common zero, and least loss at x = +-e_3.

    Row k is (cos, sin) of 2 pi k / 3 with the third coordinate `height`, normalised.
    """
    angle = 2 * math.pi * torch.arange(3, dtype=torch.float64) / 3
    rows = torch.stack([angle.cos(), angle.sin(), torch.full_like(angle, height)], -1)
    return torch.nn.functional.normalize(rows, dim=-1)


def loss(directions: Float[Tensor, "N D"], x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch"]:
    """Return the mean of (a_i . x)² over the rows."""
    return ((x @ directions.T) ** 2).mean(-1)


def gradients(directions: Float[Tensor, "N D"], x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch N D"]:
    """Return the gradients 2 p_i (a_i - p_i x) of all rows' losses along the unit sphere."""
    p = x @ directions.T
    return 2 * p[..., None] * (directions - p[..., None] * x[..., None, :])


def signal_to_noise(directions: Float[Tensor, "N D"], x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch"]:
    """Return the length of the mean gradient over the root mean squared distance of the rows' gradients from it."""
    g = gradients(directions, x)
    mean = g.mean(-2)
    spread = ((g - mean[..., None, :]) ** 2).sum(-1).mean(-1)
    ratio: Tensor = mean.norm(dim=-1) / spread.sqrt()
    return ratio


def signal_to_noise_of_two(degrees: float, x: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    """Return the signal-to-noise ratio of `overparameterised(degrees)` in closed form.

    With R = sin² beta, r² = x_1² + x_2² and S = x_1² / r²:
    SNR² = (M - r² P) / (R (1 - R) (1 - r² Q)), M = S (1-R)² + (1-S) R², P = (S (1-R) + (1-S) R)², Q = 4 S (1-S).
    It is defined where r² > 0 and r² Q < 1; elsewhere the noise or both signal and noise vanish.
    """
    square, share = math.sin(math.radians(degrees)) ** 2, x[..., 0] ** 2
    r = share + x[..., 1] ** 2
    s = share / r
    m = s * (1 - square) ** 2 + (1 - s) * square**2
    p = (s * (1 - square) + (1 - s) * square) ** 2
    return ((m - r * p) / (square * (1 - square) * (1 - r * 4 * s * (1 - s)))).sqrt()


def steps(
    directions: Float[Tensor, "N D"], rates: Tensor, start: Float[Tensor, "m count D"], generator: torch.Generator
) -> Iterator[Float[Tensor, "m count D"]]:
    """Yield the points of independent chains at each of m learning rates, step after step, without end.

    The first value yielded is the start. Raises InvalidInput for learning rates that are not positive, and for starts
    off the unit sphere.
    """
    eta = torch.as_tensor(rates, dtype=torch.float64).reshape(-1, 1, 1)
    if not bool((eta > 0).all()):
        raise InvalidInput(f"learning rates {eta.flatten().tolist()}; expected positive numbers")
    if start.ndim != 3 or start.shape[0] != len(eta) or start.shape[-1] != directions.shape[1]:
        raise InvalidInput(f"start {tuple(start.shape)}; expected ({len(eta)} rates, chains, {directions.shape[1]})")
    if float((start.norm(dim=-1) - 1).abs().max()) > 1e-9:
        raise InvalidInput("a start does not have length 1; expected points of the unit sphere")
    x = start
    while True:
        yield x
        row = torch.randint(len(directions), x.shape[:-1], generator=generator, device=x.device)
        a = directions[row]
        p = (a * x).sum(-1, keepdim=True)
        x = x - 2 * eta * p * (a - p * x)
        x = x / x.norm(dim=-1, keepdim=True)


def growth(rate: float, projection: float) -> float:
    """Return how one step multiplies ||P x||², P the projection on what is orthogonal to all rows; p = a . x.

    It is (1 + 2 eta p²)² / (1 + 4 eta² p² (1 - p²)), at least 1 iff p = 0 or eta (1 - 2 p²) <= 1.
    """
    p = projection**2
    return (1 + 2 * rate * p) ** 2 / (1 + 4 * rate**2 * p * (1 - p))


def beyond(directions: Float[Tensor, "N D"], x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch"]:
    """Return ||P x||, the length of what of x is orthogonal to all rows."""
    basis = torch.linalg.qr(directions.T).Q
    length: Tensor = (x - x @ basis @ basis.T).norm(dim=-1)
    return length


def tangent_space(x: Float[Tensor, " D"]) -> Float[Tensor, "D d"]:
    """Return an orthonormal basis, in columns, of what is orthogonal to a point of the sphere; d = D - 1."""
    basis: Tensor = torch.linalg.svd(x[None, :]).Vh[1:].T
    return basis


def at_minimum(directions: Float[Tensor, "N D"], minimum: Float[Tensor, " D"]) -> tuple[Tensor, Tensor]:
    """Return the Hessian of the loss along the sphere at a minimum and the covariance of the gradient noise there.

    Both have shape (D - 1, D - 1), in the basis of `tangent_space`. For a loss xᵀ A x on the unit sphere
    the Hessian at a critical point m is 2 (A - mᵀ A m) restricted to the tangent space.
    """
    tangent = tangent_space(minimum)
    second = directions.T @ directions / len(directions)
    hessian = 2 * (
        tangent.T @ second @ tangent - (minimum @ second @ minimum) * torch.eye(tangent.shape[1], dtype=tangent.dtype)
    )
    g = gradients(directions, minimum) @ tangent
    centred = g - g.mean(0)
    return hessian, centred.T @ centred / len(directions)
