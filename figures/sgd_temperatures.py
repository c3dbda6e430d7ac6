"""Temperature of SGD on a quadratic loss by learning rate, and loss against entropy with its hull (2505.23489)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("sgd_temperatures",)
LOOKS = {
    "isotropic": ("#0072B2", "-"), "as the curvature": ("#009E73", "--"),
    "quiet in the steep direction": ("#D55E00", "-."),
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw T over the learning rate, and U over S where the third noise leaves the hull."""
    table = records["sgd_temperatures"].table
    laws = table[table["part"] == "law"].drop(columns=["part", "at", "free"])
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.1))
    for noise, (color, line) in LOOKS.items():
        mine = laws[laws["noise"] == noise]
        left.plot(mine["rate"], mine["temperature"], color=color, linestyle=line, label=noise)
    left.set(yscale="log", xlabel="learning rate", ylabel="temperature $T = U'/S'$", xlim=(0, 2), ylim=(3e-3, 30))
    left.grid(True)
    _hull(right, laws[laws["noise"] == "quiet in the steep direction"])
    figure.legend(*left.get_legend_handles_labels(), title="noise", loc="outside lower left", ncol=3)
    return figure, shortened(laws, "loss", "entropy", "temperature", "low", "high")


def _hull(axes: Axes, laws: DataFrame) -> None:
    """Draw the points of one noise: thin where another learning rate is better at every temperature."""
    on = laws[laws["low"].notna()]
    color = LOOKS["quiet in the steep direction"][0]
    axes.plot(laws["entropy"], laws["loss"], color=color, linewidth=1.0, label="every learning rate")
    axes.plot(on["entropy"], on["loss"], color="black", linestyle=":", linewidth=1.2, label="lower convex hull")
    axes.plot(
        on["entropy"], on["loss"], "o", color=color, markersize=2.5, label="least free energy\nat some temperature"
    )
    axes.set(xlabel="entropy $S$ (nats)", ylabel="expected loss $U$ (nats)")
    axes.legend(loc="upper left")
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say how much of the third noise's learning rates lie on the hull, and where T turns."""
    laws = table[table["noise"] == "quiet in the steep direction"].reset_index(drop=True)
    share = laws["low"].notna().mean()
    first = laws[laws["rate"] < 1.6]
    top = first.loc[first["temperature"].idxmax()]
    return (
        f"With the third noise T rises to {top['temperature']:.3f} at {top['rate']:.2f} and falls again; {share:.0%} "
        "of its learning rates have the least free energy at some temperature."
    )
