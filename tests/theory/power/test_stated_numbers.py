"""Numbers that the notes on arXiv 2510.06190 and 2510.13117 state for instances that they give, each by a run."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.theory.power.test_puzzles import PEERS, search_steps, unique
from theory.power import dyck, lanes, parity, planners, sudoku
from theory.power.generation import ENDINGS, run
from theory.power.transition import Edit, Strings, apply, hold, strings
from theory.power.trees import balanced_tree, bottom_up, random_orders
from theory.reference import processes as reference
from theory.worlds import sudoku4


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def successors(x: tuple[int, ...], d: int) -> set[tuple[int, ...]]:
    """Return the strings that one step reaches, whatever a model asks for."""
    choices = itertools.product(range(d), (False, True), (False, True), (False, True))
    return {reference.transition(x, edit, d) for edit in itertools.product(list(choices), repeat=len(x))}


def test_only_the_empty_string_is_left_by_no_step() -> None:
    """Over one token all 15 strings of up to three symbols are reached from a single token; from nothing, nothing."""
    seen, front = {(0,)}, [(0,)]
    while front:
        found = {after for x in front for after in successors(x, 1) if len(after) <= 3} - seen
        seen |= found
        front = list(found)
    assert len(seen) == 15
    assert successors((), 1) == {()}


def test_generation_is_that_of_the_literal_loop() -> None:
    """300 random deterministic processes on strings over two tokens: the same states, the same endings."""
    endings = []
    for seed in range(300):
        known: dict[tuple[int, ...], list[tuple[int, bool, bool, bool]]] = {}
        draw = random.Random(seed)

        def edits(x, known=known, draw=draw):
            if x not in known:
                grows = len(x) < 5
                known[x] = [
                    (draw.randrange(2), draw.random() < 0.4, grows and draw.random() < 0.2, draw.random() < 0.5)
                    for _ in x
                ]
            return known[x]

        def process(state, edits=edits):
            (row,) = state.lists()
            parts = zip(*edits(tuple(row)), strict=True) if row else ([], [], [], [])
            write, remask, insert, delete = (torch.tensor([list(part)]) for part in parts)
            return Edit(write.long(), remask.bool(), insert.bool(), delete.bool())

        start = tuple(draw.randrange(3) for _ in range(4))
        states, ending = reference.generate(edits, start, 2, 12)
        found = run(process, strings([start], 2), 12)
        assert [tuple(state) for state in found.of(0)] == states
        assert ENDINGS[int(found.ending[0])] == ending
        endings.append(ending)
    assert min(endings.count(each) for each in ENDINGS) >= 5


@pytest.mark.parametrize(
    "process, most",
    [(parity.seven_rules, 12), (parity.four_steps, 4), (parity.two_steps, 2)],
    ids=["seven", "four", "two"],
)
@pytest.mark.parametrize("n", [11, 12, 13])
def test_parity_of_all_strings(process, most: int, n: int) -> None:
    bits = torch.cartesian_prod(*[torch.arange(2)] * n)
    found = run(process, Strings(bits, torch.full((len(bits),), n), 2), 2 * n + 2)
    assert torch.equal(parity.odd(found.last), bits.sum(-1) % 2 == 1)
    assert int(found.steps.max()) <= (most if process is not parity.seven_rules else 2 * (n - 1))


@pytest.mark.parametrize("kinds", [1, 2])
def test_no_other_word_of_up_to_six_brackets_is_erased(kinds: int) -> None:
    for n in range(1, 7):
        words = list(itertools.product(range(2 * kinds), repeat=n))
        gone = run(dyck.recognise(kinds), strings(words, 2 * kinds), 2 * n + 2).last.length == 0
        assert gone.tolist() == [reference.nesting(word, kinds) is not None for word in words]
    assert run(dyck.recognise(kinds), strings([[]], 2 * kinds), 4).steps.tolist() == [0]


def test_twelve_brackets_of_one_kind_are_as_deep_as_nested() -> None:
    words = [w for w in itertools.product((0, 1), repeat=12) if reference.nesting(w, 1) is not None]
    steps = run(dyck.recognise(1), strings(words, 2), 16).steps.tolist()
    assert len(words) == 132
    assert steps == [2 * reference.nesting(word, 1) for word in words]


def test_insertions_are_not_decided_by_what_stands_beside_a_mask() -> None:
    """Between the same two neighbours a mask grows another one in a string of odd length, and is written in an even."""
    token = torch.tensor([0])
    first = dyck.inserting(strings([[2, 0, 3, 1]], 3), 1, torch.tensor([1]), token)
    second = dyck.inserting(strings([[2, 0, 3, 1, 0]], 3), 1, torch.tensor([0]), token)
    assert (bool(first.insert[0, 2]), bool(second.insert[0, 2])) == (True, False)
    assert int(second.write[0, 2]) == 1


@pytest.mark.parametrize("kinds, shares", [(1, "1/2 3/8 5/16"), (2, "1/4 7/64 29/512")])
def test_more_random_words_are_right_than_every_pair_matched(kinds: int, shares: str) -> None:
    """Of all words of m pairs more than (1 / 2k)^m cancel to nothing: pairs may match across."""
    for m, expected in enumerate(map(Fraction, shares.split()), 1):
        words = itertools.product(range(2 * kinds), repeat=2 * m)
        share = Fraction(sum(reference.reduces_to_nothing(w, kinds) for w in words), (2 * kinds) ** (2 * m))
        assert share == expected >= Fraction(1, (2 * kinds) ** m)


@pytest.mark.parametrize("every, tokens", [(1, 16_032), (2, 8_032), (5, 3_232), (10, 1_632)])
def test_a_log_of_every_other_row_is_shorter(every: int, tokens: int) -> None:
    """500 rows of Rule 110 on 32 cells, written once: a window of 2 s + 1 cells makes s rows a step, one is kept."""
    n, rule = 32, lanes.elementary(110)
    kept = torch.arange(500 // every * n)
    row, cell = kept // n, kept % n
    window = row[:, None] * n + (cell[:, None] + torch.arange(-every, every + 1)) % n

    def planner(string: Tensor, step: int) -> Tensor:
        return (row == step - 1).expand(len(string), -1)

    def predictor(view: planners.View) -> Tensor:
        cells = view.read(window[view.places - n])
        while cells.shape[-1] > 1:
            cells = rule[cells[..., :-2], cells[..., 1:-1], cells[..., 2:]]
        return cells[..., 0]

    start = torch.randint(2, (1, n), generator=torch.Generator().manual_seed(110))
    machine = planners.MDM(n, len(kept), 2, planner, predictor, window)
    found = planners.run(machine, start, 500 // every)
    rows = reference.automaton(start[0].tolist(), reference.rule_number(110), None, 500)
    assert found.last.shape[1] == tokens
    assert found.last[0].reshape(-1, n).tolist() == [list(each) for each in rows[::every]]


def test_ranks_over_bits_take_a_context_longer_by_twice_their_number() -> None:
    """A list of 1,000 elements, pointers and ranks in ten bits each: 2 n 2 ceil(log2 n) = 40,000 symbols, ten steps."""
    n, b = 1000, math.ceil(math.log2(1000))

    def bits(x: Tensor) -> Tensor:
        return (x[..., None] >> torch.arange(b)) & 1

    def spelled(memory: Tensor) -> Tensor:
        return torch.stack((bits(memory // n), bits(memory % n)), -2).flatten(1)

    def following(memory: Tensor) -> Tensor:
        pointer, rank = (memory.reshape(len(memory), n, 2, b) * 2 ** torch.arange(b)).sum(-1).unbind(-1)
        return spelled(lanes.jump(n)(pointer * n + rank))

    order = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    successor = torch.empty(1, n, dtype=torch.int64)
    successor[0, order] = torch.cat((order[1:], order[-1:]))
    found = run(lanes.two_lanes(following), lanes.start(spelled(lanes.linked_list(successor)), 2), 40)
    assert (int(found.context[0]), int(found.steps[0])) == (40_000, 10)


@pytest.fixture(scope="module")
def boards() -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return all puzzles with one solution of four to six clues, and the steps of their searches."""
    return {clues: (found := unique(clues), search_steps(found)) for clues in (4, 5, 6)}


