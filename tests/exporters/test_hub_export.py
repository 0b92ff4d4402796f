"""Hub folders, loaded by transformers and sentence-transformers, against the networks they were written from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported_models import CASES, decoder, encoder

from goldilocks import plugins
from goldilocks.nets.compression.pruning import narrowed
from goldilocks.nets.heads.pair_scorer import PairScorer
from goldilocks.nets.heads.token_classifier import TokenClassifier, TokenClassifierConfig
from goldilocks.nets.network import Network
from goldilocks.records import AnswerRule, ExportSettings, Text
from goldilocks.testing import tiny

HUB = plugins.load("exporters", "hub")


def exported(model: Network, folder: Path, **settings: Any) -> str:
    """Write the folder; returns the usage section."""
    assert HUB.incompatibility(model) is None
    folder.mkdir()
    return HUB.export(model, ExportSettings(**settings), folder).usage


def pipeline(task: str, folder: Path, **options: Any) -> Any:
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    return transformers.pipeline(task, str(folder), device="cpu", **options)


def probabilities(classify: Any, texts: Sequence[Text], labels: Sequence[str], **options: Any) -> np.ndarray[Any, Any]:
    items = [text if isinstance(text, str) else dict(zip(("text", "text_pair"), text, strict=True)) for text in texts]
    answers = classify(items, truncation=True, top_k=None, **options)
    return np.array([[{entry["label"]: entry["score"] for entry in row}[label] for label in labels] for row in answers])


@pytest.mark.parametrize("kind", ["bert", "electra"])
@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("name", ["en", "zh", "pairs", "several"])
def test_pipeline_gives_the_probabilities_of_the_network(tmp_path: Path, name: str, pooling: str, kind: str) -> None:
    network = encoder(tmp_path / "checkpoint", name, kind=kind)
    network.config = replace(network.config, pooling=pooling)
    exported(network, tmp_path / "hub")

    # transformers takes a pair with an empty second text as a single text.
    texts = [item for item in (*CASES[name].part.texts[:6], *CASES[name].odd) if isinstance(item, str) or item[1]]
    classify = pipeline("text-classification", tmp_path / "hub")

    ours = network.predict(texts).probabilities
    assert np.ptp(ours) > 0.5  # the head decides something
    for rows in (1, 4):
        theirs = probabilities(classify, texts, network.labels, batch_size=rows)
        assert theirs == pytest.approx(ours, abs=1e-5)


def test_scores_of_pairs_are_the_networks_before_their_range(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "scores")
    assert isinstance(network, PairScorer)
    network.config = replace(network.config, head=replace(network.options, low=1.0, high=5.0))
    usage = exported(network, tmp_path / "hub")

    texts = CASES["scores"].part.texts[:6]
    score = probabilities(pipeline("text-classification", tmp_path / "hub"), texts, ["score"])[:, 0]

    assert 1 + 4 * score == pytest.approx(np.array(network.predict(texts).values), abs=1e-4)
    assert "The bundle's score is 1 + 4 · `score`" in usage


def test_tags_of_a_tagger_without_crf(tmp_path: Path) -> None:
    with_crf = encoder(tmp_path / "checkpoint", "tags")
    assert isinstance(with_crf, TokenClassifier)
    assert "it tags with a CRF and word-shape features and casing embeddings" in str(HUB.incompatibility(with_crf))
    with_crf.backbone.channel_embeddings = None
    with_crf._channels = ()
    plain = TokenClassifier(
        with_crf.backbone, with_crf.tokenizer, replace(with_crf.config, head=TokenClassifierConfig())
    )
    plain.backbone.channel_embeddings, plain._channels = None, ()
    torch.nn.init.normal_(plain.heads[0].linear.weight, std=1.0)
    exported(plain, tmp_path / "hub")

    tag = pipeline("token-classification", tmp_path / "hub")
    for words in CASES["tags"].part.texts[:6]:
        theirs = tuple(entry["entity"] for entry in tag(" ".join(words), ignore_labels=[]))
        assert theirs == plain.predict([words]).values[0]


def code_of(usage: str, folder: Path) -> str:
    block = re.search(r"```python\n(.+?)```", usage, re.DOTALL)
    assert block
    return block[1].replace("FOLDER", str(folder))


def test_example_of_the_card_answers_questions_as_the_network(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "spans")
    code = code_of(exported(network, tmp_path / "hub"), tmp_path / "hub")

    items = [("we saw", item[1]) for item in CASES["spans"].part.texts[:6]]  # a short question: it is not truncated
    answers = []
    for question, context in items:
        given = code.replace('"a question"', repr(question))
        given = given.replace('"the context that holds its answer"', repr(context))
        scope: dict[str, Any] = {}
        exec(given, scope)
        answers.append(scope["answer"])

    assert tuple(answers) == network.predict(items).values
    assert any(answers)


@pytest.mark.parametrize("name", ["ranking", "scores"])
def test_sentence_transformers_gives_the_cosines_of_a_bi_encoder(tmp_path: Path, name: str) -> None:
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer

    network = encoder(tmp_path / "checkpoint", name)
    assert isinstance(network, PairScorer)
    if not network.options.bi_encoder:
        network = network._as_bi_encoder()
    torch.nn.init.normal_(network.head.turn.weight, std=0.5)  # type: ignore[union-attr, arg-type]
    exported(network, tmp_path / "hub")

    texts = sorted({text for item in CASES[name].part.texts[:6] for text in item})
    ours = network.head(network._encoded(texts)).detach().numpy()
    theirs = SentenceTransformer(str(tmp_path / "hub"), device="cpu").encode(texts)

    assert theirs == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
@pytest.mark.parametrize("prompted", [False, True])
def test_pipeline_generates_as_the_decoder(tmp_path: Path, kind: str, prompted: bool) -> None:
    network = decoder(tmp_path / "checkpoint", "text", kind=kind, prompted=prompted)
    usage = exported(network, tmp_path / "hub")
    code = code_of(usage, tmp_path / "hub").rpartition("\n")[0]  # without the call itself

    for text in map(str, CASES["text"].part.texts[:3]):
        scope: dict[str, Any] = {}
        exec(code.replace('"a text"', repr(text)), scope)
        answer = scope["generate"](scope["prompt"], max_new_tokens=16, return_full_text=False)[0]["generated_text"]
        ours = network.continued([scope["prompt"]], replace(network.generation, max_tokens=16))  # type: ignore[attr-defined]
        assert answer == ours[0]


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
def test_causal_lm_gives_the_likelihood_of_the_decoder(tmp_path: Path, kind: str) -> None:
    from transformers import AutoModelForCausalLM

    network = decoder(tmp_path / "checkpoint", "likelihood", kind=kind)
    exported(network, tmp_path / "hub")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "hub").eval()

    text = str(CASES["likelihood"].part.texts[0])
    ids = torch.tensor([[0, *network.tokenizer.encode(text, add_special_tokens=False).ids, 1]])  # begin and end
    with torch.no_grad():
        logs = model(ids).logits.log_softmax(-1)
    theirs = float(logs[0, :-1].gather(1, ids[0, 1:, None]).sum())

    assert network.predict([text]).values[0] == pytest.approx(theirs, abs=2e-3)


def test_normalisation_is_part_of_the_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    network = encoder(tmp_path / "checkpoint", "zh")
    exported(network, tmp_path / "hub", normalisation="NFC")

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hub")

    assert tokenizer("e\u0301 x")["input_ids"] == tokenizer("\u00e9 x")["input_ids"]
    assert tokenizer.model_max_length == network.config.max_tokens


def test_costs_of_errors_are_named_as_a_difference(tmp_path: Path) -> None:
    rule = AnswerRule(((0.0, 1.0, 1.0), (90.0, 0.0, 90.0), (1.0, 1.0, 0.0)))

    usage = exported(encoder(tmp_path / "checkpoint", "en"), tmp_path / "hub", rule=rule)

    assert "the label with the lowest expected cost of errors" in usage


def test_what_transformers_cannot_express_is_declined_with_the_reason(tmp_path: Path) -> None:
    classifier = encoder(tmp_path / "classifier", "en")
    classifier.config = replace(classifier.config, pooling="max")
    assert "its pooling (max) has no form in transformers" in str(HUB.incompatibility(classifier))

    many = encoder(tmp_path / "many", "en")
    many.head = torch.nn.Linear(32, 30)
    assert "it has 30 labels, and a network 32 wide" in str(HUB.incompatibility(many))

    prompted = decoder(tmp_path / "prompted", "en", prompted=True)
    assert "scores labels by their likelihood" in str(HUB.incompatibility(prompted))
    tuned = decoder(tmp_path / "tuned", "en")
    assert "have no bias" in str(HUB.incompatibility(tuned))

    bare = encoder(tmp_path / "bare", "spans", paired=False)
    assert "its tokenizer has no template for pairs" in str(HUB.incompatibility(bare))

    family = plugins.load("families", "cnn")
    cnn = family.create(family.models()[0], None, CASES["en"].part, CASES["en"].goal, seed=0)
    assert "its backbone (CnnBackbone) is not exported" in str(HUB.incompatibility(cnn))


def test_pruned_blocks_have_no_form_in_transformers(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "checkpoint", tiny.part())
    pruned = narrowed(network, [[0, 1], [2]], [list(range(16))] * 2)

    reason = plugins.load("exporters", "hub").incompatibility(pruned)

    assert reason == "its blocks are pruned or factorised, which transformers' encoders cannot be; use --to onnx"
