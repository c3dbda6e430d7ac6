"""Published records: those of trained models that the gallery was drawn from, committed beside it.

One compressed file a run, with the same payload and checksum as a record of one's own. They let a fresh checkout draw
every figure without training; `unmasked reproduce` computes them anew and says what moved.
"""

from __future__ import annotations

import json
import lzma
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from synthetic.digest import PROJECT
from synthetic.encoding import canonical
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
    return {name: spent for name, _, spent in _runs(folder, experiment)}


def expected_seconds(folder: Path, experiment: str, runs: Mapping[str, Any]) -> dict[str, float]:
    """Return about how long runs take, from record's name and encoded config, by the record's name.

    It is what the published record of a run says, else the mean of those that differ from it in their seeds alone; 0
    where there is none.
    """
    known, alike = {}, dict[bytes, list[float]]()
    for name, config, spent in _runs(folder, experiment):
        known[name] = spent
        alike.setdefault(but_for_seeds(config), []).append(spent)
    mean = {settings: statistics.fmean(times) for settings, times in alike.items()}
    return {name: known.get(name, mean.get(but_for_seeds(config), 0.0)) for name, config in runs.items()}


def but_for_seeds(config: Any) -> bytes:
    """Return one byte string for all encoded configs that differ in seeds alone, their own or those inside them."""
    return canonical(_without_seeds(config))


def _without_seeds(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_seeds(each) for each in part]
    if isinstance(part, dict):
        return {name: _without_seeds(value) for name, value in part.items() if name != "seeds"}
    return part


def _runs(folder: Path, experiment: str) -> Iterator[tuple[str, Any, float]]:
    """Yield name, encoded config and seconds of each published run that is not damaged."""
    for each in sorted(folder.glob(f"{experiment}/*{SUFFIX}")):
        try:
            payload = json.loads(unpacked(each))["payload"]
            yield each.name.removesuffix(SUFFIX), payload["config"], float(payload["seconds"])
        except (Damage, ValueError, KeyError, TypeError):
            continue


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
