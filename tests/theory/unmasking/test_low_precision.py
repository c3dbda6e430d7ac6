"""Draws with low-precision noise: torch's grids by experiment, the law by routes written here, bounds, messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.planting import Corruption, after, outcome, plant, times
from tests.planting import given as argument
from theory.errors import InvalidInput
from theory.ledger import FALSE_ALARM_SHARE, catalogue
from theory.reference import draws as reference
from theory.unmasking import low_precision
from theory.unmasking.draw_laws import by_atoms, by_cells, draw_law, geometric_sums, intended_law
from theory.unmasking.effective_temperature import DrawLaw
from theory.unmasking.low_precision import TYPES, Recipe, Values, share_above, top_bits, uniforms

PARTS = 64
"""Bins of a chi-square comparison of uniforms."""


@pytest.mark.parametrize("dtype", TYPES)
def test_torch_draws_uniforms_from_the_stated_grid(dtype: str) -> None:
    recipe, draws = Recipe(dtype), 1_000_000
    u = torch.rand(draws, dtype=recipe.type, generator=torch.Generator().manual_seed(3)).double()
    steps = u * 2.0**recipe.grid_bits
    assert torch.equal(steps, steps.round())
    assert float(u.min()) >= 0 and float(u.max()) <= 1 - 2.0 ** -top_bits(recipe)
    assert not torch.equal(steps / 2, (steps / 2).round())
    bins = torch.bincount((u * PARTS).long(), minlength=PARTS).double()
    if dtype in ("float32", "float64"):
        expected = torch.full((PARTS,), draws / PARTS, dtype=torch.float64)
    else:
        law = uniforms(dtype)
        assert law.counts is not None and int(law.counts.sum()) == 2**24
        assert set(u.unique().tolist()) <= set(law.values.double().tolist())
        place = (law.values.double() * PARTS).long()
        expected = torch.zeros(PARTS, dtype=torch.float64).index_add_(0, place, law.counts.double()) * draws / 2**24
        zeros, chance = int((u == 0).sum()), 2.0 ** -(top_bits(recipe) + 1) + 2.0**-24
        assert abs(zeros - draws * chance) <= 7 * math.sqrt(draws * chance)
    assert float(((bins - expected) ** 2 / expected).sum()) <= chi2.isf(FALSE_ALARM_SHARE, PARTS - 1)


@pytest.mark.parametrize("dtype", TYPES)
def test_torch_takes_the_first_of_equal_scores(dtype: str) -> None:
    generator = torch.Generator().manual_seed(1)
    for d in (2, 3, 8, 17, 64, 1000, 126_464):
        scores = torch.randint(0, 3, (5, d), generator=generator).to(TYPES[dtype])
        first = [row.index(max(row)) for row in scores.tolist()]
        assert scores.argmax(-1).tolist() == first


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_second_route_rounds_as_torch_does(dtype: str) -> None:
    numbers = torch.randn(300, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    numbers = torch.cat((numbers, numbers * 1e-6, numbers * 1e4, torch.tensor([1e-9, 7e4, 3e-8]).double()))
    torch.testing.assert_close(
        torch.tensor([reference.rounded(x, dtype) for x in numbers.tolist()], dtype=torch.float64),
        numbers.to(TYPES[dtype]).double(), rtol=0, atol=0,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["gumbel", "race"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_noise_of_torchs_grid_is_that_of_the_second_route(dtype: str, form: Any) -> None:
    recipe = Recipe(dtype, form, 2.0**-12, 0.5)
    u = uniforms(dtype).values[::37]
    draw = reference.Draw(dtype, form, recipe.eps, recipe.temperature, 24)
    assert recipe.of(u).double().tolist() == [reference.noise_of(x, draw) for x in u.double().tolist()]


def literal_law(logits: list[float], recipe: Recipe) -> list[float]:
    """Return the law by the definition, in loops over scores, with laws of single scores as dictionaries."""
    noise = recipe.noise
    counts = [1] * len(noise.values) if noise.counts is None else noise.counts.tolist()
    laws: list[dict[float, float]] = []
    for logit in torch.tensor(logits, dtype=recipe.type):
        law: dict[float, float] = {}
        for s, count in zip(recipe.scores(logit, noise.values).double().tolist(), counts, strict=True):
            law[s] = law.get(s, 0.0) + count / sum(counts)
        laws.append(law)
    chances = []
    for v, law in enumerate(laws):
        terms = []
        for s, p in law.items():
            before = [math.fsum(q for r, q in other.items() if r < s) for other in laws[:v]]
            behind = [math.fsum(q for r, q in other.items() if r <= s) for other in laws[v + 1 :]]
            terms.append(p * math.prod(before) * math.prod(behind))
        chances.append(math.fsum(terms))
    return chances


@pytest.mark.parametrize("form", ["gumbel", "race"])
def test_the_law_on_torchs_own_grid_is_the_definition(form: Any) -> None:
    for logits in ([0.0, 0.0, -1.0], [-3.0, 0.0, -3.0]):
        recipe = Recipe("bfloat16", form, bits=8)
        assert by_atoms(logits, recipe).law.tolist() == pytest.approx(literal_law(logits, recipe), abs=1e-13)
    recipe = Recipe("bfloat16", form)
    assert by_atoms([0.0, 0.5], recipe).law.tolist() == pytest.approx(literal_law([0.0, 0.5], recipe), abs=1e-13)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(-20, 0), min_size=2, max_size=30), st.integers(4, 12), st.sampled_from((16, 256)))
def test_cells_are_within_their_error(quarters: list[int], bits: int, cells: int) -> None:
    logits, recipe = [k / 4 for k in quarters], Recipe("float64", bits=bits)
    exact, rough = by_atoms(logits, recipe), by_cells(logits, recipe, cells)
    gaps = rough.law - exact.law
    assert float(gaps.abs().sum()) / 2 <= rough.error + 1e-12
    groups = torch.unique(rough.logits, return_inverse=True)[1]
    grouped = torch.zeros(int(groups.max()) + 1, dtype=torch.float64).index_add_(0, groups, gaps)
    assert float(grouped.abs().sum()) / 2 <= rough.group_error + 1e-12
    assert rough.group_error <= rough.error + 1e-12


def test_the_bound_of_the_cells_falls_as_they_double_and_is_far_from_met() -> None:
    """The share of the rise of ln F is exact for exact noise: what remains is the grid's own unevenness."""
    logits = (-torch.arange(1, 41).double().log()).tolist()
    exact = by_atoms(logits, Recipe("float64", bits=10))
    rough = [by_cells(logits, Recipe("float64", bits=10), cells) for cells in (32, 64, 128)]
    assert rough[0].error > 1.7 * rough[1].error > 2.8 * rough[2].error
    assert float((rough[0].law - exact.law).abs().sum()) / 2 < 0.05 * rough[0].error


