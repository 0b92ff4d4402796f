from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from api_rows import labelled

import goldilocks
from goldilocks.api import fields_of, task_spec
from goldilocks.errors import InputError
from goldilocks.events import Decided, Event

CHEAP: dict[str, Any] = {
    "name": "topics",
    "objective": {"error_cost": 0.05},
    "candidates": {"families": ["majority", "naive_bayes"]},
    "budget": "5m",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    pa_rows = pa.Table.from_pylist(labelled(120))
    from goldilocks.settings import task_from
    from goldilocks.support.frames import write_rows

    fields = {"text": "body", "label": "topic"}
    spec = task_from({**CHEAP, "data": {"train": str(write_rows(pa_rows, folder)), "fields": fields}})
    goldilocks.select(spec, out=folder / "run", progress=lambda event: None)
    return folder / "run"


def test_functions_are_not_replaced_by_importing_modules_of_like_names() -> None:
    from goldilocks import check, evaluate, select, tune

    for module in ("selection.decide", "evaluation.score", "tuning.run", "cli.select", "cli.check", "cli.evaluate"):
        __import__(f"goldilocks.{module}")
    assert [goldilocks.select, goldilocks.check, goldilocks.tune, goldilocks.evaluate] == [
        select,
        check,
        tune,
        evaluate,
    ]
    assert not [name for name in ("select", "check", "tune", "evaluate") if f"goldilocks.{name}" in sys.modules]


def test_select_called_twice_decides_twice(tmp_path: Path) -> None:
    spec = task_spec(labelled(80), folder=tmp_path, text="body", target="topic")
    from dataclasses import replace

    spec = replace(spec, candidates=replace(spec.candidates, families=("majority", "naive_bayes")), budget_seconds=30)
    events: list[Event] = []
    first = goldilocks.select(spec, out=tmp_path / "a", progress=events.append)
    second = goldilocks.select(spec, out=tmp_path / "b", progress=events.append)
    # Two naive Bayes models with the same answers differ in measured time only, so either may win.
    assert {first.winner.family, second.winner.family} == {"naive_bayes"}
    assert first.data_fingerprint == second.data_fingerprint
    assert sum(isinstance(event, Decided) for event in events) == 2


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist, list], ids=["pandas", "polars", "arrow", "rows"]
)
def test_frames_and_rows_are_checked_as_files_are(make: Any) -> None:
    dataset = goldilocks.check(make(labelled(80)), text="body", target="topic")
    assert dataset.labels == ("money", "sport")
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 80


def test_bundle_predicts_frames_with_the_columns_of_training(run: Path) -> None:
    bundle = goldilocks.load(run / "bundle")
    frame = pd.DataFrame({"id": [1, 2], "body": ["referee goal", "loan interest"]}, index=[7, 9])
    assert [prediction.label for prediction in bundle.predict(frame)] == ["sport", "money"]
    assert [prediction.label for prediction in bundle.predict(pl.from_pandas(frame))] == ["sport", "money"]
    assert [prediction.label for prediction in bundle.predict([{"body": "referee goal"}, {"text": "loan"}])] == [
        "sport",
        "money",
    ]


def test_frame_without_the_column_is_refused(run: Path) -> None:
    bundle = goldilocks.load(run / "bundle")
    with pytest.raises(InputError, match=r"has the columns 'title'; this bundle \(text_classification\) needs 'body'"):
        bundle.predict(pd.DataFrame({"title": ["referee goal"]}))


def test_evaluate_finds_the_columns_of_training(run: Path, tmp_path: Path) -> None:
    fresh = labelled(40)
    assert goldilocks.evaluate(run / "bundle", fresh).score.value == 1.0
    renamed = pd.DataFrame([{"text": row["body"], "label": row["topic"]} for row in fresh])
    assert goldilocks.evaluate(run / "bundle", renamed).score.value == 1.0


def test_bundle_remembers_what_its_data_looked_like(run: Path) -> None:
    info = goldilocks.load(run / "bundle").info
    assert info.format_version == 2
    assert info.columns == {"text": "body", "label": "topic"}
    assert info.reference is not None
    assert info.reference.label_shares == pytest.approx({"money": 0.5, "sport": 0.5}, abs=0.03)
    assert len(info.reference.characters) == len(info.reference.confidences) == 11
    assert info.reference.n_answered > 0


def test_columns_beside_a_task_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text, target and task can only be used with a data file"):
        task_spec(tmp_path / "task.yaml", folder=tmp_path, text="body")


def test_one_column_for_a_task_of_two_texts_names_the_roles() -> None:
    with pytest.raises(InputError, match="text is 'body'; this task has text1, text2: pass a dict"):
        fields_of("similarity", "body", None)
    assert fields_of("similarity", {"text1": "a", "text2": "b"}, "gold") == {
        "text1": "a",
        "text2": "b",
        "score": "gold",
    }


def test_data_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data has type int; pass a task file"):
        task_spec(3, folder=tmp_path)


def test_frame_with_mixed_cells_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read as a table"):
        goldilocks.check(pd.DataFrame({"text": ["a", 3], "label": ["x", "y"]}))


def test_rows_in_memory_are_named_as_they_were_passed_and_no_temporary_file_is(run: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame(labelled(60))
    with pytest.raises(InputError, match=r"^the DataFrame: there is no column 'nope'.* in Python text= and target="):
        goldilocks.check(frame, text="body", target="nope")
    with pytest.raises(InputError, match=r"^the DataFrame: there is no column 'nope'"):
        goldilocks.evaluate(run / "bundle", frame, text="nope")
    assert "'the DataFrame'" in repr(goldilocks.evaluate(run / "bundle", frame))
    assert goldilocks.evaluate(run / "bundle", labelled(60)).part == "the rows"
    some = [{**row, "topic": ""} if number == 3 else row for number, row in enumerate(labelled(300))]
    messages = [finding.message for finding in goldilocks.check(some, text="body", target="topic").findings]
    assert [message for message in messages if "1 of 300 rows of the rows left out" in message]
    assert not [message for message in messages if "/" in message]


def test_second_select_into_a_run_names_the_python_form(run: Path) -> None:
    with pytest.raises(InputError, match=r"holds a run; pass --resume .*; in Python resume of RunSettings, or another"):
        goldilocks.select(run.parent / "rows.parquet", text="body", target="topic", out=run)


def test_second_select_into_a_run_leaves_its_rows_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("task: text_classification\n", encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text("of the run\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds a run"):
        goldilocks.select(labelled(60), text="body", target="topic", out=tmp_path)
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8") == "of the run\n"
