"""ReMDM's step: marginals, what its forward process knows, predictor and corrector, Props 4.2-4.4; as printed too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import sympy
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.claims.inputs import F2, GRID, NOTES, REMDM, Case, alphas, fraction
from theory.remasking.posterior import (
    Posterior,
    corrector,
    corrector_matrix,
    largest_corrector_sigma,
    largest_sigma,
    posterior,
    predictor,
    star_sigma,
)  # fmt: skip
from theory.worlds import TableWorld, information

ZERO = Fraction(0)


def marginals(now: int, after: int, share: int, extra: Fraction = ZERO) -> Iterator[Evidence]:
    """Step the marginal of one token at an admissible sigma: alpha_next comes out; by the cases as printed too."""
    t, s = fraction(now), fraction(after)
    sigma = fraction(share) * Fraction(largest_sigma(t, s))
    found = posterior(t, s, sigma)
    kept = Posterior(found.keep - extra, found.reveal)
    yield equal("rational", Fraction(kept.revealed(t)), s, ZERO, effective=sigma > 0 and t > 0, note="alpha_next")
    shown, hidden = (reference_remasking.token_law(token, 0, t, s, sigma, 1) for token in (0, 1))
    yield equal(
        "rational", [Fraction(found.keep), Fraction(found.reveal)], [shown[0], hidden[0]], ZERO, note="as printed"
    )
    least = min(*shown.values(), *hidden.values())
    yield at_least("rational", Fraction(least), ZERO, ZERO, effective=sigma > 0, note="no negative chance")
    at_limit = reference_remasking.token_law(1, 0, t, s, Fraction(largest_sigma(t, s)) + Fraction(1, GRID), 1)
    beyond = min(*at_limit.values(), 1 - Fraction(largest_sigma(t, s)) - Fraction(1, GRID))
    yield at_most(
        "rational", Fraction(beyond), -Fraction(1, 100 * GRID), ZERO, effective=t > 0, note="none beyond the limit"
    )


def identities(wrong: bool = False) -> Iterator[Evidence]:
    """Simplify the marginal and the composition as rational functions of alpha_now, alpha_next and sigma."""
    t, s, sigma = sympy.symbols("t s sigma", positive=True)
    reveal = (s - (1 - sigma) * t) / (1 - t)
    first, second = (s - t) / (1 - t), sigma * (t if wrong else s) / (1 - s)
    gaps: list[Any] = [(1 - sigma) * t + (1 - t) * reveal - s, first * (1 - sigma) + (1 - first) * second - reveal]
    for gap in gaps:
        yield equal("symbolic", int(sympy.simplify(gap) == 0), 1, ZERO, note="difference is zero", proves=math.inf)


def forward(now: int, after: int, share: int, marginal: int = 0) -> Iterator[Evidence]:
    """Reverse one token's step by Bayes: P(z_now = x | z_next masked) = sigma alpha_now / (1 - alpha_next), which knows x."""
    t, s = fraction(now), fraction(after)
    if s == 1:
        return
    sigma = fraction(share) * Fraction(largest_sigma(t, s))
    shown, hidden = (reference_remasking.token_law(token, 0, t, s, sigma, 1) for token in (0, 1))
    both = t * shown[1]
    masked = both + (1 - t) * hidden[1]
    found = both / masked
    yield equal(
        "rational", found, sigma * (s if marginal else t) / (1 - s), ZERO, effective=sigma * t > 0, note="mask to x"
    )


def composition(now: int, after: int, share: int, strict: bool = True, level: str = "next") -> Iterator[Evidence]:
    """Compare ReMDM's step with its predictor followed by the corrector at alpha_next, and ask that both are kernels.

    With `strict` sigma is a share of what the corrector admits, else of what the posterior admits, as printed.
    """
    t, s = fraction(now), fraction(after)
    most = (
        min(Fraction(largest_sigma(t, s)), Fraction(largest_corrector_sigma(s)))
        if strict
        else Fraction(largest_sigma(t, s))
    )
    sigma = fraction(share) * most
    at = s if level == "next" else t
    step, second = posterior(t, s, sigma), corrector_matrix(at, sigma)
    both = predictor(t, s).then(second)
    effective = 0 < t < s < 1 and sigma > 0
    found, wanted = [Fraction(both.keep), Fraction(both.reveal)], [Fraction(step.keep), Fraction(step.reveal)]
    if s < 1:
        yield equal("rational", found, wanted, ZERO, effective=effective, note="predictor, then corrector")
        yield equal(
            "rational",
            Fraction(corrector_matrix(s, sigma).revealed(s)),
            s,
            ZERO,
            effective=effective,
            note="keeps alpha_next",
        )
    yield equal("enumeration", int(second.is_kernel), 1, ZERO, effective=effective, note="the corrector is a kernel")
    if strict and level == "next":
        same = corrector(s, sigma)
        yield equal("rational", Fraction(same.reveal), Fraction(second.reveal), ZERO, effective=False, note="accepted")


