"""Variance of the training loss (arXiv 2511.18159): token variances, raised rates, strata, control variates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from scipy import optimize

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, strategies
from theory.reference import training as reference
from theory.training import variance
from theory.training.claims.inputs import (
    DECOMPOSITION,
    NONE,
    OURS,
    QUADRATURE,
    level_fractions,
    rounding_of,
    shifts,
    slopes,
    stratified,
    terms_of,
    token_losses,
    token_tables,
    uneven,
)
from theory.training.orders import Schedules, nelbo_by_orders, nelbo_by_quadrature, order_law
from theory.unmasking.claims.rule_inputs import THREE_BITS
from theory.unmasking.likelihood import elbo_by_count
from theory.worlds import TableWorld


def token_variance(losses: Sequence[Sequence[int]], t: Fraction, conditional: bool = False) -> Iterator[Evidence]:
    """Compare the variance given the level with SyRM's sum. The variant uses covariances given both masked."""
    n = len(losses)
    every = list(reference.subsets(n))
    table = {s: {i: Fraction(losses[i][k]) for i in s} for k, s in enumerate(every)}
    chance = {s: t ** len(s) * (1 - t) ** (n - len(s)) for s in every}
    mean = sum((chance[s] * sum(table[s].values(), NONE) for s in every), NONE)
    square = sum((chance[s] * sum(table[s].values(), NONE) ** 2 for s in every), NONE)

    def given(members: set[int], value: Any) -> Fraction:
        inside = [s for s in every if members <= s]
        return sum((chance[s] * value(table[s]) for s in inside), NONE) / sum((chance[s] for s in inside), NONE)

    mu = [given({i}, lambda y, i=i: y[i]) for i in range(n)]
    sigma2 = [given({i}, lambda y, i=i: y[i] ** 2) - mu[i] ** 2 for i in range(n)]
    rho = NONE
    for i, j in itertools.combinations(range(n), 2):
        product = given({i, j}, lambda y, i=i, j=j: y[i] * y[j])
        means = mu[i] * mu[j]
        if conditional:
            means = given({i, j}, lambda y, i=i: y[i]) * given({i, j}, lambda y, j=j: y[j])
        rho += product - means
    formula = (sum(sigma2, NONE) + (1 - t) * sum((m * m for m in mu), NONE)) / t + 2 * rho
    yield equal("rational", (square - mean**2) / t**2, formula, NONE, effective=square > 0)


def shift(
    alpha: Fraction, slope: Fraction, bend: Fraction, curve: Fraction, factor: float = 1.0, at_start: bool = False
) -> Iterator[Evidence]:
    """Compare how far a term -`slope` x of weight 1 - alpha moves the optimum with its slope over the curvature.

    The first objective is bend ln cosh x + curve x^2 / 2, with optimum 0. Its curvature falls on the way, so that the
    least one is at the new optimum; the bound as printed takes that at the first optimum.
    """
    a, g, b, c = (float(v) for v in (alpha, slope, bend, curve))

    def pull(x: float) -> float:
        return a * (b * math.tanh(x) + c * x) - (1 - a) * g

    def objective(x: float) -> float:
        return a * (b * float(np.logaddexp(x, -x)) + c * x * x / 2) - (1 - a) * g * x

    end = 1.0
    while pull(end) < 0:
        end *= 2
    moved = float(optimize.brentq(pull, 0.0, end, xtol=1e-15 * end))
    curvature = a * (c + b / math.cosh(0.0 if at_start else moved) ** 2)
    bound = factor * (1 - a) * g / curvature
    yield at_most("closed form", moved, bound, 1e-12 * end)
    least = optimize.minimize_scalar(objective, bounds=(0, end), method="bounded", options={"xatol": 1e-9 * end})
    yield equal("closed form", float(least.x), moved, 1e-5 * end, note="by the least value")


def raised_rates(denoiser: TableDenoiser, first: int, shift: float) -> Iterator[Evidence]:
    """Compare the mean of ISAD's loss with the NELBO, one token raised."""
    terms = terms_of(denoiser)
    raised = torch.arange(denoiser.n) == first
    found = variance.mean_with_raised_rates(terms, raised, shift)
    yield equal("quadrature", found, _nelbo(terms), rounding_of(terms))


def proper_rates(denoiser: TableDenoiser, shift: float, proper: bool = True) -> Iterator[Evidence]:
    """Compare the mean with every second token's rate raised as a schedule, weight q'/q, with the NELBO at equal rates."""
    terms = terms_of(denoiser)
    raised = torch.arange(denoiser.n) % 2 == 0
    found = variance.mean_with_raised_rates(terms, raised, shift, proper=proper)
    schedules = Schedules(
        "t + shift t (1 - t)",
        lambda t: _moved(t, raised, shift),
        lambda t: _rate(t, raised, shift),
        None,
        denoiser.n,
    )
    by_orders = nelbo_by_orders(terms, order_law(schedules))
    yield equal("quadrature", found, by_orders, 4 * rounding_of(terms), note="orders by descending masking times")
    yield equal("quadrature", nelbo_by_quadrature(terms, schedules), by_orders, 4 * rounding_of(terms))


