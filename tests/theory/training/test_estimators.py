"""Masks, weights and couplings are drawn as their names say; given tokens are never masked."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.training import estimators
from theory.training.estimators import NAMED, Estimator, Exactly, Level, Scheduled, clipped, draw, named, power

ROWS = 60_000


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def free(rows: int, n: int) -> torch.Tensor:
    return torch.zeros(rows, n, dtype=torch.bool)


def fixed(level: float) -> Level:
    return Level(f"always {level}", lambda t: torch.ones_like(t), lambda u: torch.full_like(u, level))


def shares(masked: torch.Tensor) -> torch.Tensor:
    """The share of rows that mask each set, by the set's number in binary."""
    codes = (masked * 2 ** torch.arange(masked.shape[-1])).sum(-1).flatten()
    return codes.bincount(minlength=2 ** masked.shape[-1]) / len(codes)


def test_sets_of_a_count_are_equally_likely() -> None:
    given = free(ROWS, 5)
    given[:, 1] = True
    drawn = draw(NAMED["count"], given, seeded(3))
    assert not drawn.masked[..., 1].any()
    assert torch.equal(drawn.weight, 4 / drawn.masked.sum(-1))
    found = shares(drawn.masked)
    for code, shown in enumerate(itertools.product((0, 1), repeat=5)):
        k = sum(shown)
        expected = 0.0 if shown[3] or not k else 1 / (4 * math.comb(4, k))  # bit 1 is the fourth of five from the left
        assert abs(float(found[code]) - expected) <= hoeffding_margin(ROWS, 1)


@pytest.mark.parametrize(
    "law", [estimators.Independent(), Exactly(), Scheduled(lambda t: t[..., None] ** torch.tensor([0.5, 1.0, 2.0]))]
)
def test_the_law_of_the_mask_is_that_of_its_draws(law) -> None:
    """A property checked by sampling, against the probabilities that the exact moments use."""
    sets = torch.tensor(list(itertools.product((False, True), repeat=3))).flip(-1)
    for seed, level in enumerate((0.2, 0.7)):
        found = shares(draw(Estimator("test", law, level=fixed(level)), free(ROWS, 3), seeded(seed)).masked)
        expected = law.law(torch.tensor([level], dtype=torch.float64), sets)[0]
        assert float(expected.sum()) == pytest.approx(1, abs=1e-12)
        assert float((found - expected).abs().max()) <= hoeffding_margin(ROWS, 1)


@pytest.mark.parametrize("level", [clipped(0.1), power(0.5), power(-1.0)])
def test_a_level_has_the_density_that_it_states(level: Level) -> None:
    u = (torch.arange(1, 10_001, dtype=torch.float64) - 0.5) / 10_000
    t = level.quantile(u)
    assert float(t.min()) >= level.least
    t = t[500:]  # further down the quantile function of t^1 is too steep for differences
    assert float((level.density(t[1:-1]) * (t[2:] - t[:-2]) / 2 * 10_000 - 1).abs().max()) < 1e-3


def test_partners_mirror_what_they_say() -> None:
    given = free(4000, 6)
    pair = Estimator("pair", partner="mirrored mask")
    drawn = draw(pair, given, seeded(0))
    assert torch.equal(drawn.level[0], drawn.level[1])
    below = drawn.level[0] < 0.5
    assert not (drawn.masked[0] & drawn.masked[1])[below].any()  # {u < t} and {u > 1 - t} are disjoint
    assert (drawn.masked[0] | drawn.masked[1])[~below].all()
    drawn = draw(replace(pair, partner="complement"), given, seeded(0))
    assert torch.equal(drawn.masked[0], ~drawn.masked[1])
    drawn = draw(replace(pair, partner="mirrored level"), given, seeded(0))
    assert torch.allclose(drawn.level[0], 1 - drawn.level[1])
    assert (drawn.masked[0] == drawn.masked[1]).any() and (drawn.masked[0] != drawn.masked[1]).any()
    counts = draw(Estimator("pair", Exactly(), partner="mirrored mask"), given, seeded(0)).masked.sum(-1)
    assert torch.equal(counts[0], counts[1])


def test_levels_are_stratified_where_asked() -> None:
    assert draw(NAMED["count"], free(64, 8), seeded(0)).masked.sum(-1).flatten().bincount(minlength=9).tolist() == [
        0, *[8] * 8,
    ]  # fmt: skip
    spread = draw(Estimator("draws", levels=5, strata="draws"), free(1000, 2), seeded(0)).level
    assert torch.equal((spread * 5).ceil().sort(0).values, torch.arange(1.0, 6)[:, None].expand(5, 1000))
    nested = draw(Estimator("nested", levels=3, masks=4), free(10, 2), seeded(0))
    assert nested.masked.shape == (12, 10, 2)
    assert len(nested.level[:, 0].unique()) == 3


@pytest.mark.parametrize("form", NAMED)
def test_given_tokens_are_never_masked_and_a_row_without_free_ones_weighs_nothing(form: str) -> None:
    given = torch.rand(64, 9, generator=seeded(0)) < 0.5
    given[0] = True
    for seed in range(20):
        drawn = draw(NAMED[form], given, seeded(seed))
        assert not (drawn.masked & given).any()
        assert drawn.weight.isfinite().all()
        assert not drawn.masked[:, 0].any()


def test_mistakes() -> None:
    with pytest.raises(InvalidInput, match="did you mean count"):
        named("counts")
    with pytest.raises(InvalidInput, match="at least one of each"):
        Estimator("none", levels=0)
    with pytest.raises(InvalidInput, match="expected one of none, batch, draws"):
        Estimator("none", strata="rows")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InvalidInput, match="only for gamma < 1"):
        power(1.0)
    with pytest.raises(InvalidInput, match="0 <= least < 1"):
        clipped(1.0)
