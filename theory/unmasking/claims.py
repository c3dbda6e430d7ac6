"""The ledger of parallel unmasking: optimal-schedules digest, section 9, and claim 8 of the energy paper."""

from __future__ import annotations

from theory.unmasking import (
    claims_bounds,
    claims_curve,
    claims_examples,
    claims_optimal,
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
)
