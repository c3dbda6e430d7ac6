"""Speed of the any-process transition, as a ratio within one run."""

from __future__ import annotations

import torch

from benchmarks.harness import Timing, benchmark, ratio
from synthetic.devices import one_thread
from theory.power.transition import PADDING, Edit, Strings, apply


@benchmark(at_most=3)
def any_process_step() -> Timing:
    """a step with all four edits on 4096 strings of up to 256, over clones and a cumulative sum (one thread)"""
    with one_thread():
        generator = torch.Generator().manual_seed(0)
        shape = (4096, 256)
        length = torch.randint(100, 257, (4096,), generator=generator)
        inside = torch.arange(256) < length[:, None]
        tokens = torch.where(inside, torch.randint(5, shape, generator=generator), PADDING)
        bits = [torch.rand(shape, generator=generator) < 0.3 for _ in range(3)]
        state, edit = Strings(tokens, length, 4), Edit(torch.randint(4, shape, generator=generator), *bits)
        parts = (tokens, edit.write, *bits)
        return ratio(lambda: apply(state, edit), lambda: ([part.clone() for part in parts], tokens.cumsum(-1)))