def test_listed_noise_is_that_of_exact_logarithms_up_to_their_rounding() -> None:
    limits = np.linspace(-2.5, 16.7, 4001)
    for recipe in (Recipe("float32"), Recipe("float64", bits=16)):
        values = recipe.noise.values.double().numpy()
        place = torch.from_numpy(np.searchsorted(values, limits, side="right"))
        gap = np.abs(recipe.noise.above(place).numpy() - share_above(recipe, limits))
        assert gap.max() <= (4 if recipe.dtype == "float32" else 0) * 2.0**-recipe.grid_bits
    race = Recipe("float64", "race", 1e-3, 0.5, bits=16)
    values = -np.log(race.noise.values.numpy())
    place = torch.from_numpy(np.searchsorted(values, limits, side="right"))
    assert np.array_equal(race.noise.above(place).numpy(), share_above(race, limits))


def test_equal_tokens_in_bfloat16_are_nearly_geometric() -> None:
    """The largest atom, 2^-8, decides nearly every draw: the first 256 e tokens have nearly all the entropy."""
    law = draw_law([0.0] * 32_000, Recipe("bfloat16"))
    share = 2.0**-8 * (1 - 2.0**-16 * 1)
    assert float(law.law[0]) == pytest.approx(share, rel=1e-4)
    assert float(law.law[1] / law.law[0]) == pytest.approx(1 - share, rel=1e-4)
    assert math.exp(law.entropy) == pytest.approx(256 * math.e, rel=2e-3)
    assert math.isnan(law.temperature) and law.reverse_divergence > 0


