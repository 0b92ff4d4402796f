"""Part-of-speech tagging, or any other tags of single words.

Rows come as ``{tokens: [...], tags: [...]}`` or as CoNLL columns (name the column of the tags by its number under
``data.fields``; of .conllu it is the universal part of speech).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.records import Output, Part, labels_of
from goldilocks.support.text.iob2 import tags_of, tags_problem, words_of, words_problem

OUTPUT = Output.TAGS
SEVERAL = False
FIELDS = {
    "tokens": "the words (a list, or one for each sentence; or a text parted at blanks, Chinese by character)",
    "tags": "a tag for each word",
    "document": "what the sentences of one document have in common (with data.sentences)",
}
READS = ("tokens",)
OPTIONAL = frozenset({"document"})
LINE = ("tokens*",)
ITEM = ("sentence", "sentences")
METRICS = ("token_micro_f1", "token_macro_f1")
ERROR = "a wrong token"
INSTRUCTION = "Give each word the tag of its part of speech."


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return words_problem("tokens", row.get("tokens"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row) or tags_problem("tags", row.get("tags"), words_of(row["tokens"]))


def item(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The words."""
    return words_of(row["tokens"])


def gold(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags."""
    return tags_of(row["tags"])


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    return {"words": sum(len(labels_of(answer, OUTPUT)) for answer in part.gold)}


def errors(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
    """See ``protocols.CountsErrors``."""
    pairs = zip(gold, predicted, strict=True)
    return np.array(
        [sum(a != b for a, b in zip(right, given, strict=True)) for right, given in pairs], dtype=np.float64
    )
