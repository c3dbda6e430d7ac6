"""Padded looped transformers of constant precision inside masked diffusion (arXiv 2510.13117, Theorem 3.1).

Coordinates are whole numbers of `bits` bits in two's complement, weights are whole numbers, and so is all arithmetic:
linear maps are shifted down, and attention weighs a value by 2^score, scores counted down from RANGE at the largest and
zero below; the weighted mean is rounded down. No result depends on the order of a sum, so that two ways to compute the
same state agree bit for bit.

A looped transformer applies one block to the residual stream of n input and `padding` blank symbols, T times. Masked
diffusion holds every coordinate in a symbol of its own and rewrites them all in every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.planners import MDM, View

RANGE = 8
"""Attention weights go from 2^RANGE at the largest score down to 1, and are zero below."""

States = Int[Tensor, "batch places width"]


@dataclass(frozen=True, eq=False)
class Block:
    """Layers of attention and a feed-forward map. `attention[l]` maps to queries, keys and values, and back."""

    attention: Int[Tensor, "layers 4 width width"]
    up: Int[Tensor, "layers width hidden"]
    down: Int[Tensor, "layers hidden width"]
    bits: int = 4

    @property
    def layers(self) -> int:
        """Return how many layers there are."""
        return len(self.up)

    @property
    def width(self) -> int:
        """Return how many coordinates a state has."""
        return self.up.shape[1]

    def clamp(self, values: Int[Tensor, "*any"]) -> Int[Tensor, "*any"]:
        """Return the nearest numbers of `bits` bits."""
        return values.clamp(-(1 << self.bits - 1), (1 << self.bits - 1) - 1)


def block_from(weights: Sequence[int], layers: int, width: int, hidden: int, bits: int = 4) -> Block:
    """Return a block with the given whole weights: for each layer four square maps, then the maps up and down."""
    maps, feed = 4 * width * width, width * hidden
    if len(weights) != layers * (maps + 2 * feed):
        raise InvalidInput(
            f"{len(weights)} weights; expected {layers * (maps + 2 * feed)} for {layers} layers of width {width} and "
            f"{hidden} hidden units"
        )
    table = torch.tensor(list(weights), dtype=torch.int64).reshape(layers, -1)
    return Block(
        table[:, :maps].reshape(layers, 4, width, width),
        table[:, maps : maps + feed].reshape(layers, width, hidden),
        table[:, maps + feed :].reshape(layers, hidden, width),
        bits,
    )


def layer(
    block: Block,
    index: int,
    states: Int[Tensor, "batch queries width"],
    sources: Int[Tensor, "batch keys width"],
    allowed: Bool[Tensor, "queries keys"] | None = None,
) -> Int[Tensor, "batch queries width"]:
    """Return the states after one layer whose queries attend to the allowed sources, all of them without `allowed`.

    Raises InvalidInput where a query may attend to nothing.
    """
    if allowed is not None and not bool(allowed.any(-1).all()):
        raise InvalidInput(
            f"query {int((~allowed.any(-1)).nonzero()[0, 0])} attends to nothing; expected one allowed source at least"
        )
    query, key, value, output = block.attention[index]
    scores = (_map(block, states, query) @ _map(block, sources, key).mT) >> _shift(block.width)
    if allowed is not None:
        scores = torch.where(allowed, scores, -(1 << 40))
    scores = scores - scores.amax(-1, keepdim=True) + RANGE
    weights = torch.where(scores >= 0, 1 << scores.clamp(min=0), 0)
    values = weights @ _map(block, sources, value)
    mean = values.div(weights.sum(-1, keepdim=True), rounding_mode="floor")
    states = block.clamp(states + _map(block, mean, output))
    hidden = block.clamp((states @ block.up[index] >> _shift(block.width)).clamp(min=0))
    return block.clamp(states + _map(block, hidden, block.down[index]))


def apply(block: Block, states: States, allowed: Bool[Tensor, "places places"] | None = None) -> States:
    """Return the states after all layers of a block, each attending to the layer before."""
    for index in range(block.layers):
        states = layer(block, index, states, states, allowed)
    return states


@dataclass(frozen=True, eq=False)
class Looped:
    """A padded looped transformer: one block, an embedding with a row for each letter and a last one for blanks.

    `positions` are the encodings of the n + padding places, supplied from outside; every loop adds them anew.
    """

    block: Block
    embedding: Int[Tensor, "letters_and_blank width"]
    positions: Int[Tensor, "places width"]
    n: int

    @property
    def letters(self) -> int:
        """Return how many letters there are."""
        return len(self.embedding) - 1

    @property
    def places(self) -> int:
        """Return how many places there are, blanks included."""
        return len(self.positions)

    def start(self, words: Int[Tensor, "batch n"]) -> States:
        """Return the embedded word and blanks."""
        blanks = words.new_full((len(words), self.places - self.n), self.letters)
        return self.block.clamp(self.embedding[torch.cat((words, blanks), -1)])

    def loop(self, states: States) -> States:
        """Return the states after one more application of the block."""
        return apply(self.block, self.block.clamp(states + self.positions))


def loops(machine: Looped, words: Int[Tensor, "batch n"], count: int) -> list[States]:
    """Return the states after every loop, by direct computation."""
    states, after = machine.start(words), []
    for _ in range(count):
        states = machine.loop(states)
        after.append(states)
    return after


def as_masked_diffusion(machine: Looped, steps: int, resampling: bool = True) -> MDM:
    """Return the masked diffusion that makes one loop a step: a coordinate is a symbol, its value moved to 0..2^bits-1.

    With resampling all places * width symbols are rewritten in every step. Without it each step writes symbols of its
    own, `steps` times as many.
    """
    size, width = machine.places * machine.block.width, machine.block.width
    outputs, low = size if resampling else steps * size, 1 << machine.block.bits - 1

    def region(step: int) -> int:
        return 0 if resampling else (step - 1) * size

    def planner(string: Int[Tensor, "batch symbols"], step: int) -> Bool[Tensor, "batch outputs"]:
        place = torch.arange(outputs) - region(step)
        return ((place >= 0) & (place < size)).expand(len(string), -1)

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        if view.step == 1:
            states = machine.start(view.whole[:, : machine.n])
        else:  # coordinate c of place i is symbol i * width + c of the region: division and modulo supply addresses
            place, coordinate = torch.arange(machine.places)[:, None], torch.arange(width)
            addresses = machine.n + region(view.step - 1) + place * width + coordinate
            states = view.whole[:, addresses] - low
        symbols = (view.places - machine.n) % size
        return machine.loop(states)[:, symbols // width, symbols % width] + low

    return MDM(machine.n, outputs, max(2 * low, machine.letters), planner, predictor, resampling=resampling)


def coordinates(machine: Looped, string: Int[Tensor, "batch symbols"], region: int = 0) -> States:
    """Return the states that a string of `as_masked_diffusion` holds, in the region of a step counted from 0."""
    size = machine.places * machine.block.width
    held = string[:, machine.n + region * size : machine.n + (region + 1) * size]
    return held.reshape(len(string), machine.places, machine.block.width) - (1 << machine.block.bits - 1)


def _map(block: Block, states: Int[Tensor, "*any inner"], weights: Int[Tensor, "inner outer"]) -> Tensor:
    """Return the states mapped, shifted down to about their own size and clamped."""
    return block.clamp(states @ weights >> _shift(len(weights)))


def _shift(terms: int) -> int:
    """Return by how many bits a sum of so many products is shifted down: those of its root mean square factor."""
    return 1 + terms.bit_length() // 2
