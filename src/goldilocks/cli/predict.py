"""``goldilocks predict``: stream predictions for rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldilocks.cli.console import say
from goldilocks.cli.generation import (
    MaxTokensOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    stops_of,
)
from goldilocks.cli.prediction_file import PredictionFormat, writing
from goldilocks.cli.stated_domains import Domains
from goldilocks.errors import EndpointError, InputError, UnfinishedError

if TYPE_CHECKING:
    from goldilocks.bundle.read import Bundle
    from goldilocks.data.unlabelled import CopiedColumns, NumberedItem
    from goldilocks.records import Generation, Goal, Prediction

_FIRST, _MAX = 16, 1_024
"""Batch size: initial, and maximal for fast models."""
_SECONDS = 0.5
"""Batches that take less time than this are doubled."""


def predict(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Lines of text, .jsonl, or a table (.csv .tsv .xlsx .parquet .json .conll); each also .gz. Default, "
            "or -: standard input."
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="Column that holds the text, or role=column (repeatable). Default: as in training."),
    ] = None,
    jsonl: Annotated[
        bool | None,
        typer.Option(
            "--jsonl/--no-jsonl",
            help="Read each line as a JSON object, or as plain text. Default: judged by the first line.",
        ),
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Include the probability of every label.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the predictions to this file instead of standard output.")
    ] = None,
    form: Annotated[
        PredictionFormat, typer.Option("--format", help="jsonl: one JSON object per row; csv: a table.")
    ] = PredictionFormat.JSONL,
    keep: Annotated[str | None, typer.Option(help="Input columns to copy to the output, e.g. id,text.")] = None,
    domain: Annotated[
        str | None, typer.Option(help="Domain of all rows, for a bundle with adapters per domain.")
    ] = None,
    domain_column: Annotated[
        str | None,
        typer.Option(help="Column that states the domain of each row; a row without one is routed by the bundle."),
    ] = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    stop: StopOption = None,
    seed: SeedOption = None,
) -> None:
    """Predict each row of FILE or standard input, in order, as it arrives.

    A line holds the input of the task: one text, several separated by tabs, or a JSON object. JSON Lines and tables
    name inputs by role or by the column of the training data; other columns, such as labels, are ignored. A table on
    standard input is recognised by a first line with these names.

    An unusable row yields {"error": "row 3: ..."}, and the following rows are predicted normally. The exit code is then
    2, and standard error names the first such row and their number. If an endpoint fails, the rows that it answered are
    written first, with --out to a file beside it (predictions.partial.csv).

    Example: echo "my card has not arrived" | goldilocks predict run/bundle

    Example: goldilocks predict run/bundle new.csv --format csv --keep id --out predictions.csv

    Example: goldilocks predict updated new.csv --domain-column source
    """
    from goldilocks import plugins
    from goldilocks.bundle.generation import generation_request
    from goldilocks.bundle.read import load
    from goldilocks.data.unlabelled import CopiedColumns, arriving, columns_of
    from goldilocks.support.files import check_apart

    model = load(bundle)
    if out:
        check_apart(out, bundle, file)
    sampling = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "seed": seed}
    generation = generation_request(model, {"max_tokens": max_tokens, "stops": stops_of(stop), **sampling})
    task = plugins.load("tasks", model.info.task)
    named = dict(_named(option, task.READS[0]) for option in field or ())
    columns = columns_of(task, named) if named else model.columns
    copied = tuple(name.strip() for name in keep.split(",") if name.strip()) if keep else ()
    kept = CopiedColumns(copied if domain_column is None else tuple(dict.fromkeys((*copied, domain_column))))
    domains = Domains(model, domain, domain_column)
    source = sys.stdin.fileno() if file is None or str(file) == "-" else file
    rows = _OutputRows(model.info.goal, scores, copied, kept)
    with writing(out, form) as (write, flush), rows.counted():
        batches = arriving(source, task, columns, jsonl=jsonl, kept=kept, announce=partial(say, error=True))
        for chunk, predictions in _predictions(model, batches, generation, domains, kept):
            for fields in rows.of(chunk, predictions):
                write(fields)
            flush()
    rows.raise_unusable()


@dataclass(slots=True)
class _OutputRows:
    """Predictions as rows of the output, with the columns that are copied; counts those without a prediction."""

    goal: Goal
    scores: bool
    """Whether they have the probability of every label."""
    copied: tuple[str, ...]
    """Input columns that are copied."""
    kept: CopiedColumns
    n_rows: int = 0
    n_unusable: int = 0
    first_error: str = ""

    def of(self, chunk: list[NumberedItem], predictions: Iterator[Prediction]) -> Iterator[dict[str, Any]]:
        """The rows of a chunk; ``predictions`` are those of its usable items, in order."""
        from goldilocks.answers import as_fields

        self.n_rows += len(chunk)
        for number, item in chunk:
            if isinstance(item, InputError):
                fields: dict[str, Any] = {"error": str(item)}
            else:
                fields = as_fields(next(predictions), self.goal, scores=self.scores)
            if "error" in fields:
                fields = {"error": f"row {number}: {fields['error']}"}
                self.n_unusable, self.first_error = self.n_unusable + 1, self.first_error or fields["error"]
            cells = self.kept.cells.pop(number, {})
            yield {name: cells[name] for name in self.copied if name in cells} | fields

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Add to the error of an endpoint how many rows it had answered before."""
        try:
            yield
        except EndpointError as error:
            n_predicted = self.n_rows - self.n_unusable
            if not n_predicted:
                raise
            raise EndpointError(f"{error} {n_predicted:,} rows have a prediction; pass the others again.") from error

    def raise_unusable(self) -> None:
        """Raise the first unusable row's error, with the number of such rows, if there are any."""
        if self.n_unusable:
            raise InputError(
                f"{self.first_error} ({self.n_unusable:,} of {self.n_rows:,} rows have no prediction; fix them and "
                "pass them again)."
            )


def _named(option: str, role: str) -> tuple[str, str]:
    """(role, column) of a ``--field``; one without ``=`` is the column of ``role``."""
    before, equals, behind = option.partition("=")
    return (before, behind) if equals else (role, option)


def _predictions(
    model: Bundle,
    batches: Iterable[list[NumberedItem]],
    generation: Generation | None,
    domains: Domains,
    kept: CopiedColumns,
) -> Iterator[tuple[list[NumberedItem], Iterator[Prediction]]]:
    """The rows with the predictions of the usable ones, in chunks small enough to be answered quickly.

    Raises:
        EndpointError: the endpoint that answers has failed; what it answered before has been yielded.
    """
    for batch in batches:
        yield from _chunks(model, batch, generation, domains, kept)


def _chunks(
    model: Bundle, batch: list[NumberedItem], generation: Generation | None, domains: Domains, kept: CopiedColumns
) -> Iterator[tuple[list[NumberedItem], Iterator[Prediction]]]:
    limit, begins = _FIRST, 0
    while begins < len(batch):
        chunk = [domains.checked(row, kept.cells) for row in batch[begins : begins + limit]]
        begins += limit
        since = time.monotonic()
        usable = [(number, item) for number, item in chunk if not isinstance(item, InputError)]
        items, stated = [item for _, item in usable], domains.stated([number for number, _ in usable], kept.cells)
        try:
            answers = model.answers(items, generation=generation, domains=stated)
        except UnfinishedError as error:
            yield chunk, iter(error.answers.predictions())
            raise
        yield chunk, iter(answers.predictions())
        limit = min(2 * limit, _MAX) if time.monotonic() - since < _SECONDS else _FIRST
