"""What cannot be answered is refused with a status and one sentence, and the service goes on."""

import gzip
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

JSON = {"content-type": "application/json"}


def ask(api: TestClient, body: Any) -> Any:
    return api.post(
        "/v1/classify", content=body if isinstance(body, bytes) else json.dumps(body).encode(), headers=JSON
    )


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"", 422, "invalid_body", "the body is empty; send a JSON object"),
        (b'{"input": ', 422, "invalid_body", "the body is not JSON: Expecting value, at character 10"),
        (b"{input}", 422, "invalid_body", "the body is not JSON: .* at character 1; send an object"),
        (b"[" * 100_000, 422, "invalid_body", "nested too deeply"),
        (b'{"input": ["' + b"\xff" + b'"]}', 422, "invalid_body", "UTF-8"),
        (b'{"input": ' + b"9" * 5_000 + b"}", 422, "invalid_body", "a number of thousands of digits"),
        ({"input": []}, 422, "empty_input", "at least one"),
        ({"input": [17]}, 422, "invalid_input", "item 0 is a number"),
        ({"input": 17}, 422, "invalid_body", "input"),
        ({"input": ["rain", None]}, 422, "invalid_input", "item 1 is null"),
        ({"input": [["rain", 3]]}, 422, "invalid_input", "texts only"),
        ({"input": [{"txt": "rain"}]}, 422, "invalid_input", "item 0"),
        ({"input": ["rain", "\ud800"]}, 422, "invalid_unicode", "item 1 .* surrogate"),
        ({"input": "\udfff"}, 422, "invalid_unicode", "surrogate"),
        ({"input": "a\0b"}, 422, "invalid_input", "NUL"),
        ({"input": [{"text": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}}]}, 422, "too_deep", "8 levels"),
        ({"input": ["rain"] * 10_000}, 413, "too_many_items", "10,000 items; at most 1,024"),
        ({"input": ["x" * 200_000]}, 413, "item_too_long", "200,000 characters"),
        ({"input": "x" * 10_000_000}, 413, "body_too_large", "4,000,000 bytes"),
        ({"input": "rain", "model": "wether"}, 404, "model_not_found", "'wether'; there are: weather"),
        ({"input": "rain", "model": 3}, 422, "invalid_body", "model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_with_a_reason(api: TestClient, body: Any, status: int, code: str, words: str) -> None:
    got = ask(api, body)
    assert got.status_code == status
    error = got.json()["error"]
    assert error["code"] == code
    assert re.search(words, error["message"])
    assert got.json()["request_id"] == got.headers["x-request-id"]
    assert ask(api, {"input": "rain"}).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [(3, 422, "is int"), (None, 422, "is null"), ([{"type": "image_url"}], 400, "takes text only"), ("", 422, "empty")],
)
def test_the_content_of_a_message_is_text(api: TestClient, content: Any, status: int, words: str) -> None:
    got = api.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": content}]})
    assert got.status_code == status
    assert words in got.json()["error"]["message"]


def test_a_huge_max_tokens_is_refused_by_a_classifier_too(api: TestClient) -> None:
    got = api.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "rain"}], "max_tokens": 10**30}
    )
    assert (got.status_code, got.json()["error"]["code"]) == (422, "too_many_tokens")


@pytest.mark.parametrize(("path", "name"), [("decisions", "questions"), ("systemone", "criteria")])
def test_300_choices_are_more_than_a_question_may_have(api: TestClient, path: str, name: str) -> None:
    options = [f"label {number}" for number in range(300)]
    choice = {"type": "choice", "instructions": "which?", "choices": [{"value": option} for option in options]}
    body: dict[str, Any] = {"input": "rain", "questions": [choice]}
    if path == "systemone":
        body = {"state": "rain", "questions": {"q": {"type": "choice", "criteria": options}}}
    got = api.post(f"/v1/{path}", json=body)
    assert got.status_code == 422
    assert name in got.json()["error"]["message"]
    assert "at most 255" in got.json()["error"]["message"]


