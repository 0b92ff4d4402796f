"""Quantised decoders: saved, loaded, and close to what they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.nets.quantised_decoder import quantise
from goldilocks.records import Output
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration

CASES = {case.name: case for case in tiny.cases({Output.LABEL, Output.TEXT, Output.LIKELIHOOD, Output.TAGS})}


def decoder(folder: Path, case: str, *, kind: str = "llama", prompted: bool = False) -> Network:
    checkpoint = tiny.decoder_folder(folder, kind=kind)
    family = plugins.load("families", "decoder")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    network = cast(Network, family.create(info, checkpoint, CASES[case].part, CASES[case].goal, seed=0))
    if prompted:
        network.fit(CASES[case].part.texts, CASES[case].part.gold, seed=0)  # type: ignore[attr-defined]
    return network


def tensors(folder: Path) -> dict[str, torch.dtype]:
    from safetensors.torch import load_file

    return {name: weight.dtype for name, weight in load_file(folder / "weights.safetensors").items()}


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
@pytest.mark.parametrize("bits", [8, 4])
def test_likelihoods_stay_close_and_the_file_shrinks(tmp_path: Path, kind: str, bits: int) -> None:
    network = decoder(tmp_path / "checkpoint", "likelihood", kind=kind)
    texts = CASES["likelihood"].part.texts[:6]
    before = np.array(network.predict(texts).values)
    network.save(tmp_path / "float32")

    plugins.load("compressors", f"int{bits}_weights").compress(network, 1.0, tmp_path / "small", calibration(()))
    again = plugins.load("families", "decoder").restore(tmp_path / "small")

    # Random weights know nothing of these texts: a likelihood is a sum of many nearly equal terms.
    assert np.array(again.predict(texts).values) == pytest.approx(before, rel=0.02 if bits == 8 else 0.15)
    sizes = [(tmp_path / name / "weights.safetensors").stat().st_size for name in ("float32", "small")]
    assert sizes[1] < 0.45 * sizes[0]
    kinds = set(tensors(tmp_path / "small").values())
    assert (torch.int8 if bits == 8 else torch.uint8) in kinds


@pytest.mark.parametrize("bits", [8, 4])
def test_saved_network_generates_as_the_one_in_memory(tmp_path: Path, bits: int) -> None:
    network = decoder(tmp_path / "checkpoint", "text", kind="gemma3_text", prompted=True)
    texts = CASES["text"].part.texts[:3]
    quantise(network, bits)
    network.save(tmp_path / "small")

    again = plugins.load("families", "decoder").restore(tmp_path / "small")

    assert again.predict(texts).values == network.predict(texts).values


def test_labels_of_a_tuned_decoder_stay_close(tmp_path: Path) -> None:
    network = decoder(tmp_path / "checkpoint", "en")
    torch.nn.init.normal_(cast(torch.Tensor, network.head.weight), std=0.5)
    texts = (*CASES["en"].part.texts[:6], *CASES["en"].odd)
    before = network.predict(texts).probabilities

    quantise(network, 8)
    network.save(tmp_path / "small")
    again = plugins.load("families", "decoder").restore(tmp_path / "small")

    assert again.predict(texts).probabilities == pytest.approx(before, abs=0.1)
    assert again.labels == network.labels


def test_what_cannot_be_quantised_is_declined_with_the_reason(tmp_path: Path) -> None:
    compressor = plugins.load("compressors", "int4_weights")
    assert "its head is a token_classifier" in str(compressor.incompatibility(decoder(tmp_path / "tags", "tags")))
    twice = decoder(tmp_path / "twice", "text")
    quantise(twice, 8)
    assert "its weights have 8 bits already" in str(compressor.incompatibility(twice))
    family = plugins.load("families", "cnn")
    cnn = family.create(family.models()[0], None, CASES["en"].part, CASES["en"].goal, seed=0)
    assert "only Llama-style decoders" in str(compressor.incompatibility(cnn))
