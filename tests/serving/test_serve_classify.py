"""/v1/classify, /v1/models and what every answer has."""

import json
from pathlib import Path

import pytest
from served import client, settings
from starlette.testclient import TestClient

import goldilocks
from goldilocks.errors import InputError
from goldilocks.serving.service import Service
from goldilocks.serving.settings import settings_from


def test_the_answer_is_that_of_the_bundle_with_a_probability_for_each_label(
    api: TestClient, weather_bundle: Path
) -> None:
    texts = ["rain falls", "the sun shines", "nothing known", "雨"]

    got = api.post("/v1/classify", json={"model": "weather", "input": texts}).json()

    expected = goldilocks.load(weather_bundle).predict(texts)
    assert [row["label"] for row in got["data"]] == [entry.label for entry in expected]
    assert [row["index"] for row in got["data"]] == [0, 1, 2, 3]
    assert got["labels"] == ["dry", "wet"]
    for row, entry in zip(got["data"], expected, strict=True):
        assert row["probs"] == [pytest.approx(entry.scores[label], abs=1e-6) for label in ("dry", "wet")]
        assert row["num_classes"] == 2


def test_one_text_needs_no_list_and_one_model_no_name(api: TestClient) -> None:
    got = api.post("/v1/classify", json={"input": "rain falls"}).json()
    assert [row["label"] for row in got["data"]] == ["wet"]
    assert got["model"] == "weather"
    assert got["usage"] == {"items": 1, "characters": 10}


def test_an_answer_does_not_depend_on_its_neighbours(api: TestClient) -> None:
    alone = api.post("/v1/classify", json={"input": ["rain falls on day 3"]}).json()["data"][0]
    among = api.post("/v1/classify", json={"input": ["sun " * 500, "rain falls on day 3", "?"]}).json()["data"][1]
    assert among["probs"] == pytest.approx(alone["probs"], abs=1e-6)


def test_the_request_id_comes_back_or_is_made(api: TestClient) -> None:
    own = api.post("/v1/classify", json={"input": "rain"}, headers={"x-request-id": "order-7"})
    made = api.post("/v1/classify", json={"input": "rain"}, headers={"x-request-id": "bad id\t" + "x" * 200})
    assert own.headers["x-request-id"] == "order-7"
    assert len(made.headers["x-request-id"]) == 32
    assert own.headers["x-model-version"] == own.json()["version"]


def test_models_are_listed_with_what_they_do(api: TestClient) -> None:
    (model,) = api.get("/v1/models").json()["data"]
    assert (model["id"], model["ready"], model["labels"]) == ("weather", True, ["dry", "wet"])
    assert model["operations"] == ["predict"]
    assert api.get("/v1/models/weather").json() == model


def test_a_model_answers_under_its_aliases_and_version(weather_bundle: Path) -> None:
    made = {"weather": {"bundle": str(weather_bundle), "aliases": ["default"]}}
    with client(settings_from({"models": made})) as api:
        version = api.get("/v1/models/default").json()["version"]
        for name in ("default", f"weather@{version}", f"weather@{version[:6]}"):
            assert api.post("/v1/classify", json={"model": name, "input": "rain"}).status_code == 200
        lost = api.post("/v1/classify", json={"model": "weather@123456", "input": "rain"})
        assert lost.status_code == 404
        assert version in lost.json()["error"]["message"]


def test_mistakes_in_what_is_to_be_served(weather_bundle: Path) -> None:
    with pytest.raises(InputError, match="there is nothing to serve; pass a bundle's folder"):
        Service(settings_from({}))
    made = {"a": {"bundle": str(weather_bundle)}, "b": {"bundle": str(weather_bundle), "aliases": ["a"]}}
    with pytest.raises(InputError, match="alias 'a' is taken"):
        Service(settings_from({"models": made}))


def test_two_models_need_a_name(weather_bundle: Path) -> None:
    with client(settings({"a": weather_bundle, "b": weather_bundle})) as api:
        got = api.post("/v1/classify", json={"input": "rain"})
        assert got.status_code == 422
        assert "a, b" in got.json()["error"]["message"]


def test_the_docs_page_loads_nothing_from_elsewhere(api: TestClient) -> None:
    page = api.get("/docs").text
    assert "/v1/classify" in page
    assert "curl http://127.0.0.1/v1/classify" in page
    assert "//cdn" not in page
    assert "src=" not in page
    assert json.loads(api.get("/openapi.json").text)["info"]["title"] == "Goldilocks"


def test_the_address_alone_leads_to_the_docs_page(api: TestClient) -> None:
    sent_on = api.get("/", follow_redirects=False)
    assert (sent_on.status_code, sent_on.headers["location"]) == (307, "docs")
    assert api.get("/").text == api.get("/docs").text


def test_a_cached_answer_is_the_same_and_no_second_batch(weather_bundle: Path) -> None:
    with client(settings({"weather": weather_bundle}, cache_items=2)) as api:
        answers = [api.post("/v1/classify", json={"input": ["rain", "sun"]}).json()["data"] for _ in range(2)]
        metrics = api.get("/metrics").text
    assert answers[0] == answers[1]
    assert 'goldilocks_cache_total{found="yes"} 2.0' in metrics
    assert "goldilocks_items_total{" in metrics


def test_metrics_count_requests_by_route_model_and_status(weather_bundle: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api:
        version = api.post("/v1/classify", json={"input": "rain"}).json()["version"]
        for number in range(3):
            api.get(f"/no/such/{number}")
        metrics = api.get("/metrics").text
    labels = f'model="weather",route="/v1/classify",status="200",version="{version}"'
    assert f"goldilocks_requests_total{{{labels}}} 1.0" in metrics
    # Paths that do not exist share one label: nobody can fill the memory with them.
    assert 'goldilocks_requests_total{model="",route="other",status="404",version=""} 3.0' in metrics
    assert f'goldilocks_ready{{model="weather",version="{version}"}} 1.0' in metrics
