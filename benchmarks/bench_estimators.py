"""Speed of the exact moments of training losses, as ratios within one run."""

from __future__ import annotations

from benchmarks.bench_theory import random_law
from benchmarks.harness import Timing, benchmark, ratio
from synthetic.devices import one_thread
from theory.denoisers import TableDenoiser
from theory.training.estimators import BY_COUNT, Estimator, Exactly
from theory.training.loss_table import loss_table
from theory.training.moments import moments
from theory.training.pairs import disjoint_products
from theory.unmasking.kernels import conditionals
from theory.worlds import TableWorld, states

COUNT = Estimator("m/k", Exactly(), BY_COUNT)


@benchmark(at_most=4)
def split_of_the_variance() -> Timing:
    """loss table, mean and variance split at n = 8, d = 3, over a denoiser's conditionals at all states (one thread)"""
    with one_thread():
        world = TableWorld(random_law(8, 3), 8, 3)
        z = states.all_states(8, 3)
        table = TableDenoiser(world(z))
        return ratio(
            lambda: moments(COUNT, loss_table(world, table)),
            lambda: conditionals(world)(z),
        )


@benchmark(at_most=60)
def pairs_of_masks() -> Timing:
    """products of all disjoint pairs of masks at n = 12, d = 2, over one clone of the loss table (one thread)"""
    with one_thread():
        table = loss_table(TableWorld(random_law(12, 2), 12, 2))
        return ratio(lambda: disjoint_products(table), table.values.clone, repeats=3)
