"""Named worlds: the toys of the papers, codes, puzzles and random laws."""

from __future__ import annotations

import itertools

import torch
from torch import Generator

from theory.errors import InvalidInput
from theory.worlds.states import all_sequences
from theory.worlds.support import SupportWorld, distinct
from theory.worlds.table import TableWorld


def _check_size(n: int, d: int) -> None:
    if n < 1 or d < 2:
        raise InvalidInput(f"n = {n}, d = {d}; expected n >= 1 positions and d >= 2 symbols")


def beta_toy_left() -> SupportWorld:
    """Return the left target of Fig. 4, arXiv 2509.13866: uniform on {aaaaa, bbbbb} (a = 0, b = 1)."""
    return repetition(5, 2, name="two sentences")


def beta_toy_right() -> SupportWorld:
    """Return the right target of Fig. 4, arXiv 2509.13866: uniform on sentences with 2 or 3 a's."""
    x = all_sequences(5, 2)
    ones = x.sum(-1)
    return SupportWorld(x[(ones == 2) | (ones == 3)], d=2, name="two or three a's")


def copied_pairs(pairs: int, d: int = 2) -> SupportWorld:
    """Return independent uniform pairs (X_0 = X_1), (X_2 = X_3), ...; n = 2 * pairs."""
    _check_size(pairs, d)
    return SupportWorld(all_sequences(pairs, d).repeat_interleave(2, -1), d=d, name=f"{pairs} copied pairs")


def repetition(n: int, d: int = 2, name: str = "repetition") -> SupportWorld:
    """Return one uniform token repeated n times (an MDS code of dimension 1)."""
    _check_size(n, d)
    return SupportWorld(torch.arange(d)[:, None].expand(d, n).clone(), d=d, name=name)


def even_parity(n: int, d: int = 2) -> SupportWorld:
    """Return the uniform law on sequences whose tokens sum to 0 modulo d (dimension n - 1)."""
    _check_size(n, d)
    x = all_sequences(n, d)
    return SupportWorld(x[x.sum(-1) % d == 0], d=d, name="even parity")


def mds_code(n: int, dimension: int, prime: int) -> SupportWorld:
    """Return the uniform law on a Reed-Solomon code over the integers modulo a prime >= n.

    Codewords are the values at 0..n-1 of all polynomials of degree below `dimension`.
    """
    if prime < 2 or any(prime % f == 0 for f in range(2, int(prime**0.5) + 1)):
        raise InvalidInput(f"field size {prime} is not prime; expected a prime")
    if not 1 <= dimension <= n <= prime:
        raise InvalidInput(f"dimension {dimension}, n = {n}, field {prime}; expected 1 <= dimension <= n <= field")
    points = torch.arange(n)
    powers = torch.stack([points**k % prime for k in range(dimension)])
    words = all_sequences(dimension, prime) @ powers % prime
    return SupportWorld(words, d=prime, name=f"MDS code [{n}, {dimension}] over F_{prime}")


def dirichlet(
    n: int,
    d: int,
    concentration: float = 1.0,
    generator: Generator | None = None,
    support: int | None = None,
) -> TableWorld:
    """Return a Dirichlet-random law, dense, or on `support` cells chosen at random."""
    _check_size(n, d)
    cells = d**n
    keep = cells if support is None else support
    if not 1 <= keep <= cells or not concentration > 0:
        raise InvalidInput(f"support {keep}, concentration {concentration}; expected 1..{cells} and > 0")
    chosen = torch.randperm(cells, generator=generator)[:keep]
    gamma = torch._standard_gamma(torch.full((keep,), concentration, dtype=torch.float64), generator=generator)
    law = torch.zeros(cells, dtype=torch.float64)
    law[chosen] = gamma / gamma.sum()
    kind = "dense" if support is None else f"sparse ({keep} cells)"
    return TableWorld(law, n, d, name=f"Dirichlet({concentration:g}), {kind}")


def sudoku4() -> SupportWorld:
    """Return the uniform law on the 288 grids of 4x4 Sudoku; n = 16, d = 4, cells row by row."""
    grids: list[tuple[int, ...]] = [()]
    for cell in range(16):
        grids = [(*g, v) for g in grids for v in range(4) if _fits(g, cell, v)]
    return SupportWorld(distinct(grids), d=4, name="4x4 Sudoku")


def multiplication(digits: int = 1) -> SupportWorld:
    """Return a uniform on a x b = c with `digits` decimal digits in a and b, twice as many in c; d = 10."""
    rows = []
    for a, b in itertools.product(range(10**digits), repeat=2):
        rows.append(tuple(int(ch) for ch in f"{a:0{digits}d}{b:0{digits}d}{a * b:0{2 * digits}d}"))
    return SupportWorld(distinct(rows), d=10, name="a x b = c")


def _fits(grid: tuple[int, ...], cell: int, value: int) -> bool:
    row, column = divmod(cell, 4)
    for other, seen in enumerate(grid):
        r, c = divmod(other, 4)
        same_box = r // 2 == row // 2 and c // 2 == column // 2
        if seen == value and (r == row or c == column or same_box):
            return False
    return True
