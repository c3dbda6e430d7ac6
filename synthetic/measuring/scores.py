"""What one group of sequences contributes to the measurement of a model: one row for each number.

    kind          name              parameter            value (nats)                             calls     weight
    "all masked"                    masked tokens M      mean cross-entropy of a masked token
    "draw"        replicate         masked tokens k      the same, under a random mask of k                of the draw
    "order"       the order         number of its kind   log-likelihood, one token a step         M
    "rule"        family of rules   its parameter        log-likelihood under the rule            made
    "bound"       family of rules   its parameter        entropy bound along the rule's path      made
    "one by one"  family of rules   its parameter        log-likelihood, the same path divided    M
    "accepted"    draw              place in the window  probability that a draft there is kept

With the weights, value("all masked") + the mean over draws of weight * k * value is an unbiased estimate of the NELBO,
the sum over k = 1..M of the mean cross-entropy at k. Any sum over k of f(k) times that is estimated alike, each draw
multiplied with f(k).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from synthetic.measuring.paths import Path, along, asked, follow, own_log_probabilities, random_orders
from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.training.estimators import Estimator, Exactly, Weight, draw, power
from theory.unmasking.rules.base import ask
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, SetRule, Threshold, TopK
from theory.worlds.information import total_variation

Row = tuple[int, int, str, str, float, float, float, float]
COLUMNS = ("item", "free", "kind", "name", "parameter", "value", "calls", "weight")
NAN = float("nan")
REPLICATES = 2


@dataclass(frozen=True)
class Plan:
    """What is measured on a model.

    `draws` random masks a sequence, at least 4, give the NELBO and the cross-entropies. The first `scored` sequences
    are scored along `orders` random orders, left to right and by the model's own confidence, margin and entropy, with
    rules that reveal `sizes` tokens a step, with thresholds on the confidence, and with EB at these `budgets` in nats.
    `windows` times a sequence the next `window` tokens from left to right are drafted at once, from a random place on.
    """

    draws: int = 32
    scored: int = 24
    orders: int = 2
    sizes: tuple[int, ...] = (2, 4, 8, 16)
    thresholds: tuple[float, ...] = (0.5, 0.7, 0.9)
    budgets: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    windows: int = 2
    window: int = 8
    group: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("sizes", "thresholds", "budgets"):
            given = getattr(self, name)
            object.__setattr__(self, name, tuple(given) if isinstance(given, Iterable) else (given,))
        for name, ok, expected in self._conditions():
            if not ok:
                raise InvalidInput(f"{name} = {getattr(self, name)}; expected {expected}")

    def _conditions(self) -> Iterator[tuple[str, bool, str]]:
        for name in ("draws", "scored", "orders", "windows", "window", "group", "seed"):
            whole = isinstance(getattr(self, name), int)
            yield name, whole and getattr(self, name) >= 0, "a whole number, 0 or more"
        yield "draws", self.draws >= 2 * REPLICATES and self.draws % REPLICATES == 0, "an even number of at least 4"
        yield "window", self.window >= 1, "at least 1"
        yield "group", self.group >= 1, "at least 1"
        yield "seed", self.seed < 2**31, "less than 2^31"
        yield "sizes", all(isinstance(k, int) and k >= 2 for k in self.sizes), "whole numbers of at least 2"
        yield "thresholds", all(0 <= level < 1 for level in self.thresholds), "numbers from 0 to below 1"
        yield "budgets", all(0 < budget < float("inf") for budget in self.budgets), "positive numbers, in nats"

    def states(self, free: int, scored: bool) -> int:
        """Return at most how many states a sequence with this many free tokens costs.

        Thresholds and EB may need a call for every token, and mostly need far fewer.
        """
        cost = 1 + self.draws + self.windows * min(self.window, free)
        if scored:
            fixed = sum(-(-free // size) for size in self.sizes) * 3
            cost += free * (self.orders + 4 + 2 * len(self.budgets) + len(self.thresholds)) + fixed
        return cost


def score(denoiser: Denoiser, x: Tensor, given: Tensor, items: list[int], plan: Plan) -> list[Row]:
    """Return all rows of a group of sequences (rows, n) with these numbers; a number has the same draws in any group.

    Sequences from number `plan.scored` on are given no orders and rules.
    """
    rows = list(_cross_entropies(denoiser, x, given, items, plan))
    for row in rows:
        if math.isinf(row[5]):
            raise InvalidInput(f"sequence {row[0]} has a token of probability 0 under the model; leave it out")
    rows += _acceptances(denoiser, x, given, items, plan)
    scored = [place for place, item in enumerate(items) if item < plan.scored]
    if scored:
        few = [items[place] for place in scored]
        rows += _orders(denoiser, x[scored], given[scored], few, plan)
        rows += _rules(denoiser, x[scored], given[scored], few, plan)
    return rows


def levels(draws: int) -> Estimator:
    """Return the estimator of what the counts 1..M-1 contribute to the NELBO of M free tokens.

    One stratum a draw. The mean over k masked tokens of their surprises has a standard deviation that falls about as
    1 / sqrt(k), so counts are drawn with density proportional to that (the best allocation, after Neyman).
    """
    count = Exactly(lambda t, m: (t * (m - 1)).ceil(), "exactly ceil(t (M - 1))")
    weight = Weight("(M - 1) / (k p(t))", lambda t, k, m, p: (m - 1) / (k.clamp(min=1) * p))
    return Estimator("by count", count, weight, power(0.5), draws, strata="draws")


def _cross_entropies(denoiser: Denoiser, x: Tensor, given: Tensor, items: list[int], plan: Plan) -> Iterator[Row]:
    free = (~given).sum(-1)
    drawn = []
    for replicate in range(REPLICATES):
        per_item = [
            draw(levels(plan.draws // REPLICATES), given[r : r + 1], _generator(plan, item, replicate))
            for r, item in enumerate(items)
        ]
        masked = torch.cat([each.masked for each in per_item], 1)
        weight = torch.cat([each.weight for each in per_item], 1)
        drawn += [(str(replicate), *each) for each in zip(masked, weight, strict=True)]
    drawn.append(("all", ~given, torch.ones(len(x))))
    hidden = torch.stack([mask for _, mask, _ in drawn])
    value = _mean_surprise(denoiser, x, hidden)
    for number, (replicate, mask, weight) in enumerate(drawn):
        for r, item in enumerate(items):
            kind = "all masked" if replicate == "all" else "draw"
            if kind == "draw" and not bool(mask[r].any()):
                continue  # a single free token leaves no count below it
            count = float(mask[r].sum())
            yield _row(item, free[r], kind, replicate, count, value[number, r], weight=float(weight[r]))


def _mean_surprise(denoiser: Denoiser, x: Int[Tensor, "rows n"], hidden: Bool[Tensor, "draws rows n"]) -> Tensor:
    tokens = x.expand(hidden.shape).flatten(0, 1)
    mask = hidden.flatten(0, 1)
    z = torch.where(mask, denoiser.d, tokens)
    total = torch.cat([-own_log_probabilities(p, tokens[part], mask[part]).sum(-1) for part, p in asked(denoiser, z)])
    return (total / mask.sum(-1).clamp(min=1)).reshape(hidden.shape[:2])


def _orders(denoiser: Denoiser, x: Tensor, given: Tensor, items: list[int], plan: Plan) -> Iterator[Row]:
    free = (~given).sum(-1)
    for number in range(plan.orders):
        own = [
            random_orders(given[r : r + 1], _generator(plan, item, REPLICATES + number)) for r, item in enumerate(items)
        ]
        value = along(denoiser, x, given, torch.cat(own))
        yield from _each(items, free, "order", "random", float(number), value, free)
    order = torch.where(given, -1, torch.arange(x.shape[1])).argsort(dim=-1, stable=True)
    yield from _each(items, free, "order", "left to right", 0.0, along(denoiser, x, given, order), free)
    for by in proxies(denoiser.d):
        path = follow(TopK(1, by), denoiser, x, given)
        yield from _each(items, free, "order", by, 0.0, path.log_likelihood, path.calls)


def proxies(d: int) -> tuple[str, ...]:
    """Return the proxies that order positions differently: of two symbols, all three order them alike."""
    return ("confidence", "margin", "entropy") if d > 2 else ("confidence",)


def families(plan: Plan, d: int) -> dict[str, dict[float, SetRule]]:
    """Return the rules that reveal several tokens a step, by family and parameter."""
    listed: dict[str, dict[float, SetRule]] = {"left to right": {size: LeftToRight(size) for size in plan.sizes}}
    for by in proxies(d)[::2]:
        listed[by] = {size: TopK(size, by) for size in plan.sizes}
    listed["threshold"] = {level: Threshold(-level, "confidence") for level in plan.thresholds}
    listed["EB"] = {budget: EntropyBounded(budget, "entropy") for budget in plan.budgets}
    return listed


def _rules(denoiser: Denoiser, x: Tensor, given: Tensor, items: list[int], plan: Plan) -> Iterator[Row]:
    free = (~given).sum(-1)
    for family, members in families(plan, denoiser.d).items():
        for parameter, rule in members.items():
            path = follow(rule, denoiser, x, given)
            yield from _each(items, free, "rule", family, parameter, path.log_likelihood, path.calls)
            if family == "EB":
                yield from _divided(denoiser, x, given, items, parameter, path)


def _divided(
    denoiser: Denoiser, x: Tensor, given: Tensor, items: list[int], budget: float, path: Path
) -> Iterator[Row]:
    """Yield EB's entropy bound, and the likelihood of its path with the tokens of each step revealed one at a time."""
    free = (~given).sum(-1)
    yield from _each(items, free, "bound", "EB", budget, path.bound, path.calls)
    yield from _each(items, free, "one by one", "EB", budget, along(denoiser, x, given, path.order), free)


