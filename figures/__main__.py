"""Command line of the figures: list them, draw those whose records, code or files changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from figures import gallery
from figures.gallery import FIGURES, Entry
from figures.stamps import STYLE, Plan, fingerprint, plan, write_stamp
from synthetic.digest import PROJECT
from synthetic.loading import load
from synthetic.progress import reporter
from synthetic.records import PRESETS, Record, Store
from synthetic.sweep import Pool, compute
from theory.errors import InvalidInput, unknown
from theory.files import make_folder


@dataclass(frozen=True)
class Options:
    """Draw figures from records, computing what is missing. `list` names them all."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """The figures to draw; all where none is named."""
    preset: str = "laptop"
    """The size of the experiments: smoke, laptop or gpu."""
    out: Path | None = None
    """The folder to write to; figures/gallery for laptop, build/gallery-PRESET for the others."""
    explain: bool = False
    """Say what would be computed and drawn, and why; do neither."""
    force: bool = False
    """Compute and draw everything again."""
    jobs: int = os.cpu_count() or 1
    """How many processes share the experiments, each on one thread."""


def main(
    args: Sequence[str] | None = None,
    figures: Mapping[str, Entry] = FIGURES,
    store: Store | None = None,
) -> int:
    """Run one command and return its exit code."""
    options = tyro.cli(Options, prog="python -m figures", args=args)
    try:
        if options.names == ("list",):
            _list(figures)
        elif options.explain:
            _explain(_plans(options, figures, store or Store()))
        else:
            _draw_all(options, figures, store or Store())
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _list(figures: Mapping[str, Entry]) -> None:
    width = max(map(len, figures), default=0)
    for name, entry in figures.items():
        print(f"{name:<{width}}  {entry.paper}, {entry.figure}: {entry.caption}")


def _plans(options: Options, figures: Mapping[str, Entry], store: Store) -> list[Plan]:
    if options.preset not in PRESETS:
        raise unknown("preset", options.preset, PRESETS)
    return [
        plan(name, entry, store, options.preset, _out(options))
        for name, entry in gallery.select(options.names, figures).items()
    ]


def _explain(plans: list[Plan]) -> None:
    for each in plans:
        print(f"{each.name}: {'; '.join(each.reasons) or 'up to date'}")


def _draw_all(options: Options, figures: Mapping[str, Entry], store: Store) -> None:
    plans, out = _plans(options, figures, store), _out(options)
    make_folder(out)
    due = [each for each in plans if each.reasons or options.force]
    records = _records({experiment for each in due for experiment in each.statuses}, options, store)
    for each in plans:
        if each not in due:
            print(f"{each.name}: up to date")
            continue
        mine = {experiment: records[experiment] for experiment in each.statuses}
        _draw(each.name, figures[each.name], mine, options.preset, store, out)
    gallery.write_page(figures, out, "" if options.preset == "laptop" else f" --preset {options.preset}")


def _records(experiments: set[str], options: Options, store: Store) -> dict[str, Record]:
    """Compute what is not fresh, all at once, and return every record."""
    configs = {name: store.preset(name, options.preset) for name in sorted(experiments)}
    stale = {name: config for name, config in configs.items() if options.force or not store.status(name, config).fresh}
    with reporter() as progress:
        compute(store, stale, Pool(options.jobs), progress, force=options.force)
    return {name: store.get_or_compute(name, config) for name, config in configs.items()}


def _draw(name: str, entry: Entry, records: dict[str, Record], preset: str, store: Store, out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from figures.saving import save

    checksums = {experiment: record.checksum for experiment, record in records.items()}
    current = fingerprint(entry.module, checksums, preset, store.sources)
    with pyplot.style.context(STYLE, after_reset=True):
        figure, table = load(entry.module, store.sources)[0].draw(records)
        save(figure, table, name, out)
        pyplot.close(figure)
    write_stamp(name, current, store, out)
    print(f"{name}: drawn in {out}")


def _out(options: Options) -> Path:
    if options.out is not None:
        return options.out
    if options.preset == "laptop":
        return PROJECT / "figures" / "gallery"
    return PROJECT / "build" / f"gallery-{options.preset}"


if __name__ == "__main__":
    sys.exit(main())
