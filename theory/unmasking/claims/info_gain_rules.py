"""Info-Gain: what the rule chooses, what its candidates do to the law, and the best order of all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, at_least, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.tolerance import SLACK
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS
from theory.unmasking.claims.rule_inputs import product_world, product_worlds
from theory.unmasking.rules.actions import Form
from theory.unmasking.rules.beam import beam
from theory.unmasking.rules.info_gain import InfoGain
from theory.unmasking.rules.sets import TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, World, states

ROUNDING = "rounding of a sum over states of sums of n entropies: ledger.rounding(n^2 d (d+1)^n)"
GENERIC = TableWorld.from_weights([4, 1, 2, 9, 3, 12, 1, 5], 3, 2, "three bits")
CHANNEL = TableWorld.from_weights([3, 1, 1, 3], 2, 2, "symmetric channel")
FAN = TableWorld.from_weights([1, 1, 1, 1, 4, 0, 0, 0, *[0] * 8], 2, 4, "fan")
"""X_0 a fair bit; X_1 uniform on four values if it is 0, else fixed: the likely token leaves the most behind."""


def tolerance(world: World) -> float:
    """Return the rounding error of a sum over states of sums of n entropies."""
    n, d = world.n, world.d
    return rounding(n * n * d * (d + 1) ** n)


def constant_dropped(world: TableWorld, form: Form, without: str = "") -> Iterator[Evidence]:
    """At every state compare the rule's choice with the best of -cost - potential(after), which lacks potential(z)."""
    denoiser, n, d = reference.float_conditionals(world), world.n, world.d
    z = states.all_states(n, d)[:-1]
    z = torch.cat((z[(z == d).any(-1)], torch.full((1, n), d)))
    _, after, _ = InfoGain(form).outcomes(world, z)
    gaps = []
    for state, chosen in zip(z.tolist(), (after[:, 0] != z).long().argmax(-1).tolist(), strict=True):
        value = {}
        for i in reference.masked(tuple(state), d):
            p = reference_lookahead.row(denoiser, tuple(state), i, d)
            v = reference_lookahead.likely(p)
            cost = 0.0 if form == "look-ahead" or without == "cost" else reference.entropy(p)
            left = reference_lookahead.uncertainty(denoiser, reference.with_token(tuple(state), i, v), d, form)
            value[i] = -cost - (0.0 if without == "look-ahead" else left)
        gaps.append(max(value.values()) - value[chosen])
    yield equal("enumeration", max(gaps), 0.0, tolerance(world) + 2 * SLACK, effective=n > 1, note="best minus chosen")


def entropy_first(world: TableWorld, form: Form = "mean") -> Iterator[Evidence]:
    """At every state of a product law with m > 2 masks compare the entropy of Info-Gain's choice with the least one."""
    n, d = world.n, world.d
    h = [reference.subset_entropy(reference.floats(world), [i]) for i in range(n)]
    z = states.all_states(n, d)
    z = z[(z == d).sum(-1) > 2]
    scores = InfoGain(form, "drawn").scores(world, z, world(z))
    _, after, _ = InfoGain(form).outcomes(world, z)
    chosen = (after[:, 0] != z).long().argmax(-1).tolist()
    hidden = [reference.masked(tuple(state), d) for state in z.tolist()]
    gap = max(h[i] - min(h[j] for j in m) for i, m in zip(chosen, hidden, strict=True))
    slack, effective = tolerance(world), max(h) - min(h) > SLACK
    yield equal("enumeration", gap, 0.0, slack + 4 * n * SLACK, effective=effective, note="entropy of the choice")
    written = [
        math.fsum(h[j] for j in m) / len(m) - math.fsum(h[j] for j in m if j != i) / (len(m) - 1) - h[i]
        for m in hidden
        for i in m
    ]
    found = [float(s[i]) for s, m in zip(scores, hidden, strict=True) for i in m]
    yield equal("enumeration", found, written, slack, note="J in closed form")


def best_order(world: TableWorld, drawn: bool = False, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the dynamic programme with all orders, and with decoders: argmax tokens, or (E[Htilde]) drawn ones."""
    n, d, slack = world.n, world.d, tolerance(world)
    start = torch.full((n,), d)
    least = beam(world, start, None).cost
    written = reference_lookahead.least_entropy_order(reference.float_conditionals(world), (d,) * n, d)
    if not drawn:
        yield equal("enumeration", least, written, slack, effective=written > slack, note="all orders")
    found: dict[str, float] = {f"beam {b}, {f}": beam(world, start, b, f).cost for b in (1, 2) for f in FORMS}
    if drawn:
        chain = walk(TopK(1, "entropy"), world)
        found = {
            "entropy-greedy, drawn tokens": float(chain.total(chain.nodes.surprise, "sampler")),
            "H(q)": float(world.entropy()),
        }
    for name, cost in found.items():
        yield at_least("enumeration", factor * cost, least, slack, effective=least > slack, note=name)


def small_worlds() -> st.SearchStrategy[TableWorld]:
    """Draw a law of two or three tokens."""
    return strategies.worlds(n=(2, 3), cells=27)


def only_worlds() -> st.SearchStrategy[Instance]:
    """Draw a small law and nothing beside it."""
    return strategies.paired(world=small_worlds())


CLAIMS = (
    Claim(
        id="infogain.2",
        statement=(
            "Leaving the potential of the present state out of the objective never changes which position is chosen."
        ),
        source=f"{DERIVED}, infogain.1",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=constant_dropped,
        tolerance=f"{ROUNDING}; twice the slack by which objectives tie",
        inputs=lambda: strategies.paired(world=small_worlds(), form=st.sampled_from(FORMS)),
        examples=15,
        fixtures=({"world": GENERIC, "form": "mean"}, {"world": GENERIC, "form": "sum"}),
        variants={
            "leaving the cost out too": partial(constant_dropped, without="cost"),
            "leaving the look-ahead out too": partial(constant_dropped, without="look-ahead"),
        },
    ),
    Claim(
        id="infogain.6",
        statement=(
            "On the law of independent tokens with more than two masked positions, the mean form of the objective "
            "reveals a position of least entropy."
        ),
        assumptions="Exact conditionals.",
        source=f"{DERIVED}, infogain.6",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=entropy_first,
        tolerance=f"{ROUNDING}; the slack by which objectives tie",
        inputs=lambda: strategies.paired(world=product_worlds((3, 4))),
        examples=15,
        fixtures=({"world": product_world([[5, 2, 1], [1, 1, 2], [9, 1, 1]])},),
        variants={"the sum form": partial(entropy_first, form="sum")},
    ),
    Claim(
        id="infogain.9a",
        statement=(
            "Among the orders in which the positions can be revealed one by one, each with its most probable token, the "
            "dynamic programme finds one of least cumulative entropy; no beam search, of any width and form, has less."
        ),
        source=f"{DERIVED}, infogain.9",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=best_order,
        tolerance=ROUNDING,
        inputs=only_worlds,
        examples=15,
        fixtures=({"world": GENERIC}, {"world": FAN}),
        variants={"one percent less": partial(best_order, factor=0.99)},
    ),
    Claim(
        id="infogain.9b",
        statement=(
            "The least cumulative entropy of all orders with most probable tokens is at most the expected cumulative "
            "entropy of samplers that draw their tokens."
        ),
        source=f"{DERIVED}, infogain.9 (the claim before it, read for all samplers; the paper does not say it)",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="infogain.9a",
        routes=("enumeration",),
        check=partial(best_order, drawn=True),
        tolerance=ROUNDING,
        fixtures=({"world": FAN},),
    ),
)
