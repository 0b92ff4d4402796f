from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from goldilocks.nets.generation.sampling import (
    Logits,
    NextTokenModel,
    Sampling,
    TokenSequence,
    generate_sequences,
    generator_for,
)
from goldilocks.nets.generation.streaming import TextPieces, observed_by, reported_as

SPELT = " héllo END"


class _Scripted(NextTokenModel):
    """Writes the characters of ``SPELT`` one after another, in every row."""

    def __init__(self, rows: int) -> None:
        self.rows, self.place = rows, 0

    def logits(self) -> Logits:
        row = np.zeros(len(SPELT))
        row[self.place] = 1.0
        return np.tile(row, (self.rows, 1))

    def select(self, rows: Sequence[int]) -> None:
        self.rows = len(rows)

    def step(self, ids: Sequence[int]) -> None:
        self.place += 1


def _generated(rows: int = 1) -> list[str]:
    def decode(ids: Sequence[int]) -> str:
        return "".join(SPELT[i] for i in ids)

    sequences = [TokenSequence(row, len(SPELT), generator_for(0, [row])) for row in range(rows)]
    how = Sampling(max_tokens=len(SPELT), stops=("END",))
    return [own.text(decode, how.stops) for own in generate_sequences(_Scripted(rows), sequences, how, decode, ())]


def test_each_token_is_reported_and_nothing_after_the_stop_string() -> None:
    seen: list[str] = []
    with observed_by(seen.append), reported_as(str.strip):
        (text,) = _generated()
    assert text == " héllo "
    assert seen == ["", "h", "hé", "hél", "héll", "héllo", "héllo", "héllo", "héllo", "héllo"]
    seen.clear()
    _generated()
    assert seen == []


def test_texts_generated_side_by_side_are_not_reported() -> None:
    seen: list[str] = []
    with observed_by(seen.append):
        _generated(rows=2)
    assert seen == []


def test_another_thread_is_not_observed() -> None:
    seen: list[str] = []
    with observed_by(seen.append):
        thread = threading.Thread(target=_generated)
        thread.start()
        thread.join()
    assert seen == []


def test_what_the_observer_raises_ends_the_generation() -> None:
    def stop(text: str) -> None:
        if len(text) > 3:
            raise KeyError(text)

    with observed_by(stop), pytest.raises(KeyError, match="hél"):
        _generated()


def test_pieces_are_the_text_in_the_end() -> None:
    texts: list[str] = []
    with observed_by(texts.append), reported_as(str.strip):
        final = _generated()[0].strip()
    pieces = TextPieces()
    sent = [pieces.add(text) for text in texts]
    assert "".join(sent) + pieces.rest(final) == final
    assert sum(map(bool, sent)) >= 3


def test_incomplete_characters_and_white_space_at_the_end_are_held_back() -> None:
    pieces = TextPieces()
    assert [pieces.add(text) for text in ("a", "a ", "a �", "a é", "a é\n")] == ["a", "", "", " é", ""]


def test_nothing_that_was_sent_is_taken_back() -> None:
    pieces = TextPieces()
    assert [pieces.add(text) for text in ("soup", "so", "salt", "soup and")] == ["soup", "", "", " and"]
