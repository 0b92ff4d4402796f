from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.compression.static_student import (
    no_token_vectors,
    principal_components,
    static_student,
    token_vectors,
)
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.records import Output
from goldilocks.testing import tiny

PART = tiny.part(24)


@pytest.fixture
def teacher(tmp_path: Path) -> Network:
    return tiny.encoder(tmp_path / "checkpoint", PART)


def test_components_are_those_of_the_covariance_with_a_root_mean_square_of_one() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 6)) * np.array([9.0, 5.0, 2.0, 1.0, 0.1, 0.1]) + 3
    got = principal_components(torch.from_numpy(vectors), 3).numpy()
    values, directions = np.linalg.eigh(np.cov(vectors.T))
    expected = (vectors - vectors.mean(0)) @ directions[:, ::-1][:, :3]
    assert got.shape == (50, 3)
    assert np.sqrt((got**2).mean()) == pytest.approx(1.0)
    expected /= np.sqrt((expected**2).mean())
    np.testing.assert_allclose(np.abs(got), np.abs(expected), atol=1e-8)  # the sign of a direction is open
    assert got.var(0)[0] / got.var(0)[2] == pytest.approx(values[-1] / values[-3])


def test_equal_vectors_have_no_direction_and_no_division_by_zero() -> None:
    got = principal_components(torch.ones(4, 3), 2)
    assert bool(got.isfinite().all())
    assert float(got.abs().max()) < 1e-3


def test_vector_of_a_token_is_its_mean_state_between_the_special_tokens(teacher: Network) -> None:
    ids = teacher.tokenizer.encode("soup bank match", add_special_tokens=False).ids
    got = token_vectors(teacher, ids)
    begin, end = (teacher.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    for vector, number in zip(got, ids, strict=True):
        row = torch.tensor([[begin, number, end]])
        with torch.no_grad():
            states = teacher.backbone(Batch(row, torch.ones_like(row), {}, ()))
        assert torch.allclose(vector, states[0].mean(0), atol=1e-5)


def test_student_averages_the_vectors_of_the_tokens_without_special_ones(teacher: Network) -> None:
    student = static_student(teacher, PART.texts, kind="static_embedding", width=16)
    assert isinstance(student.backbone, EmbeddingBackbone)
    table = student.backbone.words.weight
    assert table.shape == (student.tokenizer.get_vocab_size(), 16)
    assert student.labels == teacher.labels
    encoded = student.tokenizer.encode("soup bread")
    assert encoded.tokens == ["soup", "bread"]
    with torch.no_grad():
        pooled = student.pooled(["soup bread", "soup bread bank loan match"])
    assert torch.allclose(pooled[0], table[encoded.ids].mean(0), atol=1e-6)


def test_same_texts_give_the_same_student(teacher: Network) -> None:
    first, second = (static_student(teacher, PART.texts, kind="static_embedding", width=8) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.module.parameters(), second.module.parameters(), strict=True))


def test_width_is_at_most_that_of_the_states(teacher: Network) -> None:
    student = static_student(teacher, PART.texts, kind="static_embedding", width=10_000)
    assert student.backbone.width == teacher.backbone.width == 32


def test_networks_without_token_vectors_are_declined_with_the_reason(teacher: Network, tmp_path: Path) -> None:
    assert no_token_vectors(teacher) is None
    family = plugins.load("families", "cnn")
    cnn = family.create(family.models()[0], None, PART, tiny.GOAL, seed=0)
    for model in (object(), cnn):
        assert str(no_token_vectors(model)).startswith("only BERT-shaped encoders")
    case = next(case for case in tiny.cases({Output.TAGS}))
    tagger = tiny.encoder(tmp_path / "tagger", case.part, case.goal)
    assert no_token_vectors(tagger) == "its head (token_classifier) sees more than the mean of the tokens"
