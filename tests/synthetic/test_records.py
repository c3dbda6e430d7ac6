"""The record store: exact, atomic, suspicious of damage, and precise about what made it stale."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic import provenance
from synthetic.digest import PROJECT, code_digest
from synthetic.encoding import canonical, decode, decode_table, encode, encode_table
from synthetic.experiments import registry
from synthetic.records import DamagedRecord, Store
from theory import files
from theory.errors import InvalidInput
from unmasked.command_line import main


@given(st.floats())
def test_every_float_comes_back_bit_for_bit(value: float) -> None:
    back = decode(json.loads(canonical(encode(value, "value"))))
    assert math.isnan(back) if math.isnan(value) else back.hex() == value.hex()


def test_a_table_comes_back_as_it_was() -> None:
    table = pd.DataFrame(
        {
            "float": [0.1, math.inf, -math.inf, math.nan, -0.0],
            "single": pd.Series([0.1, 1, 2, 3, math.nan], dtype="float32"),
            "count": [1, 2, 3, 4, 2**62],
            "flag": [True, False, True, True, False],
            "name": ["a", "", "inf", None, "é"],
        }
    )
    back = decode_table(json.loads(canonical(encode_table(table))))
    pd.testing.assert_frame_equal(back, table, check_exact=True)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "b"]),
        pd.DataFrame({"x": [[1], [2]]}),
        pd.DataFrame({0: [1.0]}),
    ],
)
def test_a_table_that_cannot_be_kept_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(InvalidInput):
        encode_table(table)


def test_the_second_run_computes_nothing_and_returns_the_same(lab) -> None:
    first = lab.store().get_or_compute("tiny", lab.config())
    second = lab.store().get_or_compute("tiny", lab.config())
    assert lab.runs() == 1
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    assert second.scalars == {"edge": -math.inf}
    assert (second.seed, second.config["rows"]) == (7, 4)
    assert second.versions["torch"] == provenance.version("torch")
    assert second.checksum == first.checksum


def test_a_mutable_config_is_refused(lab) -> None:
    with pytest.raises(InvalidInput, match="frozen dataclass"):
        lab.store().status("tiny", {"rows": 3})


def _truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    place = data.index(b'"rows"') + 3
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _edit(data: bytes) -> bytes:
    return data.replace(b"0.1", b"0.2", 1)


def _empty(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_truncate, "truncated"),
        (_empty, "truncated"),
        (_flip, "checksum mismatch"),
        (_edit, "checksum mismatch"),
        (lambda data: b"{}\n", "not a record"),
        (lambda data: data[:20] + b"\xff" + data[21:], "not a record"),
    ],
)
def test_a_damaged_record_is_computed_again_with_a_warning(lab, damage, reason) -> None:
    store, config = lab.store(), lab.config()
    good = store.get_or_compute("tiny", config)
    path = store.path("tiny", config)
    path.write_bytes(damage(path.read_bytes()))
    assert store.status("tiny", config).reasons == (f"{path} cannot be used: {reason}",)
    with pytest.warns(DamagedRecord, match=reason):
        again = store.get_or_compute("tiny", config)
    assert lab.runs() == 2
    pd.testing.assert_frame_equal(again.table, good.table, check_exact=True)
    assert store.status("tiny", config).fresh


def test_any_flipped_bit_is_noticed(lab) -> None:
    store, config = lab.store(), lab.config()
    store.get_or_compute("tiny", config)
    path = store.path("tiny", config)
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        assert store.status("tiny", config).damaged, place


def test_a_crash_before_the_replacement_leaves_the_old_record(lab, monkeypatch) -> None:
    store, config = lab.store(), lab.config()
    store.get_or_compute("tiny", config)
    path = store.path("tiny", config)
    before = path.read_bytes()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        store.get_or_compute("tiny", config, force=True)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from synthetic.records import Store
store = Store(Path({root!r}) / "records", experiments={experiments!r}, sources=Path({root!r}))
config = store.preset("tiny", "laptop")
{trap}
store.get_or_compute("tiny", config)
"""

