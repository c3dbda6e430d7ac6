"""Runs of a planner and a predictor on text (arXiv 2510.13117): the strings of every step, and what they took."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from theory.errors import InvalidInput
from theory.power.planners import MDM, run
from theory.power.programs import MASK
from theory.showing import Shown


@dataclass(frozen=True, repr=False)
class MachineTrace(Shown):
    """The strings of one run as text, input and output apart, and what it took."""

    name: str
    states: tuple[str, ...]
    steps: int
    calls: int
    written: int
    rewritten: int
    parallel: int
    symbols: int
    reads: int
    capped: bool

    def facts(self) -> dict[str, object]:
        """Return how it ended and what it took, by the words of tables."""
        return {
            "ended by": "cap" if self.capped else "nothing picked any more", "steps": self.steps,
            "steps that wrote": self.calls, "output symbols": self.symbols, "tokens written": self.written,
            "tokens written again": self.rewritten, "most places written in a step": self.parallel,
            "most symbols that a place read in a step": self.reads,
        }  # fmt: skip

    def _facts(self) -> dict[str, object]:
        return {**self.facts(), "first": self.states[0], "last": self.states[-1]}


def trace(machine: MDM, text: str, alphabet: str = "01", cap: int = 1000) -> MachineTrace:
    """Run a machine on a text of its n input characters; the outputs stand behind a bar, masks as _.

    A planner may depend on the number of the step, so that a run of idle steps need not be its end: all steps up to the
    cap are run, and the last one that wrote something counts. Raises InvalidInput for an alphabet that has not one
    character for each symbol, a text of another length or with other characters, a cap below one, and as the machine's
    run does.
    """
    if len(alphabet) != machine.d or len(set(alphabet)) != machine.d or MASK in alphabet:
        raise InvalidInput(
            f"alphabet {alphabet!r} for a machine of {machine.d} symbols; expected {machine.d} different characters, "
            f"{MASK!r} none of them: give --alphabet"
        )
    wrong = next((c for c in text if c not in alphabet), None)
    if wrong is not None or len(text) != machine.n:
        found = f"character {wrong!r}" if wrong is not None else f"{len(text)} characters"
        raise InvalidInput(f"{found} in {text!r}; expected {machine.n} of {alphabet!r}, the machine's input")
    if cap < 1:
        raise InvalidInput(f"cap {cap}; expected at least one step")
    word = torch.tensor([[alphabet.index(c) for c in text]], dtype=torch.int64).reshape(1, machine.n)
    result = run(machine, word, cap, keep=True)
    took = result.account
    steps = int(took.steps[0])
    known = alphabet + MASK
    rows = ["".join(known[s] for s in string[0].tolist()) for string in result.strings[: steps + 1]]
    counts = {each: int(getattr(took, each)[0]) for each in ("calls", "written", "rewritten", "parallel")}
    states = tuple(f"{row[: machine.n]}|{row[machine.n :]}" for row in rows)
    return MachineTrace(
        "planner and predictor", states, steps, **counts, symbols=took.symbols, reads=took.reads, capped=steps == cap
    )
