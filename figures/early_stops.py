"""EB in blocks and stopped at the end mark: what it saves, and what it costs (arXiv 2505.24857)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("early_stops",)
LOOKS = {
    "whole": ("#000000", "o", "-"), "whole, stopped": ("#D55E00", "s", "-"), "blocks": ("#0072B2", "^", "--"),
    "blocks, stopped": ("#009E73", "D", "--"),
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the exact KL over the tokens used a call, a curve a mode along EB's budgets, a panel for each world."""
    table = records["early_stops"].table
    worlds = list(dict.fromkeys(table["world"]))
    figure, panels = pyplot.subplots(1, len(worlds), figsize=(7.0, 3.1), sharey=True, squeeze=False)
    for axes, world in zip(panels[0], worlds, strict=True):
        for mode, (color, marker, line) in LOOKS.items():
            mine = table[(table["world"] == world) & (table["mode"] == mode)].sort_values("budget")
            axes.plot(
                mine["per_call"], mine["kl"], color=color, marker=marker, linestyle=line, linewidth=1.0, label=mode
            )
        axes.set(title=world, xlabel="tokens used a call")
        axes.grid(True)
    panels[0][0].set_ylabel("KL(words || generated), nats")
    panels[0][0].legend()
    return figure, table


def findings(table: DataFrame) -> str:
    """Say how many calls stopping saves at budget 0, where nothing is lost, and what it changes at the largest one."""
    said = []
    for world, mine in table.groupby("world", sort=False):
        wide = mine.pivot(index="budget", columns="mode", values=["calls", "kl"])
        first, last = wide.index[0], wide.index[-1]
        saved = 1 - wide.loc[first, ("calls", "blocks, stopped")] / wide.loc[first, ("calls", "blocks")]
        kls = [wide.loc[last, ("kl", mode)] for mode in ("whole", "whole, stopped")]
        said.append(
            f"on {world}, stopping saves {saved:.0%} of the calls in blocks at budget {first:g} and changes the KL of "
            f"whole sequences at budget {last:g} from {kls[0]:.3g} to {kls[1]:.3g} nats"
        )
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."
