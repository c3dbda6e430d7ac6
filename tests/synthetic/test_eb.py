"""The experiment on EB by hand-written loops, and its claims on planted tables where the verdict is known."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic import trained as trained_models
from synthetic.claims import eb as claims
from synthetic.claims.base import judge
from synthetic.experiments import eb
from synthetic.itemised import bracket, curve, pack, unpack
from synthetic.progress import Silent
from synthetic.records import Record
from synthetic.tasks import Task
from theory.denoisers import Denoiser
from theory.errors import InvalidInput

PRESET = eb.PRESETS["smoke"]


@pytest.fixture(autouse=True, scope="module")
def _models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASKED_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


def part(task: str) -> eb.Config:
    return next(p for p in eb.parts(PRESET) if p.tasks == (task,))


@functools.cache
def ran(task: str) -> tuple[pd.DataFrame, dict[str, float | str]]:
    return eb.run(part(task), Silent())


@functools.cache
def model(task: str) -> tuple[Task, Denoiser]:
    return trained_models.denoiser(part(task), Silent())


def test_every_rule_has_a_value_for_every_item() -> None:
    for task in ("sudoku4", "chain"):  # with as many budgets for puzzles as for other tasks
        table, scalars = ran(task)
        config, n = part(task), model(task)[0].n
        sizes = len([k for k in config.sizes if k < n]) + 1
        assert len(table) == 1 + 3 * (sizes + len(config.budgets) + len(config.errors))
        assert not table.duplicated(["family", "parameter", "by"]).any()
        for row in table.itertuples():
            assert len(unpack(row.success)) == len(unpack(row.nfe)) == row.items == config.items[0]
            assert len(unpack(row.nll)) == (row.items if task == "chain" and row.family != "random one" else 0)
        one = table[(table["family"] == "Top-k") & (table["parameter"] == 1)]
        assert [unpack(text).mean() for text in one["nfe"]] == [scalars[f"{task}/0/masked"]] * 3
        everything = table[(table["family"] == "Top-k") & (table["parameter"] == n)]
        assert set(everything["nfe"]) == {pack([1] * config.items[0])}


def test_puzzles_of_a_known_law_have_one_solution() -> None:
    task, _ = model("sudoku4")
    items = eb.chosen(task, 40)
    grids = task.world.support
    fits = ((grids[None] == items.tokens[:, None]) | ~items.given[:, None]).all(-1).sum(-1)
    assert fits.tolist() == [1] * 40
    several = ((grids[None] == task.test.tokens[:, None]) | ~task.test.given[:, None]).all(-1).sum(-1)
    assert bool((several[:40] > 1).any())


def errors(row: list[float], by: str) -> float:
    top = sorted(row, reverse=True)
    if by == "confidence":
        return -top[0]
    return top[1] - top[0] if by == "margin" else -math.fsum(p * math.log(p) for p in row if p > 0)


def solve(denoise: Denoiser, z: list[int], d: int, pick: Callable[[dict[int, list[float]]], list[int]]) -> list[list]:
    """Complete one state at temperature 0 and return the states visited."""
    visited = [z]
    while d in z:
        p = denoise(torch.tensor([z]))[0].exp().tolist()
        block = pick({i: p[i] for i in range(len(z)) if z[i] == d})
        z = [p[i].index(max(p[i])) if i in block else v for i, v in enumerate(z)]
        visited.append(z)
    return visited


def bounded(budget: float, by: str) -> Callable[[dict[int, list[float]]], list[int]]:
    def pick(rows: dict[int, list[float]]) -> list[int]:
        order = sorted(rows, key=lambda i: (errors(rows[i], by), i))
        sizes = [k for k in range(1, len(order) + 1) if cost(rows, order[:k]) <= budget]
        return order[: max([1, *sizes])]

    return pick


def cost(rows: dict[int, list[float]], block: list[int]) -> float:
    h = [errors(rows[i], "entropy") for i in block]
    return math.fsum(h) - max(h)


@pytest.mark.parametrize("by", eb.PROXIES)
def test_puzzles_are_solved_as_by_a_loop_over_single_states(by: str) -> None:
    task, denoise = model("sudoku4")
    items = eb.chosen(task, PRESET.items[0])
    table, _ = ran("sudoku4")
    budget = PRESET.puzzle_budgets[-1]
    row = table.query("family == 'EB' and by == @by and parameter == @budget").iloc[0]
    start = trained_models.blank(items, task.d).tolist()
    visited = [solve(denoise, z, task.d, bounded(budget, by)) for z in start]
    assert unpack(row["nfe"]).tolist() == [len(path) - 1 for path in visited]
    solved = task.success(torch.tensor([path[-1] for path in visited]), items)
    assert unpack(row["success"]).tolist() == solved.tolist()


@pytest.mark.parametrize("by", eb.PROXIES)
def test_path_likelihoods_are_those_of_a_loop_that_shows_the_true_tokens(by: str) -> None:
    task, denoise = model("chain")
    table, scalars = ran("chain")
    budget = PRESET.budgets[-1]
    row = table.query("family == 'EB' and by == @by and parameter == @budget").iloc[0]
    for x, found in list(zip(task.test.tokens.tolist(), unpack(row["nll"]), strict=False))[:2]:
        z, total = [task.d] * task.n, 0.0
        while task.d in z:
            p = denoise(torch.tensor([z]))[0].exp().tolist()
            block = bounded(budget, by)({i: p[i] for i in range(task.n) if z[i] == task.d})
            total -= math.fsum(math.log(p[i][x[i]]) for i in block)
            z = [x[i] if i in block else v for i, v in enumerate(z)]
        assert found == pytest.approx(total, rel=1e-6)
    q = -task.world.log_prob(task.test.tokens[: PRESET.items[2]])
    assert unpack(str(scalars["chain/0/surprisal"])) == pytest.approx(q.numpy(), rel=1e-8)


def test_a_remembered_denoiser_says_the_same_and_is_asked_once() -> None:
    task, denoise = model("sudoku4")
    calls: list[int] = []

    def counted(z: torch.Tensor) -> torch.Tensor:
        calls.append(len(z))
        return denoise(z)

    z = trained_models.blank(task.test.rows(slice(0, 6)), task.d)
    twice = torch.cat((z, z.flip(0)))
    ask = eb.remembered(counted)
    assert torch.equal(ask(z), denoise(z))
    assert torch.equal(ask(twice), torch.cat((denoise(z), denoise(z).flip(0))))
    assert calls == [6]


def test_curves_interpolate_seed_by_seed() -> None:
    rows = pd.DataFrame(
        {"seed": seed, "parameter": k, "success": pack([k * seed, k]), "nfe": pack([k, k + 2 * seed])}
        for seed in (1, 2) for k in (1.0, 3.0)
    )  # fmt: skip
    mine = curve(rows)
    assert mine.nfe.mean(-1).tolist() == [[2, 3], [4, 5]]
    assert mine.at(np.array([2.5, 5.0])).tolist() == [[1.5, 1.5], [6.0, 3.0]]
    assert mine.gain(mine, 1).tolist() == [[0, 0], [0, 0]]
    assert mine.comparable(mine) == [0, 1]
    with pytest.raises(InvalidInput, match="give it rules at both ends"):
        mine.at(np.array([1.0, 4.0]))
    with pytest.raises(InvalidInput, match="every rule once for every seed"):
        curve(rows.iloc[:3])
    with pytest.raises(InvalidInput, match="no rows of this family"):
        curve(rows.iloc[:0])


def test_the_bracket_is_the_nearest_pair() -> None:
    found = np.array([4.0, 1.0, 2.0])
    assert bracket(found, 3.0) == (2, 0, 0.5)
    assert bracket(found, 2.0) == (2, 2, 0.0)


Law = Callable[[float], tuple[float, float]]
"""From a rule's parameter to its mean calls and success (or nats per token)."""


