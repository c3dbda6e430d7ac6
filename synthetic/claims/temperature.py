"""SGD as free energy: chains on the sphere, networks on digits, and noise as temperature in masked diffusion models."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from synthetic.claims.base import Empirical, Finding, Records, Side
from synthetic.intervals import of_seeds

if TYPE_CHECKING:
    import pandas as pd

PAPER = "Sadrtdinov, Klimov, Lobacheva, Vetrov, arXiv 2505.23489"
SPACES = {"free": "free weights", "sphere": "weights of one length"}
NEAR = math.log(1.2)
"""The ratio 1.2 within which two falls count as proportional: about how well eight seeds know the ratio of tr C."""
BAND: tuple[tuple[float, Side], ...] = ((math.exp(-NEAR), "above"), (math.exp(NEAR), "below"))
"""The ends of that range of ratios, and on which side of each a ratio must lie."""
STEADY = math.log(1.25)
"""The ratio 1.25 over a doubling of the steps, within which a signal-to-noise ratio counts as steady."""
SHARP = math.log(100)
"""A factor of 100 in loss between two learning rates whose ratio is 3.3: what counts as a jump."""


def tempered(records: Records) -> tuple[Finding, ...]:
    """Judge, for every inner rate, that [T-, T+] is not empty, and that T rises from each rate to the next."""
    table, findings = records["sphere_chains"].table, []
    low, high = (table.pivot(index="seed", columns="rate", values=name) for name in ("low", "high"))
    for rate in low.columns[1:-1]:
        findings.append(Finding(f"T+ - T- at {rate:g}", of_seeds((high[rate] - low[rate]).to_numpy()), 0.0))
    return tuple(findings)


def near_theory(records: Records, most: float, margin: float) -> tuple[Finding, ...]:
    """Judge that the estimate of T over eta tr C / (2 d), less the grid's own bias, is within a margin of one."""
    table, findings = records["sphere_chains"].table, []
    rates = np.sort(table["rate"].unique())
    ratio = rates[1] / rates[0]
    bias = (math.sqrt(ratio) - 1 / math.sqrt(ratio)) / math.log(ratio)
    off_by = table.assign(off=table["temperature"] / table["theory"] / bias - 1)
    wide = off_by.pivot(index="seed", columns="rate", values="off")
    for rate in rates[(rates <= most) & wide.notna().all().to_numpy()]:
        off = of_seeds(wide[rate].to_numpy())
        findings += [Finding(f"T over theory - 1 at {rate:g}", off, -margin, "above"),
                     Finding(f"T over theory - 1 at {rate:g}", off, margin, "below")]  # fmt: skip
    return tuple(findings)


def log_slope(records: Records, most: float, margin: float) -> tuple[Finding, ...]:
    """Judge that the slope of ln T in ln eta at small rates is within a margin of one."""
    table = records["sphere_chains"].table
    small = table[(table["rate"] <= most) & table["temperature"].notna()]
    slopes = of_seeds(np.array([
        np.polyfit(np.log(mine["rate"]), np.log(mine["temperature"]), 1)[0] for _, mine in small.groupby("seed")
    ]))  # fmt: skip
    return (
        Finding("slope of ln T in ln eta", slopes, 1 - margin, "above"),
        Finding("slope of ln T in ln eta", slopes, 1 + margin, "below"),
    )


def ends(records: Records, kind: str, column: str) -> pd.DataFrame:
    """Return a measure at the end by chain and rate."""
    table = records["small_networks"].table
    mine = table[(table["kind"] == kind) & (table["part"] == "end")]
    return mine.pivot(index="chain", columns="rate", values=column)


def rising(records: Records, kind: str, columns: tuple[str, ...]) -> tuple[Finding, ...]:
    """Judge that measures rise from each learning rate to the next."""
    findings = []
    for column in columns:
        wide = ends(records, kind, column)
        for before, after in zip(wide.columns, wide.columns[1:], strict=False):
            gain = of_seeds((wide[after] - wide[before]).to_numpy())
            findings.append(Finding(f"{'U' if column == 'loss' else 'S'}, {before:g} to {after:g}", gain, 0.0))
    return tuple(findings)


