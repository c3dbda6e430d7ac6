"""The claims on training: learned orders, variance of the objective, preference optimisation."""

from theory.training.claims import mirrored, order_laws, order_nelbo, preferences, remedies, scores, sources

CLAIMS = (
    *order_laws.CLAIMS, *order_nelbo.CLAIMS, *sources.CLAIMS, *mirrored.CLAIMS, *remedies.CLAIMS,
    *scores.CLAIMS, *preferences.CLAIMS,
)  # fmt: skip
