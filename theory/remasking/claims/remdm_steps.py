"""ReMDM's step on one token: marginals, what noising knows of the data, predictor and corrector (arXiv 2503.00307).

A token's step is a 2 x 2 matrix, so every statement is an identity or an inequality of rational functions of
alpha_now, alpha_next and sigma: proved by computer algebra on the formulas as printed, while the engine is compared
with those formulas in fractions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import sympy
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.ledger import Claim, Evidence, Instance, at_least, equal
from theory.reference import remasking as reference_remasking
from theory.remasking.claims.inputs import GRID, REMDM, alphas, fraction
from theory.remasking.posterior import (
    Posterior,
    corrector,
    corrector_matrix,
    largest_corrector_sigma,
    largest_sigma,
    posterior,
    predictor,
    star_sigma,
)

ZERO, ONE = Fraction(0), Fraction(1)
SHOWN, MASK = 0, 1
"""The two states of a token whose value is given: it is shown, or masked."""


def printed_chances(now: Any, after: Any, sigma: Any) -> tuple[dict[int, Any], dict[int, Any]]:
    """Return the law of the next state of a shown and of a masked token, the two cases as printed."""
    shown, hidden = (reference_remasking.token_law(token, SHOWN, now, after, sigma, MASK) for token in (SHOWN, MASK))
    return shown, hidden


def printed_corrector(alpha: Any, sigma: Any) -> tuple[dict[int, Any], dict[int, Any]]:
    """Return the corrector's law of the next state of a shown and of a masked token, as printed."""
    shown, hidden = (reference_remasking.corrector_law(token, SHOWN, alpha, sigma, MASK) for token in (SHOWN, MASK))
    return shown, hidden


def admissible(now: Fraction, after: Fraction) -> Fraction:
    """Return min{1, (1 - alpha_next) / alpha_now}, the largest sigma as printed in eq. (7)."""
    return min(ONE, (1 - after) / now) if now else ONE


@functools.cache
def identities() -> dict[str, bool]:
    """Return which identities hold for all alpha_now, alpha_next and sigma, by simplifying their differences."""
    t, s, sigma, beta = sympy.symbols("t s sigma beta", positive=True)
    shown, hidden = printed_chances(t, s, sigma)
    plain_shown, plain_hidden = printed_chances(t, s, sympy.Integer(0))
    second_shown, second_hidden = printed_corrector(s, sigma)
    euler, idle = printed_chances(t, s, beta * (s - t) / t), printed_corrector(t, (s - t) / t)
    gaps = {
        "rows sum to one": (shown[SHOWN] + shown[MASK] - 1, hidden[SHOWN] + hidden[MASK] - 1),
        "marginal": (t * shown[SHOWN] + (1 - t) * hidden[SHOWN] - s,),
        "noising": (t * shown[MASK] / (t * shown[MASK] + (1 - t) * hidden[MASK]) - sigma * t / (1 - s),),
        "composition": tuple(
            first[SHOWN] * second_shown[SHOWN] + first[MASK] * second_hidden[SHOWN] - whole[SHOWN]
            for first, whole in ((plain_shown, shown), (plain_hidden, hidden))
        ),
        "corrector keeps alpha": (s * second_shown[SHOWN] + (1 - s) * second_hidden[SHOWN] - s,),
        "forward-backward": (idle[0][MASK] - (s - t) / t, idle[1][SHOWN] - (s - t) / (1 - t)),
        "flow matching": (
            euler[0][MASK] - beta * (s - t) / t,
            euler[1][SHOWN] - (1 + beta) * (s - t) / (1 - t),
        ),
    }
    return {name: all(sympy.simplify(gap) == 0 for gap in each) for name, each in gaps.items()}


def proved(*names: str) -> Iterator[Evidence]:
    """Yield the outcome of computer algebra on the printed formulas, for all values of the symbols."""
    for name in names:
        yield equal("symbolic", int(identities()[name]), 1, ZERO, note=f"{name}: difference is zero", proves=math.inf)


def as_printed(step: Posterior, now: Fraction, after: Fraction, sigma: Fraction) -> Evidence:
    """Compare the engine's step with the two cases as printed."""
    shown, hidden = printed_chances(now, after, sigma)
    found = [Fraction(step.keep), Fraction(step.reveal)]
    return equal("rational", found, [shown[SHOWN], hidden[SHOWN]], ZERO, note="the engine's step is the printed one")


