"""Semi-autoregressive decoding: any rule on one block of consecutive positions after the other, with an early stop.

LLaDA's released `generate.py` (read) divides what it generates into blocks and moves on when a block holds no more
masks; the denoiser sees the whole sequence, later blocks masked. The samplers of LLaDA-2 in `diffusers` (pipeline and
scheduler read) stop a sequence besides as soon as it holds an end mark with no mask before it; those of BD3-LM look
after each block whether it holds an end mark. What comes after the end mark is cut off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.unmasking.rules.base import Rule, SetRule, ValueRule, check_selection, checked_states
from theory.unmasking.rules.function import as_rule
from theory.unmasking.rules.tokens import DrawnFrom


def InBlocks(rule: Any, size: int, first: int = 0) -> SetsInBlocks | ValuesInBlocks:
    """Return a rule that works on the first block that still has masks, and on the masks of that block alone.

    Blocks are `size` consecutive positions, counted from position `first` on; positions before it (a prompt, as a rule
    without masks) are a block of their own that comes first. `rule` is anything that `as_rule` takes; a set rule gives
    a set rule, a value rule a value rule. Raises InvalidInput for a size below 1 and a negative `first`.
    """
    inner = as_rule(rule)
    return SetsInBlocks(inner, size, first) if isinstance(inner, SetRule) else ValuesInBlocks(inner, size, first)


@dataclass(frozen=True)
class SetsInBlocks(SetRule):
    """A set rule that is shown the masks of the first unfinished block only; see `InBlocks`, which makes it.

    The rule gets the log-conditionals themselves, no copy, and takes the positions of later blocks for revealed ones.
    """

    rule: SetRule
    size: int
    first: int = 0

    def __post_init__(self) -> None:
        _check(self.size, self.first)

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule and the blocks
        """Return the name in tables."""
        return _named(self.rule, self.size)

    def for_states(self, z: Int[Tensor, "batch n"]) -> SetRule:
        """Return the rule to ask at these states."""
        inner = self.rule.for_states(z)
        return self if inner is self.rule else dataclasses.replace(self, rule=inner)

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return what the rule chooses in the block. Raises InvalidInput where it chooses outside of it."""
        block = first_block(masked, self.size, self.first)
        return check_selection(self.rule.name, self.rule.select(log_p, block.clone(), generator), block)

    def choices(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Bool[Tensor, "batch c n"]]:
        """Return all sets that the rule may choose in the block, with their probabilities."""
        block = first_block(masked, self.size, self.first)
        weights, chosen = self.rule.choices(log_p, block.clone())
        row, choice = (weights > 0).nonzero(as_tuple=True)
        check_selection(self.rule.name, chosen[row, choice], block[row])
        return weights, chosen


@dataclass(frozen=True)
class ValuesInBlocks(ValueRule):
    """A value rule that is shown the masks of the first unfinished block only; see `InBlocks`, which makes it.

    The rule works on whole sequences in which the masks outside the block are hidden from it (it sees token 0 there),
    with a denoiser that puts them back. Rows that have the same masks outside their block are advanced together.
    """

    rule: ValueRule
    size: int
    first: int = 0

    def __post_init__(self) -> None:
        _check(self.size, self.first)

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule and the blocks
        """Return the name in tables."""
        return _named(self.rule, self.size)

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the rule's outcomes in the block; lines with fewer outcomes are filled up at probability 0."""
        parts = []
        for row, within, shown in self._groups(denoiser, z):
            weights, after, calls = self.rule.outcomes(within, shown)
            parts.append((row, weights, within.masked_again(after), calls))
        return _beside(z, parts)

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Take the rule's step in the block of each row; complete rows stay, at no call."""
        after, calls = z.clone(), torch.zeros(len(z), dtype=torch.long, device=z.device)
        for row, within, shown in self._groups(denoiser, z):
            stepped, spent = self.rule.step(within, shown, generator)
            after[row], calls[row] = within.masked_again(stepped), spent
        return after, calls

    def _groups(self, denoiser: Denoiser, z: Tensor) -> Iterator[tuple[Tensor, _Within, Int[Tensor, "r n"]]]:
        """Yield the numbers of the open rows with the same masks outside their block, and what the rule is shown."""
        masked = checked_states(denoiser, z) == denoiser.d
        block = first_block(masked, self.size, self.first)
        open_ = masked.any(-1).nonzero()[:, 0]
        outside, group = torch.unique((masked & ~block)[open_], dim=0, return_inverse=True)
        for number, hidden in enumerate(outside):
            row = open_[group == number]
            within = _Within(denoiser, hidden)
            yield row, within, torch.where(hidden, 0, z[row])


@dataclass(frozen=True)
class _Within:
    """The denoiser that a rule in a block asks: masks outside the block are put back before it answers."""

    denoiser: Denoiser
    outside: Bool[Tensor, "n"]

    @property
    def n(self) -> int | None:
        return self.denoiser.n

    @property
    def d(self) -> int:
        return self.denoiser.d

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        return self.denoiser(self.masked_again(z))

    def masked_again(self, z: Int[Tensor, "*batch n"]) -> Int[Tensor, "*batch n"]:
        return torch.where(self.outside, self.d, z)