def test_the_search_inserts_and_deletes_nothing(boards) -> None:
    puzzles = torch.from_numpy(boards[4][0][::50]).long()
    process = sudoku.search(2)
    states = run(process, sudoku.start(puzzles, 2), 3000).states
    edits = [process(state) for state in states]
    assert not any(bool(edit.insert.any()) or bool(edit.delete.any()) for edit in edits)


def test_puzzles_that_need_a_step_back_and_their_mean_number_of_steps(boards) -> None:
    """With a drawn number of clues kept and their positions drawn again: 69.7 % go back, 18.5 steps."""
    back = np.mean([(steps > (puzzles == 0).sum(1)).mean() for puzzles, steps in boards.values()])
    assert back == pytest.approx(0.697, abs=5e-4)
    assert np.mean([steps.mean() for _, steps in boards.values()]) == pytest.approx(18.5, abs=0.05)


@pytest.mark.parametrize("p, rate", [(0.989, 0.84253), (0.70, 0.01280)])
def test_independent_errors_would_leave_this_share_of_boards(boards, p: float, rate: float) -> None:
    """Uniform numbers and positions of clues, kept where one solution is left: the mean of p to the number of steps."""
    weights = {clues: 1 / math.comb(16, clues) for clues in boards}
    total = sum(weights[c] * len(steps) for c, (_, steps) in boards.items())
    found = sum(weights[c] * (p ** steps.astype(float)).sum() for c, (_, steps) in boards.items()) / total
    assert found == pytest.approx(rate, rel=2e-4)


