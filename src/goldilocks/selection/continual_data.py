"""Data sets of continual learning: those that a bundle was tuned on before, and the new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.bundle.layout import CONTINUAL
from goldilocks.bundle.read import Bundle
from goldilocks.data import load as data
from goldilocks.data.checks.unknown import refuse_unknown
from goldilocks.errors import InputError
from goldilocks.events import Progress
from goldilocks.protocols import ReplaysRows, Strategy
from goldilocks.records import ContinualReport, Dataset, Part, TaskSpec, Text
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import is_yaml, read_task
from goldilocks.support.files import read_record


@dataclass(frozen=True, slots=True)
class ContinualDomain:
    """One data set of a bundle that is trained further."""

    name: str
    """Unique among the data sets."""
    dataset: Dataset
    old: bool
    """Whether the bundle was tuned on it before."""
    unseen: bool
    """Whether its validation and test rows were not training rows before; see ``records.DomainScore``."""


def old_domain(
    named: tuple[str, str | None], spec: TaskSpec, bundle: Bundle, known: Sequence[str], progress: Progress
) -> ContinualDomain:
    """A data set that the bundle was tuned on before; with equal rows and seed its split is the same as then.

    Args:
        named: The source, and what it is called if not by its own name.
        spec: The task, with the new data.
        bundle: What is trained further.
        known: Fingerprints of what it was tuned on.
        progress: Called as work goes on.

    Raises:
        MissingError: it is not there.
        InputError: it is of another task, or has labels that the bundle does not know.
    """
    source, name = named
    shown = name or f"--old-data {source}"
    path = Path(source)
    if (path / "task.yaml").is_file():
        own = Workspace(path).read_task()
    elif is_yaml(path):
        own = read_task(path)
    else:
        rows = replace(spec.data, train=source, validation=None, test=None, unlabelled=None)
        own = replace(spec, data=rows, folder=Path.cwd())
    if own.task != spec.task:
        raise InputError(f"{shown}: is for {own.task}, the new data are for {spec.task}.")
    dataset = data.load(own, plugins.load("tasks", own.task), progress=progress)
    for part in (dataset.train, dataset.validation, dataset.test):
        refuse_unknown(part, bundle.info.labels, bundle.info.output, shown)
    return ContinualDomain(name or source, dataset, old=True, unseen=dataset.fingerprint in known)


def known_data(bundle: Bundle) -> tuple[str, ...]:
    """Fingerprints of the data sets that the bundle was tuned on, one after the other."""
    if CONTINUAL in bundle.info.files:
        return read_record(ContinualReport, bundle.folder / CONTINUAL).data_fingerprints
    return (bundle.info.data_fingerprint,)


def with_short_names(domains: Sequence[ContinualDomain], names: Collection[str]) -> list[ContinualDomain]:
    """File names in place of paths, where they distinguish the data sets; ``names`` that were given stay."""
    short = Counter(Path(domain.name).name for domain in domains)
    return [
        replace(domain, name=Path(domain.name).name)
        if domain.name not in names and short[Path(domain.name).name] == 1
        else domain
        for domain in domains
    ]


def old_rows(domains: Sequence[ContinualDomain], seed: int) -> Part:
    """Old training rows, in an order whose every beginning has the labels in about their shares.

    Rows whose text is a validation or test row of any data set are left out.
    """
    from goldilocks.tuning.schedule import nested_order

    held_out = _held_out(domains)
    parts = [_without(domain.dataset.train, held_out) for domain in domains if domain.old]
    rows = _joined(parts)
    return rows.take(nested_order(rows.gold, seed)) if len(rows) else rows


def training_data(
    domains: Sequence[ContinualDomain], old: Part, labels: tuple[str, ...], strategy: Strategy | None, options: Any
) -> tuple[Dataset, int]:
    """The new data with the old rows that are replayed after its training rows, and how many these are.

    Raises:
        InputError: all new rows are held out of the old data.
    """
    new = domains[-1].dataset
    own = _without(new.train, _held_out(domains[:-1]))
    if not len(own):
        raise InputError("every new training row is a validation or test row of the old data; pass new rows.")
    replayed = strategy.replayed(old, options) if isinstance(strategy, ReplaysRows) else Part()
    train = _joined([own, replayed]) if len(replayed) else own
    return replace(new, train=train, labels=labels if new.labels else ()), len(replayed)


def _held_out(domains: Sequence[ContinualDomain]) -> frozenset[Text]:
    parts = (part for domain in domains for part in (domain.dataset.validation, domain.dataset.test))
    return frozenset(text for part in parts for text in part.texts)


def _without(part: Part, texts: frozenset[Text]) -> Part:
    remaining = [place for place, text in enumerate(part.texts) if text not in texts]
    return part if len(remaining) == len(part) else part.take(remaining)


def _joined(parts: Sequence[Part]) -> Part:
    """The rows of all parts; columns other than text and answer are left out, as files may differ in them."""
    return Part(
        texts=tuple(text for part in parts for text in part.texts),
        gold=tuple(answer for part in parts for answer in part.gold),
        rows=tuple(row for part in parts for row in part.rows),
    )
