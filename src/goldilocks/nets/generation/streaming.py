"""Streaming generation: the generation loop reports the text so far to an observer.

The observer is a context variable, so no signature between a service and the loop has to hand it on, and two threads
that generate at the same time do not share one. It is given the whole text so far, not the last token: tokens
may be parts of a character, and a stop string may begin in one and end in another. ``TextPieces`` makes pieces of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

OnText = Callable[[str], None]
"""Called with the text so far, after each token. What it raises ends the generation."""

_REPLACEMENT = "\ufffd"
_OBSERVER: ContextVar[OnText | None] = ContextVar("goldilocks_on_text", default=None)


@contextmanager
def observed_by(on_text: OnText | None) -> Iterator[None]:
    """Within the block, a text that is generated alone is reported to ``on_text``; ``None``: to nobody.

    What may become a stop string, which is not part of the answer, is not reported until it is decided.
    """
    token = _OBSERVER.set(on_text)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


@contextmanager
def reported_as(change: Callable[[str], str]) -> Iterator[None]:
    """Within the block, a text is reported as the answer that it would be: changed as the answer is in the end."""
    observer = _OBSERVER.get()
    with observed_by(None if observer is None else lambda text: observer(change(text))):
        yield


def observer() -> OnText | None:
    """What is called with the text so far; ``None``: nobody observes."""
    return _OBSERVER.get()


def without_open_stop(text: str, stops: Sequence[str]) -> str:
    """A text without what at its end may be the beginning of a stop string.

    Example:
        >>> without_open_stop("soup EN", ("END",)), without_open_stop("soup EN", ())
        ('soup ', 'soup EN')
    """
    longest = max(map(len, stops), default=0)
    for size in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-size:]) for stop in stops):
            return text[:-size]
    return text


class TextPieces:
    """A growing text as pieces, whose concatenation is the text in the end.

    What may still change is held back: white space at the end (answers are stripped) and an incomplete character.

    Example:
        >>> pieces = TextPieces()
        >>> [pieces.add(text) for text in ("a", "a ", "a b")], pieces.rest("a b.")
        (['a', '', ' b'], '.')
    """

    def __init__(self) -> None:
        """Nothing is sent yet."""
        self.sent = ""

    def add(self, text: str) -> str:
        """The next piece of the text so far; empty where nothing is certain yet."""
        return self._next(text.rstrip(_REPLACEMENT).rstrip())

    def rest(self, text: str) -> str:
        """What is left of the finished text."""
        return self._next(text)

    def _next(self, text: str) -> str:
        if not text.startswith(self.sent):
            return ""  # shorter than before: a crashed engine is starting again; nothing is taken back
        piece = text[len(self.sent) :]
        self.sent = text
        return piece
