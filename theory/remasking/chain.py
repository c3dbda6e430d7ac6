"""Exact laws of samplers that remask: one step on all (d + 1)^n states, output and stationary laws.

Given the state, positions are independent in everything but the draft. A step therefore goes through *drafts*, a flag
(masked before, or masked next) and a token at each position, (2d)^n of them, never through the (3d + 1)^n pairs of
states: gather, multiply by the chance of the draft, then a small matrix at one position after the other. Posteriors
are those of `posterior`, subsets those of `selection`: the rules that `sampling` runs on batches.

A draft's index reads its digits flag * d + token in base 2d, first position most significant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.remasking.posterior import Posterior
from theory.remasking.schedules import Step
from theory.remasking.selection import Selection, set_sizes
from theory.worlds import information, states


@dataclass(frozen=True)
class Proposal:
    """How masks are filled: `chance` of every draft given the state it shows, over (2d)^n drafts, flag = masked."""

    n: int
    d: int
    chance: Float[Tensor, "*batch drafts"]


def factorised(log_p: Float[Tensor, "*batch states n d"]) -> Proposal:
    """Return the proposal that fills every mask independently from a denoiser's log-conditionals at all states.

    Raises InvalidInput for a table that does not list all (d + 1)^n states or that holds NaN.
    """
    n, d = log_p.shape[-2:]
    if log_p.shape[-3] != (d + 1) ** n:
        raise InvalidInput(f"table of {log_p.shape[-3]} states; expected (d + 1)^n = {(d + 1) ** n}, in index order")
    if bool(torch.isnan(log_p).any()):
        raise InvalidInput("log-conditionals hold NaN; expected log-probabilities at every state")
    table, p = draft_layout(n, d), log_p.double().exp()
    chance = torch.ones(*log_p.shape[:-3], (2 * d) ** n, dtype=torch.float64)
    for i in range(n):
        chance *= torch.where(table.flags[:, i], p[..., table.state, i, table.tokens[:, i]], 1.0)
    return Proposal(n, d, chance)


def joint(law: Float[Tensor, "*batch cells"], n: int, d: int) -> Proposal:
    """Return the proposal that fills all masks from their true joint conditional; uniform where there is none."""
    q = states.check_law(law, n, d)
    table = draft_layout(n, d)
    context = states.marginal_table(q, n, d)[..., table.state]
    uniform = float(d) ** -table.sizes.double()
    return Proposal(n, d, torch.where(context > 0, q[..., table.cell] / context.clamp(min=1e-300), uniform))


@dataclass(frozen=True)
class Refinement:
    """Which sets of a draft are masked again: subset chances over (2d)^n drafts, flag = masked next."""

    n: int
    d: int
    selection: Selection
    subsets: Float[Tensor, "*batch drafts"]

    def chance(self, alpha_next: float) -> Float[Tensor, "*batch drafts"]:
        """Return P(exactly the flagged positions are masked | tokens) at a step to alpha_next."""
        counts = self.selection.counts(alpha_next, self.n)
        return self.subsets * counts[draft_layout(self.n, self.d).sizes]


def refinement(selection: Selection, scores: Float[Tensor, "*batch cells n"], d: int) -> Refinement:
    """Return the refinement by a score of every position of every sequence; zeros give uniform subsets."""
    n = scores.shape[-1]
    if scores.shape[-2] != d**n:
        raise InvalidInput(f"scores of {scores.shape[-2]} sequences; expected d^n = {d**n}, in the order of a law")
    table = draft_layout(n, d)
    return Refinement(n, d, selection, selection.set_probabilities(scores)[..., table.cell, table.chosen])


def unguided(selection: Selection, n: int, d: int) -> Refinement:
    """Return the refinement that chooses uniform subsets."""
    return refinement(selection, torch.zeros(d**n, n, dtype=torch.float64), d)


def posterior_step(
    law: Float[Tensor, "*batch states"], proposal: Proposal, step: Posterior
) -> Float[Tensor, "*batch states"]:
    """Return the law after filling masks by the proposal and keeping or revealing each position by the posterior."""
    d, keep, reveal = proposal.d, float(step.keep), float(step.reveal)
    eye, one = torch.eye(d, dtype=torch.float64), torch.ones(1, d, dtype=torch.float64)
    site = torch.cat((torch.cat((keep * eye, (1 - keep) * one)), torch.cat((reveal * eye, (1 - reveal) * one))), 1)
    return _sitewise(_drafts(law, proposal), site, proposal.n)


def counted_step(
    law: Float[Tensor, "*batch states"], proposal: Proposal, chance: Float[Tensor, "*sets drafts"]
) -> Float[Tensor, "*both states"]:
    """Return the law after filling all masks and masking the set that `chance` draws from the draft's tokens."""
    n, d = proposal.n, proposal.d
    rows = torch.zeros(d + 1, 2 * d, dtype=torch.float64)
    rows[:d, :d], rows[d, d:] = torch.eye(d), 1.0
    return _sitewise(draft_law(law, proposal)[..., draft_layout(n, d).cell] * chance, rows, n)


