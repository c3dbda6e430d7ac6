"""Every task: shapes, repeatability, success of true data, its failures, no leak; bad names, missing packages."""

from __future__ import annotations

import functools
import math
import sys

import pytest
import torch

from synthetic import tasks
from synthetic.tasks import Examples, Task, chain, dyck, maze, pairs, parity, sudoku9, unconditional
from synthetic.tasks.draws import HELD_OUT, NOT_HELD_OUT, held_out_draws, independent_draws, shared_rows
from theory import worlds
from theory.errors import InvalidInput
from theory.ledger import FALSE_ALARM_SHARE, hoeffding_margin

QUICK = {"maze10": lambda seed: maze.build10(seed, train=64, test=16)}
QUICK["sudoku9"] = lambda seed: sudoku9.build(seed, train=60, test=20, bases=8)
PASS_RATE = {"chain": 0.99, "hmm": 0.99, "digits": 0.9}


@functools.cache
def built(name: str, seed: int = 0) -> Task:
    return QUICK[name](seed) if name in QUICK else tasks.task(name, seed)


def noise(task: Task, rows: int = 300) -> tuple[torch.Tensor, Examples]:
    """Return test rows with uniform tokens wherever nothing is given."""
    examples = task.test.rows(slice(rows))
    random = torch.randint(task.d, examples.tokens.shape, generator=torch.Generator().manual_seed(3))
    return torch.where(examples.given, examples.tokens, random), examples


@pytest.mark.parametrize("name", tasks.names())
def test_task_is_well_formed(name: str) -> None:
    task = built(name)
    assert task.name == name
    assert len(task.symbols) == len(set(task.symbols)) == task.d
    assert task.metric and task.split
    for part in (task.train, task.test):
        assert part.tokens.shape == (len(part), task.n) and len(part) >= 16
        assert 0 <= int(part.tokens.min()) <= int(part.tokens.max()) < task.d
        assert not part.given.all(-1).any()
    if task.world is not None:
        assert (task.world.n, task.world.d) == (task.n, task.d)
        assert torch.isfinite(task.world.log_prob(torch.cat((task.train.tokens, task.test.tokens)))).all()


@pytest.mark.parametrize("name", tasks.names())
def test_true_data_succeed_and_noise_does_not(name: str) -> None:
    task = built(name)
    values = task.success(task.test.tokens, task.test)
    assert values.dtype == torch.float64 and values.shape == (len(task.test),)
    if name in PASS_RATE or "small/" in name:
        # the threshold is a quantile of other draws: two margins
        slack = 2 * hoeffding_margin(len(task.test), 1.0, FALSE_ALARM_SHARE)
        assert float(values.mean()) > PASS_RATE.get(name, 0.99) - slack
    else:
        assert bool((values == 1).all())
    samples, examples = noise(task)
    rate = float(task.success(samples, examples).mean())
    assert rate < float(values.mean()) - 0.1 or name in {"small/Markov chain", "small/hidden Markov model"}
    assert rate < 1


@pytest.mark.parametrize("name", ["chain", "sudoku4", "sudoku9", "maze5", "product", "digits", "text", "dyck"])
def test_data_are_a_function_of_the_seed(name: str) -> None:
    first, other = built(name), built(name, 1)
    again = QUICK[name](0) if name in QUICK else tasks.task(name)
    for part in ("train", "test"):
        assert torch.equal(getattr(first, part).tokens, getattr(again, part).tokens)
        assert torch.equal(getattr(first, part).given, getattr(again, part).given)
        assert getattr(first, part).tokens.shape != getattr(other, part).tokens.shape or not torch.equal(
            getattr(first, part).tokens, getattr(other, part).tokens
        )


@pytest.mark.parametrize("name", ["chain", "hmm", "pairs", "repetition", "parity", "dyck"])
def test_no_test_row_is_a_training_row(name: str) -> None:
    task = built(name)
    assert task.split == HELD_OUT
    assert not shared_rows(task.test.tokens, task.train.tokens).any()


def test_most_tasks_hold_something_out() -> None:
    exempt = {name for name in tasks.names() if built(name).split == NOT_HELD_OUT}
    assert exempt == {"sudoku4 free", *(name for name in tasks.names() if name.startswith("small/"))}


def test_a_planted_leak_is_caught() -> None:
    task = built("parity")
    planted = torch.cat((task.test.tokens, task.train.tokens[5:6]))
    assert shared_rows(planted, task.train.tokens).nonzero().tolist() == [[len(task.test)]]
    plain, other = independent_draws(task.world, 8192, 1024, 0)  # what the split would be without its rejection
    assert shared_rows(other.tokens, plain.tokens).any()


