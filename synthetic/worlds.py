"""The worlds that experiments and notebooks share, by name, and their information curves in nats."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from theory import worlds
from theory.errors import unknown
from theory.worlds import World
from theory.worlds.tree import sticky_chain

LOGIT_LIKE = "logit-like curve"


def noisy_chain() -> World:
    """Return the hidden Markov model: a binary state that stays with 0.95 and is seen rightly with 0.9."""
    stay, see = torch.tensor([0.95, 0.05]).double(), torch.tensor([0.9, 0.1]).double()
    rows = [torch.stack((p, p.flip(0))) / p.sum() for p in (stay, see)]
    return worlds.hidden_markov_model(*rows, 10)


WORLDS: dict[str, Callable[[], World]] = {
    "Markov chain": lambda: sticky_chain(6),
    "hidden Markov model": noisy_chain,
    "copied pairs": lambda: worlds.copied_pairs(3),
    "repetition": lambda: worlds.repetition(6),
    "even parity": lambda: worlds.even_parity(6),
    "MDS code": lambda: worlds.mds_code(6, 3, 7),
    "Dirichlet": lambda: worlds.dirichlet(6, 3, 0.3, torch.Generator().manual_seed(0)),
    "4x4 Sudoku": worlds.sudoku4,
    "a x b = c": worlds.multiplication,
    "digit patches": worlds.digit_patches,
    "English 4-grams": worlds.english_letters,
}


def world(name: str) -> World:
    """Return a shared world. Raises InvalidInput for an unknown name."""
    if name not in WORLDS:
        raise unknown("world", name, WORLDS)
    return WORLDS[name]()


@functools.cache
def curve(name: str) -> Float[Tensor, " n"]:
    """Return the information curve of a shared world, or the logit-like one."""
    return logit_like_curve(40) if name == LOGIT_LIKE else world(name).information_curve()


def logit_like_curve(n: int) -> Float[Tensor, " n"]:
    """Return the curve that jumps to Z_j, j = 2..n, by 1 / ((j - 1/2)(n - j + 1/2)), scaled to Z_n = ln 2.

    Its smoothed slope is nearly 1 / (alpha (1 - alpha)), the one under which squared sine is optimal
    (schedules notes, 8).
    """
    j = torch.arange(2, n + 1).double()
    jumps = 1 / ((j - 0.5) * (n - j + 0.5))
    rise = torch.cat((torch.zeros(1).double(), jumps.cumsum(0)))
    return rise / rise[-1] * torch.log(torch.tensor(2.0).double())
