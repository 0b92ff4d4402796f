"""Options that a user gives by name: checked against the dataclass that declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

_Options = TypeVar("_Options")


def options_from(kind: type[_Options], given: Mapping[str, Any], *, source: str = "", section: str = "") -> _Options:
    """The options with what is given; the others have their defaults.

    Args:
        kind: A dataclass; text is converted to the types of its fields.
        given: Name -> value.
        source: Stands before an error, e.g. ``task file``.
        section: Stands before the name of an option in an error, e.g. ``options.lora``.

    Raises:
        InputError: there is no such option (the nearest is named), or a value is not of its type.

    Example:
        >>> from goldilocks.records import Augmentation
        >>> options_from(Augmentation, {"method": "eda", "copies": "2"}).copies
        2
    """
    from pydantic import TypeAdapter, ValidationError

    before, within = f"{source}: " if source else "", f"{section}." if section else ""
    known = [option.name for option in fields(kind)]  # type: ignore[arg-type]
    for name in map(str, given):
        if name not in known:
            message = f"unknown key {within + name!r}. It has no options."
            if known:
                message = f"unknown key {within + name!r}.{suggest(name, known)} There are: {', '.join(known)}."
            raise InputError(before + message)
    try:
        return TypeAdapter(kind).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = within + ".".join(map(str, first["loc"]))
        raise InputError(f"{before}{key} is {first['input']!r}: {first['msg']}.") from error
