"""Dyck words: the uniform law on balanced strings of several kinds of brackets, exact at any useful length.

Conditionals by the inside-outside algorithm (Baker, 1979) on the unambiguous grammar S -> ( S ) S | empty,
with one factor per position that is 0 where a revealed token forbids a bracket. All terms are positive, so
the relative rounding error of a count is at most about n^2 eps.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.worlds import states
from theory.worlds.base import World
from theory.worlds.states import ZeroRule

CHUNK = 2**24


class DyckWorld(World):
    """The uniform law on Dyck words of even length n; token k opens kind k, token kinds + k closes it.

    There are Catalan(n / 2) * kinds^(n / 2) words. A state costs time n^3 / 48.
    """

    def __init__(self, n: int, kinds: int = 1, zero_rule: ZeroRule = "uniform") -> None:
        if n < 2 or n % 2 or kinds < 1:
            raise InvalidInput(f"n = {n}, kinds = {kinds}; expected an even n >= 2 and kinds >= 1")
        if n * math.log(4 * kinds) / 2 > 700:
            raise InvalidInput(f"n = {n}, kinds = {kinds}: the words outnumber float64; use a shorter n")
        self.name, self.n, self.d, self.zero_rule = "Dyck words", n, 2 * kinds, zero_rule
        self.kinds = kinds

    def entropy(self) -> float:
        """Return H(X), the logarithm of the number of words, in nats."""
        half = self.n // 2
        return math.log(math.comb(self.n, half) // (half + 1)) + half * math.log(self.kinds)

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw heights by counting the paths that remain (ballot numbers), then kinds, closed last-in first-out."""
        paths = self._remaining_paths()
        rows, height = torch.arange(count), torch.zeros(count, dtype=torch.long)
        stack = torch.zeros(count, self.n + 1, dtype=torch.long)
        words = torch.empty(count, self.n, dtype=torch.long)
        for i in range(self.n):
            left = self.n - i - 1
            opens = torch.rand(count, dtype=torch.float64, generator=generator) * paths[left + 1, height]
            up = opens < paths[left, height + 1]
            kind = torch.randint(self.kinds, (count,), generator=generator)
            kind = torch.where(up, kind, stack[rows, (height - 1).clamp(min=0)])
            words[:, i] = torch.where(up, kind, kind + self.kinds)
            stack[rows[up], height[up]] = kind[up]
            height = torch.where(up, height + 1, height - 1)
        return words

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return the logarithm of the share of words that agree with z."""
        tokens, batch = self._check(z)
        counts = [self._inside(self._factors(part))[0][-1][0] for part in self._parts(tokens)]
        return (torch.cat(counts).log() - self.entropy()).reshape(batch)

    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return q(x_i = v | z_UM): the shares of the agreeing words, one inside and one outside pass."""
        tokens, batch = self._check(z)
        found = [self._shares(part) for part in self._parts(tokens)]
        return torch.cat(found).reshape(*batch, self.n, self.d)

    def _parts(self, z: Int[Tensor, "m n"]) -> tuple[Tensor, ...]:
        return torch.split(z, max(1, CHUNK // (self.n * self.n)))

    def _factors(self, z: Int[Tensor, "m n"]) -> Float[Tensor, "n d m"]:
        allowed = torch.cat((torch.eye(self.d), torch.ones(1, self.d))).double()
        return allowed[z].permute(1, 2, 0)

    def _links(self, factors: Float[Tensor, "n d m"], width: int) -> Float[Tensor, "spans m"]:
        """Return for each i the ways in which i opens and i + 1 + width closes a bracket."""
        opens, closes = factors[: self.n - 1 - width, : self.kinds], factors[1 + width :, self.kinds :]
        return (opens * closes).sum(1)

    def _inside(self, factors: Float[Tensor, "n d m"]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the counts of words on every span, and of bracketed words (w), by half the width inside.

        Entry h of the first list has rows i for spans of 2h positions from i on, entry h of the second for
        spans of 2h + 2 positions. A word is (u)v with u of 2s and v of 2(h - 1 - s) positions.
        """
        words = [factors.new_ones(self.n + 1, factors.shape[-1])]
        bracketed: list[Tensor] = []
        for half in range(1, self.n // 2 + 1):
            width = 2 * half - 2
            bracketed.append(self._links(factors, width) * words[half - 1][1 : self.n - width])
            starts = self.n - 2 * half + 1
            total = torch.zeros_like(words[0][:starts])
            for s in range(half):
                after = 2 * s + 2
                total += bracketed[s][:starts] * words[half - 1 - s][after : after + starts]
            words.append(total)
        return words, bracketed

    def _shares(self, z: Int[Tensor, "m n"]) -> Float[Tensor, "m n d"]:
        factors = self._factors(z)
        words, bracketed = self._inside(factors)
        around = self._outside(factors, words, bracketed)
        found = torch.zeros_like(factors)
        for s, outer in enumerate(around):
            inner = outer * words[s][1 : self.n - 2 * s]
            opens, closes = factors[: self.n - 1 - 2 * s, : self.kinds], factors[1 + 2 * s :, self.kinds :]
            pairs = inner[:, None] * opens * closes
            found[: self.n - 1 - 2 * s, : self.kinds] += pairs
            found[1 + 2 * s :, self.kinds :] += pairs
        context = words[-1][0]
        shares = found.permute(2, 0, 1) / context[:, None, None]
        return states.finish_conditionals(shares, context, z, self.d, self.zero_rule)

    def _outside(self, factors: Float[Tensor, "n d m"], words: list[Tensor], bracketed: list[Tensor]) -> list[Tensor]:
        """Return for every bracketed span the count of what may stand around it: `_inside` differentiated."""
        outer = [torch.zeros_like(w) for w in words]
        around = [torch.zeros_like(b) for b in bracketed]
        outer[-1] += 1
        for half in range(self.n // 2, 0, -1):
            if half < self.n // 2:
                outer[half][1 : self.n - 2 * half] += around[half] * self._links(factors, 2 * half)
            starts = self.n - 2 * half + 1
            for s in range(half):
                after = 2 * s + 2
                around[s][:starts] += outer[half] * words[half - 1 - s][after : after + starts]
                outer[half - 1 - s][after : after + starts] += outer[half] * bracketed[s][:starts]
        return around

    def _remaining_paths(self) -> Float[Tensor, "left heights"]:
        """Return for each number of steps left the nonnegative paths from every height down to 0."""
        paths = torch.zeros(self.n + 1, self.n + 2, dtype=torch.float64)
        paths[0, 0] = 1
        for left in range(1, self.n + 1):
            paths[left, :-1] = paths[left - 1, 1:]
            paths[left, 1:] += paths[left - 1, :-1]
        return paths
