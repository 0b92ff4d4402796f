"""Personal data replaced by placeholders that can be turned back: ``<email_1>``, the same for the same value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from goldilocks.records import Output, Prediction, Text

Span = tuple[str, int, int]
"""Kind of personal data, where it begins and where it ends (exclusive)."""
Finder = Callable[[str], Sequence[Span]]
"""Finds personal data in a text, in its order, without overlaps."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without its personal data, and what stood there."""

    text: str
    original: str
    spans: tuple[tuple[int, int, int, int], ...] = ()
    """For each placeholder: where it begins and ends in ``text``, and what it replaces in ``original``."""

    def place(self, position: int, *, end: bool = False) -> int:
        """The position in the original of one in the masked text; inside a placeholder the beginning (or the end)."""
        shift = 0
        for begins, ends, first, last in self.spans:
            if position < begins or (end and position == begins):
                break
            if position < ends:
                return last if end else first
            shift = last - ends
        return position + shift


@dataclass(slots=True)
class Masker:
    """Replaces personal data in the texts of one request; equal values have equal placeholders throughout."""

    values: dict[str, str] = field(default_factory=dict)
    """Placeholder -> what it replaces."""
    counts: dict[str, int] = field(default_factory=dict)
    """Kind -> pieces replaced."""
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def mask(self, text: str, spans: Sequence[Span]) -> Masked:
        """The text with its spans replaced.

        Example:
            >>> Masker().mask("to ann@example.org", [("email", 3, 18)]).text
            'to <email_1>'
        """
        parts: list[str] = []
        places: list[tuple[int, int, int, int]] = []
        behind = length = 0
        for kind, start, end in sorted(spans, key=lambda span: span[1]):
            if start < behind:
                continue
            placeholder = self._placeholder(kind, text[start:end], text)
            parts += [text[behind:start], placeholder]
            length += start - behind
            places.append((length, length + len(placeholder), start, end))
            length += len(placeholder)
            behind = end
        return Masked("".join([*parts, text[behind:]]), text, tuple(places))

    def unmask(self, text: str) -> str:
        """The text with placeholders turned back."""
        for placeholder, value in self.values.items():
            text = text.replace(placeholder, value)
        return text

    def _placeholder(self, kind: str, value: str, text: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if (kind, value) not in self._known:
            number = 1 + sum(known_kind == kind for known_kind, _ in self._known)
            while (
                f"<{kind}_{number}>" in text or f"<{kind}_{number}>" in self.values
            ):  # a text may hold such a word itself
                number += 1
            self._known[kind, value] = f"<{kind}_{number}>"
            self.values[self._known[kind, value]] = value
        return self._known[kind, value]


def mask_item(item: Text, find: Finder, masker: Masker) -> tuple[Text, tuple[Masked, ...]]:
    """An item with each of its texts masked, and how; the words of a tokenised sentence are masked one by one."""
    texts = (item,) if isinstance(item, str) else item
    masked = tuple(masker.mask(text, find(text)) for text in texts)
    new: Text = masked[0].text if isinstance(item, str) else tuple(entity.text for entity in masked)
    return new, masked


def restored(
    prediction: Prediction, item: Text, masked: Sequence[Masked], output: Output, masker: Masker
) -> Prediction:
    """The answer to a masked item as one to the original: placeholders turned back, positions in the original text."""
    answer = prediction.answer
    if output in (Output.TEXT, Output.SPAN) and isinstance(answer, str):
        return replace(prediction, answer=masker.unmask(answer))
    if output is Output.TAGS:
        spans = prediction.spans
        if isinstance(item, str) and spans:
            masked_text = masked[0]
            spans = tuple((masked_text.place(start), masked_text.place(end, end=True)) for start, end in spans)
        return replace(prediction, item=item, spans=spans)
    return prediction


def plain_mask(text: str, find: Finder) -> str:
    """The text with each find replaced by its kind: for logs, where nothing is to be turned back."""
    for kind, start, end in sorted(find(text), key=lambda match: -match[1]):
        text = f"{text[:start]}<{kind}>{text[end:]}"
    return text
