from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.hub.masked_lm import has_masked_lm, read_masked_lm
from goldilocks.nets.layers.activations import ACTIVATIONS

_SIZE = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_MODELS: dict[str, dict[str, Any]] = {
    "bert": _SIZE | {"intermediate_size": 24, "hidden_act": "relu"},
    "roberta": _SIZE | {"intermediate_size": 24},
    "distilbert": {"vocab_size": 50, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24},
    "electra": _SIZE | {"intermediate_size": 24, "embedding_size": 8},
    "albert": _SIZE | {"intermediate_size": 24, "embedding_size": 8},
    "mpnet": _SIZE | {"intermediate_size": 24},
    "modernbert": _SIZE
    | {"intermediate_size": 24, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    | {"cls_token_id": 1, "sep_token_id": 2},
}


@pytest.mark.parametrize("kind", sorted(_MODELS))
def test_scores_of_a_state_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForMaskedLM

    torch.manual_seed(0)
    model: Any = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **_MODELS[kind])).eval()
    for weight in model.parameters():  # biases and norms that are no longer 0 and 1
        weight.data += 0.1 * torch.randn_like(weight)
    model.save_pretrained(tmp_path)
    hub = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        hidden = model.base_model(input_ids=ids).last_hidden_state
        wanted = model(input_ids=ids).logits

    assert has_masked_lm(tmp_path, hub)
    head = read_masked_lm(tmp_path, hub)
    inner = ACTIVATIONS[head.activation](F.linear(hidden, *head.dense))
    inner = F.layer_norm(inner, (head.rows.shape[1],), *head.norm, head.epsilon)
    assert torch.allclose(F.linear(inner, head.rows, head.bias), wanted, atol=1e-4)


def test_a_folder_without_the_head_or_without_weights_has_none(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    assert not has_masked_lm(tmp_path, {"model_type": "bert"})
    assert not has_masked_lm(tmp_path, {"model_type": "gpt2"})
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    BertModel(config).save_pretrained(tmp_path)
    assert not has_masked_lm(tmp_path, config.to_dict())
