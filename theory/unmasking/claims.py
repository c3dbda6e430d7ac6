"""The ledger of parallel unmasking: schedules, EB-Sampler and its neighbours, and Fig. 4 of the energy paper."""

from __future__ import annotations

from theory.unmasking import (
    claims_bounds,
    claims_curve,
    claims_duel,
    claims_eb,
    claims_eb_controls,
    claims_eb_steps,
    claims_examples,
    claims_info_gain,
    claims_optimal,
    claims_punt,
    claims_sampler,
    claims_slips,
)

CLAIMS = (
    *claims_curve.CLAIMS,
    *claims_optimal.CLAIMS,
    *claims_bounds.CLAIMS,
    *claims_sampler.CLAIMS,
    *claims_examples.CLAIMS,
    *claims_slips.CLAIMS,
    *claims_eb.CLAIMS,
    *claims_eb_steps.CLAIMS,
    *claims_eb_controls.CLAIMS,
    *claims_duel.CLAIMS,
    *claims_punt.CLAIMS,
    *claims_info_gain.CLAIMS,
)
