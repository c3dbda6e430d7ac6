"""What masked diffusion assigns to a sequence: DUEL's exact likelihood, the ELBO, and what orders can do.

Turok, De Sa, Kuleshov, "DUEL", arXiv 2603.01367. A deterministic rule F fixes, for every sequence, the one
ordered partition that F itself would follow; teacher forcing along it gives log p^F in nats. Quantities
over all n! singleton orders come from a sweep over the 2^n revealed sets of each sequence: with
l(x) = ln p(x_order) along one order, ELBO = mean l, log p^unif = ln mean exp l, best = max l, worst = min l.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.unmasking.rules.base import Rule, SetRule, ask, check_selection, checked_states
from theory.unmasking.sampling import unmask
from theory.worlds import states


@dataclass(frozen=True, repr=False, eq=False)
class Score(Shown):
    """Log-likelihood of each sequence in nats, and the denoiser calls that it took (those of generation)."""

    rule: str
    log_likelihood: Float[Tensor, "batch"]
    calls: Int[Tensor, "batch"]

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule
        """Return the rule whose likelihood this is."""
        return f"likelihood under {self.rule}"

    def _facts(self) -> dict[str, object]:
        means = {"log-likelihood (nats, mean)": self.log_likelihood, "calls (mean)": self.calls.double()}
        return {"sequences": len(self.calls), **{label: float(value.mean()) for label, value in means.items()}}


def log_likelihood(
    rule: Rule,
    denoiser: Denoiser,
    x: Int[Tensor, "batch n"],
    start: Sequence[int] | Int[Tensor, "*batch n"] | None = None,
) -> Score:
    """Return log p^F of complete sequences under a deterministic value-free rule (Algorithm 2, LOGLIK).

    With `start`, one partially masked state or one for each sequence, it is the likelihood of the tokens that are
    masked there. Raises InvalidInput for a rule that looks at drawn values or chooses at random, for masks in x, for a
    start that x does not continue, and for wrong selections or conditionals.
    """
    if not isinstance(rule, SetRule):
        raise InvalidInput(
            f"rule {rule.name!r} looks at drawn values, so no ordered partition belongs to a sequence; "
            "use walks.walk for its exact output law"
        )
    x = _complete(denoiser, x)
    z = _started(denoiser, x, start)
    total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    calls = torch.zeros(len(x), dtype=torch.long, device=x.device)

    def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        log_p = ask(denoiser, before)
        block = only_choice(rule, before, log_p, before == denoiser.d)
        own = log_p.gather(-1, x[rows][..., None])[..., 0].to(torch.float64)
        total[rows] += torch.where(block, own, 0.0).sum(-1)
        return torch.where(block, x[rows], before), torch.ones_like(rows)

    for step in unmask(z, denoiser.d, advance):
        calls[step.rows] += step.calls
    return Score(rule.name, total, calls)


def only_choice(
    rule: SetRule, z: Int[Tensor, "batch n"], log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"]
) -> Bool[Tensor, "batch n"]:
    """Return the set a deterministic rule picks at each state; InvalidInput for one that chooses at random."""
    weights, chosen = rule.for_states(z).choices(log_p, hidden)
    likeliest, k = weights.max(-1)
    if bool((likeliest < 1 - 1e-9).any()):
        row = int((likeliest < 1 - 1e-9).nonzero()[0, 0])
        raise InvalidInput(
            f"rule {rule.name!r} chooses at random at state {z[row].tolist()} (likeliest set: "
            f"{float(likeliest[row]):.3g}); expected a deterministic rule: use log_uniform for random single "
            "positions, walks.walk for others"
        )
    return check_selection(rule.name, chosen[torch.arange(len(z), device=z.device), k], hidden, z)


def order_terms(denoiser: Denoiser, x: Int[Tensor, "batch n"]) -> Float[Tensor, "batch sets n"]:
    """Return ln p(x_i | x_S) in nats for every sequence, revealed set S and masked i; 0 at revealed i.

    Sets are counted as in `information.set_entropies`: binary, first position most significant, 1 = masked,
    so that the last set is all masked. Costs batch * 2^n denoiser rows in one call.
    """
    x, d = _complete(denoiser, x), denoiser.d
    batch, n = x.shape
    states.require_memory(batch * 2**n * n * d, f"terms of {batch} sequences of length {n}")
    masked = states.digits(torch.arange(2**n, device=x.device), n, 2).bool()
    z = torch.where(masked, d, x[:, None]).reshape(-1, n)
    log_p = ask(denoiser, z).reshape(batch, 2**n, n, d).to(torch.float64)
    own = log_p.gather(-1, x[:, None, :, None].expand(batch, 2**n, n, 1))[..., 0]
    return torch.where(masked, own, 0.0)


def elbo(terms: Float[Tensor, "batch sets n"]) -> Float[Tensor, "batch"]:
    """Return the ELBO as the mean of the log-likelihoods along all n! orders."""
    return _over_orders(terms, lambda values: values.mean(-1))[:, -1]


def elbo_by_count(terms: Float[Tensor, "batch sets n"]) -> Float[Tensor, "batch"]:
    """Return the ELBO as sum over k masked of the mean over sets of (1/k) sum_i ln p(x_i | x_-M)."""
    n = terms.shape[-1]
    masks = states.digits(torch.arange(2**n), n, 2).sum(-1).tolist()
    weights = [1 / (m * math.comb(n, m)) if m else 0.0 for m in masks]
    return torch.where(terms.new_tensor(weights) > 0, terms.sum(-1) * terms.new_tensor(weights), 0.0).sum(-1)


def log_uniform(terms: Float[Tensor, "batch sets n"]) -> Float[Tensor, "batch"]:
    """Return log p^unif = ln mean over orders of exp l: one uniformly random position at a time."""
    return _over_orders(terms, lambda values: values.logsumexp(-1) - math.log(values.shape[-1]))[:, -1]


def best_order(terms: Float[Tensor, "batch sets n"]) -> tuple[Float[Tensor, "batch"], Int[Tensor, "batch n"]]:
    """Return max over orders of the log-likelihood and the order that attains it: DUEL's oracle, no likelihood."""
    value = _over_orders(terms, lambda values: values.amax(-1))
    batch, _, n = terms.shape
    rows, here = torch.arange(batch), torch.full((batch,), 2**n - 1)
    bits = 2 ** torch.arange(n - 1, -1, -1)
    order = []
    for _ in range(n):
        hidden = (here[:, None] & bits) > 0
        after = torch.where(hidden, here[:, None] - bits, 0)
        scores = torch.where(hidden, terms[rows, here] + value[rows[:, None], after], -torch.inf)
        reached = hidden & (scores == scores.amax(-1, keepdim=True))
        order.append(reached.int().argmax(-1))
        here = here - bits[order[-1]]
    return value[:, -1], torch.stack(order, -1)


