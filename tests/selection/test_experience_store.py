"""The user's own experience, in SQLite."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from goldilocks.errors import InputError, MissingError
from goldilocks.selection.experience_store import ExperienceStore
from goldilocks.testing.races import row, rows


@pytest.fixture
def store(tmp_path: Path) -> ExperienceStore:
    return ExperienceStore(tmp_path / "own" / "experience.sqlite")


def test_rows_come_back_once_whatever_their_order(store: ExperienceStore, tmp_path: Path) -> None:
    cells = rows(sets=3)
    assert store.add(cells) == len(cells)
    store.add(cells[::-1])
    assert len(store.rows()) == len(cells)
    other = ExperienceStore(tmp_path / "other.sqlite")
    other.add(cells[::-1])
    assert other.digest() == store.digest()
    assert store.experience().candidates["encoder/m0/full"].level < 0


def test_a_rung_written_in_another_way_replaces_the_same_rung(store: ExperienceStore) -> None:
    cells = rows(sets=2)
    store.add(cells)
    store.add([cell | {"rung": {"1": "1.0", "0.1": "1e-1"}[cell["rung"]]} for cell in cells])
    assert len(store.rows()) == len(cells)
    assert len(store.races()) == 2


def test_the_file_is_private(store: ExperienceStore) -> None:
    store.add(rows(sets=2))
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_bad_rows_add_nothing(store: ExperienceStore) -> None:
    with pytest.raises(InputError, match=r"team.csv, row 17: validation_score"):
        store.add([*rows(sets=1), row("x", "m", 1, 0.5, validation_score="?")], where="team.csv")
    assert store.rows() == []


def test_forgetting(store: ExperienceStore) -> None:
    store.add(rows(sets=2, candidates=3))
    assert store.forget("d0") == 6
    assert {race.dataset for race in store.races()} == {"d1"}
    with pytest.raises(MissingError, match="there are: d1"):
        store.forget("d0")
    assert store.forget() == 6
    assert not store.path.exists()


def test_too_little_experience_says_what_to_do(store: ExperienceStore) -> None:
    with pytest.raises(InputError, match="goldilocks experience import"):
        store.experience()


def test_damaged_newer_and_locked_stores(store: ExperienceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(rows(sets=2))
    with sqlite3.connect(store.path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InputError, match="newer version"):
        store.rows()
    store.path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(InputError, match="is damaged"):
        store.rows()
    store.path.unlink()
    with sqlite3.connect(store.path) as database:
        database.execute("CREATE TABLE rungs (foreign_column)")
        database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(InputError, match=r"no such column.*delete it"):
        store.rows()
    store.path.unlink()
    store.add(rows(sets=2))
    monkeypatch.setattr("goldilocks.selection.experience_store._WAIT_SECONDS", 0.01)
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(InputError, match="another process"):
            store.rows()
    finally:
        holder.close()
