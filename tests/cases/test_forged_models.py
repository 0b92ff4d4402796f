"""Model files whose numbers were forged, checksums included: one line, and no score without a meaning."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite
import pytest

from goldilocks import load
from goldilocks.answers import Answers, of_values
from goldilocks.classical import kneser_ney
from goldilocks.errors import IntegrityError
from goldilocks.families import bm25
from goldilocks.flow import select
from goldilocks.settings import RunSettings, task_from
from goldilocks.support.crfsuite_file import check_crfsuite
from goldilocks.support.files import sha256_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of BM25 that scores pairs."""
    folder = tmp_path_factory.mktemp("made")
    words = ["ball", "goal", "bank", "loan", "card", "match", "tax", "team"]
    rows = []
    for number in range(120):
        first = [words[(number // 8**digit + 3 * digit) % 8] for digit in range(3)]
        second = [words[(number * 5 + digit) % 8] for digit in range(3)]
        score = 1.0 * len(set(first) & set(second))
        rows.append({"text1": f"{' '.join(first)} {number}", "text2": " ".join(second), "score": score})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    raw = {"task": "similarity", "data": {"train": "rows.jsonl"}, "candidates": {"families": ["bm25"]}}
    select(task_from(raw, folder=folder), RunSettings(out=folder / "run", policy="exhaustive"))
    return folder / "run" / "bundle"


def forged(made: Path, folder: Path, **changes: Any) -> Path:
    """A copy of the bundle with other numbers in its model, and the checksums of these."""
    bundle = Path(shutil.copytree(made, folder / "bundle"))
    path = next(bundle.rglob("bm25.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    info = json.loads((bundle / "bundle.json").read_text())
    info["files"][path.relative_to(bundle).as_posix()] = sha256_of(path)
    (bundle / "bundle.json").write_text(json.dumps(info))
    return bundle


@pytest.mark.parametrize(
    "changes",
    [
        {"n_texts": -5},
        {"n_texts": 0},
        {"n_texts": 10**400},
        {"mean_length": 0},
        {"mean_length": float("nan")},
        {"line": [1.0]},
        {"line": [[1.0, 2.0], [3.0, 4.0]]},
        {"line": [float("nan")] * 4},
        {"line": [1e308] * 4},
        {"high": float("inf")},
        {"low": 5.0, "high": 1.0},
        {"seen": {"ball": 10**9}},
        {"seen": {"ball": -1}},
        {"seen": ["ball"]},
        {"segmentation": 99},
    ],
    ids=str,
)
def test_forged_counts_are_refused_in_one_line(made: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="its files are whole, but bm25 cannot read them") as caught:
        load(forged(made, tmp_path, **changes))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_what_was_not_forged_is_read(made: Path, tmp_path: Path) -> None:
    assert isinstance(load(forged(made, tmp_path)).predict([("ball goal", "goal team")])[0].answer, float)


def test_score_that_is_no_number_is_no_answer(made: Path) -> None:
    class Broken(bm25.WordOverlap):
        def predict(self, texts: Any) -> Answers:
            return of_values([float("nan")] * len(texts), np.zeros(len(texts), np.float32))

    with pytest.raises(IntegrityError, match="gave a score that is not a finite number; the bundle is damaged"):
        replace(load(made), model=Broken()).predict([("a", "b")])


def language_model() -> tuple[dict[str, Any], int]:
    """The arrays of a bigram model, and its vocabulary size."""
    model = kneser_ney.fitted([np.array([2, 3, 4]), np.array([3, 3])], order=2, size=5)
    return dict(model.arrays("grams")), 5


@pytest.mark.parametrize("forged_key", [-1, 10**9, 2**62], ids=["negative", "gigabytes", "more than there is"])
def test_ngrams_without_a_context_allocate_nothing(forged_key: int) -> None:
    arrays, size = language_model()
    keys = np.array(arrays["grams.keys.1"])
    keys[0 if forged_key < 0 else -1] = forged_key
    with pytest.raises(ValueError, match="grams has n-grams without a context"):
        kneser_ney.from_arrays(arrays | {"grams.keys.1": keys}, "grams", 2, size)


def test_ngrams_with_other_counts_are_refused() -> None:
    arrays, size = language_model()
    for counts in (arrays["grams.counts.1"][:-1], -np.array(arrays["grams.counts.1"])):
        with pytest.raises(ValueError, match="grams has not one count for each n-gram"):
            kneser_ney.from_arrays(arrays | {"grams.counts.1": counts}, "grams", 2, size)


@pytest.mark.parametrize(
    ("place", "value"), [(4, 2**32 - 1), (4, 0), (28, 2**32 - 1)], ids=["too long", "empty", "buckets nowhere"]
)
def test_forged_database_of_a_crf_is_refused_before_the_library_reads_it(
    tmp_path: Path, place: int, value: int
) -> None:
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.append([["a"], ["b"]], ["N", "V"])
    trainer.train(str(tmp_path / "model.crfsuite"))
    content = bytearray((tmp_path / "model.crfsuite").read_bytes())
    check_crfsuite(tmp_path / "model.crfsuite")
    (labels,) = struct.unpack_from("<I", content, 32)
    tables = [struct.unpack_from("<II", content, labels + 24 + 8 * table) for table in range(256)]
    at = labels + place if place < 24 else labels + 28 + 8 * tables.index((0, 0))
    struct.pack_into("<I", content, at, value)
    (tmp_path / "model.crfsuite").write_bytes(content)
    with pytest.raises(IntegrityError, match="is not a whole CRFsuite model"):
        check_crfsuite(tmp_path / "model.crfsuite")
