"""Markov chain on four tokens, n = 32: the exact oracle of a law with short memory."""

from __future__ import annotations

import torch

from synthetic.tasks.base import Task
from synthetic.tasks.draws import held_out_task
from theory.worlds import TreeWorld, markov_chain

TRANSITION = (
    (0.70, 0.20, 0.05, 0.05),
    (0.05, 0.60, 0.30, 0.05),
    (0.10, 0.05, 0.55, 0.30),
    (0.35, 0.05, 0.10, 0.50),
)
"""Rows: the current token; columns: the next. No two tokens can be exchanged."""


def law(n: int = 32) -> TreeWorld:
    """Return the chain of length n with uniform start."""
    return markov_chain(torch.tensor(TRANSITION, dtype=torch.float64), n)


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task; the law has 31.9 nats, and no test row occurs in training."""
    return held_out_task("chain", law(), "0123", seed, train, test)
