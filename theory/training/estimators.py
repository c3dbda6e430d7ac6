"""Estimators of the negative ELBO (NELBO) of a masked denoiser: how masks are drawn and how their losses are weighted.

For a sequence x with m free tokens (the others are given and never masked) one draw takes a masking level t in (0, 1]
from a density p, then a set S of free tokens to mask, and returns, in nats,

    w(t, |S|, m, p(t)) * sum over i in S of -ln q(x_i | the tokens outside S).

An estimate is the mean over `levels` x `masks` draws, twice as many where each draw has a partner. Every part is an
argument: a law of one's own is a `Level`, a `Weight` is any function of level, count, m and density. Training and
evaluation draw their masks here; `theory.training.moments` computes mean and variance of the same object exactly.
Sources: arXiv 2406.03736 (both forms of the loss), 2511.18159 (levels, mirrored masks, strata), 2505.19223 (nesting).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from theory.errors import InvalidInput, unknown

Strata = Literal["none", "batch", "draws"]
Partner = Literal["none", "mirrored mask", "mirrored level", "complement"]
STRATA: tuple[Strata, ...] = ("none", "batch", "draws")
PARTNERS: tuple[Partner, ...] = ("none", "mirrored mask", "mirrored level", "complement")
LEAST = 2.0**-54
"""The smallest value of a mirrored uniform variable, so that no level is zero."""


@dataclass(frozen=True)
class Level:
    """A law of the masking level on (0, 1]: its density, and its quantile function from (0, 1] to levels.

    `least` is the smallest level that is drawn; the density is zero below it.
    """

    name: str
    density: Callable[[Tensor], Tensor]
    quantile: Callable[[Tensor], Tensor]
    least: float = 0.0


UNIFORM = Level("uniform", lambda t: torch.ones_like(t), lambda u: u)


def clipped(least: float) -> Level:
    """Return the uniform law on [least, 1]."""
    if not 0 <= least < 1:
        raise InvalidInput(f"least level {least}; expected 0 <= least < 1")

    def density(t: Tensor) -> Tensor:
        return torch.where(t >= least, 1 / (1 - least), 0.0)

    return Level(f"uniform on [{least:g}, 1]", density, lambda u: least + (1 - least) * u, least)


def power(gamma: float) -> Level:
    """Return the law with density (1 - gamma) t^-gamma: its variance is finite for 0 < gamma < 1 under 1/t weights."""
    if not gamma < 1:
        raise InvalidInput(f"gamma {gamma}; t^-gamma has a density on (0, 1] only for gamma < 1")
    return Level(f"t^{-gamma:g}", lambda t: (1 - gamma) * t**-gamma, lambda u: u ** (1 / (1 - gamma)))


class MaskLaw(Protocol):
    """The law of the masked set given the level."""

    @property
    def name(self) -> str:
        """Return how tables call it."""
        ...

    def draw(
        self, level: Float[Tensor, "*draws"], noise: Float[Tensor, "*draws n"], given: Bool[Tensor, "... n"]
    ) -> Bool[Tensor, "*draws n"]:
        """Return the masked positions that uniform noise stands for; 1 - noise has the same law."""
        ...

    def law(self, level: Float[Tensor, " levels"], sets: Bool[Tensor, "sets n"]) -> Float[Tensor, "levels sets"]:
        """Return the probability of each masked set at each level, where no token is given."""
        ...


@dataclass(frozen=True)
class Independent:
    """Every free token is masked with probability t, by itself."""

    name: str = "independent"

    def draw(
        self, level: Float[Tensor, "*draws"], noise: Float[Tensor, "*draws n"], given: Bool[Tensor, "... n"]
    ) -> Bool[Tensor, "*draws n"]:
        """Mask where the noise is below the level."""
        return (noise < level[..., None]) & ~given

    def law(self, level: Float[Tensor, " levels"], sets: Bool[Tensor, "sets n"]) -> Float[Tensor, "levels sets"]:
        """Return t^|S| (1 - t)^(n - |S|)."""
        count, n = sets.sum(-1), sets.shape[-1]
        return level[:, None] ** count * (1 - level[:, None]) ** (n - count)


@dataclass(frozen=True)
class Scheduled:
    """Position i is masked with probability `rates`(t)_i, by itself: a schedule for each position (arXiv 2511.19152).

    `rates` maps levels (...) to probabilities (..., n), from 0 at t = 0 to 1 at t = 1.
    """

    rates: Callable[[Tensor], Tensor]
    name: str = "a rate for each position"

    def draw(
        self, level: Float[Tensor, "*draws"], noise: Float[Tensor, "*draws n"], given: Bool[Tensor, "... n"]
    ) -> Bool[Tensor, "*draws n"]:
        """Mask where the noise is below the rate of its position."""
        return (noise < self.rates(level)) & ~given

    def law(self, level: Float[Tensor, " levels"], sets: Bool[Tensor, "sets n"]) -> Float[Tensor, "levels sets"]:
        """Return the product of rates over masked positions and of 1 - rate over the others."""
        rate = self.rates(level)[:, None]
        return torch.where(sets, rate, 1 - rate).prod(-1)


@dataclass(frozen=True)
class Exactly:
    """`count`(t, m) of the m free tokens are masked, every set of that size alike.

    By default ceil(t m): at a uniform level the count is uniform on 1..m. Jumps at multiples of 1/(2m), as of ceil,
    floor and round, are integrated exactly by `theory.training.moments`.
    """

    count: Callable[[Tensor, Tensor], Tensor] = lambda t, m: (t * m).ceil()
    name: str = "exactly ceil(t m)"

    def draw(
        self, level: Float[Tensor, "*draws"], noise: Float[Tensor, "*draws n"], given: Bool[Tensor, "... n"]
    ) -> Bool[Tensor, "*draws n"]:
        """Mask the free tokens of least noise."""
        rank = noise.masked_fill(given, 2.0).argsort(-1).argsort(-1)
        return (rank < self.count(level, (~given).sum(-1))[..., None]) & ~given

    def law(self, level: Float[Tensor, " levels"], sets: Bool[Tensor, "sets n"]) -> Float[Tensor, "levels sets"]:
        """Return one over the number of sets of the size that the level asks for."""
        n, size = sets.shape[-1], sets.sum(-1)
        right = size == self.count(level, torch.full_like(level, n))[:, None]
        return right.double() / right.sum(-1, keepdim=True).clamp(min=1)


@dataclass(frozen=True)
class Weight:
    """The factor of a masked set's loss: a function of level t, count k, number of free tokens m and density p(t)."""

    name: str
    of: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


