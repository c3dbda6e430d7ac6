"""Along which path a rule would reveal a given sequence, and what the model pays on it.

At every step the rule chooses positions by the model's conditionals, and the sequence's own tokens are put there, as in
DUEL's likelihood (Turok, De Sa, Kuleshov, arXiv 2603.01367, Algorithm 2). The sum of their log-probabilities is exactly
ln p^F(x), the probability with which the sampler with that rule draws the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.denoisers import Denoiser
from theory.unmasking.likelihood import only_choice
from theory.unmasking.rules.base import SetRule, ask
from theory.unmasking.rules.proxies import token_entropy, trusted_first
from theory.unmasking.sampling import unmask

ASKED, NUMBERS = 256, 2**22
"""States, and log-probabilities, that are asked of a model in one go where all states are known beforehand."""


@dataclass(frozen=True)
class Path:
    """What a rule does on sequences of equal length, a number or a row for each.

    `bound` sums, over the steps, the model's entropies of the revealed tokens but the largest one of each step: the
    entropy bound on what revealing them together costs. `order` lists the positions as they were revealed, those of one
    step by rising entropy, the prompt first. Log-probabilities and entropies are in nats.
    """

    log_likelihood: Float[Tensor, " rows"]
    calls: Int[Tensor, " rows"]
    bound: Float[Tensor, " rows"]
    order: Int[Tensor, "rows n"]


def follow(rule: SetRule, denoiser: Denoiser, x: Int[Tensor, "rows n"], given: Bool[Tensor, "rows n"]) -> Path:
    """Return the path of a deterministic rule on complete sequences whose prompts are shown from the start.

    Raises InvalidInput for a rule that chooses at random.
    """
    z = torch.where(given, x, denoiser.d)
    total, bound = (torch.zeros(len(x), dtype=torch.float64) for _ in range(2))
    calls = torch.zeros(len(x), dtype=torch.long)
    place = torch.where(given, -1, 0)

    def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        log_p, hidden = ask(denoiser, before).cpu(), before == denoiser.d
        block = only_choice(rule, before, log_p, hidden)
        entropy = torch.where(block, token_entropy(log_p), 0.0).double()
        total[rows] += own_log_probabilities(log_p, x[rows], block).sum(-1)
        bound[rows] += entropy.sum(-1) - entropy.amax(-1)
        rank = trusted_first(entropy, block).argsort(-1)
        place[rows] = torch.where(block, number * x.shape[1] + rank, place[rows])
        return torch.where(block, x[rows], before), torch.ones_like(rows)

    for step in unmask(z, denoiser.d, advance):
        calls[step.rows] += step.calls
    return Path(total, calls, bound, place.argsort(dim=-1, stable=True))


def along(
    denoiser: Denoiser, x: Int[Tensor, "rows n"], given: Bool[Tensor, "rows n"], order: Int[Tensor, "rows n"]
) -> Float[Tensor, " rows"]:
    """Return the log-likelihood of each sequence, in nats, its tokens revealed one at a time in its own order.

    Every order lists all positions, those of the prompt first. All states are known beforehand, so they are asked
    about in large batches.
    """
    rank = order.argsort(-1)
    row, place = (~given).nonzero(as_tuple=True)
    total = torch.zeros(len(x), dtype=torch.float64)
    for part in torch.arange(len(row)).split(_states(x.shape[1], denoiser.d)):
        r, i = row[part], place[part]
        shown = rank[r] < rank[r, i][:, None]
        log_p = ask(denoiser, torch.where(shown, x[r], denoiser.d))[torch.arange(len(r)), i].cpu().double()
        total.index_add_(0, r, log_p[torch.arange(len(r)), x[r, i]])
    return total


def random_orders(given: Bool[Tensor, "rows n"], generator: torch.Generator) -> Int[Tensor, "rows n"]:
    """Return a uniformly random order of the free positions of each row, those of the prompt first."""
    return torch.where(given, -1.0, torch.rand(given.shape, generator=generator)).argsort(dim=-1, stable=True)


def own_log_probabilities(
    log_p: Float[Tensor, "rows n d"], x: Int[Tensor, "rows n"], block: Bool[Tensor, "rows n"]
) -> Float[Tensor, "rows n"]:
    """Return the log-probabilities of the sequences' own tokens in a block, 0 outside it."""
    return torch.where(block, log_p.gather(-1, x[..., None])[..., 0].double(), 0.0)


def asked(denoiser: Denoiser, z: Int[Tensor, "states n"]) -> Iterator[tuple[slice, Float[Tensor, "part n d"]]]:
    """Yield a model's log-conditionals of many states in parts, on the CPU, with the states that each part covers."""
    size = _states(z.shape[1], denoiser.d)
    for first in range(0, len(z), size):
        part = slice(first, min(first + size, len(z)))
        yield part, ask(denoiser, z[part]).cpu()


def _states(n: int, d: int) -> int:
    return max(1, min(ASKED, NUMBERS // (n * d)))
