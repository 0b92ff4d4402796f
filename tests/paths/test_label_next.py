"""``goldilocks label-next`` on bundles of several kinds."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from goldilocks.bundle.read import load
from goldilocks.cli.main import app
from goldilocks.errors import InputError, MissingError
from goldilocks.fine_tune import tune_one
from goldilocks.label_next import label_next
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, Strategy, task_from
from goldilocks.testing import tiny


def bundle_of(folder: Path, candidate: str, task: str = "text_classification") -> Path:
    part = tiny.part(90)
    texts = [(f"{text} number {at}", gold) for at, (text, gold) in enumerate(zip(part.texts, part.gold, strict=True))]
    rows: list[dict[str, Any]]
    if task == "ner":
        rows = [{"tokens": text.split(), "tags": [tiny.tag_of(word) for word in text.split()]} for text, _ in texts]
    else:
        rows = [{"text": text, "label": gold} for text, gold in texts]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    spec = task_from({"data": {"train": "rows.jsonl"}, "task": task, "language": "en"}, folder=folder)
    tune_one(spec, candidate, RunSettings(out=folder / "bundle"), {})
    return folder / "bundle"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory.mktemp("labels"), "tfidf_linear/word/scratch")


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    sure = ["soup bread kitchen recipe oven salt", "bank loan invoice payment account", "match goal coach stadium"]
    unsure = ["soup bank match", "the a we saw about", "kitchen loan coach"]
    lines = [*sure, *unsure, sure[0], ""]
    (tmp_path / "pool.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "pool.txt"


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_chooses_distinct_rows_of_the_pool(bundle: Path, pool: Path, strategy: Strategy) -> None:
    lines = pool.read_text(encoding="utf-8").splitlines()
    chosen = label_next(bundle, pool, count=3, strategy=strategy)
    assert len({row.item for row in chosen.rows}) == 3
    assert all(lines[row.number - 1] == row.item for row in chosen.rows)
    assert all(row.suggestion in tiny.LABELS for row in chosen.rows)
    assert (chosen.pool, chosen.skipped) == (6, 2)  # a repeated and an empty line


@pytest.mark.parametrize("strategy", [Strategy.ENTROPY, Strategy.MARGIN])
def test_uncertain_rows_come_first(bundle: Path, pool: Path, strategy: Strategy) -> None:
    rows = label_next(bundle, pool, count=6, strategy=strategy).rows
    assert {row.number for row in rows[:3]} == {4, 5, 6}
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)


def test_labelled_rows_are_left_out(bundle: Path, pool: Path, tmp_path: Path) -> None:
    done = tmp_path / "done.jsonl"
    done.write_text(json.dumps({"text": "SOUP bank match", "label": "food"}) + "\n", encoding="utf-8")
    for strategy in (Strategy.ENTROPY, Strategy.CORE_SET):
        chosen = label_next(bundle, pool, count=9, strategy=strategy, labelled=done)
        assert chosen.pool == 5
        assert all(row.item != "soup bank match" for row in chosen.rows)


def test_value_of_a_run_is_in_its_money(bundle: Path, pool: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    objective = {"error_cost": 2.0, "requests_per_month": 100, "currency": "EUR"}
    spec = task_from({"data": {"train": "rows.jsonl"}, "objective": objective}, folder=bundle.parent)
    Workspace(run).begin(spec, resume=False)
    shutil.copytree(bundle, run / "bundle")

    of_run = label_next(run, pool, count=6, strategy=Strategy.VALUE)
    of_bundle = label_next(bundle, pool, count=6, strategy=Strategy.VALUE)
    assert [row.number for row in of_run.rows] == [row.number for row in of_bundle.rows]
    # All rows together bear on the whole expected cost: the mean error probability, times 2 EUR, times 100 requests.
    errors = 1 - load(bundle).answers([row.item for row in of_run.rows]).probabilities.max(1)
    assert of_run.worth == pytest.approx(float(errors.mean()) * 2.0 * 100, rel=1e-5)
    assert of_run.currency == "EUR"
    assert of_bundle.worth is None


def test_taggers_are_asked_how_sure_they_are(tmp_path: Path, pool: Path) -> None:
    tagger = bundle_of(tmp_path, "crf/words/scratch", "ner")
    rows = label_next(tagger, pool, count=2, strategy=Strategy.ENTROPY).rows
    assert len(rows) == 2
    bundle = load(tagger)
    texts = pool.read_text(encoding="utf-8").splitlines()[:6]
    sure = np.asarray(bundle.answers(texts).scores) ** (1 / np.array([len(text.split()) for text in texts]))
    wanted = [texts[at] for at in np.argsort(sure, kind="stable")[:2].tolist()]  # per word, whatever the length
    assert [" ".join(row.item) if isinstance(row.item, tuple) else row.item for row in rows] == wanted
    with pytest.raises(InputError, match="badge is for labels, not tags"):
        label_next(tagger, pool, count=2, strategy=Strategy.BADGE)


def test_command_writes_the_file_and_says_what_it_did(bundle: Path, pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "next.csv"
    result = CliRunner().invoke(
        app, ["label-next", str(bundle), str(pool), "--count", "2", "--strategy", "entropy", "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert "2 of 6 rows chosen by entropy; 2 unusable, repeated or labelled rows left out" in output
    with out.open(newline="", encoding="utf-8") as file:
        assert [set(row) for row in csv.DictReader(file)] == [{"text", "suggestion", "score", "row"}] * 2


def test_no_bundle_and_no_rows_are_said(bundle: Path, pool: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="is neither a bundle nor a finished run"):
        label_next(tmp_path, pool, count=1, strategy=Strategy.RANDOM)
    with pytest.raises(InputError, match="no usable row that is not labelled already"):
        label_next(bundle, pool, count=1, strategy=Strategy.RANDOM, labelled=pool)
