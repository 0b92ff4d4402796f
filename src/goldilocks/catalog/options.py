"""Options of methods that the task file sets, such as the number of few-shot examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.support.options import options_from
from goldilocks.support.suggest import suggest

Chosen = Mapping[str, Mapping[str, Any]]
"""``options`` of the task file: method -> name of the option -> value."""


def check_options(chosen: Chosen) -> None:
    """Check that every method exists and has these options.

    Raises:
        InputError: one does not (the nearest is named), or a value does not fit.
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
    """The ``Options`` of a method with the values of the task file, and defaults elsewhere.

    Raises:
        InputError: it has no such option (the nearest is named), or a value does not fit.
    """
    options_type = plugins.load("methods", method).Options
    return options_from(options_type, chosen.get(method, {}), source="task file", section=f"options.{method}")
