"""Easy data augmentation (EDA): words replaced by similar ones, inserted, swapped or deleted.

Similar words are the nearest other words of the training texts in a pretrained table of embeddings, where one is
installed (English: wordllama; Chinese: multilingual-e5-small, whose tokens are words); without one only swapping and
deletion are left, in texts without spaces of characters. Embedding neighbours are related and not always synonyms
("good" may become "great", or "bad"): measure whether it helps. A Chinese word that holds the other is no neighbour, so
that none becomes its negation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldilocks.augmenters._shared.pieces import chosen, each_varied, is_unspaced, joined, pieces_of
from goldilocks.protocols import AugmentationResources
from goldilocks.records import Output

SOURCE = (
    'Wei and Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks"; '
    "they take WordNet's synonyms, we take embedding neighbours."
)
OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.SCORE, Output.SPAN})
PARAPHRASES = False

_NEAREST = 5
_BLOCK = 1_000
Neighbours = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Options:
    """How much is changed."""

    share: float = 0.1
    """Share of the words that are changed, at least one (alpha in the paper)."""
    similarity: float = 0.6
    """Lowest cosine similarity of a word and what replaces it."""
    unspaced_similarity: float = 0.35
    """The same of words in texts without spaces, whose table is another one."""


def unavailable(options: Options, resources: AugmentationResources) -> str | None:  # noqa: ARG001
    """See ``protocols.Augmenter``."""
    return None


def varied(texts: Sequence[str], options: Options, resources: AugmentationResources, *, seed: int) -> list[str]:
    """See ``protocols.Augmenter``."""
    words = sorted({word for text in texts if not is_unspaced(text) for word in text.split() if word.isalpha()})
    similar = nearest_words(words, resources.embed_words(words), options.similarity)
    pieces = _words_of_unspaced([text for text in texts if is_unspaced(text)], resources)
    unspaced = sorted({word for words in pieces.values() for word in words if len(word) > 1 and word.isalpha()})
    if unspaced:
        near = nearest_words(unspaced, resources.embed_unspaced_words(unspaced), options.unspaced_similarity)
        similar |= {word: kept for word, others in near.items() if (kept := _apart(word, others))}
    return each_varied(
        texts, seed, lambda text, rng: _edited(text, pieces.get(text) or pieces_of(text), options.share, similar, rng)
    )


def _words_of_unspaced(texts: Sequence[str], resources: AugmentationResources) -> dict[str, list[str]]:
    """Text -> its words; nothing where no tokenizer is installed that knows words."""
    segmented = resources.segmented(texts) if texts else None
    return {} if segmented is None else dict(zip(texts, segmented, strict=True))


def _apart(word: str, others: Sequence[str]) -> tuple[str, ...]:
    """Those that do not hold the word and are not part of it: 不喜欢 is near 喜欢."""
    return tuple(other for other in others if word not in other and other not in word)


def nearest_words(
    words: Sequence[str], vectors: npt.NDArray[np.float32] | None, lowest: float
) -> dict[str, tuple[str, ...]]:
    """Up to five nearest other words of each word by cosine, nearest first; words without one are left out.

    Args:
        words: Distinct words.
        vectors: ``(n_words, width)``; ``None``: there are no neighbours.
        lowest: Lowest cosine similarity.
    """
    if vectors is None or len(words) < 2:
        return {}
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    nearest: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(words), _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T
        cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = -1.0
        for row, similar in enumerate(np.argsort(-cosines, axis=1)[:, :_NEAREST].tolist()):
            word = words[start + row]
            # "Card" for "card" changes nothing.
            kept = [words[at] for at in similar if cosines[row, at] >= lowest and words[at].lower() != word.lower()]
            if kept:
                nearest[word] = tuple(kept)
    return nearest


def _edited(
    text: str, words: Sequence[str], share: float, similar: dict[str, tuple[str, ...]], rng: np.random.Generator
) -> str:
    """One of the four operations, as each copy in the paper has one."""
    pieces = list(words)
    replaceable = [at for at, piece in enumerate(pieces) if piece in similar]
    kinds = ["swap", "delete"] if len(pieces) > 1 else []
    kinds += ["replace", "insert"] if replaceable else []
    if not kinds:
        return text
    kind = kinds[int(rng.integers(len(kinds)))]
    count = max(1, round(share * len(pieces)))
    if kind == "delete":
        gone = set(chosen(len(pieces), share, rng))
        pieces = [piece for at, piece in enumerate(pieces) if at not in gone]
    for _ in range(count if kind == "swap" else 0):
        first, second = rng.choice(len(pieces), 2, replace=False).tolist()
        pieces[first], pieces[second] = pieces[second], pieces[first]
    for _ in range(count if kind in ("replace", "insert") else 0):
        at = replaceable[int(rng.integers(len(replaceable)))]
        options = similar.get(pieces[at], (pieces[at],))
        word = options[int(rng.integers(len(options)))]
        if kind == "replace":
            pieces[at] = word
        else:
            pieces.insert(int(rng.integers(len(pieces) + 1)), word)
    return joined(pieces, text)
