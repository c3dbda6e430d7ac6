"""What guided remasking gains and costs, exactly: product law, window, hard constraints (arXiv 2510.08369).

Table: part, law, sampler ("masked diffusion", "star": independent masks, "fixed count": uniform subsets of
ceil((1 - alpha) n) masks, "guided": subsets by the Bayes-optimal error predictor), steps (T), temperature (of the
subset's draw; 0 is the limit, the likeliest errors; 1 where it plays no part), window (part of the run, at its end,
in which tokens are masked again), tv (TV from the data law), entropy (of the output, nats), surprise (E -ln data law
under the output, nats: the logarithm of a perfect judge's perplexity; 0 where the support is not everything), missing
(mass off the support of the data).
Parts: "temperature" (product law), "window" (chain of 4, a row for each window i / T), "constraint" (two copied
pairs; even parity, where guidance has nothing to say). Linear schedule, exact conditionals.
Scalars: data entropy of the product law (nats); per T best window and its TV, guided and fixed count; even
parity/gap, the greatest difference of TV between guided and fixed count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.remasking import Exact

LAW = {"temperature": "product law", "window": "chain of 4"}
CONSTRAINTS = ("two copied pairs", "even parity")
COUNTED = ("fixed count", "guided")


@dataclass(frozen=True)
class Config:
    """Temperatures (0 is the limit) and numbers of steps of the three parts."""

    temperatures: tuple[float, ...] = (0.0, *(2.0 ** (k / 2) for k in range(-8, 13)))
    temperature_steps: tuple[int, ...] = (2, 6, 24)
    window_steps: tuple[int, ...] = (8, 16, 32)
    constraint_steps: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


PRESETS = {
    "smoke": Config(
        temperatures=(0.0, 0.25, 1.0, 4.0), temperature_steps=(2, 6), window_steps=(8, 16),
        constraint_steps=(2, 4, 8, 16),
    ),
    "laptop": Config(),
    "gpu": Config(
        temperatures=(0.0, *(2.0 ** (k / 8) for k in range(-32, 49))), temperature_steps=(2, 6, 24, 96),
        window_steps=(8, 16, 32, 64, 128), constraint_steps=(*Config().constraint_steps, 96, 128, 256),
    ),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the three parts."""
    import pandas as pd

    from synthetic.remasking import exact
    from theory.tolerance import SLACK

    parts = (temperatures(config), windows(config), constraints(config))
    table = pd.DataFrame([row for part in progress.track(parts, "parts") for row in part])
    product = exact(LAW["temperature"])
    scalars = {"data entropy": product.surprise(product.world)}
    for (steps, sampler), rows in table[table["part"] == "window"].groupby(["steps", "sampler"]):
        best = rows[rows["tv"] <= rows["tv"].min() + SLACK].sort_values("window").iloc[0]  # the shortest where they tie
        scalars |= {f"{steps}/{sampler}/best window": float(best["window"]), f"{steps}/{sampler}/tv": float(best["tv"])}
    parity = table[table["law"] == "even parity"].pivot(index="steps", columns="sampler", values="tv")
    scalars["even parity/gap"] = float((parity["guided"] - parity["fixed count"]).abs().max())
    return table, scalars


def temperatures(config: Config) -> Iterator[dict[str, Any]]:
    """Yield guided runs on the product law over temperatures, and the unguided ones."""
    from synthetic.remasking import exact

    law = exact(LAW["temperature"])
    for steps in config.temperature_steps:
        for temperature in config.temperatures:
            yield row("temperature", LAW["temperature"], law, "guided", steps, temperature=temperature)
        for sampler in ("masked diffusion", "star", "fixed count"):
            yield row("temperature", LAW["temperature"], law, sampler, steps)


def windows(config: Config) -> Iterator[dict[str, Any]]:
    """Yield runs that mask again in the last i of T steps, i = 0..T."""
    from synthetic.remasking import exact

    law = exact(LAW["window"])
    for steps in config.window_steps:
        for sampler in COUNTED:
            yield from (row("window", LAW["window"], law, sampler, steps, window=i / steps) for i in range(steps + 1))


def constraints(config: Config) -> Iterator[dict[str, Any]]:
    """Yield all samplers on laws whose support is a part of the sequences."""
    from synthetic.remasking import SAMPLERS, exact

    for name in CONSTRAINTS:
        law = exact(name)
        for steps in config.constraint_steps:
            yield from (row("constraint", name, law, sampler, steps) for sampler in SAMPLERS)


def row(
    part: str, name: str, law: Exact, sampler: str, steps: int, window: float = 1.0, temperature: float = 1.0
) -> dict[str, Any]:
    """Return what one sampler's output law is like."""
    from synthetic.remasking import SAMPLERS

    output = law.output(sampler, SAMPLERS[sampler](steps, (1 - window, 1.0)), temperature or None)
    off = law.world.law() <= 0
    missing = max(0.0, float(output.law()[off].sum()))
    return {
        "part": part, "law": name, "sampler": sampler, "steps": steps, "temperature": temperature, "window": window,
        "tv": law.distance(output), "entropy": float(output.entropy()),
        "surprise": 0.0 if bool(off.any()) else law.surprise(output), "missing": missing,
    }  # fmt: skip
