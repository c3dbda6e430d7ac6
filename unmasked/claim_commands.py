"""The commands on claims: list, check, explain, tightest."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from synthetic import judging, verdicts
from synthetic.claims.base import budget
from synthetic.judging import counted
from synthetic.progress import reporter
from synthetic.sweep import Pool
from theory import ledger
from theory.errors import InvalidInput
from theory.files import check_writable, records_folder, write_atomically
from theory.ledger import Claim, checking
from theory.ledger.checking import Result
from theory.ledger.tightest import tightest as search
from unmasked import describing
from unmasked.options import Check, List, Tightest
from unmasked.own_claims import OwnClaim
from unmasked.selection import Entry, index, own, select, unjudged

console = Console(width=None if sys.stdout.isatty() else 150, soft_wrap=False)
STATUS = {
    "printed": "printed in the paper", "reading": "a natural reading of the paper", "ours": "our own",
}  # fmt: skip
QUANTIFIERS = {
    "for all": "all inputs that meet the assumptions", "there exists": "at least one input",
    "this instance": "the named instances only",
}  # fmt: skip
LINES = 12
"""Lines of an instance that the terminal shows."""


def carry_out(command: List | Check | Tightest) -> int:
    """Run one of the commands and return its exit code."""
    match command:
        case List():
            return show_list(command)
        case Check():
            return check(command)
        case Tightest():
            return tightest(command)


def show_list(command: List) -> int:
    """Print the chosen claims."""
    entries = select(command.ids, command.paper, command.refuted, command.printed)
    if command.json:
        print(json.dumps([describing.described(entry) for entry in entries], indent=1))
        sys.stdout.flush()
        return 0
    columns = (Column("claim", no_wrap=True), "kind", "verdict", "source", "statement")
    table = Table(*columns, title=f"{len(entries)} claims")
    for entry in entries:
        table.add_row(entry.id, entry.kind, coloured(entry.verdict), escape(entry.source), escape(entry.statement))
    console.print(table)
    if waiting := unjudged(command.ids, command.paper, command.printed):
        count = f"{counted(len(waiting), 'claim')} about trained models without a verdict yet"
        console.print(f"{count}: unmasked check {' '.join(waiting)}", soft_wrap=True)
    return 0


def check(command: Check) -> int:
    """Check the chosen claims and print what was found."""
    _check_options(command)
    if command.replay is not None:
        return replay(command.replay, command.ids)
    mine = [own(name) for name in command.ids if ":" in name]
    patterns = [name for name in command.ids if ":" not in name]
    entries = select(patterns, command.paper, command.refuted, command.printed) if patterns or not mine else []
    results = [
        *_check_theory([e for e in entries if not e.trained], command),
        *(_check_own(each, command.profile) for each in mine),
    ]
    wrong = [r for r in results if not r.as_expected]
    if results:
        _report(results, wrong, {each.name: each.claim for each in mine})
    by_id = {entry.id: entry for entry in entries}
    found = [describing.of_result(by_id[r.id], r) if r.id in by_id else checking.as_json(r) for r in results]
    _write_json(found, command.json)  # now, since training that is broken off must not lose it
    judged = _check_trained([e for e in entries if e.trained], command, bool(patterns or command.paper))
    _write_json(found + [describing.of_judgement(by_id[j.claim.id], j) for j in judged], command.json)
    return 1 if wrong else 0


def _write_json(found: Sequence[dict[str, Any]], path: Path | None) -> None:
    if path is not None:
        write_atomically(path, json.dumps(found, indent=1))


def tightest(command: Tightest) -> int:
    """Search, print and save."""
    if command.budget < 1:
        raise InvalidInput(f"--budget {command.budget}; expected at least 1")
    claim = own(command.id).claim if ":" in command.id else _theoretical(command.id)
    path = command.out or records_folder() / "tightest" / f"{claim.id}.json"
    check_writable(path)
    with console.status(f"searching {command.budget} inputs"):
        found = search(claim, command.budget, command.budget)
    found.save(path)
    e = found.evidence
    console.print(f"{claim.id}: computed {float(e.computed):.15g} {e.relation} claimed {float(e.claimed):.15g}")
    console.print(f"slack {e.slack:.3g}, tolerance {float(e.tolerance):.3g}, route {e.route}, by {found.search}")
    console.print(shortened(found.instance), markup=False)
    whose = f"{shlex.quote(command.id)} " if ":" in command.id else ""
    console.print(f"saved; run it again: unmasked check {whose}--replay {shlex.quote(str(path))}", soft_wrap=True)
    return 0


def replay(path: Path, names: Sequence[str]) -> int:
    """Check a saved instance of the named claim; exit code 1 where the verdict is not the expected one.

    A claim of the ledger need not be named; one of one's own is named as FILE:NAME, since only its file has it.
    """
    if len(names) > 1:
        raise InvalidInput(f"--replay beside {len(names)} claims; an instance is one claim's: name that one, or none")
    saved = _saved_claim(path)
    whose = names[0].rpartition(":")[2] if names else saved
    if saved is not None and whose != saved:
        raise InvalidInput(f"{path} holds an instance of {saved}, not of {whose}; name that claim")
    if saved is not None and not names and saved not in index():
        raise InvalidInput(
            f"{path} holds an instance of {saved}, which is no claim of the ledger; name the file that has it: "
            f"unmasked check FILE:{saved} --replay {path}"
        )
    mine = [own(name).claim for name in names if ":" in name]
    claim, evidence = checking.replay(path, mine[0] if mine else None)
    table = Table("route", "computed", "", "claimed", "tolerance", "holds", title=f"{claim.id} on {path}")
    for e in evidence:
        numbers = (f"{float(e.computed):.12g}", e.relation, f"{float(e.claimed):.12g}", f"{float(e.tolerance):.3g}")
        table.add_row(e.route, *numbers, "yes" if e.holds else "[red]no[/red]")
    console.print(table)
    outcome = ledger.verdict(evidence)
    expects = "a claim of one's own should hold" if mine else f"the ledger expects {claim.expected}"
    console.print(f"{outcome}; {expects}")
    return 0 if outcome == claim.expected else 1


def _saved_claim(path: Path) -> str | None:
    """Return the claim whose instance a file holds; None where it holds none, which `checking.replay` says."""
    try:
        return str(json.loads(path.read_text())["claim"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def explain(entry: Entry | OwnClaim) -> int:
    """Print all that is known of one claim."""
    if isinstance(entry, Entry) and entry.trained:
        rows = {
            "claim": entry.id, "statement": entry.statement, "source": entry.source, "status": entry.status,
            "kind": "about trained models: judged from the records of experiments",
            "experiments": ", ".join(entry.claim.experiments),
            "last verdict": f"{entry.verdict or 'none yet'} (docs/verdicts.md)",
            "to judge it": f"unmasked check {entry.id}",
        }  # fmt: skip
        last = None
    else:
        claim: Claim = entry.claim
        rows = _about(claim, entry.status if isinstance(entry, Entry) else "ours")
        last = checking.last_evidence(claim.id)
    table = Table(show_header=False, box=None)
    for key, value in rows.items():
        if value:
            table.add_row(f"[bold]{key}[/bold]", escape(value))
    if last is not None:
        keys = ("verdict", "reach", "instances", "effective", "violations", "residual", "slack", "tolerance", "note")
        found = [f"{key}: {last[key]}" for key in keys if last.get(key) not in (None, "")]
        found += [f"{key}: {shortened(last[key])}" for key in ("worst", "witness") if last.get(key)]
        table.add_row("[bold]last evidence[/bold]", escape("\n".join(found)))
    elif not (isinstance(entry, Entry) and entry.trained):
        run = f"unmasked check {rows['claim']}" if isinstance(entry, Entry) else "unmasked check, FILE:NAME as here"
        table.add_row("[bold]last evidence[/bold]", f"none yet; run: {run}")
    console.print(table)
    return 0


def shortened(instance: Any, limit: int = 90 * LINES) -> str:
    """Return an instance as text of at most a screen."""
    text = str(instance if isinstance(instance, dict) else dict(instance))
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text):,} characters in all)"


def coloured(verdict: str) -> str:
    """Return a verdict in its colour."""
    colours = {"holds": "green", "refuted": "yellow", "undecided": "magenta"}
    return f"[{colours[verdict]}]{verdict}[/{colours[verdict]}]" if verdict in colours else verdict


def _check_options(command: Check) -> None:
    if command.jobs < 1:
        raise InvalidInput(f"--jobs {command.jobs}; expected at least 1")
    if command.profile not in checking.PROFILES:
        raise InvalidInput(f"--profile {command.profile}; expected one of {', '.join(checking.PROFILES)}")
    if command.write and (command.ids or command.paper or command.refuted or command.printed):
        raise InvalidInput("--write beside a choice of claims; docs/verdicts.md holds all of them: drop the choice")
    if command.json is not None:
        check_writable(command.json)


def _check_theory(entries: Sequence[Entry], command: Check) -> list[Result]:
    results = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking", total=len(entries))
        for result in checking.examine_all([e.id for e in entries], command.profile, command.jobs):
            checking.remember(result)  # at once, since a run may be broken off
            results.append(result)
            progress.update(task, advance=1, description=result.id)
    return results


def _check_own(mine: OwnClaim, profile: str) -> Result:
    with console.status(f"checking {mine.name}"):
        result = checking.examine(mine.claim, checking.PROFILES[profile] / checking.PROFILES["default"])
    checking.remember(result)
    return result


def _report(results: Sequence[Result], wrong: Sequence[Result], mine: dict[str, Claim]) -> None:
    console.print(_table(results, mine))
    for r in wrong:
        claim = mine.get(r.id) or index()[r.id].claim
        witness = checking.smallest_witness(claim, 200) or r.witness or r.worst
        beside = "" if r.id in mine else f", expected {r.expected}"
        console.print(f"[bold]{r.id}[/bold]: {r.verdict}{beside}; {escape(shortened(witness))}")
    expected = "" if mine else f"{len(results) - len(wrong)} as expected, "
    console.print(
        f"{counted(len(results), 'claim')}, {expected}"
        f"{sum(r.verdict == 'refuted' for r in results)} refuted, "
        f"{counted(sum(r.instances for r in results), 'instance')}, {sum(r.seconds for r in results):.0f} s of work; "
        f"{_by_chance(results)}"
    )


def _by_chance(results: Sequence[Result]) -> str:
    statistical = sum(r.comparisons for r in results)
    if not statistical:
        return "no statistical comparison"
    return (
        f"{counted(statistical, 'statistical comparison')}, one of which fails by chance with probability "
        f"below {sum(r.false_alarm for r in results):.2g}"
    )


def _check_trained(entries: Sequence[Entry], command: Check, asked: bool) -> list[Any]:
    """Judge claims about trained models: those that were asked for, or those whose records are there."""
    if not entries:
        return []
    claims = {entry.id: entry.claim for entry in entries}
    cost = judging.cost(claims, command.preset)
    if not asked and not command.write:
        ready = {name: claim for name, claim in claims.items() if name not in cost.waiting}
        if cost.waiting:
            console.print(
                f"{len(cost.waiting)} claims about trained models wait for records ({cost}); name them to go on"
            )
        claims = ready
    elif cost.waiting:
        console.print(f"to compute first: {cost}")
    if not claims:
        return []
    with reporter() as progress:
        judged = judging.judge_all(claims, command.preset, Pool(command.jobs), progress)
    print("\n".join(verdicts.lines(judged)))
    print(budget(judged))
    if command.write:
        verdicts.write(judged, command.preset)
    return judged


def _theoretical(identifier: str) -> Claim:
    (entry,) = select([identifier])[:1]
    if entry.id != identifier:
        raise InvalidInput(f"{identifier} names several claims; give one identifier, as in {entry.id}")
    if entry.trained:
        raise InvalidInput(f"{identifier} is about trained models: it has findings, no instances; see unmasked check")
    claim: Claim = entry.claim
    return claim


def _about(c: Claim, status: str) -> dict[str, str]:
    rows = {
        "claim": c.id, "statement": c.statement, "formula": c.tex, "assumptions": c.assumptions or "none",
        "source": c.source, "status": STATUS[status], "speaks of": QUANTIFIERS[c.quantifier], "kind": c.kind,
        "expected": c.expected, "see also": c.see, "routes": ", ".join(c.routes), "tolerance": c.tolerance,
        "how": (getattr(c.check, "func", c.check).__doc__ or "").strip(),
        "fixtures": "\n".join(shortened(dict(f), 300) for f in c.fixtures[:6]),
        "inputs": f"{c.examples} drawn by Hypothesis" if c.inputs else "fixtures only",
        "false variants": "; ".join(c.variants),
    }  # fmt: skip
    if c.sharp is not None:
        rows["sharp constant"] = c.sharp.constant
        rows["tightest by proof"] = f"{c.sharp.share:.1%} of the bound at {shortened(c.sharp.instance, 300)}"
    known = describing.tightest_known(c.id)
    if known is not None:
        numbers = f"computed {known['computed']:.12g}, claimed {known['claimed']:.12g}"
        rows["tightest found"] = f"{numbers} at {shortened(known['instance'], 300)}"
    return rows


def _table(results: Sequence[Result], mine: Mapping[str, Claim]) -> Table:
    table = Table(Column("claim", no_wrap=True), "verdict", "reach", "routes", "worst", "tolerance", "seconds")
    for r in results:
        worst = f"residual {r.residual:.1e}" if r.residual is not None else f"slack {r.slack or 0.0:.1e}"
        beside = "" if r.id in mine else f", expected {r.expected}"
        mark = coloured(r.verdict) if r.as_expected else f"[bold red]{r.verdict}{beside}[/bold red]"
        table.add_row(r.id, mark, r.reach, ", ".join(r.routes), worst, f"{r.tolerance:.0e}", f"{r.seconds:.1f}")
    return table
