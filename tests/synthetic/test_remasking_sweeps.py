"""Sweeps of ReMDM's eta: by literal enumeration of every draft, and the limits that all strategies share."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import pandas as pd
import pytest

from synthetic.experiments import remasking_sweeps
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking

MOVES = {True: Fraction(17, 20), False: Fraction(3, 20)}
START = (Fraction(7, 10), Fraction(3, 10))
CUT = Fraction(9, 10)


@functools.cache
def smoke() -> tuple[pd.DataFrame, dict[str, float]]:
    return remasking_sweeps.run(remasking_sweeps.PRESETS["smoke"], Silent())


@functools.cache
def data() -> reference.Law:
    return {
        x: START[x[0]] * math.prod(MOVES[a == b] for a, b in itertools.pairwise(x)) for x in reference.sequences(4, 2)
    }


def fill(denoiser: str, share: Fraction = CUT) -> reference_remasking.Fill:
    """Return the fill by exact conditionals, or by those whose likelier token stands alone from a share on."""
    exact = reference.conditionals_of(data(), 2)

    @functools.cache
    def cut(z: reference.State, i: int, v: int) -> float:
        p = exact(z, i, v)
        if denoiser == "exact" or max(p, 1 - p) < share:
            return float(p)
        return float(p >= share)

    return reference_remasking.independent(cut, 2)


def literal(denoiser: str, strategy: str, steps: int, eta: float, share: Fraction = CUT) -> dict[str, float]:
    """Return the measures of the output law, from steps written out with the constants that the paper prints."""
    triples = []
    for begin, end in itertools.pairwise([k / steps for k in range(steps + 1)]):
        now, after, inside = begin, end, True
        if strategy == "loop":
            inside = begin >= 0.45 and end <= 0.95
            now, after = (2 * u if u < 0.45 else 0.9 if u <= 0.95 else 1 - 2 * (1 - u) for u in (begin, end))
        most = min(1.0, (1 - after) / now) if now else 1.0
        sigma = eta * most if strategy == "rescale" else min(eta, most)
        triples.append((now, after, sigma if inside else 0.0))
    output = reference_remasking.output_law(fill(denoiser, share), triples, 4, 2)
    q = {x: float(p) for x, p in data().items()}
    p = {x: float(output.get(x, 0)) for x in q}
    return {
        "nll": -math.fsum(p[x] * math.log(q[x]) for x in q),
        "entropy": -math.fsum(v * math.log(v) for v in p.values() if v),
        "kl": math.fsum(q[x] * math.log(q[x] / p[x]) for x in q),
        "tv": math.fsum(abs(q[x] - p[x]) for x in q) / 2,
    }


def row(denoiser: str, strategy: str, steps: int, eta: float) -> dict[str, float]:
    table = smoke()[0]
    wanted = {"denoiser": denoiser, "strategy": strategy, "steps": steps, "eta": eta}
    (found,) = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)].to_dict("records")
    return {what: found[what] for what in ("nll", "entropy", "kl", "tv")}


@pytest.mark.parametrize(
    ("denoiser", "strategy", "steps", "eta"),
    [
        ("nucleus", "cap", 3, 0.2),
        ("nucleus", "rescale", 4, 0.2),
        ("nucleus", "loop", 4, 0.05),
        ("exact", "loop", 16, 1.0),
    ],
)
def test_sweeps_by_hand(denoiser: str, strategy: str, steps: int, eta: float) -> None:
    assert row(denoiser, strategy, steps, eta) == pytest.approx(literal(denoiser, strategy, steps, eta), abs=1e-11)


def test_a_wider_nucleus_or_one_percent_more_eta_is_noticed() -> None:
    found = row("nucleus", "cap", 4, 0.2)
    assert abs(found["kl"] - literal("nucleus", "cap", 4, 0.202)["kl"]) > 1e-6
    assert abs(found["kl"] - literal("nucleus", "cap", 4, 0.2, Fraction(99, 100))["kl"]) > 1e-3


def test_cap_and_rescale_agree_where_eta_is_nothing_or_everything() -> None:
    table, scalars = smoke()
    measures = ["nll", "entropy", "kl", "tv"]
    for eta in (0.0, 1.0):
        ends = table[table["eta"] == eta]
        cap, rescale = (
            ends[ends["strategy"] == strategy].set_index(["denoiser", "steps"])[measures]
            for strategy in ("cap", "rescale")
        )
        pd.testing.assert_frame_equal(cap, rescale, atol=1e-12)
    entropy = -math.fsum(float(p) * math.log(p) for p in data().values())
    assert scalars["entropy"] == pytest.approx(entropy, rel=1e-12)


def test_perplexity_improves_while_the_law_gets_worse_in_long_runs_with_a_nucleus() -> None:
    for eta in (0.05, 0.2):
        before, after = row("nucleus", "loop", 16, 0.0), row("nucleus", "loop", 16, eta)
        assert after["nll"] < before["nll"]
        assert after["entropy"] < before["entropy"]
        assert after["kl"] > before["kl"]


def test_a_loop_of_three_steps_has_no_step_on_its_plateau() -> None:
    assert not remasking_sweeps.has_plateau(3)
    assert remasking_sweeps.has_plateau(4)
    table = smoke()[0]
    assert set(table.loc[table["strategy"] == "loop", "steps"]) == {4, 16}
