"""``goldilocks predict``: answers for lines of text, as they come."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from goldilocks.errors import InputError, MissingError

_CHUNK = 1 << 16


def predict(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    file: Annotated[Path | None, typer.Argument(help="Lines of text, or .jsonl; standard input when left out.")] = None,
    field: Annotated[str, typer.Option(help="In .jsonl: the key that holds the text.")] = "text",
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Standard input is JSON Lines.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Write the probability of every label.")] = False,
) -> None:
    """Answer each line of FILE (or of standard input) with one line of JSON, in order, as it goes.

    Example: echo "my card has not arrived" | goldilocks predict run/bundle
    """
    from goldilocks.bundle.read import load

    model = load(bundle)
    as_json = jsonl or (file is not None and file.suffix == ".jsonl")
    number = 0
    for lines in _arriving(file):
        texts = [_text(line, number + i + 1, field, as_json) for i, line in enumerate(lines)]
        number += len(lines)
        for answer in model.predict(texts):
            found: dict[str, object] = {"label": answer.label, "score": round(answer.score, 6)}
            if scores:
                found["scores"] = {label: round(score, 6) for label, score in answer.scores.items()}
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _arriving(file: Path | None) -> Iterator[list[str]]:
    """Whole lines, as many at a time as are there: one when typed, thousands from a file."""
    try:
        handle = os.open(file, os.O_RDONLY) if file else sys.stdin.fileno()
    except FileNotFoundError as error:
        raise MissingError(f"{file}: there is no such file; pass lines of text or .jsonl.") from error
    rest = b""
    done = 0
    while chunk := os.read(handle, _CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [_decoded(line, done + i + 1) for i, line in enumerate(lines)]
            done += len(lines)
    if rest:
        yield [_decoded(rest, done + 1)]


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"line {number}: not UTF-8 at byte {error.start}; convert it, e.g. with iconv.") from error


def _text(line: str, number: int, field: str, as_json: bool) -> str:
    if not as_json:
        return line
    try:
        text = json.loads(line)[field]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"line {number}: no JSON object with the key {field!r}; name the key with --field.") from error
    if not isinstance(text, str):
        raise InputError(f"line {number}: {field!r} is a {type(text).__name__}; it must be text.")
    return text
