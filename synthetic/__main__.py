"""Command line of the experiments: list them, run them, and say what would be run and why."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from synthetic.digest import PROJECT, source_path, syntax_tree
from synthetic.encoding import encode_config
from synthetic.progress import reporter
from synthetic.records import Status, Store
from synthetic.sweep import Pool, compute
from theory.errors import InvalidInput
from theory.files import write_atomically


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
    jobs: int = 1
    """How many processes share the runs, each on one thread."""
    cluster: str | None = None
    """The address of a Dask scheduler, tcp://host:port, whose workers see this folder."""
    device: str | None = None
    """Where models are trained and sampled: cpu or cuda; chosen by what there is where none is named."""


@dataclass(frozen=True)
class Explain:
    """Say whether an experiment would be computed, and why, and which of its runs are missing; compute nothing."""

    name: tyro.conf.Positional[str]
    """The experiment to explain."""
    preset: str = "laptop"
    """The size: smoke, laptop or gpu."""


@dataclass(frozen=True)
class Check:
    """Judge the empirical claims from the records of their experiments, computing what is missing."""

    ids: tyro.conf.Positional[tuple[str, ...]] = ()
    """The claims to judge; all where none is named."""
    preset: str = "laptop"
    """The size of the experiments: smoke, laptop or gpu."""
    jobs: int = 1
    """How many processes share the runs, each on one thread."""
    write: bool = False
    """Write the verdicts to docs/verdicts.md, and their table to README.md, as well."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Explain, tyro.conf.subcommand("explain")]
    | Annotated[Check, tyro.conf.subcommand("check")]
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


def _carry_out(command: List | Run | Explain | Check, store: Store) -> None:
    match command:
        case List():
            width = max(map(len, store.experiments), default=0)
            for name, module in store.experiments.items():
                print(f"{name:<{width}}  {_summary(module, store.sources)}")
        case Explain(name, preset):
            _explain(name, store.preset(name, preset), store)
        case Run():
            _run(command, store)
        case Check():
            _check(command, store)


def _explain(name: str, config: Any, store: Store) -> None:
    print(f"{name}: {describe(store.status(name, config))}")
    parts, missing = store.parts(name, config), store.missing(name, config)
    if parts:
        print(f"  {len(parts) - len(missing)} of {len(parts)} runs are there")
    for part in missing if parts else []:
        chosen = ", ".join(f"{key} {value}" for key, value in encode_config(part).items() if _differs(key, part, parts))
        print(f"  {chosen}: {'; '.join(store.status(name, part).reasons)}")


def _differs(key: str, part: Any, parts: tuple[Any, ...]) -> bool:
    return any(getattr(other, key) != getattr(part, key) for other in parts)


def _run(command: Run, store: Store) -> None:
    if not command.names:
        raise InvalidInput("no experiment named; `python -m synthetic list` shows them")
    if command.device is not None:
        os.environ["UNMASKED_DEVICE"] = command.device
    configs = {name: store.preset(name, command.preset) for name in command.names}
    stale = {}
    for name, config in configs.items():
        if store.status(name, config).fresh and not command.force:
            print(f"{name}: up to date")
        else:
            stale[name] = config
    with reporter() as progress:
        compute(store, stale, Pool(command.jobs, command.cluster), progress, force=command.force)


def _check(command: Check, store: Store) -> None:
    from synthetic import claims, verdicts
    from synthetic.claims.base import judge

    chosen = claims.select(command.ids)
    configs = {
        name: store.preset(name, command.preset) for claim in chosen.values() for name in sorted(claim.experiments)
    }
    stale = {name: config for name, config in configs.items() if not store.status(name, config).fresh}
    with reporter() as progress:
        compute(store, stale, Pool(command.jobs), progress)
    records = {name: store.get_or_compute(name, config) for name, config in configs.items()}
    judged = [judge(claim, records) for claim in chosen.values()]
    print("\n".join(verdicts.lines(judged)))
    if command.write:
        write_atomically(PROJECT / "docs" / "verdicts.md", verdicts.page(judged, command.preset).encode())
        readme = PROJECT / "README.md"
        write_atomically(readme, verdicts.between_marks(readme.read_text(), verdicts.summary(judged)).encode())


def _summary(module: str, sources: Path) -> str:
    path = source_path(module, sources)
    text = ast.get_docstring(syntax_tree(path)) if path else None
    return text.splitlines()[0] if text else ""


if __name__ == "__main__":
    sys.exit(main())
