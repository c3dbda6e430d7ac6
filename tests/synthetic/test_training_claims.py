"""Claims on losses and preferences in training: planted tables move each pooled one to the verdict that it should."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from synthetic.claims.base import judge
from synthetic.claims.preferences import CLAIMS as PREFERENCES
from synthetic.claims.training import CLAIMS as TRAINING

BY_ID = {claim.id: claim for claim in (*TRAINING, *PREFERENCES)}
METHODS = ("1/t", "P-POTS and MIRROR", "by count, strata", "by count, strata, opposite")


def losses(gap: float, spread: float = 1.0) -> dict[str, SimpleNamespace]:
    """Return final NELBOs that on one law lie 2 `gap` below those of 1/t, on the other none; `spread` of P-POTS's."""
    noise = np.random.default_rng(0).normal(size=(2, 16))
    rows = [
        (task, seed, method, 2.0 + 0.02 * noise[k, seed] * (spread if method == METHODS[1] else 1)
         - 2 * gap * (k == 0 and method != "1/t"))
        for k, task in enumerate(("small/x", "small/y"))
        for seed in range(16)
        for method in METHODS
    ]  # fmt: skip
    return {"trained_losses": SimpleNamespace(table=pd.DataFrame(rows, columns=["task", "seed", "method", "nelbo"]))}


@pytest.mark.parametrize(
    ("claim", "gap", "spread", "wanted"),
    [
        ("variance.14", 0.01, 1.0, "supported"),
        ("variance.14", -0.01, 1.0, "refuted"),
        ("variance.16", -0.009, 1.0, "supported"),
        ("variance.16", -0.011, 1.0, "refuted"),
        ("variance.17", 0.0, 0.9, "supported"),
        ("variance.17", 0.0, 1.1, "refuted"),
    ],
)
def test_final_nelbos(claim: str, gap: float, spread: float, wanted: str) -> None:
    assert judge(BY_ID[claim], losses(gap, spread)).verdict == wanted


@pytest.mark.parametrize(("gain", "wanted"), [(0.01, "supported"), (-0.01, "refuted")])
def test_most_masks_against_one(gain: float, wanted: str) -> None:
    noise = np.random.default_rng(0).normal(size=12)
    rows = [
        ("trained", way, seed, step, 0.04 + 0.001 * noise[seed] - gain * (way == "8 x 1, shared") * (step == 2))
        for way in ("8 x 1, shared", "1 x 1, own")
        for seed in range(12)
        for step in (1, 2)
    ]
    table = pd.DataFrame(rows, columns=["part", "way", "seed", "step", "value"])
    assert judge(BY_ID["vrpo.15.most"], {"trained_preferences": SimpleNamespace(table=table)}).verdict == wanted
