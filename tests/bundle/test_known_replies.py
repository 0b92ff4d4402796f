"""Replies of the training rows, for rows that come without candidates."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made import DATASET, decision, facts

from goldilocks import plugins
from goldilocks.answers import as_fields
from goldilocks.bundle import known_replies
from goldilocks.bundle.read import Bundle, load
from goldilocks.bundle.write import Winner, write
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Candidate, Dataset, Output, Part

ANSWERS = {
    "where is my card": "your card is on its way",
    "how do i pay a bill": "open the menu and choose payments",
    "what is the exchange rate": "the rate is on our web page",
    "please close my account": "we are sorry to see you go",
    "my phone was stolen": "we have blocked the card",
}


def part() -> Part:
    """Each question of several users, with all replies as candidates."""
    replies = tuple(ANSWERS.values())
    rows = [(f"hello number {k}\n{question}", reply) for k in range(6) for question, reply in ANSWERS.items()]
    gold = tuple(tuple(float(reply == own) for reply in replies) for _, own in rows)
    return Part(tuple((context, *replies) for context, _ in rows), gold, tuple(range(1, len(rows) + 1)))


def dataset(own: Part) -> Dataset:
    """Of response selection."""
    return replace(DATASET, train=own, validation=own, test=own, labels=(), output=Output.SCORE)


def bundle(folder: Path, own: Part, mask: object = str) -> Bundle:
    """A bundle of BM25."""
    candidate = Candidate(facts("bm25"), "scratch")
    data = dataset(own)
    model = plugins.load("families", "bm25").create(candidate.model, None, own, data.goal, seed=0)
    assert isinstance(model, OneShotEstimator)
    model.fit(own.texts, own.gold, seed=0)
    chosen = replace(decision(candidate), task="dialogue_retrieval", metric="recall_at_1")
    return load(write(model, Winner(candidate, chosen), data, folder, mask=mask))  # type: ignore[arg-type]


def test_rows_without_candidates_are_answered_with_a_known_reply(tmp_path: Path) -> None:
    model = bundle(tmp_path / "bundle", part())
    rows = [
        {"turns": ["hi", "is my card coming"]},
        {"context": "my phone was stolen", "candidates": ["we have blocked the card", "no"]},
        {"turns": [{"role": "user", "content": "please close the account"}]},
    ]
    fields = [as_fields(prediction, model.info.goal) for prediction in model.predict(rows)]
    assert "replies" in fields[0]
    assert set(fields[0]["replies"]) == set(ANSWERS.values())
    assert fields[0]["scores"] == sorted(fields[0]["scores"], reverse=True)
    assert fields[0]["reply"] == fields[0]["replies"][0] == "your card is on its way"
    assert list(fields[1]) == ["scores"]
    assert len(fields[1]["scores"]) == 2
    assert "reply" in fields[2]


def test_an_answer_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    model = bundle(tmp_path / "bundle", part())
    rows = [{"turns": ["hi", question]} for question in ANSWERS]
    together = [as_fields(prediction, model.info.goal) for prediction in model.predict(rows)]
    assert together == [as_fields(model.predict([row])[0], model.info.goal) for row in rows]
    (line,), (named,) = model.predict(["my card"]), model.predict([{"context": "my card"}])
    assert as_fields(line, model.info.goal) == as_fields(named, model.info.goal)


def test_the_shortlist_holds_the_replies_to_the_most_similar_contexts() -> None:
    known = known_replies.known_replies(part())
    assert known is not None
    assert known.shortlist("good day\nmy phone was stolen")[0] == "we have blocked the card"
    assert len(known.shortlist("nothing in common")) == len(ANSWERS)


def test_texts_with_personal_data_are_not_kept(tmp_path: Path) -> None:
    def mask(text: str) -> str:
        return text.replace("card", "***")

    model = bundle(tmp_path / "bundle", part(), mask)
    assert model.known is not None
    assert "your card is on its way" not in model.known.replies
    assert "card" not in (tmp_path / "bundle" / known_replies.FILE).read_text(encoding="utf-8")
    assert "we are sorry to see you go" in model.known.replies


def test_without_known_replies_the_row_alone_has_no_answer(tmp_path: Path) -> None:
    model = replace(bundle(tmp_path / "bundle", part()), known=None)
    rows = [{"turns": ["hi"]}, {"context": "a card", "candidates": ["your card", "no"]}]
    first, second = (as_fields(prediction, model.info.goal) for prediction in model.predict(rows))
    assert list(first) == ["error"]
    assert "this bundle keeps no replies" in first["error"]
    assert len(second["scores"]) == 2


@pytest.mark.parametrize("content", ["{}", "[]", json.dumps({"segmentation": 1, "replies": ["a"], "words": {}})])
def test_a_damaged_file_is_reported(tmp_path: Path, content: str) -> None:
    bundle(tmp_path / "bundle", part())
    (tmp_path / "bundle" / known_replies.FILE).write_text(content, encoding="utf-8")
    with pytest.raises((KeyError, TypeError, ValueError)):
        known_replies.load(tmp_path / "bundle")
