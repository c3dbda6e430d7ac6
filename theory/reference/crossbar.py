"""Kirchhoff's laws of a crossbar written out node by node, in any number type: every wire segment and cell by itself.

Unknown are the voltages of all nodes. Fractions give the exact solution of a small mesh; floats serve moderate ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

Table = Sequence[Sequence[Any]]


def node_voltages(conductances: Table, voltages: Sequence[Any], row: Any, column: Any) -> tuple[Table, Table]:
    """Return the voltages of the row nodes and of the column nodes, by Gaussian elimination without any pivoting.

    The segments have the resistances `row` and `column`, which must be positive. The matrix is diagonally dominant, so
    that its diagonal entries can be pivots in any order.
    """
    n, m = len(conductances), len(conductances[0])
    size = 2 * n * m
    matrix = [[0 * row] * (size + 1) for _ in range(size)]

    def row_node(j: int, k: int) -> int:
        return 2 * (j * m + k)

    def column_node(j: int, k: int) -> int:
        return 2 * (j * m + k) + 1

    def connect(first: int, second: int, conductance: Any) -> None:
        matrix[first][first] += conductance
        matrix[second][second] += conductance
        matrix[first][second] -= conductance
        matrix[second][first] -= conductance

    def terminal(node: int, conductance: Any, voltage: Any) -> None:
        matrix[node][node] += conductance
        matrix[node][size] += conductance * voltage

    for j in range(n):
        for k in range(m):
            connect(row_node(j, k), column_node(j, k), conductances[j][k])
            if k + 1 < m:
                connect(row_node(j, k), row_node(j, k + 1), 1 / row)
            if j + 1 < n:
                connect(column_node(j, k), column_node(j + 1, k), 1 / column)
    for j in range(n):
        terminal(row_node(j, 0), 1 / row, voltages[j])
    for k in range(m):
        terminal(column_node(0, k), 1 / column, 0 * row)

    v = eliminate(matrix)
    rows = [[v[row_node(j, k)] for k in range(m)] for j in range(n)]
    columns = [[v[column_node(j, k)] for k in range(m)] for j in range(n)]
    return rows, columns


def eliminate(matrix: list[list[Any]]) -> list[Any]:
    """Solve the equations whose last column is the right-hand side, skipping what is zero."""
    size = len(matrix)
    for k in range(size):
        pivot = matrix[k]
        for other in matrix[k + 1 :]:
            if other[k] != 0:
                factor = other[k] / pivot[k]
                for i in range(k, size + 1):
                    if pivot[i] != 0:
                        other[i] -= factor * pivot[i]
    x = [matrix[0][size]] * size
    for k in reversed(range(size)):
        x[k] = (matrix[k][size] - sum(matrix[k][i] * x[i] for i in range(k + 1, size))) / matrix[k][k]
    return x


def currents(conductances: Table, voltages: Sequence[Any], row: Any, column: Any) -> list[Any]:
    """Return the current that each sense amplifier reads."""
    _, columns = node_voltages(conductances, voltages, row, column)
    return [v / column for v in columns[0]]


def ideal_currents(conductances: Table, voltages: Sequence[Any]) -> list[Any]:
    """Return the output currents of wires without resistance."""
    return [sum(g[k] * v for g, v in zip(conductances, voltages, strict=True)) for k in range(len(conductances[0]))]


def first_order_losses(conductances: Table, voltages: Sequence[Any], row: Any, column: Any) -> list[Any]:
    """Return each column's loss where segments carry the currents of wires without resistance: a sum over pairs."""
    drops = first_order_drops(conductances, voltages, row, column)
    n, m = len(conductances), len(conductances[0])
    return [sum(conductances[j][k] * drops[j][k] for j in range(n)) for k in range(m)]


def first_order_drops(conductances: Table, voltages: Sequence[Any], row: Any, column: Any) -> Table:
    """Return how much less than its drive each cell has, at the currents of wires without resistance."""
    n, m = len(conductances), len(conductances[0])
    g, v = conductances, voltages
    return [
        [
            row * sum((1 + min(k, other)) * g[j][other] * v[j] for other in range(m))
            + column * sum((1 + min(j, other)) * g[other][k] * v[other] for other in range(n))
            for k in range(m)
        ]
        for j in range(n)
    ]


def bits(magnitude: Fraction, count: int) -> list[int]:
    """Return the first binary digits of a magnitude in [0, 1), by doubling."""
    digits = []
    for _ in range(count):
        magnitude *= 2
        digits.append(int(magnitude >= 1))
        magnitude -= digits[-1]
    return digits
