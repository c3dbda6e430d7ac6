"""Claim 5 on PUNT (arXiv 2510.21961): the bound on the error of tests made in order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from theory.ledger import Claim, Evidence, Sharp, at_most, equal
from theory.reference import laws as reference
from theory.tolerance import SLACK
from theory.unmasking.claims.punt import CHAIN, CHANNEL, worlds_and_rules
from theory.unmasking.claims.punt_bias import (
    DERIVED,
    DICE,
    ROUNDING,
    SKEWED,
    XOR,
    bounded_by,
    listed,
    literally,
    tolerance,
)  # fmt: skip
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS
from theory.unmasking.rules.punt import Punt
from theory.worlds import TableWorld


def in_order_bound(world: TableWorld, rule: Punt, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare KL(p_out || q) <= E sum delta <= eps (n - E T), each side once by the engine and once written out."""
    divergence, errors, steps, output = bounded_by(rule, world)
    exact, slack = literally(rule, world), tolerance(world)
    apart = reference.kullback_leibler(exact.law, reference.floats(world))
    effective = exact.errors > slack
    yield at_most("enumeration", divergence, factor * exact.errors, slack, effective=effective, note="KL, errors")
    yield at_most("enumeration", apart, factor * errors, slack, effective=effective, note="KL, errors, exchanged")
    for some, count, note in ((errors, exact.steps, "errors, eps"), (exact.errors, steps, "errors, eps, exchanged")):
        ceiling = factor * rule.eps * (world.n - count) + world.n * SLACK
        yield at_most("enumeration", some, ceiling, slack, effective=effective, note=note)
    yield equal("enumeration", output, listed(exact.law, world), slack, note="law, engine and written out")
    yield equal("enumeration", errors, exact.errors, slack, note="errors, engine and written out")
    yield equal("enumeration", steps, exact.steps, slack, note="steps, engine and written out")


MOVED = math.log(4 / 3) / 2


ATTAINED = {"world": CHAIN, "rule": Punt(MOVED, "index", "in-order")}


IN_ORDER = (
    ATTAINED,
    {"world": CHANNEL, "rule": Punt(MOVED, tests="in-order")},
    {"world": COPIED_PAIRS, "rule": Punt(0.03, tests="in-order")},
    {"world": XOR, "rule": Punt(0.0, "index", "in-order")},
    {"world": SKEWED, "rule": Punt(0.0, "index", "in-order")},
    {"world": DICE, "rule": Punt(0.0, tests="in-order")},
)


CLAIMS = (
    Claim(
        id="punt.5",
        statement=(
            "Let each rank be tested against all candidates kept before it, with threshold eps. Then the divergence "
            "KL(p_out || q) of the output law from the data law is at most the expected sum of the errors delta of the "
            "revealed tokens, and this at most eps (n - E T), T the number of steps."
        ),
        assumptions="Exact conditionals; ranks that do not look at drawn tokens.",
        source=f"{DERIVED}, punt.5",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=in_order_bound,
        tolerance=f"{ROUNDING}; n times the slack with which an influence is compared with eps",
        inputs=lambda: worlds_and_rules("in-order"),
        examples=10,
        fixtures=IN_ORDER,
        variants={
            "99 % of the bounds": partial(in_order_bound, factor=0.99),
            "tests in rounds, as in PUNT": lambda world, rule: in_order_bound(world, replace(rule, tests="binary")),
            "ranked by drawn tokens": lambda world, rule: in_order_bound(world, replace(rule, by="drawn")),
        },
        sharp=Sharp(
            "Both factors 1 are the best at every n: a chain of bits that each repeat the one before with probability "
            "3/4, at eps = (ln 4/3) / 2, is revealed in one step and errs by eps (n - 1).",
            ATTAINED,
            1 - 1e-9,
        ),
        tex=r"\mathrm{KL}(p_{\mathrm{out}} \| q) \le \mathbb{E} \textstyle\sum \delta \le \varepsilon (n - \mathbb{E} T)",
    ),
)
