"""Is noise temperature? A masked diffusion model at constant learning rates, with two estimates of its objective.

A denoiser trained by AdamW is the start of chains of plain SGD, each with noise of its own, with the loss 1/t (levels
uniform above 1/1000) or with counts in strata, which has the same mean and less variance. Space: "free", or "sphere",
where the weights keep their length, so that only their direction counts. Table: seed (of denoiser and data), space,
method, rate (the learning rate of the free weights), loss (U, the exact NELBO, nats, mean over chains and moments),
excess (loss less the mean NELBO of chains by count whose rate fell to 0), entropy (S, from neighbours among the chains,
nats up to a constant, mean over moments), noise (trace of the covariance of a step's gradient at the start, so at the
same weights for both methods and all rates), low and high (temperatures at which the rate has the least free energy,
infinite at the ends, nan where there is none) and weights (their number). Scalars: none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.denoisers import Transformer
    from theory.training.estimators import Estimator
    from theory.worlds import TableWorld

COLUMNS = ("seed", "space", "method", "rate", "loss", "excess", "entropy", "noise", "low", "high", "weights")


@dataclass(frozen=True)
class Config:
    """World, spaces, seeds, chains, learning rates, steps of the start and of the chains, moments, batch, size."""

    world: str = "six atoms"
    spaces: tuple[str, ...] = ("free", "sphere")
    seeds: tuple[int, ...] = tuple(range(8, 20))
    chains: int = 16
    rates: tuple[float, ...] = (0.001, 0.002, 0.004, 0.008)
    start: int = 2000
    steps: int = 1000
    moments: int = 6
    batch: int = 8
    batches: int = 8
    neighbours: int = 8
    width: int = 16


PRESETS = {
    "smoke": Config("copied pairs", seeds=(0, 1), chains=4, rates=(0.02, 0.04), start=10, steps=20, moments=2, batch=4,
                    batches=2, neighbours=2, width=8),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(8, 28)), chains=200, steps=20_000, moments=20, neighbours=50),
}  # fmt: skip


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for each seed: the chains of all spaces begin at one denoiser."""
    return tuple(replace(config, seeds=(seed,)) for seed in config.seeds) if len(config.seeds) > 1 else ()


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train the start, let all chains go on from it in each space in turn, and measure them."""
    import pandas as pd

    from synthetic.small_worlds import small

    (seed,), world = config.seeds, small(config.world)
    beginning = start(world, seed, config, progress)
    rows = [row for space in config.spaces for row in measured(space, world, beginning, config, progress)]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {}


def measured(
    space: str, world: TableWorld, beginning: Transformer, config: Config, progress: Progress
) -> list[dict[str, Any]]:
    """Return the rows of one space: the chains of both methods and all rates go on together."""
    import numpy as np
    import torch

    from synthetic.constant_rate import Chains
    from synthetic.denoisers import stacked
    from theory.sgd.temperatures import temperatures

    (seed,), names = config.seeds, tuple(methods(config.batch))
    rates = torch.tensor([*config.rates, config.rates[1]])  # the last falls to 0: it measures the floor
    each = rates.repeat_interleave(config.chains).repeat(len(names))
    chains = Chains(stacked([beginning] * len(each)).requires_grad_(True), losses, each, space == "sphere")
    draws = drawer(world, len(rates) * config.chains, seed, config)
    falling = torch.zeros(len(rates), dtype=torch.bool)
    falling[-1] = True
    falls = falling.repeat_interleave(config.chains).repeat(len(names))
    full = chains.rates.clone()
    looks = np.linspace(config.steps / 2, config.steps, config.moments).round().astype(int).tolist()
    seen: list[tuple[Any, ...]] = []
    nelbo, shape = nelbo_of(world), (len(names), len(rates), config.chains)
    noise = chains.moments(lambda k: draws(config.steps + 1 + k), config.batches)[1].view(shape).mean((1, 2))
    for step in progress.track(range(1, config.steps + 1), f"seed {seed}, {space}, {len(each)} chains"):
        left = 1 - (step - 1) / config.steps
        chains.rates = torch.where(falls[:, None], full * left, full)
        chains.step(*draws(step))
        if step in looks:
            seen.append((nelbo(chains.module), entropies(chains.weights.view(*shape, -1), space, config)))
    loss = torch.stack([each for each, _ in seen]).view(-1, *shape).mean((0, -1))
    entropy = np.mean([each for _, each in seen], 0)
    floor = float(seen[-1][0].view(shape)[-1, -1].mean())
    rows = []
    for m, name in enumerate(names):
        bounds = temperatures(loss[m, :-1].numpy(), entropy[m, :-1]) if (np.diff(entropy[m, :-1]) > 0).all() else None
        for k, rate in enumerate(config.rates):
            kept = bounds is not None and bool(bounds.feasible[k])
            low, high = (float(bounds.low[k]), float(bounds.high[k])) if bounds and kept else (np.nan, np.nan)
            rows.append(
                {"seed": seed, "space": space, "method": name, "rate": rate, "loss": float(loss[m, k]),
                 "excess": float(loss[m, k]) - floor, "entropy": entropy[m, k], "noise": float(noise[m]),
                 "low": low, "high": high, "weights": chains.weights.shape[1]}
            )  # fmt: skip
    return rows


def methods(batch: int) -> dict[str, Estimator]:
    """Return the two estimates of a batch's mean loss: one level for each of its sequences, free or in strata."""
    from theory.training.estimators import BY_COUNT, Estimator, Exactly, clipped

    return {
        "1/t": Estimator("1/t", level=clipped(1e-3), levels=batch),
        "by count, strata": Estimator("by count, strata", Exactly(), BY_COUNT, levels=batch, strata="draws"),
    }


