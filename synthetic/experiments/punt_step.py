"""One step of PUNT on a state of a Markov chain: candidates, ranks, and its rounds of tests (arXiv 2510.21961).

Table: part, position, rank (by confidence from 0, -1 for clues), token (a clue, or the candidate drawn at a mask),
masked (1 or 0), confidence (of the conditional, 1 for clues), round, role and moved. Parts: "state", a row for each
position; "round", a row for each masked position and each round from 1: role is "anchor" (revealed for the test),
"kept" or "dropped" (tested) or "out" (dropped before), and moved is KL(p || q), by which the anchors move its
conditional (nats, nan where it was not tested). Scalars: eps (nats), calls (of the denoiser), revealed (tokens kept),
errors (sum of delta over them at these candidates, nats), dependence (total correlation of the kept positions given the
clues, nats), all masked (total correlation of all masked positions given the clues).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True)
class Config:
    """A chain of three symbols that keeps its symbol with `stay`, its clues and candidates, and the threshold (nats).

    `candidates` has a symbol at every position; at the clues it is the clue.
    """

    stay: float = 0.8
    clues: tuple[int, ...] = (3, 8)
    candidates: tuple[int, ...] = (0, 1, 0, 0, 0, 2, 2, 1, 1, 1)
    eps: float = 0.05


PRESETS = {"smoke": Config(), "laptop": Config(), "gpu": Config()}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the step from the exact conditionals, and check it against the rule."""
    import pandas as pd
    import torch

    from theory.unmasking.rules.punt import Punt, ranks, token_errors
    from theory.worlds.tree import sticky_chain

    world = sticky_chain(len(config.candidates), config.stay, 3)
    y = torch.tensor([config.candidates])
    z = y.clone()
    hidden = torch.ones_like(y, dtype=torch.bool)
    hidden[0, list(config.clues)] = False
    z[hidden] = world.d
    log_p = world(z)
    rank = ranks(log_p, hidden, y, "confidence")
    rows = [
        {
            "part": "state", "position": i, "rank": int(rank[0, i]) if hidden[0, i] else -1, "token": int(y[0, i]),
            "masked": int(hidden[0, i]), "confidence": float(log_p[0, i].max().exp()), "round": 0, "role": "",
            "moved": float("nan"),
        }
        for i in range(world.n)
    ]  # fmt: skip
    tests = rounds(world, z, y, rank, config.eps)
    rows += [{**rows[row["position"]], "part": "round", **row} for row in progress.track(tests, "tests")]
    kept, calls = Punt(config.eps).keep(world, z, y, log_p)
    delta = token_errors(world, z, y, kept, rank, log_p)
    return pd.DataFrame(rows), {
        "eps": config.eps, "calls": float(calls[0]), "revealed": float(kept.sum()), "errors": float(delta.sum()),
        "dependence": dependence(world, z, kept), "all masked": dependence(world, z, hidden),
    }  # fmt: skip


def rounds(world: Any, z: Tensor, y: Tensor, rank: Tensor, eps: float) -> list[dict[str, Any]]:
    """Return a row for every masked position in every round, the highest bit of the ranks first."""
    from theory.tolerance import meets
    from theory.unmasking.rules.punt import influence

    d = world.d
    masked = [int(i) for i in (z[0] == d).nonzero()[:, 0]]
    left, rows = set(masked), []
    for number, bit in enumerate(reversed(range((len(masked) - 1).bit_length())), start=1):
        anchors = [i for i in left if not int(rank[0, i]) >> bit & 1]
        shown = z.clone()
        shown[0, anchors] = y[0, anchors]
        moved = influence(world(z), world(shown))[0].clamp(min=0)
        passed = meets(moved, eps)
        for i in masked:
            tested = i in left and i not in anchors
            role = ("kept" if passed[i] else "dropped") if tested else "anchor" if i in left else "out"
            rows.append({"position": i, "round": number, "role": role,
                         "moved": float(moved[i]) if tested else float("nan")})  # fmt: skip
            if role == "dropped":
                left.discard(i)
    return rows


def dependence(world: Any, z: Tensor, block: Tensor) -> float:
    """Return the total correlation of masked positions given the clues, from all of their fillings, in nats."""
    import torch

    from theory.worlds import states

    places = block[0].nonzero()[:, 0]
    values = states.digits(torch.arange(world.d ** len(places)), len(places), world.d)
    filled = z.expand(len(values), -1).clone()
    filled[:, places] = values
    joint = world.log_marginal(filled) - world.log_marginal(z)
    own = world(z)[0, places].expand(len(values), -1, -1).gather(-1, values[..., None])[..., 0].sum(-1)
    return float((joint.exp() * (joint - own)).sum().clamp(min=0))
