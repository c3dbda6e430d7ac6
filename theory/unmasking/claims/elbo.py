"""DUEL, claim 3: where the ELBO, log p^unif and the likelihood of a one-token rule lie among all orders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import torch

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import nelbo as reference_nelbo
from theory.unmasking import best_rules, likelihood, losses
from theory.unmasking.claims.duel_inputs import (
    EXACT,
    NOTES,
    PARITY,
    ROUNDING,
    SINGLE,
    Setup,
    clock,
    tables,
)
from theory.unmasking.claims.rule_inputs import BITS, THREE_BITS, table
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import LeftToRight, RandomOne, TopK
from theory.worlds import TableWorld, states


def elbo_forms(denoiser: TableDenoiser, world: TableWorld, flat: bool = False) -> Iterator[Evidence]:
    """Compare the ELBO over orders with that over numbers of masks, and both with n! orders written out."""
    s, q, n = Setup(denoiser), world.law(), world.n
    terms = s.terms()
    orders, counts = likelihood.elbo(terms), likelihood.elbo_by_count(terms)
    if flat:
        masks = states.digits(torch.arange(2**n), n, 2).sum(-1).tolist()
        counts = (terms.sum(-1) * terms.new_tensor([1 / (n * math.comb(n, m)) for m in masks])).sum(-1)
    all_orders = [_mean_log(every) for every in s.along_orders()]
    yield equal("enumeration", counts, all_orders, s.slack, note="counts of masks against all orders")
    yield equal("enumeration", orders, all_orders, s.slack, note="sweep over sets against all orders")
    mean = -reference_nelbo.nelbo_by_order(denoiser, world)
    yield equal("enumeration", q @ counts, mean, s.slack, note="data average against nelbo_by_order")
    by_count = -losses.cross_entropies(world, denoiser).sum()
    yield equal("enumeration", by_count, mean, s.slack, note="cross-entropies by count against nelbo_by_order")


def elbo_chain(denoiser: TableDenoiser, swap: bool = False, factor: float = 1.0) -> Iterator[Evidence]:
    """Order worst order, ELBO, log p^unif, best order, best order - ln n!: each sweep against all orders in fractions."""
    s = Setup(denoiser)
    terms, every = s.terms(), s.along_orders()
    count = math.factorial(s.n)
    low, high = likelihood.worst_order(terms)[0].exp(), likelihood.best_order(terms)[0].exp()
    middle = [likelihood.elbo(terms).exp(), likelihood.log_uniform(terms).exp()]
    exact_low, exact_high = ([float(pick(p)) for p in every] for pick in (min, max))
    exact = [[math.exp(_mean_log(p)) for p in every], [float(sum(p) / count) for p in every]]
    effective = max(b - a for a, b in zip(exact_low, exact_high, strict=True)) > s.slack
    (first, second), (exact_first, exact_second) = (x[::-1] if swap else x for x in (middle, exact))
    chain = (("worst order", low, exact_first), ("ELBO", first, exact_second), ("log p^unif", second, exact_high))
    for note, small, large in chain:
        yield at_most("enumeration", small, large, s.slack, effective=effective, note=f"{note} and the next")
    possible = [k for k, p in enumerate(every) if max(p) > 0]
    most = [Fraction(factor) * max(every[k]) / count for k in possible]
    mean = [sum(every[k], Fraction(0)) / count for k in possible]
    yield at_most("rational", most, mean, Fraction(0), effective=effective, note="best order / n!, p^unif")
    least = [exact[1][k] / factor for k in possible]
    yield at_most("enumeration", high[possible] / count, least, s.slack, effective=effective, note="by the sweep")
    pairs = ((low, exact_low), (high, exact_high), (middle[0], exact[0]), (middle[1], exact[1]))
    for found, wanted in pairs:
        yield equal("enumeration", found, wanted, s.slack, note="sweep against all orders")
    uniform = s.walk(rule=RandomOne()).output.law()
    yield equal("enumeration", middle[1], uniform, s.slack, note="mean over orders against the walk")
    total = sum((sum(p, Fraction(0)) for p in every), Fraction(0))
    yield equal("rational", total, Fraction(count), Fraction(0), note="every order sums to one")


def elbo_gap(denoiser: TableDenoiser, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare log p^unif - ELBO with an eighth of the squared range over orders, each side by sweep and written out."""
    s = Setup(denoiser)
    terms, every = s.terms(), s.along_orders()
    gap = likelihood.log_uniform(terms) - likelihood.elbo(terms)
    spread = likelihood.best_order(terms)[0] - likelihood.worst_order(terms)[0]
    exact_gap = [math.log(sum(p) / len(p)) - _mean_log(p) for p in every]
    exact_spread = torch.tensor([math.log(max(p) / min(p)) for p in every], dtype=torch.float64)
    effective = float(exact_spread.max()) > s.slack
    yield at_most("enumeration", gap, factor * exact_spread**2 / 8, s.slack, effective=effective)
    yield at_most("enumeration", exact_gap, factor * spread**2 / 8, s.slack, effective=effective, note="exchanged")


