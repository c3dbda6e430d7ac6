"""A prompt is a smaller world: the law of the masked positions given the revealed ones, and a denoiser seen there.

Let z be a partially masked state with k masked positions M. The law q(x_M | z_UM) is a law of k tokens, and every
theorem about masked diffusion holds of it; `prompted` returns it as a world of n = k positions. Whatever takes a world
and a denoiser then works after a prompt: `walk(rule, p.world, p.denoiser)`, likelihoods, best rules, schedules.

    ln q(x) = ln q(z_UM) + ln q(x_M | z_UM)          the chain rule, by which the two worlds are tested

Rules that look at positions (dilated groups, Halton orders) see the k masked positions numbered 0..k-1;
`theory.unmasking.rules.after_prompt` shows them all n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import Denoiser, for_world, rows_of
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.worlds import states
from theory.worlds.base import World, number
from theory.worlds.remaining import filled, remaining


@dataclass(frozen=True, repr=False, eq=False)
class Prompted(Shown):
    """What is left of a world after a prompt.

    `world` is the law of the k masked positions given the prompt, `denoiser` what predicts them, over the same k
    positions: the world itself unless a denoiser was given. `start` is the prompt, a state of all n positions;
    `positions` are the masked ones, ascending. `log_prompt` is ln q of the prompt in nats, a tensor for many laws.
    """

    world: World
    denoiser: Denoiser
    start: Int[Tensor, "n"]
    positions: Int[Tensor, "k"]
    log_prompt: float | Tensor

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the world
        """Return the name of the smaller world."""
        return self.world.name

    @property
    def n(self) -> int:
        """Return k, the number of masked positions."""
        return len(self.positions)

    @property
    def d(self) -> int:
        """Return the number of symbols."""
        return self.world.d

    def whole(self, z: Int[Tensor, "*batch k"]) -> Int[Tensor, "*batch n"]:
        """Return states of the masked positions as states of all positions, the prompt filled in."""
        return filled(states.check_states(z, self.n, self.d), self.start, self.positions)

    def part(self, x: Int[Tensor, "*batch n"]) -> Int[Tensor, "*batch k"]:
        """Return the masked positions of states that show the prompt. Raises InvalidInput for states that do not."""
        tokens = states.check_states(x, len(self.start), self.d)
        shown = self.start != self.d
        if bool((tokens[..., shown] != self.start[shown]).any()):
            raise InvalidInput(f"a state does not show the prompt {self.start.tolist()}; give states that continue it")
        return tokens[..., self.positions]

    def _facts(self) -> dict[str, object]:
        return {"masked": self.n, "of": len(self.start), "d": self.d, "ln q(prompt)": self.log_prompt}


class PromptedDenoiser:
    """A denoiser of n positions as one of the k masked positions after a prompt: filled in, asked, and cut out."""

    def __init__(self, source: Denoiser, start: Int[Tensor, "n"], positions: Int[Tensor, "k"]) -> None:
        self.source, self.start, self.positions = source, start, positions
        self.n, self.d = len(positions), source.d
        self.name = f"{getattr(source, 'name', type(source).__name__)} after a prompt"

    @property
    def worlds(self) -> tuple[int, ...]:
        """Return the shape of the source's batch of tables, () for one."""
        return tuple(getattr(self.source, "worlds", ()))

    def __call__(self, z: Int[Tensor, "batch k"]) -> Float[Tensor, "*worlds batch k d"]:
        """Return the source's log-conditionals of the masked positions where the prompt is shown too."""
        rows: Tensor = self.source(self._whole(z))
        return rows[..., self.positions.to(rows.device), :]

    def rows(self, which: Int[Tensor, "r"], z: Int[Tensor, "r k"]) -> Float[Tensor, "r k d"]:
        """Return the log-conditionals of row r's state in the source's table which[r]."""
        return rows_of(self.source)(which, self._whole(z))[:, self.positions]

    def _whole(self, z: Tensor) -> Tensor:
        return filled(states.check_states(z, self.n, self.d), self.start, self.positions)

    def __repr__(self) -> str:
        return f"PromptedDenoiser({self.source!r}, {self.n} of {len(self.start)} positions masked)"


