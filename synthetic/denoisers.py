"""Denoisers: bidirectional transformers without time input, after Sahoo et al. (arXiv 2406.07524) and Ou et al.
(arXiv 2406.03736), who show that a masked model's optimum does not depend on time.

States are integers 0..d, d the mask. Positions lie on a line (n,) or a grid (rows, columns) and have one learned
embedding an axis. Linear maps have no bias; the head starts at zero, so an untrained denoiser is uniform.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from theory.errors import InvalidInput, unknown
from theory.worlds.states import check_states

PARTS = ("head", "block", "full")


@dataclass(frozen=True)
class Architecture:
    """Width, number of blocks, attention heads, and the width of the inner layer over that of the model."""

    width: int = 64
    depth: int = 2
    heads: int = 4
    expansion: int = 4

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads, self.expansion) < 1 or self.width % self.heads:
            raise InvalidInput(f"{self}; expected positive sizes and a width that the heads divide")


PRESETS: dict[str, Architecture] = {
    "tiny": Architecture(width=32, depth=2, heads=2),
    "small": Architecture(width=64, depth=2, heads=4),
    "medium": Architecture(width=128, depth=5, heads=4),
    "large": Architecture(width=256, depth=8, heads=8),
}
"""About 0.025, 0.1, 1 and 6.3 million parameters."""


def preset(name: str) -> Architecture:
    """Return a preset. Raises InvalidInput for an unknown name."""
    if name not in PRESETS:
        raise unknown("architecture", name, PRESETS)
    return PRESETS[name]


class Block(nn.Module):
    """Attention over all positions, then a two-layer map, each on the normalised state and added to it."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, inner = architecture.width, architecture.expansion * architecture.width
        self.heads = architecture.heads
        self.before_attention = nn.LayerNorm(width, bias=False)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.before_inner = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)
        for layer, gain in ((self.query_key_value, 1.0), (self.out, 0.0), (self.up, 1.0), (self.down, 0.0)):
            shrink = 1.0 if gain else 1 / math.sqrt(2 * architecture.depth)
            nn.init.normal_(layer.weight, std=shrink / math.sqrt(layer.in_features))

    def forward(self, hidden: Float[Tensor, "batch n width"]) -> Float[Tensor, "batch n width"]:
        hidden = hidden + self.out(self._attend(self.before_attention(hidden)))
        return hidden + self.down(torch.relu_(self.up(self.before_inner(hidden))))

    def _attend(self, hidden: Float[Tensor, "batch n width"]) -> Float[Tensor, "batch n width"]:
        batch, n, width = hidden.shape
        parts = self.query_key_value(hidden).view(batch, n, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(batch, n, width)


class Transformer(nn.Module):
    """A denoiser: a map from states to log-conditionals, for sequences of one `shape` over `d` symbols.

    `shape` is (n,) or (rows, columns), read row by row. Built with the global generator: seed it before.
    """

    def __init__(self, architecture: Architecture, shape: tuple[int, ...], d: int) -> None:
        super().__init__()
        if not shape or min(shape) < 1 or d < 1:
            raise InvalidInput(f"shape {shape}, d {d}; expected positive lengths and at least one symbol")
        self.architecture, self.shape, self.d = architecture, tuple(shape), d
        self.n = math.prod(shape)
        width = architecture.width
        self.symbols = nn.Parameter(_embedding(d + 1, width))
        self.positions = nn.ParameterList(nn.Parameter(_embedding(length, width)) for length in shape)
        self.blocks = nn.ModuleList(Block(architecture) for _ in range(architecture.depth))
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Linear(width, d)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return ln p(x_i = v | z) in nats; a conditioning token is shown like any revealed one.

        Raises InvalidInput in eval mode for states of another length or with tokens outside 0..d.
        """
        if not self.training:
            check_states(z, self.n, self.d)
        return self.head(self.features(z)).float().log_softmax(-1)

    def features(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n width"]:
        """Return the last hidden states, normalised: what the head sees."""
        symbol = z[..., None] == torch.arange(self.d + 1, device=z.device)
        hidden = symbol.to(self.symbols.dtype) @ self.symbols + self._places()  # a look-up with a repeatable gradient
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden)

    def _places(self) -> Float[Tensor, "n width"]:
        """Return the sum of the axes' embeddings at every position."""
        total = self.positions[0]
        for axis in list(self.positions)[1:]:
            total = total[..., None, :] + axis
        return total.reshape(self.n, -1)


@dataclass(frozen=True, eq=False)
class ExactDenoiser:
    """A network in float64, exactly normalised, without gradients: what rules, engines and samplers are given.

    States are asked about in batches on the network's device, and the answers come back to the states' device.
    """

    model: Transformer
    batch: int = 2048

    @property
    def n(self) -> int:
        """Return the number of positions."""
        return self.model.n

    @property
    def d(self) -> int:
        """Return the number of symbols; d itself is the mask."""
        return self.model.d

    @torch.no_grad()
    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return ln p(x_i = v | z). Raises InvalidInput for states that are not of this network."""
        device = next(self.model.parameters()).device
        tokens = check_states(z, self.n, self.d)
        found = [self.model(part.to(device)).double().log_softmax(-1) for part in torch.split(tokens, self.batch)]
        return torch.cat(found).to(z.device)

    def __repr__(self) -> str:
        return f"denoiser 'transformer' (n = {self.n}, d = {self.d}, log-probabilities)"


def exact(model: Transformer, batch: int = 2048) -> ExactDenoiser:
    """Return a network as a denoiser of float64 log-conditionals, exactly normalised, asked in batches of states."""
    return ExactDenoiser(model, batch)


def parameter_count(module: nn.Module) -> int:
    """Return the number of trainable numbers."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


class ErrorPredictor(nn.Module):
    """A logit per position from a denoiser's last hidden states: is this token wrong?

    `trainable` is the part whose weights may change: the new "head" alone on a frozen backbone, the last
    "block" and norm with it, or the "full" network. The denoiser given is copied, never changed.
    """

    def __init__(self, denoiser: Transformer, trainable: str = "head") -> None:
        super().__init__()
        if trainable not in PARTS:
            raise unknown("trainable part", trainable, PARTS)
        self.backbone = copy.deepcopy(denoiser)
        self.trainable = trainable
        self.head = nn.Linear(denoiser.architecture.width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.backbone.requires_grad_(False)
        for part in self._changing():
            part.requires_grad_(True)

    def forward(self, tokens: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
        """Return the logit that the token at each position is wrong."""
        return self.head(self.backbone.features(tokens)).squeeze(-1).float()

    def _changing(self) -> Iterator[nn.Module]:
        if self.trainable == "full":
            yield self.backbone
        elif self.trainable == "block":
            yield from (self.backbone.blocks[-1], self.backbone.norm)
        self.backbone.head.requires_grad_(False)


def _embedding(count: int, width: int) -> Float[Tensor, "count width"]:
    """Return small random vectors: at 0.02 the same loss takes a third of the steps that it takes at 0.5."""
    return torch.randn(count, width) * 0.02
