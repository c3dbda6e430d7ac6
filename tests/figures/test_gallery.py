"""The gallery: drawn only when something changed, reproducible, whole, and lazy to import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from figures.gallery import FIGURES, Entry, select
from figures.saving import PNG_LIMIT, save, settled
from figures.stamps import STYLE, experiments
from synthetic.digest import PROJECT
from synthetic.experiments import registry
from theory.errors import InvalidInput
from unmasked.command_line import main

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from figures.gallery import Entry
from synthetic.records import Store
from unmasked.command_line import main
store = Store(Path({root!r}) / "records", experiments={experiments!r}, sources=Path({root!r}))
entries = {{"picture": Entry({module!r}, "a paper", "Fig. 1", "Powers.")}}
code = main(["figures", "--all", *{args!r}], store=store, figures=entries)
print(*sorted({{"torch", "pandas", "matplotlib"}} & sys.modules.keys()))
sys.exit(code)
"""


@pytest.fixture
def draw(lab, capsys):
    """Run the command line on the laboratory's one figure and return what it printed."""
    entries = {"picture": Entry(f"{lab.package}.picture", "a paper", "Fig. 1", "Powers.")}

    def run(*args: str, code: int = 0) -> str:
        options = ["figures", "--all", "--out", str(lab.root / "out"), *args]
        assert main(options, store=lab.store(), figures=entries) == code
        printed = capsys.readouterr().out.splitlines(keepends=True)
        return "".join(line for line in printed if not line.startswith("to compute: "))

    return run


