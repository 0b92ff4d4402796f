from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from goldilocks.records import Candidate, Measured, ModelInfo, Trial
from goldilocks.selection.teachers import probabilities_of, teacher_of, without_teacher

SMALL = ModelInfo("small", "encoder", "hf://o/small", "", "", ("en",), "mit", 10, 40, groups=("mlp", "head"))
LARGE = replace(SMALL, name="large", parameters=100)
POOL = [Candidate(SMALL, "distil"), Candidate(SMALL, "full"), Candidate(LARGE, "full"), Candidate(LARGE, "distil")]
STUDENT = POOL[0]


def trial(candidate: Candidate, loss: float, share: float = 1.0) -> Trial:
    score = Measured(1 - loss, 0, 1, 10, "accuracy")
    return Trial(candidate.name, 2 if share >= 1 else 0, share, 1.0, score, loss, "x", 0.1, 1.0, 1.0, 0.0, "", "d")


def test_teacher_is_the_finished_candidate_with_the_lowest_loss() -> None:
    trials = [trial(POOL[1], 0.3), trial(POOL[2], 0.1)]
    assert teacher_of(STUDENT, POOL, trials, ()) == POOL[2]
    assert teacher_of(STUDENT, POOL, trials, [POOL[2].name]) == POOL[1]  # that one failed


def test_unfinished_candidates_and_students_teach_nothing() -> None:
    trials = [trial(POOL[2], 0.1, share=0.3), trial(POOL[3], 0.1)]
    assert teacher_of(STUDENT, POOL, trials, ()) is None


def test_larger_student_does_not_learn_from_a_smaller_model() -> None:
    trials = [trial(POOL[1], 0.1)]
    assert without_teacher(POOL, trials, ()) == {POOL[3].name}
    assert without_teacher(POOL, [], ()) == {POOL[0].name, POOL[3].name}


def test_teacher_is_asked_once(tmp_path: Path) -> None:
    class Answers:
        probabilities: npt.NDArray[np.float32] = np.array([[0.25, 0.75]], dtype=np.float32)

    class Teacher:
        def predict(self, texts: object) -> Answers:
            return Answers()

    first = probabilities_of(lambda: Teacher(), ["a"], tmp_path / "kept.npy")  # type: ignore[arg-type,return-value]
    again = probabilities_of(lambda: pytest.fail("asked again"), ["a"], tmp_path / "kept.npy")
    assert first.tolist() == again.tolist() == [[0.25, 0.75]]
