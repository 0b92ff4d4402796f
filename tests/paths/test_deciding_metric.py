from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.records import DataSpec, TaskSpec
from goldilocks.selection.deciding_metric import deciding_metric


def decided(task: str, metric: str | None) -> str:
    return deciding_metric(TaskSpec("t", DataSpec("a.csv"), task=task, metric=metric), plugins.load("tasks", task))[0]


def test_the_first_metric_of_the_task_decides_unless_another_is_named() -> None:
    assert decided("text_classification", None) == "macro_f1"
    assert decided("text_classification", "accuracy") == "accuracy"


def test_a_metric_of_another_kind_of_answer_is_refused_with_those_that_fit() -> None:
    with pytest.raises(InputError, match=r"bleu is about text, text_classification gives label; name one of accuracy"):
        decided("text_classification", "bleu")


def test_a_metric_without_a_worst_value_is_refused() -> None:
    with pytest.raises(InputError, match=r"mae has no worst value, so it cannot decide"):
        decided("similarity", "mae")
