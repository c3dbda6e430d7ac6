"""Low-confidence remasking as LLaDA samples: draw a token at every masked position, keep the k most probable draws.

Read: `generate.py` of github.com/ML-GSAI/LLaDA. A token is drawn at every masked position from the conditional at a
temperature (by Gumbel noise in float64); its probability at temperature 1 is its confidence, and the positions of
highest confidence keep their tokens while the others are masked again. `torch.topk` leaves ties open; here the smaller
index comes first. `maskgit_plus` of Dream (in the copy that DiffuCoder's generation code holds, which was read) takes
the confidence from the tempered and cut probabilities instead: that is this rule at temperature 1 beside the denoiser
`Sharpened`. The paper of MaskGIT (Chang et al., arXiv 2202.04200) adds noise to the confidences besides, which this
rule does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput, unknown
from theory.tolerance import tied
from theory.unmasking.rules.base import ValueRule, ask
from theory.unmasking.rules.proxies import trusted_first
from theory.unmasking.rules.tokens import TokenLaw, advance_open_rows, drawn_at, packed
from theory.unmasking.walks import walk
from theory.worlds import World, states

Confidence = Literal["drawn", "likeliest"]
"""Whose probability is a position's confidence: the token that was drawn there, or the likeliest one."""


@dataclass(frozen=True)
class LowConfidence(ValueRule):
    """Keep the k drawn tokens of highest confidence, all that are masked where those are fewer.

    `sizes` says instead how many each step keeps; the step is read off the number of masked positions, so that a prompt
    of any length counts for nothing. Steps of size 0 are passed over at no call (the released code makes a call in
    vain). `theory.unmasking.shipped` has the sizes of public code. `temperature` belongs to the draws alone: the
    confidence is the conditional's own probability, compared as a logarithm. With `by="likeliest"` it is that of the
    likeliest token, blind to the draw: the rule is then Top-k by confidence. Raises InvalidInput for a k below 1,
    negative sizes, sizes that sum to 0, a temperature that is negative or not finite and another `by`.
    """

    k: int = 1
    sizes: tuple[int, ...] = ()
    temperature: float = 1.0
    by: Confidence = "drawn"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if self.k < 1 or any(size < 0 for size in self.sizes) or (self.sizes and sum(self.sizes) < 1):
            raise InvalidInput(f"{self}; expected k >= 1 and sizes >= 0 that reveal at least one token")
        if self.by not in get_args(Confidence):
            raise unknown("confidence", self.by, get_args(Confidence))
        TokenLaw(self.temperature)

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        quota = f"sizes {', '.join(map(str, self.sizes))}" if self.sizes else f"k = {self.k}"
        heat = f", temperature {self.temperature:g}" if self.temperature != 1 else ""
        return f"low confidence, {quota}{heat}{', by the likeliest' if self.by == 'likeliest' else ''}"

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw a token at every masked position and keep the most trusted ones; complete rows stay, at no call."""

        def advance(z: Tensor) -> Tensor:
            log_p, masked = ask(denoiser, z), z == denoiser.d
            candidate = drawn_at(masked, log_p, z, TokenLaw(self.temperature), generator)
            trust = self.trust(log_p, torch.where(masked, candidate, 0)[..., None])[..., 0]
            order = trusted_first(-trust, masked)
            kept = torch.arange(z.shape[-1], device=z.device) < self.quota(masked)[:, None]
            return torch.where(torch.zeros_like(masked).scatter(-1, order, kept), candidate, z)

        return advance_open_rows(denoiser, z, advance)

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return each set of kept positions with each of its tokens, C(m, k) d^k of them, and their probabilities.

        A set keeps its tokens if and only if every other position draws a token that ranks below all of them; draws are
        independent, so that the probability is a product. Raises InvalidInput for wrong conditionals.
        """
        log_p, masked = ask(denoiser, z), z == denoiser.d
        quota, masks, d = self.quota(masked), masked.sum(-1), denoiser.d
        p = TokenLaw(self.temperature)(log_p).exp()
        trust = tied(self.trust(log_p, torch.arange(d, device=z.device).expand(log_p.shape)))
        whole = masks == 0
        groups = [(whole.nonzero()[:, 0], p.new_ones(int(whole.sum())), z[whole])]
        for m in sorted(set(masks[~whole].tolist())):
            row = (masks == m).nonzero()[:, 0]
            slot = masked[row].nonzero()[:, 1].reshape(-1, m)
            at, k = (row[:, None], slot), int(quota[row[0]])
            sets, values, weight = kept_sets(p[at], trust[at], k)
            place = slot[:, sets][:, :, None].expand(-1, -1, len(values), -1)
            after = z[row][:, None, None].repeat(1, len(sets), len(values), 1)
            after = after.scatter(-1, place, values.expand(place.shape))
            groups.append((row[:, None].expand(-1, weight[0].numel()).flatten(), weight.flatten(), after.flatten(0, 2)))
        return packed(z, masked, [torch.cat(part) for part in zip(*groups, strict=True)])

    def trust(self, log_p: Float[Tensor, "batch n d"], tokens: Int[Tensor, "batch n c"]) -> Float[Tensor, "batch n c"]:
        """Return the log-confidence of each position were it to draw these tokens."""
        wide = log_p if log_p.dtype in (torch.float32, torch.float64) else log_p.float()
        if self.by == "likeliest":
            return wide.amax(-1, keepdim=True).expand(tokens.shape)
        return wide.gather(-1, tokens)

    def quota(self, masked: Bool[Tensor, "batch n"]) -> Int[Tensor, "batch"]:
        """Return how many positions the next step keeps. Raises InvalidInput where more are masked than sizes cover."""
        masks = masked.sum(-1)
        if not self.sizes:
            return masks.clamp(max=self.k)
        after_step = torch.tensor(list(accumulate(self.sizes)), device=masked.device)
        revealed = after_step[-1] - masks
        if bool((revealed < 0).any()):
            raise InvalidInput(
                f"rule {self.name!r} on {int(masks.max())} masked positions; expected sizes that sum to as many"
            )
        step = torch.searchsorted(after_step, revealed, right=True).clamp(max=len(self.sizes) - 1)
        return after_step[step] - revealed


