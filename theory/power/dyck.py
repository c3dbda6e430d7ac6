"""Brackets: recognising Dyck words by erasing pairs, and generating two-sided Dyck words by inserting them.

Bracket j of `kinds` opens as token j and closes as token kinds + j; the mask is the number of tokens. The two-sided
language holds the words in which j and kinds + j cancel in either order; it is generated behind a first token that
stands for the beginning, since nothing can be inserted before the first position. Source: arXiv 2510.06190, Theorem 5;
the three steps of an insertion are ours.
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.generation import Process
from theory.power.transition import Edit, Strings, apply, hold, strings


def recognise(kinds: int) -> Process:
    """Return the process that masks every adjacent matching pair, then deletes all masks, until none is left."""

    def process(state: Strings) -> Edit:
        x, masked = state.tokens, state.masked
        waiting = masked.any(-1, keepdim=True)
        opens = torch.zeros_like(masked)
        if x.shape[1] > 1:
            opens[:, :-1] = (x[:, :-1] < kinds) & (x[:, :-1] >= 0) & (x[:, 1:] == x[:, :-1] + kinds)
        closes = opens.roll(1, -1)
        pairs = (opens | closes) & ~waiting
        return Edit(torch.zeros_like(x), pairs, torch.zeros_like(masked), masked)

    return process


def inverse(token: Tensor, kinds: int) -> Tensor:
    """Return the token that cancels another: j and kinds + j."""
    return (token + kinds) % (2 * kinds)


def beginning(kinds: int) -> int:
    """Return the token in front of generated words."""
    return 2 * kinds


def inserting(state: Strings, kinds: int, place: Int[Tensor, " batch"], token: Int[Tensor, " batch"]) -> Edit:
    """Return the next step of inserting `token` and its inverse behind `place`, decided by the state alone.

    Without a mask: insert one behind the place. A mask at an odd length (the beginning not counted) becomes the token,
    with a mask behind it; one at an even length becomes the inverse of the token to its left.
    """
    x, masked = state.tokens, state.masked
    waiting = masked.any(-1)
    odd = (state.length - 1) % 2 == 1
    at_place = torch.arange(x.shape[1], device=x.device) == place[:, None]
    before = x.roll(1, -1).clamp(0, 2 * kinds - 1)
    write = torch.where(odd[:, None], token[:, None], inverse(before, kinds))
    insert = torch.where(waiting[:, None], masked & odd[:, None], at_place)
    no = torch.zeros_like(masked)
    return Edit(torch.where(masked, write, 0), no, insert, no)


def inserted(words: Strings, kinds: int) -> Strings:
    """Return every word that inserting one pair into these makes: all places and all tokens, three steps each."""
    count, length = len(words.length), words.length
    if bool((length != length[0]).any()) if count else True:
        raise InvalidInput("words of different lengths, or none; expected at least one, all of one length")
    size = int(length[0])
    choices = torch.cartesian_prod(torch.arange(count), torch.arange(size), torch.arange(2 * kinds))
    state = words.rows(choices[:, 0])
    for _ in range(3):
        state = apply(state, inserting(state, kinds, choices[:, 1], choices[:, 2]))
    unique = torch.unique(state.tokens, dim=0)
    return Strings(unique, state.length[: len(unique)], state.d)


def two_sided(kinds: int, pairs: int) -> Strings:
    """Return all words that so many insertions reach from nothing, each behind the token of the beginning."""
    words = strings([[beginning(kinds)]], 2 * kinds + 1)
    for _ in range(pairs):
        words = inserted(words, kinds)
    return words


def at_once(words: Strings, kinds: int, generator: torch.Generator) -> Strings:
    """Insert a pair behind the beginning with both halves drawn in one step, each by itself: the step factorises.

    Two masks are inserted first; then both are written with independent uniform tokens.
    """
    still = hold(words)
    first = torch.zeros_like(still.remask)
    first[:, 0] = True
    state = apply(words, Edit(still.write, still.remask, first, still.delete))
    second = torch.zeros_like(state.masked)
    second[:, 1] = True
    state = apply(state, Edit(torch.zeros_like(state.tokens), second, second, torch.zeros_like(second)))
    drawn = torch.randint(2 * kinds, state.tokens.shape, generator=generator)
    no = torch.zeros_like(state.masked)
    return apply(state, Edit(drawn, no, no, no))
