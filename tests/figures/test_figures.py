"""Every figure draws from smoke records: nothing clipped, nothing warned about, nothing drawn twice."""

from __future__ import annotations

import importlib
import re
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from figures import drawing, gallery_page
from figures.gallery import FIGURES
from figures.saving import PNG_LIMIT
from figures.stamps import STYLE
from synthetic.records import Record, Store
from unmasked.command_line import main


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def gallery(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gallery")
    assert main(["figures", "--all", "--preset", "smoke", "--out", str(out)], store=store) == 0
    return out


def _records(name: str, store: Store) -> dict[str, Record]:
    module = importlib.import_module(FIGURES[name].module)
    return {e: store.get_or_compute(e, store.preset(e, "smoke")) for e in module.EXPERIMENTS}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_small_picture_a_vector_file_and_its_data(name: str, gallery: Path, store: Store) -> None:
    assert 5_000 < (gallery / f"{name}.png").stat().st_size < PNG_LIMIT
    assert (gallery / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert len(pd.read_csv(gallery / f"{name}.csv")) > 5
    assert f"## {name}\n" in (gallery / "README.md").read_text()
    computes = hasattr(importlib.import_module(FIGURES[name].module), "findings")
    rests_on = drawing.seeds(_records(name, store))
    assert (computes or rests_on is not None) == (name in gallery_page.computed(gallery))
    assert (rests_on or "") in gallery_page.computed(gallery).get(name, "")


def test_a_caption_says_how_many_seeds_the_runs_have(store: Store) -> None:
    def said(**columns: list[object]) -> str | None:
        record = replace(_records("sphere_chains", store)["sphere_chains"], table=pd.DataFrame(columns))
        return drawing.seeds({"one": record})

    assert said(seed=[3, 4, 4]) == "The figure rests on 2 seeds."
    assert said(task=["a", "a", "b"], seed=[3, 4, 4]) == "The figure rests on 1 to 2 seeds for each task or model."
    assert said(seed=[3, 3]) is said(value=[1, 2]) is None


@pytest.mark.parametrize("name", FIGURES)
def test_no_caption_types_a_number_of_seeds(name: str) -> None:
    numbers = r"\b(\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen|twenty)"
    assert not re.search(numbers + r" (seeds|models|chains|sets)\b", FIGURES[name].caption)


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_leaves_the_page_and_every_panel_is_labelled(name: str, store: Store) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.text import Text

    module = importlib.import_module(FIGURES[name].module)
    with pyplot.style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        figure, _ = module.draw(_records(name, store))
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        unseen = {id(label) for axes in figure.axes for label in _unseen(axes)}
        for text in figure.findobj(lambda found: isinstance(found, Text) and found.get_visible()):
            if text.get_text().strip() and id(text) not in unseen and _shown(text):
                box = text.get_window_extent()
                assert page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1), text.get_text()
        written = " ".join(text.get_text() for text in figure.findobj(Text))
        pyplot.close(figure)
    assert not re.search(r"\bbits\b", written)
    assert "nan" not in written.split()


def test_a_second_run_draws_nothing(gallery: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["figures", "--all", "--preset", "smoke", "--out", str(gallery)]
    assert main([*args, "--explain"], store=store) == 0
    assert main(args, store=store) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{name}: up to date" for name in FIGURES] * 2


def _shown(text: object) -> bool:
    """Return whether the axes that a text belongs to are drawn."""
    axes = getattr(text, "axes", None)
    return axes is None or axes.axison


def _unseen(axes: object) -> list[object]:
    """Return the labels of ticks outside the view: matplotlib keeps them and does not draw them."""
    found = []
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not min(low, high) <= tick.get_loc() <= max(low, high):
                found += [tick.label1, tick.label2]
    return found
