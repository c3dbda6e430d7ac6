"""Claims of one's own: drawn inputs, verdicts, shrunk witnesses; from Python and from the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings

import unmasked as um
from unmasked.command_line import main

FALSE = """
import unmasked as um


@um.claim("EB never loses more than the budget")
def budget_is_enough(world: um.AnyWorld):
    found = um.measure(um.TopK(2), world)
    return um.at_most(found.kl, 0.0)
"""


def test_a_true_claim_holds_and_a_false_one_has_a_small_witness() -> None:
    @um.claim("KL <= path KL")
    def data_processing(world: um.AnyWorld, rule: um.AnyRule):
        found = um.measure(rule, world)
        return um.at_most(found.kl, found.path_kl)

    @um.claim("two tokens at once are exact")
    def no_error(world: um.AnyWorld):
        return um.at_most(um.measure(um.TopK(2), world).kl, 0.0)

    assert data_processing.check(examples=15).verdict == "holds"
    refuted = no_error.check()
    assert refuted.verdict == "refuted"
    assert sum(refuted.witness["world"].weights) <= 6
    assert "weights" in repr(refuted)


def test_the_bound_of_the_readme() -> None:
    @um.claim("KL <= budget (E[NFE] - 1)")
    def bound(world: um.AnyWorld, budget: um.Budget):
        found = um.measure(um.EntropyBounded(budget, by="entropy"), world)
        return found.kl <= budget * (found.calls - 1) + 1e-9

    assert bound.check(examples=20).verdict in ("holds", "refuted")


def test_arguments_must_say_what_is_drawn() -> None:
    with pytest.raises(um.InvalidInput, match="annotate it"):

        @um.claim("nothing")
        def unsaid(world):
            return True


@given(world=um.strategies.worlds(), rule=um.strategies.rules())
@settings(max_examples=10, deadline=None)
def test_strategies_are_objects_for_property_tests(world: um.World, rule) -> None:
    found = um.measure(rule, world)
    assert found.kl >= 0
    assert found.calls <= world.n + 1e-9


def test_check_and_tightest_take_a_claim_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, main_fails
) -> None:
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path / "records"))
    file = tmp_path / "mine.py"
    file.write_text(FALSE)
    assert main(["check", f"{file}:budget_is_enough"]) == 1
    assert "1 claim, 1 refuted" in capsys.readouterr().out
    assert main(["tightest", f"{file}:budget_is_enough", "--budget", "30"]) == 0
    saved = tmp_path / "records" / "tightest" / "budget_is_enough.json"
    assert saved.is_file()
    (printed,) = re.findall("run it again: unmasked (.*)", capsys.readouterr().out)
    assert shlex.split(printed) == ["check", f"{file}:budget_is_enough", "--replay", str(saved)]
    assert main(shlex.split(printed)) == 1
    capsys.readouterr()
    assert f"unmasked check FILE:budget_is_enough --replay {saved}" in main_fails(main, "check", "--replay", str(saved))
    assert "not of eb.4; name that claim" in main_fails(main, "check", "eb.4", "--replay", str(saved))
    assert "2 claims" in main_fails(main, "check", "eb.4", "eb.1", "--replay", str(saved))


def test_a_file_without_the_claim_suggests_the_nearest(tmp_path: Path, main_fails) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FALSE)
    assert "did you mean budget_is_enough?" in main_fails(main, "check", f"{file}:budget_is_enoug")


def test_a_check_that_cannot_fail_is_vacuous() -> None:
    """0 <= 0 says nothing; a claim of such checks alone does not hold."""

    @um.claim("nothing is at most nothing")
    def empty(world: um.AnyWorld) -> object:
        return um.at_most(0.0, 0.0)

    assert empty.check(5).verdict == "vacuous"
