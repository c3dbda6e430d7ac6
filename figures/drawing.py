"""Drawing: which figures are due, their records, the files they become, and one figure with settings of one's own."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from figures import gallery, gallery_page
from figures.gallery import FIGURES, Entry
from figures.saving import save
from figures.settings import fitted
from figures.stamps import STYLE, Plan, experiments, fingerprint, plan, write_stamp
from synthetic.digest import PROJECT
from synthetic.loading import load
from synthetic.progress import Progress, reporter
from synthetic.records import PRESETS, Record, Store
from synthetic.sweep import Pool, compute
from theory.errors import InvalidInput, unknown
from theory.files import make_folder
from theory.showing import Shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KINDS = ("task", "model", "puzzles")
"""Columns of records whose values may have different numbers of seeds."""


@dataclass(frozen=True, repr=False)
class Drawing(Shown):
    """A figure that was drawn: the matplotlib figure, the table of what is plotted, and its files."""

    name: str
    figure: Figure
    table: pd.DataFrame
    paths: tuple[Path, ...]

    def _facts(self) -> dict[str, object]:
        return {"rows plotted": len(self.table), "files": ", ".join(map(str, self.paths)) or "none written"}

    _repr_html_ = None  # type: ignore[assignment]  # a notebook would show the table in place of the picture

    def _repr_png_(self) -> bytes:
        import io

        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=120)
        return buffer.getvalue()


def draw(name: str, preset: str = "laptop", out: Path | str | None = None, **settings: Any) -> Drawing:
    """Draw one figure of the gallery, with settings in place of its experiment's own; written where `out` is given.

    Settings are fields of the experiment's config, as in draw("steps", most=4). Experiments on worlds take
    worlds={"mine": world}, and `frontiers` takes rules=[rule]. What was computed with plain settings is kept and found
    again. Raises InvalidInput with the nearest names for an unknown figure or setting.
    """
    entry = gallery.select([name], FIGURES)[name]
    store = Store()
    configs = configured(entry, store, preset, settings)
    with reporter() as progress:
        records = {each: _record(store, each, config, progress) for each, config in configs.items()}
    drawing, sentences = _drawn(name, entry, records, store, None if out is None else Path(out))
    if out is not None and sentences is not None:
        gallery_page.write_computed(name, sentences, Path(out))
    return drawing


def style() -> None:
    """Give every matplotlib figure drawn from now on the look of the gallery: sizes, fonts, colours, line styles."""
    from matplotlib import pyplot

    pyplot.style.use(STYLE)


def configured(entry: Entry, store: Store, preset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of each experiment behind a figure, with the settings that it has a field for."""
    configs = {each: store.preset(each, preset) for each in experiments(entry.module, store.sources)}
    fields = {field.name for config in configs.values() for field in dataclasses.fields(config)}
    for key in settings:
        if key not in fields:
            raise unknown("setting of this figure", key, fields)
    return {each: _replaced(config, settings) for each, config in configs.items()}


def configured_experiment(
    store: Store, experiment: str, preset: str, settings: Mapping[str, Any], progress: Progress
) -> Record:
    """Return the record of one experiment with settings in place of its preset's."""
    config = store.preset(experiment, preset)
    fields = [field.name for field in dataclasses.fields(config)]
    for key in settings:
        if key not in fields:
            raise unknown(f"setting of {experiment}", key, fields)
    return _record(store, experiment, _replaced(config, settings), progress)


