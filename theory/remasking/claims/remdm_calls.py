"""ReMDM's predictor and corrector with a denoiser call each: the split of Theorem 4.1 is one given the data."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.ledger import Claim, Evidence, equal
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.claims.inputs import F2, Case, fraction, merged, ours, products, variation
from theory.remasking.claims.remdm_steps import alphas_below_one
from theory.remasking.posterior import corrector, posterior, predictor
from theory.worlds import TableWorld

ZERO = Fraction(0)


def two_calls(
    world: TableWorld, now: int, after: int, share: int, differs: bool = False, once: bool = False, mixed: int = 0
) -> Iterator[Evidence]:
    """Step the noised data once, and by predictor and corrector that both ask the denoiser; in fractions and engine.

    `differs` asks that the two laws differ, else they must be equal. The variants take one call on both sides, or add
    weight `mixed` to the sequences that repeat one token.
    """
    cells = zip(world.weights or (), reference.sequences(world.n, world.d), strict=True)
    case = Case(TableWorld.from_weights([w + mixed * (len(set(x)) == 1) for w, x in cells], world.n, world.d))
    t, s, d = fraction(now), fraction(after), world.d
    sigma = fraction(share) * (min(Fraction(1), (1 - s) / s) if s else Fraction(1))
    start = reference_remasking.noised_law(case.rational, t, d)
    one = reference_remasking.posterior_step(start, case.literal_fill, t, s, sigma, d)
    first = reference_remasking.posterior_step(start, case.literal_fill, t, s, ZERO, d)
    two = one if once else reference_remasking.posterior_step(first, case.literal_fill, s, s, sigma, d)
    distance = variation(one, two)
    if differs:
        yield equal("rational", int(distance > 0), 1, ZERO, note=f"the laws differ: TV = {float(distance):.4f}")
    else:
        effective = 0 < t < s and sigma > 0 and world.n > 1
        yield equal("rational", distance, ZERO, ZERO, effective=effective, note="TV between one call and two")
    law, slack = chain.noised_states(case.world, float(t)), case.slack(3) / float(1 - s)
    found = chain.posterior_step(law, case.factorised, posterior(float(t), float(s), float(sigma)))
    yield equal("enumeration", found, case.listed(one, masks=True), slack, note="engine, one call")
    half = chain.posterior_step(law, case.factorised, predictor(float(t), float(s)))
    found = chain.posterior_step(half, case.factorised, corrector(float(s), float(sigma))) if not once else found
    yield equal("enumeration", found, case.listed(two, masks=True), slack, note="engine, two calls")


CLAIMS = (
    Claim(
        id="remdm.4.1calls",
        statement=(
            "There is a data law for which predictor and corrector, asking the denoiser once each, have another law "
            "than ReMDM's step, which asks it once: the split of Theorem 4.1 holds given the data only."
        ),
        source=ours("remdm.calls"),
        quantifier="there exists",
        kind="equality",
        routes=("rational", "enumeration"),
        check=partial(two_calls, differs=True),
        tolerance="none in fractions; engine: rounding of the steps over 1 - alpha_next",
        fixtures=({"world": F2, "now": 5, "after": 12, "share": 12},),
        variants={"one call on both sides": partial(two_calls, differs=True, once=True)},
    ),
    Claim(
        id="remdm.4.1product",
        statement=(
            "For independent positions and exact conditionals, predictor and corrector with a denoiser call each have "
            "the law of ReMDM's step with one call."
        ),
        assumptions="product laws; sigma within the corrector's limit, alpha_next < 1",
        source=ours("remdm.calls"),
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=two_calls,
        tolerance="none in fractions; engine: rounding of the steps over 1 - alpha_next",
        inputs=lambda: merged(products(3), alphas_below_one()),
        examples=8,
        fixtures=({"world": TableWorld.from_weights([21, 14, 9, 6], 2, 2), "now": 5, "after": 12, "share": 12},),
        variants={"one unit of weight on the repeated sequences": partial(two_calls, mixed=1)},
    ),
)
