"""SGD on a quadratic loss (arXiv 2505.23489): the stationary law, its temperature and its distance from Gibbs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
import scipy.linalg
import torch
from hypothesis import strategies as st
from scipy import special
from torch.distributions import MultivariateNormal, kl_divergence

from theory.ledger import FALSE_ALARM_SHARE, Claim, Evidence, at_least, at_most, equal
from theory.reference import sgd as reference
from theory.sgd import chains
from theory.sgd.claims.inputs import (
    EXACT,
    PAPER,
    SETTING,
    Rows,
    curvatures_and_noise,
    problem,
    quadratics,
    rounding_of,
    stable_rate,
)
from theory.sgd.quadratic import Quadratic, aligned_temperature, gibbs_noise


def covariance(hessian: Rows, noise: Rows, share: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the closed form with the exact solution of the stationary equation, and with scipy's Lyapunov solver."""
    rate = stable_rate(hessian, share)
    exact = reference.stationary(reference.fractions(hessian), reference.fractions(noise), rate)
    claimed = np.array(exact, dtype=float)
    engine = problem(hessian, noise)
    slack = rounding_of(engine, float(rate)) * float(np.abs(claimed).max())
    computed = engine.stationary(float(rate)).covariance[0]
    yield equal("closed form", factor * computed, claimed, slack, note="exact solution, entry by entry")
    step = np.eye(engine.d) - float(rate) * engine.hessian
    solved = scipy.linalg.solve_discrete_lyapunov(step, float(rate) ** 2 * engine.noise)
    yield equal("closed form", factor * computed, solved, 100 * slack, note="Lyapunov solver")


