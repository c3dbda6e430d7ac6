"""Policies trained to prefer short answers with estimated scores, against the exact optimum (VRPO, arXiv 2505.19223).

Answers end with a run of end marks; the shorter of two is preferred with probability sigma(difference of lengths), so
that the best score of a pair is that difference. Table: part, way (masks for an ELBO: levels x masks, "shared" with the
reference or "own"), seed, step and numbers, nan where a part has none. Parts: "trained", policies trained that way, all
pairs weighted by the law: value, the mean loss above the least possible one, nats; accuracy, the share of pairs of
unequal length with the right sign; distance, the root mean square of policy ELBO - reference ELBO; "variance", of a
pair's score under policies trained with the most shared masks, averaged over all pairs: value for a `way` to draw;
"bias", pairs under those policies at beta = .2, scores from one shared mask a response: variance V, value the bias of
the loss over sigma(s) sigma(-s) V / 2. Scalars: beta; bayes, the share of labels that the exact optimum predicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from theory.training.estimators import Estimator
    from theory.worlds import TableWorld

COLUMNS = ("part", "way", "seed", "step", "value", "accuracy", "distance", "variance")
END = 0
WAYS = ((8, 1, True), (4, 1, True), (2, 2, True), (1, 4, True), (1, 1, True), (4, 1, False), (1, 1, False))
MOST = "8 x 1, shared"
PRINTED_BETA = 0.2
"""The paper's temperature, at which scores of one mask are near enough for the bias of their loss."""


@dataclass(frozen=True)
class Config:
    """Length of answers, seeds, training steps, the temperature, pairs whose bias is computed for each seed."""

    n: int = 5
    seeds: tuple[int, ...] = tuple(range(20))
    steps: int = 200
    beta: float = 1.0
    pairs: int = 40


