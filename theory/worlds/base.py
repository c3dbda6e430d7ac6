"""World: a data law with exact conditionals, and the law that is left once some tokens are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.showing import Shown
from theory.worlds import information, states
from theory.worlds.curves import SampledCurve, sampled_curve
from theory.worlds.states import ZeroRule


class World(Shown, ABC):
    """A law q on sequences of n tokens from 0..d-1.

    A world is its own oracle denoiser: called with states it returns their exact log-conditionals. States of
    probability zero follow one rule: uniform conditionals at masked positions, or an error with `zero_rule="raise"`.
    Revealed positions always carry a point mass on their token. Entropies are in nats.
    """

    name: str
    n: int
    d: int
    zero_rule: ZeroRule = "uniform"
    _one_line = True

    @property
    def worlds(self) -> tuple[int, ...]:
        """Return the shape of the batch, () for one law; only tables hold several."""
        return ()

    @abstractmethod
    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw sequences from q."""

    @abstractmethod
    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(z_UM), the log-probability of the revealed part; -inf where it is impossible."""

    @abstractmethod
    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return q(x_i = v | z_UM) at every position."""

    @abstractmethod
    def entropy(self) -> float | Tensor | None:
        """Return H(X), or None where no closed form is known; a batch of laws has a tensor of them."""

    def log_prob(self, x: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(x) of complete sequences. Raises InvalidInput for a masked token."""
        if bool((x == self.d).any()):
            raise InvalidInput("log_prob takes complete sequences; for masked states use log_marginal")
        return self.log_marginal(x)

    def __call__(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*worlds_and_batch n d"]:
        """Return the log-conditionals: a world is a denoiser. A batch of laws puts its own axes first."""
        return self.conditionals(z).log()

    def rows(self, which: Int[Tensor, "r"], z: Int[Tensor, "r n"]) -> Float[Tensor, "r n d"]:
        """Return the log-conditionals of states; `which` numbers each row's world in a batch and is 0 for one law."""
        return self(z)

    def law(self) -> Float[Tensor, "*worlds cells"]:
        """Return all d^n probabilities. Raises InvalidInput when they do not fit in memory."""
        states.require_memory(self.d**self.n * self.n, f"law of {self.name} (n = {self.n}, d = {self.d})")
        return self.log_marginal(states.all_sequences(self.n, self.d)).exp()

    def given(self, state: Sequence[int] | Int[Tensor, "n"]) -> World:
        """Return the law conditioned on the revealed tokens of a state, still over all n positions.

        Raises InvalidInput for a state of probability zero.
        """
        return Conditioned(self, self._one_state(state))

    def set_entropies(self) -> Float[Tensor, "*worlds sets"]:
        """Return H(X_S) of all 2^n revealed sets, in the order of `information.set_entropies`."""
        table = states.marginal_table(self.law(), self.n, self.d)
        return information.set_entropies(table, self.n, self.d)

    def information_curve(self) -> Float[Tensor, "*worlds n"]:
        """Return Z_1..Z_n: Z_j is the mean of I(X_i; X_S) over tokens i and sets S of j - 1 other tokens."""
        return information.information_curve(information.mean_entropies(self.set_entropies()))

    def sampled_information_curve(self, samples: int, generator: Generator | None = None) -> SampledCurve:
        """Estimate the information curve from drawn sequences and exact conditionals, with standard errors."""
        return sampled_curve(self, samples, generator)

    def total_correlation(self) -> float | Tensor:
        """Return TC = sum_i H(X_i) - H(X)."""
        return number(information.total_correlation(self.law(), self.n, self.d))

    def dual_total_correlation(self) -> float | Tensor:
        """Return DTC = H(X) - sum_i H(X_i | all others)."""
        return number(information.dual_total_correlation(self.law(), self.n, self.d))

    def _check(self, z: Tensor) -> tuple[Int[Tensor, "m n"], tuple[int, ...]]:
        tokens = states.check_states(z, self.n, self.d)
        return tokens.reshape(-1, self.n), tuple(tokens.shape[:-1])

    def _one_state(self, state: Sequence[int] | Tensor) -> Int[Tensor, "n"]:
        z = states.check_states(torch.as_tensor(state), self.n, self.d)
        if z.ndim != 1:
            raise InvalidInput(f"state of shape {tuple(z.shape)}; expected one state of n = {self.n} tokens")
        return z

    def _facts(self) -> dict[str, object]:
        entropy = None if self.worlds else self.entropy()
        size = {"worlds": "x".join(map(str, self.worlds))} if self.worlds else {}
        return {**size, "n": self.n, "d": self.d, **({} if entropy is None else {"entropy (nats)": entropy})}


class Conditioned(World):
    """Any world given some revealed tokens: its own conditionals at the states that show those tokens too."""

    def __init__(self, world: World, state: Int[Tensor, "n"]) -> None:
        self.world, self.state = world, state
        self.n, self.d, self.zero_rule = world.n, world.d, world.zero_rule
        shown = (state != world.d).sum()
        self.name = f"{world.name} given {int(shown)} of {world.n} tokens"
        self._log_evidence = float(world.log_marginal(state))
        if self._log_evidence == -torch.inf:
            raise InvalidInput(f"state {state.tolist()} has probability zero under {world.name}; give a possible one")

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw the masked tokens one after the other from their conditionals."""
        x = self.state.repeat(count, 1)
        for i in (self.state == self.d).nonzero()[:, 0].tolist():
            ends = self.world.conditionals(x)[:, i].cumsum(-1)
            u = torch.rand(count, 1, dtype=torch.float64, generator=generator) * ends[:, -1:]
            x[:, i] = (ends < u).sum(-1).clamp(max=self.d - 1)
        return x

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(z_UM | the given tokens); -inf where z contradicts them."""
        tokens, batch = self._check(z)
        joined, contradicts = self._joined(tokens)
        found = self.world.log_marginal(joined) - self._log_evidence
        return found.masked_fill(contradicts, -torch.inf).reshape(batch)

    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return the world's conditionals where the given tokens are shown as well."""
        tokens, batch = self._check(z)
        joined, contradicts = self._joined(tokens)
        found = self.world.conditionals(joined)
        possible = (~contradicts & (self.world.log_marginal(joined) > -torch.inf)).double()
        return states.finish_conditionals(found, possible, tokens, self.d, self.zero_rule).reshape(
            *batch, self.n, self.d
        )

    def entropy(self) -> float | None:
        """Return None: no closed form is known in general."""
        return None

    def _joined(self, z: Int[Tensor, "m n"]) -> tuple[Int[Tensor, "m n"], Tensor]:
        given, shown = self.state != self.d, z != self.d
        return torch.where(given, self.state, z), (given & shown & (z != self.state)).any(-1)


def number(value: Tensor) -> float | Tensor:
    """Return a tensor of one number as a float; a batch of them, or one with a gradient to come, as it is."""
    return value if value.ndim or value.requires_grad else float(value)


def draw_cells(law: Float[Tensor, "cells"], count: int, generator: Generator | None) -> Int[Tensor, "count"]:
    """Draw indices by inverting the cumulative law."""
    cumulative = law.cumsum(0)
    u = torch.rand(count, dtype=torch.float64, generator=generator) * cumulative[-1]
    return torch.searchsorted(cumulative, u, right=True).clamp(max=len(law) - 1)
