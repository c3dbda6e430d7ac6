"""The two real data sets: what is apart from what, and what their measures see and do not see."""

from __future__ import annotations

import itertools

import pytest
import torch

from synthetic import tasks
from synthetic.tasks import digits, text, unconditional
from synthetic.tasks.draws import shared_rows
from theory.worlds.data import LETTERS, english_text

LENGTH, RUN = 32, 16


@pytest.fixture(scope="module")
def written() -> tasks.Task:
    return tasks.task("text")


def runs(rows: torch.Tensor) -> set[bytes]:
    windows = rows.to(torch.uint8).unfold(1, RUN, 1).reshape(-1, RUN)
    return {row.tobytes() for row in windows.numpy()}


def test_text_windows_share_no_run(written: tasks.Task) -> None:
    seen, unseen = runs(written.train.tokens), runs(written.test.tokens)
    assert not seen & unseen
    planted = written.test.tokens[:1].roll(10, 1)  # half of a test window, moved
    assert runs(planted) & unseen


def test_a_split_by_topic_alone_would_leak() -> None:
    topics = text.documents()
    assert " ".join(" ".join(topics).split()) == english_text()
    held_out = text.held_out_topics(topics, list(range(len(topics))), LENGTH)
    kept = [t for k, t in enumerate(topics) if k not in held_out]
    tested = [topics[k] for k in held_out]
    apart, plain = text.windows_apart(kept, tested, LENGTH), text.windows_apart(kept, [], LENGTH)
    assert 0.5 * len(plain) < len(apart) < len(plain)


def test_windows_apart_finds_what_a_search_finds() -> None:
    words = ["".join(p) for p in itertools.product("ab", repeat=5)]
    long, other = "".join(words), "x" * 40 + "".join(words)[60:100] + "y" * 40
    found = {tuple(row) for row in text.windows_apart([long], [other], LENGTH).tolist()}
    shared = {other[i : i + RUN] for i in range(len(other) - RUN + 1)}
    windows = [long[i : i + LENGTH] for i in range(len(long) - LENGTH + 1)]
    literal = {tuple(LETTERS.index(c) for c in w) for w in windows if not any(s in w for s in shared)}
    assert found == literal
    assert len(found) < len(windows)


def test_text_measure(written: tasks.Task) -> None:
    def score(line: str) -> float:
        tokens = torch.from_numpy(text.encode(line.ljust(32)[:32]).copy())[None]
        return float(text.known_words({"the", "statement"})(tokens, unconditional(tokens)))

    assert score("xq the statement zz") == pytest.approx(12 / 14)  # the first word may be cut
    assert score("xq the statement ") == 1.0
    assert score("x" * 32) == 0.0
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    shuffled = written.test.tokens[:200, order]
    assert float(written.success(shuffled, written.test.rows(slice(200))).mean()) < 0.3


def test_digits_parts_are_apart() -> None:
    task = tasks.task("digits")
    assert not shared_rows(task.test.tokens, task.train.tokens).any()
    assert len(torch.unique(digits.binary_images(), dim=0)) == len(task.train) + len(task.test) + digits.REFERENCE
    everything = digits.binary_images()
    assert len(everything) == 1797
    repeated = everything[:1500], everything[1500:]  # without the removal of copies a split leaks
    assert shared_rows(repeated[1], repeated[0]).any()


def test_digits_measure_sees_what_it_says() -> None:
    task = tasks.task("digits")
    generator = torch.Generator().manual_seed(0)
    train = task.train.tokens

    def rate(images: torch.Tensor) -> float:
        return float(task.success(images, unconditional(images)).mean())

    independent = (torch.rand(600, 64, generator=generator) < train.double().mean(0)).long()
    half = len(train) // 2
    halves = torch.cat((train[:half, :32], train[half : 2 * half, 32:]), dim=1)
    flips = torch.rand(len(train), 64, generator=generator) < 0.1
    assert rate(train) > 0.85
    assert rate(independent) < 0.2
    assert 0.3 < rate(halves) < 0.7
    assert rate(torch.where(flips, 1 - train, train)) < 0.2


def test_kernel_density_is_a_density() -> None:
    reference = torch.tensor([[0, 0, 1], [1, 1, 1]])
    x = torch.cartesian_prod(*[torch.arange(2)] * 3)
    density = digits.kernel_log_density(x, reference).exp()
    assert float(density.sum()) == pytest.approx(1.0)
    assert float(density[1]) == pytest.approx((0.9**3 + 0.1**2 * 0.9) / 2)
