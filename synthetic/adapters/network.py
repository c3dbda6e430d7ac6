"""Any network of token ids as a denoiser: restricted to the allowed tokens, renormalised, and checked.

A masked language model gives logits over all its ids at every place. Its denoiser is their softmax over the allowed
tokens. How much probability lay elsewhere, on the mask and on forbidden tokens, is measured: `outside` says so for any
states, and the first answers warn where it exceeds `TOLERATED`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthetic.adapters.vocabulary import Vocabulary
from synthetic.devices import wide_products
from theory.errors import InvalidInput, unknown
from theory.worlds.states import check_states

Outputs = Literal["logits", "scores"]
"""Logits of the token at a place, or scores: the probability ratios of writing each token over leaving the mask."""

Noise = Callable[[Float[Tensor, " batch"]], Tensor]
"""The share of masked tokens of each state to what a network is told of the noise."""

TOLERATED = 0.01
"""The mean probability outside the allowed tokens, at masked places, above which a warning is given."""
FILLING = 2**22
"""Numbers that a network returns in one call; more states are asked about in parts."""
WRITTEN_OUT = 512
"""The longest input whose attention a CPU writes out, to multiply as in `wide_products`.

With eight heads its table of weights is then 8 MB for a sequence, about what a processor caches: a choice, not a
measured optimum.
"""


class OutsideMass(UserWarning):
    """A network gives tokens that are not allowed more than `TOLERATED` of the probability."""


@dataclass(eq=False)
class NetworkDenoiser:
    """A network of ids as a denoiser over d tokens, the mask last, for sequences of n tokens or of any length.

    `network` takes ids (batch, places), and with `noise` a second argument, and returns an array, or an object with
    `logits`, of shape (batch, places, ids). With `shifted` its answer at a place is about the next one, as in models
    that were trained from left to right: the vocabulary then has a mark before the sequence. Probabilities are
    normalised in float64, whatever the network computes in. `longest` is the most tokens that it takes. Raises
    InvalidInput for a shifted model without a mark, and where n is beyond `longest`.
    """

    network: Callable[..., Any]
    vocabulary: Vocabulary
    n: int | None = None
    shifted: bool = False
    outputs: Outputs = "logits"
    noise: Noise | None = None
    batch: int | None = None
    name: str = "network"
    longest: int | None = None
    _seen: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self.shifted and not self.vocabulary.before:
            raise InvalidInput("a shifted model answers about the next place; expected a mark before the sequence")
        if self.outputs not in get_args(Outputs):
            raise unknown("kind of outputs", self.outputs, get_args(Outputs))
        if self.n is not None:
            self._check_length(self.n)

    @property
    def d(self) -> int:
        """Return the number of allowed tokens; d itself is the mask."""
        return self.vocabulary.d

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return ln p(x_i = v | z) over the allowed tokens, in float64 on the device of the states.

        Raises InvalidInput for states of another length or with tokens outside 0..d, for answers of another shape, and
        for logits that are NaN at a masked place, naming the first.
        """
        tokens = self._checked(z)
        answers = [self._log_p(part) for part in self._parts(tokens)]
        return torch.cat(answers) if answers else torch.zeros(*z.shape, self.d, dtype=torch.float64, device=z.device)

    @torch.no_grad()
    def outside(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
        """Return the probability of all ids that are not allowed, at every place; 0 for scores."""
        tokens = self._checked(z)
        masses = [self._outside(self._answer(part)) for part in self._parts(tokens)]
        return torch.cat(masses) if masses else torch.zeros(z.shape, dtype=torch.float64)

    def _checked(self, z: Tensor) -> Tensor:
        self._check_length(z.shape[-1])
        return check_states(z, self.n or z.shape[-1], self.d)

    def _check_length(self, n: int) -> None:
        if self.longest is not None and n > self.longest:
            raise InvalidInput(f"{n} tokens for {self.name}; it takes at most {self.longest} beside its marks")

    def _parts(self, z: Tensor) -> list[Tensor]:
        size = self.batch or max(1, FILLING // (z.shape[-1] * (self.vocabulary.largest + 1)))
        return list(torch.split(z, size)) if len(z) else []

    @torch.no_grad()
    def _log_p(self, z: Tensor) -> Tensor:
        answer, hidden = self._answer(z), z == self.d
        allowed = torch.tensor(self.vocabulary.allowed, device=z.device)
        if not self._seen and self.outputs == "logits" and bool(hidden.any()):
            self._warn(float(self._outside(answer)[hidden].mean()))
        rows = answer[..., allowed].double()
        self._check(rows, hidden)
        if self.outputs == "scores":
            rows = rows.log()
        return torch.where(hidden[..., None], rows.log_softmax(-1), self._revealed(z))

    def _revealed(self, z: Tensor) -> Tensor:
        """Return rows that are certain of the token shown; those of masked places are not used."""
        shown = z.clamp(max=self.d - 1)
        return torch.full((*z.shape, self.d), -torch.inf, dtype=torch.float64, device=z.device).scatter_(
            -1, shown[..., None], 0.0
        )

    def _answer(self, z: Tensor) -> Tensor:
        ids = self.vocabulary.ids(z)
        more = () if self.noise is None else (self.noise((z == self.d).double().mean(-1)),)
        with wide_products(ids, weights(self.network, ids)):
            answer = self.network(ids, *more)
        logits = torch.as_tensor(getattr(answer, "logits", answer)).to(z.device)
        if logits.ndim != 3 or logits.shape[:2] != ids.shape or logits.shape[2] <= max(self.vocabulary.allowed):
            raise InvalidInput(
                f"{self.name} returned {tuple(logits.shape)} for ids {tuple(ids.shape)}; expected (batch, places, ids) "
                f"with more than {max(self.vocabulary.allowed)} ids"
            )
        first = len(self.vocabulary.before) - self.shifted
        return logits[:, first : first + z.shape[1]]

    def _outside(self, answer: Tensor) -> Tensor:
        if self.outputs == "scores":
            return torch.zeros(answer.shape[:2], dtype=torch.float64, device=answer.device)
        allowed = torch.tensor(self.vocabulary.allowed, device=answer.device)
        return 1 - answer.double().softmax(-1)[..., allowed].sum(-1)

    def _check(self, rows: Tensor, hidden: Tensor) -> None:
        wrong = rows.isnan().any(-1) | (rows == torch.inf).any(-1)
        if self.outputs == "scores":
            wrong |= (rows < 0).any(-1) | (rows.sum(-1) == 0)
        if bool((wrong & hidden).any()):
            state, place = (wrong & hidden).nonzero()[0].tolist()
            kind = "NaN or infinite" if self.outputs == "logits" else "NaN, negative or all zero"
            raise InvalidInput(f"{self.name}: {self.outputs} of state {state}, position {place} are {kind}")

    def _warn(self, mass: float) -> None:
        self._seen = True
        if mass > TOLERATED:
            said = f"{self.name} gives {mass:.1%} of the probability at masked places to tokens that are not allowed"
            warnings.warn(f"{said}; it is left out and the rest renormalised", OutsideMass, stacklevel=4)


def weights(network: object, ids: Tensor) -> int:
    """Return how many weights a network has; 0 where it is no module, or its attention written out would be large."""
    if ids.shape[1] > WRITTEN_OUT or not isinstance(network, torch.nn.Module):
        return 0
    return sum(parameter.numel() for parameter in network.parameters())
