"""Where the loop's plateau should begin, end and lie, with guidance and without, exactly (arXiv 2510.08369, App. C.2).

Table: part ("t_on", "t_off", "alpha_on": which of the three is moved), value (of what is moved; the other two keep the
paper's values), steps (T), sampler ("star": every position masked again independently with chance 1 - alpha_on, "fixed
count": a uniform subset of ceil((1 - alpha_on) n) positions, "guided": a subset of that size by the Bayes-optimal error
predictor, temperature 1), kl (of the data from the output, nats), tv (of the output from the data), entropy (of the
output, nats).
t_on and t_off are the times of the paper, 1 at all masks and 0 at the end, and every multiple of 1 / T that leaves two
steps or more on the plateau. Law: the Markov chain of 4 binary tokens with start (.7, .3) that stays with chance .85.
Exact conditionals.
Scalars: entropy (of the data, nats); per T "kl", of masked diffusion; t_on, t_off and alpha_on, the paper's values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

LAW = "chain of 4"
SAMPLERS = {"star": "posterior", "fixed count": "counted", "guided": "counted"}
"""From samplers to the kind of their steps on the plateau."""


@dataclass(frozen=True)
class Config:
    """Numbers of steps; the paper's t_on, t_off and alpha_on; the values of alpha_on."""

    steps: tuple[int, ...] = (8, 32)
    t_on: float = 0.55
    t_off: float = 0.05
    plateau: float = 0.9
    plateaus: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)


PRESETS = {
    "smoke": Config(steps=(8, 16), plateaus=(0.4, 0.6, 0.8, 0.9, 0.95)),
    "laptop": Config(),
    "gpu": Config(steps=(8, 32, 128)),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the output law for every value, number of steps and sampler."""
    import pandas as pd

    from synthetic.remasking import exact
    from theory.remasking import schedules

    law = exact(LAW)
    rows: list[dict[str, Any]] = []
    scalars = {
        "entropy": float(law.world.entropy()), "t_on": config.t_on, "t_off": config.t_off, "alpha_on": config.plateau,
    }  # fmt: skip
    for steps in progress.track(config.steps, "steps"):
        scalars[f"{steps}/kl"] = law.divergence(law.output("fixed count", schedules.standard(steps)))
        for part, value, window, plateau in places(config, steps):
            for sampler, kind in SAMPLERS.items():
                plan = schedules.loop(steps, schedules.star_sigma, kind, window, plateau)
                output = law.output(sampler, plan)
                rows.append({
                    "part": part, "value": value, "steps": steps, "sampler": sampler, "kl": law.divergence(output),
                    "tv": law.distance(output), "entropy": float(output.entropy()),
                })  # fmt: skip
    return pd.DataFrame(rows), scalars


def places(config: Config, steps: int) -> Iterator[tuple[str, float, tuple[float, float], float]]:
    """Yield part, value, window in generation time and plateau of every run."""
    for k in range(1, steps):
        value = k / steps
        if held(steps, value, config.t_off) >= 2:
            yield "t_on", value, (1 - value, 1 - config.t_off), config.plateau
    for k in range(steps):
        value = k / steps
        if value < config.t_on and held(steps, config.t_on, value) >= 2:
            yield "t_off", value, (1 - config.t_on, 1 - value), config.plateau
    for value in config.plateaus:
        yield "alpha_on", value, (1 - config.t_on, 1 - config.t_off), value


def held(steps: int, t_on: float, t_off: float) -> int:
    """Return the number of steps between two times of the grid that both lie in [t_off, t_on]."""
    inside = [k for k in range(steps + 1) if t_off - 1e-9 <= k / steps <= t_on + 1e-9]
    return max(0, len(inside) - 1)
