"""Command line of the experiments: list them, run them, and say what would be run and why."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from synthetic.digest import source_path, syntax_tree
from synthetic.progress import reporter
from synthetic.records import Status, Store
from theory.errors import InvalidInput


@dataclass(frozen=True)
class List:
    """Name every experiment, with what it computes."""


@dataclass(frozen=True)
class Run:
    """Compute the records of experiments, where they are not fresh."""

    names: tyro.conf.Positional[tuple[str, ...]]
    """The experiments to run."""
    preset: str = "laptop"
    """The size: smoke, laptop or gpu."""
    force: bool = False
    """Compute them even where they are fresh."""


@dataclass(frozen=True)
class Explain:
    """Say whether an experiment would be computed, and why; compute nothing."""

    name: tyro.conf.Positional[str]
    """The experiment to explain."""
    preset: str = "laptop"
    """The size: smoke, laptop or gpu."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Explain, tyro.conf.subcommand("explain")]
)


def main(args: Sequence[str] | None = None, store: Store | None = None) -> int:
    """Run one command and return its exit code."""
    command = tyro.cli(Command, prog="python -m synthetic", args=args)
    try:
        _carry_out(command, store or Store())
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def describe(status: Status) -> str:
    """Say in one line what a status means for its record."""
    return "up to date" if status.fresh else f"to compute ({'; '.join(status.reasons)})"


def _carry_out(command: List | Run | Explain, store: Store) -> None:
    match command:
        case List():
            width = max(map(len, store.experiments), default=0)
            for name, module in store.experiments.items():
                print(f"{name:<{width}}  {_summary(module, store.sources)}")
        case Explain(name, preset):
            print(f"{name}: {describe(store.status(name, store.preset(name, preset)))}")
        case Run(names, preset, force):
            _run(names, preset, force, store)


def _run(names: tuple[str, ...], preset: str, force: bool, store: Store) -> None:
    if not names:
        raise InvalidInput("no experiment named; `python -m synthetic list` shows them")
    configs = {name: store.preset(name, preset) for name in names}
    with reporter() as progress:
        for name, config in configs.items():
            if store.status(name, config).fresh and not force:
                print(f"{name}: up to date")
                continue
            record = store.get_or_compute(name, config, force=force, progress=progress)
            print(f"{name}: {len(record.table)} rows computed in {record.seconds:.1f} s")


def _summary(module: str, sources: Path) -> str:
    path = source_path(module, sources)
    text = ast.get_docstring(syntax_tree(path)) if path else None
    return text.splitlines()[0] if text else ""


if __name__ == "__main__":
    sys.exit(main())
