"""Every claim of the energy ledger gets its expected verdict, and every planted false variant is refuted."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from theory.energy.claims import CLAIMS
from theory.ledger import Claim, Evidence, Instance, verdict

DRAWN = 10
BY_ID = {claim.id: claim for claim in CLAIMS}
VARIANTS = [(claim.id, name) for claim in CLAIMS for name in claim.variants]


@cache
def instances(name: str) -> tuple[Instance, ...]:
    """Return the fixtures and ten drawn instances."""
    claim, found = BY_ID[name], list(BY_ID[name].fixtures)
    if claim.inputs is None:
        return tuple(found)

    @settings(
        max_examples=DRAWN,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(claim.inputs())
    def collect(instance: dict[str, Any]) -> None:
        found.append(instance)

    collect()
    return tuple(found)


def evidence(claim: Claim) -> list[Evidence]:
    return [e for instance in instances(claim.id) for e in claim.check(**instance)]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_verdict_is_the_expected_one(claim: Claim) -> None:
    found = evidence(claim)
    assert verdict(found) == claim.expected, [e for e in found if not e.holds][:3]
    assert {e.route for e in found} == set(claim.routes)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_planted_false_variant_is_refuted(name: str, variant: str) -> None:
    check = BY_ID[name].variants[variant]
    assert any(verdict(check(**instance)) == "refuted" for instance in instances(name))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_says_what_it_rests_on(claim: Claim) -> None:
    assert claim.source and claim.statement and claim.tolerance and claim.fixtures
    assert all(json.loads(json.dumps(dict(instance))) == instance for instance in instances(claim.id))
    if claim.expected == "refuted":
        assert claim.see in BY_ID
        assert all(verdict(claim.check(**witness)) == "refuted" for witness in claim.fixtures[:1])
    else:
        assert claim.variants


def test_ids_are_unique_and_complete() -> None:
    assert len(BY_ID) == len(CLAIMS)
    numbers = {name.split(".")[0] + "." + "".join(c for c in name.split(".")[1] if c.isdigit()) for name in BY_ID}
    assert numbers == {f"energy.{k}" for k in range(1, 8)} | {f"schedules.{k}" for k in (14, 15, 16)}
    for name in ("energy.1.printed", "energy.3e.printed", "energy.5b.printed", "energy.6.printed"):
        assert BY_ID[name].expected == "refuted"


def test_importing_the_claims_stays_cheap() -> None:
    code = "import sys, theory.energy.claims; print({'sympy', 'torch', 'flint'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_least_energy_slack_is_differentiable() -> None:
    import torch

    claim = BY_ID["energy.3a"]
    assert claim.objective is not None
    mask = torch.tensor([[1.0, 1.3, 0.8]], dtype=torch.float64, requires_grad=True)
    slack = claim.objective(mask=mask, weight=torch.tensor([[1.0, 1.0, 1.0]], dtype=torch.float64))
    assert float(slack.detach()) == pytest.approx(11.956321527035644 - 9.869604401089358, rel=1e-10)
    slack.backward()
    assert mask.grad is not None and torch.isfinite(mask.grad).all() and mask.grad[0, 1] != 0
