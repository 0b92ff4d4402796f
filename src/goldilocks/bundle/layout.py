"""Layout of a bundle, and the schema of ``bundle.json``.

bundle.json    everything below; written last
README.md      the model card
continual.json  scores before and after, of a bundle that was continued from another (``records.ContinualReport``); a
                compressed bundle has that of its original
reference.safetensors  mean and covariance of the embeddings of training items, where the model gives any
replies.json, replies.safetensors  replies of the training rows and an index of their contexts, where rows may come
                       without candidates (``known_replies.py``)
model/         what the engine needs (for ``native`` the family's ``restore``): safetensors, JSON, a tokenizer, ONNX
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from goldilocks.bundle.reference import ReferenceProfile
from goldilocks.records import Answer, AnswerRule, Compression, Goal, Measured, ModelInfo, Output, Text
from goldilocks.support.text.word_tokenizer import FIRST_UNITS, WordTokenization

FORMAT_VERSION = 3
"""3: models that are compressed or run by another engine than ``native``.

Raised when an older Goldilocks could not read what this one writes. Older bundles still load."""

UNCOMPRESSED_VERSION = 2
"""Format version of bundles whose model runs as it was tuned, which version 2 could read."""

INFO = "bundle.json"
CARD = "README.md"
MODEL = "model"
CONTINUAL = "continual.json"
STORED = 20
"""Predictions kept for ``verify``."""
TOLERANCE = 1e-3
"""Largest difference of a probability that still counts as the same answer (machines differ in their last digits)."""


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """What the model answered when the bundle was written."""

    text: Text
    answer: Answer
    score: float | None
    """How sure the model was; ``None`` where it does not say."""


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """``bundle.json``."""

    format_version: int
    created_by: str
    """Package and version that wrote the bundle."""
    task: str
    """File name in tasks/."""
    family: str
    """File name in families/: what reads ``model/``; ``facts`` are of the model that was tuned."""
    model: str
    method: str
    labels: tuple[str, ...]
    """Labels or tags it may give; empty for other kinds of answer."""
    metric: str
    """File name in metrics/ of the metric that decides."""
    validation: Mapping[str, Measured]
    """Metric -> value on the validation part."""
    test: Mapping[str, Measured]
    """Metric -> value on the test part; empty where it was not opened."""
    data_fingerprint: str
    rows: Mapping[str, int]
    """Part -> rows it had."""
    language: str
    """BCP 47 tag of the texts."""
    licence: str
    """Licence of the pretrained model; ``none-needed`` where there is none."""
    decision: str
    """Why this model, in a sentence."""
    facts: ModelInfo
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    """Library -> version it was made with."""
    predictions: tuple[StoredPrediction, ...] = ()
    output: Output = Output.LABEL
    """The kind of answer it gives."""
    several: bool = False
    """Whether an item may have several labels."""
    word_cuts: WordTokenization = FIRST_UNITS
    """``tags``: word tokenisation of raw text, as in the training data."""
    normalisation: str = ""
    """``NFC``: texts are composed before the model encodes them, because those it was trained on are; empty: they are
    taken as they come (bundles written before there was a choice, likelihoods, and training data not in NFC)."""
    sentences: int = 1
    """``tags``: consecutive rows of one document that form one item (``DataSpec.sentences``)."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Role -> column of the training data, where they differ; ``predict`` and ``evaluate`` look for these first."""
    engine: str = "native"
    """File name in engines/ of what runs the model; ``native`` is the family's own ``restore``."""
    compression: Compression | None = None
    """How the model was compressed, every trial included; ``None``: it is as it was tuned."""
    reference: ReferenceProfile | None = None
    """Distributions of the training data and of the answers, for drift detection; ``None`` in bundles of format 1."""
    test_opened: bool = False
    """The test set was scored with another candidate before this one was taken: its test score is not a first look."""
    answer_rule: AnswerRule = field(default_factory=AnswerRule)
    """How probabilities become answers: costs of errors by pair of labels, and when a person is asked."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path inside the bundle -> SHA-256; every file but ``bundle.json``."""

    @property
    def goal(self) -> Goal:
        """What the model is asked for."""
        return Goal(self.output, self.labels, self.several)
