"""The claims on memristive crossbars: the circuit, bounds on its losses, distances, digits, and what a mapping gains."""

from theory.crossbar.claims import bounds, digits, distances, meshes, tables

CLAIMS = (*meshes.CLAIMS, *bounds.CLAIMS, *distances.CLAIMS, *digits.CLAIMS, *tables.CLAIMS)
