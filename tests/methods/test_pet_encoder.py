from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.errors import InputError
from goldilocks.records import Candidate, Goal, Part, Workload
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


def several_part() -> Part:
    """Texts of one label, of two (two texts joined) and of none."""
    pairs = [(row, row + 1) for row in range(0, len(PART), 2)]
    texts = (*PART.texts, *(f"{PART.texts[i]} {PART.texts[j]}" for i, j in pairs), *["of the"] * 6)
    both = [tuple(sorted({str(PART.gold[i]), str(PART.gold[j])})) for i, j in pairs]
    gold = (*((str(label),) for label in PART.gold), *both, *[()] * 6)
    return Part(texts, gold, tuple(range(1, len(texts) + 1)))


@pytest.mark.parametrize("patterns", [("prompt",), ("prompt", "{mask}: {text}")])
def test_items_may_have_several_labels(folder: Path, tmp_path: Path, patterns: tuple[str, ...]) -> None:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    part = several_part()
    rates = {"learning_rate": 5e-3, "head_learning_rate": 5e-3, "epochs": 30.0}
    setup = RunSetup(
        folder, Workload(len(part), 30, 6, 3), seed=0, training=rates, options=METHOD.Options(patterns=patterns)
    )
    run = Run(Candidate(info, "pet"), part, Goal(labels=tiny.LABELS, several=True), setup)
    run.advance(1.0)
    model: Any = run.model
    answers = model.predict(part.texts)
    right = [answer == gold for answer, gold in zip(answers.values, part.gold, strict=True)]
    assert sum(right) >= 0.9 * len(part)
    model.save(tmp_path / "model")
    again = FAMILY.restore(tmp_path / "model").predict(part.texts)
    assert np.abs(again.probabilities - answers.probabilities).max() < 1e-3


def test_models_without_the_head_are_refused(tmp_path: Path) -> None:
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


def test_variants_of_several_labels_are_averaged_decision_by_decision() -> None:
    class Several:
        """Gives both labels their probabilities."""

        def __init__(self, *row: float) -> None:
            self._row = row

        def advance(self, share: float) -> None:
            """Trains nothing."""

        def predict(self, texts: Any) -> Answers:
            return of_labels(np.array([self._row] * len(texts)), ("a", "b"), several=True)

        @property
        def model(self) -> Any:
            return self

    scored = (("x", "y"), (("a", "b"), ("a", "b")))
    got = joint_probabilities([Several(0.9, 0.9), Several(0.8, 0.1)], ["new"], scored=scored, several=True)
    # The first answers (a, b), all that is wanted; the second (a,), half of it: odds of (9² · 4)^⅓ and (9² / 9)^⅓.
    odds = np.array([324, 9]) ** (1 / 3)
    assert got[0] == pytest.approx(odds / (1 + odds), abs=1e-5)
