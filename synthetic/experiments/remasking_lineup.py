"""Seven samplers that remask and masked diffusion at equal evaluations, exactly (arXiv 2510.08369, 2503.00307).

Table: law, sampler, budget (evaluations of a network that a run may make), steps (T, the most that the budget allows),
evaluations (of the denoiser, one a step, and of the error predictor, one a step in which it decides), kl (of the data
from the output, nats), tv (of the output from the data), entropy (of the output, nats).
Samplers: "masked diffusion"; "ReMDM-cap", eta = Config.masked_again / T and at most 1; "ReMDM-conf", with the largest
sigma shared out; "ReMDM-loop", with the largest sigma on its plateau; "Star+" and "G-Star+", a fixed count masked again
for t <= Config.window, at random or by the optimal error predictor; "confidence-star" and "G-Star-loop", a fixed count
masked again on the loop's plateau, by the probability of tokens when revealed or by the predictor, temperature 1.
Exact conditionals, linear schedule but for the loops.
Scalars: per law its entropy (nats).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.remasking import Exact
    from theory.remasking.schedules import Step
    from theory.worlds import TableWorld

SAMPLERS = (
    "masked diffusion", "ReMDM-cap", "ReMDM-conf", "ReMDM-loop", "Star+", "confidence-star", "G-Star+", "G-Star-loop",
)  # fmt: skip
GUIDED = ("G-Star+", "G-Star-loop")
REMEMBERING = ("ReMDM-conf", "confidence-star")


@dataclass(frozen=True)
class Config:
    """The laws, the budgets, how often cap masks a position again, and t_on of Star+ and G-Star+.

    A run of 128 steps with eta = .04, the paper's for short runs, has eta T = 5.12.
    """

    laws: tuple[str, ...] = ("chain of 3", "product law", "two copied pairs")
    budgets: tuple[int, ...] = (8, 16, 32)
    masked_again: float = 5.12
    window: float = 0.3


PRESETS = {
    "smoke": Config(laws=("chain of 3", "two copied pairs"), budgets=(8, 16)),
    "laptop": Config(),
    "gpu": Config(budgets=(8, 16, 32, 64, 128)),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the output law of every sampler for every law and budget."""
    import pandas as pd

    from synthetic.remasking import exact
    from theory.remasking.confident import remembered

    rows: list[dict[str, Any]] = []
    scalars = {}
    for name in progress.track(config.laws, "laws"):
        law = exact(name)
        memory = remembered(law.world)
        scalars[f"{name}/entropy"] = float(law.world.entropy())
        for sampler in SAMPLERS:
            for budget in config.budgets:
                steps = affordable(config, sampler, budget, law.world.n)
                output = sampled(law, memory, sampler, steps)
                rows.append({
                    "law": name, "sampler": sampler, "budget": budget, "steps": len(steps),
                    "evaluations": evaluations(sampler, steps, law.world.n), "kl": law.divergence(output),
                    "tv": law.distance(output), "entropy": float(output.entropy()),
                })  # fmt: skip
    return pd.DataFrame(rows), scalars


def affordable(config: Config, sampler: str, budget: int, n: int) -> Sequence[Step]:
    """Return the longest run of a sampler that the budget allows."""
    runs = (planned(config, sampler, steps) for steps in range(budget, 3, -1))
    return next(steps for steps in runs if evaluations(sampler, steps, n) <= budget)


def evaluations(sampler: str, steps: Sequence[Step], n: int) -> int:
    """Return the evaluations of a run: a denoiser's at every step, a predictor's where it has a choice."""
    from theory.remasking.selection import Selection

    if sampler not in GUIDED:
        return len(steps)
    counts = [int(Selection().counts(float(step.alpha_next), n).argmax()) for step in steps if step.kind == "counted"]
    return len(steps) + sum(0 < count < n for count in counts)


def planned(config: Config, sampler: str, steps: int) -> Sequence[Step]:
    """Return the steps of a sampler."""
    from theory.remasking import schedules
    from theory.schedules import LINEAR

    late = (1 - config.window, 1.0)
    match sampler:
        case "masked diffusion":
            return schedules.standard(steps)
        case "ReMDM-cap":
            return schedules.plan(LINEAR.grid(steps), schedules.cap(min(1.0, config.masked_again / steps)))
        case "ReMDM-conf":
            return schedules.plan(LINEAR.grid(steps), schedules.rescale(1.0), kind="confident")
        case "ReMDM-loop":
            return schedules.loop(steps, schedules.rescale(1.0))
        case "Star+" | "G-Star+":
            return schedules.counted(steps, late)
        case _:
            return schedules.loop(steps, kind="counted")


def sampled(law: Exact, memory: Any, sampler: str, steps: Sequence[Step]) -> TableWorld:
    """Return the law of a sampler's output."""
    from theory.remasking.confident import confident_output

    if sampler in REMEMBERING:
        return confident_output(memory, steps)
    return law.output("guided" if sampler in GUIDED else "fixed count", steps)
