"""The experiments on unmasking rules: their key numbers by slower, literal routes and from the notes."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic import small_worlds
from synthetic.experiments import registry
from synthetic.progress import Silent
from theory import worlds
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.worlds import states


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float | str]]:
    module = importlib.import_module(registry()[name])
    return module.run(module.PRESETS["smoke"], Silent())


def by_hand(world: worlds.TableWorld, rule: reference_paths.LiteralRule) -> tuple[float, float, float]:
    """Return KL(q || output), E[NFE] under the sampler and under the data, from every path written out."""
    law = reference.floats(world)
    found = list(reference_paths.paths(law, reference.conditionals_of(law, world.d), rule, world.n, world.d))
    calls = [math.fsum(float(getattr(p, chain)) * len(p.partition) for p in found) for chain in ("sampler", "data")]
    return reference.kullback_leibler(law, reference_paths.output(found)), *calls


@pytest.mark.parametrize("name", small_worlds.WORLDS)
def test_small_worlds_are_laws_with_exact_conditionals(name: str) -> None:
    world = small_worlds.small(name)
    law = world.law()
    assert law.shape == (world.d**world.n,)
    assert float(law.sum()) == pytest.approx(1, abs=1e-12)
    drawn = states.all_sequences(world.n, world.d)[law > 0][:1]
    alone = torch.cat((drawn[:, :-1], torch.full((1, 1), world.d)), 1)
    matching = (states.all_sequences(world.n, world.d)[:, :-1] == drawn[:, :-1]).all(-1)
    wanted = law[matching] / law[matching].sum()
    assert torch.allclose(world(alone)[0, -1].exp(), wanted, atol=1e-12)


def test_unknown_small_worlds_are_named() -> None:
    with pytest.raises(InvalidInput, match="six atoms"):
        small_worlds.small("six atom")


def test_the_wide_patches_are_the_data_s_own_windows() -> None:
    whole = worlds.digit_patches(3).law().reshape(2, 2, 2, 2, 2, 2, 8)
    assert torch.equal(small_worlds.wide_patches().law(), whole.sum(-1).reshape(-1))


def test_frontier_points_by_hand_on_six_atoms() -> None:
    table, scalars = smoke("frontiers")
    mine = table[table["world"] == "six atoms"].set_index("rule")
    world = small_worlds.six_atoms()
    cases = {
        "EB 0.1, entropy": reference_paths.entropy_bounded(0.1),
        "EB 0.5, confidence": reference_paths.entropy_bounded(0.5, "confidence"),
        "Top-2, margin": reference_paths.top_k(2, "margin"),
    }
    for name, rule in cases.items():
        assert mine.loc[name, ["kl", "nfe", "nfe_data"]].tolist() == pytest.approx(by_hand(world, rule), abs=1e-9)
    assert scalars["six atoms/TC"] == pytest.approx(by_hand(world, reference_paths.top_k(5))[0], abs=1e-9)


def test_no_value_free_rule_lies_below_the_frontier() -> None:
    table, scalars = smoke("frontiers")
    for world, mine in table.groupby("world"):
        assert scalars[f"{world}/least excess"] >= -1e-10
        hull = mine[mine["family"] == "optimal"].sort_values("nfe_data")
        slopes = hull["kl"].diff().iloc[1:] / hull["nfe_data"].diff().iloc[1:]
        assert (slopes.diff().iloc[1:] > 0).all()
        assert hull["kl"].iloc[-1] == pytest.approx(0, abs=1e-10)
    code = table[(table["world"] == "MDS code") & (table["family"] == "optimal")]
    assert code["nfe"].tolist() == pytest.approx([1, 2])
    assert code["kl"].tolist() == pytest.approx([2 * math.log(5), 0], abs=1e-10)


def test_one_token_rules_that_do_not_look_at_tokens_are_exact() -> None:
    table, _ = smoke("frontiers")
    single = table[table["family"].isin(["random one"]) | table["rule"].isin(["Top-1, margin", "left to right, k = 1"])]
    assert len(single) == 9
    assert single["kl"].max() < 1e-12
    looking = table[(table["family"] == "Info-Gain") & (table["world"] == "six atoms")].set_index("by")["kl"]
    assert looking["drawn"] < 1e-12
    assert looking["sampled"] > 1e-2


def test_the_entropy_bound_by_hand_at_the_first_step_of_digit_patches() -> None:
    table, scalars = smoke("entropy_bound")
    assert min(value for key, value in scalars.items() if key.endswith("slack")) >= -1e-12
    world = small_worlds.wide_patches()
    law = reference.floats(world)
    start = table[(table["family"] == "digit patches") & (table["state"] == 3**6 - 1)].set_index("rule")
    assert (start["weight"] - 1).abs().max() < 1e-12
    denoiser = reference.conditionals_of(law, 2)
    for name, rule in {
        "Top-2, entropy": reference_paths.top_k(2, "entropy"),
        "EB 0.5, entropy": reference_paths.entropy_bounded(0.5),
    }.items():
        ((_, block),) = rule(reference_paths.rows_at(denoiser, (2,) * 6, 2))
        if len(block) > 1:
            _, dependence, bound = reference_paths.node_errors(law, denoiser, (2,) * 6, block, 2)
            assert start.loc[name, ["dependence", "bound"]].tolist() == pytest.approx([dependence, bound], abs=1e-12)
        else:
            assert name not in start.index


def test_six_atoms_have_the_digits_of_the_notes() -> None:
    table, scalars = smoke("budgets")
    digits = [scalars[f"{b}/{what}"] for b in ("0.40", "0.45") for what in ("nfe", "nfe_data", "kl")]
    assert digits == pytest.approx([2.863, 2.850, 0.018, 3.624, 3.624, 0.329], abs=5e-4)
    world = small_worlds.six_atoms()
    assert digits[:3] == pytest.approx(
        [by_hand(world, reference_paths.entropy_bounded(0.4))[k] for k in (1, 2, 0)], abs=1e-12
    )
    sweep = table[table["part"] == "sweep"]
    assert (sweep["nfe"].diff() > 0.5).sum() == 1


def test_shares_of_the_budget_families_are_recounted() -> None:
    module = importlib.import_module(registry()["budgets"])
    config = module.Config(resolution=1, laws=3, budgets=(0.2, 0.5))
    batch = module.families(config)["six random atoms"]
    n, (rows, summary) = batch.n, module.rates(config, batch)
    gaps = []
    for number, budget in itertools.product(range(len(batch)), config.budgets):
        world = batch[number]
        kl, calls, _ = by_hand(world, reference_paths.entropy_bounded(budget))
        tops = [by_hand(world, reference_paths.top_k(k, "entropy")) for k in range(1, n + 1)]
        chords = [
            a[0] + (b[0] - a[0]) * (calls - a[1]) / (b[1] - a[1])
            for a in tops for b in tops if a[1] <= calls <= b[1] and b[1] - a[1] > 1e-9
        ]  # fmt: skip
        points = [t[0] for t in tops if abs(t[1] - calls) < 1e-9]
        if 1 + 1e-9 < calls < n - 1e-9:
            gaps.append(kl - min(chords + points))
    assert summary["above hull"] == pytest.approx(sum(g > 1e-9 for g in gaps) / max(1, len(gaps)))
    assert summary["below hull"] == pytest.approx(sum(g < -1e-9 for g in gaps) / max(1, len(gaps)))
    assert len(rows) == 2


def test_the_explained_step_by_counting_grids() -> None:
    table, scalars = smoke("eb_explained")
    clues = {row.position: row.token for row in table.itertuples() if row.rank < 0}
    grids = [tuple(x) for x in worlds.sudoku4().support.tolist() if all(x[i] == v for i, v in clues.items())]
    assert len(grids) == scalars["grids"]

    def entropy(cells: list[int]) -> float:
        counts = Counter(tuple(grid[c] for c in cells) for grid in grids).values()
        return -math.fsum(k / len(grids) * math.log(k / len(grids)) for k in counts)

    chosen = table.loc[table["chosen"] == 1, "position"].tolist()
    single = [entropy([cell]) for cell in chosen]
    masked = table[table["rank"] >= 0].sort_values("rank")
    assert masked["entropy"].tolist() == pytest.approx([entropy([c]) for c in masked["position"]], abs=1e-12)
    assert scalars["bound"] == pytest.approx(math.fsum(single) - max(single), abs=1e-12)
    assert scalars["dependence"] == pytest.approx(math.fsum(single) - entropy(chosen), abs=1e-12)
    sums = [math.fsum(h := masked["entropy"].tolist()[: k + 1]) - max(h) for k in range(len(masked))]
    assert masked["bound"].tolist() == pytest.approx(sums, abs=1e-12)
    assert len(chosen) == sum(value <= scalars["budget"] for value in sums)
    assert scalars["dependence"] <= scalars["bound"] <= scalars["budget"]


def test_duel_and_elbo_order_as_proved_and_not_as_hoped() -> None:
    table, scalars = smoke("duel_elbo")
    wide = table.pivot(index=["noise", "table"], columns="quantity", values="value")
    chain = ("worst order", "elbo", "log uniform", "oracle")
    for low, high in (*itertools.pairwise(chain), ("best order", "best rule"), ("best rule", "data"),
                      ("best mixture", "data"), ("elbo", "best order"), ("confidence", "best rule"),
                      ("margin", "best rule"), ("entropy", "best rule"), ("worst order", "confidence")):  # fmt: skip
        assert (wide[low] <= wide[high] + 1e-9).all(), (low, high)
    assert scalars["1/confidence < elbo"] > 0
    assert scalars["1/oracle > data"] == scalars["1/tables"]
    assert min(value for key, value in scalars.items() if key.endswith("least oracle sum")) >= 1


def test_duel_numbers_of_one_table_along_all_orders() -> None:
    module = importlib.import_module(registry()["duel_elbo"])
    config = module.Config(n=3, d=2, gap=1e-3)
    generator = torch.Generator().manual_seed(5)
    world = worlds.dirichlet(3, 2, 1.0, generator)
    denoise = module.perturbed(world, 0.5, generator)
    found, total = module.scores(config, world, denoise)

    def along(x: tuple[int, ...], order: tuple[int, ...]) -> float:
        z, value = [2] * 3, 0.0
        for i in order:
            value += float(denoise(torch.tensor([z]))[0, i, x[i]])
            z[i] = x[i]
        return value

    orders = list(itertools.permutations(range(3)))
    values = np.array([[along(x, order) for order in orders] for x in reference.sequences(3, 2)])
    q = world.law().numpy()
    assert found["elbo"] == pytest.approx(q @ values.mean(1), abs=1e-12)
    assert found["log uniform"] == pytest.approx(q @ np.log(np.exp(values).mean(1)), abs=1e-12)
    assert found["oracle"] == pytest.approx(q @ values.max(1), abs=1e-12)
    assert found["left to right"] == pytest.approx(q @ values[:, 0], abs=1e-12)
    assert found["best order"] == pytest.approx((q @ values).max(), abs=1e-12)
    assert total == pytest.approx(np.exp(values.max(1)).sum(), abs=1e-12)


def test_punt_misses_its_fixtures_and_its_bound_and_in_order_does_not() -> None:
    table, scalars = smoke("punt_calls")
    fixture = table[table["part"] == "fixture"].set_index(["case", "tests"])["tv"]
    assert fixture.to_dict() == pytest.approx(
        {("G1", "binary"): 0.5, ("G1", "in-order"): 0, ("G2", "binary"): 0.24, ("G2", "in-order"): 0}, abs=1e-12
    )
    assert scalars["binary/violations"] > 0
    assert scalars["in-order/violations"] == 0
    ordered = table[(table["part"] == "tables") & (table["tests"] == "in-order")]
    assert (ordered["errors"] <= ordered["eps"] * (ordered["n"] - ordered["steps"]) + 1e-9).all()


def test_punt_s_calls_on_independent_tokens_are_one_round_of_tests() -> None:
    table, _ = smoke("punt_calls")
    mine = table[(table["case"] == "independent") & (table["tests"] == "binary")]
    assert mine["calls"].tolist() == pytest.approx([1 + math.ceil(math.log2(n)) for n in mine["n"]])
    assert (mine["steps"] == 1).all()
    one, rows = table[(table["case"] == "chain, stay 0.9") & (table["tests"] == "binary")], len(mine)
    assert (one["calls"].to_numpy() >= mine["calls"].to_numpy()).all()
    assert len(one) == rows


def test_info_gain_with_one_candidate_draws_the_data_and_with_more_does_not() -> None:
    table, scalars = smoke("infogain_diversity")
    single = table[table["candidates"] == 1]
    assert single["kl"].max() < 1e-12
    assert (single["tilde"] - single["data"]).abs().max() < 1e-12
    assert (single["entropy"] - single["data"]).abs().max() < 1e-12
    more = table[table["candidates"] > 1]
    assert more["kl"].min() > 1e-6
    for form in ("mean", "sum", "look-ahead"):
        means = [[scalars[f"{form}/{n}/{what}"] for n in range(1, 9)] for what in ("tilde", "entropy", "kl")]
        assert (np.diff(means[0]) < 0).all()
        assert (np.diff(means[2]) > 0).all()
        assert means[1][0] - means[1][-1] > means[0][0] - means[0][-1]


def test_info_gain_s_law_with_two_candidates_by_listing_draws() -> None:
    module = importlib.import_module(registry()["infogain_diversity"])
    from theory.unmasking.rules.info_gain import SampledInfoGain

    world = worlds.dirichlet(2, 2, 1.0, torch.Generator().manual_seed(3))
    law = reference.floats(world)
    denoiser = reference.conditionals_of(law, 2)
    now, done, tilde = {(2, 2): 1.0}, Counter(), 0.0
    while now:
        after: Counter[tuple[int, ...]] = Counter()
        for z, mass in now.items():
            hidden = reference.masked(z, 2)
            h = {i: reference.entropy([denoiser(z, i, v) for v in range(2)]) for i in hidden}
            trust = {i: math.exp(-h[i] / 0.1) for i in hidden}
            actions = [(i, v) for i in hidden for v in range(2)]
            proposal = [trust[i] / sum(trust.values()) * denoiser(z, i, v) for i, v in actions]
            values = [-h[i] - _mean_entropy(denoiser, reference.with_token(z, i, v)) for i, v in actions]
            for a, b in itertools.product(range(len(actions)), repeat=2):
                won = a if values[a] >= values[b] else b
                x = reference.with_token(z, *actions[won])
                share = mass * proposal[a] * proposal[b]
                tilde += share * h[actions[won][0]]
                (after if 2 in x else done)[x] += share
        now = dict(after)
    found = module.measured(SampledInfoGain(2, "mean", 0.1), world)
    assert found["tilde"] == pytest.approx(tilde, abs=1e-9)
    assert found["entropy"] == pytest.approx(reference.entropy(list(done.values())), abs=1e-9)
    assert found["kl"] == pytest.approx(reference.kullback_leibler(dict(done), law), abs=1e-9)


def _mean_entropy(denoiser: reference.Conditional, z: tuple[int, ...]) -> float:
    hidden = reference.masked(z, 2)
    return math.fsum(reference.entropy([denoiser(z, i, v) for v in range(2)]) for i in hidden) / max(1, len(hidden))
