"""Learned-order masked diffusion (arXiv 2511.19152): the NELBO as a mean over orders, its gradient and its tails."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.training import order_gradients, orders
from theory.training.claims.inputs import (
    NONE,
    ORDERS,
    OURS,
    QUADRATURE,
    UNEQUAL,
    Weights,
    rounding_of,
    scaled_denoisers,
    terms_of,
    uneven,
    weighted_denoisers,
    weighted_worlds,
)
from theory.training.loss_table import masked_sets
from theory.training.quadrature import rule
from theory.unmasking import best_rules
from theory.unmasking.claims.rule_inputs import BITS, THREE_BITS
from theory.unmasking.likelihood import along
from theory.worlds import TableWorld


def three_forms(denoiser: TableDenoiser, w: Weights, backward: bool = False, by: Fraction = NONE) -> Iterator[Evidence]:
    """Compare the NELBO by quadrature, by sets, by orders and by loops. Variants: masking order, a weight off by `by`."""
    terms, used = terms_of(denoiser), [w[0] * (1 + by), *w[1:]]
    schedules, slack = orders.polynomial([float(v) for v in w]), rounding_of(terms)
    law = {o[::-1]: p for o, p in orders.plackett_luce(used).items()} if backward else orders.plackett_luce(used)
    integral = orders.nelbo_by_quadrature(terms, schedules)
    effective = len(set(w)) > 1
    yield equal("quadrature", integral, orders.nelbo_by_orders(terms, law), slack, effective=effective)
    by_sets = orders.nelbo_by_subsets(terms, orders.decoded_before(schedules))
    yield equal("quadrature", by_sets, integral, slack, note="omega by quadrature")
    exact = reference.exact_conditionals(denoiser)
    every = (
        reference_orders.order_probabilities(exact, x, denoiser.d) for x in reference.sequences(denoiser.n, denoiser.d)
    )
    loops = [-math.fsum(float(law[o]) * math.log(p) for o, p in each.items()) for each in every]
    yield equal("enumeration", integral, loops, slack, effective=effective, note="orders written out")


def consistent(world: TableWorld, w: Weights, denoiser: TableDenoiser | None = None) -> Iterator[Evidence]:
    """Compare the NELBO with -ln p(x) where the conditionals are those of a law, and the gradient with zero."""
    source = denoiser or world
    terms = terms_of(source)
    possible = world.law() > 0
    found = orders.nelbo_by_quadrature(terms[possible], orders.polynomial([float(v) for v in w]))
    slack = rounding_of(terms[possible])
    yield equal("quadrature", found, -world.law()[possible].log(), slack)
    mean = (terms[possible] * world.law()[possible, None, None]).sum(0)
    whole = order_gradients.gradient(mean, [float(v) for v in w]).whole
    yield equal("quadrature", whole, torch.zeros_like(whole), slack * 1000, note="gradient in w")


def fixed_orders(denoiser: TableDenoiser, world: TableWorld, w: Weights, worst: bool = False) -> Iterator[Evidence]:
    """Place the mean NELBO above that of the best fixed order, and near it at weights e^8 apart along that order."""
    terms, law = terms_of(denoiser), world.law()
    n, slack = denoiser.n, rounding_of(terms)
    every = {o: -float(law @ along(terms, torch.tensor(o))) for o in itertools.permutations(range(n))}
    best = max(every.values()) if worst else min(every.values())
    value = float(law @ orders.nelbo_by_quadrature(terms, orders.polynomial([float(v) for v in w])))
    spread = max(every.values()) - min(every.values())
    yield at_least("quadrature", value, best, slack, effective=spread > slack)
    engine, order = best_rules.best_fixed_order(terms, world)
    yield equal("enumeration", -engine, min(every.values()), slack, note="sweep over sets against all orders")
    steep = {o: math.exp(8.0 * (n - o)) for o in range(n)}
    near = [steep[order.index(l)] for l in range(n)]
    chance = orders.plackett_luce(near)[tuple(order)]
    yield at_least("enumeration", chance, 1 - (n - 1) * n * math.exp(-8), 1e-12, note="chance of the best order")


def falls_along(losses: Sequence[int], base: int = 2) -> Iterator[Evidence]:
    """Compare the NELBO at weights c^-i along the best order, c = `base`, with that at equal weights: rational."""
    n = 3
    found = {}
    for c in (1, base):
        omega = orders.decoded_before_by_inclusion([Fraction(c) ** -i for i in range(n)])
        found[c] = sum((p * losses[_place(l, before)] for (l, before), p in omega.items()), NONE)
    along_best = min(
        sum((Fraction(losses[_place(l, frozenset(o[:k]))]) for k, l in enumerate(o)), NONE)
        for o in itertools.permutations(range(n))
    )
    in_order = sum((Fraction(losses[_place(l, frozenset(range(l)))]) for l in range(n)), NONE)
    yield equal("rational", in_order, along_best, NONE, note="0, 1, 2 is a best order")
    yield at_most("rational", found[base], found[1], NONE)


def _place(l: int, before: frozenset[int]) -> int:
    return l * 8 + sum(1 << j for j in before)


def mixture(denoiser: TableDenoiser, w: Weights, factor: float = 1.0, by: Fraction = NONE) -> Iterator[Evidence]:
    """Add up the mixture over all sequences, and place its code length below the NELBO; both against loops.

    The variants halve the NELBO, or give the engine a first weight that is off by `by`.
    """
    terms, law = terms_of(denoiser), orders.plackett_luce(w)
    slack = rounding_of(terms)
    found = orders.mixture(terms, orders.plackett_luce([w[0] * (1 + by), *w[1:]]))
    yield equal("enumeration", float(found.exp().sum()), 1.0, slack)
    nelbo = orders.nelbo_by_quadrature(terms, orders.polynomial([float(v) for v in w]))
    yield at_most("quadrature", -found, factor * nelbo, slack, effective=float((nelbo + found).max()) > slack)
    exact = reference.exact_conditionals(denoiser)
    for k, x in enumerate(reference.sequences(denoiser.n, denoiser.d)):
        every = reference_orders.order_probabilities(exact, x, denoiser.d)
        total = sum((law[o] * p for o, p in every.items()), NONE)
        yield equal("rational", float(found[k]), math.log(total), slack, note="in fractions")


def common_power(denoiser: TableDenoiser, w: Weights, scale: Fraction, all_alike: bool = True) -> Iterator[Evidence]:
    """Compare the NELBO at w and at a multiple of it. The variant multiplies the first weight alone."""
    terms = terms_of(denoiser)
    moved = [scale * v if all_alike or k == 0 else v for k, v in enumerate(w)]
    first, second = (
        orders.nelbo_by_quadrature(terms, orders.polynomial([float(v) for v in each])) for each in (w, moved)
    )
    yield equal("quadrature", second, first, rounding_of(terms), effective=scale != 1)
    law, scaled = orders.plackett_luce(w), orders.plackett_luce(moved)
    yield equal("rational", list(scaled.values()), list(law.values()), NONE, effective=scale != 1)


def gradients(
    denoiser: TableDenoiser, world: TableWorld, w: Weights, explicit: float = 1.0, score: float = 1.0
) -> Iterator[Evidence]:
    """Compare both parts together with the score over whole orders and with central differences; Euler's identities."""
    terms = (terms_of(denoiser) * world.law()[:, None, None]).sum(0)
    values = torch.tensor([float(v) for v in w], dtype=torch.float64)
    found = order_gradients.gradient(terms, values)
    whole = explicit * found.explicit + score * found.score
    slack = 1e-10 * max(1.0, float(terms.abs().sum())) / float(values.min())
    by_orders = order_gradients.gradient_by_orders(terms, values)
    yield equal("quadrature", whole, by_orders, slack, note="orders' score")
    step, differences = 1e-4, []
    for l in range(len(w)):
        shift = torch.zeros_like(values)
        shift[l] = step * values[l]
        ends = [orders.nelbo_by_quadrature(terms[None], orders.polynomial(values + s * shift))[0] for s in (1, -1)]
        differences.append(float(ends[0] - ends[1]) / (2 * step * float(values[l])))
    size = float(terms.abs().sum())
    yield equal(
        "quadrature",
        whole,
        differences,
        60 * size * step**2 / float(values.min()) + 1e-9 * size,
        note="central differences",
    )
    nelbo = orders.nelbo_by_quadrature(terms[None], orders.polynomial(values))[0]
    yield equal("quadrature", float(values @ found.explicit) * explicit, nelbo, slack, note="w . explicit is the NELBO")
    yield equal("quadrature", float(values @ found.score) * score, -nelbo, slack, note="w . score is minus the NELBO")


