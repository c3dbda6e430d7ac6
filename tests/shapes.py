"""Turns the shapes in theory's signatures into checks while the tests run."""

from __future__ import annotations

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

MODULES = (
    "theory.schedules",
    "theory.grids",
    "theory.worlds",
    "theory.unmasking.kernels",
    "theory.unmasking.laws",
    "theory.unmasking.losses",
    "theory.unmasking.curves",
    "theory.unmasking.optimal",
    "theory.unmasking.beta_fit",
    "theory.unmasking.riemann",
    "theory.unmasking.bounds",
    "theory.unmasking.likelihood",
    "theory.unmasking.best_rules",
    "theory.unmasking.sampling",
    "theory.unmasking.walks",
    "theory.unmasking.rules.proxies",
    "theory.unmasking.rules.sampled",
    "theory.unmasking.rules.sets",
    "theory.unmasking.rules.tokens",
    "theory.speculation.accounting",
    "theory.speculation.coupling",
    "theory.speculation.gaussian",
    "theory.speculation.masked",
    "theory.speculation.quadrature",
    "theory.speculation.sampling",
    "theory.speculation.statistics",
    "theory.remasking.bounds",
    "theory.remasking.chain",
    "theory.remasking.planned",
    "theory.remasking.drafts",
    "theory.remasking.posterior",
    "theory.remasking.predictor",
    "theory.remasking.sampling",
    "theory.remasking.schedules",
    "theory.remasking.selection",
    "theory.remasking.stationary",
    "theory.energy.closed_forms",
    "theory.energy.paths",
    "theory.energy.rates",
    "theory.energy.sphere",
    "theory.crossbar.draws",
    "theory.crossbar.elimination",
    "theory.crossbar.slicing",
    "theory.sgd.chains",
    "theory.sgd.neighbours",
    "synthetic.denoisers",
    "synthetic.losses",
    "synthetic.measuring.paths",
    "synthetic.measuring.scores",
    "synthetic.optimisation",
    "synthetic.tasks.draws",
    "synthetic.tasks.pairs",
    "synthetic.tasks.parity",
    "synthetic.tasks.repetition",
    "synthetic.tasks.dyck",
    "synthetic.tasks.product",
    "synthetic.tasks.sudoku4",
    "synthetic.tasks.sudoku9",
    "synthetic.tasks.digits",
    "synthetic.tasks.text",
)

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""The run-time checker; an int passes for a float."""


def install() -> None:
    """Check every array that a function of MODULES takes or returns."""
    install_import_hook(MODULES, "tests.shapes.check")