def planted(
    *, eb_: Law, top: Law, limit: Law = lambda e: (2.0, 0.9), drawn: float = 0.5, items: int = 400, noise: float = 0.0
) -> dict[str, Record]:
    """Return a record in which every rule has its success: an item is solved when its rank is low enough."""
    generator = np.random.default_rng(0)
    rows = []
    for task in ("sudoku4", "maze3x4", "chain"):
        for seed in (0, 1, 2):
            rank = (generator.permutation(items) + 0.5) / items
            shift = noise * generator.standard_normal(items)
            for family, by, parameter, law in _rules(eb_, top, limit, drawn):
                calls, quality = law(parameter)
                own = generator.random(items) if noise else rank
                rows.append(
                    {"task": task, "seed": seed, "family": family, "parameter": parameter, "by": by, "items": items,
                     "success": pack(own < quality), "nfe": pack(np.full(items, calls)),
                     "nll": pack(8 * (1 - quality) + shift) if task == "chain" and family != "random one" else ""}
                )  # fmt: skip
    return {"eb": record("eb", pd.DataFrame(rows))}


def _rules(eb_: Law, top: Law, limit: Law, drawn: float):
    yield "random one", "", 1.0, lambda _: (8.0, drawn)
    for by in eb.PROXIES:
        yield from (("Top-k", by, k, top) for k in (1.0, 2.0, 4.0, 8.0))
        yield from (("EB", by, budget, eb_) for budget in (0.001, 0.01, 0.1, 1.0))
        yield from (("threshold", by, error, limit) for error in (0.1,))


