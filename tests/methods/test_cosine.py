"""The untrained cosine: numbers are those of the vectors, whatever head the network had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks.families import encoder
from goldilocks.methods import cosine
from goldilocks.nets.network import Network
from goldilocks.records import Candidate, Goal, Output, Part, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

PAIRS = (
    ("soup today", "bread with soup"),
    ("bank loan", "match goal"),
    ("soup", "soup"),
    ("goal", "the coach saw a goal"),
)
WORK = Workload(rows=4, characters=20.0, words=4.0, labels=0, output=Output.SCORE, texts=2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("checkpoints") / "tiny")


def _part(gold: tuple[Any, ...], texts: tuple[tuple[str, ...], ...] = PAIRS) -> Part:
    return Part(texts, gold, tuple(range(len(texts))))


def _finished(folder: Path, part: Part, goal: Goal) -> Network:
    info = encoder.describe(folder, str(folder))
    assert info is not None
    run = Run(Candidate(info, "cosine"), part, goal, RunSetup(folder, WORK, seed=0))
    run.advance(1.0)
    model = run.model
    assert isinstance(model, Network)
    return model


def _vectors(folder: Path, texts: list[str]) -> np.ndarray[Any, Any]:
    """Mean-pooled vectors of length 1 of the checkpoint itself."""
    info = encoder.describe(folder, str(folder))
    assert info is not None
    plain = encoder.create(info, folder, Part(("a",), ("x",), (0,)), Goal(labels=("x", "y")), seed=0)
    result = plain.embed(texts)
    assert result is not None
    return np.asarray(result / np.linalg.norm(result, axis=1, keepdims=True))


def _cosines(folder: Path) -> np.ndarray[Any, Any]:
    first, second = (_vectors(folder, [pair[side] for pair in PAIRS]) for side in (0, 1))
    return np.asarray((first * second).sum(1))


def test_scores_of_pairs_are_a_line_of_the_cosine(folder: Path) -> None:
    gold = (3.0, 1.0, 5.0, 2.0)
    values = _finished(folder, _part(gold), Goal(Output.SCORE)).predict(PAIRS).values

    slope, offset = np.polyfit(_cosines(folder), np.array(gold), 1)
    expected = np.clip(slope * _cosines(folder) + offset, 1.0, 5.0)
    assert np.array(values) == pytest.approx(expected, abs=1e-4)


def test_candidates_are_ranked_by_their_cosine(folder: Path) -> None:
    item = ("soup bread", "bank loan", "soup", "match goal")
    (scores,) = _finished(folder, _part(((0.0, 1.0, 0.0),), (item,)), Goal(Output.SCORE)).predict([item]).values

    query, *others = _vectors(folder, list(item))
    assert isinstance(scores, tuple)
    assert np.argsort(scores).tolist() == np.argsort(np.array(others) @ query).tolist()


def test_labels_of_pairs_are_those_of_logistic_regression_on_both_vectors(folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    gold = ("same", "other", "same", "other")
    model = _finished(folder, _part(gold), Goal(labels=("other", "same")))

    values = model.embed(PAIRS)
    assert values is not None
    assert values[:, -1] == pytest.approx(10 * _cosines(folder), abs=1e-4)
    scaled = values.astype(np.float64) / np.maximum(values.std(0, dtype=np.float64), 1e-9)
    expected = LogisticRegression(max_iter=300).fit(scaled, gold).predict_proba(scaled)
    assert model.predict(PAIRS).probabilities == pytest.approx(expected, abs=1e-3)


def test_features_of_the_screening_end_with_what_the_head_sees(folder: Path) -> None:
    model = _finished(folder, _part(("same", "other", "same", "other")), Goal(labels=("other", "same")))

    features = model.features(PAIRS)

    assert features.shape == (4, model.backbone.depth + 1, model.pooled_width)
    assert features[:, -1] == pytest.approx(model.embed(PAIRS), abs=1e-5)


def test_no_weight_of_the_encoder_is_changed_and_the_model_is_restored(folder: Path, tmp_path: Path) -> None:
    model = _finished(folder, _part((3.0, 1.0, 5.0, 2.0)), Goal(Output.SCORE))
    model.save(tmp_path / "saved")

    again = encoder.restore(tmp_path / "saved")

    assert again.predict(PAIRS).values == pytest.approx(model.predict(PAIRS).values, abs=1e-4)


def test_one_score_throughout_is_that_score(folder: Path) -> None:
    model = _finished(folder, _part((2.0, 2.0, 2.0, 2.0)), Goal(Output.SCORE))

    assert model.predict(PAIRS).values == pytest.approx([2.0] * 4)


def test_single_texts_and_untrained_networks_are_declined_with_the_reason() -> None:
    single = Workload(rows=4, characters=20.0, words=4.0, labels=2)

    assert cosine.unsuited(single) == "compares two texts; the items are single texts"
    assert cosine.unsuited(WORK) is None
    assert cosine.declined(Output.TAGS) == "compares texts; the task needs tags"
