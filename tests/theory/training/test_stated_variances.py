"""Numbers stated for variances of losses (arXiv 2511.18159, 2505.19223), by the engines and by sums written out.

Where a statement is ours the docstring says so. Numbers agree to the digits that are given.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate

from tests.planting import outcome, plant, plus, times
from theory.ledger import catalogue
from theory.reference import training as reference
from theory.training import preferences, variance
from theory.training.claims.inputs import terms_of, uneven, whole_table
from theory.training.estimators import Estimator, Weight, clipped
from theory.training.loss_table import LossTable, loss_table, masked_sets
from theory.training.moments import moments
from theory.training.zoo import BY_RATE
from theory.unmasking.claims.rule_inputs import THREE_BITS
from theory.unmasking.likelihood import elbo_by_count
from theory.worlds import TableWorld

TABLE = whole_table([[1, 2, 3], [4, 0, 5]], [1, 2])[0]
"""Two tokens; each row the losses where the second, the first or both are masked, with chances 1/3 and 2/3."""
FLOOR = 1e-3


def integral(value: Callable[[float], float], low: float) -> float:
    """The integral from `low` to 1, in two pieces of ln t."""
    ends = [math.log(t) for t in (low, 0.5, 1)]
    exact, pieces = {"epsabs": 0, "epsrel": 1e-11, "limit": 200}, itertools.pairwise(ends)
    return math.fsum(integrate.quad(lambda x: value(math.exp(x)) * math.exp(x), *p, **exact)[0] for p in pieces)


def by_set(table: LossTable, cell: int = 0) -> dict[frozenset[int], float]:
    """The losses of one sequence by masked set."""
    rows = [frozenset(s.nonzero()[:, 0].tolist()) for s in masked_sets(table.n)]
    return dict(zip(rows, table.values[:, cell].tolist(), strict=True))


def bits(e: float) -> LossTable:
    """Two bits that are nearly always opposite, with their exact conditionals."""
    return loss_table(TableWorld([e, 0.5 - e, 0.5 - e, e], 2, 2))


@pytest.mark.parametrize(("cell", "mirrored", "independent"), [(0, 207.03, 205.57), (1, 0.696, 0.719)])
def test_a_mirrored_pair_can_lose_to_two_independent_masks(cell: int, mirrored: float, independent: float) -> None:
    """Ours on 2505.19223: for nearly opposite bits the pair loses on the surprising sequence and wins on the next.

    Levels are uniform above 1/1000, the weight is 1/t; the pair shares its level, the two masks have a level each.
    """
    table = bits(1e-3).at(cell)
    estimator = Estimator("mirrored", level=clipped(FLOOR), weight=BY_RATE, partner="mirrored mask")
    found = moments(estimator, table).variance
    alone = moments(Estimator("two", level=clipped(FLOOR), weight=BY_RATE, levels=2), table).variance
    digits = 5e-3 if cell == 0 else 5e-4
    assert (found, alone) == (pytest.approx(mirrored, abs=digits), pytest.approx(independent, abs=digits))

    losses = by_set(table)

    def chance(t: float, s: frozenset[int]) -> float:
        return t ** len(s) * (1 - t) ** (2 - len(s)) / (1 - FLOOR)

    mean = integral(lambda t: sum(chance(t, s) * v for s, v in losses.items()) / t, FLOOR)
    square = integral(lambda t: sum(chance(t, s) * v * v for s, v in losses.items()) / t**2, FLOOR)
    pair = integral(lambda t: reference.mirrored(losses, 2, t)[1] / t**2, FLOOR) / (1 - FLOOR)
    assert alone == pytest.approx((square - mean**2) / 2, rel=1e-6)
    assert found == pytest.approx((square + pair) / 2 - mean**2, rel=1e-6)


def test_the_weight_of_eq_13_given_the_mask() -> None:
    """Ours on 2505.19223, Eq. 13: given a mask set of k of n tokens the weight is (n + 1) / k, with k uniform on 0..n.

    For losses 1, 2 of single tokens and 3 of both the second moment is 3 x 4.75, and 2 x 4.75 by count.
    """
    n, table = 2, whole_table([[1, 2, 3]], [1])[0]
    given = Estimator(
        "Eq. 13 given the mask", weight=Weight("(n + 1) / k", lambda t, k, m, p: (m + 1) / k.clamp(min=1))
    )
    found = [moments(each, table) for each in (given, preferences.COUNT)]
    squares = sum(np.mean([v * v for s, v in by_set(table).items() if len(s) == k]) / k**2 for k in (1, 2))
    assert squares == 4.75
    assert [each.variance + each.mean**2 for each in found] == [pytest.approx(14.25), pytest.approx(9.5)]
    for k in (1, 2):
        weighted, chance = (
            integrate.quad(lambda t, j=j, k=k: t**j * (1 - t) ** (n - k), 0, 1)[0] * math.comb(n, k) for j in (k - 1, k)
        )
        assert (weighted / chance, chance) == (pytest.approx((n + 1) / k), pytest.approx(1 / (n + 1)))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_form_by_count_varies_less_up_to_four_tokens(n: int) -> None:
    """Ours on 2505.19223: Eq. 14 varies less than Eq. 13 with levels above 1/1000, on each of 200 drawn tables."""
    generator, by_time = torch.Generator().manual_seed(n), Estimator("Eq. 13", level=clipped(FLOOR), weight=BY_RATE)
    share = [integral(lambda t, k=k: t ** (k - 2) * (1 - t) ** (n - k), FLOOR) / (1 - FLOOR) for k in range(1, n + 1)]
    mean = [integral(lambda t, k=k: t ** (k - 1) * (1 - t) ** (n - k), FLOOR) / (1 - FLOOR) for k in range(1, n + 1)]
    for number in range(200):
        values = torch.randint(0, 13, (2**n, 1), generator=generator).double()
        values[0] = 0
        table = LossTable(n, values, values.new_ones(1))
        found = [moments(each, table).variance for each in (preferences.COUNT, by_time)]
        assert found[0] < found[1]
        if number < 3:
            nonempty = [(len(s), v) for s, v in by_set(table).items() if s]
            count = [(v * n / k, 1 / (n * math.comb(n, k))) for k, v in nonempty]
            inner = sum(p * v for v, p in count)
            assert found[0] == pytest.approx(sum(p * v * v for v, p in count) - inner**2, rel=1e-11)
            square, inner = (sum(c[k - 1] * v**j for k, v in nonempty) for c, j in ((share, 2), (mean, 1)))
            assert found[1] == pytest.approx(square - inner**2, rel=1e-6)


def test_dropping_and_redrawing_empty_rows() -> None:
    """Ours on 2511.18159: without rows that mask nothing the batch mean is (P + 1) / P times the NELBO.

    Drawing their masks again at the same level divides by 1 - (1 - t)^P instead: 10.27, 18.62, 27.06 and 35.50 for
    levels above 1e-2 to 1e-8, growing by the mean sum of losses in full context over P for each unit of ln(1/eps).
    """
    dropped = Estimator("dropped", weight=Weight("1/t, kept rows", lambda t, k, m, p: (m + 1) / (m * t)))
    assert moments(dropped, TABLE).mean / moments(dropped, TABLE).nelbo == pytest.approx(1.5, rel=1e-12)
    assert 1 / integrate.quad(lambda t: 1 - (1 - t) ** 2, 0, 1)[0] == pytest.approx(1.5)  # the share of kept rows
    ends = (1e-2, 1e-4, 1e-6, 1e-8)
    redrawn = Weight("1/t, redrawn rows", lambda t, k, m, p: 1 / (t * (1 - (1 - t) ** m)))
    found = [moments(Estimator("redrawn", weight=redrawn, level=clipped(e)), TABLE).mean for e in ends]
    assert found == [pytest.approx(stated, abs=5e-3) for stated in (10.27, 18.62, 27.06, 35.50)]
    alone = 1 / 3 * (1 + 2) / 2 + 2 / 3 * (4 + 0) / 2
    assert (found[3] - found[2]) / math.log(100) == pytest.approx(alone, rel=1e-5) == pytest.approx(1.8333, abs=5e-5)
    both = 1 / 3 * 3 + 2 / 3 * 5
    for e, value in zip(ends, found, strict=True):
        plain = integral(lambda t: (t * (1 - t) * 2 * alone + t * t * both) / (t * t * (2 - t)), e) / (1 - e)
        assert value == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize(("least", "share"), [(0.1, 0.9), (1e-3, 0.999)])
def test_the_weight_of_a_clipped_density_shrinks_the_mean(least: float, share: float) -> None:
    """Ours on 2511.18159: with p the density on [eps, 1] the weight 1/p gives 1 - eps times the mean of 1/t over it.

    The engine's density of clipped levels is a number of 32 bits, so that the two agree to 1e-6.
    """
    divided, plain = (
        moments(Estimator("clipped", level=clipped(least), weight=weight), TABLE).mean
        for weight in (Weight("1 / (t p)", lambda t, k, m, p: 1 / (t * p)), BY_RATE)
    )
    assert divided / plain == pytest.approx(share, rel=1e-6)
    losses = 1 / 3 * np.array([1 + 2, 3]) + 2 / 3 * np.array([4 + 0, 5])
    over_t = integral(lambda t: (1 - t) * losses[0] + t * losses[1], least)
    assert divided == pytest.approx(over_t, rel=1e-6)
    assert plain == pytest.approx(over_t / (1 - least), rel=1e-6)


def raised_mean(terms: torch.Tensor, raised: list[int], shift: float) -> float:
    """The mean of ISAD's loss of one sequence: in every set, each token's loss times the chances of all the others."""
    nodes, shares = np.polynomial.legendre.leggauss(
        8
    )  # exact: the integrand is a polynomial on either side of 1 - shift
    total = 0.0
    for low, high in ((0.0, 1 - shift), (1 - shift, 1.0)):
        for x, share in zip((low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * shares, strict=True):
            rate = [min(1.0, x + shift) if i in raised else x for i in range(3)]
            for s, masked in enumerate(masked_sets(3).tolist()):
                for l in (i for i in range(3) if masked[i]):
                    others = [rate[j] if masked[j] else 1 - rate[j] for j in range(3) if j != l]
                    total -= share * math.prod(others) * float(terms[s, l])
    return total


def test_raised_rates_bound_no_single_sequence() -> None:
    """Ours on 2511.18159, ISAD, with exact conditionals and token 0 raised by .2: no bound on -ln p(x) but on average.

    The mean less -ln p(x) runs from -.087 to .041; it is below zero for 4 of 8 sequences, and .00148 on average.
    """
    world = uneven(3, 2)
    terms, law = terms_of(world), world.law()
    gap = variance.mean_with_raised_rates(terms, torch.tensor([True, False, False]), 0.2) + law.log()
    assert (float(gap.min()), float(gap.max())) == (pytest.approx(-0.087, abs=5e-4), pytest.approx(0.041, abs=5e-4))
    assert int((gap < 0).sum()) == 4
    assert float(law @ gap) == pytest.approx(0.00148, abs=5e-6)
    plain = [raised_mean(x, [0], 0.2) + math.log(float(p)) for x, p in zip(terms, law, strict=True)]
    assert gap.tolist() == pytest.approx(plain, abs=1e-12)


@pytest.mark.parametrize(
    ("sees", "delimiters", "found", "true"),
    [(0.0, [0], 3.75, 3.75), (0.5, [0], 4.09, 4.0), (0.0, [0, 1], 4.0084, 3.75)],
)
def test_raised_rates_are_unbiased_where_no_token_sees_anothers_delimiter(sees, delimiters, found, true) -> None:
    """Ours on 2511.18159, ISAD: the mean is the NELBO as soon as no loss depends on the mask of another delimiter.

    Token 0 costs 1 + .7 m_1 + .4 m_2 + .3 m_1 m_2, tokens 1 and 2 cost .9 + .2 m_2 and .8 + .6 m_1; where token 1 costs
    .5 more while 0 is masked the mean is 4.09 for 4, and with delimiters 0 and 1 it is 4.0084 for 3.75.
    """
    terms = torch.zeros(8, 3, dtype=torch.float64)
    for s, (a, b, c) in enumerate(masked_sets(3).tolist()):
        losses = [1 + 0.7 * b + 0.4 * c + 0.3 * b * c, 0.9 + 0.2 * c + sees * a, 0.8 + 0.6 * b]
        terms[s] = torch.tensor([-v * m for v, m in zip(losses, (a, b, c), strict=True)], dtype=torch.float64)
    raised = torch.tensor([i in delimiters for i in range(3)])
    assert float(variance.mean_with_raised_rates(terms[None], raised, 0.2)) == pytest.approx(found, rel=1e-12)
    assert raised_mean(terms, delimiters, 0.2) == pytest.approx(found, rel=1e-12)
    assert float(-elbo_by_count(terms[None])) == pytest.approx(true, rel=1e-12)


def test_as_many_strata_as_draws_are_never_worse_than_a_divisor() -> None:
    """Ours on 2511.18159, StraTS: exp(2t) at n = 12 in k = 1, 2, 3, 4, 6 and 12 strata: .266 down to .0026.

    Strata that are cut into parts leave more of the variance between them; this holds for k dividing n.
    """

    def inside(k: int) -> float:
        """The variance of a mean of 12, from those inside each stratum."""
        parts = []
        for low, high in itertools.pairwise([j / k for j in range(k + 1)]):
            first, second = (k * (math.exp(c * high) - math.exp(c * low)) / c for c in (2, 4))
            parts.append((12 / k) * (second - first**2))
        return math.fsum(parts) / 12**2

    divisors = (1, 2, 3, 4, 6, 12)
    means = [k * np.diff(np.exp(2 * np.arange(k + 1) / k)) / 2 for k in divisors]
    total = (math.exp(4) - 1) / 4 - float(means[0][0]) ** 2
    found = [(total - float(np.var(each))) / 12 for each in means]
    assert [round(v, 4) for v in found] == [0.2662, 0.0846, 0.0396, 0.0227, 0.0102, 0.0026]
    assert found == pytest.approx([inside(k) for k in divisors], rel=1e-9)
    generator = np.random.default_rng(0)
    for _ in range(50):
        steps = generator.normal(size=12)  # a curve that is level on twelfths
        between = [float(np.var(steps.reshape(k, -1).mean(-1))) for k in divisors]
        assert max(between[:-1]) < between[-1]


@pytest.mark.parametrize(("e", "rho"), [(1e-12, 0.99721), (1e-50, 0.999851), (1e-300, 0.999996)])
def test_the_correlation_of_mirrored_masks_has_no_bound_below_one(e: float, rho: float) -> None:
    """Ours on 2511.18159, MIRROR: nearly opposite bits at t = 1/2, where the second mask is the first's complement."""
    table = bits(e)
    found = float(variance.mirror_correlation(table, torch.tensor([0.5], dtype=torch.float64))[0, 0])
    assert found == pytest.approx(rho, abs=5e-6 if e == 1e-12 else 5e-7)
    _, first, second, both = table.values[:, 0].tolist()
    mean, square, product = (first + second + both) / 4, (first**2 + second**2 + both**2) / 4, first * second / 2
    assert found == pytest.approx((product - mean**2) / (square - mean**2), rel=1e-12)


