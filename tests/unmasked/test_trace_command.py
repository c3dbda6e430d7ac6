"""`unmasked trace`: built-in programs, one's own, what they took, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmasked.command_line import main

MINE = '''
def step(x):
    """Erase what repeats its left neighbour."""
    if "_" in x:
        return ["" if symbol == "_" else symbol for symbol in x]
    return ["_" if x[i - 1 : i] == symbol else symbol for i, symbol in enumerate(x)]


def grow(x):
    return [symbol if symbol == "_" else symbol + "_" for symbol in x]


def direct(x):
    return ["1" for symbol in x]


NUMBER = 3
'''


def lines(args: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what a command prints, for exit code 0."""
    assert main(["trace", *args]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_built_in_program_is_shown_state_by_state(capsys: pytest.CaptureFixture[str]) -> None:
    """The states with their numbers, then the account."""
    assert lines(["parity in two steps", "01101"], capsys) == [
        "0  01101", "1  _______", "2  1", "ended by: fixed point", "steps: 2", "longest string: 7", "tokens written: 1",
        "most places changed in a step: 7",
    ]  # fmt: skip


def test_square_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Not read as markup, and the empty string is named."""
    shown = lines(["brackets", "[()]"], capsys)
    assert shown[:5] == ["0  [()]", "1  [__]", "2  []", "3  __", "4  (empty)"]


def test_a_function_of_ones_own_with_its_alphabet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FILE:NAME and --alphabet; a program without an end stops at the cap, and long runs are shortened."""
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    assert lines([f"{path}:step", "aabbba", "--alphabet", "ab"], capsys)[:3] == ["0  aabbba", "1  a_b__a", "2  aba"]
    shown = lines([f"{path}:grow", "0", "--cap", "9", "--states", "3"], capsys)
    assert "ended by: cap" in shown
    assert sum("states between" in line for line in shown) == 1


@pytest.mark.parametrize(
    ("program", "text", "message"),
    [
        ("bracket", "()", "unknown program 'bracket'; did you mean brackets?"),
        ("brackets", "01", "character '0' in '01'"),
        ("FILE:stop", "01", "unknown program in"),
        ("FILE:NUMBER", "01", "expected a program, a function of a string, or an MDM"),
        ("FILE:direct", "01", "'0' becomes '1'"),
    ],
)
def test_mistakes_are_said_in_one_line(
    program: str, text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and what was wrong."""
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    assert main(["trace", program.replace("FILE", str(path)), text]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


MACHINE = """
import torch
from theory.power.light_cones import parity_tree
from theory.power.planners import MDM

tree = parity_tree(5, 2).machine


def planner(string, step):
    return torch.ones(len(string), 1, dtype=torch.bool)


def predictor(view):
    return 1 - view.whole[:, -1:].clamp(max=1)


blinking = MDM(2, 1, 2, planner, predictor, resampling=True)
"""


def test_a_planner_with_a_predictor_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parity of 10111 on the balanced tree, and a machine that rewrites its output for ever."""
    path = tmp_path / "machine.py"
    path.write_text(MACHINE)
    shown = lines([f"{path}:tree", "10111"], capsys)
    assert shown[:4] == ["0  10111|____", "1  10111|10__", "2  10111|101_", "3  10111|1010"]
    assert {"ended by: nothing picked any more", "steps: 3", "tokens written: 4", "tokens written again: 0"} <= set(
        shown
    )
    assert "most symbols that a place read in a step: 2" in shown
    shown = lines([f"{path}:blinking", "ab", "--alphabet", "ab", "--cap", "3"], capsys)
    assert shown[:4] == ["0  ab|_", "1  ab|a", "2  ab|b", "3  ab|a"]
    assert {"ended by: cap", "tokens written again: 2"} <= set(shown)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["1011"], "4 characters in '1011'; expected 5"),
        (["10121"], "character '2'"),
        (["10111", "--alphabet", "012"], "expected 2 different characters"),
        (["10111", "--cap", "0"], "cap 0"),
    ],
)
def test_what_a_machine_cannot_read(
    args: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "machine.py"
    path.write_text(MACHINE)
    assert main(["trace", f"{path}:tree", *args]) != 0
    assert message in " ".join(capsys.readouterr().err.split())
