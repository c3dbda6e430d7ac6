"""Speed of the exact engine, as ratios within one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.harness import Timing, benchmark, ratio
from synthetic.devices import one_thread
from theory import schedules
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import beta_fit, curves, kernels, laws, optimal
from theory.worlds import TableWorld, information, states


def random_law(n: int, d: int) -> torch.Tensor:
    q = torch.rand(d**n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    return q / q.sum()


def per_token_law(law: torch.Tensor, n: int, steps: int = 8) -> torch.Tensor:
    grid = [k / steps for k in range(steps + 1)]
    return kernels.output_law(kernels.reveal_kernel(TableWorld(law, n, 2)), laws.per_token(grid, n))


@benchmark(at_most=6)
def marginal_table() -> Timing:
    """marginal table at n = 12, d = 3, over one clone of it"""
    law = random_law(12, 3)
    table = states.marginal_table(law, 12, 3)
    return ratio(lambda: states.marginal_table(law, 12, 3), table.clone)


@benchmark(at_most=15)
def information_curve() -> Timing:
    """information curve from the marginal table at n = 12, d = 3, over one clone of it"""
    table = states.marginal_table(random_law(12, 3), 12, 3)

    def curve() -> torch.Tensor:
        return information.information_curve(information.mean_entropies(information.set_entropies(table, 12, 3)))

    return ratio(curve, table.clone)


@benchmark(at_least=300)
def exact_law() -> Timing:
    """literal loop over states, over the exact per-token law on one thread too, at n = 6, d = 2, K = 8"""
    q = random_law(6, 2)
    law = reference.floats(TableWorld(q, 6, 2))
    reveal, steps = [1 / (8 - k) for k in range(8)], laws.per_token([k / 8 for k in range(9)], 6)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    fresh = [TableWorld(q, 6, 2) for _ in range(101)]  # a world keeps its marginal table, which is to be timed too
    fast = sorted(seconds(lambda w=w: kernels.output_law(kernels.reveal_kernel(w), steps)) for w in fresh)[50]
    torch.set_num_threads(threads)
    slow = min(
        seconds(lambda: reference_samplers.chain_law(reference.conditionals_of(law, 2), reveal, 6, 2)) for _ in range(3)
    )
    return Timing(slow, fast)


@benchmark(at_most=1.3)
def exact_law_growth() -> Timing:
    """exact per-token law at n = 10 over n = 8, per state pair (5^10 against 5^8), K = 8"""
    large, small = random_law(10, 2), random_law(8, 2)
    found = ratio(lambda: per_token_law(large, 10), lambda: per_token_law(small, 8))
    return Timing(found.numerator / 5**10, found.denominator / 5**8)


@benchmark(at_least=100)
def total_correlation() -> Timing:
    """total correlation of a 4^4 table by dit, over ours"""
    import dit

    world = TableWorld(random_law(4, 4), 4, 4)
    outcomes = ["".join(map(str, x)) for x in reference.sequences(4, 4)]
    theirs = dit.Distribution(outcomes, world.law().tolist())
    fast = sorted(seconds(world.total_correlation) for _ in range(51))[25]
    return Timing(min(seconds(lambda: dit.multivariate.total_correlation(theirs)) for _ in range(3)), fast)


AXIS = np.linspace(0.1, 5, 100)


def best_beta_from_curve(n: int = 32) -> dict[int, float]:
    curve = torch.linspace(0, 1, n, dtype=torch.float64) ** 2
    plane = beta_fit.beta_plane(curve, AXIS[:, None], AXIS[None, :], range(2, 17))
    return {k: float(errors.min()) for k, errors in plane.items()}


@benchmark(at_most=4)
def beta_search() -> Timing:
    """best of 100 x 100 Beta schedules for every K = 2..16 at n = 32, over its distribution-function calls"""
    from scipy import special

    times = sorted({k / steps for steps in range(2, 17) for k in range(steps + 1)})

    def calls() -> np.ndarray:
        return special.betainc(AXIS[:, None, None], AXIS[None, :, None], times)

    return ratio(best_beta_from_curve, calls, repeats=3)


@benchmark(at_least=1000)
def beta_search_through_laws() -> Timing:
    """the same search at n = 6 through output laws (one schedule of each K timed, scaled up), over the curve's"""
    q = random_law(6, 2)
    one = sum(min(seconds(lambda k=k: per_token_law(q, 6, k)) for _ in range(5)) for k in range(2, 17))
    return Timing(one * 100 * 100, min(seconds(lambda: best_beta_from_curve(6)) for _ in range(3)))


@benchmark(at_most=20)
def optimal_sizes() -> Timing:
    """optimal sizes at n = 1024 for all K <= 64, over one vectorised pass over the 1024 x 1024 cost matrix"""
    rng = np.random.default_rng(0)
    curve = np.concatenate(([0.0], np.cumsum(rng.random(1023))))
    cost, value = rng.random((1024, 1024)), rng.random((1024, 1))
    return ratio(lambda: optimal.optimal_sizes(curve, 64), lambda: (value + cost).min(0), repeats=15)


@benchmark(at_most=20)
def long_schedules() -> Timing:
    """error of a schedule and the optimal grid at n = 4096, K = 64, over one vectorised pass over a 4096 x 64 table"""
    rng = np.random.default_rng(0)
    curve, grid = np.concatenate(([0.0], np.cumsum(rng.random(4095)))), schedules.SQUARED_SINE.grid(64)
    cost, value = rng.random((4096, 64)), rng.random((4096, 1))

    def both() -> None:
        curves.per_token_error(curve, grid)
        optimal.optimal_grid(curve, 64)

    with one_thread():
        pairs = [(processor_seconds(both), processor_seconds(lambda: (value + cost).min(0))) for _ in range(41)]
    return Timing(*map(statistics.median, zip(*pairs, strict=True)))


@benchmark(at_most=90)
def whole_ledger() -> Timing:
    """seconds of `unmasked check` for the whole ledger (a time, not a ratio)"""
    return Timing(seconds(lambda: command("check")), 1.0)


@benchmark(at_most=2)
def listing() -> Timing:
    """seconds that `unmasked list` takes beyond `import torch` (a time, not a ratio)"""
    torch_alone = min(seconds(lambda: python("-c", "import torch")) for _ in range(3))
    return Timing(min(seconds(lambda: command("list")) for _ in range(3)) - torch_alone, 1.0)


def seconds(call: object) -> float:
    start = time.perf_counter()
    call()  # type: ignore[operator]  # a callable
    return time.perf_counter() - start


def processor_seconds(call: Callable[[], object]) -> float:
    """Time on the processor: a long call is not charged for the machine's other work, which a short one slips past."""
    start = time.process_time()
    call()
    return time.process_time() - start


def command(name: str) -> None:
    python("-m", "unmasked", name)


def python(*args: str) -> None:
    subprocess.run([sys.executable, *args], check=True, capture_output=True)
