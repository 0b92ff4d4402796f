from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.backbones.hub_encoder import HubEncoderBackbone, hub_backbone_from, read_hub_backbone
from goldilocks.nets.hub.config import read_config
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.records import Candidate, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ModernBERT with the tiny tokenizer."""
    return tiny.hub_encoder_folder(tmp_path_factory.mktemp("hub") / "tiny-modernbert")


def test_hidden_states_are_those_of_the_model(folder: Path) -> None:
    ids, mask = torch.randint(5, 50, (2, 7)), torch.ones(2, 7, dtype=torch.long)
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        ours = read_hub_backbone(folder).eval()(Batch(ids, mask, {}, ()))
        wanted = theirs(ids, attention_mask=mask).last_hidden_state
    assert torch.allclose(ours, wanted, atol=1e-5)


def test_every_weight_belongs_to_a_group_and_a_block(folder: Path) -> None:
    backbone = read_hub_backbone(folder)
    names = dict(backbone.named_parameters())
    groups = backbone.groups()
    assert sorted(name for role in groups.values() for name in role) == sorted(names)
    assert all(groups.values()), "a group is empty"
    assert {backbone.block_of(name) for name in names} == {-1, 0, 1}


def test_family_describes_creates_and_restores_it(folder: Path, tmp_path: Path) -> None:
    family = plugins.load("families", "encoder")
    facts = family.describe(folder, str(folder))
    assert facts is not None
    assert (facts.depth, facts.width) == (2, 32)
    network = family.create(facts, folder, tiny.part(), tiny.GOAL, seed=0)
    texts = tiny.part().texts[:5]
    assert network.features(texts).shape == (5, 3, 32)  # type: ignore[union-attr]
    network.save(tmp_path)
    assert np.allclose(
        family.restore(tmp_path).predict(texts).probabilities, network.predict(texts).probabilities, atol=1e-5
    )


def test_unfilled_backbone_has_the_same_weights(folder: Path) -> None:
    assert hub_backbone_from(read_config(folder)).state_dict().keys() == read_hub_backbone(folder).state_dict().keys()


def test_frozen_backbone_runs_once_per_text_and_without_dropout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, part = plugins.load("families", "encoder"), tiny.part(24)
    facts = family.describe(folder, str(folder))
    assert facts is not None
    config = TrainingConfig(epochs=5, learning_rate=1e-3, head_learning_rate=1e-2, batch_rows=8)
    work = Workload(rows=24, characters=30, words=6, labels=3)
    run = Run(
        Candidate(facts, "head_only"), part, tiny.GOAL, RunSetup(model_folder=folder, work=work, seed=0, config=config)
    )
    seen: list[bool] = []
    given = HubEncoderBackbone._inputs

    def counted(self: HubEncoderBackbone, batch: Batch) -> dict[str, torch.Tensor]:
        seen.extend([self.model.training] * len(batch.ids))
        return given(self, batch)

    monkeypatch.setattr(HubEncoderBackbone, "_inputs", counted)
    run.advance(1.0)

    assert seen == [False] * 24


def test_weights_come_back_in_the_precision_they_were_tuned_in(folder: Path) -> None:
    config = read_config(folder) | {"dtype": "bfloat16"}
    assert {parameter.dtype for parameter in hub_backbone_from(config).parameters()} == {torch.float32}