PRESETS = {
    "smoke": Config(3, (0, 1), 16, pairs=4),
    "laptop": Config(),
    "gpu": Config(6, tuple(range(40)), 800, pairs=200),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train references, then policies in every way, and judge all of them by exact ELBOs."""
    import pandas as pd

    world = answers(config.n)
    references = trained_references(world, config, progress)
    rows: list[dict[str, Any]] = []
    best: Any = None
    for levels, masks, shared in progress.track(WAYS, "ways"):
        way = name(levels, masks, shared)
        policies = None
        for step, policies in training(world, references, config, levels, masks, shared):
            rows += [
                {"part": "trained", "way": way, "step": step, **row}
                for row in judged(world, references, policies, config)
            ]
        best = policies if way == MOST else best
    rows += variances(world, references, best, config)
    scalars = {"beta": config.beta, "bayes": bayes(world)}
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def name(levels: int, masks: int, shared: bool) -> str:
    """Return how tables call a way to draw masks."""
    return f"{levels} x {masks}, {'shared' if shared else 'own'}"


def answers(n: int) -> TableWorld:
    """Return answers of up to n tokens out of two, each followed by the end with probability 1/4."""
    import torch

    from theory.worlds.table import table_of
    from theory.worlds.tree import TreeWorld

    go_on = torch.tensor([0.25, 0.5, 0.25])
    rows = torch.stack([torch.tensor([1.0, 0.0, 0.0]), go_on, go_on[[0, 2, 1]]])
    return table_of(TreeWorld(range(-1, n - 1), [go_on, *[rows] * (n - 1)], name="answers"))


def lengths(world: TableWorld) -> tuple[Tensor, Tensor, Tensor]:
    """Return the possible answers, their probabilities and lengths."""
    from theory.worlds import states

    law = world.law()
    x = states.all_sequences(world.n, world.d)[law > 0]
    return x, law[law > 0], (x != END).sum(-1).double()


def trained_references(world: TableWorld, config: Config, progress: Progress) -> Any:
    """Return a stack of small transformers trained on the answers, one a seed."""
    import torch

    from synthetic.denoisers import Architecture, stacked
    from synthetic.learned_orders import Fit, Ordered, fit
    from synthetic.training import untrained

    count = len(config.seeds)
    whole = stacked([untrained(Architecture(32, 1, 2), (world.n,), world.d, seed) for seed in config.seeds])
    rows = world.sample(8192, torch.Generator().manual_seed(0))
    alike = Ordered(whole, world.d, torch.zeros(count, world.n), torch.zeros(count, dtype=torch.bool))
    return fit(alike, [rows] * count, config.seeds, Fit(2 * config.steps), progress, "references").denoiser


def training(
    world: TableWorld, references: Any, config: Config, levels: int, masks: int, shared: bool
) -> Iterator[tuple[int, Any]]:
    """Yield the policies at the end of each quarter of training."""
    import copy

    import torch

    from synthetic.preferences import Preference, PreferenceRun, Preferring

    x, law, length = lengths(world)

    def pairs(count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(law, 2 * count, replacement=True, generator=generator).view(count, 2)
        longer = length[chosen[:, 0]] - length[chosen[:, 1]]
        swap = torch.rand(count, generator=generator, dtype=torch.float64) < longer.sigmoid()
        return x[torch.where(swap[:, None], chosen.flip(-1), chosen)]

    policy = copy.deepcopy(references).requires_grad_(True).train()
    how = Preference(estimator(levels, masks), shared, config.steps)
    module = Preferring(policy, copy.deepcopy(references), world.d, config.beta)
    going = PreferenceRun(module, pairs, config.seeds, how)
    for quarter in range(1, 5):
        going.advance(config.steps * quarter // 4)
        yield going.step, copy.deepcopy(going.policies)


def estimator(levels: int, masks: int) -> Estimator:
    """Return the estimate by count with so many levels and masks a level."""
    from dataclasses import replace

    from theory.training.preferences import COUNT

    return replace(COUNT, levels=levels, masks=masks)


def tables(world: TableWorld, whole: Any) -> list[Any]:
    """Return the loss table of each member of a stack."""
    from synthetic.denoisers import exact, members
    from theory.training.loss_table import loss_table

    return [loss_table(world, exact(one.eval())) for one in members(whole)]


def judged(world: TableWorld, references: Any, policies: Any, config: Config) -> Iterator[dict[str, Any]]:
    """Yield loss above the optimum, accuracy and distance of each seed's policy, over all pairs of the law."""
    import torch

    _, law, length = lengths(world)
    both, target = law[:, None] * law, length - length[:, None]
    right = target.sigmoid()
    least = torch.special.entr(right) + torch.special.entr(1 - right)
    unequal = target != 0
    for seed, policy, reference in zip(config.seeds, tables(world, policies), tables(world, references), strict=True):
        moved = reference.nelbo() - policy.nelbo()
        score = config.beta * (moved[:, None] - moved)
        softplus = torch.nn.functional.softplus
        loss = right * softplus(-score) + (1 - right) * softplus(score)
        agree = (score.sign() == target.sign()).double()
        yield {
            "seed": seed, "value": float((both * (loss - least)).sum()),
            "accuracy": float((both * agree)[unequal].sum() / both[unequal].sum()),
            "distance": float((law @ moved**2).sqrt()),
        }  # fmt: skip


def variances(world: TableWorld, references: Any, policies: Any, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the mean variance of a pair's score for each way to draw, and the bias of the loss of drawn pairs."""
    from dataclasses import replace

    import torch

    from theory.training import preferences

    ways = {name(*way): (estimator(*way[:2]), way[2]) for way in WAYS}
    ways["4 in strata, shared"] = replace(estimator(4, 1), strata="draws"), True
    ways["2 opposite pairs, shared"] = replace(estimator(2, 1), partner="complement"), True
    _, law, _ = lengths(world)
    for seed, policy, reference in zip(config.seeds, tables(world, policies), tables(world, references), strict=True):
        for way, (used, shared) in ways.items():
            of_answers = [noise(used, table) for table in ([policy - reference] if shared else [policy, reference])]
            value = 2 * config.beta**2 * sum(of_answers)  # both answers of a pair are drawn from the law
            yield {"part": "variance", "way": way, "seed": seed, "value": value}
        generator = torch.Generator().manual_seed(seed)
        for pair in torch.multinomial(law, 2 * config.pairs, True, generator=generator).view(-1, 2).tolist():
            mine, other = ((table.at(pair[0]), table.at(pair[1])) for table in (policy, reference))
            if pair[0] != pair[1]:
                yield {"part": "bias", "seed": seed, **bias(preferences.Pair(mine, other, PRINTED_BETA))}


def noise(used: Estimator, table: Any) -> float:
    """Return the variance of an estimate over masks and levels, averaged over answers."""
    from theory.training.moments import moments

    found = moments(used, table)
    return found.mask + found.level


def bias(pair: Any) -> dict[str, float]:
    """Return V and the bias of a pair's loss over sigma(s) sigma(-s) V / 2, from every outcome of its masks."""
    import torch

    from theory.training import preferences

    values, chance = pair.scores()
    score = torch.tensor(pair.score, dtype=torch.float64)
    variance = float(chance @ (values - score) ** 2)
    gap = float(chance @ preferences.loss(values) - preferences.loss(score))
    predicted = float(score.sigmoid() * (-score).sigmoid()) * variance / 2
    return {"variance": variance, "value": gap / predicted if predicted > 0 else float("nan")}


def bayes(world: TableWorld) -> float:
    """Return the share of labels on pairs of unequal length that the exact optimum predicts."""
    _, law, length = lengths(world)
    both, target = law[:, None] * law, (length - length[:, None]).abs()
    unequal = target != 0
    return float((both * target.sigmoid())[unequal].sum() / both[unequal].sum())