def test_the_best_density_for_mirrored_pairs() -> None:
    """Ours on 2511.18159: with MIRROR the best density is sqrt(E[g^2 + v (1 + rho) / 2]), the mean inside the root.

    Three bits, levels above 1/1000: 7.6373, where the plug-in has 7.6419, one mask's best 7.8305, and uniform 14.795.
    """
    world = uneven(3, 2)
    table = loss_table(world, THREE_BITS)
    single = variance.curves(table, FLOOR)
    pair = variance.Curves(single.rule, *variance.at_levels(table, single.rule.t, mirrored=True), single.law)
    densities = [pair.second.sqrt(), pair.plug_in.sqrt(), single.second.sqrt(), torch.ones_like(single.rule.t)]
    found = [variance.split(pair, p).total for p in densities]
    assert found == [pytest.approx(v, abs=5e-5) for v in (7.6373, 7.6419, 7.8305)] + [pytest.approx(14.795, abs=5e-4)]
    assert variance.gain_of_best(pair) == pytest.approx(found[3] - found[0], rel=1e-12)
    assert variance.gain_of_best(pair) == pytest.approx(7.157777, abs=5e-7)
    for t in (0.01, 0.3, 0.5, 0.8):
        g, v = variance.at_levels(table, torch.tensor([t], dtype=torch.float64), mirrored=True)
        for cell in range(8):
            losses = by_set(table, cell)
            mean, product = reference.mirrored(losses, 3, t)
            square = sum(t ** len(s) * (1 - t) ** (3 - len(s)) * x * x for s, x in losses.items())
            plain = ((square + product) / 2 - mean**2) / t**2
            assert (float(g[0, cell]), float(v[0, cell])) == (pytest.approx(mean / t), pytest.approx(plain, rel=1e-9))


