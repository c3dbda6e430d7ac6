"""G-Star with trained error predictors (arXiv 2510.08369): what they see, and whether refinement by them pays.

Errors are total variation from the data where output laws are exact, else the share of failures. Few and many
evaluations are the least and the greatest budget that all tasks have; masked diffusion has exactly the evaluations
of what it is compared with, by interpolation between two numbers of steps. Windows are chosen on the other seeds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import nested
from synthetic.itemised import bracket, unpack
from theory.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

PAPER = "Meshchaninov, Shibaev, Makoian, Klimov, Balagansky, Gavrilov, Alanov, Vetrov, G-Star (arXiv 2510.08369)"
METHODS = ("Star+", "G-Star+")
CLOSE = 0.02
"""The margin within which a smaller predictor's AUC is that of the full one, and g that of the optimum."""


def values(table: pd.DataFrame, **chosen: object) -> Float[ndarray, "seeds items"]:
    """Return the values of one condition. Raises InvalidInput unless every seed has one row, of the same length."""
    rows = table
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    found = [unpack(text) for text in rows.sort_values("seed")["values"]]
    if not found or rows["seed"].duplicated().any() or len({len(each) for each in found}) > 1:
        raise InvalidInput(f"{len(rows)} rows with {chosen}; expected one for each seed, all with the same items")
    return np.stack(found)


def errors(table: pd.DataFrame, **chosen: object) -> Float[ndarray, "seeds items"]:
    """Return the error of one condition: tv, or 1 - success where the task is sampled."""
    if (table["measure"] == "tv").any():
        return values(table, measure="tv", **chosen)
    return 1 - values(table, measure="success", **chosen)


def matched(table: pd.DataFrame, rows: pd.DataFrame) -> Float[ndarray, "seeds items"]:
    """Return the errors of masked diffusion at the evaluations of one condition's rows.

    Between two numbers of steps the error is interpolated linearly: that of choosing between them by a coin for
    every sequence, or for tv a bound on it.
    """
    plain = table[(table["part"] == "MDLM") & (table["method"] == "MDLM")]
    lengths = plain.drop_duplicates("steps").sort_values("steps")
    low, high, share = bracket(lengths["evaluations"].to_numpy(), float(rows["evaluations"].iloc[0]))
    fewer, more = (errors(plain, steps=lengths["steps"].iloc[k]) for k in (low, high))
    return (1 - share) * fewer + share * more


def tasks(records: Records) -> list[tuple[str, pd.DataFrame]]:
    """Return the table of each task."""
    return list(records["gstar"].table.groupby("task", sort=False))


def common_budgets(records: Records) -> list[int]:
    """Return the budgets that all tasks have, ascending."""
    held = [set(table.loc[table["part"] == "budget", "budget"]) - {0} for _, table in tasks(records)]
    return sorted(set.intersection(*held))


def near_the_optimum(records: Records) -> tuple[Finding, ...]:
    """Judge the fully trained predictor's mean distance from g*."""
    return tuple(
        Finding(f"{task}: E |g - g*|", nested(values(table, part="predictor", method="full")), CLOSE, "below")
        for task, table in tasks(records)
        if (table["part"] == "predictor").any()
    )


def shift(records: Records) -> tuple[Finding, ...]:
    """Judge the drop of the AUC from one-step drafts to the sampler's own."""
    found = []
    for task, table in tasks(records):
        one, several = (values(table, part="drafts", method="full", measure=m) for m in ("one-step", "iterated"))
        found.append(Finding(f"{task}: AUC on one-step - on iterated drafts", nested(one - several)))
    return tuple(found)


def small_predictors(records: Records) -> tuple[Finding, ...]:
    """Judge what training the head or one block alone loses in AUC."""
    found = []
    for task, table in tasks(records):
        full, *less = (
            values(table, part="drafts", method=part, measure="one-step") for part in ("full", "head", "block")
        )
        for part, smaller in zip(("head", "block"), less, strict=True):
            found.append(Finding(f"{task}: AUC of full - of {part}", nested(full - smaller), CLOSE, "below"))
    return tuple(found)


def equal_evaluations(records: Records, place: int) -> tuple[Finding, ...]:
    """Judge both variants against masked diffusion at the first or last common budget."""
    budget, found = common_budgets(records)[place], []
    for task, table in tasks(records):
        for method in METHODS:
            rows = table[(table["part"] == "budget") & (table["budget"] == budget) & (table["method"] == method)]
            gain = nested(matched(table, rows) - errors(rows))
            found.append(Finding(f"{task}, {budget} evaluations: error of MDLM - of {method}", gain))
    return tuple(found)


