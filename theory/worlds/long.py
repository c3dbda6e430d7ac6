"""Structured worlds at any length by message passing: copied pairs, repeated blocks, parity.

The same laws as `named.copied_pairs`, `named.repetition` and `named.even_parity`, whose tables or supports
grow exponentially; here a state costs time linear in n.
"""

from __future__ import annotations

import math

import torch

from theory.errors import InvalidInput
from theory.worlds.tree import TreeWorld


def long_pairs(pairs: int, d: int = 2) -> TreeWorld:
    """Return independent uniform pairs (X_0 = X_1), (X_2 = X_3), ...; n = 2 * pairs."""
    _check_sizes(pairs, d)
    uniform = torch.full((d,), 1 / d, dtype=torch.float64)
    parents = [node for k in range(pairs) for node in (-1, 2 * k)]
    return TreeWorld(parents, [uniform, torch.eye(d).double()] * pairs, name=f"{pairs} copied pairs")


def long_repetition(block: int, times: int, d: int = 2) -> TreeWorld:
    """Return a uniform block of `block` tokens written `times` times in a row; n = block * times."""
    _check_sizes(block, d)
    _check_sizes(times, d)
    uniform = torch.full((d,), 1 / d, dtype=torch.float64)
    parents = [max(-1, k - block) for k in range(block * times)]
    factors = [uniform if parent < 0 else torch.eye(d).double() for parent in parents]
    return TreeWorld(parents, factors, name=f"block of {block}, {times} times")


def long_parity(n: int, d: int = 2) -> TreeWorld:
    """Return the uniform law on sequences whose tokens sum to 0 modulo d.

    Hidden node i holds the sum of tokens 0..i-1 and token i; position i shows the token.
    """
    _check_sizes(n, d)
    return _Parity(n, d)


class _Parity(TreeWorld):
    def __init__(self, n: int, d: int) -> None:
        total, token = torch.arange(d * d) // d, torch.arange(d * d) % d
        after = (total + token) % d
        follows = (after[:, None] == total).double()
        start = (total == 0).double()
        last = (after == 0).double()
        show = (token[:, None] == torch.arange(d)).double()
        parents, factors = list[int](), list[torch.Tensor]()
        for i in range(n):
            allowed = start if i == 0 else follows
            allowed = allowed * last if i == n - 1 else allowed
            parents += [2 * i - 2 if i else -1, 2 * i]
            factors += [allowed / allowed.sum(-1, keepdim=True), show]
        super().__init__(parents, factors, range(1, 2 * n, 2), name="even parity")

    def entropy(self) -> float:
        """Return H(X) = (n - 1) ln d in nats."""
        return (self.n - 1) * math.log(self.d)


def _check_sizes(count: int, d: int) -> None:
    if count < 1 or d < 2:
        raise InvalidInput(f"size {count}, d = {d}; expected a size >= 1 and d >= 2 symbols")
