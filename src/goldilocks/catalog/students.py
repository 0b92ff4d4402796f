"""Pretrained models that a compressed model may start from: those whose files are on this machine already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from goldilocks import plugins
from goldilocks.catalog import reasons
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue, described, source_of
from goldilocks.errors import GoldilocksError
from goldilocks.protocols import PretrainedModel
from goldilocks.records import ModelInfo


def on_this_machine(models: Iterable[ModelInfo]) -> tuple[PretrainedModel, ...]:
    """Those whose files are here, one for each source. Opens no connection and converts nothing."""
    local = {}
    for info in models:
        if not info.pretrained or info.remote or info.combined or info.source in local:
            continue
        try:
            folder_of(info, offline=True, make=False)
        except GoldilocksError:
            continue
        local[info.source] = PretrainedModel(info, partial(folder_of, info, offline=True))
    return tuple(local.values())


def of_language(language: str) -> tuple[PretrainedModel, ...]:
    """Models of the catalogue that were trained for a language (BCP 47) and are on this machine."""
    return on_this_machine(info for info in catalogue() if reasons.language(info, language) is None)


def named(names: Sequence[str]) -> tuple[PretrainedModel, ...]:
    """Models that the user names, whatever their language.

    Args:
        names: Of the catalogue, ``org/name`` in the Hub's cache, or folders.

    Raises:
        MissingError: one is not on this machine.
        InputError: one is not a model that a family reads.
    """
    known = {info.source: info for info in catalogue()}
    families = {name: plugins.load("families", name) for name in plugins.names("families")}
    models = []
    for name in names:
        source = source_of(name, Path(), where="--student")
        info = known.get(source) or described(source, families, offline=True)
        folder_of(info, offline=True, make=False)
        models.append(info)
    return on_this_machine(models)