WHILE_RUNNING = """
import LAB.helper, time
def wait(base, k):
    print("running", flush=True)
    time.sleep(60)
LAB.helper.power = wait
"""

WHILE_WRITING = """
def die(*_):
    print("running", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = die
"""


@pytest.mark.parametrize("trap", [WHILE_RUNNING, WHILE_WRITING])
def test_a_killed_process_leaves_the_store_usable(lab, trap: str) -> None:
    trap = trap.replace("LAB", lab.package)
    script = KILLED.format(root=str(lab.root), experiments=lab.experiments, trap=trap)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert lab.store().status("tiny", lab.config()).reasons == ("no record",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(lab.store().get_or_compute("tiny", lab.config()).table) == 4
    assert lab.store().status("tiny", lab.config()).fresh


def test_the_digest_follows_imports_and_nothing_else(lab) -> None:
    before = code_digest(lab.experiments["tiny"], lab.root)
    names = {name.removeprefix(f"{lab.package}.") for name in before}
    assert names == {lab.package, "tiny", "helper", "deep"}
    lab.edit("unrelated", "VALUE = 2")
    assert code_digest(lab.experiments["tiny"], lab.root) == before
    lab.edit("deep", "EXTRA = 1")
    after = code_digest(lab.experiments["tiny"], lab.root)
    assert [name for name in after if after[name] != before[name]] == [f"{lab.package}.deep"]


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ('"""Other words."""\n# a comment\ndef f( x ):\n    "What it does."\n    return x+1\nLIMIT = 3\n"Why."', True),
        ("def f(x):\n    return x + 1\n\n\nLIMIT = 3", True),
        ("def f(x):\n    return x - 1\n\n\nLIMIT = 3", False),
        ('def f(x):\n    return x + 1\n\n\nLIMIT = "3"', False),
    ],
)
def test_the_digest_is_of_code_and_not_of_prose(tmp_path: Path, code: str, same: bool) -> None:
    (tmp_path / "mine.py").write_text('"""A docstring."""\n\n\ndef f(x):\n    return x + 1\n\n\nLIMIT = 3\n')
    before = code_digest("mine", tmp_path)
    (tmp_path / "mine.py").write_text(code)
    assert (code_digest("mine", tmp_path) == before) is same


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ("import LAB.unrelated", True),
        ("from LAB import unrelated", True),
        ("from . import unrelated", True),
        ("from .unrelated import VALUE", True),
        ("def late():\n    from . import unrelated as other", True),
        ("import importlib\nimportlib.import_module('LAB.unrelated')", True),
        ("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from . import unrelated", False),
        ("unrelated = 'LAB.unrelated'", False),
    ],
)
def test_every_form_of_import_is_found(lab, line: str, reached: bool) -> None:
    lab.edit("deep", line.replace("LAB", lab.package))
    digests = code_digest(lab.experiments["tiny"], lab.root)
    assert (f"{lab.package}.unrelated" in digests) is reached


def test_status_gives_precise_reasons(lab, monkeypatch) -> None:
    store = lab.store()
    assert store.status("tiny", lab.config()).reasons == ("no record",)
    store.get_or_compute("tiny", lab.config())
    assert store.status("tiny", lab.config()).fresh
    assert store.status("tiny", lab.config(rows=5)).reasons == ("config changed: rows 4 -> 5",)
    lab.edit("deep", "EXTRA = 1")
    assert store.status("tiny", lab.config()).reasons == (f"code changed: {lab.package}.deep",)
    store.get_or_compute("tiny", lab.config())
    lab.edit("helper", "from . import unrelated")
    assert store.status("tiny", lab.config()).reasons == (
        f"code changed: {lab.package}.helper",
        f"code now imports {lab.package}.unrelated",
    )
    store.get_or_compute("tiny", lab.config())
    now = provenance.versions()
    monkeypatch.setattr(provenance, "versions", lambda: {**now, "torch": "99.0"})
    assert store.status("tiny", lab.config()).reasons == (f"version of torch changed {now['torch']} -> 99.0",)


