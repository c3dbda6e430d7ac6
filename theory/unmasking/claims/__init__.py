"""The ledger of parallel unmasking: schedules, EB-Sampler and its neighbours, and Fig. 4 of the energy paper."""

from __future__ import annotations

from theory.unmasking.claims import (
    bounds,
    curve,
    duel,
    eb,
    eb_controls,
    eb_steps,
    examples,
    info_gain,
    optimal,
    punt,
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
    *eb_controls.CLAIMS,
    *duel.CLAIMS,
    *punt.CLAIMS,
    *info_gain.CLAIMS,
)