def idle_steps_free(records: Records) -> tuple[Finding, ...]:
    """Judge both variants against one token at a time, whose n evaluations are within the last common budget."""
    budget, found = common_budgets(records)[-1], []
    for task, table in tasks(records):
        rows = table[table["part"] == "budget"]
        single = table[table["method"] == "one by one"]
        if single["evaluations"].max() > budget:
            continue
        for method in METHODS:
            gain = nested(errors(single) - errors(rows[rows["budget"] == budget], method=method))
            found.append(Finding(f"{task}, {budget} evaluations: error one by one - of {method}", gain))
    return tuple(found)


def interior_window(records: Records, method: str) -> tuple[Finding, ...]:
    """Judge the best interior window, chosen for each seed on the others, against both ends of the sweep.

    Errors are those above masked diffusion at the same evaluations: budgets are met up to a step only.
    """
    found = []
    for task, table in tasks(records):
        rows = table[(table["part"] == "window") & (table["method"] == method)]
        on = sorted(rows["t_on"].unique())
        here = [rows[rows["t_on"] == each] for each in on]
        swept = np.stack([errors(each) - matched(table, each) for each in here])
        best = left_out(swept[1:-1])
        for end, label in ((0, on[0]), (-1, on[-1])):
            gain = nested(swept[end] - best)
            found.append(Finding(f"{task}, {method}: error at t_on = {label:g} - at the best interior one", gain))
    return tuple(found)


def left_out(swept: Float[ndarray, "windows seeds items"]) -> Float[ndarray, "seeds items"]:
    """Return each seed's errors at the window that is best on the mean of the other seeds."""
    windows, seeds, _ = swept.shape
    if windows < 1 or seeds < 2:
        raise InvalidInput(f"{windows} interior windows, {seeds} seeds; expected at least 1 and 2: choose on one seed")
    means = swept.mean(-1)
    best = [(means.sum(1) - means[:, seed]).argmin() for seed in range(seeds)]
    return np.stack([swept[window, seed] for seed, window in enumerate(best)])


def entropy_falls(records: Records) -> tuple[Finding, ...]:
    """Judge the entropy of the outputs of random less that of guided refinement, at equal steps and windows."""
    found = []
    for task, table in tasks(records):
        rows = table[(table["part"] == "steps") & (table["measure"] == "entropy")]
        for on in sorted(rows["t_on"].unique()):
            random, guided = (values(rows, t_on=on, method=method) for method in METHODS)
            label = f"{task}, t_on = {on:g}: entropy of Star+ - of G-Star+"
            found.append(Finding(label, nested(random - guided)))
    return tuple(found)


CLAIMS = (
    Empirical(
        "gstar.8.trained", PAPER,
        "On enumerable data an error predictor, trained as long as here, comes within a mean of .02 of the "
        "Bayes-optimal one.",
        ("gstar",), near_the_optimum,
    ),
    Empirical(
        "gstar.16a", PAPER,
        "A predictor trained on one-step drafts ranks errors worse on the drafts of the sampler that it guides.",
        ("gstar",), shift,
    ),
    Empirical(
        "gstar.16b", PAPER,
        "Training the head alone, or one block, comes within .02 of the AUC of training the whole predictor.",
        ("gstar",), small_predictors,
    ),
    Empirical(
        "gstar.16c.few", PAPER,
        "At equal and few network evaluations, the predictor's included, Star+ and G-Star+ (t_on = .3) beat MDLM.",
        ("gstar",), partial(equal_evaluations, place=0),
    ),
    Empirical(
        "gstar.16c.many", PAPER,
        "At equal and many network evaluations, the predictor's included, Star+ and G-Star+ (t_on = .3) beat MDLM.",
        ("gstar",), partial(equal_evaluations, place=-1),
    ),
    Empirical(
        "gstar.16c.reused", PAPER,
        "With many evaluations Star+ and G-Star+ also beat MDLM that makes no evaluation where its step reveals "
        "nothing: one token at a time, n evaluations.",
        ("gstar",), idle_steps_free,
    ),
    Empirical(
        "gstar.16d.random", PAPER,
        "At equal evaluations the best t_on of Star+ lies inside the sweep: both ends have larger errors.",
        ("gstar",), partial(interior_window, method="Star+"),
    ),
    Empirical(
        "gstar.16d.guided", PAPER,
        "At equal evaluations the best t_on of G-Star+ lies inside the sweep: both ends have larger errors.",
        ("gstar",), partial(interior_window, method="G-Star+"),
    ),
    Empirical(
        "gstar.16e", PAPER,
        "At equal steps and windows the outputs of guided refinement have less entropy than those of random "
        "refinement.",
        ("gstar",), entropy_falls,
    ),
)  # fmt: skip
