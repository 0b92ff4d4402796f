from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.classical import reply_index
from goldilocks.errors import InputError
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Goal, Output, Part, Text

family = plugins.load("families", "retrieval")


def _model(name: str) -> OneShotEstimator:
    info = next(info for info in family.models() if info.name == name)
    model = family.create(info, None, Part(), Goal(Output.TEXT), seed=0)
    assert isinstance(model, OneShotEstimator)
    return model


@pytest.mark.parametrize("name", ["bm25", "latent"])
def test_reply_of_the_most_similar_context_is_given(name: str, tmp_path: Path) -> None:
    model = _model(name)
    contexts = [("hello", "i lost my card"), ("hello", "what is my balance"), ("good day", "close the account")]
    model.fit(contexts, ["we send a new one", "it is ten euros", "that is done"], seed=0)
    asked: list[Text] = [("hi", "my card is lost"), ("hello", "what balance please"), "close it"]
    expected = ("we send a new one", "it is ten euros", "that is done")
    assert model.predict(asked).values == expected
    model.save(tmp_path)
    assert family.restore(tmp_path).predict(asked).values == expected


def test_earlier_turns_count_where_they_help() -> None:
    rng = np.random.default_rng(0)
    topics = {"flight": "your plane leaves at nine", "hotel": "your room is on the first floor"}
    items, replies = [], []
    for _ in range(60):
        topic = str(rng.choice(list(topics)))
        items.append((f"i booked a {topic}", "and when can i get it?"))
        replies.append(topics[topic])
    model = _model("bm25")
    model.fit(items, replies, seed=0)
    assert model.predict([("a hotel please", "and when can i get it?")]).values == (topics["hotel"],)


def test_an_odd_neighbour_does_not_decide() -> None:
    contexts = [("where are you",)] * 60
    replies = ["zebra"] + [f"we are in the main street {row % 7}" for row in range(59)]
    model = _model("bm25")
    model.fit(contexts, replies, seed=0)
    answers = model.predict([("where are you",)])
    assert str(answers.values[0]).startswith("we are in the main street")
    assert 0.0 <= answers.scores[0] <= 1.0


def test_bm25_weights_by_hand() -> None:
    field = reply_index.bm25_field([{"a": 1, "b": 2}, {"b": 1}])
    # Two items of 3 and 1 words, 2 in the mean; "a" is in one of them, "b" in both.
    a, b = np.log1p(1.5 / 1.5), np.log1p(0.5 / 2.5)
    norm = 1.2 * (0.25 + 0.75 * 3 / 2), 1.2 * (0.25 + 0.75 / 2)
    expected = [a * 2.2 / (1 + norm[0]) + b * 2 * 2.2 / (2 + norm[0]), b * 2.2 / (1 + norm[1])]
    assert field.scores({"a": 1, "b": 1, "unknown": 1}) == pytest.approx(expected, rel=1e-5)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fit got 0 items and 0 replies"):
        _model("bm25").fit([], [], seed=0)
