"""The benchmark of strategies: one cell with a tiny decoder, what is computed from all cells, and going on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks.testing import tiny

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])


def test_variance_of_draws_and_of_orders_are_kept_apart() -> None:
    from demonstrations import spread

    # Orders change nothing: all is between draws, whose means .5, .6 and .7 have variance .01.
    assert spread(np.repeat([[0.5], [0.6], [0.7]], 3, axis=1)) == pytest.approx((0.1, 0.0))
    # Draws have one mean: all is between orders, and the difference of the two variances is not below 0.
    assert spread(np.tile([0.5, 0.6, 0.7], (3, 1))) == pytest.approx((0.0, 0.1))
    # Means .5, .6, .7 (variance .01), within each draw variance .0003: .01 - .0003 / 3 = .0099.
    step = 0.0003**0.5
    table = np.array([[mean - step, mean, mean + step] for mean in (0.5, 0.6, 0.7)])
    assert spread(table) == pytest.approx((0.0099**0.5, step))


def test_cells_are_all_of_the_table() -> None:
    from demonstrations import cells

    table = cells(["sst2"], ["random", "nearest"], [4, 8])
    assert len(table) == len({cell.name for cell in table}) == 2 * (9 + 1)


def test_stopped_benchmark_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import bench_data

    import demonstrations

    part = tiny.part(40)
    lines = [json.dumps({"text": text, "label": gold}) for text, gold in zip(part.texts, part.gold, strict=True)]
    (tmp_path / "trec").mkdir()
    for name in ("train", "test"):
        (tmp_path / "trec" / f"{name}.jsonl").write_text("\n".join(lines[:30] if name == "train" else lines[30:]))
    monkeypatch.setattr(bench_data, "RESULTS", tmp_path / "results")
    scored: list[Any] = []
    score = demonstrations.score

    def noted(cell: Any, *rest: Any) -> Any:
        scored.append(cell)
        return score(cell, *rest)

    monkeypatch.setattr(demonstrations, "score", noted)
    folder = tiny.decoder_folder(tmp_path / "decoder", kind="llama")
    command = ["demonstrations.py", "--data", str(tmp_path), "--sets", "trec", "--shots", "2", "--model", str(folder)]
    command += ["--work", str(tmp_path / "work"), "--strategies", "balanced"]

    monkeypatch.setattr(sys, "argv", command)
    demonstrations.main()
    monkeypatch.setattr(sys, "argv", [*command, "nearest"])
    demonstrations.main()

    assert [cell.strategy for cell in scored] == ["balanced", "nearest"]  # the first cell is not run again
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["labels"] for row in result["cells"]] == [2, 30]
    assert all(0 <= row["linear_head"] <= 1 and 0 <= row["accuracy"] <= 1 for row in result["cells"])
