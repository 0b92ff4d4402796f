"""The size of a training set in the numbers a forecast needs."""

from __future__ import annotations

from collections.abc import Sequence

from goldilocks.records import Dataset, Output, Text, Workload, as_text
from goldilocks.support.text.sentences import SENTENCE_END
from goldilocks.support.text.units import references, units

_SAMPLE = 2_000


def workload(dataset: Dataset) -> Workload:
    """Rows, mean characters and words of the training texts and of answers that are texts, and labels.

    Lengths are those of 2,000 rows, evenly spread.
    """
    train = dataset.train
    sample = slice(0, None, max(1, len(train) // _SAMPLE))
    characters, words = _lengths([as_text(text) for text in train.texts[sample][:_SAMPLE]])
    answers = (
        [references(answer)[0] for answer in train.gold[sample][:_SAMPLE]] if dataset.output is Output.TEXT else []
    )
    answer_characters, answer_words = _lengths(answers)
    return Workload(
        rows=len(train),
        characters=characters,
        words=words,
        labels=len(dataset.labels),
        output=dataset.output,
        answer_characters=answer_characters,
        answer_words=answer_words,
        sentences=_sentences(train.texts[sample][:_SAMPLE]) if dataset.output is Output.TAGS else 1.0,
        texts=_texts(train.texts[sample][:_SAMPLE]),
    )


def _texts(items: Sequence[Text]) -> float:
    """Mean texts of an item."""
    return sum(1 if isinstance(item, str) else len(item) for item in items) / max(1, len(items))


def _sentences(items: Sequence[Text]) -> float:
    """Mean sentences of an item."""
    return 1.0 + sum(item.count(SENTENCE_END) for item in items if not isinstance(item, str)) / max(1, len(items))


def _lengths(texts: Sequence[str]) -> tuple[float, float]:
    """Mean characters and words."""
    count = max(1, len(texts))
    return sum(map(len, texts)) / count, sum(len(units(text)) for text in texts) / count
