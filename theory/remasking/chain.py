"""Exact laws of samplers that remask: one step on all (d + 1)^n states, and output laws.

A *state law* is a tensor (*batch, (d + 1)^n) of chances of partially masked states, in index order: what a sampler is
in the middle of a run. It is no data law; data laws and output laws are worlds. A step gathers a state law into
drafts, multiplies by their chances and applies a small matrix at one position after the other (see `drafts`).
Posteriors are those of `posterior`, subsets those of `selection`: the rules that `sampling` runs on batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import AnyDenoiser, for_world
from theory.errors import InvalidInput
from theory.remasking.drafts import (
    Proposal,
    Refinement,
    cell_index,
    draft_layout,
    embedded,
    factorised,
    one_start,
    unguided,
)
from theory.remasking.posterior import Posterior
from theory.remasking.schedules import Step
from theory.remasking.selection import Selection
from theory.showing import Shown
from theory.tolerance import SLACK
from theory.worlds import TableWorld, World, information, states
from theory.worlds.base import number
from theory.worlds.table import table_of

Watch = Callable[[Tensor, Tensor], None]
"""Sees the state law before each step, and the indices of the states without masks."""


@dataclass(frozen=True, eq=False, repr=False)
class Remasked(Shown):
    """What a sampler that remasks does to a data law: its exact output law, and its expected denoiser calls.

    `world` is the data law, given the start where there is one. Numbers are floats, or tensors over a batch.
    """

    world: TableWorld
    output: TableWorld
    steps: int
    calls: float | Tensor

    name = "remasking"

    @property
    def divergence(self) -> float | Tensor:
        """Return KL(data || output) in nats."""
        return distances(self.world, self.output)[1]

    @property
    def total_variation(self) -> float | Tensor:
        """Return TV(data, output)."""
        return distances(self.world, self.output)[0]

    def _facts(self) -> dict[str, object]:
        variation, divergence = distances(self.world, self.output)
        found = {"KL(data || output) (nats)": divergence, "TV": variation, "E[calls]": self.calls}
        several = self.world.worlds or self.output.worlds
        mean = {f"mean {label}" if several else label: float(torch.as_tensor(v).mean()) for label, v in found.items()}
        size = {"worlds": "x".join(map(str, several))} if several else {}
        return {**size, "n": self.world.n, "d": self.world.d, "steps": self.steps, **mean}


def remask(
    steps: Sequence[Step],
    world: World,
    denoiser: AnyDenoiser | None = None,
    start: Sequence[int] | Int[Tensor, "n"] | None = None,
    refine: Refinement | None = None,
) -> Remasked:
    """Return the exact output law of a schedule's sampler on a world, masks filled independently by a denoiser.

    The denoiser is the world's own unless given; counted steps choose uniform subsets unless `refine` scores them.
    The sampler starts from all masks, or from `start`: what it shows is a prompt, never masked again and not counted
    where a number of masks is prescribed, as `fixed` positions of `sampling`; the data law is then the world given it.
    Raises InvalidInput for a start of probability zero, wrong conditionals, and steps that may leave masks.
    """
    data = table_of(world if start is None else world.given(start))
    proposal = factorised(for_world(denoiser, world))
    calls = torch.zeros(proposal.worlds, dtype=torch.float64)

    def count(state_law: Tensor, complete: Tensor) -> None:
        nonlocal calls
        calls = calls + (1 - state_law[..., complete].sum(-1)).clamp(min=0)

    output = _run(proposal, steps, refine, start, count)
    return Remasked(data, output, len(steps), number(calls))


def output_law(
    proposal: Proposal,
    steps: Sequence[Step],
    refine: Refinement | None = None,
    start: Sequence[int] | Int[Tensor, "n"] | None = None,
) -> TableWorld:
    """Return the exact law of the sampled sequences for any way to fill masks; `start` as for `remask`.

    Raises InvalidInput where masks may be left at the end.
    """
    return _run(proposal, steps, refine, start)


def distances(world: World, output: World) -> tuple[float | Tensor, float | Tensor]:
    """Return TV(world, output) and KL(world || output) in nats, tensors for a batch on either side.

    Raises InvalidInput for worlds of different sizes.
    """
    if (world.n, world.d) != (output.n, output.d):
        raise InvalidInput(f"worlds of n = {world.n}, d = {world.d} and n = {output.n}, d = {output.d}; give one size")
    q, p = world.law(), output.law()
    shape = torch.broadcast_shapes(q.shape, p.shape)  # type: ignore[no-untyped-call]  # untyped in torch
    q, p = q.expand(shape), p.expand(shape)
    return number(information.total_variation(q, p)), number(information.kullback_leibler(q, p))


def posterior_step(
    state_law: Float[Tensor, "*batch states"], proposal: Proposal, step: Posterior
) -> Float[Tensor, "*batch states"]:
    """Return the state law after filling masks by the proposal and keeping or revealing each position."""
    return _posterior_step(_checked(state_law, proposal), proposal, step)


def counted_step(
    state_law: Float[Tensor, "*batch states"], proposal: Proposal, chance: Float[Tensor, "*sets drafts"]
) -> Float[Tensor, "*both states"]:
    """Return the state law after filling all masks and masking the set that `chance` draws from the draft's tokens."""
    return _counted_step(_checked(state_law, proposal), proposal, chance)


