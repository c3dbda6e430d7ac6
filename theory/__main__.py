"""Command line of the theory: list | check | explain | tightest, and evaluate for a rule of one's own."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from theory import ledger
from theory.errors import InvalidInput
from theory.files import write_atomically

if TYPE_CHECKING:
    from theory.ledger.checking import Result

console = Console(width=None if sys.stdout.isatty() else 150)


@dataclass(frozen=True)
class List:
    """List the claims: identifier, kind, expected verdict, statement."""

    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True)
class Check:
    """Check claims (default: all) and print their verdicts; exit code 1 when one differs from the ledger's."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    profile: str = "default"
    """smoke (an eighth of the inputs), default, or deep (a hundred times as many)."""
    jobs: int = 2
    """Number of processes."""
    json: Path | None = None
    """Write everything to this file."""
    replay: Path | None = None
    """Check only the instance saved in this file by `tightest`."""


@dataclass(frozen=True)
class Explain:
    """Print statement, source, assumptions, how it is checked and the last evidence."""

    id: Annotated[str, tyro.conf.Positional]


@dataclass(frozen=True)
class Tightest:
    """Search for the instance with least slack (for an equality: largest residual), print and save it."""

    id: Annotated[str, tyro.conf.Positional]
    budget: int = 300
    """Number of drawn inputs; the gradient search takes as many steps."""
    out: Path | None = None
    """Where to save it (default: tightest-ID.json)."""


