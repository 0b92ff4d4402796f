from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.records import Candidate, Gold, Part, Workload
from goldilocks.support.disk_columns import CodedColumn, TextColumn
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

PART = tiny.part(48)
FAMILY = plugins.load("families", "encoder")


def on_disk(part: Part, folder: Path) -> Part:
    texts, gold = TextColumn(folder), CodedColumn[Gold]()
    for text, answer in zip(part.texts, part.gold, strict=True):
        texts.append(text)
        gold.append(answer)
    return Part(texts, gold, part.rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["full", "head_only", "lora", "l2_sp"])
def test_streamed_rows_train_to_the_same_weights(method: str, tmp_path: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "tiny-encoder")
    info = FAMILY.describe(folder, str(folder))
    assert info is not None

    def trained(part: Part) -> tuple[dict[str, Any], float | None]:
        setup = RunSetup(folder, Workload(48, 30, 6, 3), seed=3, training={"epochs": 2})
        run = Run(Candidate(info, method), part, tiny.GOAL, setup)
        run.advance(1.0)
        assert isinstance(run.network, Network)
        weights = {name: weight.float().numpy() for name, weight in run.network.module.state_dict().items()}
        return weights, run.loss

    (in_memory, loss), (streamed, streamed_loss) = trained(PART), trained(on_disk(PART, tmp_path))
    assert streamed_loss == pytest.approx(loss, rel=1e-4)
    # Where only the head learns, frozen states are kept in memory and not when streamed: equal up to rounding.
    assert max(float(np.abs(in_memory[name] - streamed[name]).max()) for name in in_memory) < 1e-4
