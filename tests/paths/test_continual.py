"""``goldilocks tune --continue-from``: from a bundle and new data to a new bundle and what was forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import goldilocks
from goldilocks.bundle.read import load, read_info
from goldilocks.continual import ContinueFrom, continue_tuning
from goldilocks.errors import GoldilocksError, InputError, MissingError
from goldilocks.fine_tune import tune_one
from goldilocks.records import ContinualReport, TaskSpec
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, task_from
from goldilocks.support.files import read_record
from goldilocks.testing import tiny

CANDIDATE = "cnn/textcnn/scratch"
_WEATHER = ("rain", "storm", "cloud", "sun", "wind", "snow")


def rows(path: Path, labels: tuple[str, ...], *, seed: int, count: int = 120) -> Path:
    """Rows with these labels; of ``weather``, which the tiny data do not have, with words of its own."""
    lines = []
    for at, (text, gold) in enumerate(zip(*_texts(count, seed), strict=True)):
        label = gold
        if gold not in labels:
            if "weather" not in labels:
                continue
            words = str(text).split()
            text, label = f"{_WEATHER[at % 6]} {words[0]} {_WEATHER[(at + 1) % 6]}", "weather"
        lines.append(json.dumps({"text": f"{text} {seed}{at}", "label": label}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _texts(count: int, seed: int) -> tuple[tuple[object, ...], tuple[object, ...]]:
    part = tiny.part(count, seed=seed)
    return part.texts, part.gold


def spec_of(path: Path) -> TaskSpec:
    return task_from({"data": {"train": path.name}, "language": "en"}, folder=path.parent)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("continual")
    april = rows(made / "april.jsonl", ("food", "money", "sport"), seed=0, count=240)
    rows(made / "may.jsonl", ("food", "weather"), seed=1, count=180)
    tune_one(spec_of(april), CANDIDATE, RunSettings(out=made / "bundle"), {"epochs": 6.0})
    return made


def update(folder: Path, out: Path, **choices: object) -> ContinualReport:
    start = ContinueFrom(folder / "bundle", **choices)  # type: ignore[arg-type]
    return continue_tuning(spec_of(folder / "may.jsonl"), start, RunSettings(out=out), {"epochs": 3.0})


def test_new_labels_are_added_missing_ones_stay_and_replay_keeps_them(folder: Path, tmp_path: Path) -> None:
    old = (str(folder / "april.jsonl"),)
    naive = update(folder, tmp_path / "naive", old_data=old, strategy="none")
    kept = update(folder, tmp_path / "kept", old_data=old, options={"rows": 60})

    bundle = load(tmp_path / "kept")
    assert bundle.labels == ("food", "money", "sport", "weather")
    assert bundle.predict(["rain cloud storm", "bank loan invoice"])[0].label == "weather"
    assert (naive.strategy, kept.strategy) == ("", "replay")
    assert kept.new_labels == ("weather",)
    assert kept.replayed_rows == 60
    assert naive.test.forgetting is not None
    assert kept.test.forgetting is not None
    assert kept.test.forgetting.value < naive.test.forgetting.value - 0.1
    old_domain, new_domain = kept.test.domains
    assert (old_domain.name, new_domain.name) == ("april.jsonl", "may.jsonl")
    assert old_domain.unseen
    assert new_domain.after.value > new_domain.before.value + 0.2


def test_report_is_in_the_bundle_and_the_next_update_knows_all_earlier_data(folder: Path, tmp_path: Path) -> None:
    first = update(folder, tmp_path / "first", old_data=(str(folder / "april.jsonl"),))
    assert read_record(ContinualReport, tmp_path / "first" / "continual.json") == first
    info = read_info(tmp_path / "first")
    assert info.test["macro_f1"] == first.test.domains[-1].after
    assert "the strategy replay" in info.decision

    june = rows(tmp_path / "june.jsonl", ("food", "money", "weather"), seed=2, count=150)
    start = ContinueFrom(tmp_path / "first", (str(folder / "april.jsonl"), str(folder / "may.jsonl")))
    second = continue_tuning(spec_of(june), start, RunSettings(out=tmp_path / "second"), {"epochs": 2.0})
    assert [domain.unseen for domain in second.test.domains] == [True, True, True]
    assert second.data_fingerprints[:2] == first.data_fingerprints
    assert len(second.data_fingerprints) == 3


def test_old_data_may_be_the_folder_of_a_run_or_a_task_file(folder: Path, tmp_path: Path) -> None:
    run = Workspace(tmp_path / "run")
    run.folder.mkdir()
    run.begin(spec_of(folder / "april.jsonl"), resume=False)
    (folder / "april.yaml").write_text("name: april\nlanguage: en\ndata: {train: april.jsonl}\n", encoding="utf-8")
    old = (str(run.folder), str(folder / "april.yaml"))
    start = ContinueFrom(folder / "bundle", old, strategy="none")
    report = continue_tuning(spec_of(folder / "may.jsonl"), start, RunSettings(out=tmp_path / "out"), {"epochs": 0.1})
    assert [domain.name for domain in report.test.domains] == ["run", "april.yaml", "may.jsonl"]
    assert all(domain.unseen for domain in report.test.domains)
    first, second, _ = report.test.domains
    assert first.after == second.after


def test_other_old_rows_than_those_of_the_bundle_are_named_as_such(folder: Path, tmp_path: Path) -> None:
    other = rows(tmp_path / "march.jsonl", ("food", "money", "sport"), seed=5, count=150)
    report = update(folder, tmp_path / "out", old_data=(str(other),), strategy="none")
    assert [domain.unseen for domain in report.test.domains] == [False, True]


def test_held_out_rows_of_one_data_set_are_not_trained_on_with_another(folder: Path, tmp_path: Path) -> None:
    """The new file holds the old rows too: those that are held out of the old data are left out of training."""
    both = tmp_path / "may.jsonl"
    old, new = (folder / name for name in ("april.jsonl", "may.jsonl"))
    both.write_text(old.read_text(encoding="utf-8") + new.read_text(encoding="utf-8"), encoding="utf-8")
    start = ContinueFrom(folder / "bundle", (str(old),), strategy="none")
    report = continue_tuning(spec_of(both), start, RunSettings(out=tmp_path / "out"), {"epochs": 0.1})
    dataset = goldilocks.check(str(both))
    held_out = goldilocks.check(str(old))
    leaked = {*held_out.validation.texts, *held_out.test.texts}
    assert report.new_rows == len([text for text in dataset.train.texts if text not in leaked])
    assert report.new_rows < len(dataset.train)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"strategy": "ewc"}, "the strategy ewc needs rows that the bundle was tuned on; pass them with --old-data"),
        ({"strategy": "replya"}, "Did you mean 'replay'"),
        ({"options": {"rows": "5"}}, "the option rows belongs to a strategy, and there is none"),
        ({"strategy": "l2_sp", "options": {"strenght": "1"}}, "unknown key 'strenght'. Did you mean 'strength'"),
        ({"strategy": "l2_sp", "options": {"strength": "much"}}, "l2_sp: strength is 'much'"),
        ({"strategy": "l2_sp", "options": {"strength": "-1"}}, "strength is -1; it must be above 0"),
        ({"method": "distil"}, "the method distil cannot train this bundle further .needs a finished candidate"),
        ({"method": "lora"}, "the method lora cannot train this bundle further .not pretrained"),
    ],
)
def test_bad_choices_are_one_line(folder: Path, tmp_path: Path, choices: dict[str, object], words: str) -> None:
    with pytest.raises(GoldilocksError, match=words) as caught:
        update(folder, tmp_path / "out", **choices)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_bundle_that_is_not_trained_by_gradient_descent_is_refused(folder: Path, tmp_path: Path) -> None:
    tune_one(spec_of(folder / "april.jsonl"), "naive_bayes/word12/scratch", RunSettings(out=tmp_path / "counts"), {})
    start = ContinueFrom(tmp_path / "counts")
    with pytest.raises(InputError, match="naive_bayes is not trained by gradient descent; tune it on the old and the"):
        continue_tuning(spec_of(folder / "may.jsonl"), start, RunSettings(out=tmp_path / "out"), {})


def test_data_of_another_task_are_refused(folder: Path, tmp_path: Path) -> None:
    spec = task_from({"task": "ner", "data": {"train": "may.jsonl"}}, folder=folder)
    with pytest.raises(InputError, match="is a bundle for text_classification, the data are for ner"):
        continue_tuning(spec, ContinueFrom(folder / "bundle"), RunSettings(out=tmp_path / "out"), {})


def test_label_that_is_nearly_one_of_the_bundle_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "may.jsonl"
    path.write_text((folder / "may.jsonl").read_text(encoding="utf-8").replace('"food"', '"Food"'), encoding="utf-8")
    with pytest.raises(InputError, match="the new data have the label 'Food', the bundle has 'food'"):
        continue_tuning(spec_of(path), ContinueFrom(folder / "bundle"), RunSettings(out=tmp_path / "out"), {})


def test_old_data_with_a_label_that_the_bundle_does_not_know_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--old-data .*may.jsonl: .* with a label that the bundle does not know"):
        update(folder, tmp_path / "out", old_data=(str(folder / "may.jsonl"),))


def test_missing_bundle_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"holds no bundle\.json"):
        continue_tuning(spec_of(folder / "may.jsonl"), ContinueFrom(tmp_path), RunSettings(out=tmp_path / "out"), {})


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "goldilocks", "tune", *map(str, arguments)]
    return subprocess.run(asked, capture_output=True, text=True, timeout=240, check=False)


def test_command_shows_before_and_after_and_what_was_forgotten(folder: Path, tmp_path: Path) -> None:
    old = folder / "april.jsonl"
    options = ("--old-data", old, "--strategy-option", "rows=50", "--epochs", "2", "--out", tmp_path / "out")
    done = command(folder / "may.jsonl", "--continue-from", folder / "bundle", *options)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "may.jsonl (new)" in text
    assert "and 50 old ones with the strategy replay." in text
    assert "Labels that are new: weather." in text
    assert "; forgetting " in text
    assert "warning" not in text


def test_options_of_an_update_need_a_bundle(folder: Path) -> None:
    done = command(folder / "may.jsonl", "--candidate", CANDIDATE, "--strategy", "replay")
    assert done.returncode == 2
    assert "--strategy goes with --continue-from" in " ".join(done.stderr.split())
    done = command(folder / "may.jsonl", "--continue-from", folder / "bundle", "--search", "3")
    assert done.returncode == 2
    assert "--search does not go with --continue-from" in " ".join(done.stderr.split())


def test_python_function_takes_rows_in_memory_with_their_own_columns(folder: Path, tmp_path: Path) -> None:
    new, old = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("may.jsonl", "april.jsonl")
    )
    renamed = [{"body": row["text"], "topic": row["label"]} for row in new]
    before = [{"body": row["text"], "topic": row["label"]} for row in old]
    report = goldilocks.continue_tuning(
        folder / "bundle",
        renamed,
        old_data=[before, pd.DataFrame(before[:100])],
        strategy="l2_sp",
        options={"strength": 0.5},
        text="body",
        target="topic",
        out=tmp_path / "out",
        config={"epochs": 1.0},
    )
    assert (report.strategy, report.options) == ("l2_sp", {"strength": 0.5})
    assert report.test.forgetting is not None
    assert [domain.name for domain in report.test.domains] == ["old data 1", "old data 2", "new data"]
    assert report.test.domains[0].unseen  # the same rows, split alike
    assert goldilocks.load(tmp_path / "out").info.columns == {"text": "body", "label": "topic"}
    fresh = tmp_path / "fresh.csv"  # of the columns that are not named, the bundle's apply
    fresh.write_text("".join(["body,kind\n", *(f"{row['text']},{row['label']}\n" for row in new)]), encoding="utf-8")
    goldilocks.continue_tuning(tmp_path / "out", fresh, target="kind", out=tmp_path / "next", config={"epochs": 0.1})
    assert goldilocks.load(tmp_path / "next").info.columns == {"text": "body", "label": "kind"}
    with pytest.raises(InputError, match=r"fresh\.csv: there is no column 'topic'"):
        goldilocks.continue_tuning(tmp_path / "out", fresh, out=tmp_path / "x")
    with pytest.raises(InputError, match=r"^april: there is no column 'body'"):
        goldilocks.continue_tuning(
            tmp_path / "next", renamed, target="topic", name="may", old_data={"april": old}, out=tmp_path / "x"
        )
    with pytest.raises(InputError, match=r"^old data: there is no column 'body'"):  # a frame alone is no list of files
        goldilocks.continue_tuning(tmp_path / "out", renamed, old_data=pd.DataFrame(old), out=tmp_path / "x")
    with pytest.raises(InputError, match="old_data has a int"):
        goldilocks.continue_tuning(folder / "bundle", renamed, old_data=[3], out=tmp_path / "x")