def test_code_edited_after_its_import_is_not_run(lab) -> None:
    store, config = lab.store(), lab.config()
    store.preset("tiny", "smoke")
    store.get_or_compute("tiny", config)
    path = lab.source("deep")
    path.write_text(path.read_text().replace("base**k", "base+k"))
    with pytest.raises(InvalidInput, match="edited after"):
        store.get_or_compute("tiny", config)


def test_status_of_many_experiments_is_fast_and_light(lab) -> None:
    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(lab.root)!r})
from synthetic.records import Store
root = Path({str(lab.root)!r})
names = {{f"tiny{{i}}": {lab.experiments["tiny"]!r} for i in range(10)}}
store = Store(root / "records", experiments=names, sources=root)
start = time.process_time()
for name in names:
    store.status(name, store.preset(name, "laptop"))
assert time.process_time() - start < 1
print(*sorted({{"torch", "pandas", "matplotlib"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == ""


def test_every_experiment_of_the_project_is_light_and_has_all_presets() -> None:
    script = """
import sys
from synthetic.records import PRESETS, Store
store = Store()
for name in store.experiments:
    for preset in PRESETS:
        store.path(name, store.preset(name, preset))
print(*sorted({"torch", "matplotlib"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == ""
    assert all(module.startswith("synthetic.experiments.") for module in registry().values())


def test_the_folder_of_records_can_be_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path / "named"))
    assert Store().root == tmp_path / "named"
    assert Store(tmp_path / "argument").root == tmp_path / "argument"
    monkeypatch.delenv("UNMASKED_RECORDS")
    assert Store().root == PROJECT / "records"


def test_a_folder_that_cannot_be_made_is_one_clear_error(lab) -> None:
    (lab.root / "records").write_text("a file")
    with pytest.raises(InvalidInput, match="cannot create the folder"):
        lab.store().get_or_compute("tiny", lab.config())


def test_the_command_line(lab, capsys) -> None:
    assert main(["explain", "tiny"], store=lab.store()) == 0
    assert main(["run", "tiny", "--preset", "smoke"], store=lab.store()) == 0
    assert main(["run", "tiny", "--preset", "smoke"], store=lab.store()) == 0
    assert main(["explain", "tiny"], store=lab.store()) == 0
    assert main(["run"], store=lab.store()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["experiment tiny: Powers of a number, with every awkward float.", "  to compute (no record)"]
    assert lines[2] == "  settings: base=0.1, rows=4, seed=7"
    assert lines[3] == "to compute: 1 run of tiny"
    assert lines[4].startswith("tiny: 2 rows computed in ")
    assert lines[5] == "tiny: up to date"
    assert lines[7] == "  to compute (config changed: rows 2 -> 4)"
    assert lines[9] == "tiny  Powers of a number, with every awkward float."


def test_mistakes_on_the_command_line(lab, main_fails) -> None:
    assert "did you mean tiny?" in main_fails(main, "run", "tinny", store=lab.store())
    assert "did you mean smoke?" in main_fails(main, "run", "tiny", "--preset", "smok", store=lab.store())
    assert lab.runs() == 0


def test_the_module_exits_with_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unmasked", "explain", "nothing-like-it"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown claim, experiment or figure 'nothing-like-it'")


def test_builds_of_one_version_are_the_same_and_versions_are_not() -> None:
    before = {"torch": "2.13.0+cpu", "numpy": "2.4.6"}
    assert provenance.changed_versions(before, {"torch": "2.13.0", "numpy": "2.4.6"}) == []
    assert provenance.changed_versions(before, {"torch": "2.12.0+cpu", "numpy": "2.4.6"}) == [
        "version of torch changed 2.13.0+cpu -> 2.12.0+cpu"
    ]
