"""Many runs: spread over processes and over a cluster, interrupted, resumed, and never computed twice."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthetic import published
from synthetic.digest import PROJECT
from synthetic.encoding import encode_config
from synthetic.records import Store
from synthetic.sweep import Pool, compute
from theory.errors import InvalidInput
from unmasked.command_line import main

EXPERIMENT = '''
"""Squares, slowly; every start and every end is written down."""
from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Config:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    seconds: float = 0.0


PRESETS = {"smoke": Config((0, 1)), "laptop": Config(), "gpu": Config(seconds=0.7)}


def parts(config):
    return tuple(replace(config, seeds=(s,)) for s in config.seeds) if len(config.seeds) > 1 else ()


def note(event, seed):
    with open(Path(__file__).with_name("log"), "a") as log:
        log.write(f"{event} {seed} {os.getpid()}\\n")


def run(config, progress):
    import pandas as pd

    (seed,) = config.seeds
    note("begin", seed)
    time.sleep(config.seconds)
    while Path(__file__).with_name("hold").exists() and seed > 1:
        time.sleep(0.02)
    if Path(__file__).with_name(f"poison{seed}").exists():
        os.kill(os.getpid(), 9)
    note("end", seed)
    return pd.DataFrame({"seed": [seed], "square": [seed**2]}), {f"square {seed}": seed**2}
'''


class Bench:
    """A folder with one experiment of six runs."""

    def __init__(self, root: Path) -> None:
        self.root, self.package = root, f"sweep_{secrets.token_hex(4)}"
        (root / self.package).mkdir()
        (root / self.package / "__init__.py").touch()
        (root / self.package / "squares.py").write_text(EXPERIMENT)

    def store(self) -> Store:
        return Store(self.root / "records", experiments={"squares": f"{self.package}.squares"}, sources=self.root)

    def config(self, preset: str = "laptop") -> object:
        return self.store().preset("squares", preset)

    def events(self, kind: str) -> Counter[int]:
        log = self.root / self.package / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return Counter(int(line.split()[1]) for line in lines if line.startswith(kind))

    def compute(self, pool: Pool, preset: str = "laptop", **options: object) -> None:
        compute(self.store(), {"squares": self.config(preset)}, pool, say=lambda line: None, **options)

    def squares(self, preset: str = "laptop") -> list[int]:
        assert self.store().status("squares", self.config(preset)).fresh
        return self.store().get_or_compute("squares", self.config(preset)).table["square"].tolist()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    return Bench(tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_run_is_a_record_and_the_whole_is_their_rows_in_order(bench: Bench, jobs: int) -> None:
    bench.compute(Pool(jobs))
    assert bench.squares() == [0, 1, 4, 9, 16, 25]
    assert bench.events("end") == Counter(range(6))
    bench.compute(Pool(jobs))
    assert bench.events("begin") == Counter(range(6))
    assert len(list((bench.root / "records" / "squares").glob("*.json"))) == 7


def test_a_larger_sweep_uses_the_runs_of_a_smaller_one(bench: Bench) -> None:
    bench.compute(Pool(), "smoke")
    bench.compute(Pool())
    assert bench.events("end") == Counter(range(6))
    assert bench.squares() == [0, 1, 4, 9, 16, 25]


def test_the_longest_runs_come_first_and_an_unknown_one_counts_as_the_mean(bench: Bench, monkeypatch) -> None:
    store = bench.store()
    runs = [(store.path("squares", run).stem, encode_config(run)) for run in store.parts("squares", bench.config())]
    took = [(*run, time) for run, time in zip(runs, (1.0, 5.0, 3.0, 9.0, 2.0), strict=False)]  # seed 5 has no record
    other = ("else", {**runs[0][1], "seconds": 0.5}, 100.0)  # in the mean of 4 this does not count
    monkeypatch.setattr(published, "_runs", lambda folder, experiment: [*took, other])
    bench.compute(Pool())
    log = (bench.root / bench.package / "log").read_text().split()
    assert log[1::6] == ["3", "1", "5", "2", "4", "0"]
    assert bench.squares() == [0, 1, 4, 9, 16, 25]


def test_a_whole_is_joined_again_where_its_runs_are_others(bench: Bench, monkeypatch) -> None:
    """As where a task has another number of seeds at this scale: the config says nothing of that."""
    bench.compute(Pool())
    store, config = bench.store(), bench.config()
    fewer = store.parts("squares", config)[:4]
    monkeypatch.setattr(Store, "parts", lambda self, name, of: fewer if of == config else ())
    assert store.status("squares", config).reasons == ("its runs changed",)
    assert store.missing("squares", config) == []
    assert store.get_or_compute("squares", config).table["square"].tolist() == [0, 1, 4, 9]


def test_force_computes_every_run_again(bench: Bench) -> None:
    bench.compute(Pool())
    bench.compute(Pool(), force=True)
    assert set(bench.events("end").values()) == {2}


def test_a_killed_process_loses_its_run_only_and_the_sweep_goes_on_later(bench: Bench) -> None:
    poison = bench.root / bench.package / "poison4"
    poison.touch()
    with pytest.raises(InvalidInput, match="worker process was killed"):
        bench.compute(Pool(2))
    assert bench.events("end")[4] == 0
    store = bench.store()
    done = set(range(6)) - {run.seeds[0] for run in store.missing("squares", bench.config())}
    assert len(done) >= 3
    assert not bench.store().status("squares", bench.config()).fresh
    poison.unlink()
    bench.compute(Pool(2))
    assert bench.squares() == [0, 1, 4, 9, 16, 25]
    assert all(bench.events("end")[seed] == 1 for seed in done)


def test_explain_says_which_runs_are_missing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.compute(Pool(), "smoke")
    assert main(["explain", "squares"], store=bench.store()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  to compute")
    assert lines[2] == "  settings: seeds=[0, 1, 2, 3, 4, 5], seconds=0.0"
    assert lines[3] == "  2 of 6 runs are there"
    assert [re.search(r"seeds \[(\d)\]", line)[1] for line in lines[4:]] == ["2", "3", "4", "5"]


def test_a_pool_of_no_process_and_a_silent_scheduler_are_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="at least one process"):
        Pool(0)
    with pytest.raises(InvalidInput, match="no Dask scheduler answers"):
        bench.compute(Pool(cluster="tcp://127.0.0.1:9"))


def test_a_cluster_whose_worker_is_killed_loses_nothing_and_computes_nothing_twice(bench: Bench) -> None:
    hold = bench.root / bench.package / "hold"  # so that the worker dies within a run, not between a run and its record
    hold.touch()
    with _cluster(bench.root) as (address, workers):
        sweep = subprocess.Popen(
            [sys.executable, "-c", _SWEEP.format(root=str(bench.root), package=bench.package, address=address)],
            cwd=PROJECT,
        )
        _until(lambda: sum(seed > 1 for seed in bench.events("begin")) == 2)
        workers[0].send_signal(signal.SIGKILL)
        hold.unlink()
        assert sweep.wait(60) == 0
    assert bench.squares("gpu") == [0, 1, 4, 9, 16, 25]
    assert bench.events("end") == Counter(range(6))
    assert bench.events("begin").total() == 7


_SWEEP = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from synthetic.records import Store
from synthetic.sweep import Pool, compute
store = Store(Path({root!r}) / "records", experiments={{"squares": "{package}.squares"}}, sources=Path({root!r}))
compute(store, {{"squares": store.preset("squares", "gpu")}}, Pool(cluster={address!r}))
"""


@contextlib.contextmanager
def _cluster(root: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """Start a scheduler and two workers of one thread each, on free ports of this machine."""
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{PROJECT}", "OMP_NUM_THREADS": "1"}
    file = root / "scheduler.json"
    processes = [
        subprocess.Popen(
            [*dask, "--no-dashboard", "--scheduler-file", str(file)], env=environment, stderr=subprocess.DEVNULL
        )
    ]
    try:
        _until(file.exists)
        address = re.search(r"tcp://127\.0\.0\.1:\d+", file.read_text())[0]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
        processes += [
            subprocess.Popen([*worker, "--no-dashboard"], env=environment, cwd=root, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _until(holds, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
