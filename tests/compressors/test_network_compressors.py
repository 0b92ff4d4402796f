"""Compressing networks: of bundles that version 0.1 wrote, and tiny ones tuned here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import read_info
from goldilocks.nets.layers.int8_embedding import Int8Embedding
from goldilocks.nets.network import Network
from goldilocks.protocols import ChangesFamily, ChoosesStudents, Model
from goldilocks.records import Part, TrainingConfig
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration, pretrained
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

CONFIG = TrainingConfig(8, 2e-3, 2e-3)
OLD = Path(__file__).parents[1] / "fixtures" / "v0.1"


def model(name: str) -> Model:
    return plugins.load("engines", "native").load(OLD / name / MODEL, read_info(OLD / name).family)


def size(folder: Path) -> int:
    return (folder / "weights.safetensors").stat().st_size


def test_float16_is_stored_in_half_the_bytes_and_read_by_any_version(tmp_path: Path) -> None:
    name = "extractive_qa-encoder"
    plugins.load("compressors", "float16").compress(model(name), 1.0, tmp_path, calibration())

    again = plugins.load("engines", "native").load(tmp_path, "encoder")

    # Half of the weights, and a header of the same length.
    header = int.from_bytes((tmp_path / "weights.safetensors").read_bytes()[:8], "little")
    assert size(tmp_path) - header < 0.55 * (size(OLD / name / MODEL) - header)
    texts = [stored.text for stored in read_info(OLD / name).predictions]
    assert again.predict(texts).values == model(name).predict(texts).values


def test_int8_table_stays_int8_in_memory(tmp_path: Path) -> None:
    plugins.load("compressors", "int8_tables").compress(model("text_classification-cnn"), 1.0, tmp_path, calibration())

    again = plugins.load("engines", "native").load(tmp_path, "cnn")

    assert isinstance(again, Network)
    assert isinstance(again.backbone.get_submodule("words"), Int8Embedding)
    assert again.size_bytes() < model("text_classification-cnn").size_bytes()


@pytest.mark.parametrize("name", ["translation-decoder", "language_modelling-recurrent"])
def test_table_that_may_be_the_output_matrix_is_declined(name: str) -> None:
    reason = plugins.load("compressors", "int8_tables").incompatibility(model(name))

    assert reason == "its word embeddings may be the output matrix too, which needs float32"


def test_networks_of_other_shapes_are_not_exported() -> None:
    for name, backbone in (("text_classification-cnn", "CnnBackbone"), ("translation-decoder", "LlamaBackbone")):
        reason = plugins.load("compressors", "onnx_int8").incompatibility(model(name))
        assert reason == f"only BERT-shaped encoders are exported, this backbone is a {backbone}"


def tuned(folder: Path, part: Part) -> Network:
    """A tiny encoder that knows the tiny data."""
    learner = Learner(tiny.encoder(folder, part, depth=3), CONFIG, TrainingSet(part.texts, part.gold), seed=0)
    learner.advance(1.0)
    return learner.write_back()


def right_share(small: Model) -> float:
    unseen = tiny.part(100, seed=1)
    answers = small.predict(unseen.texts).values
    return float(np.mean([answer == gold for answer, gold in zip(answers, unseen.gold, strict=True)]))


@pytest.mark.parametrize("name", ["shallow_copy", "distilled_cnn", "distilled_rnn", "distilled_embedding"])
def test_student_learns_the_task_from_texts_without_labels(name: str, tmp_path: Path) -> None:
    part, compressor = tiny.part(200), plugins.load("compressors", name)
    teacher = tuned(tmp_path / "checkpoint", part)
    (tmp_path / "student").mkdir()

    compressor.compress(teacher, 1.0, tmp_path / "student", calibration(part.texts, most_epochs=12))

    family = compressor.FAMILY if isinstance(compressor, ChangesFamily) else "encoder"
    student = plugins.load("families", family).restore(tmp_path / "student")
    assert student.labels == teacher.labels
    assert right_share(student) >= 0.95


def test_pretrained_student_learns_the_task_from_texts_without_labels(tmp_path: Path) -> None:
    part, compressor = tiny.part(200), plugins.load("compressors", "distilled_encoder")
    teacher = tuned(tmp_path / "checkpoint", part)
    texts = calibration(tiny.part(600, seed=2).texts, most_epochs=20)
    small = pretrained(tmp_path / "small", width=32)
    (tmp_path / "student").mkdir()

    compressor.compress(teacher, 1.0, tmp_path / "student", replace(texts, pretrained=(small,)))

    student = plugins.load("families", "encoder").restore(tmp_path / "student")
    assert isinstance(student, Network)
    assert (student.backbone.depth, teacher.backbone.depth) == (1, 3)
    assert student.labels == teacher.labels
    assert right_share(student) >= 0.95


def test_students_are_the_largest_and_the_smallest_of_the_smaller_encoders(tmp_path: Path) -> None:
    compressor = plugins.load("compressors", "distilled_encoder")
    teacher = tiny.encoder(tmp_path / "teacher", tiny.part(), width=32, depth=2)
    models = [pretrained(tmp_path / str(width), width=width) for width in (8, 40, 16, 12)]
    # 40 wide and one layer deep: 78 % of the operations.
    larger = pretrained(tmp_path / "wide", width=64)
    other = replace(models[0], info=replace(models[0].info, family="static_embedding"))

    assert isinstance(compressor, ChoosesStudents)
    chosen = compressor.students(teacher, [*models, larger, other])

    assert [entry.info.width for entry in chosen] == [16, 8]
    assert list(compressor.students(teacher, [models[0]])) == [models[0]]
    assert not compressor.students(tiny.encoder(tmp_path / "tiny", tiny.part(), width=8), [larger])


def test_students_are_made_of_networks_with_layers_only() -> None:
    reason = plugins.load("compressors", "distilled_embedding").incompatibility(model("text_classification-cnn"))

    assert reason == "it is not a network of several layers, so a student would hardly be smaller"


@pytest.mark.parametrize("name", ["layer_pruning", "width_pruning", "low_rank", "vocabulary_pruning"])
def test_pruned_encoder_is_smaller_keeps_its_answers_and_runs_on_onnx(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    part, family = tiny.part(200), plugins.load("families", "encoder")
    network = tuned(tmp_path / "checkpoint", part)
    original_bytes, compressor = network.size_bytes(), plugins.load("compressors", name)

    (tmp_path / "small").mkdir()
    compressor.compress(network, compressor.LEVELS[0], tmp_path / "small", calibration(part.texts, most_epochs=4))

    small, unseen = family.restore(tmp_path / "small"), tiny.part(100, seed=1)
    assert isinstance(small, Network)
    assert small.size_bytes() < original_bytes
    assert right_share(small) >= 0.95
    (tmp_path / "onnx").mkdir()
    plugins.load("compressors", "onnx_float32").compress(small, 1.0, tmp_path / "onnx", calibration())
    exported = plugins.load("engines", "onnxruntime").load(tmp_path / "onnx", "encoder")
    np.testing.assert_allclose(
        exported.predict(unseen.texts).probabilities, small.predict(unseen.texts).probabilities, atol=1e-4
    )


def test_factorised_matrices_are_not_pruned_again(tmp_path: Path) -> None:
    family = plugins.load("families", "encoder")
    network = tiny.encoder(tmp_path / "checkpoint", tiny.part())
    (tmp_path / "small").mkdir()
    plugins.load("compressors", "low_rank").compress(network, 0.4, tmp_path / "small", calibration(tiny.part().texts))

    reason = plugins.load("compressors", "width_pruning").incompatibility(family.restore(tmp_path / "small"))

    assert reason == "its matrices are factorised already"


def test_whole_words_of_the_training_rows_are_not_pruned() -> None:
    reason = plugins.load("compressors", "vocabulary_pruning").incompatibility(model("text_classification-cnn"))

    assert reason == "its vocabulary is made of whole words (WordLevel), which come from its training rows"


def test_static_int8_has_fixed_ranges_so_that_an_answer_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    part, compressor = tiny.part(200), plugins.load("compressors", "onnx_static_int8")
    network, unseen = tuned(tmp_path / "checkpoint", part), tiny.part(100, seed=1)
    original = network.predict(unseen.texts)
    (tmp_path / "small").mkdir()

    compressor.compress(network, 1.0, tmp_path / "small", calibration(part.texts))

    graph = onnx.load(tmp_path / "small" / "backbone.onnx").graph
    kinds = {node.op_type for node in graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert "DynamicQuantizeLinear" not in kinds
    small = plugins.load("engines", "onnxruntime").load(tmp_path / "small", "encoder")
    together = small.predict(unseen.texts)
    assert right_share(small) >= 0.95
    assert np.abs(together.probabilities - original.probabilities).max() > 0  # it is quantised
    alone = np.concatenate([small.predict([text]).probabilities for text in unseen.texts[:20]])
    np.testing.assert_allclose(alone, together.probabilities[:20], atol=1e-4)
