"""``goldilocks catalog`` against a hub on the loopback interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.testing.loopback_hub import LoopbackHub, entry, serving


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    with serving(LoopbackHub(folder, [entry(f"org/model-{number}", 22_713_216) for number in range(3)])) as made:
        monkeypatch.setenv("HF_ENDPOINT", made.address)
        yield made


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["catalog", *arguments])
    return result.exit_code, result.output


def test_refresh_asks_and_show_lists_without_a_connection(hub: LoopbackHub) -> None:
    code, text = _run("refresh", "--most", "10")
    assert code == 0, text
    assert "3 models" in text
    asked = len(hub.asked)
    code, text = _run("show", "--json")
    assert code == 0, text
    places = {model["name"]: model["place"] for model in json.loads(text)}
    assert places["org/model-0"] == "hub"
    assert places["all-MiniLM-L6-v2"] == "package"
    assert len(hub.asked) == asked


def test_show_fits_80_columns(hub: LoopbackHub) -> None:
    _run("refresh")
    code, text = _run("show")
    assert code == 0
    assert "org/model-2" in text
    assert max(map(len, text.splitlines())) <= 80
