"""The ledger of remasking: the star-shaped process and its guided sampler (arXiv 2510.08369), ReMDM (2503.00307), P2."""

from __future__ import annotations

from theory.remasking.claims import (
    constraints,
    counts,
    guidance,
    laws,
    losses,
    planned,
    predictors,
    remdm_calls,
    remdm_conf,
    remdm_correctors,
    remdm_schedules,
    remdm_steps,
    samplers,
    steps,
)

CLAIMS = (
    *remdm_steps.CLAIMS,
    *remdm_correctors.CLAIMS,
    *remdm_calls.CLAIMS,
    *remdm_schedules.CLAIMS,
    *remdm_conf.CLAIMS,
    *planned.CLAIMS,
    *steps.CLAIMS,
    *counts.CLAIMS,
    *losses.CLAIMS,
    *predictors.CLAIMS,
    *laws.CLAIMS,
    *guidance.CLAIMS,
    *constraints.CLAIMS,
    *samplers.CLAIMS,
)
