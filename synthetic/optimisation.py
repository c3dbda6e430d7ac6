"""One optimisation step: gradients (compiled where asked), clipping, AdamW under a warm-up and cosine rate, averaging.

Rates and the average's decay are functions of the step alone, so a run goes on from its tensors and its step. A module
may hold a stack of networks, its parameters one after the other along a first axis: each is trained as it would be
alone, since its loss depends on its own weights only and its gradient is clipped by itself.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthetic.devices import wide_products
from theory.errors import InvalidInput

BETAS = (0.9, 0.98)
ALIGNED = 64
Objective = Callable[..., Float[Tensor, "*members"]]
"""A module and a batch's tensors to the mean loss, or to that of each member of a stack."""


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

    Matrices decay; vectors and embeddings do not. `objective(module, *batch)` is the mean loss of a batch, of each
    member where the module is a `stack`. The weights of a member lie in one row of memory, so that an update is a few
    operations on all of them, and rounds in each member as it would alone.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        schedule: Schedule,
        *,
        compiled: bool = False,
        stack: bool = False,
    ) -> None:
        self.module, self.schedule = module, schedule
        self.average = copy.deepcopy(module).requires_grad_(False).eval()
        self.named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        if not self.named:
            raise InvalidInput("no weight of the module may change; set requires_grad on those that should")
        self._layout = _Layout({name: p.shape for name, p in self.named.items()}, stack)
        device = next(iter(self.named.values())).device
        self._weights, self._averages, self._gradient = (self._layout.rows(device) for _ in range(3))
        averaged = dict(self.average.named_parameters())
        for name, parameter in self.named.items():
            for rows, held in ((self._weights, parameter), (self._averages, averaged[name])):
                held.data = self._layout.place(rows, name).copy_(held.data)
        self._slots = [self._layout.place(self._gradient, name) for name in self.named]
        self._weights.grad = self._gradient
        self.adam = torch.optim.AdamW([self._weights], lr=schedule.rate, betas=BETAS, weight_decay=0.0, fused=True)
        inner = {id(layer.weight) for layer in module.modules() if isinstance(layer, nn.Linear)}
        self._decaying = self._layout.rows(device)[:1]
        for name in (name for name, p in self.named.items() if id(p) in inner):
            first, last = self._layout.span[name]
            self._decaying[:, first:last] = 1.0
        self._gradients = _Gradients(module, objective, list(self.named.values()), compiled)

    def step(self, step: int, *batch: Tensor) -> Float[Tensor, "2 ..."]:
        """Take step number `step` on one batch; return losses and the norms of the gradients before clipping."""
        rate = self.schedule.rate_at(step)
        self.adam.param_groups[0]["lr"] = rate
        with wide_products(batch[0], self._layout.width, self._layout.members):
            loss, gradients = self._gradients(*batch)
        with torch.no_grad():
            torch._foreach_copy_(self._slots, gradients)
            norm = torch.stack(torch._foreach_norm(list(self._gradient)))
            self._gradient.mul_((self.schedule.clip / (norm + 1e-6)).clamp(max=1.0)[:, None])
            self._weights.mul_(1 - rate * self.schedule.weight_decay * self._decaying)
            self.adam.step()
            self._averages.lerp_(self._weights, 1 - self.schedule.decay_at(step))
        return torch.stack((loss.detach().float(), norm.view(loss.shape).float()))

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a later process needs to go on, by name: weights, their average, both moments."""
        return dict(self._tensors())

    def scalars(self) -> dict[str, Any]:
        """Return AdamW's settings, for the reader of a checkpoint."""
        return {"name": "AdamW", "betas": list(BETAS), "eps": self.adam.defaults["eps"]}

    def restore(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned after `step` steps. Raises InvalidInput for another module's tensors."""
        self._check(tensors)
        moments = [torch.zeros_like(self._weights) for _ in range(2)]
        for kind, rows in zip(("first", "second"), moments, strict=True):
            for name in self.named:
                self._layout.place(rows, name).copy_(tensors[f"{kind}/{name}"])
        self.adam.state[self._weights] = {
            "step": torch.tensor(float(step), device=self._weights.device),
            "exp_avg": moments[0],
            "exp_avg_sq": moments[1],
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
        state = self.adam.state[self._weights]
        for name in self.named:
            yield f"first/{name}", self._layout.place(state["exp_avg"], name)
            yield f"second/{name}", self._layout.place(state["exp_avg_sq"], name)


class _Layout:
    """Where each tensor lies in the rows of memory, one row a member. Rows end with padding to a multiple of ALIGNED.

    A processor's wide and narrow instructions round differently; with whole rows only the wide ones are used, wherever
    a member's row lies.
    """

    def __init__(self, shapes: Mapping[str, torch.Size], stack: bool) -> None:
        self.shapes, self.members = shapes, next(iter(shapes.values()))[0] if stack else 1
        self.span: dict[str, tuple[int, int]] = {}
        end = 0
        for name, shape in shapes.items():
            size = shape.numel() // self.members
            self.span[name] = (end, end + size)
            end += size
        self.width = -(-end // ALIGNED) * ALIGNED

    def rows(self, device: torch.device) -> Float[Tensor, "members width"]:
        return torch.zeros(self.members, self.width, device=device)

    def place(self, rows: Float[Tensor, "members width"], name: str) -> Tensor:
        """Return the part of the rows that holds a tensor, in its shape."""
        first, last = self.span[name]
        return rows[:, first:last].view(self.shapes[name])


class _Gradients:
    """The loss of a batch and its gradients. Falls back to eager where compiling fails."""

    def __init__(self, module: nn.Module, objective: Objective, parameters: list[nn.Parameter], compiled: bool) -> None:
        self._eager: Callable[..., Tensor] = lambda *batch: objective(module, *batch)
        self._compiled: Callable[..., Tensor] | None = None
        self._parameters, self._to_compile = parameters, compiled

    def __call__(self, *batch: Tensor) -> tuple[Tensor, list[Tensor]]:
        if self._to_compile:
            self._to_compile = False
            torch.compiler.reset()  # else the ninth module of a process meets torch's limit on recompiling
            self._compiled = torch.compile(self._eager, dynamic=False)
            try:
                return self._backward(self._compiled(*batch))
            except Exception:  # no compiler, or one that fails: the eager form below raises what is real
                self._compiled = None
        return self._backward((self._compiled or self._eager)(*batch))

    def _backward(self, loss: Tensor) -> tuple[Tensor, list[Tensor]]:
        return loss, list(torch.autograd.grad(loss.sum(), self._parameters, materialize_grads=True))


def _size(shape: torch.Size | None) -> str:
    return "absent" if shape is None else str(tuple(shape))
