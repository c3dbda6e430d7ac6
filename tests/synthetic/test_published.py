"""Published records: used where there is none of one's own, never when damaged or of other code."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from synthetic import live, published
from synthetic.comparing import difference
from synthetic.records import DamagedRecord, Store
from theory.errors import InvalidInput


@pytest.fixture
def shared(lab) -> Path:
    """A folder with the published record of the laboratory's experiment."""
    store, config = lab.store(), lab.config()
    store.get_or_compute("tiny", config)
    folder = lab.root / "shared"
    assert published.publish(folder, [store.path("tiny", config)]) > 0
    return folder


def test_a_published_record_is_used_where_there_is_none_of_ones_own(lab, shared) -> None:
    fresh, config = lab.store("other", shared), lab.config()
    status = fresh.status("tiny", config)
    assert status.fresh and status.published
    found = fresh.get_or_compute("tiny", config)
    assert lab.runs() == 1
    pd.testing.assert_frame_equal(found.table, lab.store().get_or_compute("tiny", config).table, check_exact=True)
    assert fresh.missing("tiny", config) == []
    assert not lab.store("records", shared).status("tiny", config).published  # one's own goes first


def _altered(data: bytes) -> bytes:
    return data[:80] + bytes([data[80] ^ 1]) + data[81:]


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"", _altered])
def test_a_damaged_one_is_said_and_computed_again(lab, shared, damage) -> None:
    fresh, config = lab.store("other", shared), lab.config()
    path = published.path(shared, fresh.path("tiny", config))
    path.write_bytes(damage(path.read_bytes()))
    assert fresh.status("tiny", config).damaged
    with pytest.warns(DamagedRecord, match="not a whole compressed file"):
        fresh.get_or_compute("tiny", config)
    assert lab.runs() == 2


def test_a_damaged_record_of_ones_own_before_a_whole_published_one_is_said(lab, shared) -> None:
    store, config = lab.store("records", shared), lab.config()
    store.path("tiny", config).write_bytes(b"{")
    with pytest.warns(DamagedRecord, match=r"cannot be used.*the published one is used"):
        store.get_or_compute("tiny", config)
    assert lab.runs() == 1


def test_one_that_was_edited_is_never_used(lab, shared) -> None:
    import lzma

    fresh, config = lab.store("other", shared), lab.config()
    path = published.path(shared, fresh.path("tiny", config))
    text = published.unpacked(path).replace(b"0.1", b"0.2", 1)
    path.write_bytes(lzma.compress(text))
    assert fresh.status("tiny", config).damaged


def test_one_of_other_code_is_said_and_computed_again(lab, shared) -> None:
    lab.edit("deep", "RAISED = 2")
    fresh, config = lab.store("other", shared), lab.config()
    assert f"published record: code changed: {lab.package}.deep" in fresh.status("tiny", config).reasons
    fresh.get_or_compute("tiny", config)
    assert lab.runs() == 2


def test_publishing_drops_what_is_no_longer_published(lab, shared) -> None:
    store, config = lab.store(), lab.config(base=0.3)
    store.get_or_compute("tiny", config)
    published.publish(shared, [store.path("tiny", config)])
    assert list((shared / "tiny").iterdir()) == [published.path(shared, store.path("tiny", config))]


def test_differences_are_counted_and_sized() -> None:
    table = pd.DataFrame({"name": ["a", "b"], "value": [1.0, math.nan], "items": ["1 2 3", "4"]})
    assert str(difference(table, table)) == "all 8 numbers are equal"
    moved = table.assign(items=["1 2.2 3", "4"], value=[1.0, 5.0])
    found = difference(table, moved)
    assert (found.numbers, found.moved, found.largest, found.where) == (8, 2, 1.0, "value")
    assert difference(table, table.assign(items=["1 2.2 3", "4"])).largest == pytest.approx(0.2 / 2.2)
    assert difference(table, table.assign(name=["a", "c"])).moved == 1
    with pytest.raises(InvalidInput, match="column items holds 4 and 3 numbers"):
        difference(table, table.assign(items=["1 2", "4"]))
    assert difference(table, table.assign(name=["a", "b-and-more"])).moved == 1
    long = pd.DataFrame({"name": ["confidence by entropy"]})
    assert difference(long, pd.DataFrame({"name": ["confidence by margin"]})).moved == 1
    with pytest.raises(InvalidInput, match="expected the same rows and columns"):
        difference(table, table[:1])


def test_a_live_table_further_off_than_any_other_seed_disagrees() -> None:
    """Numbers of ten seeds lie up to 1.5 of their standard deviations off; one of them is rounding."""
    seeds = [pd.DataFrame({"seed": [k] * 3, "kl": [0.5 + 0.01 * k, 0.25, 1e-17 * k]}) for k in range(10)]
    published, others = seeds[0], seeds[1:]
    assert live.agreement(published, published, others) == "all 6 numbers are equal"
    assert "another model of the same law" in live.agreement(
        published.assign(kl=[0.58, 0.25, -1e-16]), published, others
    )
    assert "DISAGREES" in live.agreement(published.assign(kl=[0.7, 0.25, 0.0]), published, others)


def test_the_live_check_is_of_a_published_run() -> None:
    store = Store()
    config = live.part(store)
    assert (config.tasks, config.seeds) == ((live.TASK,), (live.SEED,))
    assert published.path(published.FOLDER, store.path(live.EXPERIMENT, config)).exists()


def test_all_published_records_are_whole_small_and_of_this_code() -> None:
    """Every run of every claim about trained models, 15 MB together."""
    from synthetic.claims import registry

    store = Store(Path("nowhere"))
    names = sorted({name for claim in registry().values() for name in claim.experiments})
    for name in names:
        for part in store.parts(name, store.preset(name, "laptop")):
            assert store.status(name, part).published, (name, part, store.status(name, part).reasons)
    assert sum(path.stat().st_size for path in published.FOLDER.rglob("*.xz")) <= 15 * 2**20


def test_the_time_of_a_run_is_read_from_its_published_record_unless_that_is_damaged(lab, shared) -> None:
    config = lab.config()
    own = lab.store().path("tiny", config)
    spent = lab.store().get_or_compute("tiny", config).seconds
    assert published.seconds(shared, "tiny") == {own.stem: spent}
    path = published.path(shared, own)
    path.write_bytes(path.read_bytes()[:-9])
    assert published.seconds(shared, "tiny") == published.seconds(shared, "another") == {}
