"""Numbers stated for learned orders (arXiv 2511.19152), by the engines and by sums written out here.

Where a statement is ours the docstring says so. Numbers agree to the digits that are given.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from theory.errors import InvalidInput
from theory.training import order_gradients, orders
from theory.training.claims import order_nelbo
from theory.training.claims.inputs import terms_of, uneven
from theory.unmasking.claims.rule_inputs import THREE_BITS
from theory.unmasking.likelihood import elbo_by_count

N = 3
SETS = [s for size in range(1, N + 1) for s in itertools.combinations(range(N), size)]
UNEQUAL = [0.5, 1.0, 2.0]


def row(masked: tuple[int, ...] | list[int]) -> int:
    """The number of a masked set among the rows of a table: its positions as binary digits, the first one leading."""
    return sum(2 ** (N - 1 - i) for i in masked)


def mean_terms() -> torch.Tensor:
    """Three bits' log-conditionals of the true tokens, averaged over all sequences alike."""
    return terms_of(THREE_BITS).mean(0)


def along(terms: torch.Tensor, order: tuple[int, ...]) -> float:
    """The log-likelihood of one sequence along a decoding order, position by position."""
    return math.fsum(float(terms[row(order[k:]), l]) for k, l in enumerate(order))


def tensor(w: list[float]) -> torch.Tensor:
    return torch.tensor(w, dtype=torch.float64)


def below(terms: torch.Tensor, w: list[float], end: float) -> float:
    """The part of the NELBO from times below `end`: each power of t multiplied out and integrated."""
    total = []
    for masked in SETS:
        rest = [j for j in range(N) if j not in masked]
        for l, size in itertools.product(masked, range(len(rest) + 1)):
            for added in itertools.combinations(rest, size):
                power = math.fsum(w[j] for j in (*masked, *added))
                total.append((-1) ** size * w[l] / power * end**power * -float(terms[row(masked), l]))
    return math.fsum(total)


@pytest.mark.parametrize(
    ("w", "moment", "growth"),
    [
        ([0.4, 0.5, 1], math.inf, math.inf),
        ([0.5, 0.5, 1], math.inf, 1.0),
        ([0.6, 0.7, 1], 4.333, 0),
        ([0.6, 0.7, 0.3], 2.817, 0),
    ],
)
def test_the_second_moment_is_finite_where_weights_of_costly_sets_pass_one(w, moment, growth) -> None:
    """Ours on 2511.19152: E[f^2] is finite if and only if w(M) > 1 for every masked set M that costs something.

    Here tokens 0 and 1 cost one nat each where exactly they are masked, and nothing else does. Then E[f^2] is (w_0 +
    w_1)^2 times the integral of t^(w_0 + w_1 - 2) (1 - t^(w_2)): finite for weights that are all below one.
    """
    terms = torch.zeros(8, 3, dtype=torch.float64)
    terms[row((0, 1)), :2] = -1
    found = order_gradients.second_moment(terms, w)
    assert found == (pytest.approx(moment, abs=5e-4), pytest.approx(growth, abs=1e-9))
    both = w[0] + w[1]
    if both > 1:
        assert found[0] == pytest.approx(both**2 * (1 / (both - 1) - 1 / (both - 1 + w[2])), rel=1e-12)


def test_the_second_moment_grows_linearly_in_a_common_weight() -> None:
    """Ours on 2511.19152: E[f^2] of times above 1/1000 is 29.24, 53.30, 102.14 and 200.12 for w = 5, 10, 20 and 40.

    Its slope in w tends to the sum over M of L(M)^2 (|M| - 1)! (n - |M|)! / n!, 4.8988 for these three bits.
    """
    terms, least, n = mean_terms(), 1e-3, N
    squares = {s: float(terms[row(s)].sum()) ** 2 for s in SETS}

    def expanded(w: float, end: float) -> float:
        powers = [
            (-1) ** j * math.comb(n - len(s), j) * v / (w * (len(s) + j) - 1) * (1 - end ** (w * (len(s) + j) - 1))
            for s, v in squares.items()
            for j in range(n - len(s) + 1)
        ]
        return w * w * math.fsum(powers) / (1 - end)

    for w, stated in ((5.0, 29.24), (10.0, 53.30), (20.0, 102.14), (40.0, 200.12)):
        found = order_gradients.second_moment(terms, [w] * n, least)[0]
        assert found == pytest.approx(stated, abs=5e-3)
        assert found == pytest.approx(expanded(w, least), rel=1e-9)
    factorials = [v * math.factorial(len(s) - 1) * math.factorial(n - len(s)) for s, v in squares.items()]
    slope = math.fsum(factorials) / math.factorial(n)
    assert slope == pytest.approx(4.8988, abs=5e-5)
    ends = [order_gradients.second_moment(terms, [w] * n)[0] for w in (40.0, 80.0)]
    assert (ends[1] - ends[0]) / 40 == pytest.approx(slope, rel=3e-4)
    assert expanded(2e6, 0.0) - expanded(1e6, 0.0) == pytest.approx(1e6 * slope, rel=1e-9)


