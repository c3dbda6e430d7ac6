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
from synthetic.measuring import estimates, grids
from synthetic.measuring.runs import Run
from synthetic.measuring.scores import Plan
from theory.showing import shown

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
            "model": self.name, "sequences": self.sequences, "plan": encode(asdict(self.plan), "plan"),
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


def _likelihood(report: Report) -> Iterator[str]:
    whole, token = (row for _, row in report.tables["likelihood"].iterrows())
    said = f"The NELBO is {_nats(whole)} a sequence, {_nats(token)} a token"
    needed = whole["draws needed"]
    if math.isfinite(needed):
        enough = "were enough" if needed <= whole.draws else "were too few"
        said += (
            f"; {int(whole.draws)} masks a sequence {enough}: with {int(needed)} their noise is a tenth of the "
            "variance between sequences"
        )
    yield f"{said}."


def _reveal(report: Report) -> Iterator[str]:
    table = report.tables["cross_entropies"].sort_values("revealed")
    first, last = table.iloc[0], table.iloc[-1]
    yield (
        f"A masked token costs {_nats(first)} when nothing is revealed, and {_nats(last)} when "
        f"{last.revealed:.0%} of the tokens are."
    )


def _orders(report: Report) -> Iterator[str]:
    for _, row in report.tables["orders"].iterrows():
        if row.order == "random" or not math.isfinite(row.gain):
            continue
        name = row.order if row.order == "left to right" else f"by {row.order}"
        if row.gain_low == row.gain_high:
            yield f"One token a step {name} has the same log-likelihood as a random order."
            continue
        sure = "" if row.gain_low > 0 or row.gain_high < 0 else ", which may be chance"
        more = "above" if row.gain >= 0 else "below"
        low, high = (row.gain_low, row.gain_high) if row.gain >= 0 else (-row.gain_high, -row.gain_low)
        size = f"{shown(abs(row.gain), 3)} nats{_interval(low, high)}"
        yield f"One token a step {name} has a log-likelihood {size} {more} that of a random order{sure}."


def _spread(report: Report) -> Iterator[str]:
    each = report.spread
    if each is not None:
        row = {"mean": float(each.mean), "low": float(each.low), "high": float(each.high)}
        if row["low"] == row["high"] == 0:
            yield "All orders of a sequence have the same log-likelihood, as those of one law do."
            return
        yield (
            f"The best and the worst order of a sequence differ by {_nats(row)}; the conditionals of one law agree in "
            "all orders, so the model is at least this inconsistent."
        )


def _schedules(report: Report) -> Iterator[str]:
    for steps, rows in report.tables["schedules"].groupby("steps"):
        by_name = rows.set_index("schedule")
        others = [f"{name} {_nats(by_name.loc[name], 'excess')}" for name in by_name.index if name != "computed"]
        yield (
            f"In {steps} steps the schedule computed from this model costs {_nats(by_name.loc['computed'])} above one "
            f"token at a time; above the computed one: {', '.join(others)}."
        )


def _bounds(report: Report) -> Iterator[str]:
    for _, row in report.tables["entropy_bounds"].iterrows():
        saved = f"{row.saved:.0%} of the calls"
        if math.isfinite(row.saved_low):
            saved += f" ({row.saved_low:.0%} to {row.saved_high:.0%})"
        broken = (
            ", which it exceeds: the sequences are not drawn from the model's own law" if row.slack_high < 0 else ""
        )
        yield (
            f"EB with budget {row.budget:g} saves {saved} and costs {_nats(row, 'cost')}; its entropy bound is "
            f"{_nats(row, 'bound')}{broken}."
        )


def _rules(report: Report) -> Iterator[str]:
    for calls, rows in report.tables["equal_calls"].groupby("calls", sort=False):
        best = rows.loc[rows.log_likelihood.idxmax()]
        size = f"{shown(best.above, 3)} nats{_interval(best.low, best.high)}"
        sure = "" if best.low > 0 else ", which may be chance"
        yield f"At {calls:.3g} calls {best.family} has the highest log-likelihood, {size} above {best.rival}{sure}."


def _drafts(report: Report) -> Iterator[str]:
    table = report.tables["acceptance"]
    if len(table) > 1:
        second, last = table.iloc[1], table.iloc[-1]
        yield (
            f"Of tokens drafted together from left to right the second is kept with probability "
            f"{shown(second['mean'], 3)}{_interval(second.low, second.high)}, number {last.place:.0f} with "
            f"{shown(last['mean'], 3)}{_interval(last.low, last.high)}."
        )
