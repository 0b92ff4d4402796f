"""Linear ranker of candidate spans for extractive question answering, trained in seconds to minutes.

Candidates and their features are those of ``classical/span_candidates.py``. Where training has questions without an
answer, "no answer" is one more candidate of each question. The ranker is a listwise softmax over the candidates of a
question (``classical/blended_linear.py``), in which a candidate is as right as its words (Chinese: characters) overlap
with the answer. How sure it is of an answer is the softmax.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.classical import blended_linear, pair_crosses
from goldilocks.classical.blended_linear import Features, Standardisation, Weights
from goldilocks.classical.span_candidates import DENSE, Candidates, SpanGenerator, Tokens, tokens_of
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Gold, Machine, ModelInfo, Output, Part, Text, Workload
from goldilocks.support.safetensors_file import write_arrays

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

Floats = npt.NDArray[np.float64]
Span = tuple[int, int]

OUTPUTS = frozenset({Output.SPAN})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
MAX_ROWS = 8_000
"""Training questions of the ranker, evenly spread; more are only counted."""


def models() -> tuple[ModelInfo, ...]:
    """The one model there is."""
    return (
        from_scratch.info(
            "span_linear",
            "ngram",
            "candidate spans ranked by lexical features, listwise softmax",
            parameters=100_000,
            size_bytes=4_000_000,
        ),
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Tokens and spans of each context, features of each candidate, and the solutions."""
    rows = min(work.rows, MAX_ROWS)
    return Forecast(0.5 + 12e-3 * rows + 20e-6 * rows * work.words, 250e6 + 60e3 * rows + 400.0 * work.rows)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model: the first candidate is the answer."""
    return SpanRanker()


def restore(folder: Path) -> SpanRanker:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "span_linear.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "weights.safetensors")
    model = SpanRanker()
    model.generator, model.may_be_empty = SpanGenerator(**raw["generator"]), bool(raw["may_be_empty"])
    model.scale, model.known = Standardisation(arrays["mean"], arrays["deviation"]), arrays["known"]
    model.weights = Weights.from_arrays(arrays)
    return model


class SpanRanker:
    """A linear ranker of spans; see the module."""

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        """Before ``fit`` all candidates are alike."""
        self.generator = SpanGenerator()
        self.may_be_empty = False
        """Whether some training questions have no answer."""
        self.scale = Standardisation.none(DENSE)
        self.known: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        """Hashes of the sparse features, in ascending order."""
        self.weights = Weights.zero(DENSE, 1)

    # --------------------------------------------------------------------------------------------------------- training

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Count where answers begin and end, then fit the ranker.

        Raises:
            InputError: there are no items, or not one answer for each.
        """
        if not texts or len(texts) != len(gold):
            raise InputError(f"fit got {len(texts)} questions and {len(gold)} answers; pass one for each.")
        pairs = list(_tokenized(texts))
        spans = [_place(context, right) for (_, context), right in zip(pairs, gold, strict=True)]
        self.generator = SpanGenerator()
        self.generator.fit(pairs, spans)
        self.may_be_empty = not all(gold)
        chosen = slice(0, None, max(1, -(-len(texts) // MAX_ROWS)))
        lists = [self.generator.candidates(*pair) for pair in pairs[chosen]]
        rights = [
            self._relevance(own, context, span, bool(right))
            for own, (_, context), span, right in zip(lists, pairs[chosen], spans[chosen], gold[chosen], strict=True)
        ]
        useful = [place for place, right in enumerate(rights) if right.sum() > 0]
        if useful:
            self._rank([lists[place] for place in useful], [rights[place] for place in useful], seed)

    def _rank(self, lists: Sequence[Candidates], rights: Sequence[Floats], seed: int) -> None:
        raw = np.vstack([self._dense(own) for own in lists])
        self.scale = Standardisation.of(raw)
        hashes = [row for own in lists for row in self._hashes(own)]
        self.known = pair_crosses.known_features(hashes, min_rows=3 if len(hashes) > 5_000 else 1)
        features = Features(self.scale.apply(raw), pair_crosses.as_table(hashes, self.known))
        self.weights = blended_linear.chosen(features, blended_linear.ranking_goal(rights), seed=seed)

    def _relevance(self, own: Candidates, context: Tokens, right: Span | None, answered: bool) -> Floats:
        """How right each candidate is: the square of the F1 of its tokens; of "no answer" 0 or 1, last."""
        values = np.zeros(len(own.spans) + self.may_be_empty)
        if right is not None:
            start, end = context.offsets[right[0]][0], context.offsets[right[1]][1]
            for place, (first, last) in enumerate(own.spans):
                shared = max(0, min(last, end) - max(first, start))
                values[place] = (2 * shared / (last - first + end - start)) ** 2
            values[values < 0.25] = 0
        elif not answered and self.may_be_empty:
            values[-1] = 1
        return values

    def _dense(self, own: Candidates) -> Floats:
        """Dense features of the candidates; of "no answer" the most that any candidate has of each, without the 1."""
        if not self.may_be_empty:
            return own.dense
        maximum = own.dense.max(0, initial=0.0)
        maximum[0] = 0.0
        return np.vstack([own.dense, maximum])

    def _hashes(self, own: Candidates) -> Iterator[npt.NDArray[np.uint64]]:
        for names in own.sparse:
            yield pair_crosses.hashes_of(names)
        if self.may_be_empty:
            yield np.zeros(0, dtype=np.uint64)

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The best candidate of each question; nothing where the context has no words, or "no answer" is best."""
        values, scores = [], []
        for (question, context), text in zip(_tokenized(texts), map(_pair, texts), strict=True):
            own = self.generator.candidates(question, context)
            if not own.spans:
                values.append("")
                scores.append(1.0)
                continue
            features = Features(
                self.scale.apply(self._dense(own)),
                pair_crosses.as_table(self._hashes(own), self.known),
            )
            numbers = self.weights.scores(features)[:, 0]
            likely = np.exp(numbers - numbers.max())
            likely /= likely.sum()
            best = int(likely.argmax())
            start, end = own.spans[best] if best < len(own.spans) else (0, 0)
            values.append(text[1][start:end])
            scores.append(float(likely[best]))
        return of_values(values, np.array(scores, dtype=np.float32))

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights, hashes and counts."""
        counted = (self.generator.seen, self.generator.starts, self.generator.ends)
        model_bytes = self.weights.sparse.nbytes + self.weights.dense.nbytes + self.known.nbytes
        return model_bytes + sum(len(name) + 8 for table in counted for name in table)

    def save(self, folder: Path) -> None:
        """Write ``span_linear.json`` (counts) and ``weights.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"generator": self.generator.to_plain(), "may_be_empty": self.may_be_empty}
        (folder / "span_linear.json").write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")
        arrays: dict[str, npt.NDArray[Any]] = {
            **self.scale.arrays(),
            "known": self.known,
            **self.weights.arrays(),
        }
        write_arrays(folder / "weights.safetensors", arrays)


def _pair(item: Text) -> tuple[str, str]:
    """Question and context of an item."""
    return ("", item) if isinstance(item, str) else (item[0], " ".join(item[1:]))


def _tokenized(texts: Sequence[Text]) -> Iterator[tuple[Tokens, Tokens]]:
    """Question and context of each item; a context that several questions share is tokenized once."""
    known: dict[str, Tokens] = {}
    for question, context in map(_pair, texts):
        if context not in known:
            known[context] = tokens_of(context)
        yield tokens_of(question), known[context]


def _place(context: Tokens, right: Gold) -> Span | None:
    """First and last token of the first gold answer that has a place."""
    answers = cast(Sequence[tuple[int, str]], right)
    for start, text in answers:
        inside = [
            place
            for place, (first, last) in enumerate(context.offsets)
            if start >= 0 and first < start + len(text) and last > start
        ]
        if inside:
            return inside[0], inside[-1]
    return None
