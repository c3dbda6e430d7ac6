"""Scale-invariant classifiers of handwritten digits: networks whose loss does not depend on the length of the weights.

After arXiv 2505.23489: every trainable layer is followed by a normalisation over the batch without gain or offset, and
the last layer is random, frozen and of length 10. The images are the 1,797 8x8 digits that scikit-learn ships.
"""

from __future__ import annotations

import functools
import itertools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 10
LENGTH = 10.0
"""The length (Frobenius norm) of the frozen last layer."""


@functools.cache
def digits() -> tuple[Float[Tensor, "images 64"], Int[Tensor, " images"]]:
    """Return all images, pixels from 0 to 1, and their classes."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.from_numpy(data.data / 16).float(), torch.from_numpy(data.target).long()


class Perceptrons(nn.Module):
    """A stack of perceptrons of one width, two trainable layers each, with weights of length 1 a member."""

    def __init__(self, seeds: tuple[int, ...], width: int) -> None:
        super().__init__()
        drawn = _drawn(seeds, [(64, width), (width, width), (width, CLASSES)])
        self.layers = nn.ParameterList(_of_length_one(drawn[:-1]))
        self.register_buffer("last", LENGTH * drawn[-1] / drawn[-1].flatten(1).norm(dim=1)[:, None, None])

    def forward(self, images: Float[Tensor, "members batch 64"]) -> Float[Tensor, "members batch 10"]:
        """Return the logits of each member on its images, normalised over these."""
        hidden = images
        for layer in self.layers:
            hidden = torch.relu(_normalised(hidden @ layer))
        return hidden @ self.last


class Convolutions(nn.Module):
    """A stack of the paper's convolutional networks: four 3x3 layers of widths k, 2k, 4k and 8k, weights of length 1.

    The first three are followed by a mean over 2x2 pixels, which takes 8x8 images to one pixel.
    """

    def __init__(self, seeds: tuple[int, ...], width: int) -> None:
        super().__init__()
        widths = [1, width, 2 * width, 4 * width, 8 * width]
        shapes = [(9 * a, b) for a, b in itertools.pairwise(widths)]
        drawn = _drawn(seeds, [*shapes, (widths[-1], CLASSES)])
        self.layers = nn.ParameterList(_of_length_one(drawn[:-1]))
        self.register_buffer("last", LENGTH * drawn[-1] / drawn[-1].flatten(1).norm(dim=1)[:, None, None])

    def forward(self, images: Float[Tensor, "members batch 64"]) -> Float[Tensor, "members batch 10"]:
        """Return the logits of each member on its images, normalised over these."""
        members, batch, _ = images.shape
        hidden = images.reshape(members * batch, 1, 8, 8)
        for k, layer in enumerate(self.layers):
            side = hidden.shape[-1]
            patches = functional.unfold(hidden, 3, padding=1).mT.reshape(members, batch * side * side, -1)
            rows = torch.relu(_normalised(patches @ layer))
            hidden = rows.view(members * batch, side, side, -1).permute(0, 3, 1, 2)
            if k < 3:
                hidden = functional.avg_pool2d(hidden, 2)
        return hidden.reshape(members, batch, -1) @ self.last


NETWORKS = {"perceptron": Perceptrons, "convolutions": Convolutions}


def entropies(
    module: nn.Module, images: Float[Tensor, "members batch 64"], classes: Int[Tensor, "members batch"]
) -> Float[Tensor, " members"]:
    """Return each member's mean cross-entropy, in nats."""
    log_p = module(images).log_softmax(-1)
    return -log_p.gather(-1, classes[..., None])[..., 0].mean(-1)


def whole_loss(module: nn.Module) -> Float[Tensor, " members"]:
    """Return each member's loss on all images, normalised over all of them."""
    images, classes = digits()
    members = len(module.last)
    with torch.no_grad():
        return entropies(module, images.expand(members, -1, -1), classes.expand(members, -1))


def _drawn(seeds: tuple[int, ...], shapes: list[tuple[int, int]]) -> list[Tensor]:
    """Return matrices of each shape, one a seed, with entries of variance one over the number of inputs."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return [
        torch.stack([torch.randn(shape, generator=generator) / math.sqrt(shape[0]) for generator in generators])
        for shape in shapes
    ]


def _of_length_one(layers: list[Tensor]) -> list[Tensor]:
    """Return the layers, scaled so that all numbers of a member together have length 1."""
    length = torch.stack([layer.pow(2).sum((1, 2)) for layer in layers]).sum(0).sqrt()
    return [layer / length[:, None, None] for layer in layers]


def _normalised(rows: Float[Tensor, "members batch width"]) -> Float[Tensor, "members batch width"]:
    variance, mean = torch.var_mean(rows, 1, keepdim=True, correction=0)
    return (rows - mean) * torch.rsqrt(variance + 1e-12)
