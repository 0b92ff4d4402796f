from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.records import Candidate, DataProfile, Dataset, Part, ShortSchedule, Workload
from goldilocks.selection.run_store import RunStore
from goldilocks.selection.workspace import Workspace

LINEAR = Candidate(plugins.load("families", "tfidf_linear").models()[0], "scratch")
BAYES = Candidate(plugins.load("families", "naive_bayes").models()[0], "scratch")


def _store(folder: Path) -> RunStore:
    texts = tuple(f"text {number}" for number in range(100))
    train = Part(texts, tuple("x" if number % 5 else "y" for number in range(100)), tuple(range(1, 101)))
    dataset = Dataset(train, train, train, ("x", "y"), "f", DataProfile({}, {}, {}, {}, "en", {}))
    return RunStore(dataset, Workload(100, 6.0, 2.0, 2), Workspace(folder), True, 0)


def test_a_schedule_on_fewer_rows_trains_on_the_same_stratified_rows_for_every_candidate(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.short_schedules = {name: ShortSchedule(1.0, 1.0, 60.0, 0.2) for name in (LINEAR.name, BAYES.name)}
    first = store.start(LINEAR).train
    assert len(first) == 20
    assert first.gold.count("y") == 4
    assert store.start(BAYES).train.rows == first.rows
    assert store.repeat(LINEAR, 1).train.rows == first.rows
    assert set(store.start_on_half(LINEAR).train.rows) < set(store.dataset.train.rows)
    assert len(store.start_on_half(LINEAR).train) == 10


def test_without_one_all_rows_are_used(tmp_path: Path) -> None:
    assert len(_store(tmp_path).start(LINEAR).train) == 100
