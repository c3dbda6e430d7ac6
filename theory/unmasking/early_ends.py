"""Samplers that stop before everything is revealed, and what is done with the masks they leave: exactly. Nats.

The log-linear noise of SEDD and MDLM masks a token at time t with probability (1 - eps) t, eps = 0.001, and their
samplers run from t = 1 down to a second eps, 0.00001, in equal steps. Read in the released code (noise_lib.py and
sampling.py of SEDD; noise_schedule.py and diffusion.py of MDLM):

- The eps of the noise never reaches the sampler: each of their updates reveals a masked token with probability
  1 - s / t between the times t and s (docs/derivations.md, shipped.1).
- The eps of the sampler leaves every token masked with probability eps. SEDD then draws what is left at once, MDLM
  takes the likeliest tokens at once, and without `noise_removal` the masks stay (`early_end`).
- The loss of MDLM, an average over t from 0.001 to 1, sees a share between 0.001 and 1 of the tokens masked
  (`shipped_loss`): for exact conditionals it is below the entropy (docs/derivations.md, shipped.3).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import special
from torch import Tensor

from theory.errors import InvalidInput, unknown
from theory.schedules import LINEAR, as_schedule
from theory.showing import Shown
from theory.unmasking import laws, losses
from theory.unmasking.kernels import Conditionals, block_costs, conditionals, kernel_of, output_law
from theory.unmasking.rules.actions import likely
from theory.worlds import TableWorld, World, information, states
from theory.worlds.table import table_of

Fill = Literal["draw", "argmax", "none"]


@dataclass(frozen=True, repr=False, eq=False)
class EarlyEnd(Shown):
    """What a sampler that stops at a share 1 - eps of the tokens does on a world.

    `finished` are the probabilities of all d^n complete sequences among what it returns; they sum to 1 unless masks
    stay. `path_divergence` is the KL over whole paths, the filling being the last step: infinite where a likeliest
    token may be wrong, and nan where masks stay. Divergences are in nats.
    """

    name: str
    world: TableWorld
    finished: Float[Tensor, "cells"]
    path_divergence: float
    eps: float

    @property
    def divergence(self) -> float:
        """Return KL(data || returned sequences); a sequence with masks is not one of the data's."""
        return float(information.kullback_leibler(self.world.law(), self.finished))

    @property
    def unfinished(self) -> float:
        """Return the probability that a returned sequence still holds masks."""
        return max(0.0, 1 - float(self.finished.sum()))

    @property
    def masks_left(self) -> float:
        """Return the expected number of masks that the steps leave, n eps."""
        return self.world.n * self.eps

    def _facts(self) -> dict[str, object]:
        values = {"KL (nats)": self.divergence, "path KL (nats)": self.path_divergence, "masks left": self.masks_left}
        return {"world": self.world.name, **values, "unfinished": self.unfinished}


def reveal_probability(before: Any, after: Any) -> Any:
    """Return 1 - s / t, the chance that a masked token is revealed between the times t > s, 1 being all masked."""
    return 1 - after / before


def early_grid(steps: int, eps: float, schedule: Any = LINEAR) -> Float[ndarray, "nodes"]:
    """Return (1 - eps) alpha(k / K) for k = 0..K, and 1: the last of the K + 1 cells is what is filled at once."""
    return np.append((1 - _eps(eps)) * as_schedule(schedule).grid(steps), 1.0)


def early_end(
    world: World, steps: int, eps: float, fill: str = "argmax", denoiser: Any = None, schedule: Any = LINEAR
) -> EarlyEnd:
    """Return the exact law of K steps to a share 1 - eps of the tokens and of what is done with the rest.

    `fill` is "draw" (all masked tokens at once, independently, as in SEDD), "argmax" (the likeliest token of each, the
    first of equal ones, as in MDLM) or "none". The denoiser is the world itself unless given. Given that the tokens S
    are never reached, the others are revealed as by the schedule without eps while S stays masked; so the law is a sum
    over all S, (2d + 2)^n numbers in all. Raises InvalidInput.
    """
    if fill not in get_args(Fill):
        raise unknown("fill", fill, get_args(Fill))
    data = _one_table(world)
    n, d, share = data.n, data.d, _eps(eps)
    states.require_memory((2 * d + 2) ** n, f"subsets and states for n = {n}, d = {d}")
    ask, grid = conditionals(data, denoiser), as_schedule(schedule).grid(steps)
    finished, cost = torch.zeros(d**n, dtype=torch.float64), 0.0
    for left in _subsets(n):
        weight = share ** len(left) * (1 - share) ** (n - len(left))
        if weight == 0 or (fill == "none" and left):
            continue
        reached, cells, filled = _after_steps(ask, grid, left, n, d, fill)
        finished.index_add_(0, cells.flatten(), weight * (reached[:, None] * filled).flatten())
        cost += weight * _fill_cost(data, left, cells, filled)
    path = math.nan if fill == "none" else _step_cost(data, ask, early_grid(steps, eps, schedule)) + cost
    label = {"draw": "the rest drawn", "argmax": "the rest likeliest", "none": "the rest masked"}[fill]
    name = f"{as_schedule(schedule).name} to {1 - share:g}, {steps} steps, {label}"
    return EarlyEnd(name, data, finished, path, share)


