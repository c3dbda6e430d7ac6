"""What keeps a rule outside the theorems is found by trying: each kind of fault, and no fault in a built-in rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from theory.unmasking.evaluation import ERRATIC, family_remarks
from theory.unmasking.rules.function import as_rule
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, TopK


def surest(log_p: Tensor, masked: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    best = score(log_p).masked_fill(~masked, -torch.inf).argmax(-1)
    return torch.nn.functional.one_hot(best, masked.shape[-1]).bool() & masked


def plain(log_p: Tensor, masked: Tensor) -> Tensor:
    return surest(log_p, masked, lambda p: p.amax(-1))


def looks_at_the_batch(log_p: Tensor, masked: Tensor) -> Tensor:
    return surest(log_p, masked, lambda p: (p - p.mean(0)).amax(-1))


def reads_what_is_revealed(log_p: Tensor, masked: Tensor) -> Tensor:
    return surest(log_p, masked, lambda p: (p - p.mean(1, keepdim=True)).amax(-1))


def erratic(log_p: Tensor, masked: Tensor) -> Tensor:
    return surest(log_p, masked, lambda p: torch.rand(p.shape[:2], dtype=p.dtype))


@pytest.mark.parametrize("rule", [TopK(2), EntropyBounded(0.3), RandomOne(), as_rule(plain)])
def test_a_rule_of_the_family_has_no_remark(rule: object) -> None:
    assert family_remarks(rule) == []


@pytest.mark.parametrize(
    ("rule", "remark"),
    [
        (looks_at_the_batch, "its choice for one sequence depends on the others in the batch"),
        (reads_what_is_revealed, "it reads conditionals at revealed positions"),
        (erratic, ERRATIC),
    ],
)
def test_each_fault_is_named(rule: Callable[..., Tensor], remark: str) -> None:
    (found,) = family_remarks(as_rule(rule))
    assert found.startswith(remark)
