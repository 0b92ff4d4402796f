"""Items of several sentences: the words of all, with a sign between two sentences that is not a word and has no tag.

A reader of names sees more in a document than in a sentence alone (Luoma and Pyysalo 2020, "Exploring cross-sentence
contexts for named entity recognition with BERT"), but no entity crosses the end of a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SENTENCE_END = "\n"
"""Stands between two sentences of an item; no word is empty, so none is like it."""


def sentences_of(words: Sequence[str]) -> list[tuple[str, ...]]:
    r"""The sentences of an item, without the separators.

    Example:
        >>> sentences_of(["To", "Rome", "!", "\n", "Why", "?"])
        [('To', 'Rome', '!'), ('Why', '?')]
    """
    sentences: list[list[str]] = [[]]
    for word in words:
        if word == SENTENCE_END:
            sentences.append([])
        else:
            sentences[-1].append(word)
    return [tuple(match) for match in sentences]


def without_ends(words: Sequence[str]) -> tuple[str, ...]:
    r"""The words of all sentences, one after another: as many as there are tags.

    Example:
        >>> without_ends(["To", "Rome", "!", "\n", "Why", "?"])
        ('To', 'Rome', '!', 'Why', '?')
    """
    return tuple(word for word in words if word != SENTENCE_END)


def tagged_sentences(words: Sequence[str], tags: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    r"""The words and the tags of each sentence of an item.

    Example:
        >>> list(tagged_sentences(["To", "Rome", "\n", "Why"], ["O", "B-LOC", "O"]))
        [(('To', 'Rome'), ('O', 'B-LOC')), (('Why',), ('O',))]
    """
    behind = 0
    for sentence in sentences_of(words):
        yield sentence, tuple(tags[behind : behind + len(sentence)])
        behind += len(sentence)
