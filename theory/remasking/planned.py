"""P2, path planning: draw a candidate for every mask, score every position, keep the best ones, mask the rest.

Peng et al., arXiv 2502.03540. The paper's body could not be read; the rule is taken from its abstract and from its
released code (function `p2_sampling` of the package `path_planning`, read in public copies). A step from a state z

    draws a token for every masked position from the denoiser, which completes z to a draft y,
    scores every position by its plan: u_i for a position that was masked, u_i^eta for one that was shown,
    masks the floor((1 - kappa) n) positions of the lowest scores; the other masked ones show their candidates,
    and the other shown ones stay as they are.

`eta` is the released code's "stochasticity strength", which multiplies ln u there: at 0 shown tokens always stay, and
the larger it is the more of them are masked again. u_i is a probability of the token y_i, or a uniform number.

Where this module differs from the released code: there u_i is the softmax of logits with the Gumbel noise that drew the
candidate, at a shown position for a candidate drawn anew and not for its token; here it is a probability. There fewer
positions are masked where scores tie; here exactly that many are, and of tied positions the shown ones are kept first,
then those of smaller index. The exact law of `planned` and the batches of `sample` share scores and selection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Generator, Tensor

from theory.denoisers import AnyDenoiser, Denoiser, check_conditionals, for_world
from theory.errors import InvalidInput
from theory.remasking.chain import Remasked
from theory.remasking.drafts import cell_index, draft_layout, embedded, one_start
from theory.remasking.sampling import Batch, draw_tokens
from theory.remasking.selection import Selection, rounded_counts, set_sizes
from theory.schedules import check_grid
from theory.tolerance import tied
from theory.worlds import TableWorld, World, states
from theory.worlds.table import table_of

Planner = Callable[[Denoiser, Tensor, Tensor, Tensor], Tensor]
"""From a denoiser, states (rows, n), their completed drafts (rows, n) and the denoiser's log-conditionals at the states
(rows, n, d) to a number between 0 and 1 for every position (rows, n): how much its token is to be trusted."""

ALWAYS_FIRST = 800.0
"""Logarithm of a weight beside which weights of order one vanish in float64."""


def self_planner(
    denoiser: Denoiser, z: Int[Tensor, "rows n"], y: Int[Tensor, "rows n"], log_p: Float[Tensor, "rows n d"]
) -> Float[Tensor, "rows n"]:
    """Return the denoiser's own probability of each token, given the state: no further call.

    At a shown position it is what the denoiser says there, which is one for a world and for every denoiser that carries
    shown tokens over.
    """
    return log_p.gather(-1, y[..., None])[..., 0].exp()


def leave_one_out(
    denoiser: Denoiser, z: Int[Tensor, "rows n"], y: Int[Tensor, "rows n"], log_p: Float[Tensor, "rows n d"]
) -> Float[Tensor, "rows n"]:
    """Return the denoiser's probability of each token, given the other shown tokens: a shown one is masked and asked.

    It takes a call for each position.
    """
    trust = self_planner(denoiser, z, y, log_p)
    for i in range(z.shape[-1]):
        rows = z[:, i] != log_p.shape[-1]
        if bool(rows.any()):
            hidden = z[rows].index_fill(1, torch.tensor([i], device=z.device), log_p.shape[-1])
            answer = check_conditionals(denoiser(hidden), hidden, log_p.shape[-1])[:, i]
            trust[rows, i] = answer.gather(-1, y[rows, i, None])[:, 0].exp().to(trust.dtype)
    return trust


def of_draft(trust: Callable[[Int[Tensor, "rows n"]], Float[Tensor, "rows n"]]) -> Planner:
    """Return the planner of a second model that reads completed drafts: it scores the shown tokens, no others.

    `trust` maps drafts (rows, n) to numbers between 0 and 1. As in the released code, where a planner is given, the
    candidates keep the denoiser's own probability.
    """

    def planner(denoiser: Denoiser, z: Tensor, y: Tensor, log_p: Tensor) -> Tensor:
        own = self_planner(denoiser, z, y, log_p)
        return torch.where(z == log_p.shape[-1], own, _checked(trust(y), y).to(own.dtype))

    return planner


def pseudo_likelihood(world: World) -> Planner:
    """Return the exact planner of its kind: the world's probability of each shown token, given all others of the draft.

    It takes a call of the world for each position.
    """
    return of_draft(lambda y: leave_one_out(world, y, y, world(y)))


@dataclass(frozen=True)
class Plan:
    """How positions are scored: by a planner, or with `planner=None` by uniform numbers, and eta for the shown ones.

    Raises InvalidInput for an eta that is negative or not finite.
    """

    planner: Planner | None = self_planner
    eta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta < math.inf:
            raise InvalidInput(f"eta = {self.eta}; expected a finite number >= 0, 0 for no token masked again")

    @property
    def selection(self) -> Selection:
        """Return how the kept positions are chosen by their `scores`: the greatest, or a race for uniform numbers."""
        return Selection(1.0 if self.planner is None else None)

    def scores(
        self, denoiser: Denoiser, z: Int[Tensor, "rows n"], y: Int[Tensor, "rows n"], log_p: Float[Tensor, "rows n d"]
    ) -> Float[Tensor, "rows n"]:
        """Return the scores by which `selection` chooses the positions that are kept.

        With uniform numbers U the greatest of U_i (masked) and U_i^eta (shown) are the first of a race of exponential
        times - ln U_i and - eta ln U_i, so they are drawn one after the other with weights 1 and 1 / eta: the scores
        are the logarithms of these. With a planner they are ranks, n for the position that is kept first. Raises
        InvalidInput for a planner's answer of another shape, or outside [0, 1].
        """
        shown = z != log_p.shape[-1]
        if self.planner is None:
            weight = ALWAYS_FIRST if self.eta == 0 else -math.log(self.eta)
            return shown.double() * weight
        trust = _checked(self.planner(denoiser, z, y, log_p), z)
        key = 2 * tied(torch.where(shown, trust**self.eta, trust)).double() + shown
        order, n = key.sort(dim=-1, descending=True, stable=True).indices, z.shape[-1]
        rank = torch.arange(n, 0, -1, dtype=torch.float64, device=z.device).expand(z.shape)
        return torch.zeros_like(key).scatter(-1, order, rank)


def planned(
    plan: Plan,
    grid: Sequence[float] | Float[ndarray, "nodes"],
    world: World,
    denoiser: AnyDenoiser | None = None,
    start: Sequence[int] | Int[Tensor, "n"] | None = None,
) -> Remasked:
    """Return the exact output law of P2 on one world, and its denoiser calls, those of a planner not counted.

    `grid` holds the kept fractions kappa from 0 to 1, a step between each two of them. The denoiser is the world's own
    unless given. What `start` shows is a prompt: never masked again, not counted by kappa; the data law is then the
    world given it. Every step that has masks before or after it takes one call. Raises InvalidInput for a grid that
    does not climb from 0 to 1, a batch of worlds, wrong conditionals and a start of probability zero.
    """
    kept = check_grid(grid).tolist()[1:]
    if world.worlds:
        raise InvalidInput(f"a batch of {world.worlds} laws; expected one: take world[k]")
    data = table_of(world if start is None else world.given(start))
    begin = torch.full((world.n,), world.d) if start is None else one_start(start, world)
    engine = _Exact(plan, for_world(denoiser, world), begin, world.d)
    state_law = torch.zeros((world.d + 1) ** engine.free, dtype=torch.float64)
    state_law[-1] = 1.0
    before, calls = engine.free, 0
    for kappa in kept:
        masks = int(rounded_counts("floor", kappa, torch.tensor([engine.free])))
        if before or masks:
            state_law, calls = engine.step(state_law, masks), calls + 1
        before = masks
    law = torch.zeros(world.d**world.n, dtype=torch.float64)
    sequences = embedded(states.all_sequences(engine.free, world.d), begin, world.d) if engine.free else begin[None]
    complete = states.sequence_index(engine.free, world.d) if engine.free else torch.zeros(1, dtype=torch.long)
    law[cell_index(sequences, world.d)] = state_law[complete]
    return Remasked(data, TableWorld(law, world.n, world.d, "planned"), len(kept), float(calls))


def sample(
    denoiser: AnyDenoiser,
    plan: Plan,
    grid: Sequence[float] | Float[ndarray, "nodes"],
    batch: Batch,
    *,
    generator: Generator | None = None,
) -> Batch:
    """Run P2 on a batch (`theory.remasking.sampling.masked_batch`, `started`) and return it; the one given stays.

    Fixed positions are never masked again and not counted by kappa. Raises InvalidInput for a grid that does not climb
    from 0 to 1, a denoiser of another n or d, and wrong answers.
    """
    for kappa in check_grid(grid).tolist()[1:]:
        batch = advance(denoiser, plan, float(kappa), batch, generator=generator)
    return batch


def advance(
    denoiser: AnyDenoiser, plan: Plan, kappa: float, batch: Batch, *, generator: Generator | None = None
) -> Batch:
    """Return the batch after one step that keeps the fraction kappa of the free positions."""
    model, d, free = for_world(denoiser, batch), batch.d, ~batch.fixed
    masks = rounded_counts("floor", kappa, free.sum(-1))
    asked = batch.hidden.any(-1) | (masks > 0)
    if not bool(asked.any()):
        return batch
    z, open_ = batch.tokens[asked], free[asked]
    log_p = check_conditionals(model(z), z, d)
    y, chance = _draft(log_p, z, generator)
    count = open_.sum(-1) - masks[asked]
    kept = plan.selection.choose(plan.scores(model, z, y, log_p), count, generator, open_) | ~open_
    tokens, shown = batch.tokens.clone(), batch.revealed_with.clone()
    tokens[asked] = torch.where(kept, y, d)
    shown[asked] = torch.where(z == d, chance, shown[asked])
    return Batch(tokens, d, batch.denoiser_calls + asked, batch.predictor_calls, shown, batch.fixed)


class _Exact:
    """One step on all states of the free positions: drafts, their chances, and the law of the kept set of each."""

    def __init__(self, plan: Plan, denoiser: Denoiser, start: Int[Tensor, "n"], d: int) -> None:
        hidden = start == d
        self.free, self.d = int(hidden.sum()), d
        f = self.free
        states.require_memory((2 * d) ** f * 2**f * (f + 2), f"plans of all drafts for {f} masks and d = {d}")
        self.layout = draft_layout(f, d) if f else None
        if self.layout is None:
            return
        z_all = embedded(states.all_states(f, d), start, d)
        log_p = check_conditionals(denoiser(z_all), z_all, d)[self.layout.state]
        z, y = z_all[self.layout.state], embedded(self.layout.tokens, start, d)
        own = log_p.gather(-1, y[..., None])[..., 0].double().exp()
        self.chance = torch.where(z == d, own, 1.0).prod(-1)
        self.sets = plan.selection.set_probabilities(plan.scores(denoiser, z, y, log_p)[:, hidden])

    def step(self, state_law: Float[Tensor, "states"], masks: int) -> Float[Tensor, "states"]:
        """Return the state law after a step that leaves so many masks."""
        assert self.layout is not None
        after = torch.zeros_like(state_law)
        mass = state_law[self.layout.state] * self.chance
        for chosen, kept in self._kept(self.free - masks):
            target = states.index_of(torch.where(kept, self.layout.tokens, self.d), self.d)
            after.index_add_(0, target, mass * self.sets[:, chosen])
        return after

    def _kept(self, count: int) -> Iterator[tuple[int, Bool[Tensor, "free"]]]:
        """Yield the sets of so many positions, by their place in `Selection.set_probabilities` and as flags."""
        for chosen in (set_sizes(self.free) == count).nonzero()[:, 0].tolist():
            yield chosen, states.digits(torch.tensor(chosen), self.free, 2).bool()


def _draft(
    log_p: Float[Tensor, "rows n d"], z: Int[Tensor, "rows n"], generator: Generator | None
) -> tuple[Int[Tensor, "rows n"], Float[Tensor, "rows n"]]:
    """Return completed drafts and the probability of each candidate, 1 at shown positions."""
    hidden = z == log_p.shape[-1]
    rows = log_p[hidden]
    token = draw_tokens(rows, generator)
    chance = torch.ones(z.shape, dtype=torch.float64, device=z.device)
    chance[hidden] = rows.gather(-1, token[:, None])[:, 0].double().exp()
    return z.masked_scatter(hidden, token), chance


def _checked(trust: Tensor, z: Int[Tensor, "rows n"]) -> Float[Tensor, "rows n"]:
    """Return a planner's answer. Raises InvalidInput for another shape and for numbers outside [0, 1]."""
    if not isinstance(trust, Tensor) or trust.shape != z.shape:
        shape = tuple(trust.shape) if isinstance(trust, Tensor) else type(trust).__name__
        raise InvalidInput(f"planner returned shape {shape}; expected a number a position, {tuple(z.shape)}")
    if not bool(((trust >= 0) & (trust <= 1 + 1e-6)).all()):
        raise InvalidInput("planner returned a number outside [0, 1]; expected probabilities: apply exp or a sigmoid")
    return trust.clamp(max=1)
