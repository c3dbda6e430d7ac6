"""The words of `early_stops` and what stopping does to them, by hand and letter by letter."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from synthetic.experiments import early_stops
from synthetic.progress import Silent


def literal_words(n: int, ends: Fraction, kept: Fraction) -> dict[tuple[int, ...], Fraction]:
    law: dict[tuple[int, ...], Fraction] = {}
    for x in itertools.product(range(3), repeat=n):
        p = Fraction(0) if x[0] == 0 else Fraction(1, 2)
        for last, now in itertools.pairwise(x):
            if last == 0:
                p *= Fraction(int(now == 0))
            elif now == 0:
                p *= ends
            else:
                p *= (1 - ends) * (kept if now == last else 1 - kept)
        law[x] = p
    return law


def test_the_law_of_words_is_that_of_their_letters() -> None:
    law = literal_words(4, Fraction(1, 4), Fraction(17, 20))
    assert sum(law.values()) == 1
    world = early_stops.words(4, 0.25, 0.85)
    assert world.law().tolist() == pytest.approx([float(p) for p in law.values()], abs=1e-12)
    length = sum(p * min(4, sum(token != 0 for token in x) + 1) for x, p in law.items())
    assert early_stops.mean_length(world) == pytest.approx(float(length), abs=1e-12)


def test_at_budget_zero_nothing_is_lost_and_blocks_in_order_stop_at_the_mark() -> None:
    """At budget 0 only certain tokens come along, so whole and blocks are exact, and stopping saves calls."""
    table, _ = early_stops.run(early_stops.PRESETS["smoke"], Silent())
    none = table[table["budget"] == 0].set_index(["world", "mode"])
    assert none["kl"].max() < 1e-9
    for world in early_stops.KEPT:
        assert none.loc[(world, "whole, stopped"), "calls"] <= none.loc[(world, "whole"), "calls"]
        assert none.loc[(world, "blocks, stopped"), "calls"] < none.loc[(world, "blocks"), "calls"]


def test_stopping_does_not_raise_the_divergence_from_padded_words() -> None:
    table, _ = early_stops.run(early_stops.PRESETS["smoke"], Silent())
    wide = table.pivot(index=["world", "budget"], columns="mode", values="kl")
    for mode in ("whole", "blocks"):
        assert (wide[f"{mode}, stopped"] <= wide[mode] + 1e-9).all()
