"""What ReMDM's eta does to perplexity, entropy and the law itself, exactly: cap, loop, rescale (arXiv 2503.00307).

Table: denoiser ("nucleus": exact conditionals cut to the smallest set of tokens whose mass reaches Config.nucleus;
"exact": not cut), strategy ("cap", "loop", "rescale"), steps (T), eta, nll (E -ln data law under the output, nats: the
logarithm of the generative perplexity that a perfect judge measures), entropy (of the output, nats), kl (of the data
from the output, nats), tv (of the output from the data). The released code of the paper keeps the likeliest tokens
whose mass does not exceed the nucleus, and the likeliest one in any case; of two tokens it would keep one always.
The world is a Markov chain of n = Config.n tokens with start (.7, .3) that stays with chance .85. The loop has the
paper's t_on, t_off and plateau, and eta caps its sigma; it has no rows at numbers of steps that leave its plateau
without a step.
Scalars: n; entropy, of the data law (nats: there nll and entropy are equal); nucleus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.remasking import Exact
    from theory.remasking.drafts import Proposal
    from theory.remasking.schedules import Step

STRATEGIES = ("cap", "loop", "rescale")


@dataclass(frozen=True)
class Config:
    """The length, the nucleus, the numbers of steps (the longest also with exact conditionals), and eta."""

    n: int = 5
    nucleus: float = 0.9
    steps: tuple[int, ...] = (3, 5, 20, 80)
    etas: tuple[float, ...] = (0.0, 0.002, 0.008, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


PRESETS = {
    "smoke": Config(n=4, steps=(3, 4, 16), etas=(0.0, 0.05, 0.2, 1.0)),
    "laptop": Config(),
    "gpu": Config(n=6, steps=(3, 6, 24, 96, 384)),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the output law of every strategy, number of steps and eta."""
    import pandas as pd

    from theory.remasking import drafts
    from theory.unmasking.rules.tokens import Sharpened, TokenLaw

    law = chain(config.n)
    cut = drafts.factorised(Sharpened(law.world, TokenLaw(nucleus=config.nucleus)))
    cases = [("nucleus", cut, steps) for steps in config.steps] + [("exact", law.independent, config.steps[-1])]
    rows = [
        {"denoiser": denoiser, **row}
        for denoiser, proposal, steps in progress.track(cases, "runs")
        for row in swept(config, law, proposal, steps)
    ]
    scalars = {"n": float(config.n), "entropy": float(law.world.entropy()), "nucleus": config.nucleus}
    return pd.DataFrame(rows), scalars


def chain(n: int) -> Exact:
    """Return the Markov chain of the figures on remasking, with n tokens."""
    import torch

    from synthetic.remasking import START, STAY, Exact
    from theory.worlds.table import table_of
    from theory.worlds.tree import markov_chain

    moves = torch.tensor([[STAY, 1 - STAY], [1 - STAY, STAY]], dtype=torch.float64)
    return Exact(table_of(markov_chain(moves, n, torch.tensor(START, dtype=torch.float64))))


def swept(config: Config, law: Exact, proposal: Proposal, steps: int) -> Iterator[dict[str, Any]]:
    """Yield a row for every strategy and eta at one number of steps."""
    from theory.remasking import chain as exact_chain

    for strategy in STRATEGIES:
        for eta in config.etas if strategy != "loop" or has_plateau(steps) else ():
            output = exact_chain.output_law(proposal, planned(strategy, steps, eta))
            yield {
                "strategy": strategy, "steps": steps, "eta": eta, "nll": law.surprise(output),
                "entropy": float(output.entropy()), "kl": law.divergence(output), "tv": law.distance(output),
            }  # fmt: skip


def planned(strategy: str, steps: int, eta: float) -> Sequence[Step]:
    """Return the steps of a strategy, for linear alpha."""
    from theory.remasking import schedules
    from theory.schedules import LINEAR

    if strategy == "loop":
        return schedules.loop(steps, schedules.cap(eta))
    rule = schedules.cap(eta) if strategy == "cap" else schedules.rescale(eta)
    return schedules.plan(LINEAR.grid(steps), rule)


def has_plateau(steps: int) -> bool:
    """Return whether two of the times k / T lie in the loop's window [.45, .95], so that a step lies on its plateau."""
    return sum(9 * steps <= 20 * k <= 19 * steps for k in range(steps + 1)) >= 2
