"""Public samplers' schedules written out as their code runs: fractions and loops, shared with no engine.

Times run from 1, all masked, down to the sampler's eps; noise masks a token at time t with probability (1 - eps) t, so
exp(-sigma) and all that the released updates make of it is rational.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath

from theory.reference import laws as reference
from theory.reference import samplers
from theory.reference.laws import Conditional, Law, State


def revealed(update: str, t: Any, s: Any, eps: Any) -> Any:
    """Return the probability that one update from time t to s reveals a masked token, as each released update has it.

    `update` is "ddpm" (MDLM), "ddpm cache" (MDLM's default), "analytic" (MDLM and SEDD) or "Euler" (SEDD). Any number
    type, symbols included. The network's probabilities of the tokens sum to 1.
    """
    masked_t, masked_s = (1 - eps) * t, (1 - eps) * s
    if update == "ddpm":
        return (masked_t - masked_s) / (masked_t - masked_s + masked_s)
    if update == "ddpm cache":
        return (t - s) / (t - s + s)
    score = (1 - masked_t) / masked_t
    if update == "analytic":
        growth = (1 - masked_s) / (1 - masked_t)
        to_tokens = score * growth * (1 - 1 / growth)
        to_mask = 1 + (1 - growth) * score
        return to_tokens / (to_tokens + to_mask)
    rate = (1 - eps) / (1 - masked_t)
    return (t - s) * rate * score


def early_end_law(
    denoiser: Conditional, steps: int, eps: Fraction, fill: str, n: int, d: int
) -> tuple[dict[State, Any], dict[State, Any]]:
    """Return the law of the states after the K steps to time eps, masks among them, and the law after the filling."""
    times = [1 - (1 - eps) * Fraction(k, steps) for k in range(steps + 1)]
    chain = samplers.chain_law(denoiser, [(t - s) / t for t, s in itertools.pairwise(times)], n, d)
    if fill == "none":
        return chain, {x: p for x, p in chain.items() if d not in x}
    filled: dict[State, Any] = {}
    for z, p in chain.items():
        hidden = reference.masked(z, d)
        rows = {i: [denoiser(z, i, v) for v in range(d)] for i in hidden}
        choices = [[rows[i].index(max(rows[i]))] if fill == "argmax" else range(d) for i in hidden]
        for tokens in itertools.product(*choices):
            x, chance = z, p
            for i, v in zip(hidden, tokens, strict=True):
                x, chance = reference.with_token(x, i, v), chance * (1 if fill == "argmax" else rows[i][v])
            filled[x] = filled.get(x, 0) + chance
    return chain, filled


def shipped_loss(law: Law, denoiser: Conditional, eps: Fraction, least: Fraction, n: int, d: int) -> float:
    """Return the mean over t in [least, 1] of the masked tokens' -ln p / t, by summing over sequences and masked sets.

    The weight of a set of k masked tokens, the integral of ((1 - eps) t)^k (1 - (1 - eps) t)^(n - k) / t, is that of a
    polynomial, taken term by term in fractions.
    """
    total = []
    for masked in itertools.product((False, True), repeat=n):
        k = sum(masked)
        if not k:
            continue
        weight = Fraction(0)
        for j in range(n - k + 1):
            power = k + j
            factor = math.comb(n - k, j) * (-1) ** j * (1 - eps) ** power
            weight += factor * (1 - least**power) / power
        weight /= 1 - least
        for x, q in law.items():
            z = tuple(d if hidden else token for token, hidden in zip(x, masked, strict=True))
            surprise = -math.fsum(math.log(denoiser(z, i, x[i])) for i in range(n) if masked[i])
            total.append(float(weight * q) * surprise)
    return math.fsum(total)


def llada_sizes(masks: int, steps: int) -> list[int]:
    """Return LLaDA's quotas: the remainder goes, one token each, to the first steps."""
    sizes = [masks // steps for _ in range(steps)]
    for k in range(masks % steps):
        sizes[k] += 1
    return sizes


def maskgit_sizes(masks: int, steps: int) -> list[int]:
    """Return MaskGIT's sizes for its cosine: what is masked after each round of the loop, 50 digits for the cosine."""
    unknown, sizes = masks, []
    for k in range(1, steps + 1):
        with mpmath.workdps(50):
            exact_half = 3 * k == 2 * steps
            length = masks // 2 if exact_half else int(mpmath.floor(masks * mpmath.cos(mpmath.pi * k / (2 * steps))))
        length = max(1, min(unknown - 1, length)) if k < steps else 0
        sizes.append(max(0, unknown - length))
        unknown -= sizes[-1]
    return sizes


def dream_sizes(masks: int, steps: int, eps: Fraction) -> list[int]:
    """Return Dream's sizes: a whole part of what is left at every step, and at the last step all of it."""
    times = [1 + Fraction(k, steps) * (eps - 1) for k in range(steps + 1)]
    sizes: list[int] = []
    for k, (t, s) in enumerate(itertools.pairwise(times)):
        left = masks - sum(sizes)
        sizes.append(left if k == steps - 1 else int(left * (1 - s / t)))
    return sizes


def ideal_error(curve: Sequence[Any], totals: Sequence[Any]) -> Any:
    """Return the error of steps that end at real running totals, the curve being linear between whole counts."""

    def height(count: Any) -> Any:
        low = min(math.floor(count), len(curve) - 1)
        rise = curve[low + 1] - curve[low] if low + 1 < len(curve) else 0
        return curve[low] + (count - low) * rise

    return sum(curve) - sum((b - a) * height(a) for a, b in itertools.pairwise(totals))
