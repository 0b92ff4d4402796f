"""``goldilocks pretrain``: pre-train a language model on unlabelled text."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from goldilocks.cli.console import say
from goldilocks.cli.task_file import OnlineOption
from goldilocks.events import CorpusRead, Event, PretrainingStep, StageStarted
from goldilocks.support.text.translation import localised


def pretrain(
    corpus: Annotated[
        list[Path], typer.Argument(help="Text: .txt (one document per paragraph), .jsonl, .csv, .parquet; also .gz.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("pretrained"),
    objective: Annotated[
        str, typer.Option(help="mlm: masked LM (BERT); clm: causal LM; denoise: span corruption (T5).")
    ] = "mlm",
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Checkpoint to continue from: a folder or a catalogue name. Default: from scratch."
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="From scratch, layers x width: tiny (2 x 128), mini (4 x 256), small (4 x 512), medium (8 x 512) or "
            "base (12 x 768)."
        ),
    ] = "tiny",
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="From scratch: wordpiece, bpe or unigram. Default: wordpiece for mlm, bpe for clm, unigram for "
            "denoise."
        ),
    ] = None,
    vocabulary: Annotated[int, typer.Option(min=16, help="Maximum vocabulary size of a new tokenizer.")] = 8_000,
    lowercase: Annotated[
        bool | None,
        typer.Option("--lowercase/--cased", help="Whether a new tokenizer lowercases. Default: only wordpiece does."),
    ] = None,
    next_sentence: Annotated[bool, typer.Option("--next-sentence", help="mlm: add next-sentence prediction.")] = False,
    whole_words: Annotated[bool, typer.Option("--whole-words", help="mlm: whole-word masking.")] = False,
    across: Annotated[
        bool,
        typer.Option(
            "--across",
            help="Let attention cross the boundaries of documents packed into one sequence; denoise always does.",
        ),
    ] = False,
    length: Annotated[int, typer.Option(min=8, help="Sequence length in tokens.")] = 128,
    epochs: Annotated[float, typer.Option(min=0.0, help="Number of epochs.")] = 1.0,
    steps: Annotated[int | None, typer.Option(min=0, help="Number of optimiser steps, in place of epochs.")] = None,
    batch_rows: Annotated[int, typer.Option(min=1, help="Batch size in sequences.")] = 32,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Peak learning rate. Default: 1e-4 from a checkpoint; from scratch 1e-3, less for wide models.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Text column of .csv, .jsonl and .parquet files.")] = "text",
    licence: Annotated[str, typer.Option(help="SPDX identifier, for the model card.")] = "unknown",
    language: Annotated[list[str] | None, typer.Option(help="BCP 47 tag, for the model card (repeatable).")] = None,
    checkpoint_minutes: Annotated[float, typer.Option(min=0.0, help="Minutes between checkpoints.")] = 5.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Random seed; the same seed gives the same model.")
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    online: OnlineOption = False,
    threads: Annotated[int, typer.Option(min=0, help="Compute threads; 0: one per core.")] = 0,
) -> None:
    """Train a language model on unlabelled text, from scratch or from a checkpoint.

    Streams the corpus and writes OUT/ in the format of the Hugging Face Hub (config.json, model.safetensors,
    tokenizer.json, README.md, pretraining.json), which a task file can name under candidates.models. Needs 3 to 5 bytes
    of disk per token while it runs. A run that was killed continues with --resume from its last checkpoint, to the same
    weights.

    Exit code 0: written; 2: bad input; 130: interrupted.

    Example: goldilocks pretrain tickets.txt --from all-MiniLM-L6-v2 --epochs 3 --out minilm-tickets

    Example: goldilocks pretrain corpus.txt.gz --objective clm --size mini --vocabulary 16000 --length 256
    """
    from goldilocks.support.machine.hardware import set_threads

    set_threads(threads)
    from goldilocks.data.corpus import documents
    from goldilocks.pretrain.run import pretrain as run
    from goldilocks.pretrain.settings import PretrainSettings

    settings = PretrainSettings(
        out=out,
        objective=objective,
        start=_folder(start, online) if start else None,
        size=size,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        lowercase=lowercase,
        next_sentence=next_sentence,
        whole_words=whole_words,
        across=across,
        length=length,
        epochs=epochs,
        steps=steps,
        batch_rows=batch_rows,
        learning_rate=learning_rate,
        seed=seed,
        checkpoint_seconds=60 * checkpoint_minutes,
        resume=resume,
        column=column,
        licence=licence,
        languages=tuple(language or ()),
    )
    with _Live() as live:
        result = run(corpus, settings, documents, live)
    held_out = ""
    if result.held_out_before is not None and result.held_out_after is not None:
        held_out = f"; held-out loss {result.held_out_before:.3f} before, {result.held_out_after:.3f} after"
    say(f"{result.documents:,} documents, {result.tokens:,} tokens, {result.steps:,} steps{held_out}")
    say(f"model: {out}")


def _folder(named: str, online: bool) -> Path:
    from goldilocks.catalog.fetch import folder_of
    from goldilocks.catalog.known import source_of

    return folder_of(source_of(named, Path()), offline=not online)


_STAGES = {
    "tokenizer": "Training the tokenizer",
    "packing": "Packing the corpus into rows",
    "training": "Training the model",
    "writing": "Writing the model",
}
_PRINT_EVERY = 15.0
"""Seconds between two lines without a terminal."""


class _Live:
    """A progress callback that draws on standard error: a progress bar on a terminal, else a line every few seconds."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from goldilocks.support.console import PlainConsole

        self._console = PlainConsole(stderr=True)
        words = TextColumn("{task.description}")
        self._bar = Progress(words, BarColumn(), TimeRemainingColumn(), console=self._console, transient=True)
        self._task = self._bar.add_task("", total=None)
        self._printed = 0.0

    def __enter__(self) -> _Live:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted(name=name):
                self._show(_STAGES.get(name, name), at_once=True)
            case CorpusRead(documents=documents, file=file):
                self._show(f"{documents:,} documents ({file})")
            case PretrainingStep(step=step, steps=steps):
                words = f"step {step:,} of {steps:,}, loss {event.loss:.3f}, {event.tokens_per_second:,.0f} tokens/s"
                self._bar.update(self._task, total=steps, completed=step)
                self._show(words, at_once=step == steps)

    def _show(self, words: str, *, at_once: bool = False) -> None:
        words = localised(words)
        if self._console.is_terminal:
            self._bar.update(self._task, description=words)
        elif at_once or time.monotonic() - self._printed > _PRINT_EVERY:
            self._printed = time.monotonic()
            self._console.print(words, soft_wrap=True)
