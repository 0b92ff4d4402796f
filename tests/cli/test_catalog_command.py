"""``goldilocks catalog`` against a hub on the loopback interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.catalog import hub_catalogue, hub_client
from goldilocks.cli.main import app
from goldilocks.errors import GoldilocksError
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


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ({}, "org/one: bert, 4.0 M parameters, 16 MB, licence apache-2.0"),
        ({"cardData": None}, "org/one: bert, 4.0 M parameters, 16 MB, licence not stated"),
        ({"config": {"model_type": "[b]bert\x1b[2J"}}, "org/one: [b]bert, 4.0 M parameters"),
    ],
)
def test_add_asks_for_one_model_and_keeps_it(hub: LoopbackHub, others: dict[str, object], line: str) -> None:
    hub.entries.append(entry("org/one", 4_000_000, **others))
    code, text = _run("add", "org/one")
    assert code == 0, text
    assert text.startswith(line)
    assert hub.asked == ["/api/models/org/one"]
    _, text = _run("show", "--json")
    (model,) = [model for model in json.loads(text) if model["name"] == "org/one"]
    assert model["place"] == "hub"
    assert model["languages"] == ([] if "cardData" in others else ["en"])


@pytest.mark.parametrize(
    ("name", "others", "words"),
    [
        ("org/absent", {}, "has no such model; check the name"),
        ("absent", {}, "absent: not the id of a Hub model; write org/name"),
        ("../../one", {}, "not the id of a Hub model"),
        ("hf://org/one", {}, "not the id of a Hub model"),
        ("org/one", {"siblings": [{"rfilename": "pytorch_model.bin"}]}, "the Hub has no safetensors (only pickles"),
        ("org/one", {"siblings": "model.safetensors"}, "the Hub has no safetensors"),
        ("org/one", {"gated": "auto"}, "or gives it only on request"),
        ("org/one", {"safetensors": {"parameters": {"F32": -5}}}, "the Hub states no type, size or commit"),
        ("org/one", {"safetensors": {"parameters": {"F32": 10**30}}}, "the Hub states no type, size or commit"),
        ("org/one", {"sha": "main"}, "the Hub states no type, size or commit"),
    ],
)
def test_model_that_cannot_be_used_is_not_added(
    hub: LoopbackHub, name: str, others: dict[str, object], words: str
) -> None:
    hub.entries.append(entry("org/one", 4_000_000, **others))
    _refused(words, "add", name)
    assert hub_catalogue.added() == ()


def _refused(words: str, *arguments: str) -> None:
    with pytest.raises(GoldilocksError) as raised:
        CliRunner().invoke(app, ["catalog", *arguments], catch_exceptions=False)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("silent", "cannot be reached or stopped answering"), ("broken", "answered with status 500; try again later")],
)
def test_hub_that_does_not_answer_ends_add_and_refresh(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setattr(hub_client, "SILENCE_SECONDS", 0.1)
    hub.fault, hub.delay = fault, 0.3
    _refused(words, "add", "org/model-0")
    _refused(words, "refresh")


def test_added_models_are_not_lost_to_a_damaged_list(hub: LoopbackHub, tmp_path: Path) -> None:
    _run("add", "org/model-0")
    listed = tmp_path / "cache" / "hub" / "added.json"
    listed.write_text(listed.read_text()[:-20])
    _refused("damaged, or written by another version; delete it", "add", "org/model-1")
    listed.unlink()
    assert _run("add", "org/model-1")[0] == 0


def test_password_in_the_address_is_neither_shown_nor_written(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.address.replace("//", "//me:secret@"))
    code, text = _run("refresh", "--most", "2")
    assert code == 0, text
    hub.fault = "broken"
    with pytest.raises(GoldilocksError) as raised:
        CliRunner().invoke(app, ["catalog", "add", "org/model-0"], catch_exceptions=False)
    written = "".join(path.read_text() for path in (tmp_path / "cache").rglob("*.json"))
    assert "secret" not in text + str(raised.value) + written
