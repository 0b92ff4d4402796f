"""A bundle, checked and ready to predict.

Example::

    bundle = goldilocks.load("run/bundle")
    bundle.predict(["my card has not arrived"])[0].label
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from goldilocks import plugins
from goldilocks.answers import Answers, by_rule
from goldilocks.bundle import known_replies
from goldilocks.bundle.guard import check
from goldilocks.bundle.known_replies import KnownReplies, is_open
from goldilocks.bundle.layout import FORMAT_VERSION, INFO, MODEL, BundleInfo
from goldilocks.errors import (
    EndpointError,
    GoldilocksError,
    InputError,
    IntegrityError,
    MissingError,
    UnfinishedError,
)
from goldilocks.protocols import Floats, Model, SupportsDomains, SupportsGeneration, Task
from goldilocks.records import Answer, Generation, Output, Prediction, Text, display
from goldilocks.rows import item_of, named
from goldilocks.support.files import from_json
from goldilocks.support.frames import is_frame, rows_of_frame, table_of
from goldilocks.support.machine.out_of_memory import out_of_memory
from goldilocks.support.text.composition import NFC, composed, original
from goldilocks.support.text.sentences import SENTENCE_END
from goldilocks.support.text.word_tokenizer import cutter

NO_REPLIES = "candidates is not a list of texts, and this bundle keeps no replies of its training rows to choose from"

_MAX_CHARACTERS = 200
"""Characters of a library's error that are shown."""
Rows = Any
"""Rows to answer: a sequence of texts, tuples of texts or mappings, or a frame (see ``Bundle.items``)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model with its labels and metadata."""

    info: BundleInfo
    model: Model
    folder: Path
    known: KnownReplies | None = None
    """Replies of the training rows, for rows that come without candidates."""

    def __repr__(self) -> str:
        return display.bundle_repr(self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of ``probabilities``."""
        return self.info.labels

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains for which the model has a part; empty for most bundles."""
        return tuple(self.model.domain_names) if isinstance(self.model, SupportsDomains) else ()

    def answers(
        self,
        items: Sequence[Text],
        *,
        generation: Generation | None = None,
        domains: Sequence[str | None] | None = None,
    ) -> Answers:
        """Answers to items (the model's input), in order and by column; ``items`` turns rows into items.

        An item gets the same answer alone and in a batch. Texts are normalised according to ``info.normalisation``;
        spans and extracted answers refer to the original text. For tags, a raw text is split into words in the same
        way as the training rows.

        Args:
            items: The model's input.
            generation: Generation settings of this request, for generative models; ``None``: the model's own.
            domains: The domain of each item, for models with ``domains``; ``None``: the model routes it.

        Raises:
            InputError: the model does not generate, cannot generate as many tokens as requested, or has no such domain.
            IntegrityError: the model fails, or its answers do not have the shape that the bundle describes.
            UnfinishedError: the endpoint that answers failed in the middle; the error has the answers so far.
        """
        try:
            answers = self._answered(items, generation, domains)
        except UnfinishedError as error:
            if len(error.answers) != len(items):
                raise EndpointError(str(error)) from error
            raise UnfinishedError(str(error), by_rule(error.answers, self.info.answer_rule)) from error
        except BaseException as error:
            if not _is_a_failure(error):
                raise
            raise IntegrityError(
                f"{self.folder}: its model failed ({_in_line(error)}); the bundle may be damaged, create it again."
            ) from error
        shape = answers.probabilities.shape
        if self.info.output is Output.LABEL and shape != (len(items), len(self.labels)):
            raise IntegrityError(
                f"{self.folder}: its model gave probabilities of the shape {shape} for {len(items)} texts and "
                f"{len(self.labels)} labels; the bundle is damaged, create it again."
            )
        if self.info.output is Output.SCORE and not _finite(answers):
            raise IntegrityError(
                f"{self.folder}: its model gave a score that is not a finite number; the bundle is damaged, create "
                "it again."
            )
        return answers

    def _answered(
        self, items: Sequence[Text], generation: Generation | None, domains: Sequence[str | None] | None
    ) -> Answers:
        if domains is not None and not self.domains:
            raise InputError(f"{self.folder}: has no domains; leave the domain out.")
        if not len(items):
            return Answers((), np.zeros(0, np.float32), self.labels, np.zeros((0, len(self.labels)), np.float32))
        if generation is not None:
            normalised = self.normalised(items)
            return by_rule(self._generator().predict(normalised, generation=generation), self.info.answer_rule)
        if self.info.output is Output.SCORE:
            return self._ranked(items)
        if self.info.output is not Output.TAGS:
            answers = by_rule(self._predicted(self.normalised(items), domains), self.info.answer_rule)
            return self._in_original(answers, items) if self.info.output is Output.SPAN else answers
        cut = cutter(self.info.word_cuts)
        spans = tuple(tuple(cut(item)) if isinstance(item, str) else () for item in items)
        words = [
            _cut(item, where, lines=self.info.word_cuts.lines) if isinstance(item, str) else item
            for item, where in zip(items, spans, strict=True)
        ]
        answers = by_rule(self._predicted(self.normalised(words), domains), self.info.answer_rule)
        return replace(answers, items=tuple(items), spans=spans)

    def _predicted(self, items: Sequence[Text], domains: Sequence[str | None] | None) -> Answers:
        if isinstance(self.model, SupportsDomains):
            return self.model.predict(items, domains=domains)
        return self.model.predict(items)

    def _ranked(self, items: Sequence[Text]) -> Answers:
        """Scores; an item without candidates is ranked with the known replies that fit its context best."""
        if not any(map(is_open, items)):
            return by_rule(self.model.predict(self.normalised(items)), self.info.answer_rule)
        completed = [self.known.completed(item) if self.known is not None else item for item in items]
        usable = [place for place, item in enumerate(completed) if not is_open(item)]
        values, scores = [cast(Answer, 0.0)] * len(completed), np.full(len(completed), np.nan, np.float32)
        problems = [NO_REPLIES] * len(completed)
        if usable:
            complete_items = self.normalised([completed[place] for place in usable])
            ranked = by_rule(self.model.predict(complete_items), self.info.answer_rule)
            scores[usable] = ranked.scores
            for number, place in enumerate(usable):
                values[place] = ranked.values[number]
                problems[place] = ranked.problems[number] if ranked.problems else ""
        replies = [after if is_open(item) else "" for item, after in zip(items, completed, strict=True)]
        return Answers(
            tuple(values), scores, items=tuple(replies), spans=((),) * len(completed), problems=tuple(problems)
        )

    def normalised(self, items: Sequence[Text]) -> Sequence[Text]:
        """Items as the model encodes them (``info.normalisation``)."""
        return [composed(item) for item in items] if self.info.normalisation == NFC else items

    def _in_original(self, answers: Answers, items: Sequence[Text]) -> Answers:
        """Extracted answers as the context spells them."""
        if self.info.normalisation != NFC:
            return answers
        contexts = [item if isinstance(item, str) else item[-1] for item in items]
        values = [original(str(value), text) for value, text in zip(answers.values, contexts, strict=True)]
        return replace(answers, values=tuple(values))

    def columns(self, available: Iterable[str]) -> dict[str, str]:
        """Role -> the column from which it is read: the column of the training data, or one named like the role.

        Args:
            available: Columns of the rows. If neither is among them, the column of the training data is returned.
        """
        present = set(available)
        task = plugins.load("tasks", self.info.task)
        trained = {role: self.info.columns.get(role, role) for role in task.READS}
        return {role: role if role in present and column not in present else column for role, column in trained.items()}

    def items(self, rows: Rows) -> list[Text]:
        """The model's input for each row, as ``goldilocks predict`` takes rows.

        Args:
            rows: A list of rows, each a text, a tuple of texts if the task has several, or a mapping from role or
                column of the training data to cell (a label in it is ignored); or a frame (pandas, Polars, Arrow,
                ``datasets``) with these columns.

        Raises:
            InputError: ``rows`` is a single string, a frame lacks a column, or a row cannot be used (the message gives
                its position, from 0).
        """
        if isinstance(rows, str):
            raise InputError("texts is one string; pass a list of texts, e.g. predict([text]).")
        task = plugins.load("tasks", self.info.task)
        if is_frame(rows):
            rows = self._frame_rows(rows, task)
        items: list[Text] = []
        for position, row in enumerate(rows):
            if not isinstance(row, str | tuple | list | Mapping):
                raise InputError(
                    f"text {position} is a {type(row).__name__}; pass a list of strings, tuples of them, or mappings."
                )
            try:
                items.append(self._item(row, task))
            except InputError as error:
                raise InputError(f"text {position}: {error}.") from error
        return items

    def _item(self, row: Text | Sequence[str] | Mapping[str, Any], task: Task) -> Text:
        if isinstance(row, Mapping):
            return item_of(row, task, self.columns(row))
        return item_of(named(row, task), task, {role: role for role in task.READS})

    def _frame_rows(self, frame: Any, task: Task) -> list[dict[str, Any]]:
        names = table_of(frame).column_names
        columns = self.columns(names)
        needed = [column for role, column in columns.items() if role not in task.OPTIONAL or column in names]
        return rows_of_frame(frame, needed, f"this bundle ({self.info.task})")

    def probabilities(self, texts: Rows) -> Floats:
        """Probability of each label for each item, ``(n_items, n_labels)``, float32; a row sums to 1.

        Only for bundles that predict labels; in multi-label bundles, each probability is independent.
        """
        return self.answers(self.items(texts)).probabilities

    def predict(
        self,
        texts: Rows,
        *,
        generation: Generation | None = None,
        domain: str | Sequence[str | None] | None = None,
    ) -> list[Prediction]:
        """The answer to each row, in order; see ``items`` for what a row may be.

        Args:
            texts: The rows.
            generation: Generation settings of this request, for generative models. The model itself does not change, so
                requests with different settings may run at the same time.
            domain: One of ``domains`` for all rows, or one for each (``None``: the model routes it).

        Raises:
            InputError: as in ``items`` and ``answers``, or the number of domains differs from the number of rows.
        """
        items = self.items(texts)
        stated = [domain] * len(items) if isinstance(domain, str) else domain
        if stated is not None and len(stated) != len(items):
            raise InputError(f"{len(stated)} domains for {len(items)} texts; pass one for each, or one name for all.")
        return self.answers(items, generation=generation, domains=stated).predictions()

    def generate(
        self, texts: Iterable[Text | Mapping[str, Any]], *, generation: Generation | None = None, batch_rows: int = 16
    ) -> Iterator[Prediction]:
        """Like ``predict``, but batch by batch: a prediction is yielded as soon as its batch is finished.

        Args:
            texts: The rows, possibly an iterator; at most one batch of it is held in memory.
            generation: Generation settings of this request; ``None``: the model's own.
            batch_rows: Rows per batch.

        Raises:
            InputError: as in ``predict``, or the model does not generate token by token.
        """
        self._generator()
        return self._generated(iter(texts), generation, batch_rows)

    def _generated(
        self, texts: Iterator[Text | Mapping[str, Any]], generation: Generation | None, batch_rows: int
    ) -> Iterator[Prediction]:
        while batch := list(islice(texts, batch_rows)):
            yield from self.predict(batch, generation=generation)

    def _generator(self) -> SupportsGeneration:
        if not isinstance(self.model, SupportsGeneration):
            raise InputError(
                f"{self.folder}: {self.info.family} does not generate text; call predict without generation settings."
            )
        return self.model


def _finite(answers: Answers) -> bool:
    """Whether the numbers that are answers are finite, but for items that have none."""
    problems = answers.problems or ("",) * len(answers)
    numbers = [value for value, problem in zip(answers.values, problems, strict=True) if not problem]
    flat = [number for value in numbers for number in (value if isinstance(value, tuple) else (value,))]
    return not any(isinstance(number, float) and not np.isfinite(number) for number in flat)


def _cut(text: str, spans: Sequence[tuple[int, int]], *, lines: bool) -> tuple[str, ...]:
    """The words of a raw text; with ``lines`` each of its lines is a sentence."""
    words: list[str] = []
    previous_end = 0
    for start, end in spans:
        if lines and words and "\n" in text[previous_end:start]:
            words.append(SENTENCE_END)
        words.append(text[start:end])
        previous_end = end
    return tuple(words)


def load(folder: Path | str) -> Bundle:
    """Load a bundle. The SHA-256 of every file is checked, and nothing is unpickled.

    Raises:
        MissingError: there is no bundle, or a package that its family or engine needs is not installed.
        IntegrityError: it is damaged, contains unexpected files, or was written by a newer version of Goldilocks.
    """
    folder = Path(folder)
    info = read_info(folder)
    check(folder, info.files)
    engine = plugins.load("engines", info.engine)
    try:
        model = engine.load(folder / MODEL, info.family)
        known = known_replies.load(folder)
    except BaseException as error:
        if not isinstance(error, OSError) and not _is_a_failure(error):
            raise
        raise IntegrityError(
            f"{folder}: its files are whole, but {info.family} cannot read them ({_in_line(error)}); "
            f"it was written by {info.created_by}."
        ) from error
    if tuple(model.labels) != info.labels:
        raise IntegrityError(f"{folder}: the model's labels are not those in {INFO}; create the bundle again.")
    return Bundle(info, model, folder, known)


def _is_a_failure(error: BaseException) -> bool:
    """Whether an error is a library's about what is in a file, and not one that says what to do, or of the machine."""
    panic = type(error).__name__ == "PanicException"  # of libraries in Rust, such as tokenizers; it is no Exception
    explained = isinstance(error, GoldilocksError | OSError) or out_of_memory(error)
    return panic or (isinstance(error, Exception) and not explained)


def _in_line(error: BaseException) -> str:
    """An error in one line that is not too long, whatever is in the file that it is about."""
    text = " ".join(str(error)[:_MAX_CHARACTERS].split())
    return f"{type(error).__name__}: {text}{'…' if len(str(error)) > _MAX_CHARACTERS else ''}"


def read_info(folder: Path) -> BundleInfo:
    """``bundle.json``, its format version checked before all else.

    Raises:
        MissingError: the folder holds no bundle.
        IntegrityError: the file is damaged, or of a format this version does not know.
    """
    path = folder / INFO
    try:
        if path.exists() and (path.is_symlink() or not path.is_file()):  # reading a FIFO would wait for ever
            raise IntegrityError(f"{path}: is a link or not a regular file; a bundle holds files only.")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = f" Did you mean {folder / 'bundle'}?" if (folder / "bundle" / INFO).is_file() else ""
        raise MissingError(
            f"{folder}: holds no {INFO}, so it is not a bundle.{hint} Pass a bundle's folder."
        ) from error
    except OSError as error:
        raise MissingError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        version = json.loads(content)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(f"{path}: damaged; copy the bundle again, or create it again.") from error
    if type(version) is not int or version < 1:  # a bool is an int too
        raise IntegrityError(f"{path}: format version {version!r} is none there ever was; create the bundle again.")
    if version > FORMAT_VERSION:
        raise IntegrityError(
            f"{path}: format version {version}, and this Goldilocks reads up to {FORMAT_VERSION}; "
            "upgrade: pip install --upgrade goldilocks-lm"
        )
    return from_json(BundleInfo, content, where=path)
