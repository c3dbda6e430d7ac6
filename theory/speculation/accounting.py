"""Windows and calls of speculative samplers: rounds, sequential calls and evaluations kept apart.

A *sequential call* is a batch of target evaluations that must wait for the one before; an *evaluation* is one state
in it (docs/derivations.md, speculative.3: "halved NFE" counts the former; the latter rises).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor


class CallCount:
    """The windows of a batch of paths: ages, rounds, rejections and calls, all (paths,) integers.

    `frozen`: the draft needs the target at the window's first state, so a round is one call and then a batch; else
    one batch. `lookahead`: the batch holds the window's last state too, so the next first call is known in advance
    after a full acceptance. `shortest`, `longest`: the least and the greatest advance of a round on any path.
    """

    def __init__(
        self,
        paths: int,
        steps: int,
        window: int,
        frozen: bool,
        lookahead: bool,
        device: torch.device | None = None,
    ) -> None:
        self.steps, self.window, self.frozen, self.lookahead = steps, window, frozen, lookahead
        self.age, self.rounds, self.rejections, self.calls, self.evaluations, self.drafts = (
            torch.zeros(paths, dtype=torch.long, device=device) for _ in range(6)
        )
        self.known = torch.zeros(paths, dtype=torch.bool, device=device)
        self.shortest, self.longest = steps, 0

    def open(self, k: int) -> Bool[Tensor, "paths"]:
        """Start a window where none is open and count its calls; return where."""
        fresh = self.age == 0
        width = min(self.window, self.steps - k)
        self.rounds += fresh
        if not self.frozen:
            self.calls += fresh
            self.evaluations += fresh * width
            self.drafts += fresh * width
            return fresh
        first = fresh & ~self.known
        batch = width - 1 + (self.lookahead and k + width < self.steps)
        self.calls += first.long() + fresh.long() * (batch > 0)
        self.evaluations += first.long() + fresh.long() * batch
        return fresh

    def close(self, k: int, kept: Bool[Tensor, "paths"]) -> None:
        """Advance by one step and end windows that are full, rejected or at the end."""
        self.age += 1
        self.rejections += ~kept
        full = kept & (self.age == self.window)
        ended = ~kept | full | torch.full_like(kept, k == self.steps - 1)
        if bool(ended.any()):
            ages = self.age[ended]
            self.shortest, self.longest = min(self.shortest, int(ages.min())), max(self.longest, int(ages.max()))
        self.known = full & self.lookahead
        self.age = torch.where(ended, 0, self.age)
