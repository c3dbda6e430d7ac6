"""Products of a word's elements by planner and predictor: balanced trees (arXiv 2510.13117, section 3).

A *circuit* multiplies two at a time: node k, at place n + k of the string, is the product of what stands at its left
and at its right place, left first. The planner picks the masked nodes whose two places are written, so that the nodes
of height r are written in step r; the predictor reads two symbols and looks their product up.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.power.monoids import DFA
from theory.power.planners import MDM, NOTHING, Planner, Predictor, View, in_order, left_to_right


@dataclass(frozen=True, eq=False)
class Circuit:
    """Nodes in an order in which the places that a node reads come before it, and the places of the results."""

    n: int
    left: Int[Tensor, " nodes"]
    right: Int[Tensor, " nodes"]
    results: Int[Tensor, " results"]

    def __post_init__(self) -> None:
        own = torch.arange(self.nodes) + self.n
        if self.nodes and bool(((self.left >= own) | (self.right >= own) | (self.left < 0) | (self.right < 0)).any()):
            raise InvalidInput("a node reads its own place or a later one; expected places of inputs or earlier nodes")

    @property
    def nodes(self) -> int:
        """Return how many nodes there are: each is a symbol of the output."""
        return len(self.left)

    @property
    def window(self) -> Int[Tensor, "nodes 2"]:
        """Return the two places that each node reads, left first."""
        return torch.stack((self.left, self.right), -1)

    @functools.cached_property
    def heights(self) -> list[int]:
        """Return the height of each node: one more than that of the higher of what it reads; inputs have height 0."""
        height = [0] * self.n
        for a, b in self.window.tolist():
            height.append(max(height[a], height[b]) + 1)
        return height[self.n :]

    @property
    def depth(self) -> int:
        """Return the height of the highest node."""
        return max(self.heights, default=0)

    @functools.cached_property
    def sizes(self) -> list[int]:
        """Return for each node of a tree how many nodes it depends on, itself counted.

        Raises InvalidInput where a node is read twice: then it is no tree.
        """
        read = [place for pair in self.window.tolist() for place in pair if place >= self.n]
        if len(set(read)) < len(read):
            raise InvalidInput("a node is read twice; expected a tree, in which each node is read once")
        size = [0] * self.n
        for a, b in self.window.tolist():
            size.append(size[a] + size[b] + 1)
        return size[self.n :]


def balanced_tree(n: int) -> Circuit:
    """Return the tree that multiplies neighbours two by two; what is left over at the end of a level passes up.

    It has n - 1 nodes and height ceil(log2 n).
    """
    check_length(n)
    level, left, right, place = torch.arange(n), [], [], n
    while len(level) > 1:
        pairs = len(level) // 2
        left.append(level[0 : 2 * pairs : 2])
        right.append(level[1 : 2 * pairs : 2])
        level = torch.cat((torch.arange(place, place + pairs), level[2 * pairs :]))
        place += pairs
    empty = torch.arange(0)
    return Circuit(n, torch.cat((empty, *left)), torch.cat((empty, *right)), level)


def chain(n: int) -> Circuit:
    """Return the n - 1 products ((x1 x2) x3) ... xn from the left; their height is n - 1."""
    check_length(n)
    nodes = torch.arange(n, 2 * n - 1)
    before = torch.cat((torch.arange(1), nodes))
    return Circuit(n, before[:-1], torch.arange(1, n), before[-1:])


@dataclass(frozen=True, eq=False)
class Program:
    """A machine, the steps that it takes and the places at which its results stand in the end."""

    machine: MDM
    steps: int
    results: Int[Tensor, " results"]


def products_of(circuit: Circuit, products: Int[Tensor, "elements elements"]) -> Program:
    """Return the write-once machine that evaluates a circuit over a table of products, height by height."""
    table = torch.nn.functional.pad(products, (0, 1, 0, 1))
    machine = MDM(
        circuit.n, circuit.nodes, len(products), _when_ready(circuit, len(products)), _look_up(circuit, table),
        circuit.window,
    )  # fmt: skip
    return Program(machine, circuit.depth, circuit.results)


def one_at_a_time(
    circuit: Circuit,
    products: Int[Tensor, "elements elements"],
    orders: Int[Tensor, "batch nodes"],
    guesses: Int[Tensor, "batch nodes"] | None = None,
) -> Program:
    """Return the machine that writes one node a step in given orders, whether or not what it reads is written.

    A node that is written too early gets a further, wrong symbol that spreads to all that depends on it; or, where
    guesses are given, the string's guess for that node.
    """
    count = len(products)
    if guesses is None:
        table = torch.full((count + 2, count + 2), count)
        table[:count, :count] = products
        machine = MDM(
            circuit.n, circuit.nodes, count + 1, in_order(orders), _look_up(circuit, table), circuit.window
        )  # fmt: skip
        return Program(machine, circuit.nodes, circuit.results)
    program = products_of(circuit, products)
    true = program.machine.predictor

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        nodes = view.places - circuit.n
        early = (view.read(circuit.window[nodes]) == count).any(-1)
        return torch.where(early, guesses[:, nodes], true(view))

    return Program(
        replace(program.machine, planner=in_order(orders), predictor=predictor), circuit.nodes, circuit.results
    )


def state_tracking(automaton: DFA, n: int) -> Program:
    """Return the machine that writes the state after every letter, one a step from the left, as a chain of thought.

    It takes n symbols and n steps; the last symbol is the state after the word.
    """
    check_length(n)
    transitions = torch.tensor(automaton.transitions)
    before = torch.cat((torch.full((1,), NOTHING), torch.arange(n, 2 * n - 1)))
    window = torch.stack((before, torch.arange(n)), -1)

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        state, letter = view.read(window[view.places - n]).unbind(-1)
        return transitions[torch.where(state == NOTHING, automaton.start, state), letter]

    d = max(automaton.states, automaton.letters)
    return Program(MDM(n, n, d, left_to_right(n), predictor, window), n, torch.arange(2 * n - 1, 2 * n))


def success_probability(tree: Circuit) -> Fraction:
    """Return the probability that a uniformly random order writes every node after those below it.

    It is one over the product of the subtree sizes (the hook length formula of trees), 1 / nodes! for a chain.
    """
    return Fraction(1, math.prod(tree.sizes))


def bottom_up(circuit: Circuit, orders: Int[Tensor, "batch nodes"]) -> Bool[Tensor, " batch"]:
    """Return which orders write every node after the nodes that it reads."""
    rank = torch.nn.functional.pad(orders.argsort(-1), (circuit.n, 0), value=-1)
    own = rank[:, circuit.n :]
    return ((rank[:, circuit.left] < own) & (rank[:, circuit.right] < own)).all(-1)


def random_orders(nodes: int, count: int, generator: Generator) -> Int[Tensor, "count nodes"]:
    """Return uniformly random orders of the nodes."""
    return torch.rand(count, nodes, generator=generator).argsort(-1)


def halvings(n: int) -> int:
    """Return ceil(log2 n) for a length n >= 1, in whole numbers."""
    check_length(n)
    return (n - 1).bit_length()


def check_length(n: int) -> None:
    """Raise InvalidInput for a word without letters: it has no product."""
    if n < 1:
        raise InvalidInput(f"words of length {n}; expected at least one letter")


def _when_ready(circuit: Circuit, mask: int) -> Planner:
    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch nodes"]:
        picked = string[:, circuit.n :] == mask
        open_ = picked.any(0).nonzero()[:, 0]
        ready = (string[:, circuit.left[open_]] != mask) & (string[:, circuit.right[open_]] != mask)
        picked[:, open_] &= ready
        return picked

    return planner


def _look_up(circuit: Circuit, table: Int[Tensor, "symbols symbols"]) -> Predictor:
    """Return the predictor that looks up in a table, with a row and a column for the mask, what a node reads."""

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        left, right = view.read(circuit.window[view.places - circuit.n]).unbind(-1)
        return table[left, right]

    return predictor
