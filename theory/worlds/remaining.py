"""The law that a prompt leaves of the masked positions, by the means of each type of world: no table without need.

A table keeps the cells that agree with the prompt, a list of sequences its rows. On a tree the prompt is passed upward
once as messages (sum-product): p(x_k | x_parent) becomes proportional to the factor times the likelihood of what is
revealed below k, and a child of a revealed node becomes a root. Revealed nodes are cut off, and nodes below which
nothing is masked. So a Markov chain stays one, and its information curve is exact after a prompt at any length.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.worlds import states
from theory.worlds.base import World
from theory.worlds.support import SupportWorld
from theory.worlds.table import TableWorld
from theory.worlds.tree import TreeWorld


def remaining(world: World, z: Int[Tensor, "n"]) -> World:
    """Return the law of the masked positions of one possible state, as a world of the same type where there is one."""
    hidden = z == world.d
    name = f"{world.name} given {int((~hidden).sum())} of {world.n} tokens"
    if isinstance(world, TableWorld):
        return _table(world, z, hidden, name)
    if isinstance(world, SupportWorld):
        rows = world.given(z)
        return SupportWorld(rows.support[:, hidden], rows.probabilities, world.d, name, world.zero_rule)
    if isinstance(world, TreeWorld):
        return _tree(world, z, name)
    return _Masked(world.given(z), z, hidden, name)


def _table(world: TableWorld, z: Int[Tensor, "n"], hidden: Bool[Tensor, "n"], name: str) -> TableWorld:
    agrees = (states.all_sequences(world.n, world.d)[:, ~hidden] == z[~hidden]).all(-1)
    k = int(hidden.sum())
    if world.weights is not None:
        kept = [w for w, here in zip(world.weights, agrees.tolist(), strict=True) if here]
        world_left = TableWorld.from_weights(kept, k, world.d, name)
        world_left.zero_rule = world.zero_rule
        return world_left
    cells = world.law()[..., agrees]
    return TableWorld(cells / cells.sum(-1, keepdim=True), k, world.d, name, world.zero_rule)


def _tree(world: TreeWorld, z: Int[Tensor, "n"], name: str) -> TreeWorld:
    """Return the tree of the masked positions: factors weighted by what is revealed below, revealed nodes cut off.

    Given the prompt the nodes still form a Markov forest, p(x_k | x_parent) proportional to factor times the evidence
    below k; a child of a revealed node becomes a root, and a node below which nothing is masked says nothing more.
    """
    below = _evidence(world, z)
    token = {node: int(z[i]) for i, node in enumerate(world.observed) if int(z[i]) != world.d}
    masked = {node for i, node in enumerate(world.observed) if int(z[i]) == world.d}
    needed = set(masked)
    for k in range(len(world.parents) - 1, -1, -1):
        if k in needed and k not in token and world.parents[k] >= 0:
            needed.add(world.parents[k])
    kept = [k for k in range(len(world.parents)) if k in needed and k not in token]
    place = {k: number for number, k in enumerate(kept)}
    parents, factors = [], []
    for k in kept:
        parent, factor = world.parents[k], world.factors[k]
        if parent in token:
            parent, factor = -1, factor[token[parent]]
        parents.append(place.get(parent, -1))
        factors.append(_weighted(factor, below[k]))
    observed = [place[node] for i, node in enumerate(world.observed) if int(z[i]) == world.d]
    return TreeWorld(parents, factors, observed, name, world.zero_rule)


def _evidence(world: TreeWorld, z: Int[Tensor, "n"]) -> list[Float[Tensor, "s"]]:
    """Return for every node the likelihood of all that is revealed at or below it, scaled to at most 1."""
    below = [torch.ones(width, dtype=torch.float64) for width in world.widths]
    for i, node in enumerate(world.observed):
        if int(z[i]) != world.d:
            below[node] = torch.zeros(world.d, dtype=torch.float64)
            below[node][z[i]] = 1.0
    for k in range(len(world.parents) - 1, -1, -1):
        if world.parents[k] >= 0:
            message = world.factors[k] @ below[k]
            joined = below[world.parents[k]] * message
            below[world.parents[k]] = joined / joined.max().clamp(min=torch.finfo(torch.float64).tiny)
    return below


def _weighted(factor: Float[Tensor, "*parent s"], below: Float[Tensor, "s"]) -> Float[Tensor, "*parent s"]:
    """Return the factor times the evidence, normalised; a row of a parent's value that is impossible stays as it is."""
    product = factor * below
    total = product.sum(-1, keepdim=True)
    return torch.where(total > 0, product / torch.where(total > 0, total, 1.0), factor)


class _Masked(World):
    """The masked positions of any world given a prompt: asked with the prompt filled in."""

    def __init__(self, given: World, z: Int[Tensor, "n"], hidden: Bool[Tensor, "n"], name: str) -> None:
        self.given_prompt, self.start, self.positions = given, z, hidden.nonzero()[:, 0]
        self.n, self.d, self.name, self.zero_rule = len(self.positions), given.d, name, given.zero_rule

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count k"]:
        """Draw the masked positions."""
        return self.given_prompt.sample(count, generator)[:, self.positions]

    def log_marginal(self, z: Int[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Return ln q(z_UM | prompt)."""
        return self.given_prompt.log_marginal(self._whole(z))

    def conditionals(self, z: Int[Tensor, "*batch k"]) -> Float[Tensor, "*batch k d"]:
        """Return the conditionals of the masked positions."""
        return self.given_prompt.conditionals(self._whole(z))[..., self.positions, :]

    def entropy(self) -> float | Tensor | None:
        """Return H(X): the prompt's tokens add nothing to it."""
        return self.given_prompt.entropy()

    def _whole(self, z: Tensor) -> Tensor:
        return filled(states.check_states(z, self.n, self.d), self.start, self.positions)


def filled(z: Int[Tensor, "*batch k"], start: Int[Tensor, "n"], positions: Int[Tensor, "k"]) -> Int[Tensor, "*batch n"]:
    """Return states of the masked positions as states of all, the start's tokens in the other places."""
    whole = start.to(z.device).expand(*z.shape[:-1], len(start)).clone()
    whole[..., positions.to(z.device)] = z
    return whole
