"""Training: learns, repeats bit for bit, survives SIGKILL, damage, NaN and a full disk, and refuses another run."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from synthetic import checkpoints, devices, models, optimisation, tasks, trained, training
from synthetic.checkpoints import Checkpoint, DamagedCheckpoint
from synthetic.denoisers import Architecture, ErrorPredictor, Transformer, members, preset, stacked
from synthetic.digest import PROJECT
from synthetic.models import ModelSpec
from synthetic.optimisation import Optimiser, Schedule
from synthetic.progress import Bars, Silent
from synthetic.tasks import Examples, unconditional
from synthetic.training import Trained, Training, train
from theory import files, worlds
from theory.errors import InvalidInput
from theory.worlds import World

SMALL = Architecture(width=16, depth=1, heads=2)
SHORT = Training(steps=60, batch=8, warmup=5, evaluate_every=25, evaluate_rows=16, checkpoint_every=10, compile=False)


@dataclass(frozen=True)
class StandIn:
    """What training asks of a task."""

    name: str
    shape: tuple[int, ...]
    d: int
    train: Examples
    test: Examples
    world: World | None = None


def repetition() -> StandIn:
    """Two equally likely words: easily learned, entropy ln 2."""
    world = worlds.repetition(6)
    rows = world.sample(80, torch.Generator().manual_seed(0))
    return StandIn("repetition", (2, 3), 2, unconditional(rows[:64]), unconditional(rows[64:]), world)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run(folder: Path, seed: int = 0, **changes: object) -> Trained:
    return together(folder, (seed,), **changes)[0]


def together(folder: Path, seeds: tuple[int, ...], **changes: object) -> list[Trained]:
    arguments = {"task": repetition(), "architecture": SMALL, "training": SHORT, "device": "cpu"} | changes
    return train(folder=folder, seeds=seeds, progress=Silent(), **arguments)  # type: ignore[arg-type]  # a mapping


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    torch.set_num_threads(1)
    return run(tmp_path_factory.mktemp("uninterrupted"))


def same(one: Trained, two: Trained) -> bool:
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)
    mine, theirs = one.denoiser.state_dict(), two.denoiser.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def saved(folder: Path) -> list[int]:
    return sorted(int(path.stem[5:]) for path in folder.glob("step-*.json"))


def test_training_reaches_the_entropy(tmp_path) -> None:
    found = run(tmp_path, training=replace(SHORT, steps=300, batch=32, rate=5e-3, evaluate_every=100))
    assert found.entropy == pytest.approx(math.log(2))
    assert found.history["step"].tolist() == [100, 200, 300]
    assert abs(found.held_out.nelbo - math.log(2)) < 0.05
    assert found.history["loss"].is_monotonic_decreasing
    assert not found.denoiser.training
    assert not any(p.requires_grad for p in found.denoiser.parameters())


def test_a_run_repeats_and_depends_on_its_seed(tmp_path, uninterrupted) -> None:
    state = torch.random.get_rng_state()
    assert same(run(tmp_path / "again"), uninterrupted)
    assert torch.equal(torch.random.get_rng_state(), state)
    other = run(tmp_path / "other", seed=1)
    assert not torch.equal(other.denoiser.symbols, uninterrupted.denoiser.symbols)


@pytest.mark.parametrize("width", [16, 20])
def test_seeds_trained_together_have_the_bits_of_each_alone(tmp_path, width) -> None:
    """On one thread of a CPU, whatever else is in the stack and however long its rows of weights are."""
    size = replace(SMALL, width=width)
    stack = together(tmp_path / "stack", (3, 1, 4), architecture=size)
    for seed, found in zip((3, 1, 4), stack, strict=True):
        assert same(run(tmp_path / str(seed), seed=seed, architecture=size), found)


def test_a_stack_multiplies_as_each_of_its_networks_does_alone(tmp_path) -> None:
    """One small network of the published sizes is too little work for oneDNN, and twenty together are enough."""
    spec = trained.spec("small/copied pairs", "laptop", 0)
    assert isinstance(spec.architecture, Architecture)
    first_networks = []
    for seeds in ((0,), tuple(range(20))):
        task = tasks.task(spec.task)
        runs = training.Run(task, spec.architecture, spec.training, seeds, tmp_path, torch.device("cpu"))
        for _ in range(3):
            runs.advance()
        weights = runs.optimiser._weights
        first_networks.append(weights[0].clone())
    work = weights.shape[1] * spec.training.batch * task.n
    assert work < devices.WORTHWHILE < 20 * work
    assert torch.equal(*first_networks)


def test_a_killed_stack_ends_with_the_same_bits(tmp_path) -> None:
    whole = together(tmp_path / "whole", (0, 1, 2))
    kill(tmp_path / "killed", WHILE_RUNNING, seeds=(0, 1, 2))
    assert saved(tmp_path / "killed") == [20, 30]
    assert all(map(same, together(tmp_path / "killed", (0, 1, 2)), whole))


def test_gradients_are_clipped_member_by_member() -> None:
    models = [training.untrained(SMALL, (2, 3), 2, seed) for seed in (0, 1)]
    optimiser = Optimiser(
        stacked(models), lambda module, scale: (module.symbols * scale[:, None, None]).sum((-1, -2)),
        Schedule(9, clip=1.0), stack=True,
    )  # fmt: skip
    _, norms = optimiser.step(0, torch.tensor([1e-3, 1e3]))
    assert norms.tolist() == pytest.approx([1e-3 * math.sqrt(48), 1e3 * math.sqrt(48)])
    assert optimiser._gradient.norm(dim=-1).tolist() == pytest.approx([1e-3 * math.sqrt(48), 1.0])


def test_seeds_are_different_ones(tmp_path) -> None:
    for seeds in ((), (0, 0)):
        with pytest.raises(InvalidInput, match="at least one, each once"):
            together(tmp_path, seeds)


def test_a_finished_run_is_loaded(tmp_path, uninterrupted, monkeypatch) -> None:
    run(tmp_path)
    monkeypatch.setattr(Optimiser, "step", None)
    assert same(run(tmp_path), uninterrupted)


def test_the_last_two_checkpoints_are_kept(tmp_path) -> None:
    run(tmp_path)
    assert saved(tmp_path) == [50, 60]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors", ".safetensors"]


KILLED = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {project!r})
import torch
torch.set_num_threads(1)
from tests.synthetic import test_training as this
folder = Path({folder!r})
{trap}
this.together(folder, {seeds})
"""
WHILE_RUNNING = """
advance = this.training.Run.advance
def slower(self):
    advance(self)
    if self.step == 33:
        print("running", flush=True)
        time.sleep(60)
this.training.Run.advance = slower
"""
WHILE_WRITING = """
replace, done = os.replace, []
def die(*paths):
    done.append(paths)
    if len(done) == {files}:
        print("running", flush=True)
        time.sleep(60)
    replace(*paths)
os.replace = die
"""


