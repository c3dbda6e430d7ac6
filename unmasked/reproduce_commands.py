"""`unmasked reproduce`: everything again from nothing, models included, and what moved."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from figures import drawing
from figures.gallery import Entry
from synthetic import published
from synthetic.claims import registry
from synthetic.comparing import difference
from synthetic.digest import PROJECT
from synthetic.judging import judge_all, shifted
from synthetic.progress import Silent, reporter
from synthetic.records import Store
from synthetic.sweep import Pool, require
from theory.errors import InvalidInput
from theory.files import write_atomically
from unmasked.options import Reproduce
from unmasked.record_commands import cost_of

PUBLISHED_SEEDS = 100
"""All published seeds are below."""


def reproduce(command: Reproduce, known: Mapping[str, Entry]) -> int:
    """Compute every record and draw every figure in a folder of their own; compare them with the published ones."""
    if command.other_seeds:
        return repeat(command)
    start = time.perf_counter()
    folder, store = _apart(command, "reproduced")
    gallery = folder / "gallery"
    due = drawing.plans((), command.preset, gallery, known, store)
    names = sorted({name for each in due for name in each.statuses})
    configs = {name: store.preset(name, command.preset) for name in names}
    begun = folder.exists()
    for name in take_published(store, configs):
        print(f"{name}: taken as published, since a package that it asks for is not installed")
    stale = {name: config for name, config in configs.items() if not store.status(name, config).fresh}
    kept = f"; what is in {folder} already is kept, remove it to start from nothing" if begun else ""
    print(f"to compute: {cost_of(store, stale) if stale else 'nothing'}, and {len(due)} figures to draw{kept}")
    due = drawing.plans((), command.preset, gallery, known, store)
    drawing.draw_all(due, command.preset, gallery, known, store, Pool(command.jobs))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"saved {size / 2**20:.0f} MB in {folder}, {(time.perf_counter() - start) / 60:.1f} minutes")
    report(store, gallery, command.preset)
    if command.publish:
        publish(store, gallery, command.preset)
    return 0


def take_published(store: Store, configs: Mapping[str, Any]) -> list[str]:
    """Copy the published runs of experiments that lack a package, and return the names of those experiments.

    Raises InvalidInput, as the experiment itself does, where such a run is not published.
    """
    taken = []
    for name, config in configs.items():
        absent = [run for run in store.missing(name, config) if not _possible(store, name, run)]
        for run in absent:
            own = store.path(name, run)
            source = published.path(published.FOLDER, own)
            if not source.exists():
                require(store, {name: run})
            write_atomically(own, published.unpacked(source))
        taken += [name] if absent else []
    return taken


def _possible(store: Store, name: str, run: Any) -> bool:
    try:
        require(store, {name: run})
    except InvalidInput:
        return False
    return True


def report(store: Store, gallery: Path, preset: str) -> None:
    """Say which tables of the gallery moved, and which verdicts."""
    import pandas as pd

    ours = drawing.default_folder("laptop")
    moved = 0
    for path in sorted(gallery.glob("*.csv")):
        if not (ours / path.name).exists():
            print(f"gallery {path.stem}: not published yet")
            continue
        try:
            found = difference(pd.read_csv(path), pd.read_csv(ours / path.name))
        except InvalidInput as error:
            print(f"gallery {path.stem}: {error}")
            moved += 1
            continue
        moved += bool(found.moved)
        if found.moved:
            print(f"gallery {path.stem}: {found}")
    print(f"{moved} of {len(list(gallery.glob('*.csv')))} tables of the gallery moved")
    compare_verdicts(_verdicts(store, preset), store, preset)


def repeat(command: Reproduce) -> int:
    """Judge every claim about trained models with seeds that are none of the published ones, on the same test items.

    Raises InvalidInput where the number added to the seeds leaves some of them published ones.
    """
    if command.other_seeds < PUBLISHED_SEEDS:
        raise InvalidInput(
            f"--other-seeds {command.other_seeds}; expected {PUBLISHED_SEEDS} or more: below are the published seeds"
        )
    _, store = _apart(command, "repeated")
    names = sorted({name for claim in registry().values() for name in claim.experiments})
    wanted = {name: shifted(store.preset(name, command.preset), command.other_seeds) for name in names}
    lacking = {name for name, config in wanted.items() if not _possible(store, name, config)}
    for name in sorted(lacking):
        print(f"{name}: its claims are left out, since a package that it asks for is not installed")
    claims = {name: claim for name, claim in registry().items() if not lacking & set(claim.experiments)}
    stale = {n: each for n, each in wanted.items() if n not in lacking and not store.status(n, each).fresh}
    print(f"to compute: {cost_of(store, stale) if stale else 'nothing'}")
    with reporter() as progress:
        judged = judge_all(claims, command.preset, Pool(command.jobs), progress, store, command.other_seeds)
    compare_verdicts({each.claim.id: each.verdict for each in judged}, store, command.preset)
    return 0


def compare_verdicts(now: Mapping[str, str | None], store: Store, preset: str) -> None:
    """Say which verdicts differ from those on the published records, and how many became their opposite."""
    there = Store(store.root.parent / "published")  # nothing of one's own in it: what it finds is published
    before = {name: verdict for name, verdict in _verdicts(there, preset).items() if verdict is not None}
    changed = [name for name in before if now.get(name) not in (None, before[name])]
    for name in changed:
        print(f"verdict {name}: {before[name]} -> {now[name]}")
    opposite = [name for name in changed if "undecided" not in (before[name], now[name])]
    judged = [name for name in before if now.get(name) is not None]
    print(f"{len(changed)} of {len(judged)} published verdicts changed, {len(opposite)} of them to the opposite")


def publish(store: Store, gallery: Path, preset: str) -> None:
    """Put these figures and the records of trained models in the place of the published ones."""
    target = drawing.default_folder("laptop")
    for path in sorted(gallery.iterdir()):
        if path.is_file():
            write_atomically(target / path.name, path.read_bytes())
    names = sorted({experiment for claim in registry().values() for experiment in claim.experiments})
    configs = {name: store.preset(name, preset) for name in names}
    paths = [
        store.path(name, run) for name, config in configs.items() for run in store.parts(name, config) or (config,)
    ]
    size = published.publish(published.FOLDER, paths)
    shutil.rmtree(store.root.parent / "published", ignore_errors=True)
    print(f"published {len(paths)} records of trained models, {size / 2**20:.1f} MB, and the gallery")


def _apart(command: Reproduce, name: str) -> tuple[Path, Store]:
    """Return a folder of its own for this work, and a store that finds nothing but what is computed in it."""
    folder = command.out or PROJECT / "build" / name
    os.environ["UNMASKED_RECORDS"], os.environ["UNMASKED_MODELS"] = str(folder / "records"), str(folder / "models")
    return folder, Store(folder / "records", shared=None)


def _verdicts(store: Store, preset: str) -> dict[str, str | None]:
    """Return the verdict on every claim about trained models whose records are all there, None for the others."""
    found: dict[str, str | None] = {}
    for name, claim in registry().items():
        configs = {each: store.preset(each, preset) for each in claim.experiments}
        ready = not any(store.missing(each, config) for each, config in configs.items())
        found[name] = judge_all({name: claim}, preset, Pool(), Silent(), store)[0].verdict if ready else None
    return found