def _in_new_process(lab, *args: str, hash_seed: str = "0") -> str:
    script = SCRIPT.format(
        root=str(lab.root),
        experiments=lab.experiments,
        args=list(args),
        module=f"{lab.package}.picture",
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    return done.stdout


def test_a_figure_is_three_files_and_a_page(lab, draw) -> None:
    assert "picture: drawn" in draw()
    out = lab.root / "out"
    assert {path.name for path in out.iterdir()} == {
        "picture.png",
        "picture.pdf",
        "picture.csv",
        "README.md",
    }
    assert pd.read_csv(out / "picture.csv")["power"].tolist() == [1.0, 0.1, 0.01, 0.001]
    assert (out / "picture.png").stat().st_size < PNG_LIMIT
    pdf = (out / "picture.pdf").read_bytes()
    assert b"CreationDate" not in pdf
    assert b"/FontFile2" in pdf or b"/Type0" in pdf
    page = (out / "README.md").read_text()
    assert "a paper, Fig. 1" in page
    assert "unmasked figures picture" in page


def test_what_differs_between_machines_is_not_written() -> None:
    table = pd.DataFrame(
        {"n": [1, 2, 3], "value": [1 + 2.2e-16, -3.3e-16, 1.2345678901234e-5], "name": ["a", "b", "c"]}
    )
    found = settled(table.assign(missing=[float("nan"), float("inf"), 0.0]))
    assert found["value"].tolist() == [1.0, 0.0, 1.23456789012e-5]
    assert found["n"].tolist() == [1, 2, 3] and found["name"].tolist() == ["a", "b", "c"]
    assert found["missing"].isna().tolist() == [True, False, False]


def test_the_second_run_draws_nothing_and_imports_no_library(lab) -> None:
    args = ("--out", str(lab.root / "out"))
    assert _in_new_process(lab, *args).splitlines()[-1] == "matplotlib pandas torch"
    times = {path: path.stat().st_mtime_ns for path in (lab.root / "out").iterdir()}
    assert _in_new_process(lab, *args) == "picture: up to date\n\n"
    assert times == {path: path.stat().st_mtime_ns for path in (lab.root / "out").iterdir()}
    assert lab.runs() == 1


def test_pictures_are_the_same_bytes_in_every_process(lab) -> None:
    for seed in ("1", "2"):
        _in_new_process(lab, "--out", str(lab.root / seed), hash_seed=seed)
    for suffix in ("png", "pdf", "csv"):
        first, second = ((lab.root / seed / f"picture.{suffix}").read_bytes() for seed in "12")
        assert first == second, suffix


def test_explain_says_why_and_does_nothing(lab, draw) -> None:
    assert draw("--explain") == ("picture: record tiny: no record; no file picture.png, picture.pdf, picture.csv\n")
    assert lab.runs() == 0
    assert not (lab.root / "out").exists()
    draw()
    assert draw("--explain") == "picture: up to date\n"
    lab.edit("picture", "WIDTH = 1")
    assert draw("--explain") == f"picture: code changed: {lab.package}.picture\n"
    draw()
    assert lab.runs() == 1
    lab.edit("deep", "EXTRA = 1")
    assert draw("--explain") == f"picture: record tiny: code changed: {lab.package}.deep\n"
    draw()
    assert lab.runs() == 2
    assert draw("--explain") == "picture: up to date\n"
    assert draw("--explain", "--preset", "smoke") == (
        "picture: record tiny: config changed: rows 4 -> 2; preset changed: laptop -> smoke\n"
    )


def test_a_changed_or_missing_file_is_drawn_again(lab, draw) -> None:
    draw()
    picture = lab.root / "out" / "picture.csv"
    whole = picture.read_bytes()
    picture.write_text("edited")
    assert draw("--explain") == "picture: file picture.csv changed\n"
    draw()
    assert picture.read_bytes() == whole
    picture.unlink()
    assert draw("--explain") == "picture: no file picture.csv\n"
    draw()
    assert picture.read_bytes() == whole
    stamp = next((lab.root / "records" / "_figures").iterdir())
    stamp.write_bytes(stamp.read_bytes()[:40])
    assert draw("--explain") == "picture: its stamp is damaged\n"
    draw()
    assert lab.runs() == 1


def test_force_computes_and_draws_again(lab, draw) -> None:
    draw()
    assert "picture: drawn" in draw("--force")
    assert lab.runs() == 2


def test_a_failed_drawing_leaves_no_files(lab, draw) -> None:
    lab.edit("picture", "def draw(records):\n    raise RuntimeError('no ink')")
    with pytest.raises(RuntimeError, match="no ink"):
        draw()
    assert list((lab.root / "out").iterdir()) == []


def test_a_picture_too_large_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6))
    figure.figimage(np.random.default_rng(0).random((480, 480, 3)))
    with pytest.raises(InvalidInput, match=f"{PNG_LIMIT} is the limit"):
        save(figure, pd.DataFrame(), "noise", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_style_cycles_colour_and_line_together() -> None:
    from matplotlib import RcParams, rc_params_from_file

    style: RcParams = rc_params_from_file(STYLE, use_default_template=False)
    cycle = style["axes.prop_cycle"].by_key()
    assert len(set(cycle["color"])) == len({str(line) for line in cycle["linestyle"]}) == 8
    assert style["pdf.fonttype"] == 42


def test_mistakes_on_the_command_line(lab, main_fails) -> None:
    entries = {"picture": Entry(f"{lab.package}.picture", "a paper", "Fig. 1", "Powers.")}
    options = {"figures": entries, "store": lab.store()}
    assert "did you mean picture?" in main_fails(main, "figures", "pictur", **options)
    assert "did you mean laptop?" in main_fails(main, "figures", "--preset", "labtop", **options)
    (lab.root / "file").write_text("")
    folder = ("--out", str(lab.root / "file"))
    assert "cannot create the folder" in main_fails(main, "figures", "--all", *folder, **options)
    assert "name figures, or draw all" in main_fails(main, "figures", "picture", "--all", **options)
    assert lab.runs() == 0


def test_every_figure_of_the_project_names_known_experiments() -> None:
    for entry in select((), FIGURES).values():
        assert set(experiments(entry.module, PROJECT)) <= registry().keys()
        assert entry.caption.count("\n") == 0


def test_a_bare_command_lists_paper_figure_and_cost_and_draws_nothing(lab, capsys) -> None:
    entries = {"picture": Entry(f"{lab.package}.picture", "a paper", "Fig. 1", "Powers.")}
    for bare in (["figures"], ["figures", "--list", "picture"]):
        assert main(bare, figures=entries, store=lab.store()) == 0
        printed = capsys.readouterr().out
        assert printed.startswith("picture  a paper, Fig. 1: Powers.\n         needs 1 run of tiny\n")
        assert "all: unmasked figures --all" in printed
    assert lab.runs() == 0
