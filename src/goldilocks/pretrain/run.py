"""Pretraining from corpus to model folder: tokenizer, packed rows, training, model. Finished steps are reused.

``out/work`` holds what an interrupted run resumes from; it is removed when the model is written.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from goldilocks.errors import InputError, MissingError
from goldilocks.events import CorpusRead, PretrainingStep, Progress, StageStarted, silent
from goldilocks.nets.training.checkpoints import read_checkpoint, write_checkpoint
from goldilocks.pretrain import clm, denoise, mlm, tokenizer
from goldilocks.pretrain.folder import copy_tokenizer, write_card, write_model
from goldilocks.pretrain.learner import Learner
from goldilocks.pretrain.objective import Documents, Objective, TokenizerSpec
from goldilocks.pretrain.packing import Rows, read_rows, write_rows
from goldilocks.pretrain.settings import SIZES, PretrainSettings, check
from goldilocks.pretrain.tokenizer import Vocabulary
from goldilocks.support.files import plain, read_record, read_text, sha256_of, to_json, write_text

Reader = Callable[[Path, str], Iterable[str]]
"""(file, column) -> its documents, one by one."""

_OBJECTIVES: Mapping[str, tuple[TokenizerSpec, Callable[[Vocabulary, PretrainSettings], Objective]]] = {
    "mlm": (mlm.FORM, mlm.MaskedLMObjective),
    "clm": (clm.FORM, clm.CausalLMObjective),
    "denoise": (denoise.FORM, denoise.SpanDenoisingObjective),
}
_AT_ONCE = 512
"""Documents that are tokenized together."""
_NOT_THE_RUN = ("out", "resume", "checkpoint_seconds", "licence", "languages")
"""Settings that may differ when a run is resumed."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """How a model was pretrained: ``pretraining.json`` in its folder."""

    objective: str
    start: str
    """Name of the checkpoint that was continued; ``none``: from scratch."""
    parameters: int
    vocabulary: int
    corpus: Mapping[str, str]
    """File name -> SHA-256."""
    documents: int
    tokens: int
    """Tokens of the packed rows, special tokens included."""
    steps: int
    tokens_read: int
    """Over all steps."""
    seconds: float
    """Seconds of training since the run was last resumed."""
    curve: tuple[Mapping[str, float], ...]
    """Mean training loss (nats per token asked for) up to each step named."""
    held_out_rows: int
    held_out_before: float | None
    """Loss on the held-out rows before the first step (``None``: the corpus is too small)."""
    held_out_after: float | None
    settings: Mapping[str, Any]


def pretrain(
    corpus: Sequence[Path], settings: PretrainSettings, documents: Reader, progress: Progress = silent
) -> Pretrained:
    """Pretrain a model and write it to ``settings.out`` in the Hub's format.

    Args:
        corpus: Files of text; streamed two or three times (for the tokenizer and for packing).
        settings: Objective, starting point, length of training.
        documents: Reads one file.
        progress: Called with ``StageStarted``, ``CorpusRead`` and ``PretrainingStep``.

    Raises:
        InputError: settings or corpus cannot be used, or the folder is taken, not writable or full.
        MissingError: a file or the checkpoint is not there.
        IntegrityError: the checkpoint of the run is damaged.
    """
    check(settings)
    out, work = settings.out, settings.out / "work"
    texts = _Corpus(corpus, settings.column, documents, progress)
    if (out / "pretraining.json").exists() and settings.resume:
        return _finished(settings, texts)
    _begin(settings, texts, work)
    form, objective_of = _OBJECTIVES[settings.objective]
    vocabulary = _vocabulary(settings, form, texts, progress)
    objective = objective_of(vocabulary, settings)
    torch.manual_seed(settings.seed)
    model = objective.fresh(SIZES[settings.size]) if settings.start is None else objective.read(settings.start)
    _fits(vocabulary, model, settings)
    rows, packed = _rows(settings, objective, vocabulary, texts, work, progress)
    learner = Learner(model, objective, rows, settings, _peak(settings))
    before = _resume(learner, work)
    started = time.monotonic()
    _train(learner, work, settings.checkpoint_seconds, before, progress)
    progress(StageStarted("writing"))
    record = Pretrained(
        objective=settings.objective,
        start=settings.start.resolve().name if settings.start else "none",
        parameters=sum(weight.numel() for weight in model.parameters()),
        vocabulary=vocabulary.size,
        corpus=packed["corpus"],
        documents=packed["documents"],
        tokens=packed["count"] * objective.row_length(settings.length),
        steps=learner.steps,
        tokens_read=learner.steps * settings.batch_rows * objective.row_length(settings.length),
        seconds=round(time.monotonic() - started, 1),
        curve=tuple(learner.curve),
        held_out_rows=len(learner.held_out),
        held_out_before=before,
        held_out_after=learner.score(),
        settings=_kept(settings, texts),
    )
    _write(record, learner, settings, work)
    return record


def _finished(settings: PretrainSettings, texts: _Corpus) -> Pretrained:
    record = read_record(Pretrained, settings.out / "pretraining.json")
    _same(record.settings, settings, texts)
    return record


class _Corpus:
    """The documents of the files, streamed from the start each time."""

    def __init__(self, files: Sequence[Path], column: str, documents: Reader, progress: Progress) -> None:
        self.files, self._column, self._documents, self._progress = files, column, documents, progress
        self.count = 0

    def texts(self) -> Iterator[str]:
        self.count = 0
        for file in self.files:
            for text in self._documents(file, self._column):
                self.count += 1
                if self.count % _AT_ONCE == 0:
                    self._progress(CorpusRead(self.count, file.name))
                yield text

    def tokenized(self, vocabulary: Vocabulary) -> Documents:
        """Token ids of each document that has any, and whether a token starts a word."""
        texts = self.texts()
        while batch := list(islice(texts, _AT_ONCE)):
            for encoding in vocabulary.tokenizer.encode_batch(batch, add_special_tokens=False):
                if encoding.ids:
                    words = encoding.word_ids
                    begins = np.fromiter((a != b for a, b in zip(words, [-1, *words], strict=False)), dtype=bool)
                    yield np.array(encoding.ids, dtype=np.int32), begins


def _begin(settings: PretrainSettings, texts: _Corpus, work: Path) -> None:
    """Claim the folder; a resumed run must have the same settings."""
    out = settings.out
    if out.is_file():
        raise InputError(f"{out}: is a file; choose another --out.")
    for file in texts.files:
        if not file.is_file():
            raise MissingError(f"{file}: there is no such file; name .txt or .jsonl files (each also .gz).")
    if settings.start is not None and not settings.start.is_dir():
        raise MissingError(f"{settings.start}: there is no such folder; name a checkpoint in the Hub's format.")
    if (work / "settings.json").exists() and settings.resume:
        _same(json.loads(read_text(work / "settings.json")), settings, texts)
        return
    if out.exists() and any(out.iterdir()):
        hint = "continue with --resume, or " if (work / "settings.json").exists() else ""
        raise InputError(f"{out}: is not empty; {hint}choose another --out.")
    write_text(work / "settings.json", to_json(_kept(settings, texts)))


def _same(there: Mapping[str, Any], settings: PretrainSettings, texts: _Corpus) -> None:
    kept = _kept(settings, texts)
    other = next((name for name in kept if there.get(name) != kept[name]), None)
    if other:
        raise InputError(
            f"{settings.out}: its run had {other} {there.get(other)!r}, now {kept[other]!r}; give the same, or choose "
            "another --out."
        )


def _kept(settings: PretrainSettings, texts: _Corpus) -> dict[str, Any]:
    """Settings that must not change when a run is resumed."""
    kept = {name: value for name, value in plain(settings).items() if name not in _NOT_THE_RUN}
    return kept | {"corpus": [file.name for file in texts.files]}


def _vocabulary(settings: PretrainSettings, form: TokenizerSpec, texts: _Corpus, progress: Progress) -> Vocabulary:
    out = settings.out
    if settings.start is not None:
        needs = (*form.needs, "cls") if settings.next_sentence else form.needs
        return tokenizer.read(settings.start, needs)
    if not (out / "tokenizer.json").exists():
        kind = settings.tokenizer or form.tokenizer
        progress(StageStarted("tokenizer"))
        learnt = tokenizer.learn(
            texts.texts,
            kind,
            form.specials,
            vocabulary=settings.vocabulary,
            lowercase=kind == "wordpiece" if settings.lowercase is None else settings.lowercase,
            template=form.template,
            sentinels=form.sentinels,
        )
        if not texts.count:
            raise InputError(
                f"{', '.join(file.name for file in texts.files)}: no text in it; name files with documents."
            )
        tokenizer.write(learnt, out, settings.length)
    return tokenizer.read(out, form.needs)


def _fits(vocabulary: Vocabulary, model: Any, settings: PretrainSettings) -> None:
    n_embeddings = model.get_input_embeddings().weight.shape[0]
    largest_id = max(vocabulary.tokenizer.get_vocab().values(), default=0)
    if largest_id >= n_embeddings:
        raise InputError(
            f"{settings.start}: the tokenizer has a token numbered {largest_id}, the model {n_embeddings} rows; they "
            "are not of the same model."
        )


def _rows(
    settings: PretrainSettings,
    objective: Objective,
    vocabulary: Vocabulary,
    texts: _Corpus,
    work: Path,
    progress: Progress,
) -> tuple[Rows, dict[str, Any]]:
    """The packed corpus and its statistics; packed once."""
    path, facts = work / "rows.bin", work / "rows.json"
    length = objective.row_length(settings.length)
    if not facts.exists():
        progress(StageStarted("packing"))
        first: list[int] = []

        def units() -> Iterator[Any]:
            yield from objective.units(texts.tokenized(vocabulary), settings.seed)
            first.append(texts.count)

        count = write_rows(path, units, length=length, again=objective.again, vocabulary=vocabulary.size)
        corpus = {file.name: sha256_of(file) for file in texts.files}
        write_text(facts, to_json({"count": count, "documents": first[0], "corpus": corpus}))
    packed = json.loads(read_text(facts))
    return read_rows(path, count=packed["count"], length=length, vocabulary=vocabulary.size), packed


def _peak(settings: PretrainSettings) -> float:
    if settings.learning_rate is not None:
        return settings.learning_rate
    if settings.start is not None:
        return 1e-4
    return min(1e-3, 0.256 / SIZES[settings.size].width)


def _resume(learner: Learner, work: Path) -> float | None:
    """Load the last checkpoint and return the held-out loss before the first step."""
    folder = work / "checkpoint"
    if not (folder / "run.json").exists():
        return learner.score()
    facts, tensors = read_checkpoint(folder)
    learner.load_state(tensors, facts["place"])
    before: float | None = facts["before"]
    return before


def _train(learner: Learner, work: Path, every: float, before: float | None, progress: Progress) -> None:
    """Train to the last step, with a checkpoint every ``every`` seconds and when the user stops it."""
    progress(StageStarted("training"))

    def keep() -> None:
        write_checkpoint(work / "checkpoint", {"place": learner.place(), "before": before}, learner.state())

    last_checkpoint = started = time.monotonic()
    first = learner.step
    tokens = learner.settings.batch_rows * learner.objective.row_length(learner.settings.length)
    try:
        while not learner.done:
            loss = learner.advance()
            now = time.monotonic()
            if now - last_checkpoint >= every or learner.done:
                keep()
                last_checkpoint = time.monotonic()
            rate = tokens * (learner.step - first) / max(now - started, 1e-9)
            progress(PretrainingStep(learner.step, learner.steps, loss, rate))
    except KeyboardInterrupt:
        keep()
        raise


def _write(record: Pretrained, learner: Learner, settings: PretrainSettings, work: Path) -> None:
    """Write the model folder; ``pretraining.json`` comes last and marks it as complete."""
    out = settings.out
    if settings.start is not None:
        copy_tokenizer(settings.start, out)
    facts = {
        "objective": record.objective,
        "continued from": record.start,
        "parameters": f"{record.parameters:,}",
        "corpus": f"{', '.join(record.corpus)} ({record.documents:,} documents, {record.tokens:,} tokens)",
        "training": f"{record.steps:,} steps, {record.tokens_read:,} tokens read",
        "held-out loss": f"{record.held_out_before} before, {record.held_out_after} after",
    }
    write_card(settings, facts, out)
    write_model(learner.model, work, out)
    write_text(out / "pretraining.json", to_json(record))
    shutil.rmtree(work)
