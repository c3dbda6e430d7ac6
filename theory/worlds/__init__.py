"""Data laws with exact conditionals: tables, supports, trees (chains, hidden Markov models), named worlds.

A world is a denoiser: calling it maps states (..., n) to log-probabilities (..., n, d).
"""

from theory.worlds.base import World
from theory.worlds.data import digit_patches, english_letters
from theory.worlds.named import (
    beta_toy_left,
    beta_toy_right,
    copied_pairs,
    dirichlet,
    even_parity,
    mds_code,
    multiplication,
    repetition,
    sudoku4,
)
from theory.worlds.support import SupportWorld
from theory.worlds.table import TableWorld
from theory.worlds.tree import TreeWorld, hidden_markov_model, markov_chain, product

__all__ = [
    "SupportWorld",
    "TableWorld",
    "TreeWorld",
    "World",
    "beta_toy_left",
    "beta_toy_right",
    "copied_pairs",
    "digit_patches",
    "dirichlet",
    "english_letters",
    "even_parity",
    "hidden_markov_model",
    "markov_chain",
    "mds_code",
    "multiplication",
    "product",
    "repetition",
    "sudoku4",
]