def kill(folder: Path, trap: str, seeds: tuple[int, ...] = (0,)) -> None:
    script = KILLED.format(project=str(PROJECT), folder=str(folder), trap=trap, seeds=seeds)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_killed_runs_end_with_the_same_bits(tmp_path, uninterrupted) -> None:
    """Killed between two checkpoints; then before the tensors of the next are in place; then before its JSON is."""
    kill(tmp_path, WHILE_RUNNING)
    assert saved(tmp_path) == [20, 30]
    kill(tmp_path, WHILE_WRITING.format(files=1))
    assert saved(tmp_path) == [20, 30]
    kill(tmp_path, WHILE_WRITING.format(files=4))
    assert saved(tmp_path) == [30, 40]
    assert (tmp_path / "step-000000050.safetensors").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(run(tmp_path), uninterrupted)
    assert [path.name for path in tmp_path.iterdir() if "50" not in path.name and "60" not in path.name] == []


@pytest.mark.parametrize("forgotten", ["average/", "first/", "second/"])
def test_a_resumed_run_that_forgets_something_ends_with_other_bits(
    tmp_path, uninterrupted, monkeypatch, forgotten: str
) -> None:
    run(tmp_path)
    (tmp_path / "step-000000060.json").unlink()
    restore = Optimiser.restore

    def forget(self, step: int, tensors: dict[str, torch.Tensor]) -> None:
        restore(self, step, {k: 0 * v if k.startswith(forgotten) else v for k, v in tensors.items()})

    monkeypatch.setattr(Optimiser, "restore", forget)
    found = run(tmp_path)
    assert not all(map(torch.equal, found.denoiser.parameters(), uninterrupted.denoiser.parameters()))


