"""The claims on temperature and on crossbars: planted tables move each of them to the verdict that they should."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from synthetic.claims.base import judge
from synthetic.claims.temperature import CLAIMS as TEMPERATURE
from synthetic.claims.wires import CLAIMS as WIRES
from synthetic.experiments import denoiser_on_wires, noise_temperature, small_networks, sphere_chains
from synthetic.records import Record

BY_ID = {claim.id: claim for claim in (*TEMPERATURE, *WIRES)}
SEEDS = range(8)


def record(rows: list[dict[str, object]], columns: tuple[str, ...]) -> Record:
    """Return rows as a record, whatever its experiment."""
    return Record("planted", {}, None, pd.DataFrame(rows, columns=list(columns)), {}, {}, {}, {}, 0.0, "")


def wobble(seed: int) -> float:
    """Return a small factor that differs between seeds."""
    return 1 + 0.004 * (seed % 5 - 2)


def spheres(slope: float = 1.0, factor: float = 1.0, width: float = 0.4) -> Record:
    """Return temperatures factor eta^slope, with the bias of a grid of ratio two; a negative width leaves none."""
    bias = (np.sqrt(2) - 1 / np.sqrt(2)) / np.log(2)
    rows = []
    for seed in SEEDS:
        for k, rate in enumerate((0.005, 0.01, 0.02, 0.04, 0.08)):
            theory = 0.01 * rate
            level, inner = factor * bias * theory * (rate / 0.02) ** (slope - 1) * wobble(seed), 0 < k < 4
            low, high = level * (1 - width), level * (1 + width * wobble(seed))
            rows.append({
                "seed": seed, "rate": rate, "loss": 0.0, "entropy": float(k), "low": low if inner else -np.inf,
                "high": high if inner else np.inf, "temperature": level if inner else np.nan, "theory": theory,
            })  # fmt: skip
    return record(rows, sphere_chains.COLUMNS)


def networks(
    jump: float = 1000.0, power: float = 2.0, late: float = 1.0, fall: float = 0.5, dip: float = 0.0
) -> Record:
    """Return U proportional to eta² for narrow networks, less a dip at first, and a jump for wide ones."""
    rows: list[dict[str, object]] = []
    for seed in SEEDS:
        for k, rate in enumerate(small_networks.RATES):
            w = wobble(seed)
            under = {"loss": 1 + (rate / 0.3) ** 2 * w + dip * (k == 0), "entropy": 100 * np.log(rate) * w}
            base = 1e-3 * (0.003 / rate) ** 0.5
            over = {"loss": base * w * (jump if rate >= 0.1 else 1), "entropy": 100 * np.log(rate) * w}
            for kind, values in (("under", under), ("over", over)):
                rows.append({"part": "end", "kind": kind, "rate": rate, "chain": seed, "step": 4, **values})
                for step in (1, 2, 4, 8, 16):
                    snr = 0.3 * (late if step == 16 else 1) if kind == "under" else fall ** np.log2(step)
                    rows.append(
                        {"part": "course", "kind": kind, "rate": rate, "chain": seed, "step": step, "snr": snr * w}
                    )
    return record(rows, small_networks.COLUMNS)


def noises(noise: float = 4.0, excess: float = 4.0, temperature: float = 4.0, power: float = 1.0) -> Record:
    """Return quantities that 1/t has larger than counts by the given factors; T grows with eta^power."""
    rows = []
    for seed in SEEDS:
        for space in ("free", "sphere"):
            for method, share in (("by count, strata", 0), ("1/t", 1)):
                loss, level = 1.0 + 0.1 * excess**share * wobble(seed), 0.0
                for k, rate in enumerate((1.0, 2.0, 4.0, 8.0)):
                    level = temperature**share * rate**power * wobble(seed)
                    loss += level * (k > 0)
                    rows.append({
                        "seed": seed, "space": space, "method": method, "rate": rate, "loss": loss, "entropy": float(k),
                        "excess": excess**share * rate * wobble(seed + share), "noise": noise**share * wobble(seed),
                        "low": level * 0.9, "high": level * 1.1,
                    })  # fmt: skip
    return record(rows, noise_temperature.COLUMNS)


def wires(**changes: float) -> Record:
    """Return measures that both moves halve, unless changed."""
    rows = []
    for seed in SEEDS:
        for move in ("ideal", "none", "both"):
            row = {"task": "small/x", "seed": seed, "tile": "64x64", "move": move, "ohms": 5.0 * (move != "ideal")}
            for measure in ("nf", "weighted", "nelbo", "kl"):
                row[measure] = (changes.get(measure, 0.5) if move == "both" else 1.0) * wobble(seed)
            rows.append(row)
    return record(rows, denoiser_on_wires.COLUMNS)


def mappings(**changes: float) -> Record:
    """Return ratios of nine tenths, unless changed."""
    rows = [
        {"layout": "grouped", "law": "normal", "seed": seed, "move": "both",
         **{name: changes.get(name, 0.9) * wobble(seed) for name in ("nf", "weighted")}}
        for seed in SEEDS
    ]  # fmt: skip
    return record(rows, ("layout", "law", "seed", "move", "nf", "weighted"))


CASES = [
    ("sgd.10.trained", spheres, {}, "supported"),
    ("sgd.10.trained", spheres, {"width": -0.1}, "refuted"),
    ("sgd.10theory.trained", spheres, {}, "supported"),
    ("sgd.10theory.trained", spheres, {"factor": 1.08}, "refuted"),
    ("sgd.10theory.trained", spheres, {"factor": 0.92}, "refuted"),
    ("sgd.10slope.trained", spheres, {}, "supported"),
    ("sgd.10slope.trained", spheres, {"slope": 0.85}, "refuted"),
    ("sgd.H1rise.trained", networks, {}, "supported"),
    ("sgd.H1rise.trained", networks, {"dip": 0.5}, "refuted"),
    ("sgd.H1.trained", networks, {}, "supported"),
    ("sgd.H1.trained", networks, {"dip": -0.5}, "refuted"),
    ("sgd.H2.trained", networks, {}, "supported"),
    ("sgd.H2.trained", networks, {"jump": 50.0}, "refuted"),
    ("sgd.H3under.trained", networks, {}, "supported"),
    ("sgd.H3under.trained", networks, {"late": 0.6}, "refuted"),
    ("sgd.H3over.trained", networks, {}, "supported"),
    ("sgd.H3over.trained", networks, {"fall": 1.1}, "refuted"),
    ("sgd.noise.trained", noises, {}, "supported"),
    ("sgd.noise.trained", noises, {"noise": 0.9}, "refuted"),
    ("sgd.colder.trained", noises, {"temperature": 0.9}, "refuted"),
    ("sgd.colder.trained", noises, {}, "supported"),
    ("sgd.excess.trained", noises, {"excess": 0.9, "temperature": 0.9}, "refuted"),
    ("sgd.excess.trained", noises, {}, "supported"),
    ("sgd.proportion.trained", noises, {}, "supported"),
    ("sgd.proportion.trained", noises, {"excess": 3.0}, "refuted"),
    ("sgd.proportion.trained", noises, {"excess": 5.0}, "refuted"),
    ("sgd.proportion.trained", noises, {"temperature": 3.0}, "refuted"),
    ("sgd.warmer.trained", noises, {}, "supported"),
    ("sgd.warmer.trained", noises, {"power": -1.0}, "refuted"),
    ("crossbar.9.random", mappings, {}, "supported"),
    ("crossbar.9.random", mappings, {"nf": 1.02}, "refuted"),
    ("crossbar.10.random", mappings, {}, "supported"),
    ("crossbar.10.random", mappings, {"weighted": 1.02}, "refuted"),
    ("crossbar.9.trained", wires, {}, "supported"),
    ("crossbar.9.trained", wires, {"nf": 1.02}, "refuted"),
    ("crossbar.10.trained", wires, {}, "supported"),
    ("crossbar.10.trained", wires, {"weighted": 1.02}, "refuted"),
    ("crossbar.nelbo.trained", wires, {}, "supported"),
    ("crossbar.nelbo.trained", wires, {"nelbo": 1.02}, "refuted"),
    ("crossbar.samples.trained", wires, {}, "supported"),
    ("crossbar.samples.trained", wires, {"kl": 1.02}, "refuted"),
]


@pytest.mark.parametrize(("claim", "planted", "changes", "verdict"), CASES)
def test_planted_tables(claim: str, planted: Callable[..., Record], changes: dict[str, float], verdict: str) -> None:
    one = BY_ID[claim]
    assert judge(one, dict.fromkeys(one.experiments, planted(**changes))).verdict == verdict


def test_every_claim_has_a_table_that_supports_it_and_one_that_refutes_it() -> None:
    for claim in BY_ID:
        assert {verdict for name, *_, verdict in CASES if name == claim} == {"supported", "refuted"}
