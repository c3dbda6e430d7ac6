"""Speed of speculative sampling of Gaussian chains, as a ratio within one run and in seconds."""

from __future__ import annotations

import time

from torch import Generator

from benchmarks.harness import Timing, benchmark, ratio
from synthetic.devices import one_thread
from theory.speculation.gaussian import TOY, diffusion
from theory.speculation.sampling import plain, speculate

PATHS = 40_000
STEPS = 100


@benchmark(at_most=2.5)
def speculation() -> Timing:
    """frozen-draft speculation on 40,000 paths, N = L = 100, over plain sampling with as many normal draws"""
    chain = diffusion(TOY, STEPS)
    with one_thread():
        return ratio(
            lambda: speculate(chain, STEPS, PATHS, Generator().manual_seed(0)),
            lambda: plain(chain, PATHS, Generator().manual_seed(0)),
        )


@benchmark(at_most=20)
def speculation_seconds() -> Timing:
    """seconds of the same speculation on one thread (a time, not a ratio)"""
    with one_thread():
        start = time.perf_counter()
        speculate(diffusion(TOY, STEPS), STEPS, PATHS, Generator().manual_seed(0))
        return Timing(time.perf_counter() - start, 1.0)
