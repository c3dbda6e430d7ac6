"""Any-process generation: the numbers of the paper's constructions, ragged batches, endings, and bad input."""

from __future__ import annotations

import itertools
import math

import networkx
import pytest
import torch

from theory.errors import InvalidInput
from theory.power import cuts, dyck, embeddings, lanes, parity, programs, sudoku
from theory.power.generation import run
from theory.power.transition import Edit, Strings, apply, hold, label, strings
from theory.reference import processes as reference


def test_the_printed_table_has_sixteen_cases_of_which_four_are_no_composition() -> None:
    """A token a with 101 and 111, and a mask with 001 and 011, differ from remask, delete, insert in turn."""
    differ = []
    for symbol, remask, insert, delete in itertools.product((0, 1), (False, True), (False, True), (False, True)):
        edit = (0, remask, insert, delete)
        if reference.position(symbol, edit, 1) != reference.composed(symbol, edit, 1):
            differ.append((symbol, remask, insert, delete))
    assert differ == [(0, True, False, True), (0, True, True, True), (1, False, False, True), (1, False, True, True)]


def test_an_empty_batch_and_empty_strings() -> None:
    """Strings of length zero stay, beside others; a batch of none is a batch."""
    state = strings([[], [0, 2], []], 2)
    assert apply(state, hold(state)).lists() == [[], [0, 2], []]
    nothing = strings([], 2)
    assert apply(nothing, hold(nothing)).lists() == []


def test_net_effects_reach_what_single_operations_cannot() -> None:
    """Before the first position: a, aM, aa, Ma, ba."""
    words = ["a", "aM", "aa", "Ma", "ba"]
    step = iter([["aM"], ["a", "a"], ["M", "a"], ["b", "a"]])
    program = programs.program(lambda text: next(step, list(text)), "ab", "M")
    assert programs.trace(program, "a", 4).states == tuple(words)


def test_a_cycle_is_seen_beside_strings_that_grow_and_strings_that_end() -> None:
    """Each string of a batch ends as it would alone, though the width of the batch changes."""

    def process(state: Strings) -> Edit:
        first = state.tokens[:, :1]
        still, end = hold(state), torch.arange(state.tokens.shape[1]) == state.length[:, None] - 1
        blinking = (state.length == 1)[:, None] & (first != 1)
        remask = torch.where(blinking, ~state.masked, still.remask)
        return Edit(still.write, remask, (first == 1) & end, still.delete)

    starts = [[0], [1], [0, 0]]
    together = run(process, strings(starts, 2), 6)
    assert together.endings() == ["cycle", "cap", "fixed point"]
    assert together.steps.tolist() == [2, 6, 0]
    for k, start in enumerate(starts):
        alone = run(process, strings([start], 2), 6)
        assert (alone.endings()[0], alone.of(0)) == (together.endings()[k], together.of(k))


def test_graphs_are_cut_in_a_batch_as_alone() -> None:
    """Of all graphs on four nodes with these five edges up or down: those that are cut early wait for the others."""
    edges = torch.zeros(32, 4, 4, dtype=torch.bool)
    for row, ways in enumerate(itertools.product((0, 1), repeat=5)):
        for (a, b), way in zip(((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)), ways, strict=True):
            edges[row, a, b], edges[row, b, a] = way == 0, way == 1
    together = run(cuts.minimum_cut(4, 0, 3), cuts.start(edges, 0), 100)
    assert len(set(together.steps.tolist())) > 1
    for row in range(len(edges)):
        alone = run(cuts.minimum_cut(4, 0, 3), cuts.start(edges[row : row + 1], 0), 100)
        assert together.of(row) == alone.of(0)


def test_a_cycle_through_the_start_is_seen_when_it_closes() -> None:
    """0M and M0 alternate: seen at step 2, with the start among the states that were seen."""
    found = programs.trace(programs.program(lambda text: ["_" if c == "0" else "0" for c in text], "0"), "0_")
    assert (found.ending, found.steps, found.states) == ("cycle", 2, ("0_", "_0", "0_"))


def test_a_program_without_an_end_stops_at_the_cap() -> None:
    """A mask is inserted in every step."""
    found = programs.trace(programs.program(lambda text: [c if c == "_" else c + "_" for c in text], "0"), "0", cap=7)
    assert (found.ending, found.steps, found.context) == ("cap", 7, 8)


def test_stochastic_processes_may_idle() -> None:
    """One that does nothing in its first step is not at its end."""
    idle = [True, False]

    def process(state: Strings) -> Edit:
        waiting = idle.pop(0) if idle else False
        edit = hold(state)
        return edit if waiting else Edit(edit.write, torch.zeros_like(edit.remask), edit.insert, edit.delete)

    assert run(process, strings([[1]], 1), 2, deterministic=False).last.lists() == [[0]]