BY_LEVEL = Weight("1 / (t p(t))", lambda t, k, m, p: 1 / (t * p))
"""With independent masks the NELBO is the mean, whatever density p draws the level."""
BY_COUNT = Weight("m / k", lambda t, k, m, p: m / k.clamp(min=1))
"""With a uniform count the NELBO is the mean."""


@dataclass(frozen=True)
class Estimator:
    """How one estimate of a sequence's NELBO is made; see the module's first lines.

    `strata` spreads the levels over equal parts of (0, 1] before the quantile function: those of a "batch", one part
    a sequence, or those of one sequence's "draws". `partner` adds to each draw a second one: the "mirrored mask"
    (noise u becomes 1 - u at the same level: MIRROR), the "mirrored level" (level variable u becomes 1 - u, fresh
    mask), or the "complement" (both mirrored: with independent masks at a uniform level, the tokens left visible).
    Raises InvalidInput for unknown names and counts below one.
    """

    name: str
    mask: MaskLaw = Independent()
    weight: Weight = BY_LEVEL
    level: Level = UNIFORM
    levels: int = 1
    masks: int = 1
    strata: Strata = "none"
    partner: Partner = "none"

    def __post_init__(self) -> None:
        if min(self.levels, self.masks) < 1:
            raise InvalidInput(f"{self.levels} levels of {self.masks} masks; expected at least one of each")
        for kind, value, known in (("strata", self.strata, STRATA), ("partner", self.partner, PARTNERS)):
            if value not in known:
                raise InvalidInput(f"{kind} {value!r}; expected one of {', '.join(known)}")

    @property
    def draws(self) -> int:
        """Return the number of masks an estimate costs, each one pass of the denoiser."""
        return self.levels * self.masks * (1 if self.partner == "none" else 2)


NAMED: dict[str, Estimator] = {
    "count": Estimator("count", Exactly(), BY_COUNT, strata="batch"),
    "time": Estimator("time", strata="batch"),
}
"""The two forms of the loss that the suite trains with, levels stratified over the batch."""


def named(loss: str | Estimator) -> Estimator:
    """Return an estimator by its name, or itself. Raises InvalidInput for an unknown name."""
    if isinstance(loss, Estimator):
        return loss
    if loss not in NAMED:
        raise unknown("loss", loss, NAMED)
    return NAMED[loss]


@dataclass(frozen=True)
class Draws:
    """Masks of a batch of sequences, a first axis over the draws of each, with their weights and levels."""

    masked: Bool[Tensor, "draws batch n"]
    weight: Float[Tensor, "draws batch"]
    level: Float[Tensor, "draws batch"]


def draw(estimator: Estimator, given: Bool[Tensor, "batch n"], generator: Generator) -> Draws:
    """Draw masks and weights for sequences with these given tokens, on the generator's device."""
    batch, n = given.shape
    spread = _quantiles(estimator, batch, generator)
    shape = (estimator.levels, estimator.masks, batch)
    u = spread[:, None].expand(shape)
    noise = torch.rand((*shape, n), generator=generator, device=generator.device)
    if estimator.partner != "none":
        fresh = estimator.partner == "mirrored level"
        other = torch.rand(noise.shape, generator=generator, device=generator.device) if fresh else 1 - noise
        u = torch.stack((u, u if estimator.partner == "mirrored mask" else (1 - u).clamp(min=LEAST)))
        noise = torch.stack((noise, other))
    level = estimator.level.quantile(u).reshape(-1, batch)
    masked = estimator.mask.draw(level, noise.reshape(-1, batch, n), given)
    free = (~given).sum(-1)
    weight = estimator.weight.of(level, masked.sum(-1), free, estimator.level.density(level))
    return Draws(masked, weight.float(), level)


def _quantiles(estimator: Estimator, batch: int, generator: Generator) -> Float[Tensor, "levels batch"]:
    """Return a uniform variable on (0, 1] for each level, stratified where asked."""
    levels, device = estimator.levels, generator.device
    found = 1 - torch.rand((levels, batch), generator=generator, dtype=torch.float64, device=device)
    if estimator.strata == "draws":
        return (torch.arange(levels, device=device)[:, None] + found) / levels
    if estimator.strata == "batch":
        order = torch.rand((levels, batch), generator=generator, device=device).argsort(-1)
        return (order + found) / batch
    return found
