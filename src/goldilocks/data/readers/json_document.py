"""JSON files that are one document: questions nested in paragraphs in articles, as SQuAD has them, or a list of rows.

    {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [{"id", "question", "answers", ...}]}]}]}

becomes a row for each question (``id``, ``title``, ``context``, ``question``, ``answers``), numbered from 1 in the
order of the file. A question marked ``is_impossible`` (SQuAD 2.0) has no answers, whatever is listed as plausible.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Rows, require_columns
from goldilocks.data.readers.text_file import lines_of
from goldilocks.errors import InputError

WANTED = (
    'wanted is SQuAD\'s form, {"data": [{"title", "paragraphs": [{"context", "qas": [{"question", "answers"}]}]}]}, or '
    "a list of objects; for one object per line name the file .jsonl"
)

Record = dict[str, Any]


def json_rows(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    """Rows of a .json, numbered from 1.

    Raises:
        InputError: it is no JSON, neither SQuAD's form nor a list, or lacks a column.
    """
    found = records(path.name, "".join(lines_of(path)))
    there = list(dict.fromkeys(key for one in found if isinstance(one, dict) for key in one))
    if there:
        require_columns(path, [column for column in columns if column in there or column not in optional], there)
    for number, one in enumerate(found, start=1):
        yield number, one if isinstance(one, str) else [one.get(column) for column in columns]


def records(name: str, text: str) -> list[Record | str]:
    """The rows of a JSON document, or in words what is wrong with one.

    Args:
        name: The file's name, for messages.
        text: Its content.

    Raises:
        InputError: it is no JSON, or neither SQuAD's form nor a list.
    """
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: broken JSON ({error}); {WANTED}.") from error
    articles = found.get("data") if isinstance(found, dict) else found
    if not isinstance(articles, list):
        raise InputError(f"{name}: there is no list of rows or articles in it; {WANTED}.")
    return [row for one in articles for row in _rows(one)]


def _rows(article: Any) -> Iterator[Record | str]:
    """An article's questions; a flat row as it is."""
    if not isinstance(article, Mapping):
        yield "not a JSON object"
        return
    if "paragraphs" not in article:
        yield dict(article)
        return
    for paragraph in _listed(article["paragraphs"]):
        questions = _listed(paragraph.get("qas")) if isinstance(paragraph, Mapping) else []
        if not questions:
            yield "a paragraph without qas"
        for one in questions:
            if not isinstance(one, Mapping):
                yield "a question that is not a JSON object"
                continue
            row = {"title": article.get("title"), "context": paragraph.get("context"), **one}
            yield row | ({"answers": []} if one.get("is_impossible") else {})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
