"""Whole dialogues as rows of one reply each, and candidates for replies that come without.

    turns                       context      reply
    [hello, hi, how are you] -> [hello]      hi
                                [hello, hi]  how are you

A turn is a text or a message: ``{"role": ..., "text": ...}``, ``{"role": ..., "content": ...}`` as chat models have it,
or ShareGPT's ``{"from": ..., "value": ...}``. Where some are an assistant's (``ASSISTANT``), only its turns are
replies; where none is, only those of a system (``SYSTEM``), if there is one: beside an assistant it gives
instructions. Rows of one dialogue share its row number, by which a split keeps them together.

Where a row gives a reply besides the turns, this reply is the only one: it follows the turns, or is the last of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from goldilocks.data.readers.columns import Rows
from goldilocks.support.text.cells import empty, list_of, text_problem
from goldilocks.support.text.reference_cells import utterance

ASSISTANT = frozenset({"assistant", "agent", "bot", "gpt", "model"})
SYSTEM = frozenset({"system", "sys"})
OTHERS = 9
"""Wrong candidates drawn for a reply."""


def unrolled(rows: Rows, roles: Sequence[str]) -> Rows:
    """The same rows, dialogues split into replies, and with candidates where the task has them.

    Candidates that no row gives are drawn from the other replies of the file, the same ones every time; the right reply
    is put at a random place among them.

    Args:
        rows: Row number, and cells in the order of ``roles`` or what is wrong with the row.
        roles: What the cells are; unless turns, context and reply are among them the rows stay as they are.
    """
    if not {"turns", "context", "reply"} <= set(roles):
        return rows
    apart = _apart(rows, roles)
    return _with_candidates(list(apart), roles) if "candidates" in roles else apart


def _apart(rows: Rows, roles: Sequence[str]) -> Rows:
    turns, context, reply = (roles.index(role) for role in ("turns", "context", "reply"))
    for number, cells in rows:
        if isinstance(cells, str) or empty(cells[turns]) or not empty(cells[context]):
            yield number, cells
            continue
        listed = list_of(cells[turns]) or []
        texts = list(map(utterance, listed))
        wrong = next(filter(None, (text_problem(f"turn {k}", text) for k, text in enumerate(texts, start=1))), None)
        fewest = 2 if empty(cells[reply]) or texts == [cells[reply]] else 1
        if len(texts) < fewest or wrong:
            yield number, wrong or f"{len(texts)} turns; a dialogue has at least 2"
            continue
        if not empty(cells[reply]):
            row = list(cells)
            row[turns], row[context] = None, texts[:-1] if texts[-1] == cells[reply] else texts
            yield number, row
            continue
        for place in _replies(listed):
            row = list(cells)
            row[turns], row[context], row[reply] = None, texts[:place], texts[place]
            yield number, row


def _replies(listed: Sequence[Any]) -> list[int]:
    """Places of the turns that are replies."""
    speakers = [str(turn.get("role", turn.get("from"))).lower() if isinstance(turn, dict) else "" for turn in listed]
    by_system = [place for place, speaker in enumerate(speakers) if speaker in ASSISTANT] or [
        place for place, speaker in enumerate(speakers) if speaker in SYSTEM
    ]
    return [place for place in by_system or range(len(listed)) if place > 0]


def _with_candidates(rows: Sequence[tuple[int, list[Any] | str]], roles: Sequence[str]) -> Rows:
    place, reply = roles.index("candidates"), roles.index("reply")
    replies = sorted({cells[reply] for _, cells in rows if isinstance(cells, list) and isinstance(cells[reply], str)})
    for number, (row, cells) in enumerate(rows):
        if isinstance(cells, list) and empty(cells[place]) and isinstance(cells[reply], str):
            if len(replies) < 2:
                yield row, "no candidates, and no other reply in the file that could be one; give candidates"
                continue
            drawn = random.Random(number).sample(replies, min(len(replies), OTHERS + 1))
            others = [candidate for candidate in drawn if candidate != cells[reply]][:OTHERS]
            others.insert(random.Random(number).randint(0, len(others)), cells[reply])
            cells[place] = others
        yield row, cells
