"""The reveal kernel of a denoiser, and the sweep that gives the output laws of all samplers with random subsets.

Both samplers of the theory are of one kind: at step k, with m masked tokens, every given subset of size a is revealed
with a probability `rates[k, m, a]` that depends on sizes only. Everything else about a denoiser is its *reveal kernel*,
W(z, x) = prod over revealed i of p(x_i | z), for all (2d + 1)^n pairs of states z -> x; it is built once and serves
every schedule.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import for_world, rows_of
from theory.errors import InvalidInput
from theory.worlds import TableWorld, World, states
from theory.worlds.table import table_of

Conditionals = Callable[[Int[Tensor, "m n"]], Float[Tensor, "*worlds m n d"]]
CHUNK = 2**17


@dataclass(frozen=True)
class Layer:
    """All transitions out of the states with m masks: s states, c = (d + 1)^m - 1 successors each."""

    masks: int
    source: Int[Tensor, "s"]
    target: Int[Tensor, "s c"]
    revealed: Int[Tensor, "c"]
    weight: Float[Tensor, "*worlds s c"]


@dataclass(frozen=True)
class Kernel:
    """The reveal kernel of a denoiser, by number of masks from n down to 1."""

    n: int
    d: int
    layers: tuple[Layer, ...]


def reveal_kernel(world: World, denoiser: Any = None) -> Kernel:
    """Return the reveal kernel of a denoiser, a world's own conditionals unless given; one call per number of masks.

    A batch of worlds, or of tables of conditionals, gives a batch of kernels. Raises InvalidInput where the kernel does
    not fit in memory or the denoiser does not suit the world.
    """
    states.require_memory((2 * world.d + 1) ** world.n * 2, f"reveal kernel for n = {world.n}, d = {world.d}")
    data = table_of(world)
    return kernel_of(conditionals(data, denoiser), data.n, data.d)


def conditionals(data: TableWorld, denoiser: Any = None) -> Conditionals:
    """Return a denoiser as probabilities, (*worlds, m, n, d) for m states; the world's own unless given.

    Where the world's own state is impossible they are uniform, whatever its `zero_rule`: the sweep lists all states.
    """
    if denoiser is None or denoiser is data:
        return lambda z: states.table_conditionals(data.table, z, data.d)
    source = for_world(denoiser, data)
    batch, rows = tuple(getattr(source, "worlds", ())), rows_of(source)
    count = math.prod(batch)

    def ask(z: Int[Tensor, "m n"]) -> Float[Tensor, "*worlds m n d"]:
        which = torch.arange(count).repeat_interleave(len(z))
        return rows(which, z.repeat(count, 1)).to(torch.float64).exp().reshape(*batch, *z.shape, data.d)

    return ask


def kernel_of(found: Conditionals, n: int, d: int) -> Kernel:
    """Return the reveal kernel of conditionals given as probabilities."""
    layers = []
    for m, (source, z, positions, target, revealed) in zip(range(n, 0, -1), _layout(n, d), strict=True):
        p = found(z)
        hidden = p.gather(-2, positions[..., None].expand(*p.shape[:-2], m, d))
        factors = torch.cat((hidden, hidden.new_ones(*hidden.shape[:-1], 1)), -1).unbind(-2)
        weight = factors[0]
        for factor in factors[1:]:
            weight = (weight[..., :, None] * factor[..., None, :]).flatten(-2)
        layers.append(Layer(m, source, target, revealed, weight[..., :-1]))
    return Kernel(n, d, tuple(layers))


def output_law(kernel: Kernel, rates: Float[Tensor, "*grids K counts counts"]) -> Float[Tensor, "*batch cells"]:
    """Return the exact output law; batches of worlds and of schedules broadcast against each other.

    Layers are swept once, from all masked to none: what a layer holds at all K times is known before
    anything leaves it, so each pair of states is visited once for all steps together.
    """
    n, d, count = kernel.n, kernel.d, rates.shape[-3]
    if rates.shape[-1] != n + 1:
        raise InvalidInput(f"rates for n = {rates.shape[-1] - 1}; expected the kernel's n = {n}")
    batch = np.broadcast_shapes(rates.shape[:-3], kernel.layers[0].weight.shape[:-2])
    rate = _last(rates.expand(*batch, *rates.shape[-3:]), 3)
    inflow = rate.new_zeros((d + 1) ** n, count + 1, math.prod(batch))
    inflow[-1, 0] = 1.0
    for layer in kernel.layers:
        held = _holding(inflow[layer.source], rate[:, layer.masks, 0])
        move = rate[:, layer.masks].movedim(1, 0)[layer.revealed]
        weight = _last(layer.weight.expand(*batch, *layer.weight.shape[-2:]), 2)
        _scatter(inflow, layer, held[:, :-1], weight, move)
    done = inflow[states.sequence_index(n, d)].sum(1)
    return done.movedim(-1, 0).reshape(*batch, d**n)


def block_costs(kernel: Kernel, table: Float[Tensor, "*worlds states"]) -> Float[Tensor, "*worlds counts counts"]:
    """Return the mean cost of a block, entry (m, a): m tokens masked, a uniformly random a of them drawn.

    The cost is E_q KL(q(x_A | z) || prod_i p(x_i | z)) over uniformly random revealed sets and blocks: the
    whole error of a denoiser, as far as samplers with random subsets are concerned.
    """
    n = kernel.n
    costs = table.new_zeros(*table.shape[:-1], n + 1, n + 1)
    for layer in kernel.layers:
        before = table[..., layer.source][..., None]
        after = table[..., layer.target]
        gain = torch.where(after > 0, after / torch.where(after > 0, before * layer.weight, 1.0), 1.0)
        total = torch.xlogy(after, gain).sum(-2)
        row = total.new_zeros(*total.shape[:-1], n + 1).index_add(-1, layer.revealed, total)
        pairs = math.comb(n, layer.masks) * row.new_tensor([max(1, math.comb(layer.masks, a)) for a in range(n + 1)])
        costs[..., layer.masks, :] = row / pairs
    return costs


@functools.lru_cache(maxsize=8)
def _layout(n: int, d: int) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor, Tensor], ...]:
    """Return for m = n..1: state indices, states, masked positions, successors' indices, revealed counts."""
    z = states.all_states(n, d)
    hidden = z == d
    counts = hidden.sum(-1)
    places = states.place_values(n, d)
    found = []
    for m in range(n, 0, -1):
        source = (counts == m).nonzero()[:, 0]
        positions = hidden[source].nonzero()[:, 1].reshape(-1, m)
        tokens = states.digits(torch.arange((d + 1) ** m - 1), m, d + 1)
        target = source[:, None] + places[positions] @ (tokens - d).T
        found.append((source, z[source], positions, target, (tokens != d).sum(-1)))
    return tuple(found)


def _last(values: Tensor, kept: int) -> Tensor:
    """Flatten all leading batch axes into one and move it last."""
    return values.reshape(-1, *values.shape[values.ndim - kept :]).movedim(0, -1)


def _holding(inflow: Float[Tensor, "s nodes B"], stay: Float[Tensor, "K B"]) -> Float[Tensor, "s nodes B"]:
    """Return what each state holds at times 0..K, given what flows in and the chance of revealing nothing."""
    first, *later = inflow.unbind(1)
    held = [first]
    for arriving, kept in zip(later, stay.unbind(0), strict=True):
        held.append(torch.addcmul(arriving, held[-1], kept))
    return torch.stack(held, 1)


def _scatter(inflow: Tensor, layer: Layer, held: Tensor, weight: Tensor, move: Tensor) -> None:
    """Add held * weight * move to the successors, in chunks that stay in cache."""
    rows = max(1, CHUNK // move.numel())
    for start in range(0, len(layer.source), rows):
        part = slice(start, start + rows)
        flow = held[part, None] * (weight[part, :, None] * move)
        inflow[:, 1:].index_add_(0, layer.target[part].flatten(), flow.flatten(0, 1))