def tails(denoiser: TableDenoiser, world: TableWorld, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the growth of E[f^2] at w = 1 with the mean sum of squares in full context; at w = 2 it stops growing."""
    n, law = denoiser.n, world.law()
    possible = [(float(q), terms) for q, terms in zip(law, terms_of(denoiser), strict=True) if q > 0]
    alone = math.fsum(q * float(terms[2 ** (n - 1 - l), l]) ** 2 for q, terms in possible for l in range(n))
    size = max(float(terms.abs().sum()) for _, terms in possible)

    def moment(weight: float, least: float) -> float:
        return math.fsum(q * order_gradients.second_moment(terms, [weight] * n, least)[0] for q, terms in possible)

    rate = (moment(1.0, 2.0**-44) - moment(1.0, 2.0**-40)) / (4 * math.log(2))
    yield equal("quadrature", rate, factor * alone, 1e-6 * max(1.0, alone), effective=alone > 0)
    cut = moment(2.0, 2.0**-44)
    yield equal("quadrature", cut, moment(2.0, 2.0**-40), 2.0**-36 * size**2, note="w = 2 stops growing")
    yield equal("quadrature", moment(2.0, 0.0), cut, 2.0**-36 * size**2, note="w = 2 down to t = 0")


def common_weight(denoiser: TableDenoiser, small: float, large: float) -> Iterator[Evidence]:
    """Compare E[f^2] at two common weights above one: the reading that larger weights lower it."""
    terms = terms_of(denoiser).mean(0)
    n = terms.shape[-1]
    first, second = (order_gradients.second_moment(terms, [v] * n, 1e-3)[0] for v in (small, large))
    yield at_most("quadrature", second, first, 0.0)


def clipping(denoiser: TableDenoiser, w: Weights, power: float | None = None) -> Iterator[Evidence]:
    """Compare the order in eps of the loss of levels below eps with the least weight. The variant claims order one."""
    terms = terms_of(denoiser).mean(0)
    values = torch.tensor([float(v) for v in w], dtype=torch.float64)
    lost = [_below(terms, values, k) for k in (60, 64)]
    found = (math.log(lost[0]) - math.log(lost[1])) / (4 * math.log(2))
    yield equal("quadrature", found, float(min(w)) if power is None else power, 1e-3)


def _below(terms: torch.Tensor, w: torch.Tensor, halvings: int) -> float:
    """Return the part of the NELBO from times below 2^-halvings."""
    grid = rule(2.0 ** torch.arange(-orders.HALVINGS, -halvings + 1, dtype=torch.float64))
    sets = masked_sets(len(w))
    rate = grid.t[:, None] ** w
    chance = torch.where(sets, rate[:, None], 1 - rate[:, None]).prod(-1)
    weight = grid.integral(chance[..., None] * torch.where(sets, w / grid.t[:, None, None], 0.0))
    return -float((terms * weight).sum())


LOSS_AT_ONE = [0] * 24
LOSS_AT_ONE[_place(0, frozenset({1}))] = 1
"""Token 0 costs one nat where exactly token 1 is known, everything else is free."""

CLAIMS = (
    Claim(
        id="orders.1",
        statement=(
            "With masking probabilities t^(w_l) and a denoiser that does not see the time, the NELBO of every sequence is "
            "minus the mean log-likelihood along decoding orders of Plackett and Luce's law, and a sum over masked sets."
        ),
        source=f"{ORDERS}, Eq. 8 and Proposition 3.1", quantifier="for all", kind="equality", status="reading",
        routes=("quadrature", "enumeration"), check=three_forms, tolerance=QUADRATURE, inputs=weighted_denoisers,
        examples=10, fixtures=({"denoiser": THREE_BITS, "w": UNEQUAL},),
        variants={
            "the masking order, first masked first": partial(three_forms, backward=True),
            "a weight off by one per cent": partial(three_forms, by=Fraction(1, 100)),
        },
    ),
    Claim(
        id="orders.2.ascending",
        statement=(
            "The decoding order sorts masking times in ascending order: its law for t^(w_l) is Plackett and Luce's read "
            "backwards."
        ),
        source=f"{ORDERS}, Eq. 7 with its region as written", quantifier="for all", kind="equality", status="reading",
        routes=("quadrature", "enumeration"), check=partial(three_forms, backward=True), expected="refuted",
        tolerance=QUADRATURE, fixtures=({"denoiser": THREE_BITS, "w": UNEQUAL},),
        see="orders.2",
    ),
    Claim(
        id="orders.5",
        statement=(
            "Where the conditionals are those of one law p, the NELBO is -ln p(x) for every sequence and all weights, and "
            "its gradient in the weights is zero: only inconsistent conditionals give orders a signal."
        ),
        source=f"{OURS}, orders.5", quantifier="for all", kind="equality", routes=("quadrature",), check=consistent,
        tolerance=QUADRATURE + "; a thousand times that for the gradient, whose terms carry ln t",
        inputs=weighted_worlds, examples=8, fixtures=({"world": uneven(3, 2), "w": UNEQUAL},),
        variants={"conditionals of no law": lambda world, w: consistent(uneven(3, 2), UNEQUAL, THREE_BITS)},
    ),
    Claim(
        id="orders.6",
        statement=(
            "For positive conditionals no weights have a mean NELBO below that of the best fixed order, the same for all "
            "sequences, and weights e^8 apart along it come as near as the chance of other orders allows."
        ),
        source=f"{OURS}, orders.6", quantifier="for all", kind="lower", routes=("quadrature", "enumeration"),
        check=fixed_orders, tolerance=QUADRATURE, inputs=lambda: weighted_denoisers(law=True), examples=8,
        fixtures=({"denoiser": THREE_BITS, "world": uneven(3, 2), "w": UNEQUAL},),
        variants={"the worst fixed order": partial(fixed_orders, worst=True)},
    ),
    Claim(
        id="orders.6.falling",
        statement="Along weights c^(-i) in a best order, c from 1 on, the NELBO falls to its infimum.",
        source=f"{OURS}, orders.6", quantifier="for all", kind="upper", routes=("rational",), check=falls_along,
        tolerance="none: fractions", expected="refuted", fixtures=({"losses": LOSS_AT_ONE},),
        see="orders.6",
    ),
    Claim(
        id="orders.7",
        statement=(
            "p_mix, the mean over orders of the likelihood, is the law of a sampler that draws its order from this law: it "
            "sums to one, and -ln p_mix is at most the NELBO."
        ),
        source=f"{OURS}, orders.7", quantifier="for all", kind="upper", routes=("enumeration", "quadrature", "rational"),
        check=mixture, tolerance=QUADRATURE, inputs=weighted_denoisers, examples=8,
        fixtures=({"denoiser": THREE_BITS, "w": UNEQUAL},), variants={
            "below half of the NELBO": partial(mixture, factor=0.5),
            "a weight off by one per cent": partial(mixture, by=Fraction(1, 100)),
        },
    ),
    Claim(
        id="orders.8",
        statement="The order law and the NELBO depend on ratios of the weights only.",
        source=f"{OURS}, orders.8", quantifier="for all", kind="equality", routes=("quadrature", "rational"),
        check=common_power, tolerance="none in fractions; " + QUADRATURE, inputs=scaled_denoisers, examples=8,
        fixtures=({"denoiser": THREE_BITS, "w": UNEQUAL, "scale": Fraction(2)},),
        variants={"one weight alone": partial(common_power, all_alike=False)},
    ),
    Claim(
        id="orders.9",
        statement=(
            "The gradient of the NELBO in the weights is the explicit part E[(m_l / t)(-ln q_l)] plus the score part E[f d ln "
            "P(mask) / d w_l]; the weights times the explicit part add up to the NELBO, times the score part to minus the NELBO."
        ),
        source=f"{OURS}, orders.9", quantifier="for all", kind="equality", routes=("quadrature",), check=gradients,
        tolerance=(
            "1e-10 of the sum of losses over the least weight for orders; central differences err by h^2 / 6 times a third "
            "derivative, at most 60 h^2 times losses over weights, h = 1e-4"
        ),
        inputs=lambda: weighted_denoisers(law=True, n=(2, 3)), examples=6,
        fixtures=({"denoiser": THREE_BITS, "world": uneven(3, 2), "w": UNEQUAL},),
        variants={
            "explicit part dropped": partial(gradients, explicit=0.0),
            "explicit part less one per cent": partial(gradients, explicit=0.99),
            "score part less one per cent": partial(gradients, score=0.99),
        },
    ),
    Claim(
        id="orders.10",
        statement=(
            "At w = 1 the second moment of a draw grows by the mean over the data of the summed squared losses in full "
            "context for each unit of ln(1/eps), eps the least time; at w = 2 it is finite."
        ),
        source=f"{OURS}, orders.10", quantifier="for all", kind="equality", routes=("quadrature",), check=tails,
        tolerance="1e-6 relative for the growth, whose next term is of order eps; 2^-36 of squared losses at w = 2",
        inputs=lambda: weighted_denoisers(law=True, n=(2, 3)).map(lambda i: {k: i[k] for k in ("denoiser", "world")}),
        examples=6, fixtures=({"denoiser": THREE_BITS, "world": uneven(3, 2)},),
        variants={"one per cent less": partial(tails, factor=0.99)},
    ),
    Claim(
        id="orders.10.larger",
        statement="With all weights above one, larger common weights have a smaller second moment.",
        source=f"{OURS}, orders.10", quantifier="for all", kind="upper", routes=("quadrature",), check=common_weight,
        tolerance="none", expected="refuted", fixtures=({"denoiser": THREE_BITS, "small": 2.0, "large": 20.0},),
        see="orders.10",
    ),
    Claim(
        id="orders.11",
        statement=(
            "Leaving out times below eps loses a part of the NELBO of order eps to the least weight, if that token costs "
            "something in full context."
        ),
        source=f"{OURS}, orders.11", quantifier="this instance", kind="asymptotic", routes=("quadrature",), check=clipping,
        tolerance="1e-3: at eps = 2^-60 the next term is smaller by eps to the difference of the two least weights, 2^-12",
        fixtures=({"denoiser": THREE_BITS, "w": UNEQUAL}, {"denoiser": BITS, "w": [Fraction(3, 10), Fraction(1)]}),
        variants={"of order one": partial(clipping, power=1.0)},
    ),
)  # fmt: skip
