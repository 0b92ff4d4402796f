from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins


@pytest.mark.parametrize("name", plugins.names("trackers"))
def test_tracker_writes_files_in_its_folder_only(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name, reason=f"the extra {name} is not installed")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    tracker = plugins.load("trackers", name)
    for candidate in ("cnn/textcnn/scratch", "encoder/x/lora"):
        run = tracker.start(tmp_path / "tracking", candidate, {"task": "t", "seed": "0"}, offline=True)
        for step in range(3):
            run.log({"training_loss": 1.0 / (step + 1)}, step)
        run.log({"validation_score": 0.5}, 3)
        run.close()

    assert [file for file in (tmp_path / "tracking").rglob("*") if file.is_file()]
    assert list((tmp_path / "elsewhere").iterdir()) == []
