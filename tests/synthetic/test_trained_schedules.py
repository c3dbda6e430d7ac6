"""The schedules experiment: code lengths written out, schedules by brute force, and verdicts on planted tables."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic.claims.base import judge
from synthetic.claims.schedules import CLAIMS as ALL
from synthetic.experiments import _losses, trained_schedules
from synthetic.experiments._schedules import Losses, rounded
from synthetic.progress import Silent
from synthetic.tasks import unconditional
from theory import schedules, worlds
from theory.denoisers import TableDenoiser
from theory.unmasking import laws
from theory.unmasking.curves import learned_fixed_size_error, learned_per_token_error
from theory.worlds import states

CLAIMS = {claim.id: claim for claim in ALL}
N, D = 4, 2


def losses(free: tuple[int, ...] = (5, 5, 3), seed: int = 0) -> Losses:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(len(free), max(free), dtype=torch.float64, generator=generator).sort(-1, descending=True).values
    counts = torch.tensor(free)
    return Losses(torch.where(torch.arange(max(free)) < counts[:, None], values, 0.0), counts)


def denoiser(seed: int = 0) -> TableDenoiser:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((D + 1) ** N, N, D, dtype=torch.float64, generator=generator)
    return TableDenoiser((0.5 * noise).log_softmax(-1))


def test_code_lengths_are_those_of_the_theory_row_by_row() -> None:
    found, grid = losses(), schedules.SQUARED_SINE.grid(3)
    sizes = rounded(grid, found.free)
    assert sizes.sum(-1).tolist() == found.free.tolist()
    for row, f in enumerate(found.free.tolist()):
        curve = found.values[row, :f]
        assert float(found.per_token(grid)[row]) == pytest.approx(float(learned_per_token_error(curve, 0.0, grid)))
        wanted = learned_fixed_size_error(curve, 0.0, [int(s) for s in sizes[row]])
        assert float(found.in_blocks(sizes)[row]) == pytest.approx(float(wanted))


def test_measured_code_lengths_are_path_divergences_of_the_tabulated_model() -> None:
    """Losses of every sequence, weighted by the law, give the exact path KL of both samplers."""
    denoise, world = denoiser(), worlds.dirichlet(N, D, 1.0, torch.Generator().manual_seed(1))
    x, copies = states.all_sequences(N, D), 4000
    found = _losses.by_count(denoise, unconditional(x.repeat(copies, 1)), 1, seed=2)
    mean = found.reshape(copies, len(x), N)
    measured = Losses(mean.mean(0), torch.full((len(x),), N))
    law, entropy = world.law(), float(world.entropy())
    grid = schedules.ONE_MINUS_COSINE.grid(2)
    error = 4 * float((mean.std(0) / copies**0.5 * N).amax(-1) @ law)
    token = float(law @ measured.per_token(grid)) - entropy
    assert token == pytest.approx(laws.sampler_law(grid, world, denoise).path_divergence, abs=error)
    sizes = torch.tensor([[1, 3]]).expand(len(x), 2)
    blocks = float(law @ measured.in_blocks(sizes)) - entropy
    exact = laws.sampler_law(laws.fixed_size([1, 3], N), world, denoise).path_divergence
    assert blocks == pytest.approx(exact, abs=error)
    assert 0 < error < 0.1


def test_computed_sizes_and_grid_beat_every_other_one() -> None:
    found = losses((5, 5, 5, 5))
    mean = found.values.mean(0)
    chosen = found.best_sizes(torch.tensor([5]), 3)[0].tolist()
    every = [s for s in itertools.product(range(1, 6), repeat=3) if sum(s) == 5]
    least = min(float(learned_fixed_size_error(mean, 0.0, s)) for s in every)
    assert float(learned_fixed_size_error(mean, 0.0, chosen)) == pytest.approx(least)
    best = float(found.per_token(found.best_grid(3)).mean())
    lattice = np.linspace(0, 1, 41)
    other = min(
        float(found.per_token(np.array([0, *inner, 1])).mean()) for inner in itertools.combinations(lattice[1:-1], 2)
    )
    assert best <= other + 1e-4


def test_rows_with_fewer_free_tokens_use_the_curve_by_masked_tokens() -> None:
    found = losses((5, 5, 3))
    curve = found.by_masked()
    assert float(curve[4]) == pytest.approx(float(found.values[:2, 0].mean()))
    assert float(curve[0]) == pytest.approx(float((found.values[:2, 4].sum() + found.values[2, 2]) / 3))
    sizes = found.best_sizes(torch.tensor([5, 3, 2]), 4)
    assert sizes.sum(-1).tolist() == [5, 3, 2]
    assert sizes[1:].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


def test_ranks_agree_as_kendall_says() -> None:
    first = torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert trained_schedules.tau(first, first) == pytest.approx(1)
    assert trained_schedules.tau(first, torch.tensor([0.1, 0.2, 0.4, 0.3])) == pytest.approx(4 / 6)
    assert trained_schedules.tau(first, torch.ones(4)) == 0


def test_the_smoke_preset_keeps_choice_and_score_apart_and_every_claim_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNMASKED_MODELS", str(tmp_path))
    config, tables, scalars = trained_schedules.PRESETS["smoke"], [], {}
    for run in trained_schedules.parts(config):
        table, found = trained_schedules.run(run, Silent())
        tables.append(table)
        assert not set(scalars) & set(found)
        scalars |= found
    table = pd.concat(tables, ignore_index=True)
    items = table[table["part"] == "item"]
    assert set(items.groupby(["task", "seed", "schedule", "steps"])["item"].nunique()) == {config.items}
    assert (items["nfe"] <= items["steps"]).all()
    assert (
        items.loc[items["schedule"] == "computed", "nfe"].eq(items.loc[items["schedule"] == "computed", "steps"]).all()
    )
    exact = table[table["part"] == "law"]
    assert (exact["kl_per_token"] <= exact["per_token"] + 1e-9).all()
    assert (exact["kl_blocks"] <= exact["blocks"] + 1e-9).all()
    grid = table[(table["part"] == "grid") & (table["task"] == "pairs") & (table["seed"] == 0)]["alpha"]
    assert (grid.iloc[0], grid.iloc[-1]) == (0, 1)
    assert {"pairs/0/searched Beta", "pairs/0/searched named"} <= set(scalars)
    records = {"trained_schedules": SimpleNamespace(table=table, scalars=scalars)}
    for claim in ALL:
        if claim.experiments == ("trained_schedules",):
            assert judge(claim, records).findings


def planted(means: dict[str, dict[str, float]], taus: float = 0.8, noise: float = 0.1) -> dict[str, Any]:
    """Return a record of one task "toy": schedules with these mean measures around one spread of items."""
    rng, rows = np.random.default_rng(0), []
    base = rng.normal(size=(3, 60))
    full = {"searched Beta": {}, "searched named": {}, "linear": {}, "computed": {}} | means
    for (schedule, own), seed, item in itertools.product(full.items(), range(3), range(60)):
        values = {
            name: base[seed, item] + own.get(name, 0.0) + noise * rng.normal()
            for name in ("per_token", "blocks", "success")
        }
        rows.append(
            {"task": "toy", "seed": seed, "part": "item", "schedule": schedule, "steps": 4, "item": item, **values}
        )
    named = [name for name in full if name in schedules.NAMED]
    rows += [{"task": "toy", "seed": seed, "part": "choice", "schedule": name, "steps": 4, "item": np.nan,
              "per_token": full[name].get("per_token", 0.0), "blocks": full[name].get("blocks", 0.0)}
             for name, seed in itertools.product(named, range(3))]  # fmt: skip
    for seed, draw in itertools.product(range(3), range(40)):
        tau = taus + noise * rng.normal()
        rows.append({"task": "toy", "seed": seed, "part": "agreement", "schedule": "", "steps": 50, "item": draw,
                     "tau": tau, "tau_rest": tau})  # fmt: skip
    columns = ["task", "seed", "part", "schedule", "steps", "item", *trained_schedules.NUMBERS]
    return {"trained_schedules": SimpleNamespace(table=pd.DataFrame(rows, columns=columns), scalars={})}


def verdict(claim: str, means: dict[str, dict[str, float]], **options: float) -> str:
    return judge(CLAIMS[claim], planted(means, **options)).verdict


@pytest.mark.parametrize(("gain", "wanted"), [(0.2, "supported"), (-0.2, "refuted"), (0.0, "undecided")])
def test_the_searched_beta(gain: float, wanted: str) -> None:
    assert verdict("energy.9a", {"searched Beta": {"success": gain}}) == wanted


@pytest.mark.parametrize(
    ("tau", "noise", "wanted"), [(0.8, 0.1, "supported"), (0.2, 0.1, "refuted"), (0.5, 0.5, "undecided")]
)
def test_the_agreement_of_subsets(tau: float, noise: float, wanted: str) -> None:
    assert verdict("energy.9b", {}, taus=tau, noise=noise) == wanted


@pytest.mark.parametrize(
    ("success", "length", "noise", "wanted"),
    [
        (0.1, -0.5, 0.1, "supported"),
        (-0.2, -0.5, 0.1, "refuted"),
        (0.1, 0.5, 0.1, "refuted"),
        (0.0, 0.0, 1.0, "undecided"),
    ],
)
def test_without_search(success: float, length: float, noise: float, wanted: str) -> None:
    means = {"computed": {"success": success, "per_token": length}}
    assert verdict("energy.9c", means, noise=noise) == wanted


@pytest.mark.parametrize(("gain", "wanted"), [(-0.2, "supported"), (0.2, "refuted"), (0.0, "undecided")])
def test_the_computed_schedule(gain: float, wanted: str) -> None:
    assert verdict("schedules.25.trained", {"computed": {"per_token": gain, "blocks": gain}}) == wanted


def test_the_best_named_schedule_is_what_must_be_beaten() -> None:
    means = {"computed": {"per_token": -0.2, "blocks": -0.2}, "sine": {"per_token": -0.4, "blocks": -0.4}}
    assert verdict("schedules.25.trained", means) == "refuted"
