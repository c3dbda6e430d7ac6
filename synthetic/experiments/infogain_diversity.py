"""Info-Gain's cumulative entropy against the entropy and the error of what it draws, exactly (arXiv 2602.18176).

Table: law (number), form (mean, sum or look-ahead objective), candidates (N), tilde (expected cumulative entropy),
entropy (of the output law), kl (KL(p_out || q)), data (entropy of the data law); all in nats, exact conditionals,
tau_position as in the config, tau_token 1, one token a step. Scalars: identity (largest |tilde - entropy| at N = 1,
where both are the data's entropy), and per form and N the means of tilde, entropy and kl.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.unmasking.rules.info_gain import SampledInfoGain
    from theory.worlds import World

FORMS = ("mean", "sum", "look-ahead")


@dataclass(frozen=True)
class Config:
    """Number, length and tokens of the flat Dirichlet laws; the largest N; the positions' temperature."""

    laws: int = 24
    n: int = 3
    d: int = 3
    most: int = 8
    tau_position: float = 0.1
    seed: int = 0


PRESETS = {
    "smoke": Config(laws=4),
    "laptop": Config(),
    "gpu": Config(laws=500, n=4, most=32),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk every law with N = 1..most candidates."""
    import pandas as pd
    import torch

    from theory import worlds
    from theory.unmasking.rules.info_gain import SampledInfoGain
    from theory.worlds import information

    generator = torch.Generator().manual_seed(config.seed)
    rows: list[dict[str, Any]] = []
    for number in progress.track(range(config.laws), "laws"):
        world = worlds.dirichlet(config.n, config.d, 1.0, generator)
        data = float(information.entropy(world.law()))
        for form in FORMS:
            for count in range(1, config.most + 1):
                rule = SampledInfoGain(count, form, config.tau_position)
                base = {"law": number, "form": form, "candidates": count}
                rows.append({**base, **measured(rule, world), "data": data})
    table = pd.DataFrame(rows)
    single = table[table["candidates"] == 1]
    scalars = {"identity": float((single["tilde"] - single["entropy"]).abs().max())}
    for (form, count), mine in table.groupby(["form", "candidates"]):
        scalars |= {f"{form}/{count}/{what}": float(mine[what].mean()) for what in ("tilde", "entropy", "kl")}
    return table, scalars


def measured(rule: SampledInfoGain, world: World) -> dict[str, float]:
    """Return E[cumulative entropy], the output law's entropy and KL(p_out || q)."""
    from theory.unmasking.rules.info_gain import immediate_cost
    from theory.unmasking.walks import walk
    from theory.worlds import information, states

    found = walk(rule, world)
    z, mass = states.all_states(world.n, world.d), found.visits
    open_ = (z == world.d).any(-1) & (mass > 0)
    return {
        "tilde": float(mass[open_] @ immediate_cost(rule, world, z[open_])),
        "entropy": float(found.output.entropy()),
        "kl": float(information.kullback_leibler(found.output.law(), found.world.law()).clamp(min=0)),
    }
