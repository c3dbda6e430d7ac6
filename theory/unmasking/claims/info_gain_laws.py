"""Info-Gain on chosen and random laws: selection bias (P6), the product first (P7), one-step greed against the optimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from theory.denoisers import Denoiser
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.tolerance import SLACK, tied
from theory.unmasking.rules.actions import Form, likely
from theory.unmasking.rules.base import ValueRule
from theory.unmasking.rules.beam import beam
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain, immediate_cost
from theory.unmasking.rules.proxies import token_entropy, trusted_first
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, information, states

SOURCE = "Yang et al., arXiv 2602.18176"
DERIVED = "ours, see docs/derivations.md"
FORMS: tuple[Form, ...] = ("mean", "sum", "look-ahead")


def cumulative_entropy(rule: ValueRule, world: TableWorld) -> tuple[float, float, float]:
    """Return E[Htilde], the entropy of the output law and KL(p_out || q) of a value rule, in nats."""
    found = walk(rule, world)
    z, mass = states.all_states(world.n, world.d), found.visits
    open_ = (z == world.d).any(-1) & (mass > 0)
    total = (mass[open_] * immediate_cost(rule, world, z[open_])).sum()
    divergence = information.kullback_leibler(found.output.law(), world.law())
    return float(total), float(found.output.entropy()), float(divergence)


def dirichlet_worlds(count: int, n: int, d: int, concentration: float) -> list[TableWorld]:
    """Return random laws."""
    rng = np.random.default_rng(0)
    return [TableWorld(rng.dirichlet([concentration] * d**n), n, d, "Dirichlet") for _ in range(count)]


def selection_bias(tables: int, counts: Sequence[int], sign: int = 1) -> Iterator[Evidence]:
    """Average E[Htilde], H(p_out) and KL(p_out || q) over random 3-symbol tables, n = 3, for each N; listed draws at one state."""
    worlds = dirichlet_worlds(tables, 3, 3, 0.5)
    rows = np.array([np.mean([cumulative_entropy(SampledInfoGain(k), w) for w in worlds], 0) for k in counts])
    entropy = np.mean([float(w.entropy()) for w in worlds])
    slack = rounding(3 * 4**3, 3 * math.log(3))
    yield equal("enumeration", rows[0, 2], 0.0, slack, note="N = 1: KL(p_out || q)")
    yield equal("enumeration", rows[0, :2], entropy, slack, note="N = 1: cumulative entropy, entropy of the output")
    for column, side, note in ((0, -1, "cumulative entropy"), (1, -1, "output's entropy"), (2, 1, "KL(p_out || q)")):
        change = side * sign * np.diff(rows[:, column])
        yield at_least("enumeration", change, slack, 0.0, note=f"{note} against N")
    yield from _listed_draws(worlds[0], counts[1])


def _listed_draws(world: TableWorld, count: int) -> Iterator[Evidence]:
    n, d = world.n, world.d
    denoiser, start = reference.float_conditionals(world), (d,) * n
    rows = [reference_lookahead.row(denoiser, start, i, d) for i in range(n)]
    trust = [math.exp(-reference.entropy(r) / 0.1) for r in rows]
    proposal = [t / sum(trust) * p for t, r in zip(trust, rows, strict=True) for p in r]
    values = [reference_lookahead.action_value(denoiser, start, i, v, d, "mean") for i in range(n) for v in range(d)]
    weights, _, _ = SampledInfoGain(count).outcomes(world, torch.full((1, n), d))
    listed = reference_lookahead.best_of_drawn(proposal, values, count)
    slack = rounding(len(proposal) ** count)
    yield equal("enumeration", weights[0], listed, slack, note="law of the best of N, all draws listed")


@dataclass(frozen=True)
class Stack:
    """Many laws given by their supports: a denoiser of a batch whose rows belong to the laws in order."""

    support: Tensor
    mass: Tensor
    d: int

    @property
    def n(self) -> int:
        """The number of positions."""
        return int(self.support.shape[-1])

    def __call__(self, z: Tensor) -> Tensor:
        """Return log-conditionals; len(z) is a multiple of the number of laws, each law's rows adjacent."""
        worlds, _, n = self.support.shape
        shown = z.reshape(worlds, -1, 1, n)
        agree = ((shown == self.d) | (shown == self.support[:, None])).all(-1) * self.mass[:, None]
        found = agree @ torch.nn.functional.one_hot(self.support, self.d).double().flatten(2)
        found = found / agree.sum(-1, keepdim=True)
        return torch.where(found.isnan(), 1 / self.d, found).reshape(*z.shape, self.d).log()

    def world(self, k: int) -> Denoiser:
        """Return one law as a denoiser."""
        return Stack(self.support[k : k + 1], self.mass[k : k + 1], self.d)


