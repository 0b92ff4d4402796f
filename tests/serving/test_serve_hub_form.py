"""The Hugging Face form, with ``huggingface_hub.InferenceClient``."""

from pathlib import Path

import pytest
from served import bundle, client, live, settings
from starlette.testclient import TestClient

from goldilocks.records import Goal, Output, Part
from goldilocks.testing.tiny import TAGS, cases

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


def test_text_classification_with_the_hub_client(address: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    with hub.InferenceClient(model=f"{address}/models/weather") as made:
        got = made.text_classification("rain falls", top_k=2)
    assert [one.label for one in got] == ["wet", "dry"]
    assert sum(one.score for one in got) == pytest.approx(1)


def test_token_classification_with_the_hub_client(tagger: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    with live(settings({"names": tagger})) as address, hub.InferenceClient(model=f"{address}/models/names") as made:
        got = made.token_classification("we saw soup today")
    assert [(one.entity_group, one.word, one.start, one.end) for one in got] == [("food", "soup", 7, 11)]


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


def test_a_list_of_inputs_has_a_list_for_each(api: TestClient) -> None:
    got = api.post("/", json={"inputs": ["rain falls", "the sun shines"]}).json()
    assert [row[0]["label"] for row in got] == ["wet", "dry"]


def test_spans_have_positions(tmp_path: Path) -> None:
    (case,) = [one for one in cases(frozenset({Output.SPAN})) if one.goal.output is Output.SPAN][:1]
    folder = bundle(tmp_path / "answers", case.part, case.goal, "overlap", "extractive_qa")
    with client(settings({"answers": folder})) as api:
        body = {"inputs": {"question": "who saw the soup?", "context": "In 1999 Ann saw the soup. Bob did not."}}
        got = api.post("/models/answers", json=body).json()
    context = body["inputs"]["context"]
    assert got["answer"] == context[got["start"] : got["end"]] != ""