def kept_sets(
    p: Float[Tensor, "r m d"], rank: Float[Tensor, "r m d"], k: int
) -> tuple[Int[Tensor, "sets k"], Int[Tensor, "values k"], Float[Tensor, "r sets values"]]:
    """Return all k-sets of m positions, all vectors of k tokens and the probability that a set is kept with the tokens.

    Position j draws token v with probability p[j, v] and rank[j, v]; the k highest ranks are kept, the smaller position
    first in ties. Raises InvalidInput where the tables do not fit in memory.
    """
    rows, m, d = p.shape
    sets = torch.tensor(list(itertools.combinations(range(m), k)), dtype=torch.long, device=p.device)
    values = states.digits(torch.arange(d**k, device=p.device), k, d)
    entries = rows * max(m * m * d * d, len(sets) * len(values) * m)
    states.require_memory(entries, f"law of the kept {k} of {m} positions with {d} tokens in {rows} states")
    below = _below(p, rank)
    line, member = torch.arange(rows, device=p.device)[:, None, None, None], sets[None, :, None]
    drawn, height = p[line, member, values], rank[line, member, values]
    lowest = k - 1 - height.flip(-1).argmin(-1)
    position = member.expand(height.shape).gather(-1, lowest[..., None])[..., 0]
    token = values.expand(height.shape).gather(-1, lowest[..., None])[..., 0]
    others = below[line[..., 0], position, token]
    inside = torch.nn.functional.one_hot(sets, m).sum(1).bool()[None, :, None]
    return sets, values, drawn.prod(-1) * torch.where(inside, 1.0, others).prod(-1)


def _below(p: Float[Tensor, "r m d"], rank: Float[Tensor, "r m d"]) -> Float[Tensor, "r m d m"]:
    """Return the probability that position j (last axis) ranks below position i (second axis) with token v."""
    position = torch.arange(p.shape[1], device=p.device)
    behind = (position[None, :] > position[:, None])[:, None, :, None]
    mine, other = rank[:, :, :, None, None], rank[:, None, None]
    lower = (other < mine) | ((other == mine) & behind)
    return (lower * p[:, None, None]).sum(-1)


@dataclass(frozen=True)
class CostOfLooking:
    """KL(data || output law) in nats with the confidence of the drawn tokens, and with that of the likeliest."""

    drawn: float | Tensor
    likeliest: float | Tensor

    @property
    def difference(self) -> float | Tensor:
        """Return what looking at the drawn values costs, in nats; negative where it helps."""
        return self.drawn - self.likeliest


def cost_of_looking(
    world: World,
    k: int = 1,
    sizes: Sequence[int] = (),
    temperature: float = 1.0,
    denoiser: Any = None,
    start: Sequence[int] | Int[Tensor, "n"] | None = None,
) -> CostOfLooking:
    """Return what it costs, exactly, that low-confidence remasking looks at the drawn tokens before it keeps some.

    The denoiser is the world itself unless given; `start` and what is refused are as in `theory.unmasking.walks.walk`.
    A batch of worlds gives tensors over the batch.
    """
    drawn, likeliest = (
        walk(LowConfidence(k, tuple(sizes), temperature, by), world, denoiser, start).divergence
        for by in get_args(Confidence)
    )
    return CostOfLooking(drawn, likeliest)
