"""The pretrained model of the extra `pretrained`, where it is installed, and what is said where it is not."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest
import torch

from synthetic.adapters import antibodies
from synthetic.experiments import pretrained
from synthetic.measuring.paths import along
from theory.errors import InvalidInput


def installed() -> bool:
    """Return whether both packages of the extra are there."""
    try:
        return all(importlib.metadata.version(name) for name in ("antiberty", "anarci"))
    except importlib.metadata.PackageNotFoundError:
        return False


NEEDED = pytest.mark.skipif(not installed(), reason="needs the extra `pretrained`: 100 MB of weights")


def test_without_the_packages_it_says_what_to_install(monkeypatch: Any) -> None:
    def nothing(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", nothing)
    for call in (lambda: antibodies.germline_chains(1), lambda: pretrained.check(pretrained.PRESETS["laptop"])):
        with pytest.raises(InvalidInput, match=r"pip install 'unmasked\[pretrained\]'"):
            call()
    pretrained.check(pretrained.PRESETS["smoke"])


def test_letters_become_tokens_and_others_are_refused() -> None:
    assert antibodies.tokens("ACY").tolist() == [0, 1, 19]
    with pytest.raises(InvalidInput, match="none of the 20 amino acids"):
        antibodies.tokens("ABC")


@NEEDED
def test_germline_chains_are_different_natural_looking_and_repeat() -> None:
    chains = antibodies.germline_chains(30)
    assert len(set(chains)) == 30 and chains == antibodies.germline_chains(30) != antibodies.germline_chains(30, seed=1)
    assert all(105 <= len(chain) <= 125 and chain.endswith("SS") for chain in chains)


@NEEDED
def test_the_model_knows_conserved_residues_and_its_answers_are_those_of_the_network() -> None:
    model = antibodies.antiberty()
    chain = antibodies.germline_chains(1)[0]
    x = antibodies.tokens(chain)[None]
    place = chain.index("C", 15)  # the first conserved cysteine
    z = x.clone()
    z[0, place] = model.d
    log_p = model(z)[0, place]
    assert float(log_p[x[0, place]].exp()) > 0.95
    network: Any = model.network.args[0]  # type: ignore[attr-defined]  # a partial of the network
    ids = torch.tensor([[2, *(5 + x[0]).tolist(), 3]])
    ids[0, 1 + place] = 4
    with torch.no_grad():
        logits = network(input_ids=ids).logits[0, 1 + place, 5:25]
    assert torch.allclose(log_p, logits.double().log_softmax(-1), atol=1e-5)


@NEEDED
def test_the_orders_of_a_real_model_disagree() -> None:
    model = antibodies.antiberty()
    x = antibodies.tokens(antibodies.germline_chains(1)[0])[None]
    given = torch.ones_like(x, dtype=torch.bool)
    given[0, 50:56] = False
    free = list(range(50, 56))
    orders = [[*range(50), *range(56, x.shape[1]), *own] for own in (free, free[::-1])]
    forward, backward = (float(along(model, x, given, torch.tensor([order]))) for order in orders)
    assert abs(forward - backward) > 1e-3
