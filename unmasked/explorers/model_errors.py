"""What an unmasking rule loses by a trained model, and what by drawing tokens together, as a picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthetic.experiments.decomposition import Config
from synthetic.sizes import SIZES
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, Threshold, TopK
from unmasked import exploring
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Option, Range
from unmasked.fitting import Run, trained

TASKS = Config().tasks
RULES: dict[str, Callable[[float], Any]] = {
    "EB": EntropyBounded,
    "entropy threshold": lambda budget: Threshold(budget, "entropy"),
    "Top-2": lambda budget: TopK(2),
    "random one": lambda budget: RandomOne(),
}
PARTS = {"model error": "#0072B2", "joint dependence": "#56B4E9"}


@explorer(
    task=Option(TASKS),
    rule=Option(RULES),
    budget=Range(0.0, 2.5, 0.01, unit="nats", label="budget (nats)"),
    preset=Option(SIZES),
)
def models(task: str = TASKS[0], rule: str = "EB", budget: float = 0.5, preset: str = "laptop") -> Figure:
    """Draw the two errors of a rule, with the exact conditionals and with a trained model in their place.

    The path KL, in nats, is the sum of the model error (how far the predicted laws of the revealed tokens are from the
    true ones; zero for the exact conditionals) and the joint dependence error (what drawing them independently costs).
    The model is the one that the figures use for the task, found on disk or trained now: "smoke" trains in seconds.
    Raises InvalidInput as `um.trained` does.
    """
    run = _trained(task, preset)
    method, world = RULES[rule](budget), run.rows.world
    sources = {"exact conditionals": None, "trained model": run.denoiser}
    found = pd.concat([exploring.rules(world, [method], each) for each in sources.values()])
    figure, axes = pyplot.subplots(figsize=(7, 2.2))
    _draw_parts(axes, found.set_axis(list(sources)))
    axes.set_title(f"{method.name} on {task.removeprefix('small/')}", loc="left")
    return figure


@cache
def _trained(task: str, preset: str) -> Run:
    return trained(task, preset)


def _draw_parts(axes: Axes, found: pd.DataFrame) -> None:
    rows, left = range(len(found)), pd.Series(0.0, found.index)
    for name, color in PARTS.items():
        axes.barh(rows, found[name], left=left, color=color, edgecolor="black", linewidth=0.5, label=name)
        left = left + found[name]
    for row, (total, calls) in enumerate(zip(found["path KL"], found["calls"], strict=True)):
        axes.annotate(f"  {total:.4f} nats in {calls:.2f} calls", (left.iloc[row], row), va="center")
    axes.set_yticks(rows, list(found.index))
    axes.set(xlabel="path KL (nats)", xlim=(0, 1.6 * max(left.max(), 1e-12)))
    axes.invert_yaxis()
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2)