def prompted(world: Any, start: Any, denoiser: Any = None) -> Prompted:
    """Return a world and a denoiser after a prompt, over the masked positions alone.

    `world` is a `World`, `start` one partially masked state of its n tokens, d the mask. The denoiser is the world
    itself unless given (anything that `theory.denoisers.for_world` takes). A batch of tables stays a batch, and exact
    weights of a table are kept. Raises InvalidInput for what is no world, a wrong state, one that masks nothing, and
    one of probability zero.
    """
    if not isinstance(world, World):
        raise InvalidInput(f"{type(world).__name__} where a world belongs; make one of a law: TableWorld(law, n, d)")
    z = states.check_states(torch.as_tensor(start), world.n, world.d)
    if z.ndim != 1:
        raise InvalidInput(
            f"start of shape {tuple(z.shape)}; expected one state of n = {world.n}, or use prompted_rows"
        )
    hidden = z == world.d
    if not bool(hidden.any()):
        raise InvalidInput(f"start {z.tolist()} masks nothing, so no law is left; mask at least one position")
    log_prompt = number(world.log_marginal(z[None])[..., 0])
    if not bool((torch.as_tensor(log_prompt) > -torch.inf).all()):
        raise InvalidInput(f"start {z.tolist()} has probability zero under {world.name}; give a possible one")
    positions = hidden.nonzero()[:, 0]
    left = remaining(world, z)
    source = left if denoiser is None or denoiser is world else for_world(denoiser, world)
    seen = source if source is left else PromptedDenoiser(source, z, positions)
    return Prompted(left, seen, z, positions, log_prompt)


@dataclass(frozen=True, eq=False)
class PromptedGroup:
    """The rows of a batch of starts that mask the same positions: their numbers, and each one's world and denoiser.

    Rows with the same prompt share one `Prompted`.
    """

    rows: tuple[int, ...]
    positions: Int[Tensor, "k"]
    prompts: tuple[Prompted, ...]


@dataclass(frozen=True, eq=False)
class PromptedRows:
    """A batch of starts of different masked sets, grouped by masked set; groups in the order of their first rows."""

    starts: Int[Tensor, "rows n"]
    groups: tuple[PromptedGroup, ...]

    def measured(self, function: Callable[[Prompted], Any]) -> Float[Tensor, "rows"]:
        """Return a number for every start: what `function` says of its world and denoiser, asked once a prompt.

        As in `rows.measured(lambda p: walk(rule, p.world, p.denoiser).divergence)`. Raises InvalidInput where the
        function returns anything but one number.
        """
        values = torch.full((len(self.starts),), torch.nan, dtype=torch.float64)
        known: dict[int, float] = {}
        for group in self.groups:
            for row, prompt in zip(group.rows, group.prompts, strict=True):
                if id(prompt) not in known:
                    known[id(prompt)] = _one_number(function(prompt))
                values[row] = known[id(prompt)]
        return values

    def log_prob(self, x: Int[Tensor, "rows n"]) -> Float[Tensor, "rows"]:
        """Return ln q(masked tokens of row r | the start of row r) of complete sequences, in nats."""
        if x.shape != self.starts.shape:
            raise InvalidInput(f"sequences of shape {tuple(x.shape)}; expected {tuple(self.starts.shape)}, one a start")
        log_probs = torch.zeros(len(x), dtype=torch.float64)
        for group in self.groups:
            for row, prompt in zip(group.rows, group.prompts, strict=True):
                log_probs[row] = prompt.world.log_prob(prompt.part(x[row][None]))[0]
        return log_probs


def prompted_rows(world: World, starts: Any, denoiser: Any = None) -> PromptedRows:
    """Return one world after many prompts, `starts` of shape (rows, n), which may mask different numbers of positions.

    Raises InvalidInput where a start masks nothing or has probability zero.
    """
    z = states.check_states(torch.as_tensor(starts), world.n, world.d)
    if z.ndim != 2 or not len(z):
        raise InvalidInput(f"starts of shape {tuple(z.shape)}; expected at least one row of n = {world.n} tokens")
    known: dict[tuple[int, ...], Prompted] = {}
    by_mask: dict[tuple[bool, ...], list[int]] = {}
    for row, state in enumerate(z):
        key = tuple(state.tolist())
        if key not in known:
            known[key] = prompted(world, state, denoiser)
        by_mask.setdefault(tuple((state == world.d).tolist()), []).append(row)
    groups = []
    for rows in by_mask.values():
        prompts = tuple(known[tuple(z[row].tolist())] for row in rows)
        groups.append(PromptedGroup(tuple(rows), prompts[0].positions, prompts))
    return PromptedRows(z, tuple(groups))


def _one_number(value: Any) -> float:
    number_of_row = torch.as_tensor(value, dtype=torch.float64)
    if number_of_row.numel() != 1:
        raise InvalidInput(f"a measure of shape {tuple(number_of_row.shape)}; expected one number for each prompt")
    return float(number_of_row)