def test_a_law_seen_whole_holds_nothing_out() -> None:
    with pytest.raises(InvalidInput, match="leave too few unseen sequences"):
        held_out_draws(worlds.repetition(4), 100, 10, 0)
    with pytest.raises(InvalidInput, match="0 training rows"):
        independent_draws(worlds.repetition(4), 0, 10, 0)


def test_masks_and_changed_clues_fail() -> None:
    task = built("sudoku4")
    samples = task.test.tokens.clone()
    samples[0, 3] = task.d
    place = int(task.test.given[1].nonzero()[0])
    samples[1] = (samples[1] + 1) % 4  # a valid grid that is not the puzzle's
    values = task.success(samples, task.test)
    assert values[:3].tolist() == [0.0, 0.0, 1.0]
    ignored = unconditional(task.test.tokens)
    assert float(task.success(samples, ignored)[1]) == 1.0, f"without clue {place} it counts"


def test_wrong_samples_are_named() -> None:
    task = built("pairs")
    with pytest.raises(InvalidInput, match="expected one sample for each example"):
        task.success(task.test.tokens[:3], task.test)
    with pytest.raises(InvalidInput, match=r"expected 0\.\.3, or 4 for the mask"):
        task.success(task.test.tokens + 3, task.test)
    with pytest.raises(InvalidInput, match=r"expected torch\.int64 tokens"):
        task.success(task.test.tokens.double(), task.test)


def test_wrong_examples_are_named() -> None:
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(InvalidInput, match="expected one shape"):
        Examples(tokens, torch.zeros(2, 4, dtype=torch.bool))
    with pytest.raises(InvalidInput, match="expected int64 and bool"):
        Examples(tokens, tokens)
    assert len(unconditional(tokens).rows(torch.tensor([True, False]))) == 1


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"unknown task 'sudoku5'; did you mean .*sudoku4"):
        tasks.task("sudoku5")
    with pytest.raises(InvalidInput, match=r"did you mean small/Markov chain"):
        tasks.task("small/markov chain")


@pytest.mark.parametrize(
    ("name", "package", "advice"),
    [("digits", "sklearn.datasets", "pip install scikit-learn"), ("text", "pydoc_data.topics", "complete CPython")],
)
def test_missing_packages_are_named(name: str, package: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InvalidInput, match=f"task {name} needs .*{advice}"):
        tasks.task(name)


@pytest.mark.parametrize(
    ("judge", "wrong"),
    [
        (pairs.copied, [0, 0, 1, 1, 2, 3]),
        (parity.even, [1, 0, 1, 1, 0, 0]),
        (dyck.balanced(2), [0, 1, 2, 3]),  # ( [ ) ]
        (dyck.balanced(2), [0, 2, 2, 0]),  # ( ) ) (
        (dyck.balanced(2), [0, 0, 2, 1]),  # ( ( ) [
        (dyck.balanced(2), [2, 0]),
    ],
)
def test_rules_reject(judge: object, wrong: list[int]) -> None:
    tokens = torch.tensor([wrong])
    assert judge(tokens, unconditional(tokens)).tolist() == [0.0]


def test_rules_accept() -> None:
    tokens = torch.tensor([[0, 1, 3, 2, 0, 2]])  # ( [ ] ) ( )
    assert dyck.balanced(2)(tokens, unconditional(tokens)).tolist() == [1.0]


def test_typical_rejects_shuffled_chains() -> None:
    task = built("chain")
    shuffled = task.test.tokens[:, torch.randperm(task.n, generator=torch.Generator().manual_seed(0))]
    assert float(task.success(shuffled, task.test).mean()) < 0.2
    likeliest = torch.zeros_like(shuffled)
    assert float(task.success(likeliest, task.test).mean()) == 1.0  # the stated blind spot


def test_chain_entropy_is_that_of_its_rows() -> None:
    task = built("chain")
    rows = torch.tensor(chain.TRANSITION, dtype=torch.float64)
    assert rows.sum(-1).tolist() == pytest.approx([1.0] * 4)
    surprisal = -task.world.log_prob(task.train.tokens)
    largest = math.log(4) - 31 * math.log(0.05)
    margin = hoeffding_margin(len(task.train), largest, FALSE_ALARM_SHARE)
    assert float(surprisal.mean()) == pytest.approx(task.world.entropy(), abs=margin)
