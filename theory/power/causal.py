"""Parallel chains of thought and masked diffusion inside each other (arXiv 2510.13117, Theorems 3.3 and 3.4).

A *parallel chain of thought* (pCoT) is a causal transformer that writes outputs / steps symbols in every step, from
left to right: the places still to be written hold blanks, and each place attends to itself and what is before it.

pCoT inside masked diffusion, whose attention is not masked: symbol (i, j) is a copy of symbol j that belongs to place
i, for j <= i, and attends to the copies of place j, which are the symbols up to j. By induction over the layers all
copies of j have the state that j has under causal attention.

Masked diffusion inside pCoT: a step appends one block of n + outputs symbols for each layer; block l attends, in layer
l, to all of block l - 1, which lies before it, and the last block is the string after the denoising step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.looped import Block, States, apply, layer
from theory.power.planners import MDM, View


@dataclass(frozen=True, eq=False)
class Model:
    """A transformer on n + outputs places: embeddings of the symbols 0..d-1 and of blank or mask, and a map to symbols.

    `pick` maps a state to a number; a planner picks the places where it is not negative.
    """

    block: Block
    embedding: Int[Tensor, "symbols_and_mask width"]
    positions: Int[Tensor, "places width"]
    readout: Int[Tensor, "width symbols"]
    pick: Int[Tensor, " width"]
    n: int

    @property
    def d(self) -> int:
        """Return how many symbols there are; the blank, or mask, is the next one."""
        return self.readout.shape[1]

    @property
    def places(self) -> int:
        """Return how many places there are."""
        return len(self.positions)

    @property
    def outputs(self) -> int:
        """Return how many output symbols there are."""
        return self.places - self.n

    def embed(self, symbols: Int[Tensor, "batch tokens"], places: Int[Tensor, " tokens"]) -> States:
        """Return the states before the first layer of symbols that stand at the given places."""
        return self.block.clamp(self.embedding[symbols] + self.positions[places])

    def symbols(self, states: States) -> Int[Tensor, "batch tokens"]:
        """Return the symbol of the largest entry of the map; the first of equal ones."""
        scores = states @ self.readout
        return (scores * self.d + torch.arange(self.d - 1, -1, -1)).argmax(-1)


def chain_of_thought(model: Model, words: Int[Tensor, "batch n"], steps: int) -> list[Int[Tensor, "batch places"]]:
    """Return the strings after every step of the pCoT that writes outputs / steps symbols a step."""
    block = _block_length(model, steps)
    string = torch.cat((words, words.new_full((len(words), model.outputs), model.d)), -1)
    every, after = torch.arange(model.places), []
    allowed = every <= every[:, None]
    for step in range(steps):
        symbols = model.symbols(apply(model.block, model.embed(string, every), allowed))
        new = (every >= model.n + step * block) & (every < model.n + (step + 1) * block)
        string = torch.where(new, symbols, string)
        after.append(string)
    return after


@dataclass(frozen=True, eq=False)
class Copies:
    """The symbols (owner, copied) for copied <= owner; with `own` a symbol attends to its owner's copies instead."""

    places: int
    own: bool = False

    @property
    def owner(self) -> Int[Tensor, " copies"]:
        """Return the place to which each copy belongs."""
        return torch.tril_indices(self.places, self.places)[0]

    @property
    def copied(self) -> Int[Tensor, " copies"]:
        """Return the place whose symbol each copy holds."""
        return torch.tril_indices(self.places, self.places)[1]

    @property
    def tokens(self) -> Int[Tensor, " tokens"]:
        """Return the place of the symbol that each token holds: the string itself, then the copies."""
        return torch.cat((torch.arange(self.places), self.copied))

    @property
    def allowed(self) -> Bool[Tensor, "tokens tokens"]:
        """Return what each token attends to: the copies that belong to its own symbol (or to its owner)."""
        target = torch.cat((torch.arange(self.places), self.owner)) if self.own else self.tokens
        keys = torch.cat((torch.full((self.places,), -1), self.owner))
        return target[:, None] == keys


def emulated(model: Model, string: Int[Tensor, "batch places"], own: bool = False) -> States:
    """Return the states of a string whose causal attention is emulated by copies of its prefixes."""
    copies = Copies(model.places, own)
    states = model.embed(string[:, copies.tokens], copies.tokens)
    return apply(model.block, states, copies.allowed)[:, : model.places]


