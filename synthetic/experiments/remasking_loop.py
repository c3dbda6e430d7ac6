"""Bias of remasking at a constant level, and bounds of star and ReMDM, exactly (arXiv 2510.08369, 2503.00307).

Table: part, law, process, steps (T), time (generation time of a step's start), alpha (revealed fraction of a
plateau), sigma (remasking probability), tv (TV of the stationary drafts from the data law), tv_states (TV of the
stationary states from the noised data), weight (of a step in the bound, no unit), bound and standard (mean bound on
-ln p of the process and of masked diffusion, nats).
Parts: "plateau" (process "independent" or "joint", how masks are filled; sigma = 1 - alpha), "sigma" (the plateau at
Config.alpha over sigma), "weight" (masked diffusion, star and ReMDM's cap, rescale and largest sigma), "bound" (star).
Columns that a part does not use hold 0. Linear schedule, exact conditionals.
Scalars per law: constant, TV / (1 - alpha) at the least 1 - alpha; slope, of ln TV against ln(1 - alpha) at
1 - alpha <= Config.fit; fill, TV of a draft of the noised data at Config.alpha; entropy (nats); growth, the limit of
star bound / T (nats). And alpha, weight steps, control (the greatest TV of joint filling times 1 - alpha).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.remasking import Exact

COLUMNS = ("part", "law", "process", "steps", "time", "alpha", "sigma", "tv", "tv_states", "weight", "bound",
           "standard")  # fmt: skip
PLATEAUS = ("chain of 3", "chain of 4")
CAP, RESCALE = 0.04, 0.5
"""eta of ReMDM's schedules in the comparison of weights."""


@dataclass(frozen=True)
class Config:
    """Masked fractions 1 - alpha; shares of the largest sigma at one alpha; steps of the weights and bounds."""

    masked: tuple[float, ...] = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
    fit: float = 0.01
    alpha: float = 0.9
    shares: tuple[float, ...] = tuple(2.0 ** (-k / 2) for k in range(21))
    weight_steps: int = 32
    bound_laws: tuple[str, ...] = ("product law", "chain of 3", "chain of 4")
    bound_steps: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


PRESETS = {
    "smoke": Config(
        masked=(0.3, 0.1, 0.01, 0.001), shares=(1.0, 0.3, 0.1, 0.01, 0.001), bound_laws=("product law", "chain of 4"),
        bound_steps=(1, 2, 3, 4, 8, 64, 512),
    ),
    "laptop": Config(),
    "gpu": Config(masked=tuple(10 ** (-k / 16) for k in range(4, 65)), weight_steps=256),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Solve for the stationary laws, and weigh the bounds."""
    import numpy as np
    import pandas as pd

    rows = [*plateaus(config, progress), *weights(config), *bounds(config)]
    table = pd.DataFrame([{**empty(), **row} for row in rows], columns=list(COLUMNS))
    scalars = {"alpha": config.alpha, "weight steps": float(config.weight_steps), "fit": config.fit}
    flat = table[table["part"] == "plateau"].assign(masked=lambda t: 1 - t["alpha"])
    for name, mine in flat[flat["process"] == "independent"].groupby("law"):
        low = mine[mine["masked"] <= config.fit * (1 + 1e-9)]
        scalars[f"{name}/constant"] = float((low["tv"] / low["masked"]).iloc[-1])
        scalars[f"{name}/slope"] = float(np.polyfit(np.log(low["masked"]), np.log(low["tv"]), 1)[0])
    joint = flat[flat["process"] == "joint"]
    scalars["control"] = float((joint["tv"] * joint["masked"]).max())
    return table, scalars | limits(config)


def empty() -> dict[str, Any]:
    """Return a row of nothing."""
    return {"law": "", "process": "", "steps": 0, **dict.fromkeys(COLUMNS[4:], 0.0)}


def plateaus(config: Config, progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield the star at constant alpha over alpha, and one alpha over sigma."""
    from synthetic.remasking import exact
    from theory.remasking.posterior import largest_sigma

    for name in progress.track(PLATEAUS, "laws"):
        law = exact(name)
        for masked in config.masked:
            for process in ("independent", "joint"):
                yield {"part": "plateau", "law": name, **stationary(law, process, 1 - masked, masked)}
        for share in config.shares:
            sigma = share * float(largest_sigma(config.alpha, config.alpha))
            yield {"part": "sigma", "law": name, **stationary(law, "independent", config.alpha, sigma)}


def stationary(law: Exact, process: str, alpha: float, sigma: float) -> dict[str, Any]:
    """Return the TVs of the law that a step at constant alpha leaves as it is."""
    from theory.remasking import chain
    from theory.remasking.posterior import posterior
    from theory.remasking.stationary import stationary_states
    from theory.worlds import information

    fill, step = (law.joint if process == "joint" else law.independent), posterior(alpha, alpha, sigma)
    settled = stationary_states(lambda laws: chain.posterior_step(laws, fill, step), law.world)
    noised = chain.noised_states(law.world, alpha)
    return {
        "process": process, "alpha": alpha, "sigma": sigma, "tv": law.distance(chain.draft_law(settled, fill)),
        "tv_states": float(information.total_variation(settled, noised)),
    }  # fmt: skip


def weights(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the weight of every step in the bound, by process."""
    from theory.remasking import bounds as bound
    from theory.remasking import schedules
    from theory.schedules import LINEAR

    grid = LINEAR.grid(config.weight_steps)
    rules = {
        "masked diffusion": schedules.no_sigma, f"cap {CAP:g}": schedules.cap(CAP),
        f"rescale {RESCALE:g}": schedules.rescale(RESCALE), "star": schedules.star_sigma,
        "largest": schedules.rescale(1.0),
    }  # fmt: skip
    for process, rule in rules.items():
        plan = schedules.plan(grid, rule)
        for k, (step, weight) in enumerate(zip(plan, bound.step_weights(plan), strict=True)):
            yield {"part": "weight", "process": process, "steps": len(plan), "time": k / len(plan), "weight": weight,
                   "alpha": float(step.alpha_now), "sigma": float(step.sigma)}  # fmt: skip


def bounds(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the mean bounds of star and masked diffusion under the data."""
    from synthetic.remasking import exact
    from theory.remasking.bounds import entropy_profile, step_weights, weighted
    from theory.remasking.schedules import standard, star

    for name in config.bound_laws:
        law = exact(name)
        profile = entropy_profile(law.world)
        for steps in config.bound_steps:
            free, starred = standard(steps), star(steps)
            alphas = [float(step.alpha_now) for step in free]
            below, above = (float(weighted(profile, alphas, step_weights(plan))) for plan in (free, starred))
            yield {"part": "bound", "law": name, "process": "star", "steps": steps, "bound": above, "standard": below}


def limits(config: Config) -> dict[str, float]:
    """Return entropies and limits of the laws."""
    from synthetic.remasking import exact
    from theory.remasking import bounds as bound
    from theory.remasking import chain

    found = {}
    for name in config.bound_laws:
        law = exact(name)
        found[f"{name}/entropy"] = float(law.world.entropy())
        found[f"{name}/growth"] = bound.star_growth(bound.entropy_profile(law.world))
    for name in PLATEAUS:
        law = exact(name)
        noised = chain.noised_states(law.world, config.alpha)
        found[f"{name}/fill"] = law.distance(chain.draft_law(noised, law.independent))
    return found
