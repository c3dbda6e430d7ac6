"""ReMDM's step on one token: its marginals, and what noising knows of the data (arXiv 2503.00307).

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

from hypothesis.strategies import SearchStrategy

from theory.ledger import Claim, Evidence, Instance, at_least, equal
from theory.reference import remasking as reference_remasking
from theory.remasking.claims.inputs import GRID, REMDM, alphas, fraction
from theory.remasking.posterior import (
    Posterior,
    largest_sigma,
    posterior,
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
    import sympy

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


def alphas_below_one() -> SearchStrategy[Instance]:
    """Draw alphas as `alphas` does, alpha_next < 1."""
    return alphas(GRID - 1)


INNER: Instance = {"now": 9, "after": 12, "share": 12}
EARLY: Instance = {"now": 5, "after": 19, "share": 24}
ANY = (INNER, EARLY, {"now": 6, "after": 12, "share": 24}, {"now": 0, "after": 4, "share": 6})
NONE = "none: fractions and computer algebra"
ADMISSIBLE = "0 <= alpha_now <= alpha_next <= 1, alpha_now < 1, and 0 <= sigma <= min(1, (1 - alpha_next) / alpha_now)"

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
        examples=12,
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
        examples=20,
        fixtures=ANY,
        variants={"alpha_next in place of alpha_now": partial(forward, marginal=True)},
    ),
)