def dirichlet_stack(count: int) -> Stack:
    """Return Dirichlet(.1) laws of five ternary tokens."""
    mass = torch.stack([world.law() for world in dirichlet_worlds(count, 5, 3, 0.1)])
    return Stack(states.all_sequences(5, 3).expand(count, -1, -1), mass, 3)


def parents_stack(count: int) -> Stack:
    """Return laws of two 6-valued parents, jointly Dirichlet(5), and four bits that random functions determine from them."""
    rng = np.random.default_rng(0)
    parents = states.all_sequences(2, 6).expand(count, -1, -1)
    bits = torch.from_numpy(rng.integers(0, 2, (count, 36, 4)))
    return Stack(torch.cat((parents, bits), -1), torch.from_numpy(rng.dirichlet([5.0] * 36, count)), 6)


def decoded(stack: Stack, choose: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Decode every law with argmax tokens; `choose` maps states and log-conditionals to one position each."""
    z = torch.full((len(stack.support), stack.support.shape[-1]), stack.d)
    total = torch.zeros(len(z), dtype=torch.float64)
    for _ in range(z.shape[-1]):
        log_p = stack(z)
        position = choose(z, log_p)[:, None]
        total += token_entropy(log_p).gather(-1, position)[:, 0]
        z = z.scatter(-1, position, likely(log_p).gather(-1, position))
    return total, z


def decoders(stack: Stack) -> dict[str, tuple[Tensor, Tensor]]:
    """Return cumulative entropies and sequences of entropy-greedy and the three forms of Info-Gain."""
    d = stack.d
    found = {"entropy": decoded(stack, lambda z, log_p: trusted_first(token_entropy(log_p), z == d)[:, 0])}
    for form in FORMS:
        found[form] = decoded(stack, partial(_best_position, InfoGain(form), stack))
    return found


def _best_position(rule: InfoGain, stack: Stack, z: Tensor, log_p: Tensor) -> Tensor:
    return tied(rule.scores(stack, z, log_p)).argmax(-1)


STACKS = {"dirichlet": dirichlet_stack, "parents": parents_stack}


def fewer_nats(family: str, count: int, better: Sequence[str], worse: str, swap: bool = False) -> Iterator[Evidence]:
    """Compare two decoders' mean cumulative entropies over the laws; the optimum and one run written out beside them.

    The note gives the 95 % interval of the mean difference by a paired bootstrap.
    """
    stack = STACKS[family](count)
    found = decoders(stack)
    slack = rounding(stack.n * len(stack.support[0]), stack.n * math.log(stack.d))
    draws = np.random.default_rng(1).integers(0, count, (4000, count))
    for name in better:
        gap = (found[worse][0] - found[name][0] if swap else found[name][0] - found[worse][0]).numpy()
        low, high = np.quantile(gap[draws].mean(1), (0.025, 0.975))
        note = f"{name}: mean difference in nats, 95 % of resamples in {low:.3f} to {high:.3f}"
        yield at_most("enumeration", float(gap.mean()), -slack, 0.0, note=note)
    start = torch.full((stack.n,), stack.d)
    least = beam(stack.world(0), start, None).cost
    yield at_least("enumeration", min(float(t[0]) for t, _ in found.values()), least, slack, note="optimum, first law")
    for name in ("mean", "sum", "look-ahead", "entropy"):
        own = _literal_decode(stack, name)
        yield equal("enumeration", found[name][0][0], own, slack, note=f"{name}, first law, written out")


def _literal_decode(stack: Stack, form: str) -> float:
    """Return the cumulative entropy of one decoder on the first law: a form of Info-Gain, or the least entropy first."""
    d, n = stack.d, stack.n
    law = {tuple(x): p for x, p in zip(stack.support[0].tolist(), stack.mass[0].tolist(), strict=True) if p > 0}
    denoiser, z, total = reference.conditionals_of(law, d), (d,) * n, 0.0
    while d in z:
        rows = {i: reference_lookahead.row(denoiser, z, i, d) for i in reference.masked(z, d)}
        best = {i: reference_lookahead.likely(p) for i, p in rows.items()}
        if form == "entropy":
            value = {i: -reference.entropy(p) for i, p in rows.items()}
        else:
            value = {i: reference_lookahead.action_value(denoiser, z, i, v, d, form) for i, v in best.items()}
        i = max(best, key=lambda i: (round(value[i] / SLACK), -i))
        total += reference.entropy(rows[i])
        z = reference.with_token(z, i, best[i])
    return total


def surprise_and_likelihood(family: str, count: int, most: float, sign: int = 1) -> Iterator[Evidence]:
    """Correlate Htilde with ln q of the decoded sequence over the laws, for each decoder."""
    stack = STACKS[family](count)
    for name, (cost, x) in decoders(stack).items():
        hit = (stack.support == x[:, None]).all(-1)
        log_q = (hit * stack.mass).sum(-1).log()
        yield at_most("enumeration", sign * np.corrcoef(cost, log_q)[0, 1], most, 0.0, note=name)


RUNS = "runs against their definition: rounding of sums over the support"

CLAIMS = (
    Claim(
        id="infogain.10",
        statement=(
            "With most probable tokens the mean form of Info-Gain decodes at less cumulative entropy than the rule that "
            "always reveals the position of least entropy, in the mean over each of two families of laws."
        ),
        assumptions="150 Dirichlet(.1) laws of five ternary tokens; 150 laws of two parents and four bits; seed 0.",
        source=f"{SOURCE}, an observation on trained models, here on exact laws",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=fewer_nats,
        tolerance=f"none for the means of the named laws; {RUNS}",
        fixtures=tuple({"family": f, "count": 150, "better": ["mean"], "worse": "entropy"} for f in STACKS),
        variants={"more cumulative entropy": partial(fewer_nats, swap=True)},
    ),
    Claim(
        id="infogain.11",
        statement=(
            "With most probable tokens the sum form and the look-ahead form decode at less cumulative entropy than the "
            "mean form, in the mean over each of the two families of laws of infogain.10."
        ),
        assumptions="The laws of infogain.10.",
        source=f"{DERIVED}, infogain.10",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=fewer_nats,
        tolerance=f"none for the means of the named laws; {RUNS}",
        fixtures=tuple({"family": f, "count": 150, "better": ["sum", "look-ahead"], "worse": "mean"} for f in STACKS),
        variants={"more cumulative entropy": partial(fewer_nats, swap=True)},
    ),
    Claim(
        id="infogain.12",
        statement=(
            "Over each of the two families of laws, cumulative entropy and the log-probability of the decoded sequence "
            "are correlated below -.2, for entropy-greedy decoding and the three forms of Info-Gain."
        ),
        assumptions="The laws of infogain.10; most probable tokens.",
        source=f"{SOURCE}, section 4, observed there on accuracy",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=surprise_and_likelihood,
        tolerance="none: correlations over the named laws",
        fixtures=tuple({"family": f, "count": 150, "most": -0.2} for f in STACKS),
        variants={"above .2": partial(surprise_and_likelihood, sign=-1)},
    ),
    Claim(
        id="infogain.P6",
        statement=(
            "Drawing N candidates, one position and token each, and keeping the best lowers the expected cumulative "
            "entropy and the entropy of the output law from N = 1 to 2 to 8, and raises the divergence KL(p_out || q) of "
            "the output law from the data law, which is 0 at N = 1."
        ),
        assumptions="In the mean over 8 Dirichlet(.5) laws of three ternary tokens, seed 0; position temperature .1.",
        source=f"{DERIVED}, infogain.7",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=selection_bias,
        tolerance="changes of more than the rounding of the sums",
        fixtures=({"tables": 8, "counts": [1, 2, 8]},),
        variants={"entropies rise": partial(selection_bias, sign=-1)},
    ),
)
