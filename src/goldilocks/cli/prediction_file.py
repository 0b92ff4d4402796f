"""Where predictions go: JSON Lines or CSV, to standard output or to a file that is written whole or not at all."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from goldilocks.cli.console import say
from goldilocks.errors import EndpointError, InputError
from goldilocks.support.control_characters import json_visible

Write = Callable[[Mapping[str, Any]], None]


class PredictionFormat(StrEnum):
    """File formats of predictions."""

    JSONL = "jsonl"
    CSV = "csv"


@contextmanager
def writing(out: Path | None, form: PredictionFormat) -> Iterator[tuple[Write, Callable[[], None]]]:
    """A function that writes one prediction, and one that flushes what is written.

    Args:
        out: The file; it takes its name once all predictions are in it. ``None``: standard output.
        form: ``jsonl``: one object per line. ``csv``: a table with the fields of the first prediction as its columns
            (and ``error``); lists and objects are JSON in their cell.

    Raises:
        InputError: the file cannot be written.
        EndpointError: as it came from the block; the predictions so far, which were paid for, are in a file beside
            ``out`` (``predictions.partial.csv``), as after Ctrl-C.
    """
    if out is None:
        yield _writer(sys.stdout, form), sys.stdout.flush
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield _writer(file, form), file.flush
        part.replace(out)
    except (EndpointError, KeyboardInterrupt) as error:
        partial = out.with_name(f"{out.stem}.partial{out.suffix}")
        if not part.stat().st_size:
            raise
        part.replace(partial)
        if isinstance(error, EndpointError):
            raise EndpointError(f"{error} The rows so far are in {partial}.") from error
        say(f"The rows so far are in {partial}.", error=True)
        raise
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another --out.") from error
    finally:
        part.unlink(missing_ok=True)


def _writer(file: IO[str], form: PredictionFormat) -> Write:
    if form is PredictionFormat.JSONL:
        return lambda fields: print(json_visible(json.dumps(fields, ensure_ascii=False)), file=file)
    table: list[csv.DictWriter[str]] = []

    def write(fields: Mapping[str, Any]) -> None:
        if not table:
            columns = [name for name in fields if name != "error"]
            table.append(csv.DictWriter(file, [*columns, "error"], extrasaction="ignore", restval=""))
            table[0].writeheader()
        table[0].writerow({name: _cell(value) for name, value in fields.items()})

    return write


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
