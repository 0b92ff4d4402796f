"""The Hugging Face form, with ``huggingface_hub.InferenceClient``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import bundle, client, decoder, live, settings
from starlette.testclient import TestClient

from goldilocks.records import Goal, Output, Part
from goldilocks.testing.tiny import TAGS, cases

WORDS = ("we saw soup", "they saw a match", "the bank", "a loan again") * 3
SENTENCES = tuple(("we", "saw", word, "today") for word in ("soup", "bread", "bank", "loan", "match", "goal")) * 4


def tags_of(words: tuple[str, ...]) -> tuple[str, ...]:
    known = {
        "soup": "B-food",
        "bread": "B-food",
        "bank": "B-money",
        "loan": "B-money",
        "match": "B-sport",
        "goal": "B-sport",
    }
    return tuple(known.get(word, "O") for word in words)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    part = Part(SENTENCES, tuple(map(tags_of, SENTENCES)), tuple(range(1, 25)))
    folder = tmp_path_factory.mktemp("tagger") / "bundle"
    return bundle(folder, part, Goal(Output.TAGS, TAGS), "crf", "ner")


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place, part = tmp_path_factory.mktemp("texts"), Part(WORDS, WORDS, tuple(range(1, 13)))
    models = {
        "lm": decoder(place / "lm", Goal(Output.LIKELIHOOD), part, "language_modelling"),
        "writer": decoder(place / "writer", Goal(Output.TEXT), part, "generation"),
    }
    with live(settings(models)) as address:
        yield address


def test_text_classification_with_the_hub_client(address: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    with hub.InferenceClient(model=f"{address}/models/weather") as made:
        got = made.text_classification("rain falls", top_k=2)
    assert [entry.label for entry in got] == ["wet", "dry"]
    assert sum(entry.score for entry in got) == pytest.approx(1)


def test_token_classification_with_the_hub_client(tagger: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    with live(settings({"names": tagger})) as address, hub.InferenceClient(model=f"{address}/models/names") as made:
        got = made.token_classification("we saw soup today")
    assert [(entry.entity_group, entry.word, entry.start, entry.end) for entry in got] == [("food", "soup", 7, 11)]


def test_tags_have_offsets_in_classify(tagger: Path) -> None:
    with client(settings({"names": tagger})) as api:
        (row,) = api.post("/v1/classify", json={"input": "we saw  soup"}).json()["data"]
        kserve = api.post(
            "/v2/models/names/infer",
            json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["we saw soup"]}]},
        ).json()
    assert row["tokens"] == ["we", "saw", "soup"]
    assert row["offsets"] == [[0, 2], [3, 6], [8, 12]]
    assert row["entities"] == [{"type": "food", "start": 8, "end": 12, "text": "soup"}]
    assert "food" in kserve["outputs"][0]["data"][0]


def test_generated_texts_with_the_hub_client(writers: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    with hub.InferenceClient(model=f"{writers}/models/writer") as made:
        text = made.text_generation("we saw soup", max_new_tokens=3)
        with pytest.raises(hub.errors.BadRequestError, match="does not stream"):
            list(made.text_generation("we saw soup", max_new_tokens=3, stream=True))
    with hub.InferenceClient(model=f"{writers}/models/lm") as made:
        more = made.text_generation("we saw", max_new_tokens=4)
        full = made.text_generation("we saw", max_new_tokens=4, return_full_text=True)
    with hub.InferenceClient(base_url=f"{writers}/v1") as made:
        messages = [{"role": "user", "content": "we saw soup"}]
        chat = made.chat_completion(messages, model="writer", max_tokens=3)
        parts = list(made.chat_completion(messages, model="writer", max_tokens=3, stream=True))
    assert isinstance(text, str)
    assert full == "we saw" + more
    assert chat.choices[0].message.content == text
    assert "".join(part.choices[0].delta.content or "" for part in parts) == text


@pytest.mark.parametrize(
    ("task", "ask", "field"),
    [("translation", "translation", "translation_text"), ("summarisation", "summarization", "summary_text")],
)
def test_texts_of_other_tasks_with_the_hub_client(tmp_path: Path, task: str, ask: str, field: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    folder = decoder(tmp_path, Goal(Output.TEXT), Part(WORDS, WORDS, tuple(range(1, 13))), task)
    with live(settings({"m": folder})) as address, hub.InferenceClient(model=f"{address}/models/m") as made:
        got = getattr(made, ask)("we saw soup")
    assert isinstance(getattr(got, field), str)


def test_answers_in_a_context_with_the_hub_client(tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    (case,) = [case for case in cases(frozenset({Output.SPAN})) if case.goal.output is Output.SPAN][:1]
    folder = bundle(tmp_path / "answers", case.part, case.goal, "overlap", "extractive_qa")
    context = "In 1999 Ann saw the soup. Bob did not."
    with live(settings({"m": folder})) as address, hub.InferenceClient(model=f"{address}/models/m") as made:
        got = made.question_answering(question="who saw the soup?", context=context)
    assert got.answer == context[got.start : got.end] != ""


def test_similar_sentences_with_the_hub_client(tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    rows = Part((("who cooks soup", "we saw soup", "the bank"),) * 6, ((1.0, 0.0),) * 6, tuple(range(1, 7)))
    folder = bundle(tmp_path / "ranker", rows, Goal(Output.SCORE), "bm25", "matching")
    with live(settings({"m": folder})) as address, hub.InferenceClient(model=f"{address}/models/m") as made:
        got = made.sentence_similarity("who cooks soup", ["the bank", "we saw soup"])
        with pytest.raises(hub.errors.HfHubHTTPError, match="at least one"):
            made.sentence_similarity("who cooks soup", [])
    assert got[0] < got[1]


def test_a_list_of_inputs_has_a_list_for_each(api: TestClient) -> None:
    got = api.post("/", json={"inputs": ["rain falls", "the sun shines"]}).json()
    assert [row[0]["label"] for row in got] == ["wet", "dry"]


def test_spans_have_positions(tmp_path: Path) -> None:
    (case,) = [entry for entry in cases(frozenset({Output.SPAN})) if entry.goal.output is Output.SPAN][:1]
    folder = bundle(tmp_path / "answers", case.part, case.goal, "overlap", "extractive_qa")
    with client(settings({"answers": folder})) as api:
        body = {"inputs": {"question": "who saw the soup?", "context": "In 1999 Ann saw the soup. Bob did not."}}
        got = api.post("/models/answers", json=body).json()
    context = body["inputs"]["context"]
    assert got["answer"] == context[got["start"] : got["end"]] != ""
