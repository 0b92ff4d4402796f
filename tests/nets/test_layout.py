"""``tests/nets`` mirrors ``src/goldilocks/nets``: every module has a test file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import goldilocks.nets

NETS = Path(goldilocks.nets.__file__).parent
TESTS = Path(__file__).parent
WITHOUT_BEHAVIOUR: frozenset[str] = frozenset()
"""Modules that are protocols or records only, as ``folder/module.py``."""


def modules() -> Iterator[Path]:
    for path in sorted(NETS.rglob("*.py")):
        if path.name != "__init__.py":
            yield path.relative_to(NETS)


def places_of(module: Path) -> tuple[Path, ...]:
    """Where its tests may be. pytest wants other names for files of one name, so the folder may stand before it."""
    folder = TESTS / module.parent
    return folder / f"test_{module.name}", folder / f"test_{folder.name}_{module.name}"


def test_every_module_has_a_test_file_of_its_own() -> None:
    missing = [
        f"{module}: write tests/nets/{module.parent / f'test_{module.name}'}"
        for module in modules()
        if str(module) not in WITHOUT_BEHAVIOUR and not any(path.is_file() for path in places_of(module))
    ]
    assert missing == []


def test_exceptions_are_modules_without_a_test_file() -> None:
    there = {str(module): module for module in modules()}
    for name in WITHOUT_BEHAVIOUR:
        assert name in there, f"{name} is gone; remove it from WITHOUT_BEHAVIOUR"
        assert not any(path.is_file() for path in places_of(there[name])), f"{name} has tests by now"
