"""DUEL, claims 7 and 8: what the likelihood of a rule need not exceed, and a sampler that it does not describe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import torch

from theory.denoisers import TableDenoiser
from theory.denoisers import denoiser as as_denoiser
from theory.ledger import Claim, Evidence, at_least, equal
from theory.reference import laws as reference
from theory.unmasking import likelihood, walks
from theory.unmasking.claims import literal as written
from theory.unmasking.claims.duel_inputs import (
    DUEL,
    EXACT,
    FEW,
    NOTES,
    SINGLE,
    Setup,
    powers,
    tables,
)
from theory.unmasking.claims.rule_inputs import BITS, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import TopK
from theory.worlds import TableWorld, states


def above(denoiser: TableDenoiser, world: TableWorld, rule: SetRule, bound: str, sign: int = 1) -> Iterator[Evidence]:
    """Compare E_q log p^F with E_q of the ELBO or of log p^unif: by the sweeps, and by powers of fractions.

    With whole weights w both means of logarithms are logarithms of products of powers, compared without rounding.
    """
    s, q = Setup(denoiser, rule), world.law()
    found = s.scores().log_likelihood
    other = {"ELBO": likelihood.elbo, "uniform": likelihood.log_uniform}[bound](s.terms())
    yield at_least("enumeration", sign * float(q @ found), sign * float(q @ other), s.slack)
    products, orders = [Fraction(p) for p, _ in s.by_hand()], s.along_orders()
    yield equal("enumeration", found, [math.log(p) for p in products], s.slack, note="LOGLIK against its products")
    count, weights = math.factorial(s.n), [int(w) for w in world.weights or ()]
    if sum(weights) * count <= FEW:
        rule_side = powers(products, [w * count for w in weights])
        if bound == "uniform":
            other_side = powers([sum(p, Fraction(0)) / count for p in orders], [w * count for w in weights])
        else:
            other_side = powers([math.prod(p, start=Fraction(1)) for p in orders], weights)
        yield at_least("rational", sign * rule_side, sign * other_side, Fraction(0), note="exact sign")


def both_signs(pairs: list[dict[str, Any]], bound: str, sign: int = 1) -> Iterator[Evidence]:
    """Show one table on which the data average of log p^F lies above the bound, and one on which it lies below."""
    for instance, side in zip(pairs, (1, sign * -1), strict=True):
        yield from above(**instance, bound=bound, sign=side)


def control(rows: list[list[Fraction]], law: list[Fraction], scored: bool = False) -> Iterator[Evidence]:
    """Compute the law of sample-then-select on independent bits by hand and by the walk, beside LOGLIK's product law."""
    n = len(rows)
    every = list(reference.sequences(n, 2))
    product = [math.prod((rows[i][v] for i, v in enumerate(x)), start=Fraction(1)) for x in every]
    world = TableWorld.from_weights(product, n, 2, "independent bits")
    slack = tolerance(world, 4.0 * n)
    p = torch.tensor([[float(v) for v in row] for row in rows], dtype=torch.float64).log()
    model = as_denoiser(lambda z: p.expand(len(z), -1, -1), d=2, n=n)
    likelihoods = likelihood.log_likelihood(TopK(1), model, states.all_sequences(n, 2)).log_likelihood.exp()
    yield equal("enumeration", likelihoods, [float(v) for v in product], slack, note="LOGLIK is the product law")
    chosen = written.sample_then_select(rows)
    listed = product if scored else [chosen[x] for x in every]
    yield equal("rational", listed, law, Fraction(0), note="all draws listed")
    output = walks.walk(SampledConfidence(), world).output.law()
    claimed = likelihoods if scored else [float(v) for v in law]
    yield equal("enumeration", output, claimed, slack, note="walk of the value rule")


ABOVE = {"denoiser": BITS, "rule": TopK(1), "world": TableWorld.from_weights([1, 1, 20, 1], 2, 2)}


BELOW = {"denoiser": BITS, "rule": TopK(1), "world": TableWorld.from_weights([1, 1, 1, 1], 2, 2)}


_TENTHS = [[Fraction(b, 10) for b in row] for row in ((7, 3), (6, 4), (9, 1))]


_LAW = [Fraction(v, 1000) for v in (546, 364, 54, 36)]


CLAIMS = (
    Claim(
        id="duel.7",
        statement=(
            "No inequality relates the mean log-likelihood under a deterministic rule to the mean ELBO or to the mean of "
            "log p^unif: there are a denoiser and two data laws such that it lies above both on one and below both on "
            "the other."
        ),
        source=f"{NOTES}, duel.7",
        quantifier="there exists",
        kind="lower",
        routes=("rational", "enumeration"),
        check=both_signs,
        tolerance=EXACT,
        fixtures=({"pairs": [ABOVE, BELOW], "bound": "ELBO"}, {"pairs": [ABOVE, BELOW], "bound": "uniform"}),
        variants={"above on both laws": partial(both_signs, sign=-1)},
    ),
    Claim(
        id="duel.elbo",
        statement=(
            "The mean log-likelihood of data under a deterministic one-token rule is at least their mean ELBO, whatever "
            "the denoiser."
        ),
        source=f"{DUEL}, section 4, observed there on trained networks, read as a theorem",
        status="reading",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="duel.7",
        routes=("rational", "enumeration"),
        check=partial(above, bound="ELBO"),
        tolerance=EXACT,
        inputs=lambda: tables(SINGLE, law=True),
        examples=12,
        fixtures=(BELOW,),
    ),
    Claim(
        id="duel.8",
        statement=(
            "Draw a token for every masked position and reveal only the most probable drawn one. On independent bits of "
            "laws (.7, .3) and (.6, .4) the output law is (.546, .364, .054, .036) and not their product, on (.9, .1) "
            "and (.6, .4) it is (.594, .396, .006, .004). The likelihood of the greedy confidence rule is the product "
            "law and does not describe this sampler."
        ),
        source=f"{NOTES}, duel.8",
        quantifier="this instance",
        kind="equality",
        routes=("rational", "enumeration"),
        check=control,
        tolerance=EXACT,
        fixtures=(
            {"rows": _TENTHS[:2], "law": _LAW},
            {"rows": [_TENTHS[2], _TENTHS[1]], "law": [Fraction(v, 1000) for v in (594, 396, 6, 4)]},
        ),
        variants={"LOGLIK describes it": partial(control, scored=True)},
    ),
)
