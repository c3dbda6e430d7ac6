"""What masking tokens again does to the law of the samples (arXiv 2503.00307 and 2510.08369), as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theory.reference.laws import sequences
from theory.worlds import World
from unmasked import exploring
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Option, Range

WORLDS = exploring.worlds("remasking")
COUNTS = {2, 4, 8, 16, 32, 64}
"""Numbers of steps at which all samplers are drawn."""
LOOKS: dict[str, dict[str, Any]] = {
    "masked diffusion": {"color": "#000000", "linestyle": "-", "marker": "o"},
    "star": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "fixed count": {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    "guided": {"color": "#D55E00", "linestyle": (0, (8, 2)), "marker": "D"},
}
LEAST = 1e-5
"""The least total variation that the right panel shows; smaller ones are drawn there."""


@explorer(
    world=Option(WORLDS, label="law"),
    sampler=Option(exploring.REMASKING),
    steps=Range(1, 64, 1, label="steps T"),
    window=Range(0.0, 1.0, 0.05),
    temperature=Range(0.1, 10**1.5, 0.1, logarithmic=True),
)
def remasking(
    world: str = "chain of 4",
    sampler: str = "guided",
    steps: int = 8,
    window: float = 0.3,
    temperature: float = 1.0,
) -> Figure:
    """Draw the law of one sampler's output beside the data's, and how far all samplers stay from the data over T.

    The window is the share of the T steps, at the end, in which tokens are masked again. The temperature is that of
    the guided choice: the lower, the more surely the most suspected positions are masked. Left: the probability of
    each sequence, those of the data in falling order. Right: the total variation (TV) of the samples from the data,
    exact, with at least 1e-5 drawn.
    """
    law, inside = WORLDS[world](), (1 - window, 1.0)
    found = exploring.remasked(law, sampler, steps, inside, temperature)
    table = exploring.remasking(law, sorted(COUNTS | {steps}), inside, temperature)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6))
    _draw_laws(left, law, found.output, sampler)
    _draw_distances(right, table, steps)
    span = f"last {window:.0%} of {steps} step{'s' if steps > 1 else ''}"
    figure.suptitle(f"{sampler} on {world}, {span}: TV {found.total_variation:.4f}")
    return figure


def _draw_laws(axes: Axes, data: World, output: World, sampler: str) -> None:
    order = data.law().argsort(descending=True, stable=True)
    expected, found = data.law()[order].numpy(), output.law()[order].numpy()
    at = np.arange(len(order))
    edge: dict[str, Any] = {"edgecolor": "black", "linewidth": 0.6}
    axes.bar(at - 0.2, expected, 0.4, color="0.8", label="data", **edge)
    axes.bar(at + 0.2, found, 0.4, color=LOOKS[sampler]["color"], label=sampler, **edge)
    names = ["".join(map(str, each)) for each in sequences(data.n, data.d)]
    axes.set_xticks(at, [names[k] for k in order], rotation=90)
    axes.set(xlabel="sequence", ylabel="probability")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)


def _draw_distances(axes: Axes, found: pd.DataFrame, steps: int) -> None:
    for name, look in LOOKS.items():
        axes.plot(found.index, found[name].clip(lower=LEAST), label=name, clip_on=False, **look)
    axes.axvline(steps, color="0.6", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log", ylim=(LEAST, 1), xlabel="steps $T$", ylabel="TV of samples from data")
    ticks = sorted(COUNTS) if steps > 1 else [1, *sorted(COUNTS)]
    axes.set_xticks(ticks, [str(count) for count in ticks])
    powers = range(0, round(np.log10(LEAST)) - 1, -1)
    axes.set_yticks([10.0**k for k in powers], [*(f"$10^{{{k}}}$" for k in powers[:-1]), f"≤ $10^{{{powers[-1]}}}$"])
    axes.minorticks_off()
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=4, columnspacing=1.2, handlelength=2.2)
