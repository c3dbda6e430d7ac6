"""The parity of a string of bits by any-process steps: seven rules on two symbols, four steps, and two.

Tokens are the bits 0 and 1, the mask is 2. Each process leaves the one token 1 where the number of ones is odd; where
it is even the seven rules leave nothing or a single 0, the other two leave nothing. Sources: arXiv 2510.06190 (seven
rules); the processes of four and of two steps are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from theory.power.transition import Edit, Strings

D = 2
ZERO, ONE, MASK = 0, 1, D


def seven_rules(state: Strings) -> Edit:
    """Look at the first two symbols: 01 and 10 lose their 0, 00 and 11 both; each goes through a mask."""
    x = state.tokens
    remask, delete = torch.zeros_like(state.masked), torch.zeros_like(state.masked)
    if x.shape[1] >= 2:
        pair = state.length >= 2
        first, second = x[:, 0], x[:, 1]
        alike = (first == second) & (first != MASK)
        remask[:, 0] = pair & (alike | ((first == ZERO) & (second == ONE)))
        remask[:, 1] = pair & (alike | ((first == ONE) & (second == ZERO)))
        delete[:, :2] = state.masked[:, :2] & pair[:, None]
    return Edit(torch.zeros_like(x), remask, torch.zeros_like(remask), delete)


def four_steps(state: Strings) -> Edit:
    """Erase all zeros in two steps, then all ones but an unpaired last one in two more."""
    x, masked = state.tokens, state.masked
    zeros = (x == ZERO).any(-1, keepdim=True)
    ones = ~zeros & ~masked.any(-1, keepdim=True)
    place = torch.arange(x.shape[1], device=x.device)
    paired = ones & state.inside & ~((place == state.length[:, None] - 1) & (place % 2 == 0))
    no = torch.zeros_like(masked)
    return Edit(torch.zeros_like(x), (x == ZERO) | paired | (masked & zeros), no, masked & ~zeros)


def two_steps(state: Strings) -> Edit:
    """Mask everything and insert after every zero; then the length is odd where the parity is, and all but it goes."""
    x, masked = state.tokens, state.masked
    done = ((state.length == 1) & (x[:, :1] == ONE).any(-1))[:, None]
    tokens = state.inside & ~masked & ~done
    place = torch.arange(x.shape[1], device=x.device)
    last = masked & (place == state.length[:, None] - 1) & (place % 2 == 0)
    return Edit(torch.full_like(x, ONE), tokens, tokens & (x == ZERO), masked & ~last)


def odd(state: Strings) -> Tensor:
    """Return which strings are the single token 1, the answer "odd"."""
    return (state.length == 1) & (state.tokens[:, :1] == ONE).any(-1)