def draft_law(law: Float[Tensor, "*batch states"], proposal: Proposal) -> Float[Tensor, "*batch cells"]:
    """Return the law of the completed draft of a random state."""
    eye = torch.eye(proposal.d, dtype=torch.float64)
    return _sitewise(_drafts(law, proposal), torch.cat((eye, eye), 1), proposal.n)


def advance(
    law: Float[Tensor, "*batch states"], proposal: Proposal, step: Step, refine: Refinement | None = None
) -> Float[Tensor, "*batch states"]:
    """Return the law after one step of a schedule; a counted step without refinement takes uniform subsets.

    Raises InvalidInput for a confident step, whose sigma depends on the past of each token.
    """
    if step.kind == "posterior":
        return posterior_step(law, proposal, step.posterior)
    if step.kind == "confident":
        raise InvalidInput("a confident step depends on when tokens were revealed, not on the state alone; sample it")
    chosen = refine or unguided(Selection(), proposal.n, proposal.d)
    return counted_step(law, proposal, chosen.chance(float(step.alpha_next)))


def final_law(
    proposal: Proposal,
    steps: Sequence[Step],
    refine: Refinement | None = None,
    start: Float[Tensor, "*batch states"] | None = None,
) -> Float[Tensor, "*batch states"]:
    """Return the law over states after all steps, from all masks unless a start is given."""
    chosen = refine or unguided(Selection(), proposal.n, proposal.d)
    law = all_masked(proposal) if start is None else start
    for step in steps:
        law = advance(law, proposal, step, chosen)
    return law


def output_law(
    proposal: Proposal, steps: Sequence[Step], refine: Refinement | None = None
) -> Float[Tensor, "*batch cells"]:
    """Return the exact law of the sampled sequences. Raises InvalidInput where masks may be left at the end."""
    law = final_law(proposal, steps, refine)
    output = law[..., states.sequence_index(proposal.n, proposal.d)]
    left = float((1 - output.sum(-1)).abs().max())
    if left > 1e-9:
        raise InvalidInput(f"a share {left:.3g} of the paths ends with masks; expected steps that end at alpha = 1")
    return output


def all_masked(proposal: Proposal) -> Float[Tensor, "*batch states"]:
    """Return the point mass on the state of n masks, for every batch entry of the proposal."""
    size = (proposal.d + 1) ** proposal.n
    start = torch.zeros(*proposal.chance.shape[:-1], size, dtype=torch.float64)
    start[..., -1] = 1.0
    return start


def marginal_law(law: Float[Tensor, "cells"], n: int, d: int, alpha: float) -> Float[Tensor, "states"]:
    """Return the forward marginal: x from the law, each token shown with chance alpha."""
    shown = (states.all_states(n, d) != d).sum(-1).double()
    return states.marginal_table(states.check_law(law, n, d), n, d) * alpha**shown * (1 - alpha) ** (n - shown)


