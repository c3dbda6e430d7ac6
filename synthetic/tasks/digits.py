"""Handwritten digits, 8x8 and binarised, as scikit-learn ships them (UCI, Alpaydin and Kaynak, 1998); n = 64, d = 2.

No exact law exists, and quality is measured without a network: a kernel density over images kept for that
purpose alone scores a sample, and the sample succeeds when its score reaches that of 90 % of test images.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Success, Task, strict, unconditional
from synthetic.tasks.draws import streams
from theory.errors import InvalidInput

REFERENCE, TEST = 450, 512
THRESHOLD = 8.0
FLIP = 0.1
TAIL = 0.1


def build(seed: int = 0) -> Task:
    """Return the task: 1750 different images in three parts, about 790 to train on, 450 to score with, 512 to test.

    Identical images count once, so no test image occurs in training or in the reference. Writers are not
    recorded in this data set; one writer's digits may be on both sides.
    """
    images = torch.unique(binary_images(), dim=0)
    (generator,) = streams(seed, 1)
    images = images[torch.randperm(len(images), generator=generator)]
    test, reference, train = images.split([TEST, REFERENCE, len(images) - TEST - REFERENCE])
    return Task(
        name="digits",
        shape=(8, 8),
        d=2,
        symbols=(".", "#"),
        train=unconditional(train),
        test=unconditional(test),
        metric=f"likely digit, as {1 - TAIL:.0%} of images",
        success=likely_digit(reference, test),
        world=None,
        split="no test image equals a training image; writers are unknown and may be shared",
    )


def binary_images() -> Int[Tensor, "images n"]:
    """Return all 1797 images as bits: 1 for a pixel (0..16) of at least THRESHOLD."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InvalidInput("task digits needs scikit-learn; install it: pip install scikit-learn") from error
    bits = (load_digits().images >= THRESHOLD).astype(np.int64)
    return torch.from_numpy(bits.reshape(len(bits), -1))


def likely_digit(reference: Int[Tensor, "m n"], real: Int[Tensor, "k n"]) -> Success:
    """Return the measure that is 1 where the kernel density of the reference reaches its TAIL quantile over real ones.

    True images pass with probability 0.9, images of independent pixels (each with its true mean) with less
    than 0.2, and half of one image pasted beside half of another with about 0.5. It sees neither a lack of
    variety nor copies of training images, which pass as the images they are.
    """
    floor = kernel_log_density(real, reference).quantile(TAIL, interpolation="lower")
    return strict(lambda tokens, _: (kernel_log_density(tokens, reference) >= floor).double(), 2)


def kernel_log_density(
    images: Int[Tensor, "rows n"], reference: Int[Tensor, "m n"], flip: float = FLIP
) -> Float[Tensor, " rows"]:
    """Return ln of the mean, over reference images, of the probability that flipping each bit with `flip` gives x."""
    x, r = images.double(), reference.double()
    distance = x @ (1 - r).T + (1 - x) @ r.T
    log_p = distance * math.log(flip) + (x.shape[1] - distance) * math.log1p(-flip)
    return log_p.logsumexp(-1) - math.log(len(reference))
