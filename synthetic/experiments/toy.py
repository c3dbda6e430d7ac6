"""Three steps on the two targets of the toy experiment, exactly: every output law (arXiv 2509.13866, Fig. 4).

Table: target, schedule, rank (sentences by number of a's, then lexicographically), sentence, data, output.
Scalars per "target/schedule": kl = KL(mu || nu-bar) and tv of the output law, error (the path KL, its upper
bound), grid or sizes. Best Beta, best grid and best sizes minimise kl: over the plane of shapes, all grids,
all compositions. Nats. Unreachable states that a parallel step reaches get uniform conditionals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.experiments._mixed import Target


@dataclass(frozen=True)
class Config:
    """K; the plane of Beta shapes searched (a logarithmic axis); the lattice of grids searched."""

    steps: int = 3
    low: float = 0.1
    high: float = 12.0
    resolution: int = 60
    cells: int = 60


PRESETS = {
    "smoke": Config(resolution=12, cells=16),
    "laptop": Config(),
    "gpu": Config(resolution=300, cells=300),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float | str]]:
    """Compute the output law of every schedule on both targets."""
    import pandas as pd

    from synthetic.experiments._mixed import TARGETS, Target
    from theory import worlds
    from theory.worlds import information

    parts: list[pd.DataFrame] = []
    scalars: dict[str, float | str] = {}
    for key, factory in progress.track(TARGETS.items(), "targets"):
        world = getattr(worlds, factory)()
        target = Target.of(world, config.steps)
        curve = world.information_curve()
        for name, output, details in candidates(config, target, curve):
            parts.append(_sentences(key, name, target.law, output))
            scalars |= {
                f"{key}/{name}/kl": float(information.kullback_leibler(target.law, output)),
                f"{key}/{name}/tv": float(information.total_variation(target.law, output)),
                **{f"{key}/{name}/{what}": value for what, value in details.items()},
            }
    return pd.concat(parts, ignore_index=True), scalars


def candidates(config: Config, target: Target, curve: Tensor) -> Iterator[tuple[str, Tensor, dict[str, float | str]]]:
    """Yield name, output law, and error with what defines it, of every K-step schedule compared."""
    import numpy as np

    from synthetic.experiments import _mixed
    from theory.schedules import NAMED
    from theory.unmasking.curves import fixed_size_error, per_token_error

    def per_token(grid: Any) -> tuple[Tensor, dict[str, float | str]]:
        shown = ", ".join(f"{alpha:.4f}" for alpha in grid)
        return target.output(grid), {"error": float(per_token_error(curve, grid)), "grid": shown}

    for name, schedule in NAMED.items():
        yield name, *per_token(schedule.grid(config.steps))
    axis = np.geomspace(config.low, config.high, config.resolution)
    beta = _mixed.best_beta(target, axis)
    law, details = per_token(beta.grid)
    yield "best Beta", law, {**details, "a": beta.a, "b": beta.b}
    yield "best grid", *per_token(_mixed.best_grid(target, config.cells)[0])
    sizes, law = _mixed.best_sizes(target)
    details = {"error": float(fixed_size_error(curve, sizes)), "sizes": " + ".join(map(str, sizes))}
    yield "best sizes", law, details


def _sentences(key: str, schedule: str, law: Tensor, output: Tensor) -> pd.DataFrame:
    import pandas as pd

    from theory.worlds.states import all_sequences

    sentences = ["".join("ab"[token] for token in x) for x in all_sequences(5, 2).tolist()]
    table = pd.DataFrame({"target": key, "schedule": schedule, "sentence": sentences, "data": law, "output": output})
    table["rank"] = table["sentence"].map(lambda s: (s.count("a"), s)).rank().astype(int) - 1
    return table.sort_values("rank", ignore_index=True)
