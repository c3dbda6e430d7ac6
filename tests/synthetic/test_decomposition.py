"""The errors of a tabulated model by every path written out, by Monte Carlo, and with planted mistakes."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synthetic import trained
from synthetic.experiments import decomposition
from synthetic.experiments.decomposition import PRESETS, estimated, measured, model_bounds, nelbo_gap
from synthetic.progress import Silent
from theory.denoisers import TableDenoiser
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, TopK
from theory.worlds import TableWorld, World, states

N, D = 4, 2
CASES = {
    "EB .3, entropy": (EntropyBounded(0.3), reference_paths.entropy_bounded(0.3)),
    "EB .8, confidence": (EntropyBounded(0.8, "confidence"), reference_paths.entropy_bounded(0.8, "confidence")),
    "EB .5, margin": (EntropyBounded(0.5, "margin"), reference_paths.entropy_bounded(0.5, "margin")),
    "Top-2": (TopK(2), reference_paths.top_k(2)),
    "random one": (RandomOne(), reference_paths.random_one),
}


@functools.cache
def world() -> TableWorld:
    weights = torch.rand(D**N, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) ** 3
    return TableWorld(weights / weights.sum(), N, D)


@functools.cache
def table() -> TableDenoiser:
    """Return a model: the world's conditionals with noise in the logits, at every state."""
    exact = world()(states.all_states(N, D)).clamp(min=-6)
    noise = torch.randn(exact.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    return TableDenoiser((exact + 0.4 * noise).log_softmax(-1))


def by_hand(found: TableDenoiser, rule: reference_paths.LiteralRule) -> dict[str, float]:
    """Return what `measured` returns by listing every path of every sequence."""
    law = reference.floats(world())

    def denoise(z: reference.State, i: int, v: int) -> float:
        index = int(states.index_of(torch.tensor([z]), D))
        return math.exp(float(found.log_p[index, i, v]))

    listed = list(reference_paths.paths(law, denoise, rule, N, D))
    totals = {"model_error": 0.0, "joint_dependence": 0.0, "bound": 0.0, "model_bound": 0.0}
    for path in listed:
        z = (D,) * N
        for block in path.partition if path.data > 0 else ():
            gap, dependence, bound = reference_paths.node_errors(law, denoise, z, block, D)
            h = [reference.entropy([denoise(z, i, v) for v in range(D)]) for i in block]
            for name, value in zip(totals, (gap, dependence, bound, math.fsum(h) - max(h)), strict=True):
                totals[name] += float(path.data) * value
            z = tuple(path.x[i] if i in block else z[i] for i in range(N))
    nfe = math.fsum(float(path.sampler) * len(path.partition) for path in listed)
    return {**totals, "nfe": nfe, "kl": reference.kullback_leibler(law, reference_paths.output(listed))}


@pytest.mark.parametrize("case", CASES)
def test_measured_errors_are_those_of_every_path_written_out(case: str) -> None:
    rule, literal = CASES[case]
    found, wanted = measured(rule, world(), table()), by_hand(table(), literal)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-10)
    assert found["slack"] >= -1e-12
    if case != "random one":
        assert found["kl"] == pytest.approx(found["model_error"] + found["joint_dependence"], abs=1e-10)


def test_another_model_or_rule_is_noticed() -> None:
    """The planted errors: the start state's conditionals swapped, and k."""
    wrong = table().log_p.clone()
    wrong[-1] = wrong[-1].flip(-1)
    for literal_table, rule in ((TableDenoiser(wrong), CASES["Top-2"][1]), (table(), reference_paths.top_k(3))):
        wanted = by_hand(literal_table, rule)
        found = measured(TopK(2), world(), table())
        assert abs(found["kl"] - wanted["kl"]) > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_monte_carlo_agrees_within_its_error_and_notices_another_law(case: str) -> None:
    """Six standard errors: five estimates miss by that much with probability about 1e-8."""
    rule, _ = CASES[case]
    exact = measured(rule, world(), table())
    found = estimated(rule, world(), table(), 4000, 0)
    wanted = exact["model_error"] + exact["joint_dependence"]
    assert abs(found["mc_path"] - wanted) <= 6 * found["mc_error"]
    assert found["mc_error"] < 0.1 * wanted
    far = estimated(rule, uneven(), table(), 4000, 0)
    assert abs(far["mc_path"] - wanted) > 6 * far["mc_error"]


def uneven() -> World:
    law = world().law().flip(0)
    return TableWorld(law / law.sum(), N, D)


def test_the_model_s_bound_is_that_of_its_own_entropies() -> None:
    rule = EntropyBounded(0.5)
    bound = model_bounds(rule, table())
    hidden = states.all_states(N, D) == D
    open_ = hidden.any(-1)
    assert float(bound[open_].max()) <= 0.5 + 1e-12
    chosen = rule.select(table().log_p[open_], hidden[open_])
    assert bool((bound[open_][chosen.sum(-1) == 1].abs() < 1e-15).all())
    assert bool((bound[open_] > 0.01).any())
    assert bool((bound[~open_] == 0).all())


def test_the_nelbo_above_the_entropy_is_the_mean_model_error_over_orders() -> None:
    orders = by_hand(table(), reference_paths.random_one)
    assert nelbo_gap(world(), table()) == pytest.approx(orders["model_error"], abs=1e-10)
    assert nelbo_gap(world(), TableDenoiser(world()(states.all_states(N, D)))) == pytest.approx(0, abs=1e-12)


def test_the_smoke_run_has_every_rule_and_estimates_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASKED_MODELS", str(tmp_path))
    preset = PRESETS["smoke"]
    part = decomposition.parts(preset)[0]
    found, scalars = decomposition.run(part, Silent())
    count = 1 + 6 + 3 * (6 + len(preset.budgets))
    assert len(found) == count == len(found.drop_duplicates(["family", "parameter", "by"]))
    assert len(scalars) == 1 and min(scalars.values()) > 0
    off = (found["mc_path"] - found["model_error"] - found["joint_dependence"]).abs()
    assert (off <= 6 * found["mc_error"] + 1e-12).all()
    assert (found["slack"] >= -1e-12).all()
    assert (found["joint_dependence"] <= found["bound"] + 1e-12).all()
    deterministic = found[found["family"] != "random one"]
    gap = deterministic["kl"] - deterministic["model_error"] - deterministic["joint_dependence"]
    assert gap.abs().max() < 1e-10


def test_a_run_is_one_task_and_one_seed() -> None:
    parts = decomposition.parts(PRESETS["laptop"])
    assert len(parts) == sum(len(trained.seeds_of(PRESETS["laptop"], task)) for task in PRESETS["laptop"].tasks)
    assert decomposition.parts(parts[0]) == ()
    assert len(decomposition.models(PRESETS["laptop"])) == len(parts)
    assert replace(parts[0], tasks=PRESETS["laptop"].tasks, seeds=PRESETS["laptop"].seeds) == PRESETS["laptop"]
