"""Which pretrained models a compressed model may start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldilocks.catalog.known import catalogue
from goldilocks.catalog.students import named, of_language, on_this_machine
from goldilocks.errors import InputError, MissingError
from goldilocks.testing import tiny


def test_student_named_by_its_folder(tmp_path: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "tiny")

    (model,) = named([str(folder)])

    assert model.info.family == "encoder"
    assert model.folder() == folder


def test_unknown_student_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"--student names 'all-MiniLM-L6'.*Did you mean 'all-MiniLM-L6-v2'"):
        named(["all-MiniLM-L6"])


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no such folder"):
        named([str(tmp_path / "nothing")])


def test_models_of_another_language_and_models_that_are_not_here_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace(catalogue()[0], source=str(tiny.encoder_folder(tmp_path / "tiny")), sha256={}, languages=("en",))
    away = replace(here, source="hf://nobody/nothing@0000000000000000000000000000000000000000")
    monkeypatch.setattr("goldilocks.catalog.students.catalogue", lambda: (here, away))

    assert [model.info for model in of_language("en-GB")] == [here]
    assert of_language("zh") == ()


def test_models_made_here_and_endpoints_are_no_students(tmp_path: Path) -> None:
    info = catalogue()[0]

    assert on_this_machine([replace(info, source="builtin"), replace(info, source="api://localhost/v1/some")]) == ()
