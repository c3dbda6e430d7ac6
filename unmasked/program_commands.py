"""The command on any-process programs and on planners with predictors: trace."""

from __future__ import annotations

import inspect
from typing import Any

from rich.markup import escape

from theory.errors import InvalidInput
from theory.power import machine_traces, programs
from theory.power.planners import MDM
from theory.power.programs import Program
from unmasked.claim_commands import console
from unmasked.entry import named
from unmasked.options import Trace


def trace(command: Trace) -> int:
    """Run the program and print its states, one a line, then what it took."""
    if command.states < 2:
        raise InvalidInput(f"--states {command.states}; expected at least two, the first and the last")
    program = program_at(command.program, command.alphabet)
    if isinstance(program, MDM):
        run: Any = machine_traces.trace(program, command.text, command.alphabet, command.cap)
    else:
        run = programs.trace(program, command.text, command.cap)
    width = len(str(run.steps))
    left_out = len(run.states) - command.states
    for number, state in enumerate(run.states):
        if left_out > 0 and command.states - 1 <= number < len(run.states) - 1:
            continue
        if left_out > 0 and number == len(run.states) - 1:
            console.print(f"{'...':>{width}}  {left_out} states between; --states shows more")
        console.print(f"{number:>{width}}  {escape(state) or '(empty)'}", soft_wrap=True, highlight=False)
    for label, value in run.facts().items():
        console.print(f"{label}: {value}", highlight=False)
    return 0


def program_at(name: str, alphabet: str) -> Program | MDM:
    """Return a built-in program, or the program, function or machine FILE:NAME."""
    if ":" not in name:
        return programs.named(name)
    found = named(name, "program", may_be_program)
    if isinstance(found, Program | MDM):
        return found
    if not callable(found):
        raise InvalidInput(f"{name} is {type(found).__name__}; expected a program, a function of a string, or an MDM")
    return programs.program(found, alphabet)


def may_be_program(value: Any) -> bool:
    """Return whether an object may be meant as a program: one, a machine, or a function of one argument."""
    if isinstance(value, Program | MDM):
        return True
    return inspect.isfunction(value) and len(inspect.signature(value).parameters) == 1
