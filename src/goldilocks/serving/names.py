"""How a request names a model: ``NAME``, an alias, ``NAME@VERSION``, ``NAME:DOMAIN`` or ``NAME:DOMAIN@VERSION``.

A domain is named as servers of language models name an adapter on a shared model: as a model of its own, so that every
route and every client can name it.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

_VERSION = re.compile(r"[0-9a-f]{6,}")


@dataclass(frozen=True, slots=True)
class ModelName:
    """The parts of a name."""

    model: str
    """A name or an alias."""
    domain: str | None = None
    version: str | None = None


def parsed(text: str, known: Container[str]) -> ModelName:
    """The parts of a name.

    Args:
        text: As the request has it.
        known: Names and aliases of models; they may hold colons themselves.

    Example:
        >>> parsed("tickets:tweets@0123456789", {"tickets"})
        ModelName(model='tickets', domain='tweets', version='0123456789')
        >>> parsed("tickets:latest", {"tickets", "tickets:latest"})
        ModelName(model='tickets:latest', domain=None, version=None)
    """
    if text in known:
        return ModelName(text)
    whole, _, version = text.partition("@")
    model, colon, rest = text.partition(":")
    if whole in known or not colon or model not in known:
        return ModelName(whole, None, version or None)
    domain, _, last = rest.rpartition("@")
    if domain and _VERSION.fullmatch(last):
        return ModelName(model, domain, last)
    return ModelName(model, rest, None)
