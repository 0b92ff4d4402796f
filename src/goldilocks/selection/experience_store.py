"""The user's own experience: recorded races in an SQLite file of the cache folder, readable by this user only.

Nothing is put there and nothing of it is used unless the user asks for it (``goldilocks experience import``,
``goldilocks select --experience local``). It holds names of candidates, scores and seconds; no texts, no labels.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from goldilocks.errors import InputError, MissingError
from goldilocks.nets.hub.conversion_cache import cache_folder
from goldilocks.records import Trial
from goldilocks.selection.experience import Experience, recorded_experience
from goldilocks.selection.experience_fit import MIN_SETS, fit_experience
from goldilocks.selection.race_table import COLUMNS, OPTIONAL, TableRace, races_of

VERSION = 1
_KEY = ("dataset", "family", "model", "method", "rung", "seed")
_WAIT_SECONDS = 5.0
_ALL = (*COLUMNS, *OPTIONAL)
Row = Mapping[str, str]


class ExperienceStore:
    """Rows in the format of ``race_table``; a row with the same data set, candidate, rung and seed is replaced."""

    def __init__(self, path: Path | None = None) -> None:
        """The store in ``path``; by default in the cache folder."""
        self.path = path or cache_folder() / "experience.sqlite"

    def add(self, rows: Iterable[Row], *, where: str = "") -> int:
        """Add rows; returns how many.

        Args:
            rows: Text cells, with the columns of ``race_table``.
            where: Their file, for error messages.

        Raises:
            InputError: the rows are not races (see ``read_table``), or the store cannot be used.
        """
        rows = list(rows)
        races_of(rows, where=where or str(self.path))  # all or nothing
        self.path.parent.mkdir(parents=True, exist_ok=True)
        values = [tuple(_cell(row, column) for column in _ALL) for row in rows]
        placeholders = ", ".join("?" * len(_ALL))
        with self._open(create=True) as database:
            database.executemany(f"INSERT OR REPLACE INTO rungs ({', '.join(_ALL)}) VALUES ({placeholders})", values)
        return len(rows)

    def rows(self) -> list[dict[str, str]]:
        """All rows, sorted; empty where there is no store."""
        if not self.path.exists():
            return []
        order = ", ".join(_KEY)
        with self._open() as database:
            rows = database.execute(f"SELECT {', '.join(_ALL)} FROM rungs ORDER BY {order}").fetchall()
        return [dict(zip(_ALL, (str(cell) for cell in row), strict=True)) for row in rows]

    def races(self) -> list[TableRace]:
        """The races of the store."""
        rows = self.rows()
        return races_of(rows, where=str(self.path)) if rows else []

    def forget(self, dataset: str | None = None) -> int:
        """Delete one data set, or everything; returns how many rows.

        Raises:
            MissingError: there is no such data set.
        """
        if not self.path.exists():
            return 0
        if dataset is None:
            count = len(self.rows())
            self.path.unlink()
            return count
        with self._open() as database:
            count = database.execute("DELETE FROM rungs WHERE dataset = ?", (dataset,)).rowcount
        if count == 0:
            names = ", ".join(sorted({row["dataset"] for row in self.rows()})) or "none"
            raise MissingError(f"{self.path}: has no data set {dataset!r}; there are: {names}.")
        return count

    def digest(self) -> str:
        """SHA-256 of the rows: the same content has the same digest, in whatever order it came."""
        return hashlib.sha256("\n".join(",".join(row.values()) for row in self.rows()).encode()).hexdigest()

    def experience(self, base: Experience | None = None) -> Experience:
        """The experience of the store's races, on top of ``base`` (that of the package).

        Raises:
            InputError: the store has races on fewer than ``MIN_SETS`` data sets.
        """
        races = self.races()
        sets = len({race.dataset for race in races})
        if sets < MIN_SETS:
            raise InputError(
                f"{self.path}: has races on {sets} data sets; at least {MIN_SETS} are needed. "
                "Add finished runs with `goldilocks experience import RUN`."
            )
        return fit_experience(races, base or recorded_experience(), keep_structure=True)

    @contextmanager
    def _open(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if create and not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as database, database:
                self._check_version(database)
                yield database
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error) or "busy" in str(error)
            advice = "another process is using it; try again" if busy else "delete it, and import your runs again"
            raise InputError(f"{self.path}: cannot be used ({error}); {advice}.") from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self.path}: is damaged ({error}); delete it, and import your runs again.") from error

    def _check_version(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise InputError(
                f"{self.path}: was written by a newer version (format {version}, this reads {VERSION}); upgrade."
            )
        if version == 0:
            columns = ", ".join(f"{column} TEXT NOT NULL" for column in _ALL)
            database.execute(f"CREATE TABLE rungs ({columns}, PRIMARY KEY ({', '.join(_KEY)}))")
            database.execute(f"PRAGMA user_version = {VERSION}")


def _cell(row: Row, column: str) -> str:
    """As it is kept: rung 1.0 is the rung 1, or the store would hold the end of a run twice."""
    text = (row.get(column) or "").strip()
    return f"{float(text):.12g}" if column == "rung" else text


def rows_of_run(dataset: str, trials: Sequence[Trial], *, seed: int, n_labels: int) -> list[dict[str, str]]:
    """The finished candidates of a run as rows. There are no test scores: a run scores the winner alone.

    Args:
        dataset: What the store calls the data.
        trials: Trials of the race.
        seed: Seed of the task.
        n_labels: Number of labels of the data.
    """
    finished = {trial.candidate for trial in trials if trial.share >= 1 and not trial.repeat}
    rows = []
    for trial in trials:
        if trial.candidate in finished and not trial.repeat:
            family, model, method = trial.candidate.split("/", 2)
            cells = {
                "dataset": dataset,
                "candidate": trial.candidate,
                "family": family,
                "model": model,
                "method": method,
                "rung": f"{trial.share:g}",
                "seconds": f"{trial.seconds:.6g}",
                "validation_score": f"{1 - trial.loss:.6g}",
                "test_score": "",
                "n": str(trial.score.n),
                "seed": str(seed),
                "labels": str(n_labels),
                "parameters": "",
            }
            rows.append(cells)
    return rows


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a CSV file in the format of ``race_table``."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _ALL)
        writer.writeheader()
        writer.writerows(rows)
