"""Exact output laws and path divergences of samplers that reveal a random subset of the masked tokens.

Both samplers of the theory are of one kind: at step k, with m masked tokens, every given subset of size a
is revealed with a probability `steps[k, m, a]` that depends on sizes only. Everything else about a
denoiser is its *reveal kernel*, W(z, x) = prod over revealed i of p(x_i | z), for all (2d + 1)^n pairs of
states z -> x; it is built once and serves every schedule.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.schedules import check_grid, step_reveal_probabilities
from theory.worlds import information, states

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


def per_token(grid: object, n: int) -> Float[Tensor, "*batch K counts counts"]:
    """Return the steps of the per-token sampler: r^a (1 - r)^(m - a), r_k the reveal probability of step k."""
    reveal = torch.from_numpy(step_reveal_probabilities(grid))[..., None, None]
    m = torch.arange(n + 1)[:, None]
    a = torch.arange(n + 1)
    return torch.where(a <= m, reveal**a * (1 - reveal) ** (m - a).clamp(min=0), 0.0)


def fixed_size(sizes: Sequence[float], n: int) -> Float[Tensor, "K counts counts"]:
    """Return the steps of the fixed-size sampler: a uniformly random subset of size s_k at step k."""
    sizes = check_sizes(sizes, n)
    steps = torch.zeros(len(sizes), n + 1, n + 1, dtype=torch.float64)
    left = n
    for k, size in enumerate(sizes):
        steps[k, left, size] = 1 / math.comb(left, size)
        left -= size
    return steps


def check_sizes(sizes: Sequence[float], n: int) -> list[int]:
    """Return the sizes as integers. Raises InvalidInput unless they are whole, nonnegative and sum to n."""
    try:
        found = [int(s) for s in sizes]
        whole = all(s == float(given) for s, given in zip(found, sizes, strict=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"sizes {sizes!r:.80}; expected nonnegative integers summing to n = {n}") from error
    if not found or not whole or min(found) < 0 or sum(found) != n:
        total = f"sum to {sum(float(s) for s in sizes):g}"
        raise InvalidInput(f"sizes {list(sizes)} {total}; expected nonnegative integers summing to n = {n}")
    return found


def reveal_kernel(conditionals: Conditionals, n: int, d: int) -> Kernel:
    """Return the reveal kernel of any denoiser given as probabilities, one call per number of masks."""
    states.require_memory((2 * d + 1) ** n * 2, f"reveal kernel for n = {n}, d = {d}")
    layers = []
    for m, (source, z, positions, target, revealed) in zip(range(n, 0, -1), _layout(n, d), strict=True):
        found = conditionals(z)
        hidden = found.gather(-2, positions[..., None].expand(*found.shape[:-2], m, d))
        factors = torch.cat((hidden, hidden.new_ones(*hidden.shape[:-1], 1)), -1).unbind(-2)
        weight = factors[0]
        for factor in factors[1:]:
            weight = (weight[..., :, None] * factor[..., None, :]).flatten(-2)
        layers.append(Layer(m, source, target, revealed, weight[..., :-1]))
    return Kernel(n, d, tuple(layers))


def table_kernel(law: Float[Tensor, "*worlds cells"], n: int, d: int) -> Kernel:
    """Return the reveal kernel of the exact conditionals of a law, or of a batch of laws."""
    table = states.marginal_table(law, n, d)
    return reveal_kernel(lambda z: states.table_conditionals(table, z, d), n, d)


def output_law(kernel: Kernel, steps: Float[Tensor, "*grids K counts counts"]) -> Float[Tensor, "*batch cells"]:
    """Return the exact output law; batches of worlds and of schedules broadcast against each other.

    Layers are swept once, from all masked to none: what a layer holds at all K times is known before
    anything leaves it, so each pair of states is visited once for all steps together.
    """
    n, d, count = kernel.n, kernel.d, steps.shape[-3]
    if steps.shape[-1] != n + 1:
        raise InvalidInput(f"steps for n = {steps.shape[-1] - 1}; expected the kernel's n = {n}")
    batch = np.broadcast_shapes(steps.shape[:-3], kernel.layers[0].weight.shape[:-2])
    rate = _last(steps.expand(*batch, *steps.shape[-3:]), 3)
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


def path_divergence(
    costs: Float[Tensor, "*worlds counts counts"], steps: Float[Tensor, "*grids K counts counts"]
) -> Float[Tensor, "*batch"]:
    """Return the path KL: block costs weighted with how often each (masked, revealed) pair occurs."""
    n = costs.shape[-1] - 1
    ways = costs.new_tensor([[math.comb(m, a) for a in range(n + 1)] for m in range(n + 1)])
    occupied = steps.new_zeros(*steps.shape[:-3], n + 1)
    occupied[..., n] = 1.0
    total = torch.zeros((), dtype=costs.dtype)
    for k in range(steps.shape[-3]):
        joint = occupied[..., None] * ways * steps[..., k, :, :]
        total = total + (joint * costs).sum((-1, -2))
        occupied = torch.stack([joint.diagonal(-left, -2, -1).sum(-1) for left in range(n + 1)], -1)
    return total


def mixed_divergence(law: Float[Tensor, "*worlds cells"], steps: Tensor, n: int, d: int) -> Float[Tensor, "*batch"]:
    """Return KL(mu || nu-bar) of the sampler with exact conditionals. Raises InvalidInput for a bad law."""
    states.check_law(law, n, d)
    return information.kullback_leibler(law, output_law(table_kernel(law, n, d), steps))


@dataclass(frozen=True)
class SizeMixture:
    """The output laws of all size vectors of K steps, empty ones allowed: every per-token law is a mixture of them."""

    sizes: Float[Tensor, "parts K"]
    ways: Float[Tensor, "parts"]
    outputs: Float[Tensor, "parts cells"]

    @classmethod
    def of(cls, kernel: Kernel, steps: int) -> SizeMixture:
        """Sweep the kernel of one world once for all size vectors."""
        parts = compositions(kernel.n, steps)
        outputs = output_law(kernel, torch.stack([fixed_size(s, kernel.n) for s in parts]))
        orders = [math.factorial(kernel.n) // math.prod(map(math.factorial, s)) for s in parts]
        return cls(torch.tensor(parts, dtype=torch.float64), outputs.new_tensor(orders), outputs)

    def output(self, grid: object) -> Float[Tensor, "*grids cells"]:
        """Return the per-token output law of one grid or a batch, the multinomial mean over size vectors."""
        widths = torch.from_numpy(check_grid(grid)).diff(dim=-1)
        return self.ways * (widths[..., None, :] ** self.sizes).prod(-1) @ self.outputs


def multinomial_mixture(law: Float[Tensor, "cells"], grid: object, n: int, d: int) -> Float[Tensor, "*grids cells"]:
    """Return the per-token output law as the multinomial mixture of fixed-size laws, for a batch of grids."""
    return SizeMixture.of(table_kernel(law, n, d), check_grid(grid).shape[-1] - 1).output(grid)


@functools.lru_cache(maxsize=64)
def compositions(n: int, parts: int) -> tuple[tuple[int, ...], ...]:
    """Return all vectors of `parts` nonnegative integers that sum to n."""
    if parts == 1:
        return ((n,),)
    return tuple((head, *tail) for head in range(n + 1) for tail in compositions(n - head, parts - 1))


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