@dataclass(frozen=True)
class StopAtEnd(ValueRule):
    """Any rule that stops where a sequence ends: all behind its end mark turns into end marks, at no call.

    `end` is the token of the end mark. It stops a sequence as soon as it is revealed with no mask before it, as the
    sampler of LLaDA-2 does; where `within` is given, only once its whole block of so many positions has no mask, as
    samplers do that look after each block. Positions before `first` (the prompt) stop nothing, and blocks are counted
    from there. Tokens behind the end mark are overwritten, revealed ones too, so that the output law has the end mark
    as padding: compare it with data that end so. A sequence that is at its end before a step costs no call. Raises
    InvalidInput for an end mark that is no token, a `within` below 1 and a negative `first`.
    """

    rule: Rule
    end: int
    within: int | None = None
    first: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", as_rule(self.rule))
        _check(1 if self.within is None else self.within, self.first)
        if self.end < 0:
            raise InvalidInput(f"end mark {self.end}; expected a token, 0 or more")

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule and the end mark
        """Return the name in tables."""
        return f"{self.rule.name}, stopped at {self.end}"

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the rule's outcomes, padded; a sequence at its end has one, at no call."""
        begun, open_ = self._begun(denoiser, z)
        row, rest = open_.nonzero()[:, 0], (~open_).nonzero()[:, 0]
        certain = torch.ones(len(rest), 1, dtype=torch.float64, device=z.device)
        parts = [(rest, certain, begun[rest][:, None], torch.zeros_like(certain, dtype=torch.long))]
        if len(row):
            weights, after, calls = self._drawing().outcomes(denoiser, begun[row])
            parts.append((row, weights, self.padded(after, denoiser.d), calls))
        return _beside(z, parts)

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Take the rule's step and pad; a sequence at its end is padded at no call."""
        after, open_ = self._begun(denoiser, z)
        calls = torch.zeros(len(z), dtype=torch.long, device=z.device)
        if bool(open_.any()):
            stepped, calls[open_] = self._drawing().step(denoiser, after[open_], generator)
            after[open_] = self.padded(stepped, denoiser.d)
        return after, calls

    def padded(self, z: Int[Tensor, "*batch n"], d: int) -> Int[Tensor, "*batch n"]:
        """Return the states with end marks behind the end mark that stops them; d is the mask."""
        position = torch.arange(z.shape[-1], device=z.device)
        unmasked = (z == d).cumsum(-1) == 0
        if self.within is not None:
            last = self.first + ((position - self.first) // self.within + 1) * self.within - 1
            unmasked = unmasked[..., last.clamp(max=z.shape[-1] - 1).clamp(min=0)]
        stops = (z == self.end) & unmasked & (position >= self.first)
        behind = stops.long().cumsum(-1) - stops.long() > 0
        return torch.where(behind, self.end, z)

    def _begun(self, denoiser: Denoiser, z: Tensor) -> tuple[Tensor, Tensor]:
        tokens = checked_states(denoiser, z)
        if self.end >= denoiser.d:
            raise InvalidInput(f"end mark {self.end} beside {denoiser.d} symbols; expected a token below {denoiser.d}")
        begun = self.padded(tokens, denoiser.d)
        return begun, (begun == denoiser.d).any(-1)

    def _drawing(self) -> ValueRule:
        return DrawnFrom(self.rule) if isinstance(self.rule, SetRule) else self.rule


def first_block(masked: Bool[Tensor, "batch n"], size: int, first: int = 0) -> Bool[Tensor, "batch n"]:
    """Return the masked positions of the first block that has any; what is before `first` is a block of its own."""
    n = masked.shape[-1]
    number = torch.div(torch.arange(n, device=masked.device) - first, size, rounding_mode="floor").clamp(min=-1)
    return masked & (number == torch.where(masked, number, n).amin(-1, keepdim=True))


def _beside(
    z: Int[Tensor, "batch n"], parts: list[tuple[Tensor, Tensor, Tensor, Tensor]]
) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
    """Return the outcomes of groups of rows in one table, lines filled up with the state itself at weight 0."""
    width = max((part[1].shape[1] for part in parts), default=0)
    weights = torch.zeros(len(z), width, dtype=torch.float64, device=z.device)
    states_after, spent = z[:, None].repeat(1, width, 1), torch.zeros(len(z), width, dtype=torch.long, device=z.device)
    for row, weight, after, calls in parts:
        c = weight.shape[1]
        weights[row, :c], states_after[row, :c], spent[row, :c] = weight.double(), after, calls
    return weights, states_after, spent


def _check(size: int, first: int) -> None:
    if size < 1 or first < 0:
        raise InvalidInput(f"blocks of {size} positions from position {first}; expected a size >= 1 from 0 or later on")


def _named(rule: Rule, size: int) -> str:
    return f"{rule.name}, in blocks of {size}"
