"""Automata, products, orders and constant-precision transformers written out, one symbol at a time.

Automata are rows of next states, maps of states are tuples, states of a transformer are lists of whole numbers.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

Map = tuple[int, ...]
Row = list[int]
RANGE = 8
"""Attention weights are 2^RANGE at the largest score and 1 at a score RANGE below it."""


def final_state(transitions: Sequence[Sequence[int]], start: int, word: Sequence[int]) -> int:
    """Return the state after reading a word letter by letter."""
    state = start
    for letter in word:
        state = transitions[state][letter]
    return state


def fold(letters: Sequence[Map], word: Sequence[int]) -> Map:
    """Return the map of states that a word causes: the first letter's, then the second's, and so on."""
    product = tuple(range(len(letters[0])))
    for letter in word:
        product = after(product, letters[letter])
    return product


def after(first: Map, second: Map) -> Map:
    """Return the map that does the first, then the second."""
    return tuple(second[state] for state in first)


def tree_product(items: Sequence[Any], times: Callable[[Any, Any], Any]) -> tuple[Any, int, int]:
    """Return the product, the height and the number of products of the tree whose left part is a full one.

    The left part has the largest power of two below the length: this is multiplying neighbours two by two where what is
    left over at the end passes up.
    """
    if len(items) == 1:
        return items[0], 0, 0
    full = 1
    while 2 * full < len(items):
        full *= 2
    left, low, few = tree_product(items[:full], times)
    right, high, many = tree_product(items[full:], times)
    return times(left, right), max(low, high) + 1, few + many + 1


def all_maps(transitions: Sequence[Sequence[int]]) -> set[Map]:
    """Return the maps of states that words cause, by reading longer and longer words until none is new."""
    letters = [tuple(row[k] for row in transitions) for k in range(len(transitions[0]))]
    known: set[Map] = set()
    last = {tuple(range(len(transitions)))}
    while last:
        known |= last
        last = {after(product, letter) for product in last for letter in letters} - known
    return known


def maximal_groups(maps: set[Map]) -> Iterator[set[Map]]:
    """Yield the maximal subgroups of a monoid of maps, as permutations of 0, 1, ...

    Beside an idempotent map these are the maps with the same image that identify the same points.
    """
    for e in maps:
        if after(e, e) == e:
            image = sorted(set(e))
            group = {x for x in maps if sorted(set(x)) == image and all(x[a] == x[e[a]] for a in range(len(e)))}
            yield {tuple(image.index(x[point]) for point in image) for x in group}


def is_solvable(group: set[Map]) -> bool:
    """Return whether taking commutator subgroups of a group of permutations ends at the identity alone."""
    listed = sorted(group)
    number = {p: k for k, p in enumerate(listed)}
    times = [[number[after(a, b)] for b in listed] for a in listed]
    one = number[tuple(range(len(listed[0])))]
    inverse = [row.index(one) for row in times]
    members = set(range(len(listed)))
    while len(members) > 1:
        basis = {times[times[inverse[a]][inverse[b]]][times[a][b]] for a in members for b in members}
        smaller, last = set(), {one}
        while last:
            smaller |= last
            last = {times[product][c] for product in last for c in basis} - smaller
        if len(smaller) == len(members):
            return False
        members = smaller
    return True


def share_of_orders(children: Sequence[Sequence[int]]) -> Fraction:
    """Return the share of all orders of the nodes in which every node comes after its children, by counting sets.

    The number of such orders of a set is the sum, over the nodes that can be last, of that of the set without it.
    """
    nodes = len(children)
    parent = [sum(1 << k for k in range(nodes) if node in children[k]) for node in range(nodes)]

    @functools.cache
    def count(members: int) -> int:
        if not members:
            return 1
        return sum(
            count(members ^ 1 << node)
            for node in range(nodes)
            if members >> node & 1 and not members & parent[node] and _all_inside(children[node], members)
        )

    total = 1
    for k in range(1, nodes + 1):
        total *= k
    return Fraction(count((1 << nodes) - 1), total)


def _all_inside(nodes: Sequence[int], members: int) -> bool:
    return all(members >> node & 1 for node in nodes)


def threshold_parity(bits: Sequence[int], count: int) -> int:
    """Return parity by two layers of threshold gates: 'at least k ones' for k = 1, ..., and their alternating sum."""
    gates = [int(sum(bits) >= k) for k in range(1, count + 1)]
    return int(sum(gate if k % 2 == 0 else -gate for k, gate in enumerate(gates)) >= 1)


def right_functions(n: int, read: Sequence[int]) -> Iterator[Fraction]:
    """Yield the accuracy on parity, over all words of n bits, of every function of the bits read."""
    words = list(itertools.product((0, 1), repeat=n))
    patterns = list(itertools.product((0, 1), repeat=len(read)))
    for values in itertools.product((0, 1), repeat=len(patterns)):
        value = dict(zip(patterns, values, strict=True))
        right = sum(value[tuple(word[i] for i in read)] == sum(word) % 2 for word in words)
        yield Fraction(right, len(words))


class Transformer:
    """Layers on whole numbers of so many bits: for each layer four square maps, then the maps up and down."""

    def __init__(self, attention: Any, up: Any, down: Any, bits: int) -> None:
        self.attention, self.up, self.down = attention, up, down
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def clamp(self, row: Sequence[int]) -> Row:
        """Return the nearest numbers in range."""
        return [max(self.low, min(self.high, value)) for value in row]

    def map(self, row: Row, weights: Sequence[Sequence[int]]) -> Row:
        """Return a row times a matrix, shifted down by one bit more than half of those of the number of terms."""
        columns = range(len(weights[0]))
        sums = [sum(value * weights[k][c] for k, value in enumerate(row)) for c in columns]
        return self.clamp([total >> 1 + len(row).bit_length() // 2 for total in sums])

    def layer(self, index: int, states: list[Row], sources: list[list[Row]]) -> list[Row]:
        """Return the states after a layer in which each state attends to sources of its own."""
        return [self._one(index, state, seen) for state, seen in zip(states, sources, strict=True)]

    def layers(self, states: list[Row], seen: Callable[[int], Sequence[int]]) -> list[Row]:
        """Return the states after all layers; place i attends to the places seen(i)."""
        for index in range(len(self.up)):
            states = self.layer(index, states, [[states[j] for j in seen(i)] for i in range(len(states))])
        return states

    def _one(self, index: int, state: Row, sources: list[Row]) -> Row:
        query, key, value, output = self.attention[index]
        q, shift = self.map(state, query), 1 + len(state).bit_length() // 2
        scores = [sum(a * b for a, b in zip(q, self.map(s, key), strict=True)) >> shift for s in sources]
        gaps = [RANGE - (max(scores) - score) for score in scores]
        weights = [2**gap if gap >= 0 else 0 for gap in gaps]
        values = [self.map(s, value) for s in sources]
        mean = [sum(w * v[c] for w, v in zip(weights, values, strict=True)) // sum(weights) for c in range(len(q))]
        state = self.clamp([a + b for a, b in zip(state, self.map(mean, output), strict=True)])
        hidden = [max(0, total) for total in self.map(state, self.up[index])]
        return self.clamp([a + b for a, b in zip(state, self.map(hidden, self.down[index]), strict=True)])


def added(rows: Sequence[Row], more: Sequence[Row]) -> list[Row]:
    """Return the sums of rows, entry by entry."""
    return [[a + b for a, b in zip(row, other, strict=True)] for row, other in zip(rows, more, strict=True)]


def looped_states(
    transformer: Transformer, start: Sequence[Row], positions: Sequence[Row], loops: int
) -> Iterator[list[Row]]:
    """Yield the states after every loop over all places, with the encodings of places added before each."""
    states, every = [transformer.clamp(row) for row in start], range(len(start))
    for _ in range(loops):
        states = [transformer.clamp(row) for row in added(states, positions)]
        states = transformer.layers(states, lambda _: every)
        yield states


def chain_of_thought(
    transformer: Transformer, embed: Callable[[int, int], Row], read: Callable[[Row], int], word: Sequence[int],
    blank: int, outputs: int, steps: int,
) -> Iterator[list[int]]:  # fmt: skip
    """Yield the strings after every step of a parallel chain of thought, computing each place from those up to it."""
    string = [*word, *[blank] * outputs]
    size = outputs // steps
    for step in range(steps):
        states = transformer.layers([embed(s, i) for i, s in enumerate(string)], lambda i: range(i + 1))
        for place in range(len(word) + step * size, len(word) + (step + 1) * size):
            string[place] = read(states[place])
        yield list(string)


def denoising(
    transformer: Transformer, embed: Callable[[int, int], Row], read: Callable[[Row], int],
    picks: Callable[[Row], bool], word: Sequence[int], mask: int, outputs: int, steps: int,
) -> Iterator[list[int]]:  # fmt: skip
    """Yield the strings after every step of a masked diffusion that rewrites what its states pick."""
    string, every = [*word, *[mask] * outputs], range(len(word) + outputs)
    for _ in range(steps):
        states = transformer.layers([embed(s, i) for i, s in enumerate(string)], lambda _: every)
        for place in every[len(word) :]:
            if picks(states[place]):
                string[place] = read(states[place])
        yield list(string)
