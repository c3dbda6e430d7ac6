"""A measurement as somebody reads it: tables with intervals, and sentences that hold their numbers."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from synthetic.encoding import encode
from synthetic.intervals import Estimate
from synthetic.judging import counted
from synthetic.measuring import estimates, grids
from synthetic.measuring.runs import Run
from synthetic.measuring.scores import Plan
from theory.showing import shown

NOISE_SHARE = estimates.NOISE_SHARE
SAME = 1e-6
"""Nats below which log-likelihoods are the same: nine digits of each number are kept."""
TABLES = {
    "likelihood": estimates.likelihood, "cross_entropies": estimates.cross_entropies, "orders": estimates.orders,
    "schedules": grids.schedules, "entropy_bounds": estimates.entropy_bounds, "rules": estimates.rules,
    "equal_calls": estimates.equal_calls, "acceptance": estimates.acceptance,
}  # fmt: skip
"""The tables of a report, each made from the rows of `scores`."""


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """What was measured on a model. Log-likelihoods are in nats a sequence, intervals at 95 %.

    Each of the `tables` answers one question; `sentences` say in words what they hold.
    """

    name: str
    sequences: int
    plan: Plan
    run: Run

    @functools.cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return {name: make(self.run.rows) for name, make in TABLES.items()}

    @property
    def nelbo(self) -> Estimate:
        """Return the mean NELBO of a sequence, in nats."""
        return estimates.estimate(estimates.nelbo(self.run.rows))

    @property
    def spread(self) -> Estimate | None:
        """Return by how much the orders of a sequence differ in log-likelihood: 0 for the conditionals of one law."""
        return estimates.spread(self.run.rows)

    def grid(self, steps: int) -> list[float]:
        """Return the mask schedule of K steps computed from the model's cross-entropies, alpha_0 = 0 to alpha_K = 1."""
        return [float(alpha) for alpha in grids.computed_grid(self.run.rows, steps)]

    @functools.cached_property
    def sentences(self) -> list[str]:
        """Return what was found, one sentence a question."""
        makers = (_likelihood, _reveal, _orders, _spread, _schedules, _bounds, _rules, _drafts)
        return [sentence for make in makers for sentence in make(self)]

    @property
    def in_model(self) -> float:
        """Return the share of the seconds of this run that the model itself took."""
        return self.run.seconds_in_model / self.run.seconds if self.run.seconds > 0 else math.nan

    def record(self) -> dict[str, Any]:
        """Return everything as one JSON value: numbers as they were measured, tables and sentences."""
        tables = {name: _columns(table, name) for name, table in self.tables.items()}
        return {
            "model": self.name, "sequences": self.sequences, "outside": encode(self.run.outside, "outside"),
            "plan": encode(asdict(self.plan), "plan"),
            "states": self.run.states, "sentences": self.sentences, "tables": tables,
            "rows": _columns(self.run.rows, "rows"),
        }  # fmt: skip

    def json(self) -> str:
        """Return the record as text."""
        return json.dumps(self.record(), allow_nan=False) + "\n"

    def __repr__(self) -> str:
        return "\n".join((f"{self.name}, {self.sequences} sequences", *(f"- {said}" for said in self.sentences)))


def _columns(table: pd.DataFrame, where: str) -> dict[str, Any]:
    return {name: encode(table[name].tolist(), where) for name in table}


def _interval(low: float, high: float, digits: int = 3) -> str:
    """Return an interval in brackets; nothing where there is none, as for a single sequence."""
    return f" ({shown(low, digits)} to {shown(high, digits)})" if math.isfinite(low) and math.isfinite(high) else ""


def _nats(row: Any, name: str = "") -> str:
    """Return a mean in nats with its interval."""
    prefix = f"{name}_" if name else ""
    return f"{shown(row[name or 'mean'], 3)} nats{_interval(row[f'{prefix}low'], row[f'{prefix}high'])}"


def _compared(row: Any, name: str, against: str) -> str:
    """Return how far above or below something else a log-likelihood is, and whether that may be chance."""
    mean, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    side = "above" if mean >= 0 else "below"
    if mean < 0:
        mean, low, high = -mean, -high, -low
    chance = ", which may be chance" if math.isfinite(low) and low <= 0 else ""
    return f"{shown(mean, 3)} nats{_interval(low, high)} {side} {against}{chance}"


