"""The entropy bound B = sum - max against the joint dependence error it bounds, node by node (arXiv 2505.24857, eq. 8).

Table: family, world (number within the family), rule, state (index), weight (probability that the data's path
reveals several tokens there), bound, dependence (nats; exact conditionals). Nodes where B = 0 are left out. Scalars
per family: nodes, slack (least of B - dependence), tightness (weighted mean of dependence / B), ratio (total
dependence over total bound), independent (weight share with dependence below a hundredth of B).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator, Tensor

    from theory.worlds import TableWorld


@dataclass(frozen=True)
class Config:
    """Laws per random family; EB budgets in nats; sizes of Top-k."""

    laws: int = 24
    budgets: tuple[float, ...] = (0.1, 0.5, 1.0)
    sizes: tuple[int, ...] = (2, 3)
    seed: int = 0


PRESETS = {
    "smoke": Config(laws=4, budgets=(0.5,), sizes=(2,)),
    "laptop": Config(),
    "gpu": Config(laws=2000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk Top-k and EB over every family and collect the nodes that the data visits."""
    import pandas as pd

    tables = []
    scalars = {}
    for name, worlds in progress.track(families(config).items(), "families"):
        found = pd.concat(nodes(config, worlds), ignore_index=True)
        scalars |= {f"{name}/{what}": value for what, value in summary(found).items()}
        tables.append(found.assign(family=name))
    return pd.concat(tables, ignore_index=True), scalars


def families(config: Config) -> Mapping[str, TableWorld]:
    """Return batches of laws by family."""
    import torch

    from synthetic.small_worlds import small
    from theory import worlds
    from theory.worlds import TableWorld

    generator = torch.Generator().manual_seed(config.seed)

    def several(make: Callable[[Generator], Tensor]) -> Tensor:
        return torch.stack([make(generator) for _ in range(config.laws)])

    def dirichlet(concentration: float) -> TableWorld:
        return TableWorld(several(lambda g: worlds.dirichlet(4, 3, concentration, g).law()), 4, 3)

    patches = small("digit patches")
    return {
        "Dirichlet(1)": dirichlet(1.0),
        "Dirichlet(0.05)": dirichlet(0.05),
        "Markov chains": TableWorld(several(_chain), 6, 2),
        "noisy copies": TableWorld(several(_copies), 6, 2),
        "digit patches": TableWorld(patches.law()[None], patches.n, patches.d),
    }


def nodes(config: Config, worlds: TableWorld) -> Iterator[pd.DataFrame]:
    """Yield one table a rule: every world's states at which several tokens are revealed."""
    import pandas as pd

    from theory.unmasking.rules.sets import EntropyBounded, TopK
    from theory.unmasking.walks import walk

    for rule in (*(TopK(k, "entropy") for k in config.sizes), *(EntropyBounded(b) for b in config.budgets)):
        found = walk(rule, worlds)
        weight, bound = found.visits_of_data * found.nodes.several, found.nodes.bound
        world, state = ((weight > 0) & (bound > 1e-12)).nonzero(as_tuple=True)
        columns = {"weight": weight, "bound": bound, "dependence": found.nodes.joint_dependence.clamp(min=0)}
        values = {name: column[world, state].numpy() for name, column in columns.items()}
        yield pd.DataFrame({"world": world.numpy(), "rule": rule.name, "state": state.numpy(), **values})


def summary(table: pd.DataFrame) -> dict[str, float]:
    """Return what the scalars say of one family."""
    weight, bound, dependence = (table[name] for name in ("weight", "bound", "dependence"))
    share = dependence / bound
    return {
        "nodes": float(len(table)),
        "slack": float((bound - dependence).min()),
        "tightness": float((weight * share).sum() / weight.sum()),
        "ratio": float((weight * dependence).sum() / (weight * bound).sum()),
        "independent": float(weight[share < 0.01].sum() / weight.sum()),
    }


def _chain(generator: Generator) -> Tensor:
    """Return a stationary binary chain of length 6 that stays with a probability drawn from [0.6, 0.98]."""
    import torch

    from theory.worlds.tree import sticky_chain

    return sticky_chain(6, 0.6 + 0.38 * float(torch.rand((), generator=generator))).law()


def _copies(generator: Generator) -> Tensor:
    """Return three pairs of bits; the second of each pair copies the first but for a probability below 0.1."""
    import torch

    flip = 0.1 * torch.rand(3, generator=generator, dtype=torch.float64)
    law = torch.ones(1, dtype=torch.float64)
    for wrong in flip:
        pair = torch.stack((1 - wrong, wrong, wrong, 1 - wrong)) / 2
        law = (law[:, None] * pair).reshape(-1)
    return law