def between_orders(denoiser: TableDenoiser, rule: SetRule) -> Iterator[Evidence]:
    """Place log p^F of a one-token rule between the worst and the best order, by sweep and by all orders."""
    s = Setup(denoiser, rule)
    found, terms = s.scores().log_likelihood, s.terms()
    low, high = likelihood.worst_order(terms)[0], likelihood.best_order(terms)[0]
    effective = float((high - low).max()) > s.slack
    yield at_least("enumeration", found, low, s.slack, effective=effective)
    yield at_most("enumeration", found, high, s.slack, effective=effective)
    every, products = s.along_orders(), [Fraction(p) for p, _ in s.by_hand()]
    yield at_most("rational", products, [max(p) for p in every], Fraction(0), effective=effective)
    yield at_least("rational", products, [min(p) for p in every], Fraction(0), effective=effective)
    yield equal("enumeration", found, [math.log(p) for p in products], s.slack, note="LOGLIK against its products")


def best_fixed_beats_elbo(denoiser: TableDenoiser, world: TableWorld, worst: bool = False) -> Iterator[Evidence]:
    """Compare the best order that is the same for all sequences, searched in fractions, with the mean ELBO."""
    s, law = Setup(denoiser), reference.exact(world)
    every = dict(zip(reference.sequences(s.n, s.d), s.along_orders(), strict=True))
    count = math.factorial(s.n)
    orders = [math.fsum(float(q) * math.log(every[x][k]) for x, q in law.items()) for k in range(count)]
    average = float(world.law() @ likelihood.elbo(s.terms()))
    effective = max(orders) - min(orders) > s.slack
    best = best_rules.best_fixed_order(s.terms(), world)[0]
    yield at_least("enumeration", min(orders) if worst else max(orders), average, s.slack, effective=effective)
    mean = -reference_nelbo.nelbo_by_order(denoiser, world)
    yield at_least("enumeration", best, mean, s.slack, effective=effective, note="sweep against nelbo_by_order")
    yield equal("enumeration", best, max(orders), s.slack, note="sweep over sets against all orders")


def _mean_log(chances: Iterable[Any]) -> float:
    logs = [math.log(p) if p else -math.inf for p in chances]
    return math.fsum(logs) / len(logs)


UNEVEN = TableWorld.from_weights([1, 2, 3, 4], 2, 2)
NEAR = table(2, 2, [1, 1, 1, 1, 1, 1, 1, 1, 11, 9, 1, 1])
"""Two orders whose probabilities differ by a tenth: the ELBO's gap is nearly an eighth of the squared range."""


