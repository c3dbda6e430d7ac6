"""The commands on experiments and figures: run, figures, and what explain says of them."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from figures import drawing, elements
from figures.gallery import FIGURES, Entry
from figures.stamps import Plan
from synthetic import live
from synthetic.digest import PROJECT, source_path, syntax_tree
from synthetic.encoding import encode_config
from synthetic.progress import reporter
from synthetic.records import Status, Store
from synthetic.sweep import Pool, compute
from theory.errors import InvalidInput, unknown
from unmasked.options import Explain, Figures, Run


def carry_out(
    command: Run | Figures | Explain, store: Store | None = None, known: Mapping[str, Entry] | None = None
) -> int:
    """Run one of the commands and return its exit code; `known` are the figures there are."""
    store, known = store or Store(), FIGURES if known is None else known
    match command:
        case Run():
            run(command, store)
        case Figures():
            figures(command, store, known)
        case Explain():
            return explain(command, store, known)
    return 0


def run(command: Run, store: Store) -> None:
    """Compute the named experiments' records, saying the cost first; list the experiments where none is named."""
    if not command.names:
        width = max(map(len, store.experiments), default=0)
        for name, module in store.experiments.items():
            print(f"{name:<{width}}  {_summary(module, store)}")
        return
    if command.device is not None:
        os.environ["UNMASKED_DEVICE"] = command.device
    configs = {name: store.preset(name, command.preset) for name in command.names}
    stale = {}
    for name, config in configs.items():
        if store.status(name, config).fresh and not command.force:
            print(f"{name}: up to date")
        else:
            stale[name] = config
    announce(store, stale, command.force)
    with reporter() as progress:
        compute(store, stale, Pool(command.jobs, command.cluster), progress, force=command.force)


def figures(command: Figures, store: Store, known: Mapping[str, Entry]) -> None:
    """Draw figures, or say what they are or what drawing them involves."""
    if command.all and command.names:
        raise InvalidInput(f"--all beside {', '.join(command.names)}; name figures, or draw all")
    if command.set:
        _with_settings(command)
        return
    if command.paper is not None and not command.all:
        _list_elements(command.paper)
        return
    out = command.out or drawing.default_folder(command.preset)
    names = command.names if command.paper is None else elements.figures_of(command.paper)
    due = drawing.plans(names, command.preset, out, known, store)
    if command.list or not (command.names or command.all or command.explain):
        _list_figures(due, command.preset, store, known)
        return
    if command.explain:
        for each in due:
            print(f"{each.name}: {'; '.join(each.reasons) or 'up to date'}")
        return
    wanted = {name for each in due if each.reasons or command.force for name in each.statuses}
    configs = {name: store.preset(name, command.preset) for name in sorted(wanted)}
    announce(store, {n: c for n, c in configs.items() if command.force or not store.status(n, c).fresh}, command.force)
    drawing.draw_all(due, command.preset, out, known, store, Pool(command.jobs), force=command.force)
    if command.all and command.paper is None and command.preset == "laptop" and live.is_due(store):
        with reporter() as progress:
            print(live.check(store, progress))


def announce(store: Store, wanted: dict[str, Any], force: bool = False) -> None:
    """Say how many models will be trained, about how long that takes, and how many runs there are."""
    if wanted:
        print(f"to compute: {cost_of(store, wanted, force)}")


def cost_of(store: Store, wanted: dict[str, Any], force: bool = False) -> str:
    """Return in words what computing these experiments' records takes."""
    from synthetic import judging

    return str(judging.Cost(frozenset(), tuple(wanted), *judging.costs_of(store, wanted, force)))


def explain(command: Explain, store: Store, known: Mapping[str, Entry]) -> int:
    """Say what is known of a claim, an experiment or a figure."""
    from unmasked import claim_commands
    from unmasked.selection import index, own

    name = command.name
    if ":" in name:
        return claim_commands.explain(own(name))
    claims = index()
    if name in claims:
        return claim_commands.explain(claims[name])
    if name not in known and name not in store.experiments:
        raise unknown("claim, experiment or figure", name, {*claims, *known, *store.experiments})
    if name in known:
        entry = known[name]
        print(f"figure {name}: {entry.paper}, {entry.figure}\n  {entry.caption}")
        (due,) = drawing.plans([name], command.preset, drawing.default_folder(command.preset), known, store)
        print(f"  {'; '.join(due.reasons) or 'up to date'}")
    if name in store.experiments:
        _explain_experiment(name, store.preset(name, command.preset), store)
    return 0


def describe(status: Status) -> str:
    """Say in one line what a status means for its record."""
    return "up to date" if status.fresh else f"to compute ({'; '.join(status.reasons)})"


def _list_elements(paper: str) -> None:
    """Print the elements of a paper, a line each: its name, its state, our figures, what it shows and the note."""
    rows = elements.of_paper(paper)
    width, wide = (
        max(len(text) for text in column) for column in ([e.element for e in rows], [*get_args(elements.State)])
    )
    for element in rows:
        where = f"{', '.join(element.figures)}: " if element.figures else ""
        note = f" ({element.note})" if element.note else ""
        print(f"{element.element:<{width}}  {element.state:<{wide}}  {where}{element.shows}{note}")
    print(f"{elements.coverage(rows)}; draw those with: unmasked figures --all --paper {paper}")


def _list_figures(due: Sequence[Plan], preset: str, store: Store, known: Mapping[str, Entry]) -> None:
    width = max(map(len, known), default=0)
    for each in due:
        entry = known[each.name]
        print(f"{each.name:<{width}}  {entry.paper}, {entry.figure}: {entry.caption}")
        print(f"{'':<{width}}  {_needs(each, preset, store)}")
    print("draw some by name, as in: unmasked figures toy; or all: unmasked figures --all")


def _needs(due: Plan, preset: str, store: Store) -> str:
    """Say what drawing a figure would compute first."""
    if not due.reasons:
        return "up to date"
    stale = {name: store.preset(name, preset) for name, status in due.statuses.items() if not status.fresh}
    return f"needs {cost_of(store, stale)}" if stale else "needs to be drawn; its records are there"


def _with_settings(command: Figures) -> None:
    if len(command.names) != 1:
        raise InvalidInput(f"--set changes one figure; {len(command.names)} are named: name one")
    out = command.out or PROJECT / "build" / "figures"
    found = drawing.draw(command.names[0], command.preset, out, **drawing.parsed(command.set))
    print("\n".join(f"drawn in {path}" for path in found.paths))


def _explain_experiment(name: str, config: Any, store: Store) -> None:
    print(f"experiment {name}: {_summary(store.module(name), store)}")
    print(f"  {describe(store.status(name, config))}")
    print(f"  settings: {', '.join(f'{key}={value}' for key, value in encode_config(config).items())}")
    parts, missing = store.parts(name, config), store.missing(name, config)
    if parts:
        print(f"  {len(parts) - len(missing)} of {len(parts)} runs are there")
    for part in missing if parts else []:
        chosen = ", ".join(f"{key} {value}" for key, value in encode_config(part).items() if _differs(key, part, parts))
        print(f"  {chosen}: {'; '.join(store.status(name, part).reasons)}")


def _differs(key: str, part: Any, parts: tuple[Any, ...]) -> bool:
    return any(getattr(other, key) != getattr(part, key) for other in parts)


def _summary(module: str, store: Store) -> str:
    path = source_path(module, store.sources)
    text = ast.get_docstring(syntax_tree(path)) if path else None
    return text.splitlines()[0] if text else ""