def star_corrector(now: int, after: int, share: int, power: int = 1) -> Iterator[Evidence]:
    """Check that sigma = 1 - alpha_next never exceeds the corrector's limit."""
    t, s = fraction(now), fraction(after)
    limit = min(Fraction(1), (1 - s) / s) if s else Fraction(1)
    sigma = Fraction(star_sigma(t, s)) * power
    yield at_most("rational", sigma, limit, ZERO, effective=0 < s < 1, note="star")


def composed_twice(world: TableWorld, now: float, after: float, sigma: float, same: bool = False) -> Iterator[Evidence]:
    """Give predictor and corrector a denoiser call each: the law is not that of ReMDM's one-call step."""
    case = Case(world)
    law = chain.noised_states(world, now)
    one = chain.posterior_step(law, case.factorised, posterior(now, after, sigma))
    first = chain.posterior_step(law, case.factorised, predictor(now, after))
    two = one if same else chain.posterior_step(first, case.factorised, corrector(after, sigma))
    yield at_least("enumeration", information.total_variation(one, two), 0.005, 0.0, note="TV between the two")


def forward_backward(now: int, after: int, share: int, at_next: bool = False) -> Iterator[Evidence]:
    """Compare the corrector at sigma = (alpha_next - alpha_now) / alpha_now with an Euler step of both rates."""
    t, s = fraction(now), fraction(after)
    if t == 0 or s > 2 * t or s == 1:
        return
    sigma = (s - t) / t
    found = corrector_matrix(s if at_next else t, sigma)
    effective = s > t
    yield equal("rational", Fraction(found.keep), 1 - (s - t) / t, ZERO, effective=effective, note="noising rate")
    yield equal("rational", Fraction(found.reveal), (s - t) / (1 - t), ZERO, effective=effective, note="denoising rate")
    if s <= Fraction(largest_sigma(t, s)) * t + t:
        step = posterior(t, s, sigma)
        rate = 2 * (s - t) / (1 - t)
        yield equal(
            "rational", Fraction(step.reveal), rate, ZERO, effective=effective, note="with the predictor's rate"
        )


def flow_matching(now: int, after: int, share: int, extra: int = 1) -> Iterator[Evidence]:
    """Compare an Euler step of the flow-matching corrector, (1 + beta) forward and beta backward, with ReMDM's."""
    t, s = fraction(now), fraction(after)
    if t in (0, s) or s == 1:
        return
    beta = fraction(share) * Fraction(largest_sigma(t, s)) * t / (s - t)
    step = posterior(t, s, beta * (s - t) / t)
    effective = beta > 0
    yield equal("rational", Fraction(1 - step.keep), beta * (s - t) / t, ZERO, effective=effective, note="masks")
    revealed = (extra + beta) * (s - t) / (1 - t)
    yield equal("rational", Fraction(step.reveal), revealed, ZERO, effective=effective, note="reveals")


def constant_alpha(now: int, share: int, rate: int = 0) -> Iterator[Evidence]:
    """Let alpha stand still: the flow-matching step is the identity for every beta, ReMDM's is not."""
    t = fraction(now)
    if not 0 < t < 1:
        return
    change = Fraction(rate, GRID)
    beta = 1 + share
    idle = Posterior(1 - beta * change / t, (1 + beta) * change / (1 - t))
    yield equal(
        "rational", [Fraction(idle.keep), Fraction(idle.reveal)], [Fraction(1), ZERO], ZERO, note="flow matching"
    )
    sigma = Fraction(largest_sigma(t, t)) * fraction(max(1, share))
    step = posterior(t, t, sigma)
    yield at_least("rational", Fraction(step.reveal), Fraction(1, GRID**2), ZERO, note="ReMDM reveals")
    yield equal("rational", Fraction(step.revealed(t)), t, ZERO, note="and keeps alpha")


def _levels() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"now": st.integers(1, GRID - 1), "share": st.integers(0, GRID)})


INNER: Instance = {"now": 9, "after": 12, "share": 12}
EARLY: Instance = {"now": 5, "after": 19, "share": 24}
ANY = (
    INNER,
    EARLY,
    {"now": 6, "after": 12, "share": 24},
    {"now": 0, "after": 4, "share": 6},
    {"now": 20, "after": 24, "share": 24},
)
NONE = "none: fractions"
ADMISSIBLE = "0 <= sigma <= min(1, (1 - alpha_next) / alpha_now)"

