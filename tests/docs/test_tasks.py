"""docs/tasks.md: every task has its section, and every row on the page is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.data.read import read

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))
BLOCKS = [(task, row) for task, text in SECTIONS.items() for row in re.findall(r"```json\n(.*?)\n```", text)]


def test_every_task_has_a_section_with_a_row() -> None:
    assert sorted(SECTIONS) == sorted(plugins.names("tasks")) == sorted({task for task, _ in BLOCKS})


@pytest.mark.parametrize(("task", "row"), BLOCKS)
def test_row_is_read(task: str, row: str, tmp_path: Path) -> None:
    json.loads(row)
    (tmp_path / "rows.jsonl").write_text(row + "\n", encoding="utf-8")

    result = read("rows.jsonl", {}, plugins.load("tasks", task), tmp_path)

    assert result.problems == {}
    assert len(result.part) >= 1
