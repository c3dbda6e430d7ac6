"""Orders that respect blocks: ELBO, random and best order of each sequence, block by block (arXiv 2603.01367).

Turok, De Sa, Kuleshov ("DUEL") score models that finish a block of consecutive positions before the next begins, and
let an oracle take for each sequence and block the order of highest likelihood. While a block is scored the earlier
blocks are revealed and the later ones masked, so the terms of different blocks do not meet, and the best order of each
block gives the best of all orders that respect the blocks. That the best order is no likelihood, since it depends on
the tokens and its probabilities sum to one or more, is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.unmasking.likelihood import best_order, elbo, log_uniform
from theory.unmasking.rules.base import ask, checked_states
from theory.worlds import states


@dataclass(frozen=True)
class BlockOrders:
    """Log-likelihoods of sequences in nats, over the orders that finish one block after the other.

    `elbo` is the mean over these orders, `log_uniform` the logarithm of the mean probability (a likelihood: that of a
    random position of the current block at each step), `oracle` the maximum (no likelihood).
    """

    elbo: Float[Tensor, " batch"]
    log_uniform: Float[Tensor, " batch"]
    oracle: Float[Tensor, " batch"]


def block_orders(denoiser: Denoiser, x: Int[Tensor, "batch n"], size: int) -> BlockOrders:
    """Return the three values of complete sequences for blocks of `size` consecutive positions (the last may be short).

    Raises InvalidInput for a size below 1, for sequences with masks, and for wrong conditionals.
    """
    terms = [block_terms(denoiser, x, start, size) for start in range(0, x.shape[-1], _checked(size))]
    return BlockOrders(
        torch.stack([elbo(own) for own in terms]).sum(0),
        torch.stack([log_uniform(own) for own in terms]).sum(0),
        torch.stack([best_order(own)[0] for own in terms]).sum(0),
    )


def block_terms(
    denoiser: Denoiser, x: Int[Tensor, "batch n"], start: int, size: int
) -> Float[Tensor, "batch sets width"]:
    """Return ln p(x_i | earlier blocks, x_S) in nats for every set of masked positions of one block and i in it.

    The block holds the positions from `start` on, `size` of them or those that are left. Sets are counted as in
    `likelihood.order_terms`, so that its sweeps over orders take these terms. Raises InvalidInput as `block_orders`
    does.
    """
    tokens, d = checked_states(denoiser, x), denoiser.d
    if bool((tokens == d).any()):
        raise InvalidInput(
            f"sequences that hold the mask {d}; expected tokens 0..{d - 1} only: give complete sequences"
        )
    batch, n = tokens.shape
    width = min(_checked(size), n - start)
    states.require_memory(batch * 2**width * n * d, f"terms of a block of {width} positions of {batch} sequences")
    masked = torch.zeros(2**width, n, dtype=torch.bool)
    masked[:, start : start + width] = states.digits(torch.arange(2**width), width, 2).bool()
    masked[:, start + width :] = True
    z = torch.where(masked, d, tokens[:, None]).reshape(-1, n)
    log_p = ask(denoiser, z).reshape(batch, 2**width, n, d)[:, :, start : start + width].to(torch.float64)
    block = tokens[:, None, start : start + width, None].expand(batch, 2**width, width, 1)
    return torch.where(masked[:, start : start + width], log_p.gather(-1, block)[..., 0], 0.0)


def _checked(size: int) -> int:
    if size < 1:
        raise InvalidInput(f"blocks of {size} positions; expected at least one position a block")
    return size
