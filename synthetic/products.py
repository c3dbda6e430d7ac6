"""A network that learns the products of a finite monoid, several seeds as one stack (arXiv 2510.13117, made trainable).

Both factors share one table of embeddings; two hidden layers follow. Composed on the balanced tree of
`theory.power.trees`, its answers are products of words of any length.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from synthetic.optimisation import Optimiser, Schedule
from synthetic.training import step_generator
from theory.errors import InvalidInput


class ProductNetwork(nn.Module):
    """Members of a stack: two elements to the logits of their product. Raises InvalidInput for sizes below one."""

    def __init__(self, seeds: tuple[int, ...], elements: int, width: int = 64, hidden: int = 256) -> None:
        super().__init__()
        if min(len(seeds), elements, width, hidden) < 1:
            raise InvalidInput(f"{len(seeds)} seeds, {elements} elements, widths {width}, {hidden}; expected positive")
        shapes = {
            "embedding": (elements, width), "first": (2 * width, hidden), "second": (hidden, hidden),
            "last": (hidden, elements),
        }  # fmt: skip
        for name, (rows, columns) in shapes.items():
            scale = 1.0 if name == "embedding" else rows**-0.5
            drawn = [torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
            setattr(self, name, nn.Parameter(scale * torch.stack(drawn)))

    def forward(self, pairs: Int[Tensor, "members batch 2"]) -> Float[Tensor, "members batch elements"]:
        """Return logits."""
        members, batch, _ = pairs.shape
        rows = pairs.flatten(1)[..., None].expand(-1, -1, self.embedding.shape[-1])
        both = self.embedding.gather(1, rows).view(members, batch, -1)
        return torch.relu(torch.relu(both @ self.first) @ self.second) @ self.last

    def table(self) -> Int[Tensor, "members elements elements"]:
        """Return what each member takes for the product of every two elements."""
        members, elements = self.embedding.shape[:2]
        pairs = torch.cartesian_prod(torch.arange(elements), torch.arange(elements))
        with torch.no_grad():
            return self(pairs.expand(members, -1, -1)).argmax(-1).view(members, elements, elements)


def losses(
    module: ProductNetwork, pairs: Int[Tensor, "members batch 2"], products: Int[Tensor, "members batch"]
) -> Float[Tensor, " members"]:
    """Return each member's mean cross-entropy in nats."""
    entropy = nn.functional.cross_entropy(module(pairs).flatten(0, 1), products.flatten(), reduction="none")
    return entropy.view(products.shape).mean(-1)


class ProductRun:
    """Training on a multiplication table in batches drawn by each seed; `advance` takes steps."""

    def __init__(
        self, products: Int[Tensor, "elements elements"], seeds: tuple[int, ...], steps: int, batch: int
    ) -> None:
        self.products, self.seeds, self.batch, self.step = products, seeds, batch, 0
        module = ProductNetwork(seeds, len(products))
        schedule = Schedule(steps, rate=1e-2, warmup=max(1, steps // 20), weight_decay=0.0, ema=0.9)
        self._optimiser = Optimiser(module, losses, schedule, stack=True)

    def advance(self, until: int) -> None:
        """Train up to a step."""
        count = len(self.products)
        for step in range(self.step, until):
            drawn = [torch.randint(count, (self.batch, 2), generator=step_generator(s, step)) for s in self.seeds]
            pairs = torch.stack(drawn)
            self._optimiser.step(step, pairs, self.products[pairs[..., 0], pairs[..., 1]])
        self.step = until

    def table(self) -> Int[Tensor, "members elements elements"]:
        """Return the learned multiplication tables."""
        averaged = self._optimiser.average
        assert isinstance(averaged, ProductNetwork)
        return averaged.table()