def raised_bound(world: TableWorld, shift: float, sign: int = 1) -> Iterator[Evidence]:
    """Compare the mean of ISAD's loss with the entropy, for exact conditionals averaged over the law."""
    terms, law = terms_of(world), world.law()
    possible = law > 0
    raised = torch.arange(world.n) == 0
    found = float(law[possible] @ variance.mean_with_raised_rates(terms[possible], raised, shift))
    entropy = -float(law[possible] @ law[possible].log())
    yield at_least("quadrature", sign * found, sign * entropy, rounding_of(terms[possible]))


def strata(curve: Sequence[int], parts: int, each: int, as_printed: bool = False) -> Iterator[Evidence]:
    """For h(u) = sum_j c_j u^j, compare the variance of a stratified mean with (total - between strata) / n, exactly."""
    n = parts * each

    def integral(low: Fraction, high: Fraction, power_: int = 1) -> Fraction:
        c = [Fraction(v) for v in curve]
        if power_ == 2:
            c = [
                sum((c[i] * c[k - i] for i in range(len(c)) if 0 <= k - i < len(c)), NONE)
                for k in range(2 * len(c) - 1)
            ]
        return sum((v * (high ** (j + 1) - low ** (j + 1)) / (j + 1) for j, v in enumerate(c)), NONE)

    ends = [(Fraction(k, parts), Fraction(k + 1, parts)) for k in range(parts)]
    means = [parts * integral(*end) for end in ends]
    inner = [parts * integral(*end, 2) - m * m for end, m in zip(ends, means, strict=True)]
    found = sum((each * v for v in inner), NONE) / n**2
    whole = integral(NONE, Fraction(1))
    total = integral(NONE, Fraction(1), 2) - whole**2
    between = sum(((m - whole) ** 2 for m in means), NONE) / parts
    claimed = total / n - between / parts if as_printed else (total - between) / n
    yield equal("rational", found, claimed, NONE, effective=between > 0)


def detached(losses: Sequence[int], slope: int, attached: bool = False) -> Iterator[Evidence]:
    """Compare gradients of a loss with and without a detached control variate. The variant lets it depend on theta."""
    theta = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    values = torch.tensor([float(v) for v in losses], dtype=torch.float64)
    plain = (values * theta.sin()).sum()
    baseline = slope * values.mean() * (theta if attached else theta.detach())
    adjusted = plain - baseline
    found, claimed = (torch.autograd.grad(each, theta, retain_graph=True)[0] for each in (adjusted, plain))
    yield equal("enumeration", float(found), float(claimed), 0.0)


def _tenths(low: int, high: int) -> st.SearchStrategy[Fraction]:
    return st.integers(low, high).map(lambda k: Fraction(k, 10))


def _nelbo(terms: torch.Tensor) -> torch.Tensor:
    return -elbo_by_count(terms)


def _moved(t: torch.Tensor, raised: torch.Tensor, shift: float) -> torch.Tensor:
    return torch.where(raised, (t + shift * t * (1 - t))[..., None], t[..., None])


def _rate(t: torch.Tensor, raised: torch.Tensor, shift: float) -> torch.Tensor:
    slope = torch.where(raised, (1 + shift * (1 - 2 * t))[..., None], 1.0)
    return slope / _moved(t, raised, shift)


PARABOLA: Instance = {"alpha": Fraction(1, 3), "slope": Fraction(2), "bend": NONE, "curve": Fraction(1, 2)}
FLAT: Instance = {"alpha": Fraction(1, 2), "slope": Fraction(9, 10), "bend": Fraction(1), "curve": NONE}
"""ln cosh, which flattens away from its optimum."""

