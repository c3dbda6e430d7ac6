"""Any-process generation (arXiv 2510.06190): machines that rewrite their memory, in constant context."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch

from theory.ledger import Claim, Evidence, equal
from theory.power import lanes
from theory.power.claims.inputs import ANY_PROCESS, NONE, OURS, lists, tapes
from theory.power.generation import Process, run
from theory.power.transition import Edit, Strings, hold
from theory.reference import processes as reference


def automata(
    rule: int, cells: list[int], outside: int | None, steps: int = 30, mirrored: bool = False, growing: bool = False
) -> Iterator[Evidence]:
    """Compare the memories of a run, step by step, with the automaton's rows; the context never changes."""
    table, width = lanes.elementary(rule), 2 * len(cells)
    process = lanes.two_lanes(lanes.cellular(table.permute(2, 1, 0) if mirrored else table, outside))
    if growing:
        process = _with_a_mask_more(process, width)
    result = run(process, lanes.start(torch.tensor([cells]), 2), steps, deterministic=False)
    memories = [lanes.lane(_front(state, width))[0][0].tolist() for state in result.states]
    rows = reference.automaton(cells, reference.rule_number(rule), outside, steps)
    yield equal("enumeration", sum(a != list(b) for a, b in zip(memories, rows, strict=True)), 0, NONE)
    yield equal("enumeration", int(result.context[0]), width, NONE, note="context")
    lengths = {int(state.length[0]) for state in result.states}
    yield equal("enumeration", len(lengths), 1, NONE, note="one length throughout")


def _front(state: Strings, width: int) -> Strings:
    return Strings(state.tokens[:, :width], state.length.clamp(max=width), state.d)


def _with_a_mask_more(process: Process, width: int) -> Process:
    """Return the process on the first symbols, with one more mask at the end in every step: the context grows."""

    def edit(state: Strings) -> Edit:
        front, still = process(_front(state, width)), hold(state)
        write, remask, insert = still.write.clone(), still.remask.clone(), torch.zeros_like(still.insert)
        write[:, :width], remask[:, :width] = front.write, front.remask
        insert[:, -1] = True
        return Edit(write, remask, insert, still.delete)

    return edit


def counting(n: int, more: int = 0) -> Iterator[Evidence]:
    """Compare a counter's cells at every step with the machine written out, and its steps with the formula."""
    machine = lanes.COUNTER
    process = lanes.two_lanes(lanes.cellular(machine.table(), outside=lanes.BLANK))
    result = run(process, lanes.start(lanes.counter(n), machine.d), 2 ** (n + 2))
    names = {"add": lanes.ADD, "back": lanes.BACK, "halt": lanes.HALT}
    expected = [machine.tape(tape, head, names[state]) for tape, head, state in reference.count_up(n)]
    memories = [lanes.lane(state)[0][0].tolist() for state in result.states]
    yield equal("enumeration", len(memories), len(expected), NONE)
    yield equal("enumeration", sum(a != b for a, b in zip(memories, expected, strict=False)), 0, NONE)
    yield equal("closed form", int(result.steps[0]), 2 ** (n + 2) - n - 3 + more, NONE)
    yield equal("closed form", int(result.context[0]), 2 * (n + 2), NONE, note="context")


def ranking(order: list[int], late: int = 0) -> Iterator[Evidence]:
    """Compare ranks with distances to the end, and rounds with ceil(log2(n - 1))."""
    n = len(order)
    successor = torch.empty(1, n, dtype=torch.int64)
    chain = torch.tensor(order)
    successor[0, chain] = torch.cat((chain[1:], chain[-1:]))
    result = run(lanes.two_lanes(lanes.jump(n)), lanes.start(lanes.linked_list(successor), n * n), 2 * n)
    ranks = lanes.lane(result.last)[0][0] % n
    yield equal("enumeration", ranks.tolist(), reference.ranks(successor[0].tolist()), NONE)
    yield equal("closed form", int(result.steps[0]), math.ceil(math.log2(n - 1)) + late, NONE, note="rounds")
    yield equal("closed form", int(result.context[0]), 2 * n, NONE, note="context")


CLAIMS = (
    Claim(
        id="process.3",
        statement=(
            "Two lanes run any elementary cellular automaton of S cells, on a ring or between fixed ends, at one any-process "
            "step for each of its steps, in a context of 2 S symbols throughout."
        ),
        source=f"{ANY_PROCESS}, Theorem 4", quantifier="for all", kind="equality", status="reading", routes=("enumeration",),
        check=automata, tolerance="none: symbols", inputs=tapes, examples=25,
        fixtures=({"rule": 110, "cells": [0] * 31 + [1], "outside": None, "steps": 500},),
        variants={
            "left and right swapped": partial(automata, mirrored=True),
            "with a context that grows": partial(automata, growing=True),
        },
    ),
    Claim(
        id="process.3counter",
        statement=(
            "A Turing machine that counts with n bits on n + 2 cells takes 2^(n+2) - n - 3 steps as a process, the last one "
            "reading the left blank, in a context of 2 (n + 2) symbols: exponentially many steps in linear space."
        ),
        source=f"{OURS}, process.3counter", quantifier="this instance", kind="equality", routes=("enumeration", "closed form"),
        check=counting, tolerance="none: symbols", fixtures=tuple({"n": n} for n in range(1, 8)),
        variants={"one step more": partial(counting, more=1)},
    ),
    Claim(
        id="process.4",
        statement=(
            "Pointer jumping ranks a linked list of n elements in ceil(log2(n - 1)) rounds, n >= 2, in a context of 2 n "
            "pairs of pointer and rank."
        ),
        source=f"{ANY_PROCESS}, Theorems 1 and 4", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration", "closed form"), check=ranking, tolerance="none: symbols", inputs=lists, examples=25,
        fixtures=({"order": list(range(9))},), variants={"one round more": partial(ranking, late=1)},
    ),
)  # fmt: skip
