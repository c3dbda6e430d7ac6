"""The worlds small enough that every unmasking rule is walked over all of its states, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from theory import worlds
from theory.errors import unknown
from theory.unmasking.walks import row_conditionals
from theory.worlds.states import marginal_table
from theory.worlds.tree import sticky_chain

SIX_ATOMS = {0b00111: 31, 0b01010: 40, 0b01101: 50, 0b01110: 10, 0b10111: 52, 0b11101: 83}
"""The fixture of the EB-Sampler notes on which E[NFE] is not monotone in the budget; n = 5, d = 2."""


@dataclass(frozen=True)
class Small:
    """One law of length n over d tokens."""

    law: Float[Tensor, " cells"]
    n: int
    d: int

    @classmethod
    def of(cls, world: worlds.World) -> Small:
        """Enumerate a world."""
        return cls(world.law(), world.n, world.d)

    def denoiser(self) -> Callable[[Tensor], Tensor]:
        """Return the exact log-conditionals, uniform where the state has probability zero."""
        table = marginal_table(self.law[None], self.n, self.d)
        return lambda z: row_conditionals(table, torch.zeros(len(z), dtype=torch.long), z, self.n, self.d).log()


def six_atoms() -> Small:
    """Return the fixture."""
    law = torch.zeros(32, dtype=torch.float64)
    for cell, weight in SIX_ATOMS.items():
        law[cell] = weight
    return Small(law / law.sum(), 5, 2)


def wide_patches() -> Small:
    """Return the upper 2x3 part of the 3x3 patches of handwritten digits."""
    return Small(worlds.digit_patches(3).law().reshape(64, 8).sum(-1), 6, 2)


def _dirichlet(concentration: float) -> Small:
    return Small.of(worlds.dirichlet(5, 3, concentration, Generator().manual_seed(0)))


WORLDS: dict[str, Callable[[], Small]] = {
    "Markov chain": lambda: Small.of(sticky_chain(6)),
    "copied pairs": lambda: Small.of(worlds.copied_pairs(3)),
    "even parity": lambda: Small.of(worlds.even_parity(6)),
    "MDS code": lambda: Small.of(worlds.mds_code(4, 2, 5)),
    "Dirichlet(1)": lambda: _dirichlet(1.0),
    "Dirichlet(0.05)": lambda: _dirichlet(0.05),
    "digit patches": wide_patches,
    "English 3-grams": lambda: Small.of(worlds.english_letters(3)),
    "six atoms": six_atoms,
}


def small(name: str) -> Small:
    """Return a world by name. Raises InvalidInput for an unknown one."""
    if name not in WORLDS:
        raise unknown("world", name, WORLDS)
    return WORLDS[name]()
