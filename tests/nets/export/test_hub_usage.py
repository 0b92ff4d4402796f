from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.export.hub_usage import usage_of
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.span_extractor import SpanExtractor
from goldilocks.nets.network import Network
from goldilocks.records import AnswerRule, Generation, Output
from goldilocks.testing import tiny

CASES = {case.name: case for case in tiny.cases(set(Output))}


def encoder(folder: Path, name: str) -> Network:
    return tiny.encoder(folder, CASES[name].part, CASES[name].goal)


def decoder(folder: Path, name: str, **generation: object) -> Network:
    family = plugins.load("families", "decoder")
    tiny.decoder_folder(folder)
    info = family.describe(folder, str(folder))
    assert info is not None
    goal = replace(CASES[name].goal, generation=Generation(**generation))  # type: ignore[arg-type]
    made = family.create(info, folder, CASES[name].part, goal, seed=0)
    assert isinstance(made, Network)
    return made


def code_of(usage: str) -> str:
    block = re.search(r"```python\n(.+?)\n```", usage, re.DOTALL)
    assert block
    return block[1]


@pytest.mark.parametrize(
    ("name", "library", "task"),
    [
        ("en", "transformers", '"text-classification", "FOLDER"'),
        ("pairs", "transformers", '"text-classification", "FOLDER"'),
        ("scores", "transformers", '{"text": "a text", "text_pair": "another"}'),
        ("tags", "transformers", '"token-classification", "FOLDER"'),
        ("spans", "transformers", 'AutoModelForQuestionAnswering.from_pretrained("FOLDER")'),
        ("ranking", "sentence-transformers", 'SentenceTransformer("FOLDER")'),
    ],
)
def test_example_is_python_with_the_library_that_loads_the_folder(
    tmp_path: Path, name: str, library: str, task: str
) -> None:
    named, usage = usage_of(encoder(tmp_path / "checkpoint", name), AnswerRule())
    assert named == library
    assert usage.startswith("## How to use\n")
    code = code_of(usage)
    ast.parse(code)
    assert task in code
    assert f"from {library.replace('-', '_')} import" in code


@pytest.mark.parametrize(("name", "call"), [("text", '"text-generation"'), ("likelihood", "log_softmax")])
def test_decoders_have_examples_of_their_own(tmp_path: Path, name: str, call: str) -> None:
    _, usage = usage_of(decoder(tmp_path / "checkpoint", name), AnswerRule())
    ast.parse(code_of(usage))
    assert call in code_of(usage)
    assert "{" not in re.sub(r"\{[^{}]*:[^{}]*\}", "", code_of(usage))  # every gap is filled


def test_prompt_of_the_example_is_that_of_the_network(tmp_path: Path) -> None:
    network = decoder(tmp_path / "checkpoint", "text", max_tokens=17, stops=("END",))
    _, usage = usage_of(network, AnswerRule())
    before, after = network.prompt_around()  # type: ignore[attr-defined]
    assert f'prompt = {before!r} + "a text" + {after!r}' in usage
    assert "max_new_tokens=17" in usage
    assert "The bundle ends an answer at the first of" in usage
    assert "'END'" in usage


def test_differences_from_the_bundle_are_stated(tmp_path: Path) -> None:
    network = encoder(tmp_path / "en", "en")
    costs = AnswerRule(((0.0, 1.0, 1.0), (9.0, 0.0, 9.0), (1.0, 1.0, 0.0)))
    assert "lowest expected cost" in usage_of(network, costs)[1]
    assert "lowest expected cost" not in usage_of(network, AnswerRule())[1]
    assert "float16 overflows" in usage_of(network, AnswerRule())[1]
    network.config = replace(network.config, pooling="first")
    assert "float16 overflows" not in usage_of(network, AnswerRule())[1]


def test_span_that_may_be_empty_is_compared_with_no_answer(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "spans")
    assert isinstance(network, SpanExtractor)
    for may_be_empty in (False, True):
        head = replace(network.options, may_be_empty=may_be_empty, max_answer_tokens=7)
        network.config = replace(network.config, head=head)
        code = code_of(usage_of(network, AnswerRule())[1])
        assert "0 <= last - first < 7" in code
        assert ("the context holds no answer" in code) is may_be_empty


def test_score_is_brought_to_the_range_of_the_training_rows(tmp_path: Path) -> None:
    cross = encoder(tmp_path / "scores", "scores")
    assert isinstance(cross, PairScorer)
    cross.config = replace(cross.config, head=replace(cross.options, low=1.0, high=5.0))
    assert "The bundle's score is 1 + 4 · `score`" in usage_of(cross, AnswerRule())[1]


def test_prior_of_candidates_is_named_where_there_is_one(tmp_path: Path) -> None:
    ranking = encoder(tmp_path / "ranking", "ranking")
    assert isinstance(ranking.head, CosineHead)
    assert "prior of each candidate" not in usage_of(ranking, AnswerRule())[1]
    assert ranking.head.wanted is not None
    torch.nn.init.ones_(ranking.head.wanted)
    assert "prior of each candidate" in usage_of(ranking, AnswerRule())[1]