def worst_order(terms: Float[Tensor, "batch sets n"]) -> tuple[Float[Tensor, "batch"], Int[Tensor, "batch n"]]:
    """Return min over orders of the log-likelihood and the order that attains it."""
    value, order = best_order(-terms)
    return -value, order


def along(terms: Float[Tensor, "batch sets n"], order: Int[Tensor, "n"]) -> Float[Tensor, "batch"]:
    """Return the log-likelihood of every sequence along one singleton order."""
    n = terms.shape[-1]
    if sorted(order.tolist()) != list(range(n)):
        raise InvalidInput(f"order {order.tolist()}; expected a permutation of 0..{n - 1}")
    bits = 2 ** (n - 1 - order)
    return terms[:, 2**n - 1 - (bits.cumsum(0) - bits), order].sum(-1)


def oracle_sum(terms: Float[Tensor, "cells sets n"]) -> float:
    """Return sum over *all* sequences of max over orders of the probability: 1 only for a true likelihood."""
    return float(best_order(terms)[0].exp().sum())


def _over_orders(terms: Float[Tensor, "batch sets n"], join: Callable[[Tensor], Tensor]) -> Float[Tensor, "batch sets"]:
    """Return, for every set of masked positions, `join` over the next position of its term plus what follows."""
    n = terms.shape[-1]
    value = torch.zeros(terms.shape[:-1], dtype=terms.dtype)
    for sets, positions in _layers(n):
        after = sets[:, None] - 2 ** (n - 1 - positions)
        value[:, sets] = join(terms[:, sets[:, None], positions] + value[:, after])
    return value


@functools.lru_cache(maxsize=32)
def _layers(n: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return for m = 1..n the sets with m masked positions and those positions, ascending."""
    masked = states.digits(torch.arange(2**n), n, 2)
    counts = masked.sum(-1)
    layers = []
    for m in range(1, n + 1):
        sets = (counts == m).nonzero()[:, 0]
        layers.append((sets, masked[sets].nonzero()[:, 1].reshape(-1, m)))
    return tuple(layers)


def _complete(denoiser: Denoiser, x: Int[Tensor, "batch n"]) -> Int[Tensor, "batch n"]:
    if x.ndim != 2 or x.shape[-1] < 1:
        raise InvalidInput(f"sequences of shape {tuple(x.shape)}; expected (batch, n) with n >= 1")
    tokens, d = checked_states(denoiser, x), denoiser.d
    if bool((tokens == d).any()):
        row = int((tokens == d).any(-1).nonzero()[0, 0])
        raise InvalidInput(f"sequence {row} = {x[row].tolist()} holds the mask {d}; expected tokens 0..{d - 1} only")
    return tokens


def _started(denoiser: Denoiser, x: Tensor, start: Sequence[int] | Tensor | None) -> Int[Tensor, "batch n"]:
    if start is None:
        return torch.full_like(x, denoiser.d)
    given = torch.as_tensor(start, device=x.device)
    z = checked_states(denoiser, given[None] if given.ndim == 1 else given)
    if z.shape[-1] != x.shape[-1] or len(z) not in (1, len(x)):
        raise InvalidInput(
            f"start of shape {tuple(given.shape)} beside {tuple(x.shape)} tokens; give one, or one a row"
        )
    z = z.expand(x.shape).clone()
    other = (z != denoiser.d) & (z != x)
    if bool(other.any()):
        row = int(other.any(-1).nonzero()[0, 0])
        raise InvalidInput(f"sequence {row} = {x[row].tolist()} does not continue the start {z[row].tolist()}")
    return z
