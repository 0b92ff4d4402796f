"""Named entity recognition: which words of a sentence name an entity, and of which type.

Rows come as ``{tokens: [...], tags: [...]}``, as CoNLL columns, or as texts with the character offsets of their
entities (JSON Lines, or a BRAT folder). Tags are taken to IOB2: IOB1, BIOES and BMES are read as well, and an I-X that
continues nothing begins an entity, as in conlleval and seqeval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output, Part, labels_of
from goldilocks.support.text.iob2 import (
    entities,
    entity_tag_problem,
    iob2_of,
    tags_of,
    tags_problem,
    words_of,
    words_problem,
)

OUTPUT = Output.TAGS
SEVERAL = False
FIELDS = {
    "tokens": "the words (a list, or one for each sentence; or a text parted at blanks, Chinese by character)",
    "tags": "a tag for each word: O, B-TYPE or I-TYPE",
    "document": "what the sentences of one document have in common (with data.sentences)",
}
READS = ("tokens",)
OPTIONAL = frozenset({"document"})
LINE = ("tokens*",)
ITEM = ("sentence", "sentences")
METRICS = ("entity_f1", "entity_precision", "entity_recall", "token_micro_f1", "token_macro_f1")
INSTRUCTION = "Mark the named entities: give each word the tag O, or B- and I- with the type of the name it belongs to."


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return words_problem("tokens", row.get("tokens"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    tags = row.get("tags")
    wrong = item_problem(row) or tags_problem("tags", tags, words_of(row["tokens"]))
    return wrong or entity_tag_problem(tags_of(tags))


def item(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The words."""
    return words_of(row["tokens"])


def gold(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags, in IOB2."""
    return iob2_of(tags_of(row["tags"]), words_of(row["tokens"]))


def repair(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.ReportsRowRepairs``."""
    tags = tags_of(row["tags"])
    if tags == gold(row):
        return None
    if any(tag[0] not in "OBI" for tag in tags):
        return "tags that are not IOB2 but BIOES, BMES or BILOU (taken to IOB2)"
    return "an I- tag that continues no entity (taken for the beginning of one, as IOB1 means it)"


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    by_item = [entities(labels_of(answer, OUTPUT)) for answer in part.gold]
    kinds = Counter(kind for entities_of_item in by_item for kind, _, _ in entities_of_item)
    counted = {f"{kind} entities": float(count) for kind, count in sorted(kinds.items(), key=lambda kind: -kind[1])}
    words = sum(len(labels_of(answer, OUTPUT)) for answer in part.gold)
    return {"words": words, "without an entity": sum(not entities_of_item for entities_of_item in by_item), **counted}
