"""Which positions are masked again, and how many: Gumbel-top-k, its subset law, the count rules.

Meshchaninov et al., arXiv 2510.08369: N positions by the largest g_i / tau + Gumbel noise are N draws without
replacement with weights exp(g_i / tau), Plackett-Luce. Noise is 64-bit whatever the scores are.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.tolerance import SLACK, tied
from theory.worlds import information, states

COUNT_RULES = ("ceil", "floor", "bernoulli")


@dataclass(frozen=True)
class Selection:
    """How many positions are masked again, and with what temperature; `None` is the limit 0, ties at random.

    `ceil` and `floor` round (1 - alpha_next) n; `bernoulli` draws the count of the star-shaped posterior. Raises
    InvalidInput for a temperature that is not positive or another rule.
    """

    temperature: float | None = 1.0
    count: str = "ceil"

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise InvalidInput(
                f"temperature {self.temperature:g}; expected a finite number > 0: for the limit 0 use None (the "
                "greatest scores), for the limit infinity no predictor"
            )
        if self.count not in COUNT_RULES:
            raise InvalidInput(f"count rule {self.count!r}; expected one of {', '.join(COUNT_RULES)}")

    def counts(self, alpha_next: float, n: int) -> Float[Tensor, "counts"]:
        """Return the law of the number of masks, over 0..n."""
        if self.count != "bernoulli":
            whole = rounded_counts(self.count, alpha_next, torch.tensor([n]))
            return torch.nn.functional.one_hot(whole[0], n + 1).double()
        _check_alpha(alpha_next)
        terms = [math.comb(n, k) * (1 - alpha_next) ** k * alpha_next ** (n - k) for k in range(n + 1)]
        return torch.tensor(terms, dtype=torch.float64)

    def draw_counts(
        self, alpha_next: float, free: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Int[Tensor, "batch"]:
        """Draw the number of masks of each row; only its free positions count."""
        if self.count != "bernoulli":
            return rounded_counts(self.count, alpha_next, free.sum(-1))
        _check_alpha(alpha_next)
        u = torch.rand(free.shape, dtype=torch.float64, generator=generator, device=free.device)
        return ((u >= alpha_next) & free).sum(-1)

    def set_probabilities(self, scores: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch sets"]:
        """Return P(the first |S| draws are S) for all 2^n sets, chosen positions as 1 bits, first the highest.

        Recursion over the draw that comes last: F(S) = sum over i in S of F(S - i) P(i | S - i); 2^n n operations
        in place of |S|! orders. The entries of each size sum to one.
        """
        n = scores.shape[-1]
        chance = self._next_draw(scores.double())
        sizes, bits = set_sizes(n).to(scores.device), _bits(n).to(scores.device)
        found = torch.zeros(chance.shape[:-1], dtype=torch.float64, device=scores.device)
        found[..., 0] = 1.0
        for size in range(1, n + 1):
            sets = (sizes == size).nonzero()[:, 0]
            inside = (sets[:, None] & bits) > 0
            before = torch.where(inside, sets[:, None] - bits, 0)
            terms = found[..., before] * chance[..., before, torch.arange(n, device=scores.device)]
            found[..., sets] = torch.where(inside, terms, 0.0).sum(-1)
        return found

    def choose(
        self,
        scores: Float[Tensor, "batch n"],
        counts: Int[Tensor, "batch"],
        generator: Generator | None = None,
        free: Bool[Tensor, "batch n"] | None = None,
    ) -> Bool[Tensor, "batch n"]:
        """Draw a set of the given size in each row, among its free positions: largest scores / temperature + noise."""
        order = self._order(check_scores(scores.double()), generator, free)
        return order.argsort(-1) < counts[:, None]

    def _next_draw(self, scores: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch sets n"]:
        """Return the chance of each position to be drawn next, given the set drawn so far; zero inside the set."""
        n = scores.shape[-1]
        check_scores(scores)
        drawn = (torch.arange(2**n, device=scores.device)[:, None] & _bits(n).to(scores.device)) > 0
        if self.temperature is None:
            left = tied(scores)[..., None, :].masked_fill(drawn, -torch.inf)
            best = (left == left.amax(-1, keepdim=True)) & ~drawn
            return best.double() / best.sum(-1, keepdim=True).clamp(min=1)
        left = (scores / self.temperature)[..., None, :].masked_fill(drawn, -torch.inf)
        return torch.where(drawn, 0.0, torch.softmax(left, -1))

    def _order(
        self, scores: Float[Tensor, "batch n"], generator: Generator | None, free: Bool[Tensor, "batch n"] | None
    ) -> Int[Tensor, "batch n"]:
        u = torch.rand(scores.shape, dtype=torch.float64, generator=generator, device=scores.device)
        barred = torch.zeros_like(scores, dtype=torch.bool) if free is None else ~free
        if self.temperature is not None:
            keys = scores / self.temperature - torch.log(-torch.log1p(-u))
            return keys.masked_fill(barred, -torch.inf).argsort(-1, descending=True)
        shuffled = u.argsort(-1)
        keys = tied(scores).masked_fill(barred, -torch.inf).gather(-1, shuffled)
        return shuffled.gather(-1, keys.argsort(dim=-1, descending=True, stable=True))


RANDOM = Selection()
"""A selection by equal scores: uniform subsets of ceil((1 - alpha_next) n) positions."""


def rounded_counts(rule: str, alpha_next: float, sizes: Int[Tensor, "rows"]) -> Int[Tensor, "rows"]:
    """Return (1 - alpha_next) size rounded up or down; within the slack of a whole number it is that number."""
    _check_alpha(alpha_next)
    exact = (1 - alpha_next) * sizes.double()
    rounded = exact.ceil() if rule == "ceil" else exact.floor()
    return torch.where((exact - exact.round()).abs() < SLACK, exact.round(), rounded).long()


@functools.lru_cache(maxsize=64)
def set_sizes(n: int) -> Int[Tensor, "sets"]:
    """Return the size of every chosen set, in the order of `Selection.set_probabilities`."""
    return n - information.set_sizes(n)


def check_logits(logits: Tensor, tokens: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
    """Return a predictor's logits as float64; InvalidInput for another shape or NaN."""
    if tuple(logits.shape) != tuple(tokens.shape):
        extra = "; drop its last axis" if logits.ndim == tokens.ndim + 1 else ""
        raise InvalidInput(
            f"error predictor returned shape {tuple(logits.shape)}; expected one logit a token, "
            f"{tuple(tokens.shape)}{extra}"
        )
    return check_scores(logits.double())


def check_scores(scores: Tensor) -> Tensor:
    """Return the scores; InvalidInput for NaN or infinity."""
    if not bool(torch.isfinite(scores).all()):
        raise InvalidInput("scores hold NaN or infinity; expected finite logits: clamp the probabilities before logit")
    return scores


def _check_alpha(alpha: float) -> None:
    if not 0 <= alpha <= 1:
        raise InvalidInput(f"alpha_next = {alpha:g}; expected a revealed fraction in [0, 1]")


@functools.lru_cache(maxsize=64)
def _bits(n: int) -> Int[Tensor, "n"]:
    states.require_memory(2**n * n, f"sets of n = {n} positions")
    return 2 ** torch.arange(n - 1, -1, -1)
