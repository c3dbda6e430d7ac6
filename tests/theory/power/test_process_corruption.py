"""Faults planted into the engines of any-process generation: a claim on the ledger notices each."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from theory.ledger import catalogue, checking
from theory.power import cuts, dyck, lanes, parity, sudoku, transition


def backwards(number: int) -> torch.Tensor:
    """Return an elementary rule with its bits in the other order."""
    return torch.flip(torch.tensor(number) >> torch.arange(8) & 1, (0,)).reshape(2, 2, 2)


def no_path(labels: torch.Tensor, source: int, target: int) -> torch.Tensor:
    """Return no edge."""
    return torch.zeros(len(labels), *[labels.shape[1]] * 2, dtype=torch.bool)


FAULTS: dict[str, tuple[Any, str, Any, str]] = {
    "what is kept is not moved together": (
        transition, "_moved", lambda d, first, kept, more: transition.Strings(first, kept.sum(-1) + more.sum(-1), d),
        "process.1",
    ),
    "rule numbers are read backwards": (lanes, "elementary", backwards, "process.3"),
    "ranks are not added": (
        lanes, "jump", lambda n: lambda m: (m // n).gather(-1, m // n) * n + m % n, "process.4",
    ),
    "an inverse is the token itself": (dyck, "inverse", lambda token, kinds: token, "process.8"),
    "boxes do not count": (
        sudoku, "peers",
        lambda side: torch.tensor([
            [float(a != b and (a // side**2 == b // side**2 or a % side**2 == b % side**2)) for b in range(side**4)]
            for a in range(side**4)
        ]), "process.9",
    ),
    "no path is turned round": (cuts, "_path", no_path, "process.10"),
    "the answer is read off the length alone": (parity, "odd", lambda state: state.length == 1, "process.5"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_claim_notices(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim does not hold any more under the fault: it is refuted, or the engine itself refuses."""
    module, name, wrong, claim = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)
    try:
        verdict = checking.examine(catalogue.claim(claim), checking.PROFILES["smoke"]).verdict
    except Exception:  # a corrupted engine may break in any way
        return
    assert verdict == "refuted"
