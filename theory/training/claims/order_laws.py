"""Learned-order masked diffusion (arXiv 2511.19152): the law over decoding orders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch

from theory.ledger import Claim, Evidence, equal, hoeffding_margin, strategies
from theory.training import orders
from theory.training.claims.inputs import NONE, ORDERS, OURS, QUADRATURE, UNEQUAL, Weights, seeds, weight_lists
from theory.training.loss_table import masked_sets


def order_laws(w: Weights, backward: bool = False) -> Iterator[Evidence]:
    """Compare Plackett and Luce's product with the integral over descending masking times; its sum is one."""
    law = orders.plackett_luce(w)
    yield equal("rational", sum(law.values(), NONE), Fraction(1), NONE)
    found = orders.order_law(orders.polynomial([float(v) for v in w]))
    claimed = [float(law[o[::-1]] if backward else law[o]) for o in found]
    yield equal("quadrature", list(found.values()), claimed, 2.0**-44, effective=len(set(w)) > 1)


def other_family(w: Weights, forward: bool = False) -> Iterator[Evidence]:
    """Compare the law of 1 - (1 - t)^a with Plackett and Luce's read backwards."""
    law = orders.plackett_luce(w)
    found = orders.order_law(orders.reversed_polynomial([float(v) for v in w]))
    claimed = [float(law[o] if forward else law[o[::-1]]) for o in found]
    yield equal("quadrature", list(found.values()), claimed, 2.0**-40, effective=len(set(w)) > 1)


def decoded_sets(w: Weights, by: Fraction = NONE) -> Iterator[Evidence]:
    """Compare omega by inclusion and exclusion, by adding up orders, by steps and by quadrature; its sums are one."""
    law = orders.plackett_luce(w)
    added = orders.decoded_before_by_orders(law)
    found = orders.decoded_before_by_inclusion([w[0] * (1 + by), *w[1:]])
    yield equal("rational", [found[k] for k in added], list(added.values()), NONE)
    n = len(w)
    yield equal(
        "rational", [sum((p for (i, _), p in found.items() if i == l), NONE) for l in range(n)], [Fraction(1)] * n, NONE
    )
    integrals = orders.decoded_before(orders.polynomial([float(v) for v in w]))
    rows = {frozenset(range(n)) - set(s.nonzero()[:, 0].tolist()): k for k, s in enumerate(masked_sets(n))}
    numbers = [float(integrals[rows[before], l]) for l, before in added]
    yield equal("quadrature", numbers, [float(p) for p in added.values()], 2.0**-44)
    steps = orders.decoded_before_by_steps([float(v) for v in w])
    numbers = [float(steps[rows[before], l]) for l, before in added]
    yield equal("closed form", numbers, [float(p) for p in added.values()], 2.0**-44, note="by steps")


def consequences(w: Weights, reverse: bool = False) -> Iterator[Evidence]:
    """Compare first places, pairs and the mean number decoded before with their formulas, by adding up orders."""
    law, n, total = orders.plackett_luce(w), len(w), sum(w)
    law = {o[::-1]: p for o, p in law.items()} if reverse else law
    first = [sum((p for o, p in law.items() if o[0] == l), NONE) for l in range(n)]
    yield equal("rational", first, [v / total for v in w], NONE)
    for l, j in itertools.permutations(range(n), 2):
        before = sum((p for o, p in law.items() if o.index(l) < o.index(j)), NONE)
        yield equal("rational", before, w[l] / (w[l] + w[j]), NONE)
    mean = [sum((p * o.index(l) for o, p in law.items()), NONE) for l in range(n)]
    formula = [sum((w[j] / (w[j] + w[l]) for j in range(n) if j != l), NONE) for l in range(n)]
    yield equal("rational", mean, formula, NONE)


