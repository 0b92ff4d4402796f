"""The metric on pieces of the data: short and long texts, each label, each language. Where does the model fail?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from goldilocks.errors import InputError
from goldilocks.evaluation.score import measured
from goldilocks.protocols import Metric
from goldilocks.records import Answer, Gold, Measured, Output, SliceRow, Text, as_text
from goldilocks.support.scoring.statistics import wilson

SHORTEST_SLICE = 10
"""Languages with fewer items than this are counted together as ``other``: an interval over them would say nothing."""


def slices(
    texts: Sequence[Text],
    gold: Sequence[Gold],
    predicted: Sequence[Answer],
    metric: Metric,
    language_of: Callable[[str], str],
    *,
    seed: int = 0,
    length_parts: int = 3,
) -> tuple[SliceRow, ...]:
    """The metric by length of text (parts of about equal size), by single label and by language, with intervals.

    A label is given by its recall (with the Wilson interval): most metrics say nothing on a single class.

    Args:
        texts: The texts.
        gold: Their gold answers.
        predicted: The model's answers.
        metric: What is measured.
        language_of: Text -> BCP 47 tag.
        seed: Seed of the resampling.
        length_parts: Into how many parts the lengths are cut.

    Raises:
        InputError: there are no texts, or not one gold and predicted answer for each.
    """
    if not len(texts) or not len(texts) == len(gold) == len(predicted):
        raise InputError(
            f"{len(texts)} texts, {len(gold)} gold and {len(predicted)} predicted answers; all three need one entry "
            "per item, and at least one item."
        )

    def on(kind: str, name: str, positions: list[int]) -> SliceRow:
        chosen = [gold[i] for i in positions], [predicted[i] for i in positions]
        return SliceRow(kind, name, len(positions), measured(metric, *chosen, n_draws=500, seed=seed))

    spelled = [as_text(text) for text in texts]
    rows = [on("length", name, positions) for name, positions in _by_length(spelled, length_parts)]
    labels = [answer for answer in gold if isinstance(answer, str)] if Output.LABEL in metric.OUTPUTS else []
    for label, positions in sorted(_grouped(labels).items()) if len(labels) == len(gold) else ():
        hits = sum(predicted[i] == label for i in positions)
        recall = Measured(hits / len(positions), *wilson(hits, len(positions)), len(positions), "recall")
        rows.append(SliceRow("label", f"{label} (recall)", len(positions), recall))
    rows += [on("language", name, positions) for name, positions in _by_language(spelled, language_of)]
    return tuple(rows)


def _by_length(texts: Sequence[str], parts: int) -> list[tuple[str, list[int]]]:
    """Texts of one length stay together, so a part may be empty: it is then left out."""
    lengths = np.array([len(text) for text in texts])
    inner = np.quantile(lengths, np.linspace(0, 1, parts + 1)[1:-1], method="inverted_cdf")
    part = np.searchsorted(inner, lengths, side="left")
    rows = []
    for number in range(parts):
        positions = np.flatnonzero(part == number)
        if len(positions):
            low, high = lengths[positions].min(), lengths[positions].max()
            rows.append((f"{low} to {high} characters", positions.tolist()))
    return rows


def _by_language(texts: Sequence[str], language_of: Callable[[str], str]) -> list[tuple[str, list[int]]]:
    groups = _grouped([language_of(text) for text in texts])
    large = {name: positions for name, positions in groups.items() if len(positions) >= SHORTEST_SLICE}
    small = sorted(i for name, positions in groups.items() if name not in large for i in positions)
    ranked = sorted(large.items(), key=lambda group: (-len(group[1]), group[0]))
    return [*ranked, *([("other", small)] if small else [])]


def _grouped(keys: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key, []).append(position)
    return groups