def stationary_law(
    step: Callable[[Float[Tensor, "rows size"]], Float[Tensor, "rows size"]], size: int
) -> Float[Tensor, "size"]:
    """Return the one law that a step leaves as it is, by a linear system on the step's matrix.

    `step` maps laws to laws, rows of a batch. Raises InvalidInput where several laws are stationary.
    """
    matrix = transition_matrix(step, size)
    equations = torch.cat((matrix.T - torch.eye(size, dtype=torch.float64), torch.ones(1, size, dtype=torch.float64)))
    if int(torch.linalg.matrix_rank(equations)) < size:
        raise InvalidInput("the step has several stationary laws; expected one: remask with a positive chance")
    right = torch.zeros(size + 1, 1, dtype=torch.float64)
    right[-1] = 1.0
    found: Tensor = torch.linalg.lstsq(equations, right, driver="gelsd").solution[:, 0]
    return found


def transition_matrix(
    step: Callable[[Float[Tensor, "rows size"]], Float[Tensor, "rows size"]], size: int
) -> Float[Tensor, "size size"]:
    """Return P(to | from), a row for each state from, by stepping every point mass."""
    states.require_memory(size * size, f"transition matrix of {size} states")
    return step(torch.eye(size, dtype=torch.float64))


def sequences_as_states(law: Float[Tensor, "*batch cells"], n: int, d: int) -> Float[Tensor, "*batch states"]:
    """Return a law of sequences as one of states without masks."""
    out = torch.zeros(*law.shape[:-1], (d + 1) ** n, dtype=torch.float64)
    out[..., states.sequence_index(n, d)] = law
    return out


def distances(
    law: Float[Tensor, "cells"], output: Float[Tensor, "*batch cells"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """Return TV(law, output) and KL(law || output) in nats."""
    q = law.expand_as(output)
    return information.total_variation(q, output), information.kullback_leibler(q, output)


def _drafts(law: Tensor, proposal: Proposal) -> Float[Tensor, "*batch drafts"]:
    size = (proposal.d + 1) ** proposal.n
    if law.shape[-1] != size:
        raise InvalidInput(f"law of {law.shape[-1]} states; expected (d + 1)^n = {size}: sequences_as_states converts")
    return law[..., draft_layout(proposal.n, proposal.d).state] * proposal.chance


def _sitewise(values: Tensor, rows: Tensor, n: int) -> Tensor:
    """Apply one matrix to every digit of the last axis; n rotations bring the digits back into their order."""
    batch, width = values.shape[:-1], rows.shape[1]
    flat, column = values.reshape(math.prod(batch), -1), rows.T.to(torch.float64)
    for _ in range(n):
        flat = (flat.reshape(len(flat), width, -1).transpose(1, 2) @ column).flatten(1)
    return flat.reshape(*batch, -1)


@dataclass(frozen=True)
class Drafts:
    """For every draft: flags, tokens, the state that shows unflagged tokens, its sequence and its flagged set."""

    flags: Bool[Tensor, "drafts n"]
    tokens: Int[Tensor, "drafts n"]
    state: Int[Tensor, "drafts"]
    cell: Int[Tensor, "drafts"]
    chosen: Int[Tensor, "drafts"]
    sizes: Int[Tensor, "drafts"]


@functools.lru_cache(maxsize=16)
def draft_layout(n: int, d: int) -> Drafts:
    """Return the index tables of all (2d)^n drafts."""
    states.require_memory((2 * d) ** n * (2 * n + 8), f"drafts for n = {n}, d = {d}")
    digit = states.digits(torch.arange((2 * d) ** n), n, 2 * d)
    flags, tokens = digit >= d, digit % d
    state = states.index_of(torch.where(flags, d, tokens), d)
    cell = (tokens * torch.tensor([d ** (n - 1 - i) for i in range(n)])).sum(-1)
    chosen = (flags * torch.tensor([2 ** (n - 1 - i) for i in range(n)])).sum(-1)
    return Drafts(flags, tokens, state, cell, chosen, set_sizes(n)[chosen])
