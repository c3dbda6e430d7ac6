"""The schedules of least energy and what they get wrong in K steps (arXiv 2509.13866 and 2511.04647), as a picture."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from figures.looks import SCHEDULES
from theory import schedules as theory_schedules
from theory.energy.closed_forms import LEAST, beta_landscape
from theory.schedules import Schedule
from theory.unmasking.optimal import optimal_grid
from theory.worlds import World
from theory.worlds.information import smoothed_curve
from unmasked import exploring
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Option, Range

WORLDS = exploring.worlds("schedules")
TIMES = np.linspace(0, 1, 201)


@explorer(
    a=Range(0.1, 10.0, 0.02, logarithmic=True),
    b=Range(0.1, 10.0, 0.02, logarithmic=True),
    world=Option(WORLDS, label="law"),
    steps=Range(1, 16, 1, label="steps K"),
)
def schedules(a: float = 0.9, b: float = 0.3, world: str = "Markov chain", steps: int = 4) -> Figure:
    """Draw a Beta mask schedule, its steps below the information curve of a law, and its error beside the best.

    The weight is the distribution function F of the law Beta(a, b), and the mask schedule of least energy for it is
    sin^2(pi F / 2). Left: both, and the times at which a sampler of K steps stops. Middle: the smoothed information
    curve of the law, and the steps of the schedule and of the best grid below it; the area between is the error over
    n. Right: the error, the expected path KL in nats, of this schedule, of the named ones and of the optima. The title
    has the energy for the weight gamma = t in units of the least, pi^2.
    """
    (law, curve), mask = _law(world), theory_schedules.beta_mask(a, b)
    found = exploring.errors(law, mask, steps, curve=curve)
    energy, of_steps = float(beta_landscape(a, b, 1, 1)) / LEAST, found["energy"].iloc[0]
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(10, 3.6))
    _draw_schedule(left, theory_schedules.beta(a, b), mask, steps)
    _draw_steps(middle, curve, mask, steps)
    _draw_errors(right, found["error"].to_dict(), world)
    shown = rf"{energy:.3f} $\pi^2$" if np.isfinite(energy) else "infinite"
    figure.suptitle(
        rf"Beta({a:.3g}, {b:.3g}): energy under $\gamma_t = t$: {shown}; in {_in_words(steps)}: {of_steps:.3f} $\pi^2$"
    )
    return figure


def _in_words(steps: int) -> str:
    """Return a number of steps in words."""
    return f"{steps} step{'s' if steps > 1 else ''}"


@cache
def _law(name: str) -> tuple[World, Tensor]:
    law = WORLDS[name]()
    return law, law.information_curve()


def _draw_schedule(axes: Axes, weight: Schedule, mask: Schedule, steps: int) -> None:
    axes.plot(TIMES, weight(TIMES), label=r"weight $\gamma_t$")
    axes.plot(TIMES, mask(TIMES), label=r"mask schedule $\alpha_t$")
    stops = theory_schedules.uniform_grid(steps)
    axes.plot(stops, mask.grid(steps), "o", color="black", clip_on=False, label=_in_words(steps))
    axes.set(xlabel="generation time $t$", ylabel="weight, revealed fraction", xlim=(0, 1), ylim=(0, 1))
    _legend_above(axes)


def _draw_steps(axes: Axes, curve: Tensor, mask: Schedule, steps: int) -> None:
    level = torch.from_numpy(TIMES)
    axes.plot(level, smoothed_curve(curve, level), color="black", label=r"$\tilde Z(\alpha)$ of the law")
    grids = {"this schedule": mask.grid(steps), "the best grid": optimal_grid(curve, steps).grid}
    looks: tuple[dict[str, Any], ...] = (SCHEDULES["best Beta"], SCHEDULES["best grid"])
    for (name, grid), look in zip(grids.items(), looks, strict=True):
        heights = smoothed_curve(curve, torch.from_numpy(grid[:-1]))
        line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1.5}
        axes.stairs(heights, grid, baseline=None, label=f"steps of {name}", **line)
    axes.set(xlabel=r"revealed fraction $\alpha$", ylabel="information (nats)", xlim=(0, 1), ylim=(0, None))
    _legend_above(axes)


def _draw_errors(axes: Axes, errors: dict[str, float], world: str) -> None:
    names = ["this schedule", *list(errors)[1:]]
    bars = axes.barh(names, list(errors.values()), color="#56B4E9", edgecolor="black", hatch="//")
    axes.bar_label(bars, [f"{value:.4f}" if value > 1e-12 else "0" for value in errors.values()], padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="error, path KL (nats)", xlim=(0, 1.35 * max(*errors.values(), 1e-12)), title=f"errors on {world}")


def _legend_above(axes: Axes) -> None:
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
