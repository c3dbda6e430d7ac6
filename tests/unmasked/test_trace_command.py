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
        ("FILE:NUMBER", "01", "expected a program or a function of a string"),
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
