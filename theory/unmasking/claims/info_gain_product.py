"""Info-Gain on a x b = c: which position of a product in binary is revealed first, and why."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from torch import Tensor

from theory.ledger import Claim, Evidence, equal, rounding
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.unmasking.claims.info_gain_laws import DERIVED
from theory.unmasking.rules.actions import Form
from theory.unmasking.rules.info_gain import InfoGain, Tokens
from theory.unmasking.rules.proxies import token_entropy
from theory.worlds import SupportWorld

BITS = 7


def product_world() -> SupportWorld:
    """Return uniform decimal a, b and their product in 7 bits, most significant first; d = 10, bits use two tokens."""
    rows = [
        (a, b, *((a * b >> k) & 1 for k in reversed(range(BITS)))) for a, b in itertools.product(range(10), repeat=2)
    ]
    return SupportWorld(torch.tensor(rows), d=10, name="a x b = c, binary")


def product_first(form: Form, tokens: Tokens, chosen: int, best: bool = True) -> Iterator[Evidence]:
    """Find which position of a x b = c is revealed first, by the rule and by the literal objective of factor and bits."""
    rule, world, _, written = _product_scores(form, tokens)
    z = torch.full((1, world.n), world.d)
    _, after, _ = rule.outcomes(world, z)
    yield equal(
        "enumeration",
        int((after[0, 0] != world.d).nonzero()[0, 0]),
        chosen,
        Fraction(0),
        note="position revealed first",
    )
    order = max if best else min
    yield equal(
        "enumeration", order((0, 2), key=lambda i: written[i]), chosen, Fraction(0), note="factor or top bit, literally"
    )


def product_digits(
    form: Form, tokens: Tokens, factor: float, bits: Sequence[float], top: float | None = None, unit: float = 1.0
) -> Iterator[Evidence]:
    """Compute J at the all-mask state of a x b = c: a factor, the top bit, the range of the bits; and the entropies."""
    _, world, found, written = _product_scores(form, tokens)
    h = token_entropy(world(torch.full((1, world.n), world.d)))[0] * unit
    yield equal("enumeration", h[:2], 2.303, 5e-4, note="entropy of a factor")
    yield equal(
        "enumeration", [h[2:].min(), h[2:].max()], [0.168, 0.673], 5e-4, note="least and most entropy of the bits"
    )
    yield equal("enumeration", found[:2], factor, 5e-3, note="factor")
    if top is not None:
        yield equal("enumeration", found[2], top, 5e-3, note="top bit")
    if bits:
        yield equal(
            "enumeration", [found[2:].min(), found[2:].max()][-len(bits) :], bits, 5e-3, note="range of the bits"
        )
    for i in (0, 2):
        slack = rounding(world.n * world.d * len(world.support), world.n * math.log(world.d))
        yield equal("enumeration", found[i], written[i], slack, note=f"literally, position {i}")


def _product_scores(form: Form, tokens: Tokens) -> tuple[InfoGain, SupportWorld, Tensor, dict[int, float]]:
    """Return the rule, the world, its scores at the all-mask state and the ones of factor and top bit by definition."""
    world, rule = product_world(), InfoGain(form, tokens)
    z = torch.full((1, world.n), world.d)
    return rule, world, rule.scores(world, z, world(z))[0], _product_by_definition(form, tokens)


@functools.cache
def _product_by_definition(form: Form, tokens: Tokens) -> dict[int, float]:
    """Return the objective of factor and top bit, written out, all masked."""
    n, d, denoiser = 2 + BITS, 10, _product_conditionals()
    start, found = (d,) * n, {}
    for i in (0, 2):
        p = reference_lookahead.row(denoiser, start, i, d)
        kept = [reference_lookahead.likely(p)] if tokens == "argmax" else [v for v in range(d) if p[v] > 0]
        values = [p[v] * reference_lookahead.action_value(denoiser, start, i, v, d, form) for v in kept]
        found[i] = math.fsum(values) / math.fsum(p[v] for v in kept)
    return found


@functools.cache
def _product_conditionals() -> reference.Conditional:
    rows = [(a, b, *map(int, f"{a * b:0{BITS}b}")) for a, b in itertools.product(range(10), repeat=2)]
    return reference.conditionals_of(dict.fromkeys(rows, 0.01), 10)


CLAIMS = (
    Claim(
        id="infogain.8",
        statement=(
            "Write a x b = c with uniform decimal factors and a binary product of seven bits, all masked. The mean form "
            "of the objective reveals the most significant bit of the product first; the sum form, and the look-ahead "
            "form without cost, reveal a factor first."
        ),
        assumptions="Exact conditionals.",
        source=f"{DERIVED}, infogain.8",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=product_first,
        tolerance="none: positions",
        fixtures=(
            {"form": "mean", "tokens": "drawn", "chosen": 2},
            {"form": "mean", "tokens": "argmax", "chosen": 2},
            {"form": "sum", "tokens": "drawn", "chosen": 0},
            {"form": "look-ahead", "tokens": "drawn", "chosen": 0},
        ),
        variants={"the least objective wins": partial(product_first, best=False)},
    ),
    Claim(
        id="infogain.P7",
        statement=(
            "In a x b = c of infogain.8 a factor has entropy 2.303 nats and the bits .168 to .673. The objective of a "
            "factor against the bits is -2.02 against -.69 to -.24 (top bit) in the mean form, .87 against .17 to .47 in "
            "the sum form, .28 against at most .01 in the look-ahead form, and in the mean form with most probable "
            "tokens -1.65 against -.27 for the top bit."
        ),
        assumptions="Exact conditionals.",
        source=f"{DERIVED}, infogain.8",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=product_digits,
        tolerance="half a unit of the last digit given; engine against definition: rounding",
        fixtures=(
            {"form": "mean", "tokens": "drawn", "factor": -2.02, "top": -0.24, "bits": [-0.69, -0.24]},
            {"form": "sum", "tokens": "drawn", "factor": 0.87, "bits": [0.17, 0.47]},
            {"form": "look-ahead", "tokens": "drawn", "factor": 0.28, "bits": [0.01]},
            {"form": "mean", "tokens": "argmax", "factor": -1.65, "top": -0.27, "bits": []},
        ),
        variants={"one percent more entropy": partial(product_digits, unit=1.01)},
    ),
)
