"""DUEL, claims 3, 7 and 8: where the ELBO and log p^unif lie, what DUEL's likelihood need not exceed, a control."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import torch

from theory.denoisers import TableDenoiser
from theory.denoisers import denoiser as as_denoiser
from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import nelbo as reference_nelbo
from theory.reference import orders as reference_orders
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import best_fixed_order
from theory.unmasking.claims.curve import ROUNDING
from theory.unmasking.claims.duel_inputs import BITS, DUEL, EXACT, NOTES, SINGLE, Setup, tables
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sampled import SampledConfidence
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
    yield equal("enumeration", orders, counts, s.slack, note="orders against counts of masks")
    written = [_mean_log(every) for every in _along_orders(s)]
    yield equal("enumeration", counts, written, s.slack, note="sweep against all orders")
    mean = -reference_nelbo.nelbo_by_order(denoiser, world)
    yield equal("enumeration", q @ counts, mean, s.slack, note="data average against nelbo_by_order")


def elbo_chain(denoiser: TableDenoiser, swap: bool = False) -> Iterator[Evidence]:
    """Order min, ELBO, log p^unif and max over orders; each also from the n! orders or from the walk."""
    s = Setup(denoiser)
    terms = s.terms()
    low, high = likelihood.worst_order(terms)[0], likelihood.best_order(terms)[0]
    middle = [likelihood.elbo(terms), likelihood.log_uniform(terms)]
    first, second = reversed(middle) if swap else middle
    effective = float((high - low).max()) > 1e-6
    for small, large in ((low, first), (first, second), (second, high)):
        yield at_most("enumeration", small, large, s.slack, effective=effective)
    every = _along_orders(s)
    yield equal("rational", Fraction(sum(sum(p) for p in every)), Fraction(math.factorial(s.n)), Fraction(0))
    for found, pick in ((low, min), (high, max)):
        yield equal("enumeration", found, [math.log(pick(p)) for p in every], s.slack, note="sweep against all orders")
    uniform = s.walk(rule=RandomOne()).output.law()
    yield equal("enumeration", middle[1].exp(), uniform, s.slack, note="mean over orders against the walk")


def between_orders(denoiser: TableDenoiser, rule: SetRule) -> Iterator[Evidence]:
    """Place log p^F of a singleton rule between the worst and the best order, by sweep and by all orders."""
    s = Setup(denoiser, rule)
    found, terms = s.scores().log_likelihood, s.terms()
    low, high = likelihood.worst_order(terms)[0], likelihood.best_order(terms)[0]
    effective = float((high - low).max()) > 1e-6
    yield at_least("enumeration", found, low, s.slack, effective=effective)
    yield at_most("enumeration", found, high, s.slack, effective=effective)
    for every, (p, _) in zip(_along_orders(s), s.by_hand(), strict=True):
        yield at_most("rational", Fraction(p), max(every), Fraction(0))
        yield at_least("rational", Fraction(p), min(every), Fraction(0))


def best_fixed_beats_elbo(denoiser: TableDenoiser, world: TableWorld, worst: bool = False) -> Iterator[Evidence]:
    """Compare the best x-independent order, swept and searched, with the data average of the ELBO."""
    s, q = Setup(denoiser), world.law()
    terms = s.terms()
    orders = [float(q @ likelihood.along(terms, torch.tensor(o))) for o in itertools.permutations(range(s.n))]
    best, average = best_fixed_order(terms, world)[0], float(q @ likelihood.elbo(terms))
    found = min(orders) if worst else best
    yield at_least("enumeration", found, average, s.slack, effective=max(orders) - min(orders) > 1e-6)
    yield equal("enumeration", best, max(orders), s.slack, note="sweep over sets against all orders")


def above(denoiser: TableDenoiser, world: TableWorld, rule: SetRule, bound: str, sign: int = 1) -> Iterator[Evidence]:
    """Compare E_q log p^F with E_q of the ELBO or of log p^unif; LOGLIK against its products beside it."""
    s, q = Setup(denoiser, rule), world.law()
    found = s.scores().log_likelihood
    other = {"ELBO": likelihood.elbo, "uniform": likelihood.log_uniform}[bound](s.terms())
    yield at_least("enumeration", sign * float(q @ found), sign * float(q @ other), s.slack)
    products = [math.log(p) for p, _ in s.by_hand()]
    yield equal("enumeration", found, products, s.slack, note="LOGLIK against its products")


def both_signs(pairs: list[dict[str, Any]], bound: str, sign: int = 1) -> Iterator[Evidence]:
    """Show one table on which the data average of log p^F lies above the bound, and one on which it lies below."""
    for instance, side in zip(pairs, (1, sign * -1), strict=True):
        yield from above(**instance, bound=bound, sign=side)


def control(biases: list[int], law: list[str], product: bool = False) -> Iterator[Evidence]:
    """Compute the law of sample-then-select on independent bits by hand and by the walk; LOGLIK gives the product."""
    n, rows = len(biases), [(Fraction(b, 10), 1 - Fraction(b, 10)) for b in biases]
    claimed = [Fraction(p) for p in law]
    exact = {x: math.prod((rows[i][v] for i, v in enumerate(x)), start=Fraction(1)) for x in reference.sequences(n, 2)}
    chosen = list(exact.values()) if product else _sample_then_select(rows)
    worst = max(range(len(claimed)), key=lambda k: abs(chosen[k] - claimed[k]))
    yield equal("rational", chosen[worst], claimed[worst], Fraction(0))
    q = torch.tensor([float(p) for p in exact.values()], dtype=torch.float64)
    output = walks.walk(SampledConfidence(), TableWorld(q, n, 2)).output.law()
    yield equal("enumeration", output, [float(p) for p in claimed], 1e-14, note="walk of the value rule")


def scored_by_loglik(biases: list[int]) -> Iterator[Evidence]:
    """Compare greedy confidence's LOGLIK with the law of sample-then-select on independent bits."""
    rows = torch.tensor([[b / 10, 1 - b / 10] for b in biases], dtype=torch.float64)
    x = states.all_sequences(len(biases), 2)
    product = as_denoiser(lambda z: rows.log().expand(len(z), -1, -1), d=2, n=len(biases))
    law = torch.stack([rows[i, x[:, i]] for i in range(len(biases))]).prod(0)
    found = likelihood.log_likelihood(TopK(1), product, x)
    output = walks.walk(SampledConfidence(), TableWorld(law, len(biases), 2)).output.law()
    yield equal("enumeration", found.log_likelihood.exp(), output, 1e-12)


