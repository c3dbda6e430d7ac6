"""What samplers do to token probabilities before they draw: temperature, then top-k, then nucleus (top-p).

This is the order of the warpers of Hugging Face's `transformers` (generation/logits_process.py, which was read), and
top-k keeps what they keep: every token that is as likely as the k-th. Their nucleus sorts with ties left open; here the
smaller token comes first. The released sampler of Dream (in the copy that DiffuCoder's generation code holds, which was
read) cuts the nucleus before it takes the top k, and its nucleus is the smallest prefix whose mass *exceeds* p.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser, Rows
from theory.errors import InvalidInput
from theory.tolerance import meets, tied
from theory.unmasking.rules.base import SetRule, ValueRule, ask, check_selection, checked_states
from theory.worlds import states


def sharpened(
    log_p: Float[Tensor, "*batch d"],
    temperature: float = 1.0,
    top_k: int | None = None,
    nucleus: float | None = None,
) -> Float[Tensor, "*batch d"]:
    """Return the normalised log-probabilities that tokens are drawn from, -inf for the tokens that are dropped.

    Temperature 0 keeps the most probable token alone, the smallest one in ties. Top-k keeps the k most probable tokens
    and those that tie with the k-th. The nucleus is the smallest set of most probable tokens whose mass reaches the
    given share, at least one token. Log-probabilities tie by `theory.tolerance`. Where nothing is asked for the
    argument itself is returned; number types below float32 are computed in float32. Raises InvalidInput for a
    temperature that is negative or not finite, a top-k below 1 and a nucleus outside (0, 1].
    """
    _check(temperature, top_k, nucleus)
    most = None if top_k is None or top_k >= log_p.shape[-1] else top_k
    share = None if nucleus is None or nucleus >= 1 else nucleus
    if temperature == 1 and most is None and share is None:
        return log_p
    kept_log_p = _at_least_single(log_p)
    if temperature == 0:
        return torch.full_like(kept_log_p, -torch.inf).scatter(-1, _likeliest(kept_log_p)[..., None], 0.0)
    if temperature != 1:
        kept_log_p = ((kept_log_p - kept_log_p.amax(-1, keepdim=True)) / temperature).log_softmax(-1)
    if most is not None:
        rank = tied(kept_log_p)
        kept = rank >= rank.topk(most, -1).values[..., -1:]
        kept_log_p = torch.where(kept, kept_log_p, -torch.inf).log_softmax(-1)
    if share is not None:
        kept_log_p = torch.where(_nucleus(kept_log_p, share), kept_log_p, -torch.inf).log_softmax(-1)
    return kept_log_p


def _nucleus(log_p: Float[Tensor, "*batch d"], share: float) -> Bool[Tensor, "*batch d"]:
    order = (-tied(log_p)).sort(dim=-1, stable=True).indices
    p = log_p.exp().gather(-1, order)
    reached_before = meets(p - p.cumsum(-1), -share)
    reached_before[..., 0] = False
    return torch.zeros_like(reached_before).scatter(-1, order, ~reached_before)


@dataclass(frozen=True)
class TokenLaw:
    """What is done to token probabilities before a draw; see `sharpened`, which checks the same arguments."""

    temperature: float = 1.0
    top_k: int | None = None
    nucleus: float | None = None

    def __post_init__(self) -> None:
        _check(self.temperature, self.top_k, self.nucleus)

    @property
    def name(self) -> str:
        """Return the name in tables."""
        parts = [f"temperature {self.temperature:g}"] if self.temperature != 1 else []
        parts += [f"top {self.top_k} tokens"] if self.top_k is not None else []
        parts += [f"nucleus {self.nucleus:g}"] if self.nucleus is not None else []
        return ", ".join(parts) or "as predicted"

    def __call__(self, log_p: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Return the log-probabilities that tokens are drawn from."""
        return sharpened(log_p, self.temperature, self.top_k, self.nucleus)


@dataclass(frozen=True)
class DrawnFrom(ValueRule):
    """A set rule that sees the conditionals themselves, with tokens drawn from sharpened ones.

    Blind to drawn values like the set rule, it is a value rule because it draws its tokens itself. The other order,
    where the rule sees the sharpened conditionals too, is the rule beside the denoiser `Sharpened(denoiser, tokens)`.
    The KL of its output law is infinite where a token of the data is dropped.
    """

    rule: SetRule
    tokens: TokenLaw = field(default_factory=TokenLaw)

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule and the tokens' law
        """Return the name in tables."""
        return f"{self.rule.name}, tokens {self.tokens.name}"

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the tokens of every set that the rule may choose, with the product of their probabilities.

        Raises InvalidInput for conditionals or selections that are wrong.
        """
        log_p, masked = ask(denoiser, z), z == denoiser.d
        weights, chosen = self.rule.for_states(z).choices(log_p, masked.clone())
        row, choice = (weights > 0).nonzero(as_tuple=True)
        picked = check_selection(self.rule.name, chosen[row, choice], masked[row], z[row])
        p = self.tokens(log_p).exp()
        size, whole = picked.sum(-1), ~masked.any(-1)
        parts = [(whole.nonzero()[:, 0], p.new_ones(int(whole.sum())), z[whole])]
        for count in sorted(set(size.tolist()) - {0}):
            at = size == count
            block = picked[at].nonzero()[:, 1].reshape(-1, count)
            drawn, after = _all_tokens(p, z, row[at], block)
            weight = weights[row[at], choice[at], None] * drawn
            parts.append((row[at, None].expand_as(weight).flatten(), weight.flatten(), after.flatten(0, 1)))
        return packed(z, masked, [torch.cat(part) for part in zip(*parts, strict=True)])

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw the tokens of the set that the rule chooses; complete rows stay, at no call."""

        def advance(z: Tensor) -> Tensor:
            log_p, masked = ask(denoiser, z), z == denoiser.d
            chosen = self.rule.for_states(z).select(log_p, masked.clone(), generator)
            return drawn_at(check_selection(self.rule.name, chosen, masked, z), log_p, z, self.tokens, generator)

        return advance_open_rows(denoiser, z, advance)


