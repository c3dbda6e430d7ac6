"""Schedules chosen by the exact KL of the mixed output law, KL(mu || nu-bar), in nats: no bound in between.

States of probability zero that a parallel step can reach get uniform conditionals.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import optimize, special
from torch import Tensor

from theory.schedules import uniform_grid
from theory.tolerance import SLACK
from theory.unmasking.beta_fit import beta_grids
from theory.unmasking.kernels import reveal_kernel
from theory.unmasking.laws import SizeMixture, sampler_law
from theory.worlds import World, information

TARGETS = {"left": "beta_toy_left", "right": "beta_toy_right"}
"""The small worlds that are the two targets of the toy experiment."""


@dataclass(frozen=True)
class Target:
    """A world and the fixed-size laws whose mixtures are its K-step output laws."""

    world: World
    steps: int
    mixture: SizeMixture

    @classmethod
    def of(cls, world: World, steps: int) -> Target:
        """Enumerate a world and its fixed-size output laws of K steps, empty steps allowed."""
        return cls(world, steps, SizeMixture.of(reveal_kernel(world), steps))

    @property
    def law(self) -> Float[Tensor, " cells"]:
        """Return the target's probabilities."""
        return self.world.law()

    def output(self, grid: object) -> Float[Tensor, " cells"]:
        """Return the per-token output law of one grid, from the sweep over states."""
        return sampler_law(grid, self.world).output.law()

    def divergences(self, grids: Float[ndarray, "*plane nodes"]) -> Float[ndarray, "*plane"]:
        """Return KL(mu || nu-bar) of many grids from the multinomial mixture of fixed-size laws."""
        return self.divergence_to(self.mixture.output(grids)).numpy()

    def divergence_to(self, outputs: Float[Tensor, "*batch cells"]) -> Float[Tensor, "*batch"]:
        """Return KL(mu || output) for a batch of output laws."""
        return information.kullback_leibler(self.law.expand_as(outputs), outputs)


@dataclass(frozen=True)
class Shapes:
    """The best Beta(a, b), its grid and KL(mu || nu-bar)."""

    a: float
    b: float
    grid: Float[ndarray, " nodes"]
    divergence: float


def beta_plane(target: Target, axis: Float[ndarray, " r"]) -> Float[ndarray, "r r"]:
    """Return KL(mu || nu-bar) of every Beta(a, b) schedule, a by row and b by column."""
    return target.divergences(exact_ends(beta_grids(axis[:, None], axis, uniform_grid(target.steps))))


def best_beta(target: Target, axis: Float[ndarray, " r"]) -> Shapes:
    """Return the Beta(a, b) of least KL(mu || nu-bar): the plane over `axis`, then Nelder-Mead within it."""
    plane = beta_plane(target, axis)
    start = np.log(axis[list(np.unravel_index(int(plane.argmin()), plane.shape))])

    def grid(logs: ndarray) -> ndarray:
        return exact_ends(beta_grids(*np.exp(logs), uniform_grid(target.steps)))

    bounds = [(np.log(axis[0]), np.log(axis[-1]))] * 2
    logs, value = _descend(lambda x: float(target.divergences(grid(x))), start, bounds)
    return Shapes(float(np.exp(logs[0])), float(np.exp(logs[1])), grid(logs), value)


def best_grid(target: Target, cells: int) -> tuple[Float[ndarray, " nodes"], float]:
    """Return the per-token grid of least KL(mu || nu-bar): all grids on a lattice, then Nelder-Mead."""
    lattice = np.array(list(itertools.combinations(range(1, cells), target.steps - 1))) / cells
    grids = np.pad(lattice, ((0, 0), (1, 1)), constant_values=(0, 1))
    widths = np.diff(grids[int(target.divergences(grids).argmin())])

    def grid(logits: ndarray) -> ndarray:
        shares = special.softmax(np.append(logits, 0.0))
        return exact_ends(np.concatenate(([0.0], np.cumsum(shares))))

    start = np.log(widths[:-1] / widths[-1])
    logits, value = _descend(lambda x: float(target.divergences(grid(x))), start, None)
    return grid(logits), value


def best_sizes(target: Target) -> tuple[tuple[int, ...], Float[Tensor, " cells"]]:
    """Return the sizes of least KL(mu || nu-bar) among all compositions, and their output law.

    Of several within the slack of `theory.tolerance`, the one whose blocks are most nearly equal.
    """
    found = target.divergence_to(target.mixture.outputs)
    ties = (found <= found.min() + SLACK).nonzero()[:, 0]
    chosen = int(ties[(target.mixture.sizes[ties] ** 2).sum(-1).argmin()])
    return tuple(int(s) for s in target.mixture.sizes[chosen]), target.mixture.outputs[chosen]


def exact_ends(grid: Float[ndarray, "*plane nodes"]) -> Float[ndarray, "*plane nodes"]:
    """Return the grid with its ends set to exactly 0 and 1."""
    grid = np.clip(grid, 0.0, 1.0)
    grid[..., 0], grid[..., -1] = 0.0, 1.0
    return grid


def _descend(
    objective: Callable[[ndarray], float], start: ndarray, bounds: list[tuple[float, float]] | None
) -> tuple[ndarray, float]:
    found = optimize.minimize(
        objective, start, method="Nelder-Mead", bounds=bounds,
        options={"xatol": 1e-7, "fatol": 1e-14, "maxiter": 600},
    )  # fmt: skip
    return found.x, float(found.fun)
