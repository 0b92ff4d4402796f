"""The records that travel between stages and are what is written to disk. Data only: no I/O, no models, no clock.

    TaskSpec -> Dataset -> Pool (Candidate*) -> Screening -> Trial* -> Decision -> Bundle

Each record is frozen. Those that hold a result name the data they came from by fingerprint, so that any number in a
report can be followed back. A measured number travels as ``Measured``: without its interval it cannot decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from goldilocks.support.account import Usage as Usage
from goldilocks.support.hardware import Machine as Machine
from goldilocks.support.sentences import without_ends


class Output(StrEnum):
    """What a model gives back. Tasks ask for one, families offer some: the only place the two meet."""

    LABEL = "label"
    SCORE = "score"
    TAGS = "tags"
    SPAN = "span"
    TEXT = "text"
    LIKELIHOOD = "likelihood"


Text = str | tuple[str, ...]
"""What a model reads at a time (an item): one text; several that belong together (a pair, a question and its context, a
query and its candidates, the turns of a dialogue); or, for tags, the words of a sentence, or of several with
``SENTENCE_END`` (``support/sentences``) between them."""

Answer = str | float | tuple[str, ...] | tuple[float, ...]
"""What a model gives back for an item, by ``Output``:

label  the label, or a sorted tuple of labels where an item may have several
score  a number, or a tuple with one for each candidate after the query
tags   a tuple with a tag for each word
span   the piece of the context, empty where it holds no answer
text   the text
likelihood  the natural logarithm of the probability the model gives the item's own text, its end included; of an item
       of several texts, that of the last one after the others
