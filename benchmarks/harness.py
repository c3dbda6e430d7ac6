"""Ratio benchmarks: two computations timed in turn, and the quotient compared with a target."""

from __future__ import annotations

import importlib
import pkgutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import benchmarks
from theory.errors import InvalidInput, unknown


@dataclass(frozen=True)
class Timing:
    """Seconds of the computation that is judged and of the one it is compared with."""

    numerator: float
    denominator: float

    @property
    def ratio(self) -> float:
        return self.numerator / self.denominator


@dataclass(frozen=True)
class Benchmark:
    """A measurement and the bound that its ratio must meet."""

    statement: str
    measure: Callable[[], Timing]
    at_most: float | None
    at_least: float | None

    @property
    def target(self) -> str:
        return f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"

    def met(self, timing: Timing) -> bool:
        """Say whether a measured ratio is within the target."""
        if self.at_most is not None:
            return timing.ratio <= self.at_most
        return self.at_least is not None and timing.ratio >= self.at_least


def benchmark(
    *, at_most: float | None = None, at_least: float | None = None
) -> Callable[[Callable[[], Timing]], Benchmark]:
    """Turn a function that returns a `Timing` into a benchmark; its docstring says what of."""
    if (at_most is None) == (at_least is None):
        raise InvalidInput("a benchmark has one target: give at_most or at_least")

    def wrap(measure: Callable[[], Timing]) -> Benchmark:
        statement = (measure.__doc__ or measure.__name__).splitlines()[0]
        return Benchmark(statement, measure, at_most, at_least)

    return wrap


def ratio(numerator: Callable[[], object], denominator: Callable[[], object], repeats: int = 7) -> Timing:
    """Time the two in turn, once to warm up and then `repeats` times, and take the medians."""
    if repeats < 1:
        raise InvalidInput(f"repeats is {repeats}; at least 1 is needed")
    pairs = [(_seconds(numerator), _seconds(denominator)) for _ in range(repeats + 1)][1:]
    above, below = zip(*pairs, strict=True)
    return Timing(statistics.median(above), statistics.median(below))


def discover() -> dict[str, Benchmark]:
    """Return the benchmarks of every module `benchmarks/bench_*.py`, by name."""
    found: dict[str, Benchmark] = {}
    for info in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda info: info.name):
        if info.name.startswith("bench_"):
            module = importlib.import_module(f"benchmarks.{info.name}")
            found |= {name: x for name, x in vars(module).items() if isinstance(x, Benchmark)}
    return found


def select(names: tuple[str, ...], known: dict[str, Benchmark]) -> dict[str, Benchmark]:
    """Return the named benchmarks, or all where none is named."""
    for name in names:
        if name not in known:
            raise unknown("benchmark", name, known)
    return {name: known[name] for name in names or known}


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
