from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from goldilocks.answers import NO_LABEL, of_labels
from goldilocks.classical.combination import (
    CASCADE,
    ENSEMBLE,
    FILE,
    Combination,
    CombinationConfig,
    escalated,
    mean_answers,
    restored,
)
from goldilocks.errors import IntegrityError
from goldilocks.testing.contracts import check_restores

LABELS = ("a", "b")


class Fixed:
    """Answers looked up by the text."""

    labels = LABELS

    def __init__(self, table: dict[str, tuple[float, float]]) -> None:
        self.table = table
        self.asked: list[str] = []

    def predict(self, texts: object) -> object:
        self.asked += list(texts)  # type: ignore[call-overload]
        return of_labels(np.array([self.table[text] for text in texts]), LABELS)  # type: ignore[attr-defined]


def test_ensemble_is_the_mean_and_leaves_out_who_does_not_answer() -> None:
    first, second = np.array([[0.9, 0.1], [np.nan, np.nan]]), np.array([[0.3, 0.7], [0.2, 0.8]])
    answers = mean_answers([first, second], LABELS, several=False)
    assert answers.probabilities == pytest.approx(np.array([[0.6, 0.4], [0.2, 0.8]]))
    assert answers.values == ("a", "b")
    nobody = mean_answers([first[1:], first[1:]], LABELS, several=False)
    assert nobody.values == (NO_LABEL,)


def test_cascade_asks_the_second_only_where_the_first_is_unsure(tmp_path: Path) -> None:
    cheap = Fixed({"x": (0.95, 0.05), "y": (0.55, 0.45)})
    dear = Fixed({"x": (0.0, 1.0), "y": (0.1, 0.9)})
    config = CombinationConfig(CASCADE, ("f", "g"), LABELS, several=False, threshold=0.8)
    answers = Combination([cheap, dear], config, tmp_path).predict(["x", "y"])  # type: ignore[list-item]
    assert answers.values == ("a", "b")
    assert dear.asked == ["y"]


def test_escalated_rows_are_replaced_in_their_order() -> None:
    first = of_labels(np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]]), LABELS)
    answers = escalated(first, np.array([[0.2, 0.8], [0.3, 0.7]]), np.array([False, True, True]), several=False)
    assert answers.probabilities == pytest.approx(np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]))


def test_saved_combination_answers_as_before(tmp_path: Path) -> None:
    from goldilocks import plugins
    from goldilocks.testing import tiny

    part, parts = tiny.part(), []
    for number, name in enumerate(("naive_bayes", "majority")):
        family = plugins.load("families", name)
        model = family.create(family.models()[0], None, part, tiny.GOAL, seed=0)
        model.fit(part.texts, part.gold, seed=0)  # type: ignore[union-attr]
        model.save(tmp_path / "made" / "parts" / str(number))
        parts.append(model)
    config = CombinationConfig(ENSEMBLE, ("naive_bayes", "majority"), tiny.LABELS, several=False)
    combined = Combination(parts, config, tmp_path / "made")
    check_restores(combined, restored, part.texts, tmp_path / "saved")


@pytest.mark.parametrize(
    ("content", "message"), [("{", "damaged"), ('{"kind": "stack"}', "damaged"), (None, "says 'stack' of 2 parts")]
)
def test_damaged_combination_is_named(content: str | None, message: str, tmp_path: Path) -> None:
    whole = {"kind": "stack", "families": ["a", "b"], "labels": ["a"], "several": False}
    more = {"threshold": 0.0, "error_costs": []}
    (tmp_path / FILE).write_text(json.dumps(whole | more) if content is None else content)
    with pytest.raises(IntegrityError, match=message):
        restored(tmp_path)
