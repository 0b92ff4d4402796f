"""Compression of a bundle: labelled rows in, the smallest form that keeps its score out, as a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldilocks import plugins
from goldilocks.bundle.compression_table import markdown
from goldilocks.bundle.layout import INFO, MODEL
from goldilocks.bundle.one_domain import one_domain
from goldilocks.bundle.read import Bundle, load
from goldilocks.bundle.write import check_target, write_compressed
from goldilocks.catalog import students
from goldilocks.compression.distil import SeededDistil
from goldilocks.compression.form import Provenance, compressed_form
from goldilocks.compression.search import PREFERENCES, SearchPlan
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.data.language import languages, main_language
from goldilocks.data.profile import LANGUAGE_SAMPLE, spread
from goldilocks.data.unlabelled import unlabelled_items
from goldilocks.errors import InputError, LimitError
from goldilocks.judge import labelled_rows
from goldilocks.protocols import Calibration, PretrainedModel, TracksSpending
from goldilocks.records import Compression, CompressionTrial, Footprint, Part, Text, as_text
from goldilocks.selection.footprint_process import footprint_of
from goldilocks.support.files import check_apart, sha256_of, to_json, try_writing, write_text

MAX_LOSS = 0.01


@dataclass(frozen=True, slots=True)
class CompressionSettings:
    """What a compressed model must keep, and what it is chosen by."""

    max_loss: float = MAX_LOSS
    """The most the metric may lose, in its own unit, at 95% confidence."""
    prefer: str = "size"
    """What to minimise among the trials that pass: ``size`` or ``latency``."""
    only: tuple[str, ...] = ()
    """Names in compressors/; empty: all."""
    sentences: int | None = None
    """As for ``evaluate``."""
    texts: str | None = None
    """File of texts like those the model will see, such as its training rows; labels in it are ignored. Compressors
    that measure importance or train need some. ``None``: these are not tried."""
    seed: int = 0
    """Seed of the training of pruned and distilled networks."""
    students: tuple[str, ...] = ()
    """Pretrained models that a student may start from: names of the catalogue, ``org/name``, folders. Empty: those of
    the catalogue that are on this machine, for the language of the texts."""
    domain: str | None = None
    """Whose part is compressed, of a bundle with a part for each; the result is a bundle of that domain alone."""


def compress_bundle(
    bundle: Path,
    data: str,
    out: Path,
    settings: CompressionSettings | None = None,
    *,
    fields: Mapping[str, str] | None = None,
    progress: Callable[[CompressionTrial], None] = lambda _: None,
    announce: Callable[[str], None] = lambda _: None,
) -> Compression:
    """Compress a bundle's model as far as its score on labelled rows allows, and write the result as a bundle.

    ``OUT.compression.json`` and ``OUT.compression.md`` get all trials, also where none passes.

    Args:
        bundle: The bundle's folder; it does not change.
        data: Labelled rows that neither trained the model nor test it: its validation part, or new ones.
        out: Folder of the compressed bundle.
        settings: Margin, preference, compressors.
        fields: Role -> column, as for ``evaluate``.
        progress: Called after each trial.
        announce: Called with the name of each form before it is made.

    Raises:
        LimitError: no trial passes and improves on the original.
        GoldilocksError: bundle, rows or settings cannot be used; the message says what to do.
    """
    settings = settings or CompressionSettings()
    _check_settings(settings)
    check_target(out.absolute())
    original = load(bundle)
    check_apart(out, bundle, data, settings.texts)
    _check_compressible(original)
    loaded = one_domain(original, settings.domain)
    part = labelled_rows(loaded, data, fields or {}, sentences=settings.sentences)
    texts = _calibration_texts(loaded, Path(settings.texts), part) if settings.texts else ()
    calibration = Calibration(texts, SeededDistil(settings.seed), _students(settings.students, texts))
    tables = out.with_name(f"{out.name}.compression")
    try_writing(tables.with_name(f"{tables.name}.json"))
    with tempfile.TemporaryDirectory() as scratch:
        record, taken = compressed_form(
            SavedModel(_model_folder(loaded, Path(scratch), settings.domain), loaded.info.family, loaded.info.engine),
            _comparison(loaded, part, settings.max_loss),
            calibration,
            Path(scratch),
            SearchPlan(settings.prefer, settings.only, announce),
            provenance=Provenance(loaded.info.metric, Path(data).name, parent=sha256_of(bundle / INFO)),
            progress=progress,
        )
        write_text(tables.with_name(f"{tables.name}.json"), to_json(record))
        write_text(tables.with_name(f"{tables.name}.md"), f"# Compression of {bundle.name}\n\n{markdown(record)}\n")
        if taken is None:
            raise LimitError(
                f"{bundle}: no compressed form is at most {settings.max_loss:g} {record.metric} worse on these "
                f"{record.n:,} rows and {PREFERENCES[settings.prefer]}; see {tables.name}.md, "
                "raise --max-loss or pass more rows."
            )
        write_compressed(loaded, record, taken.folder, out)
    return record


def _check_settings(settings: CompressionSettings) -> None:
    """Refuse settings that no compression can be made with, before anything is loaded or measured."""
    if settings.prefer not in PREFERENCES:
        raise InputError(f"prefer is {settings.prefer!r}; it can be {' or '.join(PREFERENCES)}.")
    for name in settings.only:
        plugins.load("compressors", name)
    if not settings.max_loss > 0:
        raise InputError(f"max_loss is {settings.max_loss:g}; it is a margin above 0, such as {MAX_LOSS}.")


def _model_folder(bundle: Bundle, scratch: Path, domain: str | None) -> Path:
    """Where the model that is compressed lies; that of one domain is written first."""
    if domain is None:
        return bundle.folder / MODEL
    folder = scratch / "domain"
    folder.mkdir()
    bundle.model.save(folder)
    return folder


def _students(names: Sequence[str], texts: Sequence[Text]) -> tuple[PretrainedModel, ...]:
    if names:
        return students.named(names)
    if not texts:
        return ()
    return students.of_language(main_language(languages([as_text(item) for item in spread(texts, LANGUAGE_SAMPLE)])))


def _calibration_texts(bundle: Bundle, path: Path, gate: Part) -> tuple[Text, ...]:
    task = plugins.load("tasks", bundle.info.task)
    items = bundle.normalised(unlabelled_items(path, task, bundle.columns, bundle.info.output))
    judged = set(gate.texts)
    unjudged = tuple(item for item in dict.fromkeys(items) if item not in judged)
    if not unjudged:
        raise InputError(f"{path}: holds no text that is not a row of --data too; pass the training rows, or others.")
    return unjudged


def _check_compressible(bundle: Bundle) -> None:
    if bundle.info.compression is not None or bundle.info.engine != "native":
        raise InputError(f"{bundle.folder}: is compressed already; compress the bundle that it was made from.")
    if isinstance(bundle.model, TracksSpending):
        raise InputError(f"{bundle.folder}: its model answers at an endpoint, so there is nothing to compress here.")


def _comparison(bundle: Bundle, part: Part, max_loss: float) -> Comparison:
    return Comparison(
        part,
        bundle.info.goal,
        plugins.load("metrics", bundle.info.metric),
        max_loss,
        bundle.answers(part.texts),
        _measure,
        lambda model, texts: replace(bundle, model=model).answers(texts),
    )


def _measure(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
    return footprint_of(family, folder, texts, engine=engine)