def shipped_loss(world: World, eps: float = 1e-3, least: float = 1e-3, denoiser: Any = None) -> float:
    """Return the mean over t in [least, 1] of MDLM's loss under log-linear noise that ends at 1 - eps, in nats.

    At time t the loss is 1 / t times the sum of -ln p(x_i | z) over the masked tokens. The world is enumerated, the
    denoiser is the world itself unless given. Raises InvalidInput.
    """
    return shipped_loss_of(losses.cross_entropies(_one_table(world), denoiser), eps, least)


def shipped_loss_of(cross_entropy: Any, eps: float = 1e-3, least: float = 1e-3) -> float:
    """Return the same mean from the cross-entropies CE_0..CE_(n-1) by number of revealed tokens, at any length.

    A token is masked at t with probability (1 - eps) t, so the loss there is n (1 - eps) times the smoothed
    cross-entropy CE(a) at a = 1 - (1 - eps) t; the mean is n / (1 - least) times the integral of CE(a) from eps to
    1 - (1 - eps) least. From 0 to 1 the integral would be the NELBO. Raises InvalidInput.
    """
    ce = np.asarray(torch.as_tensor(cross_entropy, dtype=torch.float64))
    if ce.ndim != 1 or not len(ce) or not np.isfinite(ce).all():
        raise InvalidInput(f"cross-entropies of shape {ce.shape}; expected n finite numbers CE_0, ..., CE_(n-1)")
    n, first, low = len(ce), _eps(eps), _eps(least)
    m = np.arange(n)
    share = special.betainc(m + 1, n - m, 1 - (1 - first) * low) - special.betainc(m + 1, n - m, first)
    return float(share @ ce) / (1 - low)


def _after_steps(
    ask: Conditionals, grid: Float[ndarray, "nodes"], left: tuple[int, ...], n: int, d: int, fill: str
) -> tuple[Float[Tensor, "few"], Int[Tensor, "few fills"], Float[Tensor, "few fills"]]:
    """Return the law of the revealed tokens where `left` stays masked, and every filled sequence with its chance."""
    kept = [i for i in range(n) if i not in left]

    def others(z: Int[Tensor, "m k"]) -> Float[Tensor, "m k d"]:
        whole = torch.full((len(z), n), d)
        whole[:, kept] = z
        return ask(whole)[:, kept]

    reached = torch.ones(1, dtype=torch.float64)
    if kept:
        reached = output_law(kernel_of(others, len(kept), d), laws.per_token(grid, len(kept)))
    whole = torch.full((len(reached), n), d)
    whole[:, kept] = _listed(len(kept), d)
    tokens = _listed(len(left), d)
    sequences = whole[:, None].repeat(1, len(tokens), 1)
    sequences[..., list(left)] = tokens
    places = torch.tensor([d ** (n - 1 - i) for i in range(n)])
    p = ask(whole)[:, list(left)]
    if fill == "argmax":
        p = torch.nn.functional.one_hot(likely(p.log()), d).double()
    chance = p[:, torch.arange(len(left)), tokens].prod(-1)
    return reached, (sequences * places).sum(-1), chance


def _fill_cost(
    data: TableWorld, left: tuple[int, ...], cells: Int[Tensor, "few fills"], filled: Float[Tensor, "few fills"]
) -> float:
    """Return E_q ln q(x_S | x_rest) / (chance that S is filled with x_S), S what is left."""
    if not left:
        return 0.0
    joint = data.law()[cells]
    given = joint / joint.sum(-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    return float(torch.where(joint > 0, joint * (given / filled).log(), 0.0).sum())


def _step_cost(data: TableWorld, ask: Conditionals, grid: Float[ndarray, "nodes"]) -> float:
    """Return the path KL of all cells of a grid but the last."""
    costs = block_costs(kernel_of(ask, data.n, data.d), data.table)
    return float(laws.path_divergence(costs, laws.per_token(grid, data.n)[:-1]))


def _listed(positions: int, d: int) -> Int[Tensor, "cells positions"]:
    """Return all tokens of so many positions; of none, the one empty row."""
    return states.all_sequences(positions, d) if positions else torch.zeros(1, 0, dtype=torch.long)


def _one_table(world: World) -> TableWorld:
    data = table_of(world)
    if data.worlds:
        raise InvalidInput(f"a batch of {data.worlds} laws; give one of them: world[k]")
    return data


def _subsets(n: int) -> Iterator[tuple[int, ...]]:
    return itertools.chain.from_iterable(itertools.combinations(range(n), size) for size in range(n + 1))


def _eps(value: float) -> float:
    if not 0 <= value < 1:
        raise InvalidInput(f"eps = {value}; expected a number from 0 up to, but not, 1")
    return float(value)
