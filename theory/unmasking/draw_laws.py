"""The exact law of a token drawn with low-precision noise.

A draw takes argmax_v of score_v, and the smallest index among equal scores, as torch.argmax does (tested). The noise of
each token takes the finitely many values of `theory.unmasking.low_precision`. With F_v(s) = P(score_v <= s) and F_v(s-)
= P(score_v < s), token v is drawn with probability

    P(v) = sum over scores s of  [F_v(s) - F_v(s-)]  prod_{w < v} F_w(s-)  prod_{w > v} F_w(s).

Two routes compute it: `by_atoms` adds these terms for every s that matters, at no error but rounding; `by_cells` groups
scores into cells, for many different logits with fine noise, and bounds its error (docs/derivations.md, draws.cells).
The law that is meant is softmax(logits / T) of the logits as the number type holds them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.unmasking.effective_temperature import DrawLaw
from theory.unmasking.low_precision import Recipe, share_above

NEGLIGIBLE = 45.0
"""Scores s with P(all scores <= s) below e^-45 are left out: e^-45 is far below the rounding of the sum of the law."""

LEFT_OUT = math.exp(-NEGLIGIBLE)

LARGEST_LIST = 2**26
"""Up to this many scores, different logits times noise values, the law is added up score by score."""

LARGEST_SUM = 2**28
"""Up to this many terms are added up score by score."""

CHUNK = 2**22
"""Numbers of a matrix that are held at once."""

FLOOR = -1e3
"""Stands for ln 0, so that differences stay finite; e^-1000 is 0 in float64."""


def draw_law(logits: Sequence[float] | Float[Tensor, "d"], recipe: Recipe, cells: int | None = None) -> DrawLaw:
    """Return the law of a draw by score atoms where these can be listed, else by cells.

    Raises InvalidInput for logits that are no nonempty row of finite numbers (minus infinity is allowed in some), and
    in the race form for logits whose exponential is infinite in the number type.
    """
    rounded = checked_logits(logits, recipe)
    if cells is None and recipe.listed and len(_distinct(rounded)[0]) * len(recipe.noise.values) <= LARGEST_LIST:
        lengths = torch.unique_consecutive(rounded, return_counts=True)[1].double()
        if _Scores(rounded, recipe).count_that_matters() * float(lengths.sqrt().sum()) <= LARGEST_SUM:
            return by_atoms(rounded, recipe)
    return by_cells(rounded, recipe, cells)


def checked_logits(logits: Sequence[float] | Float[Tensor, "d"], recipe: Recipe) -> Float[Tensor, "d"]:
    """Return the logits in the recipe's number type. Raises InvalidInput as `draw_law` does."""
    row = torch.as_tensor(logits, dtype=torch.float64)
    if row.ndim != 1 or not len(row) or bool((row.isnan() | (row == math.inf)).any()) or float(row.max()) == -math.inf:
        raise InvalidInput(f"logits of shape {tuple(row.shape)}; expected a row of finite numbers, or -inf in some")
    rounded = row.to(recipe.type)
    if recipe.form == "race" and bool(rounded.exp().isinf().any()):
        raise InvalidInput(f"exp({float(rounded.max()):g}) is infinite in {recipe.dtype}; subtract the largest logit")
    return rounded


