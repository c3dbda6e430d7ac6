"""Any-process generation (arXiv 2510.06190): the transition, its labels, and the models that it contains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, at_most, equal, strategies
from theory.power import embeddings
from theory.power.claims.inputs import ANY_PROCESS, NONE, OURS, edit_of, edited
from theory.power.generation import run
from theory.power.transition import Edit, Strings, apply, label, strings
from theory.reference import processes as reference

EVERY_CASE = [
    [[(symbol, 0, bool(r), bool(i), bool(e))]] for symbol in (1, 0) for r, i, e in itertools.product((0, 1), repeat=3)
]
"""One position with token 0 or the mask of d = 1, and every setting of the three bits."""


def differing(mine: Sequence[Any], other: Sequence[Any]) -> int:
    """Return how many of the listed objects differ."""
    return sum(list(a) != list(b) for a, b in zip(mine, other, strict=True))


def table(rows: list[list[Any]], d: int, swap: bool = False) -> Iterator[Evidence]:
    """Compare a batch's step with the printed table, position by position; the variant swaps insert and delete."""
    state = strings([[place[0] for place in row] for row in rows], d)
    edit = edit_of(rows, state.tokens.shape[1])
    after = apply(state, Edit(edit.write, edit.remask, edit.delete, edit.insert) if swap else edit)
    expected = [reference.transition(tuple(p[0] for p in row), [tuple(p[1:]) for p in row], d) for row in rows]
    effective = any(p[3] != p[4] for row in rows for p in row)
    yield equal("enumeration", differing(after.lists(), expected), 0, NONE, effective=effective)


def lengths(rows: list[list[Any]], d: int, tokens: bool = False) -> Iterator[Evidence]:
    """Compare the new length with the old one plus insertions on survivors less deletions; at most doubled.

    The variant counts the deletion of tokens too.
    """
    state = strings([[place[0] for place in row] for row in rows], d)
    after = apply(state, edit_of(rows, state.tokens.shape[1]))
    gone = [sum(p[4] and (tokens or p[0] == d) for p in row) for row in rows]
    more = [sum(p[3] and not (p[4] and p[0] == d) for p in row) for row in rows]
    expected = [len(row) + m - g for row, m, g in zip(rows, more, gone, strict=True)]
    yield equal("enumeration", after.length.tolist(), expected, NONE)
    yield at_most("enumeration", after.length.tolist(), [2 * len(row) for row in rows], NONE)


def one_after_the_other(rows: list[list[Any]], d: int) -> Iterator[Evidence]:
    """Compare the table with executing remask, then delete, then insert."""
    for row in rows:
        for place in row:
            mine = reference.position(place[0], tuple(place[1:]), d)
            other = reference.composed(place[0], tuple(place[1:]), d)
            yield equal("enumeration", differing([mine], [other]), 0, NONE)


def labels(before: list[int], after: list[int], lose: bool = False) -> Iterator[Evidence]:
    """Compare what the label of a pair does with the pair; the variant loses the remask bit of a mask that stays."""
    d = 2
    possible = [(a, b if a == d or b == d else a) for a, b in zip(before, after, strict=False)]
    x, z = (strings([[pair[k] for pair in possible]], d) for k in (0, 1))
    edit = label(x, z)
    if lose:
        edit = Edit(edit.write, edit.remask & ~x.masked, edit.insert, edit.delete)
    effective = any(a == d == b for a, b in possible) if lose else bool(possible)
    yield equal("enumeration", differing(apply(x, edit).lists(), z.lists()), 0, NONE, effective=effective)


def masked_diffusion(length: int, keys: list[int], late: bool = False) -> Iterator[Evidence]:
    """Compare masked diffusion inside the transition, step by step, with masked diffusion written out.

    The policy is any function of the state: which masks it fills with what is read off a hash. The variant holds no
    mask, so that all are written at once.
    """
    d = 3

    def policy(x: reference.String) -> tuple[list[int], list[bool]]:
        mixed = [
            sum(k * (s + 1) * (i + 2) for i, s in enumerate(x)) + k * j
            for j, k in zip(range(len(x)), keys, strict=False)
        ]
        return [m % d for m in mixed], [m % 2 == 0 for m in mixed]

    def batched(state: Strings) -> tuple[torch.Tensor, torch.Tensor]:
        answers = [policy(tuple(row)) for row in state.lists()]
        tokens, chosen = (torch.tensor([a[k] for a in answers]) for k in (0, 1))
        return tokens, chosen.bool() & state.masked

    process = embeddings.any_order(batched)

    def hurried(state: Strings) -> Edit:
        edit = process(state)
        return Edit(edit.write, torch.zeros_like(edit.remask), edit.insert, edit.delete)

    start = (d,) * length
    mine = run(hurried if late else process, strings([start], d), 6, deterministic=False)
    native = list(reference.any_order(policy, start, d, len(mine.states) - 1))
    got = [state.lists()[0] for state in mine.states[1:]]
    effective = any(d in state for state in native) if late else True
    yield equal("enumeration", differing(got, native), 0, NONE, effective=effective)