def test_the_printed_family_leaves_mask_noise_infinite() -> None:
    """Ours on 2511.18159, EPR: the family is finite at t = 0, so mask noise grows with ln(1/eps): 149.2, 303.6, 458.1.

    Those are for levels above 2^-20, 2^-40 and 2^-60; the slope is the mean squared loss of single tokens over p(0).
    """
    parameters, found = (0.5, 1.5, 0.8, 2.0, 0.6, 0.4, 2.0), []
    for halvings in (20, 40, 60):
        curves = variance.curves(TABLE, 2.0**-halvings)
        density = torch.as_tensor(variance.epr(curves.rule.t.numpy(), *parameters))
        found.append(variance.split(curves, density).mask)
    assert found == [pytest.approx(v, abs=0.05) for v in (149.2, 303.6, 458.1)]
    whole = integrate.quad(lambda t: variance.epr(t, *parameters), 0, 1, epsabs=1e-12)[0]
    alone = 1 / 3 * (1**2 + 2**2) + 2 / 3 * 4**2
    slope = alone * whole / math.sqrt(0.8 + 0.6**2)
    assert slope == pytest.approx(11.1427, abs=5e-5)
    assert (found[2] - found[1]) / (20 * math.log(2)) == pytest.approx(slope, rel=1e-8)


def test_the_means_and_gains_of_the_tables() -> None:
    """2511.18159, tables of accuracies and CLIP scores: gains of 7.01, 8.02 and 8.42, and means of 34.59 and 31.36."""
    both, standard = (52.53, 60.53, 67.10), (45.52, 52.51, 58.68)
    assert [a - b for a, b in zip(both, standard, strict=True)] == pytest.approx([7.01, 8.02, 8.42], abs=1e-9)
    assert np.mean([35.27, 34.10, 34.39]) == pytest.approx(34.59, abs=5e-3)
    assert np.mean([28.61, 34.28, 31.19]) == pytest.approx(31.36, abs=5e-3)


@pytest.mark.parametrize(("name", "fault"), [("mirror_correlation", times(1.01)), ("mirrored_products", plus(0.01))])
def test_faults_are_noticed_by_the_claim_on_copies(monkeypatch: pytest.MonkeyPatch, name: str, fault) -> None:
    plant(monkeypatch, "theory.training.variance", name, fault)
    assert outcome(catalogue.claim("variance.6g")) == "refuted"