def test_a_share_of_right_steps_bounds_no_rate(boards) -> None:
    """One wrong step of 15 on every board: p = 14/15, p^15 = .355, and no board is solved."""
    puzzles, steps = boards[5]
    start, process = sudoku.start(torch.from_numpy(puzzles[steps == 15][:300]).long(), 2), sudoku.search(2)

    def stopping(state: Strings) -> Edit:
        first, second = state.tokens[:, :16], state.tokens[:, 16:]
        last = (((first == state.d).sum(-1) == 1) & ~(second < 4).any(-1))[:, None]
        edit, still = process(state), hold(state)
        return Edit(
            torch.where(last, still.write, edit.write),
            torch.where(last, still.remask, edit.remask),
            edit.insert,
            edit.delete,
        )

    right = run(process, start, 100)
    wrong = sum(
        (~apply(state, process(state)).same(apply(state, stopping(state)))).long() * (right.steps > step)
        for step, state in enumerate(right.states)
    )
    assert set(right.steps.tolist()) == {15}
    assert set(wrong.tolist()) == {1}
    assert not bool((sudoku.boards(run(stopping, start, 100).last, 2) > 0).all(-1).any())
    assert pytest.approx(0.355, abs=5e-4) == (14 / 15) ** 15


def test_every_small_puzzle_with_one_solution_is_filled_by_single_candidates(boards) -> None:
    """25,728, 284,160 and 1,041,408 puzzles of four, five and six clues."""
    assert [len(puzzles) for puzzles, _ in boards.values()] == [25_728, 284_160, 1_041_408]
    for puzzles, _ in boards.values():
        board = puzzles.astype(np.uint8)
        while len(board):
            used = np.bitwise_or.reduce((np.uint8(1) << board)[:, PEERS], axis=2)
            candidates = np.where(board == 0, ~used & 0b11110, 0).astype(np.uint8)
            single = (candidates > 0) & (candidates & (candidates - 1) == 0)
            assert single.any(1).all()
            board = np.where(single, np.array([0, 0, 1, 0, 2, 0, 0, 0, 3] + [0] * 7 + [4])[candidates * single], board)
            board = board[(board == 0).any(1)].astype(np.uint8)


def test_the_solved_boards_are_two_classes_of_symmetric_ones() -> None:
    """Up to digits, rows and columns within bands, bands and transposition: 192 and 96 of the 288."""

    def relabelled(digits: list[int]) -> tuple[int, ...]:
        names: dict[int, int] = {}
        return tuple(names.setdefault(v, len(names)) for v in digits)

    lines = [p for p in itertools.permutations(range(4)) if {p[0] // 2, p[1] // 2} in ({0}, {1})]
    counts: dict[tuple[int, ...], int] = {}
    for board in sudoku4().support.numpy().reshape(-1, 4, 4):
        orbit = (
            relabelled(turned[list(rows)][:, list(columns)].ravel().tolist())
            for turned in (board, board.T) for rows in lines for columns in lines
        )  # fmt: skip
        least = min(orbit)
        counts[least] = counts.get(least, 0) + 1
    assert sorted(counts.values()) == [96, 192]


def test_sixteen_tokens_decode_bottom_up_once_in_59535_random_orders() -> None:
    """Two million orders: within three standard deviations of the expected 33.6."""
    generator, tree = torch.Generator().manual_seed(0), balanced_tree(16)
    hits = sum(int(bottom_up(tree, random_orders(15, 200_000, generator)).sum()) for _ in range(10))
    expected = 2e6 / 59_535
    assert abs(hits - expected) <= 3 * math.sqrt(expected)


def test_arithmetic_of_long_runs_and_of_sizes() -> None:
    """500 steps at 90 % need p = .9998 a step; 12 and 16 d² weights a layer at the depths and widths that are given."""
    assert pytest.approx(0.9998, abs=5e-5) == 0.9 ** (1 / 500)
    sizes = [per * layers * width**2 for layers, width in ((6, 256), (4, 128)) for per in (12, 16)]
    assert [round(size / 1e6, 2) for size in sizes] == [4.72, 6.29, 0.79, 1.05]