def _truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    return data[:-30] + bytes([data[-30] ^ 1]) + data[-29:]


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("damage", [_truncate, _flip, lambda data: b"", None])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, uninterrupted, suffix, damage) -> None:
    run(tmp_path)
    path = tmp_path / f"step-000000060{suffix}"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    if suffix == ".json" and damage is None:
        assert same(run(tmp_path), uninterrupted)  # never was a checkpoint
        return
    with pytest.warns(DamagedCheckpoint, match="going back to the one before"):
        assert same(run(tmp_path), uninterrupted)
    assert saved(tmp_path) == [50, 60]


def test_where_all_are_damaged_it_starts_again(tmp_path, uninterrupted) -> None:
    run(tmp_path)
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(b"")
    with pytest.warns(DamagedCheckpoint):
        assert same(run(tmp_path), uninterrupted)


def test_another_run_is_refused(tmp_path) -> None:
    run(tmp_path)
    with pytest.raises(InvalidInput, match=r"architecture.width 16 -> 32, training.rate 0.003 -> 0.1\)"):
        run(tmp_path, architecture=replace(SMALL, width=32), training=replace(SHORT, rate=0.1))
    assert saved(tmp_path) == [50, 60]
    other = Transformer(Architecture(width=16, depth=2, heads=2), (2, 3), 2)
    tensors = dict(Optimiser(Transformer(SMALL, (2, 3), 2), training.nelbo_objective, Schedule(9)).module.state_dict())
    with pytest.raises(InvalidInput, match=r"weights/blocks.1.* is absent, expected"):
        Optimiser(other, training.nelbo_objective, Schedule(9)).restore(
            1, {f"weights/{name}": tensor for name, tensor in tensors.items()}
        )


def test_a_loss_that_is_not_finite_stops_the_run_and_loses_nothing(tmp_path, uninterrupted, monkeypatch) -> None:
    advance = training.Run.advance

    def poisoned(self) -> None:
        if self.step == 32:
            with torch.no_grad():
                self.optimiser.module.head.bias[0, 0] = math.nan
        advance(self)

    monkeypatch.setattr(training.Run, "advance", poisoned)
    with pytest.raises(InvalidInput, match=r"seed 0: loss nan at step 33.* the checkpoint of step 30 .* stays"):
        run(tmp_path)
    assert saved(tmp_path) == [20, 30]
    monkeypatch.setattr(training.Run, "advance", advance)
    assert same(run(tmp_path), uninterrupted)


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path, uninterrupted, monkeypatch) -> None:
    sync, written = os.fsync, []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InvalidInput, match=r"step 40 in .* \(No space left on device\); that of step 30 stays"):
        run(tmp_path)
    assert saved(tmp_path) == [20, 30]
    monkeypatch.setattr(files.os, "fsync", sync)
    assert same(run(tmp_path), uninterrupted)


