"""Info-Gain: choose the action whose tokens cost little entropy and leave little behind, by looking one step ahead.

Yang et al., arXiv 2602.18176. An action reveals one position with one token. Its cost is the entropy
H_l(z) of that position; its information gain is the fall of a potential of the remaining ones. Forms of
the objective J = gain - cost, all entropies in nats, potential 0 for complete states:

    mean        potential = mean entropy of the masked positions (the paper)
    sum         potential = sum of their entropies (P2 of the digest: calibrated at independence)
    look-ahead  J = gain alone, with the mean (LookUM in the paper's code)

The winner's look-ahead logits serve as the next state's, so a step costs one batched denoiser call, as many
sequences wide as it has distinct candidates; `calls` counts batched calls, not sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput, unknown
from theory.unmasking.rules.base import Denoise, ValueRule, check_conditionals
from theory.unmasking.rules.proxies import ProxyName, proxy, token_entropy, trusted_first

Form = Literal["mean", "sum", "look-ahead"]
Tokens = Literal["argmax", "drawn"]

TIE = 1e-9
"""Objectives that differ by less than about this count as equal."""


@dataclass(frozen=True)
class InfoGain(ValueRule):
    """Every masked position is a candidate; the best objective is revealed, ties to the smaller index.

    "argmax" tokens (temperature 0): the position is judged with its most probable token, which it then gets.
    "drawn": it is judged by the expected objective over its tokens, and the token is drawn after the choice,
    a position rule blind to drawn values, so with exact conditionals its output law is the data law.
    """

    form: Form = "mean"
    tokens: Tokens = "argmax"

    def __post_init__(self) -> None:
        check_form(self.form)
        if self.tokens not in get_args(Tokens):
            raise unknown("kind of tokens", self.tokens, get_args(Tokens))

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"Info-Gain {self.form}, {self.tokens}"

    def scores(
        self, denoise: Denoise, z: Int[Tensor, "batch n"], d: int, log_p: Float[Tensor, "batch n d"]
    ) -> Float[Tensor, "batch n"]:
        """Return the objective of every position; what is revealed already gets -inf."""
        hidden = z == d
        if self.tokens == "argmax":
            position = each_position(z)
            found = objective(denoise, z, position, likely(log_p), d, self.form, log_p)
        else:
            position, token = _each_action(z, d)
            every = objective(denoise, z, position, token, d, self.form, log_p).reshape(log_p.shape)
            found = torch.where(log_p > -torch.inf, log_p.exp() * every, 0.0).sum(-1)
        return torch.where(hidden, found, -torch.inf)

    def outcomes(
        self, denoise: Denoise, z: Int[Tensor, "batch n"], d: int
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the next states: one with argmax tokens, d of them with drawn ones."""
        log_p = check_conditionals(denoise(z), z, d)
        chosen = trusted_first((-self.scores(denoise, z, d, log_p) / TIE).round(), z == d)[:, :1]
        own = log_p.gather(1, chosen[..., None].expand(-1, -1, d))[:, 0]
        if self.tokens == "argmax":
            weights, token = torch.ones_like(own[:, :1]), likely(own)[:, None]
        else:
            weights, token = own.exp(), torch.arange(d, device=z.device).expand(len(z), d)
        after = revealed(z, chosen.expand(token.shape), token, d)
        return weights, after, torch.ones_like(token)

    def step(
        self, denoise: Denoise, z: Int[Tensor, "batch n"], d: int, generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Return the next states and the batched calls; complete rows stay, at no call."""
        return _drawn_outcome(self, denoise, z, d, generator)


@dataclass(frozen=True)
class SampledInfoGain(ValueRule):
    """N candidate actions are drawn, position by softmax(trust / tau_position), token by p^(1 / tau_token); best wins.

    Ties go to the candidate drawn first. With `greedy` candidate 0 is the most trusted position with its most
    probable token, and N - 1 are drawn. Trust is minus the error proxy `by`. N = 1 without `greedy` and with
    tau_token = 1 draws from the conditionals; N >= 2 does not (P6 of the digest).
    """

    count: int = 8
    form: Form = "mean"
    tau_position: float = 0.1
    tau_token: float = 1.0
    by: ProxyName = "entropy"
    greedy: bool = False

    def __post_init__(self) -> None:
        check_form(self.form)
        proxy(self.by)
        if self.count < 1:
            raise InvalidInput(f"{self.count} candidates; expected N >= 1")
        for label, tau in (("position", self.tau_position), ("token", self.tau_token)):
            if not tau > 0:
                raise InvalidInput(f"{label} temperature {tau}; expected > 0: for 0 use InfoGain, tokens='argmax'")

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        extra = ", with the greedy one" if self.greedy else ""
        return f"Info-Gain {self.form}, N = {self.count}{extra}"

    def proposal(
        self, log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"]
    ) -> Float[Tensor, "batch actions"]:
        """Return the probability of each of the n d actions, listed position by position."""
        trust = torch.where(hidden, -proxy(self.by)(log_p) / self.tau_position, -torch.inf)
        token = torch.where(hidden[..., None], log_p / self.tau_token, 0.0).softmax(-1)
        return (trust.softmax(-1)[..., None] * token).flatten(1)

    def outcomes(
        self, denoise: Denoise, z: Int[Tensor, "batch n"], d: int
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the state after each of the n d actions with the probability that the action wins."""
        log_p, hidden = check_conditionals(denoise(z), z, d), z == d
        position, token = _each_action(z, d)
        found = objective(denoise, z, position, token, d, self.form, log_p)
        first = self._greedy_action(log_p, hidden) if self.greedy else None
        weights = winning(self.proposal(log_p, hidden), found, self.count, first)
        return weights, revealed(z, position, token, d), torch.ones_like(position)

    def step(
        self, denoise: Denoise, z: Int[Tensor, "batch n"], d: int, generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw the candidates, look ahead in one batched call and return the winners; complete rows stay."""
        hidden = z == d
        open_ = hidden.any(-1)
        after = z.clone()
        if bool(open_.any()):
            rows = z[open_]
            log_p = check_conditionals(denoise(rows), rows, d)
            action = torch.multinomial(self.proposal(log_p, rows == d), self.count, True, generator=generator)
            if self.greedy:
                action[:, 0] = self._greedy_action(log_p, rows == d)
            found = objective(denoise, rows, action // d, action % d, d, self.form, log_p)
            best = (
                (found >= found.amax(-1, keepdim=True) - TIE)
                .long()
                .argsort(dim=-1, descending=True, stable=True)[:, :1]
            )
            won = action.gather(-1, best)
            after[open_] = revealed(rows, won // d, won % d, d)[:, 0]
        return after, open_.long()

    def _greedy_action(self, log_p: Tensor, hidden: Tensor) -> Int[Tensor, "batch"]:
        position = trusted_first(proxy(self.by)(log_p), hidden)[:, 0]
        return position * log_p.shape[-1] + likely(log_p).gather(-1, position[:, None])[:, 0]


def objective(
    denoise: Denoise,
    z: Int[Tensor, "batch n"],
    position: Int[Tensor, "batch c"],
    token: Int[Tensor, "batch c"],
    d: int,
    form: Form,
    log_p: Float[Tensor, "batch n d"],
) -> Float[Tensor, "batch c"]:
    """Return J of c actions a row by one denoiser call, `log_p` being the conditionals at z; nats."""
    after = revealed(z, position, token, d)
    flat = after.flatten(0, 1)
    ahead = potential(check_conditionals(denoise(flat), flat, d), flat == d, form).reshape(position.shape)
    gain = potential(log_p, z == d, form)[:, None] - ahead
    return gain if form == "look-ahead" else gain - token_entropy(log_p).gather(-1, position)


def potential(log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"], form: Form) -> Float[Tensor, "batch"]:
    """Return the mean (or sum) of the masked positions' entropies, 0 for complete states."""
    total = torch.where(hidden, token_entropy(log_p), 0.0).sum(-1)
    return total if form == "sum" else total / hidden.sum(-1).clamp(min=1)


def winning(
    proposal: Float[Tensor, "batch a"],
    objectives: Float[Tensor, "batch a"],
    count: int,
    first: Int[Tensor, "batch"] | None = None,
) -> Float[Tensor, "batch a"]:
    """Return the probability that each action is the best of `count` drawn ones, the first drawn in ties.

    A class of equal objectives wins when nothing better and at least one of its members is drawn; within it
    the first drawn follows the proposal. Action `first` is candidate 0 where given; it wins its own ties.
    """
    value, order = objectives.sort(dim=-1, descending=True, stable=True)
    share = proposal.gather(-1, order)
    label = torch.cat((torch.zeros_like(order[:, :1]), (value.diff(dim=-1) < -TIE).long()), -1).cumsum(-1)
    mass = torch.zeros_like(share).scatter_add(-1, label, share)
    worse = mass.flip(-1).cumsum(-1).flip(-1)
    worse = worse / worse[:, :1]
    draws = count if first is None else count - 1
    below = torch.cat((worse[:, 1:], torch.zeros_like(worse[:, :1])), -1)
    wins = worse**draws - below**draws
    within = share / mass.gather(-1, label).clamp(min=torch.finfo(mass.dtype).tiny)
    chance = wins.gather(-1, label) * within
    if first is not None:
        place = (order == first[:, None]).long().argmax(-1, keepdim=True)
        own = label.gather(-1, place)
        chance = torch.where(label < own, chance, 0.0).scatter(-1, place, worse.gather(-1, own) ** draws)
    return torch.zeros_like(chance).scatter(-1, order, chance)


def immediate_cost(rule: ValueRule, denoise: Denoise, z: Int[Tensor, "batch n"], d: int) -> Float[Tensor, "batch"]:
    """Return the expected entropy, at z, of what the rule reveals in its next step."""
    weights, after, _ = rule.outcomes(denoise, z, d)
    new = (after != d) & (z == d)[:, None, :]
    return (weights * (new * token_entropy(denoise(z))[:, None, :]).sum(-1)).sum(-1)


def likely(log_p: Float[Tensor, "*batch d"]) -> Int[Tensor, "*batch"]:
    """Return the most probable token, the smaller one where two are equal up to rounding."""
    return (log_p.exp() / TIE).round().argmax(-1)


def revealed(
    z: Int[Tensor, "batch n"], position: Int[Tensor, "batch c"], token: Int[Tensor, "batch c"], d: int
) -> Int[Tensor, "batch c n"]:
    """Return the states after revealing one token; a position that is revealed already keeps its own."""
    many = z[:, None, :].expand(-1, position.shape[1], -1)
    shown = many.gather(-1, position[..., None])
    return many.scatter(-1, position[..., None], torch.where(shown == d, token[..., None], shown))


def each_position(z: Int[Tensor, "batch n"]) -> Int[Tensor, "batch n"]:
    """Return 0..n-1 in every row."""
    return torch.arange(z.shape[-1], device=z.device).expand(z.shape)


def _each_action(z: Tensor, d: int) -> tuple[Tensor, Tensor]:
    action = torch.arange(z.shape[-1] * d, device=z.device).expand(len(z), -1)
    return action // d, action % d


def _drawn_outcome(
    rule: ValueRule, denoise: Denoise, z: Tensor, d: int, generator: Generator | None
) -> tuple[Tensor, Tensor]:
    open_ = (z == d).any(-1)
    after = z.clone()
    if bool(open_.any()):
        weights, found, _ = rule.outcomes(denoise, z[open_], d)
        pick = torch.multinomial(weights, 1, generator=generator)
        after[open_] = found[torch.arange(len(found), device=z.device), pick[:, 0]]
    return after, open_.long()


def check_form(form: str) -> None:
    """Raise InvalidInput with the nearest name for an unknown form of the objective."""
    if form not in get_args(Form):
        raise unknown("form of Info-Gain", form, get_args(Form))
