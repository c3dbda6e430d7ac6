"""Everything again in a folder of its own: what it says, what it leaves alone, and repetitions with other seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import pytest

from figures.gallery import FIGURES
from synthetic import judging
from synthetic.adapters import antibodies
from synthetic.claims import registry
from synthetic.digest import PROJECT
from synthetic.records import Store
from theory.errors import InvalidInput
from unmasked import reproduce_commands
from unmasked.command_line import main


@pytest.fixture
def reproduce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command on one figure in the smallest preset and return what it printed."""
    monkeypatch.setenv("UNMASKED_RECORDS", "restored")
    monkeypatch.setenv("UNMASKED_MODELS", "restored")

    def run(*options: str) -> str:
        args = ["reproduce", "--preset", "smoke", "--out", str(tmp_path / "own"), *options]
        assert main(args, figures={"toy": FIGURES["toy"]}) == 0
        return capsys.readouterr().out

    return run


def test_it_says_what_it_computes_and_what_moved_and_leaves_the_gallery_alone(tmp_path, reproduce) -> None:
    gallery = PROJECT / "figures" / "gallery"
    before = (gallery / "toy.csv").read_bytes()
    said = reproduce()
    assert "to compute: 1 run of toy, and 1 figures to draw" in said
    assert "tables of the gallery moved" in said and "published verdicts changed" in said
    assert (gallery / "toy.csv").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["gallery", "records"]
    again = reproduce()
    assert "to compute: nothing" in again and "remove it to start from nothing" in again


@pytest.fixture
def without_antiberty(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*file: str) -> Path:
        raise InvalidInput("AntiBERTy is not installed")

    monkeypatch.setattr(antibodies, "installed_file", absent)


@pytest.mark.usefixtures("without_antiberty")
def test_runs_that_need_an_absent_package_are_taken_as_published(tmp_path) -> None:
    store = Store(tmp_path / "records", shared=None)
    config = store.preset("pretrained", "laptop")
    assert reproduce_commands.take_published(store, {"pretrained": config}) == ["pretrained"]
    left = store.missing("pretrained", config)
    assert left and all("AntiBERTy" not in source for run in left for source in run.sources)
    assert reproduce_commands.take_published(store, {"pretrained": config}) == []


@pytest.mark.usefixtures("without_antiberty")
def test_an_absent_package_whose_runs_are_not_published_is_an_error(tmp_path) -> None:
    store = Store(tmp_path / "records", shared=None)
    config = judging.shifted(store.preset("pretrained", "laptop"), 1000)
    with pytest.raises(InvalidInput, match="AntiBERTy is not installed"):
        reproduce_commands.take_published(store, {"pretrained": config})


@pytest.mark.usefixtures("without_antiberty")
def test_a_repetition_leaves_out_the_claims_that_need_an_absent_package(monkeypatch, capsys) -> None:
    """All claims are judged with other seeds, but those of the experiment `pretrained`."""
    asked: dict[str, object] = {}

    def judged(claims, preset, pool, progress, store, shift):
        assert shift == 1000
        asked.update(claims)
        return []

    monkeypatch.setattr(reproduce_commands, "judge_all", judged)
    monkeypatch.setattr(reproduce_commands, "compare_verdicts", lambda *arguments: None)
    monkeypatch.setenv("UNMASKED_RECORDS", "restored")
    monkeypatch.setenv("UNMASKED_MODELS", "restored")
    assert main(["reproduce", "--other-seeds", "1000"]) == 0
    assert "pretrained: its claims are left out" in capsys.readouterr().out
    assert set(registry()) - set(asked) == {n for n, c in registry().items() if "pretrained" in c.experiments}


@pytest.mark.parametrize("number", ["-1", "99"])
def test_a_repetition_with_published_seeds_is_refused(number, monkeypatch, capsys) -> None:
    monkeypatch.setattr(reproduce_commands, "_apart", lambda *arguments: pytest.fail("it goes on to compute"))
    assert main(["reproduce", "--other-seeds", number]) != 0
    assert "expected 100 or more" in capsys.readouterr().err


def test_published_seeds_are_below_what_a_repetition_adds() -> None:
    """Shifted by it, the runs of an experiment share no seed with those before."""

    def seeds(config: object) -> Iterator[int]:
        for name, value in vars(config).items():
            if name == "seeds":
                yield from value
            elif isinstance(value, tuple):
                for each in filter(is_dataclass, value):
                    yield from seeds(each)

    store = Store()
    for name in {each for claim in registry().values() for each in claim.experiments}:
        assert 0 <= max(seeds(store.preset(name, "laptop"))) < reproduce_commands.PUBLISHED_SEEDS, name


def test_a_repetition_shares_no_seed() -> None:
    @dataclass(frozen=True)
    class Config:
        seeds: tuple[int, ...] = (0, 1, 2)

    @dataclass(frozen=True)
    class Outer:
        problems: tuple[Config, ...] = (Config(), Config((7,)))
        rows: int = 3

    assert judging.shifted(Config(), 1000).seeds == (1000, 1001, 1002)
    assert judging.shifted(Outer(), 10) == Outer((Config((10, 11, 12)), Config((17,))))
    with pytest.raises(InvalidInput, match="has no seeds"):
        judging.shifted(Outer(()), 10)


def test_every_experiment_that_a_claim_rests_on_has_seeds_to_shift() -> None:
    store = Store()
    for name in {each for claim in registry().values() for each in claim.experiments}:
        assert judging.shifted(store.preset(name, "laptop"), 1000) != store.preset(name, "laptop")
