"""A run that compresses its finalists: priced again before the test set is opened, resumable, decided again alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_whole_run import write_task

from goldilocks import flow
from goldilocks.bundle.read import load, read_info
from goldilocks.bundle.verify import verify
from goldilocks.errors import InputError, MissingError
from goldilocks.events import CompressionTried, Event
from goldilocks.flow import select
from goldilocks.records import Decision, Footprint, Measured, Text
from goldilocks.selection import run_store
from goldilocks.selection.digests import verify_run
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings

COMPRESS = {"max_loss": 0.2, "only": ["int8_tables"], "candidates": 2}
# Memory costs nothing and disk much: then the smaller form is the cheaper one, whatever else the machine does.
PRICES = {"cpu_hour": 0.0, "memory_gb_month": 0.0, "storage_gb_month": 1000.0, "kwh": 0.0}


class Watched:
    """What compression tried; may interrupt the run at the second candidate."""

    def __init__(self, *, interrupts: bool = False) -> None:
        self.tried: list[CompressionTried] = []
        self.interrupts = interrupts

    def __call__(self, event: Event) -> None:
        if isinstance(event, CompressionTried):
            if self.interrupts and self.tried and self.tried[0].candidate != event.candidate:
                raise KeyboardInterrupt
            self.tried.append(event)


def measured(
    family: str, folder: Path, texts: Sequence[Text], log: object = None, *, engine: str = "native"
) -> Footprint:
    """A footprint without a process of its own; the size is that on the disk."""
    quick = Measured(1.0, 1.0, 1.0, 10, "ms")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Footprint(0.1, quick, quick, 1000.0, 10**8, size)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Decision, Watched, Watched]:
    """A run that was interrupted while its second candidate was compressed, and then went on."""
    folder = tmp_path_factory.mktemp("compressed")
    families = {"families": ["naive_bayes"]}
    task = write_task(folder, candidates=families, compress=COMPRESS, prices=PRICES)
    first, second = Watched(interrupts=True), Watched()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "footprint_of", measured)
        patch.setattr(run_store, "footprint_of", measured)
        with pytest.raises(KeyboardInterrupt):
            select(task, RunSettings(out=folder / "run", threads=1), first)
        decision = select(task, RunSettings(out=folder / "run", threads=1, resume=True), second)
    return folder / "run", decision, first, second


def test_interrupted_run_compresses_only_what_it_had_not(run: tuple[Path, Decision, Watched, Watched]) -> None:
    folder, _, first, second = run
    done = {event.candidate for event in first.tried}

    assert len(done) == 1
    assert {event.candidate for event in second.tried}.isdisjoint(done)
    assert len(Workspace(folder).read_compressed()) == 2
    assert not list(folder.rglob("*.part"))


def test_winner_is_priced_as_its_compressed_form(run: tuple[Path, Decision, Watched, Watched]) -> None:
    folder, decision, *_ = run
    written = json.loads((folder / "decision.json").read_text())

    winner = decision.winner
    assert winner.compressed == ("int8_tables",)
    record = decision.compression[winner.candidate]
    taken = record.taken
    assert taken is not None
    assert taken.j is not None
    assert record.original.j is not None
    assert taken.j < record.original.j
    assert winner.footprint == taken.footprint
    assert winner.cost is not None
    assert taken.footprint is not None
    assert winner.cost.storage == pytest.approx(taken.footprint.size_bytes / 1e9 * 1000)
    assert written["compression"][winner.candidate]["chosen"] == ["int8_tables"]
    assert written["compression"][winner.candidate]["frontier"]
    assert decision.test_score is not None


def test_bundle_holds_the_compressed_form(run: tuple[Path, Decision, Watched, Watched]) -> None:
    folder, decision, *_ = run

    info = read_info(folder / "bundle")
    assert verify(folder / "bundle").ok
    assert info.compression == decision.compression[decision.winner.candidate]
    assert info.format_version == 3
    assert info.test["macro_f1"] == decision.test_score
    assert load(folder / "bundle").predict(["please send me a new card"])[0].label == "card"
    assert "## Compression" in (folder / "bundle" / "README.md").read_text()


def test_records_lead_to_the_same_decision_and_are_checked(run: tuple[Path, Decision, Watched, Watched]) -> None:
    folder, decision, *_ = run

    again = decide_again(folder, Changes())
    assert again.winner == decision.winner
    assert again.compression == decision.compression
    assert "unchanged" in verify_run(folder)
    assert "compressed.jsonl" in decision.inputs


def test_report_shows_the_frontier(run: tuple[Path, Decision, Watched, Watched]) -> None:
    folder, *_ = run
    page = (folder / "report.html").read_text()

    assert "int8_tables" in page
    assert 'class="form' in page


@pytest.mark.parametrize(
    ("compress", "error", "words"),
    [
        ({"max_loss": 0}, InputError, "compress.max_loss is 0; it is a margin above 0, such as 0.01"),
        ({"max_los": 0.1}, InputError, "unknown key 'compress.max_los'. Did you mean 'max_loss'?"),
        ({"max_loss": 0.1, "candidates": 0}, InputError, "compress.candidates is 0; it must be at least 1"),
        ({"max_loss": 0.1, "only": ["int4"]}, MissingError, "No compressors plug-in is named 'int4'"),
    ],
)
def test_settings_that_cannot_be_used_end_the_run_at_once(
    tmp_path: Path, compress: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        select(write_task(tmp_path, compress=compress), RunSettings(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_combinations_stay_candidates_when_finalists_are_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "footprint_of", measured)
    monkeypatch.setattr(run_store, "footprint_of", measured)
    candidates = {"families": ["naive_bayes"], "combine": ["ensemble"]}
    task = write_task(tmp_path, candidates=candidates, compress=COMPRESS, prices=PRICES)

    decision = select(task, RunSettings(out=tmp_path / "run", threads=1))

    (ensemble,) = (row for row in decision.candidates if row.candidate.startswith("ensemble/"))
    assert ensemble.J is not None
    assert any(row.compressed for row in decision.candidates)