def draft_law(state_law: Float[Tensor, "*batch states"], proposal: Proposal) -> TableWorld:
    """Return the law of the completed draft of a random state."""
    return TableWorld(_draft_law(_checked(state_law, proposal), proposal), proposal.n, proposal.d, "draft")


def advance(
    state_law: Float[Tensor, "*batch states"], proposal: Proposal, step: Step, refine: Refinement | None = None
) -> Float[Tensor, "*batch states"]:
    """Return the state law after one step of a schedule; a counted step without refinement takes uniform subsets.

    Raises InvalidInput for a confident step, whose sigma depends on the past of each token.
    """
    return _advance(_checked(state_law, proposal), proposal, step, _refinement(refine, proposal))


def masked_states(proposal: Proposal) -> Float[Tensor, "*batch states"]:
    """Return the point mass on the state of n masks, for every batch entry of the proposal."""
    start = torch.zeros(*proposal.worlds, (proposal.d + 1) ** proposal.n, dtype=torch.float64)
    start[..., -1] = 1.0
    return start


def noised_states(world: World, alpha: float) -> Float[Tensor, "*worlds states"]:
    """Return the state law of the forward process: x from the world, each token shown with chance alpha."""
    shown = (states.all_states(world.n, world.d) != world.d).sum(-1).double()
    return table_of(world).table * alpha**shown * (1 - alpha) ** (world.n - shown)


def sequences_as_states(world: World) -> Float[Tensor, "*worlds states"]:
    """Return a data law as the law of states without masks."""
    law = world.law()
    out = torch.zeros(*law.shape[:-1], (world.d + 1) ** world.n, dtype=torch.float64)
    out[..., states.sequence_index(world.n, world.d)] = law
    return out


def _run(
    proposal: Proposal,
    steps: Sequence[Step],
    refine: Refinement | None,
    start: Sequence[int] | Tensor | None,
    watch: Watch | None = None,
) -> TableWorld:
    """Return the output law: that of the start's masked positions, given what it shows, among all positions."""
    chosen, n, d = _refinement(refine, proposal), proposal.n, proposal.d
    if start is None:
        return TableWorld(_completed(proposal, steps, chosen, watch), n, d, "remasking")
    z = one_start(start, proposal)
    free = int((z == d).sum())
    if not free:
        found, cells = torch.ones(*proposal.worlds, 1, dtype=torch.float64), cell_index(z[None], d)
    else:
        cells = cell_index(embedded(states.all_sequences(free, d), z, d), d)
        found = _completed(proposal.given(z), steps, chosen.given(z), watch)
    law = torch.zeros(*found.shape[:-1], d**n, dtype=torch.float64)
    law[..., cells] = found
    return TableWorld(law, n, d, "remasking")


