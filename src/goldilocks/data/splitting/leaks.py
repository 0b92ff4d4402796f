"""Rows that occur in a later part too are left out of the earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.data.findings import finding, rows_in_words
from goldilocks.data.splitting.duplicates import normalise
from goldilocks.data.splitting.groups import Grouped, Parts, keep
from goldilocks.errors import InputError
from goldilocks.records import Finding, Part, Severity, Text
from goldilocks.support.text.iob2 import words_of
from goldilocks.support.text.sentences import SENTENCE_END, sentences_of


def drop_leaks(parts: Parts, groups: Grouped, sources: Mapping[str, str]) -> list[Finding]:
    """Leave out of train what occurs in validation or test, and out of validation what occurs in test; in place."""
    findings: list[Finding] = []
    for name, others in (("train", ("validation", "test")), ("validation", ("test",))):
        held = np.concatenate([groups[other].exact for other in others])
        leaked = np.isin(groups[name].exact, held) | _repeats_sentences(parts[name], [parts[other] for other in others])
        if not leaked.any():
            continue
        rows = [parts[name].rows[place] for place in np.flatnonzero(leaked).tolist()]
        where = " or ".join(other for other in others if other in sources)
        if leaked.all():
            raise InputError(
                f"{sources[name]}: every row also occurs in {where}; "
                "name different files, or leave the split to Goldilocks by naming train alone."
            )
        keep(parts, groups, name, np.flatnonzero(~leaked).tolist())
        findings.append(
            finding(
                "duplicates_across_parts",
                Severity.WARNING,
                f"{len(rows):,} of {len(leaked):,} rows of {name} left out because they also occur in {where} "
                f"({rows_in_words(rows)})",
                "A candidate that was trained on the answers scores too well, most of all one that memorises; "
                "scores published with the leak are not comparable with these.",
                part=name,
                rows=rows,
            )
        )
    return findings


def _repeats_sentences(part: Part, others: Sequence[Part]) -> npt.NDArray[np.bool_]:
    """Where rows hold several sentences: whether sentences with most of a row's words occur in other parts."""
    if not any(SENTENCE_END in item for other in (part, *others) for item in other.texts if not isinstance(item, str)):
        return np.zeros(len(part), dtype=bool)

    def sentences(item: Text) -> list[str]:
        return [normalise(" ".join(sentence)) for sentence in sentences_of(words_of(item))]

    held = {sentence for other in others for item in other.texts for sentence in sentences(item)}
    words = [[(len(sentence.split()), sentence in held) for sentence in sentences(item)] for item in part.texts]
    return np.array([2 * sum(n for n, known in row if known) > sum(n for n, _ in row) for row in words], dtype=bool)
