"""PUNT: reveal in one step the candidates that do not influence each other, found by O(log m) test calls.

Azangulov et al., arXiv 2510.21961, section 3. A candidate token y_i is drawn at every masked position and
the positions are ranked 0, 1, ... by trust. Round b, most significant bit of the rank first, reveals the
survivors whose bit b is 0 (*anchors*) and drops those whose bit is 1 (*tested*) if the anchors move their
conditional: KL(p_r || q_r) > eps, in nats. The in-order variant tests each rank against all kept before
it; it is the reference for which a bound on the error is proved (docs/derivations.md, punt.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser, check_conditionals
from theory.errors import InvalidInput, unknown
from theory.tolerance import meets
from theory.unmasking.rules.base import ValueRule, ask, checked_states, draw_candidates
from theory.unmasking.rules.proxies import proxy, trusted_first
from theory.worlds import states

Ranking = Literal["confidence", "entropy", "margin", "index", "drawn"]
Tests = Literal["binary", "in-order"]


@dataclass(frozen=True)
class Punt(ValueRule):
    """PUNT with threshold `eps` in nats: infinity reveals everything, a negative one a single token a step.

    `by` ranks the positions: a proxy of the conditionals (value-free), "index", or "drawn", the probability
    p_i(y_i) of the drawn token (value-dependent: biased, docs/derivations.md, punt.6). Ties go to the smaller index.
    """

    eps: float
    by: Ranking = "confidence"
    tests: Tests = "binary"

    def __post_init__(self) -> None:
        if math.isnan(self.eps):
            raise InvalidInput("PUNT eps is NaN; expected a number of nats, inf to reveal all, < 0 to reveal one")
        if self.by not in get_args(Ranking):
            raise unknown("ranking", self.by, get_args(Ranking))
        if self.tests not in get_args(Tests):
            raise unknown("kind of tests", self.tests, get_args(Tests))

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"PUNT {self.eps:g}, {self.by}{', in order' if self.tests == 'in-order' else ''}"

    def keep(
        self,
        denoiser: Denoiser,
        z: Int[Tensor, "batch n"],
        y: Int[Tensor, "batch n"],
        log_p: Float[Tensor, "batch n d"] | None = None,
    ) -> tuple[Bool[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Return the masked positions of z that reveal their candidate y, and the denoiser calls of each row.

        Calls are 1 + the tests asked: rounds with both sides nonempty, at most ceil(log2 m) of them; in
        order, one each time the kept set grows before its end. Give `log_p = denoiser(z)` if it is known.
        """
        d = denoiser.d
        hidden = checked_states(denoiser, z) == d
        if bool((hidden & ((y < 0) | (y >= d))).any()):
            raise InvalidInput(f"PUNT candidates outside 0..{d - 1} at masked positions; draw one token for each")
        known = ask(denoiser, z) if log_p is None else check_conditionals(log_p, z, d)
        return self._kept(denoiser, z, y, known)

    def _kept(self, denoiser: Denoiser, z: Tensor, y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        hidden = z == denoiser.d
        tests = _Tests(denoiser, z, y, known, self.eps)
        rank = ranks(known, hidden, y, self.by)
        kept = _binary(tests, hidden, rank) if self.tests == "binary" else _in_order(tests, hidden, rank)
        return kept, tests.calls

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw candidates and return the next states with the denoiser calls; complete rows stay, at no call."""
        log_p = ask(denoiser, z)
        y = draw_candidates(log_p, z, generator)
        kept, calls = self._kept(denoiser, z, y, log_p)
        return torch.where(kept, y, z), calls

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return the next state for every vector of candidates with its probability and denoiser calls."""
        weights, y, log_p = candidates(denoiser, z)
        many = _repeated(z, y.shape[1])
        kept, calls = self._kept(denoiser, many, y.flatten(0, 1), _repeated(log_p, y.shape[1]))
        after = torch.where(kept, y.flatten(0, 1), many)
        return weights, after.reshape(y.shape), calls.reshape(weights.shape)

    def step_error(self, denoiser: Denoiser, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch"]:
        """Return E[sum of delta over the tokens kept in one step] from each state, in nats, over all candidates."""
        weights, y, log_p = candidates(denoiser, z)
        many, drawn, known = _repeated(z, y.shape[1]), y.flatten(0, 1), _repeated(log_p, y.shape[1])
        kept, _ = self._kept(denoiser, many, drawn, known)
        delta = token_errors(denoiser, many, drawn, kept, ranks(known, many == denoiser.d, drawn, self.by), known)
        total = delta.sum(-1).reshape(weights.shape)
        return torch.where(weights > 0, weights * total, 0.0).sum(-1)


def ranks(
    log_p: Float[Tensor, "batch n d"], hidden: Bool[Tensor, "batch n"], y: Int[Tensor, "batch n"], by: Ranking
) -> Int[Tensor, "batch n"]:
    """Return the rank of every position, 0 the most trusted; revealed positions come last."""
    if by == "index":
        error = torch.arange(hidden.shape[-1], device=hidden.device).expand(hidden.shape).to(log_p.dtype)
    elif by == "drawn":
        error = -log_p.gather(-1, torch.where(hidden, y, 0)[..., None])[..., 0].exp()
    else:
        error = proxy(by)(log_p)
    order = trusted_first(error, hidden)
    places = torch.arange(hidden.shape[-1], device=hidden.device).expand(hidden.shape)
    return torch.empty_like(order).scatter(-1, order, places)


def influence(log_p: Float[Tensor, "*batch d"], log_q: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Return KL(p || q) in nats, p ln p = 0 at 0, infinite where q misses support of p."""
    return torch.where(log_p > -torch.inf, log_p.exp() * (log_p - log_q), 0.0).sum(-1)


def token_errors(
    denoiser: Denoiser,
    z: Int[Tensor, "batch n"],
    y: Int[Tensor, "batch n"],
    kept: Bool[Tensor, "batch n"],
    rank: Int[Tensor, "batch n"],
    log_p: Float[Tensor, "batch n d"],
) -> Float[Tensor, "batch n"]:
    """Return delta_i = KL(p_i || p_i(. | candidates kept at smaller ranks) at kept positions, 0 elsewhere."""
    n = z.shape[-1]
    before = kept[:, None, :] & (rank[:, None, :] < rank[:, :, None])
    shown = torch.where(before, y[:, None, :], z[:, None, :]).reshape(-1, n)
    own = torch.arange(n, device=z.device)
    log_q = ask(denoiser, shown).reshape(len(z), n, n, denoiser.d)[:, own, own]
    return torch.where(kept, influence(log_p, log_q), 0.0)


def candidates(
    denoiser: Denoiser, z: Int[Tensor, "batch n"]
) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Float[Tensor, "batch n d"]]:
    """Return all d^m vectors of candidate tokens with their probabilities, and the conditionals they come from.

    Rows with fewer masks than the largest m carry probability zero on the surplus.
    """
    log_p, d = ask(denoiser, z), denoiser.d
    hidden = z == d
    most = int(hidden.sum(-1).max())
    states.require_memory(len(z) * d**most * z.shape[-1] * d, f"PUNT's {d}^{most} candidate vectors of {len(z)} states")
    values = states.digits(torch.arange(d**most, device=z.device), most, d).expand(len(z), -1, -1)
    slots = hidden.long().argsort(dim=-1, descending=True, stable=True)[:, :most]
    real = hidden.gather(-1, slots)[:, None, :]
    found = log_p.exp()[torch.arange(len(z), device=z.device)[:, None, None], slots[:, None, :], values]
    weights = torch.where(real, found, (values == 0).to(found.dtype)).prod(-1)
    y = z[:, None, :].expand(-1, d**most, -1).scatter(-1, slots[:, None, :].expand(values.shape), values)
    return weights, torch.where(hidden[:, None, :], y, z[:, None, :]), log_p


class _Tests:
    """Asks the denoiser what is left of each conditional once some candidates are revealed."""

    def __init__(self, denoiser: Denoiser, z: Tensor, y: Tensor, log_p: Tensor, eps: float) -> None:
        self.denoiser, self.z, self.y, self.log_p, self.eps = denoiser, z, y, log_p, eps
        self.calls = (z == denoiser.d).any(-1).long()

    def passed(self, rows: Bool[Tensor, "batch"], anchors: Bool[Tensor, "batch n"]) -> Bool[Tensor, "some n"]:
        """Return for the given rows which positions the anchors leave unmoved; one call for each row."""
        self.calls = self.calls + rows.long()
        shown = torch.where(anchors, self.y, self.z)[rows]
        if not len(shown):
            return torch.zeros_like(shown, dtype=torch.bool)
        log_q = ask(self.denoiser, shown)
        return meets(influence(self.log_p[rows], log_q), self.eps) & (self.eps >= 0)


def _binary(tests: _Tests, hidden: Tensor, rank: Tensor) -> Tensor:
    """Run the rounds of section 3.3, most significant bit of the rank first."""
    kept = hidden.clone()
    for bit in reversed(range((hidden.shape[-1] - 1).bit_length())):
        high = (rank >> bit) % 2 == 1
        anchors, tested = kept & ~high, kept & high
        rows = anchors.any(-1) & tested.any(-1)
        kept[rows] = anchors[rows] | (tested[rows] & tests.passed(rows, anchors))
    return kept


def _in_order(tests: _Tests, hidden: Tensor, rank: Tensor) -> Tensor:
    """Scan the ranks upward; keep a position if everything kept before it leaves it unmoved."""
    count = hidden.sum(-1)
    kept = hidden & (rank == 0)
    unmoved = torch.zeros_like(hidden)
    grown = hidden.any(-1)
    for r in range(1, hidden.shape[-1]):
        ask = grown & (r < count)
        unmoved[ask] = tests.passed(ask, kept)
        new = hidden & (rank == r) & unmoved
        kept = kept | new
        grown = (grown & ~ask) | new.any(-1)
    return kept


def _repeated(rows: Tensor, times: int) -> Tensor:
    return rows.repeat_interleave(times, 0)
