"""The experiment on steps of expressions: the value by Python's own arithmetic, the layers by hand."""

from __future__ import annotations

from synthetic.experiments import expression_steps
from synthetic.progress import Silent


def test_the_value_is_that_of_plain_arithmetic_and_the_layers_are_those_counted_by_hand() -> None:
    table, scalars = expression_steps.run(expression_steps.PRESETS["smoke"], Silent())
    assert scalars["value"] == (1 + 2) * (3 + 4) + (9 - 5) * (2 + 6) + (1 + 1) * (2 + 3) * (7 - 4)
    mine = table[table["part"] == "expression"]
    assert mine["parallel"].tolist() == [1] * 7 + [2] * 3 + [3]
    assert mine["sequential"].tolist() == list(range(1, 12))


def test_steps_by_shape_are_those_of_trees_drawn_by_hand() -> None:
    """Three operations have five shapes: four chains of height three and one of height two."""
    table = expression_steps.run(expression_steps.PRESETS["smoke"], Silent())[0]
    steps = table[table["part"] == "shape"].set_index(["name", "operations"])["steps"]
    assert [steps["balanced", n] for n in (1, 3, 7, 11)] == [1, 2, 3, 4]
    assert [steps["chain", n] for n in (1, 3, 7, 11)] == [1, 3, 7, 11]
    assert steps["random", 3] == (4 * 3 + 2) / 5