@dataclass(frozen=True)
class Sharpened:
    """A denoiser whose conditionals are sharpened: what rules, entropies and draws see alike."""

    denoiser: Any
    tokens: TokenLaw

    def __post_init__(self) -> None:
        if not callable(self.denoiser) or getattr(self.denoiser, "d", None) is None:
            raise InvalidInput(
                f"{type(self.denoiser).__name__} is no denoiser that says its d; wrap it: "
                "theory.denoisers.denoiser(f, d=...)"
            )

    @property
    def n(self) -> int | None:
        """Return the number of positions, None where any will do."""
        n: int | None = getattr(self.denoiser, "n", None)
        return n

    @property
    def d(self) -> int:
        """Return the number of symbols."""
        d: int = self.denoiser.d
        return d

    @property
    def worlds(self) -> tuple[int, ...]:
        """Return the shape of the batch of laws or tables behind it, () for one."""
        return tuple(getattr(self.denoiser, "worlds", ()))

    @property
    def rows(self) -> Rows | None:
        """Return the function of world numbers and states, None where the denoiser has none."""
        own: Rows | None = getattr(self.denoiser, "rows", None)
        return None if own is None else lambda which, z: self.tokens(own(which, z))

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "*worlds batch n d"]:
        """Return the sharpened log-conditionals."""
        return self.tokens(self.denoiser(z))


def drawn_at(
    chosen: Bool[Tensor, "batch n"],
    log_p: Float[Tensor, "batch n d"],
    z: Int[Tensor, "batch n"],
    tokens: TokenLaw,
    generator: Generator | None = None,
) -> Int[Tensor, "batch n"]:
    """Return the states with a token drawn at every chosen position; the other rows of `log_p` are not copied."""
    after, own = z.clone(), log_p[chosen]
    if tokens.temperature == 0:
        after[chosen] = _likeliest(_at_least_single(own))
    elif len(own):
        after[chosen] = torch.multinomial(tokens(own).exp(), 1, generator=generator)[:, 0]
    return after


def advance_open_rows(
    denoiser: Denoiser, z: Int[Tensor, "batch n"], advance: Callable[[Tensor], Tensor]
) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
    """Return the next states and the calls of a step of one call; rows without masks stay and are not asked about."""
    open_ = (checked_states(denoiser, z) == denoiser.d).any(-1)
    after = z.clone()
    if bool(open_.any()):
        after[open_] = advance(z[open_])
    return after, open_.long()


def packed(
    z: Int[Tensor, "batch n"], masked: Bool[Tensor, "batch n"], listed: list[Tensor]
) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
    """Return outcomes of one call each, listed as row numbers, weights and states, as tables with a line for each row.

    Outcomes of weight 0 are left out; lines are filled up with the state itself at weight 0. Rows without masks cost
    no call.
    """
    row, weight, after = (part[listed[1] > 0] for part in listed)
    order = row.argsort(stable=True)
    row = row[order]
    count = torch.bincount(row, minlength=len(z))
    slot = torch.arange(len(row), device=z.device) - (count.cumsum(0) - count)[row]
    width = int(count.max()) if len(count) else 0
    weights = weight.new_zeros(len(z), width)
    states_after = z[:, None].repeat(1, width, 1)
    weights[row, slot], states_after[row, slot] = weight[order], after[order]
    return weights, states_after, masked.any(-1, keepdim=True).long().repeat(1, width)


def _all_tokens(
    p: Float[Tensor, "batch n d"], z: Int[Tensor, "batch n"], row: Int[Tensor, "r"], block: Int[Tensor, "r k"]
) -> tuple[Float[Tensor, "r c"], Int[Tensor, "r c n"]]:
    """Return for each row number and block the probability of every vector of tokens, and the states with them."""
    k, d = block.shape[1], p.shape[-1]
    states.require_memory(len(row) * d**k * z.shape[-1], f"list of all {d}^{k} tokens of {len(row)} blocks")
    values = states.digits(torch.arange(d**k, device=z.device), k, d)
    drawn = p[row[:, None, None], block[:, None], values[None]].prod(-1)
    after = z[row][:, None].repeat(1, len(values), 1)
    return drawn, after.scatter(-1, block[:, None].expand(-1, len(values), -1), values.expand(len(row), -1, -1))


def _likeliest(log_p: Float[Tensor, "*batch d"]) -> Int[Tensor, "*batch"]:
    return tied(log_p).argmax(-1)


def _at_least_single(log_p: Tensor) -> Tensor:
    return log_p if log_p.dtype in (torch.float32, torch.float64) else log_p.float()


def _check(temperature: float, top_k: int | None, nucleus: float | None) -> None:
    if not 0 <= temperature < math.inf:
        raise InvalidInput(f"temperature {temperature}; expected a finite number >= 0, 0 for the most probable token")
    if top_k is not None and top_k < 1:
        raise InvalidInput(f"top_k = {top_k} tokens; expected at least 1, or None for all")
    if nucleus is not None and not 0 < nucleus <= 1:
        raise InvalidInput(
            f"nucleus {nucleus}; expected a share of the mass above 0 and at most 1, or None for all of it"
        )
