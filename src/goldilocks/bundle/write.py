"""Write a bundle: into a temporary sibling folder, verified by reading it back, then moved into place atomically."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import numpy as np

from goldilocks import plugins
from goldilocks.answers import by_rule
from goldilocks.bundle import known_replies
from goldilocks.bundle.card import card
from goldilocks.bundle.guard import names_in, refuse_pickle
from goldilocks.bundle.known_replies import KnownReplies
from goldilocks.bundle.layout import (
    CARD,
    CONTINUAL,
    FORMAT_VERSION,
    INFO,
    MODEL,
    STORED,
    UNCOMPRESSED_VERSION,
    BundleInfo,
    StoredPrediction,
)
from goldilocks.bundle.read import Bundle, load
from goldilocks.bundle.reference import FILE as PROFILE
from goldilocks.bundle.reference import reference_profile
from goldilocks.bundle.verify import verify
from goldilocks.errors import InputError, IntegrityError
from goldilocks.protocols import Model, RanksKnownReplies, TracksSpending
from goldilocks.records import (
    AnswerRule,
    Candidate,
    Compression,
    Dataset,
    Decision,
    Measured,
    ModelInfo,
    Output,
    Text,
    labels_of,
)
from goldilocks.support.files import sha256_of, to_json, write_text
from goldilocks.support.own_paths import without_own_paths
from goldilocks.support.text.composition import NFC, is_composed
from goldilocks.support.text.sentences import SENTENCE_END, sentences_of
from goldilocks.support.text.word_tokenizer import UNITS, WordTokenization, learnt

Mask = Callable[[str], str]
_TEXT_LIMIT = 400


@dataclass(frozen=True, slots=True)
class CompressedForm:
    """The compressed form of a winner."""

    folder: Path
    """Its model."""
    record: Compression
    """How it came about; a trial was taken."""


@dataclass(frozen=True, slots=True)
class Winner:
    """The candidate that a decision chose."""

    candidate: Candidate
    """With the facts of its model."""
    decision: Decision
    """Its scores and its sentence go with the bundle."""
    rule: AnswerRule | None = None
    """How its probabilities become answers; ``None``: the most probable label."""
    form: CompressedForm | None = None
    """Where the model is a compressed form of the candidate; ``None``: it is as it was tuned."""


def write(model: Model, winner: Winner, dataset: Dataset, folder: Path, *, mask: Mask = str) -> Path:
    """Write the winner of a decision as a bundle.

    Args:
        model: The winner's, tuned.
        winner: The candidate and its decision.
        dataset: What it was tuned on. Texts of its validation part are stored to check the answers by.
        folder: Where to; a bundle that is there is replaced.
        mask: Takes personal data out of the stored texts.

    Returns:
        ``folder``.

    Raises:
        InputError: the folder holds something else, cannot be written to, or the disk is full; nothing is left behind.
        IntegrityError: what was written does not answer as the model did.
    """
    decision, rule, form = winner.decision, winner.rule, winner.form
    scored = {decision.metric: decision.winner.score} if decision.winner.score else {}
    opened = dict(decision.test_scores)
    if decision.test_score is not None:
        opened.setdefault(decision.metric, decision.test_score)
    info = replace(
        _info(model, winner.candidate, dataset, decision.task, decision.metric, mask),
        answer_rule=rule or AnswerRule(),
        predictions=_stored(model, dataset, mask, rule),
        validation=scored,
        test=opened,
        test_opened=decision.test_openings > 1,
        decision=decision.sentence,
        seed=decision.seed,
        versions=decision.versions,
    )
    if form is not None and (taken := form.record.taken) is not None:
        info = replace(
            info,
            format_version=FORMAT_VERSION,
            family=taken.family or info.family,
            engine=taken.engine,
            compression=form.record,
        )
    extras = _BundleExtras(_known(dataset, info.task, mask), saved=form.folder if form else None)
    return _write(model, info, card(info, decision), dataset, folder, extras)


@dataclass(frozen=True, slots=True)
class Tuned:
    """A candidate that was tuned without a decision."""

    candidate: Candidate
    task: str
    """File name in tasks/."""
    metric: str
    """File name in metrics/ of the metric that decides."""
    score: Measured
    """On the validation part."""
    test_opened: bool = False
    """Whether the test set was scored with another candidate."""
    decision: str = ""
    """Where the model is from; empty: the user named it."""
    rule: AnswerRule | None = None
    """How its probabilities become answers; ``None``: the most probable label."""
    test: Mapping[str, Measured] = field(default_factory=dict)
    """Metric -> value on the test part, where it was opened."""
    records: Mapping[str, str] = field(default_factory=dict)
    """File name -> JSON of further files of the bundle."""
    family: str = ""
    """File name in families/ of what reads the model; empty: that of the candidate."""


def write_tuned(model: Model, tuned: Tuned, dataset: Dataset, folder: Path, *, mask: Mask = str) -> Path:
    """Write a model that no decision chose, with its validation score only. Otherwise as ``write``."""
    rule = tuned.rule
    info = replace(
        _info(model, tuned.candidate, dataset, tuned.task, tuned.metric, mask),
        family=tuned.family or tuned.candidate.model.family,
        answer_rule=rule or AnswerRule(),
        predictions=_stored(model, dataset, mask, rule),
        validation={tuned.metric: tuned.score},
        test=tuned.test,
        decision=tuned.decision or f"{tuned.candidate.name} was named by the user; it was not compared with others.",
        test_opened=tuned.test_opened,
    )
    extras = _BundleExtras(_known(dataset, info.task, mask), records=tuned.records)
    return _write(model, info, card(info), dataset, folder, extras)


def _info(model: Model, candidate: Candidate, dataset: Dataset, task: str, metric: str, mask: Mask) -> BundleInfo:
    return BundleInfo(
        format_version=UNCOMPRESSED_VERSION,
        created_by=_created_by(),
        task=task,
        family=candidate.model.family,
        model=candidate.model.name,
        method=candidate.method,
        labels=tuple(model.labels),
        metric=metric,
        validation={},
        test={},
        data_fingerprint=dataset.fingerprint,
        rows=dataset.profile.rows,
        language=dataset.profile.language,
        licence=candidate.model.licence,
        decision="",
        facts=_without_path(candidate.model),
        output=dataset.output,
        several=dataset.several,
        word_cuts=_word_cuts(dataset, mask),
        normalisation=_normalisation(dataset),
        sentences=dataset.sentences,
        columns=dataset.columns,
    )


def _created_by() -> str:
    return f"goldilocks-lm {metadata.version('goldilocks-lm')}"


def _normalisation(dataset: Dataset) -> str:
    """NFC where the texts are in it. A likelihood is that of the very text, so it is never changed."""
    items = (item for part in (dataset.train, dataset.validation) for item in part.texts)
    return NFC if dataset.output is not Output.LIKELIHOOD and all(map(is_composed, items)) else ""


def _word_cuts(dataset: Dataset, mask: Mask) -> WordTokenization:
    """How the words of the training part were cut; words that are personal data are not remembered."""
    if dataset.output is not Output.TAGS:
        return UNITS
    items = [text for text in dataset.train.texts if not isinstance(text, str)]
    cuts = learnt([sentence for item in items for sentence in sentences_of(item)])
    lines = any(SENTENCE_END in item for item in items)
    return replace(cuts, known=tuple(text for text in cuts.known if mask(text) == text), lines=lines)


def _without_path(info: ModelInfo) -> ModelInfo:
    """Local paths of the machine that tuned the model are not disclosed."""
    if info.source == "builtin" or "://" in info.source:
        return info
    return replace(info, source=Path(info.source).name)


def _stored(model: Model, dataset: Dataset, mask: Mask, rule: AnswerRule | None) -> tuple[StoredPrediction, ...]:
    """Answers to items spread evenly over the labels of the validation part."""
    part = dataset.validation if len(dataset.validation) else dataset.train
    by_label = sorted(range(len(part)), key=lambda position: labels_of(part.gold[position], dataset.output))
    step = max(1.0, len(by_label) / STORED)
    chosen = [by_label[int(number * step)] for number in range(min(STORED, len(by_label)))]
    return _answered(model, [_masked(part.texts[position], mask) for position in chosen], rule or AnswerRule())


def _answered(model: Model, texts: list[Text], rule: AnswerRule) -> tuple[StoredPrediction, ...]:
    if not texts:
        return ()
    answers = by_rule(model.predict(texts), rule)
    scores = [None if np.isnan(score) else float(score) for score in answers.scores]
    return tuple(StoredPrediction(*text) for text in zip(texts, answers.values, scores, strict=True))


def _masked(item: Text, mask: Mask) -> Text:
    if isinstance(item, str):
        return mask(item[:_TEXT_LIMIT])
    return tuple(mask(text[:_TEXT_LIMIT]) for text in item)


def _known(dataset: Dataset, task: str, mask: Mask) -> KnownReplies | None:
    """Replies for rows that come without candidates, where the task has such rows."""
    keeps = isinstance(plugins.load("tasks", task), RanksKnownReplies)
    return known_replies.known_replies(dataset.train, mask) if keeps else None


@dataclass(frozen=True, slots=True)
class _BundleExtras:
    """What a bundle holds in addition to a model, its card and its reference profile."""

    known: KnownReplies | None
    saved: Path | None = None
    """Folder of the model, where it is written already."""
    records: Mapping[str, str] = field(default_factory=dict)


def _write(
    model: Model,
    info: BundleInfo,
    readme: str,
    dataset: Dataset,
    folder: Path,
    extras: _BundleExtras,
) -> Path:
    folder = folder.absolute()
    check_target(folder)
    with _beside(folder) as part:
        if extras.saved is not None:
            shutil.copytree(extras.saved, part / MODEL)
        else:
            (part / MODEL).mkdir()
            model.save(part / MODEL)
        write_text(part / CARD, without_own_paths(readme, [folder.parent]))
        for name, content in extras.records.items():
            write_text(part / name, content)
        info = replace(info, reference=reference_profile(model, dataset, part))
        if extras.known is not None:
            known_replies.save(extras.known, part)
        _seal(part, info)
        if isinstance(model, TracksSpending):
            load(part)  # an endpoint's answers do not come from these files: to ask again would cost and prove nothing
        else:
            _verify(part, folder)
    return folder


def write_compressed(original: Bundle, record: Compression, model_folder: Path, folder: Path) -> Path:
    """Write a compressed form of a bundle's model as a bundle.

    Its validation score is that on the rows of the compression. Stored texts are answered again; the reference profile
    is that of the original, whose training rows are not available, and so is the report of an update.

    Args:
        original: The bundle that was compressed; ``record.parent`` names it.
        record: How the model came about; its trial that was taken says which engine runs it.
        model_folder: The compressed model.
        folder: Where to; a bundle that is there is replaced.

    Raises:
        InputError: the folder holds something else, cannot be written to, or the disk is full; nothing is left behind.
        IntegrityError: what was written does not answer as the model did, or no trial was taken.
    """
    taken = record.taken
    if taken is None or taken.score is None:
        raise IntegrityError(f"{folder}: not written, because no trial of the compression was taken.")
    folder = folder.absolute()
    check_target(folder)
    family = taken.family or original.info.family
    model = plugins.load("engines", taken.engine).load(model_folder, family)
    steps = ", ".join(taken.steps)
    info = replace(
        original.info,
        format_version=FORMAT_VERSION,
        created_by=_created_by(),
        family=family,
        engine=taken.engine,
        compression=record,
        validation={record.metric: taken.score},
        test={},
        test_opened=original.info.test_opened or bool(original.info.test),
        decision=f"{original.info.decision} Compressed since: {steps}.".strip(),
        predictions=_answered(
            model, [prediction.text for prediction in original.info.predictions], original.info.answer_rule
        ),
    )
    with _beside(folder) as part:
        shutil.copytree(model_folder, part / MODEL)
        profile = (PROFILE,) if info.reference is not None else ()
        for name in (*profile, CONTINUAL, known_replies.FILE, known_replies.INDEX):
            if (original.folder / name).is_file():
                shutil.copy(original.folder / name, part / name)
        write_text(part / CARD, without_own_paths(card(info), [folder.parent]))
        _seal(part, info)
        _verify(part, folder)
    return folder


def _seal(part: Path, info: BundleInfo) -> None:
    """Write ``bundle.json`` with the checksum of every other file."""
    names = sorted(names_in(part))
    for name in names:
        refuse_pickle(part / name)
    files = {name: sha256_of(part / name) for name in names}
    write_text(part / INFO, to_json(replace(info, files=files)))


def _verify(part: Path, folder: Path) -> None:
    if not (checked := verify(part)).ok:
        raise IntegrityError(f"{folder}: not written, because read back {checked.message}.")


def check_target(folder: Path) -> None:
    """See that a bundle may be written to a folder: one that is not there, is empty, or holds a bundle to be replaced.

    Raises:
        InputError: it holds something else.
    """
    leads_nowhere = folder.is_symlink() and not folder.exists()
    occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if leads_nowhere or (occupied and not (folder / INFO).is_file()):
        raise InputError(f"{folder}: is not a bundle and not empty; move it away, or choose another --out.")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of ``folder`` when all went well, and is gone when not."""
    part = folder.with_name(f".{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
        part.mkdir()
        yield part
        _make_readable(part)
        _flush(part)
        _swap(part, folder)
    except Exception as error:
        # Libraries that write through Rust say "os error 28" in a plain exception.
        full = f"os error {errno.ENOSPC}" in str(error)
        if isinstance(error, OSError) or full:
            reason = os.strerror(errno.ENOSPC) if full else getattr(error, "strerror", None) or str(error)
            raise InputError(f"{folder}: cannot be written ({reason}); free space or choose another --out.") from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """Give every file the rights that the umask gives new ones: libraries write weights for this user alone.

    Bundles are often served by another user, such as a service account.
    """
    allowed = folder.stat().st_mode & 0o777  # what the umask left to a new folder
    for path in folder.rglob("*"):
        path.chmod(allowed if path.is_dir() else allowed & 0o666)


def _flush(folder: Path) -> None:
    """Have the disk hold everything before the name does: a power cut leaves the old bundle or the new one."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _swap(part: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if (folder / INFO).is_file():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
