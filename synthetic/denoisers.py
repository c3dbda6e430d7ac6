"""Denoisers: bidirectional transformers without time input, after Sahoo et al. (arXiv 2406.07524) and Ou et al.
(arXiv 2406.03736), who show that a masked model's optimum does not depend on time.

States are integers 0..d, d the mask. Positions lie on a line (n,) or a grid (rows, columns) and have one learned
embedding an axis. Linear maps have no bias; the head starts at zero, so an untrained denoiser is uniform.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from synthetic.devices import wide_products
from theory.errors import InvalidInput, unknown
from theory.worlds.states import check_states

PARTS = ("head", "block", "full")
CACHED, FILLING = 2**20, 2**27
"""Numbers in the widest layer of one evaluation on a CPU (fastest of 2^16 to 2^25 at n = 6 to 64) and on a GPU."""
PIECES = 8
"""Parts of an evaluation on a CPU are whole pieces of this many: oneDNN compiles for every size that it meets."""
NARROW = 16
"""Below this many numbers, which is what a processor's vector holds, torch takes a softmax over a last axis one number
at a time, and takes a third to an eighth of the time over the axis before it."""


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

    @property
    def weights(self) -> int:
        """Return how many weights the matrices of all blocks have."""
        return self.depth * (4 + 2 * self.expansion) * self.width**2


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


class Linear(nn.Linear):
    """A linear map of rows; where its weight is a stack, one matrix for each member, the rows of each by its own."""

    def forward(self, rows: Float[Tensor, "*members rows inputs"]) -> Float[Tensor, "*members rows outputs"]:
        product = rows @ self.weight.mT
        return product if self.bias is None else product + self.bias[..., None, :]


def attention(
    query: Float[Tensor, "*batch n e"], key: Float[Tensor, "*batch n e"], value: Float[Tensor, "*batch n e"]
) -> Float[Tensor, "*batch n e"]:
    """Return softmax(query key^T / sqrt(e)) value, the softmax over keys.

    On a GPU it is torch's fused kernel; on a CPU two products, which take half its time where sequences are short.
    """
    if query.is_cuda:
        return functional.scaled_dot_product_attention(query, key, value)
    scaled = query / math.sqrt(query.shape[-1])
    if query.shape[-2] < NARROW:
        return (key @ scaled.mT).softmax(-2).mT @ value
    return (scaled @ key.mT).softmax(-1) @ value


def log_softmax(logits: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
    """Return logits less the logarithm of the sum of their exponentials, over the last axis."""
    if logits.shape[-1] < NARROW:
        return logits.mT.log_softmax(-2).mT
    return logits.log_softmax(-1)


class Block(nn.Module):
    """Attention over all positions, then a two-layer map, each on the normalised state and added to it.

    Layers that follow a normalisation have matrices of their own, so the normalisation has no gain.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, inner = architecture.width, architecture.expansion * architecture.width
        self.heads = architecture.heads
        self.normalise = nn.LayerNorm(width, elementwise_affine=False)
        self.query_key_value = Linear(width, 3 * width, bias=False)
        self.out = Linear(width, width, bias=False)
        self.up = Linear(width, inner, bias=False)
        self.down = Linear(inner, width, bias=False)
        for layer, gain in ((self.query_key_value, 1.0), (self.out, 0.0), (self.up, 1.0), (self.down, 0.0)):
            shrink = 1.0 if gain else 1 / math.sqrt(2 * architecture.depth)
            nn.init.normal_(layer.weight, std=shrink / math.sqrt(layer.in_features))

    def forward(self, hidden: Float[Tensor, "*members rows width"], n: int) -> Float[Tensor, "*members rows width"]:
        """Return the next hidden state; n rows in turn are the positions of one sequence."""
        hidden = hidden + self.out(self._attend(self.query_key_value(self.normalise(hidden)), n))
        return hidden + self.down(torch.relu_(self.up(self.normalise(hidden))))

    def _attend(self, mapped: Float[Tensor, "*members rows mapped"], n: int) -> Float[Tensor, "*members rows width"]:
        width = mapped.shape[-1] // 3
        parts = mapped.reshape(-1, n, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        mixed = attention(query, key, value)
        return mixed.transpose(1, 2).reshape(*mapped.shape[:-1], width)


class Transformer(nn.Module):
    """A denoiser: a map from states to log-conditionals, for sequences of one `shape` over `d` symbols.

    `shape` is (n,) or (rows, columns), read row by row. Built with the global generator: seed it before. The weights
    of several may be stacked along a first axis (`stacked`); states and conditionals then have that axis too.
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
        self.normalise = nn.LayerNorm(width, elementwise_affine=False)
        self.head = Linear(width, d)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z: Int[Tensor, "*members batch n"]) -> Float[Tensor, "*members batch n d"]:
        """Return ln p(x_i = v | z) in nats; a conditioning token is shown like any revealed one.

        Raises InvalidInput in eval mode for states of another length or with tokens outside 0..d.
        """
        if not self.training:
            check_states(z, self.n, self.d)
        return log_softmax(self.head(self._rows(z)).view(*z.shape, self.d).float())

    def features(self, z: Int[Tensor, "*members batch n"]) -> Float[Tensor, "*members batch n width"]:
        """Return the last hidden states, normalised: what the head sees."""
        return self._rows(z).view(*z.shape, -1)

    def _rows(self, z: Int[Tensor, "*members batch n"]) -> Float[Tensor, "*members rows width"]:
        flat = z.flatten(-2)
        symbol = flat[..., None] == torch.arange(self.d + 1, device=z.device)
        shown = symbol.to(self.symbols.dtype) @ self.symbols  # a look-up with a repeatable gradient
        hidden = (shown.view(*z.shape, -1) + self._places()[..., None, :, :]).view(*flat.shape, -1)
        for block in self.blocks:
            hidden = block(hidden, self.n)
        return self.normalise(hidden)

    def _places(self) -> Float[Tensor, "*members n width"]:
        """Return the sum of the axes' embeddings at every position."""
        total = self.positions[0]
        for axis in list(self.positions)[1:]:
            total = (total[..., :, None, :] + axis[..., None, :, :]).flatten(-3, -2)
        return total


def stacked(models: Sequence[Transformer]) -> Transformer:
    """Return one network that holds the weights of several of one architecture, stacked along a first axis."""
    whole = copy.deepcopy(models[0])
    for name, parameter in whole.named_parameters():
        parameter.data = torch.stack([model.get_parameter(name).detach() for model in models])
    return whole


def members(whole: Transformer) -> list[Transformer]:
    """Return the networks of a stack, each with its own copy of its weights."""
    return [_member(whole, k) for k in range(len(whole.symbols))]


def _member(whole: Transformer, k: int) -> Transformer:
    one = copy.deepcopy(whole)
    for parameter in one.parameters():
        parameter.data = parameter.data[k].clone()
    return one


@dataclass(frozen=True, eq=False)
class ExactDenoiser:
    """A network in float64, exactly normalised, without gradients: what rules, engines and samplers are given.

    States are asked about in parts on the network's device, and the answers come back to the states' device. A part
    holds `batch` states; by default as many as keep the widest layer in a CPU's cache, or fill a GPU.
    """

    model: Transformer
    batch: int | None = None

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
        device = self.model.symbols.device
        tokens = check_states(z, self.n, self.d)
        size, found = self.model.architecture, torch.empty((*z.shape, self.d), dtype=torch.float64, device=z.device)
        widest = self.n * size.width * size.expansion
        part = self.batch or max(1, (CACHED if device.type == "cpu" else FILLING) // widest)
        for start in range(0, len(tokens), part):
            rows = tokens[start : start + part]
            found[start : start + part] = self._asked(rows.to(device), -(-part // PIECES))
        return found

    def _asked(self, rows: Int[Tensor, "rows n"], piece: int) -> Float[Tensor, "rows n d"]:
        """Return the answers for one part. On a CPU it is filled up to whole pieces, so that few sizes occur."""
        if rows.is_cuda or len(rows) < piece:
            return log_softmax(self.model(rows).double())
        with wide_products(rows, self.model.architecture.weights):
            filled = functional.pad(rows, (0, 0, 0, -len(rows) % piece))
            return log_softmax(self.model(filled)[: len(rows)].double())

    def __repr__(self) -> str:
        return f"denoiser 'transformer' (n = {self.n}, d = {self.d}, log-probabilities)"


def exact(model: Transformer, batch: int | None = None) -> ExactDenoiser:
    """Return a network as a denoiser of float64 log-conditionals, exactly normalised, asked in parts of states."""
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
            yield self.backbone.blocks[-1]
        self.backbone.head.requires_grad_(False)


def _embedding(count: int, width: int) -> Float[Tensor, "count width"]:
    """Return small random vectors: at 0.02 the same loss takes a third of the steps that it takes at 0.5."""
    return torch.randn(count, width) * 0.02
