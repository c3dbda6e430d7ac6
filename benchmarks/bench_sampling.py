"""Speed of sampling with a network, as a ratio within one run."""

from __future__ import annotations

import torch

from benchmarks.harness import Timing, benchmark, ratio
from synthetic.denoisers import Architecture, Transformer, exact
from theory.unmasking.rules.sets import EntropyBounded
from theory.unmasking.sampling import sample

ROWS, D = 512, 9


@benchmark(at_most=1.3)
def sampling() -> Timing:
    """512 9x9 grids by EB, each leaving when finished (width 128, depth 4), over mean NFE x one forward of all 512"""
    torch.manual_seed(0)
    model = Transformer(Architecture(width=128, depth=4, heads=4), (9, 9), D).eval()
    torch.nn.init.normal_(model.head.weight, std=0.3)
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(4, 25, (ROWS,), generator=generator)
    place = torch.rand(ROWS, 81, generator=generator).argsort(-1).argsort(-1)
    start = torch.where(place < masks[:, None], D, torch.randint(D, (ROWS, 81), generator=generator))
    denoiser, rule = exact(model), EntropyBounded(1.0)
    with torch.no_grad():
        calls = sample(rule, denoiser, start, seed=0).calls
        timing = ratio(lambda: sample(rule, denoiser, start, seed=0), lambda: model(start), repeats=2)
    return Timing(timing.numerator, timing.denominator * calls)
