"""Info-Gain: choose the action whose tokens cost little entropy and leave little behind, by looking one step ahead.

Yang et al., arXiv 2602.18176. An action reveals K positions with their tokens. Its cost is the sum of the
entropies H_l(z) of these positions; its information gain is the fall of a potential of the remaining ones.
Forms of the objective J = gain - cost, all entropies in nats, potential 0 for complete states:

    mean        potential = mean entropy of the masked positions (the paper)
    sum         potential = sum of their entropies (P2 of the digest: calibrated at independence)
    look-ahead  J = gain alone, with the mean (LookUM in the paper's code)

With at most K masked positions all are revealed, without look-ahead. *Bypass* at a level (the paper's gamma):
where some masked position's largest probability reaches it, up to K such positions, the most confident first,
get their most probable tokens without look-ahead; this precedes the last step, and None or a level above 1
switches it off. The paper's default is .8.

Every step counts one call. The first conditionals cost one; a look-ahead is one batched call, as many sequences
wide as it has distinct candidates, and its winner's logits serve as the next state's; after a bypass one call
is made afresh; the step that completes the sequence makes none. `calls` counts batched calls, not sequences,
and what a reader of the code would count: `step` itself keeps nothing and asks for its conditionals again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput, unknown
from theory.tolerance import slack, tied
from theory.unmasking.rules import actions as act
from theory.unmasking.rules.actions import Form, bypassing, likely, objective, revealed
from theory.unmasking.rules.base import ValueRule, ask, checked_states
from theory.unmasking.rules.proxies import ProxyName, proxy, token_entropy
from theory.worlds import states

Tokens = Literal["argmax", "drawn"]


@dataclass(frozen=True)
class InfoGain(ValueRule):
    """Every set of `k` masked positions is a candidate; the best objective wins, ties to the lexicographically first.

    "argmax" tokens (temperature 0): the set is judged with its most probable tokens, which it then gets.
    "drawn": it is judged by the expected objective over independently drawn tokens, which are drawn after the
    choice: a position rule blind to drawn values, so for k = 1 exact conditionals give the data law. Tokens of
    the bypass are the most probable ones in both, and not drawn.
    """

    form: Form = "mean"
    tokens: Tokens = "argmax"
    k: int = 1
    bypass: float | None = None

    def __post_init__(self) -> None:
        act.check_form(self.form)
        act.check_size(self.k, self.bypass)
        if self.tokens not in get_args(Tokens):
            raise unknown("kind of tokens", self.tokens, get_args(Tokens))

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"Info-Gain {self.form}, {self.tokens}{_extras(self.k, self.bypass)}"

    def scores(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], log_p: Float[Tensor, "batch n d"]
    ) -> Float[Tensor, "batch blocks"]:
        """Return the objective of every k-set of positions (in the order of `blocks`), -inf where not permitted."""
        d = denoiser.d
        block = act.blocks(z.shape[-1], self.k).to(z.device)
        allowed = act.permitted(z == d, block)
        if self.tokens == "argmax":
            member = block & allowed[..., None]
            found = objective(denoiser, z, revealed(z, member, likely(log_p)[:, None], d), self.form, log_p)
        else:
            member, token = _listed(z, d, self.k)
            size = len(member) // len(block)
            weights = act.chance(_rows(log_p, z == d), member, token)
            after = revealed(z, member & allowed.repeat_interleave(size, 1)[..., None], token, d)
            expected = torch.where(weights > 0, weights * objective(denoiser, z, after, self.form, log_p), 0.0)
            found = expected.reshape(len(z), len(block), size).sum(-1)
        return torch.where(allowed, found, -torch.inf)

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the next states: one with argmax tokens, d^k of them with drawn ones."""
        return _one_call_each(denoiser, z, self.k, self.bypass, partial(self._ahead, denoiser))

    def _ahead(self, denoiser: Denoiser, z: Tensor, log_p: Tensor) -> tuple[Tensor, Tensor]:
        d = log_p.shape[-1]
        block = act.blocks(z.shape[-1], self.k).to(z.device)
        best = tied(self.scores(denoiser, z, log_p)).argmax(-1)
        member = block[best][:, None]
        if self.tokens == "argmax":
            return log_p.new_ones(len(z), 1), revealed(z, member, likely(log_p)[:, None], d)
        token = _listed(z, d, self.k)[1].reshape(len(block), -1, z.shape[-1])[best]
        return act.chance(_rows(log_p, z == d), member, token), revealed(z, member, token, d)


