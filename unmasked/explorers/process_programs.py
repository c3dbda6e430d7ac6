"""An any-process program on a text, state by state (arXiv 2510.06190), as a picture."""

from __future__ import annotations

from matplotlib import pyplot
from matplotlib.figure import Figure

from theory.power import programs as theory_programs
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Option, Range, Text

EXAMPLES = {
    "parity by seven rules": "0110100", "parity in four steps": "0110100", "parity in two steps": "0110100",
    "brackets": "([][()])[]", "rule 110": "0000000000000001", "counter": "=00a=",
}  # fmt: skip
CAP = 80
"""Steps after which a program that has not ended is cut off."""
PLACES, ROWS = 25, 4
"""Symbols in a row, and rows, that every picture has room for."""


@explorer(
    program=Option(EXAMPLES),
    text=Text("program", EXAMPLES, label="input"),
    step=Range(0, 60, 1),
)
def programs(program: str = "parity by seven rules", text: str | None = None, step: int = 4) -> Figure:
    """Draw the states of a program up to a step, one below the other: tokens dark, masks light.

    Without a text, the program runs on an example of its own. Raises InvalidInput for a text with characters that the
    program does not know.
    """
    word = EXAMPLES[program] if text is None else text
    trace = theory_programs.trace(theory_programs.named(program), word, cap=CAP)
    states = trace.states[: step + 1]
    width, height = max(PLACES, *map(len, trace.states)), max(ROWS, len(states))
    figure, axes = pyplot.subplots(figsize=(0.2 * width + 1, 0.22 * height + 0.8))
    for row, state in enumerate(states):
        for place, symbol in enumerate(state):
            color = "#999999" if symbol == theory_programs.MASK else "black"
            axes.text(place, row, symbol, ha="center", va="center", color=color, family="monospace")
    axes.set(xlim=(-1, width - 0.5), ylim=(height - 0.5, -0.5), ylabel="step", xticks=[])
    axes.set_yticks(range(0, len(states), 1 + len(states) // 16))
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{program}: step {len(states) - 1} of {trace.steps}, ends by {trace.ending}", loc="left")
    return figure
