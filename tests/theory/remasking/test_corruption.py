"""Each engine function of remasking is guarded: corrupt it, and some claim has no longer the verdict that it should."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from tests.planting import Corruption, altered, constant, given, outcome, plant, swapped, times
from theory.remasking import drafts, selection
from theory.remasking.claims import CLAIMS
from theory.remasking.drafts import Proposal
from theory.remasking.posterior import Posterior

BY_NAME = {claim.id: claim for claim in CLAIMS}


def less(function: Any) -> Any:
    """Reveal one percent less."""
    return altered(reveal=lambda r: r * 99 / 100)(function)


def exchanged(function: Any) -> Any:
    """Exchange the chances of keeping and revealing."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        step = function(*args, **kwargs)
        return Posterior(step.reveal, step.keep)

    return wrong


def sharpened(function: Any) -> Any:
    """Square a proposal's chances and normalise them state by state: another denoiser."""

    def wrong(*args: Any) -> Proposal:
        proposal = function(*args)
        table = drafts.draft_layout(proposal.n, proposal.d)
        square = proposal.chance**2
        total = torch.zeros((proposal.d + 1) ** proposal.n, dtype=torch.float64).index_add(0, table.state, square)
        return Proposal(proposal.n, proposal.d, square / total[table.state])

    return wrong


def rolled(function: Any) -> Any:
    """Roll what is returned by one place along its last axis."""
    return lambda *args, **kwargs: function(*args, **kwargs).roll(1, -1)


