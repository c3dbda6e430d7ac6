"""Any-process models in training: labels, losses, windows, and what a trained one does."""

from __future__ import annotations

import math

import pytest
import torch

from synthetic import boards
from synthetic.denoisers import Architecture
from synthetic.edits import NOTHING, Editor, EditorRun, Window, at_the_front, editors, labelled, losses, member, process
from synthetic.experiments import learned_edits
from synthetic.optimisation import Schedule
from theory.errors import InvalidInput
from theory.power import dyck, parity, sudoku
from theory.power.generation import run
from theory.power.transition import PADDING, Edit, Strings, apply, hold, strings


def test_labels_are_the_edits_of_a_process() -> None:
    """The seven states of the parity rules, by hand: which symbols are masked and deleted; nothing is written."""
    data = learned_edits.parity_samples()
    assert data.z.tolist() == [list(state) for state in learned_edits.SAMPLES]
    assert (data.write == NOTHING).all()
    remask, delete = data.bits[..., 0].tolist(), data.bits[..., 2].tolist()
    assert remask == [[1, 0], [0, 0], [0, 1], [0, 0], [1, 1], [1, 1], [0, 0]]
    assert delete == [[0, 0], [1, 0], [0, 0], [0, 1], [0, 0], [0, 0], [1, 1]]
    assert (data.bits[..., 1] == 0).all()


def test_states_of_different_lengths_are_padded() -> None:
    """A written token is a label where the state holds a mask that is neither kept nor deleted."""
    start = sudoku.start(torch.tensor([[int(c) for c in "1234341221434320"]]), 2)
    data = labelled([start], sudoku.search(2))
    assert (data.write != NOTHING).nonzero().tolist() == [[0, 15]]
    assert int(data.write[0, 15]) == 0
    both = labelled([strings([[0, 1]], 2), strings([[0, 1, 1]], 2)], parity.seven_rules)
    assert both.z.tolist() == [[0, 1, PADDING], [0, 1, 1]]


def test_the_loss_is_that_of_its_parts_written_out() -> None:
    """Mean over written tokens of -ln p, plus the weight times the mean over places of the three bits' entropies."""
    torch.manual_seed(0)
    editor = editors(lambda: Window(1, 3, 5), (0, 1))
    with torch.no_grad():
        for parameter in editor.parameters():
            parameter.normal_()
    z = torch.tensor([[[3, 0, 3], [1, 3, PADDING]]] * 2)
    write = torch.tensor([[[2, NOTHING, NOTHING], [NOTHING, 0, NOTHING]]] * 2)
    bits = torch.tensor([[[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 1, 0], [0, 0, 0], [0, 0, 0]]]] * 2)
    found = losses(editor, z, write, bits, 4.0).tolist()
    logits, controls = editor(z)
    for k in range(2):
        log_p = logits[k].log_softmax(-1)
        token = -(log_p[0, 0, 2] + log_p[1, 1, 0]) / 2
        total = 0.0
        for row, places in ((0, 3), (1, 2)):
            for place in range(places):
                for bit in range(3):
                    p = float(torch.sigmoid(controls[k, row, place, bit]).detach())
                    total -= math.log(p if bits[k, row, place, bit] else 1 - p)
        assert found[k] == pytest.approx(float(token.detach()) + 4 * total / 5, rel=1e-5)


@pytest.mark.parametrize("reach", [1, 2])
def test_a_window_reads_so_far_and_no_further(reach: int) -> None:
    """Changing one symbol changes the features within reach and no others; the end is like padding."""
    body = Window(reach, 4, 16)
    z = torch.randint(4, (1, 9), generator=torch.Generator().manual_seed(1))
    other = z.clone()
    other[0, 4] = (z[0, 4] + 1) % 4
    changed = (body.features(z) != body.features(other)).any(-1)[0].nonzero()[:, 0].tolist()
    assert changed == list(range(4 - reach, 5 + reach))
    padded = torch.cat((z, torch.full((1, 2), PADDING)), 1)
    assert torch.equal(body.features(padded)[:, :9], body.features(z))


def test_a_trained_model_generates_by_the_transition() -> None:
    """Parity from seven samples: two seeds in one stack, right on all strings of nine bits."""
    data = learned_edits.parity_samples()
    everything = torch.arange(len(data.z))
    going = EditorRun(
        editors(lambda: Window(1, 2, 10), (0, 1)), lambda k, generator: data.rows(everything), (0, 1),
        Schedule(200, 2e-2, 10, 0.0, ema=0.9),
    )  # fmt: skip
    first, last = going.advance(1), going.advance(200)
    assert (last < 0.1 * first).all()
    bits = torch.cartesian_prod(*[torch.arange(2)] * 9)
    for k in range(2):
        model = at_the_front(process(member(going.editor, k)), 2, 2)
        result = run(model, strings(bits.tolist(), 2), 20)
        assert torch.equal(parity.odd(result.last), bits.sum(-1) % 2 == 1)


