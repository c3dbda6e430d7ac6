"""What the energy claims promise beyond their verdicts: cheap import, a differentiable slack."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from theory.ledger import catalogue


def test_importing_the_claims_stays_cheap() -> None:
    code = "import sys, theory.energy.claims; print({'sympy', 'flint'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_least_energy_slack_is_differentiable() -> None:
    claim = catalogue.claim("energy.3a")
    assert claim.objective is not None
    mask = torch.tensor([[1.0, 1.3, 0.8]], dtype=torch.float64, requires_grad=True)
    slack = claim.objective(mask=mask, weight=torch.tensor([[1.0, 1.0, 1.0]], dtype=torch.float64))
    assert float(slack.detach()) == pytest.approx(11.956321527035644 - 9.869604401089358, rel=1e-10)
    slack.backward()
    assert mask.grad is not None and torch.isfinite(mask.grad).all() and mask.grad[0, 1] != 0
