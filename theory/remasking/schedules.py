"""Schedules of steps: masked diffusion, star, ReMDM's cap, rescale, conf, switch and loop, guided refinement.

Times are in generation direction. ReMDM's switch "sigma > 0 only for t <= t_switch" is the window (1 - t_switch, 1),
the star window t <= t_on is (1 - t_on, 1), and the loop with t_on = .55, t_off = .05 has its plateau in (.45, .95).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput
from theory.ledger import Number
from theory.remasking.posterior import (
    Posterior,
    capped_sigma,
    no_sigma,
    posterior,
    rescaled_sigma,
    star_sigma,
)
from theory.schedules import LINEAR, Schedule, check_grid, uniform_grid
from theory.tolerance import SLACK

KINDS = ("posterior", "confident", "counted")
SigmaRule = Callable[[Number, Number], Number]
"""From alpha_now and alpha_next to the remasking probability."""


@dataclass(frozen=True)
class Step:
    """One step from alpha_now to alpha_next.

    `posterior`: every position by sigma. `confident`: sigma is shared out over the visible tokens by softmax of minus
    their probability when revealed. `counted`: all masks are filled, and a set of prescribed size is masked again;
    sigma plays no part. Raises InvalidInput for alphas out of order, an inadmissible sigma or another kind.
    """

    alpha_now: Number
    alpha_next: Number
    sigma: Number = 0.0
    kind: str = "posterior"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"kind of step {self.kind!r}; expected one of {', '.join(KINDS)}")
        _ = self.posterior

    @property
    def posterior(self) -> Posterior:
        """Return what happens to a token in a posterior step, or to one that carries all of sigma."""
        return posterior(self.alpha_now, self.alpha_next, self.sigma)


def plan(
    grid: Sequence[float] | Float[ndarray, "nodes"],
    sigma: SigmaRule = no_sigma,
    kind: str = "posterior",
    window: tuple[float, float] = (0.0, 1.0),
) -> tuple[Step, ...]:
    """Return the steps of a grid of alphas: remasking inside the window of times k / K, masked diffusion outside.

    A step belongs to the window when both its ends do. Raises InvalidInput for a grid that does not climb from 0 to
    1 and a window that is not 0 <= start <= end <= 1.
    """
    alpha = check_grid(grid).tolist()
    start, end = check_window(window)
    times, found = uniform_grid(len(alpha) - 1), []
    for k, (now, after) in enumerate(itertools.pairwise(alpha)):
        inside = times[k] >= start - SLACK and times[k + 1] <= end + SLACK
        found.append(Step(now, after, sigma(now, after), kind) if inside else Step(now, after))
    return tuple(found)


def standard(steps: int, schedule: Schedule = LINEAR) -> tuple[Step, ...]:
    """Return masked diffusion: a revealed token stays."""
    return plan(schedule.grid(steps))


def star(steps: int, window: tuple[float, float] = (0.0, 1.0), schedule: Schedule = LINEAR) -> tuple[Step, ...]:
    """Return the star-shaped process with independent masks inside the window."""
    return plan(schedule.grid(steps), star_sigma, window=window)


def counted(steps: int, window: tuple[float, float] = (0.0, 1.0), schedule: Schedule = LINEAR) -> tuple[Step, ...]:
    """Return refinement inside the window: fill all masks, mask a prescribed number again (arXiv 2510.08369)."""
    return plan(schedule.grid(steps), kind="counted", window=window)


def cap(eta: float) -> SigmaRule:
    """Return ReMDM-cap, sigma = min{eta, largest}; as `window=` of a plan it gives ReMDM-switch."""
    return lambda now, after: capped_sigma(now, after, eta)


def rescale(eta: float) -> SigmaRule:
    """Return ReMDM-rescale, sigma = eta * largest."""
    return lambda now, after: rescaled_sigma(now, after, eta)


def constant(sigma: float) -> SigmaRule:
    """Return one sigma for every step; a step where it is not admissible raises InvalidInput."""
    return lambda now, after: sigma


def loop_grid(steps: int, window: tuple[float, float] = (0.45, 0.95), plateau: float = 0.9) -> Float[ndarray, "nodes"]:
    """Return alphas that climb to the plateau, stay there inside the window and climb to 1, straight lines between.

    Raises InvalidInput for a plateau outside [0, 1], a bad window, or one that holds no step.
    """
    start, end = check_window(window)
    if not 0 <= plateau <= 1:
        raise InvalidInput(f"plateau {plateau:g}; expected a revealed fraction in [0, 1]")
    times = uniform_grid(steps)
    grid = np.interp(times, [0.0, start, end, 1.0], [0.0, plateau, plateau, 1.0])
    if ((times >= start - SLACK) & (times <= end + SLACK)).sum() < 2:
        raise InvalidInput(f"{steps} steps leave no step inside the window ({start:g}, {end:g}); use more steps")
    grid[0], grid[-1] = 0.0, 1.0
    return np.asarray(grid)


def loop(
    steps: int,
    sigma: SigmaRule = star_sigma,
    kind: str = "posterior",
    window: tuple[float, float] = (0.45, 0.95),
    plateau: float = 0.9,
) -> tuple[Step, ...]:
    """Return ReMDM-loop: masked diffusion up to the plateau, remasking on it, masked diffusion to the end.

    With `kind="counted"` it is the plateau loop of arXiv 2510.08369, ceil((1 - plateau) n) masks a step.
    """
    return plan(loop_grid(steps, window, plateau), sigma, kind, window)


def check_window(window: tuple[float, float]) -> tuple[float, float]:
    """Return the window; InvalidInput unless 0 <= start <= end <= 1."""
    start, end = window
    if not 0 <= start <= end <= 1:
        raise InvalidInput(
            f"window ({start:g}, {end:g}); expected generation times 0 <= start <= end <= 1: a paper's "
            "t <= t_on is (1 - t_on, 1)"
        )
    return float(start), float(end)
