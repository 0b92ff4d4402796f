"""Families and methods that live only during one test, and rows for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import goldilocks.families
import goldilocks.methods
from goldilocks import plugins
from goldilocks.catalog.find import candidates
from goldilocks.records import (
    CandidateFilter,
    DataProfile,
    Dataset,
    DataSpec,
    Limits,
    Machine,
    Part,
    Pool,
    TaskSpec,
)
from goldilocks.settings import RunSettings

# Two models made here, and any folder whose config.json says that it is of this kind.
FAMILY = """\
import json
from goldilocks.records import Forecast, ModelInfo, Output

OUTPUTS = frozenset({{Output.{output}}})

def _facts(name, source, size_bytes, licence, languages):
    return ModelInfo(name, {name!r}, source, "two numbers", "none", languages, licence, size_bytes // 4, size_bytes)

def models():
    return tuple(_facts(name, "builtin", 400, "none-needed", ("*",)) for name in ("small", "large"))

def describe(folder, source):
    path = folder / "config.json"
    config = json.loads(path.read_text()) if path.exists() else {{}}
    if config.get("model_type") != {name!r}:
        return None
    return _facts(folder.name, source, config.get("size", 4000), config.get("licence", "unknown"), ())

def forecast(info, work, machine):
    return Forecast(seconds=10.0 * work.rows, memory_bytes=1000.0 * info.size_bytes)

def training_config(info, work):
    return None

def create(info, folder, part, labels, *, seed):
    raise NotImplementedError

def restore(folder):
    raise NotImplementedError
"""
METHOD = """\
class Options:
    pass

def incompatibility(info):
    return "there is nothing below the head" if {needs_pretrained} and not info.pretrained else None

def effort(info):
    return {effort}

def prepare(network, options):
    pass

def fold(network):
    pass

def training_config(config):
    return config
"""


ONCE = """

def frozen_share(info, output):
    return 0.5
"""


@contextmanager
def shelved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put families ``fake`` (labels) and ``fake_tags`` and methods ``fake_all`` and ``fake_top`` on the shelves."""
    (folder / "families").mkdir()
    (folder / "methods").mkdir()
    (folder / "families" / "fake.py").write_text(FAMILY.format(name="fake", output="LABEL"))
    (folder / "families" / "fake_tags.py").write_text(FAMILY.format(name="fake_tags", output="TAGS"))
    (folder / "methods" / "fake_all.py").write_text(METHOD.format(needs_pretrained=False, effort=1.0))
    (folder / "methods" / "fake_top.py").write_text(METHOD.format(needs_pretrained=True, effort=0.25) + ONCE)
    for package in (goldilocks.families, goldilocks.methods):
        own = folder / package.__name__.rpartition(".")[2]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(own)])
    before = set(sys.modules)
    yield
    for name in [module for module in sys.modules if module not in before and ".fake" in module]:
        del sys.modules[name]


def dataset(language: str = "en") -> Dataset:
    """Three rows in English, or whatever ``language`` says they are."""
    rows = Part(texts=("good day", "bad day", "very bad day"), gold=("good", "bad", "bad"), rows=(1, 2, 3))
    profile = DataProfile({"train": 3}, {}, {}, {}, language, {language: 1.0})
    return Dataset(rows, rows, rows, ("bad", "good"), "0123456789abcdef", profile)


MACHINE = Machine(cores=2, memory_bytes=10**9, device="cpu", gflops=50.0, bf16=False, name="a machine")
ONLY_FAKES = CandidateFilter(families=("fake", "fake_tags"), methods=("fake_all", "fake_top"))


def spec(folder: Path = Path(), limits: Limits | None = None, **chosen: tuple[str, ...] | None) -> TaskSpec:
    """A task in which only the fakes may stand, unless ``chosen`` (fields of ``CandidateFilter``) says otherwise."""
    return TaskSpec(
        name="t",
        data=DataSpec(train="t.csv"),
        limits=limits or Limits(),
        candidates=replace(ONLY_FAKES, **chosen),  # type: ignore[arg-type]
        folder=folder,
    )


def find(task: TaskSpec, *, language: str = "en", offline: bool = True, machine: Machine = MACHINE) -> Pool:
    """The pool for ``task``."""
    settings = RunSettings(offline=offline)
    return candidates(task, plugins.load("tasks", task.task), dataset(language), settings, machine)


def checkpoint(folder: Path, *, weights: str = "model.safetensors", **config: object) -> Path:
    """A folder with the files of a pretrained model of family ``fake``."""
    import json

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "fake", **config}))
    (folder / weights).write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder
