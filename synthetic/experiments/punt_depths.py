"""When the nodes of a tree are revealed, by depth: PUNT against confidence (arXiv 2510.21961).

Table: world, rule, eps (PUNT's threshold in nats, nan for the others), depth (of the node, 0 for the root), nodes (of
this depth), step (mean over sequences and nodes of the step at which a node is revealed, from 1), place (mean share of
the tokens revealed in earlier steps, plus half of those of its own step), low and high (95 % interval of the place over
numberings of the nodes, each with sequences of its own). Scalars per world and rule: steps and calls (means a
sequence).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator, Tensor

    from theory.unmasking.rules.base import Rule
    from theory.worlds.tree import TreeWorld

WORLDS = {"fair root": 0.5, "leaning root": 0.9}
"""Probability of the root's first symbol."""


@dataclass(frozen=True)
class Config:
    """Binary trees of `depth` generations below the root whose nodes keep their parent's symbol with `stay`.

    Their nodes are numbered at random, `numberings` times, because ties in confidence go to the smaller number.
    """

    depth: int = 4
    stay: float = 0.9
    eps: tuple[float, ...] = (0.01, 0.05)
    numberings: int = 12
    sequences: int = 20
    seed: int = 0


PRESETS = {
    "smoke": Config(depth=2, eps=(0.01, 0.05), numberings=4, sequences=10),
    "laptop": Config(),
    "gpu": Config(depth=7, numberings=100),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw sequences by every rule on every world."""
    import pandas as pd
    import torch

    rows, scalars = list[dict[str, Any]](), dict[str, float]()
    for world in progress.track(list(WORLDS), "worlds"):
        for rule, eps, drawn in rules(config):
            generator = torch.Generator().manual_seed(config.seed)
            places, steps, lengths, calls = [], [], [], 0.0
            for _ in range(config.numberings):
                tree, depths = relabelled(config.depth, config.stay, WORLDS[world], generator)
                step, spent = revealed(tree, drawn, config.sequences, generator)
                places.append(by_depth(place(step), depths))
                steps.append(by_depth(step.double(), depths))
                lengths.append(float(step.amax(-1).double().mean()))
                calls += spent / config.numberings
            rows_by_depth = summary(torch.stack(places), torch.stack(steps))
            rows += [{"world": world, "rule": rule, "eps": eps, **row} for row in rows_by_depth]
            scalars |= {f"{world}/{rule}/steps": sum(lengths) / len(lengths), f"{world}/{rule}/calls": calls}
    return pd.DataFrame(rows), scalars


def rules(config: Config) -> Iterator[tuple[str, float, Rule]]:
    """Yield name, threshold and rule."""
    from theory.unmasking.rules.punt import Punt
    from theory.unmasking.rules.sets import TopK

    for eps in config.eps:
        yield f"PUNT {eps:g}", eps, Punt(eps)
    yield "confidence", float("nan"), TopK(1, "confidence")


def relabelled(depth: int, stay: float, first: float, generator: Generator) -> tuple[TreeWorld, Tensor]:
    """Return a binary tree whose positions are in a random order, so that ties by index favour no depth, and depths."""
    import torch

    from theory.worlds.tree import TreeWorld

    nodes = 2 ** (depth + 1) - 1
    matrix = torch.tensor([[stay, 1 - stay], [1 - stay, stay]], dtype=torch.float64)
    root = torch.tensor([first, 1 - first], dtype=torch.float64)
    order = torch.randperm(nodes, generator=generator)
    parents = [(k - 1) // 2 if k else -1 for k in range(nodes)]
    tree = TreeWorld(parents, [root, *[matrix] * (nodes - 1)], observed=order.tolist(), name="binary tree")
    return tree, torch.tensor([(int(k) + 1).bit_length() - 1 for k in order])


def revealed(world: TreeWorld, rule: Rule, sequences: int, generator: Generator) -> tuple[Tensor, float]:
    """Return the step at which each position of each sequence is revealed, and the mean calls of a sequence."""
    import torch

    from theory.unmasking.rules.base import ValueRule, draw_candidates

    z = torch.full((sequences, world.n), world.d)
    step, calls, now = torch.zeros_like(z), torch.zeros(sequences, dtype=torch.float64), 0
    while bool((z == world.d).any()):
        now += 1
        hidden = z == world.d
        if isinstance(rule, ValueRule):
            after, spent = rule.step(world, z, generator)
        else:
            log_p = world(z)
            open_ = hidden.any(-1)
            chosen = torch.zeros_like(hidden)
            chosen[open_] = rule.select(log_p[open_], hidden[open_], generator)
            after, spent = torch.where(chosen, draw_candidates(log_p, z, generator), z), open_.long()
        step[hidden & (after != world.d)] = now
        z, calls = after, calls + spent
    return step, float(calls.mean())


def place(step: Tensor) -> Tensor:
    """Return for each position the share of positions revealed in earlier steps, plus half of those of its own step."""
    earlier = (step[:, None, :] < step[:, :, None]).double().mean(-1)
    same = (step[:, None, :] == step[:, :, None]).double().mean(-1)
    return earlier + same / 2


def by_depth(values: Tensor, depths: Tensor) -> Tensor:
    """Return the mean over sequences and positions of every depth."""
    import torch

    return torch.stack([values[:, depths == depth].mean() for depth in range(int(depths.max()) + 1)])


def summary(places: Tensor, steps: Tensor) -> Iterator[dict[str, float]]:
    """Yield the columns of every depth, with the interval of the place over the numberings (rows)."""
    from synthetic.intervals import of_seeds

    for depth in range(places.shape[1]):
        place = of_seeds(places[:, depth].numpy())
        yield {
            "depth": depth, "nodes": 2**depth, "step": float(steps[:, depth].mean()), "place": float(place.mean),
            "low": float(place.low), "high": float(place.high),
        }  # fmt: skip
