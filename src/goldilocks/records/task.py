"""What the user asked for: the task file, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldilocks.records.items import Generation


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Where the rows are."""

    train: str
    """A file (.jsonl .csv .tsv .parquet, each also .gz), a folder of label folders, or either as ``pypi://package/path``."""
    validation: str | None = None
    """Absent: split from train, stratified and grouped, seeded."""
    test: str | None = None
    """Absent: split off first."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Role -> column name; a role left out is looked for under its own name."""
    sentences: int = 1
    """For tags: so many rows that follow one another, of one document, are read together."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What an error costs, and for how long the choice is meant to hold."""

    error_cost: float = 0.05
    """Money one wrong answer costs, in ``currency``."""
    requests_per_month: float = 200_000
    horizon_months: float = 12
    currency: str = "USD"
    indifference: float = 0.0
    """Money per month that does not matter to the user: a cheaper or simpler candidate may be this much worse in J."""

    @property
    def alpha(self) -> float:
        """α: money per month that a loss of 1 (every answer wrong) would cost."""
        return self.error_cost * self.requests_per_month


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits: a candidate that breaks one is out, however good. ``None``: no limit."""

    latency_p95_ms: float | None = None
    """95th percentile of the seconds one text alone takes, in milliseconds, on this machine."""
    memory_mb: float | None = None
    """Peak resident memory of a fresh process that answers, in MB (10**6 bytes)."""
    size_mb: float | None = None
    """Bytes of the candidate on disk, in MB (10**6 bytes)."""
    licenses: tuple[str, ...] | None = None
    """Licences that may be used (SPDX identifiers, lower case)."""
    min_score: float | None = None
    """Lowest validation score of the task's metric."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in the objective's currency. The defaults are stated in the report."""

    cpu_hour: float = 0.05
    """One hour of the whole machine without its accelerator."""
    gpu_hour: float = 2.0
    kwh: float = 0.2
    """A kilowatt-hour; counted where the machine reports its energy (0 where ``cpu_hour`` includes it)."""
    gb_month: float = 0.1
    """One GB (10**9 bytes) of memory or storage held for a month."""
    labour_hour: float = 0.0
    """An hour of attended work while a candidate is tuned; part of its cost."""
    waiting_hour: float = 5.0
    """An hour of waiting for the search. It decides only when the search stops; no candidate's cost holds it."""
    api_input: float = 0.0
    """A million tokens that an endpoint reads (``?input=`` behind its name has precedence)."""
    api_output: float = 0.0
    """A million tokens that an endpoint writes (``?output=`` behind its name has precedence)."""
    api_cap: float = 1.0
    """Most money that each endpoint may cost during a search (``?cap=`` behind its name has precedence)."""


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Who may stand in the race."""

    families: tuple[str, ...] | None = None
    """``None`` (in the file: ``all``): every family that fits the task."""
    models: tuple[str, ...] = ()
    """Further models: Hub ids (``org/name``, ``org/name@revision``), local folders, or OpenAI-compatible endpoints
    (``api://host/v1/model?key=VARIABLE``, see ``support/endpoints.py``)."""
    exclude: tuple[str, ...] = ()
    """Shell patterns over candidate names, e.g. ``recurrent/*`` or ``*/lora``."""
    methods: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task file, read and checked."""

    name: str
    data: DataSpec
    task: str = "text_classification"
    """File name in tasks/."""
    language: str = "auto"
    """BCP 47 tag, or ``auto``."""
    metric: str | None = None
    """File name in metrics/; absent: the task's own."""
    instruction: str | None = None
    """What models that are told in words are told to do; absent: the task's own sentence."""
    target_language: str | None = None
    """BCP 47 tag of the language to translate into; absent: that of the training rows' translations."""
    generation: Generation = field(default_factory=Generation)
    """How models that write token by token (decoders, endpoints) do so."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method -> its own choices, e.g. ``in_context: {shots: 4}``; see the ``Options`` in methods/NAME.py."""
    objective: Objective = field(default_factory=Objective)
    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=Prices)
    candidates: CandidateFilter = field(default_factory=CandidateFilter)
    budget_seconds: float = 1200.0
    """Wall clock of the search."""
    seed: int = 0
    folder: Path = Path()
    """Folder that relative file names start from (the task file's own)."""
