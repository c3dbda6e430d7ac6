"""Exact output laws and path divergences of samplers that reveal random subsets: per-token and fixed-size schedules.

`sampler_law` is the engine: a schedule and a number of steps (or the rates that `per_token` and `fixed_size` return) on
a world, with its own conditionals or any denoiser, from any partially masked start. Divergences are in nats.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.schedules import Schedule, as_schedule, check_grid, step_reveal_probabilities
from theory.showing import Shown
from theory.unmasking.kernels import (
    Conditionals,
    Kernel,
    block_costs,
    conditionals,
    kernel_of,
    output_law,
    reveal_kernel,
)
from theory.worlds import TableWorld, World, information, states
from theory.worlds.base import number
from theory.worlds.table import table_of

Rates = Float[Tensor, "*grids K counts counts"]
"""At [k, m, a] the probability with which step k, at m masked tokens, reveals any given a of them."""


@dataclass(frozen=True, repr=False, eq=False)
class SamplerLaw(Shown):
    """What a schedule does on one world or a batch of them: floats for one law, tensors over the batch for many.

    `world` is the data law, conditioned on the start where one was given; `output` the sampler's law. `path_divergence`
    is the KL over whole paths of unmasking, which the error formulas of the information curve state; `calls` the
    expected number of steps that reveal a token, each of them one denoiser call, of `steps` in all.
    """

    name: str
    world: TableWorld
    output: TableWorld
    path_divergence: float | Tensor
    calls: float | Tensor
    steps: int

    @property
    def divergence(self) -> float | Tensor:
        """Return KL(data || output law) in nats."""
        output = self.output.law()
        return number(information.kullback_leibler(self.world.law().expand_as(output), output))

    def _facts(self) -> dict[str, object]:
        values = {"KL (nats)": self.divergence, "path KL (nats)": self.path_divergence, "calls": self.calls}
        means = {label: float(torch.as_tensor(value).mean()) for label, value in values.items()}
        batch = {"laws": "x".join(map(str, self.output.worlds))} if self.output.worlds else {}
        return {"world": self.world.name, **batch, **means, "steps": self.steps}


def sampler_law(
    schedule: Any,
    world: World,
    denoiser: Any = None,
    start: Any = None,
    *,
    steps: int | None = None,
) -> SamplerLaw:
    """Return the exact output law and divergences of a schedule on a world or a batch of worlds.

    `schedule` is anything that `as_schedule` takes, run for `steps` steps with every token's step drawn on its own (a
    grid alpha_0, ..., alpha_K has K steps of its own); or the rates of `per_token` or `fixed_size`, or of a batch of
    them, which broadcasts against the batch of worlds. The denoiser is the world itself unless given; `start` is one
    partially masked state, and the schedule then covers its masked tokens alone. Raises InvalidInput.
    """
    begin = _begin(table_of(world), denoiser, start)
    states.require_memory((2 * begin.d + 1) ** begin.n * 2, f"reveal kernel for n = {begin.n}, d = {begin.d}")
    name, rates = _rates(schedule, steps, begin.n)
    if begin.free is None:
        return SamplerLaw(name, begin.law, begin.law, 0.0, 0.0, rates.shape[-3])
    kernel = kernel_of(begin.ask, begin.n, begin.d)
    path = path_divergence(block_costs(kernel, begin.free.table), rates)
    output = begin.whole(output_law(kernel, rates))
    return SamplerLaw(name, begin.law, output, number(path), number(calls(rates)), rates.shape[-3])


def per_token(grid: object, n: int) -> Float[Tensor, "*batch K counts counts"]:
    """Return the steps of the per-token sampler: r^a (1 - r)^(m - a), r_k the reveal probability of step k."""
    reveal = torch.from_numpy(step_reveal_probabilities(grid))[..., None, None]
    m = torch.arange(n + 1)[:, None]
    a = torch.arange(n + 1)
    return torch.where(a <= m, reveal**a * (1 - reveal) ** (m - a).clamp(min=0), 0.0)


def fixed_size(sizes: Sequence[float], n: int) -> Float[Tensor, "K counts counts"]:
    """Return the steps of the fixed-size sampler: a uniformly random subset of size s_k at step k."""
    sizes = check_sizes(sizes, n)
    steps = torch.zeros(len(sizes), n + 1, n + 1, dtype=torch.float64)
    left = n
    for k, size in enumerate(sizes):
        steps[k, left, size] = 1 / math.comb(left, size)
        left -= size
    return steps


def check_sizes(sizes: Sequence[float], n: int) -> list[int]:
    """Return the sizes as integers. Raises InvalidInput unless they are whole, nonnegative and sum to n."""
    try:
        found = [int(s) for s in sizes]
        whole = all(s == float(given) for s, given in zip(found, sizes, strict=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"sizes {sizes!r:.80}; expected nonnegative integers summing to n = {n}") from error
    if not found or not whole or min(found) < 0 or sum(found) != n:
        total = f"sum to {sum(float(s) for s in sizes):g}"
        raise InvalidInput(f"sizes {list(sizes)} {total}; expected nonnegative integers summing to n = {n}")
    return found


def path_divergence(costs: Float[Tensor, "*worlds counts counts"], rates: Rates) -> Float[Tensor, "*batch"]:
    """Return the path KL: block costs weighted with how often each (masked, revealed) pair occurs."""
    return sum(((joint * costs).sum((-1, -2)) for joint in _pairs(rates)), torch.zeros((), dtype=costs.dtype))


def calls(rates: Rates) -> Float[Tensor, "*grids"]:
    """Return the expected number of steps that reveal at least one token."""
    return sum((joint[..., 1:].sum((-1, -2)) for joint in _pairs(rates)), torch.zeros((), dtype=rates.dtype))


def mixed_divergence(world: World, rates: Rates) -> float | Tensor:
    """Return KL(mu || nu-bar) of the sampler with the world's own conditionals, differentiable in the world's law."""
    return sampler_law(rates, world).divergence


@dataclass(frozen=True)
class SizeMixture:
    """The output laws of all size vectors of K steps, empty ones allowed: every per-token law is a mixture of them."""

    sizes: Float[Tensor, "parts K"]
    ways: Float[Tensor, "parts"]
    outputs: Float[Tensor, "parts cells"]

    @classmethod
    def of(cls, kernel: Kernel, steps: int) -> SizeMixture:
        """Sweep the kernel of one world once for all size vectors."""
        parts = compositions(kernel.n, steps)
        outputs = output_law(kernel, torch.stack([fixed_size(s, kernel.n) for s in parts]))
        orders = [math.factorial(kernel.n) // math.prod(map(math.factorial, s)) for s in parts]
        return cls(torch.tensor(parts, dtype=torch.float64), outputs.new_tensor(orders), outputs)

    def output(self, grid: object) -> Float[Tensor, "*grids cells"]:
        """Return the per-token output law of one grid or a batch, the multinomial mean over size vectors."""
        widths = torch.from_numpy(check_grid(grid)).diff(dim=-1)
        return self.ways * (widths[..., None, :] ** self.sizes).prod(-1) @ self.outputs


def multinomial_mixture(world: World, grid: object) -> TableWorld:
    """Return the per-token output laws of a batch of grids as the multinomial mixtures of fixed-size laws."""
    mixture = SizeMixture.of(reveal_kernel(world), check_grid(grid).shape[-1] - 1)
    return TableWorld(mixture.output(grid), world.n, world.d, f"samples of {world.name}")


@functools.lru_cache(maxsize=64)
def compositions(n: int, parts: int) -> tuple[tuple[int, ...], ...]:
    """Return all vectors of `parts` nonnegative integers that sum to n."""
    if parts == 1:
        return ((n,),)
    return tuple((head, *tail) for head in range(n + 1) for tail in compositions(n - head, parts - 1))


def _pairs(rates: Rates) -> Iterator[Float[Tensor, "*grids counts counts"]]:
    """Yield for every step the probability of each pair of masked and revealed numbers."""
    n = rates.shape[-1] - 1
    ways = rates.new_tensor([[math.comb(m, a) for a in range(n + 1)] for m in range(n + 1)])
    occupied = rates.new_zeros(*rates.shape[:-3], n + 1)
    occupied[..., n] = 1.0
    for step in rates.unbind(-3):
        joint = occupied[..., None] * ways * step
        yield joint
        occupied = torch.stack([joint.diagonal(-left, -2, -1).sum(-1) for left in range(n + 1)], -1)


def _rates(schedule: Any, steps: int | None, n: int) -> tuple[str, Rates]:
    """Return the name and the rates that the arguments of `sampler_law` mean."""
    if isinstance(schedule, Tensor) and schedule.ndim >= 3:
        if schedule.shape[-2:] != (n + 1, n + 1):
            raise InvalidInput(
                f"rates of shape {tuple(schedule.shape)}; expected (..., K, n + 1, n + 1), n = {n} masked"
            )
        return f"{schedule.shape[-3]} steps", schedule
    if steps is not None:
        found = as_schedule(schedule)
        return f"{found.name}, {steps} steps", per_token(found.grid(steps), n)
    if isinstance(schedule, Schedule | str) or callable(schedule):
        raise InvalidInput(f"{as_schedule(schedule)} without a number of steps; give steps=K")
    grid = check_grid(schedule)
    return f"grid of {grid.shape[-1] - 1} steps", per_token(grid, n)


@dataclass(frozen=True)
class _Begin:
    """A data law given a start, the law of its masked positions alone, and the denoiser there."""

    law: TableWorld
    free: TableWorld | None
    ask: Conditionals
    agrees: Bool[Tensor, "cells"] | None = None

    @property
    def n(self) -> int:
        """Return the number of masked positions."""
        return 0 if self.free is None else self.free.n

    @property
    def d(self) -> int:
        return self.law.d

    def whole(self, cells: Float[Tensor, "*batch few"]) -> TableWorld:
        """Return a law of the masked positions as one of all positions, the start's tokens in their places."""
        found = cells
        if self.agrees is not None:
            found = cells.new_zeros(*cells.shape[:-1], len(self.agrees)).masked_scatter(self.agrees, cells)
        return TableWorld(found, self.law.n, self.law.d, f"samples of {self.law.name}")


def _begin(data: TableWorld, denoiser: Any, start: Any) -> _Begin:
    if start is None:
        return _Begin(data, data, conditionals(data, denoiser))
    z = states.check_states(torch.as_tensor(start), data.n, data.d)
    if z.ndim != 1:
        raise InvalidInput(f"start of shape {tuple(z.shape)}; expected one state of n = {data.n} tokens")
    law = data.given(z)
    shown, outer = z != data.d, conditionals(data, denoiser)
    agrees = (states.all_sequences(data.n, data.d)[:, shown] == z[shown]).all(-1)
    if bool(shown.all()):
        return _Begin(law, None, outer, agrees)
    free = TableWorld(law.law()[..., agrees], int((~shown).sum()), data.d, law.name)

    def ask(part: Int[Tensor, "m k"]) -> Float[Tensor, "*worlds m k d"]:
        whole = z.repeat(len(part), 1)
        whole[:, ~shown] = part
        return outer(whole)[..., ~shown, :]

    return _Begin(law, free, conditionals(free) if denoiser is None or denoiser is data else ask, agrees)
