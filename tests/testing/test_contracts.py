"""A contract that catches nothing is worth nothing: each check must fail on a plug-in that breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.answers import Answers, of_labels
from goldilocks.records import Output, Text
from goldilocks.testing import tiny
from goldilocks.testing.contracts import (
    check_answers,
    check_estimator,
    check_family,
    check_metric,
    check_policy,
    check_restores,
    check_task,
)


class _Model:
    """Answers by the length of the text, right in every promise."""

    labels: tuple[str, ...] = ("a", "b")

    def __init__(self, drift: float = 0.0) -> None:
        self.drift = drift

    def predict(self, texts: Sequence[Text]) -> Answers:
        first = np.array([0.1 + 0.5 / (1 + len(text)) for text in texts], dtype=np.float32).reshape(-1, 1)
        first += self.drift * len(texts)
        return of_labels(np.hstack([first, 1 - first]), self.labels)

    def size_bytes(self) -> int:
        return 1

    def save(self, folder: Path) -> None:
        (folder / "model.json").write_text("{}", encoding="utf-8")


def _changed(plugin: Any, **changes: Any) -> Any:
    parts = {name: getattr(plugin, name) for name in dir(plugin) if not name.startswith("_")}
    return SimpleNamespace(**parts | changes)


def test_a_model_that_keeps_its_promises_passes(tmp_path: Path) -> None:
    check_answers(_Model(), ["x", "yy", ""])
    check_restores(_Model(), lambda folder: _Model(), ["x"], tmp_path / "saved")


def test_answers_that_depend_on_the_batch_are_caught() -> None:
    with pytest.raises(AssertionError, match="answered alone differs"):
        check_answers(_Model(drift=0.01), ["x", "yy"])


def test_a_pickle_is_caught_by_name_and_by_content(tmp_path: Path) -> None:
    class Named(_Model):
        def save(self, folder: Path) -> None:
            (folder / "model.pkl").write_bytes(b"")

    class Hidden(_Model):
        def save(self, folder: Path) -> None:
            (folder / "model.json").write_bytes(b"\x80\x05.")

    with pytest.raises(AssertionError, match="no pickles"):
        check_restores(Named(), lambda folder: _Model(), ["x"], tmp_path / "named")
    with pytest.raises(AssertionError, match="begins like a pickle"):
        check_restores(Hidden(), lambda folder: _Model(), ["x"], tmp_path / "hidden")


def test_a_model_that_comes_back_different_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="restored model differs"):
        check_restores(_Model(), lambda folder: _Model(drift=0.1), ["x"], tmp_path / "saved")


def test_a_wrong_example_and_a_wrong_direction_are_caught() -> None:
    accuracy = plugins.load("metrics", "accuracy")
    with pytest.raises(AssertionError, match=r"not 0\.5"):
        check_metric(_changed(accuracy, EXAMPLES=[*accuracy.EXAMPLES, (["a"], ["a"], 0.5)]))
    with pytest.raises(AssertionError, match="right answers throughout"):
        check_metric(_changed(accuracy, HIGHER_IS_BETTER=False))


def test_a_family_under_another_name_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="says its family is 'majority'"):
        check_family(plugins.load("families", "majority"), "minority", tmp_path)


def test_an_estimate_blind_to_the_labels_is_caught() -> None:
    blind = SimpleNamespace(
        OUTPUTS={Output.LABEL}, SOURCE="test", estimate=lambda features, labels, *, seed: float(features.mean())
    )
    with pytest.raises(AssertionError, match="not above shuffled"):
        check_estimator(blind)


def test_a_task_that_overlooks_an_empty_cell_is_caught() -> None:
    task = plugins.load("tasks", "text_classification")
    with pytest.raises(AssertionError, match="finds nothing wrong"):
        check_task(_changed(task, problem=lambda row: None))


def test_a_policy_that_buys_for_ever_is_caught() -> None:
    endless = SimpleNamespace(SOURCE="test", choose=lambda race: ("a", race.bought("a"), "more"))
    with pytest.raises(AssertionError, match="is not there to buy"):
        check_policy(endless)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tiny_data_come_again_and_hold_every_label_alike(language: str) -> None:
    part = tiny.part(30, language=language)
    assert part == tiny.part(30, language=language)
    assert part != tiny.part(30, language=language, seed=1)
    assert [part.gold.count(label) for label in tiny.LABELS] == [10, 10, 10]
    assert (" " in part.texts[0]) == (language == "en")
