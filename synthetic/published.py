"""Published records: those of trained models that the gallery was drawn from, committed beside it.

One compressed file a run, with the same payload and checksum as a record of one's own. They let a fresh checkout draw
every figure without training; `unmasked reproduce` computes them anew and says what moved.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from pathlib import Path

from synthetic.digest import PROJECT
from synthetic.sealed import Damage
from theory.files import write_atomically

FOLDER = PROJECT / "figures" / "gallery" / "records"
SUFFIX = ".json.xz"


def path(folder: Path, own: Path) -> Path:
    """Return where the published copy of a record lies, from the path of one's own."""
    return folder / own.parent.name / f"{own.stem}{SUFFIX}"


def unpacked(path: Path) -> bytes:
    """Return the content of a published record. Raises Damage where it is cut short or altered."""
    try:
        return lzma.decompress(path.read_bytes())
    except lzma.LZMAError as error:
        raise Damage(f"not a whole compressed file ({error})") from error


def seconds(folder: Path, experiment: str) -> dict[str, float]:
    """Return how long each published run of an experiment took on one core where it was made, by the record's name.

    Damaged records are left out.
    """
    times = {}
    for each in folder.glob(f"{experiment}/*{SUFFIX}"):
        try:
            times[each.name.removesuffix(SUFFIX)] = float(json.loads(unpacked(each))["payload"]["seconds"])
        except (Damage, ValueError, KeyError, TypeError):
            continue
    return times


def publish(folder: Path, records: Iterable[Path]) -> int:
    """Make the published records exactly these, copies of one's own; return the bytes that they take."""
    kept, size = set(), 0
    for own in records:
        target = path(folder, own)
        packed = lzma.compress(own.read_bytes(), preset=9 | lzma.PRESET_EXTREME)
        write_atomically(target, packed)
        kept.add(target)
        size += len(packed)
    for old in folder.glob(f"*/*{SUFFIX}"):
        if old not in kept:
            old.unlink()
    return size
