"""Actions of Info-Gain: sets of positions with their tokens, what they cost and gain, and which drawn one wins.

Yang et al., arXiv 2602.18176. An action reveals a block of K positions, or all that are masked where those
are at most K. An array of actions is a Boolean `member` (the block) beside `token`, both (..., actions, n);
tokens outside the block do not count and positions already revealed keep theirs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput, unknown
from theory.tolerance import meets, slack, tied
from theory.unmasking.rules.base import ask
from theory.unmasking.rules.proxies import confidence, token_entropy, trusted_first
from theory.worlds import states

Form = Literal["mean", "sum", "look-ahead"]

Look = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""States and their log-conditionals to the next states' probabilities and the next states."""


def blocks(n: int, k: int) -> Bool[Tensor, "blocks n"]:
    """Return all min(k, n)-subsets of the positions, in lexicographic order."""
    listed = list(itertools.combinations(range(n), min(k, n)))
    return torch.zeros(len(listed), n, dtype=torch.bool).scatter(1, torch.tensor(listed), True)


def actions(n: int, d: int, k: int) -> tuple[Bool[Tensor, "actions n"], Int[Tensor, "actions n"]]:
    """Return all C(n, k) d^k actions, block by block; tokens outside the block are 0."""
    k = min(k, n)
    member, values = blocks(n, k), states.digits(torch.arange(d**k), k, d)
    token = torch.zeros(len(member), len(values), n, dtype=torch.long)
    place = member.nonzero()[:, 1].reshape(-1, 1, k).expand(-1, len(values), -1)
    token.scatter_(-1, place, values.expand(len(member), -1, -1))
    return member.repeat_interleave(len(values), 0), token.flatten(0, 1)


def permitted(hidden: Bool[Tensor, "batch n"], block: Bool[Tensor, "c n"]) -> Bool[Tensor, "batch c"]:
    """Return which blocks lie in the masked positions, or hold all of them where those are fewer."""
    size = block[0].sum()
    return (hidden[:, None] & block).sum(-1) == hidden.sum(-1, keepdim=True).clamp(max=size)


def revealed(
    z: Int[Tensor, "batch n"], member: Bool[Tensor, "*_ _ n"], token: Int[Tensor, "*_ _ n"], d: int
) -> Int[Tensor, "batch c n"]:
    """Return the states after each action."""
    return torch.where(member & (z == d)[:, None], token, z[:, None])


def chance(
    log_p: Float[Tensor, "batch n d"], member: Bool[Tensor, "*_ _ n"], token: Int[Tensor, "*_ c n"]
) -> Float[Tensor, "batch c"]:
    """Return the probability that independent draws from the rows give the block its tokens."""
    shape = (len(log_p), *token.shape[-2:])
    rows = log_p[:, None].expand(*shape, log_p.shape[-1])
    own = rows.gather(-1, token.expand(shape)[..., None])[..., 0]
    return torch.where(member, own, 0.0).sum(-1).exp()


def successive(logits: Float[Tensor, "batch n"], block: Bool[Tensor, "c n"]) -> Float[Tensor, "batch c"]:
    """Return the law of the set of K positions drawn one after the other without replacement (Gumbel top-K).

    Plackett-Luce: each draw follows the softmax of the positions left; summed over the K! orders of a block.
    Logits are -inf where revealed. With at most K masked positions all of them are drawn.
    """
    masked, size = logits > -torch.inf, int(block[0].sum())
    place = block.nonzero()[:, 1].reshape(-1, size)
    total = logits.new_zeros(len(logits), len(block))
    for order in itertools.permutations(range(size)):
        left, log_p = logits[:, None].expand(-1, len(block), -1), torch.zeros_like(total)
        for j in order:
            log_p = log_p + logits[:, place[:, j]] - left.logsumexp(-1)
            left = left.scatter(-1, place[None, :, j, None].expand(len(logits), -1, -1), -torch.inf)
        total = total + log_p.exp()
    whole = permitted(masked, block)
    first = whole & (whole.long().cumsum(-1) == 1)
    return torch.where(masked.sum(-1, keepdim=True) <= size, first.to(total.dtype), torch.where(whole, total, 0.0))


