"""Similarity of two texts as some twenty numbers: what they share, how rare that is, in what order, at what lengths.

    words, word bigrams, character 3- and 4-grams   cosine of tf-idf, Jaccard, and the share of the idf weight of each
                                                    text that the other one covers
    word order                                      longest common subsequence, relative to both lengths
    latent semantics                                cosine of the texts in the leading directions of the training texts
    lengths                                         log ratio, its size, the shorter and the longer text
    details                                         the same first word, the same last word, shared numbers

Document frequencies are those of the training texts; an n-gram in none of them is as rare as can be.

Source: the features are those of the string-similarity systems at SemEval (Bär et al. 2012, "UKP: Computing Semantic
Textual Similarity by Combining Multiple Content Similarity Measures"; Šarić et al. 2012, "TakeLab"), without their
resources; latent semantic analysis after Deerwester et al. 1990.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.support.text import units
from goldilocks.support.text.subsequence import longest_common_subsequence
from goldilocks.support.text.units import SEGMENTATION

if TYPE_CHECKING:
    import scipy.sparse as sp

Floats = npt.NDArray[np.float64]

KINDS = ("word", "bigram", "char")
FEATURES = 4 * len(KINDS) + 9
"""Numbers of a pair."""
LONGEST = 1_000
"""Characters of a text that are compared: of a longer one the last, since of a dialogue they are the latest."""
DIRECTIONS = 64
MAX_COUNTED = 100_000
"""N-grams of a kind whose document frequency is kept, of those in at least two texts."""
MAX_DECOMPOSED = 20_000
"""Training texts that the latent directions are found in, evenly spread."""
_NGRAM_LENGTHS = (3, 4)


@dataclass(frozen=True, slots=True)
class Profile:
    """What of a text is compared."""

    words: tuple[str, ...]
    weights: tuple[dict[str, float], ...]
    """For each kind of n-gram: n-gram -> (1 + log count) · idf."""
    idf: tuple[dict[str, float], ...]
    """For each kind of n-gram: n-gram -> idf."""
    norms: tuple[float, ...]
    """For each kind of n-gram: norm of the vector of weights."""
    total_idf: tuple[float, ...]
    latent: Floats
    """In the latent directions, of length 1; zeros where no word is known."""
    numbers: frozenset[str]
    rarest: tuple[str, ...]
    """The different words, the rarest first."""


class PairSimilarity:
    """Document frequencies and latent directions of the training texts."""

    def __init__(self, segmentation: int = SEGMENTATION) -> None:
        """Before ``fit`` all n-grams are equally rare. ``segmentation``: version of the words."""
        self.segmentation = segmentation
        self.n_texts = 0
        self.seen: tuple[dict[str, int], ...] = ({}, {}, {})
        """For each kind of n-gram: n-gram -> its document frequency in the training texts."""
        self.directions: npt.NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        """Vector of each word of ``seen[0]``, in its order, ``(n_words, DIRECTIONS)``."""
        self._place: dict[str, int] = {}

    def fit(self, texts: Collection[str], *, seed: int) -> None:
        """Count n-grams in the different texts, and find the latent directions."""
        counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
        distinct = list(dict.fromkeys(texts))
        for text in distinct:
            for counter, grams in zip(counts, self._grams(self._words(text)), strict=True):
                counter.update(grams.keys())
        self.n_texts = len(distinct)
        self.seen = tuple(
            {gram: count for gram, count in counter.most_common(MAX_COUNTED) if count > 1} for counter in counts
        )
        self.directions = np.zeros((0, 0), dtype=np.float32)
        self._place = {}
        sample = distinct[:: max(1, -(-len(distinct) // MAX_DECOMPOSED))]
        self.set_directions(self._decomposed(sample, seed))

    def set_directions(self, directions: npt.NDArray[np.float32]) -> None:
        """Take the table of latent directions."""
        self.directions = directions
        self._place = {word: place for place, word in enumerate(self.seen[0])} if directions.size else {}

    def _decomposed(self, texts: Sequence[str], seed: int) -> npt.NDArray[np.float32]:
        """Right singular vectors of the texts' tf-idf values, each row of which has length 1."""
        from sklearn.utils.extmath import randomized_svd

        place = {word: number for number, word in enumerate(self.seen[0])}
        # With nearly as many directions as words, every word would have one to itself.
        limit = min(DIRECTIONS, len(place) // 4, len(texts) // 4)
        if limit < 2:
            return np.zeros((0, 0), dtype=np.float32)
        table = _table([self.profile(text) for text in texts], place)
        _, _, directions = randomized_svd(table, limit, n_iter=4, random_state=seed % 2**32)
        return np.ascontiguousarray(directions.T, dtype=np.float32)

    # ------------------------------------------------------------------------------------------------------- comparing

    def profile(self, text: str) -> Profile:
        """What of a text is compared."""
        words = self._words(text)
        kinds = self._grams(words)
        idf = tuple(
            {gram: self._idf(seen.get(gram, 0)) for gram in grams} for grams, seen in zip(kinds, self.seen, strict=True)
        )
        weights = tuple(
            {gram: (1 + math.log(count)) * rare[gram] for gram, count in grams.items()}
            for grams, rare in zip(kinds, idf, strict=True)
        )
        norms = tuple(math.sqrt(sum(value * value for value in own.values())) for own in weights)
        numbers = frozenset(word for word in words if any(letter.isdigit() for letter in word))
        rarest = tuple(sorted(idf[0], key=lambda word: (-idf[0][word], word)))
        totals = tuple(sum(own.values()) for own in idf)
        return Profile(tuple(words), weights, idf, norms, totals, self._latent(weights[0]), numbers, rarest)

    def values(self, first: Profile, second: Profile) -> Floats:
        """The numbers of a pair, ``(FEATURES,)``."""
        numbers: list[float] = []
        for kind in range(len(KINDS)):
            numbers += _overlap(first, second, kind)
        short, long = sorted((len(first.words), len(second.words)))
        common = longest_common_subsequence(first.words, second.words)
        ratio = math.log((1 + len(first.words)) / (1 + len(second.words)))
        numbers += [2 * common / max(1, short + long), common / max(1, short), float(first.latent @ second.latent)]
        numbers += [ratio, abs(ratio), math.log(1 + short)]
        numbers += [float(first.words[:1] == second.words[:1]), float(first.words[-1:] == second.words[-1:])]
        together = len(first.numbers | second.numbers)
        numbers.append(len(first.numbers & second.numbers) / together if together else 0.5)
        return np.array(numbers)

    def _words(self, text: str) -> list[str]:
        return units.words(text[-LONGEST:], self.segmentation)

    def _grams(self, words: Sequence[str]) -> tuple[Counter[str], ...]:
        joined = f"·{'·'.join(words)}·"
        runs = (
            joined[start : start + length] for length in _NGRAM_LENGTHS for start in range(len(joined) - length + 1)
        )
        return Counter(words), Counter(map("_".join, pairwise(words))), Counter(runs)

    def _idf(self, texts: int) -> float:
        return math.log((1 + self.n_texts) / (1 + texts)) + 1

    def _latent(self, weights: Mapping[str, float]) -> Floats:
        vector = np.zeros(self.directions.shape[1])
        known = [(self._place[word], weight) for word, weight in weights.items() if word in self._place]
        if known:
            places, values = zip(*known, strict=True)
            vector = np.asarray(values) @ self.directions[list(places)].astype(np.float64)
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    # --------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of n-grams, their counts and the directions."""
        return self.directions.nbytes + sum(len(gram) + 8 for seen in self.seen for gram in seen)

    def to_plain(self) -> dict[str, Any]:
        """Everything but ``directions``, for JSON."""
        return {"segmentation": self.segmentation, "n_texts": self.n_texts, "seen": list(self.seen)}


def from_plain(raw: Mapping[str, Any], directions: npt.NDArray[np.float32]) -> PairSimilarity:
    """What ``to_plain`` gave, with its directions."""
    similarity = PairSimilarity(int(raw["segmentation"]))
    similarity.n_texts = int(raw["n_texts"])
    similarity.seen = tuple({gram: int(count) for gram, count in seen.items()} for seen in raw["seen"])
    similarity.set_directions(directions)
    return similarity


def _table(profiles: Sequence[Profile], place: Mapping[str, int]) -> sp.csr_array:
    """tf-idf values of the known words, each row of length 1, ``(n_texts, n_words)``."""
    import scipy.sparse as sp

    rows = [
        [(place[word], value) for word, value in profile.weights[0].items() if word in place] for profile in profiles
    ]
    lengths = [math.sqrt(sum(value * value for _, value in row)) or 1.0 for row in rows]
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.array([number for row in rows for number, _ in row], dtype=np.int32)
    values = [value / length for row, length in zip(rows, lengths, strict=True) for _, value in row]
    return sp.csr_array((np.array(values, dtype=np.float32), columns, starts), shape=(len(rows), len(place)))


def _overlap(first: Profile, second: Profile, kind: int) -> list[float]:
    """Cosine, Jaccard, and the covered share of the weight of the first and of the second text."""
    left, right = first.weights[kind], second.weights[kind]
    idf = first.idf[kind]
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    shared = [gram for gram in short if gram in long]
    lengths = first.norms[kind] * second.norms[kind]
    cosine = sum(left[gram] * right[gram] for gram in shared) / lengths if lengths else 0.0
    together = len(left) + len(right) - len(shared)
    weight = sum(idf[gram] for gram in shared)
    covered = [weight / (text.total_idf[kind] or 1.0) for text in (first, second)]
    return [cosine, len(shared) / together if together else 1.0, *covered]
