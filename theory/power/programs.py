"""Any-process programs by name and of one's own, run on text: what each position becomes, step by step.

A program of one's own is a function from a string of characters to a list with an entry for each position: what it
becomes, in the characters of the alphabet and the mask. By the table of arXiv 2510.06190 a token a may become
a, M, aM or MM, and a mask M any token y, M, yM, MM or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from theory.errors import InvalidInput, unknown
from theory.power import dyck, lanes, parity
from theory.power.generation import ENDINGS, Process, run
from theory.power.transition import Edit, Strings, strings
from theory.showing import Shown

MASK = "_"
Step = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Program:
    """A process with a character for each token, and the map from what is typed in to its first state.

    Raises InvalidInput for an alphabet that repeats a character or holds the mask's.
    """

    name: str
    alphabet: str
    process: Process
    begin: Callable[[Strings], Strings] = lambda state: state
    mask: str = MASK

    def __post_init__(self) -> None:
        if len(set(self.alphabet)) != len(self.alphabet) or len(self.mask) != 1 or self.mask in self.alphabet:
            raise InvalidInput(
                f"program {self.name}: alphabet {self.alphabet!r}, mask {self.mask!r}; expected different characters, "
                "the mask none of them"
            )

    def read(self, text: str) -> Strings:
        """Return the first state for a text. Raises InvalidInput for characters outside alphabet and mask."""
        known = self.alphabet + self.mask
        wrong = next((c for c in text if c not in known), None)
        if wrong is not None:
            raise InvalidInput(f"program {self.name}: character {wrong!r} in {text!r}; expected those of {known!r}")
        return self.begin(strings([[known.index(c) for c in text]], len(self.alphabet)))

    def write(self, symbols: Sequence[int]) -> str:
        """Return a state as text."""
        return "".join((self.alphabet + self.mask)[s] for s in symbols)


@dataclass(frozen=True, repr=False)
class Trace(Shown):
    """The states of one run as text, how it ended, and what it took."""

    name: str
    states: tuple[str, ...]
    ending: str
    steps: int
    context: int
    written: int
    parallel: int

    def facts(self) -> dict[str, object]:
        """Return how it ended and what it took, by the words of tables."""
        return {
            "ended by": self.ending, "steps": self.steps, "longest string": self.context,
            "tokens written": self.written, "most places changed in a step": self.parallel,
        }  # fmt: skip

    def _facts(self) -> dict[str, object]:
        return {**self.facts(), "first": self.states[0] or "(empty)", "last": self.states[-1] or "(empty)"}


def trace(program: Program, text: str, cap: int = 1000) -> Trace:
    """Run a program on a text. Raises InvalidInput for a text or a step that it cannot be, and for a cap below one."""
    result = run(program.process, program.read(text), cap)
    return Trace(
        program.name, tuple(program.write(state) for state in result.of(0)), ENDINGS[int(result.ending[0])],
        *(int(getattr(result, each)[0]) for each in ("steps", "context", "written", "parallel")),
    )  # fmt: skip


def program(step: Step, alphabet: str, mask: str = MASK, name: str = "") -> Program:
    """Return a program from a function that says what every position of a string becomes.

    When it runs, InvalidInput is raised for a function that fails or does not answer with texts, for an answer of
    another length than the string and for an entry that no edit gives.
    """
    label = name or getattr(step, "__name__", "program")

    def process(state: Strings) -> Edit:
        known, d = alphabet + mask, len(alphabet)
        edits = torch.zeros(4, *state.tokens.shape, dtype=torch.int64)
        for row, symbols in enumerate(state.lists()):
            text = "".join(known[s] for s in symbols)
            answers = _answers(label, step, text)
            if len(answers) != len(text):
                raise InvalidInput(
                    f"{label}: {len(answers)} answers for {text!r}; expected one for each of {len(text)}"
                )
            for place, (symbol, answer) in enumerate(zip(symbols, answers, strict=True)):
                edits[:, row, place] = torch.tensor(_edit(label, known, symbol, answer, d))
        write, remask, insert, delete = edits
        return Edit(write, remask.bool(), insert.bool(), delete.bool())

    return Program(label, alphabet, process, mask=mask)


def _answers(name: str, step: Step, text: str) -> list[str]:
    """Return what a step says of a text. Raises InvalidInput where it fails or does not answer with texts."""
    try:
        answers = list(step(text))
    except Exception as error:  # a function of somebody else may fail in any way
        raise InvalidInput(
            f"{name} failed on {text!r} ({type(error).__name__}: {error}); expected a function from a string to what "
            "each position becomes; a process of `Strings` is handed over as programs.Program(name, alphabet, process)"
        ) from error
    wrong = next((answer for answer in answers if not isinstance(answer, str)), None)
    if wrong is not None:
        raise InvalidInput(f"{name} answers {wrong!r} in {text!r}; expected a text for each position")
    return answers


def _edit(name: str, known: str, symbol: int, answer: str, d: int) -> tuple[int, bool, bool, bool]:
    """Return the token and bits by which a symbol becomes an answer."""
    here, mask = known[symbol], known[d]
    allowed = [mask, 2 * mask] + (
        [here, here + mask] if symbol != d else ["", *known[:d], *(c + mask for c in known[:d])]
    )
    if answer not in allowed:
        raise InvalidInput(
            f"{name}: {here!r} becomes {answer!r}; expected one of {', '.join(map(repr, allowed[:8]))}: a token is "
            "erased by way of the mask, and one symbol is inserted at a time, a mask"
        )
    if not answer:
        return 0, False, False, True
    token = known.index(answer[0])
    return (token if token < d else 0), token == d, len(answer) == 2, False


def _lanes(following: Callable[[torch.Tensor], torch.Tensor]) -> tuple[Process, Callable[[Strings], Strings]]:
    return lanes.two_lanes(following), lambda state: lanes.start(state.tokens, state.d)


PROGRAMS: dict[str, Program] = {
    "parity by seven rules": Program("parity by seven rules", "01", parity.seven_rules),
    "parity in four steps": Program("parity in four steps", "01", parity.four_steps),
    "parity in two steps": Program("parity in two steps", "01", parity.two_steps),
    "brackets": Program("brackets", "([)]", dyck.recognise(2)),
    "rule 110": Program("rule 110", "01", *_lanes(lanes.cellular(lanes.elementary(110)))),
    "counter": Program("counter", "01=abcABCxyz", *_lanes(lanes.cellular(lanes.COUNTER.table(), outside=lanes.BLANK))),
}
"""Built-in programs. The counter's tape holds 0, 1 and blanks =, and stands for these as abc under its adding head, as
ABC under the head that walks back, as xyz where it has halted: it begins at =00a= for three bits."""


def named(name: str) -> Program:
    """Return a built-in program. Raises InvalidInput for an unknown name."""
    if name not in PROGRAMS:
        raise unknown("program", name, PROGRAMS)
    return PROGRAMS[name]