def objective(
    denoiser: Denoiser,
    z: Int[Tensor, "batch n"],
    after: Int[Tensor, "batch c n"],
    form: Form,
    log_p: Float[Tensor, "batch n d"],
) -> Float[Tensor, "batch c"]:
    """Return J, in nats, of the actions leading from z to `after` by at most one denoiser call.

    `log_p` are the conditionals at z. Complete states and those equal to z are not looked at: potential 0.
    """
    d = denoiser.d
    ahead = log_p.new_zeros(after.shape[:2])
    open_ = (after == d).any(-1) & (after != z[:, None]).any(-1)
    if bool(open_.any()):
        rows = after[open_]
        ahead[open_] = potential(ask(denoiser, rows), rows == d, form)
    gain = potential(log_p, z == d, form)[:, None] - ahead
    if form == "look-ahead":
        return gain
    return gain - torch.where(after != z[:, None], token_entropy(log_p)[:, None], 0.0).sum(-1)


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
    falls = value.diff(dim=-1) < -slack(value.dtype)
    label = torch.cat((torch.zeros_like(order[:, :1]), falls.long()), -1).cumsum(-1)
    mass = torch.zeros_like(share).scatter_add(-1, label, share)
    worse = mass.flip(-1).cumsum(-1).flip(-1)
    worse = worse / worse[:, :1]
    draws = count if first is None else count - 1
    below = torch.cat((worse[:, 1:], torch.zeros_like(worse[:, :1])), -1)
    wins = worse**draws - below**draws
    within = share / mass.gather(-1, label).clamp(min=torch.finfo(mass.dtype).tiny)
    chance_ = wins.gather(-1, label) * within
    if first is not None:
        place = (order == first[:, None]).long().argmax(-1, keepdim=True)
        own = label.gather(-1, place)
        chance_ = torch.where(label < own, chance_, 0.0).scatter(-1, place, worse.gather(-1, own) ** draws)
    return torch.zeros_like(chance_).scatter(-1, order, chance_)


def leading(error: Float[Tensor, "batch n"], allowed: Bool[Tensor, "batch n"], k: int) -> Bool[Tensor, "batch n"]:
    """Return the (at most) k allowed positions of least error, smaller index first in ties."""
    order = trusted_first(error, allowed)
    first = torch.zeros_like(allowed).scatter(-1, order[:, :k], True)
    return first & allowed


def confident(
    log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"], k: int, level: float | None
) -> Bool[Tensor, "batch n"]:
    """Return the (at most) k most confident masked positions whose largest probability reaches the level."""
    if level is None or level > 1:
        return torch.zeros_like(hidden)
    error = confidence(log_p)
    return leading(error, hidden & meets(error, -level), k)


def bypassing(
    z: Int[Tensor, "batch n"],
    log_p: Float[Tensor, "batch n d"],
    k: int,
    level: float | None,
    look: Look,
) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"]]:
    """Return the next states: confident positions get their likely tokens at once, the other rows look ahead."""
    d = log_p.shape[-1]
    sure = confident(log_p, z == d, k, level)
    passed = sure.any(-1)
    some, found = look(z[~passed], log_p[~passed])
    weights, after = some.new_zeros(len(z), some.shape[1]), z[:, None].repeat(1, some.shape[1], 1)
    weights[~passed], after[~passed] = some, found
    weights[passed, 0] = 1.0
    after[passed, 0] = torch.where(sure, likely(log_p), z)[passed]
    return weights, after


def likely(log_p: Float[Tensor, "*batch d"]) -> Int[Tensor, "*batch"]:
    """Return the most probable token, the smaller one where two are equal up to rounding."""
    return tied(log_p.exp()).argmax(-1)


def check_form(form: str) -> None:
    """Raise InvalidInput with the nearest name for an unknown form of the objective."""
    if form not in get_args(Form):
        raise unknown("form of Info-Gain", form, get_args(Form))


def check_size(k: int, bypass: float | None) -> None:
    """Raise InvalidInput where no position would be revealed or the bypass is no level."""
    if k < 1:
        raise InvalidInput(f"k = {k} positions a step; expected k >= 1")
    if bypass is not None and math.isnan(bypass):
        raise InvalidInput("bypass is NaN; expected a probability, or None to look ahead always")
