"""Speed of many chains of SGD on a quadratic loss, as a ratio within one run."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.harness import Timing, benchmark, ratio
from synthetic.devices import one_thread
from theory.sgd.chains import chains
from theory.sgd.quadratic import Quadratic


@benchmark(at_most=3)
def many_chains() -> Timing:
    """a step of 40,000 chains in ten dimensions (ten learning rates, shared noise), over its two matrix products"""
    with one_thread():
        problem = Quadratic(np.diag(np.linspace(0.1, 1.0, 10)), np.eye(10))
        run = chains(problem, torch.linspace(0.1, 1.9, 10), 4000, torch.Generator().manual_seed(0))
        w = torch.randn(10, 4000, 10, dtype=torch.float64)
        square = torch.randn(10, 10, 10, dtype=torch.float64)
        return ratio(lambda: next(run), lambda: (w @ square, w @ square))
