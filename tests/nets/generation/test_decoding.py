from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from goldilocks.errors import InputError
from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.hub_decoder import read_hub_causal
from goldilocks.nets.backbones.llama import read_backbone
from goldilocks.nets.backbones.llama_options import read_options
from goldilocks.nets.generation import decoding
from goldilocks.nets.generation.decoding import ContinuationTree, generate, log_likelihood, score_continuations
from goldilocks.nets.generation.sampling import Sampling
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.testing import tiny

PROMPTS = [list(range(5, 30)), [7, 8], [40, 41, 42, 43, 44, 45]]
PREFIX = [0, 20, 21]


@pytest.fixture(scope="module", params=["gemma3_text", "llama", "gpt2"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[CausalLM, Any, Path]:
    """A tiny decoder of ours, transformers' own of the same weights, and the folder."""
    from transformers import AutoModelForCausalLM, GPT2Config

    folder = tmp_path_factory.mktemp("decoders") / request.param
    if request.param == "gpt2":
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=258, n_embd=32, n_layer=2, n_head=4, n_positions=256, bos_token_id=0, eos_token_id=1
        )
        made = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for weight in made.parameters():
                weight.add_(torch.randn_like(weight) * 0.2)
        tiny.decoder_folder(folder)
        made.save_pretrained(folder)
        lm: Any = read_hub_causal(folder)
    else:
        tiny.decoder_folder(folder, kind=request.param)
        options = read_options(json.loads((folder / "config.json").read_text()))
        assert options is not None
        lm = read_backbone(folder, options)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return lm.eval(), theirs, folder


def test_prefix_that_was_read_before_is_not_read_again_and_stays_as_it_was(pair: tuple[CausalLM, Any, Path]) -> None:
    lm, _, folder = pair
    tokenizer = read_tokenizer(folder / "tokenizer.json", 1000)
    with torch.inference_mode():
        kept = CachedContext.encode(lm, PREFIX)
    long = [[*range(5, 45), *prompt] for prompt in PROMPTS]  # they begin alike
    for prompts in (PROMPTS, long, PROMPTS[:1]):
        wanted = generate(lm, tokenizer, prompts, Sampling(max_tokens=6), prefix=PREFIX)
        assert [entry.text for entry in generate(lm, tokenizer, prompts, Sampling(max_tokens=6), prefix=kept)] == [
            entry.text for entry in wanted
        ]
        anew = score_continuations(lm, prompts, ContinuationTree([[50, 51], [52]]), prefix=PREFIX)
        assert torch.allclose(
            score_continuations(lm, prompts, ContinuationTree([[50, 51], [52]]), prefix=kept), anew, atol=1e-4
        )
        assert kept.valid.shape == (1, len(PREFIX))


def test_greedy_tokens_are_those_of_transformers(pair: tuple[CausalLM, Any, Path]) -> None:
    lm, theirs, folder = pair
    tokenizer = read_tokenizer(folder / "tokenizer.json", 1000)

    got = generate(lm, tokenizer, PROMPTS, Sampling(max_tokens=12), prefix=PREFIX)

    theirs.generation_config.eos_token_id = None
    for prompt, written in zip(PROMPTS, got, strict=True):
        ids = torch.tensor([[*PREFIX, *prompt]])
        made = theirs.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0
        )
        assert written.text == tokenizer.decode(made[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
        assert written.tokens == 12


def test_tokens_are_the_same_once_the_weights_are_settled(tmp_path: Path) -> None:
    from goldilocks.nets.hub.weights import inference_dtype

    folder = tiny.decoder_folder(tmp_path / "decoder")
    options = read_options(json.loads((folder / "config.json").read_text()))
    assert options is not None
    tokenizer = read_tokenizer(folder / "tokenizer.json", 1000)
    # As a checkpoint that is kept in bfloat16, inference_dtype in float32: what it does where there is no bfloat16.
    backbone = read_backbone(folder, options).to(torch.bfloat16).to(inference_dtype(torch.float32))
    plain = generate(backbone, tokenizer, PROMPTS, Sampling(max_tokens=12), prefix=PREFIX)

    backbone.prepare_for_inference()
    settled = generate(backbone, tokenizer, PROMPTS, Sampling(max_tokens=12), prefix=PREFIX)

    assert [entry.text for entry in settled] == [entry.text for entry in plain]


def test_likelihoods_of_endings_are_those_of_the_plain_way(pair: tuple[CausalLM, Any, Path]) -> None:
    lm, theirs, _ = pair
    endings = [[50, 51, 52], [50, 51], [60], [50, 53, 54]]

    got = score_continuations(lm, PROMPTS, ContinuationTree(endings), prefix=PREFIX)

    for row, prompt in zip(got, PROMPTS, strict=True):
        for value, ending in zip(row.tolist(), endings, strict=True):
            assert value == pytest.approx(_plainly(theirs, [*PREFIX, *prompt], ending), abs=1e-3)
    targets = log_likelihood(lm, [[*PREFIX, *entry] for entry in PROMPTS], [endings[0]] * 3)
    assert torch.allclose(targets, got[:, 0], atol=1e-3)


def test_what_prompts_begin_with_is_read_once(
    pair: tuple[CausalLM, Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lm, theirs, folder = pair
    tokenizer = read_tokenizer(folder / "tokenizer.json", 1000)
    shared = list(range(60, 80))
    prompts = [[*shared, *prompt] for prompt in PROMPTS] + [shared]
    alone = [generate(lm, tokenizer, [entry], Sampling(max_tokens=12), prefix=PREFIX)[0].text for entry in prompts]
    calls: list[torch.Tensor] = []
    forward = lm.forward_cached

    def counted(ids: torch.Tensor, *rest: Any) -> torch.Tensor:
        calls.append(ids)
        return forward(ids, *rest)

    monkeypatch.setattr(lm, "forward_cached", counted)
    together = generate(lm, tokenizer, prompts, Sampling(max_tokens=12), prefix=PREFIX)
    encoded = [ids.tolist() for ids in calls[:2]]
    judged = score_continuations(lm, prompts, ContinuationTree([[50, 51]]), prefix=PREFIX)

    assert [entry.text for entry in together] == alone
    assert encoded[0] == [[*PREFIX, *shared[:-1]]]  # the last prompt needs a token of its own to go on from
    assert sorted(row[0] for row in encoded[1]) == [shared[-1]] * 4
    for value, prompt in zip(judged[:, 0].tolist(), prompts, strict=True):
        assert value == pytest.approx(_plainly(theirs, [*PREFIX, *prompt], [50, 51]), abs=1e-3)


def test_top_block_is_run_only_where_a_state_is_wanted(small: tuple[Any, Any]) -> None:
    backbone, tokenizer = small
    tokens: list[list[int]] = [[], []]
    hooks = [
        block.down.register_forward_hook(lambda _module, given, _made, seen=seen: seen.append(given[0].shape[0]))
        for block, seen in zip((backbone.blocks[0], backbone.blocks[-1]), tokens, strict=True)
    ]
    generate(backbone, tokenizer, PROMPTS, Sampling(max_tokens=1))
    for hook in hooks:
        hook.remove()

    assert tokens == [[sum(map(len, PROMPTS))], [len(PROMPTS)]]


def _plainly(theirs: Any, prompt: list[int], ending: list[int]) -> float:
    with torch.no_grad():
        logs = theirs(torch.tensor([[*prompt, *ending]])).logits[0].log_softmax(-1)
    return float(sum(logs[len(prompt) - 1 + place, token].item() for place, token in enumerate(ending)))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = tiny.decoder_folder(tmp_path_factory.mktemp("small") / "decoder")
    options = read_options(json.loads((folder / "config.json").read_text()))
    assert options is not None
    return read_backbone(folder, options), read_tokenizer(folder / "tokenizer.json", 1000)


def test_sampled_text_is_the_same_alone_and_in_a_batch_and_with_its_seed(small: tuple[Any, Any]) -> None:
    sampling = Sampling(max_tokens=10, temperature=0.8, top_k=40, top_p=0.9, seed=3)

    together = generate(*small, PROMPTS, sampling)
    alone = [generate(*small, [prompt], sampling)[0] for prompt in PROMPTS]

    assert [entry.text for entry in together] == [answer.text for answer in alone]
    others = generate(*small, PROMPTS, Sampling(max_tokens=10, temperature=0.8, seed=4))
    assert [entry.text for entry in together] != [other.text for other in others]


def test_text_ends_before_the_stop_string(small: tuple[Any, Any]) -> None:
    whole = generate(*small, PROMPTS[:1], Sampling(max_tokens=20))[0]
    stop = whole.text[5:7]

    cut = generate(*small, PROMPTS[:1], Sampling(max_tokens=20, stops=(stop,)))[0]

    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.ended
    assert cut.tokens < whole.tokens
    assert 0 < cut.first_seconds < 60


@pytest.mark.parametrize(
    ("generated", "stops", "text", "ended"),
    [
        ("\n\nHallo Welt\nText: x", ("\n", "\nText:"), "\n\nHallo Welt", True),
        ("\nText: x and more of it", ("\n", "\nText:"), "", True),
        ("\n \n \n \n", ("\n",), "\n \n \n \n", False),
        ("\n\n    return 1\ndef g", ("\ndef",), "\n\n    return 1", True),
    ],
)
def test_line_that_is_empty_is_no_answer_yet(
    small: tuple[Any, Any],
    monkeypatch: pytest.MonkeyPatch,
    generated: str,
    stops: tuple[str, ...],
    text: str,
    ended: bool,
) -> None:
    ids = small[1].encode(generated, add_special_tokens=False).ids
    script = iter(ids)
    monkeypatch.setattr(decoding._CausalLMRows, "greedy", lambda _: [next(script)])

    result = generate(*small, PROMPTS[1:2], Sampling(max_tokens=len(ids), stops=stops))[0]

    assert (result.text, result.ended) == (text, ended)


def test_text_ends_at_the_end_token(small: tuple[Any, Any]) -> None:
    lm, tokenizer = small
    with torch.inference_mode():
        first = int(lm.logits(CachedContext.encode(lm).extend(PROMPTS[:1])).argmax())

    written = generate(lm, tokenizer, PROMPTS[:1], Sampling(max_tokens=20), end_ids=[first])[0]

    assert (written.text, written.tokens, written.ended) == ("", 0, True)


def test_top_k_of_one_is_greedy(small: tuple[Any, Any]) -> None:
    greedy = generate(*small, PROMPTS, Sampling(max_tokens=8))
    only = generate(*small, PROMPTS, Sampling(max_tokens=8, temperature=2.0, top_k=1))

    assert [entry.text for entry in greedy] == [entry.text for entry in only]


def test_sampling_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match="top_p above 0"):
        Sampling(top_p=0.0)


def test_no_prompts_give_no_texts(small: tuple[Any, Any]) -> None:
    assert generate(*small, [], Sampling()) == []


def test_transformers_draws_no_bars_where_it_reads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers import AutoModelForCausalLM, GPT2Config
    from transformers.utils import logging

    AutoModelForCausalLM.from_config(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    before = logging.is_progress_bar_enabled()
    capfd.readouterr()

    read_hub_causal(tmp_path)

    assert capfd.readouterr().err == ""
    assert logging.is_progress_bar_enabled() is before
