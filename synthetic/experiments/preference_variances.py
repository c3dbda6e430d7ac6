"""Variance of score, loss and gradient by how masks are drawn, on an exact pair of responses (VRPO, arXiv 2505.19223).

Table: pair, levels (n_t), masks (n_y, at each level), shared (1: policy and reference look at the same masks, 0: at
masks of their own), score (its variance, in closed form), and score_drawn, loss, gradient (variances over `repeats`
draws; of the gradient the trace, by the policy's logits). Denoisers are tables of random logits; masks are drawn by
count, with the weights L / k of the paper's Eq. 14. Scalars: repeats, beta.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator, Tensor

COLUMNS = ("pair", "levels", "masks", "shared", "score", "score_drawn", "loss", "gradient")


@dataclass(frozen=True)
class Config:
    """Pairs of random denoisers and responses, the rows of the paper's table as (n_t, n_y, shared), and repeats.

    The policy's logits are those of the reference, moved by normal numbers of deviation `distance` (nats).
    """

    pairs: int = 8
    rows: tuple[tuple[int, int, bool], ...] = (
        (1, 1, True), (1, 4, True), (2, 2, True), (4, 1, True), (8, 1, True), (4, 1, False),
    )  # fmt: skip
    repeats: int = 1000
    n: int = 6
    d: int = 3
    distance: float = 0.3
    beta: float = 0.2
    seed: int = 0


PRESETS = {
    "smoke": Config(pairs=3, repeats=400, n=4),
    "laptop": Config(),
    "gpu": Config(pairs=100, repeats=20_000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw every pair and estimate its moments in every way."""
    import pandas as pd
    import torch

    rows = []
    for number in progress.track(range(config.pairs), "pairs"):
        generator = torch.Generator().manual_seed(1000 * config.seed + number)
        pair = drawn_pair(config, generator)
        for levels, masks, shared in config.rows:
            variances = moments(pair, levels, masks, shared, config, generator)
            rows.append({"pair": number, "levels": levels, "masks": masks, "shared": float(shared), **variances})
    return pd.DataFrame(rows, columns=list(COLUMNS)), {"repeats": float(config.repeats), "beta": config.beta}


def drawn_pair(config: Config, generator: Generator) -> dict[str, Tensor]:
    """Return log-conditionals of policy and reference (states, n, d) and two different responses (2, n)."""
    import torch

    states = (config.d + 1) ** config.n
    reference = torch.randn(states, config.n, config.d, dtype=torch.float64, generator=generator)
    moved = torch.randn(reference.shape, dtype=torch.float64, generator=generator)
    first, second = torch.randperm(config.d**config.n, generator=generator)[:2]
    places = config.d ** torch.arange(config.n)
    responses = torch.stack([first // places % config.d, second // places % config.d])
    policy = (reference + config.distance * moved).log_softmax(-1)
    return {"policy": policy, "reference": reference.log_softmax(-1), "responses": responses}


def by_sets(log_p: Tensor, response: Tensor) -> tuple[Tensor, Tensor]:
    """Return (L / k) times the log-probability of the masked tokens for every set of masks, and the state's index.

    Sets are numbered by their bits; the empty one has the value 0.
    """
    import torch

    n, d = log_p.shape[1:]
    hidden = torch.arange(2**n)[:, None] >> torch.arange(n) & 1 == 1
    state = torch.where(hidden, d, response)
    index = (state * (d + 1) ** torch.arange(n)).sum(-1)
    own = log_p[index][:, torch.arange(n), response]
    return n / hidden.sum(-1).clamp(min=1) * (own * hidden).sum(-1), index


def draw_sets(n: int, repeats: int, levels: int, masks: int, generator: Generator) -> Tensor:
    """Return numbers of sets (repeats, levels * masks): k uniform in 1..n at each level, then k random places."""
    import torch

    k = torch.randint(1, n + 1, (repeats, levels, 1), generator=generator).expand(-1, -1, masks)
    places = torch.rand(repeats, levels, masks, n, generator=generator).argsort(-1).argsort(-1)
    hidden = places < k[..., None]
    return (hidden.long() << torch.arange(n)).sum(-1).reshape(repeats, levels * masks)


def moments(
    pair: dict[str, Tensor], levels: int, masks: int, shared: bool, config: Config, generator: Generator
) -> dict[str, float]:
    """Return the variance of the score in closed form, and those of score, loss and gradient over repeated draws."""
    import torch

    closed, score = 0.0, torch.zeros(config.repeats, dtype=torch.float64)
    indices, gradients = list[Any](), list[Any]()
    for sign, response in zip((1.0, -1.0), pair["responses"], strict=True):
        policy, index = by_sets(pair["policy"], response)
        other, _ = by_sets(pair["reference"], response)
        sets = draw_sets(config.n, config.repeats, levels, masks, generator)
        own = sets if shared else draw_sets(config.n, config.repeats, levels, masks, generator)
        score += sign * config.beta * (policy[sets].mean(-1) - other[own].mean(-1))
        estimated = [policy - other] if shared else [policy, other]
        closed += config.beta**2 * sum(variance(values, config.n, levels, masks) for values in estimated)
        indices.append(index)
        gradients.append(sign * config.beta * gradient(pair["policy"], response, index, sets))
    loss = torch.nn.functional.softplus(-score)
    states, place = torch.unique(torch.cat(indices), return_inverse=True)
    whole = torch.zeros(config.repeats, len(states), config.n * config.d, dtype=torch.float64)
    whole.index_add_(1, place, torch.cat(gradients, 1))
    whole *= -torch.sigmoid(-score)[:, None, None]
    return {
        "score": closed, "score_drawn": float(score.var()), "loss": float(loss.var()),
        "gradient": float(whole.var(0).sum()),
    }  # fmt: skip


def variance(values: Tensor, n: int, levels: int, masks: int) -> float:
    """Return V_t / n_t + V_y / (n_t n_y) of an estimate with the given value for every set (Lemma 5)."""
    import torch

    count = (torch.arange(2**n)[:, None] >> torch.arange(n) & 1).sum(-1)
    groups = [values[count == k] for k in range(1, n + 1)]
    means = torch.stack([group.mean() for group in groups])
    inside = torch.stack([group.var(correction=0) for group in groups]).mean()
    return float(means.var(correction=0) / levels + inside / (levels * masks))


def gradient(policy: Tensor, response: Tensor, index: Tensor, sets: Tensor) -> Tensor:
    """Return the gradient of the mean over the drawn sets by the policy's logits, (repeats, sets, n d).

    A set's gradient lives at the logits of its state, `index`: L / k (onehot - p) at its masked places.
    """
    import torch

    n, d = policy.shape[1:]
    hidden = torch.arange(2**n)[:, None] >> torch.arange(n) & 1
    residual = torch.nn.functional.one_hot(response, d) - policy[index].exp()
    own = n / hidden.sum(-1).clamp(min=1)[:, None, None] * hidden[..., None] * residual
    share = torch.zeros(len(sets), 2**n, dtype=torch.float64)
    share.scatter_add_(1, sets, torch.full(sets.shape, 1 / sets.shape[1], dtype=torch.float64))
    return share[..., None] * own.flatten(1)
