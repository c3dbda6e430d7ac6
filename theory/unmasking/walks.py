"""Every path of an unmasking rule at once: exact output law, errors, entropy bound and NFE distribution.

States are swept from all masked to none. Two chains run side by side: *sampler* (p_phi: revealed tokens
drawn independently from the denoiser) and *data* (q_phi: drawn from their true joint conditional), eqs. (5)
and (6) of Ben-Hamu et al., arXiv 2505.24857. Errors are those of S4: at a state z with block A,
model error sum_i KL(q_i || p_i), joint dependence error KL(q_A || prod q_i), bound sum_i H_i - max_i H_i.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.unmasking.rules.base import Rule, SetRule, ValueRule, check_conditionals, check_selection
from theory.unmasking.rules.proxies import token_entropy
from theory.worlds import information, states

Model = Callable[[Int[Tensor, "r"], Int[Tensor, "r n"]], Float[Tensor, "r n d"]]
"""World numbers and states, a row each, to log-conditionals."""

SAMPLER, DATA = 0, 1


@dataclass(frozen=True)
class Walk:
    """What a rule does on a batch of worlds. Errors are nan for a rule that looks at drawn values.

    `visits[c, w, s]` is the probability that chain c (SAMPLER, DATA) of world w visits state s; node errors
    are means over the rule's choices there. `nfe[c, w, k]` is the probability of k denoiser calls.
    """

    rule: str
    n: int
    d: int
    law: Float[Tensor, "worlds cells"]
    output: Float[Tensor, "worlds cells"]
    visits: Float[Tensor, "2 worlds states"]
    nfe: Float[Tensor, "2 worlds calls"]
    model_error: Float[Tensor, "worlds states"]
    joint_dependence: Float[Tensor, "worlds states"]
    bound: Float[Tensor, "worlds states"]
    several: Float[Tensor, "worlds states"]
    surprise: Float[Tensor, "worlds states"]

    @property
    def path_divergence(self) -> Float[Tensor, "worlds"]:
        """KL(q_phi || p_phi) = total model error + total joint dependence error."""
        return self.total(self.model_error) + self.total(self.joint_dependence)

    @property
    def divergence(self) -> Float[Tensor, "worlds"]:
        """KL(q || output law)."""
        return information.kullback_leibler(self.law, self.output)

    @property
    def mean_nfe(self) -> Float[Tensor, "2 worlds"]:
        """E[NFE] under the sampler and under the data."""
        return (self.nfe * torch.arange(self.nfe.shape[-1], dtype=self.nfe.dtype)).sum(-1)

    def total(self, node: Float[Tensor, "worlds states"], chain: int = DATA) -> Float[Tensor, "worlds"]:
        """Return the expectation of a node quantity summed along a path of a chain."""
        return (self.visits[chain] * node).sum(-1)


def oracle(table: Float[Tensor, "worlds states"], n: int, d: int) -> Model:
    """Return the exact conditionals of a batch of laws, from their marginal tables."""

    def model(world: Int[Tensor, "r"], z: Int[Tensor, "r n"]) -> Float[Tensor, "r n d"]:
        return row_conditionals(table, world, z, n, d).log()

    return model


def denoiser_model(denoise: Callable[[Tensor], Tensor]) -> Model:
    """Return a denoiser (states to log-conditionals) as a model of one world."""
    return lambda world, z: denoise(z)


def table_model(log_p: Float[Tensor, "worlds states n d"]) -> Model:
    """Return log-conditionals tabulated at every state of every world."""
    d = log_p.shape[-1]
    return lambda world, z: log_p[world, states.index_of(z, d)]


def row_conditionals(
    table: Float[Tensor, "worlds states"], world: Int[Tensor, "r"], z: Int[Tensor, "r n"], n: int, d: int
) -> Float[Tensor, "r n d"]:
    """Return q(x_i = v | z_UM) of row r's own world and state."""
    index, places = states.index_of(z, d), states.place_values(n, d)
    neighbours = index[:, None, None] + (torch.arange(d) - z[..., None]) * places[:, None]
    context = table[world, index]
    found = table[world[:, None, None], neighbours] / context[:, None, None]
    return states.finish_conditionals(found, context, z, d, "uniform")


