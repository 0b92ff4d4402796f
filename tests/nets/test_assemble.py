from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.assemble import network_class, read_config
from goldilocks.nets.generation.beam_search import BeamSearch
from goldilocks.nets.heads.decoder_classifier import DecoderClassifierConfig
from goldilocks.nets.heads.decoder_generator import DecoderGeneratorConfig
from goldilocks.nets.heads.pair_scorer import PairScorerConfig
from goldilocks.nets.heads.recurrent_lm import RecurrentLMConfig
from goldilocks.nets.heads.relation_classifier import RelationClassifierConfig
from goldilocks.nets.heads.seq2seq_generator import DecoderOptions, Seq2SeqGeneratorConfig
from goldilocks.nets.heads.span_extractor import SpanExtractorConfig
from goldilocks.nets.heads.token_classifier import TokenClassifierConfig
from goldilocks.nets.network import HeadConfig, Network
from goldilocks.records import Generation, Goal, Output
from goldilocks.testing import tiny

# ``output`` and ``settled`` as version 0.1 wrote them, and the config they stand for.
SEARCH = {"start": 2, "end": 3, "never": [0, 1, 2], "beams": 5, "penalty": 1.0}
TUNED = {"precision": "float32", "instruction": "Do it.", "begin": [0], "ends": [1], "generation": {"stops": ["\n"]}}
OLD: list[tuple[str, dict[str, Any], HeadConfig]] = [
    ("label", {}, HeadConfig()),
    ("label", {"marked": True}, RelationClassifierConfig()),
    ("tags", {"chain": True}, TokenClassifierConfig(chain=True)),
    ("tags", {"chain": True, "wide": True, "heads": 3}, TokenClassifierConfig(chain=True, wide=True, heads=3)),
    ("tags", {**TUNED, "chain": True, "wide": True}, TokenClassifierConfig(chain=True, wide=True)),
    ("score", {"way": "cross", "lists": False, "low": 0.0, "high": 5.0}, PairScorerConfig(low=0.0, high=5.0)),
    ("score", {"way": "apart", "lists": True}, PairScorerConfig(bi_encoder=True, lists=True)),
    ("span", {"longest": 8, "silent": False}, SpanExtractorConfig(8, may_be_empty=False)),
    (
        "text",
        {"search": SEARCH, "longest": 51, "ratio": 1.5, "decoder": {}, "generation": {"max_tokens": 7}},
        Seq2SeqGeneratorConfig(BeamSearch(2, 3, (0, 1, 2)), 51, 1.5, generation=Generation(max_tokens=7)),
    ),
    (
        "text",
        {"search": SEARCH, "longest": 9, "ratio": 1.0, "decoder": {"width": 8, "cell": "gru", "dropout": 0.3}},
        Seq2SeqGeneratorConfig(BeamSearch(2, 3, (0, 1, 2)), 9, 1.0, DecoderOptions(8, "gru", 0.3)),
    ),
    ("text", {"onward": True, "read": 1024, "max_tokens": 37, "generation": {}}, RecurrentLMConfig(1024, 37)),
    ("likelihood", {}, RecurrentLMConfig()),
    (
        "label",
        TUNED,
        DecoderClassifierConfig("float32", "Do it.", (0,), (1,), Generation(stops=("\n",))),
    ),
    (
        "text",
        {**TUNED, "max_tokens": 64, "one_line": False, "begun": True},
        DecoderGeneratorConfig("float32", "Do it.", (0,), (1,), Generation(stops=("\n",)), 64, False, True),
    ),
    ("likelihood", TUNED, DecoderGeneratorConfig("float32", "Do it.", (0,), (1,), Generation(stops=("\n",)))),
]


def written(folder: Path, **more: Any) -> Path:
    raw: Mapping[str, Any] = {
        "kind": "bert",
        "options": {"width": 8},
        "labels": ["a", "b"],
        "pooling": "mean",
        "max_tokens": 64,
        "pad_id": 0,
        "several": False,
    }
    (folder / "network.json").write_text(json.dumps({**raw, **more}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("output", "settled", "head"), OLD)
def test_network_json_of_version_0_1_gets_the_typed_head_config(
    output: str, settled: dict[str, Any], head: HeadConfig, tmp_path: Path
) -> None:
    config = read_config(written(tmp_path, output=output, settled=settled))

    assert config.head == head
    assert config.labels == ("a", "b")
    assert config.output == output


def test_unknown_head_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no head is named 'oracle'; the file is damaged or of a newer version"):
        read_config(written(tmp_path, output="label", head={"kind": "oracle"}))


def test_wrong_value_in_a_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="heads"):
        read_config(written(tmp_path, output="tags", head={"kind": "token_classifier", "heads": "many"}))


@pytest.mark.parametrize(
    "kind",
    [
        "classifier",
        "relation_classifier",
        "token_classifier",
        "span_extractor",
        "pair_scorer",
        "seq2seq_generator",
        "recurrent_lm",
        "decoder_classifier",
        "decoder_generator",
    ],
)
def test_each_head_names_the_config_class_of_its_own_kind(kind: str) -> None:
    network = network_class(kind)
    assert issubclass(network, Network)
    assert kind == network.HEAD.KIND


def test_saved_config_is_read_again_as_it_was(tmp_path: Path) -> None:
    family = plugins.load("families", "recurrent")
    info = next(info for info in family.models() if info.name == "gru")
    goal = Goal(Output.TEXT, generation=Generation(max_tokens=5, stops=("END",)))
    part = tiny.part(6)
    network = family.create(info, None, part, goal, seed=0)
    assert isinstance(network, Network)

    network.save(tmp_path)

    assert read_config(tmp_path) == network.config
    assert isinstance(network.config.head, Seq2SeqGeneratorConfig)
