from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.data.stream import load_streamed
from goldilocks.errors import InputError
from goldilocks.records import DataSpec, TaskSpec
from goldilocks.testing import tiny

TASK = plugins.load("tasks", "text_classification")


def spec(folder: Path, *, train: list[tuple[Any, Any]] | None = None, suffix: str = "jsonl", **data: Any) -> TaskSpec:
    part, held = tiny.part(60), tiny.part(20, seed=1)
    rows = train if train is not None else list(zip(part.texts, part.gold, strict=True))
    write(folder / f"train.{suffix}", rows)
    write(folder / "validation.jsonl", list(zip(held.texts, held.gold, strict=True)))
    named: dict[str, Any] = {"train": f"train.{suffix}", "validation": "validation.jsonl", "stream": True} | data
    return TaskSpec(name="t", task="text_classification", data=DataSpec(**named), folder=folder)


def write(path: Path, rows: list[tuple[Any, Any]]) -> None:
    table = [{"text": text, "label": label} for text, label in rows]
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(table), path, row_group_size=16)
    elif path.suffix == ".csv":
        lines = ["text,label", *(f'"{row["text"]}",{row["label"]}' for row in table)]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        path.write_text("\n".join(map(json.dumps, table)), encoding="utf-8")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_streamed_rows_are_those_that_are_loaded(tmp_path: Path, suffix: str) -> None:
    task = spec(tmp_path, suffix=suffix)
    streamed = load_streamed(task, TASK, tmp_path / "out")
    loaded = load(replace(task, data=replace(task.data, stream=False)), TASK)
    # The test part that load splits off is of no matter here.
    assert set(loaded.train.texts) <= set(streamed.train.texts)
    held = set(tiny.part(20, seed=1).texts)
    expected = [row for row in zip(tiny.part(60).texts, tiny.part(60).gold, strict=True) if row[0] not in held]
    assert list(zip(streamed.train.texts, streamed.train.gold, strict=True)) == expected
    assert streamed.labels == loaded.labels == tiny.LABELS
    assert streamed.profile.rows["train"] == len(expected)


def test_rows_of_validation_are_left_out_with_a_finding(tmp_path: Path) -> None:
    held = tiny.part(20, seed=1)
    rows = [
        *zip(tiny.part(40).texts, tiny.part(40).gold, strict=True),
        (f" {str(held.texts[0]).upper()} ", held.gold[0]),
    ]
    streamed = load_streamed(spec(tmp_path, train=rows), TASK, tmp_path)
    (leaked,) = [finding for finding in streamed.findings if finding.code == "duplicates_across_parts"]
    assert 41 in leaked.rows
    assert len(streamed.train) == 41 - leaked.count


def test_description_of_a_label_that_no_row_has_is_refused(tmp_path: Path) -> None:
    task = replace(spec(tmp_path), label_descriptions={"wether": "rain and sun"})
    with pytest.raises(InputError, match="label_descriptions names 'wether', which is not a label of the training"):
        load_streamed(task, TASK, tmp_path / "out")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"validation": None}, "data.stream needs data.validation"),
        ({"unlabelled": "validation.jsonl"}, "which data.unlabelled cannot use"),
        ({"group": "customer"}, "which data.group cannot use"),
    ],
)
def test_what_needs_all_rows_is_refused(tmp_path: Path, data: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_streamed(spec(tmp_path, **data), TASK, tmp_path)


def test_a_single_label_is_refused(tmp_path: Path) -> None:
    rows = [(f"text number {number}", "money") for number in range(20)]
    with pytest.raises(InputError, match=r"is only in validation|all 20 rows have"):
        load_streamed(spec(tmp_path, train=rows), TASK, tmp_path)


def test_everything_but_tune_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data.stream is for `goldilocks tune`"):
        load(spec(tmp_path), TASK)
