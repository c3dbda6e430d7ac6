"""Every engine function of the schedules is guarded: corrupt it, and some claim has no longer the verdict it should."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from tests.planting import Corruption, after, altered, outcome, plant, times
from theory.ledger import catalogue

MORE, REVERSED = Fraction(101, 100), after(lambda sizes: sizes[::-1])
BOUNDS, CURVES, OPTIMAL = "theory.unmasking.bounds", "theory.unmasking.curves", "theory.unmasking.optimal"
LAWS, LOSSES, RIEMANN = "theory.unmasking.laws", "theory.unmasking.losses", "theory.unmasking.riemann"
INFORMATION, WORLDS = "theory.worlds.information", "theory.worlds"


def merged(sizes: list[int]) -> list[int]:
    """Join the first two blocks."""
    return [sizes[0] + sizes[1], *sizes[2:]] if len(sizes) > 1 else sizes


CASES: list[tuple[str, str, Corruption, str]] = [
    (BOUNDS, "doubling_sizes", after(merged), "schedules.6a"),
    (BOUNDS, "doubling_constant", times(MORE), "schedules.6a"),
    (BOUNDS, "doubling_constant", times(Fraction(99, 100)), "schedules.6a"),
    (BOUNDS, "doubling_steps", times(0.5), "schedules.6a"),
    (BOUNDS, "singles_then_blocks", after(merged), "schedules.6b"),
    (BOUNDS, "singles_constant", times(MORE), "schedules.6b"),
    (BOUNDS, "austin_constant", times(MORE), "schedules.6b"),
    (BOUNDS, "balanced_sizes", after(merged), "schedules.5c"),
    (BOUNDS, "block_constant", after(lambda c: c + 1), "schedules.5a"),
    (BOUNDS, "block_constant", after(lambda c: c - 1), "schedules.5a"),
    (BOUNDS, "li_cai_constant", after(lambda c: c + 1), "schedules.5a"),
    (BOUNDS, "halving_constant", after(lambda c: c + 1), "schedules.5b"),
    (BOUNDS, "halved", after(merged), "schedules.5b"),
    (BOUNDS, "breakpoint_law", REVERSED, "schedules.7a"),
    (BOUNDS, "random_breakpoint_error", times(1.01), "schedules.7a"),
    (BOUNDS, "random_breakpoint_constant", times(MORE), "schedules.7b"),
    (BOUNDS, "grid_constant", times(MORE), "schedules.11a"),
    (BOUNDS, "geometric_constants", times(MORE), "schedules.11b"),
    (BOUNDS, "regime_grid", after(lambda grid: grid**1.01), "schedules.11b"),
    (BOUNDS, "harmonic_curve", after(lambda curve: curve**2), "schedules.A10"),
    (BOUNDS, "support_error_bound", times(0.99), "schedules.17a"),
    (CURVES, "total", times(1.01), "schedules.1b"),
    (CURVES, "dual_total", times(1.01), "schedules.1d"),
    (CURVES, "fixed_size_error", times(1.01), "schedules.5a"),
    (CURVES, "per_token_error", times(1.01), "schedules.11a"),
    (CURVES, "learned_fixed_size_error", times(1.01), "schedules.12"),
    (CURVES, "learned_per_token_error", times(1.01), "schedules.25"),
    (CURVES, "many_step_constant", times(1.02), "schedules.13a"),
    (CURVES, "best_many_step_constant", times(1.01), "schedules.13b"),
    (OPTIMAL, "optimal_sizes", after(lambda found: [found[0], *found[:-1]]), "schedules.4a"),
    (OPTIMAL, "optimal_sizes_learned", after(lambda found: [found[0], *found[:-1]]), "schedules.4a"),
    (OPTIMAL, "optimal_grid", after(lambda found: found._replace(error=0.99 * found.error)), "schedules.22"),
    (OPTIMAL, "least_error_bound", times(1.01), "schedules.22"),
    (RIEMANN, "least_riemann_sums", after(lambda found: (1.01 * found[0], found[1])), "schedules.22"),
    (RIEMANN, "least_riemann_sums_densely", times(1.01), "schedules.4b"),
    ("theory.unmasking.beta_fit", "best_beta", altered(error=lambda e: 1.01 * e), "schedules.22"),
    ("theory.unmasking.beta_fit", "rounded_beta_family", after(lambda found: set(list(found)[1:])), "schedules.23b"),
    (LAWS, "sampler_law", altered(path_divergence=lambda kl: 1.01 * kl), "schedules.2"),
    (LAWS, "mixed_divergence", times(1.01), "schedules.3"),
    (LAWS, "compositions", after(lambda found: list(found)[:-1]), "schedules.4a"),
    (LOSSES, "cross_entropies", times(1.01), "schedules.12"),
    (INFORMATION, "smoothed_curve", times(1.01), "schedules.9"),
    (INFORMATION, "smoothed_curve_derivative", times(1.01), "schedules.9"),
    (INFORMATION, "mean_entropies", after(lambda means: means.flip(-1)), "schedules.1a"),
    (INFORMATION, "total_correlation", times(1.01), "schedules.1b"),
    (INFORMATION, "dual_total_correlation", times(1.01), "schedules.1b"),
    (INFORMATION, "kullback_leibler", times(1.01), "schedules.3"),
    ("theory.worlds.table", "TableWorld.information_curve", after(lambda z: z.roll(1)), "schedules.1a"),
    ("theory.schedules", "uniform_grid", after(lambda grid: grid**1.01), "schedules.11a"),
    ("theory.grids", "geometric_grid", after(lambda grid: grid**1.01), "schedules.11b"),
    ("theory.ledger.shannon", "curve", after(lambda forms: forms[::-1]), "schedules.1c"),
]


@pytest.mark.parametrize(("module", "name", "corruption", "claim"), CASES)
def test_a_corrupted_function_is_noticed(module, name, corruption, claim, monkeypatch) -> None:
    found = catalogue.claim(claim)
    plant(monkeypatch, module, name, corruption)
    assert outcome(found) != found.expected


def test_a_corrupted_sampler_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain's law shifted by one sequence, and the mixture's."""
    from theory.unmasking.laws import SamplerLaw
    from theory.worlds import TableWorld

    def rolled(world: TableWorld) -> TableWorld:
        return TableWorld(torch.roll(world.law(), 1, -1), world.n, world.d)

    claim = catalogue.claim("schedules.8a")
    with monkeypatch.context() as patch:
        plant(patch, LAWS, "multinomial_mixture", after(rolled))
        assert outcome(claim) == "refuted"
    assert SamplerLaw.__dataclass_fields__["output"]
    with monkeypatch.context() as patch:
        plant(patch, LAWS, "sampler_law", altered(output=rolled))
        assert outcome(claim) == "refuted"
