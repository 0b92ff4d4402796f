"""Candidates: model metadata, training configurations, forecasts, and the excluded with their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from goldilocks.records.items import Output


@dataclass(frozen=True, slots=True)
class HubListing:
    """What a hub's list says of a model; no file of the model was read."""

    name: str
    """``org/name``."""
    revision: str
    """Commit, 40 hexadecimal digits."""
    model_type: str
    """As in ``config.json``."""
    parameters: int
    size_bytes: int
    """Size of the safetensors, from the number of weights of each type."""
    licence: str = ""
    """SPDX identifier in lower case; empty: not stated."""
    languages: tuple[str, ...] = ()
    """BCP 47 tags; ``*``: any."""

    @property
    def source(self) -> str:
        """As in ``ModelInfo.source``, with the commit."""
        return f"hf://{self.name}@{self.revision}"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model before it is loaded."""

    name: str
    family: str
    """File name in families/."""
    source: str
    """``builtin`` (made here, untrained), ``pypi://package/folder``, ``hf://org/name@revision``, ``api://host/v1/model``
    or a local folder."""
    architecture: str
    """In words, e.g. ``bert encoder, 6 layers, 384 wide``."""
    pretraining: str
    """In words; ``none`` for a model that starts from nothing."""
    languages: tuple[str, ...]
    """BCP 47 tags; ``*``: any."""
    licence: str
    """SPDX identifier in lower case; ``none-needed`` for models made here."""
    parameters: int
    """Weights, embeddings included; for models made here an estimate."""
    size_bytes: int
    groups: tuple[str, ...] = ()
    """Weight groups the model reports (embeddings, attention, mlp, norm, head); empty: not trained by gradients."""
    depth: int = 0
    """Stacked layers above the embeddings."""
    width: int = 0
    """Width of a hidden state."""
    max_tokens: int = 512
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File name -> SHA-256 it must have; empty where the catalogue does not know it (a local folder)."""
    masked_lm: bool = False
    """Whether the checkpoint of an encoder has a masked-LM head, which scores words at a mask token."""

    PARTS: ClassVar[str] = "parts://"
    """``source`` of a model that was made from other candidates begins with it."""

    @property
    def combined(self) -> bool:
        """Whether it was made from other candidates that had finished."""
        return self.source.startswith(self.PARTS)

    @property
    def pretrained(self) -> bool:
        """Whether the weights carry knowledge from elsewhere."""
        return self.source != "builtin"

    @property
    def remote(self) -> bool:
        """Whether it is asked at an endpoint, for money, and does not run here."""
        return self.source.startswith("api://")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model and the method that would adapt it: what the race is between."""

    model: ModelInfo
    method: str
    """File name in methods/."""

    @property
    def name(self) -> str:
        """``family/model/method``: unique in a pool."""
        return f"{self.model.family}/{self.model.name}/{self.method}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds and memory a candidate is expected to need, before anything was run."""

    seconds: float
    """Wall-clock seconds of the full run on this machine."""
    memory_bytes: float
    """Peak resident memory while tuning."""
    once: float = 0.0
    """Share of the seconds in which frozen layers run, which they do when an item is seen for the first time."""

    def behind(self, share: float) -> float:
        """Share of the seconds that is over at a share of the run.

        A run that has begun is taken to have seen all items: the first rung is about the first pass.

        Example:
            >>> half = Forecast(seconds=10.0, memory_bytes=0.0, once=0.5)
            >>> [half.behind(share) for share in (0.0, 0.1, 1.0)]
            [0.0, 0.55, 1.0]
        """
        return self.once + (1 - self.once) * share if share > 0 else 0.0

    def shortened(self, epochs: float, rows: float = 1.0) -> Forecast:
        """The forecast of a run with this share of the epochs and of the rows; frozen layers still run once a row.

        Example:
            >>> Forecast(seconds=10.0, memory_bytes=0.0, once=0.5).shortened(0.2)
            Forecast(seconds=6.0, memory_bytes=0.0, once=0.8333333333333334)
            >>> Forecast(seconds=10.0, memory_bytes=0.0, once=0.5).shortened(0.2, rows=0.5)
            Forecast(seconds=3.0, memory_bytes=0.0, once=0.8333333333333334)
        """
        left = self.behind(epochs)
        return replace(self, seconds=self.seconds * left * rows, once=self.once / left)


@dataclass(frozen=True, slots=True)
class Excluded:
    """Who is out, and why."""

    candidate: str
    reason: str


_MIN_PROGRESS = 0.05
"""Share of a full run below which a score says nothing of its end."""


@dataclass(frozen=True, slots=True)
class ShortSchedule:
    """The training schedule of a candidate whose full run does not fit into the budget."""

    epochs: float
    full_epochs: float
    full_seconds: float
    """Forecast of the full run."""
    rows: float = 1.0
    """Share of the training rows that it is trained on, above 0 up to 1."""

    @property
    def share(self) -> float:
        """Share of the full schedule, in training rows seen."""
        return self.epochs * self.rows / self.full_epochs

    def progress(self, share: float) -> float:
        """The share of a full run that a share of this one tells as much as; 1 where it is finished.

        So little training that it tells nothing of the final loss gives 0.

        Example:
            >>> short = ShortSchedule(epochs=2.0, full_epochs=6.0, full_seconds=600.0)
            >>> [round(short.progress(share), 2) for share in (0.1, 0.3, 1.0)]
            [0.0, 0.1, 1.0]
        """
        if share >= 1:
            return 1.0
        done = share * self.share
        return done if done >= _MIN_PROGRESS else 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """The eligible candidates."""

    candidates: tuple[Candidate, ...]
    forecasts: Mapping[str, Forecast]
    """Candidate name -> what it is expected to need."""
    excluded: tuple[Excluded, ...] = ()
    short_schedules: Mapping[str, ShortSchedule] = field(default_factory=dict)
    """Candidate name -> its schedule, where that was shortened to fit the budget; the forecast is of this one."""
    shortest: Mapping[str, ShortSchedule] = field(default_factory=dict)
    """Candidate name -> the shortest schedule that a search would train it with; absent: the full one, or, in records
    of earlier versions, not known."""
    shortest_seconds: Mapping[str, float] = field(default_factory=dict)
    """Candidate name -> forecast seconds of a run with that schedule."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The size of a training set, as a forecast needs it."""

    rows: int
    characters: float
    """Mean characters per text."""
    words: float
    """Mean word-like tokens per text (a Chinese character counts as one)."""
    labels: int
    output: Output = Output.LABEL
    """The kind of answer wanted."""
    answer_characters: float = 0.0
    """Mean characters of the answers, where they are texts."""
    answer_words: float = 0.0
    """Mean words of the same."""
    sentences: float = 1.0
    """Mean sentences of an item, where words are tagged."""
    texts: float = 1.0
    """Mean texts of an item: 1, 2 of a pair, more of a query with its candidates or of the turns of a dialogue."""

    @property
    def n_sequences(self) -> float:
        """Training sequences: the items, or the sentences in them; at least 1."""
        return max(1.0, self.rows * self.sentences)

    @property
    def batch_rows(self) -> int:
        """Items of a training batch: 32; of several sentences fewer, but no fewer than 8."""
        return max(8, min(32, round(32 / self.sentences)))
