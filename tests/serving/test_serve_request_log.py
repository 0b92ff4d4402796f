"""The request log: masked, sampled, rotated, forgotten in time, and never in the way of answers."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from served import BASE, ScriptedEngine, client, service_in, settings
from starlette.testclient import TestClient

from goldilocks.errors import InputError, RequestError
from goldilocks.serving.access import ApiKey, add_key
from goldilocks.serving.app import make_app
from goldilocks.serving.log_rows import LogRow
from goldilocks.serving.request_log import RequestLog
from goldilocks.serving.service import Service
from goldilocks.serving.settings import LogSettings

MAIL = "ann@example.org"


def rows(path: Path, query: str = "SELECT * FROM requests ORDER BY request_id, item") -> list[dict[str, Any]]:
    with sqlite3.connect(path) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(query)]


def row(number: int = 0, **changes: Any) -> LogRow:
    values = {
        "request_id": f"r{number}",
        "item": 0,
        "time": time.time(),
        "model": "m",
        "version": "v",
        "key_id": "",
        "text": "x" * 1000,
        "answer": "wet",
        "confidence": 0.5,
        "latency_ms": 1.0,
    }
    return LogRow(**{**values, **changes})


def test_each_item_is_a_row_with_its_text_masked(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "log" / "requests.sqlite"
    with client(settings({"weather": weather_bundle}, log={"path": str(path)})) as api:
        body = {"input": [f"rain, says {MAIL}", "the sun shines"]}
        got = api.post("/v1/classify", json=body, headers={"x-request-id": "order-7"}).json()
        api.post("/v1/classify", json={"input": []})  # refused: nothing was answered
    first, second = rows(path)
    assert (first["request_id"], first["item"], first["text"]) == ("order-7", 0, "rain, says <email>")
    assert (first["model"], first["version"], first["answer"]) == ("weather", got["version"], '"wet"')
    assert first["confidence"] == pytest.approx(max(got["data"][0]["probs"]), abs=1e-6)
    assert first["latency_ms"] > 0
    assert abs(first["time"] - time.time()) < 60
    assert (second["item"], second["text_sha256"]) == (1, None)
    assert MAIL.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


def test_what_sqlite_puts_beside_the_file_is_as_private(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    log = RequestLog(LogSettings(path=path), lambda _: None)
    log.add([row()])
    log.flush()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [path.name, f"{path.name}-shm", f"{path.name}-wal"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    log.close()


@pytest.mark.parametrize("answer", ["null", "{}", "NaN", "Infinity", '[["a"]]', "[null]"])
def test_feedback_that_is_no_answer_is_refused(tmp_path: Path, weather_bundle: Path, answer: str) -> None:
    with client(settings({"weather": weather_bundle}, log={"path": str(tmp_path / "log.sqlite")})) as api:
        body = f'{{"request_id": "x", "answer": {answer}}}'
        got = api.post("/v1/feedback", content=body, headers={"content-type": "application/json"})
    assert (got.status_code, got.json()["error"]["code"]) == (422, "invalid_body")
    assert "answer" in got.json()["error"]["message"]


def test_much_text_is_masked_while_others_are_answered(tmp_path: Path, weather_bundle: Path) -> None:
    searched_by: dict[int, threading.Thread] = {}

    def find(text: str) -> list[tuple[str, int, int]]:
        searched_by.setdefault(len(text), threading.current_thread())
        return []

    made = settings({"weather": weather_bundle}, log={"path": str(tmp_path / "log.sqlite")}, masking={"inputs": True})
    service = Service(made, lambda _: ScriptedEngine(), find)
    service.wait(60)
    with TestClient(make_app(service), base_url=BASE) as api:
        for text in ("rain", "r" * 30_000):
            assert api.post("/v1/classify", json={"input": text}).status_code == 200
    assert searched_by[4] is not searched_by[30_000]  # the event loop's thread, and another one
    assert "AnyIO worker thread" in searched_by[30_000].name
    assert {len(kept["text"]) for kept in rows(tmp_path / "log.sqlite")} == {4, 30_000}


def test_hashes_instead_of_texts(tmp_path: Path, weather_bundle: Path) -> None:
    import hashlib

    path = tmp_path / "requests.sqlite"
    with client(settings({"weather": weather_bundle}, log={"path": str(path), "texts": "hash"})) as api:
        api.post("/v1/classify", json={"input": "rain falls"})
    (only,) = rows(path)
    assert only["text"] is None
    assert only["text_sha256"] == hashlib.sha256(b"rain falls").hexdigest()


def test_a_share_of_the_requests_is_logged_the_same_for_each_id(tmp_path: Path) -> None:
    log = RequestLog(LogSettings(tmp_path / "a.sqlite", share=0.25), lambda _: None)
    chosen = [log.sampled(f"id {number}") for number in range(4000)]
    log.close()
    # 4 standard deviations of 4,000 draws at 1/4: sqrt(4000 * .25 * .75) = 27.4.
    assert sum(chosen) == pytest.approx(1000, abs=110)


def test_feedback_stands_beside_the_answer(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with client(settings({"weather": weather_bundle}, log={"path": str(path)})) as api:
        identity = api.post("/v1/classify", json={"input": ["rain", "sun"]}).headers["x-request-id"]
        for answer in ("dry", "wet"):  # the second replaces the first
            got = api.post("/v1/feedback", json={"request_id": identity, "item": 1, "answer": answer})
            assert got.json() == {"request_id": identity, "item": 1, "kept": True}
        lost = api.post("/v1/feedback", json={"request_id": identity, "item": 2, "answer": "dry"})
        assert (lost.status_code, lost.json()["error"]["code"]) == (404, "request_not_found")
    (kept,) = rows(path, "SELECT * FROM feedback")
    assert (kept["request_id"], kept["item"], kept["answer"]) == (identity, 1, '"wet"')


def test_feedback_is_for_requests_of_the_same_key(tmp_path: Path, weather_bundle: Path) -> None:
    keys, path = tmp_path / "keys.json", tmp_path / "requests.sqlite"
    shop, other = (add_key(keys, ApiKey("", name, "", time.time())) for name in ("shop", "other"))
    with client(settings({"weather": weather_bundle}, keys=str(keys), log={"path": str(path)})) as api:
        asked = api.post("/v1/classify", json={"input": "rain"}, headers={"x-api-key": shop})
        body = {"request_id": asked.headers["x-request-id"], "answer": "dry"}
        assert api.post("/v1/feedback", json=body, headers={"x-api-key": other}).status_code == 404
        assert api.post("/v1/feedback", json=body, headers={"x-api-key": shop}).status_code == 200


def test_without_a_log_there_is_no_feedback(weather_bundle: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api:
        got = api.post("/v1/feedback", json={"request_id": "x", "answer": "dry"})
    assert (got.status_code, got.json()["error"]["code"]) == (400, "no_log")


def test_answers_go_on_when_the_log_cannot_be_written(tmp_path: Path, weather_bundle: Path, monkeypatch: Any) -> None:
    path = tmp_path / "requests.sqlite"
    with client(settings({"weather": weather_bundle}, log={"path": str(path)})) as api:
        log = service_in(api).log
        assert log is not None

        def full(_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(log._store, "_clean", full)
        assert api.post("/v1/classify", json={"input": ["rain", "sun"]}).status_code == 200
        log.flush()
        assert "goldilocks_log_failures_total 2.0" in api.get("/metrics").text
        monkeypatch.undo()
        assert api.post("/v1/classify", json={"input": "rain"}).status_code == 200
    assert len(rows(path)) == 1


def test_a_file_that_grows_too_large_begins_anew_and_one_older_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    log = RequestLog(LogSettings(path, megabytes=0.1), lambda _: None)
    for number in range(400):
        log.add([row(number)])
        if number % 100 == 99:
            log.flush()
    log.close()
    older = path.with_name("requests.sqlite.1")
    assert older.exists()
    # At most the limit and one batch of 100 rows (490 kB); all 400 rows are 1.9 MB.
    assert path.stat().st_size < 600_000
    newest = {entry["request_id"] for entry in rows(path)} | {entry["request_id"] for entry in rows(older)}
    assert "r399" in newest


def test_rows_are_forgotten_in_time(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    settings_ = LogSettings(path, days=7)
    log = RequestLog(settings_, lambda _: None)
    log.add([row(1, time=time.time() - 8 * 86_400), row(2, time=time.time() - 6 * 86_400)])
    log.close()
    again = RequestLog(settings_, lambda _: None)
    again.add([row(3)])
    again.close()
    assert [entry["request_id"] for entry in rows(path)] == ["r2", "r3"]


def test_more_than_can_be_written_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[int] = []
    log = RequestLog(LogSettings(tmp_path / "a.sqlite"), dropped.append)
    with log._lock:  # the writer waits
        log.add([row(number) for number in range(12_000)])
    log.close()
    assert sum(dropped) >= 1_000


def test_a_log_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("no database " * 100)
    with pytest.raises(InputError, match="no request log can be written there"):
        RequestLog(LogSettings(tmp_path / "a.sqlite"), lambda _: None)


def test_feedback_that_cannot_be_written_is_503(tmp_path: Path) -> None:
    log = RequestLog(LogSettings(tmp_path / "a.sqlite"), lambda _: None)
    log.add([row(1)])
    log.flush()
    with sqlite3.connect(tmp_path / "a.sqlite") as file:
        file.execute("DROP TABLE feedback")
    with pytest.raises(RequestError, match="the log cannot be written"):
        log.feedback("r1", 0, "dry", "")
    log.close()
