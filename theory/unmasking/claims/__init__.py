"""The ledger of parallel unmasking: schedules, EB-Sampler and its neighbours, and Fig. 4 of the energy paper."""

from __future__ import annotations

from theory.unmasking.claims import (
    block_bounds,
    breakpoints,
    curve,
    duel,
    eb,
    eb_controls,
    eb_steps,
    examples,
    grid_bounds,
    info_gain,
    optimal,
    punt,
    sampler,
    slips,
)

CLAIMS = (
    *curve.CLAIMS,
    *optimal.CLAIMS,
    *block_bounds.CLAIMS,
    *breakpoints.CLAIMS,
    *grid_bounds.CLAIMS,
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
