"""Weights on memristive crossbars with resistive wires: `um.crossbars` (arXiv 2511.04798).

`on_crossbars(network, ...)` returns your network with the weights that arrays of a given tile, layout, mapping and
device realise, and the errors of those arrays; `realise(matrix, ...)` does so for a matrix, `tile_errors` for
magnitudes. `solve(conductances, voltages, wires)` is the circuit itself. `first_order` has losses by tail counts and
Manhattan distances; `choose(move, pattern)` makes the paper's moves, and `Mapping` takes any order of rows and columns.
"""

from __future__ import annotations

from synthetic.crossbars import OnCrossbars as OnCrossbars
from synthetic.crossbars import on_crossbars as on_crossbars
from theory.crossbar import first_order as first_order
from theory.crossbar.draws import magnitudes as magnitudes
from theory.crossbar.mapping import MOVES as MOVES
from theory.crossbar.mapping import Mapping as Mapping
from theory.crossbar.mapping import choose as choose
from theory.crossbar.mesh import Solution as Solution
from theory.crossbar.mesh import Wires as Wires
from theory.crossbar.mesh import cells as cells
from theory.crossbar.mesh import equal_wires as equal_wires
from theory.crossbar.mesh import solve as solve
from theory.crossbar.slicing import Layout as Layout
from theory.crossbar.tiles import Device as Device
from theory.crossbar.tiles import Realised as Realised
from theory.crossbar.tiles import TileErrors as TileErrors
from theory.crossbar.tiles import realise as realise
from theory.crossbar.tiles import tile_errors as tile_errors