def _sample_then_select(rows: Sequence[tuple[Fraction, Fraction]]) -> list[Fraction]:
    """Return the law by listing every draw at every step."""
    n = len(rows)
    now: dict[reference.State, Fraction] = {(2,) * n: Fraction(1)}
    for _ in range(n):
        after: dict[reference.State, Fraction] = {}
        for z, mass in now.items():
            hidden = reference.masked(z, 2)
            for tokens in itertools.product(range(2), repeat=len(hidden)):
                chances = [rows[i][v] for i, v in zip(hidden, tokens, strict=True)]
                k = max(range(len(hidden)), key=lambda k: (chances[k], -k))
                x = reference.with_token(z, hidden[k], tokens[k])
                after[x] = after.get(x, Fraction(0)) + mass * math.prod(chances, start=Fraction(1))
        now = after
    return [now.get(x, Fraction(0)) for x in reference.sequences(n, 2)]


def _along_orders(s: Setup) -> list[list[Fraction]]:
    """Return the probability of every sequence along each of the n! orders."""
    every = reference.sequences(s.n, s.d)
    return [list(reference_orders.order_probabilities(s.exact, x, s.d).values()) for x in every]


def _mean_log(chances: Iterable[Any]) -> float:
    logs = [math.log(p) for p in chances]
    return math.fsum(logs) / len(logs)


ABOVE = {"denoiser": BITS, "rule": TopK(1), "world": TableWorld.from_weights([1, 1, 20, 1], 2, 2)}
BELOW = {"denoiser": BITS, "rule": TopK(1), "world": TableWorld.from_weights([1, 1, 1, 1], 2, 2)}
UNEVEN = TableWorld.from_weights([1, 2, 3, 4], 2, 2)
_singles = partial(tables, SINGLE, law=True)

