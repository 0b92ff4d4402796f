from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.hub import conversion_cache
from goldilocks.nets.hub.conversion_cache import cache_folder, cached, convert, place_of, verify

DIGEST = hashlib.sha256(b"the source").hexdigest()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(into: Path) -> None:
    (into / "config.json").write_text("{}")
    (into / "deep").mkdir()
    (into / "deep" / "weights").write_bytes(b"12345")


def test_converted_files_are_found_by_the_digest_of_their_source(folder: Path) -> None:
    assert cached(DIGEST) is None
    made = convert("model.gguf", DIGEST, write)
    assert made == cached(DIGEST) == place_of(DIGEST) == folder / DIGEST[:16]
    manifest = json.loads((made / "made_from.json").read_text())
    assert (manifest["name"], manifest["sha256"]) == ("model.gguf", DIGEST)
    assert manifest["files"]["deep/weights"] == [5, hashlib.sha256(b"12345").hexdigest()]
    verify(made)


def test_source_whose_digest_begins_alike_is_another() -> None:
    convert("model.gguf", DIGEST, write)
    assert cached(DIGEST[:16] + "0" * 48) is None


@pytest.mark.parametrize("damage", ["cut short", "gone", "no manifest", "manifest is not JSON"])
def test_folder_that_is_not_whole_is_converted_again(damage: str) -> None:
    made = convert("model.gguf", DIGEST, write)
    weights, manifest = made / "deep" / "weights", made / "made_from.json"
    match damage:
        case "cut short":
            weights.write_bytes(b"123")
        case "gone":
            weights.unlink()
        case "no manifest":
            manifest.unlink()
        case _:
            manifest.write_text("{")
    assert cached(DIGEST) is None
    assert convert("model.gguf", DIGEST, write) == cached(DIGEST)


def test_file_that_was_changed_at_the_same_length_is_found_by_its_checksum() -> None:
    made = convert("model.gguf", DIGEST, write)
    (made / "deep" / "weights").write_bytes(b"12346")
    assert cached(DIGEST) == made  # sizes alone are compared at each start
    with pytest.raises(IntegrityError, match=r"weights: was changed since it was made; remove .* to make it again"):
        verify(made)


def test_conversion_that_fails_leaves_nothing_and_its_error_is_the_callers(folder: Path) -> None:
    def fail(into: Path) -> None:
        write(into)
        raise ValueError("not this kind of model")

    with pytest.raises(ValueError, match="not this kind"):
        convert("model.gguf", DIGEST, fail)
    assert list(folder.iterdir()) == []


def test_folder_of_a_process_that_was_faster_stays() -> None:
    def slow(into: Path) -> None:
        write(into)
        (convert("model.gguf", DIGEST, write) / "in use").write_text("")

    made = convert("model.gguf", DIGEST, slow)
    assert made == cached(DIGEST)
    assert (made / "in use").exists()


def test_folder_that_appears_between_the_last_look_and_the_move_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    there = convert("model.gguf", DIGEST, write)
    looks = iter([None])
    monkeypatch.setattr(conversion_cache, "cached", lambda digest: next(looks, there))
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    assert convert("model.gguf", DIGEST, write) == there  # it cannot be moved to where the other stands


def test_full_disk_is_named_in_one_line() -> None:
    def fail(into: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(
        InputError, match=r"cannot be written \(No space left on device\); free space, or set"
    ) as caught:
        convert("model.gguf", DIGEST, fail)
    assert "\n" not in str(caught.value)


def test_cache_is_where_the_user_says_else_in_the_systems_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOLDILOCKS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "goldilocks"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "goldilocks"
    monkeypatch.setenv("GOLDILOCKS_CACHE", "~/own")
    assert cache_folder() == tmp_path / "own"
