"""Bad inputs to planners, predictors, monoids and transformers: one clear line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from theory.errors import InvalidInput
from theory.power.causal import Model, chain_of_thought, with_copies
from theory.power.light_cones import Tables, accuracies, least_steps, parity_tree
from theory.power.looped import block_from, layer
from theory.power.monoids import DFA, language, transition_monoid, word_problem
from theory.power.planners import MDM, left_to_right, merged, run
from theory.power.prefixes import ladner_fischer, prefix_lanes
from theory.power.trees import Circuit, balanced_tree, products_of

WORDS = torch.zeros(2, 4, dtype=torch.int64)
TREE = products_of(balanced_tree(4), transition_monoid(language("parity")).products).machine


def _model() -> Model:
    block = block_from([0] * (4 * 9 + 12), 1, 3, 2)
    zeros = torch.zeros(8, 3, dtype=torch.int64)
    return Model(block, zeros[:3], zeros, zeros[:2].T, zeros[0], 4)


def _reads(*places: int) -> MDM:
    """Return the tree's machine with a predictor that reads other places."""
    addresses = torch.tensor(places)
    return replace(TREE, predictor=lambda view: view.read(addresses.expand(len(view.places), -1))[..., 0])


def _long_automaton() -> DFA:
    """Return seven states under a cycle, a transposition and a merge of two: all 7^7 maps."""
    cycle, swap, merge = (*range(1, 7), 0), (1, 0, *range(2, 7)), (0, 0, *range(2, 7))
    return DFA("all maps", list(zip(cycle, swap, merge, strict=True)), 0, [0])


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "language": (lambda: language("paritty"), "unknown language 'paritty'; did you mean parity"),
    "rows": (lambda: DFA("d", [[0, 1], [0]], 0, []), r"rows of \[2, 1\] next states; expected one row a state"),
    "state": (lambda: DFA("d", [[0, 3]], 0, []), r"state 3; expected states 0\.\.0"),
    "letters": (
        lambda: transition_monoid(language("parity")).elements(torch.tensor([[2]])),
        r"letters 2\.\.2 in the words; expected 0\.\.1",
    ),
    "large monoid": (lambda: transition_monoid(_long_automaton()), "more than 4096 elements .* minimise the automaton"),
    "points": (lambda: word_problem(9), r"word problem of S_9; expected n in 2\.\.6"),
    "outside its window": (
        lambda: run(_reads(3), WORDS, 1),
        r"step 1: the predictor at place 4 reads place 3, outside its window; expected places of \[0, 1\]",
    ),
    "outside the string": (
        lambda: run(replace(_reads(9), window=None), WORDS, 1),
        r"reads place 9, outside its window; expected places 0\.\.6",
    ),
    "the whole string": (
        lambda: run(replace(TREE, predictor=lambda view: view.whole[:, view.places]), WORDS, 1),
        "step 1: the predictor reads the whole string; its declared window has at most 2 places",
    ),
    "windows": (lambda: replace(TREE, outputs=2), "a window for 3 places; expected one for each of 2 output places"),
    "sizes": (lambda: MDM(3, -1, 2, TREE.planner, TREE.predictor), "expected numbers >= 0"),
    "written twice": (
        lambda: (
            run(replace(TREE, planner=left_to_right(3), n=4), WORDS, 1)
            and run(replace(TREE, planner=lambda string, step: torch.ones(2, 3, dtype=torch.bool)), WORDS, 2)
        ),
        "step 2: the planner picks place 4, which is unmasked already; .* set resampling=True",
    ),
    "picks": (
        lambda: run(replace(TREE, planner=lambda string, step: torch.ones(2, 4)), WORDS, 1),
        r"step 1: picks \(2, 4\) of torch.float32; expected bool \(2, 3\)",
    ),
    "a mask is written": (
        lambda: run(replace(TREE, predictor=lambda view: torch.full((2, len(view.places)), 2)), WORDS, 1),
        r"step 1: the predictor writes 2; expected symbols 0\.\.1: it cannot write 2, the mask",
    ),
    "symbols": (
        lambda: run(replace(TREE, predictor=lambda view: torch.zeros(2, 1)), WORDS, 1),
        r"step 1: the predictor gives \(2, 1\) of torch.float32; expected int64 \(2, 2\)",
    ),
    "a mask in a word": (
        lambda: run(TREE, WORDS + 2, 1),
        r"symbols 2\.\.2 in the words; expected 0\.\.1, 2 is the mask",
    ),
    "length": (lambda: run(TREE, WORDS[:, :3], 1), r"words \(2, 3\) of torch.int64; expected int64 \(batch, 4\)"),
    "one symbol": (lambda: merged(replace(TREE, d=1)), "an alphabet of 1 symbol; expected two at least"),
    "no letters": (lambda: balanced_tree(0), "words of length 0; expected at least one letter"),
    "later node": (
        lambda: Circuit(2, torch.tensor([0]), torch.tensor([2]), torch.tensor([2])),
        "a node reads its own place or a later one",
    ),
    "no tree": (lambda: ladner_fischer(4).sizes, "a node is read twice; expected a tree"),
    "lanes": (lambda: prefix_lanes(4, torch.zeros(1, 1, dtype=torch.int64), 3), "3 lanes; expected one, or two"),
    "fan-in": (lambda: least_steps(4, 1), "fan-in 1; expected at least 2"),
    "tree of fan-in one": (lambda: parity_tree(4, 1), "fan-in 1; expected at least 2"),
    "many bits": (lambda: accuracies(6, range(5)), "functions of 5 bits; expected at most 4"),
    "window of tables": (lambda: Tables(2, [[3]], [[[0] * 3]], [[True]]), r"reads place 3; expected places 0\.\.2"),
    "weights": (lambda: block_from([1], 1, 3, 2), "1 weights; expected 48 for 1 layers of width 3 and 2 hidden units"),
    "attends to nothing": (
        lambda: layer(
            _model().block, 0, *[torch.zeros(1, 2, 3, dtype=torch.int64)] * 2, torch.tensor([[1, 1], [0, 0]]) > 0
        ),
        "query 1 attends to nothing",
    ),
    "steps": (lambda: chain_of_thought(_model(), WORDS, 3), "4 output symbols in 3 steps; .* divides them"),
    "steps of copies": (lambda: with_copies(_model(), 0), "4 output symbols in 0 steps"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(case: str) -> None:
    call, message = CASES[case]
    with pytest.raises(InvalidInput, match=message) as error:
        call()
    assert "\n" not in str(error.value)