@pytest.mark.parametrize(("n", "steps"), [(4, 57), (8, 1013), (12, 16369)])
def test_the_counter_takes_the_steps_of_its_formula_in_constant_context(n: int, steps: int) -> None:
    """2^(n+2) - n - 3 steps, 2 (n + 2) symbols."""
    process = lanes.two_lanes(lanes.cellular(lanes.COUNTER.table(), outside=lanes.BLANK))
    result = run(process, lanes.start(lanes.counter(n), lanes.COUNTER.d), 20_000)
    assert (int(result.steps[0]), int(result.context[0]), result.endings()) == (steps, 2 * (n + 2), ["fixed point"])


def test_rule_110_on_32_cells_needs_64_symbols_where_a_log_takes_16032() -> None:
    """500 steps, the same as the automaton written out."""
    cells = torch.randint(2, (32,), generator=torch.Generator().manual_seed(110))
    process = lanes.two_lanes(lanes.cellular(lanes.elementary(110)))
    result = run(process, lanes.start(cells[None], 2), 500, deterministic=False)
    rows = reference.automaton(cells.tolist(), reference.rule_number(110), None, 500)
    assert [tuple(lanes.lane(state)[0][0].tolist()) for state in result.states] == rows
    assert {int(state.length[0]) for state in result.states} == {64}
    assert sum(map(len, rows)) == 16032


@pytest.mark.parametrize(("n", "rounds"), [(2, 0), (8, 3), (64, 6), (100, 7), (1000, 10), (1024, 10)])
def test_list_ranking_takes_logarithmically_many_rounds(n: int, rounds: int) -> None:
    """ceil(log2(n - 1)) rounds on a random list, every rank right."""
    chain = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    successor = torch.empty(1, n, dtype=torch.int64)
    successor[0, chain] = torch.cat((chain[1:], chain[-1:]))
    result = run(lanes.two_lanes(lanes.jump(n)), lanes.start(lanes.linked_list(successor), n * n), 40)
    assert int(result.steps[0]) == rounds == math.ceil(math.log2(n - 1)) if n > 2 else int(result.steps[0]) == 0
    assert lanes.lane(result.last)[0][0, chain].remainder(n).tolist() == list(range(n - 1, -1, -1))


def test_seven_rules_leave_a_zero_for_these_shares() -> None:
    """2 of 8, 2 of 16, 6 of 32 and 10 of 64 strings."""
    for n, zeros in ((3, 2), (4, 2), (5, 6), (6, 10)):
        result = run(parity.seven_rules, strings(itertools.product((0, 1), repeat=n), 2), 2 * n)
        assert sum(state == [0] for state in result.last.lists()) == zeros


@pytest.mark.parametrize(("process", "steps"), [(parity.four_steps, 4), (parity.two_steps, 2)])
def test_parity_in_constant_steps_on_all_strings_of_fourteen_bits_and_on_long_ones(process: object, steps: int) -> None:
    """Exhaustive at n = 14 in one batch, and 50 random strings of 4096 bits."""
    every = torch.tensor(list(itertools.product((0, 1), repeat=14)))
    long = torch.randint(2, (50, 4096), generator=torch.Generator().manual_seed(0))
    for bits in (every, long):
        state = Strings(bits, torch.full((len(bits),), bits.shape[1]), 2)
        result = run(process, state, 10)  # type: ignore[arg-type]  # one of the two processes
        assert torch.equal(parity.odd(result.last), bits.sum(-1) % 2 == 1)
        assert int(result.steps.max()) == steps
        assert set(result.endings()) == {"fixed point"}


@pytest.mark.parametrize(
    ("kinds", "pairs", "count"), [(1, 7, 429), (2, 1, 2), (2, 2, 8), (2, 3, 40), (2, 4, 224), (2, 5, 1344)]
)
def test_dyck_words_go_in_as_many_rounds_as_they_are_deep(kinds: int, pairs: int, count: int) -> None:
    """All words of a length in one batch; the counts of words are those of the Catalan numbers times kinds^pairs."""
    words = list(dyck_words(kinds, pairs))
    assert len(words) == count
    result = run(dyck.recognise(kinds), strings(words, 2 * kinds), 2 * pairs + 2)
    assert int(result.last.length.sum()) == 0
    assert result.steps.tolist() == [2 * (reference.nesting(word, kinds) or 0) for word in words]


