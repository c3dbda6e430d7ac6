"""Runs of planners with predictors on text, and machines given by tables."""

from __future__ import annotations

import pytest
import torch

from theory.errors import InvalidInput
from theory.power.light_cones import Tables, light_cone, parity_tree
from theory.power.machine_traces import trace
from theory.power.planners import run


def test_parity_of_five_bits_on_the_tree() -> None:
    """Its states, steps, writes and reads; the cap is named only where it was reached."""
    machine = parity_tree(5, 2).machine
    found = trace(machine, "10111")
    assert found.states == ("10111|____", "10111|10__", "10111|101_", "10111|1010")
    assert found.facts() == {
        "ended by": "nothing picked any more", "steps": 3, "steps that wrote": 3, "output symbols": 4,
        "tokens written": 4, "tokens written again": 0, "most places written in a step": 2,
        "most symbols that a place read in a step": 2,
    }  # fmt: skip
    assert trace(machine, "10111", cap=3).facts()["ended by"] == "cap"
    assert trace(machine, "aabab", "ab").states[-1] == "aabab|abba"
    assert "10111|1010" in repr(found)


def test_what_a_machine_cannot_read() -> None:
    """One line each."""
    machine = parity_tree(5, 2).machine
    for text, options, message in (
        ("1011", {}, "4 characters"), ("10121", {}, "character '2'"), ("10111", {"cap": 0}, "cap 0"),
        ("10111", {"alphabet": "011"}, "2 different characters"), ("10111", {"alphabet": "0_"}, "none of them"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=message):
            trace(machine, text, **options)


def test_tables_write_in_the_order_of_their_plan() -> None:
    """The first output copies the input, the second the first output, one step later: it depends on the input."""
    copying = (0, 1, 0)
    machine = Tables(1, ((0,), (1,)), ((copying, copying),) * 2, ((True, False), (False, True)))
    assert light_cone(machine, 1) == {0}
    for bit in (0, 1):
        assert run(machine.machine, torch.tensor([[bit]]), 2).last.tolist() == [[bit, bit, bit]]