def by_atoms(logits: Sequence[float] | Float[Tensor, "d"], recipe: Recipe) -> DrawLaw:
    """Return the law of a draw as a sum over all scores that matter, with the smaller index first in ties.

    Raises InvalidInput as `draw_law` does, and for noise that cannot be listed.
    """
    rounded = checked_logits(logits, recipe)
    scores = _Scores(rounded, recipe)
    runs, lengths = torch.unique_consecutive(scores.group, return_counts=True)
    law = torch.zeros(len(rounded), dtype=torch.float64)
    first, size, single = lengths.cumsum(0) - lengths, lengths[:, None].double(), lengths == 1
    for atoms in torch.split(scores.atoms(), max(1, min(2**16, CHUNK // len(runs)))):
        at, below = scores.log_below(atoms, strict=False), scores.log_below(atoms, strict=True)
        gap = (at - below)[runs]
        passed = (gap * size).cumsum(0) - gap * size
        weight = -torch.expm1(-gap) * (scores.joint(at) - passed).exp()
        law[first[single]] += weight[single].sum(-1)
        for run in (~single).nonzero()[:, 0].tolist():
            start, length = int(first[run]), int(lengths[run])
            law[start : start + length] += geometric_sums(weight[run], gap[run], length)
    return DrawLaw(law, intended_law(rounded, recipe), rounded.double(), LEFT_OUT, LEFT_OUT)


def geometric_sums(weight: Float[Tensor, "m"], decay: Float[Tensor, "m"], length: int) -> Float[Tensor, "length"]:
    """Return sum_s weight_s exp(-t decay_s) for t = 0, ..., length - 1, as one product of two matrices."""
    step = max(1, math.isqrt(length))
    coarse = torch.arange(0, length, step, dtype=torch.float64)
    fine = torch.arange(step, dtype=torch.float64)
    return ((-coarse[:, None] * decay).exp() * weight @ (-fine[:, None] * decay).exp().T).flatten()[:length]


def by_cells(logits: Sequence[float] | Float[Tensor, "d"], recipe: Recipe, cells: int | None = None) -> DrawLaw:
    """Return the law of a draw by cells of scores, at whose ends all F_v are exact, with a bound on the error.

    Of what falls into a cell, token v gets its share of the increase of sum_w ln F_w. That is exact for exact Gumbel
    noise, whatever the cells; ties inside a cell favour no index. The bound halves when the cells double. Raises
    InvalidInput for fewer than 2 cells, and for noise of float16 and bfloat16 that is too fine to list.
    """
    rounded = checked_logits(logits, recipe)
    distinct, group = _distinct(rounded)
    cells = max(256, 2**18 // len(distinct)) if cells is None else cells
    if cells < 2:
        raise InvalidInput(f"{cells} cells; expected at least 2")
    count = torch.bincount(group).numpy().astype(float)
    levels, noise = _as_logarithms(distinct, recipe)
    cuts = _cuts(levels, count, recipe, cells)
    share, width = np.zeros(len(distinct)), max(2, CHUNK // len(distinct))
    left_out, single, grouped = 0.0, 0.0, 0.0
    for start in range(0, len(cuts) - 1, width - 1):
        part = cuts[start : start + width]
        with np.errstate(divide="ignore"):
            below = np.log1p(-_above(part[:, None] - levels, recipe, noise)).clip(min=FLOOR)
        joint = below @ count
        left_out += math.exp(joint[0]) if start == 0 else 0.0
        rise, gain = np.diff(below, axis=0), np.diff(joint)[:, None]
        mass = np.diff(np.exp(joint))[:, None]
        share += (mass * rise / np.where(gain > 0, gain, 1.0)).sum(0)
        single += float(_brackets(rise, joint).sum(0) @ count) / 2
        grouped += float(_brackets(rise * count, joint).sum()) / 2
    law = torch.from_numpy(share)[group]
    return DrawLaw(law, intended_law(rounded, recipe), rounded.double(), left_out + single, left_out + grouped)


def intended_law(logits: Float[Tensor, "d"], recipe: Recipe) -> Float[Tensor, "d"]:
    """Return softmax(logits / T) in float64."""
    return (logits.double() / recipe.temperature).softmax(-1)


def _distinct(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct values, ascending, and the place of each value among them."""
    distinct, place = torch.unique(values, return_inverse=True)
    return distinct, place


class _Scores:
    """All scores of the distinct logits, ascending along the noise."""

    def __init__(self, logits: Float[Tensor, "d"], recipe: Recipe) -> None:
        distinct, self.group = _distinct(logits)
        self.noise = recipe.noise
        self.count = torch.bincount(self.group).double()
        scores = recipe.scores(distinct[:, None], self.noise.values[None])
        if bool(scores.isnan().any()):
            raise InvalidInput(f"{recipe} gives a score that is NaN; take another eps, or larger logits")
        self.scores = scores if scores.dtype in (torch.float32, torch.float64) else scores.float()

    def log_below(self, at: Float[Tensor, "m"], strict: bool) -> Float[Tensor, "groups m"]:
        """Return ln P(score <= at), or of < where strict, of a token of each distinct logit."""
        at = at.to(self.scores.dtype).expand(len(self.scores), -1).contiguous()
        place = torch.searchsorted(self.scores, at, right=not strict)
        return torch.log1p(-self.noise.above(place)).clamp(min=FLOOR)

    def joint(self, log_below: Float[Tensor, "groups m"]) -> Float[Tensor, "m"]:
        """Return ln P(all scores <= at)."""
        return (self.count[:, None] * log_below).sum(0)

    def atoms(self) -> Float[Tensor, "m"]:
        """Return all scores, ascending, that the largest one takes with more than negligible probability."""
        return _distinct(self.scores[self.scores > self._lowest] if self._lowest > -math.inf else self.scores)[0]

    def count_that_matters(self) -> int:
        """Return how many scores of the distinct logits are atoms, equal ones counted apart."""
        at = torch.full((len(self.scores), 1), self._lowest, dtype=self.scores.dtype)
        return self.scores.numel() - int(torch.searchsorted(self.scores, at, right=True).sum())

    @functools.cached_property
    def _lowest(self) -> float:
        """Return a score below which all scores together lie with negligible probability, -inf where there is none."""
        finite = self.scores[:, [0, 1, -1]] if self.scores.shape[1] > 2 else self.scores
        finite = finite[finite.isfinite()]
        if not len(finite):
            return -math.inf
        low, high = float(finite.min()) - 1.0, float(finite.max())
        if self._joint_at(low) >= -NEGLIGIBLE:
            return -math.inf
        for _ in range(48):
            middle = (low + high) / 2
            low, high = (middle, high) if self._joint_at(middle) < -NEGLIGIBLE else (low, middle)
        return low

    def _joint_at(self, score: float) -> float:
        return float(self.joint(self.log_below(torch.tensor([score], dtype=torch.float64), strict=False)))


def _as_logarithms(distinct: Tensor, recipe: Recipe) -> tuple[Any, Any]:
    """Return the distinct logits and the listed noise, if any, as float64 logarithms whose sum is the score."""
    with np.errstate(divide="ignore"):
        if recipe.form == "gumbel":
            levels = (distinct / recipe.temperature).double().numpy()
            values = recipe.noise.values.numpy(force=True) if recipe.listed and recipe.dtype == "float32" else None
        else:
            levels, values = np.log(distinct.exp().double().numpy()), None
        if not recipe.listed:
            return levels, None
        if values is None:
            wide = recipe.noise.values.double().numpy()
            values = wide if recipe.form == "gumbel" else -np.log(wide)
    return levels, values


def _above(limits: Any, recipe: Recipe, noise: Any) -> Any:
    """Return P(noise > limit)."""
    if noise is None:
        return share_above(recipe, limits)
    place = np.searchsorted(noise, limits.ravel(), side="right").reshape(limits.shape)
    return recipe.noise.above(torch.from_numpy(place)).numpy()


def _brackets(rise: Any, joint: Any) -> Any:
    """Return how far apart the bounds are on P(the largest score is in the cell and belongs to one token or group).

    Below, all others lie under the cell; above, they lie under its upper end.
    """
    least = np.exp(joint[:-1, None] + rise) - np.exp(joint[:-1, None])
    most = -np.expm1(-rise) * np.exp(joint[1:, None])
    return most - least


def _cuts(levels: Any, count: Any, recipe: Recipe, cells: int) -> Any:
    """Return ascending cuts: where exact Gumbel noise would have -ln P(all below) in geometric steps, and the top."""
    top = float(levels.max())
    partition = top + math.log(float(count @ np.exp(levels - top)))
    exponents = np.linspace(math.log(NEGLIGIBLE), math.log(1e-9), cells)
    cuts = partition - exponents
    if recipe.form == "gumbel" and recipe.dtype != "float64":
        below = torch.from_numpy(cuts).to(recipe.type)
        above = torch.nextafter(below, torch.full_like(below, math.inf))
        cuts = ((below.double() + above.double()) / 2).numpy()
    return np.append(np.unique(cuts), math.inf)
