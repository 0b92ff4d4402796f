"""``goldilocks compress`` from a bundle and rows to a smaller bundle."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import goldilocks
from goldilocks import bundle_compression
from goldilocks.bundle.read import load, read_info
from goldilocks.bundle.verify import verify
from goldilocks.bundle_compression import CompressionSettings, compress_bundle
from goldilocks.errors import InputError, LimitError, MissingError
from goldilocks.records import Footprint, Measured, Text
from goldilocks.testing import tiny


def write_rows(path: Path, rows: int, seed: int) -> Path:
    part = tiny.part(rows, seed=seed)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(part.texts, part.gold, strict=True)])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an n-gram model, and rows that it has not seen."""
    folder = tmp_path_factory.mktemp("compress")
    train = write_rows(folder / "train.csv", 300, 0)
    write_rows(folder / "dev.csv", 300, 1)
    goldilocks.tune(str(train), "naive_bayes/word12/scratch", out=folder / "bundle")
    return folder


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Footprints are made up: their processes are tested once."""
    second = Measured(1.0, 1.0, 1.0, 1, "ms")

    def made_up(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
        return Footprint(0.1, second, second, 1000.0, 10**8, 1)

    monkeypatch.setattr(bundle_compression, "_measure", made_up)


def test_command_writes_a_smaller_bundle_that_verifies(folder: Path) -> None:
    arguments = ["compress", folder / "bundle", "--data", folder / "dev.csv", "--out", folder / "small"]
    done = subprocess.run(
        [sys.executable, "-m", "goldilocks", *map(str, arguments), "--only", "int8_tables"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert done.returncode == 0, done.stderr
    assert "int8_tables: " in done.stdout
    assert "taken: int8_tables" in done.stdout
    small = load(folder / "small")
    assert verify(folder / "small").ok
    assert small.predict(["the soup and the bread"])[0].label == "food"
    record = small.info.compression
    assert record is not None
    assert record.n == 300
    assert record.original.footprint is not None
    assert record.taken is not None
    assert record.taken.footprint is not None
    assert record.taken.size_bytes < record.original.size_bytes
    assert json.loads((folder / "small.compression.json").read_text())["chosen"] == ["int8_tables"]
    assert "| int8_tables †" in (folder / "small.compression.md").read_text()


@pytest.mark.usefixtures("unmeasured")
def test_compressed_bundle_is_not_compressed_again(folder: Path, tmp_path: Path) -> None:
    only = CompressionSettings(only=("float16",))
    compress_bundle(folder / "bundle", str(folder / "dev.csv"), tmp_path / "small", only)

    with pytest.raises(InputError, match="is compressed already; compress the bundle that it was made from"):
        compress_bundle(tmp_path / "small", str(folder / "dev.csv"), tmp_path / "smaller")


@pytest.mark.usefixtures("unmeasured")
def test_too_few_rows_leave_a_table_and_no_bundle(folder: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "few.csv", 40, 2)

    with pytest.raises(LimitError, match=r"no compressed form is at most 0\.01 macro_f1 worse on these 40 rows"):
        compress_bundle(folder / "bundle", str(rows), tmp_path / "none")

    assert LimitError.EXIT_CODE == 3
    assert not (tmp_path / "none").exists()
    assert "at least 268 are needed" in (tmp_path / "none.compression.md").read_text()
    assert read_info(folder / "bundle").compression is None


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        (CompressionSettings(max_loss=0.0), InputError, "max_loss is 0; it is a margin above 0"),
        (CompressionSettings(max_loss=float("nan")), InputError, "max_loss is nan"),
        (CompressionSettings(prefer="speed"), InputError, "prefer is 'speed'; it can be size or latency"),
        (CompressionSettings(only=("int4",)), MissingError, "No compressors plug-in is named 'int4'"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    folder: Path, tmp_path: Path, settings: CompressionSettings, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        compress_bundle(folder / "bundle", str(folder / "dev.csv"), tmp_path / "other", settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("out", "words"), [("bundle", "would be overwritten"), ("bundle/small", "lies in .*bundle, which must not change")]
)
def test_bundle_itself_is_never_written_to(folder: Path, out: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        compress_bundle(folder / "bundle", str(folder / "dev.csv"), folder / out)
    assert verify(folder / "bundle").ok


def test_model_behind_an_endpoint_is_not_compressed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_compression, "TracksSpending", object)

    with pytest.raises(InputError, match="answers at an endpoint, so there is nothing to compress"):
        compress_bundle(folder / "bundle", str(folder / "dev.csv"), tmp_path / "other")
