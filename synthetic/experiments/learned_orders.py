"""Decoding orders learned beside the denoiser, and every order alike (arXiv 2511.19152, small laws and real tables).

Table: part, task, seed and numbers, nan where a part has none. Parts: "nelbo", a model that was `trained` with "equal"
or "learned" weights and is decoded with `weights` of either kind (a seed's learned ones): value, its exact NELBO on the
law or on held-out rows, in nats, less the law's entropy where it is known; "moment", E[f^2] of the estimate by level
(from 1/1000) and by count, `weights` the kind (the model was trained with the same): value, nats squared; "weight", the
learned ln w of a position: value; "order", the NELBO of a model trained for one fixed order alone: value, `order` its
positions, `weights` "random", or "mode" for the likeliest order that a seed learned; "along", the same orders on the
model that was trained with equal weights (seed 0). Scalars: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

COLUMNS = ("part", "task", "seed", "trained", "weights", "position", "order", "value")
KINDS = ("equal", "learned")
LEAST_LEVEL = 1e-3
FLEXIBLE = "table of conditionals"
FIXED = 60.0
"""Gap of ln w from one position to the next that makes an order certain in float32."""


@dataclass(frozen=True)
class Config:
    """Laws and tables, seeds, training steps, fixed orders to compare with."""

    problems: tuple[str, ...] = ("chain", "tree", "wine", "breast cancer", FLEXIBLE)
    seeds: tuple[int, ...] = tuple(range(12))
    steps: int = 500
    orders: int = 60


PRESETS = {
    "smoke": Config(("tree", FLEXIBLE), (0, 1), 20, 4),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(40)), steps=2000, orders=720),
}


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for each task: its seeds are trained together."""
    return tuple(replace(config, problems=(task,)) for task in config.problems) if len(config.problems) > 1 else ()


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to train on and rows to judge by, with the weights of these (a law, or one over their number)."""

    train: Tensor
    judged: Tensor
    share: Tensor
    d: int
    entropy: float


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train models with equal and with learned weights, then one for each fixed order, and judge all exactly."""
    import pandas as pd
    import torch

    (task,) = config.problems
    data = [data_of(task, seed) for seed in config.seeds]
    n, count = data[0].train.shape[1], len(config.seeds)
    learned = torch.arange(2 * count) >= count
    whole = fitted(task, config, data + data, torch.zeros(2 * count, n), learned, config.seeds * 2, progress)
    log_w = whole.log_weights().detach()[count:]
    models = separate(whole.denoiser)
    rows = list(judged(models, log_w, data, config.seeds, progress))
    for seed, weights in zip(config.seeds, log_w.tolist(), strict=True):
        rows += [{"part": "weight", "seed": seed, "position": l, "value": v} for l, v in enumerate(weights)]
    if task != FLEXIBLE:
        rows += fixed_orders(task, config, data[0], log_w, models[0], progress)
    table = pd.DataFrame([{"task": task, **row} for row in rows], columns=list(COLUMNS))
    return table.assign(order=table["order"].astype("str")), {}


def data_of(task: str, seed: int) -> Data:
    """Return a task's data for one seed: draws from a law judged by the law, or a split of a table."""
    import torch

    from synthetic.tables import TABLES, table
    from theory.worlds import states
    from theory.worlds.table import table_of

    if task in TABLES:
        whole = table(task)
        train, test = whole.split(seed)
        return Data(train, test, torch.full((len(test),), 1 / len(test), dtype=torch.float64), whole.d, 0.0)
    world = table_of(law_of(task))
    entropy = world.entropy()
    train = world.sample(8192, torch.Generator().manual_seed(seed))
    return Data(train, states.all_sequences(world.n, world.d), world.law(), world.d, float(entropy))


def law_of(task: str) -> Any:
    """Return a Markov chain or tree of six tokens over four values; three over three for the flexible model."""
    import torch

    from theory import worlds
    from theory.worlds.tree import TreeWorld

    generator = torch.Generator().manual_seed(0)
    if task == FLEXIBLE:
        return worlds.dirichlet(3, 3, 0.3, generator)
    parents = {"chain": [-1, 0, 1, 2, 3, 4], "tree": [-1, 0, 0, 1, 1, 2]}[task]
    rows = [0.02 / 4 + 0.98 * _dirichlet(generator) for _ in parents[1:]]
    return TreeWorld(parents, [torch.full((4,), 0.25), *rows], name=task)


def _dirichlet(generator: Any) -> Tensor:
    import torch

    drawn = -torch.rand(4, 4, generator=generator, dtype=torch.float64).log()
    drawn = drawn**3
    return drawn / drawn.sum(-1, keepdim=True)