"""

Gold = Answer | tuple[tuple[int, str], ...]
"""The right answer: as ``Answer``, but for ``span`` (start, text) of every right piece (none: there is no answer), and
for ``text`` a tuple where there are several references, and for ``likelihood`` the text itself."""


def as_text(item: Text) -> str:
    """An item as one text, for whoever counts characters or looks for duplicates.

    Example:
        >>> as_text(("a", "pair"))
        'a pair'
    """
    return item if isinstance(item, str) else " ".join(item)


def labels_of(gold: Gold, output: Output) -> tuple[str, ...]:
    """The labels (or tags) in a right answer or an answer; none for kinds of answer that are not made of labels."""
    if output is Output.LABEL or output is Output.TAGS:
        return (gold,) if isinstance(gold, str) else tuple(map(str, gold)) if isinstance(gold, tuple) else ()
    return ()


def in_words(answer: Gold) -> str:
    """An answer or a right answer as a reader of a report sees it.

    Example:
        >>> in_words(("sport", "money")), in_words(((4, "Rome"), (20, "Rome"))), in_words(0.5)
        ('sport, money', 'Rome | Rome', '0.5')
    """
    if not isinstance(answer, tuple):
        return f"{answer:.4g}" if isinstance(answer, float) else str(answer)
    if any(isinstance(one, tuple) for one in answer):
        return " | ".join(str(one[1]) for one in answer if isinstance(one, tuple))
    return ", ".join(in_words(one) for one in answer if not isinstance(one, tuple))


@dataclass(frozen=True, slots=True)
class Generation:
    """How models that write token by token do so; ``None``: as they do of themselves."""

    max_tokens: int | None = None
    """Most tokens (of the model's own) of an answer; of themselves somewhat more than right answers have."""
    temperature: float | None = None
    """0 (what they do of themselves, but for counts, which draw at 1): the likeliest token, or the likeliest answer
    where several beginnings are looked at; above: drawn, the higher the more freely."""
    top_k: int | None = None
    """Drawn among so many of the likeliest tokens only; 0: among all."""
    top_p: float | None = None
    """Drawn among the fewest tokens only that have this probability together."""
    stops: tuple[str, ...] | None = None
    """An answer ends before the first of these; of themselves, told in words, where its line ends, or the next item
    would begin."""
    seed: int | None = None
    """Of what is drawn; the same seed gives the same answers (an endpoint may not heed it)."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a model is asked for: the kind of answer, and what it may be."""

    output: Output = Output.LABEL
    labels: tuple[str, ...] = ()
    """Sorted labels, or tags; empty for the other kinds."""
    several: bool = False
    """``label``: an item has any number of labels, none included."""
    instruction: str = ""
    """What to do, in a sentence, for models that are told in words."""
    generation: Generation = field(default_factory=Generation)
    """How answers are written."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that was measured, with its interval."""

    value: float
    low: float
    high: float
    """``low`` and ``high`` bound the 95 % interval; equal to ``value`` where no spread was measured."""
    n: int
    """How many items or repeats stand behind it."""
    unit: str


# ------------------------------------------------------------------------------------------------ what the user asked


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
    time: str | None = None
    """Column of a date or time: parts that are not given are split by it, train oldest and test newest."""
    group: str | None = None
    """Column of what rows have in common (a customer, an author): such rows stay in one part."""
    max_bytes: int = 4_000_000_000
    """Most bytes of a source, decompressed; a larger one is refused before it is read."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What an error costs, and for how long the choice is meant to hold."""

    error_cost: float = 0.05
    """Money one wrong answer costs, in ``currency``."""
    requests_per_month: float = 200_000
    horizon_months: float = 12
    currency: str = "USD"

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
    """An hour of somebody waiting for the search."""
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


# ---------------------------------------------------------------------------------------------------------- the data


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one part of the data, column by column."""

    texts: tuple[Text, ...] = ()
    """The items."""
    gold: tuple[Gold, ...] = ()
    """The right answer of each item (for classification its label)."""
    rows: tuple[int, ...] = ()
    """Row number of each text in its file, from 1 (the header of a CSV is not counted)."""
    documents: tuple[str, ...] = ()
    """Of sentences that were joined: the document each row is of, where one is told (else empty). Empty: none was."""
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
class Oddity:
    """What a task finds odd in a part of the data; ``check`` makes a ``Finding`` of it."""

    code: str
    severity: Severity
    message: str
    """What was found, with numbers; the rows are named behind it."""
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
    """Part -> what the task counts in it -> number (see ``protocols.Counted``)."""
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
    """The task in a sentence, for models that are told in words."""
    generation: Generation = field(default_factory=Generation)
    """How answers are written."""
    sentences: int = 1
    """``DataSpec.sentences``."""

    @property
    def goal(self) -> Goal:
        """What a model for these rows is asked for."""
        return Goal(self.output, self.labels, self.several, self.instruction, self.generation)

    def sealed(self) -> Dataset:
        """The same without the test part: what screening and the race are given."""
        return replace(self, test=Part())


# ----------------------------------------------------------------------------------------------------- the candidates


@dataclass(frozen=True, slots=True)
class Facts:
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
    """Weight groups the model reports (embeddings, attention, mlp, norm, head); empty: it is fitted in one go."""
    depth: int = 0
    """Stacked layers above the embeddings."""
    width: int = 0
    """Width of a hidden state."""
    max_tokens: int = 512
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File name -> SHA-256 it must have; empty where the catalogue does not know it (a local folder)."""

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

    model: Facts
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


@dataclass(frozen=True, slots=True)
class Excluded:
    """Who is out, and why."""

    candidate: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pool:
    """Who could do it."""

    candidates: tuple[Candidate, ...]
    forecasts: Mapping[str, Forecast]
    """Candidate name -> what it is expected to need."""
    excluded: tuple[Excluded, ...] = ()


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

    @property
    def lessons(self) -> float:
        """What there is to learn from: the items, or the sentences in them; at least 1."""
        return max(1.0, self.rows * self.sentences)

    @property
    def batch_rows(self) -> int:
        """Items of a training batch: 32; of several sentences fewer, but no fewer than 8."""
        return max(8, min(32, round(32 / self.sentences)))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained. Made by its family for the data at hand, then adjusted by the method."""

    epochs: float
    learning_rate: float
    """Peak rate of everything below the head; with ``layer_ratio`` that of the middle."""
    head_learning_rate: float
    batch_rows: int = 32
    batch_tokens: int = 4096
    """A batch is full at ``batch_rows`` texts or this many tokens (padding included), whichever comes first."""
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    """Share of the steps over which the rate climbs; then it falls linearly to 0."""
    dropout: float = 0.0
    """Dropout before the head."""
    label_smoothing: float = 0.0
    clip_norm: float = 1.0
    layer_ratio: float = 1.0
    """How many times as fast the topmost block learns as the lowest; the others in equal steps between, the embeddings
    one below. 1: all alike."""
    deep_head: bool = False
    """Whether the head has layers of its own, which learn at a network's pace and not at a linear model's."""
    patience: int = 0
    """Stop after this many looks at the validation part without a better score; 0: never stop early."""


# ------------------------------------------------------------------------------------------------------- the decision


@dataclass(frozen=True, slots=True)
class Look:
    """One cheap look at a candidate's model: estimates from its frozen features."""

    model: str
    """``family/model``."""
    layer: int
    """Layer whose features did best by the linear probe (0: embeddings)."""
    estimates: Mapping[str, Measured]
    """Estimator -> value over stratified resamples; higher is better."""
    probe_loss: float
    """Held-out share of wrong answers of the linear probe: what the race starts from."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Screening:
    """A cheap look at every model that has features to look at. It prunes, it does not choose."""

    looks: tuple[Look, ...]
    rankings: Mapping[str, tuple[str, ...]]
    """Estimator (and ``size_only``, ``random``) -> models, best first."""
    kept: tuple[str, ...]
    """Candidate names that go on to the race."""
    cut: tuple[Excluded, ...]
    seconds: float
    data_fingerprint: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One purchase of the race: a candidate run up to a rung and scored on the validation part."""

    candidate: str
    rung: int
    share: float
    """Share of the full run that is done after this purchase, 0 to 1."""
    seconds: float
    """Wall clock of this purchase, scoring included."""
    score: Measured
    loss: float
    """Of the task's metric, 0 (best) to 1 (worst)."""
    predictions: str
    """File with the validation answers, relative to the run's folder."""
    seconds_per_text: float
    """Seconds one validation text took, in batches: what the race goes by until the footprint is measured."""
    elapsed: float
    """Seconds since the search began (over all sessions of it) when the purchase was done."""
    predicted_seconds: float
    """What the purchase was expected to take."""
    value: float
    """What it was expected to be worth, money per month (0 where the policy does not say)."""
    why: str
    data_fingerprint: str
    usage: Usage | None = None
    """What its questions to an endpoint took; ``None``: it was answered on this machine."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that fell out on the way, because something went wrong with it and with nobody else."""

    candidate: str
    stage: str
    """``screening``, ``race``, ``measuring`` or ``test``."""
    reason: str
    seconds: float
    """What was spent on the step that went wrong."""
    elapsed: float
    """Seconds since the search began (over all sessions of it)."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a trained candidate needs to answer, measured in a fresh process on this machine."""

    load_seconds: float
    latency_p50_ms: Measured
    latency_p95_ms: Measured
    """One text at a time."""
    texts_per_second: float
    """In batches of 32; of an endpoint as it answered the validation part, several questions at once."""
    memory_bytes: int
    """Peak resident memory of the process."""
    size_bytes: int
    """On disk."""
    joules_per_text: float | None = None
    """Energy of the processor (and accelerator) while answering in batches of 32; ``None``: not reported."""
    tokens_read: float | None = None
    """Tokens that an endpoint reads for a request, mean over the validation part; ``None``: it answers here."""
    tokens_written: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Money per month, part by part."""

    tuning: float
    """Machine time of the tuning run and money for the questions of the search, spread over the horizon."""
    labour: float
    requests: float
    """Machine time of the requests; 0 where an endpoint answers them (then see ``tokens``)."""
    memory: float
    storage: float
    energy: float = 0.0
    """0 where the machine reports none."""
    tokens: float = 0.0
    """Requests of a month × tokens of a request × the endpoint's prices; 0 where this machine answers."""

    @property
    def total(self) -> float:
        """Money per month."""
        machine = self.tuning + self.labour + self.requests + self.memory + self.storage + self.energy
        return machine + self.tokens


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate as the decision saw it."""

    candidate: str
    family: str
    model: str
    method: str
    status: str
    """``winner``, ``tied``, ``raced`` (finished, beaten), ``stopped`` (not finished), ``screened`` or ``excluded``."""
    reason: str
    parameters: int = 0
    licence: str = ""
    share: float = 0.0
    seconds: float = 0.0
    """Seconds spent on it in the race."""
    score: Measured | None = None
    """Validation score."""
    footprint: Footprint | None = None
    cost: Cost | None = None
    J: float | None = None
    """cost + α · loss, money per month; only of candidates that finished."""
    gap: Measured | None = None
    """J minus the J of the best, paired on the same items; ``low`` and ``high`` from the bootstrap."""
    p_value: float | None = None
    """Holm-adjusted p-value of being worse than the best."""
    dropped: str = ""
    """Stage in which something went wrong with it (``Dropped.stage``; status ``excluded``); empty: nothing did."""
    usage: Usage | None = None
    """What the search asked an endpoint for it; ``None``: nothing."""


@dataclass(frozen=True, slots=True)
class AlphaRange:
    """A piece of the decision map: who wins while α lies in [alpha_from, alpha_to)."""

    candidate: str
    alpha_from: float
    alpha_to: float | None
    """``None``: no upper end."""


@dataclass(frozen=True, slots=True)
class Search:
    """What the search took."""

    seconds: float
    trials: int
    exhaustive_seconds_estimate: float
    """What running every candidate of the pool to the end would have taken, by measured and predicted prices."""
    policy: str
    stopped: str
    """Why the race stopped."""
    money: float = 0.0
    """Spent at endpoints up to the decision; the test part, and what the bundle stores, come on top."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The winner, who could not be told apart from it, and for which α it holds."""

    winner: Standing
    tied: tuple[str, ...]
    map: tuple[AlphaRange, ...]
    candidates: tuple[Standing, ...]
    objective: Objective
    prices: Prices
    alpha: float
    metric: str
    sentence: str
    """The decision in words."""
    search: Search
    task: str
    seed: int
    data_fingerprint: str
    versions: Mapping[str, str]
    machine: Machine
    test_score: Measured | None = None
    """Opened once, after everything above was written."""
    test_scores: Mapping[str, Measured] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Metric -> under what it was measured on the test part (see ``Evaluation.conditions``)."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one item."""

    answer: Answer
    score: float
    """How sure the model is, 0 to 1 (for a label its probability); NaN where it does not say."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Probability of every label; empty for other kinds of answer."""
    item: Text = ""
    """``tags``: what was asked, a text or the words of one; empty for other kinds of answer."""
    spans: tuple[tuple[int, int], ...] = ()
    """``tags`` of a text: where each word begins and ends in it, in characters from 0, the end behind the last one."""

    @property
    def words(self) -> tuple[str, ...]:
        """``tags``: the words that have them."""
        item = self.item
        if isinstance(item, str):
            return tuple(item[start:end] for start, end in self.spans)
        return without_ends(item)

    @property
    def label(self) -> str:
        """The answer as a word: the label; several labels, or tags, with blanks between them."""
        return " ".join(map(str, self.answer)) if isinstance(self.answer, tuple) else str(self.answer)


# ----------------------------------------------------------------------------------------------------- the evaluation


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How well one label is found."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    """Rows whose gold label it is."""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The metric on the rows that have something in common."""

    by: str
    """What the rows were sorted by: ``length``, ``label`` or ``language``."""
    name: str
    """In words, e.g. ``up to 40 characters``."""
    n: int
    score: Measured


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One text that was answered wrongly."""

    row: int
    """Row number in its file, from 1."""
    text: str
    gold: str
    predicted: str
    score: float
    """Probability the model gave to ``predicted``."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on one part of the data."""

    metric: str
    """File name in metrics/ of the metric that decides."""
    score: Measured
    scores: Mapping[str, Measured]
    """Every metric of the task, the deciding one included."""
    classes: tuple[ClassRow, ...]
    labels: tuple[str, ...]
    """Order of the rows and columns of ``confusion``."""
    confusion: tuple[tuple[int, ...], ...]
    """Counts; a row per gold label, a column per predicted label."""
    slices: tuple[SliceRow, ...]
    errors: tuple[ErrorRow, ...]
    """The errors to look at first: surest of the wrong answers first."""
    part: str
    """``validation`` or ``test``."""
    data_fingerprint: str
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Metric -> under what it was measured and by which rules (see ``protocols.Conditioned``)."""