def walk(rule: Rule, law: Float[Tensor, "*worlds cells"], n: int, d: int, model: Model | None = None) -> Walk:
    """Return everything exact about a rule on one law or a batch of laws; the oracle unless a model is given.

    Raises InvalidInput, naming rule and state, where a selection or the denoiser's conditionals are wrong,
    and where tables do not fit.
    """
    laws = states.check_law(law, n, d).reshape(-1, d**n)
    sweep = _Sweep(rule, laws, n, d, model)
    for masks in range(n, 0, -1):
        sweep.layer(masks)
    return sweep.finish()


class _Sweep:
    """The tables that a walk fills, one layer of equally masked states after the other."""

    def __init__(self, rule: Rule, laws: Tensor, n: int, d: int, model: Model | None) -> None:
        self.rule, self.laws, self.n, self.d = rule, laws, n, d
        self.table = states.marginal_table(laws, n, d)
        self.model = model or oracle(self.table, n, d)
        worlds, count = self.table.shape
        self.calls = n + 1 if isinstance(rule, SetRule) else n * (n.bit_length() + 1) + 1
        states.require_memory(2 * worlds * count * self.calls, f"walk of {rule.name} over {worlds} worlds")
        self.flow = torch.zeros(2, worlds, count, self.calls, dtype=torch.float64)
        self.flow[:, :, -1, 0] = 1.0
        self.nodes = torch.zeros(5, worlds, count, dtype=torch.float64)
        self.masked = states.masked_count(n, d)

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
        log_p = check_conditionals(self.model(world, z), z, self.d)
        true = row_conditionals(self.table, world, z, self.n, self.d)
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
        self._move(SAMPLER, world, state, weight[:, None] * drawn, after, 1)
        self._move(DATA, world, state, weight[:, None] * joint, after, 1)

    def _outcomes(self, rule: ValueRule, world: Tensor, state: Tensor, z: Tensor) -> None:
        for w in sorted(set(world.tolist())):
            mine = (world == w).nonzero()[:, 0]

            def denoise(states_: Tensor, w: int = w) -> Tensor:
                return self.model(torch.full((len(states_),), w), states_)

            weights, after, calls = rule.outcomes(denoise, z[mine], self.d)
            index = states.index_of(after, self.d)
            for spent in sorted(set(calls.flatten().tolist())):
                part = torch.where(calls == spent, weights, 0.0)
                self._move(SAMPLER, world[mine], state[mine], part, index, int(spent))

    def _move(self, chain: int, world: Tensor, state: Tensor, share: Tensor, after: Tensor, spent: int) -> None:
        flow = self.flow[chain]
        moved = flow[world, state][:, None, : self.calls - spent] * share[..., None]
        target = (world[:, None] * flow.shape[1] + after).reshape(-1)
        flat = flow.reshape(-1, self.calls)
        flat[:, spent:].index_add_(0, target, moved.flatten(0, 1))

    def finish(self) -> Walk:
        done = states.sequence_index(self.n, self.d)
        visits = self.flow.sum(-1)
        nodes = self.nodes if self.rule.value_free else torch.full_like(self.nodes, torch.nan)
        output = visits[SAMPLER][:, done]
        missing = float((output.sum(-1) - 1).abs().max())
        if missing > 1e-6:
            raise InvalidInput(f"rule {self.rule.name!r} ends with masks left in a share {missing:.3g} of its paths")
        return Walk(
            self.rule.name, self.n, self.d, self.laws, output, visits, self.flow[:, :, done].sum(2), *nodes
        )  # fmt: skip
