"""What a rule's samples score with a judge, against how far they are from the data, exactly (arXiv 2603.01367).

Samples are often judged by the perplexity that a large language model assigns to them. Here the judge knows the data
law q: it is (1 - w) q + w (uniform over all sequences), so that impossible sequences have a high and finite score.
With p the exact output law of a rule, the generative NLL is E_p[-ln judge] (the logarithm of the perplexity of whole
sequences), which is the entropy of p plus KL(p || judge): samples that are less diverse score better.

Table: world, n, denoiser ("exact" conditionals, or "perturbed" ones: every log-probability is moved by its own normal
error, as in `duel_elbo`), draw (number of the perturbed denoiser), family, parameter (tokens a step, or the threshold's
confidence), calls (expected denoiser calls of the sampler), nll (generative, nats a sequence), kl (KL(q || p), nats),
entropy (of p, nats), missing (mass of p off the support of q). Scalars per world: entropy of the data; data, the
generative NLL of the data law itself; and per denoiser pairs (of rules of different families with expected calls at
most `near` apart and a different KL and NLL) and reversed (how many of them the NLL ranks against the KL).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.denoisers import Denoiser
    from theory.unmasking.rules.base import SetRule
    from theory.worlds import TableWorld

EQUAL = 1e-6
"""Values (nats) that differ by no more count as equal when rules are ranked."""


@dataclass(frozen=True)
class Config:
    """The worlds, confidences of the threshold, perturbed denoisers with the size of their errors (nats), the judge.

    `weight` is the judge's share of the uniform law; `near` are the expected calls by which two rules may differ to be
    compared.
    """

    worlds: tuple[str, ...] | Mapping[str, Any] = (
        "Markov chain", "Dirichlet(1)", "digit patches", "English 3-grams", "copied pairs", "even parity", "MDS code",
        "Dirichlet(0.05)", "six atoms",
    )  # fmt: skip
    confidences: tuple[float, ...] = (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
    draws: int = 4
    noise: float = 0.5
    weight: float = 0.01
    near: float = 0.1
    seed: int = 0


PRESETS = {
    "smoke": Config(worlds=("Markov chain", "digit patches", "six atoms"), confidences=(0.95, 0.8, 0.6), draws=2),
    "laptop": Config(),
    "gpu": Config(confidences=tuple(k / 50 for k in range(1, 50)), draws=100),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk every rule with the exact and with every perturbed denoiser of every world."""
    import pandas as pd
    import torch

    from synthetic.experiments.duel_elbo import perturbed
    from synthetic.small_worlds import small
    from synthetic.worlds import chosen
    from theory.worlds.table import table_of

    generator = torch.Generator().manual_seed(config.seed)
    rows: list[dict[str, Any]] = []
    scalars: dict[str, float] = {}
    for name in progress.track(config.worlds, "worlds"):
        world = table_of(chosen(config.worlds, name, small))
        denoisers: list[tuple[str, int, Denoiser]] = [("exact", 0, world)]
        denoisers += [("perturbed", k, perturbed(world, config.noise, generator)) for k in range(config.draws)]
        mine = []
        for label, draw, denoiser in denoisers:
            base = {"world": name, "n": world.n, "denoiser": label, "draw": draw}
            mine += [{**base, **row} for row in measured(world, denoiser, config)]
        rows += mine
        scalars |= {f"{name}/{key}": value for key, value in facts(world, pd.DataFrame(mine), config).items()}
    return pd.DataFrame(rows), scalars


def rules(config: Config, n: int) -> Iterator[tuple[str, float, SetRule]]:
    """Yield family, parameter and rule; of the sizes that need as many calls the most even one."""
    from theory.unmasking.rules.sets import LeftToRight, Threshold, TopK

    sizes = sorted({-(-n // calls) for calls in range(1, n + 1)})
    for k in sizes:
        yield "left to right", float(k), LeftToRight(k)
        yield "confidence", float(k), TopK(k, "confidence")
        yield "margin", float(k), TopK(k, "margin")
    for sure in config.confidences:
        yield "threshold", sure, Threshold(-sure, "confidence")


def measured(world: TableWorld, denoiser: Denoiser, config: Config) -> Iterator[dict[str, Any]]:
    """Yield what each rule's exact output law is like."""
    from theory.unmasking.walks import walk

    law = world.law()
    judge = (1 - config.weight) * law + config.weight / len(law)
    for family, parameter, rule in rules(config, world.n):
        walked = walk(rule, world, denoiser)
        output = walked.output.law()
        yield {
            "family": family, "parameter": parameter, "calls": float(walked.calls),
            "nll": float(-(output @ judge.log())), "kl": max(0.0, float(walked.divergence)),
            "entropy": float(walked.output.entropy()), "missing": float(output[law <= 0].sum()),
        }  # fmt: skip


def facts(world: TableWorld, table: pd.DataFrame, config: Config) -> dict[str, float]:
    """Return the scalars of one world."""
    law = world.law()
    judge = (1 - config.weight) * law + config.weight / len(law)
    known = {"entropy": float(world.entropy()), "data": float(-(law @ judge.log()))}
    for denoiser, rows in table.groupby("denoiser"):
        counts = [comparisons(mine, config.near) for _, mine in rows.groupby("draw")]
        known[f"{denoiser}/pairs"] = float(sum(pairs for pairs, _ in counts))
        known[f"{denoiser}/reversed"] = float(sum(turned for _, turned in counts))
    return known


def comparisons(table: pd.DataFrame, near: float) -> tuple[int, int]:
    """Return the pairs of different rules at about equal calls that KL and NLL both rank, and those ranked oppositely.

    Rules with the same calls, KL and NLL are one: with two symbols margin and confidence, for example.
    """
    import itertools

    distinct = table.round({"calls": 9, "kl": 9, "nll": 9}).drop_duplicates(["calls", "kl", "nll"])
    pairs = turned = 0
    for one, other in itertools.combinations(distinct.to_dict("records"), 2):
        further, worse = one["kl"] - other["kl"], one["nll"] - other["nll"]
        compared = one["family"] != other["family"] and abs(one["calls"] - other["calls"]) <= near
        if compared and min(abs(further), abs(worse)) > EQUAL:
            pairs += 1
            turned += further * worse < 0
    return pairs, turned
