"""The models to choose from: those of the catalogue, and those the task file names."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.protocols import Family
from goldilocks.records import ModelInfo
from goldilocks.support.files import from_json
from goldilocks.support.suggest import suggest

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_UNKNOWN = ("", "unknown", "other")


@functools.cache
def catalogue() -> tuple[ModelInfo, ...]:
    """The pretrained models in ``models.json``."""
    path = Path(__file__).with_name("models.json")
    return from_json(tuple[ModelInfo, ...], path.read_bytes(), where=path)


def source_of(named: str, folder: Path, *, where: str = "task file: candidates.models") -> str:
    """The source that an entry of ``candidates.models`` names.

    Args:
        named: A name or Hub id the catalogue knows, ``org/name`` (``@revision``), a source as in ``ModelInfo.source``,
            or a local folder.
        folder: Where relative folders start.
        where: The setting that names it, for the error message.

    Raises:
        InputError: it is none of these; the nearest name is in the message.
    """
    for info in catalogue():
        if named == info.name or named == info.source.removeprefix("hf://"):
            return info.source
    if named.startswith(("hf://", "pypi://", "api://")):
        return named
    path = folder / Path(named).expanduser()
    if path.is_dir() or named.startswith((".", "/", "~")):
        return str(path)
    if _HUB_ID.fullmatch(named):
        return f"hf://{named}"
    raise InputError(
        f"{where} names {named!r}, which is not a model of the catalogue, no folder and no Hub id "
        f"(org/name).{suggest(named, [info.name for info in catalogue()])}"
    )


def described(source: str, families: Mapping[str, Family], *, offline: bool) -> ModelInfo:
    """``ModelInfo`` of a model that the catalogue does not know, from its files.

    Raises:
        MissingError: it is not on this machine and cannot be fetched.
        InputError: no family reads this kind of model.
    """
    folder = folder_of(source, offline=offline)
    unread = f"no family reads this kind of model; the families are {', '.join(families)}"
    for family in families.values():
        try:
            info = family.describe(folder, source)
        except GoldilocksError as error:  # its kind, but damaged; or no kind of it at all
            unread = str(error)
            continue
        if info is not None:
            return _with_card(replace(info, name=info.name.replace("/", "--")), folder)
    raise InputError(f"{source}: cannot be used ({unread.rstrip('.')}).")


def unique(models: list[ModelInfo]) -> list[ModelInfo]:
    """The same models, one per source, with a number appended to a name that another model of the family has."""
    by_name: dict[tuple[str, str], ModelInfo] = {}
    for info in models:
        name, number = info.name, 1
        while (info.family, name) in by_name and by_name[info.family, name].source != info.source:
            number += 1
            name = f"{info.name}-{number}"
        by_name.setdefault((info.family, name), replace(info, name=name))
    return list(by_name.values())


def _with_card(info: ModelInfo, folder: Path) -> ModelInfo:
    """Licence and languages from the head of the model card, where the family could not know them."""
    head = _card_head(folder / "README.md")
    licence = head.get("license")
    languages = head.get("language")
    if info.licence in _UNKNOWN and isinstance(licence, str):
        info = replace(info, licence=licence.lower())
    if not info.languages and languages:
        listed = languages if isinstance(languages, list) else [languages]
        info = replace(
            info, languages=tuple("*" if language == "multilingual" else str(language) for language in listed)
        )
    return info


def _card_head(path: Path) -> Mapping[str, object]:
    import yaml

    try:
        match = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", path.read_text(encoding="utf-8"), re.DOTALL)
        head = yaml.safe_load(match[1]) if match else {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return head if isinstance(head, dict) else {}
