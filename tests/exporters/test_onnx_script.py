"""``predict.py`` of exported folders against the networks: scores, spans and tags (labels: ``tests/nets/export``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

from exported_models import CASES, encoder

from goldilocks import plugins
from goldilocks.nets.export.standalone_predict import Model, load
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.records import ExportSettings

ONNX = plugins.load("exporters", "onnx")


def exported(network: Network, folder: Path) -> Model:
    assert ONNX.incompatibility(network) is None
    folder.mkdir()
    ONNX.export(network, ExportSettings(), folder)
    return load(folder)


def test_scores_of_a_cross_encoder(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "scores")
    assert isinstance(network, PairScorer)
    network.config = replace(network.config, head=replace(network.options, low=1.0, high=5.0))
    model = exported(network, tmp_path / "onnx")

    for pair in (*CASES["scores"].part.texts[:6], *CASES["scores"].odd):
        assert model.predict(*pair)["score"] == pytest.approx(network.predict([pair]).values[0], abs=1e-4)


def test_scores_of_a_bi_encoder_with_a_prior(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "ranking")
    head = network.head
    assert isinstance(head, CosineHead)
    assert head.wanted is not None
    torch.nn.init.normal_(head.turn.weight, std=0.5)
    torch.nn.init.normal_(head.wanted)
    model = exported(network, tmp_path / "onnx")

    for item in CASES["ranking"].part.texts[:4]:
        assert model.predict(*item)["scores"] == pytest.approx(network.predict([item]).values[0], abs=1e-3)


@pytest.mark.parametrize("paired", [True, False])
def test_spans_of_short_and_long_contexts(tmp_path: Path, paired: bool) -> None:
    network = encoder(tmp_path / "checkpoint", "spans", paired=paired)
    model = exported(network, tmp_path / "onnx")

    long = ("which", " ".join(f"soup {word} bread" for word in ("bank", "loan", "match", "coach") * 20))
    items = [*CASES["spans"].part.texts[:8], *CASES["spans"].odd, long]
    answers = [model.predict(*item) for item in items]

    assert tuple(answer["answer"] for answer in answers) == network.predict(items).values
    for answer, item in zip(answers, items, strict=True):
        assert not answer["answer"] or item[1][answer["start"] :].startswith(answer["answer"])


def test_tags_with_crf_word_features_and_casing(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "tags")
    assert isinstance(network, TokenClassifier)
    network.multiply_head(2)
    torch.manual_seed(0)
    for head in network.heads:
        assert head.chain is not None
        assert head.wide is not None
        for weight in (head.linear.weight, head.chain.transitions, head.chain.start_transitions):
            torch.nn.init.normal_(weight, std=1.0)
        torch.nn.init.normal_(head.wide.table.weight, std=0.05)
    tables = network.backbone.channel_embeddings
    assert tables is not None
    for table in tables.parameters():
        torch.nn.init.normal_(table, std=0.5)
    model = exported(network, tmp_path / "onnx")

    # The odd ones hold a sentence of more tokens than a row has.
    items = [*CASES["tags"].part.texts[:10], *CASES["tags"].odd, ("Soup", "BANK", "ü", "面包")]
    for words in items:
        assert tuple(model.predict(*words)["tags"]) == network.predict([words]).values[0]
    assert len({tag for words in items for tag in model.predict(*words)["tags"]}) > 1


def test_script_of_a_tagger_runs_without_this_package(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "tags")
    exported(network, tmp_path / "onnx")
    blocker = "import sys; sys.modules['goldilocks'] = sys.modules['torch'] = None; "
    script = str(tmp_path / "onnx" / "predict.py")
    run = f"sys.argv = ['', 'soup', 'bread']; import runpy; runpy.run_path({script!r}, run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-c", blocker + run], capture_output=True, text=True, check=False, env={**os.environ, "CI": ""}
    )

    assert done.returncode == 0, done.stderr
    assert tuple(json.loads(done.stdout)["tags"]) == network.predict([("soup", "bread")]).values[0]