CLAIMS = (
    Claim(
        id="duel.3a",
        statement=(
            "The evidence lower bound (ELBO) of a sequence is the mean over the n! orders of its log-probability along "
            "the order, and the sum over k = 1..n of the mean over sets M of k masked positions of (1/k) times the sum "
            "over i in M of ln p(x_i | the tokens outside M)."
        ),
        assumptions="Conditionals may be inconsistent.",
        source=f"{NOTES}, duel.3",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=elbo_forms,
        tolerance=ROUNDING,
        inputs=lambda: tables(law=True),
        examples=18,
        fixtures=({"denoiser": BITS, "world": UNEVEN},),
        variants={"1/n instead of 1/k": partial(elbo_forms, flat=True)},
        tex=r"\frac{1}{n!}\sum_\sigma \ell_\sigma(x) = \sum_{k=1}^n \binom{n}{k}^{-1} \sum_{|M| = k} \frac1k"
        r" \sum_{i \in M} \ln p(x_i \mid x_{-M})",
    ),
    Claim(
        id="duel.3b",
        statement=(
            "Let l be the log-probability of a sequence along an order of its tokens. The least l over all orders is at "
            "most the ELBO, this at most log p^unif = ln of the mean of exp l, and this lies between the largest l minus "
            "ln n! and the largest l."
        ),
        assumptions="Conditionals may be inconsistent.",
        source=f"{NOTES}, duel.3",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "rational"),
        check=elbo_chain,
        tolerance=EXACT,
        inputs=tables,
        examples=12,
        fixtures=({"denoiser": BITS}, {"denoiser": THREE_BITS}, {"denoiser": clock(2)}, {"denoiser": clock(3)}),
        variants={
            "log p^unif below the ELBO": partial(elbo_chain, swap=True),
            "1 % more than the largest probability over n!": partial(elbo_chain, factor=1.01),
        },
        sharp=Sharp(
            "ln n! is the best for every n (with n tokens or more): each token is the number of tokens revealed before "
            "it, so that every order gives a sequence of its own for certain.",
            {"denoiser": clock(3)},
            1 - 1e-9,
        ),
        tex=r"\min_\sigma \ell_\sigma \le \mathrm{ELBO} \le \ln \tfrac{1}{n!} \textstyle\sum_\sigma e^{\ell_\sigma}"
        r" \le \max_\sigma \ell_\sigma \le \ln p^{\mathrm{unif}} + \ln n!",
    ),
    Claim(
        id="duel.3c",
        statement=(
            "The log-likelihood of a sequence under any deterministic one-token rule lies between its log-probabilities "
            "along the worst and the best order."
        ),
        assumptions="One token a step.",
        source=f"{NOTES}, duel.3",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "rational"),
        check=between_orders,
        tolerance=EXACT,
        inputs=lambda: tables(SINGLE),
        examples=12,
        fixtures=({"denoiser": BITS, "rule": TopK(1)}, {"denoiser": THREE_BITS, "rule": TopK(1, "margin")}),
        variants={"two tokens a step": lambda denoiser, rule: between_orders(denoiser, LeftToRight(2))},
    ),
    Claim(
        id="duel.3d",
        statement=(
            "For any data law and denoiser some order, the same for all sequences, has a mean log-likelihood of at least "
            "the mean ELBO."
        ),
        source=f"{NOTES}, duel.3",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=best_fixed_beats_elbo,
        tolerance=ROUNDING,
        inputs=lambda: tables(law=True),
        examples=15,
        fixtures=({"denoiser": BITS, "world": UNEVEN}, {"denoiser": THREE_BITS, "world": PARITY}),
        variants={"every order has": partial(best_fixed_beats_elbo, worst=True)},
    ),
    Claim(
        id="duel.3e",
        statement=(
            "The ELBO of a sequence lies below log p^unif by at most an eighth of R squared, R the range of the "
            "sequence's log-probabilities over all orders."
        ),
        assumptions="Conditionals may be inconsistent, but are positive.",
        source=f"{NOTES}, duel.3",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=elbo_gap,
        tolerance=ROUNDING,
        inputs=tables,
        examples=20,
        fixtures=({"denoiser": NEAR}, {"denoiser": BITS}),
        variants={"99 % of it": partial(elbo_gap, factor=0.99)},
        sharp=Sharp(
            "The constant 1/8 is the best: two orders whose log-probabilities differ by R use the share 1 - R^2/24 of "
            "the bound as R falls to 0.",
            {"denoiser": NEAR},
            0.999,
        ),
        tex=r"\ln p^{\mathrm{unif}} - \mathrm{ELBO} \le \tfrac18 (\max_\sigma \ell_\sigma - \min_\sigma \ell_\sigma)^2",
    ),
)
