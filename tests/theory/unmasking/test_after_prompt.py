"""What a rule is shown after a prompt: all positions, those of the prompt as revealed."""

from __future__ import annotations

import dataclasses

import torch
from torch import Generator, Tensor

from theory import worlds
from theory.prompted import prompted
from theory.unmasking.rules.after_prompt import after_prompt
from theory.unmasking.rules.base import SetRule


def test_a_rule_sees_point_masses_on_the_prompt() -> None:
    """`_rows` of `after_prompt`: the conditionals of all positions, those of the prompt certain of its tokens."""
    p = prompted(worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0)), torch.tensor([3, 1, 3, 2]))
    seen: list[Tensor] = []

    @dataclasses.dataclass(frozen=True)
    class Watching(SetRule):
        def select(self, log_p: Tensor, masked: Tensor, generator: Generator | None = None) -> Tensor:
            seen.extend((log_p, masked))
            return masked

    log_p, masked = torch.rand(5, 2, 3).double().log_softmax(-1), torch.ones(5, 2, dtype=torch.bool)
    assert after_prompt(Watching(), p).select(log_p, masked).tolist() == masked.tolist()
    assert torch.equal(seen[0][:, [0, 2]], log_p)
    assert seen[0][:, [1, 3]].exp().tolist() == [[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]] * 5
    assert seen[1].tolist() == [[True, False, True, False]] * 5
