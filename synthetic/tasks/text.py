"""Character text from the documentation topics that CPython ships (`pydoc_data.topics`); n = 32 or 64, 27 symbols.

Topics repeat one another at length, so a split by topic alone leaks: every training window that shares a
run of half its length with a test topic is dropped as well. No exact law exists. The text is that of the
Python that runs, so data differ between Python versions.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Success, Task, strict, unconditional
from synthetic.tasks.draws import streams
from theory.errors import InvalidInput
from theory.worlds.data import LETTERS

TEST_SHARE, LONGEST_TEST_TOPIC = 0.1, 12_000


def build(seed: int = 0, train: int = 16_384, test: int = 1024, length: int = 32) -> Task:
    """Return the task: windows of `length` characters at random places, those of the test from topics of its own.

    Test topics are drawn among the shorter ones (up to LONGEST_TEST_TOPIC characters) until they hold a
    tenth of the text.
    """
    topics = documents()
    for_topics, for_train, for_test = streams(seed, 3)
    order = torch.randperm(len(topics), generator=for_topics).tolist()
    held_out = held_out_topics(topics, order, length)
    kept = [text for k, text in enumerate(topics) if k not in held_out]
    tested = [topics[k] for k in sorted(held_out)]
    return Task(
        name="text" if length == 32 else f"text{length}",
        shape=(length,),
        d=len(LETTERS),
        symbols=tuple(LETTERS),
        train=_some(windows_apart(kept, tested, length), train, for_train),
        test=_some(windows_apart(tested, [], length), test, for_test),
        metric="share of letters in known words",
        success=known_words({word for text in topics for word in text.split()}),
        world=None,
        split=f"no test window shares {length // 2} characters in a row with a training window; topics are disjoint",
    )


build64 = partial(build, length=64)


def documents() -> list[str]:
    """Return the topics in order of their names, lower case, every run of other characters than a..z one space."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise InvalidInput(
            "task text needs pydoc_data.topics, which this Python lacks; install a complete CPython "
            "(on Debian and Ubuntu: apt install libpython3-stdlib)"
        ) from error
    lowered = (topics[name].lower() for name in sorted(topics))
    return [" ".join("".join(c if "a" <= c <= "z" else " " for c in text).split()) for text in lowered]


def held_out_topics(topics: list[str], order: list[int], length: int) -> set[int]:
    """Return the first topics in this order that are short enough and together reach TEST_SHARE of the text."""
    wanted = TEST_SHARE * sum(map(len, topics))
    chosen, size = set[int](), 0
    for k in order:
        if size < wanted and length <= len(topics[k]) <= LONGEST_TEST_TOPIC:
            chosen.add(k)
            size += len(topics[k])
    return chosen


def windows_apart(texts: list[str], others: list[str], length: int) -> Int[Tensor, "windows n"]:
    """Return all windows of the texts that share no run of half a window with the others."""
    run = length // 2
    runs = {text[i : i + run] for text in others for i in range(len(text) - run + 1)}
    parts = []
    for text in texts:
        if len(text) < length:
            continue
        shared = np.array([text[i : i + run] in runs for i in range(len(text) - run + 1)])
        before = np.concatenate(([0], shared.cumsum()))
        width = length - run + 1
        clean = before[width:] == before[:-width]
        parts.append(np.lib.stride_tricks.sliding_window_view(encode(text), length)[clean])
    return torch.from_numpy(np.concatenate(parts))


def encode(text: str) -> Int[np.ndarray, " characters"]:
    """Return the symbols of a text over LETTERS."""
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64)
    return np.where(codes == ord(" "), 0, codes - ord("a") + 1)


def known_words(dictionary: set[str]) -> Success:
    """Return the share of a sample's letters that stand in known words, over its complete words.

    A word is complete between two spaces, so what the window's ends cut is left out; a sample without
    complete words has 0. Every true window has 1. The measure sees spelling, not grammar or variety.
    """

    def judge(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
        shares = []
        for row in tokens.tolist():
            words = "".join(LETTERS[v] for v in row).split(" ")[1:-1]
            letters = sum(map(len, words))
            known = sum(len(word) for word in words if word in dictionary)
            shares.append(known / letters if letters else 0.0)
        return torch.tensor(shares, dtype=torch.float64)

    return strict(judge, len(LETTERS))


def _some(windows: Int[Tensor, "m n"], count: int, generator: torch.Generator) -> Examples:
    if len(windows) < count:
        raise InvalidInput(f"{count} windows asked for, {len(windows)} at hand; take fewer")
    return unconditional(windows[torch.randperm(len(windows), generator=generator)[:count]])
