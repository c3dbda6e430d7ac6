"""Generation by repeated steps: it ends at a fixed point, in a cycle, or at a cap; steps and symbols are counted.

A *process* maps a batch of strings to the edit of their next step. It sees the strings alone, so a state of a
deterministic process that occurs twice occurs for ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.transition import Edit, Strings, apply

Process = Callable[[Strings], Edit]
Ending = Literal["fixed point", "cycle", "cap"]
ENDINGS: tuple[Ending, ...] = ("fixed point", "cycle", "cap")
LONGEST = 2**17
"""Symbols of a string, far beyond what the programs here need; one that doubles in every step has them after a few."""


@dataclass(frozen=True, eq=False)
class Run:
    """A batch's states, from the first to the last, and how each string ended.

    `steps` counts the steps that changed a string: up to its fixed point, up to the first state that repeats an earlier
    one, or the cap. Strings that have ended stay as they are in later `states`. `context` is the longest length on the
    way, `parallel` the most places changed in one step (the other symbol or length), `written` the tokens written.
    """

    states: tuple[Strings, ...]
    steps: Int[Tensor, " batch"]
    ending: Int[Tensor, " batch"]
    context: Int[Tensor, " batch"]
    written: Int[Tensor, " batch"]
    parallel: Int[Tensor, " batch"]

    @property
    def last(self) -> Strings:
        """Return the states at the end."""
        return self.states[-1]

    def endings(self) -> list[Ending]:
        """Return how each string ended."""
        return [ENDINGS[k] for k in self.ending.tolist()]

    def of(self, row: int) -> list[list[int]]:
        """Return the states of one string, from its first to its last."""
        count = int(self.steps[row]) + 1
        return [state.tokens[row, : int(state.length[row])].tolist() for state in self.states[:count]]


def run(process: Process, start: Strings, cap: int, deterministic: bool = True, longest: int = LONGEST) -> Run:
    """Repeat a process until every string has ended.

    A stochastic process ends at the cap alone, since it may stay where it is for once. Raises InvalidInput for a cap
    below one, for strings that grow beyond `longest` symbols, and as `apply` does for what the process asks.
    """
    if cap < 1:
        raise InvalidInput(f"cap {cap}; expected at least one step")
    states, count = [start], len(start.length)
    going = torch.arange(count, device=start.length.device)
    zero = torch.zeros_like(start.length)
    steps, ending, written, parallel = zero.clone(), torch.full_like(zero, 2), zero.clone(), zero.clone()
    context = start.length.clone()
    seen = _Seen(start, states)
    for step in range(1, cap + 1):
        before = states[-1].rows(going)
        edit = process(before)
        after = apply(before, edit)
        if after.tokens.shape[1] > longest:
            raise InvalidInput(
                f"a string of {after.tokens.shape[1]:,} symbols after step {step}; expected at most {longest:,}: does "
                "the process ever stop growing? One that needs more is given `longest`"
            )
        fixed = before.same(after) if deterministic else torch.zeros_like(going, dtype=torch.bool)
        moving = going[~fixed]
        ending[going[fixed]] = 0
        steps[moving] = step
        writes = before.masked & before.inside & ~edit.remask & ~edit.delete
        written[moving] += writes.sum(-1)[~fixed]
        changed = writes | (edit.remask & before.inside & ~before.masked) | (edit.insert | edit.delete) & before.inside
        parallel[moving] = torch.maximum(parallel[moving], changed.sum(-1)[~fixed])
        states.append(_replaced(states[-1], going, after))
        context = torch.maximum(context, states[-1].length)
        if deterministic:
            again = seen.before(moving)
            ending[moving[again]] = 1
            moving = moving[~again]
        going = moving
        if not len(going):
            break
    return Run(tuple(states[: int(steps.max()) + 1] if count else states), steps, ending, context, written, parallel)


def _replaced(whole: Strings, index: Tensor, part: Strings) -> Strings:
    """Return a batch with some of its strings replaced."""
    if len(index) == len(whole.length):
        return part
    width = max(whole.tokens.shape[1], part.tokens.shape[1])
    tokens = torch.nn.functional.pad(whole.tokens, (0, width - whole.tokens.shape[1]), value=-1)
    tokens[index] = torch.nn.functional.pad(part.tokens, (0, width - part.tokens.shape[1]), value=-1)
    length = whole.length.clone()
    length[index] = part.length
    return Strings(tokens, length, whole.d)


class _Seen:
    """The states of a run so far, by a number for each that different strings hardly share."""

    def __init__(self, start: Strings, states: list[Strings]) -> None:
        self._states, self._count = states, 1
        self._numbers = _number(start)[None]

    def before(self, rows: Int[Tensor, " rows"]) -> Bool[Tensor, " rows"]:
        """Add the newest state, and return which of the rows have been in it before: compared, not only by number."""
        now = _number(self._states[-1])
        if self._count == len(self._numbers):
            self._numbers = torch.cat((self._numbers, torch.zeros_like(self._numbers)))
        matches = self._numbers[: self._count, rows] == now[rows]
        self._numbers[self._count] = now
        self._count += 1
        again = torch.zeros_like(rows, dtype=torch.bool)
        for step in matches.any(-1).nonzero()[:, 0].tolist():
            again |= matches[step] & self._states[step].rows(rows).same(self._states[-1].rows(rows))
        return again


def _number(state: Strings) -> Int[Tensor, " batch"]:
    """Return a weighted sum of symbols for each string, by fixed odd weights; padding counts nothing."""
    return ((state.tokens + 1) * _weights(state.tokens.shape[1]).to(state.tokens.device)).sum(-1)


@functools.lru_cache(maxsize=256)
def _weights(width: int) -> Int[Tensor, " width"]:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-(2**62), 2**62, (max(width, 1),), generator=generator)[:width] | 1