def convex(records: Records, kind: str) -> tuple[Finding, ...]:
    """Judge that T = dU/dS rises from each pair of neighbouring rates to the next: U is convex in S."""
    loss, entropy = (ends(records, kind, column) for column in ("loss", "entropy"))
    level, findings = loss.diff(axis=1) / entropy.diff(axis=1), []
    rates = list(level.columns)
    for before, middle, after in zip(rates, rates[1:], rates[2:], strict=False):
        gain = of_seeds((level[after] - level[middle]).to_numpy())
        findings.append(Finding(f"T of {middle:g} to {after:g} - T of {before:g} to {middle:g}", gain, 0.0))
    return tuple(findings)


def jump(records: Records, low: float, high: float) -> tuple[Finding, ...]:
    """Judge that the wide networks' loss jumps between two learning rates and hardly changes below."""
    wide = np.log(ends(records, "over", "loss"))
    gain = of_seeds((wide[high] - wide[low]).to_numpy())
    below = of_seeds((wide[low] - wide[wide.columns[0]]).to_numpy())
    return (
        Finding(f"ln U({high:g}) - ln U({low:g})", gain, SHARP, "above"),
        Finding(f"ln U({low:g}) - ln U({wide.columns[0]:g})", below, 0.0, "below"),
    )


def courses(records: Records, kind: str, most: float) -> Iterator[tuple[float, pd.DataFrame]]:
    """Yield ln of the signal-to-noise ratio by chain and step, for each learning rate up to one."""
    table = records["small_networks"].table
    mine = table[(table["kind"] == kind) & (table["part"] == "course") & (table["rate"] <= most)]
    for rate, rows in mine.groupby("rate"):
        yield float(str(rate)), np.log(rows.pivot(index="chain", columns="step", values="snr").clip(lower=1e-3))


def steady(records: Records, most: float) -> tuple[Finding, ...]:
    """Judge that the narrow networks' signal to noise has stopped falling: the last looks, per doubling of steps."""
    findings = []
    for rate, course in courses(records, "under", most):
        earlier, last = course.columns[-3], course.columns[-1]
        change = of_seeds(((course[last] - course[earlier]) / math.log2(last / earlier)).to_numpy())
        findings += [Finding(f"ln SNR per doubling at {rate:g}", change, -STEADY, "above"),
                     Finding(f"ln SNR per doubling at {rate:g}", change, STEADY, "below")]  # fmt: skip
    return tuple(findings)


def falling(records: Records, most: float) -> tuple[Finding, ...]:
    """Judge that the wide networks' signal to noise still falls late in training."""
    findings = []
    for rate, course in courses(records, "over", most):
        change = of_seeds((course[course.columns[-1]] - course[course.columns[-5]]).to_numpy())
        findings.append(Finding(f"ln SNR, last - four looks before, at {rate:g}", change, 0.0, "below"))
    return tuple(findings)


def noise_falls(records: Records) -> tuple[Finding, ...]:
    """Judge ln of tr C with 1/t over that by count."""
    table, findings = records["noise_temperature"].table, []
    for space, words in SPACES.items():
        ratio = _ratio(table[table["space"] == space], "noise").iloc[:, 0]
        findings.append(Finding(f"{words}: ln tr C, 1/t - counts", of_seeds(ratio.to_numpy()), 0.0))
    return tuple(findings)


