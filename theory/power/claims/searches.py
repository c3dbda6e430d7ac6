"""Any-process generation (arXiv 2510.06190): brackets, depth-first search and minimum cuts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch

from theory.ledger import Claim, Evidence, at_most, equal
from theory.power import cuts, dyck, sudoku
from theory.power.claims.inputs import ANY_PROCESS, NONE, OURS, graphs, puzzles
from theory.power.generation import run
from theory.power.transition import Strings, strings
from theory.reference import processes as reference


def recognition(kinds: int, pairs: int, more: int = 0) -> Iterator[Evidence]:
    """Erase all words over the brackets of a length, and compare what vanishes, and when, with nesting depths."""
    words = list(itertools.product(range(2 * kinds), repeat=2 * pairs))
    result = run(dyck.recognise(kinds), strings(words, 2 * kinds), 4 * pairs + 2)
    depth = [reference.nesting(word, kinds) for word in words]
    erased = (result.last.length == 0).tolist()
    wrong = sum(gone != (k is not None) for gone, k in zip(erased, depth, strict=True))
    yield equal("enumeration", wrong, 0, NONE)
    rounds = [steps for steps, k in zip(result.steps.tolist(), depth, strict=True) if k is not None]
    yield equal("enumeration", rounds, [2 * k + more for k in depth if k is not None], NONE, note="two steps a round")


def generation(kinds: int, pairs: int, more: int = 0, factorised: bool = False) -> Iterator[Evidence]:
    """Compare all words that insertions reach with all words that cancel to nothing."""
    found = _written_at_once(kinds, pairs) if factorised else dyck.two_sided(kinds, pairs)
    reached = {tuple(row[1:]) for row in found.lists()}
    words = itertools.product(range(2 * kinds), repeat=2 * pairs)
    target = {word for word in words if reference.reduces_to_nothing(word, kinds)}
    yield equal("enumeration", len(reached ^ target), more, NONE)


def _written_at_once(kinds: int, pairs: int) -> Strings:
    """Return words whose pairs had both halves drawn in one step."""
    generator = torch.Generator().manual_seed(0)
    words = strings([[dyck.beginning(kinds)]] * 256, 2 * kinds + 1)
    for _ in range(pairs):
        words = dyck.at_once(words, kinds, generator)
    return words


def at_once(kinds: int, off: Fraction = Fraction(0)) -> Iterator[Evidence]:
    """Enumerate both halves of a pair written in one step: the share of mismatched pairs."""
    pairs = list(itertools.product(range(2 * kinds), repeat=2))
    wrong = sum(not reference.reduces_to_nothing(pair, kinds) for pair in pairs)
    yield equal("rational", Fraction(wrong, len(pairs)), 1 - Fraction(1, 2 * kinds) * (1 + off), NONE)


def searching(puzzle: list[int], late: int = 0) -> Iterator[Evidence]:
    """Compare the boards of every step with those of the search written out; the length never changes."""
    result = run(sudoku.search(2), sudoku.start(torch.tensor([puzzle]), 2), 3000)
    boards = [sudoku.boards(state, 2)[0].tolist() for state in result.states[1:]]
    expected = list(reference.row_major_search(puzzle, 2))
    yield equal("enumeration", len(boards), len(expected) + late, NONE)
    yield equal("enumeration", sum(a != b for a, b in zip(boards, expected, strict=False)), 0, NONE)
    yield equal("enumeration", {int(state.length[0]) for state in result.states} == {32}, True, NONE, note="length 32")


def one_label(first: list[int], second: list[int], marked: bool) -> Iterator[Evidence]:
    """Count the states with two different next states in two searches, slot B of givens marked or masked."""
    mask, after, twice = 5, dict[tuple[int, ...], tuple[int, ...]](), 0
    for puzzle in (first, second):
        result = run(sudoku.search(2), sudoku.start(torch.tensor([puzzle]), 2), 3000)
        states = [tuple(s if marked or s != 4 else mask for s in state) for state in result.of(0)]
        for now, then in itertools.pairwise([*states, states[-1]]):
            twice += after.setdefault(now, then) != then
    yield equal("enumeration", twice, 0, NONE)


def cutting(n: int, directions: list[int], more: int = 0) -> Iterator[Evidence]:
    """Compare the number of deleted edges with the greatest flow; without them no path is left."""
    edges = torch.zeros(1, n, n, dtype=torch.bool)
    for (a, b), way in zip(itertools.combinations(range(n), 2), directions, strict=True):
        edges[0, a, b], edges[0, b, a] = way == 1, way == 2
    result = run(cuts.minimum_cut(n, 0, n - 1), cuts.start(edges, 0), 4 * n * n + 10)
    cut = cuts.cut(result.states, n)
    listed = {(a, b) for a, b in edges[0].nonzero().tolist()}
    flow = reference.greatest_flow(listed, 0, n - 1)
    yield equal("enumeration", int(cut.sum()), flow + more, NONE)
    left = listed - {(a, b) for a, b in cut[0].nonzero().tolist()}
    yield equal("enumeration", reference.shortest(left, 0, n - 1) is None, True, NONE, note="no path left")
    yield equal("enumeration", int(result.last.length[0]), 2 * n * n + n - flow, NONE, note="deleted")
    yield equal("enumeration", result.endings() == ["fixed point"], True, NONE)
    yield at_most("enumeration", int(result.steps[0]), (flow + 1) * n + 2, NONE, note="steps")


PUZZLES = ("0004300020000003", "0004300020400003")
BOTH = {"first": [int(c) for c in PUZZLES[0]], "second": [int(c) for c in PUZZLES[1]]}
CLAIMS = (
    Claim(
        id="process.7",
        statement=(
            "Masking every adjacent matching pair and deleting the masks, in turn, erases exactly the Dyck words, and a word "
            "after as many rounds as it is deeply nested: one kind of bracket to length 10, two kinds to length 6."
        ),
        source=f"{OURS}, process.7", quantifier="this instance", kind="equality", routes=("enumeration",), check=recognition,
        tolerance="none: symbols",
        fixtures=(*({"kinds": 1, "pairs": m} for m in range(1, 6)), *({"kinds": 2, "pairs": m} for m in range(1, 4))),
        variants={"one step more": partial(recognition, more=1)},
    ),
    Claim(
        id="process.8",
        statement=(
            "Three-step insertions of a token and its inverse, at all places, reach exactly the words that cancel to "
            "nothing: one kind of token to four pairs, two kinds to three."
        ),
        source=f"{ANY_PROCESS}, Theorem 5", quantifier="this instance", kind="equality", status="reading",
        routes=("enumeration",), check=generation, tolerance="none: symbols",
        fixtures=(*({"kinds": 1, "pairs": m} for m in range(1, 5)), *({"kinds": 2, "pairs": m} for m in range(1, 4))),
        variants={
            "one word more": partial(generation, more=1),
            "both halves of a pair written in one step": partial(generation, factorised=True),
        },
    ),
    Claim(
        id="process.8once",
        statement="Written in one step, which factorises, the halves of a pair of k kinds mismatch with probability 1 - 1/(2k).",
        source=f"{OURS}, process.8once", quantifier="this instance", kind="equality", routes=("rational",), check=at_once,
        tolerance="none: fractions", fixtures=tuple({"kinds": k} for k in range(1, 6)),
        variants={"one per cent more": partial(at_once, off=Fraction(1, 100))},
    ),
    Claim(
        id="process.9",
        statement=(
            "Depth-first search for a 4x4 Sudoku runs in two slots a cell: every step of the search is one step of the "
            "process, and the length is constant."
        ),
        source=f"{OURS}, process.9", quantifier="for all", kind="equality", routes=("enumeration",), check=searching,
        tolerance="none: symbols", inputs=puzzles, examples=25, fixtures=({"puzzle": BOTH["first"]},),
        variants={"one step more": partial(searching, late=1)},
    ),
    Claim(
        id="process.9label",
        statement="With a marker in slot B of givens a state has one next state, in these two searches.",
        source=f"{OURS}, process.9label", quantifier="this instance", kind="equality", routes=("enumeration",),
        check=partial(one_label, marked=True), tolerance="none: symbols", fixtures=(BOTH,),
        variants={"without the marker": partial(one_label, marked=False)},
    ),
    Claim(
        id="process.9.unmarked",
        statement="With a mask in slot B of givens the next state of the search is a function of the state.",
        source=f"{OURS}, process.9label", quantifier="for all", kind="equality", routes=("enumeration",),
        check=partial(one_label, marked=False), tolerance="none: symbols", expected="refuted", see="process.9label",
        fixtures=(BOTH,),
    ),
    Claim(
        id="process.10",
        statement=(
            "Edmonds and Karp's algorithm on tokens deletes a minimum cut: as many edges as the greatest flow between source "
            "and target, without which no path is left."
        ),
        source=f"{ANY_PROCESS}, section on graph editing", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration",), check=cutting, tolerance="none: symbols", inputs=graphs, examples=25,
        fixtures=({"n": 4, "directions": [1, 1, 0, 1, 1, 1]},), variants={"one edge more": partial(cutting, more=1)},
    ),
)  # fmt: skip
