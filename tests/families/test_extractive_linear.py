from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Goal, Output, Part

family = plugins.load("families", "extractive_linear")


def _model() -> OneShotEstimator:
    model = family.create(family.models()[0], None, Part(), Goal(Output.TEXT), seed=0)
    assert isinstance(model, OneShotEstimator)
    return model


def _reports(n_rows: int) -> tuple[list[str], list[str]]:
    """The summary is the sentence with the result, wherever it stands."""
    rng = np.random.default_rng(0)
    things = ["soup", "bread", "salt", "wine", "rice", "milk", "fish", "meat"]
    texts, summaries = [], []
    for _ in range(n_rows):
        first, second, third = rng.choice(things, 3, replace=False)
        result = f"In short {first} sells better than {second}."
        others = [f"We looked at the {third} again.", f"There was some {first} too.", "It rained all day long."]
        others.insert(int(rng.integers(0, 4)), result)
        texts.append(" ".join(others))
        summaries.append(result)
    return texts, summaries


def test_sentence_of_the_kind_that_references_hold_is_chosen(tmp_path: Path) -> None:
    texts, summaries = _reports(60)
    model = _model()
    model.fit(texts, summaries, seed=0)
    asked = "We met at noon. There was tea too. In short tea sells better than beer. It rained."
    answers = model.predict([asked, ""])
    assert answers.values == ("In short tea sells better than beer.", "")
    model.save(tmp_path)
    assert family.restore(tmp_path).predict([asked, ""]).values == answers.values


def test_summary_is_as_long_as_the_references() -> None:
    sentence = "the {0} of the {1} was {0} today."
    texts = [" ".join(sentence.format(f"x{row}{k}", f"y{k}") for k in range(10)) for row in range(30)]
    references = [" ".join(text.split(". ")[:3]) for text in texts]
    model = _model()
    model.fit(texts, references, seed=0)
    words = [len(str(summary).split()) for summary in model.predict(texts).values]
    assert np.mean(words) == pytest.approx(24, abs=4)  # three sentences of eight words


def test_clauses_are_chosen_where_summaries_are_shorter_than_sentences() -> None:
    texts = [
        f"本文采用新的方法,研究了第{row}号问题的模型,结果表明方法有效,为今后的工作提供了参考." for row in range(30)
    ]
    model = _model()
    model.fit(texts, [f"第{row}号问题的模型" for row in range(30)], seed=0)
    assert model.predict(["本文采用新的方法,研究了第九号问题的模型,结果表明方法有效."]).values == (
        "研究了第九号问题的模型",
    )


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fit got 0 texts and 0 summaries"):
        _model().fit([], [], seed=0)