@dataclass(frozen=True)
class Evaluate:
    """Measure a rule of your own exactly against all built-in rules: KL, E[NFE], distance to the optimum."""

    rule: Annotated[str, tyro.conf.Positional]
    """MODULE:NAME; MODULE a file or dotted name, NAME a function (log_p, masked) -> positions, or a rule."""
    out: Path = Path("evaluation.png")
    """Where to draw KL against E[NFE]."""
    json: Path | None = None
    """Write all scores to this file."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; exit code 0, 1 (a verdict is not the expected one) or 2 (bad input)."""
    command = tyro.cli(
        Annotated[List, tyro.conf.subcommand("list")]
        | Annotated[Check, tyro.conf.subcommand("check")]
        | Annotated[Explain, tyro.conf.subcommand("explain")]
        | Annotated[Tightest, tyro.conf.subcommand("tightest")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")],
        args=args,
        prog="python -m theory",
        description=__doc__,
    )
    try:
        match command:
            case List():
                return show_list(command)
            case Check():
                return run_check(command)
            case Explain():
                return explain(command)
            case Tightest():
                return find_tightest(command)
            case Evaluate():
                return evaluate(command)
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def show_list(command: List) -> int:
    """Print the index of the ledger."""
    from theory.ledger import catalogue

    claims = catalogue.claims()
    if command.json:
        keys = ("id", "source", "statement", "kind", "routes", "expected", "see")
        print(json.dumps([{k: getattr(c, k) for k in keys} for c in claims.values()], indent=1))
        return 0
    table = Table(Column("claim", no_wrap=True), "kind", "expected", "statement", title=f"{len(claims)} claims")
    for c in claims.values():
        table.add_row(c.id, c.kind, _coloured(c.expected), escape(c.statement))
    console.print(table)
    return 0


def run_check(command: Check) -> int:
    """Check claims and print the table of verdicts."""
    from theory.ledger import catalogue, checking

    if command.replay is not None:
        return _replay(command.replay)
    if command.jobs < 1:
        raise InvalidInput(f"--jobs {command.jobs}; expected at least 1")
    names = [catalogue.claim(name).id for name in command.ids] or list(catalogue.claims())
    results = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking", total=len(names))
        for result in checking.examine_all(names, command.profile, command.jobs):
            checking.remember(result)
            results.append(result)
            progress.update(task, advance=1, description=result.id)
    console.print(_verdict_table(results))
    if command.json is not None:
        write_atomically(command.json, json.dumps([asdict(r) for r in results], indent=1))
    wrong = [r for r in results if not r.as_expected]
    for r in wrong:
        witness = r.witness or checking.smallest_witness(catalogue.claim(r.id), 200)
        console.print(f"[bold]{r.id}[/bold]: {r.verdict}, expected {r.expected}; instance {witness or r.worst}")
    statistical = sum("monte-carlo" in r.routes for r in results)
    console.print(
        f"{len(results)} claims, {len(results) - len(wrong)} as expected, "
        f"{sum(r.verdict == 'refuted' for r in results)} refuted, {sum(r.instances for r in results)} instances, "
        f"{sum(r.seconds for r in results):.0f} s of work; {statistical} statistical, "
        f"false-alarm budget of the suite {ledger.FALSE_ALARM_BUDGET:g}"
    )
    return 1 if wrong else 0


def explain(command: Explain) -> int:
    """Print all that the ledger knows of one claim."""
    from theory.ledger import catalogue, checking

    c = catalogue.claim(command.id)
    last = checking.last_evidence(c.id)
    rows = {
        "claim": c.id, "statement": c.statement, "source": c.source, "assumptions": c.assumptions or "none",
        "kind": c.kind, "expected": c.expected, "see also": c.see, "routes": ", ".join(c.routes),
        "tolerance": c.tolerance, "how": (getattr(c.check, "func", c.check).__doc__ or "").strip(),
        "fixtures": "\n".join(str(dict(f)) for f in c.fixtures[:6]),
        "inputs": f"{c.examples} drawn by Hypothesis" if c.inputs else "fixtures only",
        "false variants": "; ".join(c.variants),
    }  # fmt: skip
    table = Table(show_header=False, box=None)
    for key, value in rows.items():
        if value:
            table.add_row(f"[bold]{key}[/bold]", escape(value))
    if last is None:
        table.add_row("[bold]last evidence[/bold]", f"none yet; run: python -m theory check {c.id}")
    else:
        keys = (
            "verdict",
            "instances",
            "effective",
            "violations",
            "residual",
            "slack",
            "tolerance",
            "note",
            "worst",
            "witness",
        )
        found = "\n".join(f"{k}: {last[k]}" for k in keys if last.get(k) not in (None, ""))
        table.add_row("[bold]last evidence[/bold]", escape(found))
    console.print(table)
    return 0


def find_tightest(command: Tightest) -> int:
    """Search, print and save."""
    from theory.ledger import catalogue
    from theory.ledger.tightest import tightest

    if command.budget < 1:
        raise InvalidInput(f"--budget {command.budget}; expected at least 1")
    found = tightest(catalogue.claim(command.id), command.budget, command.budget)
    path = command.out or Path(f"tightest-{command.id}.json")
    found.save(path)
    e = found.evidence
    console.print(f"{command.id}: computed {float(e.computed):.15g} {e.relation} claimed {float(e.claimed):.15g}")
    console.print(f"slack {e.slack:.3g}, tolerance {float(e.tolerance):.3g}, route {e.route}, by {found.search}")
    console.print(f"instance {dict(found.instance)}")
    console.print(f"saved to {path}; run it again: python -m theory check --replay {path}")
    return 0


def evaluate(command: Evaluate) -> int:
    """Score the rule on every world, print the table, draw the plot."""
    from theory.unmasking import evaluation

    if command.out.suffix not in (".png", ".pdf", ".svg"):
        raise InvalidInput(f"--out {command.out}; expected a file ending in .png, .pdf or .svg")
    rule = evaluation.load(command.rule)
    rows = []
    with console.status("measuring") as status:
        for row in evaluation.evaluate(rule):
            status.update(f"measured on {row[0]}")
            rows.append(row)
    found = evaluation.report(rule, rows)
    table = Table(
        "world",
        "E[NFE]",
        "KL (nats)",
        "path KL above the best deterministic rule",
        "built-in rules that beat it",
        title=rule.name,
    )
    for own in found.mine():
        rivals = [s for s in found.scores if s.world == own.world and not s.mine]
        better = [s.rule for s in rivals if s.dominates(own)]
        excess = "outside the family" if math.isnan(own.excess) else f"{own.excess:.4g}"
        table.add_row(own.world, f"{own.calls:.4g}", f"{own.divergence:.4g}", excess, "; ".join(better[:2]) or "none")
    console.print(table)
    inside = "it stays in the family of the theorems" if not found.remarks else "; ".join(found.remarks)
    worst = found.worst()
    where = "its path KL is optimal everywhere" if worst.excess == 0 else f"furthest from the optimum on {worst.world}"
    exact = "one random draw of the rule was measured" if found.erratic else "KL is exact, in nats"
    console.print(f"{inside}; {where}; {exact}")
    evaluation.plot(found, command.out)
    console.print(f"drawn in {command.out}")
    if command.json is not None:
        write_atomically(command.json, json.dumps([asdict(s) for s in found.scores], indent=1))
    return 0


def _replay(path: Path) -> int:
    from theory.ledger import checking

    claim, evidence = checking.replay(path)
    table = Table("route", "computed", "", "claimed", "tolerance", "holds", title=f"{claim.id} on {path}")
    for e in evidence:
        values = (
            f"{float(e.computed):.12g}",
            e.relation,
            f"{float(e.claimed):.12g}",
            f"{float(e.tolerance):.3g}",
        )
        table.add_row(e.route, *values, "yes" if e.holds else "[red]no[/red]")
    console.print(table)
    outcome = ledger.verdict(evidence)
    console.print(f"{outcome}; the ledger expects {claim.expected}")
    return 0 if outcome == claim.expected else 1


def _verdict_table(results: list[Result]) -> Table:
    table = Table(Column("claim", no_wrap=True), "verdict", "routes", "worst", "tolerance", "effective", "seconds")
    for r in results:
        worst = f"residual {r.residual:.1e}" if r.residual is not None else f"slack {r.slack or 0.0:.1e}"
        mark = _coloured(r.verdict) if r.as_expected else f"[bold red]{r.verdict}, expected {r.expected}[/bold red]"
        count = f"{r.effective} of {r.instances}" + (f", {r.violations} fail" if r.violations else "")
        table.add_row(r.id, mark, ", ".join(r.routes), worst, f"{r.tolerance:.0e}", count, f"{r.seconds:.1f}")
    return table


def _coloured(verdict: str) -> str:
    return {"holds": "[green]holds[/green]", "refuted": "[yellow]refuted[/yellow]"}.get(verdict, verdict)


if __name__ == "__main__":
    sys.exit(main())
