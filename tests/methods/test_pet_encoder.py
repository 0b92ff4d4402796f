from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.errors import InputError
from goldilocks.records import Candidate, Goal, Workload
from goldilocks.testing import tiny
from goldilocks.testing.masked_lm import masked_lm_folder
from goldilocks.tuning.run import Run, RunSetup
from goldilocks.tuning.variants import joint_probabilities

PART = tiny.part(24)
METHOD: Any = plugins.load("methods", "pet")
FAMILY = plugins.load("families", "encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_lm_folder(tmp_path_factory.mktemp("pet") / "tiny-mlm")


def run_with(folder: Path, epochs: float = 2.0, **options: Any) -> Run:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    assert METHOD.incompatibility(info) is None
    rates = {"learning_rate": 5e-3, "head_learning_rate": 5e-3, "epochs": epochs}
    setup = RunSetup(folder, Workload(24, 30, 6, 3), seed=0, training=rates, options=METHOD.Options(**options))
    return Run(Candidate(info, "pet"), PART, tiny.GOAL, setup)


def test_a_tuned_encoder_answers_alike_after_loading(folder: Path, tmp_path: Path) -> None:
    run = run_with(folder, epochs=30.0, words={"money": "bank loan"})
    run.advance(1.0)
    model: Any = run.model
    right = [answer == gold for answer, gold in zip(model.predict(PART.texts).values, PART.gold, strict=True)]
    assert sum(right) >= 20
    model.save(tmp_path / "model")
    again = FAMILY.restore(tmp_path / "model").predict(PART.texts)
    assert np.abs(again.probabilities - model.predict(PART.texts).probabilities).max() < 1e-3


def test_a_resumed_run_with_patterns_and_seeds_ends_where_an_unbroken_one_does(folder: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"patterns": ("prompt", "{mask}: {text}"), "seeds": 2, "weights": "accuracy"}
    straight, resumed = run_with(folder, **options), run_with(folder, **options)
    straight.advance(0.5)
    straight.save(tmp_path / "checkpoint")
    resumed.resume_from(tmp_path / "checkpoint")
    for run in (straight, resumed):
        run.advance(1.0)
    assert np.allclose(straight.predict(PART.texts).probabilities, resumed.predict(PART.texts).probabilities, atol=1e-4)


def test_several_labels_and_models_without_the_head_are_refused(folder: Path, tmp_path: Path) -> None:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    several = FAMILY.create(info, folder, PART, Goal(labels=tiny.LABELS, several=True), seed=0)
    with pytest.raises(InputError, match="several labels have no single label word; use `lora`"):
        METHOD.with_head(several, METHOD.Options())
    with pytest.raises(InputError, match="needs a language-model head, this is a classifier; use `contrastive`"):
        METHOD.with_head(tiny.encoder(tmp_path / "plain", PART), METHOD.Options())


class Variant:
    """Answers the first label with a probability, before and after training; counts its training."""

    def __init__(self, first: float) -> None:
        self.trained = 0.0
        self._row = (first, 1 - first)

    def advance(self, share: float) -> None:
        self.trained = share

    def predict(self, texts: Any) -> Answers:
        assert not self.trained, "accuracy is that before training"
        return of_labels(np.array([self._row] * len(texts)), ("a", "b"))

    @property
    def model(self) -> Any:
        row = self._row

        class Model:
            def predict(self, texts: Any) -> Answers:
                return of_labels(np.array([row] * len(texts)), ("a", "b"))

        return Model()


@pytest.mark.parametrize(
    ("gold", "weights"),
    [
        (("a", "a", "a", "b"), (0.75, 0.25)),  # the first variant answers a to all, the second b
        (("c", "c"), (1.0, 1.0)),  # no variant is right anywhere
    ],
)
def test_variants_count_by_their_accuracy_before_training(gold: tuple[str, ...], weights: tuple[float, float]) -> None:
    texts = tuple(f"text {number}" for number in range(len(gold)))
    got = joint_probabilities([Variant(0.9), Variant(0.2)], ["new"], scored=(texts, gold))
    scores = np.average(np.log([[0.9, 0.1], [0.2, 0.8]]), axis=0, weights=weights)
    assert got[0] == pytest.approx(np.exp(scores) / np.exp(scores).sum(), abs=1e-6)
