"""The explorers: what they draw agrees with the engines, what they refuse they name, and each control is a widget."""

from __future__ import annotations

import inspect
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure

import unmasked as um
from theory.files import PROJECT
from unmasked.explorers.base import Explorer, explorer
from unmasked.explorers.controls import Flag, Option, Range, Text

EXPLORERS: dict[str, Explorer] = {name: getattr(um.explorers, name) for name in um.explorers.__all__}
QUICK: dict[str, dict[str, Any]] = {"models": {"preset": "smoke"}}
"""What a default needs in place of itself, so that nothing trains for minutes."""
OTHER: dict[str, dict[str, Any]] = {
    "estimators": {"world": "copied pairs", "masks": "exactly k", "partner": "complement", "strata": True},
    "models": {"task": "small/copied pairs", "rule": "Top-2", "preset": "smoke"},
    "programs": {"program": "counter", "step": 7},
    "remasking": {"world": "even parity", "sampler": "star", "steps": 1, "window": 1},
    "rules": {"world": "six atoms", "rule": "PUNT with eps at the budget", "budget": np.float64(0.1)},
    "schedules": {"a": 3, "b": 2.0, "world": "copied pairs", "steps": np.int64(9)},
    "temperature": {"rate": 1.6, "steep_noise": 1e-4},
    "wires": {"ohms": 0, "layout": "interleaved", "move": "both", "weights": "laplace"},
}
LAW = um.worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=5)


