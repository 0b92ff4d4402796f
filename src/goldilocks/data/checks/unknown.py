"""Gold labels that a model does not know: refused, with the nearest known label."""

from __future__ import annotations

from collections.abc import Collection

from goldilocks.data.alike import suggest_label
from goldilocks.data.checks.class_terms import class_terms
from goldilocks.data.findings import rows_in_words, some_of
from goldilocks.errors import InputError
from goldilocks.records import Output, Part, labels_of
from goldilocks.support.text.iob2 import OUTSIDE

FEW = 0.01
"""Share of rows with unknown tags below which an evaluation goes on: a rare tag that only the test data have."""


def refuse_unknown(part: Part, known: Collection[str], output: Output, source: str) -> None:
    """Refuse rows to evaluate on whose labels the bundle does not know.

    Args:
        part: The rows.
        known: Labels or tags of the bundle.
        output: The kind of answer; only labels and tags are checked.
        source: Source of the rows, for the message.

    Raises:
        InputError: there are such rows; for tags, 1 % of the rows or more.
    """
    if not output.is_labelled:
        return
    terms = class_terms(known, output)
    names = {terms.name(label) for label in known}
    strange = {
        place: new
        for place, gold in enumerate(part.gold)
        if (new := {terms.name(label) for label in labels_of(gold, output)} - names)
    }
    if not strange or (output is Output.TAGS and len(strange) < FEW * len(part)):
        return
    unknown = sorted({label for labels in strange.values() for label in labels})
    rows = [part.rows[place] for place in strange]
    names.discard(OUTSIDE)
    raise InputError(
        f"{source}: {len(rows):,} row{'' if len(rows) == 1 else 's'} with {'an' if terms.entities else 'a'} "
        f"{terms.singular} that the bundle does not know: {some_of(unknown)} ({rows_in_words(rows)})."
        f"{suggest_label(unknown[0], names)} It knows: {some_of(sorted(names), 10)}. Correct these rows, or remove "
        "them."
    )