def record(name: str, table: pd.DataFrame) -> Record:
    return Record(name, {}, None, table, {}, {}, {}, {}, 0.0, "")


def better(budget: float) -> tuple[float, float]:
    """Return EB as the paper has it: nearly nothing lost at one call in ten."""
    return {0.001: (3.9, 0.95), 0.01: (2.0, 0.95), 0.1: (1.4, 0.945), 1.0: (0.75, 0.94)}[budget]


def worse(budget: float) -> tuple[float, float]:
    """Return EB with a loss at every budget, and calls above the windows."""
    return {0.001: (8.0, 0.80), 0.01: (7.0, 0.6), 0.1: (6.0, 0.4), 1.0: (3.0, 0.3)}[budget]


def top(k: float) -> tuple[float, float]:
    return {1.0: (8.0, 0.95), 2.0: (4.0, 0.85), 4.0: (2.0, 0.7), 8.0: (0.7, 0.5)}[k]


def likewise(budget: float) -> tuple[float, float]:
    """Return EB on Top-k's curve."""
    return {0.001: (6.0, 0.9), 0.01: (4.0, 0.85), 0.1: (3.0, 0.775), 1.0: (2.0, 0.7)}[budget]


BY_ID = {claim.id: claim for claim in claims.CLAIMS}
NEAR = {"eb_": lambda b: (better(b)[0], 0.93), "noise": 1.0, "items": 40}
"""Two points lost, with independent draws on few items: nothing can be told."""


