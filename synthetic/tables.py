"""Two real tables that scikit-learn ships, a row a sequence and a column a token: what learned orders are asked on.

Each measured column is cut at its quantiles into as many classes as the other columns have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray
from torch import Generator, Tensor

from theory.errors import InvalidInput, unknown


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of tokens 0..d-1 and the names of the columns."""

    rows: Int[Tensor, "rows n"]
    d: int
    columns: tuple[str, ...]

    def split(self, seed: int, held_out: float = 0.3) -> tuple[Int[Tensor, "train n"], Int[Tensor, "test n"]]:
        """Return rows to train on and held-out ones, drawn by the seed."""
        order = torch.randperm(len(self.rows), generator=Generator().manual_seed(seed))
        test = round(held_out * len(self.rows))
        return self.rows[order[test:]], self.rows[order[:test]]


def wine() -> Table:
    """Return 178 Italian wines: the cultivar and the first seven measurements, in three classes each."""
    data = _loaded("load_wine")
    columns = [data.target, *(quantised(column, 3) for column in data.data.T[:7])]
    return Table(torch.from_numpy(np.stack(columns, 1)).long(), 3, ("cultivar", *data.feature_names[:7]))


def breast_cancer() -> Table:
    """Return 569 tumours: the ten means over a sample's cell nuclei, in four classes each."""
    data = _loaded("load_breast_cancer")
    columns = [quantised(column, 4) for column in data.data.T[:10]]
    names = tuple(str(name).removeprefix("mean ") for name in data.feature_names[:10])
    return Table(torch.from_numpy(np.stack(columns, 1)).long(), 4, names)


TABLES: dict[str, Callable[[], Table]] = {"wine": wine, "breast cancer": breast_cancer}


def table(name: str) -> Table:
    """Return a table by name. Raises InvalidInput for an unknown one."""
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    return TABLES[name]()


def quantised(column: ndarray, classes: int) -> ndarray:
    """Return the class of each number, cut at the column's quantiles."""
    return np.searchsorted(np.quantile(column, np.arange(1, classes) / classes), column, side="left")


def _loaded(name: str):  # type: ignore[no-untyped-def]  # scikit-learn has no types
    try:
        from sklearn import datasets
    except ImportError as error:
        raise InvalidInput("real tables need scikit-learn; install it: pip install scikit-learn") from error
    return getattr(datasets, name)()
