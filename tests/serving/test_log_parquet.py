"""The request log as Parquet files: written in time, small files merged, old and excess rows removed."""

import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from served import client, service_in, settings

from goldilocks.errors import InputError, MissingError
from goldilocks.serving.log_parquet import ParquetStore, files_in
from goldilocks.serving.log_reader import read_log
from goldilocks.serving.log_rows import FeedbackRow, LogRow, StoreError
from goldilocks.serving.request_log import RequestLog
from goldilocks.serving.settings import LogSettings

MAIL = "ann@example.org"
NOON = 20_000 * 86_400.0 + 43_200
"""Noon of some day (UTC), in seconds since 1970."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = NOON

    def __call__(self) -> float:
        return self.seconds


def row(number: int, seconds: float = NOON, text: str = "rain") -> LogRow:
    return LogRow(f"r{number}", 0, seconds, "m", "v", "", text, "wet", 0.5, 1.0)


def store(folder: Path, clock: Callable[[], float], **changes: Any) -> ParquetStore:
    return ParquetStore(folder, LogSettings(folder, format="parquet", **changes), clock)


def test_a_request_and_its_gold_answer_are_one_row(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "log"
    with client(settings({"weather": weather_bundle}, log={"path": str(path), "format": "parquet"})) as api:
        body = {"input": [f"rain, says {MAIL}", "the sun shines"]}
        got = api.post("/v1/classify", json=body, headers={"x-request-id": "order-7"}).json()
        for answer in ("dry", "wet"):  # the second replaces the first
            kept = api.post("/v1/feedback", json={"request_id": "order-7", "item": 1, "answer": answer})
            assert kept.status_code == 200
        lost = api.post("/v1/feedback", json={"request_id": "order-7", "item": 2, "answer": "dry"})
        assert (lost.status_code, lost.json()["error"]["code"]) == (404, "request_not_found")
        service = service_in(api)
    first, second = read_log(path).to_pylist()
    assert (first["request_id"], first["item"], first["text"]) == ("order-7", 0, "rain, says <email>")
    assert (first["model"], first["version"], first["answer"]) == ("weather", got["version"], '"wet"')
    assert first["confidence"] == pytest.approx(max(got["data"][0]["probs"]), abs=1e-6)
    assert (first["gold"], first["gold_time"]) == (None, None)
    assert (second["answer"], second["gold"]) == ('"dry"', '"wet"')
    assert service.log is not None
    files = list(path.iterdir())
    assert {file.suffix for file in files} == {".parquet"}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert all(MAIL.encode() not in file.read_bytes() for file in files)


def test_both_formats_are_read_alike(tmp_path: Path) -> None:
    tables, now = [], time.time()
    for name, form in (("log.sqlite", "sqlite"), ("log", "parquet")):
        log = RequestLog(LogSettings(tmp_path / name, format=form), lambda _: None)
        log.add([row(1, now), row(2, now + 1)])
        log.feedback("r2", 0, ["a", "b"], "")
        log.close()
        tables.append(read_log(tmp_path / name).drop_columns("gold_time"))
    assert tables[0].schema == tables[1].schema
    assert tables[0].to_pylist() == tables[1].to_pylist()
    assert tables[0]["gold"].to_pylist() == [None, '["a", "b"]']


def test_hashes_instead_of_texts(tmp_path: Path) -> None:
    import hashlib

    made = store(tmp_path, Clock(), texts="hash")
    made.write([row(1)])
    made.close()
    (only,) = read_log(tmp_path).to_pylist()
    assert (only["text"], only["text_sha256"]) == (None, hashlib.sha256(b"rain").hexdigest())


def test_a_file_is_written_after_30_seconds_or_10_000_rows(tmp_path: Path) -> None:
    clock = Clock()
    made = store(tmp_path, clock)
    made.write([row(1)])
    assert files_in(tmp_path) == []
    clock.seconds += 31
    made.write([])
    assert len(files_in(tmp_path)) == 1
    made.write([row(number) for number in range(10_000)])
    assert len(files_in(tmp_path)) == 2
    assert made.contains("r1", "", 0)
    assert not made.contains("r1", "another key", 0)


def test_small_files_of_a_day_become_one_and_no_row_is_lost(tmp_path: Path) -> None:
    clock = Clock()
    made = store(tmp_path, clock)
    for number in range(20):
        made.write([row(number, clock.seconds)])
        clock.seconds += 31
        made.write([])
    assert len(files_in(tmp_path)) == 20
    clock.seconds += 3_600
    made.write([row(20, clock.seconds)])
    made.close()
    assert len(files_in(tmp_path)) == 1
    assert read_log(tmp_path)["request_id"].to_pylist() == [f"r{number}" for number in range(21)]
    assert ds.dataset(tmp_path).count_rows() == 21  # a reader that knows nothing of us


def test_rows_are_forgotten_in_time_also_within_a_file(tmp_path: Path) -> None:
    clock = Clock()
    made = store(tmp_path, clock, days=7)
    day = 86_400
    made.write([row(1, NOON - 8 * day)])
    made.close()
    clock.seconds += 3_601
    made.write([row(2, NOON - 7.5 * day), row(3, NOON - 6 * day)])
    made.close()
    assert read_log(tmp_path)["request_id"].to_pylist() == ["r3"]


def test_the_oldest_files_go_when_there_are_too_many(tmp_path: Path) -> None:
    import random

    clock, draw = Clock(), random.Random(0)
    made = store(tmp_path, clock, megabytes=0.1)
    for number in range(8):
        text = "".join(chr(draw.randrange(33, 127)) for _ in range(30_000))  # does not compress
        made.write([row(number, clock.seconds, text)])
        clock.seconds += 31
        made.write([])
    kept = read_log(tmp_path)["request_id"].to_pylist()
    assert kept[-1] == "r7"
    assert 2 <= len(kept) < 8
    assert sum(file.path.stat().st_size for file in files_in(tmp_path)) <= 100_000


def test_rows_that_cannot_be_written_are_counted_and_the_next_ones_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    made = store(tmp_path, Clock())
    made.write([row(1), row(2)])
    made.add_feedback(FeedbackRow("r1", 0, NOON, "dry", ""))
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(StoreError, match="No space left") as caught:
            made.close()
    assert caught.value.rows == 3
    made.write([row(3)])
    made.close()
    assert read_log(tmp_path)["request_id"].to_pylist() == ["r3"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".parquet"]


def test_a_row_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    for _ in range(2):  # as after a merge that was cut off
        made = store(tmp_path, Clock())
        made.write([row(1)])
        made.close()
    assert read_log(tmp_path).num_rows == 1


def test_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database " * 100)
    with pytest.raises(InputError, match="not a request log"):
        read_log(tmp_path / "file")
    with pytest.raises(MissingError, match="there is no request log"):
        read_log(tmp_path / "missing")
    with pytest.raises(InputError, match="no request log can be written there"):
        RequestLog(LogSettings(tmp_path / "file", format="parquet"), lambda _: None)
    with pytest.raises(InputError, match=r"log\.format is 'csv'; it must be sqlite or parquet"):
        settings({}, log={"format": "csv"})


def test_the_log_of_an_idle_service_is_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from goldilocks.serving import log_parquet, request_log

    monkeypatch.setattr(request_log, "_IDLE", 0.01)
    monkeypatch.setattr(log_parquet, "_SECONDS", 0.0)
    log = RequestLog(LogSettings(tmp_path, format="parquet"), lambda _: None)
    log.add([row(1, time.time())])
    until = time.monotonic() + 20
    while not files_in(tmp_path) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(files_in(tmp_path)) == 1
    log.close()
