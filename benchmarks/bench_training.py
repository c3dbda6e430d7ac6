"""Speed of a training step, as a ratio within one run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.harness import Timing, benchmark, ratio
from synthetic import tasks, trained
from synthetic.denoisers import Architecture, exact
from synthetic.devices import one_thread, wide_products
from synthetic.tasks import Examples, unconditional
from synthetic.training import Run, Training, untrained
from theory.unmasking.rules.sets import EntropyBounded
from theory.unmasking.sampling import sample

ARCHITECTURE = Architecture(width=128, depth=4, heads=4)
SHAPE, D, BATCH = (9, 9), 9, 64


EXAMPLES = unconditional(torch.randint(D, (1024, 81), generator=torch.Generator().manual_seed(0)))


@dataclass(frozen=True)
class Grids:
    """Random 9 x 9 grids of nine symbols."""

    name: str = "grids"
    shape: tuple[int, ...] = SHAPE
    d: int = D
    train: Examples = EXAMPLES
    test: Examples = EXAMPLES
    world: None = None


@benchmark(at_most=1.2)
def training_step() -> Timing:
    """compiled training step (width 128, depth 4, n 81, batch 64, one thread), over its layers' matrix products"""
    return step_against_products(compiled=True)


@benchmark(at_most=1.4)
def training_step_eager() -> Timing:
    """the same without a compiler"""
    return step_against_products(compiled=False)


@benchmark(at_most=1.0)
def training_step_plain() -> Timing:
    """an eager training step, over the same products as torch multiplies where nothing is set"""
    return step_against_products(compiled=False, plain=True)


@benchmark(at_most=3.0)
def twenty_seeds() -> Timing:
    """a step of twenty seeds of a small task as one stack, over a step of one seed (one thread)"""
    return stack_against_one(20)


@benchmark(at_most=2.5)
def ten_seeds() -> Timing:
    """a step of ten seeds of a small task as one stack, over a step of one seed (one thread)"""
    return stack_against_one(10)


@benchmark(at_most=1.5)
def evaluation() -> Timing:
    """512 Sudoku grids completed by EB, over one forward pass of all grids a denoiser call (one thread)"""
    with one_thread():
        task = tasks.task("sudoku4 free")
        spec = trained.spec(task.name, "laptop", 0)
        assert isinstance(spec.architecture, Architecture)
        denoiser = exact(untrained(spec.architecture, task.shape, task.d, 0).eval())
        blank = torch.full((512, task.n), task.d)
        calls = int(sample(EntropyBounded(3.0), denoiser, blank, seed=0).nfe.max())
        return ratio(
            lambda: sample(EntropyBounded(3.0), denoiser, blank, seed=0),
            lambda: [denoiser(blank) for _ in range(calls)],
        )


def stack_against_one(seeds: int) -> Timing:
    """Time a step of a stack of seeds and of one seed alone."""
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        spec = trained.spec("small/Markov chain", "laptop", 0)
        task, sizes, where = tasks.task(spec.task), spec.architecture, Path(folder)
        assert isinstance(sizes, Architecture)
        one, stack = (Run(task, sizes, spec.training, range(k), where, torch.device("cpu")) for k in (1, seeds))
        return ratio(stack.advance, one.advance, repeats=25)


def step_against_products(compiled: bool, plain: bool = False) -> Timing:
    """Time whole steps (batch, masks, loss, gradient, clipping, AdamW, averaging) and the products of their layers.

    Products are made as in a step, with the full width of the processor's instructions; `plain` ones as torch does.
    """
    products = layer_products()
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        training = Training(batch=BATCH, compile=compiled)
        run = Run(Grids(), ARCHITECTURE, training, (0,), Path(folder), torch.device("cpu"))
        return ratio(run.advance, products if plain else lambda: _widely(products), repeats=15)


def _widely(work: Callable[[], object]) -> None:
    with wide_products(torch.empty(1), math.inf):
        work()


def layer_products() -> Callable[[], object]:
    """Return the products of every linear layer, and of queries with keys and weights with values, both ways."""
    width, inner, tokens = ARCHITECTURE.width, ARCHITECTURE.expansion * ARCHITECTURE.width, BATCH * 81
    linear = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    heads, size = BATCH * ARCHITECTURE.heads, width // ARCHITECTURE.heads
    pairs = [(torch.randn(tokens, a), torch.randn(a, b)) for a, b in linear]
    pairs += [(torch.randn(heads, 81, size), torch.randn(heads, size, 81))]
    pairs += [(torch.randn(heads, 81, 81), torch.randn(heads, 81, size))]
    upstream = [torch.randn_like(left @ right) for left, right in pairs]

    def products() -> None:
        for _ in range(ARCHITECTURE.depth):
            for (left, right), gradient in zip(pairs, upstream, strict=True):
                left @ right
                gradient @ right.mT
                left.mT @ gradient

    return products
