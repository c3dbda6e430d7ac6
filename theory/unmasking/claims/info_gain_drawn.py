"""Info-Gain with drawn candidates: where keeping the best of them leaves the law, and what is lost elsewhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, at_least, equal
from theory.reference import info_gain as reference_info_gain
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.tolerance import SLACK
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS
from theory.unmasking.claims.info_gain_rules import CHANNEL, GENERIC, ROUNDING, only_worlds, tolerance
from theory.unmasking.claims.literal import listed
from theory.unmasking.claims.rule_inputs import product_world, product_worlds
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, information


def single_candidate(world: TableWorld, count: int = 1) -> Iterator[Evidence]:
    """Compare the output law of the best of N drawn candidates with the data law, by the walk and written out."""
    found, q, slack = walk(SampledInfoGain(count), world), world.law(), tolerance(world)
    effective = float(q.max()) < 1
    yield equal("enumeration", found.output.law(), q, slack, effective=effective, note=found.rule)
    yield equal("enumeration", listed(_written_out(world, count), world), q, slack, note="N candidates, written out")
    for form in FORMS:
        blind = walk(InfoGain(form, "drawn"), world)
        yield equal("enumeration", blind.output.law(), q, slack, effective=effective, note=blind.rule)


def _written_out(world: TableWorld, count: int) -> reference.Law:
    """Return the output law of the best of N drawn candidates, all vectors of draws listed at every state."""
    denoiser, n, d = reference.float_conditionals(world), world.n, world.d
    return reference_info_gain.run(
        lambda z: reference_info_gain.sampled_step(denoiser, z, d, "mean", count, TAU, 1.0), n, d
    )[0]


def biased(world: TableWorld, count: int) -> Iterator[Evidence]:
    """Ask that the best of N drawn candidates has an output law other than the data law, by more than rounding."""
    found = walk(SampledInfoGain(count), world)
    divergence = information.kullback_leibler(found.output.law(), world.law())
    effective = float(world.total_correlation()) > tolerance(world)
    yield at_least("enumeration", divergence, tolerance(world), 0.0, effective=effective, note=f"N = {count}")
    if count <= 3:
        exact = reference.kullback_leibler(_written_out(world, count), reference.floats(world))
        yield equal("enumeration", divergence, exact, tolerance(world), note="written out")


def kept_or_lost(world: TableWorld, count: int, tilt: bool = False, anywhere: bool = False) -> Iterator[Evidence]:
    """Where no objective depends on its token, compare the output law with q; on two tokens bound what it loses else.

    `tilt` claims that the law is kept where the sequences that begin with two zeros have one percent more weight;
    `anywhere` claims that it is lost wherever two objectives differ, be it between positions only.
    """
    if tilt:
        pairs = zip(reference.sequences(world.n, world.d), world.weights or (), strict=True)
        weights = [w * (101 if x[:2] == (0, 0) else 100) for x, w in pairs]
        world = TableWorld.from_weights(weights, world.n, world.d)
    q, slack = world.law(), tolerance(world)
    output = walk(SampledInfoGain(count), world).output.law()
    by_token, by_action = _spreads(world)
    if tilt or by_token <= SLACK:
        yield equal("enumeration", output, q, slack, effective=float(q.max()) < 1, note="the law is kept")
        if count <= 3:
            yield equal("enumeration", listed(_written_out(world, count), world), q, slack, note="kept, written out")
    elif world.n == 2 and count == 2:
        yield from _loses(world, output)
    if anywhere and by_action > SLACK:
        divergence = information.kullback_leibler(output, q)
        yield at_least("enumeration", divergence, slack, 0.0, note="lost, as objectives differ")


def _spreads(world: TableWorld) -> tuple[float, float]:
    """Return how far objectives differ between tokens of one position, and between any actions, at possible states."""
    law, denoiser, d = reference.floats(world), reference.float_conditionals(world), world.d
    by_token = by_action = 0.0
    for z in reference.states(world.n, d):
        hidden = reference.masked(z, d)
        if len(hidden) < 2 or reference.marginal(law, z, d) == 0:
            continue
        found = [
            [reference_lookahead.action_value(denoiser, z, i, v, d, "mean") for v in range(d) if denoiser(z, i, v) > 0]
            for i in hidden
        ]
        by_token = max([by_token, *(max(values) - min(values) for values in found)])
        by_action = max(by_action, max(map(max, found)) - min(map(min, found)))
    return by_token, by_action


def _loses(world: TableWorld, output: Tensor) -> Iterator[Evidence]:
    """Bound what two tokens of any weights lose to two candidates, from the definition of the proposal.

    If J(i, v) > J(i, w), the quotients of output and data law at v and at w, the other token being the same, differ by
    at least D = pi_i^2 (p_i(v) + p_i(w)), pi_i the chance to propose position i; and KL >= (D min q)^2 / 2.
    """
    law, denoiser, d = reference.floats(world), reference.float_conditionals(world), world.d
    start, slack = (d, d), tolerance(world)
    trust = [math.exp(-reference.entropy(reference_lookahead.row(denoiser, start, i, d)) / TAU) for i in range(2)]
    quotient = {x: float(p) / law[x] for x, p in zip(reference.sequences(2, d), output, strict=True)}
    gaps, bounds, losses = [], [], []
    for i, (v, w, other) in itertools.product(range(2), itertools.product(range(d), repeat=3)):
        higher = reference_lookahead.action_value(denoiser, start, i, v, d, "mean")
        if higher > reference_lookahead.action_value(denoiser, start, i, w, d, "mean") + SLACK:
            x, y = ((v, other), (w, other)) if i == 0 else ((other, v), (other, w))
            share = trust[i] / math.fsum(trust)
            bounds.append(share**2 * (denoiser(start, i, v) + denoiser(start, i, w)))
            gaps.append(quotient[x] - quotient[y])
            losses.append((bounds[-1] * min(law[x], law[y])) ** 2 / 2)
    rounding_of_quotients = slack / min(law.values())
    effective = max(bounds) > rounding_of_quotients
    yield at_least("enumeration", gaps, bounds, rounding_of_quotients, effective=effective, note="quotients")
    divergence = information.kullback_leibler(output, world.law())
    yield at_least("enumeration", divergence, max(losses), slack, effective=max(losses) > slack, note="lost")


@st.composite
def _kept_or_two_tokens(draw: DrawFn) -> Instance:
    """Draw a law whose objectives do not depend on tokens, with two or eight candidates, or two tokens with two."""
    if draw(st.booleans()):
        d = draw(st.integers(2, 3))
        weights = draw(st.lists(st.integers(1, 64), min_size=d * d, max_size=d * d))
        return {"world": TableWorld.from_weights(weights, 2, d), "count": 2}
    world = draw(product_worlds((2, 3)) | st.builds(channel_beside, st.integers(1, 9), st.integers(1, 9)))
    return {"world": world, "count": draw(st.sampled_from((2, 8)))}


def channel_beside(same: int, other: int, free: tuple[int, int] = (1, 1)) -> TableWorld:
    """Return two bits that agree with weight `same` against `other`, beside an independent bit."""
    pair = [same, other, other, same]
    return TableWorld.from_weights([w * f for w in pair for f in free], 3, 2, "channel beside a bit")


TAU = 0.1
"""The temperature at which positions are proposed, the default of the rule."""


THREE_BIASED = product_world([(7, 3), (6, 4), (9, 1)])


PAIR_AND_BIT = channel_beside(9, 1)


UNEVEN_PAIR = TableWorld.from_weights([4, 1, 2, 3], 2, 2, "two dependent bits")


CLAIMS = (
    Claim(
        id="infogain.7a",
        statement=(
            "With a single drawn candidate, or when the best expected objective chooses the position and its token is "
            "drawn afterwards, the output law is the data law."
        ),
        assumptions="Exact conditionals; tokens drawn at temperature 1.",
        source=f"{DERIVED}, infogain.7",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=single_candidate,
        tolerance=ROUNDING,
        inputs=only_worlds,
        examples=9,
        fixtures=({"world": GENERIC},),
        variants={"two drawn candidates": partial(single_candidate, count=2)},
    ),
    Claim(
        id="infogain.7b",
        statement=(
            "On every law that is no product of independent tokens, keeping the best of N >= 2 drawn candidates gives an "
            "output law other than the data law."
        ),
        assumptions="Exact conditionals; tokens drawn at temperature 1.",
        source=f"{DERIVED}, infogain.7 (as a first version of the notes had it; the paper does not say it)",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="infogain.7c",
        routes=("enumeration",),
        check=biased,
        tolerance="an excess over the rounding of the sums",
        fixtures=(
            {"world": CHANNEL, "count": 2},
            {"world": CHANNEL, "count": 8},
            {"world": PAIR_AND_BIT, "count": 2},
        ),
    ),
    Claim(
        id="infogain.7c",
        statement=(
            "Keep the best of N drawn candidates, each a position with its token. If at every possible state the "
            "objective of a position is the same for all its possible tokens, the output law is the data law q for every "
            "N. If there are two tokens, all their values are possible, and the objective J(i, v) of position i is "
            "larger for the token v than for w, the output law of N = 2 is another: its quotients with q at two "
            "sequences that differ in v and w alone differ by at least D = pi_i^2 (p_i(v) + p_i(w)), pi_i the chance that "
            "position i is proposed, and its divergence from q is at least (D min q)^2 / 2 over the two."
        ),
        assumptions="Exact conditionals; tokens drawn at temperature 1.",
        source=f"{DERIVED}, infogain.7",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=kept_or_lost,
        tolerance=ROUNDING,
        inputs=_kept_or_two_tokens,
        examples=15,
        fixtures=(
            {"world": THREE_BIASED, "count": 2},
            {"world": THREE_BIASED, "count": 8},
            {"world": PAIR_AND_BIT, "count": 2},
            {"world": CHANNEL, "count": 8},
            {"world": UNEVEN_PAIR, "count": 2},
        ),
        variants={
            "the law is lost wherever two objectives differ": partial(kept_or_lost, anywhere=True),
            "the law is kept on laws within one percent of these": partial(kept_or_lost, tilt=True),
        },
    ),
)
