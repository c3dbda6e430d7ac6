"""Whether a yes or no is revealed before or after the reasoning that it follows from (arXiv 2602.18176, Case 2).

The world: a reasoning string of d symbols, a Markov chain that keeps its symbol with probability `stay`, then an
answer token: 1 (yes) where the sum of the symbols is divisible by d, else 0. The denoiser's conditionals are exact, but
a share `blind` of the conditional of every reasoning token ignores an answer that is already there: such a model writes
the answer from the reasoning without fault and fits the reasoning to an answer less well. At share 0 it is exact.

Table: blind, rule, family ("order" for rules that do not look ahead, "Info-Gain"), form (of Info-Gain, else empty),
place (how many reasoning tokens are there when the answer is revealed), share (of the runs), and for the whole run,
repeated in every row of it: accuracy (chance that the answer is that of the reasoning), cumulative (expected
cumulative entropy, nats), entropy (of the output, nats), tv (total variation of the output law from the data law). All
rules reveal one token a step at temperature 1. Scalars: n, entropy of the data, and at the start the entropies of the
answer and of a reasoning token (token).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.denoisers import TableDenoiser
    from theory.unmasking.rules.base import Rule
    from theory.worlds import TableWorld

FORMS = ("mean", "sum", "look-ahead")


@dataclass(frozen=True)
class Config:
    """Reasoning tokens, symbols, the chain's persistence, the blind shares, Info-Gain's candidates and temperature."""

    reasoning: int = 4
    d: int = 3
    stay: float = 0.7
    blind: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    candidates: int = 8
    tau_position: float = 0.1


PRESETS = {
    "smoke": Config(reasoning=3, blind=(0.0, 0.5, 1.0)),
    "laptop": Config(),
    "gpu": Config(reasoning=6, blind=tuple(k / 50 for k in range(51))),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk every rule with every share."""
    import pandas as pd

    from theory.worlds import information

    world = reasoned(config)
    rows: list[dict[str, Any]] = []
    for blind in progress.track(config.blind, "shares"):
        denoiser = half_blind(world, blind)
        for family, form, name, rule in rules(config):
            whole, places = measured(world, denoiser, rule)
            label = {"blind": blind, "rule": name, "family": family, "form": form}
            rows += [{**label, "place": k, "share": share, **whole} for k, share in enumerate(places)]
    start = world.conditionals(_blank(world))[0]
    return pd.DataFrame(rows), {
        "n": float(world.n), "entropy": float(world.entropy()),
        "answer": float(information.entropy(start[-1])), "token": float(information.entropy(start[0])),
    }  # fmt: skip


def reasoned(config: Config) -> TableWorld:
    """Return the world."""
    import torch

    from theory.worlds import TableWorld, states

    n, d = config.reasoning + 1, config.d
    x = states.all_sequences(n, d)
    string, answer = x[:, :-1], x[:, -1]
    kept = (string[:, 1:] == string[:, :-1]).double()
    chance = (config.stay * kept + (1 - config.stay) / (d - 1) * (1 - kept)).prod(-1) / d
    right = answer == (string.sum(-1) % d == 0).long()
    return TableWorld(torch.where(right, chance, 0.0), n, d, "reasoning with an answer")


def half_blind(world: TableWorld, blind: float) -> TableDenoiser:
    """Return conditionals of the reasoning of which a share does not see the answer."""
    import torch

    from theory.denoisers import TableDenoiser
    from theory.worlds import states

    z = states.all_states(world.n, world.d)
    unseen = z.clone()
    unseen[:, -1] = world.d
    exact, without = world.conditionals(z), world.conditionals(unseen)
    mixed = (1 - blind) * exact + blind * without
    hidden = (z == world.d)[..., None]
    reasoning = torch.arange(world.n)[:, None] < world.n - 1
    return TableDenoiser(torch.where(hidden & reasoning, mixed, exact).log(), f"blind in {blind:g}")


def rules(config: Config) -> Iterator[tuple[str, str, str, Rule]]:
    """Yield family, form, name and rule."""
    from theory.unmasking.rules.info_gain import SampledInfoGain
    from theory.unmasking.rules.sets import LeftToRight, RandomOne, TopK

    yield "order", "", "left to right", LeftToRight(1)
    yield "order", "", "random", RandomOne()
    for by in ("entropy", "confidence", "margin"):
        yield "order", "", by, TopK(1, by)
    for form in FORMS:
        rule = SampledInfoGain(config.candidates, form, config.tau_position, greedy=True)  # type: ignore[arg-type]  # a form by name
        yield "Info-Gain", form, f"Info-Gain, {form}", rule


def measured(world: TableWorld, denoiser: TableDenoiser, rule: Rule) -> tuple[dict[str, float], list[float]]:
    """Return what a run is like, and the chance that 0, 1, ... reasoning tokens precede the answer."""
    from theory.unmasking.rules.info_gain import immediate_cost
    from theory.unmasking.walks import walk
    from theory.worlds import states

    walked = walk(rule, world, denoiser)
    z, mass = states.all_states(world.n, world.d), walked.visits
    hidden = z == world.d
    open_ = hidden.any(-1) & (mass > 0)
    if rule.value_free:
        cumulative = float(walked.total(walked.nodes.surprise, "sampler"))
    else:
        cumulative = float(mass[open_] @ immediate_cost(rule, denoiser, z[open_]))  # type: ignore[arg-type]  # looks at tokens
    revealed = (~hidden[:, :-1]).sum(-1)
    waiting = [float(mass[hidden[:, -1] & (revealed == k)].sum()) for k in range(world.n)]
    output = walked.output.law()
    whole = {
        "accuracy": float(output[world.law() > 0].sum()), "cumulative": cumulative,
        "entropy": float(walked.output.entropy()), "tv": float((output - world.law()).abs().sum() / 2),
    }  # fmt: skip
    return whole, [max(0.0, now - later) for now, later in zip(waiting, [*waiting[1:], 0.0], strict=True)]


def _blank(world: TableWorld) -> Any:
    import torch

    return torch.full((1, world.n), world.d)
