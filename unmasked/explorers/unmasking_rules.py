"""An unmasking rule on a small world, as a picture: where it lies beside the best rules, its calls and its bound.

The rules are those of arXiv 2505.24857 and its neighbours, with the world's exact conditionals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theory.unmasking import walks
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from unmasked import exploring
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Option, Range

WORLDS = exploring.worlds("rules")
RULES: dict[str, Callable[[float], Any]] = {
    "EB by entropy": lambda budget: EntropyBounded(budget, "entropy"),
    "EB by confidence": lambda budget: EntropyBounded(budget, "confidence"),
    "EB by margin": lambda budget: EntropyBounded(budget, "margin"),
    "entropy threshold at the budget": lambda budget: Threshold(budget, "entropy"),
    "PUNT with eps at the budget": lambda budget: Punt(budget),
    "Top-2 by confidence": lambda budget: TopK(2, "confidence"),
    "two at a time from the left": lambda budget: LeftToRight(2),
    "dilated with stride 4": lambda budget: Dilated(4),
    "random one": lambda budget: RandomOne(),
}
BUDGETS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.5, 2.5)
"""Budgets in nats at which EB is drawn beside the chosen rule."""


@explorer(world=Option(WORLDS), rule=Option(RULES), budget=Range(0.0, 2.5, 0.01, unit="nats", label="budget (nats)"))
def rules(world: str = "digit patches", rule: str = "EB by entropy", budget: float = 0.5) -> Figure:
    """Draw one rule on one world: where it lies, the calls that it takes, its bound and its error at every state.

    Left: KL(data || samples) in nats over the expected number of denoiser calls, E[NFE], for the rule, for Top-k, for
    EB over all budgets, and for the optimal frontier, the best rules that exist. Middle: the probability that a sample
    takes so many calls. Right: at every state that the data visits and at which the rule reveals several tokens, the
    entropy bound and the error of that block, the larger the point the likelier the visit. The budget moves the rules
    that have one.
    """
    law, method = WORLDS[world](), RULES[rule](budget)
    chosen, blocks, known = walks.walk(method, law), exploring.blocks(method, law), _beside(world)
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(10, 3.6))
    _draw_frontier(left, known, chosen)
    _draw_calls(middle, chosen)
    _draw_blocks(right, blocks)
    kl = max(0.0, float(chosen.divergence))
    figure.suptitle(f"{chosen.rule} on {world}: E[NFE] {float(chosen.calls):.3f}, KL {kl:.4f} nats")
    return figure


@cache
def _beside(world: str) -> dict[str, pd.DataFrame]:
    """Return calls and KL of what the rule is compared with."""
    law = WORLDS[world]()
    return {
        "optimal frontier": exploring.frontier(law),
        "Top-$k$, confidence": exploring.rules(law, [TopK(k) for k in range(1, law.n + 1)]),
        "EB, entropy": exploring.rules(law, [EntropyBounded(budget) for budget in BUDGETS]),
    }


def _draw_frontier(axes: Axes, known: dict[str, pd.DataFrame], chosen: walks.Walk) -> None:
    looks: tuple[dict[str, Any], ...] = (
        {"color": "black", "linestyle": "-"},
        {"color": "#D55E00", "linestyle": "none", "marker": "o", "markersize": 6, "markerfacecolor": "none"},
        {"color": "#0072B2", "linestyle": "none", "marker": "D", "markersize": 3.5},
    )
    for (name, table), look in zip(known.items(), looks, strict=True):
        axes.plot(table["calls"], table["KL"], label=name, **look)
    star: dict[str, Any] = {"color": "#F0E442", "markeredgecolor": "black", "markersize": 13, "zorder": 3}
    axes.plot(float(chosen.calls), max(0.0, float(chosen.divergence)), "*", label="this rule", **star)
    axes.set(xlabel="denoiser calls, E[NFE]", ylabel="KL(data ‖ samples), nats")
    axes.margins(y=0.06)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2, columnspacing=1.2, handlelength=1.6)


def _draw_calls(axes: Axes, chosen: walks.Walk) -> None:
    share = chosen.call_law.numpy()
    used = np.flatnonzero(share > 1e-12)
    axes.bar(used, share[used], color="#56B4E9", edgecolor="black", hatch="//")
    axes.set(xlabel="denoiser calls", ylabel="probability", ylim=(0, 1.05), xlim=(0, used[-1] + 1))
    axes.set_xticks(range(1, int(used[-1]) + 1, 1 + int(used[-1]) // 10))


def _draw_blocks(axes: Axes, found: pd.DataFrame) -> None:
    if found.empty:
        why = "no blocks to compare:\none token a step, or a rule\nthat looks at drawn tokens"
        axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center")
        axes.set_axis_off()
        return
    size = 4 + 40 * (found["visits"] * found["several"]) ** 0.5
    top = 1.05 * max(found["bound"].max(), 0.01)
    axes.plot([0, top], [0, top], color="black", linewidth=1, linestyle="-", label="error = bound")
    look: dict[str, Any] = {"color": "#0072B2", "edgecolors": "black", "linewidths": 0.4, "zorder": 3}
    axes.scatter(found["bound"], found["error"], s=size, label="states, by visits", **look)
    axes.set(xlabel="entropy bound (nats)", ylabel="error of the block (nats)", xlim=(0, top), ylim=(0, top))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
