"""Channels of question and context tokens for backbones that embed them: casing, and matches with the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.nets.backbones.casing_embeddings import casing_feature
from goldilocks.nets.backbones.question_aware_rnn import MATCHES

if TYPE_CHECKING:
    from tokenizers import Encoding

Ids = npt.NDArray[np.int32]
PairChannels = Mapping[str, tuple[Ids, Ids]]
"""Channel -> its values at the question's and at the context's tokens."""


class TokenFeatures:
    """The channels that a backbone wants; features of a word are computed once."""

    def __init__(self, channels: Sequence[str]) -> None:
        """``channels``: ``Backbone.span_channels``."""
        self.channels = channels
        self._known: dict[tuple[str, str], int] = {}

    def of_pair(self, question: Sequence[str], context: Sequence[str]) -> PairChannels:
        """The channels of a question and its context, given their tokens as written."""
        return {
            channel: _matches(question, context)
            if channel == MATCHES
            else (self._casing(channel, question), self._casing(channel, context))
            for channel in self.channels
        }

    def _casing(self, channel: str, words: Sequence[str]) -> Ids:
        return np.array([self._feature(channel, word) for word in words], dtype=np.int32)

    def _feature(self, channel: str, word: str) -> int:
        key = (channel, word)
        if key not in self._known:
            self._known[key] = casing_feature(channel, word)
        return self._known[key]


def words_of(text: str, encoding: Encoding) -> list[str]:
    """The tokens of an encoding as written in its text."""
    return [text[start:end] for start, end in encoding.offsets]


def _matches(question: Sequence[str], context: Sequence[str]) -> tuple[Ids, Ids]:
    """Question tokens: 0. Context tokens: 1 where one is in the question, 2 where a neighbour of it follows there too.

    Example:
        >>> _matches(["who", "met", "Al"], ["al", "met", "al", "in", "who"])[1].tolist()
        [1, 2, 2, 0, 1]
    """
    asked, small = [word.lower() for word in question], [word.lower() for word in context]
    words, bigrams = set(asked), set(pairwise(asked))
    values = np.array([int(word in words) for word in small], dtype=np.int32)
    for place, pair in enumerate(pairwise(small)):
        if pair in bigrams:
            values[place : place + 2] = 2
    return np.zeros(len(question), dtype=np.int32), values
