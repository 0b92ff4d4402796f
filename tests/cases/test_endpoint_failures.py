"""An endpoint that fails in the middle of ``predict``, or whose answers never end: paid answers are kept."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from goldilocks import flow, load
from goldilocks.answers import NO_LABEL, Answers, of_labels
from goldilocks.classical.combination import Combination, CombinationConfig
from goldilocks.cli.main import app
from goldilocks.errors import EndpointError, UnfinishedError
from goldilocks.events import silent
from goldilocks.records import Text
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing.endpoint import Reply, Server, choose, drip, fail, say, send

LABELS = ("card", "login")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.support.endpoints.client._TRIES", 1)


def number_of(body: dict[str, Any]) -> int:
    text = body["messages"][-1]["content"].rsplit("Text: ", 1)[1].split("\n")[0]
    return int(text.split()[1])


def answering(server: Server, limit: int = 10**9) -> None:
    """The endpoint knows all labels, and fails for items of a number from ``limit``."""

    def reply(body: dict[str, Any]) -> Reply:
        number = number_of(body)
        return fail(500, "the model has died") if number >= limit else say(LABELS[number % 2])

    server.replies = [choose(reply)]


@pytest.fixture
def bundle(server: Server, tmp_path: Path) -> Path:
    rows = [json.dumps({"text": f"case {number}", "label": LABELS[number % 2]}) for number in range(120)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n")
    candidates = {"families": ["api"], "models": [f"{server.source}?timeout=5"], "methods": ["zero_shot"]}
    raw = {"data": {"train": "rows.jsonl"}, "metric": "accuracy", "candidates": candidates}
    answering(server)
    settings = RunSettings(out=tmp_path / "run", policy="exhaustive")
    flow.select(task_from(raw, folder=tmp_path), settings, silent)
    return tmp_path / "run" / "bundle"


def texts(folder: Path, n_rows: int) -> Path:
    (folder / "some.txt").write_text("".join(f"case {number}\n" for number in range(n_rows)))
    return folder / "some.txt"


def test_rows_that_an_endpoint_answered_before_it_failed_are_written(
    server: Server, bundle: Path, tmp_path: Path
) -> None:
    answering(server, limit=12)
    done = CliRunner().invoke(app, ["predict", str(bundle), str(texts(tmp_path, 40))])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in rows[:12]] == [LABELS[number % 2] for number in range(12)]
    assert len(rows) == 16  # the rows of a chunk
    assert all(row["error"].endswith("not answered: the endpoint failed before") for row in rows[12:])
    assert isinstance(done.exception, EndpointError)
    assert str(done.exception).endswith("12 rows have a prediction; pass the others again.")
    assert "the model has died" in str(done.exception)


def test_paid_rows_of_an_unfinished_file_are_beside_it(server: Server, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    out.write_text("of yesterday\n")
    answering(server, limit=3)
    arguments = ["predict", str(bundle), str(texts(tmp_path, 40)), "--out", str(out), "--format", "csv"]
    done = CliRunner().invoke(app, arguments)
    partial = tmp_path / "predictions.partial.csv"
    assert f"The rows so far are in {partial}." in str(done.exception)
    assert partial.read_text().splitlines()[1:4] == ["card,1.0,", "login,1.0,", "card,1.0,"]
    assert out.read_text() == "of yesterday\n"
    assert not list(tmp_path.glob(".*.part"))


def test_endpoint_that_answers_nothing_leaves_no_file(server: Server, bundle: Path, tmp_path: Path) -> None:
    answering(server, limit=0)
    out = tmp_path / "predictions.jsonl"
    done = CliRunner().invoke(app, ["predict", str(bundle), str(texts(tmp_path, 4)), "--out", str(out)])
    assert isinstance(done.exception, EndpointError)
    assert not isinstance(done.exception, UnfinishedError)
    assert not list(tmp_path.glob("*predictions*"))


def test_python_gets_the_answers_with_the_error(server: Server, bundle: Path) -> None:
    answering(server, limit=2)
    with pytest.raises(UnfinishedError, match="the model has died") as caught:
        load(bundle).predict([f"case {number}" for number in range(6)])
    answers = caught.value.answers
    assert answers.values[:2] == LABELS
    assert [bool(problem) for problem in answers.problems] == [False, False, True, True, True, True]
    assert len(server.bodies) < 200


BOMB = gzip.compress(gzip.compress(b"a" * 20_000_000))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (drip(HEAD + b"\r\n", 0.05), "gave no answer within 5 s"),
        (drip(HEAD + b"X-Slow: ", 0.05), "gave no answer within 5 s"),
        (
            lambda handler, _: send(handler, 200, gzip.compress(b"a" * 20_000_000), Content_Encoding="gzip"),
            "longer than",
        ),
        (lambda handler, _: send(handler, 200, BOMB, Content_Encoding="gzip"), "sent no answer as before|is not JSON"),
        (lambda handler, _: send(handler, 200, b"[" * 1_000_000), "is not JSON|sent no answer|broke off"),
    ],
    ids=["body in drops", "headers in drops", "gzip bomb", "gzip in gzip", "nested"],
)
def test_answer_without_end_is_one_line_within_the_time_limit(
    server: Server, bundle: Path, tmp_path: Path, reply: Reply, words: str
) -> None:
    server.replies = [choose(lambda body: say(LABELS[number_of(body) % 2]))] * 4 + [reply]
    server.bodies.clear()
    since = time.monotonic()
    done = CliRunner().invoke(app, ["predict", str(bundle), str(texts(tmp_path, 40))])
    assert time.monotonic() - since < 25
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [number for number, row in enumerate(rows) if "label" in row][:1] == [0]
    assert sum("label" in row for row in rows) == 4
    assert isinstance(done.exception, EndpointError)
    assert re.search(words, str(done.exception))
    assert "\n" not in str(done.exception)


@dataclass
class Part:
    """A model of a combination that gives these probabilities, or fails with them."""

    table: list[list[float]]
    problems: tuple[str, ...] = ()
    labels: tuple[str, ...] = LABELS

    def predict(self, texts: Sequence[Text]) -> Answers:
        answers = replace(of_labels(np.array(self.table), LABELS), problems=self.problems)
        if any(self.problems):
            raise UnfinishedError("the endpoint has died.", answers)
        return answers

    def size_bytes(self) -> int:
        return 0

    def save(self, folder: Path) -> None:
        """Nothing to save."""


NONE = [float("nan"), float("nan")]


@pytest.mark.parametrize("kind", ["cascade", "ensemble"])
def test_combination_gives_what_its_endpoint_answered(kind: str, tmp_path: Path) -> None:
    own = Part([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    answered = [[0.0, 1.0], NONE] if kind == "cascade" else [[1.0, 0.0], [0.0, 1.0], NONE]
    paid = Part(answered, ("",) * (len(answered) - 1) + ("gone",))
    config = CombinationConfig(kind, ("a", "api"), LABELS, several=False, threshold=0.7)
    with pytest.raises(UnfinishedError, match="has died") as caught:
        Combination([own, paid], config, tmp_path).predict(["a", "b", "c"])
    answers = caught.value.answers
    assert answers.values == ("card", "login", NO_LABEL)
    assert answers.problems == ("", "", "gone")
