"""/v1/completions and /v1/chat/completions, with the ``openai`` client."""

import json
from pathlib import Path

import pytest
from served import bundle, client, decoder, live, settings
from starlette.testclient import TestClient

import goldilocks
from goldilocks.errors import RequestError
from goldilocks.records import Goal, Output, Part, Prediction
from goldilocks.serving.items import check_answered

TEXTS = ("we saw soup", "they saw a match", "the bank", "a loan again") * 3


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    goal = Goal(Output.LIKELIHOOD)
    return decoder(tmp_path_factory.mktemp("lm"), goal, Part(TEXTS, TEXTS, tuple(range(1, 13))), "language_modelling")


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    part = Part(TEXTS, tuple(text.upper() for text in TEXTS), tuple(range(1, 13)))
    return decoder(tmp_path_factory.mktemp("writer"), Goal(Output.TEXT), part, "generation")


def test_log_probabilities_of_a_prompt_are_those_of_the_bundle(language_model: Path) -> None:
    openai = pytest.importorskip("openai")
    text = "we saw soup"
    with (
        live(settings({"lm": language_model})) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="x") as made,
    ):
        got = made.completions.create(model="lm", prompt=text, echo=True, logprobs=1, max_tokens=0, temperature=0)
    (choice,) = got.choices
    result = choice.logprobs
    assert choice.text == text
    assert result.token_logprobs[0] is None  # of the token that every text begins with
    # The bundle's own log-likelihood counts the end of the text too, which is not a token of the prompt.
    bundle = goldilocks.load(language_model)
    ids = bundle.model.tokenizer.encode(text, add_special_tokens=True).ids  # type: ignore[attr-defined]
    assert len(result.tokens) == len(ids) == len(result.text_offset) == len(result.top_logprobs)
    whole = bundle.predict([text])[0].answer
    longer = bundle.model.token_logprobs(tuple(map(str, [*ids, 1])))  # type: ignore[attr-defined]  # 1 ends a text
    assert sum(longer.logprobs[1:]) == pytest.approx(whole, abs=1e-3)
    assert sum(result.token_logprobs[1:]) == pytest.approx(sum(longer.logprobs[1:-1]), abs=1e-3)
    for logprob, top in zip(result.token_logprobs[1:], result.top_logprobs[1:], strict=True):
        assert max(top.values()) >= logprob
    assert [text[place:][:1] for place in result.text_offset[1:4]] == ["w", "e", " "]


def test_token_ids_are_a_prompt_as_harnesses_send_them(language_model: Path) -> None:
    ids = goldilocks.load(language_model).model.tokenizer.encode("we saw", add_special_tokens=True).ids  # type: ignore[attr-defined]
    body = {"prompt": [ids, ids[:3]], "echo": True, "logprobs": 1, "max_tokens": 1}
    with client(settings({"lm": language_model})) as api:
        got = api.post("/v1/completions", json=body).json()["choices"]
        text = api.post("/v1/completions", json={**body, "prompt": "we saw"}).json()["choices"]
        bad = api.post("/v1/completions", json={**body, "prompt": [10**9]})
    # One token is generated behind the prompt's own.
    assert [len(entry["logprobs"]["tokens"]) for entry in got] == [len(ids) + 1, 4]
    assert got[0]["logprobs"] == text[0]["logprobs"]
    assert bad.status_code == 422
    assert "beyond the vocabulary" in bad.json()["error"]["message"]


