"""Prompt, P-tuning and prefix against PEFT, on a tiny Llama with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from goldilocks.nets.backbones import llama, llama_options
from goldilocks.nets.hub.config import read_config
from goldilocks.nets.layers.virtual_tokens import VirtualTokens
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.testing import tiny

peft = pytest.importorskip("peft")
COUNT = 4
# PEFT 0.21 asks transformers 5 for an attribute by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("decoder") / "tiny-llama", kind="llama")


def pair(folder: Path, config: Any) -> tuple[llama.LlamaBackbone, Any, Batch]:
    """Our backbone, PEFT's model of the same weights, and two rows of different length."""
    from transformers import AutoModelForCausalLM

    options = llama_options.read_options(read_config(folder))
    assert options is not None
    ours = llama.read_backbone(folder, options).float()
    theirs = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), config).eval()
    torch.manual_seed(0)
    ids = torch.randint(5, 50, (2, 7))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]])
    return ours, theirs, Batch(ids, mask, {}, ())


def test_prompted_states_are_those_of_peft(folder: Path) -> None:
    ours, theirs, batch = pair(folder, peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=COUNT))
    ours.virtual_tokens = VirtualTokens(ours.width, count=COUNT)
    torch.nn.init.normal_(ours.virtual_tokens.table)
    theirs.prompt_encoder["default"].embedding.weight.data = ours.virtual_tokens.table.data
    with torch.no_grad():
        states = ours(batch)
        wanted = theirs(input_ids=batch.ids, attention_mask=batch.mask).logits[:, COUNT:]
    assert states.shape[1] == batch.ids.shape[1]  # the virtual tokens are cut off
    kept = batch.mask.bool()
    assert torch.allclose(ours.logits(states)[kept], wanted[kept], atol=1e-4)


def test_states_with_a_prefix_are_those_of_peft(folder: Path) -> None:
    ours, theirs, batch = pair(folder, peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=COUNT))
    ours.add_prefixes(COUNT)
    pieces = []
    for prefix in ours.prefixes():
        torch.nn.init.normal_(prefix.key)
        torch.nn.init.normal_(prefix.value)
        # PEFT has a row for each virtual token: keys, then values, of one layer after the other.
        pieces += [prefix.key.permute(1, 0, 2).flatten(1), prefix.value.permute(1, 0, 2).flatten(1)]
    theirs.prompt_encoder["default"].embedding.weight.data = torch.cat(pieces, 1).detach()
    with torch.no_grad():
        states = ours(batch)
        wanted = theirs(input_ids=batch.ids, attention_mask=batch.mask).logits
    kept = batch.mask.bool()
    assert torch.allclose(ours.logits(states)[kept], wanted[kept], atol=1e-4)


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
def test_vectors_of_the_prompt_encoder_are_those_of_peft(encoder: Literal["mlp", "lstm"]) -> None:
    from peft.tuners.p_tuning import PromptEncoder

    config = peft.PromptEncoderConfig(
        num_virtual_tokens=COUNT,
        token_dim=8,
        encoder_hidden_size=8,
        encoder_reparameterization_type=encoder.upper(),
        num_transformer_submodules=1,
        encoder_dropout=0.0,
    )
    theirs = PromptEncoder(config)
    ours = VirtualTokens(8, count=COUNT, encoder=encoder)
    ours.table.data = theirs.embedding.weight.data
    if ours.lstm is not None:
        ours.lstm.load_state_dict(theirs.lstm_head.state_dict())
    assert ours.mlp is not None
    ours.mlp.load_state_dict(theirs.mlp_head.state_dict())
    wanted = theirs(torch.arange(COUNT)[None])[0]
    assert torch.allclose(ours(), wanted, atol=1e-5)
    assert torch.allclose(ours.folded()(), wanted, atol=1e-5)


def test_prefix_of_a_text_stands_for_the_text(folder: Path) -> None:
    options = llama_options.read_options(read_config(folder))
    assert options is not None
    backbone = llama.read_backbone(folder, options).float()
    before, text = torch.tensor([7, 8, 9, 10]), torch.tensor([11, 12, 13])
    both = torch.cat((before, text))[None]
    with torch.no_grad():
        wanted = backbone(Batch(both, torch.ones_like(both), {}, ()))[:, COUNT:]
        backbone.add_prefixes(COUNT)
        for prefix, (key, value) in zip(backbone.prefixes(), backbone.keys_values(before), strict=True):
            prefix.key.copy_(key)
            prefix.value.copy_(value)
        states = backbone(Batch(text[None], torch.ones_like(text)[None], {}, ()))
    assert torch.allclose(states, wanted, atol=1e-4)