CLAIMS = (
    Claim(
        id="duel.3a",
        statement="ELBO(x) = mean over orders of l = sum_k mean_{|M|=k} (1/k) sum_{i in M} ln p(x_i | x_-M)",
        assumptions="inconsistent conditionals",
        source=f"{NOTES}, which inequality holds",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=elbo_forms,
        tolerance=ROUNDING,
        inputs=lambda: tables(law=True),
        examples=60,
        fixtures=({"denoiser": BITS, "world": UNEVEN},),
        variants={"1/n instead of 1/k": partial(elbo_forms, flat=True)},
    ),
    Claim(
        id="duel.3b",
        statement="min_sigma l <= ELBO <= log p^unif = ln mean exp l <= max_sigma l",
        assumptions="inconsistent conditionals",
        source=f"{NOTES}, which inequality holds",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "rational"),
        check=elbo_chain,
        tolerance=EXACT,
        inputs=tables,
        examples=60,
        fixtures=({"denoiser": BITS},),
        variants={"log p^unif below the ELBO": partial(elbo_chain, swap=True)},
    ),
    Claim(
        id="duel.3c",
        statement="min_sigma l <= log p^F <= max_sigma l for every singleton rule",
        assumptions="one token a step",
        source=f"{NOTES}, which inequality holds",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "rational"),
        check=between_orders,
        tolerance=EXACT,
        inputs=lambda: tables(SINGLE),
        examples=60,
        fixtures=({"denoiser": BITS, "rule": TopK(1)},),
        variants={"two tokens a step": lambda denoiser, rule: between_orders(denoiser, LeftToRight(2))},
    ),
    Claim(
        id="duel.3d",
        statement="Some x-independent order has E_x l >= E_x ELBO",
        source=f"{NOTES}, which inequality holds",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=best_fixed_beats_elbo,
        tolerance=ROUNDING,
        inputs=lambda: tables(law=True),
        examples=60,
        fixtures=({"denoiser": BITS, "world": UNEVEN},),
        variants={"every order": partial(best_fixed_beats_elbo, worst=True)},
    ),
    Claim(
        id="duel.7",
        statement="No inequality relates E log p^F to the ELBO or to log p^unif: both signs occur",
        source=f"{NOTES}, which inequality holds",
        quantifier="there exists",
        kind="lower",
        routes=("enumeration",),
        check=both_signs,
        tolerance=ROUNDING,
        fixtures=({"pairs": [ABOVE, BELOW], "bound": "ELBO"}, {"pairs": [ABOVE, BELOW], "bound": "uniform"}),
        variants={"always above": partial(both_signs, sign=-1)},
    ),
    Claim(
        id="duel.elbo",
        statement="DUEL >= ELBO on data average",
        source=f"{DUEL}, section 4, read as a theorem",
        status="reading",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="duel.7",
        routes=("enumeration",),
        check=partial(above, bound="ELBO"),
        tolerance=ROUNDING,
        inputs=_singles,
        fixtures=(BELOW,),
    ),
    Claim(
        id="duel.uniform",
        statement="DUEL >= log p^unif on data average",
        source=f"{NOTES}, which inequality holds",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="duel.7",
        routes=("enumeration",),
        check=partial(above, bound="uniform"),
        tolerance=ROUNDING,
        inputs=_singles,
        fixtures=(BELOW,),
    ),
    Claim(
        id="duel.8",
        statement="Sample-then-select on bits (.7, .3), (.6, .4) has the law (.546, .364, .054, .036)",
        source="DUEL notes, claim 8",
        quantifier="this instance",
        kind="equality",
        routes=("rational", "enumeration"),
        check=control,
        tolerance="none in fractions; 1e-14 for the walk",
        fixtures=({"biases": [7, 6], "law": ["273/500", "91/250", "27/500", "9/250"]},),
        variants={"the product law": partial(control, product=True)},
    ),
    Claim(
        id="duel.8.loglik",
        statement="Greedy confidence's LOGLIK describes sample-then-select",
        source="DUEL notes, claim 8",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="duel.8",
        routes=("enumeration",),
        check=scored_by_loglik,
        tolerance="1e-12",
        fixtures=({"biases": [7, 6]},),
    ),
)
