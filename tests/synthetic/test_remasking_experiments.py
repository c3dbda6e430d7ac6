"""Rates and guidance of samplers that remask: by literal enumeration, by theorems and from the notes."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from synthetic import remasking as shared_remasking
from synthetic.experiments import registry
from synthetic.progress import Silent
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.worlds import states

SIGMAS = {"masked diffusion": lambda now, after: 0, "star": lambda now, after: 1 - after}
CHAIN_MOVES = {True: Fraction(17, 20), False: Fraction(3, 20)}
ROUNDING = 1e-11


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float | str]]:
    module = importlib.import_module(registry()[name])
    return module.run(module.PRESETS["smoke"], Silent())


def chain(n: int) -> reference.Law:
    """Return the Markov chain in fractions, from its definition."""
    start = (Fraction(7, 10), Fraction(3, 10))
    return {
        x: start[x[0]] * math.prod(CHAIN_MOVES[a == b] for a, b in itertools.pairwise(x))
        for x in reference.sequences(n, 2)
    }


def uniform(support: list[reference.State]) -> reference.Law:
    return {x: Fraction(1, len(support)) for x in support}


def laws() -> dict[str, reference.Law]:
    bits = [(Fraction(p, 10), 1 - Fraction(p, 10)) for p in (7, 6, 8)]
    cells = list(reference.sequences(4, 2))
    return {
        "chain of 3": chain(3),
        "chain of 4": chain(4),
        "product law": {
            x: math.prod(row[v] for row, v in zip(bits, x, strict=True)) for x in reference.sequences(3, 2)
        },
        "two copied pairs": uniform([x for x in cells if x[0] == x[1] and x[2] == x[3]]),
        "even parity": uniform([x for x in cells if sum(x) % 2 == 0]),
    }


def written(
    law: reference.Law, sampler: str, steps: int, first: int = 0, temperature: float | None = 1.0
) -> reference.Law:
    """Return the output law with every draft, set and order of drawing written out; remasking from step `first` on."""
    n, floats = len(next(iter(law))), {x: float(p) for x, p in law.items()}
    fill = reference_remasking.independent(reference.conditionals_of(floats, 2), 2)
    odds = errors(law) if sampler == "guided" else None
    now: reference.Law = {(2,) * n: 1.0}
    for k in range(steps):
        before, after = k / steps, (k + 1) / steps
        if k < first or sampler in SIGMAS:
            sigma = 0 if k < first else SIGMAS[sampler](before, after)
            now = reference_remasking.posterior_step(now, fill, before, after, sigma, 2)
        else:
            count = -((-n * (steps - k - 1)) // steps)
            now = remasked(reference_remasking.draft_law(now, fill), odds, count, temperature)
    return now


def errors(law: reference.Law) -> dict[reference.State, list[float]]:
    """Return the odds that each token of a draft differs from the original, by the definition of the labels."""
    n = len(next(iter(law)))
    chances = [Fraction(1, (n + 1) * math.comb(n, m)) for m in range(n + 1)]
    table = reference_remasking.error_table(
        law, reference_remasking.independent(reference.conditionals_of(law, 2), 2), chances, n, 2
    )
    return {y: [float(e) / max(float(1 - e), 1e-12) for e in row] for y, row in table.items()}


def remasked(
    drafts: reference.Law, odds: dict[reference.State, list[float]] | None, count: int, temperature: float | None
) -> reference.Law:
    found: reference.Law = {}
    for y, mass in drafts.items():
        weights = [1.0] * len(y) if odds is None else [max(o, 1e-12) for o in odds.get(y, [1.0] * len(y))]
        if temperature is None:
            chosen = reference_remasking.greatest_law([round(w, 9) for w in weights], count)
        else:
            chosen = reference_remasking.subset_law([w ** (1 / temperature) for w in weights], count)
        for subset, p in chosen.items():
            z = tuple(2 if i in subset else token for i, token in enumerate(y))
            found[z] = found.get(z, 0.0) + mass * p
    return found


def distance(law: reference.Law, output: reference.Law) -> float:
    return sum(abs(float(law.get(x, 0)) - float(output.get(x, 0))) for x in {*law, *output}) / 2


@pytest.mark.parametrize("name", shared_remasking.LAWS)
def test_the_laws_are_those_written_out(name: str) -> None:
    law = laws()[name]
    world = shared_remasking.exact(name)
    world = shared_remasking.exact(name).world
    assert (world.n, world.d) == (len(next(iter(law))), 2)
    assert world.law().tolist() == pytest.approx(
        [float(law.get(x, 0)) for x in reference.sequences(world.n, 2)], abs=1e-14
    )
    z = states.all_states(world.n, 2)
    conditional = reference.conditionals_of(law, 2)
    for state, rows in zip(z.tolist(), world.conditionals(z).tolist(), strict=True):
        if reference.marginal(law, tuple(state), 2):
            for i in reference.masked(tuple(state), 2):
                wanted = [float(conditional(tuple(state), i, v)) for v in range(2)]
                assert rows[i] == pytest.approx(wanted, abs=1e-14)


def test_unknown_laws_are_named() -> None:
    with pytest.raises(InvalidInput, match="did you mean chain of 4"):
        shared_remasking.exact("chain of4")


@pytest.mark.parametrize("steps", [4, 8])
def test_rates_by_hand(steps: int) -> None:
    table, law = smoke("remasking_rates")[0], laws()["chain of 3"]
    rows = table[(table["law"] == "chain of 3") & (table["steps"] == steps)]
    assert len(rows) == 5
    for row in rows.itertuples():
        first = 0 if row.window == 1 else steps - math.floor(row.window * steps)
        output = written(law, row.sampler, steps, first)
        assert row.tv == pytest.approx(distance(law, output), abs=ROUNDING)
        floats = {x: float(p) for x, p in law.items()}
        assert row.kl == pytest.approx(reference.kullback_leibler(floats, output), abs=ROUNDING)


def test_rates_have_their_slopes_and_the_limit_of_guidance() -> None:
    table, scalars = smoke("remasking_rates")
    name = "chain of 3"
    assert scalars[f"{name}/masked diffusion/tv slope"] == pytest.approx(-1, abs=0.01)
    assert scalars[f"{name}/masked diffusion/kl slope"] == pytest.approx(-2, abs=0.05)
    assert scalars[f"{name}/star/tv slope"] == pytest.approx(-0.5, abs=0.06)
    assert scalars[f"{name}/star/kl slope"] == pytest.approx(-1, abs=0.06)
    assert scalars[f"{name}/guided/limit"] == pytest.approx(refilled(laws()[name]), abs=1e-9)
    guided = table[(table["sampler"] == "guided") & (table["window"] == 1)]["tv"].to_numpy()
    assert (np.diff(guided) > 0).all()
    assert 0 < scalars[f"{name}/guided/limit"] - guided[-1] < 0.01


def refilled(law: reference.Law) -> float:
    """Return the TV that refilling one guided position at a time settles at, by walking until nothing moves."""
    floats, odds = {x: float(p) for x, p in law.items()}, errors(law)
    fill = reference_remasking.independent(reference.conditionals_of(floats, 2), 2)
    now = dict(floats)
    for _ in range(400):
        now = reference_remasking.draft_law(remasked(now, odds, 1, 1.0), fill)
    return distance(law, now)


def test_rates_reach_the_notes() -> None:
    world = shared_remasking.exact("chain of 3")
    found = [world.distance(world.output("star", shared_remasking.SAMPLERS["star"](t))) for t in (64, 256, 1024)]
    assert found == pytest.approx([0.0209, 0.0099, 0.0048], abs=5e-5)
    diffusion = world.output("masked diffusion", shared_remasking.SAMPLERS["masked diffusion"](1024))
    assert 1024 * world.distance(diffusion) == pytest.approx(0.440, abs=5e-4)


@pytest.mark.parametrize("temperature", [0.0, 0.25, 1.0, 4.0])
def test_temperatures_by_hand_on_the_product_law(temperature: float) -> None:
    table, law = smoke("remasking_guidance")[0], laws()["product law"]
    rows = table[(table["part"] == "temperature") & (table["sampler"] == "guided") & (table["steps"] == 6)]
    (row,) = rows[rows["temperature"] == temperature].itertuples()
    output = written(law, "guided", 6, temperature=temperature or None)
    assert row.tv == pytest.approx(distance(law, output), abs=ROUNDING)
    assert row.entropy == pytest.approx(-sum(p * math.log(p) for p in output.values()), abs=ROUNDING)
    assert row.surprise == pytest.approx(-sum(p * math.log(law[x]) for x, p in output.items()), abs=ROUNDING)


def test_on_the_product_law_perplexity_improves_while_the_law_gets_worse() -> None:
    table, scalars = smoke("remasking_guidance")
    assert scalars["data entropy"] == pytest.approx(1.784, abs=5e-4)
    product = table[table["part"] == "temperature"]
    assert product.loc[product["sampler"] != "guided", "tv"].max() < 1e-14
    for _, rows in product[product["sampler"] == "guided"].groupby("steps"):
        ordered = rows.sort_values("temperature")
        assert (np.diff(ordered["tv"]) < 0).all()
        assert (np.diff(ordered[["entropy", "surprise"]], axis=0) > 0).all()
        assert (ordered["entropy"] < ordered["surprise"]).all()
        assert ordered["surprise"].max() < scalars["data entropy"]


@pytest.mark.parametrize("sampler", ["fixed count", "guided"])
@pytest.mark.parametrize("first", [0, 3, 6, 7, 8])
def test_windows_by_hand(sampler: str, first: int) -> None:
    table, law = smoke("remasking_guidance")[0], laws()["chain of 4"]
    mine = table[(table["part"] == "window") & (table["steps"] == 8) & (table["sampler"] == sampler)]
    (row,) = mine[mine["window"] == 1 - first / 8].itertuples()
    assert row.tv == pytest.approx(distance(law, written(law, sampler, 8, first)), abs=ROUNDING)


def test_windows_reach_the_notes() -> None:
    table, scalars = smoke("remasking_guidance")
    rows = table[table["part"] == "window"].pivot(index=["steps", "window"], columns="sampler", values="tv")
    assert rows.loc[(8, 0.25)].tolist() == pytest.approx([0.0543, 0.0239], abs=5e-5)
    assert rows.loc[(16, 0.25)].tolist() == pytest.approx([0.0188, 0.0802], abs=5e-5)
    assert rows.loc[(8, 1.0)].tolist() == pytest.approx([0.0275, 0.1946], abs=5e-5)
    assert rows.loc[(8, 0.0)].tolist() == pytest.approx([0.0667, 0.0667], abs=5e-5)
    assert (scalars["8/guided/best window"], scalars["16/guided/best window"]) == (0.25, 0.125)


@pytest.mark.parametrize("name", ["two copied pairs", "even parity"])
def test_hard_constraints_by_hand(name: str) -> None:
    table, scalars = smoke("remasking_guidance")
    law = laws()[name]
    for row in table[(table["law"] == name) & (table["steps"] <= 4)].itertuples():
        output = written(law, row.sampler, row.steps)
        off = sum(p for x, p in output.items() if x not in law)
        assert row.missing == pytest.approx(off, abs=ROUNDING)
        assert row.tv == pytest.approx(distance(law, output), abs=ROUNDING)
    assert scalars["even parity/gap"] < 1e-14


def test_hard_constraints_reach_the_notes() -> None:
    table = smoke("remasking_guidance")[0]
    rows = table[table["law"] == "two copied pairs"].pivot(index="steps", columns="sampler", values="missing")
    names = ["masked diffusion", "star", "fixed count", "guided"]
    for steps, mass in {4: [0.766, 0.720, 0.875, 0.947], 8: [0.879, 0.803, 0.922, 0.973]}.items():
        assert (1 - rows.loc[steps, names]).tolist() == pytest.approx(mass, abs=5e-4)
    assert rows.loc[2, "guided"] > rows.loc[2, "fixed count"]


def test_a_wrong_law_is_noticed() -> None:
    """The literal route tells a chain that stays with .8 from one that stays with .85."""
    table = smoke("remasking_rates")[0]
    wrong = {x: p * (1 if x[0] == x[1] else Fraction(4, 3)) for x, p in chain(3).items()}
    total = sum(wrong.values())
    law = {x: p / total for x, p in wrong.items()}
    row = table[(table["sampler"] == "star") & (table["steps"] == 4)].iloc[0]
    assert abs(row["tv"] - distance(law, written(law, "star", 4))) > 1e-3


def test_a_law_has_no_distance_from_itself() -> None:
    law = shared_remasking.exact("chain of 3")
    assert law.distance(law.world) == law.divergence(law.world) == 0
