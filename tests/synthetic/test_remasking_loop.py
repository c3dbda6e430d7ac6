"""The plateau's bias and the bounds of samplers that remask: by literal enumeration, by theorems and from the notes."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from synthetic import remasking as shared_remasking
from synthetic.experiments import remasking_loop
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking

SIGMAS = {"masked diffusion": lambda now, after: 0, "star": lambda now, after: 1 - after}


@functools.cache
def smoke() -> tuple[pd.DataFrame, dict[str, float]]:
    return remasking_loop.run(remasking_loop.PRESETS["smoke"], Silent())


def law_of(name: str) -> reference.Law:
    return reference.floats(shared_remasking.exact(name).world)


def distance(law: reference.Law, output: reference.Law) -> float:
    return sum(abs(law.get(x, 0) - output.get(x, 0)) for x in {*law, *output}) / 2


def settle(law: reference.Law, alpha: float, sigma: float, joint: bool) -> tuple[float, float]:
    """Return the TVs of drafts and of states after so many literal steps at one alpha that nothing moves."""
    fill = (
        reference_remasking.together(law, 2)
        if joint
        else reference_remasking.independent(reference.conditionals_of(law, 2), 2)
    )
    noised: reference.Law = {}
    for x, q in law.items():
        for z, p in reference_remasking.noised(x, alpha, 2):
            noised[z] = noised.get(z, 0.0) + q * p
    now, moved = dict(noised), 1.0
    while moved > 1e-14:
        after = reference_remasking.posterior_step(now, fill, alpha, alpha, sigma, 2)
        moved, now = distance(now, after), after
    return distance(law, reference_remasking.draft_law(now, fill)), distance(noised, now)


@pytest.mark.parametrize(("part", "masked", "share"), [("plateau", 0.3, 0.3), ("plateau", 0.1, 0.1), ("sigma", 0.1, 1)])
def test_plateaus_by_walking_until_nothing_moves(part: str, masked: float, share: float) -> None:
    table = smoke()[0]
    sigma = masked if part == "plateau" else masked / (1 - masked) * share
    mine = table[(table["part"] == part) & (table["law"] == "chain of 3") & np.isclose(table["alpha"], 1 - masked)]
    rows = mine[np.isclose(mine["sigma"], sigma)]
    assert len(rows) == (2 if part == "plateau" else 1)
    for row in rows.itertuples():
        found = settle(law_of("chain of 3"), 1 - masked, sigma, row.process == "joint")
        assert (row.tv, row.tv_states) == pytest.approx(found, abs=1e-11)


def test_the_bias_of_a_plateau_is_proportional_to_sigma_and_gone_where_masks_are_filled_jointly() -> None:
    table, scalars = smoke()
    assert scalars["chain of 3/constant"] == pytest.approx(0.1324, abs=5e-5)
    for law in ("chain of 3", "chain of 4"):
        assert scalars[f"{law}/slope"] == pytest.approx(1, abs=0.01)
        rows = table[(table["part"] == "sigma") & (table["law"] == law)].sort_values("sigma")
        ratio = (rows["tv_states"] / rows["sigma"]).to_numpy()
        assert ratio == pytest.approx(ratio[0], rel=0.02)
        assert rows["tv"].iloc[0] == pytest.approx(scalars[f"{law}/fill"], rel=0.02)
    assert scalars["control"] < 1e-13
    ratios = table[(table["part"] == "plateau") & (table["law"] == "chain of 3") & (table["process"] == "independent")]
    ratios = (ratios["tv"] / (1 - ratios["alpha"])).to_numpy()
    assert ratios[1:3] == pytest.approx([0.1469, 0.1337], abs=5e-5)


def test_weights_are_ordered_by_sigma_and_star_s_is_the_next_alpha() -> None:
    table = smoke()[0]
    mine = table[table["part"] == "weight"]
    sigma, weight = (mine.pivot(index="time", columns="process", values=what) for what in ("sigma", "weight"))
    steps = len(weight)
    assert weight["star"].to_numpy() == pytest.approx(np.arange(1, steps + 1) / steps, abs=1e-13)
    alpha = weight.index.to_numpy()
    assert weight["masked diffusion"].to_numpy() == pytest.approx(1 / steps / (1 - alpha), abs=1e-13)
    for process in weight:
        excess = (sigma[process] * alpha / (1 - alpha)).to_numpy()
        assert (weight[process] - weight["masked diffusion"]).to_numpy() == pytest.approx(excess, abs=1e-13)
    most = np.minimum(1, (1 - alpha - 1 / steps) / np.maximum(alpha, 1e-9))
    assert sigma["largest"].to_numpy() == pytest.approx(most, abs=1e-12)
    assert (sigma <= sigma[["largest"]].to_numpy() + 1e-12).all(axis=None)


def test_bounds_by_hand() -> None:
    """Sums of KL divergences over states, next states and drafts, against the closed form."""
    table, law = smoke()[0], law_of("product law")
    fill = reference_remasking.independent(reference.conditionals_of(law, 2), 2)
    rows = table[(table["part"] == "bound") & (table["law"] == "product law")].set_index("steps")
    for steps in (1, 2, 3):
        for column, sampler in (("bound", "star"), ("standard", "masked diffusion")):
            plan = [(k / steps, (k + 1) / steps) for k in range(steps)]
            triples = [(now, after, SIGMAS[sampler](now, after)) for now, after in plan]
            mean = sum(p * reference_remasking.divergence_bound(x, fill, triples, 2) for x, p in law.items())
            assert rows.loc[steps, column] == pytest.approx(mean, rel=1e-10)


def test_bounds_grow_as_proved() -> None:
    table, scalars = smoke()
    mine = table[table["part"] == "bound"].assign(ratio=lambda t: t["bound"] / t["standard"])
    steps = mine["steps"]
    assert (mine.loc[steps <= 2, "ratio"] - 1).abs().max() < 1e-12
    assert mine.loc[steps > 2, "ratio"].min() > 1
    product = mine[mine["law"] == "product law"]
    assert product["standard"].to_numpy() == pytest.approx(scalars["product law/entropy"], rel=1e-12)
    formula = (product["steps"] + 1) * (product["steps"] + 2) / (6 * product["steps"])
    assert product["ratio"].to_numpy() == pytest.approx(formula.to_numpy(), rel=1e-12)
    for law, rows in mine.groupby("law"):
        last = rows.iloc[-1]
        assert last["bound"] / last["steps"] == pytest.approx(scalars[f"{law}/growth"], rel=0.01)
        assert last["standard"] == pytest.approx(scalars[f"{law}/entropy"], rel=0.002)
        assert (rows["standard"] >= scalars[f"{law}/entropy"] - 1e-12).all()
