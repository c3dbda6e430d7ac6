"""A measurement as a run that can be cut off: one file for each group of sequences, found again by the next run."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthetic.encoding import decode, encode
from synthetic.measuring.scores import COLUMNS, Plan, Row, score
from synthetic.measuring.sequences import Sequences
from synthetic.progress import Progress, Silent
from synthetic.sealed import Damage, seal, unseal
from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.files import make_folder, write_atomically

HEADER = "measurement.json"
CLOSE = 1e-3
"""How far a model's log-probabilities may move between two runs by rounding: where more, it is another model."""
PROBED = 4


@dataclass(eq=False)
class Timed:
    """A denoiser that counts the states that it is asked about, and the seconds that it takes."""

    denoiser: Denoiser
    states: int = 0
    seconds: float = 0.0
    n: int | None = field(init=False)
    d: int = field(init=False)

    def __post_init__(self) -> None:
        self.n, self.d = getattr(self.denoiser, "n", None), self.denoiser.d

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return the denoiser's answer."""
        start = time.perf_counter()
        answer = self.denoiser(z)
        self.seconds += time.perf_counter() - start
        self.states += len(z)
        return answer


@dataclass(frozen=True)
class Run:
    """The rows of a measurement, the states that were asked about for them, and the seconds it all took."""

    rows: pd.DataFrame
    states: int
    seconds: float
    seconds_in_model: float
    outside: float = math.nan
    """The mean probability of tokens that are not allowed, at masked places; nan where the model has no others."""


