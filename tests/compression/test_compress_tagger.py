"""A tagger through ``compress_bundle``: rows in CoNLL form in, a smaller bundle with the same tags out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import goldilocks
from goldilocks import bundle_compression, plugins
from goldilocks.bundle.verify import verify
from goldilocks.bundle_compression import CompressionSettings, compress_bundle
from goldilocks.compression.distil import SeededDistil
from goldilocks.errors import LimitError
from goldilocks.fine_tune import tune_one
from goldilocks.records import Compression, Footprint, Measured, Output, Text, TrainingConfig
from goldilocks.settings import RunSettings, read_task
from goldilocks.support.files import from_json
from goldilocks.testing import tiny

WITHOUT_TAGS = {
    "distilled_embedding": "static_embedding does not give tags",
    "feature_pruning": "it is not a linear model over n-grams",
    "int4_weights": "only Llama-style decoders have 8- or 4-bit weights, this backbone is a BertBackbone",
    "int8_weights": "only Llama-style decoders have 8- or 4-bit weights, this backbone is a BertBackbone",
}
"""Compressors that decline a tagger, and what they say."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tuned tagger, rows that it has not seen, and a student to distil it into."""
    folder = tmp_path_factory.mktemp("tagger")
    for name, rows, seed in (("train", 300, 0), ("dev", 300, 1), ("more", 60, 2)):
        write_conll(folder / f"{name}.conll", rows, seed)
    tiny.encoder_folder(folder / "tiny", width=64)
    tiny.encoder_folder(folder / "student", depth=1)
    (folder / "task.yaml").write_text("task: ner\ndata: {train: train.conll}\ncandidates: {models: [tiny]}\n")
    tune_one(read_task(folder / "task.yaml"), "encoder/tiny/full", RunSettings(out=folder / "bundle"), {"epochs": 12.0})
    return folder


@pytest.fixture(autouse=True)
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Footprints are made up: their processes are tested elsewhere."""
    second = Measured(1.0, 1.0, 1.0, 1, "ms")

    def made_up(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
        return Footprint(0.1, second, second, 1000.0, 10**8, 1)

    monkeypatch.setattr(bundle_compression, "_measure", made_up)


def sentences(rows: int, seed: int) -> list[tuple[str, ...]]:
    return [tuple(str(text).split()) for text in tiny.part(rows, seed=seed).texts]


def write_conll(path: Path, rows: int, seed: int) -> None:
    lines = ("".join(f"{word} {tiny.tag_of(word)}\n" for word in words) for words in sentences(rows, seed))
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("name", ["float16", "onnx_int8", "onnx_static_int8"])
def test_smaller_tagger_passes_the_gate_and_gives_the_same_tags(name: str, folder: Path, tmp_path: Path) -> None:
    engine = plugins.load("compressors", name).ENGINE
    if reason := plugins.load("engines", engine).unavailable():
        pytest.skip(reason)
    settings = CompressionSettings(0.05, only=(name,), texts=str(folder / "train.conll"))

    record = compress_bundle(folder / "bundle", str(folder / "dev.conll"), tmp_path / "small", settings)

    small, original = goldilocks.load(tmp_path / "small"), goldilocks.load(folder / "bundle")
    assert verify(tmp_path / "small").ok
    assert (small.info.output, small.info.engine) == (Output.TAGS, engine)
    assert record.chosen == (name,)
    assert record.taken is not None
    assert record.taken.loss is not None
    assert record.taken.loss.high <= 0.05
    assert record.taken.size_bytes < record.original.size_bytes
    unseen = sentences(100, 3)
    judged, own = tags_of(original, unseen), tags_of(small, unseen)
    assert list(map(len, own)) == list(map(len, unseen))
    same = [
        tag == wanted for mine, given in zip(own, judged, strict=True) for tag, wanted in zip(mine, given, strict=True)
    ]
    assert sum(same) >= 0.99 * len(same)
    assert {tag for given in judged for tag in given} == set(tiny.TAGS)  # it has learnt something
    # One sentence alone has the tags that it has among others.
    assert [tags_of(small, [words])[0] for words in unseen[:10]] == own[:10]


def tags_of(bundle: goldilocks.Bundle, texts: Sequence[Text]) -> list[tuple[str, ...]]:
    return [tuple(map(str, given.answer)) for given in bundle.predict(texts) if isinstance(given.answer, tuple)]


@pytest.mark.parametrize("name", plugins.names("compressors"))
def test_every_compressor_makes_a_tagger_that_runs_or_says_why_not(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressor = plugins.load("compressors", name)
    if reason := plugins.load("engines", compressor.ENGINE).unavailable():
        pytest.skip(reason)
    if hasattr(compressor, "FEWEST_TEXTS"):
        monkeypatch.setattr(compressor, "FEWEST_TEXTS", 20)
    monkeypatch.setattr(bundle_compression, "SeededDistil", BriefDistil)
    settings = CompressionSettings(
        1.0, only=(name,), texts=str(folder / "more.conll"), students=(str(folder / "student"),)
    )

    with contextlib.suppress(LimitError):  # declined, or not smaller than the tiny original
        compress_bundle(folder / "bundle", str(folder / "dev.conll"), tmp_path / "small", settings)
    record = from_json(Compression, (tmp_path / "small.compression.json").read_bytes(), where=tmp_path)

    assert dict(record.skipped) == ({name: WITHOUT_TAGS[name]} if name in WITHOUT_TAGS else {})
    assert bool(record.trials) == (name not in WITHOUT_TAGS)
    for trial in record.trials:
        assert trial.passed, trial.reason
        assert trial.score is not None


class BriefDistil:
    """Training on a few batches: enough to see that it runs."""

    def __init__(self, seed: int) -> None:
        self._whole = SeededDistil(seed)

    def __call__(self, student: Any, teacher: Any, texts: Sequence[Text], config: TrainingConfig) -> None:
        self._whole(student, teacher, texts, replace(config, epochs=1.0))
