"""Terms for the classes of an answer in messages: labels, tags or, where tags are in IOB2, entity types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from goldilocks.records import Output
from goldilocks.support.text.iob2 import OUTSIDE, spells_entities


@dataclass(frozen=True)
class ClassTerms:
    """The term for a class, and whether tags are reduced to the type of their entity."""

    singular: str
    plural: str
    entities: bool = False

    def name(self, label: str) -> str:
        """A label or tag; of an entity's tag its type, ``PER`` of ``B-PER``."""
        return label[2:] if self.entities and label != OUTSIDE else label


def class_terms(labels: Collection[str], output: Output) -> ClassTerms:
    """The terms for the classes of a data set.

    Args:
        labels: Its labels or tags.
        output: ``Output.LABEL`` or ``Output.TAGS``.
    """
    if output is not Output.TAGS:
        return ClassTerms("label", "labels")
    if spells_entities(list(labels)):
        return ClassTerms("entity type", "entity types", entities=True)
    return ClassTerms("tag", "tags")
