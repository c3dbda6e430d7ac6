"""The variance of a training loss, by its sources (arXiv 2511.18159), as a picture; exact, by enumeration."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theory import worlds
from theory.denoisers import TableDenoiser
from theory.worlds import World, states
from unmasked import training
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Flag, Option, Range

WORLDS: dict[str, Callable[[], World]] = {
    "Markov chain": lambda: worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=5),
    "copied pairs": lambda: worlds.copied_pairs(2),
    "random law": lambda: worlds.dirichlet(4, 3, 1.0, torch.Generator().manual_seed(0)),
}
MASKS = ("independent", "exactly k")
PARTNERS = ("none", "mirrored mask", "mirrored level", "complement")
SOURCES = {"mask": "#0072B2", "level": "#E69F00", "data": "#999999"}


@explorer(
    world=Option(WORLDS),
    masks=Option(MASKS),
    gamma=Range(0.0, 0.9, 0.05),
    passes=Range(1, 16, 1),
    strata=Flag(),
    partner=Option(PARTNERS),
    noise=Range(0.0, 2.0, 0.1, unit="nats", label="noise (nats)"),
)
def estimators(
    world: str = "Markov chain",
    masks: str = "independent",
    gamma: float = 0.5,
    passes: int = 4,
    strata: bool = False,
    partner: str = "none",
    noise: float = 0.5,
) -> Figure:
    """Draw the sources of the variance of a loss that is built from parts, beside those of 1/t, at equal passes.

    Masks are independent given a level t of density proportional to t^-gamma, or of exactly k tokens with k uniform.
    `passes` draws are averaged: with `strata` their levels or counts are spread evenly, and with a partner half of them
    are drawn and the others derived from these (one pass then becomes two). The denoiser is exact but for a normal
    error of `noise` nats on every log-conditional. The loss 1/t draws levels above 1/1000. Variances are in nats
    squared, and a source of infinite variance has no bar.
    """
    mine = estimator(masks, gamma, passes, strata, partner)
    standard = training.Estimator("1/t", level=training.clipped(1e-3), levels=mine.draws)
    table = training.loss_table(_law(world), perturbed(world, noise))
    found = {each.name: training.moments(each, table) for each in (standard, mine)}
    figure, axes = pyplot.subplots(figsize=(7, 2.4))
    _draw_sources(axes, found)
    axes.set(xlabel=f"variance of an estimate of {mine.draws} passes (nats²)")
    axes.set_title(world, loc="left")
    return figure


def estimator(masks: str, gamma: float, passes: int, strata: bool, partner: str) -> training.Estimator:
    """Return the estimator that is built from these parts, as `estimators` describes them."""
    levels = passes if partner == "none" else max(1, passes // 2)
    parts: dict[str, Any] = {"levels": levels, "strata": "draws" if strata else "none", "partner": partner}
    if masks == "exactly k":
        return training.Estimator("this loss", training.Exactly(), training.BY_COUNT, **parts)
    return training.Estimator("this loss", level=training.power(gamma), **parts)


@cache
def perturbed(world: str, noise: float) -> TableDenoiser:
    """Return a denoiser that is wrong: a world's log-conditionals, each moved by a normal error and made a law."""
    law = _law(world)
    z = states.all_states(law.n, law.d)
    exact = law(z)
    error = noise * torch.randn(exact.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return TableDenoiser(torch.where((z == law.d)[..., None], (exact + error).log_softmax(-1), exact))


@cache
def _law(world: str) -> World:
    return WORLDS[world]()


def _draw_sources(axes: Axes, found: dict[str, training.Moments]) -> None:
    left = np.zeros(len(found))
    for source, color in SOURCES.items():
        widths = np.array([getattr(each, source) for each in found.values()])
        widths = np.where(np.isfinite(widths), widths, 0.0)
        axes.barh(
            range(len(found)), widths, left=left, color=color, edgecolor="black", linewidth=0.5, label=f"{source} noise"
        )
        left += widths
    for row, each in enumerate(found.values()):
        total = "infinite" if np.isinf(each.variance) else f"{each.variance:.3g} nats²"
        axes.annotate(f"  {total}, bias {each.bias:.2g} nats", (left[row], row), va="center")
    axes.set_yticks(range(len(found)), list(found))
    axes.set_xlim(0, 1.5 * max(left.max(), 1e-12))
    axes.invert_yaxis()
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=3)
