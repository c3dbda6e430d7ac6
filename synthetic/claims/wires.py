"""Trained denoisers on crossbars: does a lower loss of current make a better model and a better sampler?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import of_seeds

if TYPE_CHECKING:
    import pandas as pd

OHMS = 5.0
"""The resistance of a wire segment at which all moves are compared."""
PAPER = "Farias, Martins, Kung, arXiv 2511.04798"


def gains(records: Records, measure: str, move: str = "both") -> tuple[Finding, ...]:
    """Judge that a measure is lower with a move than without, for each task and tile, with wires of 5 ohm.

    Losses are nearly proportional to the resistance, so that others would be the same finding once more.
    """
    table, findings = records["denoiser_on_wires"].table, []
    for (task, tile), mine in table[table["ohms"] == OHMS].groupby(["task", "tile"], sort=False):
        wide: pd.DataFrame = mine.pivot(index="seed", columns="move", values=measure)
        if move in wide:
            gain = of_seeds((wide["none"] - wide[move]).to_numpy())
            name = str(task).removeprefix("small/")
            findings.append(Finding(f"{name}, {tile}: {measure}, none - {move}", gain, 0.0))
    return tuple(findings)


def layouts(records: Records, measure: str) -> tuple[Finding, ...]:
    """Judge that both moves lower a measure of random tiles in every layout."""
    table, findings = records["crossbar_mappings"].table, []
    for (layout, law), mine in table[table["move"] == "both"].groupby(["layout", "law"], sort=False):
        findings.append(
            Finding(f"{layout}, {law}: {measure} over that without", of_seeds(mine[measure].to_numpy()), 1.0, "below")
        )
    return tuple(findings)


CLAIMS = (
    Empirical(
        "crossbar.9.random", PAPER, "Both moves together lower the loss of current of random tiles in every layout.",
        ("crossbar_mappings",), partial(layouts, measure="nf"),
        reported="Abstract: lower by up to 46 % on networks for ImageNet. We ask it of random weights in five layouts.",
    ),
    Empirical(
        "crossbar.10.random", f"{PAPER}, read as a statement on outputs",
        "Both moves together lower the error of the recombined outputs of random tiles in every layout.",
        ("crossbar_mappings",), partial(layouts, measure="weighted"),
    ),
    Empirical(
        "crossbar.9.trained", PAPER,
        "Both moves together lower the loss of current of a trained denoiser's weight matrices, for both tiles.",
        ("denoiser_on_wires",), partial(gains, measure="nf"),
        reported="Abstract: lower by up to 46 % on networks for ImageNet.",
    ),
    Empirical(
        "crossbar.10.trained", f"{PAPER}, read as a statement on outputs",
        "Both moves together lower the error of the recombined outputs of a trained denoiser's arrays, for both tiles.",
        ("denoiser_on_wires",), partial(gains, measure="weighted"),
    ),
    Empirical(
        "crossbar.nelbo.trained", f"{PAPER}, asked of masked diffusion models",
        "Both moves together lower the NELBO of a denoiser on crossbars.",
        ("denoiser_on_wires",), partial(gains, measure="nelbo"),
        reported="Abstract: accuracy of a ResNet up by 3.6 % on average. We ask it of two small exact laws.",
    ),
    Empirical(
        "crossbar.samples.trained", f"{PAPER}, asked of masked diffusion models",
        "Both moves together lower the divergence of the entropy-bounded rule's samples by a denoiser on crossbars.",
        ("denoiser_on_wires",), partial(gains, measure="kl"),
    ),
)  # fmt: skip
