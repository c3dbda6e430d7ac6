"""Machines that rewrite their memory: cellular automata, Turing machines and list ranking in two lanes.

The context is two lanes of S symbols. One holds the memory, the other is masked; a step writes the next memory into the
masked lane and remasks the other, so that each machine step is one any-process step and the context stays 2 S. Where
the memory does not change any more the edit holds. A write-once log of all memories takes S tokens a step.
Source: arXiv 2510.06190, Theorem 4 (constructions of our own).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.generation import Process
from theory.power.transition import Edit, Strings, hold

Memory = Int[Tensor, "batch cells"]


def two_lanes(following: Callable[[Memory], Memory]) -> Process:
    """Return the process that replaces the memory by the next one, lane by lane.

    It raises InvalidInput for strings that are not one lane of tokens beside one of masks.
    """

    def process(state: Strings) -> Edit:
        memory, upper = lane(state)
        after = following(memory)
        rest = (after == memory).all(-1)
        still = hold(state)
        write = torch.where(upper[:, None], torch.cat((memory, after), -1), torch.cat((after, memory), -1))
        remask = torch.where(rest[:, None], still.remask, ~state.masked & state.inside)
        return Edit(torch.where(state.masked, write, 0), remask, still.insert, still.delete)

    return process


def start(memory: Memory, d: int) -> Strings:
    """Return the two lanes of a batch of memories, the second one masked."""
    length = torch.full((len(memory),), 2 * memory.shape[1], dtype=torch.int64, device=memory.device)
    return Strings(torch.cat((memory, torch.full_like(memory, d)), -1), length, d)


def lane(state: Strings) -> tuple[Memory, Tensor]:
    """Return the memory of each string, and whether it stands in the first lane."""
    half = state.tokens.shape[1] // 2
    first, second = state.tokens[:, :half], state.tokens[:, half:]
    upper = (second == state.d).all(-1)
    memory = torch.where(upper[:, None], first, second)
    other = torch.where(upper[:, None], second, first)
    whole = bool((state.length == 2 * half).all()) and state.tokens.shape[1] == 2 * half
    if not whole or bool((other != state.d).any()) or bool((memory == state.d).any()):
        raise InvalidInput("strings that are not one lane of tokens beside one lane of masks, both of one length")
    return memory, upper


def cellular(rule: Int[Tensor, "k k k"], outside: int | None = None) -> Callable[[Memory], Memory]:
    """Return the map of a cellular automaton: rule[left, here, right] for every cell.

    `outside` is the symbol beyond both ends, None for a ring.
    """

    def following(memory: Memory) -> Memory:
        left, right = memory.roll(1, -1), memory.roll(-1, -1)
        if outside is not None:
            left[:, 0], right[:, -1] = outside, outside
        return rule[left, memory, right]

    return following


def elementary(number: int) -> Int[Tensor, "2 2 2"]:
    """Return the table of Wolfram's elementary rule of a number 0..255. Raises InvalidInput for others."""
    if not 0 <= number < 256:
        raise InvalidInput(f"rule {number}; expected 0..255")
    return (torch.tensor(number) >> torch.arange(8) & 1).reshape(2, 2, 2)


@dataclass(frozen=True)
class TuringMachine:
    """A machine with one tape: (state, symbol) to (state, symbol, move -1, 0 or 1); other pairs halt.

    Symbols are 0..symbols-1 and states 0..states-1. Raises InvalidInput for moves or names outside these.
    """

    symbols: int
    states: int
    rules: Mapping[tuple[int, int], tuple[int, int, int]]

    def __post_init__(self) -> None:
        for (state, symbol), (after, write, move) in self.rules.items():
            if not (0 <= state < self.states and 0 <= after < self.states and move in (-1, 0, 1)):
                raise InvalidInput(f"rule {state}, {symbol} -> {after}, {write}, {move}; expected moves -1, 0, 1")
            if not (0 <= symbol < self.symbols and 0 <= write < self.symbols):
                raise InvalidInput(
                    f"rule {state}, {symbol} -> {after}, {write}; expected symbols 0..{self.symbols - 1}"
                )

    @property
    def d(self) -> int:
        """Return the number of tokens: a symbol alone, or with the head in one of the states."""
        return self.symbols * (self.states + 1)

    def cell(self, symbol: int, state: int | None = None) -> int:
        """Return the token of a cell: its symbol, and the state where the head stands on it."""
        return symbol if state is None else self.symbols * (1 + state) + symbol

    def tape(self, symbols: Sequence[int], head: int, state: int) -> list[int]:
        """Return the cells of a tape with the head at a place."""
        return [self.cell(s, state if k == head else None) for k, s in enumerate(symbols)]

    def table(self) -> Int[Tensor, "k k k"]:
        """Return the machine as a cellular automaton: a cell sees its neighbours, so a head that comes is seen."""
        d = self.d
        rule = torch.arange(d)[None, :, None].repeat(d, 1, d)
        for (state, symbol), (after, write, move) in self.rules.items():
            here = self.cell(symbol, state)
            rule[:, here, :] = self.cell(write, after if move == 0 else None)
            for s in range(self.symbols):
                if move == 1:
                    rule[here, s, :] = self.cell(s, after)
                if move == -1:
                    rule[:, s, here] = self.cell(s, after)
        return rule


BLANK, ADD, BACK, HALT = 2, 0, 1, 2
COUNTER = TuringMachine(3, 3, {
    (ADD, 1): (ADD, 0, -1), (ADD, 0): (BACK, 1, 1), (ADD, BLANK): (HALT, BLANK, 0),
    (BACK, 0): (BACK, 0, 1), (BACK, 1): (BACK, 1, 1), (BACK, BLANK): (ADD, BLANK, -1),
})  # fmt: skip
"""Counts from zero: adds one at the right end, walks back to the blank there, halts when it carries into the left."""


def counter(n: int) -> Memory:
    """Return the memory of the counter of n bits at zero: n + 2 cells, the head on the lowest bit."""
    if n < 1:
        raise InvalidInput(f"{n} bits; expected at least one")
    return torch.tensor([COUNTER.tape([BLANK, *[0] * n, BLANK], n, ADD)])


def jump(n: int) -> Callable[[Memory], Memory]:
    """Return one round of pointer jumping for lists of n: cells hold pointer * n + rank.

    Every element adds the rank of what it points to and points where that points; the last element points to itself
    with rank 0. After r rounds an element knows its rank if that is at most 2^r.
    """

    def following(memory: Memory) -> Memory:
        pointer, rank = memory // n, memory % n
        return pointer.gather(-1, pointer) * n + rank + rank.gather(-1, pointer)

    return following


def linked_list(successor: Int[Tensor, "batch n"]) -> Memory:
    """Return the memory of linked lists at the start: rank 1 for all but the last, which points to itself."""
    n = successor.shape[-1]
    if bool((successor < 0).any()) or bool((successor >= n).any()):
        raise InvalidInput(f"successors {int(successor.min())}..{int(successor.max())}; expected 0..{n - 1}")
    own = torch.arange(n, device=successor.device)
    if not bool(((successor == own).sum(-1) == 1).all()):
        raise InvalidInput("each list needs exactly one element that points to itself: its end")
    return successor * n + (successor != own)
