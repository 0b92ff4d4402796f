"""A compressed model as a bundle: what it says of itself, and that it still verifies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made import DATASET, bundle, facts, fitted

from goldilocks import plugins
from goldilocks.bundle.compression_table import line, markdown
from goldilocks.bundle.layout import CONTINUAL
from goldilocks.bundle.read import load, read_info
from goldilocks.bundle.verify import verify
from goldilocks.bundle.write import Tuned, write_compressed, write_tuned
from goldilocks.errors import IntegrityError, MissingError
from goldilocks.records import Candidate, Compression, CompressionTrial, Footprint, Measured
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration


def share(value: float) -> Measured:
    return Measured(value, value - 0.02, value + 0.02, 30, "score")


def trial(*steps: str, passed: bool = True, reason: str = "") -> CompressionTrial:
    used = Footprint(0.2, share(1.5), share(2.5), 700.0, 90_000_000, 2_000_000)
    return CompressionTrial(
        steps=steps,
        engine="native",
        footprint=used if passed else None,
        score=share(0.91 if not steps else 0.905),
        loss=share(0.005) if steps else None,
        changed=share(0.03) if steps else None,
        ece_change=0.001 if steps else None,
        size_bytes=2_000_000,
        passed=passed,
        reason=reason,
    )


RECORD = Compression(
    parent="0" * 64,
    metric="macro_f1",
    max_loss=0.01,
    prefer="size",
    data="dev.csv",
    data_fingerprint="fedcba9876543210",
    n=30,
    original=trial(),
    trials=(trial("int8_tables"), trial("float16", passed=False, reason="its loss may be 0.0300 (95% bound)")),
    skipped=(("onnx_int8", "it is not a neural network"),),
    chosen=("int8_tables",),
    frontier=(("int8_tables",),),
    machine="a machine (2 cores)",
    load=1.5,
)


@pytest.fixture
def compressed(tmp_path: Path) -> Path:
    original = load(bundle(tmp_path / "original", "tfidf_linear"))
    smaller = load(tmp_path / "original").model
    (tmp_path / "model").mkdir()
    plugins.load("compressors", "int8_tables").compress(smaller, 1.0, tmp_path / "model", calibration())
    return write_compressed(original, RECORD, tmp_path / "model", tmp_path / "small")


def test_compressed_bundle_verifies_and_keeps_its_history(compressed: Path) -> None:
    info = read_info(compressed)

    assert verify(compressed).ok
    assert info.compression == RECORD
    assert info.format_version == 3
    assert info.decision.endswith("Compressed since: int8_tables.")
    assert (compressed.parent / "original" / "bundle.json").is_file()


def test_scores_of_the_original_are_not_claimed(compressed: Path) -> None:
    info = read_info(compressed)

    assert info.validation == {"macro_f1": share(0.905)}
    assert info.test == {}
    assert info.test_opened


def test_report_of_an_update_is_kept(tmp_path: Path) -> None:
    model, score = fitted("tfidf_linear"), share(0.9)
    updated = Tuned(Candidate(facts("tfidf_linear"), "scratch"), "text_classification", "macro_f1", score)
    updated = replace(updated, records={CONTINUAL: '{"strategy": "replay"}\n'})
    original = load(write_tuned(model, updated, DATASET, tmp_path / "original"))
    (tmp_path / "model").mkdir()
    plugins.load("compressors", "int8_tables").compress(original.model, 1.0, tmp_path / "model", calibration())

    small = write_compressed(original, RECORD, tmp_path / "model", tmp_path / "small")

    assert (small / CONTINUAL).read_text(encoding="utf-8") == '{"strategy": "replay"}\n'
    assert CONTINUAL in read_info(small).files


def test_student_of_another_family_is_what_the_bundle_loads(tmp_path: Path) -> None:
    original = load(bundle(tmp_path / "original", "tfidf_linear"))
    family, part = plugins.load("families", "cnn"), tiny.part(60)
    student = family.create(family.models()[0], None, part, original.info.goal, seed=0)
    student.save(tmp_path / "student")
    taken = replace(trial("distilled_cnn"), family="cnn")
    record = replace(RECORD, trials=(taken,), chosen=taken.steps)

    write_compressed(original, record, tmp_path / "student", tmp_path / "small")

    small = load(tmp_path / "small")
    assert verify(tmp_path / "small").ok
    assert small.info.family == "cnn"
    assert small.info.facts.family == "tfidf_linear"  # of the model that was tuned
    assert "goldilocks tune --candidate tfidf_linear/" in (tmp_path / "small" / "README.md").read_text()


def test_card_shows_every_trial(compressed: Path) -> None:
    card = (compressed / "README.md").read_text(encoding="utf-8")

    assert "## Compression" in card
    assert "| int8_tables † | native | 2.00 | 1.50 | 2.50 | 700 | 90 | 0.9050 | +0.0050 (0.0250) | 3.0 % |" in card
    assert "| float16 | native | 2.00 |  |  |  |  | 0.9050 |" in card
    assert "dropped: its loss may be 0.0300 (95% bound) |" in card
    assert "30 rows of `dev.csv`" in card
    assert "load average per core 1.50" in card
    assert "Not tried: onnx_int8 (it is not a neural network)." in card


def test_fitted_temperature_stands_in_table_and_line() -> None:
    fitted = replace(trial("int8_tables"), temperature=1.25, ece_change_before=0.0123)

    assert "| +0.0010 (temperature 1.25; without +0.0123) |" in markdown(replace(RECORD, trials=(fitted,)))
    assert line(fitted) == "int8_tables: 2.00 MB, 1.50 ms, loss +0.0050 (at most 0.0250), temperature 1.25"


def test_small_models_have_their_size_in_kilobytes() -> None:
    assert line(replace(trial("float16"), size_bytes=4_130)).startswith("float16: 4.1 kB, ")


def test_bundle_that_is_not_compressed_is_read_by_version_2_too(tmp_path: Path) -> None:
    info = read_info(bundle(tmp_path / "bundle"))

    assert info.format_version == 2
    assert info.compression is None
    assert info.engine == "native"


def test_nothing_is_written_where_no_trial_was_taken(tmp_path: Path) -> None:
    original = load(bundle(tmp_path / "original", "tfidf_linear"))

    with pytest.raises(IntegrityError, match="not written, because no trial of the compression was taken"):
        write_compressed(original, replace(RECORD, chosen=()), tmp_path / "original" / "model", tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_changed_weights_are_found(compressed: Path) -> None:
    (compressed / "model" / "weights.safetensors").write_bytes(b"")

    with pytest.raises(IntegrityError, match=r"'model/weights\.safetensors' was changed"):
        load(compressed)


def test_engine_that_there_is_not_is_named(compressed: Path) -> None:
    path = compressed / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"engine": "onnx"}))

    with pytest.raises(MissingError, match=r"No engines plug-in is named 'onnx'.*onnxruntime"):
        load(compressed)


def test_engine_that_is_not_installed_is_named_with_the_command(
    compressed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compressed / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"engine": "onnxruntime"}))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingError, match=r"not installed: pip install 'goldilocks-lm\[onnx\]'"):
        load(compressed)
