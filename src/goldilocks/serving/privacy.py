"""Which personal data are looked for in a request, and what is done with them in inputs, outputs and logs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from goldilocks.answers import as_fields
from goldilocks.data.addresses import find_addresses
from goldilocks.records import Goal, Output, Prediction, Text
from goldilocks.serving.engine import Result
from goldilocks.serving.masking import Finder, Masked, Masker, Span, mask_item, plain_mask, restored

_PERSON = ("per", "name", "nr")
"""Beginnings of entity types that denote a person: PER, PERSON, PER.NAM, name, nr."""


def joined(find: Finder | None) -> Finder:
    """A finder of what ``find`` finds and of addresses."""

    def both(text: str) -> list[Span]:
        spans = list(find(text)) if find else []
        taken = [(start, end) for _, start, end in spans]
        for kind, start, end in find_addresses(text):
            if all(end <= first or last <= start for first, last in taken):
                spans.append((kind, start, end))
        return sorted(spans, key=lambda span: span[1])

    return both


def names_in(prediction: Prediction, labels: tuple[str, ...]) -> list[Span]:
    """The people in a text, as a tagger found them."""
    entities = as_fields(prediction, Goal(Output.TAGS, labels)).get("entities", ())
    return [
        ("name", entity["start"], entity["end"])
        for entity in entities
        if str(entity["type"]).lower().startswith(_PERSON)
    ]


@dataclass(slots=True)
class Privacy:
    """The personal data of one request."""

    find: Finder
    names: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    """Text -> names in it, where a tagger was asked."""
    masker: Masker = field(default_factory=Masker)
    _masks: list[tuple[Masked, ...]] = field(default_factory=list)

    def spans(self, text: str) -> list[Span]:
        """Everything found in a text; a name within something else is part of it."""
        spans = list(self.find(text))
        taken = [(start, end) for _, start, end in spans]
        spans += [find for find in self.names.get(text, ()) if all(find[2] <= a or b <= find[1] for a, b in taken)]
        return sorted(spans, key=lambda span: span[1])

    def masked(self, items: Sequence[Text]) -> list[Text]:
        """The items as a model is given them."""
        pairs = [mask_item(item, self.spans, self.masker) for item in items]
        self._masks = [places for _, places in pairs]
        return [item for item, _ in pairs]

    def restored(self, items: Sequence[Text], results: Sequence[Result], output: Output) -> list[Result]:
        """The results for masked items as those for the items."""
        return [
            restored(result, item, places, output, self.masker) if isinstance(result, Prediction) else result
            for item, result, places in zip(items, results, self._masks, strict=True)
        ]

    def hidden(self, result: Result) -> Result:
        """A generated text without personal data."""
        if isinstance(result, Prediction) and isinstance(result.answer, str):
            return replace(result, answer=plain_mask(result.answer, self.find))
        return result

    def logged(self, item: Text) -> str:
        """An item for the log; several texts as a JSON list."""
        import json

        if isinstance(item, str):
            return plain_mask(item, self.spans)
        return json.dumps([plain_mask(text, self.spans) for text in item], ensure_ascii=False)


def hidden_answer(answer: Any, find: Finder) -> Any:
    """An answer for the log, with personal data masked in its texts."""
    if isinstance(answer, str):
        return plain_mask(answer, find)
    if isinstance(answer, list | tuple):
        return [hidden_answer(element, find) for element in answer]
    return answer


class MaskingFilter(logging.Filter):
    """Masks personal data in messages and tracebacks before any handler sees them."""

    def __init__(self, find: Finder) -> None:
        """Set what is looked for."""
        super().__init__()
        self._find = find

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record in place; it is always let through."""
        record.msg, record.args = plain_mask(record.getMessage(), self._find), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = plain_mask(logging.Formatter().formatException(record.exc_info), self._find)
            record.exc_info = None
        return True
