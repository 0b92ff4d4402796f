"""Whole runs in which finished candidates are combined: judged, bundled, resumed and decided again like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import goldilocks
from goldilocks.errors import InputError
from goldilocks.fine_tune import tune_from
from goldilocks.flow import rewrite_report, select
from goldilocks.records import Decision, Standing
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.settings import RunSettings
from goldilocks.testing import tiny

pytestmark = pytest.mark.slow

LEFT_OUT = ["tfidf_linear/word_char*"]


def task(folder: Path, *, wrong: bool = True, **candidates: Any) -> Path:
    """Tiny rows, some of which have a wrong label, so that no candidate is right throughout."""
    folder.mkdir(parents=True, exist_ok=True)
    part = tiny.part(300)
    rows = [
        {"text": f"{text} {row}", "label": tiny.LABELS[row % 3] if wrong and row % 5 == 0 else label}
        for row, (text, label) in enumerate(zip(part.texts, part.gold, strict=True))
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {"name": "tiny", "data": {"train": "rows.jsonl"}, "candidates": candidates, "budget": "3m"}
    (folder / "task.yaml").write_text(json.dumps(spec))
    return folder / "task.yaml"


def by_name(decision: Decision) -> dict[str, Standing]:
    return {standing.candidate: standing for standing in decision.candidates}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Decision]:
    folder = tmp_path_factory.mktemp("combined")
    path = task(folder, families=["naive_bayes", "tfidf_linear"], exclude=LEFT_OUT, combine=["ensemble", "cascade"])
    return folder / "run", select(path, RunSettings(out=folder / "run", policy="exhaustive", offline=True))


def test_ensembles_are_judged_priced_and_measured_like_any_other(finished: tuple[Path, Decision]) -> None:
    run, decision = finished
    made = {name: row for name, row in by_name(decision).items() if name.startswith("ensemble/")}
    assert len(made) == 2  # of the best two and the best three
    for row in made.values():
        assert row.status in ("chosen", "tied", "beaten", "winner", "finished"), row.status
        assert row.score is not None
        assert row.cost is not None
        assert row.footprint is not None
        model = run / "runs" / row.candidate.replace("/", "--") / "model"
        files = [file for file in model.rglob("*") if file.is_file()]
        assert row.footprint.size_bytes == sum(file.stat().st_size for file in files)


def test_bundle_of_an_ensemble_answers_as_the_mean_of_its_parts(
    finished: tuple[Path, Decision], tmp_path: Path
) -> None:
    run, decision = finished
    name = next(name for name in by_name(decision) if name.startswith("ensemble/"))
    tune_from(run, name, RunSettings(out=tmp_path / "bundle", offline=True))
    bundle = goldilocks.load(tmp_path / "bundle")
    (answer,) = bundle.predict(["soup bread today"])
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-5)


def test_decision_is_made_again_and_reported_from_the_records(
    finished: tuple[Path, Decision],
) -> None:
    run, decision = finished
    again = decide_again(run, Changes())
    assert again.winner.candidate == decision.winner.candidate
    assert rewrite_report(run).exists()


def test_resumed_run_makes_its_combinations_anew(finished: tuple[Path, Decision]) -> None:
    run, decision = finished
    lines = (run / "trials.jsonl").read_text().splitlines()
    again = select(run.parent / "task.yaml", RunSettings(out=run, policy="exhaustive", offline=True, resume=True))
    assert set(by_name(again)) == set(by_name(decision))
    assert len((run / "trials.jsonl").read_text().splitlines()) == len(lines)


def test_soup_of_two_methods_is_one_network(tmp_path: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "tiny-bert")
    path = task(
        tmp_path / "task",
        wrong=False,  # both runs are right throughout, and so is their mean
        families=["naive_bayes", "encoder"],
        models=[str(folder)],
        methods=["full", "top_layers", "scratch"],
        exclude=["encoder/multi*", "encoder/all*"],
        combine=["soup"],
    )
    decision = select(path, RunSettings(out=tmp_path / "run", policy="exhaustive", offline=True))
    rows = by_name(decision)
    soup, full = rows["encoder/tiny-bert/soup"], rows["encoder/tiny-bert/full"]
    assert soup.score is not None
    assert full.score is not None
    assert soup.score.value >= max(full.score.value, rows["encoder/tiny-bert/top_layers"].score.value)  # type: ignore[union-attr]
    assert soup.parameters == full.parameters


def test_unknown_combination_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"combine names 'cascades'. Did you mean 'cascade'\? There are: ensemble"):
        select(task(tmp_path, combine=["cascades"]), RunSettings(out=tmp_path / "run", offline=True))
