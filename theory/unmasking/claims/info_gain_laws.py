"""Info-Gain on chosen and random laws: selection bias (P6), the product first (P7), one-step greed against the optimum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from torch import Tensor

from theory.denoisers import Denoiser
from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.tolerance import tied
from theory.unmasking.rules.actions import Form, likely
from theory.unmasking.rules.base import ValueRule
from theory.unmasking.rules.beam import beam
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain, Tokens, immediate_cost
from theory.unmasking.rules.proxies import token_entropy, trusted_first
from theory.unmasking.walks import walk
from theory.worlds import SupportWorld, TableWorld, information, states

SOURCE = "Yang et al., arXiv 2602.18176"
DERIVED = "Info-Gain digest"
FORMS: tuple[Form, ...] = ("mean", "sum", "look-ahead")
BITS = 7


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
    yield equal("enumeration", rows[0, 2], 0.0, 1e-12, note="N = 1: KL(p_out || q)")
    yield equal("enumeration", rows[0, 0], entropy, 1e-12, note="N = 1: E Htilde")
    yield at_least("enumeration", -sign * np.diff(rows[:, 0]), 0.1, 0.0, note="E Htilde falls with N")
    yield at_least("enumeration", -sign * np.diff(rows[:, 1]), 0.1, 0.0, note="H(p_out) falls with N")
    yield at_least("enumeration", sign * np.diff(rows[:, 2]), 0.05, 0.0, note="KL(p_out || q) rises with N")
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
    yield equal("enumeration", weights[0], listed, 1e-12, note="law of the best of N, all draws listed")


def product_world() -> SupportWorld:
    """Return uniform decimal a, b and their product in 7 bits, most significant first; d = 10, bits use two tokens."""
    rows = [
        (a, b, *((a * b >> k) & 1 for k in reversed(range(BITS)))) for a, b in itertools.product(range(10), repeat=2)
    ]
    return SupportWorld(torch.tensor(rows), d=10, name="a x b = c, binary")


def product_first(form: Form, tokens: Tokens, chosen: int, best: bool = True) -> Iterator[Evidence]:
    """Find which position of a x b = c is revealed first, by the rule and by the literal objective of factor and bits."""
    rule, world, _, written = _product_scores(form, tokens)
    z = torch.full((1, world.n), world.d)
    _, after, _ = rule.outcomes(world, z)
    yield equal(
        "enumeration",
        int((after[0, 0] != world.d).nonzero()[0, 0]),
        chosen,
        Fraction(0),
        note="position revealed first",
    )
    order = max if best else min
    yield equal(
        "enumeration", order((0, 2), key=lambda i: written[i]), chosen, Fraction(0), note="factor or top bit, literally"
    )


def product_digits(
    form: Form, tokens: Tokens, factor: float, bits: Sequence[float], top: float | None = None, unit: float = 1.0
) -> Iterator[Evidence]:
    """Compute J at the all-mask state of a x b = c: a factor, the top bit, the range of the bits; and the entropies."""
    _, world, found, written = _product_scores(form, tokens)
    h = token_entropy(world(torch.full((1, world.n), world.d)))[0] * unit
    yield equal("enumeration", h[:2], 2.303, 5e-4, note="entropy of a factor")
    yield equal(
        "enumeration", [h[2:].min(), h[2:].max()], [0.168, 0.673], 5e-4, note="least and most entropy of the bits"
    )
    yield equal("enumeration", found[:2], factor, 5e-3, note="factor")
    if top is not None:
        yield equal("enumeration", found[2], top, 5e-3, note="top bit")
    if bits:
        yield equal(
            "enumeration", [found[2:].min(), found[2:].max()][-len(bits) :], bits, 5e-3, note="range of the bits"
        )
    for i in (0, 2):
        yield equal("enumeration", found[i], written[i], 1e-12, note=f"literally, position {i}")


def _product_scores(form: Form, tokens: Tokens) -> tuple[InfoGain, SupportWorld, Tensor, dict[int, float]]:
    """Return the rule, the world, its scores at the all-mask state and the literal ones of factor and top bit."""
    world, rule = product_world(), InfoGain(form, tokens)
    n, d = world.n, world.d
    z = torch.full((1, n), d)
    denoiser, start = reference.conditionals_of({tuple(x): 0.01 for x in world.support.tolist()}, d), (d,) * n
    written = {}
    for i in (0, 2):
        p = reference_lookahead.row(denoiser, start, i, d)
        kept = [reference_lookahead.likely(p)] if tokens == "argmax" else [v for v in range(d) if p[v] > 0]
        mass = sum(p[v] for v in kept)
        written[i] = math.fsum(
            p[v] / mass * reference_lookahead.action_value(denoiser, start, i, v, d, form) for v in kept
        )
    return rule, world, rule.scores(world, z, world(z))[0], written


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


def fewer_nats(family: str, count: int, better: str, worse: str) -> Iterator[Evidence]:
    """Bound the mean of Htilde(better) - Htilde(worse) from above by a paired bootstrap; compare with the optimum and one literal run."""
    stack = STACKS[family](count)
    found = decoders(stack)
    gap = (found[better][0] - found[worse][0]).numpy()
    draws = np.random.default_rng(1).integers(0, count, (4000, count))
    yield at_most("monte-carlo", np.quantile(gap[draws].mean(1), 0.975), 0.0, 0.0, note="upper end of the 95% interval")
    start = torch.full((stack.support.shape[-1],), stack.d)
    least = beam(stack.world(0), start, None).cost
    yield at_least(
        "enumeration", min(float(t[0]) for t, _ in found.values()), least, 1e-10, note="optimum of the first law"
    )
    yield equal(
        "enumeration", found["mean"][0][0], _literal_decode(stack), 1e-10, note="mean form on the first law, literally"
    )


def _literal_decode(stack: Stack) -> float:
    d, n = stack.d, stack.support.shape[-1]
    law = {tuple(x): p for x, p in zip(stack.support[0].tolist(), stack.mass[0].tolist(), strict=True) if p > 0}
    denoiser, z, total = reference.conditionals_of(law, d), (d,) * n, 0.0
    while d in z:
        best = {
            i: reference_lookahead.likely(reference_lookahead.row(denoiser, z, i, d)) for i in reference.masked(z, d)
        }
        value = {i: reference_lookahead.action_value(denoiser, z, i, v, d, "mean") for i, v in best.items()}
        i = max(best, key=lambda i: (round(value[i], 9), -i))
        total += reference.entropy(reference_lookahead.row(denoiser, z, i, d))
        z = reference.with_token(z, i, best[i])
    return total


def surprise_and_likelihood(family: str, count: int, most: float, sign: int = 1) -> Iterator[Evidence]:
    """Correlate Htilde with ln q of the decoded sequence over the laws, for each decoder."""
    stack = STACKS[family](count)
    for name, (cost, x) in decoders(stack).items():
        hit = (stack.support == x[:, None]).all(-1)
        log_q = (hit * stack.mass).sum(-1).log()
        yield at_most("enumeration", sign * np.corrcoef(cost, log_q)[0, 1], most, 0.0, note=name)


PAIRS = tuple(
    {"family": family, "count": 150, "better": better, "worse": worse}
    for family in STACKS for better, worse in (("mean", "entropy"), ("sum", "mean"), ("look-ahead", "mean"))
)  # fmt: skip

CLAIMS = (
    Claim(
        id="infogain.8",
        statement=(
            "a x b = c, all masked: the mean form reveals the most significant bit first, the sum form and "
            "LookUM a factor"
        ),
        assumptions="exact conditionals, uniform decimal a, b, 7-bit c",
        source=f"{DERIVED}, P7",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=product_first,
        tolerance="positions",
        fixtures=(
            {"form": "mean", "tokens": "drawn", "chosen": 2},
            {"form": "mean", "tokens": "argmax", "chosen": 2},
            {"form": "sum", "tokens": "drawn", "chosen": 0},
            {"form": "look-ahead", "tokens": "drawn", "chosen": 0},
        ),
        variants={"the least objective wins": partial(product_first, best=False)},
    ),
    Claim(
        id="infogain.10",
        statement="With argmax tokens Info-Gain (mean) decodes at less cumulative entropy than entropy-greedy",
        assumptions="150 Dirichlet(.1) laws on 3^5; 150 laws of two parents and four bits",
        source=f"{SOURCE}, O1 (digest, claim 10)",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo", "enumeration"),
        check=fewer_nats,
        tolerance="95% paired bootstrap interval, fixed resamples",
        fixtures=(PAIRS[0], PAIRS[3]),
        variants={
            "entropy-greedy is better": lambda family, count, better, worse: fewer_nats(family, count, worse, better)
        },
    ),
    Claim(
        id="infogain.11",
        statement="The sum form and LookUM decode at less cumulative entropy than the mean form",
        assumptions="the families of infogain.10",
        source=f"{DERIVED}, claim 11",
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo", "enumeration"),
        check=fewer_nats,
        tolerance="95% paired bootstrap interval, fixed resamples",
        fixtures=(*PAIRS[1:3], *PAIRS[4:]),
        variants={
            "the mean form is better": lambda family, count, better, worse: fewer_nats(family, count, worse, better)
        },
    ),
    Claim(
        id="infogain.12",
        statement="Cumulative entropy and the log-probability of the decoded sequence are correlated below -.2",
        assumptions="the families of infogain.10; argmax tokens",
        source=f"{SOURCE}, section 4 (digest, claim 12)",
        status="reading",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=surprise_and_likelihood,
        tolerance="none",
        fixtures=tuple({"family": f, "count": 150, "most": -0.2} for f in STACKS),
        variants={"positive correlation": partial(surprise_and_likelihood, sign=-1)},
    ),
    Claim(
        id="infogain.P6",
        statement=(
            "Drawing N candidates and keeping the best lowers E[Htilde] and the output's entropy and raises "
            "KL(p_out || q) from 0 at N = 1"
        ),
        assumptions="mean over 8 Dirichlet(.5) laws on 3^3; tau_position = .1, N = 1, 2, 8",
        source=f"{DERIVED}, P6",
        quantifier="this instance",
        kind="empirical",
        routes=("enumeration",),
        check=selection_bias,
        tolerance="none: exact expectations",
        fixtures=({"tables": 8, "counts": [1, 2, 8]},),
        variants={"entropies rise": partial(selection_bias, sign=-1)},
    ),
    Claim(
        id="infogain.P7",
        statement=(
            "h = 2.303 for a factor, .168 to .673 for bits; J: mean -2.02 against -.24 (top bit) to -.69, "
            "sum +.87 against .17 to .47, LookUM +.28 against at most .01; argmax -1.65 against -.27"
        ),
        assumptions="exact conditionals, uniform decimal a, b, 7-bit c",
        source=f"{DERIVED}, P7",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=product_digits,
        tolerance="half a unit of the last printed digit",
        fixtures=(
            {"form": "mean", "tokens": "drawn", "factor": -2.02, "top": -0.24, "bits": [-0.69, -0.24]},
            {"form": "sum", "tokens": "drawn", "factor": 0.87, "bits": [0.17, 0.47]},
            {"form": "look-ahead", "tokens": "drawn", "factor": 0.28, "bits": [0.01]},
            {"form": "mean", "tokens": "argmax", "factor": -1.65, "top": -0.27, "bits": []},
        ),
        variants={"entropies in bits": partial(product_digits, unit=1 / math.log(2))},
    ),
)
