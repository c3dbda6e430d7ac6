"""The law over decoding orders that per-position schedules imply, and the NELBO along them (arXiv 2511.19152).

Table: part and numbers, nan where a part has none. Parts: "law", a decoding order of three positions with masking
probabilities t^w: product (Plackett and Luce), integral (over masking times), share (of drawn orders), backward (the
masking order's law); "path", random tables of losses (`table`) at weights c^-i along their best fixed order: c, nelbo
above the best fixed order's, spread (of the fixed orders). Scalars: draws, and the tables that rise somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("part", "order", "product", "integral", "share", "backward", "table", "c", "nelbo", "spread")


@dataclass(frozen=True)
class Config:
    """Weights of the law, drawn orders, length and number of random tables, ratios c (as powers of two), the seed."""

    weights: tuple[float, ...] = (0.5, 2.0, 0.7)
    draws: int = 200_000
    n: int = 4
    tables: int = 100
    powers: tuple[float, ...] = tuple(k / 2 for k in range(25))
    seed: int = 0


PRESETS = {
    "smoke": Config(draws=5000, n=3, tables=5, powers=(0.0, 1.0, 4.0)),
    "laptop": Config(),
    "gpu": Config(draws=10_000_000, tables=2000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the order law in every way, and walk towards the best fixed order of every table."""
    import itertools

    import pandas as pd
    import torch

    generator = torch.Generator().manual_seed(config.seed)
    rows = law(config, generator)
    rising = 0
    for k in progress.track(range(config.tables), "tables"):
        mine = path(config, k, generator)
        rising += any(after["nelbo"] > before["nelbo"] + 1e-12 for before, after in itertools.pairwise(mine))
        rows += mine
    return pd.DataFrame(rows, columns=list(COLUMNS)), {"draws": float(config.draws), "rising": float(rising)}


def law(config: Config, generator: Any) -> list[dict[str, Any]]:
    """Return a row for each decoding order of the weights' positions."""
    from theory.training import orders

    schedules = orders.polynomial(config.weights)
    product, integral = orders.plackett_luce(config.weights), orders.order_law(schedules)
    drawn = [tuple(o) for o in orders.sample_orders(schedules, config.draws, generator).tolist()]
    return [
        {
            "part": "law", "order": "".join(str(i + 1) for i in order), "product": chance, "integral": integral[order],
            "share": drawn.count(order) / config.draws, "backward": product[order[::-1]],
        }
        for order, chance in product.items()
    ]  # fmt: skip


def path(config: Config, number: int, generator: Any) -> list[dict[str, Any]]:
    """Return a row for each ratio c, for one table of losses drawn uniformly from [0, 1]."""
    import itertools

    import torch

    from theory.training import orders
    from theory.training.loss_table import masked_sets
    from theory.unmasking.likelihood import along

    n = config.n
    terms = -torch.rand(1, 2**n, n, generator=generator, dtype=torch.float64) * masked_sets(n)
    costs = {o: -float(along(terms, torch.tensor(o))[0]) for o in itertools.permutations(range(n))}
    best = min(costs, key=lambda o: costs[o])
    spread = max(costs.values()) - costs[best]
    rows = []
    for power in config.powers:
        weights = [2.0 ** (-power * best.index(l)) for l in range(n)]
        nelbo = sum(p * costs[o] for o, p in orders.plackett_luce(weights).items())
        rows.append({"part": "path", "table": number, "c": 2.0**power, "nelbo": nelbo - costs[best], "spread": spread})
    return rows