def in_proportion(records: Records) -> tuple[Finding, ...]:
    """Judge that excess loss and temperature fall as tr C does, up to a fifth: means over both spaces.

    Excesses are means over the learning rates as well, and judged by differences, not ratios: one that is measured
    near zero may come out negative. The chains of both spaces begin at one start, so each seed gives one number.
    """
    table, excess, cooling = records["noise_temperature"].table, [], []
    for space in SPACES:
        mine = table[table["space"] == space]
        fall = _ratio(mine, "noise").iloc[:, 0]
        means = mine.pivot_table(index="seed", columns="method", values="excess", aggfunc="mean")
        predicted = np.exp(fall) * means["by count, strata"]
        excess.append([means["1/t"] - factor * predicted for factor, _ in BAND])
        cooling.append(_cooling(mine) - fall)
    off = of_seeds(np.mean(cooling, 0))
    name = "ln T less ln tr C, 1/t - counts"
    return (
        *(
            Finding(f"mean excess of 1/t - {factor:.2f} x predicted", of_seeds(mean), 0.0, side)
            for mean, (factor, side) in zip(np.mean(excess, 0), BAND, strict=True)
        ),
        Finding(name, off, -NEAR, "above"),
        Finding(name, off, NEAR, "below"),
    )


def loss_is_less(records: Records) -> tuple[Finding, ...]:
    """Judge that the loss is lower with counts than with 1/t, in the mean over learning rates."""
    table, findings = records["noise_temperature"].table, []
    for space, words in SPACES.items():
        mine = table[table["space"] == space]
        loss = mine.pivot_table(index="seed", columns="method", values="loss", aggfunc="mean")
        gain = of_seeds((loss["1/t"] - loss["by count, strata"]).to_numpy())
        findings.append(Finding(f"{words}: U, 1/t - counts, mean over learning rates", gain))
    return tuple(findings)


def slopes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return T = dU/dS between each learning rate and the one before, by seed and the larger rate.

    dS is the mean over seeds: where two rates leave a seed's weights with nearly one S, its own ratio says nothing.
    """
    loss, entropy = (rows.pivot(index="seed", columns="rate", values=name) for name in ("loss", "entropy"))
    return (loss.diff(axis=1) / entropy.diff(axis=1).mean()).iloc[:, 1:]


def secants(rows: pd.DataFrame) -> pd.Series:
    """Return T = dU/dS from the least to the largest learning rate, by seed."""
    ends = rows[rows["rate"].isin([rows["rate"].min(), rows["rate"].max()])].sort_values("rate")
    gains = ends.groupby("seed")[["loss", "entropy"]].agg(lambda pair: pair.iloc[1] - pair.iloc[0])
    return gains["loss"] / gains["entropy"]


def colder(records: Records) -> tuple[Finding, ...]:
    """Judge ln of the T of 1/t over that of counts, over the whole range of learning rates."""
    table = records["noise_temperature"].table
    return tuple(
        Finding(f"{words}: ln T, 1/t - counts", of_seeds(_cooling(table[table["space"] == space]).to_numpy()), 0.0)
        for space, words in SPACES.items()
    )


def warmer(records: Records) -> tuple[Finding, ...]:
    """Judge that dU/dS is larger at the largest learning rates than at the least, for both methods and spaces."""
    table, findings = records["noise_temperature"].table, []
    for (space, method), mine in table.groupby(["space", "method"], sort=False):
        levels = slopes(mine)
        least, most = levels.columns[0], levels.columns[-1]
        gain = of_seeds((levels[most] - levels[least]).to_numpy())
        findings.append(Finding(f"{SPACES[str(space)]}, {method}: T below {most:g} - T below {least:g}", gain))
    return tuple(findings)


def _cooling(rows: pd.DataFrame) -> pd.Series:
    """Return ln of the T of 1/t over that of counts, by seed."""
    levels = {method: secants(mine) for method, mine in rows.groupby("method")}
    return np.log(levels["1/t"] / levels["by count, strata"])


def _ratio(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return ln of a positive quantity with 1/t over that by count, by seed and rate."""
    logs = np.log(rows.pivot(index="seed", columns=["method", "rate"], values=quantity))
    return logs["1/t"] - logs["by count, strata"]