def _acceptances(denoiser: Denoiser, x: Tensor, given: Tensor, items: list[int], plan: Plan) -> Iterator[Row]:
    """Yield how often a token drafted with the window's others is kept: one minus the total variation distance.

    The draft's law is p(. | what stands before the window), the target's p(. | that and the window's earlier tokens),
    and the best acceptance test keeps a token drawn from p under q with probability 1 - TV(p, q).
    """
    for number in range(plan.windows):
        for r, item in enumerate(items):
            open_ = (~given[r]).nonzero()[:, 0]
            most = max(1, len(open_) - plan.window + 1)
            first = int(torch.randint(most, (1,), generator=_generator(plan, item, 1000 + number)))
            places = open_[first : first + plan.window]
            hidden = ~given[r] & (torch.arange(x.shape[1]) >= places[:, None])
            z = torch.where(hidden, denoiser.d, x[r])
            target = torch.cat([p[torch.arange(len(p)), places[part]] for part, p in asked(denoiser, z)])
            draft = ask(denoiser, z[:1])[0, places].cpu()
            kept = 1 - total_variation(draft.exp(), target.exp())
            for place, chance in enumerate(kept.tolist()):
                yield _row(item, len(open_), "accepted", str(number), float(place), chance)


def _each(
    items: list[int], free: Tensor, kind: str, name: str, parameter: float, value: Tensor, calls: Any
) -> Iterator[Row]:
    for r, item in enumerate(items):
        yield _row(item, free[r], kind, name, parameter, value[r], calls=float(calls[r]))


def _row(
    item: int, free: Any, kind: str, name: str, parameter: float, value: Any, calls: float = NAN, weight: float = NAN
) -> Row:
    return item, int(free), kind, name, float(parameter), float(f"{float(value):.9g}"), calls, weight


def _generator(plan: Plan, item: int, purpose: int) -> Generator:
    """Return the random numbers of one sequence for one purpose."""
    return Generator().manual_seed((plan.seed * 1_000_003 + item) * 2003 + purpose)
