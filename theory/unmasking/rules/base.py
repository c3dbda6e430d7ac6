"""What an unmasking rule is, what it must declare, and what a selection must satisfy.

A *set rule* sees the denoiser's conditionals and the masked positions and names the positions revealed
next; the tokens are then drawn independently. That is the family phi of Ben-Hamu et al. (arXiv 2505.24857,
section 5): blind to hidden and to just-drawn values. A *value rule* looks at drawn tokens before it
decides; the theorems do not cover it, and its law is computed all the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser, check_conditionals
from theory.errors import InvalidInput
from theory.worlds import states


class SetRule(ABC):
    """A rule of the theorems' family: one denoiser call a step, value-free.

    `name` is what tables print. `choices` lists the sets that a stochastic rule may pick; a deterministic
    rule has one.
    """

    name: str
    value_free = True

    def for_states(self, z: Int[Tensor, "batch n"]) -> SetRule:
        """Return the rule to ask at these states: itself, unless the rule is a table over states."""
        return self

    @abstractmethod
    def select(
        self,
        log_p: Float[Tensor, "batch n d"],
        masked: Bool[Tensor, "batch n"],
        generator: Generator | None = None,
    ) -> Bool[Tensor, "batch n"]:
        """Return the positions to reveal, a nonempty subset of the (permitted) masked ones in every row."""

    def choices(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Bool[Tensor, "batch c n"]]:
        """Return all sets the rule may pick with their probabilities."""
        weight = torch.ones(len(masked), 1, dtype=torch.float64, device=masked.device)
        return weight, self.select(log_p, masked)[:, None]


class ValueRule(ABC):
    """A rule that looks at drawn tokens: outside the theorems, exact law by listing its outcomes."""

    name: str
    value_free = False

    @abstractmethod
    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return for each state the next states with their probabilities and the denoiser calls spent."""

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw one of the outcomes: the next states and the calls spent; complete rows stay, at no call."""
        open_ = (checked_states(denoiser, z) == denoiser.d).any(-1)
        after, spent = z.clone(), torch.zeros(len(z), dtype=torch.long, device=z.device)
        if bool(open_.any()):
            weights, found, calls = self.outcomes(denoiser, z[open_])
            pick = torch.multinomial(weights, 1, generator=generator)[:, 0]
            rows = torch.arange(len(found), device=z.device)
            after[open_], spent[open_] = found[rows, pick], calls[rows, pick]
        return after, spent


Rule = SetRule | ValueRule


def ask(denoiser: Denoiser, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
    """Return a denoiser's log-conditionals, states and answer checked.

    Raises InvalidInput for states of another type than int64, of a wrong length or with foreign tokens, and for an
    answer that is no normalised log-probabilities of shape (batch, n, d).
    """
    tokens = checked_states(denoiser, z)
    return check_conditionals(denoiser(tokens), tokens, denoiser.d)


def checked_states(denoiser: Denoiser, z: Int[Tensor, "batch n"]) -> Int[Tensor, "batch n"]:
    """Return states that a denoiser can be asked about. Raises InvalidInput for others."""
    d = getattr(denoiser, "d", None)
    if d is None:
        who = getattr(denoiser, "__name__", type(denoiser).__name__)
        raise InvalidInput(
            f"{who!r} does not say d, its number of symbols; wrap it: theory.denoisers.denoiser(f, d=...)"
        )
    if not isinstance(z, Tensor) or z.ndim != 2:
        shape = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
        raise InvalidInput(f"states of shape {shape}; expected a tensor of shape (batch, n)")
    return states.check_states(z, getattr(denoiser, "n", None) or z.shape[-1], d)


def draw_candidates(
    log_p: Float[Tensor, "batch n d"], z: Int[Tensor, "batch n"], generator: Generator | None = None
) -> Int[Tensor, "batch n"]:
    """Return a token drawn at every masked position, and the tokens that are there."""
    d = log_p.shape[-1]
    weights = torch.where((z == d)[..., None], log_p, 0.0).exp().reshape(-1, d)
    y = torch.multinomial(weights, 1, generator=generator).reshape(z.shape)
    return torch.where(z == d, y, z)


def check_selection(
    name: str, chosen: Tensor, masked: Bool[Tensor, "batch n"], z: Int[Tensor, "batch n"] | None = None
) -> Bool[Tensor, "batch n"]:
    """Return the selection; InvalidInput naming rule, state (where given) and positions when it is not allowed."""
    if chosen.shape != masked.shape or chosen.dtype != torch.bool:
        raise InvalidInput(
            f"rule {name!r} returned {chosen.dtype} of shape {tuple(chosen.shape)}; "
            f"expected bool of shape {tuple(masked.shape)}"
        )
    wrong = chosen & ~masked
    if bool(wrong.any()):
        row, position = wrong.nonzero()[0].tolist()
        raise InvalidInput(
            f"rule {name!r}{_at(z, row)} reveals position {position}, which is not masked or not permitted, where only "
            f"{masked[row].nonzero()[:, 0].tolist()} are; return a subset of the masked positions"
        )
    empty = ~chosen.any(-1) & masked.any(-1)
    if bool(empty.any()):
        row = int(empty.nonzero()[0, 0])
        raise InvalidInput(
            f"rule {name!r}{_at(z, row)} reveals nothing where positions "
            f"{masked[row].nonzero()[:, 0].tolist()} are masked; reveal at least one"
        )
    return chosen


def _at(z: Tensor | None, row: int) -> str:
    return "" if z is None else f" at state {z[row].tolist()}"
