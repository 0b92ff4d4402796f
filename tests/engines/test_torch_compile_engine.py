"""Compiled encoders against the same encoders as they are."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.nets import compiled
from goldilocks.nets.network import Network
from goldilocks.protocols import ReadsFolders
from goldilocks.records import Output
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike

ENGINE = plugins.load("engines", "torch_compile")
CASE = next(case for case in tiny.cases({Output.LABEL}) if case.name == "en")


def encoder(folder: Path) -> Network:
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder)
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    return cast(Network, family.create(info, checkpoint, CASE.part, CASE.goal, seed=0))


@pytest.mark.skipif(ENGINE.unavailable() is not None, reason="no C++ compiler")
def test_compiled_blocks_answer_as_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Traced and guarded as ever, but not compiled to machine code, which takes minutes on a busy machine.
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    network = encoder(tmp_path / "checkpoint")
    network.save(tmp_path / "saved")

    again = ENGINE.load(tmp_path / "saved", "encoder")

    texts = (*CASE.part.texts[:10], *CASE.odd)
    assert alike(again.predict(texts), network.predict(texts)) < 1e-5


@pytest.mark.skipif(ENGINE.unavailable() is not None, reason="no C++ compiler")
def test_failing_compiler_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("C++ compile error\nwith many lines")

    monkeypatch.setattr(compiled, "BACKEND", failing)
    encoder(tmp_path / "checkpoint").save(tmp_path / "saved")

    with pytest.raises(InputError, match=r"torch\.compile failed on this machine") as caught:
        ENGINE.load(tmp_path / "saved", "encoder")

    assert "\n" not in str(caught.value)


def test_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")

    with pytest.raises(MissingError, match="there is no C\\+\\+ compiler"):
        ENGINE.load(tmp_path, "encoder")


def test_other_models_are_declined_with_the_reason() -> None:
    assert isinstance(ENGINE, ReadsFolders)
    for family, reason in (
        ("cnn", "only BERT-shaped encoders are compiled"),
        ("naive_bayes", "it is not a neural network"),
    ):
        plugin = plugins.load("families", family)
        model = plugin.create(plugin.models()[0], None, CASE.part, CASE.goal, seed=0)
        assert reason in str(ENGINE.incompatibility(model))
