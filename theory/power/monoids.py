"""Finite automata, their transition monoids and the regular languages of arXiv 2510.13117, section 3.

The element of a letter is the map of states that reading it causes. The product a b is a first, then b ("left first"),
so the product of a word's letters, from left to right, is the map that reading the word causes. A language whose
transition monoid contains a non-solvable group is complete for NC1 (Barrington, Therien 1988).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput, unknown

LARGEST = 4096
"""Elements of the largest monoid whose table of products is computed: the table has their number squared."""

IDENTITY = 0
"""The index of the identity in every transition monoid."""


@dataclass(frozen=True)
class DFA:
    """A deterministic finite automaton: `transitions[state][letter]` is the next state.

    Raises InvalidInput for rows of different lengths, and for states that there are not.
    """

    name: str
    transitions: Sequence[Sequence[int]]
    start: int
    accepting: Sequence[int]

    def __post_init__(self) -> None:
        table = tuple(tuple(row) for row in self.transitions)
        if not table or not table[0] or any(len(row) != len(table[0]) for row in table):
            raise InvalidInput(
                f"automaton {self.name}: rows of {[len(row) for row in table]} next states; expected one row a state, "
                "with one next state for each letter"
            )
        named = [*itertools.chain.from_iterable(table), self.start, *self.accepting]
        wrong = next((state for state in named if not 0 <= state < len(table)), None)
        if wrong is not None:
            raise InvalidInput(f"automaton {self.name}: state {wrong}; expected states 0..{len(table) - 1}, one a row")
        object.__setattr__(self, "transitions", table)
        object.__setattr__(self, "accepting", tuple(sorted(set(self.accepting))))

    @property
    def states(self) -> int:
        """Return how many states there are."""
        return len(self.transitions)

    @property
    def letters(self) -> int:
        """Return how many letters there are."""
        return len(self.transitions[0])


@dataclass(frozen=True, eq=False)
class Monoid:
    """The transition monoid of an automaton; element 0 is the identity.

    `maps[a, s]` is the state to which element a leads from s, `products[a, b]` is a first, then b, `letters[l]` the
    element of a letter, and `accepts[a]` says whether a leads from the start to an accepting state.
    """

    maps: Int[Tensor, "elements states"]
    products: Int[Tensor, "elements elements"]
    letters: Int[Tensor, " letters"]
    accepts: Bool[Tensor, " elements"]

    def __len__(self) -> int:
        return len(self.maps)

    def elements(self, words: Int[Tensor, "batch n"]) -> Int[Tensor, "batch n"]:
        """Return the elements of the letters of words. Raises InvalidInput for a letter that there is not."""
        if words.numel() and not (int(words.min()) >= 0 and int(words.max()) < len(self.letters)):
            raise InvalidInput(
                f"letters {int(words.min())}..{int(words.max())} in the words; expected 0..{len(self.letters) - 1}"
            )
        return self.letters[words]

    @property
    def commutative(self) -> bool:
        """Return whether a b = b a for all elements."""
        return bool((self.products == self.products.T).all())


@functools.cache
def transition_monoid(automaton: DFA) -> Monoid:
    """Return the maps of states that words cause: the closure of the letters' maps under composition.

    Raises InvalidInput where there are more than LARGEST.
    """
    listed, right = _closure(automaton)
    after = torch.tensor(right, dtype=torch.int64)
    products = torch.empty(len(listed), len(listed), dtype=torch.int64)
    known = {IDENTITY}
    products[:, IDENTITY] = torch.arange(len(listed))
    for a, row in enumerate(right):  # in the order of discovery: the element a is known when its row is read
        for letter, b in enumerate(row):
            if b not in known:
                products[:, b] = after[products[:, a], letter]
                known.add(b)
    maps = torch.tensor(listed, dtype=torch.int64)
    accepting = torch.zeros(automaton.states, dtype=torch.bool)
    accepting[list(automaton.accepting)] = True
    return Monoid(maps, products, after[IDENTITY], accepting[maps[:, automaton.start]])


def _closure(automaton: DFA) -> tuple[list[tuple[int, ...]], list[list[int]]]:
    """Return the elements in the order of discovery, and for each the index of its product with every letter."""
    letters = list(zip(*automaton.transitions, strict=True))
    listed = [tuple(range(automaton.states))]
    index, right = {listed[0]: IDENTITY}, []
    for element in listed:  # grows while it is read
        row = []
        for letter in letters:
            product = tuple(letter[state] for state in element)
            if product not in index:
                index[product] = len(listed)
                listed.append(product)
            row.append(index[product])
        right.append(row)
        if len(listed) > LARGEST:
            raise InvalidInput(
                f"automaton {automaton.name}: more than {LARGEST} elements in its transition monoid; expected at most "
                "that many: minimise the automaton first, or take one of fewer states"
            )
    return listed, right


def word_problem(n: int) -> DFA:
    """Return the words over an n-cycle (letter 0) and a transposition (letter 1) whose product in S_n is 1.

    The states are the n! permutations in the order in which they are reached, and a letter multiplies from the right.
    """
    if not 2 <= n <= 6:
        raise InvalidInput(f"the word problem of S_{n}; expected n in 2..6: its automaton has n! states")
    generators = ((*range(1, n), 0), (1, 0, *range(2, n)))
    listed = [tuple(range(n))]
    index, table = {listed[0]: 0}, []
    for permutation in listed:  # grows while it is read
        row = []
        for generator in generators:
            product = tuple(generator[point] for point in permutation)
            if product not in index:
                index[product] = len(listed)
                listed.append(product)
            row.append(index[product])
        table.append(row)
    return DFA(f"S{n}", table, 0, (0,))


LANGUAGES: Mapping[str, DFA] = {
    "parity": DFA("parity", ((0, 1), (1, 0)), 0, (1,)),
    "mod 3": DFA("mod 3", ((0, 1), (1, 2), (2, 0)), 0, (0,)),
    "(ab)*": DFA("(ab)*", ((1, 2), (2, 0), (2, 2)), 0, (0,)),
    "a*b*": DFA("a*b*", ((0, 1), (2, 1), (2, 2)), 0, (0, 1)),
    "contains aba": DFA("contains aba", ((1, 0), (1, 2), (3, 0), (3, 3)), 0, (3,)),
    "S3": word_problem(3),
    "S4": word_problem(4),
    "S5": word_problem(5),
}
"""Regular languages by name: an odd number of ones, a number of ones divisible by three, patterns, word problems."""


def language(name: str) -> DFA:
    """Return the automaton of a language of LANGUAGES; InvalidInput with the nearest names when there is none."""
    if name not in LANGUAGES:
        raise unknown("language", name, LANGUAGES)
    return LANGUAGES[name]


def subgroups(monoid: Monoid) -> list[Int[Tensor, " members"]]:
    """Return the maximal subgroups: for each idempotent e the invertible elements of e M e."""
    products, every = monoid.products, torch.arange(len(monoid))
    groups = []
    for e in every[products.diagonal() == every].tolist():
        local = every[(products[e] == every) & (products[:, e] == every)]
        inside = products[local][:, local] == e
        groups.append(local[(inside & inside.T).any(-1)])
    return groups


def derived_series(monoid: Monoid, group: Int[Tensor, " members"]) -> list[int]:
    """Return the sizes of a subgroup G, its commutator subgroup, that one's, and so on until the size stays.

    The group is solvable if and only if the last size is 1.
    """
    products = monoid.products
    sizes: list[int] = []
    while not sizes or len(group) < sizes[-1]:
        sizes.append(len(group))
        table = products[group][:, group]
        identity = group[table.diagonal() == group]
        inverse = group[(table == identity).int().argmax(-1)]
        both = products[inverse][:, inverse]
        group = _generated(products, torch.unique(products[both, table]))
    return sizes


def solvable(monoid: Monoid) -> bool:
    """Return whether every subgroup of the monoid is solvable; if not, the language is complete for NC1."""
    return all(derived_series(monoid, group)[-1] == 1 for group in subgroups(monoid))


def _generated(products: Tensor, members: Int[Tensor, " members"]) -> Int[Tensor, " closure"]:
    """Return the closure of elements of a group under products."""
    while True:
        more = torch.unique(torch.cat((members, products[members][:, members].flatten())))
        if len(more) == len(members):
            return members
        members = more
