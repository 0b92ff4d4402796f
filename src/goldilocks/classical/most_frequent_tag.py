"""The tag a word has most often, whatever stands around it: the score that every other tagger must beat."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.records import Gold, Text
from goldilocks.support.text.iob2 import iob2_of, spells_entities, words_of
from goldilocks.support.text.sentences import without_ends

FILE = "word_tags.json"


class WordTags:
    """A table of words; words it does not know get the commonest tag."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Before ``fit`` every word gets the first tag."""
        self.labels = tuple(labels)
        self.common = next(iter(self.labels), "")
        self.tags: dict[str, tuple[str, float]] = {}
        """Word -> its tag, and how much of its occurrences has it; only words whose tag is not the common one."""
        self.share = 1.0
        """Share of the other words that have the common tag."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Count the tags of each word.

        Raises:
            InputError: there is no tag, or one the model does not know.
        """
        counts: dict[str, Counter[str]] = {}
        overall: Counter[str] = Counter()
        for item, tags in zip(texts, gold, strict=True):
            given = cast(tuple[str, ...], tags)
            overall.update(given)
            for word, tag in zip(without_ends(words_of(item)), given, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        unknown = sorted(overall.keys() - set(self.labels))
        if unknown or not overall:
            what = f"the tag {unknown[0]!r}" if unknown else "no tags"
            raise InputError(f"gold holds {what}; the model was made for: {', '.join(self.labels)}.")
        # Of tags as common as each other the first in the order of the labels, so that the rows' order does not matter.
        order = {label: -place for place, label in enumerate(self.labels)}
        best = {word: max(one.items(), key=lambda tag: (tag[1], order[tag[0]])) for word, one in counts.items()}
        self.common = max(overall.items(), key=lambda tag: (tag[1], order[tag[0]]))[0]
        self.tags = {
            word: (tag, count / counts[word].total()) for word, (tag, count) in best.items() if tag != self.common
        }
        others = [one for word, one in counts.items() if word not in self.tags]
        self.share = sum(one[self.common] for one in others) / max(1, sum(one.total() for one in others))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Tags of the words; for entities well formed. The score of an answer is the product of the words' shares."""
        spelled = spells_entities(self.labels)
        values, scores = [], np.ones(len(texts), dtype=np.float32)
        for place, item in enumerate(texts):
            words = words_of(item)
            found = [self.tags.get(word, (self.common, self.share)) for word in without_ends(words)]
            tags = tuple(tag for tag, _ in found)
            mended = iob2_of(tags, words) if spelled else tags
            values.append(tuple(one if one in self.labels else tag for one, tag in zip(mended, tags, strict=True)))
            scores[place] = np.prod([share for _, share in found])
        return of_values(values, scores)

    def size_bytes(self) -> int:
        """Bytes of the table, about."""
        return 100 + sum(len(word) + 16 for word in self.tags)

    def save(self, folder: Path) -> None:
        """Write ``word_tags.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"labels": self.labels, "common": self.common, "share": self.share, "tags": self.tags}
        (folder / FILE).write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")


def restored(folder: Path) -> WordTags:
    """What ``save`` wrote, ready to answer."""
    raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
    model = WordTags(raw["labels"])
    model.common, model.share = raw["common"], raw["share"]
    model.tags = {word: (tag, share) for word, (tag, share) in raw["tags"].items()}
    return model
