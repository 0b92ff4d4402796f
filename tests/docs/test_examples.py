"""The notebooks in examples/ run from the first cell to the last."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from goldilocks.errors import BaselineError, BudgetError

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


FACTORS = (1, 10)
"""Factors on the budgets, which are wall-clock time: where a busy machine needs more, the notebook is run once more."""


def _cells(notebook: Path) -> list[str]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def _run(notebook: Path, factor: int) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(_cells(notebook)):
        tree = ast.parse(re.sub(r'budget="(\d+)s"', lambda match: f'budget="{factor * int(match[1])}s"', cell))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{notebook.name}[{number}]", "exec"), names)
        if isinstance(last, ast.Expr):  # what a notebook would display
            shown = eval(compile(ast.Expression(last.value), f"{notebook.name}[{number}]", "eval"), names)
            assert repr(shown)


def test_there_are_three_notebooks() -> None:
    assert len(NOTEBOOKS) == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for factor in FACTORS:
        (tmp_path / str(factor)).mkdir()
        monkeypatch.chdir(tmp_path / str(factor))
        try:
            return _run(notebook, factor)
        except (BudgetError, BaselineError):
            if factor == FACTORS[-1]:
                raise


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_carries_no_output(notebook: Path) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in content["cells"])
