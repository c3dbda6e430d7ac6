"""What Info-Gain's candidates, position temperature and bypass buy, exactly, on a reasoning world (arXiv 2602.18176).

The world and the denoiser are those of `infogain_answer`: a reasoning string and an answer that is a function of it,
and conditionals that are exact but for a share of every reasoning token's, which ignores an answer that is already
there. One parameter of the sampler (mean form, with the greedy candidate, one token a step, temperature 1) is varied at
a time.

Table: parameter ("N" candidates, "tau" temperature of the positions, "gamma" bypass level; above 1 there is none),
value, default (whether it is the one that the other parts have), accuracy (chance that the answer is that of the
reasoning), cumulative (expected cumulative entropy, nats), entropy (of the output, nats), tv (total variation of the
output law from the data law), evaluated (expected sequences that the denoiser evaluates, candidates that repeat counted
too), bypassed (expected steps without look-ahead because of the bypass). Scalars: entropy of the data, and accuracy,
cumulative and output entropy of plain decoding by entropy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.denoisers import TableDenoiser
    from theory.unmasking.rules.info_gain import SampledInfoGain
    from theory.worlds import TableWorld

OFF = 1.1
"""A bypass level that no probability reaches."""


@dataclass(frozen=True)
class Config:
    """The world, the ignored share, the values of each parameter, and what it is while another one varies."""

    reasoning: int = 4
    blind: float = 0.8
    candidates: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    temperatures: tuple[float, ...] = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
    bypasses: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, OFF)
    count: int = 8
    tau_position: float = 0.1
    bypass: float = OFF


PRESETS = {
    "smoke": Config(reasoning=3, candidates=(1, 2, 8), temperatures=(0.1, 0.4), bypasses=(0.7, 0.9, OFF)),
    "laptop": Config(),
    "gpu": Config(
        reasoning=6, candidates=tuple(range(1, 65)), temperatures=tuple(0.01 * 2 ** (k / 4) for k in range(32)),
        bypasses=(*(0.5 + k / 100 for k in range(51)), OFF),
    ),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk the sampler with every value."""
    import pandas as pd

    from synthetic.experiments import infogain_answer
    from theory.unmasking.rules.sets import TopK

    world = infogain_answer.reasoned(infogain_answer.Config(reasoning=config.reasoning))
    denoiser = infogain_answer.half_blind(world, config.blind)
    rows: list[dict[str, Any]] = []
    for parameter, value, default, rule in progress.track(list(rules(config)), "values"):
        label = {"parameter": parameter, "value": float(value), "default": default}
        rows.append({**label, **measured(world, denoiser, rule)})
    plain, _ = infogain_answer.measured(world, denoiser, TopK(1, "entropy"))
    known = {f"plain/{name}": plain[name] for name in ("accuracy", "cumulative", "entropy")}
    return pd.DataFrame(rows), {"entropy": float(world.entropy()), **known}


def rules(config: Config) -> Iterator[tuple[str, float, bool, SampledInfoGain]]:
    """Yield parameter, value, whether it is the default, and the sampler."""
    from dataclasses import replace

    from theory.unmasking.rules.info_gain import SampledInfoGain

    base = SampledInfoGain(config.count, "mean", config.tau_position, greedy=True, bypass=config.bypass)
    for count in config.candidates:
        yield "N", count, count == config.count, replace(base, count=count)
    for tau in config.temperatures:
        yield "tau", tau, tau == config.tau_position, replace(base, tau_position=tau)
    for level in config.bypasses:
        yield "gamma", level, level == config.bypass, replace(base, bypass=level)


def measured(world: TableWorld, denoiser: TableDenoiser, rule: SampledInfoGain) -> dict[str, float]:
    """Return what a run is like and what it costs.

    The first conditionals are one sequence; every step but the last evaluates the candidates, or after a bypass the
    one state that it leads to.
    """
    from synthetic.experiments import infogain_answer
    from theory.tolerance import meets
    from theory.unmasking.walks import walk
    from theory.worlds import states

    whole, _ = infogain_answer.measured(world, denoiser, rule)
    z, mass = states.all_states(world.n, world.d), walk(rule, world, denoiser).visits
    hidden = z == world.d
    open_ = hidden.any(-1) & (mass > 0)
    sure = denoiser(z[open_]).amax(-1).exp().masked_fill(~hidden[open_], 0.0).amax(-1)
    bypassed = meets(-sure, -(rule.bypass or OFF))
    several = hidden[open_].sum(-1) > 1
    spent = bypassed.double() + (~bypassed).double() * rule.count
    return {
        **whole, "evaluated": 1.0 + float(mass[open_] @ (several * spent)),
        "bypassed": float(mass[open_] @ bypassed.double()),
    }  # fmt: skip
