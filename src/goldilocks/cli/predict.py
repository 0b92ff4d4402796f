"""``goldilocks predict``: answers for rows, as they come."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldilocks.cli.generation import (
    MaxTokensOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    stops_of,
)
from goldilocks.errors import InputError
from goldilocks.support.control_characters import json_visible

if TYPE_CHECKING:
    from goldilocks.bundle.read import Bundle
    from goldilocks.data.unlabelled import Asked
    from goldilocks.records import Generation, Prediction

_FIRST, _MOST = 16, 1_024
"""Rows answered at a time: at first, and where they are answered fast."""
_SECONDS = 0.5
"""Answering fewer seconds at a time is not felt as waiting."""


def predict(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Lines of text, .jsonl, or a table (.csv .tsv .parquet .json .conll); each also .gz. Standard input "
            "when left out."
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="Of rows with names: the column that holds the text, or role=column (repeatable)."),
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Standard input is JSON Lines.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Write the probability of every label.")] = False,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    stop: StopOption = None,
    seed: SeedOption = None,
) -> None:
    """Answer each row of FILE (or of standard input) with one line of JSON, in order, as it goes.

    A line holds what the task reads: a text, or several separated by tabs. JSON Lines and tables name each by its role;
    what else is in a row, such as its right answer, is passed over.

    A row that cannot be answered gets {"error": "row 3: ..."} in its place and the rows behind it are answered all the
    same; the exit code is then 2, and standard error names the first such row and how many there are.

    Example: echo "my card has not arrived" | goldilocks predict run/bundle
    """
    from goldilocks import plugins
    from goldilocks.answers import as_fields
    from goldilocks.bundle.generation import generation_request
    from goldilocks.bundle.read import load
    from goldilocks.data.unlabelled import arriving, columns_of

    model = load(bundle)
    drawn = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "seed": seed}
    generation = generation_request(model, {"max_tokens": max_tokens, "stops": stops_of(stop), **drawn})
    task = plugins.load("tasks", model.info.task)
    columns = columns_of(task, dict(_named(one, task.READS[0]) for one in field or ()))
    source = sys.stdin.fileno() if file is None else file
    rows = bad = 0
    first = ""
    for batch in arriving(source, task, columns, jsonl=jsonl):
        for asked, predictions in _answered(model, batch, generation):
            rows += len(asked)
            for number, item in asked:
                if isinstance(item, InputError):
                    fields: dict[str, Any] = {"error": str(item)}
                else:
                    fields = as_fields(next(predictions), model.info.goal, scores=scores)
                if "error" in fields:
                    fields = {"error": f"row {number}: {fields['error']}"}
                    bad, first = bad + 1, first or fields["error"]
                sys.stdout.write(json_visible(json.dumps(fields, ensure_ascii=False)) + "\n")
            sys.stdout.flush()
    if bad:
        raise InputError(f"{first} ({bad:,} of {rows:,} rows have no answer; mend them and pass them again).")


def _named(option: str, role: str) -> tuple[str, str]:
    """(role, column) of a ``--field``; one without ``=`` is the column of ``role``."""
    before, equals, behind = option.partition("=")
    return (before, behind) if equals else (role, option)


def _answered(
    model: Bundle, batch: list[Asked], generation: Generation | None
) -> Iterator[tuple[list[Asked], Iterator[Prediction]]]:
    """The rows of a batch and the answers to those that are questions, no more at a time than is answered soon."""
    most, begins = _FIRST, 0
    while begins < len(batch):
        asked = batch[begins : begins + most]
        begins += most
        since = time.monotonic()
        items = [item for _, item in asked if not isinstance(item, InputError)]
        yield asked, iter(model.answers(items, generation=generation).predictions())
        most = min(2 * most, _MOST) if time.monotonic() - since < _SECONDS else _FIRST