def marginals(now: int, after: int, share: int, stretch: Fraction = ONE, lost: Fraction = ZERO) -> Iterator[Evidence]:
    """Step the marginal of one token at an admissible sigma: alpha_next comes out, and no chance is negative.

    The variants take sigma beyond the limit by the factor `stretch`, or lose a share of the tokens that are kept.
    """
    t, s = fraction(now), fraction(after)
    limit = admissible(t, s)
    sigma = fraction(share) * limit
    step = posterior(t, s, sigma)
    yield equal("rational", Fraction(largest_sigma(t, s)), limit, ZERO, note="the engine's limit of sigma")
    yield as_printed(step, t, s, sigma)
    revealed = t * step.keep * (1 - lost) + (1 - t) * step.reveal
    yield equal("rational", Fraction(revealed), s, ZERO, effective=sigma * t > 0, note="revealed fraction")
    yield equal("rational", Fraction(step.revealed(t)), s, ZERO, effective=sigma * t > 0, note="by the engine")
    shown, hidden = printed_chances(t, s, stretch * sigma)
    least = min(*shown.values(), *hidden.values())
    yield at_least("rational", Fraction(least), ZERO, ZERO, effective=sigma > 0, note="no negative chance")
    yield from proved("rows sum to one", "marginal")


def forward(now: int, after: int, share: int, marginal: bool = False) -> Iterator[Evidence]:
    """Reverse one token's step by Bayes, and compare with sigma alpha_now / (1 - alpha_next).

    The variant claims sigma alpha_next / (1 - alpha_next).
    """
    t, s = fraction(now), fraction(after)
    sigma = fraction(share) * admissible(t, s)
    step = posterior(t, s, sigma)
    both = t * (1 - step.keep)
    found = Fraction(both / (both + (1 - t) * (1 - step.reveal)))
    claimed = sigma * (s if marginal else t) / (1 - s)
    yield equal("rational", found, claimed, ZERO, effective=sigma * t > 0, note="P(shown before | masked after)")
    yield from proved("noising")


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


def alphas_below_one() -> SearchStrategy[Instance]:
    """Draw alphas as `alphas` does, alpha_next < 1."""
    return alphas(GRID - 1)


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


INNER: Instance = {"now": 9, "after": 12, "share": 12}
EARLY: Instance = {"now": 5, "after": 19, "share": 24}
ANY = (INNER, EARLY, {"now": 6, "after": 12, "share": 24}, {"now": 0, "after": 4, "share": 6})
NONE = "none: fractions and computer algebra"
ADMISSIBLE = "0 <= alpha_now <= alpha_next <= 1, alpha_now < 1, and 0 <= sigma <= min(1, (1 - alpha_next) / alpha_now)"
FRACTIONS = "Here alpha_now and alpha_next are the fractions of revealed tokens before and after the step"

CLAIMS = (
    Claim(
        id="remdm.3.1",
        statement=(
            "For every remasking probability sigma up to min(1, (1 - alpha_next) / alpha_now) both cases of ReMDM's "
            "step are probabilities, and a token that is shown with chance alpha_now before the step is shown with "
            "chance alpha_next after it. Any larger sigma makes a chance negative."
        ),
        tex=r"\alpha_t (1 - \sigma) + (1 - \alpha_t) \frac{\alpha_s - (1 - \sigma) \alpha_t}{1 - \alpha_t} = \alpha_s",
        assumptions=ADMISSIBLE,
        source=f"{REMDM}, Theorem 3.1 and equations (5) to (7)",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "symbolic"),
        check=marginals,
        tolerance=NONE,
        inputs=alphas,
        examples=60,
        fixtures=(*ANY, {"now": 20, "after": 24, "share": 24}),
        variants={
            "sigma one percent above the limit": partial(marginals, stretch=Fraction(101, 100)),
            "one in a hundred of the shown tokens lost": partial(marginals, lost=Fraction(1, 100)),
        },
    ),
    Claim(
        id="remdm.3.2",
        statement=(
            "The noising process of ReMDM is not Markov: given the data, a token that is masked after a step was shown "
            "before it with chance sigma alpha_now / (1 - alpha_next), and then it shows the data. Only sigma = 0 makes "
            "this chance zero."
        ),
        assumptions=f"{ADMISSIBLE}; alpha_next < 1",
        source=f"{REMDM}, section 3; see docs/derivations.md, remdm.family",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "symbolic"),
        check=forward,
        tolerance=NONE,
        inputs=alphas_below_one,
        examples=40,
        fixtures=ANY,
        variants={"alpha_next in place of alpha_now": partial(forward, marginal=True)},
    ),
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
        examples=60,
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
        examples=40,
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
        examples=40,
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