@dataclass(frozen=True)
class SampledInfoGain(ValueRule):
    """N candidate actions are drawn, `k` positions by Gumbel top-K, tokens by p^(1 / tau_token); the best wins.

    Positions are drawn without replacement by softmax(trust / tau_position), trust being minus the error proxy
    `by`. Ties go to the candidate drawn first; duplicates are kept, since dropping them (as the paper's code
    does) narrows the call and changes no winner. With `greedy` candidate 0 is the k most trusted positions with
    their most probable tokens, and N - 1 are drawn. With at most k masked positions candidate 0 wins. N = 1
    without `greedy`, with k = 1 and tau_token = 1 draws from the conditionals; N >= 2 does not (P6 of the digest).
    """

    count: int = 8
    form: Form = "mean"
    tau_position: float = 0.1
    tau_token: float = 1.0
    by: ProxyName = "entropy"
    greedy: bool = False
    k: int = 1
    bypass: float | None = None

    def __post_init__(self) -> None:
        act.check_form(self.form)
        act.check_size(self.k, self.bypass)
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
        return f"Info-Gain {self.form}, N = {self.count}{extra}{_extras(self.k, self.bypass)}"

    def proposal(
        self, log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"]
    ) -> Float[Tensor, "batch actions"]:
        """Return the probability of each of the C(n, k) d^k actions, listed block by block."""
        n, d = log_p.shape[1:]
        member, token = (part.to(log_p.device) for part in act.actions(n, d, self.k))
        position = act.successive(self._trust(log_p, hidden), act.blocks(n, self.k).to(log_p.device))
        tokens = act.chance(self._cooled(log_p, hidden), member, token)
        return position.repeat_interleave(len(member) // position.shape[1], 1) * tokens

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the state after each of the C(n, k) d^k actions with the probability that the action wins."""
        return _one_call_each(denoiser, z, self.k, self.bypass, partial(self._ahead, denoiser))

    def _ahead(self, denoiser: Denoiser, z: Tensor, log_p: Tensor) -> tuple[Tensor, Tensor]:
        d = log_p.shape[-1]
        after = revealed(z, *_listed(z, d, self.k), d)
        found = objective(denoiser, z, after, self.form, log_p)
        first = (after == self._greedy(z, log_p)[:, None]).all(-1).long().argmax(-1) if self.greedy else None
        return act.winning(self.proposal(log_p, z == d), found, self.count, first), after

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw the candidates, look ahead in one batched call and return the winners; complete rows stay."""
        open_ = (checked_states(denoiser, z) == denoiser.d).any(-1)
        after = z.clone()
        if bool(open_.any()):
            log_p = ask(denoiser, z[open_])
            look = partial(self._best_drawn, denoiser, generator)
            after[open_] = bypassing(z[open_], log_p, self.k, self.bypass, look)[1][:, 0]
        return after, open_.long()

    def _best_drawn(
        self, denoiser: Denoiser, generator: Generator | None, z: Tensor, log_p: Tensor
    ) -> tuple[Tensor, Tensor]:
        after = self._draw(z, log_p, generator)
        if self.greedy:
            after[:, 0] = self._greedy(z, log_p)
        found = objective(denoiser, z, after, self.form, log_p)
        best = (found >= found.amax(-1, keepdim=True) - slack(found.dtype)).long().argmax(-1)
        return log_p.new_ones(len(z), 1), after[torch.arange(len(z), device=z.device), best][:, None]

    def _draw(self, z: Tensor, log_p: Tensor, generator: Generator | None) -> Tensor:
        """Return the states after `count` drawn actions a row, positions by Gumbel top-K."""
        (rows, n), d = z.shape, log_p.shape[-1]
        gumbel = -log_p.new_empty(rows, self.count, n).exponential_(generator=generator).log()
        place = (self._trust(log_p, z == d)[:, None] + gumbel).topk(min(self.k, n), -1).indices
        member = torch.zeros_like(gumbel, dtype=torch.bool).scatter(-1, place, True)
        table = self._cooled(log_p, z == d).exp().flatten(0, 1)
        if len(table) == 0:
            return z[:, None].repeat(1, self.count, 1)
        token = torch.multinomial(table, self.count, True, generator=generator)
        return revealed(z, member, token.reshape(rows, n, -1).transpose(1, 2), d)

    def _trust(self, log_p: Tensor, hidden: Tensor) -> Tensor:
        return torch.where(hidden, -proxy(self.by)(log_p) / self.tau_position, -torch.inf)

    def _cooled(self, log_p: Tensor, hidden: Tensor) -> Tensor:
        return _rows(log_p / self.tau_token, hidden).log_softmax(-1)

    def _greedy(self, z: Tensor, log_p: Tensor) -> Tensor:
        top = act.leading(proxy(self.by)(log_p), z == log_p.shape[-1], self.k)
        return torch.where(top, likely(log_p), z)


def _one_call_each(
    denoiser: Denoiser,
    z: Tensor,
    k: int,
    bypass: float | None,
    ahead: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the outcomes of a step, by bypass where it applies and by `ahead` elsewhere: one call each."""
    weights, after = bypassing(z, ask(denoiser, z), k, bypass, ahead)
    return weights, after, torch.ones_like(weights, dtype=torch.long)


def immediate_cost(rule: ValueRule, denoiser: Denoiser, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch"]:
    """Return the expected entropy, at z, of what the rule reveals in its next step."""
    weights, after, _ = rule.outcomes(denoiser, z)
    new = (after != denoiser.d) & (z == denoiser.d)[:, None, :]
    return (weights * (new * token_entropy(ask(denoiser, z))[:, None, :]).sum(-1)).sum(-1)


def _listed(z: Tensor, d: int, k: int) -> tuple[Tensor, Tensor]:
    n = z.shape[-1]
    size = math.comb(n, min(k, n)) * d ** min(k, n)
    states.require_memory(2 * max(1, len(z)) * size * n, f"list of {size:,} actions of Info-Gain with k = {k}")
    member, token = act.actions(n, d, k)
    return member.to(z.device), token.to(z.device)


def _rows(log_p: Tensor, hidden: Tensor) -> Tensor:
    """Return the log-conditionals with uniform rows where revealed: copies of an action then share its probability."""
    return torch.where(hidden[..., None], log_p, -math.log(log_p.shape[-1]))


def _extras(k: int, bypass: float | None) -> str:
    size = f", K = {k}" if k > 1 else ""
    return size if bypass is None or bypass > 1 else f"{size}, bypass {bypass:g}"
