"""Products of words in a single pass, by a denoiser asked for one masked answer, and in rounds (arXiv 2510.13117).

A word of uniform elements of a group is followed by one mask, the product of all. Table: group (2 for parity, 120
for S5), model ("single pass", or "rounds": a learned product composed on the balanced tree), seed, step (of training),
n (length of the word), share of words
whose product is right. Scalars: parameters of each
model, chance for each group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic.experiments.learned_products import by_tree
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.denoisers import Transformer

COLUMNS = ("group", "model", "seed", "step", "n", "share")


@dataclass(frozen=True)
class Config:
    """For each problem the permuted symbols of its group and the length of words; seeds, steps, words a
    step of the single pass and products a step of the rounds, looks on the way, tests, the denoiser's size."""

    problems: tuple[tuple[int, int], ...] = ((2, 20), (5, 8))
    seeds: tuple[int, ...] = tuple(range(4))
    steps: int = 700
    batch: int = 64
    products: int = 1440
    looks: int = 5
    tests: int = 2000
    preset: str = "small"


PRESETS = {
    "smoke": Config(((2, 6), (3, 4)), (0, 1), 20, 16, 40, 2, 50, "tiny"),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(20)), steps=10_000, batch=128),
}


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for each problem: its seeds are trained together."""
    return tuple(replace(config, problems=(each,)) for each in config.problems) if len(config.problems) > 1 else ()


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train both models on the words of one group with equal steps, and test them on the same new words."""
    import pandas as pd
    import torch

    from synthetic.denoisers import parameter_count
    from synthetic.products import ProductNetwork, ProductRun
    from theory.power import monoids

    ((permuted, n),) = config.problems
    products = monoids.transition_monoid(monoids.word_problem(permuted)).products
    group = len(products)
    words = torch.randint(group, (config.tests, n), generator=torch.Generator().manual_seed(group))
    answers = by_tree(products, words)
    single = SinglePass(products, n, config)
    rounds = ProductRun(products, config.seeds, config.steps, config.products)
    scalars = {
        f"chance, {group}": 1 / group,
        f"parameters, single pass, {group}": parameter_count(single.module) // len(config.seeds),
        f"parameters, rounds, {group}": parameter_count(ProductNetwork((0,), group)),
    }
    rows: list[dict[str, Any]] = []
    for look in progress.track(range(1, config.looks + 1), f"products of {n} in a group of {group}"):
        step = config.steps * look // config.looks
        single.advance(step)
        rounds.advance(step)
        guesses = {"single pass": single.answers(words), "rounds": [by_tree(t, words) for t in rounds.table()]}
        rows += [
            {"group": group, "model": model, "step": step, "n": n, **row}
            for model, found in guesses.items()
            for row in shares(found, answers, config)
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def shares(found: Any, answers: Tensor, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the share of right answers of each seed."""
    for seed, mine in zip(config.seeds, found, strict=True):
        yield {"seed": seed, "share": float((mine == answers).double().mean())}


class SinglePass:
    """Denoisers in training to write the product of a word at the mask behind it, a seed each."""

    def __init__(self, products: Tensor, n: int, config: Config) -> None:
        from synthetic.denoisers import preset, stacked
        from synthetic.optimisation import Optimiser, Schedule
        from synthetic.training import untrained

        self.products, self.n, self.config, self.step = products, n, config, 0
        group, size = len(products), preset(config.preset)
        self.module = stacked([untrained(size, (n + 1,), group, seed) for seed in config.seeds])
        self._optimiser = Optimiser(self.module, answer_losses, Schedule(config.steps, ema=0.99), stack=True)

    def advance(self, until: int) -> None:
        """Train up to a step on fresh words."""
        import torch

        from synthetic.training import step_generator

        shape = (self.config.batch, self.n)
        for step in range(self.step, until):
            drawn = [
                torch.randint(len(self.products), shape, generator=step_generator(seed, step))
                for seed in self.config.seeds
            ]
            words = torch.stack(drawn)
            answers = by_tree(self.products, words.flatten(0, 1)).view(words.shape[:2])
            self._optimiser.step(step, words, answers)
        self.step = until

    def answers(self, words: Tensor) -> Tensor:
        """Return the likeliest answer of each member to each word."""
        import torch

        averaged: Any = self._optimiser.average
        with torch.no_grad():
            asked = words.expand(len(self.config.seeds), -1, -1).split(500, 1)
            return torch.cat([answer_logits(averaged, some).argmax(-1) for some in asked], 1)


def answer_logits(module: Transformer, words: Tensor) -> Tensor:
    """Return the logits of the answer at a mask behind each word."""
    from torch.nn.functional import pad

    return module.head(module.features(pad(words, (0, 1), value=module.d))[..., -1, :])


def answer_losses(module: Transformer, words: Tensor, answers: Tensor) -> Tensor:
    """Return each member's mean cross-entropy of the answer, in nats."""
    from torch.nn.functional import cross_entropy

    entropy = cross_entropy(answer_logits(module, words).flatten(0, 1), answers.flatten(), reduction="none")
    return entropy.view(answers.shape).mean(-1)
