from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.compiled import compile_blocks, not_compilable
from goldilocks.nets.network import Network
from goldilocks.records import Goal, Output
from goldilocks.testing import tiny

SCORES = next(case for case in tiny.cases({Output.SCORE}) if case.name == "ranking")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))


def test_failing_compiler_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **options: object) -> None:
        raise RuntimeError("a compiler's\nmany lines") from OSError("no compiler")

    monkeypatch.setattr(torch.nn.Module, "compile", failing)
    network = tiny.encoder(tmp_path / "checkpoint", tiny.part(6), depth=1)

    with pytest.raises(InputError, match=r"torch\.compile failed on this machine \(OSError\); use another") as caught:
        compile_blocks(network)

    assert "\n" not in str(caught.value)
    assert str(tmp_path / "inductor") in str(caught.value)


def test_blocks_are_warmed_up_within_the_positions_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = tiny.encoder(tmp_path / "checkpoint", tiny.part(6), depth=1)
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    backbone.options = replace(backbone.options, positions=40, first_position=2)
    chosen: list[dict[str, object]] = []
    shapes = []

    def forward(batch: object) -> None:
        shapes.append((tuple(batch.ids.shape), batch.mask.sum(1).tolist()))  # type: ignore[attr-defined]

    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: chosen.append(options))
    monkeypatch.setattr(backbone, "forward", forward)
    network.module.train()
    compile_blocks(network)
    assert chosen == [{"dynamic": True, "backend": "inductor"}]
    assert not network.module.training
    # Warm-up lengths of 90 tokens are cut to the 38 that there are positions for.
    assert [shape for shape, _ in shapes] == [(1, 8), (1, 38), (2, 8), (2, 38)]
    assert shapes[2][1] == [8, 6]


def test_what_is_compiled_is_the_encoder_below_a_bi_encoder(tmp_path: Path) -> None:
    pairs = tiny.encoder(tmp_path / "pairs", SCORES.part, SCORES.goal, depth=1)
    assert type(pairs.backbone).__name__ == "BiEncoderBackbone"
    assert not_compilable(pairs) is None
    family = plugins.load("families", "cnn")
    cnn = family.create(family.models()[0], None, tiny.part(6), Goal(labels=tiny.LABELS), seed=0)
    assert isinstance(cnn, Network)
    assert not_compilable(cnn) == "only BERT-shaped encoders are compiled, this backbone is a CnnBackbone"