def parsed(pairs: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE texts as settings; a value is a Python literal, else text."""
    found = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise InvalidInput(f"--set {pair}; expected NAME=VALUE, as in --set steps=4")
        try:
            found[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[key] = text
    return found


def plans(names: Sequence[str], preset: str, out: Path, figures: Mapping[str, Entry], store: Store) -> list[Plan]:
    """Return what drawing the named figures (all where none is named) involves."""
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    return [plan(name, entry, store, preset, out) for name, entry in gallery.select(names, figures).items()]


def draw_all(
    due: Sequence[Plan],
    preset: str,
    out: Path,
    figures: Mapping[str, Entry],
    store: Store,
    pool: Pool,
    *,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Draw the planned figures that are not up to date into a folder, computing the records that they miss.

    The processes of the pool share the runs, then the figures.
    """
    make_folder(out)
    stale = [each for each in due if each.reasons or force]
    configs = {name: store.preset(name, preset) for name in sorted({name for each in stale for name in each.statuses})}
    missing = {name: config for name, config in configs.items() if force or not store.status(name, config).fresh}
    for each in due:
        if each not in stale:
            say(f"{each.name}: up to date")
    with reporter() as progress:
        compute(store, missing, pool, progress, force=force)
        work = [partial(_stamped, each, figures[each.name], preset, store, out) for each in stale]
        for name, sentences in progress.track(Pool(pool.jobs).run(work), "figures", len(work)):
            if sentences is not None:
                gallery_page.write_computed(name, sentences, out)
            say(f"{name}: drawn in {out}")
    gallery_page.write_page(figures, out, "" if preset == "laptop" else f" --preset {preset}")


def default_folder(preset: str) -> Path:
    """Return where figures of a preset are written."""
    return PROJECT / "figures" / "gallery" if preset == "laptop" else PROJECT / "build" / f"gallery-{preset}"


def _stamped(due: Plan, entry: Entry, preset: str, store: Store, out: Path) -> tuple[str, str | None]:
    """Draw a figure from its stored records and note what it was drawn from; return its name and computed caption."""
    records = {name: store.get_or_compute(name, store.preset(name, preset)) for name in due.statuses}
    checksums = {name: record.checksum for name, record in records.items()}
    current = fingerprint(entry.module, checksums, preset, store.sources)
    sentences = _drawn(due.name, entry, records, store, out)[1]
    write_stamp(due.name, current, store, out)
    return due.name, sentences


def _record(store: Store, experiment: str, config: Any, progress: Progress) -> Record:
    """Return the stored record of a config where one can be kept, else one that was computed now."""
    try:
        store.path(experiment, config)
    except InvalidInput:
        return store.computed(experiment, config, progress)
    return store.get_or_compute(experiment, config, progress=progress)


def _drawn(
    name: str, entry: Entry, records: Mapping[str, Record], store: Store, out: Path | None
) -> tuple[Drawing, str | None]:
    """Draw a figure, written where `out` is given; return it with the computed part of its caption."""
    import matplotlib

    if matplotlib.get_backend(auto_select=False) is None:  # a notebook has chosen its own, which shows what follows
        matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.style.context(STYLE, after_reset=True):
        module = load(entry.module, store.sources)[0]
        figure, table = module.draw(records)
        paths = () if out is None else save(figure, table, name, out)
        sentences = [module.findings(table)] if hasattr(module, "findings") else []
        pyplot.close(figure)
    return Drawing(name, figure, table, paths), " ".join(filter(None, (*sentences, seeds(records)))) or None


def seeds(records: Mapping[str, Record]) -> str | None:
    """Say how many seeds a figure rests on where they are several, and whether tasks or models differ in it."""
    counts = []
    for table in (record.table for record in records.values() if "seed" in record.table):
        kinds = [name for name in KINDS if name in table]
        counts += list(table.groupby(kinds, dropna=False)["seed"].nunique()) if kinds else [table["seed"].nunique()]
    least, most = min(counts, default=1), max(counts, default=1)
    if most == 1:
        return None
    number = f"{most} seeds" if least == most else f"{least} to {most} seeds for each task or model"
    return f"The figure rests on {number}."


def _replaced(config: Any, settings: Mapping[str, Any]) -> Any:
    own = {field.name for field in dataclasses.fields(config)}
    hints, chosen = get_type_hints(type(config)), {}
    for key, value in settings.items():
        if key not in own:
            continue
        chosen[key] = fitted(key, value, hints[key])
    try:
        return dataclasses.replace(config, **chosen)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"settings {dict(settings)} do not fit {type(config).__name__}: {error}") from error
