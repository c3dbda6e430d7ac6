"""Hidden Markov model, n = 32: four hidden states, four tokens, exact conditionals by message passing."""

from __future__ import annotations

import torch

from synthetic.tasks.base import Task
from synthetic.tasks.draws import held_out_task
from theory.worlds import TreeWorld, hidden_markov_model

TRANSITION = (
    (0.85, 0.10, 0.00, 0.05),
    (0.00, 0.85, 0.10, 0.05),
    (0.10, 0.00, 0.85, 0.05),
    (0.05, 0.05, 0.05, 0.85),
)
EMISSION = (
    (0.80, 0.10, 0.05, 0.05),
    (0.05, 0.80, 0.10, 0.05),
    (0.10, 0.05, 0.80, 0.05),
    (0.30, 0.05, 0.05, 0.60),
)
"""Rows: the hidden state; columns: the next state, the token. A token never tells the state for certain."""


def law(n: int = 32) -> TreeWorld:
    """Return the model with n tokens and uniform start; its entropy has no closed form."""
    matrices = (torch.tensor(rows, dtype=torch.float64) for rows in (TRANSITION, EMISSION))
    return hidden_markov_model(*matrices, n)


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task; no test row occurs in training."""
    return held_out_task("hmm", law(), "0123", seed, train, test)
