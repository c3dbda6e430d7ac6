"""The share of codes that queries do not notice, by listing codes, moves and words, and by the sampler's own law."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import unnoticed_codes
from theory.worlds import mds_code


def words(n: int, dimension: int, prime: int) -> list[tuple[int, ...]]:
    """Evaluate every polynomial of degree below the dimension at 0..n - 1."""
    return [
        tuple(sum(c * point**k for k, c in enumerate(coefficients)) % prime for point in range(n))
        for coefficients in itertools.product(range(prime), repeat=dimension)
    ]


def missed_by_listing(n: int, prime: int, sizes: list[int]) -> Fraction:
    """Ask with zeros at the first places, of every code moved by every word, and count the codes that agree never."""
    missed = []
    for dimension in range(1, n):
        code = words(n, dimension, prime)
        for move in itertools.product(range(prime), repeat=n):
            moved = [tuple((c + m) % prime for c, m in zip(word, move, strict=True)) for word in code]
            noticed = any(size >= dimension and any(not any(word[:size]) for word in moved) for size in sizes)
            missed.append(not noticed)
    return Fraction(sum(missed), len(missed))


@pytest.mark.parametrize("sizes", [[], [1], [2], [1, 2], [2, 3]])
def test_the_share_is_that_of_all_moved_codes_listed(sizes: list[int]) -> None:
    n, prime = (4, 5) if 3 in sizes else (3, 5)
    share = unnoticed_codes.unnoticed_share(n, prime, sizes)
    assert share == missed_by_listing(n, prime, sizes)
    if sizes and sizes[0] > 1:
        assert share != missed_by_listing(n, prime, [size - 1 for size in sizes])


@pytest.mark.parametrize(("n", "prime", "sizes"), [(3, 3, [2]), (3, 5, [1, 2]), (4, 5, [3]), (4, 5, [2, 3])])
def test_the_share_is_the_mean_distance_of_the_samplers_output(n: int, prime: int, sizes: list[int]) -> None:
    """The sampler asks before any token and at every size; a state off the code has no conditionals: uniform there."""
    nodes = [0, *sizes, n]
    blocks = tuple(tuple(range(a, b)) for a, b in itertools.pairwise(nodes))
    distances = []
    for dimension in range(1, n):
        law = reference.exact(mds_code(n, dimension, prime))
        output = reference_samplers.partition_law(reference.conditionals_of(law, prime), blocks, n, prime)
        distances.append(sum(abs(Fraction(p) - law.get(x, 0)) for x, p in output.items()) / 2)
    assert unnoticed_codes.unnoticed_share(n, prime, sizes) == sum(distances) / (n - 1)


@pytest.mark.parametrize("queries", range(1, 7))
def test_no_other_sizes_notice_more(queries: int) -> None:
    n, symbols = 7, 7
    shares = {s: unnoticed_codes.unnoticed_share(n, symbols, s) for s in itertools.combinations(range(1, n), queries)}
    chosen = unnoticed_codes.unnoticed_share(n, symbols, unnoticed_codes.spread_queries(n, queries))
    assert chosen == min(shares.values())
    assert chosen >= unnoticed_codes.unnoticed_bound(n, queries)


def test_one_percent_more_than_the_bound_of_one_query_fails() -> None:
    """The printed 2 T / (n - 1) has room: T / (n - 1) is noticed for certain, the rest at most T / (q - 1)."""
    for n, symbols in ((16, 17), (64, 67), (256, 257)):
        for queries in (1, n // 4, n - 1):
            noticed = 1 - unnoticed_codes.unnoticed_share(n, symbols, unnoticed_codes.spread_queries(n, queries))
            least = Fraction(queries, n - 1)
            assert least <= noticed <= least * Fraction(symbols, symbols - 1)
            assert noticed < Fraction(101, 100) * least * Fraction(symbols, symbols - 1)
    assert unnoticed_codes.unnoticed_share(64, 67, [63]) > 1 - Fraction(2, 63)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: unnoticed_codes.spread_queries(4, 4), "4 queries for n = 4"),
        (lambda: unnoticed_codes.unnoticed_share(4, 5, [2, 2]), "increasing sizes from 1 to n - 1 = 3"),
        (lambda: unnoticed_codes.unnoticed_share(4, 1, [2]), "2 symbols or more"),
        (lambda: unnoticed_codes.unnoticed_share(4, 5, [4]), r"sizes \[4\]"),
    ],
)
def test_wrong_arguments_are_named(call, message) -> None:  # type: ignore[no-untyped-def]  # of a lambda and a text
    with pytest.raises(InvalidInput, match=message):
        call()


def test_sizes_share_and_bound_by_hand() -> None:
    """Two symbols, n = 4, one query at two places: dimension 1 is missed half of the time, 2 never, 3 always."""
    assert unnoticed_codes.unnoticed_share(4, 2, [2]) == Fraction(1, 2)
    assert unnoticed_codes.spread_queries(11, 4) == [2, 5, 7, 10]
    assert [unnoticed_codes.unnoticed_bound(11, queries) for queries in (2, 6)] == [Fraction(3, 5), 0]
