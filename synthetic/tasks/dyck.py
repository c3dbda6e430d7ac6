"""Dyck words, n = 24: balanced strings of round and square brackets, uniform; exact law by inside-outside."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Success, Task, strict
from synthetic.tasks.draws import held_out_task
from theory.worlds.dyck import DyckWorld

LENGTH, KINDS = 24, 2


def balanced(kinds: int) -> Success:
    """Return the measure that is 1 where every bracket closes the last open one of its kind and none stays open."""

    def judge(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
        rows = torch.arange(len(tokens))
        height = torch.zeros(len(tokens), dtype=torch.long)
        fine = torch.ones(len(tokens), dtype=torch.bool)
        stack = torch.full((len(tokens), tokens.shape[1] + 1), -1)
        for token in tokens.T:
            opens = token < kinds
            top = stack[rows, (height - 1).clamp(min=0)]
            fine &= opens | ((height > 0) & (top == token - kinds))
            stack[rows[opens], height[opens]] = token[opens]
            height = torch.where(opens, height + 1, (height - 1).clamp(min=0))
        return (fine & (height == 0)).double()

    return judge


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task; the law has 852,017,152 words, and no test row occurs in training."""
    world = DyckWorld(LENGTH, KINDS)
    return held_out_task("dyck", world, "([)]", seed, train, test, "balanced", strict(balanced(KINDS), world.d))
