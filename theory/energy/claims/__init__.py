"""The ledger of the three energies: Chen et al., arXiv 2509.13866, and sections D and E of the schedules notes."""

from __future__ import annotations

from theory.energy.claims import discrete, energies, geometry, landscape, optimality, rates, sphere, steps

CLAIMS = (
    *energies.CLAIMS,
    *landscape.CLAIMS,
    *optimality.CLAIMS,
    *discrete.CLAIMS,
    *steps.CLAIMS,
    *rates.CLAIMS,
    *geometry.CLAIMS,
    *sphere.CLAIMS,
)
