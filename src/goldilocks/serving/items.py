"""From the JSON of a request to the items a model is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from goldilocks import plugins
from goldilocks.errors import InputError, RequestError
from goldilocks.protocols import Task
from goldilocks.records import Prediction, Text, as_text
from goldilocks.rows import item_of, named
from goldilocks.serving.engine import ModelCard, Result
from goldilocks.serving.settings import RequestLimits


@cache
def _task(name: str) -> Task:
    return plugins.load("tasks", name)


def task_of(card: ModelCard) -> Task:
    """The task a model was tuned for; looked up once, as a look through installed packages takes milliseconds."""
    return _task(card.task)


_DEPTH = 8
"""Levels of lists and mappings in an item; tasks need two."""


def items_from(rows: Sequence[Any], card: ModelCard, limits: RequestLimits) -> list[Text]:
    """The items of a request.

    Args:
        rows: Each a text, a list of texts where the task takes several, or a mapping (role -> text).
        card: Card of the model that is asked.
        limits: How many there may be, and how long.

    Raises:
        RequestError: there are none or too many, one is too long, or does not fit the task; its place from 0 is named.
    """
    if not rows:
        raise RequestError(422, "empty_input", "the request holds no items; send at least one.")
    if len(rows) > limits.items:
        raise RequestError(
            413,
            "too_many_items",
            f"{len(rows):,} items; at most {limits.items:,} fit in a request: send them in parts.",
        )
    task = task_of(card)
    roles = {role: role for role in task.READS}
    items: list[Text] = []
    for position, row in enumerate(rows):
        check_text(row, f"item {position}")
        if not isinstance(row, str | list | tuple | Mapping):
            raise RequestError(
                422, "invalid_input", f"item {position} is {_kind(row)}; send a text, a list of texts or an object."
            )
        try:
            items.append(item_of(row if isinstance(row, Mapping) else named(_texts(row), task), task, roles))
        except InputError as error:
            raise RequestError(422, "invalid_input", f"item {position}: {error}.") from error
        if len(as_text(items[-1])) > limits.item_characters:
            raise RequestError(
                413,
                "item_too_long",
                f"item {position} has {len(as_text(items[-1])):,} characters; the limit is {limits.item_characters:,}.",
            )
    return items


def check_text(value: Any, where: str, depth: int = 0) -> None:
    """Check that a value is no deeper than an item needs, and that its texts are Unicode.

    Raises:
        RequestError: it is not so.
    """
    if depth > _DEPTH:
        raise RequestError(422, "too_deep", f"{where} is nested more than {_DEPTH} levels deep; send plain texts.")
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise RequestError(
                    422,
                    "invalid_unicode",
                    f"{where} holds half of a surrogate pair at character {error.start}; send valid Unicode.",
                ) from error
    elif isinstance(value, Mapping):
        for key, cell in value.items():
            check_text(key, where, depth + 1)
            check_text(cell, where, depth + 1)
    elif isinstance(value, list | tuple):
        for cell in value:
            check_text(cell, where, depth + 1)


def check_answered(results: Sequence[Result]) -> None:
    """Check that every item has an answer.

    Raises:
        RequestError: the model could not answer one, e.g. an endpoint refused it; its place from 0 is named.
    """
    for position, result in enumerate(results):
        if isinstance(result, Prediction) and result.error:
            raise RequestError(422, "not_answered", f"item {position}: {result.error}.")


def _texts(row: str | Sequence[Any]) -> str | list[str]:
    if isinstance(row, str):
        return row
    if not all(isinstance(cell, str) for cell in row):
        raise InputError("a list that is an item may hold texts only")
    return list(row)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else f"a {type(value).__name__}"


def plain_items(items: Sequence[Text], limits: RequestLimits) -> list[Text]:
    """Items that a route made itself of the texts in a request, checked against the limits.

    Raises:
        RequestError: there are none or too many, a text is empty, too long or no Unicode.
    """
    if not items:
        raise RequestError(422, "empty_input", "the request holds no items; send at least one.")
    texts = [text for item in items for text in ((item,) if isinstance(item, str) else item)]
    if max(len(items), len(texts)) > limits.items:
        raise RequestError(413, "too_many_items", f"{len(texts):,} texts; at most {limits.items:,} fit in a request.")
    for position, text in enumerate(texts):
        check_text(text, f"text {position}")
        if not text.strip():
            raise RequestError(422, "invalid_input", f"text {position} is empty; send a text.")
        if "\0" in text:
            raise RequestError(422, "invalid_input", f"text {position} holds a NUL byte; take it out.")
        if len(text) > limits.item_characters:
            raise RequestError(
                413,
                "item_too_long",
                f"text {position} has {len(text):,} characters; the limit is {limits.item_characters:,}.",
            )
    return list(items)


_TOKEN = re.compile(r"\w+|[^\w\s]")


def count_tokens(items: Sequence[Text]) -> int:
    """Words and signs of items: what ``usage`` reports. A model's own tokens may be more.

    Example:
        >>> count_tokens(["Where is my card?"])
        5
    """
    return sum(len(_TOKEN.findall(as_text(item))) for item in items)
