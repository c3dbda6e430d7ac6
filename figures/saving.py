"""Writing one figure: a PNG of bounded size, a reproducible PDF, and a CSV of what is plotted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from theory.errors import InvalidInput
from theory.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

PNG_LIMIT = 300_000
RESOLUTIONS = (220, 180, 150, 120, 100, 80)
DIGITS = 12
ROUNDING = 1e-14
"""Numbers below are sums that cancel in double precision: no plotted quantity is that small."""
SUFFIXES = ("png", "pdf", "csv")


def save(fig: Figure, table: DataFrame, name: str, out: Path) -> tuple[Path, ...]:
    """Write `name`.png, .pdf and .csv into `out`, each in one step, and return their paths."""
    contents = {
        "png": _png(fig, name),
        "pdf": _pdf(fig),
        "csv": settled(table).to_csv(index=False, lineterminator="\n").encode(),
    }
    paths = output_paths(name, out)
    for path in paths:
        write_atomically(path, contents[path.suffix[1:]])
    return paths


def settled(table: DataFrame) -> DataFrame:
    """Return a table without its last digits, which differ between machines: twelve are kept, and rounding is zero."""

    def cell(value: float) -> float:
        return 0.0 if abs(value) < ROUNDING else float(f"{value:.{DIGITS}g}")

    return table.assign(**{name: table[name].map(cell) for name in table.select_dtypes("float").columns})


def output_paths(name: str, out: Path) -> tuple[Path, ...]:
    """Return the files that `save` writes."""
    return tuple(out / f"{name}.{suffix}" for suffix in SUFFIXES)


def _png(fig: Figure, name: str) -> bytes:
    for dpi in RESOLUTIONS:
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=dpi)
        if buffer.tell() < PNG_LIMIT:
            return buffer.getvalue()
    raise InvalidInput(
        f"figure {name} takes {buffer.tell()} bytes as a PNG even at {dpi} dpi, and "
        f"{PNG_LIMIT} is the limit; draw it smaller or with fewer points"
    )


def _pdf(fig: Figure) -> bytes:
    buffer = io.BytesIO()
    fig.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()
