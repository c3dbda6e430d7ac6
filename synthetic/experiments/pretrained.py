"""A real pretrained model, AntiBERTy, beside a trained and an exact Markov chain: everything that `measure` measures.

Needs the extra `pretrained` for AntiBERTy. It is asked about human germline chains (a V and a J gene, from the package
anarci) and about samples of its own, drawn one token a step in a random order. The chain's test sequences are asked of
a small trained model and of the chain's own conditionals, where the truth is known.

Table: a row for each measured number, as `synthetic.measuring.scores` lists them: source, item, free, kind, name,
parameter, value (nats, or a probability), calls and weight (nan where they mean nothing). Scalars: "SOURCE/weights",
the sha256 of the pretrained weights, where there are any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.measuring.scores import Plan
    from synthetic.measuring.sequences import Sequences
    from synthetic.models import ModelSpec
    from theory.denoisers import Denoiser

GERMLINE, OWN = "AntiBERTy, germline chains", "AntiBERTy, own samples"
TRAINED, EXACT = "Markov chain, trained", "Markov chain, exact"
LENGTH = 112
"""Amino acids of AntiBERTy's own samples: the length that most germline chains have."""


@dataclass(frozen=True)
class Config:
    """Sources, seeds (of draws, of the chosen sequences and of the trained model), sequences, and the plan's numbers.

    Of the samples of its own, which cost a call for each token, AntiBERTy is asked about `own` only.
    """

    scale: str = "laptop"
    sources: tuple[str, ...] = (GERMLINE, OWN, TRAINED, EXACT)
    tasks: tuple[str, ...] = ("chain",)
    seeds: tuple[int, ...] = (0,)
    items: int = 32
    own: int = 8
    scored: int = 10
    draws: int = 32
    orders: int = 2
    sizes: tuple[int, ...] = (2, 4, 8, 16)
    thresholds: tuple[float, ...] = (0.5, 0.7, 0.9)
    budgets: tuple[float, ...] = (0.1, 0.3, 1.0)


PRESETS = {
    "smoke": Config(
        "smoke", (TRAINED, EXACT), items=4, scored=2, draws=4, sizes=(4,), thresholds=(0.7,), budgets=(1.0,)
    ),
    "laptop": Config(),
    "h100": Config("h100", items=512, own=64, scored=64, draws=64),
    "gpu": Config("gpu", items=512, own=128, scored=128, draws=128),
}


def parts(config: Config) -> tuple[Config, ...]:
    """Return a config for each source; () where it has one."""
    if len(config.sources) == 1:
        return ()
    chain = (TRAINED, EXACT)
    return tuple(
        replace(config, sources=(source,), tasks=config.tasks if source in chain else ()) for source in config.sources
    )


def models(config: Config) -> tuple[ModelSpec, ...]:
    """Return the trained chain's model where it is asked about."""
    return trained_models.specs(config) if TRAINED in config.sources else ()


def check(config: Config) -> None:
    """Raise InvalidInput, saying what to install, where AntiBERTy is asked about and is not there."""
    if {GERMLINE, OWN} & set(config.sources):
        from synthetic.adapters import antibodies

        for file in (antibodies.MODEL, antibodies.GENES):
            antibodies.installed_file(*file)


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float | str]]:
    """Measure one source."""
    from synthetic.measuring.runs import measure

    (source,) = config.sources
    denoiser, data, weights = _source(config, source, progress)
    table = measure(denoiser, data, _plan(config), progress=progress).rows
    table.insert(0, "source", source)
    return table, {f"{source}/weights": weights} if weights else {}


def _plan(config: Config) -> Plan:
    from synthetic.measuring.scores import Plan

    return Plan(
        draws=config.draws, scored=config.scored, orders=config.orders, sizes=config.sizes,
        thresholds=config.thresholds, budgets=config.budgets, seed=config.seeds[0],
    )  # fmt: skip


def _source(config: Config, source: str, progress: Progress) -> tuple[Denoiser, Sequences, str]:
    from synthetic.measuring.sequences import sequences

    (seed,) = config.seeds
    if source in (GERMLINE, OWN):
        from synthetic.adapters import antibodies

        check(config)
        model: Any = antibodies.antiberty()
        if source == GERMLINE:
            chains: Any = [antibodies.tokens(chain) for chain in antibodies.germline_chains(config.items, seed)]
        else:
            chains = _samples(model, config.own, seed)
        return model, sequences(chains, model.d), antibodies.digest(*antibodies.MODEL)
    from synthetic.tasks import task

    if source == TRAINED:
        chain, model = trained_models.denoiser(config, progress)
    else:
        chain = task(*config.tasks)
        model = chain.world
    return model, sequences(trained_models.some(chain.test, config.items).tokens, chain.d), ""


def _samples(model: Denoiser, count: int, seed: int) -> Any:
    import torch

    from theory.unmasking.rules.sets import RandomOne
    from theory.unmasking.sampling import sample

    return sample(RandomOne(), model, torch.full((count, LENGTH), model.d), seed=seed).tokens