def test_a_language_model_continues_greedily_and_alike_with_a_seed(language_model: Path) -> None:
    with client(settings({"lm": language_model})) as api:
        greedy = [
            api.post("/v1/completions", json={"prompt": "we saw", "max_tokens": 4, "temperature": 0}).json()
            for _ in "ab"
        ]
        drawn = [
            api.post(
                "/v1/completions", json={"prompt": ["we", "saw"], "max_tokens": 4, "temperature": 1, "seed": 3}
            ).json()
            for _ in "ab"
        ]
        alone = api.post("/v1/completions", json={"prompt": "saw", "max_tokens": 4, "temperature": 1, "seed": 3}).json()
        first = api.post("/v1/completions", json={"prompt": "we saw", "max_tokens": 1, "logprobs": 1}).json()[
            "choices"
        ][0]
    assert greedy[0]["choices"] == greedy[1]["choices"]
    assert drawn[0]["choices"] == drawn[1]["choices"]
    assert alone["choices"][0]["text"] == drawn[0]["choices"][1]["text"]
    assert len(first["logprobs"]["tokens"]) == 1


def test_a_bundle_that_writes_answers_its_items(writer: Path) -> None:
    openai = pytest.importorskip("openai")
    expected = goldilocks.load(writer).predict(["we saw soup"])[0].answer
    with live(settings({"w": writer})) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as made:
        messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "we saw soup"}]
        chat = made.chat.completions.create(model="w", messages=messages)
        stream = made.chat.completions.create(
            model="w", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        plain = made.completions.create(model="w", prompt="we saw soup")
        streamed = list(made.completions.create(model="w", prompt="we saw soup", stream=True))
    assert chat.choices[0].message.content == expected
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == expected
    assert chunks[-1].usage.total_tokens == chat.usage.total_tokens
    assert plain.choices[0].text == expected
    assert "".join(entry.choices[0].text for entry in streamed) == expected


def test_options_of_one_request_do_not_stay_for_the_next(writer: Path) -> None:
    def ask(api: TestClient, **more: object) -> str:
        body = {"messages": [{"role": "user", "content": "we saw soup"}], **more}
        text: str = api.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
        return text

    with client(settings({"w": writer})) as api:
        before = ask(api)
        short = ask(api, max_tokens=2)
        assert ask(api) == before
    assert len(short) <= 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": "x"}], "max_tokens": 10**9},
            422,
            "too_many_tokens",
        ),
        ("chat/completions", {"messages": []}, 422, "invalid_body"),
        ("chat/completions", {"messages": [{"role": "system", "content": "x"}]}, 422, "empty_input"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "not_supported",
        ),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}], "n": 3}, 422, "invalid_body"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}], "stop": [""]}, 422, "invalid_input"),
        ("completions", {"prompt": "x", "stop": ["\ud800"]}, 422, "invalid_unicode"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": "x"}], "stop": "\ud800"},
            422,
            "invalid_unicode",
        ),
        ("completions", {"prompt": "x", "logprobs": 1, "echo": True}, 400, "not_supported"),
        ("completions", {"prompt": [1, 2]}, 400, "not_supported"),
        ("completions", {"prompt": []}, 422, "empty_input"),
        ("completions", {"prompt": "x", "temperature": -1}, 422, "invalid_body"),
    ],
)
def test_requests_that_cannot_be_answered(writer: Path, path: str, body: object, status: int, code: str) -> None:
    with client(settings({"w": writer})) as api:
        got = api.post(f"/v1/{path}", content=json.dumps(body).encode(), headers={"content-type": "application/json"})
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)


def test_a_classifier_answers_a_chat_with_its_label(api: TestClient) -> None:
    got = api.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "rain falls"}]}).json()
    assert got["choices"][0]["message"]["content"] == "wet"
    assert api.post("/v1/completions", json={"prompt": "rain falls"}).status_code == 400


def test_a_bundle_of_response_selection_answers_a_chat_with_a_known_reply(tmp_path: Path) -> None:
    replies = ("your card is on its way", "choose payments in the menu", "we are closed today")
    contexts = ("where is my card", "how do i pay a bill", "when do you open")
    gold = tuple(tuple(float(own == reply) for reply in replies) for own in replies)
    part = Part(tuple((context, *replies) for context in contexts), gold, (1, 2, 3))
    folder = bundle(tmp_path / "replies", part, Goal(Output.SCORE), "bm25", "dialogue_retrieval")
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hello, how can i help"},
        {"role": "user", "content": "i wait for my card"},
    ]
    with client(settings({"replies": folder})) as api:
        got = api.post("/v1/chat/completions", json={"messages": messages})
        hub = api.post("/models/replies", json={"inputs": "where is my card"})
        ranked = api.post("/v1/rerank", json={"query": "where is my card", "documents": ["no", replies[0]]})
    assert got.json()["choices"][0]["message"]["content"] == replies[0]
    assert hub.json()[0]["text"] == replies[0]
    assert ranked.json()["results"][0]["index"] == 1


