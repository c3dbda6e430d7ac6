"""The chances of masking again of DFM, cap and loop: by loops over times, and what a whole run masks."""

from __future__ import annotations

import functools
import math

import pandas as pd
import pytest

from synthetic.experiments import remasking_sigmas
from synthetic.progress import Silent


@functools.cache
def smoke() -> tuple[pd.DataFrame, dict[str, float]]:
    return remasking_sigmas.run(remasking_sigmas.PRESETS["smoke"], Silent())


def chosen(part: str, process: str, steps: int) -> pd.DataFrame:
    table = smoke()[0]
    return table[(table["part"] == part) & (table["process"] == process) & (table["steps"] == steps)]


@pytest.mark.parametrize("steps", [32, 64])
def test_cap_is_eta_until_the_masks_left_are_too_few(steps: int) -> None:
    for row in chosen("cap", "ReMDM", steps).itertuples():
        alpha = 1 - row.time
        most = 1.0 if alpha == 0 else min(1.0, (row.time - 1 / steps) / alpha)
        assert row.alpha == pytest.approx(alpha, abs=1e-12)
        assert (row.most, row.sigma) == pytest.approx((most, min(0.04, most)), abs=1e-12)


def test_the_loop_is_three_straight_lines_and_masks_again_on_its_plateau_alone() -> None:
    for row in chosen("loop", "ReMDM", 512).itertuples():
        t = row.time
        alpha = 0.9 if 0.05 <= t <= 0.55 else 0.9 * (1 - t) / 0.45 if t > 0.55 else 1 - 0.1 * t / 0.05
        assert row.alpha == pytest.approx(alpha, abs=0.9 / 0.45 / 512)
        assert row.sigma == (0.02 if 0.05 + 1 / 512 <= t <= 0.55 else 0)


@pytest.mark.parametrize("steps", [32, 64, 128])
def test_dfm_has_the_ratio_of_beta_and_alpha_for_every_width(steps: int) -> None:
    rows = chosen("cap", "DFM", steps)
    for row in rows[rows["sigma"] > 0].itertuples():
        beta, alpha = 10 * (row.time * (1 - row.time)) ** 0.25, 1 - row.time
        width = min(1 / steps, 1 / ((1 + beta) / row.time + beta / alpha))
        assert row.sigma == pytest.approx(beta * width / alpha, rel=1e-9)


def test_only_remdm_masks_more_in_longer_runs() -> None:
    scalars = smoke()[1]
    assert scalars["limit"] == pytest.approx(6.18025, abs=1e-5)
    for steps in (128, 256, 512):
        inside = sum(k / steps >= 0.45 and (k + 1) / steps <= 0.95 for k in range(steps))
        assert scalars[f"loop/ReMDM/{steps}/remasked"] == pytest.approx(0.9 * 0.02 * inside, rel=0.02)
        assert scalars[f"loop/DFM/{steps}/remasked"] == pytest.approx(scalars["limit"], rel=0.03)
    cap = math.fsum(min(0.04 * k / 64, 1 - (k + 1) / 64) for k in range(64))
    assert scalars["cap/ReMDM/64/remasked"] == pytest.approx(cap, rel=1e-12)


def test_points_are_spread_with_both_ends() -> None:
    assert remasking_sigmas.spread(5, 9) == [0, 1, 2, 3, 4]
    assert remasking_sigmas.spread(101, 5) == [0, 25, 50, 75, 100]
