"""Beam search over unmasking orders by cumulative entropy (arXiv 2602.18176), and its limit, the best order of all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.tolerance import tied
from theory.unmasking.rules.actions import (
    Form,
    blocks,
    check_form,
    check_size,
    likely,
    permitted,
    potential,
    revealed,
)
from theory.unmasking.rules.base import ask
from theory.unmasking.rules.proxies import token_entropy


@dataclass(frozen=True)
class Decoded:
    """A complete sequence and its cumulative entropy (sum of the costs of its actions) in nats."""

    sequence: Int[Tensor, "n"]
    cost: float


def beam(denoiser: Denoiser, z: Int[Tensor, "n"], width: int | None = 1, form: Form = "mean", k: int = 1) -> Decoded:
    """Decode one state with argmax tokens, `k` a step, keeping `width` partial states of least cost so far + potential.

    States reached by several orders are merged at their least cost. Width 1 is `InfoGain(form, k=k)`; None
    keeps all and is the dynamic programme over orders: the least cumulative entropy of any order of k-sets.
    """
    check_form(form)
    check_size(k, None)
    if width is not None and width < 1:
        raise InvalidInput(f"beam width {width}; expected >= 1, or None for the exhaustive search")
    d = denoiser.d
    block = blocks(len(z), k).to(z.device)
    front, cost = z[None], torch.zeros(1, dtype=torch.float64, device=z.device)
    while bool((front == d).any()):
        log_p = ask(denoiser, front)
        child = revealed(front, block, likely(log_p)[:, None], d)
        new = torch.where(child != front[:, None], token_entropy(log_p).double()[:, None], 0.0)
        spent = cost[:, None] + new.sum(-1)
        open_ = permitted(front == d, block)
        front, place = torch.unique(child[open_], dim=0, return_inverse=True)
        cost = torch.full((len(front),), torch.inf, dtype=cost.dtype, device=z.device)
        cost = cost.scatter_reduce(0, place, spent[open_], "amin")
        if width is not None and len(front) > width:
            ahead = potential(ask(denoiser, front), front == d, form).double()
            score = ahead if form == "look-ahead" else cost + ahead
            best = tied(score).argsort(stable=True)[:width].sort().values
            front, cost = front[best], cost[best]
    return Decoded(front[cost.argmin()], float(cost.min()))