CLAIMS = (
    Claim(
        id="remdm.3.1",
        statement=(
            "For every admissible sigma the revealed fraction after the step is alpha_next; beyond min(1, (1 "
            "- alpha_next) / alpha_now) a chance is negative"
        ),
        assumptions=ADMISSIBLE,
        source=f"{REMDM}, Thm 3.1 and eq. (5)",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=marginals,
        tolerance=NONE,
        inputs=alphas,
        examples=60,
        fixtures=ANY,
        variants={"one in a hundred lost": partial(marginals, extra=Fraction(1, 100))},
    ),
    Claim(
        id="remdm.3.1s",
        statement="Marginals and composition as identities of rational functions",
        source=f"{REMDM}, Thms 3.1 and 4.1",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("symbolic",),
        check=identities,
        tolerance="none: computer algebra",
        fixtures=({},),
        variants={"corrector at the level before": partial(identities, wrong=True)},
    ),
    Claim(
        id="remdm.3.2",
        statement=(
            "Noising knows the data: P(z_now = x | z_next masked) = sigma alpha_now / (1 - alpha_next), zero "
            "only for sigma = 0"
        ),
        assumptions=ADMISSIBLE,
        source=f"{REMDM}, section 3; {NOTES}, family",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=forward,
        tolerance=NONE,
        inputs=alphas,
        examples=40,
        fixtures=ANY,
        variants={"alpha_next in its place": partial(forward, marginal=1)},
    ),
    Claim(
        id="remdm.4.1.printed",
        statement=(
            "For every admissible sigma the step is masked diffusion's predictor followed by a corrector "
            "that is a transition kernel"
        ),
        assumptions=ADMISSIBLE,
        source=f"{REMDM}, Thm 4.1 as printed",
        status="printed",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="remdm.4.1",
        routes=("rational", "enumeration"),
        check=partial(composition, strict=False),
        tolerance=NONE,
        inputs=alphas,
        examples=20,
        fixtures=(EARLY, *ANY),
    ),
    Claim(
        id="remdm.4.1",
        statement=(
            "The step is masked diffusion's predictor, then a corrector at alpha_next that masks with sigma, "
            "reveals with sigma alpha_next / (1 - alpha_next) and keeps alpha_next"
        ),
        assumptions="sigma <= min(1, (1 - alpha_next) / alpha_next): only there is the corrector a kernel",
        source=f"{REMDM}, Thm 4.1; {NOTES}, corrector",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=composition,
        tolerance=NONE,
        inputs=alphas,
        examples=60,
        fixtures=ANY,
        variants={"corrector at alpha_now": partial(composition, level="now")},
    ),
    Claim(
        id="remdm.4.1star",
        statement="The star-shaped sigma = 1 - alpha_next is below the corrector's limit",
        source=f"{NOTES}, corrector",
        quantifier="for all",
        kind="upper",
        routes=("rational",),
        check=star_corrector,
        tolerance=NONE,
        inputs=alphas,
        examples=40,
        fixtures=ANY,
        variants={"twice": partial(star_corrector, power=2)},
    ),
    Claim(
        id="remdm.4.1calls",
        statement=(
            "The composition holds given x: with one denoiser call each, predictor and corrector have "
            "another law than the step, TV above .005"
        ),
        source=f"{NOTES}, corrector",
        quantifier="there exists",
        kind="lower",
        routes=("enumeration",),
        check=composed_twice,
        tolerance="none: a margin of a tenth",
        fixtures=({"world": F2, "now": 0.2, "after": 0.5, "sigma": 0.5},),
        variants={"one call": partial(composed_twice, same=True)},
    ),
    Claim(
        id="remdm.4.2",
        statement=(
            "At sigma = (alpha_next - alpha_now) / alpha_now the corrector at level alpha_now is an Euler "
            "step of the forward-backward corrector"
        ),
        assumptions="alpha_next <= 2 alpha_now; both compared at level alpha_now",
        source=f"{REMDM}, Prop. 4.2; {NOTES}, corrector",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=forward_backward,
        tolerance=NONE,
        inputs=alphas,
        examples=80,
        fixtures=(INNER, {"now": 12, "after": 15, "share": 0}),
        variants={"at level alpha_next": partial(forward_backward, at_next=True)},
    ),
    Claim(
        id="remdm.4.3",
        statement=(
            "At sigma = beta (alpha_next - alpha_now) / alpha_now the step is an Euler step of the "
            "flow-matching corrector with rates 1 + beta and beta"
        ),
        assumptions=ADMISSIBLE,
        source=f"{REMDM}, Prop. 4.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=flow_matching,
        tolerance=NONE,
        inputs=alphas,
        examples=60,
        fixtures=(INNER, EARLY),
        variants={"rates 2 + beta": partial(flow_matching, extra=2)},
    ),
    Claim(
        id="remdm.4.4",
        statement=(
            "Where alpha stands still the flow-matching corrector does nothing for any beta, while ReMDM's "
            "step remasks and keeps alpha"
        ),
        source=f"{REMDM}, Prop. 4.4",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=constant_alpha,
        tolerance=NONE,
        inputs=_levels,
        examples=20,
        fixtures=({"now": 12, "share": 3},),
        variants={"alpha moves": partial(constant_alpha, rate=1)},
    ),
)
