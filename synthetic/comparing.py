"""How far two tables that should be equal differ: which numbers moved, and by how much."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theory.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Difference:
    """The numbers of two tables: how many there are, how many differ, and the largest relative difference."""

    numbers: int
    moved: int
    largest: float
    where: str = ""

    def __str__(self) -> str:
        if not self.moved:
            return f"all {self.numbers:,} numbers are equal"
        share = f"{self.moved:,} of {self.numbers:,} numbers moved"
        return f"{share}, by at most {self.largest:.2g} of their size ({self.where})"


def difference(one: pd.DataFrame, two: pd.DataFrame) -> Difference:
    """Compare two tables cell by cell; a cell of text may hold several numbers, separated by blanks.

    A difference is relative to the larger of the two numbers, and counts as whole where one of them is missing. Raises
    InvalidInput for tables of other shapes or columns, or with other counts of numbers in one.
    """
    if list(one.columns) != list(two.columns) or len(one) != len(two):
        raise InvalidInput(
            f"tables of {len(one)} x {len(one.columns)} and {len(two)} x {len(two.columns)} cells; expected the same "
            "rows and columns"
        )
    numbers, moved, largest, where = 0, 0, 0.0, ""
    for name in one.columns:
        mine, theirs = (_numbers(table[name]) for table in (one, two))
        if len(mine) != len(theirs):
            raise InvalidInput(f"column {name} holds {len(mine)} and {len(theirs)} numbers; expected as many in both")
        apart = _relative(mine, theirs)
        numbers += len(mine)
        moved += int((apart > 0).sum())
        if len(apart) and apart.max() > largest:
            largest, where = float(apart.max()), name
    return Difference(numbers, moved, largest, where)


def numbers(table: pd.DataFrame) -> np.ndarray:
    """Return all numbers of a table, column by column, in one row."""
    return np.concatenate([_numbers(table[name]) for name in table.columns])


def _numbers(column: pd.Series) -> np.ndarray:  # type: ignore[type-arg]  # of any type
    """Return all numbers in a column; a word counts as the number that its checksum is."""
    if column.dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64)
    return np.array([_number(part) for text in column for part in str(text).split()], dtype=np.float64)


def _number(part: str) -> float:
    try:
        return float(part)
    except ValueError:
        return float(zlib.crc32(part.encode()))


def _relative(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    size = np.maximum(np.abs(one), np.abs(two))
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - two) / np.where(size > 0, size, 1.0)
    equal = (one == two) | (np.isnan(one) & np.isnan(two))
    return np.where(equal, 0.0, np.where(np.isnan(apart), 1.0, apart))
