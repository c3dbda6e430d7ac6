"""One optimisation step: gradients (compiled where asked), clipping, AdamW under a warm-up and cosine rate, averaging.

Rates and the average's decay are functions of the step alone, so a run goes on from its tensors and its step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from theory.errors import InvalidInput

BETAS = (0.9, 0.98)
Objective = Callable[..., Float[Tensor, ""]]
"""A module and a batch's tensors to the mean loss."""


@dataclass(frozen=True)
class Schedule:
    """AdamW's peak rate, warm-up, cosine decay to zero at `steps`, weight decay, clipping norm, averaging."""

    steps: int
    rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999

    def rate_at(self, step: int) -> float:
        """Return the rate of step 0..steps-1: linear to the peak, then a half cosine down."""
        warmup = min(self.warmup, self.steps - 1)
        if step < warmup:
            return self.rate * (step + 1) / (warmup + 1)
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (self.steps - warmup)))

    def decay_at(self, step: int) -> float:
        """Return the share of the old average that a step keeps; early ones forget the start sooner."""
        return min(self.ema, (1 + step) / (10 + step))


class Optimiser:
    """A module in training, the exponential moving average of its weights, and AdamW's moments.

    Matrices decay; vectors and embeddings do not. `objective(module, *batch)` is the mean loss of a batch.
    """

    def __init__(self, module: nn.Module, objective: Objective, schedule: Schedule, *, compiled: bool = False) -> None:
        self.module, self.schedule = module, schedule
        self.average = copy.deepcopy(module).requires_grad_(False).eval()
        self.named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        if not self.named:
            raise InvalidInput("no weight of the module may change; set requires_grad on those that should")
        inner = {id(layer.weight) for layer in module.modules() if isinstance(layer, nn.Linear)}
        groups = [
            {"params": [p for p in self.named.values() if id(p) in inner], "weight_decay": schedule.weight_decay},
            {"params": [p for p in self.named.values() if id(p) not in inner], "weight_decay": 0.0},
        ]
        self.adam = torch.optim.AdamW([g for g in groups if g["params"]], lr=schedule.rate, betas=BETAS, fused=True)
        averaged = dict(self.average.named_parameters())
        self._averaged = [averaged[name] for name in self.named]
        self._gradients = _Gradients(module, objective, compiled)

    def step(self, step: int, *batch: Tensor) -> Float[Tensor, "2"]:
        """Take step number `step` on one batch; return its loss and the norm of its gradient before clipping."""
        for group in self.adam.param_groups:
            group["lr"] = self.schedule.rate_at(step)
        self.adam.zero_grad()
        loss = self._gradients(*batch)
        norm = nn.utils.clip_grad_norm_(self.named.values(), self.schedule.clip)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, list(self.named.values()), 1 - self.schedule.decay_at(step))
        return torch.stack((loss.detach().float(), norm.float()))

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a later process needs to go on, by name: weights, their average, both moments."""
        return dict(self._tensors())

    def scalars(self) -> dict[str, Any]:
        """Return AdamW's settings, for the reader of a checkpoint."""
        return {"name": "AdamW", "betas": list(BETAS), "eps": self.adam.defaults["eps"]}

    def restore(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned after `step` steps. Raises InvalidInput for another module's tensors."""
        self._check(tensors)
        for name, parameter in self.named.items():
            like = {"device": parameter.device, "dtype": parameter.dtype, "copy": True}
            self.adam.state[parameter] = {
                "step": torch.tensor(float(step), device=parameter.device),
                "exp_avg": tensors[f"first/{name}"].to(**like),
                "exp_avg_sq": tensors[f"second/{name}"].to(**like),
            }
        with torch.no_grad():
            for prefix, module in (("weights", self.module), ("average", self.average)):
                for name, parameter in module.named_parameters():
                    parameter.copy_(tensors[f"{prefix}/{name}"])

    def _check(self, tensors: dict[str, Tensor]) -> None:
        shapes = {f"weights/{name}": parameter.shape for name, parameter in self.module.named_parameters()}
        found = {name: tensor.shape for name, tensor in tensors.items() if name.startswith("weights/")}
        wrong = [name for name in {**shapes, **found} if shapes.get(name) != found.get(name)]
        if wrong:
            raise InvalidInput(
                f"the tensors are another architecture's: {wrong[0]} is {_size(found.get(wrong[0]))}, expected "
                f"{_size(shapes.get(wrong[0]))}, and {len(wrong) - 1} more differ; ask for that architecture"
            )

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for prefix, module in (("weights", self.module), ("average", self.average)):
            yield from ((f"{prefix}/{name}", parameter) for name, parameter in module.named_parameters())
        for name, parameter in self.named.items():
            state = self.adam.state[parameter]
            yield f"first/{name}", state["exp_avg"]
            yield f"second/{name}", state["exp_avg_sq"]


class _Gradients:
    """The loss of a batch, with its gradient left in the module. Falls back to eager where compiling fails."""

    def __init__(self, module: nn.Module, objective: Objective, compiled: bool) -> None:
        self._eager: Callable[..., Tensor] = lambda *batch: objective(module, *batch)
        self._compiled: Callable[..., Tensor] | None = None
        self._module, self._to_compile = module, compiled

    def __call__(self, *batch: Tensor) -> Tensor:
        if self._to_compile:
            self._to_compile = False
            torch.compiler.reset()  # else the ninth module of a process meets torch's limit on recompiling
            self._compiled = torch.compile(self._eager, dynamic=False)
            try:
                return _backward(self._compiled(*batch))
            except Exception:  # no compiler, or one that fails: the eager form below raises what is real
                self._compiled = None
                self._module.zero_grad()
        return _backward((self._compiled or self._eager)(*batch))


def _size(shape: torch.Size | None) -> str:
    return "absent" if shape is None else str(tuple(shape))


def _backward(loss: Tensor) -> Tensor:
    loss.backward()
    return loss
