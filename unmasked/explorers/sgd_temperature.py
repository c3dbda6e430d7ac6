"""Free energy and temperature of SGD over the learning rate (arXiv 2505.23489), as a picture; in closed form."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from theory.sgd.quadratic import Quadratic
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Range

CURVATURES = (0.2, 1.0)
"""The flat and the steep direction of the loss."""


@explorer(
    rate=Range(0.05, 1.95, 0.05, label="rate eta"),
    steep_noise=Range(1e-4, 10.0, 0.25, logarithmic=True, label="steep noise"),
)
def temperature(rate: float = 0.8, steep_noise: float = 1e-2) -> Figure:
    """Draw U - T S over the learning rate, at the temperature T of one of them, and the temperature of every one.

    The loss is quadratic in two weights, with curvatures 0.2 (flat) and 1 (steep). The gradient noise has variance 1 in
    the flat direction and `steep_noise` in the steep one. U is the expected loss of the stationary law in the units of
    the loss, S its entropy in nats, and so T in units of the loss a nat. The square marks the chosen rate, whose
    temperature the free energy has.
    """
    problem = Quadratic.diagonal(np.array(CURVATURES), np.array([1.0, steep_noise]))
    grid = np.linspace(0, problem.largest_rate, 802)[1:-1]
    laws, own = problem.stationary(grid), problem.stationary(rate)
    level = float(own.temperature[0])
    free = laws.free_energy(level)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7, 2.8))
    mark = {"markerfacecolor": "none", "markersize": 7, "color": "#D55E00"}
    left.plot(grid, free - free.min())
    left.plot(rate, float(own.free_energy(level)[0]) - free.min(), "s", **mark)
    left.set(xlabel=r"learning rate $\eta$", ylabel="free energy above its least\n(units of the loss)", ylim=(-0.04, 1))
    right.plot(grid, laws.temperature)
    right.plot(rate, level, "s", **mark)
    right.set(xlabel=r"learning rate $\eta$", ylabel="temperature (loss a nat)", yscale="log")
    figure.suptitle(rf"rate $\eta$ = {rate:.3g}, noise of the steep direction {steep_noise:.2g}: $T$ = {level:.3g}")
    return figure