def dyck_words(kinds: int, pairs: int) -> list[tuple[int, ...]]:
    """Return all Dyck words, by the first bracket and its partner."""
    if not pairs:
        return [()]
    return [
        (kind, *inner, kinds + kind, *rest)
        for k in range(pairs)
        for inner in dyck_words(kinds, k)
        for rest in dyck_words(kinds, pairs - 1 - k)
        for kind in range(kinds)
    ]


@pytest.mark.parametrize(("kinds", "sizes"), [(1, (2, 6, 20, 70)), (2, (4, 28, 232))])
def test_two_sided_words_that_insertions_reach(kinds: int, sizes: tuple[int, ...]) -> None:
    """As many as words that cancel to nothing."""
    assert tuple(len(dyck.two_sided(kinds, m).length) for m in range(1, len(sizes) + 1)) == sizes


@pytest.mark.parametrize("kinds", [1, 2, 3])
def test_halves_of_a_pair_written_at_once_mismatch(kinds: int) -> None:
    """Of 20,000 pairs a share of 1 - 1/(2k), within five standard errors."""
    count, share = 20_000, 1 - 1 / (2 * kinds)
    words = strings([[dyck.beginning(kinds)]] * count, 2 * kinds + 1)
    drawn = dyck.at_once(words, kinds, torch.Generator().manual_seed(kinds))
    wrong = sum(not reference.reduces_to_nothing(row[1:], kinds) for row in drawn.lists())
    assert wrong / count == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / count))


