"""Segment pairs for next-sentence prediction (Devlin et al. 2019): does the second follow the first?

A document is split in two at the end of a sentence where it has one inside, else before a word. Then, in a group of
pairs, half are drawn and their second segments are exchanged, so that a negative's second segment comes from another
document and no text is lost or used twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldilocks.pretrain.packing import Ids, TokenFlag, Unit, unit

GROUP = 512
"""Documents (or parts of long ones) among which second segments are exchanged."""
Words = npt.NDArray[np.bool_]


@dataclass(slots=True)
class _Pair:
    document: int
    first: Unit
    second: Unit
    negative: bool = False
    """Whether the second segment is from another document."""


def pairs(
    documents: Iterable[tuple[Ids, Words]],
    *,
    cls: int,
    sep: int,
    ends: Iterable[int],
    length: int,
    seed: int,
) -> Iterator[Unit]:
    """Units ``[CLS] first [SEP] second [SEP]``; a document of one token stays alone and has no label.

    Args:
        documents: Token ids of each, and whether a token starts a word.
        cls: Token before a pair.
        sep: Token after each of its segments.
        ends: Tokens that end a sentence.
        length: Tokens of a row; longer documents give several pairs.
        seed: Seed of the splits and exchanges.
    """
    stops = np.fromiter(ends, dtype=np.int64)
    for number, group in enumerate(_groups(_pieces(documents, length - 3))):
        rng = np.random.default_rng((seed, number))
        split = [(document, *_split(ids, words, stops, rng)) for document, ids, words in group if len(ids) > 1]
        made = [
            _Pair(document, unit(*first, head=cls, tail=sep), unit(*second, head=None, tail=sep))
            for document, first, second in split
        ]
        _exchange(made, rng)
        for pair in made:
            pair.first[1][0] |= TokenFlag.PAIR | (TokenFlag.NEGATIVE if pair.negative else 0)
            pair.second[1][0] &= ~TokenFlag.UNIT & 0xFF
            second = pair.second[1] | TokenFlag.SECOND
            yield np.concatenate([pair.first[0], pair.second[0]]), np.concatenate([pair.first[1], second])
        for _, ids, words in group:
            if len(ids) == 1:
                yield unit(ids, words, head=cls, tail=sep)


def _groups(pieces: Iterable[tuple[int, Ids, Words]]) -> Iterator[list[tuple[int, Ids, Words]]]:
    group: list[tuple[int, Ids, Words]] = []
    for piece in pieces:
        group.append(piece)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _pieces(documents: Iterable[tuple[Ids, Words]], limit: int) -> Iterator[tuple[int, Ids, Words]]:
    """Documents, longer ones in equal parts of at most ``limit`` tokens; with the document's number."""
    for number, (ids, words) in enumerate(documents):
        count = -(-len(ids) // limit)
        for ids_, words_ in zip(np.array_split(ids, count), np.array_split(words, count), strict=True):
            yield number, ids_, words_


def _split(
    ids: Ids, words: Words, ends: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[tuple[Ids, Words], tuple[Ids, Words]]:
    inside = np.arange(1, len(ids))
    begins = inside[words[1:]]
    sentences = begins[np.isin(ids[begins - 1], ends)]
    choice = sentences if len(sentences) else begins if len(begins) else inside
    at = int(rng.choice(choice))
    return (ids[:at], words[:at]), (ids[at:], words[at:])


def _exchange(pairs: list[_Pair], rng: np.random.Generator) -> None:
    """Exchange the second segments of a random half of the pairs; none where a segment would stay in its document."""
    drawn = [pairs[place] for place in sorted(rng.permutation(len(pairs))[: len(pairs) // 2])]
    shift = len(drawn) // 2
    given = drawn[shift:] + drawn[:shift]
    if shift and all(pair.document != other.document for pair, other in zip(drawn, given, strict=True)):
        seconds = [other.second for other in given]
        for pair, second in zip(drawn, seconds, strict=True):
            pair.second, pair.negative = second, True