def start(world: TableWorld, seed: int, config: Config, progress: Progress) -> Transformer:
    """Return a denoiser that AdamW has trained by count on the law."""
    import torch

    from synthetic.denoisers import Architecture, members, stacked
    from synthetic.learned_orders import Fit, Ordered, fit
    from synthetic.training import untrained

    whole = stacked([untrained(Architecture(config.width, 1, 2), (world.n,), world.d, seed)])
    rows = world.sample(8192, torch.Generator().manual_seed(seed))
    alike = Ordered(whole, world.d, torch.zeros(1, world.n), torch.zeros(1, dtype=torch.bool))
    trained: Any = fit(alike, [rows], (seed,), Fit(config.start), progress, f"start, seed {seed}").denoiser
    return members(trained)[0].train()


def drawer(world: TableWorld, members: int, seed: int, config: Config) -> Callable[[int], tuple[Tensor, ...]]:
    """Return the batches of all chains by step: tokens, masks and weights, for each method in turn."""
    import torch

    from synthetic.training import step_generator
    from theory.training.estimators import draw

    given = torch.zeros(members, world.n, dtype=torch.bool)

    def batches(step: int) -> tuple[Tensor, ...]:
        generator = step_generator(seed, step)
        tokens, masked, weight = [], [], []
        for estimator in methods(config.batch).values():
            tokens.append(world.sample(members * config.batch, generator).view(members, config.batch, -1))
            drawn = draw(estimator, given, generator)
            masked.append(drawn.masked.transpose(0, 1))
            weight.append(drawn.weight.T)
        return torch.cat(tokens), torch.cat(masked), torch.cat(weight)

    return batches


def losses(module: Any, tokens: Tensor, masked: Tensor, weight: Tensor) -> Tensor:
    """Return each member's mean estimate of the NELBO over its sequences, in nats."""
    from synthetic.losses import masked_loss

    return masked_loss(module(tokens.masked_fill(masked, module.d)), tokens, masked, weight).mean(-1)


def nelbo_of(world: TableWorld) -> Callable[[Any], Tensor]:
    """Return the exact mean NELBO of each member of a stack: a sum over all states, their masked places and tokens.

    State z with k masked places has weight q(z) / (k binom(n, k)), q(z) the probability of its revealed tokens.
    """
    import torch

    from theory.worlds import states

    z = states.all_states(world.n, world.d)
    hidden = (z == world.d).sum(-1).double()
    ways = torch.exp(torch.lgamma(torch.tensor(world.n + 1.0).double()) - torch.lgamma(hidden + 1)
                     - torch.lgamma(world.n - hidden + 1))  # fmt: skip
    share = states.marginal_table(world.law(), world.n, world.d) / (hidden.clamp(min=1) * ways)
    share = torch.where(hidden > 0, share, 0.0)
    kept = share > 0
    z, share = z[kept], share[kept]
    weight = share[:, None, None] * world.conditionals(z) * (z == world.d)[..., None]

    @torch.no_grad()
    def nelbo(module: Any) -> Tensor:
        members = len(module.symbols)
        return -torch.einsum("mznd,znd->m", module(z.expand(members, -1, -1)).double(), weight)

    return nelbo


def entropies(weights: Tensor, space: str, config: Config) -> Any:
    """Return the estimate of the entropy of the chains' weights, for each method and rate."""
    import numpy as np

    from theory.sgd.neighbours import neighbour_entropy

    d = weights.shape[-1] - (space == "sphere")
    rows = weights.detach().cpu().numpy()
    return np.array([[neighbour_entropy(points, d, config.neighbours) for points in method] for method in rows])
