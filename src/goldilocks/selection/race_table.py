"""Recorded races in a table: what each candidate scored after each share of its run, and what that took.

The format of ``goldilocks replay`` and of ``goldilocks experience import``: a CSV file with the columns ``COLUMNS``,
one line a rung. ``rung`` is the share of the full run (0 to 1), ``seconds`` those since the rung before, scores are
higher for better and at most 1, ``n`` is the number of validation items. ``test_score`` is needed at rung 1 only. The
columns ``labels`` and ``parameters`` may follow.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from goldilocks.errors import InputError
from goldilocks.records import Candidate, DataSpec, Forecast, Measured, ModelInfo, Prices, TaskSpec, Trial
from goldilocks.selection.experience import Experience, recorded_experience
from goldilocks.selection.standings import Standings
from goldilocks.support.machine.hardware import Machine

COLUMNS = (
    "dataset",
    "candidate",
    "family",
    "model",
    "method",
    "rung",
    "seconds",
    "validation_score",
    "test_score",
    "n",
    "seed",
)
OPTIONAL = ("labels", "parameters")
MAX_ROWS = 1_000_000
"""Maximum number of rows of a table; they take about 2 GB."""
_MACHINE = Machine(cores=1, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="of the table")
_MIN_SECONDS = 1e-6
_SHOWN = 80
"""Characters of a foreign header that are shown."""


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate at one rung."""

    seconds: float
    """Since the rung before."""
    loss: float
    """1 less the validation score."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One run of a candidate."""

    candidate: Candidate
    points: Mapping[float, Point]
    """Share of the run -> point; the last share is 1."""
    test_score: float
    """At the end of the run; not a number: the table does not tell."""

    @property
    def seconds(self) -> float:
        """Seconds of the full run."""
        return sum(point.seconds for point in self.points.values())


@dataclass(frozen=True, slots=True)
class TableRace:
    """All candidates of one data set and seed."""

    dataset: str
    seed: str
    n_items: int
    n_labels: int
    rungs: tuple[float, ...]
    """Shares that every candidate was scored at, in ascending order; the last is 1."""
    curves: Mapping[str, Curve]
    """Candidate -> its run."""

    @property
    def seconds(self) -> float:
        """Seconds of the exhaustive race."""
        return sum(curve.seconds for curve in self.curves.values())

    @property
    def final_losses(self) -> dict[str, float]:
        """Candidate -> validation loss at the end of its run."""
        return {name: curve.points[1.0].loss for name, curve in self.curves.items()}

    def standings(self, experience: Experience | None = None, *, waiting_hour: float = 0.0, seed: int = 0) -> Standings:
        """The race before its first purchase: an error costs money, running a model nothing, forecasts are exact."""
        prices = Prices(cpu_hour=0.0, gpu_hour=0.0, gb_month=0.0, kwh=0.0, waiting_hour=waiting_hour)
        return Standings(
            pool=[curve.candidate for curve in self.curves.values()],
            forecasts={name: Forecast(curve.seconds, 0.0) for name, curve in self.curves.items()},
            spec=TaskSpec(name=self.dataset, data=DataSpec(""), prices=prices),
            machine=_MACHINE,
            n_items=self.n_items,
            n_labels=self.n_labels,
            experience=experience or recorded_experience(),
            seed=seed,
            rungs=self.rungs,
        )

    def trials(self) -> list[Trial]:
        """Every rung of every candidate, for ``replay``."""
        return [
            _trial(name, number, share, self._step(curve, share), curve.points[share].loss, self.n_items)
            for name, curve in self.curves.items()
            for number, share in enumerate(self.rungs)
        ]

    def _step(self, curve: Curve, share: float) -> float:
        """Seconds since the rung before among ``rungs``: those of rungs that not all candidates have are added."""
        before = max((rung for rung in self.rungs if rung < share), default=0.0)
        return sum(point.seconds for at, point in curve.points.items() if before < at <= share)


