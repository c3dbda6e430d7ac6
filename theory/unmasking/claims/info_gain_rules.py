"""Info-Gain: what the rule chooses, what its candidates do to the law, and the best order of all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, at_least, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.tolerance import SLACK
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS
from theory.unmasking.claims.rule_inputs import product_world, product_worlds
from theory.unmasking.rules.actions import Form, likely
from theory.unmasking.rules.beam import beam
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
from theory.unmasking.rules.sets import TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, World, information, states

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
            v = int(after[z.tolist().index(state), 0, i]) if i == chosen else _likely(world, state, i)
            cost = 0.0 if form == "look-ahead" or without == "cost" else reference.entropy(p)
            left = reference_lookahead.uncertainty(denoiser, reference.with_token(tuple(state), i, v), d, form)
            value[i] = -cost - (0.0 if without == "look-ahead" else left)
        gaps.append(max(value.values()) - value[chosen])
    yield equal("enumeration", max(gaps), 0.0, tolerance(world) + 2 * SLACK, effective=n > 1, note="best minus chosen")


def _likely(world: TableWorld, state: Sequence[int], i: int) -> int:
    return int(likely(world(torch.tensor([state]))[0, i]))


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
    slack, effective = tolerance(world), max(h) - min(h) > 1e-6
    yield equal("enumeration", gap, 0.0, slack + 4 * n * SLACK, effective=effective, note="entropy of the choice")
    written = [
        math.fsum(h[j] for j in m) / len(m) - math.fsum(h[j] for j in m if j != i) / (len(m) - 1) - h[i]
        for m in hidden
        for i in m
    ]
    found = [float(s[i]) for s, m in zip(scores, hidden, strict=True) for i in m]
    yield equal("enumeration", found, written, slack, note="J in closed form")


def single_candidate(world: TableWorld, count: int = 1) -> Iterator[Evidence]:
    """Compare the output law of the best of N drawn candidates with the data law, and one step with all draws listed."""
    found, q, slack = walk(SampledInfoGain(count), world), world.law(), tolerance(world)
    yield equal("enumeration", found.output.law(), q, slack, effective=float(q.max()) < 1, note=found.rule)
    for form in FORMS:
        blind = walk(InfoGain(form, "drawn"), world)
        yield equal("enumeration", blind.output.law(), q, slack, note=blind.rule)


def biased(world: TableWorld, count: int, least: float = 1e-6) -> Iterator[Evidence]:
    """Compute KL(p_out || q) of the best of N drawn candidates on a law that is no product."""
    found = walk(SampledInfoGain(count), world)
    divergence = information.kullback_leibler(found.output.law(), world.law())
    effective = float(world.total_correlation()) > 1e-9
    yield at_least("enumeration", divergence, least, 0.0, effective=effective, note=f"N = {count}")


def best_order(world: TableWorld, drawn: bool = False, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the dynamic programme with all orders, and with decoders: argmax tokens, or (E[Htilde]) drawn ones."""
    n, d, slack = world.n, world.d, tolerance(world)
    start = torch.full((n,), d)
    least = beam(world, start, None).cost
    written = reference_lookahead.least_entropy_order(reference.float_conditionals(world), (d,) * n, d)
    if not drawn:
        yield equal("enumeration", least, written, slack, effective=least > 1e-9, note="all orders")
    found: dict[str, float] = {f"beam {b}, {f}": beam(world, start, b, f).cost for b in (1, 2) for f in FORMS}
    if drawn:
        chain = walk(TopK(1, "entropy"), world)
        found = {
            "entropy-greedy, drawn tokens": float(chain.total(chain.nodes.surprise, "sampler")),
            "H(q)": float(world.entropy()),
        }
    for name, cost in found.items():
        yield at_least("enumeration", factor * cost, least, slack, effective=least > 1e-9, note=name)


def small_worlds() -> st.SearchStrategy[TableWorld]:
    """Draw a law of two or three tokens."""
    return strategies.worlds(n=(2, 3), cells=27)


def only_worlds() -> st.SearchStrategy[Instance]:
    """Draw a small law and nothing beside it."""
    return strategies.paired(world=small_worlds())


CLAIMS = (
    Claim(
        id="infogain.2",
        statement="Dropping the potential of the present state from J never changes the choice",
        source=f"{DERIVED}, claim 2",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=constant_dropped,
        tolerance=f"{ROUNDING}, and the grid on which ties are broken",
        inputs=lambda: strategies.paired(world=small_worlds(), form=st.sampled_from(FORMS)),
        examples=15,
        fixtures=({"world": GENERIC, "form": "mean"}, {"world": GENERIC, "form": "sum"}),
        variants={
            "dropping the cost": partial(constant_dropped, without="cost"),
            "dropping the look-ahead": partial(constant_dropped, without="look-ahead"),
        },
    ),
    Claim(
        id="infogain.6",
        statement="On product laws with m > 2 masks the mean form reveals the position of least entropy",
        source=f"{DERIVED}, P3",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=entropy_first,
        tolerance=f"{ROUNDING}, and the grid on which ties are broken",
        inputs=lambda: strategies.paired(world=product_worlds((3, 4))),
        examples=15,
        fixtures=({"world": product_world([[5, 2, 1], [1, 1, 2], [9, 1, 1]])},),
        variants={"the sum form": partial(entropy_first, form="sum")},
    ),
    Claim(
        id="infogain.7a",
        statement=(
            "One candidate, or the best expected objective with the token drawn afterwards: the output law "
            "is the data law"
        ),
        assumptions="exact conditionals, tau_token = 1",
        source=f"{DERIVED}, claim 7",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=single_candidate,
        tolerance=ROUNDING,
        inputs=only_worlds,
        examples=10,
        fixtures=({"world": GENERIC},),
        variants={"two candidates": partial(single_candidate, count=2)},
    ),
    Claim(
        id="infogain.7b",
        statement="N >= 2 candidates on any law that is no product: KL(p_out || q) > 0",
        assumptions="tau_token = 1",
        source=f"{DERIVED}, claim 7 as first stated there",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="infogain.7c",
        routes=("enumeration",),
        check=biased,
        tolerance="1e-6 nats",
        fixtures=({"world": CHANNEL, "count": 2}, {"world": CHANNEL, "count": 8}),
    ),
    Claim(
        id="infogain.7c",
        statement="N >= 2 candidates on a law whose objectives are not all equal: KL(p_out || q) > 0",
        assumptions="tau_token = 1; on the symmetric channel all objectives tie and the law is kept",
        source=f"{DERIVED}, claim 7, corrected",
        quantifier="there exists",
        kind="lower",
        routes=("enumeration",),
        check=biased,
        tolerance="1e-6 nats",
        fixtures=({"world": GENERIC, "count": 2}, {"world": GENERIC, "count": 8}),
        variants={"more than one nat": partial(biased, least=1.0)},
    ),
    Claim(
        id="infogain.9a",
        statement=(
            "The dynamic programme over orders has the least cumulative entropy of all one-token decoders "
            "with argmax tokens"
        ),
        source=f"{DERIVED}, claim 9",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=best_order,
        tolerance=ROUNDING,
        inputs=only_worlds,
        examples=15,
        fixtures=({"world": GENERIC}, {"world": FAN}),
        variants={"nine tenths of it": partial(best_order, factor=0.9)},
    ),
    Claim(
        id="infogain.9b",
        statement=(
            "The dynamic programme with argmax tokens has at most the E[Htilde] of samplers that draw their tokens"
        ),
        source=f"{DERIVED}, claim 9 read for all samplers",
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
