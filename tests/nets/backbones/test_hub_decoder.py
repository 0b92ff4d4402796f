from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from goldilocks.errors import InputError
from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.hub_decoder import HubCausalLM, hub_causal_from, read_hub_causal

transformers = pytest.importorskip("transformers")
ROWS = [[5, 6, 7], [8, 9]]


def _gpt2() -> Any:
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=30, n_embd=16, n_layer=2, n_head=2, n_positions=32)
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpt2")
    _gpt2().save_pretrained(path)
    return path


def test_logits_of_rows_of_different_length_are_those_of_transformers(folder: Path) -> None:
    ours, theirs = read_hub_causal(folder), _gpt2()
    with torch.inference_mode():
        context = CachedContext.encode(ours, [3]).repeat(2)
        context.extend(ROWS)
        logits = ours.logits(context.step([10, 11]))
        for row, ids in enumerate(ROWS):
            expected = theirs(torch.tensor([[3, *ids, 10 + row]])).logits[0, -1]
            assert torch.allclose(logits[row], expected, atol=1e-4)
    assert ours.max_positions == 32


def test_selected_rows_and_trees_use_the_cache_of_their_rows(folder: Path) -> None:
    ours, theirs = read_hub_causal(folder), _gpt2()
    ids, depth = torch.tensor([20, 21]), torch.tensor([0, 0])  # two alternatives after each row
    with torch.inference_mode():
        context = CachedContext.encode(ours).repeat(2)
        context.extend(ROWS)
        tree = ours.logits(context.extend_tree(ids, depth, torch.eye(2, dtype=torch.bool)))
        context.select([1])
        after = ours.logits(context.step([12]))
        for number, token in enumerate((20, 21)):
            expected = theirs(torch.tensor([[*ROWS[1], token]])).logits[0, -1]
            assert torch.allclose(tree[1, number], expected, atol=1e-4)
        assert torch.allclose(after[0], theirs(torch.tensor([[*ROWS[1], 12]])).logits[0, -1], atol=1e-4)


def test_scale_and_cap_of_the_logits_are_those_of_the_configuration() -> None:
    model = HubCausalLM(_gpt2())
    plain = model.logits(torch.ones(16))
    model._factor, model._cap = 2.0, 3.0
    assert torch.allclose(model.logits(torch.ones(16)), 3 * torch.tanh(2 * plain / 3))


def test_model_without_weights_is_made_from_its_configuration(folder: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(folder).to_dict()
    made = hub_causal_from(config)
    assert made.state_dict().keys() == read_hub_causal(folder).state_dict().keys()
    assert made.width == 16


def test_model_whose_logits_come_out_wrong_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = HubCausalLM.logits
    monkeypatch.setattr(HubCausalLM, "logits", lambda self, hidden: logits(self, hidden) + 1)
    with pytest.raises(InputError, match=r"'gpt2' cannot be run here \(its logits differ in batches\)"):
        read_hub_causal(folder)


def test_model_that_takes_no_masks_of_ours_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise TypeError("unexpected argument position_ids")

    monkeypatch.setattr(HubCausalLM, "forward_cached", refuses)
    with pytest.raises(InputError, match=r"cannot be run here \(TypeError: unexpected argument"):
        read_hub_causal(folder)


def test_folder_that_transformers_cannot_load_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="transformers cannot load this decoder"):
        read_hub_causal(tmp_path)
