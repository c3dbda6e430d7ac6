"""The judges of claims about a pretrained model, on planted costs and log-likelihoods of sequences."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from synthetic.claims import pretrained
from synthetic.claims.base import judge
from synthetic.measuring import grids

BY_ID = {claim.id: claim for claim in pretrained.CLAIMS}
NOISE = np.random.default_rng(0).normal(0.0, 0.1, 16)
"""What sixteen sequences differ by: their mean is known to within .06 at 95 %, so half a nat decides."""


@pytest.mark.parametrize(("excess", "verdict"), [(0.5, "supported"), (-0.5, "refuted"), (0.0, "undecided")])
def test_linear_against_computed_is_one_mean_over_the_numbers_of_steps(monkeypatch, excess, verdict) -> None:
    """Four steps cost a nat more than the mean says, and eight a nat less: each alone would mislead."""
    planted = {4: excess + 1.0 + NOISE, 8: excess - 1.0 + NOISE}
    monkeypatch.setattr(grids, "excess_over_computed", lambda rows, name: planted)
    records = {"pretrained": SimpleNamespace(table=pd.DataFrame({"source": ["a chain", pretrained.EXACT]}))}
    judgement = judge(BY_ID["pretrained.schedule"], records)
    (finding,) = judgement.findings
    assert judgement.verdict == verdict
    assert finding.measure == "linear above computed, mean of 4, 8 steps, a chain"
    assert finding.estimate.mean == pytest.approx(excess + NOISE.mean(), abs=1e-12)
    assert (finding.estimate.seeds, finding.estimate.unit) == (16, "sequences")


@pytest.mark.parametrize(("gain", "verdict"), [(0.5, "supported"), (-0.5, "refuted")])
def test_the_order_by_confidence_is_judged_against_a_random_one(gain, verdict) -> None:
    rows = [
        {"source": "a chain", "kind": "order", "item": item, "name": name, "value": value}
        for item, noise in enumerate(NOISE)
        for name, value in (("confidence", gain + noise), ("random", 1.0), ("random", -1.0))
    ]
    judgement = judge(BY_ID["pretrained.confidence"], {"pretrained": SimpleNamespace(table=pd.DataFrame(rows))})
    assert judgement.verdict == verdict
