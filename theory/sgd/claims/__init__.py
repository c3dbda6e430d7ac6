"""The claims on stochastic gradient descent as the minimisation of a free energy."""

from theory.sgd.claims import entropies, hulls, monotone, regression, spheres, stationary

CLAIMS = (
    *stationary.CLAIMS, *monotone.CLAIMS, *hulls.CLAIMS, *spheres.CLAIMS, *regression.CLAIMS, *entropies.CLAIMS,
)  # fmt: skip
