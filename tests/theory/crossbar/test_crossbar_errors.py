"""Bad inputs to meshes, mappings, slicing and tiles: one clear line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theory.crossbar import draws, first_order, mapping
from theory.crossbar.mapping import Mapping
from theory.crossbar.mesh import Wires, cells, equal_wires, solve, transfer
from theory.crossbar.slicing import Layout, binary_digits, digit_probabilities, normalised
from theory.crossbar.tiles import Device, realise
from theory.errors import InvalidInput

G, V, WIRES = np.ones((3, 4)), np.ones((2, 3)), equal_wires(1.0)
PLACED = Mapping(np.array([2, 0, 1]), np.arange(4))

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "negative wire": (lambda: Wires(1.0, -1.0), "wire resistances 1.0 and -1.0 ohm; expected finite ones"),
    "wire that is no number": (lambda: equal_wires(float("nan")), "wire resistances nan and nan ohm"),
    "negative conductance": (lambda: solve(-G, V, WIRES), "conductances that are negative or not finite"),
    "conductance that is no number": (lambda: transfer(G * np.nan, WIRES), "negative or not finite"),
    "conductances of one axis": (lambda: solve(G[0], V, WIRES), r"conductances of shape \(4,\); expected \(..., rows"),
    "no column": (lambda: transfer(G[:, :0], WIRES), r"conductances of shape \(3, 0\)"),
    "voltages": (lambda: solve(G, V[:, :2], WIRES), r"voltages of shape \(2, 2\) .*; expected \(inputs, 3\)$"),
    "voltages of other tiles": (
        lambda: solve(np.ones((5, 3, 4)), np.ones((4, 2, 3)), WIRES), r"expected \(inputs, 3\) or \(5, 'inputs', 3\)",
    ),
    "voltages of one axis": (lambda: solve(G, V[0], WIRES), r"voltages of shape \(3,\)"),
    "infinite voltage": (lambda: solve(G, V * np.inf, WIRES), "voltages that are not finite"),
    "first-order voltages": (lambda: first_order.losses(G, V[:, :2], WIRES), "voltages for 2 rows; .* have 3"),
    "on above off": (lambda: cells(G, 1e5, 1e4), "cells of 100000.0 ohm when on and 10000.0 ohm when off"),
    "on as off": (lambda: Device(on=1e5, off=1e5), "cells of 100000.0 ohm when on and 100000.0 ohm when off"),
    "pattern": (lambda: cells(2 * G), "a pattern holds numbers other than 0 and 1"),
    "pattern of one axis": (lambda: first_order.tail_squares(G[0]), r"pattern of shape \(4,\)"),
    "empty tile": (lambda: first_order.distances(0, 3), "a tile of 0 rows and 3 columns"),
    "active cells": (lambda: first_order.pair_share_of_count(5, 4), "5 active cells of 4"),
    "density": (lambda: first_order.pair_share_of_density(0.0, 4), "density 0.0; expected more than 0"),
    "rows": (lambda: Mapping(np.array([0, 2]), np.arange(4)), r"rows \[0, 2\] are no permutation of 0\.\.1"),
    "columns": (lambda: Mapping(np.arange(3), np.array([1, 1])), r"columns \[1, 1\] are no permutation"),
    "tile of another shape": (lambda: PLACED.apply(np.ones((4, 3))), r"cells of shape \(4, 3\) for .* tiles \(3, 4\)"),
    "other tiles": (
        lambda: Mapping(np.stack([np.arange(3)] * 2), np.arange(4)).apply(np.ones((5, 3, 4))),
        r"mapping of tiles \(2, 3, 4\)",
    ),
    "inputs": (lambda: PLACED.apply_to_inputs(np.ones((1, 4))), "voltages for 4 rows; the mapping has 3"),
    "outputs": (lambda: PLACED.restore(np.ones((1, 3))), "3 columns; the mapping has 4"),
    "move": (lambda: mapping.choose("sorted", G), "unknown move 'sorted'; did you mean sort"),
    "many rows": (lambda: mapping.best_rows(np.ones((8, 2))), "8 rows; all orders are tried of at most 7"),
    "magnitude of one": (lambda: binary_digits(np.array([1.0]), 4), r"magnitudes outside \[0, 1\); divide them"),
    "negative magnitude": (lambda: Layout(4).pattern(np.array([[-0.5]])), r"magnitudes outside \[0, 1\)"),
    "magnitude that is no number": (lambda: binary_digits(np.array([np.nan]), 4), r"magnitudes outside \[0, 1\)"),
    "no bits": (lambda: Layout(0), "0 bits; expected 1 to 52"),
    "no digits": (lambda: binary_digits(np.array([0.5]), 0), "0 bits; expected 1 to 52"),
    "no digit": (lambda: digit_probabilities(lambda x: x, 0), "0 bits; expected at least 1"),
    "distribution function": (lambda: digit_probabilities(lambda x: x / 2, 3), "with 0 at 0 and 1/2 at 1"),
    "order": (lambda: Layout(4, "group"), "unknown order of columns 'group'; did you mean grouped"),
    "columns for bits": (lambda: Layout(4).recombine(np.ones((2, 6))), "6 columns for weights of 4 bits"),
    "infinite weight": (lambda: normalised(np.array([np.inf])), "weights that are not finite"),
    "weights": (lambda: realise(np.ones(3)), r"weights of shape \(3,\); expected a matrix"),
    "no weights": (lambda: realise(np.ones((0, 3))), r"weights of shape \(0, 3\)"),
    "columns of a tile": (lambda: realise(G, tile=(4, 12)), "tiles of 4 rows and 12 columns for 8 bits"),
    "rows of a tile": (lambda: realise(G, tile=(0, 8)), "tiles of 0 rows"),
    "law": (lambda: draws.magnitudes("normale", 1, 1, 1, 0), "unknown law of weights 'normale'; did you mean normal"),
    "no tiles": (lambda: draws.magnitudes("normal", 0, 1, 1, 0), "0 tiles of 1 rows and 1 weights"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named_in_one_line(case: str) -> None:
    call, message = CASES[case]
    with pytest.raises(InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