def test_an_item_without_an_answer_is_an_error_that_names_it() -> None:
    fine = Prediction("wet", 0.9)
    with pytest.raises(RequestError, match="item 1: the endpoint refused it") as caught:
        check_answered([fine, Prediction("", 0.0, error="the endpoint refused it")])
    assert caught.value.status == 422
    check_answered([fine])


def test_the_language_model_gives_no_chat(language_model: Path) -> None:
    with client(settings({"lm": language_model})) as api:
        got = api.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
        many = api.post("/v1/completions", json={"prompt": "x", "max_tokens": 5, "logprobs": 1})
        long = api.post("/v1/completions", json={"prompt": "x" * 3000, "max_tokens": 0, "echo": True, "logprobs": 1})
    assert got.status_code == many.status_code == 400
    assert long.status_code == 422
    assert "the model's context is 2,048" in long.json()["error"]["message"]


def test_harnesses_score_continuations_as_transformers_does(language_model: Path) -> None:
    """The request and its evaluation of lm-evaluation-harness 0.4 (``local-completions``, tokenised requests)."""
    encode = goldilocks.load(language_model).model.tokenizer.encode  # type: ignore[attr-defined]
    context = encode("we saw", add_special_tokens=True).ids
    endings = (" soup", " a match", " soup again and again")
    prompts = [context + encode(ending, add_special_tokens=False).ids for ending in endings]
    body = {"model": "lm", "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}
    with client(settings({"lm": language_model})) as api:
        got = api.post("/v1/completions", json={**body, "prompt": prompts})
    assert got.status_code == 200, got.text
    choices = sorted(got.json()["choices"], key=lambda choice: choice["index"])
    expected = [_reference(language_model.parent / "checkpoint", prompt, len(context)) for prompt in prompts]
    for choice, (logprob, greedy) in zip(choices, expected, strict=True):
        # What the harness takes: the places behind the context, without the token that was generated.
        logprobs = choice["logprobs"]["token_logprobs"][len(context) : -1]
        tops = [max(top.values()) for top in choice["logprobs"]["top_logprobs"][len(context) : -1]]
        assert sum(logprobs) == pytest.approx(logprob, abs=1e-2)
        assert (logprobs == tops) is greedy
    assert len({logprob for logprob, _ in expected}) == 3  # equal ones could hide scores at chance


def _reference(checkpoint: Path, prompt: list[int], start: int) -> tuple[float, bool]:
    """Log-likelihood of the tokens from ``start`` on by transformers, and whether each is the most probable one."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    with torch.no_grad():
        scores = model(torch.tensor([prompt])).logits[0].log_softmax(-1)[start - 1 : -1]
    wanted = torch.tensor(prompt[start:])
    return float(scores.gather(1, wanted[:, None]).sum()), bool((scores.argmax(-1) == wanted).all())


def test_harnesses_generate_until_a_stop(language_model: Path) -> None:
    body = {"model": "lm", "prompt": ["we saw"], "max_tokens": 8, "temperature": 0, "seed": 1234}
    with client(settings({"lm": language_model})) as api:
        free = api.post("/v1/completions", json={**body, "stop": ["\n\n"]}).json()["choices"][0]["text"]
        stopped = api.post("/v1/completions", json={**body, "stop": [free[2:3], "\n\n"]}).json()["choices"][0]["text"]
    assert stopped == free[: free.index(free[2:3])]