def test_torch_draws_many_tokens_from_the_law() -> None:
    """Two hundred tokens, drawn in bfloat16; counts in ten bins of neighbours."""
    recipe, draws = Recipe("bfloat16"), 40_000
    logits = torch.cat((torch.zeros(199), torch.tensor([5.0]))).to(recipe.type)
    law = draw_law(logits.tolist(), recipe).law
    u = torch.rand(draws, 200, dtype=recipe.type, generator=torch.Generator().manual_seed(11))
    count = torch.bincount(recipe.scores(logits, recipe.of(u)).argmax(-1), minlength=200).double()
    seen, expected = count.view(10, 20).sum(1), draws * law.view(10, 20).sum(1)
    assert float(expected.min()) > 500
    limit = chi2.isf(FALSE_ALARM_SHARE, 9)
    assert float(((seen - expected) ** 2 / expected).sum()) <= limit
    meant = draws * intended_law(logits, recipe).view(10, 20).sum(1)
    assert float(((seen - meant) ** 2 / meant).sum()) > limit, "the test would not notice the softmax"


def test_float64_noise_is_good_for_any_vocabulary_of_today() -> None:
    law = draw_law([*[0.0] * 126_463, math.log(126_463.0)], Recipe("float64"))
    assert law.total_variation <= 1e-11 and law.temperature == pytest.approx(1, abs=1e-9)
    assert law.group_error < 1e-4


def test_the_effective_temperature_is_the_nearest() -> None:
    law = draw_law([0.0, -1.0, -2.0, -4.0, -4.0, -4.0], Recipe("bfloat16", bits=4))
    level = law.intended.log()

    def divergence(temperature: float) -> float:
        return float((law.law * (law.law.log() - (level / temperature).log_softmax(-1))).sum())

    best = law.temperature
    assert best != pytest.approx(1, abs=1e-3)
    assert divergence(best) < min(divergence(1.01 * best), divergence(0.99 * best))
    assert float((law.law * (law.law / law.intended).log()).sum()) == pytest.approx(law.divergence)
    at = (level / law.entropy_temperature).softmax(-1)
    assert float(-(at * at.log()).sum()) == pytest.approx(law.entropy)


@pytest.mark.parametrize(("law", "temperature"), [([1.0, 0.0, 0.0], 0.0), ([0.2, 0.3, 0.5], math.inf)])
def test_laws_at_the_ends_of_the_family(law: list[float], temperature: float) -> None:
    logits = torch.tensor([0.0, -1.0, -2.0], dtype=torch.float64)
    found = DrawLaw(torch.tensor(law, dtype=torch.float64), logits.softmax(-1), logits, 0.0, 0.0)
    assert found.temperature == temperature


def test_an_exact_draw_has_temperature_one() -> None:
    logits = torch.tensor([0.0, -1.0, -2.0], dtype=torch.float64)
    found = DrawLaw(logits.softmax(-1), logits.softmax(-1), logits, 0.0, 0.0)
    assert found.temperature == pytest.approx(1) and found.entropy_temperature == pytest.approx(1)
    assert found.total_variation == 0 and found.divergence == pytest.approx(0, abs=1e-15)


