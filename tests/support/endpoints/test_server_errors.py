from __future__ import annotations

import json
from typing import Any

import pytest

from goldilocks.support.endpoints.server_errors import cleaned, error_of, read_error

KEY = "sk-live-0123456789abcdef"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no such model", "code": "x"}},
        {"error": "no such model"},
        {"object": "error", "message": "no such model", "code": 400},
        {"message": "no such model"},
        {"detail": "no such model"},
        {"detail": [{"loc": ["body", "model"], "msg": "no such model"}]},
        {"errors": [{"message": "no such model"}]},
        {"error_code": 336, "error_msg": "no such model"},
        {"fault": {"faultstring": "no such model", "detail": {"errorcode": "x"}}},
        [{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}],
        {"base_resp": {"status_code": 1004, "status_msg": "no such model"}},
        {"title": "no such model", "type": "about:blank"},
        "no such model",
    ],
)
def test_words_of_a_server_are_read_from_every_common_shape(body: Any) -> None:
    error = read_error(json.dumps(body).encode(), 404, "")
    assert str(error) == "status 404 (no such model)"


def test_page_instead_of_json_is_shown_without_its_tags() -> None:
    page = b"<html><head><title>x</title></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
    assert read_error(page, 502, "").words == "502 Bad Gateway nginx"
    assert str(read_error(b"", 500, "")) == "status 500"
    assert read_error(b"\xff\xfe", 500, "").words == "��"


def test_words_of_the_provider_behind_a_router_are_shown_too() -> None:
    body = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "Too Many Requests"}}}
    assert read_error(json.dumps(body).encode(), 200, "").words == "Provider returned error: Too Many Requests"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "x", "code": 429}, 429),
        ({"message": "x", "code": "503"}, 503),
        ({"message": "x", "type": "overloaded_error"}, 529),
        ({"message": "x", "code": "rate_limit_exceeded"}, 429),
        ({"message": "x", "code": "invalid_api_key"}, 401),
        ({"message": "upstream timed out"}, 503),
        ({"message": "model is busy, try again"}, 503),
        ({"message": "x", "code": "context_length_exceeded"}, 400),
        ("no idea", 400),
    ],
)
def test_error_within_status_200_has_the_status_it_names(error: Any, status: int) -> None:
    assert read_error(json.dumps({"choices": None, "error": error}).encode(), 200, "").status == status


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "The response was filtered due to the prompt triggering the content management policy.", "filtered"),
        (400, "Your input was flagged by moderation", "filtered"),
        (400, "Input data may contain inappropriate content. data_inspection_failed", "filtered"),
        (400, "This model's maximum context length is 512 tokens. However, you requested 900 tokens.", "too_long"),
        (400, "the request exceeds the available context size", "too_long"),
        (400, "prompt is too long: 9000 tokens > 8192 maximum", "too_long"),
        (413, "whatever", "too_long"),
        (429, "You exceeded your current quota, please check your plan and billing details.", "no_credit"),
        (402, "Insufficient balance", "no_credit"),
        (429, "Rate limit reached. Upgrade at https://console.example.com/settings/billing", ""),
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model.", ""),
    ],
)
def test_errors_are_sorted_by_what_can_be_done(status: int, message: str, kind: str) -> None:
    error = read_error(json.dumps({"error": {"message": message}}).encode(), status, "")
    assert [name for name in ("filtered", "too_long", "no_credit") if getattr(error, name)] == ([kind] if kind else [])


@pytest.mark.parametrize(
    "words",
    [
        f"you sent Authorization: Bearer {KEY}, which is wrong",
        f'headers: {{"authorization": "Bearer {KEY}"}}',
        f"Incorrect API key provided: {KEY[:8]}****cdef.",
        f"api_key={KEY}",
        f"key {KEY} is unknown",
        "key " + KEY.replace("-", "\\u002d") + " is unknown",
        "key " + "\u200b".join(KEY) + " is unknown",
    ],
)
def test_key_is_removed_from_the_words_of_a_server(words: str) -> None:
    shown = cleaned(words, KEY)
    assert "[removed]" in shown
    assert KEY[:8] not in shown
    assert KEY[-8:] not in shown


def test_credentials_that_were_not_sent_by_us_are_removed_too() -> None:
    assert cleaned("use Authorization: Token abc123", "") == "use [removed]"
    assert cleaned("upstream said Bearer eyJhbGciOi.x.y", "") == "upstream said [removed]"


def test_control_characters_are_removed() -> None:
    assert cleaned("a\x1b[31mred\x1b[0m \x1b]0;title\x07b\u202ec\x00\r\nd", "") == "ared bc d"
    assert cleaned("x" * 500, "") == "x" * 199 + "…"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "输入内容含有敏感词"),
        (400, "系统检测到输入或生成内容可能包含不安全或敏感内容"),
        (400, "Content Exists Risk"),
        (400, "Request blocked: SAFETY"),
        (400, "your prompt was flagged as potentially violating our usage policy"),
        (451, "Unavailable for legal reasons"),
    ],
)
def test_content_filters_of_many_servers_refuse_one_item(status: int, message: str) -> None:
    error = read_error(json.dumps({"error": {"message": message}}).encode(), status, "")
    assert error.filtered
    assert not error.too_long


@pytest.mark.parametrize(
    "message",
    [
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
        "Input token length exceeds the model limit",
        "The input token count (1100000) exceeds the maximum number of tokens allowed (1048575).",
        "total message token length exceed model limit",
        "输入长度超过模型最大上下文",
        "输入文本过长",
    ],
)
def test_texts_too_long_for_many_servers_are_one_item_s_error(message: str) -> None:
    error = read_error(json.dumps({"error": {"message": message}}).encode(), 400, "")
    assert error.too_long
    assert not error.filtered


@pytest.mark.parametrize("message", ["Open api qps request limit reached", "请求过于频繁，请稍后再试"])
def test_limits_on_requests_within_status_200_are_waited_for(message: str) -> None:
    assert error_of({"error_code": 18, "error_msg": message}, 200, "").status == 429
