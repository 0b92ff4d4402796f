"""The data: rows in three parts, their profile, and what the checks found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from goldilocks.records.items import Generation, Goal, Gold, Output, Text


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one part of the data, column by column."""

    texts: tuple[Text, ...] = ()
    """The items."""
    gold: tuple[Gold, ...] = ()
    """The gold answer of each item (for classification its label)."""
    rows: tuple[int, ...] = ()
    """Row number of each text in its file, from 1 (the header of a CSV is not counted)."""
    documents: tuple[str, ...] = ()
    """Document of each row of joined sentences, an empty string where unknown. Empty: no rows were joined."""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The other columns of the file (group, date, author): name -> cell of each row, empty where it has none. Only
    columns of short cells, see ``data/attributes.py``."""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, positions: list[int]) -> Part:
        """The rows at ``positions`` (from 0), in that order."""
        return Part(
            texts=tuple(self.texts[i] for i in positions),
            gold=tuple(self.gold[i] for i in positions),
            rows=tuple(self.rows[i] for i in positions),
            documents=tuple(self.documents[i] for i in positions) if self.documents else (),
            attributes={name: tuple(cells[i] for i in positions) for name, cells in self.attributes.items()},
        )


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``check`` found in the data."""

    code: str
    """Short stable name, e.g. ``duplicate_across_parts``."""
    severity: Severity
    message: str
    """What was found, with numbers."""
    meaning: str
    """What it means for the choice, and what to do."""
    part: str
    """``train``, ``validation``, ``test`` or ``all``."""
    count: int
    rows: tuple[int, ...] = ()
    """The first rows concerned (at most 20), as numbered in the file."""


@dataclass(frozen=True, slots=True)
class DataIssue:
    """What a task finds odd in a part of the data; ``check`` makes a ``Finding`` of it."""

    code: str
    severity: Severity
    message: str
    """What was found, with numbers; the rows are named after it."""
    meaning: str
    """What it means for the choice, and what to do."""
    places: tuple[int, ...] = ()
    """Which items of the part, from 0; none: it is about no item in particular."""


@dataclass(frozen=True, slots=True)
class DataProfile:
    """What the data look like, in numbers."""

    rows: Mapping[str, int]
    """Part -> number of rows."""
    label_counts: Mapping[str, Mapping[str, int]]
    """Part -> label -> rows."""
    characters: Mapping[str, float]
    """``p50``, ``p95``, ``max``, ``mean`` of the characters per text (train)."""
    tokens: Mapping[str, Mapping[str, float]]
    """Tokenizer -> the same percentiles in tokens (on a sample of train)."""
    language: str
    """BCP 47 tag of the main language (given or found)."""
    languages: Mapping[str, float]
    """Language -> share of a sample of the texts."""
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Part -> what the task counts in it -> number (see ``protocols.ReportsDataStats``)."""
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Part that is given -> of its file: ``rows``, of these ``usable``, ``unusable`` and ``skipped`` ones, and the
    ``lines`` that are not empty (0 of formats without lines). Rows may be joined or unrolled into ``usable`` items."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows in three parts that share no text, and what was found in them."""

    train: Part
    validation: Part
    test: Part
    labels: tuple[str, ...]
    """Sorted labels (or tags) of train; empty where the task has none."""
    fingerprint: str
    """SHA-256 over the rows of every part in order, first 16 hex digits."""
    profile: DataProfile
    findings: tuple[Finding, ...] = ()
    output: Output = Output.LABEL
    several: bool = False
    """Whether an item may have several labels."""
    instruction: str = ""
    """The task in a sentence, for prompted models."""
    generation: Generation = field(default_factory=Generation)
    """Decoding settings."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """``TaskSpec.label_descriptions``."""
    prompt_language: str = "en"
    """``TaskSpec.prompt_language``, ``en`` or ``zh``."""
    sentences: int = 1
    """``DataSpec.sentences``."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """``DataSpec.fields``: role -> column, where they differ."""

    def __repr__(self) -> str:
        rows = ", ".join(f"{name}={len(getattr(self, name))}" for name in ("train", "validation", "test"))
        counts = f"labels={len(self.labels)}, findings={len(self.findings)}"
        return f"Dataset({rows}, {counts}, fingerprint={self.fingerprint!r})"

    @property
    def goal(self) -> Goal:
        """What a model for these rows is asked for."""
        return Goal(
            self.output,
            self.labels,
            self.several,
            self.instruction,
            self.generation,
            self.descriptions,
            self.prompt_language,
        )

    def sealed(self) -> Dataset:
        """The same without the test part: what screening and the race are given."""
        return replace(self, test=Part())