def test_a_token_of_logit_minus_infinity_is_never_drawn() -> None:
    for form in ("gumbel", "race"):
        law = draw_law([-math.inf, 0.0, 1.0], Recipe("float16", form, 2.0**-10)).law  # type: ignore[arg-type]  # wrong on purpose, or a name from a list
        assert float(law[0]) == 0 and float(law.sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Recipe("float8"), "unknown number type 'float8'; did you mean float"),
        (lambda: Recipe(form="gumble"), "unknown form 'gumble'; did you mean gumbel"),  # type: ignore[arg-type]  # wrong on purpose, or a name from a list
        (lambda: Recipe(eps=-1.0), "eps -1.0, temperature 1.0; expected 0 <= eps < 1"),
        (lambda: Recipe(temperature=0.0), "temperature > 0"),
        (lambda: Recipe(bits=25), "25 bits in float32; expected 1 to 24"),
        (lambda: uniforms("float64"), "too many to list; give fewer bits"),
        (lambda: Recipe("float64").noise, "too many to list; give fewer bits"),
        (lambda: draw_law([], Recipe()), "expected a row of finite numbers"),
        (lambda: draw_law([0.0, math.nan], Recipe()), "expected a row of finite numbers"),
        (lambda: draw_law([12.0, 0.0], Recipe("float16", "race")), r"exp\(12\) is infinite in float16"),
        (lambda: by_cells([0.0, 1.0], Recipe("bfloat16"), 1), "1 cells; expected at least 2"),
        (lambda: by_atoms([0.0, 1.0], Recipe("float64")), "too many to list"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(call: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_geometric_sums_are_sums() -> None:
    weight, decay = torch.tensor([0.5, 2.0]).double(), torch.tensor([0.1, 0.7]).double()
    wanted = [sum(w * math.exp(-t * r) for w, r in ((0.5, 0.1), (2.0, 0.7))) for t in range(23)]
    assert geometric_sums(weight, decay, 23).tolist() == pytest.approx(wanted)


def _one_less(values: Values) -> Values:
    return Values(values.values[:-1], None if values.counts is None else values.counts[:-1])


@pytest.mark.parametrize(
    ("module", "name", "wrong", "claim"),
    [
        ("low_precision", "Recipe.of", after(lambda g: g * 1.5), "draws.1"),
        ("low_precision", "Recipe.of", after(lambda g: g * 1.01), "draws.4"),
        ("low_precision", "Recipe.scores", argument(1, lambda logits: logits * 1.2), "draws.1"),
        ("low_precision", "Recipe.extremes", after(lambda pair: (pair[0], 0.95 * pair[1])), "draws.3"),
        ("low_precision", "Values.above", times(0.99), "draws.3zero"),
        ("low_precision", "uniforms", after(_one_less), "draws.1"),
        ("draw_laws", "geometric_sums", times(1.01), "draws.5"),
        ("draw_laws", "intended_law", after(lambda p: p.sqrt() / p.sqrt().sum()), "draws.6"),
        ("draw_laws", "_brackets", times(0.0), "draws.1"),
        ("effective_temperature", "_inverse_temperature", times(1.01), "draws.9"),
        ("draw_laws", "by_atoms", after(lambda law: DrawLaw(law.intended, law.intended, law.logits, 0, 0)), "draws.10"),
    ],
)
def test_a_corrupted_engine_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, wrong: Corruption, claim: str
) -> None:
    low_precision._noise.cache_clear()
    plant(monkeypatch, f"theory.unmasking.{module}", name, wrong)
    assert outcome(catalogue.claim(claim)) in ("refuted", "raised")
    monkeypatch.undo()
    low_precision._noise.cache_clear()


def test_distances_of_a_law_of_draws_from_the_intended_one() -> None:
    """Two laws of three tokens, one of which is never meant: distances written out."""
    law, meant = torch.tensor([0.5, 0.3, 0.2]).double(), torch.tensor([0.75, 0.25, 0.0]).double()
    found = DrawLaw(law, meant, meant.log(), 0.0, 0.0)
    assert found.total_variation == pytest.approx((0.25 + 0.05 + 0.2) / 2)
    assert found.reverse_divergence == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.25 / 0.3))
    assert DrawLaw(meant, law, law.log(), 0.0, 0.0).reverse_divergence == math.inf


def test_the_temperature_of_a_cold_law_of_near_ties_is_found() -> None:
    """At a tenth of the temperature tokens of 50 and 45 % are told apart: their logarithms lie close together."""
    intended = torch.tensor([0.5, 0.45, 0.05]).double()
    cold = (10 * intended.log()).softmax(-1)
    assert DrawLaw(cold, intended, intended.log(), 0.0, 0.0).temperature == pytest.approx(0.1, rel=1e-9)
