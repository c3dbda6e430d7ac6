"""Every path of an unmasking rule at once: exact output law, errors, entropy bound and law of the denoiser calls.

States are swept from the start, all masked unless given, to none masked. Two chains run side by side: the *sampler*
(p_phi: revealed tokens drawn independently from the denoiser) and the *data* (q_phi: drawn from their true joint
conditional), eqs. (5) and (6) of Ben-Hamu et al., arXiv 2505.24857. At a state z with block A the errors are the model
error sum_i KL(q_i || p_i), the joint dependence error KL(q_A || prod q_i) and its bound sum_i H_i - max_i H_i, in nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.denoisers import Rows, for_world, rows_of
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.tolerance import SLACK
from theory.unmasking.rules.base import Rule, SetRule, ValueRule, check_selection
from theory.unmasking.rules.proxies import token_entropy
from theory.worlds import TableWorld, World, information, states
from theory.worlds.base import number
from theory.worlds.table import table_of

Chain = Literal["sampler", "data"]
_SAMPLER, _DATA = 0, 1


@dataclass(frozen=True)
class Nodes:
    """What a rule's step at each state costs, a mean over the rule's choices there; nan where it sees drawn values.

    `several` is the probability that the step reveals two tokens or more; `surprise` the sum of the denoiser's own
    entropies of the revealed tokens. All but `several` are in nats.
    """

    model_error: Float[Tensor, "*worlds states"]
    joint_dependence: Float[Tensor, "*worlds states"]
    bound: Float[Tensor, "*worlds states"]
    several: Float[Tensor, "*worlds states"]
    surprise: Float[Tensor, "*worlds states"]


@dataclass(frozen=True, repr=False, eq=False)
class Walk(Shown):
    """What a rule does on one world or a batch of them: floats for one law, tensors over the batch for many.

    `world` is the data law, conditioned on the start where one was given; `output` the sampler's law. `visits` holds
    the probability that each state, in index order, is on the sampler's path, `visits_of_data` on the data's.
    `call_law[..., k]` is the probability that the sampler makes k denoiser calls. What belongs to the data's paths is
    nan for a rule that looks at drawn values.
    """

    rule: str
    world: TableWorld
    output: TableWorld
    visits: Float[Tensor, "*worlds states"]
    visits_of_data: Float[Tensor, "*worlds states"]
    call_law: Float[Tensor, "*worlds calls"]
    call_law_of_data: Float[Tensor, "*worlds calls"]
    nodes: Nodes

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from rule and world
        """Return the rule and the world."""
        return f"{self.rule} on {self.world.name}"

    @property
    def divergence(self) -> float | Tensor:
        """Return KL(data || output law) in nats."""
        return number(information.kullback_leibler(self.world.law(), self.output.law()))

    @property
    def path_divergence(self) -> float | Tensor:
        """Return KL(q_phi || p_phi) over whole paths in nats: total model error plus total joint dependence error."""
        return self.model_error + self.joint_dependence

    @property
    def model_error(self) -> float | Tensor:
        """Return the expected sum of the model errors along a path of the data, in nats."""
        return self.total(self.nodes.model_error)

    @property
    def joint_dependence(self) -> float | Tensor:
        """Return the expected sum of the joint dependence errors along a path of the data, in nats."""
        return self.total(self.nodes.joint_dependence)

    @property
    def bound(self) -> float | Tensor:
        """Return the expected sum of the entropy bounds along a path of the data, in nats."""
        return self.total(self.nodes.bound)

    @property
    def calls(self) -> float | Tensor:
        """Return the sampler's expected number of denoiser calls, E[NFE]."""
        return _mean(self.call_law)

    @property
    def calls_of_data(self) -> float | Tensor:
        """Return the expected number of denoiser calls along a path of the data."""
        return _mean(self.call_law_of_data)

    def total(self, node: Float[Tensor, "*worlds states"], chain: Chain = "data") -> float | Tensor:
        """Return the expectation of a quantity given at every state, summed along a path of the data or the sampler."""
        visits = self.visits if chain == "sampler" else self.visits_of_data
        return number((visits * node).sum(-1))

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"rule": self.rule, "world": self.world.name}
        if self.world.worlds:
            facts["worlds"] = "x".join(map(str, self.world.worlds))
        values = {"KL (nats)": self.divergence, "path KL (nats)": self.path_divergence, "calls": self.calls}
        values["bound (nats)"] = self.bound
        means = {label: float(torch.as_tensor(value, dtype=torch.float64).mean()) for label, value in values.items()}
        return {**facts, **{label: mean for label, mean in means.items() if mean == mean}}


