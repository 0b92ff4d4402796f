"""JSON files that are one document: questions nested in paragraphs in articles, as SQuAD has them, or a list of rows.

    {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [{"id", "question", "answers", ...}]}]}]}

becomes a row for each question (``id``, ``title``, ``context``, ``question``, ``answers``), numbered from 1 in the
order of the file. A question marked ``is_impossible`` (SQuAD 2.0) has no answers, whatever is listed as plausible.
Exports of annotation tools: see ``exports.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Rows, cell_of, require_columns
from goldilocks.data.readers.text_file import lines_of
from goldilocks.errors import InputError

WANTED = (
    'expected SQuAD\'s form, {"data": [{"title", "paragraphs": [{"context", "qas": [{"question", "answers"}]}]}]}, or '
    "a list of objects; for one object per line name the file .jsonl"
)

Record = dict[str, Any]
_PYTHON = re.compile(r"(?:\s*#.*\n)*\s*(?:[A-Za-z_]\w*\s*=\s*)?\[\s*\(\s*['\"]")


def loads(text: str) -> Any:
    """``json.loads`` that refuses an object with one key twice and two values: most readers keep the last, silently.

    Raises:
        ValueError: the text is not JSON, or a key occurs twice.
    """
    return json.loads(text, object_pairs_hook=_without_repeats)


def broken(error: ValueError | RecursionError) -> str:
    """What is wrong with text that is not JSON."""
    problem = "nested too deeply" if isinstance(error, RecursionError) else str(error).split(":")[0]
    return f"broken JSON ({problem})"


def _without_repeats(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) < len(pairs):
        for key, value in pairs:
            if repr(record[key]) != repr(value):  # true is not 1, and NaN is NaN
                raise ValueError(f"the key {key!r} occurs twice with different values")
    return record


def json_rows(path: Path, columns: Sequence[str], optional: Collection[str], objects: Sequence[Record | str]) -> Rows:
    """Rows of a .json, numbered from 1.

    Args:
        path: The file, for messages.
        columns: Names of the columns wanted.
        optional: Columns that may be missing.
        objects: ``records`` of the file.

    Raises:
        InputError: it lacks a column.
    """
    names = names_of(objects)
    if names:
        require_columns(path, columns, names, optional)
    for number, row in enumerate(objects, start=1):
        yield number, row if isinstance(row, str) else [cell_of(row, column) for column in columns]


def names_of(objects: Sequence[Record | str]) -> list[str]:
    """Keys of all rows, in the order of the file."""
    return list(dict.fromkeys(key for row in objects if isinstance(row, dict) for key in row))


def document(path: Path) -> Any:
    """What a JSON file holds; ``None`` of an empty one.

    Raises:
        InputError: it is not JSON.
    """
    text = "".join(lines_of(path))
    if not text.strip():
        return None
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        refuse_python(path, text)
        raise InputError(f"{path.name}: broken JSON ({error}); {WANTED}.") from error


def refuse_python(path: Path, text: str) -> None:
    """Refuse training data in the form of Python, as tutorials of spaCy have it.

    Raises:
        InputError: it is a list of tuples.
    """
    if _PYTHON.match(text):
        raise InputError(f"{path.name}: is Python source; write its list with json.dump, and name the file .json.")


def records(name: str, content: Any) -> list[Record | str]:
    """The rows of a JSON document, or what is wrong with one.

    Args:
        name: The file's name, for messages.
        content: What ``document`` gave.

    Raises:
        InputError: it is neither SQuAD's form nor a list.
    """
    if content is None:
        return []
    articles = content.get("data") if isinstance(content, dict) else content
    if isinstance(content, dict) and _is_pandas(content):
        raise InputError(
            f"{name}: is column by column, as pandas writes by default; write rows, with "
            'to_json(path, orient="records", lines=True) as .jsonl.'
        )
    if not isinstance(articles, list):
        keys = f" (keys: {', '.join(map(repr, list(content)[:5]))})" if isinstance(content, dict) and content else ""
        raise InputError(f"{name}: there is no list of rows or articles in it{keys}; {WANTED}.")
    if any(_is_spacy_training(article) for article in articles[:1]):
        raise InputError(
            f"{name}: is spaCy 2's training form; write its documents as JSON Lines with text and entities "
            "([start, end, label]), or as CoNLL columns."
        )
    return [row for article in articles for row in _rows(article)]


def _is_pandas(content: Record) -> bool:
    """Whether a document is what ``DataFrame.to_json`` writes by default, or its ``orient="split"``."""
    if {"columns", "index", "data"} == content.keys():
        return True
    kinds = {type(column) for column in content.values()}
    if len(content) < 2 or kinds not in ({dict}, {list}):
        return False
    return len({len(column) for column in content.values()}) == 1 and all(
        not isinstance(cell, dict | list) for column in content.values() for cell in list(column)[:1]
    )


def _is_spacy_training(article: Any) -> bool:
    paragraphs = _listed(article.get("paragraphs")) if isinstance(article, Mapping) else []
    return any(isinstance(paragraph, Mapping) and "sentences" in paragraph for paragraph in paragraphs[:1])


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
        for question in questions:
            if not isinstance(question, Mapping):
                yield "a question that is not a JSON object"
                continue
            row = {"title": article.get("title"), "context": paragraph.get("context"), **question}
            yield row | ({"answers": []} if question.get("is_impossible") else {})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
