"""Task files with values that YAML allows and a task does not, refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from goldilocks.api import task_spec
from goldilocks.data.locate import locate
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.serving.settings import read_settings
from goldilocks.settings import read_task

BASE = "name: t\ndata: {train: x.csv}\n"


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("name: u\n", "not valid YAML (name occurs twice)"),
        ("limits: {size_mb: 3, size_mb: 30}\n", "line 3: not valid YAML (size_mb occurs twice)"),
        (f"seed: {'9' * 5_000}\n", "a value cannot be read"),
        ("seed: 2020-13-45\n", "a value cannot be read (month must be in 1..12); correct it, or quote it."),
        ("seed: -5\n", "the seed is -5; it must be from 0 to 4294967295."),
        ("seed: 99999999999999999999\n", "the seed is 99999999999999999999; it must be from 0 to 4294967295."),
    ],
)
def test_value_that_is_none_is_named(tmp_path: Path, added: str, message: str) -> None:
    (tmp_path / "task.yaml").write_text(BASE + added)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_task(tmp_path / "task.yaml")
    assert "\n" not in str(caught.value)


def test_merged_keys_may_be_overridden(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("<<: {name: t, seed: 3}\nseed: 4\ndata: {train: x.csv}\n")
    assert read_task(tmp_path / "task.yaml").seed == 4


def test_settings_of_a_service_have_each_key_once(tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text("port: 8000\nport: 9000\n")
    with pytest.raises(InputError, match=r"serve\.yaml line 1: not valid YAML \(port occurs twice\)"):
        read_settings(tmp_path / "serve.yaml")


def test_seed_of_the_python_api_has_the_same_range(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the seed is -1"):
        task_spec([{"text": "a", "label": "b"}], folder=tmp_path, seed=-1)


@pytest.mark.parametrize("source", ["a" * 5_000, "x\0.csv", "~nobody_of_this_name/x.csv"])
def test_name_that_no_file_can_have_is_no_traceback(tmp_path: Path, source: str) -> None:
    with pytest.raises(GoldilocksError) as caught:
        locate(source, tmp_path)
    assert len(str(caught.value)) < 300
