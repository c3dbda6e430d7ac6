"""Other models as any-process ones: any-order masked diffusion and autoregression (arXiv 2510.06190)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.generation import Process
from theory.power.transition import Edit, Strings

Unmasking = Callable[[Strings], tuple[Int[Tensor, "batch width"], Bool[Tensor, "batch width"]]]
"""From a state to a token at every place and the masked places to fill with it."""
NextToken = Callable[[Strings], Int[Tensor, " batch"]]
"""From strings without masks to the token that follows each."""


def any_order(policy: Unmasking) -> Process:
    """Return masked diffusion as a process: chosen masks are written, all others held by their remask bit."""

    def process(state: Strings) -> Edit:
        tokens, chosen = policy(state)
        if bool((chosen & ~state.masked).any()):
            raise InvalidInput("a place without a mask is chosen; expected masked places: a written token stays")
        no = torch.zeros_like(state.masked)
        return Edit(torch.where(chosen, tokens, 0), state.masked & ~chosen, no, no)

    return process


def left_to_right(following: NextToken, end: int) -> Process:
    """Return autoregression as a process: one mask at the end of each string, written and moved on in one step.

    The token `end` is written without a further mask. Raises InvalidInput for other masks than one at the end.
    """

    def process(state: Strings) -> Edit:
        last = torch.arange(state.tokens.shape[1], device=state.tokens.device) == state.length[:, None] - 1
        if bool((state.masked & ~last).any()):
            raise InvalidInput("a mask before the end; expected one trailing mask, or none where a string is done")
        open_ = (state.masked & last).any(-1)
        before = Strings(torch.where(state.masked, -1, state.tokens), state.length - open_.long(), state.d)
        token = following(before)
        no = torch.zeros_like(state.masked)
        write = torch.where(state.masked, token[:, None], 0)
        return Edit(write, no, state.masked & (token != end)[:, None], no)

    return process