CLAIMS = (
    Empirical(
        "sgd.10.trained", PAPER,
        "With more losses than dimensions and no common zero, every learning rate on the grid has the least free "
        "energy at some temperature, at eps = 0.",
        ("sphere_chains",), tempered,
        reported=(
            "Figures of free energy on networks, with eps = .01 and smoothed curves. We ask it on the sphere without "
            "either."
        ),
    ),
    Empirical(
        "sgd.10theory.trained", f"{PAPER}, and ours (docs/derivations.md, sgd.2)",
        "There T is within 5 % of eta tr C / (2 d) for eta <= .02, the bias of the estimate on the grid removed.",
        ("sphere_chains",), partial(near_theory, most=0.02, margin=0.05),
    ),
    Empirical(
        "sgd.10slope.trained", f"{PAPER}, and ours (docs/derivations.md, sgd.2)",
        "There the slope of ln T in ln eta is 1 within .1 for eta <= .04.",
        ("sphere_chains",), partial(log_slope, most=0.04, margin=0.1),
        reported="Slopes from .07 to .86 for networks. A quadratic loss has slope 1.",
    ),
    Empirical(
        "sgd.H1rise.trained", PAPER,
        "Networks too narrow to fit their data: loss U and entropy S rise from each learning rate to the "
        "next, about three times as large.",
        ("small_networks",), partial(rising, kind="under", columns=("loss", "entropy")),
        reported=(
            "The paper reports it for convolutional networks and images in colour; ours are perceptrons on digits."
        ),
    ),
    Empirical(
        "sgd.H1.trained", PAPER,
        "Networks too narrow to fit their data: T = dU/dS rises with the learning rate, so that each rate has the "
        "least free energy at some temperature.",
        ("small_networks",), partial(convex, kind="under"),
        reported="Hypothesis of the paper, supported there with smoothing and a slack. We ask it without either.",
    ),
    Empirical(
        "sgd.H2.trained", PAPER,
        "Networks wide enough to fit their data converge below a learning rate and jump to another regime above: U(.1) "
        "exceeds 100 U(.03), and U(.03) is below U(.003).",
        ("small_networks",), partial(jump, low=0.03, high=0.1),
        reported="A jump from 3e-5 to .4 between .00056 and .001 with 1.5 million weights. Ours have 8,192.",
    ),
    Empirical(
        "sgd.H3under.trained", PAPER,
        "Narrow networks: at learning rates up to .03 the signal-to-noise ratio is steady at the end of training, "
        "within a factor of 1.25 per doubling of the steps.",
        ("small_networks",), partial(steady, most=0.03),
        reported="A plateau at about .3.",
    ),
    Empirical(
        "sgd.H3over.trained", PAPER,
        "Wide networks: at learning rates up to .03 the signal-to-noise ratio still falls late in training, although "
        "the toy's has a positive lower bound.",
        ("small_networks",), partial(falling, most=0.03),
        reported="About .03 at the end and falling.",
    ),
    Empirical(
        "sgd.noise.trained", "ours",
        "Counts in strata give a masked diffusion model's gradient less noise than 1/t, at the same weights.",
        ("noise_temperature",), noise_falls,
    ),
    Empirical(
        "sgd.colder.trained", "ours",
        "Counts in strata leave the weights at a lower temperature than 1/t: T = dU/dS over the whole range of "
        "learning rates.",
        ("noise_temperature",), colder,
    ),
    Empirical(
        "sgd.excess.trained", "ours",
        "The loss is lower with counts in strata than with 1/t, in the mean over learning rates.",
        ("noise_temperature",), loss_is_less,
    ),
    Empirical(
        "sgd.proportion.trained", "ours, a prediction of the quadratic theory (docs/derivations.md, sgd.2)",
        "Counts in strata lower the excess loss, a mean over learning rates, and the temperature, dU/dS over the whole "
        "range of learning rates, by the factor by which they lower tr C, within a factor of 1.2.",
        ("noise_temperature",), in_proportion,
    ),
    Empirical(
        "sgd.warmer.trained", f"{PAPER}, asked of masked diffusion models",
        "Masked diffusion models: T = dU/dS is larger at the largest learning rates than at the least, for both "
        "estimates of the objective.",
        ("noise_temperature",), warmer,
    ),
)  # fmt: skip