def simulated(hessian: Rows, noise: Rows, share: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Place the sample variance along every axis of 4,000 chains between two quantiles of its exact law.

    Started from the stationary law, the chains are independent draws from it at every later step, so that the mean
    square along an axis over its claimed value is a chi-square mean of 4,000 degrees of freedom.
    """
    engine, rate, count = problem(hessian, noise), float(stable_rate(hessian, share)), 4000
    target = factor * engine.stationary(rate).covariance[0]
    generator = torch.Generator().manual_seed(0)
    root = torch.from_numpy(np.linalg.cholesky(target))
    start = torch.randn(1, count, engine.d, generator=generator, dtype=torch.float64) @ root.T
    run = chains.chains(engine, torch.tensor([rate]), count, generator, start)
    w = next(w for step, w in enumerate(run) if step == chains.steps_to_settle(engine, rate))[0].numpy()
    ratio = (w**2).sum(0) / np.diag(target)
    low, high = (2 * end(count / 2, FALSE_ALARM_SHARE / 2) for end in (special.gammaincinv, special.gammainccinv))
    yield at_least("monte-carlo", ratio, low, 0.0, note="against the least plausible")
    yield at_most("monte-carlo", ratio, high, 0.0, note="against the largest plausible")


def temperature(hessian: Rows, noise: Rows, share: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare T = U' / S' of the engine with the derivative of the stationary equation in fractions."""
    rate = stable_rate(hessian, share)
    exact = float(reference.temperature(reference.fractions(hessian), reference.fractions(noise), rate))
    engine = problem(hessian, noise)
    slack = 100 * rounding_of(engine, float(rate)) * exact
    yield equal("closed form", factor * engine.stationary(float(rate)).temperature[0], exact, slack)


def aligned(
    h: list[Fraction], c: list[Fraction], share: Fraction, factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare T with the mean of the directions' temperatures, in fractions, and the engine's with it."""
    rate = share * 2 / max(h)
    hessian = [[x * (i == j) for j in range(len(h))] for i, x in enumerate(h)]
    noise = [[x * (i == j) for j in range(len(h))] for i, x in enumerate(c)]
    x = [1 / (2 - rate * curvature) for curvature in h]
    mean = sum((b * b * rate * a for a, b in zip(c, x, strict=True)), Fraction(0)) / sum(x)
    yield equal("rational", reference.temperature(hessian, noise, rate), factor * mean, 0)
    engine, tau = aligned_temperature(np.array(h, dtype=float), np.array(c, dtype=float), float(rate))
    slack = 1e-13 / float(1 - share) * max(float(mean), 1.0)
    yield equal("closed form", engine, float(factor * mean), slack)
    own = [float(a * s[k]) for k, (a, s) in enumerate(zip(h, reference.stationary(hessian, noise, rate), strict=True))]
    yield equal("closed form", tau, own, slack * max(own), note="h_i Sigma_ii")


def slow(hessian: Rows, noise: Rows, share: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare T / eta with tr C / (2 d) at learning rates of 1e-9 of the largest, exactly."""
    rate = stable_rate(hessian, share) / 10**9
    h, c = reference.fractions(hessian), reference.fractions(noise)
    limit = factor * reference.trace(c) / (2 * len(h))
    yield equal("rational", reference.temperature(h, c, rate) / rate / limit, Fraction(1), Fraction(1, 10**5))
    x = reference.stationary(h, c, rate)
    loss = reference.trace(reference.product(h, x)) / 2
    share_of = loss / reference.temperature(h, c, rate) / Fraction(len(h), 2)
    yield equal("rational", share_of, factor, Fraction(1, 10**5), note="U / T against d / 2")


def loewner(hessian: Rows, noise: Rows, share: Fraction, step: Fraction, sign: int = 1) -> Iterator[Evidence]:
    """Compare Sigma at a learning rate with that at a smaller one: the difference is positive definite, exactly."""
    h, c, rate = reference.fractions(hessian), reference.fractions(noise), stable_rate(hessian, share)
    larger, smaller = (reference.stationary(h, c, eta) for eta in (rate, step * rate))
    grows = reference.positive_definite(reference.combine(larger, smaller, -Fraction(1)))
    yield equal("rational", grows, sign == 1, 0)
    laws = problem(hessian, noise).stationary(np.array([float(rate)]))
    least = float(np.linalg.eigvalsh(sign * laws.covariance_slope[0])[0])
    yield at_least("closed form", least, 0.0, rounding_of(laws.problem, float(rate)) * float(reference.trace(larger)))


def gap(hessian: Rows, noise: Rows, share: Fraction, temperature: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare F - F_Gibbs with T KL, the divergence by torch's formula for two normal laws and by the engine."""
    engine, rate, t = problem(hessian, noise), float(stable_rate(hessian, share)), float(temperature)
    laws = engine.stationary(rate)
    zero = torch.zeros(engine.d, dtype=torch.float64)
    own = MultivariateNormal(zero, torch.from_numpy(laws.covariance[0]))
    other = MultivariateNormal(zero, precision_matrix=torch.from_numpy(engine.hessian) / t)
    divergence = float(kl_divergence(own, other))
    scale = abs(float(laws.free_energy(t)[0])) + t * divergence + t * engine.d
    slack = 100 * rounding_of(engine, rate) * scale
    yield equal("closed form", laws.gap(t)[0], factor * t * divergence, slack)
    yield equal(
        "closed form", t * laws.divergence(t)[0], factor * t * divergence, slack, note="the engine's divergence"
    )


def is_gibbs(hessian: Rows, share: Fraction, ratio: Fraction, off: Fraction = Fraction(0)) -> Iterator[Evidence]:
    """Compare the stationary law of the noise (2 T / eta) I - T H with the Gibbs law, exactly."""
    h, rate = reference.fractions(hessian), stable_rate(hessian, share)
    t = ratio
    noise = reference.combine(reference.scaled(reference.identity(len(h)), 2 * t / rate), h, -t)
    law = reference.stationary(h, reference.scaled(noise, 1 + off), rate)
    claimed = reference.scaled(reference.solve(h, reference.identity(len(h))), t)
    for row, other in zip(law, claimed, strict=True):
        for value, expected in zip(row, other, strict=True):
            yield equal("rational", value, expected, 0)
    engine = gibbs_noise(np.array(hessian, dtype=float), float(rate), float(t))
    expected_noise = np.array(noise, dtype=float)
    yield equal("closed form", engine, expected_noise, 1e-13 * float(np.abs(expected_noise).max()), note="the engine's")


def isotropic_is_gibbs(h: list[Fraction], share: Fraction) -> Iterator[Evidence]:
    """State, falsely, that isotropic noise leaves the Gibbs law of some temperature: h_i Sigma_ii would be one number."""
    rate = share * 2 / max(h)
    hessian = [[x * (i == j) for j in range(len(h))] for i, x in enumerate(h)]
    law = reference.stationary(hessian, reference.identity(len(h)), rate)
    own = [x * law[i][i] for i, x in enumerate(h)]
    yield equal("rational", max(own) - min(own), Fraction(0), 0)


def slopes_of_aligned(count: int, factor: int = 1) -> Iterator[Evidence]:
    """Prove d Sigma_ij / d eta = Sigma_ij / eta / (1 - eta h_i h_j / (h_i + h_j)) and U' = sum c_i x_i² as identities."""
    import sympy

    eta, a, b, c = sympy.symbols("eta a b c", positive=True)
    entry = eta * c / (a + b - eta * a * b)
    rest = sympy.simplify(sympy.diff(entry, eta) - factor * entry / eta / (1 - eta * a * b / (a + b)))
    yield equal("symbolic", int(rest == 0), 1, 0, proves=math.inf)
    x = 1 / (2 - eta * a)
    rest = sympy.simplify(sympy.diff(eta * c * x / 2, eta) - factor * c * x**2)
    yield equal("symbolic", int(rest == 0), 1, 0, proves=math.inf, note=f"U', one of {count} directions")
    problem_ = Quadratic.diagonal(np.array([0.5, 2.0]), np.array([1.0, 3.0]))
    rates = np.array([0.1, 0.3])
    difference = (problem_.stationary(rates + 1e-5).loss - problem_.stationary(rates - 1e-5).loss) / 2e-5
    laws = problem_.stationary(rates)
    slope = np.einsum("mij,ij->m", laws.covariance_slope, problem_.hessian) / 2
    yield equal(
        "closed form", slope, factor * difference, 1e-7, note="central difference of U, error of order 1e-10 U'''"
    )


WORKED = {
    "hessian": [[2, 1, 0], [1, 3, 1], [0, 1, 2]],
    "noise": [[2, 1, 0], [1, 3, 1], [0, 1, 4]],
    "share": Fraction(1, 2),
}
NEARLY_TOO_LARGE = {"hessian": [[5]], "noise": [[3]], "share": Fraction(48, 50)}
ROUNDED = "1e-13 times the magnification of the stationary equation and the condition of Sigma"

CLAIMS = (
    Claim(
        id="sgd.1",
        statement=(
            "For 0 < eta < 2 / h_max the step w - eta (H w + xi), xi of mean 0 and covariance C, leaves one covariance as it "
            "is: along the eigenvectors of H its entries are eta C_ij / (h_i + h_j - eta h_i h_j)."
        ),
        tex=r"\Sigma_{ij} = \frac{\eta\,C_{ij}}{h_i + h_j - \eta h_i h_j}",
        source=f"{SETTING}; docs/derivations.md, sgd.1", quantifier="for all", kind="equality", routes=("closed form",),
        check=covariance, tolerance=ROUNDED, inputs=quadratics, examples=15, fixtures=(WORKED, NEARLY_TOO_LARGE),
        variants={"one per cent more": partial(covariance, factor=1.01)},
    ),
    Claim(
        id="sgd.1chains",
        statement="Simulated chains have the stationary covariance of the closed form.",
        source=f"{SETTING}; docs/derivations.md, sgd.1", quantifier="this instance", kind="upper", routes=("monte-carlo",),
        check=simulated, tolerance="none: exact quantiles of the chi-square law", fixtures=(WORKED,),
        variants={"a fifth more": partial(simulated, factor=1.2)},
    ),
    Claim(
        id="sgd.2",
        statement="The temperature is T = U' / S', with U' = tr(H Sigma') / 2 and S' = tr(Sigma^-1 Sigma') / 2, for every noise.",
        source=f"{SETTING}; docs/derivations.md, sgd.2", quantifier="for all", kind="equality", routes=("closed form",),
        check=temperature, tolerance=f"100 times {ROUNDED}", inputs=quadratics, examples=12, fixtures=(WORKED, NEARLY_TOO_LARGE),
        variants={"one per cent more": partial(temperature, factor=1.01)},
    ),
    Claim(
        id="sgd.2a",
        statement=(
            "Where Hessian and noise share their eigenvectors T is the mean of the directions' temperatures h_i Sigma_ii = eta "
            "c_i x_i with weights x_i = 1 / (2 - eta h_i)."
        ),
        tex=r"T(\eta) = \eta\,\frac{\sum_i c_i x_i^2}{\sum_i x_i}",
        source=f"{SETTING}; docs/derivations.md, sgd.2", quantifier="for all", kind="equality", routes=("rational", "closed form"),
        check=aligned, tolerance=f"{EXACT}; for the engine 1e-13 over 1 - eta h_max / 2", inputs=curvatures_and_noise, examples=15,
        fixtures=({"h": [Fraction(1, 5), Fraction(1)], "c": [Fraction(1), Fraction(1, 10**4)], "share": Fraction(19, 20)},),
        variants={"one per cent more": partial(aligned, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.2b",
        statement="As eta goes to 0, T / eta goes to tr C / (2 d) and U / T to d / 2, for every Hessian and every noise.",
        source=f"{SETTING}; docs/derivations.md, sgd.2", quantifier="for all", kind="asymptotic", routes=("rational",),
        check=slow, tolerance="1e-5, at 1e-9 of the largest learning rate: the error is of order eta h_max times the condition of C",
        inputs=quadratics, examples=10, fixtures=(WORKED,), variants={"one per cent more": partial(slow, factor=Fraction(101, 100))},
    ),
    Claim(
        id="sgd.2c",
        statement="The derivatives of the stationary covariance and of U in eta are what the closed forms say.",
        source=f"{SETTING}; docs/derivations.md, sgd.2", quantifier="for all", kind="equality", routes=("symbolic", "closed form"),
        check=slopes_of_aligned, tolerance="none for identities; 1e-7 for a central difference", fixtures=({"count": 2},),
        variants={"twice": partial(slopes_of_aligned, factor=2)},
    ),
    Claim(
        id="sgd.4",
        statement=(
            "For positive definite noise the stationary covariance grows strictly with eta in the order of matrices, so that "
            "U, S and every variance do, and T is positive."
        ),
        source=f"{SETTING}; docs/derivations.md, sgd.4", quantifier="for all", kind="lower", routes=("rational", "closed form"),
        check=loewner, tolerance=f"{EXACT}; for the engine {ROUNDED}",
        inputs=lambda: st.builds(lambda q, k: {**q, "step": Fraction(k, 20)}, quadratics(), st.integers(1, 19)), examples=12,
        fixtures=({**WORKED, "step": Fraction(99, 100)},), variants={"it falls": partial(loewner, sign=-1)},
    ),
    Claim(
        id="sgd.6",
        statement="The free energy of the stationary law exceeds the least of all laws at T by T times its divergence from the Gibbs law.",
        tex=r"F(p_\eta) - F_{\min} = T\,\mathrm{KL}(p_\eta \,\|\, e^{-L/T}/Z)",
        source=f"{SETTING}; docs/derivations.md, sgd.6", quantifier="for all", kind="equality", routes=("closed form",), check=gap,
        tolerance=f"100 times {ROUNDED}, of the terms",
        inputs=lambda: st.builds(lambda q, k: {**q, "temperature": Fraction(k, 8)}, quadratics(), st.integers(1, 40)), examples=12,
        fixtures=({**WORKED, "temperature": Fraction(1, 2)},), variants={"one per cent more": partial(gap, factor=1.01)},
    ),
    Claim(
        id="sgd.6a",
        statement="The stationary law is the Gibbs law at T where, and only where, the noise is C = (2 T / eta) I - T H.",
        source=f"{SETTING}; docs/derivations.md, sgd.6", quantifier="for all", kind="equality", routes=("rational", "closed form"),
        check=is_gibbs, tolerance=f"{EXACT}; 1e-13 for the engine's noise",
        inputs=lambda: st.builds(
            lambda q, k: {"hessian": q["hessian"], "share": q["share"], "ratio": Fraction(k, 8)}, quadratics(), st.integers(1, 40)
        ), examples=10, fixtures=({"hessian": WORKED["hessian"], "share": Fraction(1, 2), "ratio": Fraction(1, 3)},),
        variants={"one per cent more noise": partial(is_gibbs, off=Fraction(1, 100))},
    ),
    Claim(
        id="sgd.6.gibbs",
        statement="SGD with isotropic noise leaves the weights in the Gibbs law of some temperature.",
        source=f"the wider reading of {PAPER} that SGD samples exp(-L / T) / Z", status="reading", quantifier="for all",
        kind="equality", routes=("rational",), check=isotropic_is_gibbs, tolerance=EXACT, expected="refuted", see="sgd.6a",
        fixtures=({"h": [Fraction(1), Fraction(2)], "share": Fraction(1, 2)},),
    ),
)  # fmt: skip
