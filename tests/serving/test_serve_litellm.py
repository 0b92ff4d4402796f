"""Requests that litellm 1.110.2 sends, recorded with its own client, and the client itself where it is installed.

litellm is not a test dependency: it brings a dozen packages and an older HTTP client. Its providers ``openai`` and
``hosted_vllm`` parse responses as the OpenAI API's, so that the types of the ``openai`` package check them here.
"""

import json
from collections.abc import Iterator

import pytest
from served import bundle, client, settings
from starlette.testclient import TestClient

from goldilocks.records import Goal, Output, Part

CHAT = b'{"model":"weather","messages":[{"role":"user","content":"rain falls"}]}'
STREAM = (
    b'{"model":"weather","messages":[{"role":"user","content":"rain falls"}],"max_tokens":3,"stream":true,'
    b'"stream_options":{"include_usage":true}}'
)
RERANK = b'{"model": "pairs", "query": "a cat", "top_n": 1, "documents": ["b cow", "b cat"], "return_documents": true}'
OF_OPENAI = {"authorization": "Bearer k", "accept": "application/json", "content-type": "application/json"}
OF_VLLM = {"authorization": "Bearer fake-api-key", "accept": "*/*", "content-type": "application/json"}


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    rows = Part((("a cat", "b cat", "b cow"),) * 6, ((1.0, 0.0),) * 6, tuple(range(1, 7)))
    folder = bundle(tmp_path_factory.mktemp("ranker") / "bundle", rows, Goal(Output.SCORE), "bm25", "matching")
    with client(settings({"pairs": folder})) as made:
        yield made


@pytest.mark.parametrize("headers", [OF_OPENAI, OF_VLLM], ids=["openai", "hosted_vllm"])
def test_a_recorded_chat(api: TestClient, headers: dict[str, str]) -> None:
    types = pytest.importorskip("openai.types.chat")
    got = types.ChatCompletion.model_validate_json(
        api.post("/v1/chat/completions", content=CHAT, headers=headers).content, strict=True
    )
    assert got.choices[0].message.content == "wet"
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens == 3


def test_a_recorded_stream_ends_with_its_usage(api: TestClient) -> None:
    types = pytest.importorskip("openai.types.chat")
    got = api.post("/v1/chat/completions", content=STREAM, headers=OF_OPENAI)
    assert got.headers["content-type"].startswith("text/event-stream")
    *events, last = [line.removeprefix("data: ") for line in got.text.split("\n\n") if line]
    chunks = [types.ChatCompletionChunk.model_validate_json(event, strict=True) for event in events]
    assert last == "[DONE]"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "wet"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 1


def test_a_model_that_is_not_served_is_the_error_that_litellm_expects(api: TestClient) -> None:
    got = api.post("/v1/chat/completions", content=CHAT.replace(b"weather", b"nope"), headers=OF_OPENAI)
    assert got.status_code == 404  # litellm.NotFoundError
    assert isinstance(got.json()["error"]["message"], str)


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_recorded_rerank_requests(ranker: TestClient, path: str) -> None:
    """``hosted_vllm`` posts to ``/rerank`` of the base address and ``cohere`` to ``/v2/rerank``."""
    got = ranker.post(path, content=RERANK, headers=OF_VLLM)
    assert got.status_code == 200, got.text
    (best,) = got.json()["results"]
    assert set(best) == {"index", "relevance_score", "document"}
    assert best["index"] == 1
    assert best["document"]["text"] == json.loads(RERANK)["documents"][best["index"]]


def test_litellm_itself(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it is fetched at import
    litellm = pytest.importorskip("litellm")
    messages = [{"role": "user", "content": "rain falls"}]
    made = litellm.completion("openai/weather", messages, api_base=f"{address}/v1", api_key="k")
    assert made.choices[0].message.content == "wet"