def fitted(
    task: str, config: Config, data: list[Data], log_w: Tensor, learned: Tensor, seeds: Any, progress: Progress
) -> Any:
    """Return trained models with their orders: small transformers, or one free number for every conditional."""
    from synthetic.denoisers import Architecture, stacked
    from synthetic.learned_orders import Fit, FreeTable, Ordered, fit
    from synthetic.training import untrained

    n, d = data[0].train.shape[1], data[0].d
    denoiser: nn.Module
    if task == FLEXIBLE:
        how, denoiser = Fit(2 * config.steps, batch=128, rate=2e-2), FreeTable(len(seeds), n, d)
    else:
        how, small = Fit(config.steps), Architecture(16, 1, 1)
        denoiser = stacked([untrained(small, (n,), d, seed) for seed in seeds])
    module = Ordered(denoiser, d, log_w, learned)
    return fit(module, [each.train for each in data], seeds, how, progress, f"{task}, {len(seeds)} models")


def separate(whole: Any) -> list[Any]:
    """Return the denoisers of a trained stack, in float64."""
    from synthetic.denoisers import exact, members
    from synthetic.learned_orders import FreeTable
    from theory.denoisers import TableDenoiser

    if isinstance(whole, FreeTable):
        log_p = whole.logits.detach().double().unflatten(-1, (whole.n, whole.d)).log_softmax(-1)
        return [TableDenoiser(one) for one in log_p]
    return [exact(one) for one in members(whole)]


def terms_of(denoiser: Any, data: Data) -> Tensor:
    """Return ln q(x_l | x outside s) for every judged sequence and masked set."""
    from theory.denoisers import tabulated
    from theory.unmasking.likelihood import order_terms

    n = data.judged.shape[1]
    states = (data.d + 1) ** n
    return order_terms(tabulated(denoiser) if states < len(data.judged) * 2**n else denoiser, data.judged)


def judged(
    models: list[Any], log_w: Tensor, data: list[Data], seeds: tuple[int, ...], progress: Progress
) -> Iterator[dict[str, Any]]:
    """Yield every NELBO of the models of each seed, and the second moments of their estimates."""
    import torch

    from theory.training.order_gradients import second_moment, second_moment_by_count
    from theory.training.orders import decoded_before_by_steps

    for k, seed in enumerate(progress.track(seeds, "judged")):
        weights = {"equal": torch.ones_like(log_w[k]), "learned": log_w[k].exp()}
        for trained in KINDS:
            terms = terms_of(models[k + len(seeds) * KINDS.index(trained)], data[k])
            mean = torch.einsum("c,csl->sl", data[k].share, terms)
            for kind, w in weights.items():
                value = float(-(mean * decoded_before_by_steps(w)).sum()) - data[k].entropy
                yield {"part": "nelbo", "seed": seed, "trained": trained, "weights": kind, "value": value}
            balanced = terms * (len(terms) * data[k].share).sqrt()[:, None, None]  # squares then average by the law
            own = weights[trained]
            by_level, by_count = second_moment(balanced, own, LEAST_LEVEL)[0], second_moment_by_count(balanced, own)
            yield {"part": "moment", "seed": seed, "trained": "level", "weights": trained, "value": by_level}
            yield {"part": "moment", "seed": seed, "trained": "count", "weights": trained, "value": by_count}


def fixed_orders(
    task: str, config: Config, data: Data, log_w: Tensor, alike: Any, progress: Progress
) -> list[dict[str, Any]]:
    """Train a model for each of some random orders and of the likeliest learned ones, all from one start."""
    import torch

    n = log_w.shape[1]
    generator = torch.Generator().manual_seed(1)
    random = [torch.randperm(n, generator=generator) for _ in range(config.orders)]
    modes = list(log_w.argsort(-1, descending=True))
    orders = torch.stack(random + modes)
    ranks = orders.argsort(-1)
    nothing = torch.zeros(len(orders), dtype=torch.bool)
    start = [config.seeds[0]] * len(orders)
    whole = fitted(task, config, [data] * len(orders), -FIXED * ranks.float(), nothing, start, progress)
    rows = []
    for k, (order, own) in enumerate(zip(orders, separate(whole.denoiser), strict=True)):
        kind, seed = ("random", None) if k < len(random) else ("mode", config.seeds[k - len(random)])
        shown = {"task": task, "seed": seed, "order": " ".join(map(str, order.tolist())), "weights": kind}
        rows.append({**shown, "part": "order", "value": along_order(own, data, order)})
        rows.append({**shown, "part": "along", "value": along_order(alike, data, order)})
    return rows


def along_order(denoiser: Any, data: Data, order: Tensor) -> float:
    """Return the mean loss of decoding one position after the other in a fixed order, less the entropy."""
    import torch

    from theory.worlds.states import digits, index_of

    x, n = data.judged, data.judged.shape[1]
    total = torch.zeros(len(x), dtype=torch.float64)
    for k in range(n):
        z = x.clone()
        z[:, order[k:]] = data.d
        seen, back = index_of(z, data.d).unique(return_inverse=True)
        log_p = denoiser(digits(seen, n, data.d + 1))[back, order[k]]
        total -= log_p.gather(-1, x[:, order[k], None])[:, 0]
    return float(data.share @ total) - data.entropy
