"""Claims on the factor rule of Fast-dLLM: when tokens chosen one by one are right together, and what they cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import reveals
from theory.tolerance import SLACK
from theory.unmasking import walks
from theory.unmasking.claims.eb import ROUNDING
from theory.unmasking.claims.eb_steps import rows
from theory.unmasking.claims.rule_inputs import tolerance
from theory.unmasking.rules.factor import FactorBounded
from theory.worlds import TableWorld, repetition

PAPER = "Wu et al. (Fast-dLLM), arXiv 2505.22618"
NOTES = "docs/derivations.md"
LONGEST = 4
"""Up to this many masked positions the orders of one-by-one decoding are all tried."""


def one_flip(n: int, doubt: Fraction) -> TableWorld:
    """Return the law of n bits that are all 0, or one of them 1 with probability `doubt` each: the worst case."""
    weights = [Fraction(0)] * 2**n
    weights[0] = 1 - n * doubt
    for i in range(n):
        weights[1 << i] = doubt
    return TableWorld.from_weights(weights, n, 2, f"one flip of {n} bits, {doubt} each")


def fano_copies(count: int, d: int, doubt: Fraction) -> TableWorld:
    """Return copies of one token with law (1 - doubt, doubt / (d - 1), ...), which attains Fano's inequality."""
    weights = [Fraction(0)] * d**count
    for v in range(d):
        weights[v * (d**count - 1) // (d - 1)] = doubt / (d - 1) if v else 1 - doubt
    return TableWorld.from_weights(weights, count, d, f"{count} copies")


def chosen_block(world: TableWorld, factor: float) -> list[int]:
    """Return the positions that the rule reveals first, under the exact conditionals."""
    z = torch.full((1, world.n), world.d)
    return FactorBounded(factor).select(world(z), z == world.d)[0].nonzero()[:, 0].tolist()


def agrees_jointly(world: TableWorld, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare, in fractions, the block of likeliest tokens with every other block, and with one-by-one decoding."""
    law, n, d = reference.exact(world), world.n, world.d
    block, start = chosen_block(world, factor), (d,) * n
    single = {i: [reference.conditional(law, start, i, v, d) for v in range(d)] for i in range(n)}
    mode = {i: max(range(d), key=single[i].__getitem__) for i in block}
    joint: dict[tuple[int, ...], Fraction] = {}
    for x, p in law.items():
        part = tuple(x[i] for i in block)
        joint[part] = joint.get(part, Fraction(0)) + p
    own = joint.pop(tuple(mode[i] for i in block), Fraction(0))
    several = len(block) > 1
    yield at_most("rational", max(joint.values(), default=Fraction(0)), own, Fraction(0), effective=several)
    for order in itertools.permutations(block) if n <= LONGEST else ():
        z = start
        for i in order:
            one = [reference.conditional(law, z, i, v, d) for v in range(d)]
            yield at_least("rational", one[mode[i]], max(one), Fraction(0), effective=several, note="one by one")
            z = reference.with_token(z, i, mode[i])
    yield equal(
        "rational", Fraction(block == list(reveals.factor_block(single, Fraction(str(factor))))), Fraction(1), 0
    )


def strict_agreement(size: int, percent: int, least: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the all-zero sequence with its rivals in the worst case, doubts a percentage of least / (n + 1)."""
    doubt = least * Fraction(percent, 100) / (size + 1)
    law = reference.exact(one_flip(size, doubt))
    rival = max(p for x, p in law.items() if any(x))
    yield at_most("rational", rival, law.get((0,) * size, Fraction(0)), Fraction(0))


def block_cost(world: TableWorld, factor: float, share: float = 1.0) -> Iterator[Evidence]:
    """Compare the total correlation of the first block, by the walk and by subset entropies, with Fano's bound."""
    law, block, d, slack = reference.exact(world), chosen_block(world, factor), world.d, tolerance(world, world.n)
    size, start = len(block), (d,) * world.n
    least = min(max(reference.conditional(law, start, i, v, d) for v in range(d)) for i in block)
    several = size > 1
    bound = share * (size - 1) * fano(float(1 - least), d)
    walk = walks.walk(FactorBounded(factor), world)
    cost = float(walk.nodes.joint_dependence[-1])
    direct = math.fsum(reference.subset_entropy(law, [i]) for i in block) - reference.subset_entropy(law, block)
    yield at_most("enumeration", direct, bound, slack, effective=several and direct > slack)
    yield equal("enumeration", cost, direct, slack, effective=several, note="walk against fractions")
    if several:
        doubt = min(factor / (size + 1), 1 - 1 / d)
        yield at_most("enumeration", direct, (size - 1) * fano(doubt, d), slack + 9 * SLACK, note="by the factor alone")


def fano(doubt: float, d: int) -> float:
    """Return h(doubt) + doubt ln(d - 1) in nats, the largest entropy of d tokens of which one has 1 - doubt."""
    if doubt <= 0:
        return 0.0
    tail = (1 - doubt) * math.log1p(-doubt) if doubt < 1 else 0.0
    return doubt * math.log((d - 1) / doubt) - tail


def as_written(
    rows: Sequence[Sequence[int]], factor: Fraction, released: bool, slip: float = 1.0
) -> Iterator[Evidence]:
    """Compare the rule's set with the literal loops in fractions."""
    p = torch.tensor(rows, dtype=torch.float64)[None]
    log_p, masked = (p / p.sum(-1, keepdim=True)).log(), torch.ones(1, len(rows), dtype=torch.bool)
    mine = FactorBounded(slip * float(factor), released).select(log_p, masked)[0].nonzero()[:, 0].tolist()
    exact = {i: [Fraction(w, sum(row)) for w in row] for i, row in enumerate(rows)}
    literal = (reveals.released_block if released else reveals.factor_block)(exact, factor)
    computed, claimed = ([float(i in block) for i in range(len(rows))] for block in (mine, literal))
    yield equal("enumeration", computed, claimed, 0.0, effective=len(rows) > 1, note=f"{mine}")


def released_keeps_the_bound(rows: Sequence[Sequence[int]], factor: Fraction) -> Iterator[Evidence]:
    """Compare what the released loop reveals with the bound that the paper's rule puts on its least trusted position."""
    exact = {i: [Fraction(w, sum(row)) for w in row] for i, row in enumerate(rows)}
    block = reveals.released_block(exact, factor)
    worst = max(1 - max(exact[i]) for i in block)
    if len(block) > 1:
        yield at_most("rational", (len(block) + 1) * worst, factor, Fraction(0))
    else:
        yield at_most("rational", Fraction(0), factor, Fraction(0), effective=False)


@st.composite
def _confident_worlds(draw: st.DrawFn) -> TableWorld:
    """Draw a law with one heavy sequence, so that blocks of several tokens occur."""
    world = draw(strategies.worlds(n=(2, 4), cells=27))
    assert world.weights is not None
    weights = list(world.weights)
    weights[draw(st.integers(0, len(weights) - 1))] += sum(weights) * draw(st.integers(0, 5))
    return TableWorld.from_weights(weights, world.n, world.d)


def _worlds() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries({"world": _confident_worlds()})


def _costs() -> st.SearchStrategy[Instance]:
    factors = st.integers(1, 40).map(lambda k: k / 20)
    return st.fixed_dictionaries({"world": _confident_worlds(), "factor": factors})


@st.composite
def _rows(draw: st.DrawFn) -> Instance:
    drawn = [
        [w + 60 * (v == 0) * draw(st.integers(0, 4)) for v, w in enumerate(row)]
        for row in draw(rows(draw(st.integers(1, 6)), 3))
    ]
    return {"rows": drawn, "factor": Fraction(draw(st.integers(0, 60)), 20), "released": draw(st.booleans())}


TIE = one_flip(3, Fraction(1, 4))
BEYOND = one_flip(2, Fraction(1006, 3000))
LAST_FAILS = {"rows": [[9, 1], [1, 1]], "factor": Fraction(1)}
TWO_PASS = {"rows": [[99, 1], [99, 1], [1, 1], [1, 1]], "factor": Fraction(1)}

CLAIMS = (
    Claim(
        id="factor.1",
        statement=(
            "With factor 1, the likeliest tokens of the positions that the factor rule reveals are together a likeliest "
            "block under the joint law of these positions, and decoding them greedily one by one, in any order, gives "
            "them too."
        ),
        assumptions="Exact conditionals; among tokens of equal probability any may be called the likeliest.",
        source=f"{PAPER}, theorem on parallel decoding (its wording was not read); see {NOTES}, factor.1",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("rational",),
        check=agrees_jointly,
        tolerance="none: fractions",
        inputs=_worlds,
        examples=30,
        fixtures=({"world": TIE}, {"world": BEYOND}, {"world": repetition(2, 2)}),
        variants={"with factor 1.01": partial(agrees_jointly, factor=1.01)},
        sharp=Sharp("The factor 1 is the largest: at doubts of 1 / (n + 1) rivals are as likely.", {"world": TIE}),
    ),
    Claim(
        id="factor.1strict",
        statement=(
            "For every n >= 2 the constant 1 of (n + 1) epsilon <= 1 is the largest: n bits of which at most one is 1, "
            "each with probability epsilon, have the likeliest bits 0, and all bits 0 is a likeliest sequence if and "
            "only if (n + 1) epsilon <= 1."
        ),
        source=f"ours, see {NOTES}, factor.1",
        quantifier="this instance",
        kind="upper",
        routes=("rational",),
        check=strict_agreement,
        tolerance="none: fractions",
        fixtures=tuple({"size": n, "percent": percent} for n in (2, 3, 5, 8) for percent in (50, 99, 100)),
        variants={"(n + 1) epsilon <= 1.01": partial(strict_agreement, least=Fraction(101, 100))},
        sharp=Sharp("At (n + 1) epsilon = 1 all rivals are as likely.", {"size": 5, "percent": 100}),
    ),
    Claim(
        id="factor.2",
        statement=(
            "Revealing the first block of m positions costs a joint dependence error of at most (m - 1) (h(e) + e ln(d - "
            "1)), e one minus the least confidence of the block and h the entropy of a bit. Where the factor f meets f / "
            "(m + 1) <= 1 - 1 / d, e may be replaced by f / (m + 1)."
        ),
        assumptions="Exact conditionals.",
        source=f"ours, see {NOTES}, factor.2",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=block_cost,
        tolerance=ROUNDING,
        inputs=_costs,
        examples=20,
        fixtures=(
            {"world": fano_copies(2, 3, Fraction(1, 10)), "factor": 1.0},
            {"world": fano_copies(3, 2, Fraction(1, 5)), "factor": 1.0},
        ),
        variants={"one percent less": partial(block_cost, share=0.99)},
        sharp=Sharp(
            "The factor 1 is the best: copies of a token with one likely and d - 1 equal values attain it.",
            {"world": fano_copies(3, 2, Fraction(1, 5)), "factor": 1.0},
            1 - 1e-9,
        ),
    ),
    Claim(
        id="factor.3",
        statement=(
            "At a fixed state the rule reveals the longest prefix in falling order of confidence with (k + 1)(1 - c_k) "
            "<= f, and always the first position; with `as_released` it reveals what the loop of the released code does."
        ),
        source=f"{PAPER}, released code, llada/generate.py, get_transfer_index_dynamic (read)",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=as_written,
        tolerance="none: sets",
        inputs=_rows,
        examples=60,
        fixtures=(
            {**LAST_FAILS, "released": False},
            {**LAST_FAILS, "released": True},
            {"rows": [[2, 1], [2, 1], [3, 1]], "factor": Fraction(1), "released": False},
        ),
        variants={"99 % of the factor": partial(as_written, slip=0.99)},
    ),
    Claim(
        id="factor.3code",
        statement=(
            "The released code keeps (m + 1)(1 - c_m) <= f for the least trusted of the m >= 2 positions that it reveals."
        ),
        source=f"{PAPER}, released code read as the rule that the paper describes",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="factor.3",
        routes=("rational",),
        check=released_keeps_the_bound,
        tolerance="none: fractions",
        fixtures=(LAST_FAILS, TWO_PASS),
    ),
)
