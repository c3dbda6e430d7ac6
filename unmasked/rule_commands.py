"""The command on rules of one's own: evaluate."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from theory.errors import InvalidInput
from theory.files import check_writable, records_folder, write_atomically
from theory.showing import shown
from theory.unmasking import evaluation
from theory.unmasking.rules.base import Rule, SetRule, ValueRule
from theory.unmasking.rules.function import as_rule
from unmasked.claim_commands import console
from unmasked.entry import may_be_denoiser, may_be_law, may_be_rule, named
from unmasked.entry import world as as_world
from unmasked.options import Evaluate

SHOWN = 3
"""Names of better rules that a cell lists."""


def evaluate(command: Evaluate) -> int:
    """Score the rule on every world, print the table and the verdict, draw the plot."""
    rule = rule_at(command.rule)
    out = command.out or records_folder() / "evaluations" / f"{command.rule.rpartition(':')[2]}.png"
    if out.suffix not in (".png", ".pdf", ".svg"):
        raise InvalidInput(f"--out {out}; expected a file ending in .png, .pdf or .svg")
    for path in (out, command.json):
        if path is not None:
            check_writable(path)
    worlds = {name.rpartition(":")[2]: as_world(named(name, "world", may_be_law)) for name in command.world} or None
    model = None if command.model is None else named(command.model, "denoiser", may_be_denoiser)
    rows = []
    with console.status("measuring") as status:
        for row in evaluation.evaluate(rule, worlds, model):
            status.update(f"measured on {row[0]}")
            rows.append(row)
    found = evaluation.report(rule, rows)
    console.print(_table(found))
    console.print(escape(found.verdict))
    evaluation.plot(found, out)
    console.print(f"drawn in {out}", soft_wrap=True)
    if command.json is not None:
        write_atomically(command.json, json.dumps([asdict(score) for score in found.scores], indent=1))
    return 0


def rule_at(target: str) -> Rule:
    """Return the rule FILE:NAME, made of a class without arguments where a class has that name."""
    found = named(target, "rule", may_be_rule)
    if not inspect.isclass(found) or not issubclass(found, SetRule | ValueRule):
        return as_rule(found)
    try:
        return as_rule(found())
    except TypeError as error:
        given = found.__name__
        raise InvalidInput(
            f"{given} cannot be built without arguments ({error}); name an object, not a class"
        ) from error


def _table(found: evaluation.Report) -> Table:
    columns = (
        "world",
        "calls",
        "KL (nats)",
        "excess KL at equal calls",
        "excess calls at equal KL",
        "better built-in rules",
    )
    table = Table(*columns, title=found.name)
    for own in found.mine():
        names = own.dominated_by
        better = [*names[:SHOWN], *([f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else [])]
        excess = ["at an end" if own.at_end else shown(value) for value in (own.excess, own.excess_calls)]
        table.add_row(own.world, shown(own.calls), shown(own.divergence), *excess, "; ".join(better) or "none")
    return table
