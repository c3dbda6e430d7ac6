"""Faults planted into the crossbar engines: a claim's fixtures notice each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.planting import Corruption, after, altered, given, outcome, plant, times
from theory.crossbar.claims import CLAIMS
from theory.crossbar.mapping import Mapping

BY_ID = {claim.id: claim for claim in CLAIMS}


def turned(order: Any) -> Any:
    """Return an order backwards."""
    return order[..., ::-1].copy()


def bits_backwards(pattern: Any) -> Any:
    """Return a pattern with its columns in the other order."""
    return pattern[..., ::-1].copy()


FAULTS: dict[str, tuple[str, str, Corruption, str]] = {
    "drops are one percent larger": ("elimination", "drops_per_ohm", times(1.01), "crossbar.1"),
    "drops, seen by Kirchhoff": ("elimination", "drops_per_ohm", times(1.01), "crossbar.2circuit"),
    "row drops alone, seen by conservation": ("elimination", "drops_per_ohm", times(1.01, 0), "crossbar.2"),
    "unit currents": ("elimination", "unit_currents", times(1.01), "crossbar.2circuit"),
    "inverse chains": ("elimination", "_inverse_chains", times(1.01), "crossbar.2"),
    "inverse blocks": ("elimination", "_inverse", times(1.01), "crossbar.2circuit"),
    "the linear map": ("mesh", "transfer", times(1.01), "crossbar.8"),
    "losses of columns in another order": ("mesh", "solve", altered(losses=turned), "crossbar.3"),
    "losses squared": ("mesh", "solve", altered(losses=lambda x: x * np.abs(x)), "crossbar.2linear"),
    "first-order drops": ("first_order", "drops", times(0.99), "crossbar.3"),
    "first-order losses": ("first_order", "losses", times(0.99), "crossbar.3"),
    "first-order losses at unequal drives": ("first_order", "losses", times(0.99), "crossbar.3upper"),
    "first-order losses in the residual": ("first_order", "losses", times(0.99), "crossbar.2order"),
    "two-sided bounds": ("first_order", "nf_bounds", altered(upper=lambda x: np.asarray(0.99 * x)), "crossbar.3two"),
    "lower bounds": ("first_order", "nf_bounds", altered(lower=lambda x: np.asarray(1.01 * x)), "crossbar.3two"),
    "losses that are not concave": ("mesh", "solve", altered(losses=lambda x: x**2), "crossbar.3concave"),
    "tail counts": ("first_order", "tail_squares", times(2), "crossbar.4"),
    "tail counts in the mean": ("first_order", "tail_squares", times(2), "crossbar.4count"),
    "first-order factor": ("first_order", "nf", times(1.01), "crossbar.4"),
    "summed distance": ("first_order", "summed_distance", times(2), "crossbar.4"),
    "summed distance in the correlation": (
        "first_order", "summed_distance", after(lambda x: x + np.arange(x.size).reshape(x.shape) % 3),
        "crossbar.5correlation",
    ),
    "mean factor": ("first_order", "mean_nf", times(2), "crossbar.4count"),
    "share of a count": ("first_order", "pair_share_of_count", times(2), "crossbar.4count"),
    "share of a density": ("first_order", "pair_share_of_density", times(2), "crossbar.4density"),
    "rows sorted the other way": ("mapping", "by_count", after(turned), "crossbar.6"),
    "all orders": ("mapping", "best_rows", times(2, 1), "crossbar.6"),
    "nothing is reversed": (
        "mapping", "choose", after(lambda placed: Mapping(placed.rows, np.sort(placed.columns))), "crossbar.7",
    ),
    "inputs stay": ("mapping", "Mapping.apply_to_inputs", lambda _: lambda self, voltages: voltages, "crossbar.8"),
    "outputs stay": ("mapping", "Mapping.restore", lambda _: lambda self, columns: columns, "crossbar.8"),
    "nothing is moved back": ("mapping", "Mapping.inverse", lambda _: property(lambda self: self), "crossbar.8"),
    "digits": ("slicing", "binary_digits", after(bits_backwards), "crossbar.8"),
    "chances of digits": ("slicing", "digit_probabilities", after(lambda x: x[::-1]), "crossbar.7digits"),
    "significance": ("slicing", "Layout.recombine", times(1.01), "crossbar.8"),
    "scale of weights": ("slicing", "normalised", times(1.01, 1), "crossbar.8weights"),
    "effective weights": ("tiles", "realise", altered(weights=lambda x: np.asarray(1.01 * x)), "crossbar.8weights"),
    "tiles out of place": ("tiles", "_cut", after(lambda x: x[..., ::-1, :].copy()), "crossbar.8weights"),
    "tiles put together": ("tiles", "_joined", times(1.01), "crossbar.8weights"),
    "errors of tiles": ("tiles", "tile_errors", altered(nf=np.square), "crossbar.9"),
    "every tile the same move": ("tiles", "tile_errors", given(2, lambda move: "none"), "crossbar.9"),
    "weighted errors": ("tiles", "tile_errors", given(2, lambda move: "none"), "crossbar.10"),
    "squared weighted errors": ("tiles", "tile_errors", altered(weighted=np.square), "crossbar.10"),
    "other weights": ("draws", "magnitudes", after(lambda x: x**4), "crossbar.9"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_claim_notices(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim does not hold any more under the fault: it is refuted, or the engine itself refuses."""
    module, name, corruption, identifier = FAULTS[fault]
    plant(monkeypatch, f"theory.crossbar.{module}", name, corruption)
    assert outcome(BY_ID[identifier]) in ("refuted", "raised")


@pytest.mark.parametrize("identifier", BY_ID)
def test_claims_have_the_expected_verdicts_without_faults(identifier: str) -> None:
    assert outcome(BY_ID[identifier]) == BY_ID[identifier].expected
