"""The worlds small enough that every unmasking rule is walked over all of its states, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Generator

from theory import worlds
from theory.errors import unknown
from theory.worlds import TableWorld, World
from theory.worlds.table import table_of
from theory.worlds.tree import sticky_chain

SIX_ATOMS = {0b00111: 31, 0b01010: 40, 0b01101: 50, 0b01110: 10, 0b10111: 52, 0b11101: 83}
"""The fixture of the EB-Sampler notes on which E[NFE] is not monotone in the budget; n = 5, d = 2."""


def six_atoms() -> TableWorld:
    """Return the fixture."""
    return TableWorld.from_weights([SIX_ATOMS.get(cell, 0) for cell in range(32)], 5, 2, "six atoms")


def wide_patches() -> TableWorld:
    """Return the upper 2x3 part of the 3x3 patches of handwritten digits."""
    return TableWorld(worlds.digit_patches(3).law().reshape(64, 8).sum(-1), 6, 2, "digit patches")


def _dirichlet(concentration: float) -> TableWorld:
    return worlds.dirichlet(5, 3, concentration, Generator().manual_seed(0))


WORLDS: dict[str, Callable[[], World]] = {
    "Markov chain": lambda: sticky_chain(6),
    "copied pairs": lambda: worlds.copied_pairs(3),
    "even parity": lambda: worlds.even_parity(6),
    "MDS code": lambda: worlds.mds_code(4, 2, 5),
    "Dirichlet(1)": lambda: _dirichlet(1.0),
    "Dirichlet(0.05)": lambda: _dirichlet(0.05),
    "digit patches": wide_patches,
    "English 3-grams": lambda: worlds.english_letters(3),
    "six atoms": six_atoms,
}


def small(name: str) -> TableWorld:
    """Return a world by name, as a table. Raises InvalidInput for an unknown one."""
    if name not in WORLDS:
        raise unknown("world", name, WORLDS)
    return table_of(WORLDS[name]())
