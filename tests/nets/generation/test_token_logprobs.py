from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models

from goldilocks.nets.backbones.llama import LlamaBackbone, read_backbone
from goldilocks.nets.backbones.llama_options import read_options
from goldilocks.nets.generation import token_logprobs as module
from goldilocks.nets.generation.token_logprobs import token_logprobs
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.testing import tiny

Decoder = tuple[LlamaBackbone, Tokenizer]
TEXT = "soup äpfel 面包"


@pytest.fixture(scope="module", params=["gemma3_text", "llama"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    folder = tiny.decoder_folder(tmp_path_factory.mktemp("decoder") / request.param, kind=request.param)
    options = read_options(json.loads(Path(folder / "config.json").read_text()))
    assert options is not None
    return read_backbone(folder, options).eval(), read_tokenizer(folder / "tokenizer.json", 1000)


def expected(lm: LlamaBackbone, ids: list[int]) -> torch.Tensor:
    """Log-probabilities over the vocabulary behind each token, from one pass without a cache."""
    row = torch.tensor([ids])
    with torch.no_grad():
        return lm.logits(lm(Batch(row, torch.ones_like(row), {}, ())))[0].float().log_softmax(-1)


@pytest.mark.parametrize("rows", [2, 64])
def test_each_token_has_its_log_probability_behind_those_before_it(
    decoder: Decoder, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", rows)
    lm, tokenizer = decoder
    ids = tokenizer.encode(TEXT).ids
    logs = expected(lm, ids)

    got = token_logprobs(lm, tokenizer, ids)

    assert got.logprobs[0] is None
    own = logs[:-1].gather(1, torch.tensor(ids)[1:, None])[:, 0]
    assert list(got.logprobs[1:]) == pytest.approx(own.tolist(), abs=1e-4)
    best = logs[:-1].max(-1)
    assert got.best_logprobs[0] is None
    assert list(got.best_logprobs[1:]) == pytest.approx(best.values.tolist(), abs=1e-4)
    assert got.following_logprob == pytest.approx(float(logs[-1].max()), abs=1e-4)
    assert all(a >= b - 1e-5 for a, b in zip(got.best_logprobs[1:], got.logprobs[1:], strict=True))  # type: ignore[operator]


def test_text_and_offsets_leave_special_tokens_out(decoder: Decoder) -> None:
    lm, tokenizer = decoder
    ids = tokenizer.encode("soup").ids
    got = token_logprobs(lm, tokenizer, ids)
    assert got.text == "soup"
    assert got.tokens == ("<bos>", "s", "o", "u", "p")  # its tokens are bytes
    assert got.offsets == (0, 0, 1, 2, 3)
    assert len(got.best) == len(got.best_logprobs) == len(ids)


def test_token_without_a_text_has_its_name() -> None:
    words = Tokenizer(models.WordPiece({"[UNK]": 0, "soup": 1}, unk_token="[UNK]"))
    words.decoder = decoders.Replace("soup", "")
    assert module._piece(words, 1) == "soup"
    assert module._piece(words, 7) == ""


def test_single_token_has_no_probability_and_something_follows_it(decoder: Decoder) -> None:
    lm, tokenizer = decoder
    got = token_logprobs(lm, tokenizer, [0])
    assert (got.logprobs, got.best, got.offsets) == ((None,), ("",), (0,))
    assert got.following_logprob == pytest.approx(float(expected(lm, [0])[0].max()), abs=1e-4)


def test_probabilities_of_a_bfloat16_decoder_are_near_those_in_float32(
    decoder: Decoder,
) -> None:
    lm, tokenizer = decoder
    ids = tokenizer.encode(TEXT).ids
    exact = token_logprobs(lm, tokenizer, ids)
    short = LlamaBackbone(lm.options)
    short.load_state_dict(lm.state_dict())
    got = token_logprobs(short.bfloat16().eval(), tokenizer, ids)
    assert list(got.logprobs[1:]) == pytest.approx(list(exact.logprobs[1:]), abs=0.3)
    assert got.tokens == exact.tokens