@pytest.mark.parametrize("n", [5, 8, 10])
def test_minimum_cuts_are_those_of_networkx(n: int) -> None:
    """Fifty random graphs of each size: as many edges as the minimum cut, and no path without them."""
    generator = torch.Generator().manual_seed(n)
    either = (torch.rand(50, n, n, generator=generator) < 0.5).triu(1)
    up = torch.rand(50, n, n, generator=generator) < 0.7
    edges = (either & up) | (either & ~up).mT
    result = run(cuts.minimum_cut(n, 0, n - 1), cuts.start(edges, 0), 500)
    cut = cuts.cut(result.states, n)
    for graph, gone in zip(edges, cut, strict=True):
        network = networkx.DiGraph()
        network.add_nodes_from(range(n))
        network.add_edges_from(graph.nonzero().tolist(), capacity=1)
        assert int(gone.sum()) == networkx.minimum_cut_value(network, 0, n - 1)
        network.remove_edges_from(gone.nonzero().tolist())
        assert not networkx.has_path(network, 0, n - 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: strings([[0, 3]], 2), "symbol 3; expected tokens 0..1, or 2 for the mask"),
        (lambda: Strings(torch.zeros(2, 3).long(), torch.zeros(3).long(), 2), "one length for each"),
        (lambda: Strings(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), 2), "expected int64 tokens"),
        (lambda: run(hold, strings([[0]], 1), 0), "cap 0"),
        (lambda: label(strings([[0]], 2), strings([[1]], 2)), "erased first"),
        (lambda: label(strings([[0]], 2), strings([[0, 1]], 2)), "expected equal ones"),
        (lambda: programs.Program("p", "00", hold), "different characters"),
        (lambda: programs.Program("p", "0_", hold), "the mask none of them"),
        (lambda: programs.named("parity in three steps"), "did you mean"),
        (lambda: programs.trace(programs.named("rule 110"), "012"), "character '2'"),
        (lambda: programs.trace(programs.program(lambda text: [], "01"), "01"), "0 answers for '01'"),
        (lambda: programs.trace(programs.program(lambda text: ["1"], "01"), "0"), "'0' becomes '1'"),
        (lambda: programs.trace(programs.program(lambda text: ["___"], "01"), "0"), "'0' becomes '___'"),
        (lambda: programs.trace(programs.program(lambda text: ["__0"], "01"), "_"), "one symbol is inserted at a time"),
        (lambda: lanes.elementary(256), "expected 0..255"),
        (lambda: lanes.counter(0), "0 bits"),
        (lambda: lanes.linked_list(torch.tensor([[1, 0]])), "exactly one element that points to itself"),
        (lambda: lanes.linked_list(torch.tensor([[1, 2]])), "expected 0..1"),
        (lambda: lanes.TuringMachine(2, 1, {(0, 0): (0, 0, 2)}), "expected moves"),
        (lambda: lanes.lane(strings([[0, 0]], 1)), "beside one lane of masks"),
        (lambda: sudoku.start(torch.zeros(1, 15, dtype=torch.int64), 2), "expected (batch, 16)"),
        (lambda: cuts.start(torch.ones(1, 2, 2, dtype=torch.bool), 0), "both directions"),
        (lambda: dyck.inserted(strings([[0], [0, 1]], 3), 1), "all of one length"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(make: object, message: str) -> None:
    """What was wrong, and what was expected."""
    with pytest.raises(InvalidInput) as error:
        make()  # type: ignore[operator]  # a function without arguments
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_edits_of_another_shape_and_masks_as_tokens_are_refused() -> None:
    """Control bits of another shape or type; the mask's number is not written; a chosen place must be masked."""
    state = strings([[0, 2]], 2)
    edit = hold(state)
    with pytest.raises(InvalidInput, match=r"insert \(1, 1\)"):
        apply(state, Edit(edit.write, edit.remask, edit.insert[:, :1], edit.delete))
    with pytest.raises(InvalidInput, match=r"remask .* expected .* torch.bool"):
        apply(state, Edit(edit.write, edit.write, edit.insert, edit.delete))
    with pytest.raises(InvalidInput, match="2 cannot be written"):
        apply(state, Edit(torch.full_like(edit.write, 2), torch.zeros_like(edit.remask), edit.insert, edit.delete))
    with pytest.raises(InvalidInput, match="a written token stays"):
        embeddings.any_order(lambda s: (torch.zeros_like(s.tokens), torch.ones_like(s.masked)))(state)
    with pytest.raises(InvalidInput, match="one trailing mask"):
        embeddings.left_to_right(lambda s: torch.zeros_like(s.length), 1)(strings([[2, 0]], 2))


def test_parallel_changes_are_those_of_one_step() -> None:
    """A token that is masked changes; tokens that stay, and masks that stay, do not."""
    first = torch.tensor([[True, False, False, False]])

    def process(state: Strings) -> Edit:
        kept = hold(state)
        return Edit(kept.write, kept.remask | first, kept.insert, kept.delete)

    result = run(process, strings([[0, 1, 1, 2]], 2), 5)
    assert (result.parallel.tolist(), result.written.tolist(), result.steps.tolist()) == ([1], [0], [1])


def test_the_token_in_front_of_generated_words_follows_all_brackets() -> None:
    assert [dyck.beginning(kinds) for kinds in (1, 2, 3)] == [2, 4, 6]
    assert dyck.inserting(strings([[4]], 5), 2, torch.tensor([0]), torch.tensor([1])).insert.tolist() == [[True]]


def test_a_program_of_ones_own_erases_and_keeps_its_name() -> None:
    """Repeated letters are masked, then deleted; each answer is one of `_edit`."""

    def erase(text: str) -> list[str]:
        if "_" in text:
            return ["" if symbol == "_" else symbol for symbol in text]
        return ["_" if text[i - 1 : i] == symbol else symbol for i, symbol in enumerate(text)]

    assert programs.trace(programs.program(erase, "ab"), "aabbbaba").states == ("aabbbaba", "a_b__aba", "ababa")
    assert programs.program(erase, "ab").name == "erase"
    assert programs.program(erase, "ab", name="without repeats").name == "without repeats"


@pytest.mark.parametrize(
    "tokens, length, said",
    [
        ([[0, 1]], [3], "lengths 3..3; expected 0..2"),
        ([[0, 1]], [-1], "lengths -1..-1; expected 0..2"),
        ([[0, -1]], [2], "symbols -1..0 in strings of 2 tokens"),
        ([[0, 1]], [1], "symbols 0..1 in strings of 2 tokens"),
        ([[0, 7]], [2], "symbols 0..7 in strings of 2 tokens"),
    ],
)
def test_ragged_batches_say_their_lengths(tokens: list[list[int]], length: list[int], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        apply(state := Strings(torch.tensor(tokens), torch.tensor(length), 2), hold(state))


def test_a_string_that_doubles_for_ever_is_given_up() -> None:
    program = programs.program(lambda text: [c + "_" if c != "_" else "__" for c in text], "01")
    with pytest.raises(InvalidInput, match=r"after step 9; expected at most 1,000: does the process ever stop growing"):
        run(program.process, strings([[0, 1]], 2), 100, longest=1000)


def step_without_an_answer(text: str) -> None:
    return None


@pytest.mark.parametrize(
    "step, said",
    [
        (step_without_an_answer, "failed on '01' .TypeError"),
        (lambda text: [text[99]], "failed on '01' .IndexError"),
        (hold, "failed on '01' .AttributeError.*programs.Program"),
        (lambda text: [0 for _ in text], "answers 0 in '01'; expected a text"),
    ],
)
def test_a_step_that_fails_says_so_in_one_line(step, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        programs.trace(programs.program(step, "01"), "01")
    assert "\n" not in str(caught.value)
