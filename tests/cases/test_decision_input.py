"""Numbers of a decision that make no sense end with one line before anything is trained."""

from dataclasses import replace
from pathlib import Path

import pytest
from case_files import as_csv, topic_rows
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError, MissingError
from goldilocks.records import DataSpec, Objective, Prices, TaskSpec
from goldilocks.selection.what_if import Changes, changed
from goldilocks.settings import task_from


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.csv").write_bytes(as_csv(topic_rows(60)))
    return tmp_path


def task(**keys: object) -> TaskSpec:
    return task_from({"name": "t", "data": {"train": "x.csv"}, **keys})


@pytest.mark.parametrize("section", ["prices", "objective", "limits", "serving", "candidates", "training"])
def test_section_without_keys_is_one_that_was_not_given(section: str) -> None:
    given, absent = task(**{section: None}), task()
    assert given == replace(absent, folder=given.folder)


def test_currency_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"objective\.currency is empty; write a name such as USD"):
        task(objective={"currency": " "})


def test_score_that_nothing_can_reach_is_refused_before_the_search(folder: Path) -> None:
    text = "name: t\ndata: {train: x.csv}\nmetric: accuracy\nlimits: {min_score: 2}\n"
    (folder / "task.yaml").write_text(text)
    done = CliRunner().invoke(app, ["select", str(folder / "task.yaml"), "--out", str(folder / "run")])
    assert isinstance(done.exception, InputError)
    assert "limits.min_score is 2, and accuracy is at most 1; lower it." in str(done.exception)
    assert not (folder / "run").exists()


def test_price_of_both_is_refused_beside_one_of_them_in_a_what_if_too() -> None:
    spec = TaskSpec("t", DataSpec("x.csv"), objective=Objective(), prices=Prices())
    with pytest.raises(InputError, match="gb_month sets memory_gb_month and storage_gb_month"):
        changed(spec, Changes(prices={"gb_month": 1.0, "memory_gb_month": 2.0}))


def test_missing_incumbent_is_looked_for_in_a_folder_with_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from goldilocks.data.locate import locate

    monkeypatch.chdir(folder)
    with pytest.raises(MissingError, match=f"there is no such file in {folder}"):
        locate("nowhere.csv", Path())
