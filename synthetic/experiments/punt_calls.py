"""PUNT's denoiser calls and its bias: binary-coded tests against the in-order reference (arXiv 2510.21961).

Table: part, case, tests ("binary" or "in-order"), eps (nats), n, calls (denoiser calls a sequence), steps, tv, kl
(KL(p_out || q), nats), errors (E sum of delta over kept tokens, nats: the bound proved for in-order tests).
Parts: "fixture" (G1: parity of two bits; G2: a reverse anchor; eps = 0, ranks = indices) and "tables" (flat Dirichlet
laws of four bits, a row each) are exact; "length" is sampled from worlds of length n with exact conditionals, tv, kl
and errors 0 there, as are kl and errors of G1 by binary tests, which are infinite.
Scalars per tests: violations (tables x eps with kl > errors), worst (largest kl - errors), cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.unmasking.rules.punt import Punt
    from theory.worlds import World

Tests = Literal["binary", "in-order"]
BOTH: tuple[Tests, Tests] = ("binary", "in-order")


@dataclass(frozen=True)
class Config:
    """Random tables and thresholds (nats); lengths, sequences and threshold of the sampled runs."""

    tables: int = 48
    eps: tuple[float, ...] = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    lengths: tuple[int, ...] = (4, 8, 16, 32, 64)
    sequences: int = 32
    long_eps: float = 0.05
    seed: int = 0


PRESETS = {
    "smoke": Config(tables=6, eps=(0.0, 0.03, 0.3), lengths=(4, 8, 16), sequences=8),
    "laptop": Config(),
    "gpu": Config(tables=1000, lengths=(4, 8, 16, 32, 64, 128, 256, 512), sequences=256),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the fixtures and tables exactly and sample the long worlds."""
    import pandas as pd

    rows = [*fixtures(), *random_tables(config, progress), *lengths(config, progress)]
    table = pd.DataFrame(rows)
    scalars = {}
    for tests, mine in table[table["part"] == "tables"].groupby("tests"):
        gap = mine["kl"] - mine["errors"]
        scalars |= {
            f"{tests}/violations": float((gap > 1e-10).sum()),
            f"{tests}/worst": float(gap.max()),
            f"{tests}/cases": float(len(gap)),
        }
    return table, scalars


def fixtures() -> Iterator[dict[str, Any]]:
    """Yield the two fixtures at eps = 0, ranked by index."""
    import torch

    from theory.unmasking.rules.punt import Punt
    from theory.worlds import TableWorld, states

    x = states.all_sequences(4, 2)
    parity = (x[:, 3] == x[:, 1] ^ x[:, 2]).double() / 8
    y = states.all_sequences(4, 3)
    first, fair = (torch.tensor(row, dtype=torch.float64) for row in ([0.4, 0.3, 0.3], [0.5, 0.5, 0]))
    second = torch.tensor([[0.5, 0.5, 0], [0.9, 0.1, 0], [0.1, 0.9, 0]], dtype=torch.float64)
    anchored = fair[y[:, 0]] * first[y[:, 1]] * second[y[:, 1], y[:, 2]] * fair[y[:, 3]]
    for case, law, d in (("G1", parity, 2), ("G2", anchored, 3)):
        for tests in BOTH:
            yield {
                "part": "fixture",
                "case": case,
                **exact(Punt(0.0, "index", tests), TableWorld(law / law.sum(), 4, d)),
            }


def random_tables(config: Config, progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield every random table at every threshold, both ways of testing."""
    import numpy as np

    from theory.unmasking.rules.punt import Punt
    from theory.worlds import TableWorld

    laws = np.random.default_rng(config.seed).dirichlet([1.0] * 16, config.tables)
    for number, weights in enumerate(progress.track(laws, "tables")):
        for eps in config.eps:
            for tests in BOTH:
                found = exact(Punt(eps, "confidence", tests), TableWorld(weights, 4, 2))
                yield {"part": "tables", "case": str(number), **found}


def exact(rule: Punt, world: World) -> dict[str, Any]:
    """Return calls, steps, TV, KL(p_out || q) and E sum delta of PUNT on a world."""
    from theory.unmasking.walks import walk
    from theory.worlds import information, states

    found = walk(rule, world)
    z, mass = states.all_states(world.n, world.d), found.visits
    open_ = (z == world.d).any(-1) & (mass > 0)
    errors = mass[open_] @ rule.step_error(found.world, z[open_])
    output, law = found.output.law(), found.world.law()
    missed = bool(((output > 0) & (law <= 0)).any())
    return {
        "tests": rule.tests, "eps": rule.eps, "n": world.n, "calls": float(found.calls),
        "steps": float(mass[open_].sum()), "tv": float(information.total_variation(output, law)),
        "kl": 0.0 if missed else float(information.kullback_leibler(output, law).clamp(min=0)),
        "errors": 0.0 if missed else float(errors.clamp(min=0)),
    }  # fmt: skip


def lengths(config: Config, progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield mean calls and steps of sampling whole sequences."""
    import torch

    from theory import worlds
    from theory.unmasking.rules.punt import Punt
    from theory.worlds.tree import sticky_chain

    generator = torch.Generator().manual_seed(config.seed)
    for n in progress.track(config.lengths, "lengths"):
        bit = torch.tensor([0.7, 0.3], dtype=torch.float64)
        makers = {
            "independent": worlds.product(bit.expand(n, 2)),
            "chain, stay 0.7": sticky_chain(n, 0.7),
            "chain, stay 0.9": sticky_chain(n, 0.9),
        }
        for case, world in makers.items():
            for tests in BOTH:
                rule = Punt(config.long_eps, "confidence", tests)
                calls, steps = sampled(rule, world, config.sequences, generator)
                yield {"part": "length", "case": case, "tests": tests, "eps": config.long_eps, "n": n, "calls": calls,
                       "steps": steps, "tv": 0.0, "kl": 0.0, "errors": 0.0}  # fmt: skip


def sampled(rule: Punt, world: World, sequences: int, generator: Any) -> tuple[float, float]:
    """Return mean denoiser calls and steps of binary sequences drawn from all masked."""
    import torch

    z = torch.full((sequences, world.n), 2)
    calls = steps = 0.0
    while bool((z == 2).any()):
        steps += float((z == 2).any(-1).double().mean())
        z, spent = rule.step(world, z, generator)
        calls += float(spent.double().mean())
    return calls, steps
