"""Which codes the queries of a sampler do not notice: the counting behind Theorem 24 of Chen, Cong, Li, arXiv
2511.04647.

A code is maximum distance separable (MDS) with dimension k if any k of its n places may hold any symbols and decide the
other places. Its words are moved by one uniformly drawn word, which makes all values equally likely to agree with it
(the theorem's proof counts the same way; the move is our way to make the count exact). An algorithm reveals more and
more places with values of its own and asks, at each of the given sizes, for the conditionals of the other places. While
fewer than k places are revealed every answer is uniform. With s >= k places the values agree with a word of the code
with probability q^(k - s), and then the answer is certain: the code is *noticed*. Values that agree with no word have
no conditionals, and the answer may be uniform.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from theory.errors import InvalidInput


def spread_queries(n: int, queries: int) -> list[int]:
    """Return the sizes, 1..n - 1, at which so many nested queries notice the most codes.

    A query that follows the one before by g places notices 1 + 1/q + ... + q^-(g - 1) dimensions on average, a concave
    function of g, so that equal distances that end at n - 1 are best. Raises InvalidInput unless 1 <= queries < n.
    """
    if not 1 <= queries < n:
        raise InvalidInput(f"{queries} queries for n = {n}; expected 1 <= queries <= n - 1, the number of dimensions")
    return [k * (n - 1) // queries for k in range(1, queries + 1)]


def unnoticed_share(n: int, symbols: int, sizes: Sequence[int]) -> Fraction:
    """Return the mean over dimensions k = 1..n - 1 of the probability that no query notices the code.

    `sizes` are the numbers of places revealed at the queries, increasing, each set containing the one before. The share
    is also the mean total variation between a code and what a sampler with these nodes returns: it leaves the code
    exactly where it does not notice it in time. Raises InvalidInput for sizes outside 1..n - 1 or not increasing.
    """
    if symbols < 2 or any(not 1 <= s <= n - 1 for s in sizes) or sorted(set(sizes)) != list(sizes):
        raise InvalidInput(
            f"{symbols} symbols, queries at sizes {list(sizes)}; expected 2 symbols or more and increasing sizes "
            f"from 1 to n - 1 = {n - 1}"
        )
    missed = Fraction(0)
    for dimension in range(1, n):
        first = next((size for size in sizes if size >= dimension), None)
        missed += 1 - (Fraction(0) if first is None else Fraction(1, symbols ** (first - dimension)))
    return missed / (n - 1)


def unnoticed_bound(n: int, queries: int) -> Fraction:
    """Return 1 - 2 T / (n - 1), below which the share stays for no T queries where q >= n; never negative."""
    return max(Fraction(0), 1 - Fraction(2 * queries, n - 1))