@pytest.mark.parametrize(("w", "short"), [(UNEQUAL, 9.1e-8), ([2.0, 3.0, 4.0], 0.0)])
def test_what_clipping_loses_has_the_stated_coefficient(w: list[float], short: float) -> None:
    """Ours on 2511.19152: times below eps hold the sum of eps^(w_l) e_l of the NELBO, e_l the loss in full context.

    At eps = 2^-20 the quotient is 1 - 9.1e-8 for weights .5, 1, 2 and 1 for weights 2, 3, 4.
    """
    terms, end = mean_terms(), 2.0**-20
    claimed = math.fsum(end ** w[l] * -float(terms[row((l,)), l]) for l in range(N))
    for found in (order_nelbo._below(terms, tensor(w), 20), below(terms, w, end)):
        assert 1 - found / claimed == pytest.approx(short, abs=1e-9)


def test_a_hundredth_of_the_least_time_leaves_a_tenth_of_the_loss() -> None:
    """Ours on 2511.19152, at weights .5, 1, 2: .0917, .0991 and .0999 from eps = 1e-2, 1e-4 and 1e-6 on."""
    terms = mean_terms()
    for end, stated in ((1e-2, 0.0917), (1e-4, 0.0991), (1e-6, 0.0999)):
        assert below(terms, UNEQUAL, end / 100) / below(terms, UNEQUAL, end) == pytest.approx(stated, abs=5e-5)
    whole = float(orders.nelbo_by_quadrature(terms[None], orders.polynomial(UNEQUAL))[0])
    assert below(terms, UNEQUAL, 1.0) == pytest.approx(whole, rel=1e-13)


@pytest.mark.parametrize(("power", "nodes", "error"), [(8, 400, 1.1e-9), (40, 700, 0.0)])
def test_substitutions_reach_the_stated_accuracy(power: int, nodes: int, error: float) -> None:
    """Ours on 2511.19152, t = u^8 with 400 nodes: relative error 1.1e-9 at weights of 1/5.

    For t = u^40 with 700 nodes our notes say 3e-12; on these three bits it is below 1e-13, which is rounding.
    """
    x, share = np.polynomial.legendre.leggauss(nodes)
    u = (x + 1) / 2
    t, dt = u**power, share / 2 * power * u ** (power - 1)
    terms, rate = terms_of(THREE_BITS), t**0.2
    found = torch.zeros(len(terms), dtype=torch.float64)
    for masked in SETS:
        weight = float(dt @ (rate ** len(masked) * (1 - rate) ** (N - len(masked)) * 0.2 / t))
        found -= weight * terms[:, row(masked)].sum(-1)
    worst = float((found / -elbo_by_count(terms) - 1).abs().max())
    assert worst == pytest.approx(error, abs=5e-11 if error else 1e-13)


def test_an_impossible_token_keeps_every_weight_from_the_best_order() -> None:
    """Ours on 2511.19152: the infimum over weights is the best order's loss only where all probabilities are positive.

    Every token costs one nat, but token 2 cannot be decoded first. The order (0, 1, 2) costs 3, and at any weights the
    law of orders puts some probability on an order of infinite cost.
    """
    terms = torch.zeros(8, 3, dtype=torch.float64)
    for masked in SETS:
        terms[row(masked), list(masked)] = -1
    terms[row((0, 1, 2)), 2] = -math.inf
    assert min(-along(terms, o) for o in itertools.permutations(range(N))) == -along(terms, (0, 1, 2)) == 3
    for w in ([1.0, 1.0, 1.0], [math.exp(16), math.exp(8), 1.0]):
        assert float(orders.nelbo_by_orders(terms[None], orders.plackett_luce(w))[0]) == math.inf


def test_the_infimum_over_weights_is_not_attained() -> None:
    """Ours on 2511.19152: weights e^4, e^8 and e^12 apart along the best order miss it by .0103, 1.9e-4 and 3.5e-6.

    These are three bits of an uneven law, whose best order is (2, 1, 0).
    """
    terms = (terms_of(THREE_BITS) * uneven(3, 2).law()[:, None, None]).sum(0)
    losses = {o: -along(terms, o) for o in itertools.permutations(range(N))}
    best = min(losses, key=losses.__getitem__)
    assert best == (2, 1, 0)
    for step, stated, digits in ((4, 0.0103, 5e-5), (8, 1.9e-4, 5e-6), (12, 3.5e-6, 5e-8)):
        steep = [math.exp(step * best.index(l) * -1.0) for l in range(N)]
        law = orders.plackett_luce(steep)
        gap = float(orders.nelbo_by_orders(terms[None], law)[0]) - losses[best]
        assert gap == pytest.approx(stated, abs=digits)
        assert gap == pytest.approx(math.fsum(p * (losses[o] - losses[best]) for o, p in law.items()), abs=1e-12)


