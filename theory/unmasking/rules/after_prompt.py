"""A rule as it acts after a prompt, for rules that look at positions: dilated groups, Halton orders, tables of states.

`theory.prompted` numbers the masked positions 0..k-1. `after_prompt` hands the rule all n positions, those of
the prompt as revealed, and keeps the masked ones of its choice: a walk on the smaller world is then the walk from the
start.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.prompted import Prompted
from theory.unmasking.rules.base import Rule, SetRule, ValueRule


def after_prompt(rule: Rule, prompt: Prompted) -> Rule:
    """Return a rule for all n positions as one for the k masked positions of a prompt; its name stays."""
    if isinstance(rule, SetRule):
        return _SetAfterPrompt(rule, prompt)
    return _ValueAfterPrompt(rule, prompt)


@dataclass(frozen=True)
class _SetAfterPrompt(SetRule):
    rule: SetRule
    prompt: Prompted

    @property
    def name(self) -> str:  # type: ignore[override]  # that of the rule
        return self.rule.name

    def for_states(self, z: Int[Tensor, "batch k"]) -> SetRule:
        return _SetAfterPrompt(self.rule.for_states(self.prompt.whole(z)), self.prompt)

    def select(
        self, log_p: Float[Tensor, "batch k d"], masked: Bool[Tensor, "batch k"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch k"]:
        chosen = self.rule.select(_rows(self.prompt, log_p), _masks(self.prompt, masked), generator)
        return chosen[..., self.prompt.positions.to(chosen.device)]

    def choices(
        self, log_p: Float[Tensor, "batch k d"], masked: Bool[Tensor, "batch k"]
    ) -> tuple[Float[Tensor, "batch c"], Bool[Tensor, "batch c k"]]:
        weights, chosen = self.rule.choices(_rows(self.prompt, log_p), _masks(self.prompt, masked))
        return weights, chosen[..., self.prompt.positions]


@dataclass(frozen=True)
class _ValueAfterPrompt(ValueRule):
    rule: ValueRule
    prompt: Prompted

    @property
    def name(self) -> str:  # type: ignore[override]  # that of the rule
        return self.rule.name

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch k"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c k"], Int[Tensor, "batch c"]]:
        weights, after, calls = self.rule.outcomes(_Outer(denoiser, self.prompt), self.prompt.whole(z))
        return weights, after[..., self.prompt.positions], calls

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch k"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch k"], Int[Tensor, "batch"]]:
        after, calls = self.rule.step(_Outer(denoiser, self.prompt), self.prompt.whole(z), generator)
        return after[..., self.prompt.positions], calls


@dataclass(frozen=True)
class _Outer:
    """The denoiser of the masked positions as one of all positions, for states that show the prompt."""

    inner: Denoiser
    prompt: Prompted

    @property
    def n(self) -> int:
        return len(self.prompt.start)

    @property
    def d(self) -> int:
        return self.prompt.d

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        return _rows(self.prompt, self.inner(z[..., self.prompt.positions]))


def _rows(prompt: Prompted, log_p: Float[Tensor, "batch k d"]) -> Float[Tensor, "batch n d"]:
    """Return the conditionals of all positions: a point mass on every token of the prompt."""
    token = prompt.start.to(log_p.device) % prompt.d
    point = torch.nn.functional.one_hot(token, prompt.d).to(log_p.dtype).log()
    whole = point.expand(*log_p.shape[:-2], *point.shape).clone()
    whole[..., prompt.positions.to(log_p.device), :] = log_p
    return whole


def _masks(prompt: Prompted, masked: Bool[Tensor, "batch k"]) -> Bool[Tensor, "batch n"]:
    hidden = torch.zeros(*masked.shape[:-1], len(prompt.start), dtype=torch.bool, device=masked.device)
    hidden[..., prompt.positions.to(masked.device)] = masked
    return hidden