@pytest.fixture(autouse=True)
def records(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep models that are trained here, one folder for all tests, apart from those of the reader."""
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path_factory.getbasetemp() / "explorers"))


WIDGETS = "widgets need the extra `notebooks`"


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of all that is displayed from now on."""
    found: list[Any] = []
    monkeypatch.setattr(pytest.importorskip("IPython.display", reason=WIDGETS), "display", found.append)
    return found


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_draws_its_default_and_another_choice_and_leaves_no_figure_open(name: str) -> None:
    before = pyplot.get_fignums()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numbers that overflow, and many open figures
        first, second = (pixels(EXPLORERS[name](**choices)) for choices in (QUICK.get(name, {}), OTHER[name]))
    assert first != second
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_says_in_one_line_what_it_is_and_documents_each_choice(name: str) -> None:
    found = EXPLORERS[name]
    assert found.name == name
    assert "\n" not in repr(found)
    assert inspect.signature(found) == inspect.signature(found.draw)
    assert found.__doc__ is not None and found.draw.__doc__ is not None
    assert all(f"{choice}: {control.expected}" in found.__doc__ for choice, control in found.controls.items())
    assert all(f"{choice}={value!r}" in repr(found) for choice, value in found.defaults.items())


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("rules", {"budge": 1.0}, "unknown choice of explorer rules 'budge'; did you mean budget"),
        ("rules", {"rule": "EB by entrpy"}, "unknown rule 'EB by entrpy'; did you mean EB by entropy"),
        ("rules", {"world": 3}, "unknown world '3'; known: "),
        ("rules", {"budget": 2.51}, "budget is 2.51; expected a number from 0 to 2.5 nats"),
        ("rules", {"budget": math.nan}, "budget is nan; expected a number from 0 to 2.5 nats"),
        ("rules", {"budget": "0.1"}, "budget is '0.1'; expected a number"),
        ("schedules", {"steps": 0}, "steps is 0; expected a whole number from 1 to 16"),
        ("schedules", {"steps": 4.0}, "steps is 4.0; expected a whole number from 1 to 16"),
        ("schedules", {"steps": True}, "steps is True; expected a whole number"),
        ("schedules", {"a": 0.01}, "a is 0.01; expected a number from 0.1 to 10"),
        ("remasking", {"sampler": "guide"}, "unknown sampler 'guide'; did you mean guided"),
        ("remasking", {"temperature": 40.0}, "temperature is 40.0; expected a number from 0.1 to 31.6"),
        ("models", {"preset": "smok"}, "unknown preset 'smok'; did you mean smoke"),
        ("models", {"task": "sudoku4"}, "unknown task 'sudoku4'"),
        ("estimators", {"strata": 1}, "strata is 1; expected True or False"),
        ("estimators", {"passes": 17}, "passes is 17; expected a whole number from 1 to 16"),
        ("programs", {"text": 101}, "text is 101; expected a text, or None for an example that fits the program"),
        ("programs", {"text": "01a"}, "character 'a' in '01a'"),
        ("programs", {"step": 61}, "step is 61; expected a whole number from 0 to 60"),
        ("temperature", {"rate": 2.0}, "rate is 2.0; expected a number from 0.05 to 1.95"),
        ("wires", {"ohms": -1}, "ohms is -1; expected a number from 0 to 10 ohm"),
        ("wires", {"layout": "group"}, "unknown layout 'group'; did you mean grouped"),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line(name: str, choices: dict[str, Any], message: str) -> None:
    before = pyplot.get_fignums()
    with pytest.raises(um.InvalidInput) as caught:
        EXPLORERS[name](**choices)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert pyplot.get_fignums() == before


def test_an_explorer_has_a_control_for_each_parameter_of_its_function() -> None:
    with pytest.raises(um.InvalidInput, match="explorer picture has controls a; expected those of its function, b"):

        @explorer(a=Flag())
        def picture(b: bool = True) -> Figure:
            return pyplot.figure()


def test_the_errors_of_schedules_are_those_of_explore() -> None:
    world, mask = um.explore.worlds("schedules")["even parity"](), um.schedules.beta_mask(0.7, 1.2)
    _, middle, right = um.explorers.schedules(a=0.7, b=1.2, world="even parity", steps=3).axes
    expected = um.explore.errors(world, mask, 3)
    assert widths(right) == pytest.approx(expected["error"].tolist(), abs=1e-12)
    named = [label.get_text() for label in right.get_yticklabels()]
    assert named == ["this schedule", *expected.index[1:]]
    (curve,) = middle.lines
    below = np.trapezoid(curve.get_ydata(), curve.get_xdata())  # n times the area above the steps is the error
    steps = [each.get_data() for each in middle.patches]
    areas = [float((each.values * np.diff(each.edges)).sum()) for each in steps]
    assert [world.n * (below - area) for area in areas] == pytest.approx(
        [expected["error"].iloc[0], expected["error"]["best grid"]], abs=1e-3
    )


def test_the_points_of_rules_are_those_of_explore() -> None:
    world, rule = um.explore.worlds("rules")["six atoms"](), um.EntropyBounded(0.4)
    left, middle, right = um.explorers.rules(world="six atoms", budget=0.4).axes
    lines = {line.get_label(): line for line in left.lines}
    tables = {
        "optimal frontier": um.explore.frontier(world),
        "Top-$k$, confidence": um.explore.rules(world, [um.TopK(k) for k in range(1, 6)]),
        "this rule": um.explore.rules(world, [rule]),
    }
    for name, table in tables.items():
        assert lines[name].get_xdata() == pytest.approx(table["calls"].to_numpy(), abs=1e-12)
        assert lines[name].get_ydata() == pytest.approx(table["KL"].to_numpy(), abs=1e-12)
    calls = sum(bar.get_height() * (bar.get_x() + bar.get_width() / 2) for bar in middle.patches)
    assert calls == pytest.approx(float(tables["this rule"]["calls"].iloc[0]), abs=1e-9)
    blocks = um.explore.blocks(rule, world)
    (points,) = right.collections
    assert np.asarray(points.get_offsets()) == pytest.approx(blocks[["bound", "error"]].to_numpy(), abs=1e-12)


def test_the_laws_and_distances_of_remasking_are_those_of_explore() -> None:
    world, window = um.explore.worlds("remasking")["chain of 3"](), (0.5, 1.0)
    left, right = um.explorers.remasking(world="chain of 3", sampler="star", steps=5, window=0.5, temperature=0.5).axes
    order = world.law().argsort(descending=True, stable=True)
    output = um.explore.remasked(world, "star", 5, window, 0.5).output
    heights = [bar.get_height() for bar in left.patches]
    assert heights == pytest.approx([*world.law()[order].tolist(), *output.law()[order].tolist()], abs=1e-14)
    table = um.explore.remasking(world, [2, 4, 5, 8, 16, 32, 64], window, 0.5)
    lines = {line.get_label(): line for line in right.lines}
    for name in um.explore.REMASKING:
        assert lines[name].get_xdata().tolist() == table.index.tolist()
        assert lines[name].get_ydata() == pytest.approx(table[name].clip(lower=1e-5).to_numpy(), abs=1e-14)


@pytest.mark.parametrize("choices", [{}, {"masks": "exactly k", "strata": True}, {"partner": "mirrored mask"}])
def test_the_bars_of_estimators_are_the_moments_of_the_engine(choices: dict[str, Any]) -> None:
    states = torch.cartesian_prod(*[torch.arange(3)] * 5)
    error = 0.5 * torch.randn((len(states), 5, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = LAW(states)
    denoiser = um.TableDenoiser(torch.where((states == 2)[..., None], (exact + error).log_softmax(-1), exact))
    table, partner = um.training.loss_table(LAW, denoiser), choices.get("partner", "none")
    parts = {"levels": 4 if partner == "none" else 2, "strata": "draws" if choices.get("strata") else "none"}
    if "masks" in choices:
        mine = um.training.Estimator("mine", um.training.Exactly(), um.training.BY_COUNT, **parts, partner=partner)
    else:
        mine = um.training.Estimator("mine", level=um.training.power(0.5), **parts, partner=partner)
    standard = um.training.Estimator("1/t", level=um.training.clipped(1e-3), levels=4)
    found = [um.training.moments(each, table) for each in (standard, mine)]
    (axes,) = um.explorers.estimators(**choices).axes
    expected = [getattr(each, source) for source in ("mask", "level", "data") for each in found]
    assert widths(axes) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    texts = [text.get_text().strip() for text in axes.texts]
    assert texts[1].startswith(f"{found[1].variance:.3g} nats²")


def test_an_infinite_variance_is_said_and_has_no_bar() -> None:
    (axes,) = um.explorers.estimators(gamma=0.0).axes
    assert axes.texts[1].get_text().strip().startswith("infinite")
    assert np.isfinite(widths(axes)).all()


def test_the_parts_of_models_are_those_of_explore_with_the_trained_model() -> None:
    run = um.trained("small/copied pairs", "smoke")
    rows = [um.explore.rules(run.rows.world, [um.TopK(2)], each).iloc[0] for each in (None, run.denoiser)]
    (axes,) = um.explorers.models(task="small/copied pairs", rule="Top-2", preset="smoke").axes
    expected = [row[part] for part in ("model error", "joint dependence") for row in rows]
    assert widths(axes) == pytest.approx(expected, abs=1e-9)


def test_the_texts_of_programs_are_the_states_of_the_run() -> None:
    states = um.programs.trace(um.programs.named("brackets"), "([])").states
    (axes,) = um.explorers.programs(program="brackets", text="([])", step=3).axes
    rows: dict[float, str] = {}
    for text in axes.texts:
        rows[text.get_position()[1]] = rows.get(text.get_position()[1], "") + text.get_text()
    assert list(rows.values()) == [state for state in states[:4] if state]


def test_temperature_and_wires_draw_what_the_engines_say() -> None:
    problem = um.temperature.Quadratic.diagonal(np.array([0.2, 1.0]), np.array([1.0, 0.01]))
    _, right = um.explorers.temperature(rate=0.5, steep_noise=0.01).axes
    assert right.lines[1].get_ydata() == pytest.approx(problem.stationary(0.5).temperature, rel=1e-12)
    device = um.crossbars.Device(wires=um.crossbars.equal_wires(5.0))
    magnitudes = um.crossbars.magnitudes("normal", 1, 64, 8, seed=0)[0]
    errors = um.crossbars.tile_errors(magnitudes, um.crossbars.Layout(8, "grouped"), "both", device)
    title = um.explorers.wires(ohms=5.0, move="both").axes[1].get_title()
    assert f"{float(errors.nf):.2%}" in title and f"{float(errors.weighted):.2%}" in title


@pytest.mark.parametrize("name", EXPLORERS)
def test_each_control_is_a_widget_and_moving_one_draws_once(name: str, displayed: list[Any]) -> None:
    ipywidgets = pytest.importorskip("ipywidgets", reason=WIDGETS)
    found, start = EXPLORERS[name], QUICK.get(name, {})
    *widgets, picture = found.sliders(**start).children
    assert isinstance(picture, ipywidgets.Output)
    assert len(widgets) == len(found.controls)
    assert len(displayed) == 1 and isinstance(displayed[0], Figure)
    kinds = {Option: ipywidgets.Dropdown, Flag: ipywidgets.Checkbox, Text: ipywidgets.Text}
    for widget, (choice, control) in zip(widgets, found.controls.items(), strict=True):
        slider = isinstance(control, Range)
        assert isinstance(widget, kinds[type(control)]) if not slider else widget.min < widget.max
        value = (found.defaults | start)[choice]
        assert widget.value == (value if value is not None else "0110100")
    moved = next(iter(OTHER[name].keys() - QUICK.get(name, {}).keys() & {"world", "rate", "ohms", "step", "rule"}))
    widgets[list(found.controls).index(moved)].value = OTHER[name][moved]
    assert len(displayed) == 2
    assert pixels(displayed[1]) != pixels(displayed[0])


def test_the_text_of_programs_follows_the_program_and_what_does_not_fit_is_said(
    displayed: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ipywidgets", reason=WIDGETS)
    program, text, *_ = um.explorers.programs.sliders().children
    program.value = "brackets"
    assert text.value == "([][()])[]"
    assert len(displayed) == 2
    text.value = "(x)"
    assert len(displayed) == 2
    assert "character 'x' in '(x)'" in capsys.readouterr().out
    assert um.explorers.programs.sliders(program="brackets", text="()").children[1].value == "()"


def test_without_ipywidgets_sliders_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(um.InvalidInput, match=r"pip install 'unmasked\[notebooks\]'"):
        um.explorers.rules.sliders()
    assert "notebooks = [" in (PROJECT / "pyproject.toml").read_text()


def test_a_module_of_an_explorer_does_not_hide_it() -> None:
    modules = {path.stem for path in Path(inspect.getfile(um.explorers)).parent.glob("*.py")}
    assert not modules & set(um.explorers.__all__)


def widths(axes: Any) -> list[float]:
    """Return the lengths of the horizontal bars of a picture, in the order in which they were drawn."""
    return [float(bar.get_width()) for container in axes.containers for bar in container]


def pixels(figure: Figure) -> bytes:
    """Return the picture of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())
