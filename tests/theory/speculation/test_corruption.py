"""Each engine function of speculation is guarded: corrupt it, and some claim no longer has its verdict."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

import pytest
import torch
from flint import arb

from tests.planting import Corruption, altered, given, outcome, plant, swapped, times
from theory.ledger import FALSE_ALARM_SHARE
from theory.speculation import statistics
from theory.speculation.claims import CLAIMS
from theory.speculation.claims.step import ceiling_integrand, floor_integrand

BY_NAME = {claim.id: claim for claim in CLAIMS}


def rolled_law(function: Any) -> Any:
    """Roll the law that is returned by one place."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if hasattr(found, "output"):
            world = found.output
            return dataclasses.replace(found, output=type(world)(world.law().roll(1), world.n, world.d))
        return type(found)(found.law().roll(1), found.n, found.d)

    return wrong


def never_refuse(function: Any) -> Any:
    """Keep every draft."""

    def wrong(draft: Any, *args: Any, **kwargs: Any) -> Any:
        return draft, torch.ones_like(function(draft, *args, **kwargs)[1])

    return wrong


def more_drift(function: Any) -> Any:
    """Scale the drift of the chain that is returned by 1.01."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        chain = function(*args, **kwargs)
        return dataclasses.replace(chain, drift=lambda k, y, drift=chain.drift: 1.01 * drift(k, y))

    return wrong


GUARDED: list[tuple[str, str, Corruption, str]] = [
    ("coupling", "acceptance", times(1.001), "speculative.1b"),
    ("coupling", "rejection", times(1.001), "speculative.1b"),
    ("coupling", "divergence", times(1.001), "speculative.1b"),
    ("coupling", "mismatch_norm", times(1.001), "speculative.2"),
    ("coupling", "log_ratio", times(1.001), "speculative.2"),
    ("coupling", "log_ratio", swapped(), "speculative.2"),
    ("coupling", "reflect", times(1.001), "speculative.2"),
    ("coupling", "reflect", lambda f: lambda noise, mismatch: noise, "speculative.1a"),
    ("coupling", "couple", never_refuse, "speculative.5b"),
    ("coupling", "couple", never_refuse, "speculative.3"),
    ("bounds", "acceptance_floor", times(1.001), "speculative.4"),
    ("bounds", "acceptance_ceiling", times(0.999), "speculative.4"),
    ("bounds", "expected_acceptance_floors", times(1.001), "speculative.4"),
    ("bounds", "independent_draft_floor", times(1.001), "speculative.S1"),
    ("bounds", "rounds_ceiling", lambda f: lambda n, window, r: n // window + r, "speculative.7b"),
    ("bounds", "window_progress", lambda f: lambda a, window: f(a, window + 1), "speculative.7a"),
    ("bounds", "expected_rounds", lambda f: lambda a, window: f(a, window + 1), "speculative.7b"),
    ("bounds", "pinsker", times(1.001), "speculative.M5"),
    ("accounting", "CallCount.open", lambda f: lambda s, k: f(s, k + 1), "speculative.3"),
    ("accounting", "CallCount.close", lambda f: lambda s, k, kept: f(s, k, torch.ones_like(kept)), "speculative.3"),
    ("gaussian", "Mixture.score", times(1.001), "speculative.3"),
    ("gaussian", "Mixture.at", given(1, lambda time: 1.01 * time), "speculative.3"),
    ("gaussian", "diffusion", more_drift, "speculative.3"),
    ("gaussian", "langevin", more_drift, "speculative.S2"),
    ("gaussian", "langevin", altered(sigma=lambda s: 1.01 * s), "speculative.S2"),
    ("sampling", "plain", times(1.001), "speculative.3"),
    ("sampling", "speculate", altered(rounds=lambda r: r + 1), "speculative.3"),
    ("sampling", "speculate", altered(terminal=lambda y: 1.001 * y), "speculative.3"),
    ("sampling", "speculate", altered(expected_rejections=lambda r: 1.001 * r), "speculative.6"),
    ("sampling", "speculate", altered(rejections=lambda r: r + 1), "speculative.6"),
    ("sampling", "speculate", altered(deltas=lambda d: 1.001 * d), "speculative.S1"),
    ("quadrature", "terminal_law", lambda f: lambda chain, at: f(chain, at + 0.2), "speculative.S2"),
    ("quadrature", "marginal", times(1.001), "speculative.5c"),
    ("quadrature", "windows", altered(density=lambda p: 1.001 * p), "speculative.5c"),
    ("quadrature", "windows", altered(rounds=lambda r: 1.1 * r), "speculative.5c"),
    ("quadrature", "windows", altered(rejections=lambda r: 1.3 * r), "speculative.5c"),
    ("masked", "sweep", rolled_law, "speculative.M1"),
    ("masked", "sweep", altered(rounds=lambda r: 1.001 * r), "speculative.M2"),
    ("masked", "sweep", altered(coins=lambda r: 1.001 * r), "speculative.M3"),
    ("masked", "sweep", altered(mismatches=lambda r: r + 0.001), "speculative.M3"),
    ("masked", "sweep", altered(coins=lambda r: 1.001 * r), "speculative.M5"),
    ("masked", "sequential_law", rolled_law, "speculative.M1"),
    ("masked", "confidence", lambda f: lambda log_p: -f(log_p), "speculative.M3"),
    ("masked", "fixed", lambda f: lambda order: f(list(reversed(order))), "speculative.M3"),
    ("masked", "speculate", altered(sequences=lambda x: x.flip(0, 1)), "speculative.M1s"),
    ("masked", "speculate", altered(rejections=lambda r: r + 1), "speculative.M1s"),
    ("masked", "speculate", altered(mismatches=lambda r: r + 1), "speculative.M1s"),
    ("masked", "speculate", altered(expected_rejections=lambda r: r + 0.1), "speculative.M1s"),
    ("masked", "speculate", altered(rounds=lambda r: r + 1), "speculative.M2"),
    ("statistics", "distance_to", lambda f: lambda sample, law: f(sample, law.flip(0)), "speculative.5b"),
]


@pytest.mark.parametrize(("module", "function", "corruption", "name"), GUARDED)
def test_a_corrupted_function_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: str, function: str, corruption: Corruption, name: str
) -> None:
    plant(monkeypatch, f"theory.speculation.{module}", function, corruption)
    assert outcome(BY_NAME[name]) != BY_NAME[name].expected


@pytest.mark.parametrize("name", sorted({name for *_, name in GUARDED}))
def test_the_fixtures_hold_without_corruption(name: str) -> None:
    assert outcome(BY_NAME[name]) == BY_NAME[name].expected


@pytest.mark.parametrize("samples", [458, 20_000])
def test_margins_invert_the_inequalities_that_they_come_from(samples: int) -> None:
    one, two = statistics.one_sample_margin(samples), statistics.two_sample_margin(samples)
    assert 2 * math.exp(-2 * samples * one**2) == pytest.approx(FALSE_ALARM_SHARE, rel=1e-9)
    assert 2 * math.exp(-samples * two**2) == pytest.approx(FALSE_ALARM_SHARE, rel=1e-9)
    values = torch.arange(samples, dtype=torch.float64) % 7
    mean = float(values.mean())
    variance = math.fsum((float(v) - mean) ** 2 for v in values) / (samples - 1)
    log = math.log(2 / (FALSE_ALARM_SHARE / 2))
    wanted = math.sqrt(2 * variance * log / samples) + 7 * 6 * log / (3 * (samples - 1))
    assert statistics.mean_margin(values, 6.0) == pytest.approx(wanted, rel=1e-12)


def test_enclosures_hold_what_they_enclose() -> None:
    draw = random.Random(0)
    for _ in range(200):
        low = 10 ** draw.uniform(-6, 0.9)
        high = low * (1 + 10 ** draw.uniform(-9, 0))
        w = draw.uniform(low, high)
        ball = arb(low).union(arb(high))
        series = [(-w) ** k / math.factorial(k + 1) for k in range(40)]
        floor, ceiling = math.fsum(series), math.fsum(-v / w for v in series[1:]) if w > 1 else math.nan
        exact = arb(w)
        assert floor_integrand(ball).overlaps((1 - (-exact).exp()) / exact)
        assert ceiling_integrand(ball).overlaps(((-exact).exp() - 1 + exact) / (exact * exact))
        if w < 4:
            assert float(floor_integrand(ball).lower()) <= floor * (1 + 1e-12)
            assert float(floor_integrand(ball).upper()) >= floor * (1 - 1e-12)
        if not math.isnan(ceiling):
            assert float(ceiling_integrand(ball).upper()) >= ceiling * (1 - 1e-9)
