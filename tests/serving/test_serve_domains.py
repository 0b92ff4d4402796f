"""Models with a part for each domain: NAME:DOMAIN on every route, and what becomes of a domain that there is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from served import ScriptedEngine, client, dry, service_in, settings
from starlette.testclient import TestClient

from goldilocks.records import Prediction, Text
from goldilocks.serving.access import ApiKey, add_key
from goldilocks.serving.engine import Call, Operation
from goldilocks.serving.names import ModelName, parsed

DOMAINS = ("first", "tweets 2026: may@noon")


class Parts(ScriptedEngine):
    """Answers ``wet`` for the first domain and ``dry`` for the others, and remembers the domain of each call."""

    def __init__(self, domains: tuple[str, ...] = DOMAINS) -> None:
        super().__init__(self._by_domain)
        self.card = replace(self.card, domains=domains, operations=(Operation.PREDICT, Operation.EMBED))
        self.domains: list[str | None] = []

    def _by_domain(self, call: Call, items: Sequence[Text]) -> list[Any]:
        self.domains.append(call.domain)
        if call.operation is Operation.EMBED:
            return [(0.0, 1.0) for _ in items]
        wet = Prediction("wet", 0.9, {"dry": 0.1, "wet": 0.9})
        return [wet if call.domain == "first" else dry(item) for item in items]


@pytest.fixture
def engine() -> Parts:
    return Parts()


@pytest.fixture
def api(weather_bundle: Path, engine: Parts) -> Iterator[TestClient]:
    made = settings({"weather": weather_bundle})
    alias = replace(made.models["weather"], aliases=("forecast", "forecast:latest"))
    with client(replace(made, models={"weather": alias}), lambda _: engine) as result:
        yield result


@pytest.mark.parametrize(
    ("name", "domain", "label"),
    [
        ("weather:first", "first", "wet"),
        ("forecast:first", "first", "wet"),
        (f"weather:{DOMAINS[1]}", DOMAINS[1], "dry"),
        ("weather", None, "dry"),
        ("forecast:latest", None, "dry"),
        (None, None, "dry"),
    ],
)
def test_name_of_a_domain_reaches_the_engine(
    api: TestClient, engine: Parts, name: str | None, domain: str | None, label: str
) -> None:
    got = api.post("/v1/classify", json={"model": name, "input": "rain"}).json()
    assert got["data"][0]["label"] == label
    assert got["model"] == ("weather" if domain is None else f"weather:{domain}")
    assert engine.domains == [domain]


def test_every_route_takes_the_name_of_a_domain(api: TestClient, engine: Parts) -> None:
    version = service_in(api).deployments["weather"].current.id
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["rain"]}
    question = {"type": "predicate", "name": "wet", "instructions": "?"}
    asked = [
        api.post("/models/weather:first", json={"inputs": "rain"}),
        api.post("/v2/models/weather:first/infer", json={"inputs": [tensor]}),
        api.post(f"/v2/models/weather:first/versions/{version}/infer", json={"inputs": [tensor]}),
        api.post(
            "/v1/chat/completions", json={"model": "weather:first", "messages": [{"role": "user", "content": "r"}]}
        ),
        api.post("/v1/classify", json={"model": f"weather:first@{version}", "input": "rain"}),
        api.post("/v1/decisions", json={"model": "weather:first", "input": "rain", "questions": [question]}),
    ]
    assert [answer.status_code for answer in asked] == [200] * 6, asked[-1].text
    assert set(engine.domains) == {"first"}
    assert asked[1].json()["model_name"] == "weather:first"
    assert api.post("/v1/embeddings", json={"model": "weather:first", "input": "rain"}).status_code == 200
    assert engine.domains[-1] is None  # vectors are those of the shared network


def test_items_of_different_domains_do_not_share_a_batch_or_an_entry_of_the_cache(weather_bundle: Path) -> None:
    engine = Parts()
    with client(settings({"weather": weather_bundle}, cache_items=10), lambda _: engine) as api:
        for name in ("weather:first", "weather", "weather:first", "weather"):
            api.post("/v1/classify", json={"model": name, "input": "rain"})
    assert engine.domains == ["first", None]


def test_domains_are_listed_and_described(api: TestClient) -> None:
    (entry,) = api.get("/v1/models").json()["data"]
    assert entry["domains"] == [f"weather:{domain}" for domain in DOMAINS]
    assert api.get("/v1/models/weather:first").json()["id"] == "weather"
    assert api.get("/v2/models/weather:first/ready").json()["ready"] is True


@pytest.mark.parametrize(
    "path", ["/v1/models/weather:june", "/v2/models/weather:june", "/v2/models/weather:june/ready"]
)
def test_domain_that_there_is_not_is_a_404_that_names_those_there_are(api: TestClient, path: str) -> None:
    for got in (api.get(path), api.post("/v1/classify", json={"model": "weather:june", "input": "rain"})):
        assert got.status_code == 404
        assert "weather has no domain 'june'; there are: first, tweets 2026: may@noon" in got.text


def test_model_without_domains_says_so(weather_bundle: Path) -> None:
    with client(settings({"weather": weather_bundle}), lambda _: Parts(domains=())) as api:
        got = api.post("/v1/classify", json={"model": "weather:first", "input": "rain"})
        unknown = api.post("/v1/classify", json={"model": "wether:first", "input": "rain"})
    assert (got.status_code, got.json()["error"]["code"]) == (404, "domain_not_found")
    assert "it has no domains, so name the model alone" in got.text
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")


def test_key_of_another_model_may_not_ask_a_domain(weather_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    allowed = add_key(path, ApiKey("", "a", "", 0.0, models=("weather",)))
    other = add_key(path, ApiKey("", "b", "", 0.0, models=("other",)))
    made = settings({"weather": weather_bundle, "other": weather_bundle}, keys=str(path))
    with client(made, lambda _: Parts()) as api:
        body = {"model": "weather:first", "input": "rain"}
        statuses = [
            api.post("/v1/classify", json=body, headers={"x-api-key": key}).status_code for key in (allowed, other)
        ]
    assert statuses == [200, 403]


def test_canary_that_lacks_the_domain_does_not_get_its_requests(weather_bundle: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(weather_bundle, tmp_path / "new")
    (tmp_path / "new" / "README.md").touch()
    old, new = Parts(), Parts(domains=())

    def opened(folder: Path) -> Parts:
        return new if folder == tmp_path / "new" else old

    with client(settings({"weather": weather_bundle}), opened) as api:
        body = {"bundle": str(tmp_path / "new"), "share": 0.5}
        assert api.post("/v1/admin/models/weather/versions", json=body).status_code == 200
        for _ in range(4):
            assert api.post("/v1/classify", json={"model": "weather:first", "input": "r"}).status_code == 200
            assert api.post("/v1/classify", json={"model": "weather", "input": "r"}).status_code == 200
    assert old.domains.count("first") == 4
    assert set(new.domains) == {None}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("m", ModelName("m")),
        ("m@abcdef", ModelName("m", None, "abcdef")),
        ("m@junk", ModelName("m", None, "junk")),
        ("m:d", ModelName("m", "d")),
        ("m:d@abcdef0", ModelName("m", "d", "abcdef0")),
        ("m:d@noon", ModelName("m", "d@noon")),
        ("m:d@noon@abcdef0", ModelName("m", "d@noon", "abcdef0")),
        ("m:", ModelName("m", "")),
        ("a:b", ModelName("a:b")),
        ("a:b@abcdef", ModelName("a:b", None, "abcdef")),
        ("x:y", ModelName("x:y")),
        ("", ModelName("")),
        ("run@2", ModelName("run@2")),
        ("run@2:d", ModelName("run@2", "d")),
    ],
)
def test_parts_of_a_name(text: str, name: ModelName) -> None:
    assert parsed(text, {"m", "a:b", "run@2"}) == name
