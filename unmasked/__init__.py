"""What one imports: `import unmasked as um`.

    um.measure(rule or schedule, law)     what a sampler gets wrong and what it costs, exactly where the world is small
    um.compare(schedule, world, steps)    a mask schedule against the best one that exists
    um.fit(rows, d)                       a small masked diffusion model of one's own data, trained and measured
    um.trained(task, preset)              a small model that the figures use, found on disk or trained
    um.denoiser(model, ...)               a network, function or table as the denoiser of all of these
    um.adapters.masked_lm(model, ...)     a masked language model of Hugging Face, or any network of ids, as a denoiser
    um.measure_model(model, sequences)    your model's likelihood, orders, rules, schedules and drafts, with intervals
    um.training.losses(world, denoiser)   bias and variance of public training losses, exactly; also of one's own
    um.temperature.measured(runs)         U, S and temperatures of your training at constant learning rates
    um.crossbars.on_crossbars(network)    your network with the weights that resistive crossbars realise
    um.claim(statement)                   an inequality of one's own, checked on drawn worlds, with a shrunk witness
    um.claims(paper=..., refuted=True)    a table of the claims of the papers, with their verdicts
    um.explore.rules(world, rules)        tables of what the notebooks show: rules, schedules' errors, remasking, rounds
    um.explorers.rules(budget=0.3)        a picture of what the notebooks explore; its .sliders() in Jupyter
    um.figures.draw(name, ...)            a figure of the gallery, with one's own worlds, rules and settings

Everything is found at its first use, so that the import itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from figures import drawing as figures
    from synthetic import tasks as tasks
    from theory import schedules as schedules
    from theory import worlds as worlds
    from theory.denoisers import Denoiser as Denoiser
    from theory.denoisers import TableDenoiser as TableDenoiser
    from theory.denoisers import denoiser as denoiser
    from theory.energy import closed_forms as energies
    from theory.errors import InvalidInput as InvalidInput
    from theory.power import programs as programs
    from theory.prompted import prompted as prompted
    from theory.reference import laws as reference
    from theory.reference import remasking as reference_remasking
    from theory.remasking import chain as remasking
    from theory.remasking import drafts as drafts
    from theory.remasking import planned as planned
    from theory.remasking import posterior as posteriors
    from theory.remasking import stationary as stationary
    from theory.schedules import as_schedule as schedule
    from theory.speculation import bounds as speculation_bounds
    from theory.speculation import coupling as coupling
    from theory.speculation import gaussian as gaussian_chains
    from theory.speculation import masked as speculation
    from theory.speculation import sampling as gaussian_speculation
    from theory.unmasking import best_rules as best_rules
    from theory.unmasking import curves as curves
    from theory.unmasking import early_ends as early_ends
    from theory.unmasking import laws as laws
    from theory.unmasking import likelihood as likelihood
    from theory.unmasking import long_walks as long_walks
    from theory.unmasking import losses as losses
    from theory.unmasking import optimal as optimal
    from theory.unmasking import rounding_costs as rounding_costs
    from theory.unmasking import sampling as sampling
    from theory.unmasking import shipped as quotas
    from theory.unmasking import walks as walks
    from theory.unmasking.rules.factor import FactorBounded as FactorBounded
    from theory.unmasking.rules.halton import Halton as Halton
    from theory.unmasking.rules.in_blocks import InBlocks as InBlocks
    from theory.unmasking.rules.in_blocks import StopAtEnd as StopAtEnd
    from theory.unmasking.rules.info_gain import InfoGain as InfoGain
    from theory.unmasking.rules.info_gain import SampledInfoGain as SampledInfoGain
    from theory.unmasking.rules.low_confidence import LowConfidence as LowConfidence
    from theory.unmasking.rules.punt import Punt as Punt
    from theory.unmasking.rules.sampled import SampledConfidence as SampledConfidence
    from theory.unmasking.rules.sets import Dilated as Dilated
    from theory.unmasking.rules.sets import EntropyBounded as EntropyBounded
    from theory.unmasking.rules.sets import LeftToRight as LeftToRight
    from theory.unmasking.rules.sets import RandomOne as RandomOne
    from theory.unmasking.rules.sets import Threshold as Threshold
    from theory.unmasking.rules.sets import TopK as TopK
    from theory.unmasking.rules.tokens import DrawnFrom as DrawnFrom
    from theory.unmasking.rules.tokens import TokenLaw as TokenLaw
    from theory.worlds import World as World
    from theory.worlds import information as information
    from unmasked import adapters as adapters
    from unmasked import crossbars as crossbars
    from unmasked import explorers as explorers
    from unmasked import exploring as explore
    from unmasked import strategies as strategies
    from unmasked import temperature as temperature
    from unmasked import training as training
    from unmasked.entry import world as world
    from unmasked.fitting import fit as fit
    from unmasked.fitting import trained as trained
    from unmasked.measuring import compare as compare
    from unmasked.measuring import evaluate as evaluate
    from unmasked.measuring import measure as measure
    from unmasked.models import measure_model as measure_model
    from unmasked.own_claims import AnyDenoiser as AnyDenoiser
    from unmasked.own_claims import AnyRule as AnyRule
    from unmasked.own_claims import AnySchedule as AnySchedule
    from unmasked.own_claims import AnyWorld as AnyWorld
    from unmasked.own_claims import Budget as Budget
    from unmasked.own_claims import Steps as Steps
    from unmasked.own_claims import at_least as at_least
    from unmasked.own_claims import at_most as at_most
    from unmasked.own_claims import claim as claim
    from unmasked.own_claims import equal as equal
    from unmasked.recording import record as record
    from unmasked.selection import claims as claims

_SETS, _OWN = "theory.unmasking.rules.sets", "unmasked.own_claims"
_MODULES = {
    "best_rules": "theory.unmasking.best_rules",
    "coupling": "theory.speculation.coupling",
    "curves": "theory.unmasking.curves",
    "drafts": "theory.remasking.drafts",
    "early_ends": "theory.unmasking.early_ends",
    "energies": "theory.energy.closed_forms",
    "gaussian_chains": "theory.speculation.gaussian",
    "gaussian_speculation": "theory.speculation.sampling",
    "information": "theory.worlds.information",
    "laws": "theory.unmasking.laws",
    "likelihood": "theory.unmasking.likelihood",
    "long_walks": "theory.unmasking.long_walks",
    "losses": "theory.unmasking.losses",
    "optimal": "theory.unmasking.optimal",
    "planned": "theory.remasking.planned",
    "posteriors": "theory.remasking.posterior",
    "programs": "theory.power.programs",
    "quotas": "theory.unmasking.shipped",
    "reference": "theory.reference.laws",
    "reference_remasking": "theory.reference.remasking",
    "remasking": "theory.remasking.chain",
    "rounding_costs": "theory.unmasking.rounding_costs",
    "sampling": "theory.unmasking.sampling",
    "speculation": "theory.speculation.masked",
    "speculation_bounds": "theory.speculation.bounds",
    "stationary": "theory.remasking.stationary",
    "tasks": "synthetic.tasks",
    "walks": "theory.unmasking.walks",
}
"""The engines behind the functions, for those who want more than `measure` and `compare` return."""

_PLACES: dict[str, tuple[str, str]] = {
    **{name: (module, "") for name, module in _MODULES.items()},
    "adapters": ("unmasked.adapters", ""),
    "crossbars": ("unmasked.crossbars", ""),
    "explore": ("unmasked.exploring", ""),
    "explorers": ("unmasked.explorers", ""),
    "figures": ("figures.drawing", ""),
    "schedules": ("theory.schedules", ""),
    "strategies": ("unmasked.strategies", ""),
    "temperature": ("unmasked.temperature", ""),
    "training": ("unmasked.training", ""),
    "worlds": ("theory.worlds", ""),
    "Denoiser": ("theory.denoisers", "Denoiser"),
    "DrawnFrom": ("theory.unmasking.rules.tokens", "DrawnFrom"),
    "FactorBounded": ("theory.unmasking.rules.factor", "FactorBounded"),
    "Halton": ("theory.unmasking.rules.halton", "Halton"),
    "InBlocks": ("theory.unmasking.rules.in_blocks", "InBlocks"),
    "InfoGain": ("theory.unmasking.rules.info_gain", "InfoGain"),
    "InvalidInput": ("theory.errors", "InvalidInput"),
    "LowConfidence": ("theory.unmasking.rules.low_confidence", "LowConfidence"),
    "Punt": ("theory.unmasking.rules.punt", "Punt"),
    "SampledConfidence": ("theory.unmasking.rules.sampled", "SampledConfidence"),
    "SampledInfoGain": ("theory.unmasking.rules.info_gain", "SampledInfoGain"),
    "StopAtEnd": ("theory.unmasking.rules.in_blocks", "StopAtEnd"),
    "TableDenoiser": ("theory.denoisers", "TableDenoiser"),
    "TokenLaw": ("theory.unmasking.rules.tokens", "TokenLaw"),
    "World": ("theory.worlds", "World"),
    "claims": ("unmasked.selection", "claims"),
    "compare": ("unmasked.measuring", "compare"),
    "denoiser": ("theory.denoisers", "denoiser"),
    "evaluate": ("unmasked.measuring", "evaluate"),
    "fit": ("unmasked.fitting", "fit"),
    "measure": ("unmasked.measuring", "measure"),
    "measure_model": ("unmasked.models", "measure_model"),
    "prompted": ("theory.prompted", "prompted"),
    "record": ("unmasked.recording", "record"),
    "schedule": ("theory.schedules", "as_schedule"),
    "trained": ("unmasked.fitting", "trained"),
    "world": ("unmasked.entry", "world"),
    **{name: (_SETS, name) for name in ("Dilated", "EntropyBounded", "LeftToRight", "RandomOne", "Threshold", "TopK")},
    **{name: (_OWN, name) for name in ("AnyDenoiser", "AnyRule", "AnySchedule", "AnyWorld", "Budget", "Steps")},
    **{name: (_OWN, name) for name in ("at_least", "at_most", "claim", "equal")},
}
__all__ = sorted(_PLACES)  # computed from the one table of names


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        from theory.errors import unknown

        raise AttributeError(str(unknown("name in unmasked", name, _PLACES)))
    module, attribute = _PLACES[name]
    found = importlib.import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PLACES)