def with_copies(model: Model, steps: int, square: bool = False, own: bool = False) -> MDM:
    """Return the write-once masked diffusion that makes the steps of the pCoT.

    It has (n + outputs)(n + outputs + 1) / 2 symbols for copies beside the outputs; `square` reserves (n + outputs)^2
    as printed, of which those with copied > owner stay masked.
    """
    block, copies = _block_length(model, steps), Copies(model.places, own)
    size = model.places**2 if square else len(copies.owner)
    held = copies.owner * model.places + copies.copied if square else torch.arange(size)
    at = torch.cat((torch.arange(model.places), model.places + held))  # where each token stands in the string
    written_in = 1 + (copies.tokens - model.n).clamp(min=0) // block
    written_in[: model.n] = 0  # the word is there from the start

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        picked = torch.zeros(string.shape[1], dtype=torch.bool)
        picked[at] = written_in == step
        return picked[model.n :].expand(len(string), -1)

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        main = view.whole[:, copies.tokens]  # a copy that is still masked fetches its symbol
        own_symbol = view.whole[:, at]
        content = torch.where(own_symbol == model.d, main, own_symbol)
        states = apply(model.block, model.embed(content, copies.tokens), copies.allowed)
        symbols = torch.where(content == model.d, model.symbols(states), content)
        return torch.zeros_like(view.whole).index_copy(1, at, symbols)[:, view.places]

    return MDM(model.n, model.outputs + size, model.d, planner, predictor)


def denoiser(model: Model) -> MDM:
    """Return the masked diffusion, with resampling, whose planner and predictor share the model's layers."""
    every = torch.arange(model.places)

    def states(string: Int[Tensor, "batch places"]) -> States:
        return apply(model.block, model.embed(string, every))

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        return (states(string) @ model.pick)[:, model.n :] >= 0

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        return model.symbols(states(view.whole))[:, view.places]

    return MDM(model.n, model.outputs, model.d, planner, predictor, resampling=True)


@dataclass(frozen=True, eq=False)
class Appended:
    """The strings after every denoising step, the symbols that the pCoT appended and the steps that it took."""

    strings: tuple[Int[Tensor, "batch places"], ...]
    symbols: int
    steps: int


def inside_chain(model: Model, words: Int[Tensor, "batch n"], steps: int, at_once: bool = True) -> Appended:
    """Return the pCoT that makes denoising steps: layers * (n + outputs) symbols each, appended behind the string.

    The prompt is the word with its masks. With `at_once` a denoising step is one step; otherwise each block is.
    """
    string = torch.cat((words, words.new_full((len(words), model.outputs), model.d)), -1)
    length, depth = model.places, model.block.layers
    place, number = torch.arange(length).repeat(depth + 1), torch.arange(depth + 1).repeat_interleave(length)
    strings, symbols = [], 0
    for _ in range(steps):
        states = model.embed(string.repeat(1, depth + 1), place)
        for index in range(depth):
            states = _one_layer(model.block, index, states, number)
        last = states[:, -length:]
        picked = (last @ model.pick >= 0) & (torch.arange(length) >= model.n)
        string = torch.where(picked, model.symbols(last), string)
        strings.append(string)
        symbols += depth * length
    return Appended(tuple(strings), symbols, steps if at_once else steps * depth)


def _one_layer(block: Block, index: int, states: States, number: Int[Tensor, " tokens"]) -> States:
    """Return the states after a layer in which block index + 1 takes the states before it and attends to all of them.

    All other tokens attend to themselves and keep their states. Attention is causal: no key lies behind its query.
    """
    active, every = number == index + 1, torch.arange(len(number))
    length = int(active.sum())
    allowed = torch.where(active[:, None], number == index, every == every[:, None])
    assert not bool((allowed & (every > every[:, None])).any()), "causal attention looks back only"
    before = torch.where(active[:, None], states.roll(length, 1), states)
    return torch.where(active[:, None], layer(block, index, before, states, allowed), states)


def _block_length(model: Model, steps: int) -> int:
    """Return how many symbols a pCoT writes in a step. Raises InvalidInput where steps do not divide the outputs."""
    if steps < 1 or model.outputs % steps:
        raise InvalidInput(
            f"{model.outputs} output symbols in {steps} steps; expected a number of steps that divides them"
        )
    return model.outputs // steps
