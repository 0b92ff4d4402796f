"""Discovery and loading of plug-ins. The file name is the plug-in's name; there is no registry to edit.

``load("metrics", "macro_f1")`` imports ``goldilocks/metrics/macro_f1.py`` and checks that it has what its protocol asks
for. Packages outside this repository add plug-ins through an entry point in the group ``goldilocks.metrics`` (or the
shelf in question). This is the only place where Goldilocks imports by a computed name.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, overload

from goldilocks.errors import InputError, MissingError
from goldilocks.protocols import (
    Augmenter,
    Compressor,
    Demonstrations,
    Engine,
    Estimator,
    Executor,
    Exporter,
    Family,
    Method,
    Metric,
    Policy,
    Strategy,
    Task,
    Tracker,
)
from goldilocks.support.suggest import suggest

Shelf = Literal[
    "tasks",
    "families",
    "methods",
    "metrics",
    "estimators",
    "policies",
    "compressors",
    "engines",
    "exporters",
    "executors",
    "augmenters",
    "demonstrations",
    "trackers",
    "strategies",
]

PROTOCOLS: dict[Shelf, type[Any]] = {
    "tasks": Task,
    "families": Family,
    "methods": Method,
    "metrics": Metric,
    "estimators": Estimator,
    "policies": Policy,
    "compressors": Compressor,
    "engines": Engine,
    "exporters": Exporter,
    "executors": Executor,
    "augmenters": Augmenter,
    "demonstrations": Demonstrations,
    "trackers": Tracker,
    "strategies": Strategy,
}


def names(shelf: Shelf) -> list[str]:
    """Names on a shelf, sorted. Imports no plug-in, so it is safe in ``--help``."""
    return sorted(_own(shelf) | _foreign(shelf).keys())


@overload
def load(shelf: Literal["tasks"], name: str) -> Task: ...
@overload
def load(shelf: Literal["families"], name: str) -> Family: ...
@overload
def load(shelf: Literal["methods"], name: str) -> Method: ...
@overload
def load(shelf: Literal["metrics"], name: str) -> Metric: ...
@overload
def load(shelf: Literal["estimators"], name: str) -> Estimator: ...
@overload
def load(shelf: Literal["policies"], name: str) -> Policy: ...
@overload
def load(shelf: Literal["compressors"], name: str) -> Compressor: ...
@overload
def load(shelf: Literal["engines"], name: str) -> Engine: ...
@overload
def load(shelf: Literal["trackers"], name: str) -> Tracker: ...
@overload
def load(shelf: Literal["augmenters"], name: str) -> Augmenter: ...
@overload
def load(shelf: Literal["demonstrations"], name: str) -> Demonstrations: ...
@overload
def load(shelf: Literal["executors"], name: str) -> Executor: ...
@overload
def load(shelf: Literal["exporters"], name: str) -> Exporter: ...
@overload
def load(shelf: Literal["strategies"], name: str) -> Strategy: ...
def load(shelf: Shelf, name: str) -> Any:
    """Import one plug-in and check its shape.

    Raises:
        MissingError: no plug-in of that name, or a package it needs is not installed.
        InputError: the file exists but lacks something its protocol asks for.
    """
    own, foreign = _own(shelf), _foreign(shelf)
    if name in own and name in foreign:
        raise InputError(f"{shelf} has two plug-ins named {name!r}: ours and {foreign[name].value}. Rename one.")
    if name not in own and name not in foreign:
        known = names(shelf)
        hint = suggest(name, known)
        raise MissingError(f"No {shelf} plug-in is named {name!r}.{hint} There are: {', '.join(known)}.")
    try:
        plugin = importlib.import_module(f"goldilocks.{shelf}.{name}") if name in own else foreign[name].load()
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "goldilocks":
            raise  # a mistake in our own code, not a package the user could install
        raise MissingError(
            f"{shelf}/{name} needs the package {error.name!r}, which is not installed: pip install {error.name}"
        ) from error
    protocol = PROTOCOLS[shelf]
    lacking = [part for part in _parts(protocol) if not hasattr(plugin, part)]
    if lacking:
        raise InputError(f"{shelf}/{name} lacks {', '.join(lacking)}; see {protocol.__name__} in protocols/")
    return plugin


def _own(shelf: Shelf) -> set[str]:
    package = importlib.import_module(f"goldilocks.{shelf}")
    return {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}


@cache  # reading the metadata of every installed package takes milliseconds, and predict asks for its task
def _foreign(shelf: Shelf) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"goldilocks.{shelf}")}


def _parts(protocol: type[Any]) -> list[str]:
    return sorted(name for name in {*vars(protocol), *protocol.__annotations__} if not name.startswith("_"))


def summary(shelf: Shelf, name: str) -> str:
    """First sentence of a plug-in's docstring, read from its file: nothing is imported."""
    own = name in _own(shelf)
    spec = importlib.util.find_spec(f"goldilocks.{shelf}.{name}" if own else _foreign(shelf)[name].module)
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())
