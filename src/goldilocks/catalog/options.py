"""Choices of methods that the task file makes, such as how many examples are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

Chosen = Mapping[str, Mapping[str, Any]]
"""``options`` of the task file: method -> name of the choice -> value."""


def check_options(chosen: Chosen) -> None:
    """See that every method and every choice of it is there.

    Raises:
        InputError: one is not, with the nearest; or a value does not fit.
    """
    known = plugins.names("methods")
    for method in chosen:
        if method not in known:
            raise InputError(
                f"task file: options names the method {method!r}.{suggest(method, known)} "
                f"There are: {', '.join(known)}."
            )
        options_of(method, chosen)


def options_of(method: str, chosen: Chosen) -> Any:
    """The ``Options`` of a method with what the task file says of it, the rest as it is of itself.

    Raises:
        InputError: it has no such choice, with the nearest; or a value does not fit.
    """
    from pydantic import TypeAdapter, ValidationError

    made = plugins.load("methods", method).Options
    known = [field.name for field in fields(made)]
    given = chosen.get(method, {})
    for name in given:
        if name not in known:
            there = f"There are: {', '.join(known)}." if known else "It has no options."
            raise InputError(f"task file: unknown key 'options.{method}.{name}'.{suggest(name, known)} {there}")
    try:
        return TypeAdapter(made).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("options", method, *first["loc"])))
        raise InputError(f"task file: {key} is {first['input']!r}: {first['msg']}.") from error
