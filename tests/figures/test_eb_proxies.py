"""The proxies' comparison, from a record made by hand whose numbers are worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from figures import eb_proxies
from synthetic.itemised import pack

ENTROPY = {1.0: ([1.0, 0.0], [2.0, 2.0]), 2.0: ([1.0, 1.0], [4.0, 4.0])}  # budget: success of each item, calls of each
MARGIN = {1.0: ([1.0, 1.0], [3.0, 3.0]), 2.0: ([1.0, 1.0], [4.0, 4.0])}


def record() -> Any:
    """Return two seeds of a puzzle, alike; by margin EB solves both items with three calls."""
    listed = [("random one", "", {1.0: ([0.0, 1.0], [4.0, 4.0])})]
    listed += [("EB", by, MARGIN if by == "margin" else ENTROPY) for by in ("entropy", "confidence", "margin")]
    listed += [("Top-k", by, {1.0: ENTROPY[2.0]}) for by in ("entropy", "confidence", "margin")]
    rows = [
        {"task": "puzzle", "seed": seed, "family": family, "parameter": parameter, "by": by, "items": 2,
         "success": pack(success), "nfe": pack(calls), "nll": ""}
        for seed in (0, 1) for family, by, values in listed for parameter, (success, calls) in values.items()
    ]  # fmt: skip
    return SimpleNamespace(table=pd.DataFrame(rows), scalars={"puzzle/0/masked": 4.0, "puzzle/1/masked": 4.0})


def test_gain_of_a_proxy_at_equal_calls_is_interpolated_between_the_two_budgets() -> None:
    """Three calls lie halfway between entropy's two and four: it solves 1 and 1/2 there, margin both."""
    found = eb_proxies.against_first(record(), "puzzle")
    assert found[["by", "parameter", "nfe"]].to_numpy().tolist() == [["margin", 1.0, 3.0]]
    assert found["value"].iloc[0] == pytest.approx(0.25, abs=1e-12)
    assert abs(found["value"].iloc[0] - 0.25 * 1.01) > 1e-3


def test_points_are_the_means_of_each_rule() -> None:
    found = eb_proxies.quality(record(), "puzzle").set_index(["family", "by", "parameter"])
    assert found.loc[("EB", "entropy", 1.0), "value"] == pytest.approx(0.5)
    assert found.loc[("EB", "margin", 1.0), "nfe"] == pytest.approx(3.0)
    assert found.loc[("random one", "", 1.0), "value"] == pytest.approx(0.5)
    assert set(found["measure"]) == {"share solved"}


def test_other_tasks_are_measured_above_the_data_law_a_token() -> None:
    """With -ln p of 6 and 8 nats, -ln q of 5 and 6 and four tokens the KL is 3/8 nats a token."""
    made = record()
    made.table["nll"] = pack([6.0, 8.0])
    made.scalars |= {f"puzzle/{seed}/surprisal": pack([5.0, 6.0]) for seed in (0, 1)}
    found = eb_proxies.quality(made, "puzzle")
    assert found["value"].to_numpy() == pytest.approx(3 / 8)
    assert set(found["measure"]) == {"KL (nats a token)"}
    assert set(found["family"]) == {"EB", "Top-k"}
