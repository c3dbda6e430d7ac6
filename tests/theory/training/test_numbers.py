"""Numbers that the papers on training, or our notes on them, give for stated instances, to the digits given."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import integrate, optimize

from tests.planting import outcome, plant, times
from theory.ledger import catalogue
from theory.reference import training as reference
from theory.training import orders, preferences, variance
from theory.training.claims import preferences as preference_claims
from theory.training.claims import scores, sources
from theory.training.loss_table import LossTable, loss_table
from theory.training.quadrature import rule
from theory.worlds import TableWorld


def halves(q: float, first: tuple[float, float], second: tuple[float, float]) -> variance.Curves:
    """Two sequences of chances q and 1 - q without mask noise, their mean losses on the halves of (0, 1]."""
    grid = rule(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    upper = (grid.t > 0.5).long()
    mean = torch.stack([torch.tensor(row, dtype=torch.float64)[upper] for row in (first, second)], -1)
    return variance.Curves(grid, mean, torch.zeros_like(mean), torch.tensor([q, 1 - q], dtype=torch.float64))


@pytest.mark.parametrize(
    ("q", "steep", "uniform", "plugged", "best"),
    [(0.1, 3.0, 0.5275, 0.8775, 0.5268), (1e-4, 100.0, 0.745, 25.2, None)],
)
def test_the_plug_in_density_loses_to_uniform_levels(q, steep, uniform, plugged, best) -> None:
    """Mask and level noise with data noise, by the engine: arXiv 2511.18159, the quantity that P-POTS estimates."""
    found = halves(q, (1.0, steep), (1.0, 0.0))
    ones = torch.ones_like(found.rule.t)
    assert variance.split(found, ones).total == pytest.approx(uniform, abs=5e-4 if q < 0.01 else 5e-5)
    assert variance.split(found, found.plug_in.sqrt()).total == pytest.approx(plugged, abs=0.05 if q < 0.01 else 5e-5)
    if best is not None:
        assert variance.split(found, found.second.sqrt()).total == pytest.approx(best, abs=5e-5)


@pytest.mark.parametrize(("e", "rho"), [(1e-3, 0.939), (1e-6, 0.988)])
def test_mirrored_masks_can_be_almost_perfectly_correlated(e: float, rho: float) -> None:
    table = loss_table(TableWorld([e, 0.5 - e, 0.5 - e, e], 2, 2))
    assert float(variance.mirror_correlation(table, torch.tensor([0.5], dtype=torch.float64))[0, 0]) == pytest.approx(
        rho, abs=5e-4
    )


@pytest.mark.parametrize("n", [2, 3, 5])
def test_mirrored_masks_gain_nothing_on_copies(n: int) -> None:
    """n identical tokens cost one nat each only where all are masked: rho = -t^n / (1 - t^n) for t <= 1/2."""
    values = torch.zeros(2**n, 1, dtype=torch.float64)
    values[-1] = n
    t = torch.tensor([0.2, 0.4, 0.5], dtype=torch.float64)
    found = variance.mirror_correlation(LossTable(n, values, torch.ones(1, dtype=torch.float64)), t)[:, 0]
    assert torch.allclose(found, -(t**n) / (1 - t**n), atol=1e-12)


def test_strata_of_an_exponential() -> None:
    """exp(2t), n = 12 in k = 4 strata: .0227 exactly, -.46 with the printed divisor."""
    means = [4 * (math.exp(2 * (j + 1) / 4) - math.exp(2 * j / 4)) / 2 for j in range(4)]
    whole = (math.exp(2) - 1) / 2
    total, between = (math.exp(4) - 1) / 4 - whole**2, float(np.var(means))
    assert (total - between) / 12 == pytest.approx(0.0227, abs=5e-5)
    assert total / 12 - between / 4 == pytest.approx(-0.46, abs=5e-3)


def test_the_shift_bound_needs_curvature_along_the_path() -> None:
    """ln cosh with a linear term of slope .9: the optimum moves by 1.472, the bound from its own curvature says .9."""
    found = optimize.minimize_scalar(
        lambda x: 0.5 * math.log(math.cosh(x)) - 0.5 * 0.9 * x, bounds=(0, 5), method="bounded"
    )
    assert found.x == pytest.approx(1.472, abs=5e-4)
    assert pytest.approx(0.9) == 0.5 * 0.9 / (0.5 * 1.0)


def test_weights_towards_a_best_order_need_not_fall() -> None:
    omega = {c: orders.decoded_before_by_inclusion([Fraction(c) ** -i for i in range(3)]) for c in (1, 2)}
    assert [omega[c][0, frozenset({1})] for c in (1, 2)] == [Fraction(1, 6), Fraction(8, 35)]


def test_the_bias_of_a_gaussian_score() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    found = float(weights / weights.sum() @ np.logaddexp(0, -0.1 * nodes)) - math.log(2)
    assert found == pytest.approx(0.0012484, abs=5e-8)
    assert 0.01 / 8 == 0.00125


@pytest.mark.parametrize(
    ("s", "p", "v", "ratio"), [(0, 0.02, 0.19, 0.76), (3, 0.95, 0.19, 1.78), (-3, 0.01, 0.1996, 3.11)]
)
def test_two_point_laws_miss_the_expansion_of_the_bias(s: float, p: float, v: float, ratio: float) -> None:
    """Chance p of the upper of two points, against sigma(s) sigma(-s) V / 2. (The notes' 2.87 is of another p.)"""
    x = np.array([s + math.sqrt(v * (1 - p) / p), s - math.sqrt(v * p / (1 - p))])
    chances = np.array([p, 1 - p])
    found = float(chances @ np.logaddexp(0, -x) - np.logaddexp(0, -s)) / (v / 2 / (2 + 2 * math.cosh(s)))
    assert found == pytest.approx(ratio, abs=5e-3)


def test_printed_and_sharp_constants() -> None:
    assert math.sqrt(0.2) * 0.8**2 == pytest.approx(0.2862, abs=5e-5)
    assert pytest.approx(0.09017, abs=5e-6) == preferences.GRADIENT_SHARP
    assert ((1 + math.sqrt(5)) / 2) ** -5 == pytest.approx(preferences.GRADIENT_SHARP, rel=1e-14)


def test_single_mask_losses_at_three_hundred_tokens() -> None:
    """299 by count. By time, levels uniform above 1/1000: 271.1 with the weight 1 / (t p), 271.7 with 1 / t."""
    (evidence,) = preference_claims.single_mask_losses(300)
    assert evidence.computed == 299
    assert evidence.claimed == pytest.approx(271.1, abs=0.05)
    second = integrate.quad(lambda t: 300 * (1 - t) ** 299 / t, 1e-3, 1, limit=400)[0] / (1 - 1e-3)
    assert second - (1 - 1e-3) ** 598 == pytest.approx(271.7, abs=0.05)


def test_the_splitting_of_the_printed_proof_fails_by_more_than_1_9() -> None:
    (evidence,) = scores.splitting(**scores.APART)
    assert evidence.computed / evidence.claimed > 1.9


def test_claims_and_engine_agree_on_the_plug_in() -> None:
    """Whole numbers for the claim, quadrature for the engine: two routes to the same two variances."""
    (evidence,) = sources.plug_in(Fraction(1, 10), [Fraction(1), Fraction(3)], [Fraction(1), Fraction(0)])
    found = halves(0.1, (1.0, 3.0), (1.0, 0.0))
    assert variance.split(found, found.plug_in.sqrt()).total == pytest.approx(float(evidence.computed), rel=1e-12)


def test_the_printed_family_fits_a_member_of_itself() -> None:
    t = np.linspace(0.01, 0.99, 99)
    parameters = (0.5, 1.5, 0.8, 2.0, 0.6, 0.4, 2.0)
    density = variance.epr(t, *parameters)
    fitted = variance.epr(t, *variance.fit_epr(t, density, np.full(99, 1 / 99)))
    assert np.abs(fitted / fitted.sum() - density / density.sum()).max() < 0.03 * (density / density.sum()).max()


def test_beta_integrals_are_rational() -> None:
    assert reference.beta(Fraction(1, 2), 1) == Fraction(4, 3)
    assert float(reference.beta(Fraction(5, 2), 3)) == pytest.approx(math.gamma(2.5) * 6 / math.gamma(6.5), rel=1e-14)


@pytest.mark.parametrize(("middle", "size"), [(2, 0.5), (198, 0.01)])
def test_three_points_attain_the_bound_by_the_kurtosis(middle: int, size: float) -> None:
    """Ours on 2505.19223, Lemma 4: E|X - s| is sqrt(V / kappa) for -1, 0 and 1 too: .5 at kurtosis 2, .01 at 100.

    With chance q of either end the kurtosis is 1 / (2q), which takes every value from one on.
    """
    (sharp, _) = scores.kurtosis([Fraction(-1), Fraction(0), Fraction(1)], [1, middle, 1])
    assert (sharp.computed, sharp.claimed) == (pytest.approx(size, rel=1e-14), pytest.approx(size, rel=1e-14))
    v = fourth = 2 / (middle + 2)
    assert math.sqrt(v / (fourth / v**2)) == pytest.approx(size, rel=1e-14)


@pytest.mark.parametrize(("chance", "share"), [(1e-2, 0.141), (1e-4, 0.0141), (1e-6, 0.00141)])
def test_the_order_of_the_mean_deviation_needs_bounded_kurtosis(chance: float, share: float) -> None:
    """Ours on 2505.19223, Theorem 2: E|loss(X) - loss(s)| over u sqrt(V) falls with the chance of rare far scores.

    For -a, 0 and a with V = .01 it is exactly sqrt(2q), since the loss at a and at -a differ by a.
    """
    (found,) = scores.rare_ends(Fraction(chance), share=1.0)
    assert float(found.computed / found.claimed) == pytest.approx(share, rel=5e-3)
    assert float(found.computed / found.claimed) == pytest.approx(math.sqrt(2 * chance), rel=1e-9)


@pytest.mark.parametrize(("s", "ratio", "digits"), [(0, 1.0012, 5e-5), (1, 1.006, 5e-4), (-2, 0.9992, 5e-5)])
def test_the_variance_of_the_loss_is_near_its_expansion(s: float, ratio: float, digits: float) -> None:
    """2505.19223, Theorem 3: the variance of the loss is about u^2 V, u its slope. The ratios, at V = .01, are ours."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    chances, moved = weights / weights.sum(), np.logaddexp(0, -s - 0.1 * nodes)
    found = float(chances @ (moved - chances @ moved) ** 2) / (0.01 / (1 + math.exp(s)) ** 2)
    assert found == pytest.approx(ratio, abs=digits)

    def mean(power: int) -> float:
        return integrate.quad(
            lambda u: (np.logaddexp(0, -s - 0.1 * u) - float(chances @ moved)) ** power * math.exp(-u * u / 2), -12, 12
        )[0] / math.sqrt(2 * math.pi)

    assert mean(2) / (0.01 / (1 + math.exp(s)) ** 2) == pytest.approx(found, rel=1e-9)
    assert mean(1) == pytest.approx(0, abs=1e-12)


def test_the_ablation_of_masks_does_not_fit_the_two_sources() -> None:
    """2505.19223, table of variances: rows (2, 2) and (1, 4) give V_t = 5.2 and V_y = 8.4, so 13.6 for (1, 1), not 44.

    The slope of the logarithm from n = 1 to n = 8 is -1.82 there, where -1 is the law.
    """
    level, mask = np.linalg.solve([[1 / 2, 1 / 4], [1, 1 / 4]], [4.7, 7.3])
    assert (level, mask) == (pytest.approx(5.2), pytest.approx(8.4))
    assert level + mask == pytest.approx(13.6)
    assert pytest.approx(20) == 44.0 / 2.2  # Lemma 5 forces 4 between n = 1 and n = 4
    assert math.log(1.0 / 44.0) / math.log(8) == pytest.approx(-1.82, abs=5e-3)


def test_a_wrong_loss_is_noticed_by_the_first_order_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "theory.training.preferences", "loss", times(1.01))
    assert outcome(catalogue.claim("vrpo.3b")) == "refuted"


class Listed:
    """Two responses of two bits under policy and reference, with every set of masks by count (Eq. 14)."""

    sets = ((0,), (1,), (0, 1))
    chance = torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64)

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        other = torch.randn(9, 2, 2, dtype=torch.float64, generator=generator)
        self.logits = other + torch.randn(other.shape, dtype=torch.float64, generator=generator)
        drawn = torch.randperm(4, generator=generator)[:2].tolist()
        self.responses = [(x % 2, x // 2) for x in drawn]
        self.reference = other.log_softmax(-1)

    def estimates(self, log_p: torch.Tensor, y: tuple[int, int]) -> torch.Tensor:
        """2/k times the log-probability of the masked tokens of y, for every set."""
        found = []
        for masked in self.sets:
            state = sum((2 if i in masked else y[i]) * 3**i for i in range(2))
            found.append(2 / len(masked) * sum(log_p[state, i, y[i]] for i in masked))
        return torch.stack(found)

    def scores(self, logits: torch.Tensor, shared: bool) -> torch.Tensor:
        """The score for every mask of both responses, and for those of the reference on two more axes."""
        log_p = logits.log_softmax(-1)
        win, lose = (self.estimates(log_p, y) for y in self.responses)
        own_win, own_lose = (self.estimates(self.reference, y) for y in self.responses)
        if shared:
            return (win - own_win)[:, None] - (lose - own_lose)
        policy = win[:, None] - lose
        return policy[:, :, None, None] - (own_win[:, None] - own_lose)

    def chances(self, shared: bool) -> torch.Tensor:
        two = torch.outer(self.chance, self.chance)
        return two if shared else two[:, :, None, None] * two

    def spread(self, values: torch.Tensor, shared: bool) -> float:
        """The variance over all masks, summed over what is left of the axes."""
        p = self.chances(shared)
        flat, weights = values.reshape(p.numel(), -1), p.flatten()
        return float((weights @ (flat - weights @ flat) ** 2).sum())

    def slopes(self, shared: bool) -> torch.Tensor:
        found: torch.Tensor = torch.autograd.functional.jacobian(lambda z: self.scores(z, shared), self.logits)
        return found


def test_sharing_masks_can_lower_the_scores_variance_and_raise_the_gradients() -> None:
    """Ours on 2505.19223, Proposition 2, which is about the score alone: its variance falls, the gradient's rises.

    Covariances of .028 and .876 lower the score's variance from 2.630 to .821; that of the loss gradient, summed over
    the policy's logits, goes from .2215 up to .3177.
    """
    pair = Listed(67)
    for shared, score, gradient in ((True, 0.821, 0.3177), (False, 2.630, 0.2215)):
        values = pair.scores(pair.logits, shared)
        assert pair.spread(values, shared) == pytest.approx(score, abs=5e-4)
        gradients = -torch.sigmoid(-values)[..., None, None, None] * pair.slopes(shared)
        assert pair.spread(gradients, shared) == pytest.approx(gradient, abs=5e-5)

    def tables(log_p: torch.Tensor) -> tuple[LossTable, LossTable]:
        sums = [pair.estimates(log_p, y)[[1, 0, 2]] * torch.tensor([0.5, 0.5, 1.0]) for y in pair.responses]
        first, second = (
            LossTable(2, torch.cat((0 * v[:1], -v))[:, None], torch.ones(1, dtype=torch.float64)) for v in sums
        )
        return first, second

    policy = pair.logits.log_softmax(-1)
    engine = preferences.Pair(tables(policy), tables(pair.reference), 1.0)
    p, both = pair.chance, [[pair.estimates(q, y) for q in (policy, pair.reference)] for y in pair.responses]
    covariances = [float(p @ (a * b) - (p @ a) * (p @ b)) for a, b in both]
    assert covariances == [pytest.approx(0.028, abs=5e-4), pytest.approx(0.876, abs=5e-4)]
    shared, own = engine.variance(), engine.variance(shared=False)
    assert (shared, own) == (pytest.approx(0.821, abs=5e-4), pytest.approx(2.630, abs=5e-4))
    assert own - shared == pytest.approx(2 * sum(covariances), rel=1e-12)


def test_the_scores_gradient_does_not_contain_the_reference() -> None:
    """Ours on 2505.19223: the gradient of the score's estimate is the same whatever masks the reference has.

    That of the loss changes through the factor sigma(-score) alone.
    """
    pair = Listed(67)
    own, shared = pair.slopes(False), pair.slopes(True)
    assert torch.equal(own, shared[:, :, None, None].expand_as(own))
    factors = torch.sigmoid(-pair.scores(pair.logits, False))
    assert float((factors - factors[:, :, :1, :1]).abs().max()) > 0.1
