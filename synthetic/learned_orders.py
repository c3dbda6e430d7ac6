"""Decoding orders that are learned: weights of per-position schedules, trained with any denoiser (arXiv 2511.19152).

With masking probabilities t^(w_l) the next position is l with probability w_l over the sum of the weights not decoded
yet, and the NELBO is the mean over such orders. It is estimated here by count: draw an order and a number k in
0..n-1, mask the set M of all but its first k positions, and return

    f = n * sum over l in M of (w_l / w(M)) (-ln q(x_l | the tokens outside M)),    w(M) = sum of w over M.

The mean over the next position is taken in closed form, so that weights are bounded by n where the paper's (w_l / t at
a uniform t) are not; with equal weights f is the usual n / |M| times the loss. Its gradient in w is the mean of
df/dw + f d ln P(first k positions) / dw; in the second term the mean of the other draws for the same sequence is
subtracted from f (leave-one-out, RLOO), which changes the variance only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from synthetic.optimisation import Optimiser, Schedule
from synthetic.training import step_generator
from theory.errors import InvalidInput
from theory.worlds.states import index_of

if TYPE_CHECKING:
    from synthetic.progress import Progress

SPEED = 10.0
"""Log-weights change this many times as fast as the denoiser's weights under one rate."""


class Ordered(nn.Module):
    """A stack of denoisers, each with the weights of its decoding order.

    `denoiser` maps states (members, batch, n) to log-conditionals (members, batch, n, d); state d is the mask.
    `log_w` (members, n) are log-weights to begin with; those of members marked in `learned` change. Raises InvalidInput
    for other shapes and for log-weights that are not finite.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        d: int,
        log_w: Float[Tensor, "members n"],
        learned: Bool[Tensor, " members"],
    ) -> None:
        super().__init__()
        if log_w.ndim != 2 or learned.shape != log_w.shape[:1] or not bool(log_w.isfinite().all()):
            raise InvalidInput(
                f"log-weights of shape {tuple(log_w.shape)}, learned of shape {tuple(learned.shape)}; expected finite "
                "ones of shapes (members, n) and (members,)"
            )
        self.denoiser, self.d = denoiser, d
        self.start: Tensor
        self.speed: Tensor
        self.register_buffer("start", log_w.float())
        self.register_buffer("speed", SPEED * learned.float()[:, None])
        self.moved = nn.Parameter(torch.zeros_like(self.start))

    def log_weights(self) -> Float[Tensor, "members n"]:
        """Return ln w, of mean zero: a common factor changes nothing."""
        log_w = self.start + self.speed * self.moved
        return log_w - log_w.mean(-1, keepdim=True)

    def forward(self, z: Int[Tensor, "members batch n"]) -> Float[Tensor, "members batch n d"]:
        """Return the denoiser's log-conditionals."""
        found: Tensor = self.denoiser(z)
        return found


def losses(
    module: Ordered,
    tokens: Int[Tensor, "members batch n"],
    count: Int[Tensor, "members draws batch"],
    noise: Float[Tensor, "members draws batch n"],
) -> Float[Tensor, " members"]:
    """Return each member's mean of f over draws and batch, in nats per token, with its gradient in denoiser and w.

    `count` tokens are visible; `noise` is standard Gumbel noise, which makes orders: positions by descending ln w +
    noise. Raises InvalidInput for a single draw, which has no others to compare with.
    """
    draws = count.shape[1]
    if draws < 2:
        raise InvalidInput("1 draw a sequence; leave-one-out means need at least two")
    log_w = module.log_weights()[:, None, None]
    masked, log_chance = first_positions(log_w.expand(noise.shape), noise, count)
    z = torch.where(masked, module.d, tokens[:, None])
    log_p = module(z.flatten(1, 2)).unflatten(1, z.shape[1:3])
    own = log_p.gather(-1, tokens[:, None, ..., None].expand(*z.shape, 1))[..., 0]
    share = log_w.masked_fill(~masked, -torch.inf).softmax(-1)
    f = -(share * own).sum(-1)
    others = (f.sum(1, keepdim=True) - f) / (draws - 1)
    score = log_chance - log_chance.detach()  # zero, with the gradient of ln P
    return (f + (f - others).detach() * score).mean((1, 2))


def first_positions(
    log_w: Float[Tensor, "*draws n"], noise: Float[Tensor, "*draws n"], count: Int[Tensor, "*draws"]
) -> tuple[Bool[Tensor, "*draws n"], Float[Tensor, "*draws"]]:
    """Return what stays masked after the first `count` positions of drawn orders, and ln P(those positions, in order).

    Gumbel's trick: positions sorted by descending ln w + noise follow Plackett and Luce's law.
    """
    order = (log_w.detach() + noise).argsort(-1, descending=True)
    along = log_w.gather(-1, order)
    left = along.flip(-1).logcumsumexp(-1).flip(-1)
    early = torch.arange(log_w.shape[-1], device=log_w.device) < count[..., None]
    log_chance = torch.where(early, along - left, 0.0).sum(-1)
    return torch.ones_like(early).scatter(-1, order, ~early), log_chance


class FreeTable(nn.Module):
    """A stack of denoisers with a free number for every log-conditional of every state: n tokens over d symbols."""

    def __init__(self, members: int, n: int, d: int) -> None:
        super().__init__()
        self.n, self.d = n, d
        self.logits = nn.Parameter(torch.zeros(members, (d + 1) ** n, n * d))

    def forward(self, z: Int[Tensor, "members batch n"]) -> Float[Tensor, "members batch n d"]:
        """Return ln p(x_i = v | z), read off the table."""
        rows = index_of(z, self.d)[..., None].expand(*z.shape[:2], self.n * self.d)
        return self.logits.gather(1, rows).view(*z.shape, self.d).log_softmax(-1)


@dataclass(frozen=True)
class Fit:
    """How denoisers and orders are trained: steps, sequences a step, draws a sequence, the peak rate."""

    steps: int = 500
    batch: int = 32
    draws: int = 2
    rate: float = 3e-3


def fit(
    module: Ordered,
    rows: Sequence[Int[Tensor, "rows n"]],
    seeds: Sequence[int],
    how: Fit,
    progress: Progress,
    label: str = "learned orders",
) -> Ordered:
    """Train every member on its rows with its seed's batches, and return the averaged weights.

    Counts are stratified over the batch. Members with one seed see the same sequences, counts and noise.
    """
    schedule = Schedule(how.steps, how.rate, warmup=max(1, how.steps // 20), ema=0.99)
    optimiser = Optimiser(module, losses, schedule, stack=True)
    for step in progress.track(range(how.steps), label):
        drawn = {seed: _batch(rows[k], how, step_generator(seed, step)) for k, seed in enumerate(seeds)}
        optimiser.step(step, *(torch.stack(parts) for parts in zip(*(drawn[seed] for seed in seeds), strict=True)))
    averaged = optimiser.average
    assert isinstance(averaged, Ordered)
    return averaged


def _batch(rows: Int[Tensor, "rows n"], how: Fit, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return a step's sequences, counts of visible tokens, and Gumbel noise."""
    n, shape = rows.shape[1], (how.draws, how.batch)
    tokens = rows[torch.randint(len(rows), (how.batch,), generator=generator)]
    strata = torch.rand(shape, generator=generator).argsort(-1)
    count = ((strata + torch.rand(shape, generator=generator)) * n / how.batch).long().clamp(max=n - 1)
    uniform = torch.rand((*shape, n), generator=generator, dtype=torch.float64).clamp(1e-12)
    return tokens, count, -(-uniform.log()).log().float()
