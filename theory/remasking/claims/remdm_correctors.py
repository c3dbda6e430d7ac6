"""ReMDM's step as predictor and corrector, on one token: Theorem 4.1 and Propositions 4.2 to 4.4 (arXiv 2503.00307)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.ledger import Claim, Evidence, Instance, at_least, equal
from theory.remasking.claims.inputs import GRID, REMDM, fraction
from theory.remasking.claims.remdm_steps import (
    ADMISSIBLE,
    ANY,
    EARLY,
    INNER,
    MASK,
    NONE,
    ONE,
    SHOWN,
    ZERO,
    admissible,
    alphas_below_one,
    printed_chances,
    printed_corrector,
    proved,
)
from theory.remasking.posterior import (
    corrector,
    corrector_matrix,
    largest_corrector_sigma,
    posterior,
    predictor,
    star_sigma,
)

FRACTIONS = "alpha_now and alpha_next are the fractions of revealed tokens before and after the step"


def composition(now: int, after: int, share: int, strict: bool = True, level: str = "next") -> Iterator[Evidence]:
    """Compare ReMDM's step with masked diffusion's followed by the corrector at alpha_next; both must be kernels.

    With `strict` sigma is a share of what the corrector admits, else of what the posterior admits, as printed. The
    variant takes the corrector at `level` "now".
    """
    t, s = fraction(now), fraction(after)
    corrects = min(ONE, (1 - s) / s) if s else ONE
    sigma = fraction(share) * (min(admissible(t, s), corrects) if strict else admissible(t, s))
    at = s if level == "next" else t
    if at == 1 or s == 1:
        return
    step, second = posterior(t, s, sigma), corrector_matrix(at, sigma)
    effective = 0 < t < s and sigma > 0
    shown, hidden = printed_corrector(at, sigma)
    listed = [shown[SHOWN], hidden[SHOWN]]
    yield equal("rational", [Fraction(second.keep), Fraction(second.reveal)], listed, ZERO, note="the corrector")
    matrix = [first[SHOWN] * shown[SHOWN] + first[MASK] * hidden[SHOWN] for first in printed_chances(t, s, ZERO)]
    wanted = [Fraction(step.keep), Fraction(step.reveal)]
    yield equal("rational", matrix, wanted, ZERO, effective=effective, note="predictor, then corrector")
    both = predictor(t, s).then(second)
    yield equal("rational", [Fraction(both.keep), Fraction(both.reveal)], matrix, ZERO, note="by the engine")
    least = min(*shown.values(), *hidden.values())
    yield at_least("rational", Fraction(least), ZERO, ZERO, effective=effective, note="the corrector is a kernel")
    yield equal("rational", Fraction(second.revealed(at)), at, ZERO, effective=effective, note="it keeps alpha")
    if strict and level == "next":
        accepted = corrector(s, sigma)
        yield equal("rational", Fraction(accepted.reveal), Fraction(second.reveal), ZERO, note="accepted")
        yield equal("rational", Fraction(largest_corrector_sigma(s)), corrects, ZERO, note="the corrector's limit")
        yield at_least("rational", corrects, Fraction(star_sigma(t, s)), ZERO, note="the star's sigma is below it")
    yield from proved("composition", "corrector keeps alpha")


def forward_backward(now: int, after: int, at_next: bool = False) -> Iterator[Evidence]:
    """Compare the corrector at sigma = (alpha_next - alpha_now) / alpha_now with an Euler step of both rates.

    Over a step in which alpha grows by s - t the noising rate alpha' / alpha masks with chance (s - t) / t, and the
    denoising rate alpha' / (1 - alpha) reveals with chance (s - t) / (1 - t), rates taken at t.
    """
    t, s = fraction(now), fraction(after)
    found = corrector_matrix(s if at_next else t, (s - t) / t)
    yield equal("rational", Fraction(1 - found.keep), (s - t) / t, ZERO, note="noising rate")
    yield equal("rational", Fraction(found.reveal), (s - t) / (1 - t), ZERO, note="denoising rate")
    yield from proved("forward-backward")


def flow_matching(now: int, after: int, share: int, ahead: Fraction = ONE) -> Iterator[Evidence]:
    """Compare ReMDM's step with an Euler step of the flow-matching corrector: (1 + beta) forward, beta backward.

    The variant takes the forward rate as `ahead` + beta.
    """
    t, s = fraction(now), fraction(after)
    beta = fraction(share) * admissible(t, s) * t / (s - t)
    step = posterior(t, s, beta * (s - t) / t)
    yield equal("rational", Fraction(1 - step.keep), beta * (s - t) / t, ZERO, effective=beta > 0, note="masks")
    revealed = (ahead + beta) * (s - t) / (1 - t)
    yield equal("rational", Fraction(step.reveal), revealed, ZERO, effective=beta > 0, note="reveals")
    yield from proved("flow matching")


def constant_alpha(now: int, share: int, drift: Fraction = ZERO) -> Iterator[Evidence]:
    """Let alpha stand still: flow matching's sigma, beta (s - t) / t, is zero and its step the identity for any beta.

    ReMDM's step at any other sigma masks again and keeps alpha. The variant lets alpha move by `drift` of 1 - alpha.
    """
    t, beta = fraction(now), Fraction(share + 1)
    s = t + drift * (1 - t)
    idle = posterior(t, s, min(beta * (s - t) / t, admissible(t, s)))
    yield equal("rational", [Fraction(idle.keep), Fraction(idle.reveal)], [ONE, ZERO], ZERO, note="flow matching idles")
    sigma = fraction(max(1, share)) * admissible(t, t)
    step = posterior(t, t, sigma)
    found, wanted = [Fraction(1 - step.keep), Fraction(step.reveal)], [sigma, sigma * t / (1 - t)]
    yield equal("rational", found, wanted, ZERO, note="ReMDM masks and reveals")
    yield at_least("rational", min(found), Fraction(1, GRID**3), ZERO, note="both with a positive chance")
    yield equal("rational", Fraction(step.revealed(t)), t, ZERO, note="and keeps alpha")


def _doubling() -> SearchStrategy[Instance]:
    """Draw 0 < alpha_now <= alpha_next <= 2 alpha_now, alpha_next < 1."""
    return st.integers(1, GRID - 1).flatmap(
        lambda now: st.fixed_dictionaries({"now": st.just(now), "after": st.integers(now, min(2 * now, GRID - 1))})
    )


def _climbing() -> SearchStrategy[Instance]:
    """Draw 0 < alpha_now < alpha_next < 1 and a share of the largest beta."""
    return st.integers(1, GRID - 2).flatmap(
        lambda now: st.fixed_dictionaries(
            {"now": st.just(now), "after": st.integers(now + 1, GRID - 1), "share": st.integers(0, GRID)}
        )
    )


def _levels() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"now": st.integers(1, GRID - 1), "share": st.integers(0, GRID)})


CLAIMS = (
    Claim(
        id="remdm.4.1.printed",
        statement=(
            "For every admissible sigma ReMDM's step is masked diffusion's step followed by a corrector that is a "
            "transition kernel."
        ),
        assumptions=ADMISSIBLE,
        source=f"{REMDM}, Theorem 4.1 as printed",
        status="printed",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="remdm.4.1",
        routes=("rational", "symbolic"),
        check=partial(composition, strict=False),
        tolerance=NONE,
        inputs=alphas_below_one,
        examples=20,
        fixtures=(EARLY, *ANY),
    ),
    Claim(
        id="remdm.4.1",
        statement=(
            "For sigma up to (1 - alpha_next) / alpha_next ReMDM's step is masked diffusion's step followed by a "
            "corrector: it masks a shown token with chance sigma, reveals a masked one with chance "
            "sigma alpha_next / (1 - alpha_next), and keeps the revealed fraction alpha_next. The star-shaped process, "
            "sigma = 1 - alpha_next, is always below this limit."
        ),
        assumptions="sigma <= min(1, (1 - alpha_next) / alpha_next): only there is the corrector a kernel; alpha_next < 1",
        source=f"{REMDM}, Theorem 4.1, with the condition of docs/derivations.md, remdm.corrector",
        quantifier="for all",
        kind="equality",
        routes=("rational", "symbolic"),
        check=composition,
        tolerance=NONE,
        inputs=alphas_below_one,
        examples=20,
        fixtures=ANY,
        variants={"corrector at alpha_now": partial(composition, level="now")},
    ),
    Claim(
        id="remdm.4.2",
        statement=(
            "At sigma = (alpha_next - alpha_now) / alpha_now the corrector, taken at alpha_now, is an Euler step of the "
            "forward-backward corrector: it masks at the rate of noising and reveals at the rate of denoising."
        ),
        assumptions=f"{FRACTIONS}; 0 < alpha_now <= alpha_next <= 2 alpha_now, alpha_next < 1",
        source=f"{REMDM}, Proposition 4.2; see docs/derivations.md, remdm.corrector",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "symbolic"),
        check=forward_backward,
        tolerance=NONE,
        inputs=_doubling,
        examples=20,
        fixtures=({"now": 9, "after": 12}, {"now": 12, "after": 15}),
        variants={"the corrector taken at alpha_next": partial(forward_backward, at_next=True)},
    ),
    Claim(
        id="remdm.4.3",
        statement=(
            "At sigma = beta (alpha_next - alpha_now) / alpha_now ReMDM's step is an Euler step of the flow-matching "
            "corrector, which denoises at 1 + beta times and noises at beta times the plain rate."
        ),
        assumptions=f"{ADMISSIBLE}; 0 < alpha_now < alpha_next < 1",
        source=f"{REMDM}, Proposition 4.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "symbolic"),
        check=flow_matching,
        tolerance=NONE,
        inputs=_climbing,
        examples=20,
        fixtures=(INNER, EARLY),
        variants={"denoising at 1.01 + beta": partial(flow_matching, ahead=Fraction(101, 100))},
    ),
    Claim(
        id="remdm.4.4",
        statement=(
            "Where the revealed fraction alpha stands still, 0 < alpha < 1, the flow-matching corrector does nothing for "
            "any beta, while ReMDM's step at sigma > 0 masks and reveals tokens and keeps alpha. ReMDM's family is "
            "strictly larger."
        ),
        source=f"{REMDM}, Proposition 4.4",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=constant_alpha,
        tolerance="none: fractions",
        inputs=_levels,
        examples=20,
        fixtures=({"now": 12, "share": 3},),
        variants={"alpha moves by one percent of what is masked": partial(constant_alpha, drift=Fraction(1, 100))},
    ),
)
