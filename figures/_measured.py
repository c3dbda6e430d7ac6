"""What the figures on measured models share: the rows of the record by source, and the panels' looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pandas import DataFrame, concat

from figures.model_page import COLORS as COLORS
from figures.model_page import MARKERS as MARKERS
from figures.model_page import error_lengths as error_lengths
from synthetic.records import Record

EXPERIMENT = "pretrained"


def rows_by_source(records: Mapping[str, Record]) -> dict[str, DataFrame]:
    """Return the measured rows of each source, in the order of the record."""
    table = records[EXPERIMENT].table
    return {str(source): rows for source, rows in table.groupby("source", sort=False)}


def by_source(records: Mapping[str, Record], make: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """Return a table of `synthetic.measuring` for each source, one below the other, with the source in front."""
    tables = []
    for source, rows in rows_by_source(records).items():
        table = make(rows)
        table.insert(0, "source", source)
        tables.append(table)
    return concat(tables, ignore_index=True)


def in_lines(source: str) -> str:
    """Return a source's name on two lines, for a title."""
    return source.replace(", ", ",\n")
