"""/v1/score, /v1/rerank and /v1/embeddings."""

from pathlib import Path

import numpy as np
import pytest
from served import bundle, client, live, settings, ship
from starlette.testclient import TestClient

import goldilocks
from goldilocks import plugins
from goldilocks.records import Candidate, Goal, Output, Part
from goldilocks.testing import tiny

QUERIES = tuple(("who cooks soup", "we saw soup", "we saw a match", "the bank") for _ in range(6))
LISTS = Part(QUERIES, ((1.0, 0.0, 0.0),) * 6, tuple(range(1, 7)))


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranker") / "bundle"
    return bundle(folder, LISTS, Goal(Output.SCORE), "bm25", "matching")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("encoder")
    checkpoint = tiny.encoder_folder(place / "checkpoint")
    family = plugins.load("families", "encoder")
    facts = family.describe(checkpoint, str(checkpoint))
    assert facts is not None
    part = tiny.part(12)
    model = family.create(facts, checkpoint, part, tiny.GOAL, seed=0)
    return ship(place / "bundle", model, Candidate(facts, "full"), part, tiny.GOAL, "text_classification")


def test_documents_come_in_the_order_they_fit(ranker: Path) -> None:
    documents = ["the bank is closed", "she likes soup with bread", "a match"]
    with client(settings({"r": ranker})) as api:
        got = api.post("/v1/rerank", json={"query": "soup with bread", "documents": documents, "top_n": 2}).json()
        alone = api.post(
            "/v1/rerank", json={"query": "soup", "documents": [{"text": "soup"}], "return_documents": False}
        )
    assert got["results"][0]["index"] == 1
    assert got["results"][0]["document"] == {"text": documents[1]}
    assert len(got["results"]) == 2
    assert got["results"][0]["relevance_score"] > got["results"][1]["relevance_score"]
    assert [set(entry) for entry in alone.json()["results"]] == [{"index", "relevance_score"}]


def test_scores_of_pairs(ranker: Path) -> None:
    with client(settings({"r": ranker})) as api:
        single = api.post("/v1/score", json={"text_1": "soup", "text_2": ["soup", "bank"]}).json()["data"]
        many = api.post("/v1/score", json={"text_1": ["soup", "bank"], "text_2": ["soup", "bank"]}).json()["data"]
        uneven = api.post("/v1/score", json={"text_1": ["a", "b"], "text_2": ["a", "b", "c"]})
        empty = api.post("/v1/score", json={"text_1": "a", "text_2": []})
    assert single[0]["score"] > single[1]["score"]
    assert many[0]["score"] == single[0]["score"]
    assert uneven.status_code == 422
    assert "text_1 has 2 texts and text_2 3" in uneven.json()["error"]["message"]
    assert empty.status_code == 422


def test_a_pair_classifier_scores_with_its_positive_label(tmp_path: Path) -> None:
    pairs = tuple((f"a {word}", f"b {word}") for word in ("cat", "dog", "cow", "hen")) * 4
    part = Part(pairs, ("duplicate", "other") * 8, tuple(range(1, 17)))
    goal = Goal(labels=("duplicate", "other"))
    folder = bundle(tmp_path / "pairs", part, goal, "tfidf_linear", "pair_classification")
    expected = goldilocks.load(folder).predict([("a cat", "a cow")])[0].scores["duplicate"]
    with client(settings({"pairs": folder})) as api:
        got = api.post("/v1/score", json={"text_1": "a cat", "text_2": "a cow"}).json()
    assert got["data"][0]["score"] == pytest.approx(expected)


@pytest.mark.parametrize(("text", "words"), [("", "text 1 is empty"), ("a\0b", "NUL"), ("\ud800", "surrogate")])
def test_texts_that_cannot_be_scored(ranker: Path, text: str, words: str) -> None:
    import json

    body = json.dumps({"query": "soup", "documents": [text]}).encode()
    with client(settings({"r": ranker})) as api:
        got = api.post("/v1/rerank", content=body, headers={"content-type": "application/json"})
    assert got.status_code == 422
    if words != "surrogate":
        assert words in got.json()["error"]["message"]


def test_a_classifier_of_texts_scores_no_pairs(api: TestClient) -> None:
    got = api.post("/v1/score", json={"text_1": "a", "text_2": "b"})
    assert got.status_code == 400
    assert "gives no number for two texts" in got.json()["error"]["message"]


def test_embeddings_with_the_openai_client_are_what_the_head_sees(encoder: Path) -> None:
    openai = pytest.importorskip("openai")
    texts = ["we saw soup", "the bank", "x"]
    expected = goldilocks.load(encoder).model.pooled(texts).numpy()  # type: ignore[attr-defined]
    with live(settings({"e": encoder})) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as made:
        packed = made.embeddings.create(model="e", input=texts)
        plain = made.embeddings.create(model="e", input=texts[0], encoding_format="float")
    assert np.array([row.embedding for row in packed.data]) == pytest.approx(expected, abs=1e-5)
    assert plain.data[0].embedding == pytest.approx(packed.data[0].embedding, abs=1e-6)


def test_a_model_without_a_network_has_no_embeddings(api: TestClient) -> None:
    got = api.post("/v1/embeddings", json={"input": "rain"})
    assert got.status_code == 400
    assert "has no embeddings; GET /v1/models lists what each model does" in got.json()["error"]["message"]