def walk(rule: Rule, world: World, denoiser: Any = None, start: Sequence[int] | Int[Tensor, "n"] | None = None) -> Walk:
    """Return everything exact about a rule on one law or a batch of laws.

    The denoiser is the world itself unless given (anything that `theory.denoisers.for_world` takes). `start` is one
    partially masked state: the walk begins there and the data law is `world.given(start)`. Raises InvalidInput, naming
    rule and state, where a selection or the denoiser's conditionals are wrong, and where tables do not fit.
    """
    sweep = _Sweep(rule, table_of(world), denoiser, start)
    for masks in range(sweep.masks, 0, -1):
        sweep.layer(masks)
    return sweep.finish()


class _Sweep:
    """The tables that a walk fills, one layer of equally masked states after the other; worlds on one axis."""

    def __init__(self, rule: Rule, world: TableWorld, denoiser: Any, start: Sequence[int] | Tensor | None) -> None:
        self.rule, self.n, self.d = rule, world.n, world.d
        self.model: Rows = rows_of(for_world(denoiser, world))
        self.data = world if start is None else world.given(start)
        law = self.data.law().reshape(-1, self.d**self.n)
        self.truth = self.data if self.data.zero_rule == "uniform" else TableWorld(law, self.n, self.d)
        self.table = self.truth.table.reshape(-1, (self.d + 1) ** self.n)
        worlds, count = self.table.shape
        z = torch.full((self.n,), self.d) if start is None else torch.as_tensor(start)
        self.masks = int((z == self.d).sum())
        self.calls = self.n + 1 if isinstance(rule, SetRule) else self.n * (self.n.bit_length() + 1) + 1
        states.require_memory(2 * worlds * count * self.calls, f"walk of {rule.name} over {worlds} worlds")
        self.flow = torch.zeros(2, worlds, count, self.calls, dtype=torch.float64)
        self.flow[:, :, states.index_of(z, self.d), 0] = 1.0
        self.nodes = torch.zeros(5, worlds, count, dtype=torch.float64)
        self.masked = states.masked_count(self.n, self.d)

    def layer(self, masks: int) -> None:
        here = (self.masked == masks).nonzero()[:, 0]
        world, place = (self.flow[:, :, here].sum((0, -1)) > 0).nonzero(as_tuple=True)
        state = here[place]
        z = states.digits(state, self.n, self.d + 1)
        if isinstance(self.rule, ValueRule):
            self._outcomes(self.rule, world, state, z)
        else:
            self._sets(self.rule, world, state, z)

    def _sets(self, rule: SetRule, world: Tensor, state: Tensor, z: Tensor) -> None:
        hidden = z == self.d
        log_p = self.model(world, z)
        true = self.truth.row_conditionals(world, z)
        weights, chosen = rule.for_states(z).choices(log_p, hidden.clone())
        if not bool(((weights.sum(-1) - 1).abs() < 1e-9).all()):
            raise InvalidInput(f"rule {rule.name!r}: choice probabilities sum to {float(weights.sum(-1).max()):.6g}")
        for k in range(weights.shape[1]):
            rows = (weights[:, k] > 0).nonzero()[:, 0]
            picked = check_selection(rule.name, chosen[rows, k], hidden[rows], z[rows])
            sizes = picked.sum(-1)
            for size in sorted(set(sizes.tolist())):
                part = rows[sizes == size]
                block = picked[sizes == size].nonzero()[:, 1].reshape(-1, size)
                self._reveal(world[part], state[part], weights[part, k], block, log_p[part], true[part])

    def _reveal(self, world: Tensor, state: Tensor, weight: Tensor, block: Tensor, log_p: Tensor, true: Tensor) -> None:
        """Reveal a block of equal size in every row: successors by both chains, errors at the node."""
        size = block.shape[1]
        values = states.digits(torch.arange(self.d**size), size, self.d)
        places = states.place_values(self.n, self.d)[block]
        after = state[:, None] + places @ (values - self.d).T
        rows = torch.arange(len(block))[:, None]
        own, exact = log_p[rows, block], true[rows, block]
        at = (rows[:, None], torch.arange(size)[None, None], values[None])
        drawn = own.exp()[at].prod(-1)
        context = self.table[world, state]
        joint = (
            torch.where(context > 0, 1 / context.clamp(min=1e-300), 0.0)[:, None] * self.table[world[:, None], after]
        )
        independent = exact[at].prod(-1)
        dependence = torch.xlogy(joint, joint / torch.where(joint > 0, independent, 1.0)).nan_to_num(0.0).sum(-1)
        entropies = token_entropy(exact.log())
        surprise = token_entropy(own).sum(-1)
        gap = information.kullback_leibler(exact, own.exp()).sum(-1)
        bound = entropies.sum(-1) - entropies.amax(-1)
        gap = torch.where(context > 0, gap, 0.0)
        node = torch.stack((gap, dependence, bound, torch.full_like(bound, float(size > 1)), surprise))
        self.nodes[:, world, state] += weight * node
        self._move(_SAMPLER, world, state, weight[:, None] * drawn, after, 1)
        self._move(_DATA, world, state, weight[:, None] * joint, after, 1)

    def _outcomes(self, rule: ValueRule, world: Tensor, state: Tensor, z: Tensor) -> None:
        for w in sorted(set(world.tolist())):
            mine = (world == w).nonzero()[:, 0]
            weights, after, calls = rule.outcomes(_OneWorld(self.model, w, self.n, self.d), z[mine])
            index = states.index_of(after, self.d)
            for spent in sorted(set(calls.flatten().tolist())):
                part = torch.where(calls == spent, weights, 0.0)
                self._move(_SAMPLER, world[mine], state[mine], part, index, int(spent))

    def _move(self, chain: int, world: Tensor, state: Tensor, share: Tensor, after: Tensor, spent: int) -> None:
        flow = self.flow[chain]
        moved = flow[world, state][:, None, : self.calls - spent] * share[..., None]
        target = (world[:, None] * flow.shape[1] + after).reshape(-1)
        flat = flow.reshape(-1, self.calls)
        flat[:, spent:].index_add_(0, target, moved.flatten(0, 1))

    def finish(self) -> Walk:
        done = states.sequence_index(self.n, self.d)
        visits, calls = self.flow.sum(-1), self.flow[:, :, done].sum(2)
        output = visits[_SAMPLER][:, done]
        total = output.sum(-1, keepdim=True)
        missing = float((total - 1).abs().max())
        if missing > 1e-6:
            raise InvalidInput(f"rule {self.rule.name!r} ends with masks left in a share {missing:.3g} of its paths")
        output = torch.where((total - 1).abs() > SLACK, output / total, output)  # of conditionals rounded to float32
        if not self.rule.value_free:
            visits[_DATA], calls[_DATA], self.nodes = torch.nan, torch.nan, torch.full_like(self.nodes, torch.nan)
        law = TableWorld(self._by_world(output), self.n, self.d, f"output of {self.rule.name} on {self.data.name}")
        return Walk(
            self.rule.name, self.data, law, self._by_world(visits[_SAMPLER]), self._by_world(visits[_DATA]),
            self._by_world(calls[_SAMPLER]), self._by_world(calls[_DATA]), Nodes(*map(self._by_world, self.nodes)),
        )  # fmt: skip

    def _by_world(self, found: Float[Tensor, "worlds k"]) -> Float[Tensor, "*worlds k"]:
        return found.reshape(*self.data.worlds, -1)


@dataclass(frozen=True)
class _OneWorld:
    """The denoiser of one world of a batch."""

    rows: Rows
    world: int
    n: int
    d: int

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        tokens = states.check_states(z, self.n, self.d)
        return self.rows(torch.full((len(tokens),), self.world), tokens)


def _mean(law: Float[Tensor, "*worlds calls"]) -> float | Tensor:
    return number((law * torch.arange(law.shape[-1], dtype=law.dtype)).sum(-1))
