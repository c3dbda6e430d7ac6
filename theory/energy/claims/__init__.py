"""The ledger of the three energies: Chen et al., arXiv 2509.13866, and the geometry of Shaul et al. and others."""

from __future__ import annotations

from theory.energy.claims import discrete, energies, family, geometry, landscape, least, rates, sphere, steps

CLAIMS = (
    *energies.CLAIMS,
    *landscape.CLAIMS,
    *least.CLAIMS,
    *family.CLAIMS,
    *discrete.CLAIMS,
    *steps.CLAIMS,
    *rates.CLAIMS,
    *geometry.CLAIMS,
    *sphere.CLAIMS,
)