def _likelihood(report: Report) -> Iterator[str]:
    whole, token = (row for _, row in report.tables["likelihood"].iterrows())
    yield f"The NELBO is {_nats(whole)} a sequence, {_nats(token)} a token."
    needed, draws = whole["draws needed"], int(whole.draws)
    if math.isfinite(needed):
        advice = (
            "more sequences help more than more masks"
            if needed <= draws
            else f"{int(needed)} masks would bring it to {NOISE_SHARE:.0%}"
        )
        yield (
            f"With {draws} masks a sequence their noise has {needed / draws * NOISE_SHARE:.0%} of the variance between "
            f"sequences: {advice}."
        )
    if report.sequences < estimates.FEW:
        yield f"Of fewer than {estimates.FEW} sequences there are no intervals."
    if report.run.outside > 0:
        yield (
            f"The model gives {report.run.outside:.2g} of the probability at masked places to tokens that are not "
            "allowed; it is left out and the rest renormalised."
        )


def _reveal(report: Report) -> Iterator[str]:
    table = report.tables["cross_entropies"].sort_values("revealed")
    first, last = table.iloc[0], table.iloc[-1]
    if last.revealed > 0:
        yield (
            f"A masked token costs {_nats(first)} when nothing is revealed, and {_nats(last)} when "
            f"{last.revealed:.0%} of the tokens are."
        )


def _orders(report: Report) -> Iterator[str]:
    table = report.tables["orders"]
    if len(table):
        scored = int(table.sequences.iloc[0])
        few = f"; of fewer than {estimates.FEW} there are no intervals" if scored < estimates.FEW else ""
        yield f"Orders and rules are scored on the first {counted(scored, 'sequence')}{few}."
    for _, row in table.iterrows():
        if row.order == "random" or not math.isfinite(row.gain):
            continue
        name = row.order if row.order == "left to right" else f"by {row.order}"
        if abs(row.gain) < SAME and row.gain_high - row.gain_low < SAME:
            yield f"One token a step {name} has the same log-likelihood as a random order."
        else:
            yield f"One token a step {name} has a log-likelihood {_compared(row, 'gain', 'that of a random order')}."


def _spread(report: Report) -> Iterator[str]:
    each = report.spread
    if each is None:
        return
    if float(each.mean) < SAME:
        yield "All orders of a sequence have the same log-likelihood, as those of one law do."
        return
    few = int(report.tables["orders"].sequences.iloc[0]) < estimates.FEW
    low, high = (-math.inf, math.inf) if few else (max(0.0, float(each.low)), float(each.high))
    row = {"mean": float(each.mean), "low": low, "high": high}
    yield (
        f"The best and the worst order of a sequence differ by {_nats(row)}; the conditionals of one law agree in "
        "all orders, so the model is at least this inconsistent."
    )


def _schedules(report: Report) -> Iterator[str]:
    table = report.tables["schedules"]
    if not len(table):
        least = int(report.run.rows.free.min())
        yield f"No schedules were compared: that takes two sequences or more, of more than {least} free tokens."
    for steps, rows in table.groupby("steps"):
        by_name = rows.set_index("schedule")
        others = [f"{name} {_nats(by_name.loc[name], 'excess')}" for name in by_name.index if name != "computed"]
        yield (
            f"In {steps} steps the schedule computed from this model costs {_nats(by_name.loc['computed'])} more than "
            f"one token at a time; what others cost above it (negative: they are better): {', '.join(others)}."
        )


def _bounds(report: Report) -> Iterator[str]:
    for _, row in report.tables["entropy_bounds"].iterrows():
        saved = f"{row.saved:.0%} of the calls"
        if math.isfinite(row.saved_low):
            saved += f" ({row.saved_low:.0%} to {row.saved_high:.0%})"
        broken = (
            ", which it exceeds: the sequences are not drawn from a law with these conditionals"
            if row.slack_high < 0
            else ""
        )
        yield (
            f"EB, the entropy-bounded rule, with budget {row.budget:g} saves {saved} and costs {_nats(row, 'cost')}; "
            f"its entropy bound is {_nats(row, 'bound')}{broken}."
        )


def _rules(report: Report) -> Iterator[str]:
    for share, rows in report.tables["equal_calls"].groupby("share", sort=False):
        best = rows.loc[rows.log_likelihood.idxmax()]
        said = f"At {share:g} calls a token {best.family} has the highest log-likelihood"
        if best.rival and abs(best.above) < SAME:
            said = f"At {share:g} calls a token all rules that make so few have about the same log-likelihood"
        elif best.rival:
            said += f", {_compared(best, 'above', best.rival)}"
        yield f"{said}; it costs {_nats(best, 'loss')} against one token a step."


def _drafts(report: Report) -> Iterator[str]:
    table = report.tables["acceptance"]
    if len(table) > 1:
        second, last = table.iloc[1], table.iloc[-1]
        expected = float(table["mean"].cumprod().sum())
        yield (
            f"Of {len(table)} tokens drafted together from left to right, the second is kept with probability "
            f"{shown(second['mean'], 3)}{_interval(second.low, second.high)} where the first was, the last with "
            f"{shown(last['mean'], 3)}{_interval(last.low, last.high)} where all before it were: about "
            f"{shown(expected, 3)} are kept in a row."
        )