def sampled_orders(w: Weights, seed: int, backward: bool = False) -> Iterator[Evidence]:
    """Draw masking times, sort them in descending order and compare every order's frequency; invert the times."""
    count = 50_000
    schedules, levels = orders.polynomial([float(v) for v in w]), torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    every = levels[:, None].expand(-1, len(w))
    assert schedules.times is not None
    times = schedules.times(every)
    back = torch.stack([schedules.chance(times[:, l])[:, l] for l in range(len(w))], -1)
    yield equal("closed form", back, every, 1e-13, note="F(T) = u")
    drawn = orders.sample_orders(schedules, count, torch.Generator().manual_seed(seed))
    n, law = len(w), orders.plackett_luce(w)
    codes = (drawn * n ** torch.arange(n)).sum(-1)
    for order, chance in law.items():
        code = sum(v * n**k for k, v in enumerate(order[::-1] if backward else order))
        share = float((codes == code).double().mean())
        yield equal("monte-carlo", share, float(chance), hoeffding_margin(count, 1), effective=len(set(w)) > 1)


CLAIMS = (
    Claim(
        id="orders.2",
        statement=(
            "For masking probabilities t^(w_l) the decoding order that sorts masking times in descending order has "
            "probability prod_i w_(i) / (w_(i) + ... + w_(n)): the product and the integral over times agree."
        ),
        source=f"{ORDERS}, Eq. 7, in descending order", quantifier="for all", kind="equality", status="reading",
        routes=("quadrature", "rational"), check=order_laws, tolerance="none in fractions; " + QUADRATURE,
        inputs=lambda: strategies.paired(w=weight_lists()), examples=8, fixtures=({"w": UNEQUAL},),
        variants={"ascending masking times": partial(order_laws, backward=True)},
    ),
    Claim(
        id="orders.3",
        statement=(
            "The probability omega(l, S) that exactly S is decoded before l is the sum over A in S of (-1)^|A| w_l / "
            "(w_l + w(R) + w(A)), R what comes after l; it is what adding up orders gives and what the integral over t gives."
        ),
        source=f"{OURS}, orders.3", quantifier="for all", kind="equality", routes=("rational", "quadrature", "closed form"),
        check=decoded_sets, tolerance="none in fractions; " + QUADRATURE, inputs=lambda: strategies.paired(w=weight_lists()),
        examples=8, fixtures=({"w": UNEQUAL},), variants={"a weight off by one per cent": partial(decoded_sets, by=Fraction(1, 100))},
    ),
    Claim(
        id="orders.3b",
        statement=(
            "Under this law l is decoded first with probability w_l / sum w, before j with probability w_l / (w_l + w_j), "
            "and after sum over j of w_j / (w_j + w_l) others on average."
        ),
        source=f"{OURS}, orders.3", quantifier="for all", kind="equality", routes=("rational",), check=consequences,
        tolerance="none: fractions", inputs=lambda: strategies.paired(w=weight_lists()), examples=8,
        fixtures=({"w": UNEQUAL},), variants={"of the law read backwards": partial(consequences, reverse=True)},
    ),
    Claim(
        id="orders.3c",
        statement="With masking probabilities 1 - (1 - t)^(a_l) the decoding order has the same law read backwards.",
        source=f"{OURS}, orders.3", quantifier="for all", kind="equality", routes=("quadrature",), check=other_family,
        tolerance="2^-40: rounding of 1 - (1 - t)^a near t = 0",
        inputs=lambda: strategies.paired(w=weight_lists(whole=True)), examples=6,
        fixtures=({"w": [Fraction(1), Fraction(2), Fraction(4)]},), variants={"read forwards": partial(other_family, forward=True)},
    ),
    Claim(
        id="orders.4",
        statement=(
            "Drawing U_l uniformly, setting T_l = U_l^(1/w_l) and sorting in descending order samples decoding orders."
        ),
        source=f"{ORDERS}, Algorithm 1", quantifier="for all", kind="equality", status="reading", routes=("monte-carlo", "closed form"),
        check=sampled_orders, tolerance="Hoeffding margin at the ledger's rate for each frequency of 50,000 draws",
        inputs=lambda: strategies.paired(w=weight_lists(n=(3, 3)), seed=seeds()), examples=3, fixtures=({"w": UNEQUAL, "seed": 0},),
        variants={"ascending": partial(sampled_orders, backward=True)},
    ),
)  # fmt: skip
