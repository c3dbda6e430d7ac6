"""What the claims on planners and predictors are checked on: automata, words, trees and transformers of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jaxtyping import Int
from torch import Tensor

from theory.ledger import Instance
from theory.power.causal import Model
from theory.power.light_cones import Tables
from theory.power.looped import Block, Looped, block_from
from theory.power.monoids import DFA, LANGUAGES
from theory.power.trees import Circuit

PAPER = "Svete, Sabharwal, arXiv 2510.13117"
OURS = "ours, see docs/derivations.md"
NONE = Fraction(0)
EXACT = "none: whole numbers and fractions"
EVERY_WORD = 1024
"""Up to so many words of a length are all checked; of more, SPREAD are."""
SPREAD = 12
Words = Sequence[Sequence[int]] | int
"""Words, or their length alone: all words of that length, or some that are spread over them."""


def words_of(automaton: DFA, words: Words) -> Int[Tensor, "batch n"]:
    """Return the words that an instance speaks of, as letters."""
    if not isinstance(words, int):
        return torch.tensor(words, dtype=torch.int64)
    if automaton.letters**words <= EVERY_WORD:
        letters = torch.arange(automaton.letters)
        return torch.cartesian_prod(*[letters] * words).reshape(-1, words)
    generator = torch.Generator().manual_seed(words)
    return torch.randint(automaton.letters, (SPREAD, words), generator=generator)


@st.composite
def automata(draw: DrawFn) -> DFA:
    """Draw an automaton of one to four states and one to three letters."""
    states, letters = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    state = st.integers(0, states - 1)
    row = st.lists(state, min_size=letters, max_size=letters)
    table = draw(st.lists(row, min_size=states, max_size=states))
    return DFA("drawn", table, draw(state), sorted(draw(st.sets(state))))


@st.composite
def automata_and_words(draw: DrawFn) -> Instance:
    """Draw an automaton, or take one of the named languages, with a few words of one length."""
    automaton = draw(st.sampled_from(tuple(LANGUAGES.values())) | automata())
    n = draw(st.integers(1, 20))
    word = st.lists(st.integers(0, automaton.letters - 1), min_size=n, max_size=n)
    return {"automaton": automaton, "words": draw(st.lists(word, min_size=1, max_size=4))}


@st.composite
def trees(draw: DrawFn, most: int = 7) -> Circuit:
    """Draw a tree over two to `most` inputs: neighbours are joined one after the other, at drawn places."""
    n = draw(st.integers(2, most))
    left, right, places = [], [], list(range(n))
    for place in range(n, 2 * n - 1):
        at = draw(st.integers(0, len(places) - 2))
        left.append(places[at])
        right.append(places[at + 1])
        places[at : at + 2] = [place]
    return Circuit(n, torch.tensor(left), torch.tensor(right), torch.tensor(places))


@st.composite
def tables(draw: DrawFn) -> Tables:
    """Draw a local machine on bits: fan-in 2 or 3, up to three output places and steps, and any plan."""
    fan_in, outputs, steps = draw(st.integers(2, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    n = draw(st.integers(1, 7))
    place = st.integers(0, n + outputs - 1)
    windows = draw(st.lists(st.lists(place, min_size=fan_in, max_size=fan_in), min_size=outputs, max_size=outputs))
    readings = 3**fan_in
    bits = [byte & 1 for byte in draw(_bytes(steps * outputs * readings))]
    rows = [bits[k * readings : (k + 1) * readings] for k in range(steps * outputs)]
    plan = draw(st.lists(st.lists(st.booleans(), min_size=outputs, max_size=outputs), min_size=steps, max_size=steps))
    return Tables(n, windows, [rows[t * outputs : (t + 1) * outputs] for t in range(steps)], plan)


@st.composite
def models(draw: DrawFn, layers: tuple[int, int] = (1, 3)) -> Model:
    """Draw a transformer on two to four input and one to four output places, with two or three symbols."""
    block, width = draw(blocks(layers))
    n, outputs, d = draw(st.integers(2, 4)), draw(st.sampled_from((1, 2, 4))), draw(st.integers(2, 3))
    return Model(
        block, draw(whole((d + 1, width))), draw(whole((n + outputs, width))), draw(whole((width, d))),
        draw(whole((width,))), n,
    )  # fmt: skip


def fixed_model(n: int, outputs: int, layers: int, seed: int) -> Model:
    """Return a transformer of width 4 with three symbols and whole weights from a seed."""
    generator = torch.Generator().manual_seed(seed)

    def whole(*shape: int) -> Tensor:
        return torch.randint(-4, 5, shape, generator=generator)

    block = block_from(whole(layers * 112).tolist(), layers, 4, 6)
    return Model(block, whole(4, 4), whole(n + outputs, 4), whole(4, 3), whole(4), n)


@st.composite
def looped(draw: DrawFn) -> Instance:
    """Draw a looped transformer with words over two letters."""
    block, width = draw(blocks((1, 2)))
    n, padding = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    machine = Looped(block, draw(whole((3, width))), draw(whole((n + padding, width))), n)
    word = st.lists(st.integers(0, 1), min_size=n, max_size=n)
    return {"machine": machine, "words": draw(st.lists(word, min_size=1, max_size=3))}


@st.composite
def blocks(draw: DrawFn, layers: tuple[int, int]) -> tuple[Block, int]:
    """Draw a block of width 3 to 5 with 4 bits, or 3, and its width."""
    width, hidden, depth = draw(st.integers(3, 5)), draw(st.integers(2, 6)), draw(st.integers(*layers))
    weights = draw(whole((depth * (4 * width * width + 2 * width * hidden),)))
    return block_from(weights.tolist(), depth, width, hidden, draw(st.sampled_from((4, 4, 3)))), width


@st.composite
def whole(draw: DrawFn, shape: tuple[int, ...]) -> Tensor:
    """Draw a tensor of whole numbers from -4 to 4."""
    count = 1
    for size in shape:
        count *= size
    drawn = draw(_bytes(count))
    return torch.tensor([(byte + 4) % 9 - 4 for byte in drawn], dtype=torch.int64).reshape(shape)


def _bytes(count: int) -> SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)