def rolled_world(function: Any) -> Any:
    """Roll a law by one place."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        world = function(*args, **kwargs)
        return type(world)(world.law().roll(1, -1), world.n, world.d)

    return wrong


GUARDED: list[tuple[str, str, Corruption, str]] = [
    ("posterior", "posterior", less, "remdm.3.1"),
    ("posterior", "posterior", exchanged, "remdm.3.1"),
    ("posterior", "largest_sigma", times(1.01), "remdm.3.1"),
    ("posterior", "Posterior.revealed", given(1, lambda a: 1 - a), "remdm.3.1"),
    ("posterior", "Posterior.then", swapped(), "remdm.4.1"),
    ("posterior", "star_sigma", lambda f: lambda now, after: 1 - now, "gstar.1"),
    ("posterior", "no_sigma", lambda f: lambda now, after: (1 - after) / 100, "remdm.4.1"),
    ("posterior", "predictor", less, "remdm.4.1"),
    ("posterior", "corrector", less, "remdm.4.1"),
    ("posterior", "corrector_matrix", less, "remdm.4.1"),
    ("posterior", "corrector_matrix", less, "remdm.4.2"),
    ("posterior", "largest_corrector_sigma", times(1.01), "remdm.4.1"),
    ("posterior", "capped_sigma", lambda f: lambda now, after, eta: eta / 2, "remdm.schedules"),
    ("posterior", "rescaled_sigma", times(0.99), "remdm.schedules"),
    ("schedules", "plan", lambda f: lambda grid, sigma, *rest, **more: f(grid, sigma), "remdm.schedules"),
    ("schedules", "loop_grid", lambda f: lambda n, window, top: f(n, window, 0.99 * top), "remdm.schedules"),
    ("schedules", "counted", lambda f: lambda steps, *rest: chain_star(steps), "gstar.14b"),
    ("schedules", "star", lambda f: lambda steps, *rest: f(steps + 1), "gstar.7"),
    ("schedules", "standard", lambda f: lambda steps, *rest: f(steps + 1), "gstar.7"),
    ("bounds", "negative_bound", times(1.01), "gstar.3"),
    ("bounds", "negative_bound", times(1.01), "remdm.nelbo"),
    ("bounds", "step_weights", times(1.01), "remdm.nelbo"),
    ("bounds", "excess_weights", times(1.01), "gstar.4"),
    ("bounds", "weighted", given(1, lambda alphas: [1 - a for a in alphas]), "gstar.3"),
    ("bounds", "loss_profile", times(1.01), "gstar.3"),
    ("bounds", "entropy_profile", times(1.01), "gstar.5b"),
    ("bounds", "star_growth", times(1.01), "gstar.5b"),
    ("bounds", "standard_limit", times(1.01), "gstar.5b"),
    ("drafts", "factorised", sharpened, "gstar.2b"),
    ("drafts", "joint", sharpened, "gstar.2"),
    ("drafts", "unguided", lambda f: lambda s, sized: f(selection.Selection(), sized), "gstar.14a"),
    ("drafts", "refinement", lambda f: lambda s, scores: f(s, -scores), "gstar.12"),
    ("drafts", "Refinement.chance", rolled, "gstar.14a"),
    ("chain", "posterior_step", lambda f: lambda law, fill, step: f(law, fill, exchange(step)), "gstar.2"),
    ("chain", "_posterior_step", rolled, "gstar.3"),
    ("chain", "counted_step", rolled, "gstar.14a"),
    ("chain", "_counted_step", rolled, "gstar.14b"),
    ("chain", "draft_law", rolled_world, "gstar.15"),
    ("chain", "_draft_law", rolled, "gstar.15"),
    ("chain", "noised_states", given(1, lambda alpha: 1 - alpha), "gstar.2"),
    ("chain", "sequences_as_states", rolled, "gstar.15"),
    ("chain", "distances", times(1.01), "gstar.14b"),
    ("chain", "output_law", rolled_world, "gstar.3"),
    ("chain", "advance", rolled, "remdm.schedules"),
    ("predictor", "mask_weights", lambda f: lambda n: f(n).flip(0) * torch.arange(n + 1), "gstar.8a"),
    ("predictor", "error_probabilities", times(1.01), "gstar.8a"),
    ("predictor", "drafted_law", rolled_world, "gstar.8b"),
    ("predictor", "error_logits", times(1.01), "gstar.12"),
    ("predictor", "error_logits", times(1.01), "gstar.11"),
    ("selection", "Selection.counts", lambda f: lambda s, alpha, n: f(s, 1 - alpha, n), "gstar.14a"),
    ("selection", "Selection.set_probabilities", lambda f: lambda s, scores: f(s, 1.01 * scores), "gstar.9"),
    ("selection", "Selection.choose", lambda f: lambda s, scores, *rest: f(s, scores / 2, *rest), "gstar.9"),
    ("selection", "rounded_counts", lambda f: lambda rule, *rest: f("floor", *rest), "gstar.14b"),
    ("stationary", "stationary_states", rolled, "gstar.6"),
    ("stationary", "stationary_world", rolled_world, "gstar.11"),
    ("stationary", "_stationary", rolled, "gstar.6"),
    ("sampling", "confident_sigma", times(1.01), "remdm.conf.sum"),
    ("sampling", "confident_sigma", constant(torch.zeros(1, 1)), "remdm.conf"),
    ("sampling", "draw_tokens", lambda f: lambda log_p, *rest: f(2 * log_p, *rest), "remdm.conf.sampler"),
    ("sampling", "_chances", lambda f: lambda batch, step: tuple(reversed(f(batch, step))), "gstar.sampler"),
    ("sampling", "advance", lambda f: lambda d, batch, *rest, **more: filled_with_the_last(batch), "gstar.8c"),
]


def chain_star(steps: int) -> Any:
    """Return the star with independent masks in the place of refinement."""
    from theory.remasking.schedules import star

    return star(steps)


def exchange(step: Posterior) -> Posterior:
    """Return a step whose chances are exchanged."""
    return Posterior(step.reveal, step.keep)


def filled_with_the_last(batch: Any) -> Any:
    """Return a batch whose masks are filled with the last symbol."""
    return dataclasses.replace(batch, tokens=batch.tokens.clamp(max=batch.d - 1))


@pytest.mark.parametrize(("module", "function", "corruption", "name"), GUARDED)
def test_a_corrupted_function_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: str, function: str, corruption: Corruption, name: str
) -> None:
    plant(monkeypatch, f"theory.remasking.{module}", function, corruption)
    assert outcome(BY_NAME[name]) != BY_NAME[name].expected


@pytest.mark.parametrize("name", sorted({name for *_, name in GUARDED} - {"gstar.sampler"}))
def test_the_fixtures_hold_without_corruption(name: str) -> None:
    assert outcome(BY_NAME[name]) == BY_NAME[name].expected


def test_sampled_counts_and_scores_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    fixtures = BY_NAME["gstar.sampler"].fixtures
    check = BY_NAME["gstar.sampler"].check
    for name, corruption, fixture in (
        ("Selection.draw_counts", lambda f: lambda s, alpha, *rest: f(s, alpha / 2, *rest), fixtures[6]),
        ("Selection.choose", lambda f: lambda s, scores, *rest: f(s, -scores, *rest), fixtures[4]),
    ):
        with monkeypatch.context() as patch:
            plant(patch, "theory.remasking.selection", name, corruption)
            assert any(e.fails for e in check(**fixture))
    with monkeypatch.context() as patch:
        plant(patch, "theory.remasking.predictor", "tabulated", lambda f: lambda logits: f(-logits))
        assert any(e.fails for e in check(**fixtures[4]))
