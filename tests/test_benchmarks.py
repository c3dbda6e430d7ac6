"""The benchmark harness: fair timing, targets that can be missed, exit codes."""

from __future__ import annotations

import pytest

from benchmarks import harness
from benchmarks.__main__ import main
from benchmarks.harness import Benchmark, Timing, benchmark, discover, ratio
from theory.errors import InvalidInput


def _fixed(numerator: float, **target: float) -> Benchmark:
    @benchmark(**target)
    def measured() -> Timing:
        """A ratio known beforehand."""
        return Timing(numerator, 2.0)

    return measured


@pytest.mark.parametrize(
    ("numerator", "target", "met"),
    [
        (6.0, {"at_most": 3.0}, True),
        (6.2, {"at_most": 3.0}, False),
        (6.0, {"at_least": 3.0}, True),
        (5.8, {"at_least": 3.0}, False),
        (float("nan"), {"at_most": 3.0}, False),
    ],
)
def test_a_target_can_be_met_and_missed(numerator, target, met, capsys) -> None:
    each = _fixed(numerator, **target)
    assert each.met(each.measure()) is met
    assert main([], {"fixed": each}) == (0 if met else 1)
    assert ("NO" in capsys.readouterr().out) is not met


def test_the_two_are_timed_in_turn_after_a_warm_up(monkeypatch) -> None:
    calls: list[str] = []
    clock = iter([0, 50, 0, 50, 0, 4, 0, 1, 0, 6, 0, 2, 0, 5, 0, 9])
    monkeypatch.setattr(harness.time, "perf_counter", lambda: next(clock))
    timing = ratio(lambda: calls.append("above"), lambda: calls.append("below"), repeats=3)
    assert calls == ["above", "below"] * 4
    assert (timing.numerator, timing.denominator, timing.ratio) == (5, 2, 2.5)


def test_mistakes(main_fails) -> None:
    with pytest.raises(InvalidInput, match="one target"):
        benchmark()
    with pytest.raises(InvalidInput, match="repeats is 0"):
        ratio(lambda: None, lambda: None, repeats=0)
    assert "did you mean fixed?" in main_fails(main, "fixd", known={"fixed": _fixed(1, at_most=1)})


def test_the_projects_own_benchmarks_are_found() -> None:
    assert all(isinstance(each, Benchmark) for each in discover().values())
