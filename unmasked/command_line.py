"""Checks, measures and draws what is known about masked diffusion models.

unmasked list --paper 2505.24857 --refuted     claims, by identifier, glob, subject, paper or verdict
unmasked check energy                          their verdicts; check mine.py:bound for a claim of your own
unmasked explain eb.4                          statement, source, how it is checked; of figures and experiments too
unmasked tightest schedules.3                  the instance with the least room
unmasked evaluate mine.py:careful              an unmasking rule of your own against all built-in ones
unmasked measure my_model --sequences my.txt   a masked model of your own: likelihood, orders, rules, schedules
unmasked trace "parity in two steps" 0110      an any-process program, built in or mine.py:step, state by state
unmasked run eb --jobs 2                       records of experiments, models trained where they are missing
unmasked figures frontiers --out here          figures from records; --all for every one
unmasked reproduce                             all records, models and figures from nothing, and what moved
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import tyro

from theory.errors import InvalidInput
from unmasked.options import Check, Command, Evaluate, Explain, Figures, List, Measure, Reproduce, Run, Tightest, Trace

if TYPE_CHECKING:
    from figures.gallery import Entry
    from synthetic.records import Store


def main(
    args: Sequence[str] | None = None, *, store: Store | None = None, figures: Mapping[str, Entry] | None = None
) -> int:
    """Run one command; exit code 0, 1 (a verdict is not the expected one) or 2 (bad input, said in one line).

    `store` and `figures` take the place of the project's own records and gallery.
    """
    command = tyro.cli(Command, args=args, prog="unmasked", description=_lines(__doc__))
    try:
        return _carry_out(command, store, figures)
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def _lines(text: str) -> str:
    """Return a text whose lines stay apart: tyro joins those without an empty line between them."""
    return "\n\n".join(line for line in text.splitlines() if line)


def _carry_out(
    command: List | Check | Explain | Tightest | Evaluate | Measure | Trace | Run | Figures | Reproduce,
    store: Store | None,
    figures: Mapping[str, Entry] | None,
) -> int:
    match command:
        case List() | Check() | Tightest():
            from unmasked import claim_commands

            return claim_commands.carry_out(command)
        case Evaluate():
            from unmasked import rule_commands

            return rule_commands.evaluate(command)
        case Measure():
            from unmasked import model_commands

            return model_commands.measure(command)
        case Trace():
            from unmasked import program_commands

            return program_commands.trace(command)
        case Run() | Figures() | Explain():
            from unmasked import record_commands

            return record_commands.carry_out(command, store, figures)
        case Reproduce():
            from figures.gallery import FIGURES
            from unmasked import reproduce_commands

            return reproduce_commands.reproduce(command, FIGURES if figures is None else figures)
