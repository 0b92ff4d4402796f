"""Most-frequent-tag baseline: each word gets the tag it has most often in training, whatever its context."""

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
    """Word -> tag; unknown words get the most frequent tag of all."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Before ``fit`` every word gets the first tag."""
        self.labels = tuple(labels)
        self.common = next(iter(self.labels), "")
        self.tags: dict[str, tuple[str, float]] = {}
        """Word -> its tag and the share of its occurrences with it; only words whose tag is not ``common``."""
        self.share = 1.0
        """Share of the occurrences of other words with the most frequent tag."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Count the tags of each word.

        Raises:
            InputError: there is no tag, or one the model does not know.
        """
        counts: dict[str, Counter[str]] = {}
        overall: Counter[str] = Counter()
        for item, tags in zip(texts, gold, strict=True):
            own = cast(tuple[str, ...], tags)
            overall.update(own)
            for word, tag in zip(without_ends(words_of(item)), own, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        unknown = sorted(overall.keys() - set(self.labels))
        if unknown or not overall:
            problem = f"the tag {unknown[0]!r}" if unknown else "no tags"
            raise InputError(f"gold holds {problem}; the model was made for: {', '.join(self.labels)}.")
        # Ties go to the first label, so that the order of the rows does not matter.
        order = {label: -place for place, label in enumerate(self.labels)}
        best = {word: max(tags.items(), key=lambda tag: (tag[1], order[tag[0]])) for word, tags in counts.items()}
        self.common = max(overall.items(), key=lambda tag: (tag[1], order[tag[0]]))[0]
        self.tags = {
            word: (tag, count / counts[word].total()) for word, (tag, count) in best.items() if tag != self.common
        }
        others = [tags for word, tags in counts.items() if word not in self.tags]
        self.share = sum(tags[self.common] for tags in others) / max(1, sum(tags.total() for tags in others))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Tags of the words, well formed if IOB2. The score of an answer is the product of the words' shares."""
        spelled = spells_entities(self.labels)
        values, scores = [], np.ones(len(texts), dtype=np.float32)
        for place, item in enumerate(texts):
            words = words_of(item)
            entries = [self.tags.get(word, (self.common, self.share)) for word in without_ends(words)]
            tags = tuple(tag for tag, _ in entries)
            fixed = iob2_of(tags, words) if spelled else tags
            values.append(tuple(new if new in self.labels else tag for new, tag in zip(fixed, tags, strict=True)))
            scores[place] = np.prod([share for _, share in entries])
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
