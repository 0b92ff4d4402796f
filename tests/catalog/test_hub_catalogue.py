"""The hub is a server on the loopback interface: no test here leaves the machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldilocks.catalog import hub_catalogue, hub_client
from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import GoldilocksError, InputError, IntegrityError, MissingError
from goldilocks.families import encoder
from goldilocks.records import HubListing
from goldilocks.settings import task_from
from goldilocks.testing import loopback_hub
from goldilocks.testing.loopback_hub import COMMIT, LoopbackHub, entry, serving


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"w" * 1000)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    entries = [entry(f"org/model-{number}", 22_713_216) for number in range(1200)]
    with serving(LoopbackHub(folder, entries)) as made:
        monkeypatch.setenv("HF_ENDPOINT", made.address)
        yield made


def test_thousand_models_are_listed_in_two_requests_and_then_kept(hub: LoopbackHub) -> None:
    known = hub_catalogue.catalogue_of("en", 1000)
    again = hub_catalogue.catalogue_of("en", 1000)

    assert len(known.listings) == 1000
    assert known == again
    assert hub.asked == ["/api/models"] * 2, "two pages of 500; no model was asked for by itself"


def test_what_cannot_be_used_is_passed_over(hub: LoopbackHub) -> None:
    hub.entries = [
        entry("org/good", 4_000_000),
        entry("org/gated", 4_000_000, gated="manual"),
        entry("org/pickled", 4_000_000, siblings=[{"rfilename": "pytorch_model.bin"}]),
        entry("org/unsized", 4_000_000, safetensors=None),
        entry("../../escape", 4_000_000),
        entry("org/no-commit", 4_000_000, sha="main"),
    ]

    known = hub_catalogue.catalogue_of("en", 10)

    assert [listing.name for listing in known.listings] == ["org/good"]
    assert known.listings[0].size_bytes == 16_000_000  # four bytes for each F32 weight


def test_files_are_checked_and_neither_pickles_nor_code_are_fetched(hub: LoopbackHub) -> None:
    folder = folder_of(f"hf://org/model-7@{COMMIT}", offline=False)
    asked = len(hub.asked)

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert folder_of(f"hf://org/model-7@{COMMIT}", offline=True) == folder
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("short", IntegrityError, r"sent 21 bytes, not the 22 bytes it lists for config.json"),
        ("long", IntegrityError, r"sent more than the 22 bytes it lists for config.json"),
        ("other", IntegrityError, r"model.safetensors has sha256 .*, the Hub lists"),
        ("larger", IntegrityError, r"weights take 1,000 MB, the Hub's list allows for 110 MB"),
        ("silent", MissingError, r"cannot be reached or stopped answering"),
        ("broken", MissingError, r"answered with status 500; try again later"),
    ],
)
def test_hub_that_lies_or_is_silent_leaves_no_file(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, fault: str, kind: type[GoldilocksError], message: str
) -> None:
    monkeypatch.setattr(hub_client, "SILENCE_SECONDS", 0.2)
    hub.fault, hub.delay = fault, 0.6
    info = encoder.listed(HubListing("org/model-1", COMMIT, "bert", 22_713_216, 90_852_864))
    assert info is not None

    with pytest.raises(kind, match=message) as raised:
        folder_of(info, offline=False)

    assert "\n" not in str(raised.value)
    assert hub_catalogue.folder_here(info.source) is None


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({"size": "12x"}, "the Hub lists no size for model.safetensors"),
        ({"size": None}, "the Hub lists no size for model.safetensors"),
        ({"size": 1e400}, "the Hub lists no size for model.safetensors"),
        ({"size": -5}, "the Hub lists no size for model.safetensors"),
        ({"lfs": "x"}, "the Hub lists no SHA-256 for model.safetensors"),
        ({"lfs": {"sha256": 5}}, "the Hub lists no SHA-256 for model.safetensors"),
        ({"rfilename": "tokenizer.json", "size": 10**12}, "tokenizer.json is listed with 1,000,000 MB"),
    ],
)
def test_listed_files_that_make_no_sense_are_refused(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, listed: dict[str, object], message: str
) -> None:
    whole = {"rfilename": "model.safetensors", "size": 1000, "lfs": {"sha256": "a" * 64}}
    files = [whole | listed] if "rfilename" not in listed else [whole, listed]
    monkeypatch.setattr(loopback_hub, "_blobs", lambda _: files)
    with pytest.raises(IntegrityError, match=message):
        folder_of(f"hf://org/model-1@{COMMIT}", offline=False)


@pytest.mark.parametrize("entries", [[], [entry("org/again", 4_000_000)]])
def test_pages_without_end_are_left(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, object]]
) -> None:
    def page(handler: Any, hub: LoopbackHub) -> None:
        number = len(hub.asked)
        hub.asked.append(handler.path)
        link = f'<{hub.address}/api/models?limit=1&cursor={number}>; rel="next"' if number < 50 else ""
        loopback_hub._send(handler, hub, json.dumps(entries).encode(), link=link)

    monkeypatch.setattr(loopback_hub, "_answer", page)
    if entries:
        assert len(hub_catalogue.catalogue_of("en", 10).listings) == 1
    else:
        with pytest.raises(MissingError, match="lists no usable model"):
            hub_catalogue.catalogue_of("en", 10)
    assert len(hub.asked) <= 6


def test_slow_hub_is_given_up(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "_START_SECONDS", -1e9)
    with pytest.raises(MissingError, match="is too slow; try again later"):
        hub_catalogue.catalogue_of("en", 10)


def test_token_is_sent_from_the_environment_and_never_written(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub_catalogue.catalogue_of("en", 10)
    folder_of(f"hf://org/model-7@{COMMIT}", offline=False)
    hub.fault = "broken"
    with pytest.raises(MissingError) as raised:
        hub_catalogue.add("org/model-3")

    assert "hf_secret" not in str(raised.value)
    written = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert written
    assert not any(b"hf_secret" in path.read_bytes() for path in written)


def test_added_model_is_kept_once(hub: LoopbackHub) -> None:
    hub_catalogue.add("org/model-3")
    hub_catalogue.add("org/model-3")

    assert [listing.name for listing in hub_catalogue.added()] == ["org/model-3"]
    with pytest.raises(MissingError, match="has no such model; check the name"):
        hub_catalogue.add("org/absent")
    with pytest.raises(InputError, match="write org/name"):
        hub_catalogue.add("../model")


def test_damaged_list_is_asked_for_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub_catalogue.catalogue_of("en", 10)
    path = next((tmp_path / "cache" / "hub").glob("listed-*.json"))
    path.write_text("{")

    assert len(hub_catalogue.catalogue_of("en", 10).listings) == 10
    assert json.loads(path.read_text())


def test_minilm_from_its_number_of_parameters() -> None:
    info = encoder.listed(HubListing("org/minilm", COMMIT, "bert", 22_713_216, 90_852_864, "apache-2.0", ("en",)))

    assert info is not None
    assert (info.depth, info.width) == (6, 384)  # as in its config.json
    assert encoder.listed(HubListing("org/llama", COMMIT, "llama", 10**9, 4 * 10**9)) is None


def test_hub_in_the_task_file_stands_for_a_thousand_models(tmp_path: Path) -> None:
    data = {"data": {"train": "a.csv"}}
    assert task_from({**data, "candidates": "hub"}, folder=tmp_path).candidates.hub == 1000
    assert task_from({**data, "candidates": {"hub": 50}}, folder=tmp_path).candidates.hub == 50
    with pytest.raises(InputError, match=r"candidates.hub is -1; it must be from 0 to 10000"):
        task_from({**data, "candidates": {"hub": -1}}, folder=tmp_path)