def test_a_member_of_a_stack_is_trained_as_it_is_alone() -> None:
    """The same weights after 30 steps, to rounding."""
    data = learned_edits.parity_samples()

    def trained(seeds: tuple[int, ...]) -> Editor:
        def batch(k: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
            return data.rows(torch.randint(len(data.z), (4,), generator=generator))

        going = EditorRun(editors(lambda: Window(1, 2, 8), seeds), batch, seeds, Schedule(30, 1e-2, 3))
        going.advance(30)
        return member(going.editor, len(seeds) - 1)

    for one, other in zip(trained((5,)).parameters(), trained((3, 5)).parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_without_rewriting_no_token_is_masked() -> None:
    """Masks may still be kept, and bits behind the end of a string are never set."""
    editor = Editor(Window(1, 3, 4))
    with torch.no_grad():
        editor.bits.bias.fill_(1.0)
    state = strings([[0, 3, 1], [2]], 3)
    assert process(editor)(state).remask.tolist() == [[True, True, True], [True, False, False]]
    edit = process(editor, rewriting=False)(state)
    assert edit.remask.tolist() == [[False, True, False], [False, False, False]]
    assert edit.insert.tolist() == [[True, True, True], [True, False, False]]
    assert process(editor)(strings([[]], 3)).write.shape == (1, 0)


def test_at_the_front_edits_the_front_alone() -> None:
    """Like the process itself where it looks at two symbols, and like nothing on strings that are too short."""
    state = strings([[0, 1, 0, 1], [1, 1, 2, 0], [1], []], 2)
    front = at_the_front(parity.seven_rules, 2)
    held = Strings(state.tokens, state.length, 2)
    expected = parity.seven_rules(held)
    found = front(state)
    assert torch.equal(apply(state, Edit(found.write, found.remask, found.insert, found.delete)).length, state.length)
    assert torch.equal(found.remask[:2, :2], expected.remask[:2, :2])
    assert torch.equal(found.remask[:, 2:], hold(state).remask[:, 2:])
    masks = strings([[2], [2, 2, 0]], 2)
    everything = at_the_front(lambda s: Edit(s.tokens.clamp(0, 1), ~s.masked, ~s.masked, s.masked), 2, 2)
    assert apply(masks, everything(masks)).lists() == [[2], [0]]


def test_bad_input_is_named() -> None:
    """One clear line each."""
    with pytest.raises(InvalidInput, match="reach 0"):
        Window(0, 2, 4)
    board = Editor(boards.BoardTransformer(Architecture(8, 1, 2), 1, 4))
    with pytest.raises(InvalidInput, match="strings of 15 symbols; expected 16"):
        board(torch.zeros(1, 15, dtype=torch.int64))
    with pytest.raises(InvalidInput, match="3 seeds for 2 editors"):
        EditorRun(editors(lambda: Window(1, 2, 4), (0, 1)), lambda k, g: None, (0, 1, 2), Schedule(2))  # type: ignore[arg-type]  # never drawn
    with pytest.raises(InvalidInput, match=r"clues \(3,\)"):
        boards.puzzles(boards.solved(), 1, torch.Generator(), (3,))


def test_random_words_are_dyck_words_and_spoilt_ones_are_not() -> None:
    """By recognition, at two lengths; every word of two pairs occurs."""
    generator = torch.Generator().manual_seed(2)
    for length, count in ((4, 300), (20, 50)):
        good = learned_edits.words(count, length, generator)
        bad = [learned_edits.spoilt(word, generator) for word in good]
        for rows, erased in ((good, True), (bad, False)):
            last = run(dyck.recognise(2), strings(rows, 4), length + 2).last
            assert ((last.length == 0) == erased).all()
        if length == 4:
            assert len({tuple(word) for word in good}) == 8


def test_puzzles_have_one_solution_which_the_search_finds() -> None:
    """Clues number 4 to 6, and test solutions are no training solutions."""
    train, test = boards.divided(3, (60, 40))
    for part in (train, test):
        clues = (part.boards > 0).sum(-1)
        assert int(clues.min()) >= 4
        assert int(clues.max()) <= 6
        result, _ = boards.search_steps(part)
        assert torch.equal(sudoku.boards(result.last, 2), part.solutions)
        assert ((part.boards == part.solutions) | (part.boards == 0)).all()
    seen = {tuple(row) for row in train.solutions.tolist()}
    assert not seen & {tuple(row) for row in test.solutions.tolist()}


@pytest.mark.parametrize("left_to_right", [False, True])
def test_masks_and_weights_of_boards_estimate_the_sum_over_blanks(left_to_right: bool) -> None:
    """With a loss of one a token the mean of weight times scored tokens is the number of blanks, whatever is drawn."""
    train, _ = boards.divided(0, (50, 1))
    generator = torch.Generator().manual_seed(0)
    z, tokens, scored, weight = boards.masked_blanks(train, 20_000, generator, left_to_right)
    assert (scored <= (z == 4)).all()
    assert ((z == 4) | (z == tokens)).all()
    blanks = (train.boards == 0).sum(-1).double()
    spread = float((weight * scored.sum(-1)).std())
    assert float((weight * scored.sum(-1)).mean()) == pytest.approx(float(blanks.mean()), abs=5 * spread / 141 + 1e-3)
    if left_to_right:
        first = torch.where(z == 4, torch.arange(16), 99).min(-1).values
        assert torch.equal(scored.int().argmax(-1), first)
        assert (scored.sum(-1) == 1).all()


def test_wrong_steps_bound_what_a_spoilt_search_solves() -> None:
    """The search has none; spoilt at random states, it solves at least the boards without a wrong step."""
    _, test = boards.divided(1, (1, 120))
    right, data = boards.search_steps(test)
    assert len(data.z) == int((right.steps + 1).sum())
    assert int(boards.wrong_steps(right, sudoku.search(2)).sum()) == 0

    def spoilt(state: Strings) -> Edit:
        edit = sudoku.search(2)(state)
        odd = (state.tokens * torch.arange(1, 33)).sum(-1) % 17 == 0
        return Edit(edit.write, torch.where(odd[:, None], hold(state).remask, edit.remask), edit.insert, edit.delete)

    wrong = boards.wrong_steps(right, spoilt)
    solved = (sudoku.boards(run(spoilt, sudoku.start(test.boards, 2), 500).last, 2) == test.solutions).all(-1)
    assert 0 < int(wrong.clamp(max=1).sum()) < 120
    assert solved[wrong == 0].all()
    assert not solved[wrong > 0].all()


def test_a_board_knows_its_rows_columns_and_boxes() -> None:
    """Cells that share the embeddings of a row, column or box are those that constrain each other in Sudoku."""
    network = boards.BoardTransformer(Architecture(8, 1, 2), 2, 5)
    shared = network.belongs @ network.belongs.mT > 0
    assert torch.equal(shared & ~torch.eye(16, dtype=torch.bool), sudoku.peers(2) > 0)


def test_each_slot_of_a_board_has_its_own_symbols_and_its_own_features() -> None:
    """Place s * 16 + c is slot s of cell c.

    A symbol's embedding for the second slot matters where that slot shows it, and nowhere else. With the second slot's
    map at zero the second 16 places all say the same, and the first 16 do not.
    """
    torch.manual_seed(0)
    network = boards.BoardTransformer(Architecture(8, 1, 2), 2, 5).eval()
    first, second = torch.randint(4, (1, 16)), torch.full((1, 16), 4)
    state, other = torch.cat((first, second), -1), torch.cat((second, first), -1)
    with torch.no_grad():
        network.head.weight.normal_()  # it starts at zero, and says the same everywhere
        before, before_other = network(state), network(other)
        network.symbols[6 + 4].normal_()  # the second slot's symbol 4
        assert not torch.allclose(network(state), before)
        assert torch.equal(network(other), before_other)
        network.apart.weight.view(2, 8, 8)[1] = 0.0
        said = network(state)
    assert torch.equal(said[:, 16:], said[:, 16:17].expand(-1, 16, -1))
    assert not torch.allclose(said[:, 1:16], said[:, :1])


def test_boards_keep_their_places_whatever_a_model_asks_for() -> None:
    """A search that also inserts behind, and deletes, every symbol is the search."""
    _, test = boards.divided(1, (1, 20))
    search = sudoku.search(2)

    def spoilt(state: Strings) -> Edit:
        edit = search(state)
        everywhere = torch.ones_like(edit.insert)
        return Edit(edit.write, edit.remask, everywhere, everywhere)

    start = sudoku.start(test.boards, 2)
    found, expected = (run(process, start, 3000) for process in (boards.of_one_length(spoilt), search))
    assert torch.equal(found.last.tokens, expected.last.tokens)
    assert torch.equal(found.steps, expected.steps)
