"""Options that a user gives by name: checked against the dataclass that declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

_Options = TypeVar("_Options")


def options_from(kind: type[_Options], given: Mapping[str, Any], *, source: str = "", section: str = "") -> _Options:
    """The options with what is given; the others have their defaults.

    Args:
        kind: A dataclass; text is converted to the types of its fields, and one value is a list of one where a field
            takes a list.
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
        return TypeAdapter(kind).validate_python(with_lists(kind, given))
    except ValidationError as error:
        first = error.errors()[0]
        key = within + ".".join(map(str, first["loc"]))
        raise InputError(f"{before}{key} is {first['input']!r}: {in_plain_words(first['msg'])}.") from error


def with_lists(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with a list of one in place of a single text or number where a field of a dataclass takes a list.

    Example:
        >>> from goldilocks.records import Generation
        >>> with_lists(Generation, {"stops": "END", "max_tokens": 8})
        {'stops': ['END'], 'max_tokens': 8}
    """
    types = get_type_hints(kind)
    single = {
        name for name, value in given.items() if isinstance(value, str | int | float) and _takes_list(types.get(name))
    }
    return {name: [value] if name in single else value for name, value in given.items()}


def _takes_list(annotation: Any) -> bool:
    """Whether a field takes a list of any length of texts or numbers, optional or not."""
    kinds = (annotation, *get_args(annotation))
    return any(get_origin(kind) is tuple and get_args(kind)[1:] == (...,) for kind in kinds)


def in_plain_words(message: str) -> str:
    """What pydantic says, in the words of YAML: a tuple is a list there, a dictionary is a mapping."""
    for theirs, ours in (("a valid tuple", "a list, such as [a, b]"), ("a valid list", "a list, such as [a, b]")):
        message = message.replace(theirs, ours)
    return message.replace("a valid dictionary", "keys with values, such as {a: 1}")
