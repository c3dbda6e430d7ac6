"""How often discrete flow matching and ReMDM's cap and loop mask a shown token again, over time (arXiv 2503.00307).

Table: part ("cap": runs shorter than the text of the paper, "loop": longer ones), process ("DFM", "ReMDM"), steps (T),
time (the paper's t at the start of a step: 1 is all masks, 0 the end), alpha (revealed fraction at the start of the
step), sigma (chance that the step masks a shown token again), most (largest admissible sigma of the step).
At most Config.points steps of each run are kept, evenly spread, with the first and the last. Linear alpha but for the
loop. No data and no model take part.
Scalars per part, process and T: steps, how many steps are taken; remasked, the expected number of times that one
position is masked again in the whole run, the sum of sigma alpha over all steps. And "limit": what that sum tends to
for DFM as T grows, 10 B(5/4, 5/4), B the beta function; "cap eta" and "loop eta".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.remasking.schedules import Step


@dataclass(frozen=True)
class Config:
    """Numbers of steps of the two parts, the paper's constants of cap and loop, and the points kept of each curve."""

    cap_steps: tuple[int, ...] = (128, 256, 512)
    cap_eta: float = 0.04
    loop_steps: tuple[int, ...] = (1024, 2048, 4096)
    loop_eta: float = 0.02
    t_on: float = 0.55
    t_off: float = 0.05
    plateau: float = 0.9
    points: int = 160


PRESETS = {
    "smoke": Config(cap_steps=(32, 64, 128), loop_steps=(128, 256, 512), points=60),
    "laptop": Config(),
    "gpu": Config(points=600),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """List the steps of every run."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    scalars = {
        "cap eta": config.cap_eta, "loop eta": config.loop_eta,
        "limit": 10 * math.gamma(1.25) ** 2 / math.gamma(2.5),
    }  # fmt: skip
    for part, process, steps, taken in progress.track(list(runs(config)), "runs"):
        name = f"{part}/{process}/{steps}"
        scalars[f"{name}/steps"] = float(len(taken))
        scalars[f"{name}/remasked"] = math.fsum(float(step.sigma * step.alpha_now) for step in taken)
        times = nominal_times(process, taken)
        rows += [
            {"part": part, "process": process, "steps": steps, "time": times[k], **facts(taken[k])}
            for k in spread(len(taken), config.points)
        ]
    return pd.DataFrame(rows), scalars


def runs(config: Config) -> Iterator[tuple[str, str, int, Sequence[Step]]]:
    """Yield part, process, T and steps of every run."""
    from theory.remasking.flow_corrector import flow_steps
    from theory.remasking.schedules import cap, loop, plan
    from theory.schedules import LINEAR

    for steps in config.cap_steps:
        yield "cap", "DFM", steps, flow_steps(steps)
        yield "cap", "ReMDM", steps, plan(LINEAR.grid(steps), cap(config.cap_eta))
    window = (1 - config.t_on, 1 - config.t_off)
    for steps in config.loop_steps:
        yield "loop", "DFM", steps, flow_steps(steps)
        yield "loop", "ReMDM", steps, loop(steps, cap(config.loop_eta), window=window, plateau=config.plateau)


def nominal_times(process: str, taken: Sequence[Step]) -> list[float]:
    """Return the paper's t at the start of every step: 1 - alpha for DFM, 1 - k / T for ReMDM's even steps."""
    if process == "DFM":
        return [1 - float(step.alpha_now) for step in taken]
    return [1 - k / len(taken) for k in range(len(taken))]


def facts(step: Step) -> dict[str, float]:
    """Return what the table keeps of a step."""
    from theory.remasking.posterior import largest_sigma

    now, after = float(step.alpha_now), float(step.alpha_next)
    return {"alpha": now, "sigma": float(step.sigma), "most": float(largest_sigma(now, after))}


def spread(size: int, points: int) -> list[int]:
    """Return at most `points` of the numbers 0..size-1, evenly spread, with the first and the last."""
    if size <= points:
        return list(range(size))
    return sorted({round(k * (size - 1) / (points - 1)) for k in range(points)})