def read_table(path: Path) -> list[TableRace]:
    """The races of a CSV file, in the order of data set and seed.

    Raises:
        InputError: the file is missing or lacks a column; a cell is not a number, or out of its range; a rung is there
            twice; a candidate has no last rung; a data set has fewer than two candidates.
    """
    races = races_of(read_rows(path), where=str(path))
    if not races:
        raise InputError(f"{path}: the table has no rows.")
    return races


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text.

    Raises:
        InputError: the file is missing, is not UTF-8 or lacks a column.
    """
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {problem}; name a CSV file with the columns {', '.join(COLUMNS)}.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or ()]
            _check_header(header, str(path))
            reader.fieldnames = header
            rows = [
                {key: value or "" for key, value in row.items() if key is not None}
                for row in islice(reader, MAX_ROWS + 1)
            ]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8; save the table as UTF-8 CSV.") from error
    except csv.Error as error:
        raise InputError(f"{path}: is not a CSV file ({error}); save the table as CSV with commas.") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error
    if len(rows) > MAX_ROWS:
        raise InputError(f"{path}: has more than {MAX_ROWS:,} rows; give fewer data sets or candidates at a time.")
    return rows


def _check_header(header: Sequence[str], where: str) -> None:
    missing = [column for column in COLUMNS if column not in header]
    if len(missing) == len(COLUMNS):
        first_line = ", ".join(header)[:_SHOWN] or "nothing"
        raise InputError(
            f"{where}: its first line has {first_line!r}; expected a CSV file, separated by commas, whose first line "
            f"names the columns {', '.join(COLUMNS)}."
        )
    if missing:
        raise InputError(f"{where}: lacks the columns {', '.join(missing)}; expected: {', '.join(COLUMNS)}.")
    twice = [name for name in (*COLUMNS, *OPTIONAL) if header.count(name) > 1]
    if twice:
        raise InputError(f"{where}: has the column {twice[0]} twice; leave one of them out.")


def races_of(rows: Sequence[Mapping[str, str]], *, where: str) -> list[TableRace]:
    """The races in rows of text cells, in the order of data set and seed.

    Args:
        rows: With the columns ``COLUMNS``.
        where: Their file, for error messages.

    Raises:
        InputError: see ``read_table``.
    """
    races: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    for number, row in enumerate(rows, start=1):
        line = _line(row, f"{where}, row {number}")
        races[line.dataset, line.seed].append(line)
    return [_race(lines, where) for _, lines in sorted(races.items())]


@dataclass(frozen=True, slots=True)
class _Line:
    dataset: str
    seed: str
    candidate: Candidate
    share: float
    point: Point
    test_score: float
    n_items: int
    n_labels: int


def _line(row: Mapping[str, str], where: str) -> _Line:
    def number(column: str, low: float, high: float, default: float | None = None) -> float:
        text = (row.get(column) or "").strip()
        if not text and default is not None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise InputError(
                f"{where}: {column} is {text!r}; a number from {low:g} to {high:g} is needed{hint(column)}."
            )
        return value

    def hint(column: str) -> str:
        if column == "rung":
            return ", the share of the full run, 1 for its end"
        return ", 0.85 for 85 %" if column.endswith("_score") else ""

    if not row["dataset"].strip():
        raise InputError(f"{where}: dataset must not be empty.")
    family, model, method = (row[column].strip() for column in ("family", "model", "method"))
    if not (family and model and method):
        raise InputError(f"{where}: family, model and method must not be empty.")
    parameters = int(number("parameters", 0, 1e15, 0))
    info = ModelInfo(model, family, "table", "", "", ("*",), "none-needed", parameters, parameters, ("head",))
    return _Line(
        dataset=row["dataset"].strip(),
        seed=row["seed"].strip(),
        candidate=Candidate(info, method),
        share=number("rung", 1e-9, 1),
        point=Point(max(number("seconds", 0, 1e12), _MIN_SECONDS), 1 - number("validation_score", -1e6, 1)),
        test_score=number("test_score", -1e6, 1, math.nan) if row["test_score"].strip() else math.nan,
        n_items=int(number("n", 1, 1e12)),
        n_labels=int(number("labels", 0, 1e9, 0)),
    )


def _race(lines: Sequence[_Line], source: str) -> TableRace:
    first = lines[0]
    where = f"{source}: data set {first.dataset!r}, seed {first.seed!r}"
    by_candidate: dict[str, dict[float, _Line]] = defaultdict(dict)
    for line in lines:
        rungs = by_candidate[line.candidate.name]
        if line.share in rungs:
            raise InputError(
                f"{where}: {line.candidate.name} has rung {line.share:g} twice; candidates differ in family, model "
                "or method, runs in seed."
            )
        rungs[line.share] = line
    unfinished = [name for name, rungs in by_candidate.items() if 1.0 not in rungs]
    if unfinished:
        raise InputError(f"{where}: {unfinished[0]} has no line with rung 1; leave it out, or add its full run.")
    if len(by_candidate) < 2:
        raise InputError(f"{where}: has one candidate only; there is nothing to choose from.")
    shared = set.intersection(*(set(rungs) for rungs in by_candidate.values()))
    return TableRace(
        dataset=first.dataset,
        seed=first.seed,
        n_items=first.n_items,
        n_labels=first.n_labels,
        rungs=tuple(sorted(shared)),
        curves={
            name: Curve(
                rungs[1.0].candidate,
                {share: rungs[share].point for share in sorted(rungs)},
                rungs[1.0].test_score,
            )
            for name, rungs in by_candidate.items()
        },
    )


def rungs_left_out(races: Sequence[TableRace]) -> dict[float, int]:
    """Rung -> data sets that it was left out of, as not all of their candidates have it."""
    sets: dict[float, set[str]] = defaultdict(set)
    for race in races:
        for curve in race.curves.values():
            for share in set(curve.points) - set(race.rungs):
                sets[share].add(race.dataset)
    return {share: len(sets[share]) for share in sorted(sets)}


def _trial(name: str, rung: int, share: float, seconds: float, loss: float, n_items: int) -> Trial:
    score = Measured(1 - loss, 1 - loss, 1 - loss, n_items, "score")
    return Trial(name, rung, share, seconds, score, loss, "", 0.0, 0.0, 0.0, 0.0, "", "")


def true_scores(races: Sequence[TableRace]) -> dict[str, dict[str, float]]:
    """Data set -> candidate -> test score, the mean over the seeds: nearer to the truth than one run.

    Raises:
        InputError: a candidate has no test score for a data set.
    """
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for race in races:
        for name, curve in race.curves.items():
            scores[race.dataset][name].append(curve.test_score)
    truth: dict[str, dict[str, float]] = {}
    for dataset, candidates in scores.items():
        truth[dataset] = {}
        for name, values in candidates.items():
            known = [value for value in values if not math.isnan(value)]
            if not known:
                raise InputError(f"{dataset}: {name} has no test_score at rung 1, so no regret can be computed.")
            truth[dataset][name] = sum(known) / len(known)
    return truth