def test_where_no_compiler_works_the_run_is_eager(tmp_path, uninterrupted, monkeypatch) -> None:
    def broken(function: object, **_: object) -> object:
        def fail(*batch: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no compiler")

        return fail

    monkeypatch.setattr(optimisation.torch, "compile", broken)
    found = run(tmp_path, training=replace(SHORT, compile=True))
    assert same(found, uninterrupted)


def test_an_error_of_the_batch_itself_is_raised(monkeypatch) -> None:
    monkeypatch.setattr(optimisation.torch, "compile", lambda function, **_: function)
    optimiser = Optimiser(Transformer(SMALL, (2, 3), 2), training.nelbo_objective, Schedule(9), compiled=True)
    z, nothing = torch.zeros(4, 6, dtype=torch.long), torch.zeros(4, 6, dtype=torch.bool)
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        optimiser.step(0, z, z + 99, nothing, torch.ones(4))


def test_only_long_runs_on_a_gpu_compile() -> None:
    short, long = Training(steps=2000), Training(steps=20_000)
    found = [training._worth_compiling(run, torch.device(kind)) for kind in ("cpu", "cuda") for run in (short, long)]
    assert found == [False, False, False, True]


def test_a_stack_comes_apart_again() -> None:
    models = [training.untrained(SMALL, (2, 3), 2, seed) for seed in range(3)]
    whole = stacked(models)
    z = torch.randint(3, (3, 4, 6), generator=torch.Generator().manual_seed(0))
    for k, one in enumerate(members(whole)):
        assert all(map(torch.equal, one.parameters(), models[k].parameters()))
        assert torch.allclose(whole(z)[k], one(z[k]), atol=1e-6)


def test_rates_warm_up_and_go_down() -> None:
    schedule = Schedule(steps=100, rate=1.0, warmup=10, ema=0.9)
    rates = [schedule.rate_at(step) for step in range(100)]
    assert max(rates) == rates[10] == 1
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 1e-3
    assert [schedule.decay_at(0), schedule.decay_at(1000)] == [0.1, 0.9]
    assert Schedule(steps=1).rate_at(0) > 0


def test_given_tokens_and_the_time_weighted_loss(tmp_path) -> None:
    rows = repetition().train.tokens
    given = torch.zeros_like(rows, dtype=torch.bool)
    given[:, 0] = True
    data = Examples(rows, given)
    found = run(tmp_path, task=replace(repetition(), train=data, test=data), training=replace(SHORT, loss="time"))
    assert found.entropy is None
    assert math.isfinite(found.held_out.nelbo)


def test_an_error_predictor_trains_with_the_same_optimiser(uninterrupted) -> None:
    predictor = ErrorPredictor(uninterrupted.denoiser, "head")

    def objective(module: ErrorPredictor, tokens: torch.Tensor, wrong: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(module(tokens), wrong)

    optimiser = Optimiser(predictor, objective, Schedule(steps=40, rate=0.05, warmup=0))
    tokens = torch.randint(2, (64, 6), generator=torch.Generator().manual_seed(0))
    losses = [float(optimiser.step(step, tokens, tokens.float())[0]) for step in range(40)]
    assert losses[-1] < 0.9 * losses[0]
    assert set(optimiser.named) == {"head.weight", "head.bias"}


def test_the_bar_says_loss_and_distance_from_the_entropy(tmp_path) -> None:
    from rich.console import Console
    from rich.progress import Progress

    shown: list[str] = []

    class Display(Progress):
        def update(self, task, **fields) -> None:
            shown.append(fields["description"])
            super().update(task, **fields)

    train(repetition(), SMALL, SHORT, (0,), tmp_path, Bars(Display(console=Console(file=io.StringIO()))), "cpu")
    assert len(shown) == 60
    assert shown[0] == "repetition, seed 0"
    assert "loss " in shown[20]
    assert "NELBO - entropy " in shown[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "positive counts"),
        ({"ema": 1.0}, "ema < 1"),
        ({"loss": "counts"}, "did you mean count"),
    ],
)
def test_settings_that_make_no_sense(change, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        replace(SHORT, **change)


def test_data_that_cannot_be_trained_on(tmp_path) -> None:
    task = repetition()
    ones = torch.ones(4, 6, dtype=torch.long)
    for rows, given, message in (
        (ones[:, :5], None, r"expected \(rows, 6\)"),
        (ones * 2, None, r"tokens from 2 to 2; expected 0..1"),
        (ones, torch.ones(4, 6, dtype=torch.bool), "every token is given"),
    ):
        data = unconditional(rows) if given is None else Examples(rows, given)
        with pytest.raises(InvalidInput, match=message):
            run(tmp_path, task=replace(task, train=data))


SPEC = ModelSpec("small/repetition", SMALL, SHORT)


def test_a_model_is_trained_once(tmp_path, monkeypatch) -> None:
    first = models.trained(SPEC, Silent(), "cpu", tmp_path)
    monkeypatch.setattr(tasks, "task", None)
    state = torch.random.get_rng_state()
    again = models.trained(SPEC, Silent(), "cpu", tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not again.training
    row = models.summary(SPEC, Silent(), "cpu", tmp_path)
    assert row["parameters"] == sum(p.numel() for p in first.parameters())
    assert row["entropy"] == pytest.approx(math.log(2))
    assert models.folder(SPEC, tmp_path).parent == tmp_path / "small-repetition"
    monkeypatch.setenv("UNMASKED_MODELS", str(tmp_path))
    assert models.folder(SPEC) == models.folder(SPEC, tmp_path)


def test_a_damaged_model_is_trained_again(tmp_path) -> None:
    first = models.trained(SPEC, Silent(), "cpu", tmp_path)
    path = models.folder(SPEC, tmp_path) / "step-000000060.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(DamagedCheckpoint):
        again = models.trained(SPEC, Silent(), "cpu", tmp_path)
    assert all(map(torch.equal, first.parameters(), again.parameters()))


def test_what_is_missing_of_a_kind_is_trained_as_one_stack(tmp_path, monkeypatch) -> None:
    specs = [replace(SPEC, seed=seed) for seed in (0, 1, 2)]
    alone = models.finished(specs[1], Silent(), "cpu", tmp_path)
    trained: list[list[int]] = []
    monkeypatch.setattr(models, "train", lambda *a: trained.append(a[3]) or train(*a))  # type: ignore[func-returns-value]  # noted, then called
    found = models.together(specs, Silent(), "cpu", tmp_path)
    assert trained == [[0, 2]]
    assert same(found[1], alone)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small-repetition", "stacks"]
    assert [path.name for path in (tmp_path / "stacks").iterdir()] == []
    with pytest.raises(InvalidInput, match="2 kinds of models"):
        models.together([SPEC, replace(SPEC, task="chain")], Silent(), "cpu", tmp_path)


def test_stacks_hold_what_fits_a_cache(monkeypatch) -> None:
    specs = [ModelSpec(task, Architecture(64, 3), seed=seed) for task in ("chain", "sudoku4") for seed in range(5)]
    sizes = [[(spec.task, spec.seed) for spec in group] for group in models.stacks(specs, "cpu")]
    assert sizes == [
        [("chain", k) for k in (0, 2, 4)],
        [("chain", 1), ("chain", 3)],
        [("sudoku4", k) for k in range(5)],
    ]
    monkeypatch.setattr(models, "choose_device", lambda _: torch.device("cuda"))
    assert [len(group) for group in models.stacks(specs)] == [5, 5]


def test_the_key_depends_on_spec_code_and_torch(monkeypatch) -> None:
    key = models.key(SPEC)
    assert key == models.key(replace(SPEC))
    assert models.key(ModelSpec("chain", "tiny")) == models.key(ModelSpec("chain", preset("tiny")))
    assert (
        models.key(replace(SPEC, training=replace(SHORT, evaluate_every=9, evaluate_rows=9, checkpoint_every=9))) == key
    )
    others = [replace(SPEC, seed=1), replace(SPEC, training=replace(SHORT, rate=0.1)), replace(SPEC, task="chain")]
    assert len({key, *map(models.key, others)}) == 4
    digest = models.code_digest
    for module in ("synthetic.losses", "synthetic.tasks.small"):
        monkeypatch.setattr(models, "code_digest", lambda *a, m=module, **k: digest(*a, **k) | {m: "edited"})
        assert models.key(SPEC) != key
    monkeypatch.setattr(models, "code_digest", digest)
    reached = {
        name for part in (*models.CODE, "synthetic.tasks.chain") for name in digest(part, without=models.PLUMBING)
    }
    assert "synthetic.tasks.base" in reached
    assert not reached & {"synthetic.tasks", "synthetic.tasks.sudoku9", "synthetic.models", "synthetic.records"}
    with monkeypatch.context() as patch:
        patch.setattr(models.provenance, "version", lambda _: "99.0")
        assert models.key(SPEC) != key
    with monkeypatch.context() as patch:
        patch.setattr(models.catalogue, "source", lambda _: "other data")
        assert models.key(SPEC) != key
    with pytest.raises(InvalidInput, match="did you mean chain"):
        models.key(replace(SPEC, task="chian"))


def test_a_second_process_waits_for_the_first(tmp_path) -> None:
    found: list[Transformer] = []
    waiting = threading.Thread(target=lambda: found.append(models.trained(SPEC, Silent(), "cpu", tmp_path)))
    with models._locked(models.folder(SPEC, tmp_path)):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        assert not saved(models.folder(SPEC, tmp_path))
    waiting.join(60)
    assert len(found) == 1


def test_a_checkpoint_comes_back_as_it_was(tmp_path) -> None:
    tensors = {"a": torch.randn(3, 2), "b": torch.arange(4.0)}
    facts = {"history": [{"loss": math.inf, "nelbo": 0.1}], "optimiser": {"name": "AdamW"}}
    checkpoints.save(tmp_path, Checkpoint(7, tensors, {"seed": 1}, facts))
    back = checkpoints.load(tmp_path, {"seed": 1})
    assert back is not None
    assert (back.step, back.facts, back.config) == (7, facts, {"seed": 1})
    assert all(torch.equal(back.tensors[name], tensors[name]) for name in tensors)
    assert json.loads((tmp_path / "step-000000007.json").read_bytes())["payload"]["config"] == {"seed": 1}
    assert checkpoints.load(tmp_path / "nothing", {}) is None