@pytest.mark.parametrize(
    ("claim", "verdict", "table"),
    [
        ("eb.halved", "supported", {"eb_": better}),
        ("eb.halved", "refuted", {"eb_": worse}),
        ("eb.halved", "undecided", NEAR),
        ("eb.E1", "supported", {"eb_": better, "items": 4000}),
        ("eb.E1", "refuted", {"eb_": worse}),
        ("eb.E1", "undecided", NEAR),
        ("eb.E2", "supported", {"eb_": better}),
        ("eb.E2", "refuted", {"eb_": worse}),
        ("eb.E2", "undecided", NEAR),
        ("eb.E3", "supported", {"eb_": better}),
        ("eb.E3", "refuted", {"eb_": better, "drawn": 1.0}),
        ("eb.E3", "undecided", {**NEAR, "drawn": 0.95}),
        ("eb.E4", "supported", {"eb_": better}),
        ("eb.E4", "refuted", {"eb_": worse}),
        ("eb.E4", "undecided", NEAR),
        ("eb.E5", "supported", {"eb_": better}),
        ("eb.E5", "refuted", {"eb_": worse}),
        ("eb.E5", "undecided", {"eb_": lambda b: (2.0, 0.88), "noise": 1.0, "items": 40}),
        ("eb.E7", "supported", {"eb_": likewise}),
        ("eb.E7", "refuted", {"eb_": better}),
        ("eb.E7", "undecided", {}),
    ],
)
def test_a_judge_finds_what_was_planted(claim: str, verdict: str, table: dict) -> None:
    records = planted(**{"top": top, **table}) if table else wavering()
    assert judge(BY_ID[claim], records).verdict == verdict


def wavering() -> dict[str, Record]:
    """Return EB at the margin of E7 itself, .01 nats per token, with noise of its own."""
    records = planted(eb_=likewise, top=top, items=60)
    table = records["eb"].table.copy()
    generator = np.random.default_rng(1)
    mine = (table["task"] == "chain") & (table["family"] == "EB")
    changed = [pack(unpack(text) - 8 * 0.01 + generator.standard_normal(60)) for text in table.loc[mine, "nll"]]
    table.loc[mine, "nll"] = changed
    return {"eb": replace(records["eb"], table=table)}


def laws(slack: float, correlation: float, exceeds: float, spread: float) -> dict[str, Record]:
    generator = np.random.default_rng(0)
    rows = [
        {"task": task, "seed": seed, "family": "EB", "parameter": budget, "by": by, "slack": slack,
         "correlation": correlation + spread * generator.standard_normal(),
         "exceeds": exceeds + 0.1 * spread * generator.standard_normal()}
        for task in ("a", "b") for seed in (0, 1, 2) for budget in (0.1, 1.0) for by in eb.PROXIES
    ]  # fmt: skip
    return {"decomposition": record("decomposition", pd.DataFrame(rows))}


@pytest.mark.parametrize(
    ("verdict", "numbers"),
    [
        ("supported", (0.0, 0.7, 0.01, 0.05)),
        ("refuted", (-0.1, 0.7, 0.01, 0.05)),
        ("refuted", (0.0, -0.7, 0.01, 0.05)),
        ("refuted", (0.0, 0.7, 0.3, 0.05)),
        ("undecided", (0.0, 0.02, 0.01, 0.5)),
    ],
)
def test_the_judge_of_known_laws_finds_what_was_planted(verdict: str, numbers: tuple[float, ...]) -> None:
    assert judge(BY_ID["eb.E6"], laws(*numbers)).verdict == verdict


def test_smoke_records_are_judged() -> None:
    parts = [ran(task) for task in PRESET.tasks]
    scalars = {key: value for _, part_ in parts for key, value in part_.items()}
    found = replace(record("eb", pd.concat([table for table, _ in parts], ignore_index=True)), scalars=scalars)
    for claim in claims.CLAIMS:
        if claim.experiments == ("eb",):
            findings = judge(claim, {"eb": found}).findings
            assert all(math.isfinite(finding.estimate.mean) for finding in findings)


def test_parameters_are_chosen_on_other_items_than_they_are_judged_on() -> None:
    """An EB rule that solves only the items it is chosen on is found out."""
    records = planted(eb_=better, top=top)
    table = records["eb"].table.copy()
    lucky = (table["family"] == "EB") & (table["parameter"] == 0.1) & (table["task"] == "sudoku4")
    table.loc[lucky, "success"] = pack(np.arange(400) % 2 == 0)
    findings = judge(BY_ID["eb.E1"], {"eb": replace(records["eb"], table=table)}).findings
    assert findings[1].estimate.mean == pytest.approx(-0.95, abs=0.03)
    assert findings[1].chance < 0.025
