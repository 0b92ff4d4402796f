"""Linear-chain CRF over word-shape and context features: minutes to train on a CPU, no embeddings, any language.

The features are those of ``support/text/word_shape.py``.

Source: Lafferty et al. 2001; trained by CRFsuite (Okazaki 2007) with L-BFGS. Its model file is binary, but no pickle:
numbers and strings that are read at fixed places.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Gold, Machine, ModelInfo, Output, Part, Text, Workload
from goldilocks.support.crfsuite_file import check_crfsuite
from goldilocks.support.text.iob2 import iob2, spells_entities, words_of
from goldilocks.support.text.sentences import sentences_of, tagged_sentences
from goldilocks.support.text.units import FIRST_SEGMENTATION, SEGMENTATION
from goldilocks.support.text.word_shape import features

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.TAGS})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config

MODEL, LABELS = "model.crfsuite", "crf.json"
SETTINGS = {"c1": 0.1, "c2": 0.01, "max_iterations": 80, "feature.possible_transitions": True}
"""L1, which keeps the file small, L2, and most passes; steps between tags that were never seen may be taken."""
_FEATURES, _SECONDS = 1.4e-4, 1.4e-7
"""Seconds for the features of a word, and for one pass over a word with one tag, on one thread."""


def models() -> tuple[ModelInfo, ...]:
    """The one model there is."""
    info = from_scratch.info(
        "crf",
        "words",
        "linear-chain CRF over words, letters, shapes and neighbours",
        parameters=100_000,
        size_bytes=3_000_000,
    )
    return (info,)


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Passes over all words, each with every pair of tags; as fast wherever matrices are multiplied fast or slowly."""
    words = work.rows * work.words
    seconds = 0.2 + words * (_FEATURES + SETTINGS["max_iterations"] * _SECONDS * max(4, work.labels))
    return Forecast(seconds, 150e6 + 2_500.0 * words)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return WordCrf(goal.labels)


def restore(folder: Path) -> WordCrf:
    """What ``save`` wrote, ready for inference.

    Raises:
        IntegrityError: the model is damaged; the library would read wherever its offsets lead.
    """
    check_crfsuite(folder / MODEL)
    raw = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    model = WordCrf(raw["labels"], int(raw.get("segmentation", FIRST_SEGMENTATION)))
    model.learnt = (folder / MODEL).read_bytes()
    return model


class WordCrf:
    """A CRFsuite model as the bytes of its file."""

    def __init__(self, labels: Sequence[str], segmentation: int = SEGMENTATION) -> None:
        """Unfitted. ``segmentation``: version of the normalisation of words (``support/text/units.py``)."""
        self.segmentation = segmentation
        self.labels = tuple(labels)
        self._spelled = spells_entities(self.labels)
        self.learnt = b""
        self._tagger: Any = None

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Learn from sentences; nothing is drawn.

        Raises:
            InputError: there is no sentence, or a tag the model was not made for.
        """
        import pycrfsuite

        trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
        known = set(self.labels)
        for item, tags in zip(texts, gold, strict=True):
            given = cast(tuple[str, ...], tags)
            if strange := [tag for tag in given if tag not in known]:
                raise InputError(
                    f"gold holds the tag {strange[0]!r}; the model was made for: {', '.join(self.labels)}."
                )
            for words, own in tagged_sentences(words_of(item), given):
                if words:
                    trainer.append(pycrfsuite.ItemSequence(list(features(words, self.segmentation))), list(own))
        if not len(texts):
            raise InputError("fit got no sentences; pass at least one and its tags.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL
            trainer.train(str(path))
            self.learnt, self._tagger = path.read_bytes(), None

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The best tags, for entities well formed; the score of an answer is the probability of all of its tags."""
        if not self.learnt:
            raise InputError("the CRF is not fitted yet; call fit first.")
        if self._tagger is None:
            import pycrfsuite

            self._tagger = pycrfsuite.Tagger()
            self._tagger.open_inmemory(self.learnt)
        values: list[tuple[str, ...]] = []
        scores = np.ones(len(texts), dtype=np.float32)
        for place, item in enumerate(texts):
            answered: list[str] = []
            for words in filter(None, sentences_of(words_of(item))):
                tags, sure = self._tagged(words)
                answered += tags
                scores[place] *= sure
            values.append(tuple(answered))
        return of_values(values, scores)

    def _tagged(self, words: Sequence[str]) -> tuple[tuple[str, ...], float]:
        """The tags of a sentence and the probability of all of them."""
        tags = tuple(self._tagger.tag(list(features(words, self.segmentation))))
        sure = float(self._tagger.probability(list(tags)))
        repaired = iob2(tags) if self._spelled else tags
        repaired_known = tuple(
            repair if repair in self.labels else tag for repair, tag in zip(repaired, tags, strict=True)
        )
        return repaired_known, sure if math.isfinite(sure) else 0.0

    def size_bytes(self) -> int:
        """Bytes of the model."""
        return max(1, len(self.learnt))

    def save(self, folder: Path) -> None:
        """Write ``model.crfsuite`` and ``crf.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL).write_bytes(self.learnt)
        raw = {"labels": self.labels, "segmentation": self.segmentation}
        (folder / LABELS).write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")