CLAIMS = (
    Claim(
        id="variance.8",
        statement=(
            "Given the level t, the variance of (1/t) times the loss is (sum sigma_i^2 + (1 - t) sum mu_i^2) / t + 2 sum rho_ij, "
            "mu and sigma^2 mean and variance of a token's loss where it is masked, rho_ij = E[Y_i Y_j | both masked] - mu_i mu_j."
        ),
        source=f"{DECOMPOSITION}, SyRM, Theorem 1", quantifier="for all", kind="equality", status="reading",
        routes=("rational",), check=token_variance, tolerance="none: fractions",
        inputs=lambda: strategies.paired(losses=token_tables(), t=level_fractions()), examples=10,
        fixtures=({"losses": [[0, 1, 0, 5], [0, 0, 2, 7]], "t": Fraction(1, 2)},),
        variants={"covariance given both masked": partial(token_variance, conditional=True)},
    ),
    Claim(
        id="variance.8b",
        statement=(
            "Adding a linear term of weight 1 - alpha to an objective of weight alpha moves a single parameter's optimum by at "
            "most 1 - alpha times the term's slope, over the least curvature between the two optima."
        ),
        source=f"{OURS}, variance.8", quantifier="for all", kind="upper", routes=("closed form",), check=shift,
        tolerance="1e-12 of the interval that is searched; 1e-5 of it by values, which are flat at their least",
        inputs=lambda: strategies.paired(alpha=_tenths(1, 9), slope=_tenths(1, 30), bend=_tenths(0, 20), curve=_tenths(1, 20)),
        examples=20, fixtures=(PARABOLA, FLAT), variants={"99 % of the bound": partial(shift, factor=0.99)},
        sharp=Sharp("1: equality for a parabola", PARABOLA, 1 - 1e-9),
    ),
    Claim(
        id="variance.8.shift",
        statement=(
            "Adding a term of weight 1 - alpha to an objective of weight alpha moves the optimum by at most 1 - alpha times the "
            "term's slope, over the curvature at the first optimum."
        ),
        source=f"{DECOMPOSITION}, SyRM, Theorems 4 to 6", quantifier="for all", kind="upper", status="reading",
        routes=("closed form",), check=partial(shift, at_start=True), tolerance="1e-12 of the interval that is searched",
        expected="refuted", fixtures=(FLAT,), see="variance.8b",
    ),
    Claim(
        id="variance.9a",
        statement="Masking delimiters with q(t) = min(1, t + shift) and weighting token losses with 1/q keeps the NELBO as mean.",
        source=f"{DECOMPOSITION}, ISAD", quantifier="for all", kind="equality", status="reading", routes=("quadrature",),
        check=raised_rates, tolerance=QUADRATURE, expected="refuted", fixtures=({"denoiser": THREE_BITS, "first": 0, "shift": 0.2},),
        see="variance.9b",
    ),
    Claim(
        id="variance.9b",
        statement=(
            "With a rate q(t) of its own for each position, from 0 at t = 0 to 1 at t = 1, and weights q'/q, the mean is the "
            "NELBO of those schedules."
        ),
        source=f"{OURS}, variance.9", quantifier="for all", kind="equality", routes=("quadrature",), check=proper_rates,
        tolerance=QUADRATURE, inputs=lambda: strategies.paired(denoiser=strategies.denoisers((3, 2)), shift=shifts()),
        examples=6, fixtures=({"denoiser": THREE_BITS, "shift": 0.2},),
        variants={"min(1, t + shift), weights 1/q": partial(proper_rates, proper=False)},
    ),
    Claim(
        id="variance.9c",
        statement="With exact conditionals the mean of ISAD's loss over the law is at least the entropy.",
        source=f"{OURS}, variance.9", quantifier="for all", kind="lower", routes=("quadrature",), check=raised_bound,
        tolerance=QUADRATURE, inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 3), cells=27), shift=shifts()),
        examples=8, fixtures=({"world": uneven(3, 2), "shift": 0.2},),
        variants={"at most": partial(raised_bound, sign=-1)},
    ),
    Claim(
        id="variance.10",
        statement=(
            "The mean of n losses, n / k of them in each of k equal strata of the level, has variance (total - between strata) / n."
        ),
        source=f"{OURS}, variance.10", quantifier="for all", kind="equality", routes=("rational",), check=strata,
        tolerance="none: fractions", inputs=stratified, examples=12,
        fixtures=({"curve": [0, 1, 2], "parts": 4, "each": 3},), variants={"between / k": partial(strata, as_printed=True)},
    ),
    Claim(
        id="variance.10.printed",
        statement="The mean of n losses with k strata of the level has variance total / n - between strata / k.",
        source=f"{DECOMPOSITION}, StraTS", quantifier="for all", kind="equality", status="reading", routes=("rational",),
        check=partial(strata, as_printed=True), tolerance="none: fractions", expected="refuted",
        fixtures=({"curve": [0, 0, 9], "parts": 4, "each": 3},), see="variance.10",
    ),
    Claim(
        id="variance.11",
        statement="Subtracting a moving average that is detached from the parameters leaves the gradient as it is.",
        source=f"{OURS}, variance.11", quantifier="for all", kind="equality", routes=("enumeration",), check=detached,
        tolerance="none: the same operations", inputs=lambda: strategies.paired(losses=token_losses(), slope=slopes()),
        examples=6, fixtures=({"losses": [1, 2, 5], "slope": 3},), variants={"attached": partial(detached, attached=True)},
    ),
)  # fmt: skip
