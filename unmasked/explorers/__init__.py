"""`um.explorers`: what the notebooks explore, as pictures with choices that run with widgets and without.

    um.explorers.schedules      a mask schedule, its steps below the information curve of a law, and every error
    um.explorers.rules          an unmasking rule beside the best rules that exist, on a small world
    um.explorers.remasking      what samplers that mask tokens again do to the law of the samples
    um.explorers.models         what a rule loses by a trained model, and what by drawing tokens together
    um.explorers.estimators     the variance of a training loss, by its sources
    um.explorers.programs       an any-process program, state by state
    um.explorers.temperature    the free energy and the temperature of SGD, over the learning rate
    um.explorers.wires          a tile of a crossbar, and what its wires lose

`um.explorers.rules(budget=0.3)` returns a matplotlib figure, `um.explorers.rules.sliders()` in a notebook the same
under widgets. Divergences, errors and budgets are in nats.
"""

from __future__ import annotations

from unmasked.explorers.base import Explorer as Explorer
from unmasked.explorers.crossbar_wires import wires as wires
from unmasked.explorers.loss_estimators import estimators as estimators
from unmasked.explorers.mask_schedules import schedules as schedules
from unmasked.explorers.model_errors import models as models
from unmasked.explorers.process_programs import programs as programs
from unmasked.explorers.remasking_samplers import remasking as remasking
from unmasked.explorers.sgd_temperature import temperature as temperature
from unmasked.explorers.unmasking_rules import rules as rules

__all__ = ["estimators", "models", "programs", "remasking", "rules", "schedules", "temperature", "wires"]
