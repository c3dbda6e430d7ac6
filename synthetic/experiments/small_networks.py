"""Scale-invariant networks on handwritten digits at constant learning rates: U, S, T and the signal (2505.23489).

Kinds: "under", too narrow to fit all images, and "over", wide enough. Table: part, kind, rate (the learning rate,
weights of length 1), chain, step, loss (nats, on all images), entropy (from neighbours among the last consecutive
weights of a chain, nats up to a constant), snr (signal over noise of a batch's gradient; 0 where no signal is left
above the noise of its estimate), low and high (the temperatures at which the rate has the least free energy in its
chain; infinite at the ends, nan where there is none), nan where a part has none. Parts: "course", and "end", means
over the window. Scalars: for each kind the weights, dimension of the sphere plus one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from numpy import ndarray

    from synthetic.constant_rate import Chains

COLUMNS = ("part", "kind", "rate", "chain", "step", "loss", "entropy", "snr", "low", "high")
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Kind:
    """A kind of network: its name, architecture, width, seeds (a chain each), steps and batch."""

    name: str
    network: str = "perceptron"
    width: int = 8
    seeds: tuple[int, ...] = tuple(range(16))
    steps: int = 10_000
    batch: int = 128


@dataclass(frozen=True)
class Config:
    """Kinds, learning rates, the window of weights and its neighbours, looks, batches a signal."""

    kinds: tuple[Kind, ...] = (Kind("under"), Kind("over", width=64, seeds=tuple(range(5)), steps=3000))
    rates: tuple[float, ...] = RATES
    window: int = 500
    neighbours: int = 50
    looks: int = 12
    batches: int = 30


PRESETS = {
    "smoke": Config((Kind("under", "convolutions", 2, (0, 1), 30, 16),
                     Kind("over", width=8, seeds=(0, 1), steps=30, batch=16)),
                    (0.01, 0.1), window=20, neighbours=5, looks=2, batches=3),
    "laptop": Config(),
    "gpu": Config((Kind("under", "convolutions", 8, steps=200_000),
                   Kind("over", "convolutions", 64, tuple(range(5)), 200_000)),
                  tuple(10 ** (-4 + k / 6) for k in range(19)), window=1000, batches=100),
}  # fmt: skip


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for each kind: its chains are trained together."""
    return tuple(replace(config, kinds=(kind,)) for kind in config.kinds) if len(config.kinds) > 1 else ()


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train all chains of one kind at all learning rates together, and measure them."""
    import numpy as np
    import pandas as pd
    import torch

    from synthetic.constant_rate import Chains
    from synthetic.devices import device
    from synthetic.digit_networks import NETWORKS, digits, entropies

    (kind,) = config.kinds
    rates = torch.tensor(config.rates).repeat_interleave(len(kind.seeds))
    place = device()
    module = NETWORKS[kind.network](kind.seeds * len(config.rates), kind.width).to(place)
    chains = Chains(module, entropies, rates, sphere=True)
    images, classes = (part.to(place) for part in digits())
    generator = torch.Generator().manual_seed(kind.seeds[0])

    def batch(_: int) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.randint(len(images), (len(rates), kind.batch), generator=generator).to(place)
        return images[chosen], classes[chosen]

    window = np.empty((config.window, *chains.weights.shape), dtype=np.float32)
    moments = set(np.unique(np.geomspace(1, kind.steps, config.looks).round().astype(int)).tolist())
    spread = set(np.linspace(kind.steps - config.window + 1, kind.steps, 20).round().astype(int).tolist())
    rows: list[dict[str, Any]] = []
    late = []
    for step in progress.track(range(1, kind.steps + 1), f"{kind.name}, {len(rates)} chains"):
        chains.step(*batch(step))
        if step > kind.steps - config.window:
            window[step - kind.steps + config.window - 1] = chains.weights.cpu().numpy()
        if step in moments:
            rows += list(looked(chains, batch, config, step))
        if step in spread:
            late.append(losses(chains).numpy())
    rows += list(ends(np.mean(late, 0), window, config))
    return pd.DataFrame(rows, columns=list(COLUMNS)), {f"weights, {kind.name}": float(chains.weights.shape[1])}


def losses(chains: Chains) -> Any:
    """Return every chain's loss on all images."""
    from synthetic.digit_networks import whole_loss

    return whole_loss(chains.module).double().cpu()


def looked(chains: Chains, batch: Any, config: Config, step: int) -> Iterator[dict[str, Any]]:
    """Yield loss and signal-to-noise ratio of every chain at one step."""
    (kind,) = config.kinds
    signal, noise = chains.moments(batch, config.batches)
    ratio = (signal.clamp(min=0) / noise).sqrt().view(len(config.rates), -1).tolist()
    loss = losses(chains).view(len(config.rates), -1).tolist()
    for k, rate in enumerate(config.rates):
        for chain, seed in enumerate(kind.seeds):
            yield {"part": "course", "kind": kind.name, "rate": rate, "chain": seed, "step": step,
                   "loss": loss[k][chain], "snr": ratio[k][chain]}  # fmt: skip


def ends(loss: ndarray, window: ndarray, config: Config) -> Iterator[dict[str, Any]]:
    """Yield U, the estimate of S and the interval of temperatures of every chain, its rates compared."""
    import numpy as np

    from theory.sgd.neighbours import neighbour_entropy
    from theory.sgd.temperatures import temperatures

    (kind,) = config.kinds
    d = window.shape[-1] - 1
    entropy = np.array([neighbour_entropy(window[:, k], d, config.neighbours) for k in range(window.shape[1])])
    u, s = (part.reshape(len(config.rates), len(kind.seeds)) for part in (loss, entropy))
    for chain, seed in enumerate(kind.seeds):
        rising = bool((np.diff(s[:, chain]) > 0).all())
        bounds = temperatures(u[:, chain], s[:, chain]) if rising else None
        for k, rate in enumerate(config.rates):
            feasible = bounds is not None and bool(bounds.feasible[k])
            low, high = (float(bounds.low[k]), float(bounds.high[k])) if bounds and feasible else (np.nan, np.nan)
            yield {"part": "end", "kind": kind.name, "rate": rate, "chain": seed, "step": kind.steps,
                   "loss": u[k, chain], "entropy": s[k, chain], "low": low, "high": high}  # fmt: skip
