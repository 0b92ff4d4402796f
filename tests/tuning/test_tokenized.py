from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Row
from goldilocks.nets.tokenization.token_file import TokenFile
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


def test_token_rows_come_back_with_their_channels(tmp_path: Path) -> None:
    rows = TokenFile(tmp_path)
    ids, types = np.array([2, 7, 3], np.int32), np.array([0, 1, 1], np.int32)
    rows.append(Row(ids, 0, {"types": types}))
    rows.append(Row(ids[:1], 5, {"types": types[:1]}))
    assert [row.item for row in rows] == [0, 5]
    assert rows[0].ids.tolist() == [2, 7, 3]
    assert rows[0].channels["types"].tolist() == [0, 1, 1]
    assert len(rows[1]) == 1


def test_rows_with_more_than_tokens_are_refused(tmp_path: Path) -> None:
    row = Row(np.array([2, 3], np.int32), 0, places=np.array([0], np.int32))
    with pytest.raises(InputError, match="leave it out for this candidate"):
        TokenFile(tmp_path).append(row)