def test_a_slash_at_the_end_of_a_route_is_another_route(api: TestClient) -> None:
    got = api.post("/v1/classify/", json={"input": "rain"}, follow_redirects=False)
    assert (got.status_code, got.json()["error"]["code"]) == (404, "route_not_found")


def test_types_of_the_validator_are_not_part_of_a_message(api: TestClient) -> None:
    message = ask(api, {"input": 17}).json()["error"]["message"]
    assert message.startswith("input: ")


def test_a_body_without_its_length_is_cut_off_where_it_grows_too_large(api: TestClient) -> None:
    def parts() -> Any:
        for _ in range(100):
            yield b"x" * 100_000

    got = api.post("/v1/classify", content=parts(), headers=JSON)
    assert got.status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", None])
def test_only_json_is_read(api: TestClient, kind: str | None) -> None:
    got = api.post("/v1/classify", content=b'{"input": "rain"}', headers={"content-type": kind} if kind else {})
    assert got.status_code == 415
    assert "application/json" in got.json()["error"]["message"]


def test_a_compressed_body_is_refused(api: TestClient) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    got = api.post("/v1/classify", content=gzip.compress(b'{"input": "rain"}'), headers=headers)
    assert (got.status_code, got.json()["error"]["code"]) == (415, "compressed_body")
    assert "compressed (gzip)" in got.json()["error"]["message"]
    assert api.post(
        "/v1/classify", content=b'{"input": "rain"}', headers={**JSON, "content-encoding": "identity"}
    ).is_success


def test_a_charset_behind_the_content_type_is_fine(api: TestClient) -> None:
    got = api.post(
        "/v1/classify", content=b'{"input": "rain"}', headers={"content-type": "application/json; charset=utf-8"}
    )
    assert got.status_code == 200


def test_routes_and_methods_that_do_not_exist(api: TestClient) -> None:
    assert api.get("/v1/clasify").status_code == 404
    wrong = api.get("/v1/classify")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["error"]["code"] == "method_not_allowed"


def test_without_keys_another_host_name_is_refused(api: TestClient) -> None:
    got = api.get("/v1/models", headers={"host": "evil.example"})
    assert got.status_code == 403
    assert got.json()["error"]["code"] == "wrong_host"
    assert api.get("/v1/models", headers={"host": "localhost:8000"}).status_code == 200


def test_other_origins_are_not_allowed(api: TestClient) -> None:
    got = api.post("/v1/classify", json={"input": "rain"}, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in got.headers


CHOICE = {"type": "choice", "choices": [{"value": "dry"}, {"value": "wet"}], "instructions": None}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("decisions", {"input": "rain", "questions": [CHOICE | {"name": "\ud800"}]}),
        ("systemone", {"state": "rain", "questions": {"\ud800": {"type": "choice", "criteria": ["dry", "wet"]}}}),
    ],
)
def test_names_that_an_answer_would_repeat_must_be_unicode(api: TestClient, path: str, body: Any) -> None:
    got = api.post(f"/v1/{path}", content=json.dumps(body).encode(), headers=JSON)
    assert (got.status_code, got.json()["error"]["code"]) == (422, "invalid_unicode")
    assert got.json()["error"]["message"].startswith("the name of a question holds half of a surrogate pair")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("decisions", {"input": [{"role": "user", "content": [{"type": "z" * 10**6}]}], "questions": [CHOICE]}),
        ("decisions", {"input": "x", "questions": [CHOICE | {"choices": [{"value": "z" * 10**6}, {"value": "wet"}]}]}),
        ("systemone", {"state": "x", "questions": {"z" * 10**6: {"type": "choice", "criteria": ["dry", "no"]}}}),
        ("classify", {"input": "x", "model": f"weather@{'z' * 10**6}"}),
        ("classify", {"input": "x", "model": "z" * 10**6}),
    ],
)
def test_errors_do_not_repeat_a_megabyte_of_what_was_sent(api: TestClient, path: str, body: Any) -> None:
    got = api.post(f"/v1/{path}", json=body)
    assert 400 <= got.status_code < 500
    assert len(got.text) < 25_000