def test_the_mixture_moves_with_the_weights_by_more_than_four_nats() -> None:
    """Ours on 2511.19152: -ln p_mix moves by up to 4.80 nats over weights 1/50, 1 and 50, on an inconsistent model."""
    terms, found, plain = terms_of(THREE_BITS), [], []
    for w in itertools.product((Fraction(1, 50), Fraction(1), Fraction(50)), repeat=N):
        law = orders.plackett_luce(w)
        found.append(-orders.mixture(terms, law))
        plain.append([-math.log(math.fsum(float(p) * math.exp(along(x, o)) for o, p in law.items())) for x in terms])
    values = torch.stack(found)
    assert float((values.amax(0) - values.amin(0)).max()) == pytest.approx(4.80, abs=5e-3)
    assert torch.allclose(values, torch.tensor(plain, dtype=torch.float64), atol=1e-12)


CLOCKS = {
    "(t + t^2) / 2": (lambda t: (t + t * t) / 2, lambda t: 0.5 + t),
    "sin(pi t / 2)": (lambda t: torch.sin(math.pi * t / 2), lambda t: math.pi / 2 * torch.cos(math.pi * t / 2)),
}


@pytest.mark.parametrize("name", CLOCKS)
@pytest.mark.parametrize("w", [[Fraction(1, 2), Fraction(2), Fraction(7, 10)], [Fraction(1)] * 4])
def test_a_common_change_of_time_changes_nothing(name: str, w: list[Fraction]) -> None:
    """Ours on 2511.19152: with t replaced by phi(t) in all schedules the law of orders and the NELBO stay, to 1e-15.

    With one schedule for all positions every order has probability 1 / n!, whatever that schedule is.
    """
    phi, slope = CLOCKS[name]
    rates = tensor([float(v) for v in w])
    schedules = orders.Schedules(
        name, lambda t: phi(t)[..., None] ** rates, lambda t: rates * (slope(t) / phi(t))[..., None], None, len(w)
    )
    found, law = orders.order_law(schedules), orders.plackett_luce(w)
    assert max(abs(found[o] - float(p)) for o, p in law.items()) < 1e-15
    if len(set(w)) == 1:
        assert set(law.values()) == {Fraction(1, math.factorial(len(w)))}
    else:
        nelbo = orders.nelbo_by_quadrature(terms_of(THREE_BITS), orders.polynomial(rates))
        assert torch.allclose(orders.nelbo_by_quadrature(terms_of(THREE_BITS), schedules), nelbo, rtol=2e-15, atol=0)


def test_equal_weights_decode_every_set_with_the_same_chance() -> None:
    """Ours on 2511.19152: at equal weights omega(l, S) is |S|! (n - 1 - |S|)! / n!, in fractions."""
    n, found = 4, orders.decoded_before_by_inclusion([Fraction(1)] * 4)
    assert len(found) == n * 2 ** (n - 1)
    for (_, before), chance in found.items():
        k = len(before)
        assert chance == Fraction(math.factorial(k) * math.factorial(n - 1 - k), math.factorial(n))


def test_an_order_and_its_reverse_cannot_share_all_chances() -> None:
    """Ours on 2511.19152: half on an order and half on its reverse is no law of independent masking times for n >= 3.

    Given the time of the middle token, the other two come before it independently, with chances p and q that both fall
    in that time; the means of p (1 - q) and q (1 - p) are then at most P (1 - Q) and Q (1 - P), P and Q the means of p
    and q. The product of these is at most 1/16, so that one of them is at most 1/4. Under Plackett and Luce's law the
    smaller chance is at most 3 - 2 sqrt(2), at weights 1, sqrt(2), 1.
    """
    most = 3 - 2 * math.sqrt(2)

    def smaller(w: list[float]) -> float:
        law = orders.plackett_luce(w)
        return min(law[0, 1, 2], law[2, 1, 0])

    assert smaller([1.0, math.sqrt(2), 1.0]) == pytest.approx(most, rel=1e-14)
    grid = [math.exp(k / 4) for k in range(-12, 13)]
    assert max(smaller([a, b, 1.0]) for a, b in itertools.product(grid, repeat=2)) < most < 1 / 4
    for b in grid:
        assert smaller([1.0, b, 1.0]) == pytest.approx(b / ((2 + b) * (1 + b)), rel=1e-14)


@pytest.mark.parametrize("chance", [lambda t: (t + 0.2).clamp(max=1), lambda t: 0.8 * t])
def test_schedules_that_miss_an_end_are_refused(chance) -> None:
    """alpha(0) = 1 and alpha(1) = 0 are required (2511.19152): otherwise tokens are masked for ever, or left out."""
    with pytest.raises(InvalidInput, match="expected 0 and 1 at each of 3 positions") as refused:
        orders.Schedules("short", lambda t: chance(t)[..., None].expand(*t.shape, 3), lambda t: t[..., None], None, 3)
    assert "\n" not in str(refused.value)