def autoregression(prompt: list[int], keys: list[int], silent: bool = False) -> Iterator[Evidence]:
    """Compare autoregression inside the transition, with a mask at the end, with autoregression written out."""
    d, end, cap = 3, 2, 8

    def following(x: reference.String) -> int:
        return sum(k * (s + 1) for k, s in zip(keys, reversed(x), strict=False)) % d

    process = embeddings.left_to_right(
        lambda state: torch.tensor([following(tuple(row)) for row in state.lists()]), -1 if silent else end
    )
    mine = run(process, strings([[*prompt, d]], d), cap)
    native = reference.left_to_right(following, tuple(prompt), end, cap)
    written = [token for token in mine.last.lists()[0] if token != d]
    yield equal("enumeration", differing([written], [native]), 0, NONE, effective=len(native) < len(prompt) + cap)
    yield equal("enumeration", int(mine.steps[0]), len(native) - len(prompt), NONE, note="one step a token")


KEYS = st.lists(st.integers(1, 50), min_size=6, max_size=6)
CLAIMS = (
    Claim(
        id="process.1",
        statement=(
            "The step on a batch of strings of different lengths does at every position what the printed table of sixteen "
            "cases says."
        ),
        source=f"{ANY_PROCESS}, definition of the transition", quantifier="for all", kind="equality", status="printed",
        routes=("enumeration",), check=table, tolerance="none: symbols", inputs=edited, examples=60,
        fixtures=({"rows": [row[0] for row in EVERY_CASE], "d": 1},), variants={"insert and delete swapped": partial(table, swap=True)},
    ),
    Claim(
        id="process.1length",
        statement=(
            "A step adds the insertions on positions that survive and takes away the masks that are deleted; it never more "
            "than doubles a string."
        ),
        source=f"{OURS}, process.1length", quantifier="for all", kind="equality", routes=("enumeration",), check=lengths,
        tolerance="none: counts", inputs=edited, examples=40, fixtures=({"rows": [row[0] for row in EVERY_CASE], "d": 1},),
        variants={"tokens are deleted": partial(lengths, tokens=True)},
    ),
    Claim(
        id="process.1.composed",
        statement="Executing remask, then delete, then insert on a position gives the printed table.",
        source=f"{ANY_PROCESS}, definition of the transition", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration",), check=one_after_the_other, tolerance="none: symbols", expected="refuted", see="process.1",
        fixtures=({"rows": [row[0] for row in EVERY_CASE], "d": 1},),
    ),
    Claim(
        id="process.1label",
        statement="Applying the label of two strings of one length, where no token becomes another one, gives the second.",
        source=f"{ANY_PROCESS}, supervised training", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration",), check=labels, tolerance="none: symbols", examples=40,
        inputs=lambda: strategies.paired(
            before=st.lists(st.integers(0, 2), min_size=1, max_size=8), after=st.lists(st.integers(0, 2), min_size=1, max_size=8)
        ),
        fixtures=({"before": [2, 2, 0], "after": [2, 1, 2]},),
        variants={"masks that stay are not held": partial(labels, lose=True)},
    ),
    Claim(
        id="process.2",
        statement="Any-order masked diffusion is the process without insert and delete whose unselected masks are remasked.",
        source=f"{ANY_PROCESS}, definition of the process", quantifier="for all", kind="equality", status="reading", routes=("enumeration",),
        check=masked_diffusion, tolerance="none: symbols", examples=30,
        inputs=lambda: strategies.paired(length=st.integers(1, 6), keys=KEYS),
        fixtures=({"length": 5, "keys": [3, 7, 2, 9, 4, 1]},),
        variants={"no mask held": partial(masked_diffusion, late=True)},
    ),
    Claim(
        id="process.2left",
        statement="Autoregression is the process that writes the trailing mask and inserts the next one behind it.",
        source=f"{ANY_PROCESS}, definition of the process", quantifier="for all", kind="equality", status="reading", routes=("enumeration",),
        check=autoregression, tolerance="none: symbols", examples=30,
        inputs=lambda: strategies.paired(prompt=st.lists(st.integers(0, 1), max_size=3), keys=KEYS),
        fixtures=({"prompt": [0, 1], "keys": [1, 1, 1, 1, 1, 1]}, {"prompt": [1], "keys": [2, 5, 1, 4, 3, 1]}),
        variants={"the end opens another mask": partial(autoregression, silent=True)},
    ),
)  # fmt: skip