def _completed(
    proposal: Proposal, steps: Sequence[Step], refine: Refinement, watch: Watch | None
) -> Float[Tensor, "*batch cells"]:
    complete = states.sequence_index(proposal.n, proposal.d)
    state_law = masked_states(proposal)
    for step in steps:
        if watch is not None:
            watch(state_law, complete)
        state_law = _advance(state_law, proposal, step, refine)
    law = state_law[..., complete]
    left = float((state_law.sum(-1) - law.sum(-1)).max())
    if left > SLACK:
        raise InvalidInput(f"a share {left:.3g} of the paths ends with masks; expected steps that end at alpha = 1")
    return law


def _advance(state_law: Tensor, proposal: Proposal, step: Step, refine: Refinement) -> Tensor:
    if step.kind == "posterior":
        return _posterior_step(state_law, proposal, step.posterior)
    if step.kind == "confident":
        raise InvalidInput("a confident step depends on when tokens were revealed, not on the state alone; sample it")
    return _counted_step(state_law, proposal, refine.chance(float(step.alpha_next)))


def _posterior_step(state_law: Tensor, proposal: Proposal, step: Posterior) -> Tensor:
    d, keep, reveal = proposal.d, float(step.keep), float(step.reveal)
    eye, one = torch.eye(d, dtype=torch.float64), torch.ones(1, d, dtype=torch.float64)
    site = torch.cat((torch.cat((keep * eye, (1 - keep) * one)), torch.cat((reveal * eye, (1 - reveal) * one))), 1)
    return _sitewise(_drafts(state_law, proposal), site, proposal.n)


def _counted_step(state_law: Tensor, proposal: Proposal, chance: Tensor) -> Tensor:
    n, d = proposal.n, proposal.d
    rows = torch.zeros(d + 1, 2 * d, dtype=torch.float64)
    rows[:d, :d], rows[d, d:] = torch.eye(d), 1.0
    return _sitewise(_draft_law(state_law, proposal)[..., draft_layout(n, d).cell] * chance, rows, n)


def _draft_law(state_law: Tensor, proposal: Proposal) -> Float[Tensor, "*batch cells"]:
    eye = torch.eye(proposal.d, dtype=torch.float64)
    return _sitewise(_drafts(state_law, proposal), torch.cat((eye, eye), 1), proposal.n)


def _drafts(state_law: Tensor, proposal: Proposal) -> Float[Tensor, "*batch drafts"]:
    return state_law[..., draft_layout(proposal.n, proposal.d).state] * proposal.chance


def _sitewise(values: Tensor, rows: Tensor, n: int) -> Tensor:
    """Apply one matrix to every digit of the last axis; n rotations bring the digits back into their order."""
    batch, width = values.shape[:-1], rows.shape[1]
    flat, column = values.reshape(-1, width**n), rows.T
    for _ in range(n):
        flat = (flat.reshape(len(flat), width, -1).transpose(1, 2) @ column).flatten(1)
    return flat.reshape(*batch, -1)


def _checked(state_law: Tensor, proposal: Proposal) -> Tensor:
    size = (proposal.d + 1) ** proposal.n
    if state_law.shape[-1:] != (size,):
        raise InvalidInput(
            f"state law of shape {tuple(state_law.shape)}; expected (d + 1)^n = {size} states on the last axis: "
            "sequences_as_states converts a data law"
        )
    return states.check_law(state_law, proposal.n, proposal.d + 1)


def _refinement(refine: Refinement | None, proposal: Proposal) -> Refinement:
    found = refine or unguided(Selection(), proposal)
    if (found.n, found.d) != (proposal.n, proposal.d):
        raise InvalidInput(
            f"refinement of n = {found.n}, d = {found.d} beside a proposal of n = {proposal.n}, d = {proposal.d}; "
            "give them one size"
        )
    return found
