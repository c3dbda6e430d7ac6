"""Settings of one's own: read as the config's types say, refused in one line where they are of none."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest

from figures import drawing
from figures.settings import fitted
from synthetic.progress import Silent
from synthetic.records import Store
from theory.errors import InvalidInput
from unmasked.command_line import main

PAIRS = tuple[tuple[int, int], ...]
WORLDS = tuple[str, ...] | Mapping[str, Any]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, int, 3),
        (3, float, 3),
        (3, tuple[int, ...], (3,)),
        ([1, 2.5], tuple[float, ...], (1, 2.5)),
        ([[4, 2]], PAIRS, ((4, 2),)),
        ("chain", WORLDS, ("chain",)),
        ({"mine": 1}, WORLDS, {"mine": 1}),
        ([], tuple[Any, ...], ()),
    ],
)
def test_values_are_read_as_the_type_says(value: object, kind: Any, expected: object) -> None:
    assert fitted("it", value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("a", int, "it='a'; expected a whole number"),
        (2.5, int, "it=2.5; expected a whole number"),
        (True, int, "it=True; expected a whole number"),
        ("a", float, "it='a'; expected a number"),
        ([1, "a"], tuple[float, ...], "it=[1, 'a']; expected numbers"),
        ((4, 2), PAIRS, "it=(4, 2); expected tuples of 2 whole numbers"),
        ([[4, 2, 1]], PAIRS, "expected tuples of 2 whole numbers"),
        (3, WORLDS, "it=3; expected texts or a mapping"),
        (3, str, "it=3; expected text"),
    ],
)
def test_what_is_of_no_such_type_is_refused(value: object, kind: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as told:
        fitted("it", value, kind)
    assert message in str(told.value)


def test_every_preset_fits_its_own_types() -> None:
    store = Store()
    for name in store.experiments:
        for preset in ("smoke", "laptop", "gpu"):
            config = store.preset(name, preset)
            kinds = get_type_hints(type(config))
            for field in dataclasses.fields(config):
                value = getattr(config, field.name)
                assert fitted(field.name, value, kinds[field.name]) == value


def test_a_wrong_setting_is_one_line_from_the_shell_and_from_python(main_fails) -> None:
    assert main_fails(main, "figures", "steps", "--set", "most=a") == "error: most='a'; expected a whole number\n"
    with pytest.raises(InvalidInput, match="most=2.5; expected a whole number"):  # noqa: RUF043  # a dot is a dot
        drawing.configured_experiment(Store(), "steps", "smoke", {"most": 2.5}, Silent())
