from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.records import DataProfile, Dataset, Output, Part, TaskSpec
from goldilocks.selection.unlabelled_rows import unlabelled_pairs
from goldilocks.settings import task_from
from goldilocks.testing import tiny

TEST = Part(("A held-out test text here",), ("food",), (1,))
DATA = Dataset(tiny.part(30), tiny.part(12, seed=1), TEST, tiny.LABELS, "abc", DataProfile({}, {}, {}, {}, "en", {}))
TASK = plugins.load("tasks", "text_classification")


def spec(folder: Path, lines: list[str], **more: object) -> TaskSpec:
    (folder / "more.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return task_from({"data": {"train": "x.csv", "unlabelled": "more.txt"}, **more}, folder=folder)


def test_each_row_comes_once_with_a_copy_and_without_validation_and_test_rows(tmp_path: Path) -> None:
    lines = ["the parcel arrived broken", "the parcel arrived broken", "我的包裹还没有到货请帮忙"]
    lines += [str(DATA.validation.texts[0]), "a HELD-OUT test text here"]
    pairs = unlabelled_pairs(spec(tmp_path, lines), TASK, DATA, offline=True)
    assert [text for text, _ in pairs] == [lines[0], lines[2]]
    assert all(text != copy for text, copy in pairs)


def test_copies_are_those_of_the_augmenter_that_the_task_names(tmp_path: Path) -> None:
    asked = spec(tmp_path, ["one two three four"], augment={"method": "eda"})
    ((_, copy),) = unlabelled_pairs(asked, TASK, DATA, offline=True)
    assert set(copy.split()) <= {"one", "two", "three", "four"}  # type: ignore[union-attr]


def test_nothing_usable_and_other_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable row that is not a validation or test row"):
        unlabelled_pairs(spec(tmp_path, [str(DATA.validation.texts[0])]), TASK, DATA, offline=True)
    tagged = replace(DATA, output=Output.TAGS)
    with pytest.raises(InputError, match="for tasks with one label per item"):
        unlabelled_pairs(spec(tmp_path, ["x"], task="ner"), plugins.load("tasks", "ner"), tagged, offline=True)


def test_without_unlabelled_rows_there_are_none() -> None:
    assert unlabelled_pairs(task_from({"data": {"train": "x.csv"}}), TASK, DATA, offline=True) == ()
