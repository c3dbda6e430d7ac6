"""The ledger of parallel unmasking: schedules, EB-Sampler and its neighbours, and Fig. 4 of the energy paper."""

from __future__ import annotations

from theory.unmasking.claims import (
    bounds,
    curve,
    duel,
    duel_true,
    eb,
    eb_controls,
    eb_hull,
    eb_models,
    eb_steps,
    elbo,
    elbo_controls,
    examples,
    info_gain,
    optimal,
    policy,
    punt,
    punt_bias,
    sampler,
    slips,
)

CLAIMS = (
    *curve.CLAIMS,
    *optimal.CLAIMS,
    *bounds.CLAIMS,
    *sampler.CLAIMS,
    *examples.CLAIMS,
    *slips.CLAIMS,
    *eb.CLAIMS,
    *eb_steps.CLAIMS,
    *eb_models.CLAIMS,
    *eb_controls.CLAIMS,
    *eb_hull.CLAIMS,
    *duel.CLAIMS,
    *elbo.CLAIMS,
    *duel_true.CLAIMS,
    *policy.CLAIMS,
    *elbo_controls.CLAIMS,
    *punt.CLAIMS,
    *punt_bias.CLAIMS,
    *info_gain.CLAIMS,
)
