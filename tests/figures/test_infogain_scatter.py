"""The scatter of cumulative entropy, from a record made by hand whose correlations are worked out by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from figures import infogain_scatter
from synthetic.itemised import pack

DRAWN = {"entropy-greedy": (3.0, 4.0, 0.0), "Top-k": (4.0, 6.0, 1.0), "Best-of-N": (1.0, 1.0, 2.0)}
"""Means of cumulative entropy, -ln p and KL of each rule."""


def table() -> pd.DataFrame:
    rows = [
        {"part": "drawn", "task": task, "seed": seed, "denoiser": denoiser, "rule": rule, "form": "", "candidates": 1,
         "size": 1, "surprise": pack([one - 0.5, one + 0.5]), "kl": pack([kl]),
         "quality": "" if task == "impossible" and rule == "Top-k" else pack([two])}
        for task in ("chain", "impossible") for denoiser in ("trained", "exact") for seed in (0, 1)
        for rule, (one, two, kl) in DRAWN.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_points_are_means_of_trained_models_where_every_rule_has_a_likelihood() -> None:
    found = infogain_scatter.measured(table())
    assert set(found["task"]) == {"chain"}
    assert len(found) == 2 * len(DRAWN)
    row = found[(found["rule"] == "Top-k") & (found["seed"] == 1)].iloc[0]
    assert (row["cumulative"], row["log_likelihood"], row["kl"]) == pytest.approx((4.0, -6.0, 1.0))


def test_correlations_by_the_formula() -> None:
    found = infogain_scatter.correlations(infogain_scatter.measured(table())).set_index("measure")
    for measure, values in (("log_likelihood", (-4.0, -6.0, -1.0)), ("kl", (0.0, 1.0, 2.0))):
        x, y = [3.0, 4.0, 1.0], list(values)
        a, b = [v - sum(x) / 3 for v in x], [v - sum(y) / 3 for v in y]
        expected = sum(p * q for p, q in zip(a, b, strict=True)) / math.sqrt(
            sum(p * p for p in a) * sum(q * q for q in b)
        )
        assert found.loc[measure, "mean"] == pytest.approx(expected, abs=1e-12)
        assert abs(found.loc[measure, "mean"] - 1.01 * expected) > 1e-3
    assert found["rules"].tolist() == [3, 3]
