"""Plain text files as rows: a paragraph each, or a line each where no line is empty. Read as they are drawn.

For tasks with a ``text``, the paragraph is the text. For tasks with a ``prompt`` and a ``target``, its first
``PROMPT_WORDS`` words are the prompt and the rest is the target; paragraphs with fewer than twice as many words are
passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.text_file import lines_of
from goldilocks.errors import InputError
from goldilocks.support.text.units import run_pattern

SUFFIX = ".txt"
PROMPT_WORDS = 10
MAX_CHARACTERS = 20_000
"""Longest row; a longer paragraph becomes several."""
LOOKED_AT = 10_000
"""Lines among which an empty one is looked for."""


def is_plain(path: Path) -> bool:
    """Whether the file is a .txt or .txt.gz."""
    name = path.name.lower().removesuffix(".gz")
    return path.is_file() and name.endswith(SUFFIX)


def roles_of(path: Path, wanted: Sequence[str]) -> list[str]:
    """The roles that a plain text can fill for a task with the roles ``wanted``.

    Raises:
        InputError: the task needs others.
    """
    if "text" in wanted and "label" not in wanted:
        return ["text"]
    if {"prompt", "target"} <= set(wanted):
        return ["prompt", "target"]
    raise InputError(
        f"{path.name}: plain text holds no columns, and this task needs {', '.join(wanted)}; name a .jsonl, .csv or "
        ".tsv file."
    )


def plain_rows(path: Path, roles: Sequence[str]) -> Rows:
    """Rows numbered by the line they begin in.

    Raises:
        InputError: the file is not UTF-8.
    """
    for number, text in _texts(path):
        if roles == ["text"]:
            yield number, [text]
        else:
            places = list(islice(run_pattern().finditer(text), 2 * PROMPT_WORDS))
            if len(places) == 2 * PROMPT_WORDS:
                cut = places[PROMPT_WORDS - 1].end()
                yield number, [text[:cut], text[cut:]]


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    paragraphs = any(line.isspace() for line in islice(lines_of(path), LOOKED_AT))
    kept: list[str] = []
    begins, length = 1, 0
    for number, line in enumerate(lines_of(path), start=1):
        ends = line.isspace() or not paragraphs
        if kept and (line.isspace() or length + len(line) > MAX_CHARACTERS):
            yield begins, "".join(kept).strip()
            kept, length = [], 0
        if not line.isspace():
            begins = begins if kept else number
            kept.append(line)
            length += len(line)
        if kept and ends:
            yield begins, "".join(kept).strip()
            kept, length = [], 0
    if kept:
        yield begins, "".join(kept).strip()
