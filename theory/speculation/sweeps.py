"""Parallel sweeps with speculative correction: a window is drafted by fixed-point sweeps, then verified and corrected.

De Bortoli et al., arXiv 2501.05370, Appendix B, as a summary of it has the recursion; we could not read the appendix
itself. A window opens at a state Y_n. Each sweep evaluates the drift b at all states of the window in one batch, a
*sequential call*, and makes new states from the old ones:

    "last"    x_{i+1} <- x_i + gamma_i b_i(x_i), from x_i = Y_n for all i, noise added in the last sweep alone;
    "every"   x_{i+1} <- Y_n + sum over k <= i of (gamma_k b_k(x_k) + sigma_k Z_k), the same noise in every sweep, as in
              parallel sampling by Picard's iteration; the first sweep has b_n(Y_n) for all drifts: the frozen draft.

The last sweep's states are the draft. Given the states before, each is normal with the target's variance and a mean
that does not look ahead, so that one more batch verifies the window by the reflection coupling of
`theory.speculation.coupling`, and the output has exactly the law of the chain, after any number of sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput, unknown
from theory.speculation import coupling
from theory.speculation.gaussian import Chain
from theory.speculation.sampling import Noise, drawn

NoiseIn = Literal["last", "every"]


@dataclass(frozen=True)
class Swept:
    """What happened on each path.

    `calls` counts batches of drifts that wait for the one before: for each window its sweeps and one that verifies,
    none for a window of a single step, whose drift is known after one call. `expected_rejections` is the sum along the
    path of 2 Phi(delta / 2) - 1 given the past.
    """

    terminal: Float[Tensor, "paths dim"]
    rounds: Int[Tensor, "paths"]
    rejections: Int[Tensor, "paths"]
    calls: Int[Tensor, "paths"]
    expected_rejections: Float[Tensor, "paths"]


def speculate_by_sweeps(
    chain: Chain,
    window: int,
    sweeps: int,
    paths: int,
    generator: Generator | None = None,
    *,
    noise_in: NoiseIn = "every",
    start: Float[Tensor, "paths dim"] | None = None,
    noise: Noise | None = None,
) -> Swept:
    """Run the chain on `paths` paths by windows of `window` steps, `sweeps` of them before each verification.

    The sweeps' states at step k depend on those at steps before, so all paths walk in step and every path keeps the
    states that its window's sweeps have there. Raises InvalidInput for a window or a number of sweeps below 1, and for
    another word than "last" or "every".
    """
    if window < 1 or sweeps < 1:
        raise InvalidInput(f"window {window}, {sweeps} sweeps; expected at least 1 of each")
    if noise_in not in get_args(NoiseIn):
        raise unknown("place of the noise", noise_in, get_args(NoiseIn))
    y = chain.start(paths, generator) if start is None else start
    noise = noise or drawn(chain, paths, generator)
    age, rounds, rejections, calls = (torch.zeros(paths, dtype=torch.long) for _ in range(4))
    expected = torch.zeros(paths, dtype=torch.float64)
    states, origin, frozen = [y] * sweeps, y, torch.zeros_like(y)
    for k in range(chain.steps):
        opens = age == 0
        rounds += opens
        calls += opens * (sweeps + 1 if min(window, chain.steps - k) > 1 else 1)
        slope = chain.slope(k, y)
        states = [torch.where(opens[:, None], y, x) for x in states]
        origin, frozen = torch.where(opens[:, None], y, origin), torch.where(opens[:, None], slope, frozen)
        means = _means(chain, k, states, frozen, noise_in)
        target = y + chain.gamma[k] * slope
        z, log_uniform = noise(k)
        added, mismatch = chain.sigma[k] * z, (means[-1] - target) / chain.sigma[k]
        y, kept = coupling.couple(means[-1] + added, target, chain.sigma[k], mismatch, z, log_uniform)
        states = [*(m + added for m in means[:-1]), y] if noise_in == "every" else [origin, *means[:-1]]
        rejections += ~kept
        expected += coupling.rejection(coupling.mismatch_norm(mismatch))
        age = torch.where(~kept | (age + 1 == window), 0, age + 1)
    return Swept(y, rounds, rejections, calls, expected)


def _means(chain: Chain, k: int, states: list[Tensor], frozen: Tensor, noise_in: NoiseIn) -> list[Tensor]:
    """Return the mean of the next state in every sweep, from the states that the sweeps have at step k.

    `states` are those of sweeps 1, 2, ... where every sweep has the noise, and of sweeps 0, 1, ... where the last alone
    has it: the last state is then that of the last sweep but one.
    """
    if noise_in == "last":
        return [x + chain.gamma[k] * chain.slope(k, x) for x in states]
    slopes = [frozen, *(chain.slope(k, x) for x in states[:-1])]
    return [x + chain.gamma[k] * slope for x, slope in zip(states, slopes, strict=True)]
