"""Replies of the training rows that a bundle keeps, for rows that come without candidates.

For such a row the ``SHORTLIST`` replies are taken whose training contexts are most like its own by BM25, the last turn
and the earlier turns separately (``classical/reply_index.py``); the model then ranks them as it ranks given candidates.

Contexts and replies that hold personal data are not kept.

Source: Ji et al. 2014, "An Information Retrieval Approach to Short Text Conversation" (retrieve, then rank).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.records import Part, Text
from goldilocks.support.files import write_text
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text.units import SEGMENTATION

if TYPE_CHECKING:
    from goldilocks.classical.reply_index import Field

FILE, INDEX = "replies.json", "replies.safetensors"
MAX_ITEMS = 50_000
"""Training items whose replies are kept: the first ones."""
SHORTLIST = 20
"""Replies that the model ranks."""
EARLIER = 0.25
"""Weight of the turns before the last one."""
_FIELDS = ("last", "before")


@dataclass(frozen=True, slots=True)
class KnownReplies:
    """Replies, and an index of the contexts that they followed."""

    replies: tuple[str, ...]
    """One for each training item; some are equal."""
    last: Field
    """Last turns of the contexts."""
    before: Field
    """Turns before these."""
    segmentation: int = SEGMENTATION

    def shortlist(self, context: str) -> tuple[str, ...]:
        """Distinct replies to the most similar contexts, best first, at most ``SHORTLIST``; turns are lines."""
        from goldilocks.classical import reply_index

        last, before = reply_index.counted(tuple(context.split("\n")), self.segmentation)
        scores = (self.last.scores(last) + EARLIER * self.before.scores(before)).round(5)
        chosen: dict[str, None] = {}
        for place in np.argsort(-scores, kind="stable"):
            chosen.setdefault(self.replies[place])
            if len(chosen) == SHORTLIST:
                break
        return tuple(chosen)

    def completed(self, item: Text) -> Text:
        """The item, with the replies that fit its context best where it has no candidates."""
        return (item[0], *self.shortlist(item[0])) if is_open(item) else item


def is_open(item: Text) -> bool:
    """Whether an item is a context without candidates."""
    return isinstance(item, tuple) and len(item) == 1


def known_replies(part: Part, mask: Callable[[str], str] = str) -> KnownReplies | None:
    """The replies of a part; ``None`` where there are fewer than two that may be kept.

    Args:
        part: Items are the context and the candidates, the gold answers 1 for the reply and 0 for the others.
        mask: Takes personal data out of a text; what it changes is not kept.
    """
    from goldilocks.classical import reply_index

    pairs = [_pair(text, gold) for text, gold in zip(part.texts[:MAX_ITEMS], part.gold[:MAX_ITEMS], strict=True)]
    kept = [pair for pair in pairs if all(mask(text) == text for text in pair)]
    replies = tuple(reply for _, reply in kept)
    if len(set(replies)) < 2:
        return None
    counts = [reply_index.counted(tuple(context.split("\n"))) for context, _ in kept]
    last, before = (reply_index.bm25_field([pair[place] for pair in counts]) for place in (0, 1))
    return KnownReplies(replies, last, before)


def _pair(item: Text, gold: object) -> tuple[str, str]:
    assert isinstance(gold, Sequence)
    return item[0], item[1 + int(np.argmax(gold))]


def save(known: KnownReplies, folder: Path) -> None:
    """Write ``replies.json`` and ``replies.safetensors``."""
    from goldilocks.classical import reply_index

    fields = dict(zip(_FIELDS, (known.last, known.before), strict=True))
    words = {name: list(own.place) for name, own in fields.items()}
    raw = {"segmentation": known.segmentation, "replies": known.replies, "words": words}
    write_text(folder / FILE, json.dumps(raw))
    arrays = {key: array for name, own in fields.items() for key, array in reply_index.arrays_of(own, name).items()}
    write_arrays(folder / INDEX, arrays)


def load(folder: Path) -> KnownReplies | None:
    """What ``save`` wrote; ``None`` where the bundle keeps no replies.

    Raises:
        OSError, ValueError, KeyError, TypeError: the files are not what ``save`` writes.
    """
    if not (folder / FILE).is_file():
        return None
    from safetensors.numpy import load_file

    from goldilocks.classical import reply_index

    raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
    replies, arrays = tuple(map(str, raw["replies"])), load_file(folder / INDEX)
    last, before = (reply_index.field_from(raw["words"][name], arrays, name, len(replies)) for name in _FIELDS)
    return KnownReplies(replies, last, before, int(raw["segmentation"]))