def measure(
    denoiser: Denoiser,
    data: Sequences,
    plan: Plan,
    folder: Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Measure a model on sequences; with a folder, what was finished is kept there and found again.

    The cost is said before the work. Raises InvalidInput where the folder holds a measurement of another model, plan or
    other sequences.
    """
    start = time.perf_counter()
    timed = Timed(denoiser)
    _check_lengths(denoiser, data)
    probe = _probe(timed, data)
    again = _probe(timed, data)
    if any(abs(a - b) > CLOSE for a, b in zip(probe, again, strict=True)):
        raise InvalidInput(
            "the model answers differently when asked twice; switch its dropout off, as model.eval() does"
        )
    if folder is not None:
        make_folder(folder)
        _claim(folder, _header(denoiser, data, plan, probe))
    groups = list(data.groups(plan.group))
    kept = {members[0]: _kept(folder, members) for members in groups}
    due = [members for members in groups if kept[members[0]] is None]
    say(_cost(timed, data, plan, due, len(groups)))
    states, seconds = _kept_cost(kept)
    for members in (progress or Silent()).track(due, "groups of sequences"):
        before, begun = timed.states, time.perf_counter()
        rows = score(timed, *data.rows(members), members, plan)
        spent = {"states": timed.states - before, "seconds": time.perf_counter() - begun}
        kept[members[0]] = {"rows": rows, **spent}
        states, seconds = states + spent["states"], seconds + spent["seconds"]
        if folder is not None:
            payload = {"items": members, "rows": encode([list(row) for row in rows], "rows"), **spent}
            write_atomically(_part(folder, members), seal(payload))
    rows = [row for part in kept.values() if part is not None for row in part["rows"]]
    table = pd.DataFrame(sorted(rows, key=lambda row: row[0]), columns=list(COLUMNS))
    return Run(table, states, time.perf_counter() - start, timed.seconds, _outside(denoiser, data))


def _check_lengths(denoiser: Denoiser, data: Sequences) -> None:
    most, n = getattr(denoiser, "longest", None), getattr(denoiser, "n", None)
    for number, tokens in enumerate(data.tokens):
        if most is not None and len(tokens) > most:
            raise InvalidInput(f"sequence {number} has {len(tokens)} tokens; the model takes at most {most}")
        if n is not None and len(tokens) != n:
            raise InvalidInput(f"sequence {number} has {len(tokens)} tokens; the model takes sequences of {n}")


def _outside(denoiser: Denoiser, data: Sequences) -> float:
    """Return the mean probability of tokens that are not allowed, on some sequences with every other token masked."""
    measured = getattr(denoiser, "outside", None)
    if measured is None:
        return math.nan
    masses = []
    for tokens in data.tokens[:PROBED]:
        z = tokens.clone()
        z[::2] = data.d
        masses.append(float(measured(z[None])[0][z == data.d].mean()))
    return sum(masses) / len(masses)


def _probe(denoiser: Denoiser, data: Sequences) -> list[float]:
    """Return the model's log-probabilities of some tokens of the first sequence, by which it is known again."""
    x = data.tokens[0]
    z = x.clone()
    z[::2] = data.d
    log_p = denoiser(z[None])[0].cpu()
    return [float(f"{float(log_p[i, x[i]]):.6g}") for i in range(0, len(x), 2)][:PROBED]


def _header(denoiser: Denoiser, data: Sequences, plan: Plan, probe: list[float]) -> dict[str, Any]:
    digest = hashlib.sha256(repr(data.d).encode())
    for tokens, given in zip(data.tokens, data.given, strict=True):
        digest.update(repr((tokens.tolist(), given.tolist())).encode())
    name = getattr(denoiser, "name", type(denoiser).__name__)
    settings = encode(asdict(plan), "plan")
    return {"model": name, "sequences": digest.hexdigest(), "plan": settings, "probe": encode(probe, "probe")}


def _claim(folder: Path, header: dict[str, Any]) -> None:
    """Write what a folder is about, or see that it is about the same."""
    path = folder / HEADER
    if not path.exists():
        if any(folder.glob("part-*.json")):
            raise InvalidInput(f"{folder} holds parts of a measurement that is not known; name another folder")
        write_atomically(path, seal(header))
        return
    try:
        before = unseal(path.read_bytes(), "measurement")
    except Damage as damage:
        raise InvalidInput(f"{path} is damaged ({damage}); name another folder, or remove this one") from damage
    changed = [
        _other(before, header, name) for name in ("model", "sequences", "plan") if before.get(name) != header[name]
    ]
    moved = [abs(a - b) for a, b in zip(decode(before["probe"]), decode(header["probe"]), strict=False)]
    if not changed and any(move > CLOSE for move in moved):
        changed = ["other weights"]
    if changed:
        raise InvalidInput(f"{folder} holds a measurement with {' and '.join(changed)}; name another folder")


def _other(before: dict[str, Any], now: dict[str, Any], name: str) -> str:
    """Say how a part of the header differs: of a plan, its settings."""
    if name != "plan":
        return f"another {name}" if name == "model" else f"other {name}"
    old, new = before.get("plan") or {}, now["plan"]
    return (
        ", ".join(f"{key} {old.get(key)} for {new[key]}" for key in new if old.get(key) != new[key]) or "another plan"
    )


def _part(folder: Path, members: list[int]) -> Path:
    return folder / f"part-{members[0]:06d}.json"


def _kept(folder: Path | None, members: list[int]) -> dict[str, Any] | None:
    """Return what an earlier run kept of a group; None where there is nothing, or it is damaged, which is said."""
    if folder is None or not _part(folder, members).exists():
        return None
    path = _part(folder, members)
    try:
        payload = unseal(path.read_bytes(), "part of a measurement")
    except Damage as damage:
        warnings.warn(f"{path} cannot be used ({damage}): measuring it again", stacklevel=3)
        return None
    rows: list[Row] = [tuple(row) for row in decode(payload["rows"])]
    return {**payload, "rows": rows} if payload["items"] == members else None


def _kept_cost(kept: dict[int, dict[str, Any] | None]) -> tuple[int, float]:
    parts = [part for part in kept.values() if part is not None]
    return sum(part["states"] for part in parts), sum(part["seconds"] for part in parts)


def _cost(timed: Timed, data: Sequences, plan: Plan, due: list[list[int]], groups: int) -> str:
    """Say how much is to be done, from the time that a small batch of states takes."""
    if not due:
        return f"all {len(data)} sequences are measured already"
    free = data.free
    states = sum(plan.states(free[i], i < plan.scored) for members in due for i in members)
    tokens, given = data.rows(due[0][:1])
    batch = torch.where(given, tokens, data.d).repeat(8, 1)
    before = timed.seconds
    timed(batch)
    seconds = (timed.seconds - before) / len(batch) * states
    left = f"{len(data)} sequences" if len(due) == groups else f"{sum(map(len, due))} of {len(data)} sequences"
    return f"{left} to measure: at most {states} states, about {_duration(seconds)}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
