"""Command line of the benchmarks: measure, compare with the targets, exit 1 where one is missed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Column, Table

from benchmarks.harness import Benchmark, Timing, discover, select
from theory.errors import InvalidInput


@dataclass(frozen=True)
class Options:
    """Measure the speed ratios and compare them with their targets."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """The benchmarks to run; all where none is named."""


def main(args: Sequence[str] | None = None, known: dict[str, Benchmark] | None = None) -> int:
    """Run the benchmarks and return 0 when all meet their targets, 1 when one misses."""
    options = tyro.cli(Options, prog="python -m benchmarks", args=args)
    try:
        chosen = select(options.names, discover() if known is None else known)
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 150)
    timings = {}
    for name, each in chosen.items():
        with console.status(f"measuring {name}"):
            timings[name] = each.measure()
    console.print(_table(chosen, timings))
    return 0 if all(chosen[name].met(timing) for name, timing in timings.items()) else 1


def _table(chosen: dict[str, Benchmark], timings: dict[str, Timing]) -> Table:
    table = Table(Column("benchmark", no_wrap=True), "what", "ratio", "target", "ok")
    table.add_column("seconds", style="dim")
    for name, timing in timings.items():
        each = chosen[name]
        table.add_row(
            name,
            each.statement,
            f"{timing.ratio:.3g}",
            each.target,
            "yes" if each.met(timing) else "[bold red]NO[/]",
            f"{timing.numerator:.3g} / {timing.denominator:.3g}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
