"""Tiny networks for the tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import torch
from tokenizers import Tokenizer, processors
from torch import nn

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.records import Output
from goldilocks.testing import tiny

CASES = {case.name: case for case in tiny.cases(set(Output))}


def sharp(network: Network) -> Network:
    """The network with a head whose scores differ widely, as tuned ones do."""
    torch.manual_seed(1)
    for name, weight in network.head.named_parameters():
        if ("turn" not in name and weight.ndim == 2) or name.endswith("bias"):
            nn.init.normal_(weight, std=1.0)
    return network


def encoder(folder: Path, case: str, *, kind: str = "bert", paired: bool = True) -> Network:
    """An encoder with an untrained but sharp head; ``paired``: its tokenizer has BERT's template for pairs."""
    checkpoint = tiny.encoder_folder(folder)
    if paired:
        _with_pair_template(checkpoint / "tokenizer.json")
    if kind == "electra":
        _as_electra(checkpoint)
    family = plugins.load("families", "encoder")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    rows = CASES[case]
    return sharp(cast(Network, family.create(info, checkpoint, rows.part, rows.goal, seed=0)))


def _with_pair_template(path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(path))
    special = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    template = {"single": "[CLS] $A [SEP]", "pair": "[CLS] $A [SEP] $B:1 [SEP]:1"}
    tokenizer.post_processor = processors.TemplateProcessing(**template, special_tokens=special)
    tokenizer.save(str(path))


def _as_electra(checkpoint: Path) -> None:
    """ELECTRA's narrow embeddings below the same layers."""
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    weights = {name: w[..., :16].contiguous() if name.startswith("embeddings.") else w for name, w in weights.items()}
    weights["embeddings_project.weight"] = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
    weights["embeddings_project.bias"] = torch.zeros(32)
    save_file(weights, checkpoint / "model.safetensors")
    config = json.loads((checkpoint / "config.json").read_text())
    config |= {"model_type": "electra", "embedding_size": 16, "architectures": ["ElectraModel"]}
    (checkpoint / "config.json").write_text(json.dumps(config))


def decoder(folder: Path, case: str, *, kind: str = "llama", prompted: bool = False) -> Network:
    """A decoder with a head that scales its states, or prompted."""
    checkpoint = tiny.decoder_folder(folder, kind=kind)
    family = plugins.load("families", "decoder")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    rows = CASES[case]
    network = cast(Network, family.create(info, checkpoint, rows.part, rows.goal, seed=0))
    if prompted:
        network.fit(rows.part.texts, rows.part.gold, seed=0)  # type: ignore[attr-defined]
    elif hasattr(network.head, "weight"):
        torch.manual_seed(2)
        nn.init.uniform_(cast(torch.Tensor, network.head.weight), 0.5, 1.5)
    return network
