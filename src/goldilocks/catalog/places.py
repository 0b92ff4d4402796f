"""Every known pretrained model and where its files are."""

from __future__ import annotations

from dataclasses import dataclass

from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.hub_catalogue import folder_here, known_catalogues
from goldilocks.catalog.known import catalogue
from goldilocks.errors import GoldilocksError


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A line of ``goldilocks catalog show``."""

    name: str
    place: str
    """``package``, ``missing`` (its package is not installed), ``cache`` or ``hub``."""
    parameters: int
    size_bytes: int
    licence: str
    languages: tuple[str, ...]


def known_models() -> tuple[KnownModel, ...]:
    """Those of the catalogue, then those the Hub listed, most downloaded first. Opens no connection."""
    models = {}
    for info in catalogue():
        try:
            folder_of(info.source, offline=True, make=False)
            place = "cache" if info.source.startswith("hf://") else "package"
        except GoldilocksError:
            place = "hub" if info.source.startswith("hf://") else "missing"
        models[info.name] = KnownModel(
            info.name, place, info.parameters, info.size_bytes, info.licence, tuple(info.languages)
        )
    for known in known_catalogues():
        for listing in known.listings:
            place = "cache" if folder_here(listing.source) else "hub"
            models[listing.name] = KnownModel(
                listing.name, place, listing.parameters, listing.size_bytes, listing.licence, listing.languages
            )
    return tuple(models.values())
