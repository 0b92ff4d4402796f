"""Candidate answer spans of a context and the features of each, for extractive question answering by a linear ranker.

Candidates come from the sentences that share most with the question. Where answers begin and end is learnt from the
training rows: the log odds of the token pair before and at a start, and at and after an end (so no span begins with
"of" or ends inside a Chinese word that was met). The spans with the highest sum of both are kept.

    dense    how much of the question the sentence, its neighbours and the span's surroundings cover; the log odds of
             start and end; how much of the span is in the question itself; length, capitals and digits
    sparse   length, shapes, first and last word and the words around the span, each crossed with the question's cues

Cues are words that are common in questions and rare in contexts ("who", "when", "多少"), counted on the training rows.

Source: after the logistic regression baseline of Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine
Comprehension of Text" (matching n-grams, lengths, span position, lexical cues), without syntax.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.support.text.units import character, word

Floats = npt.NDArray[np.float64]

SENTENCES = 3
"""Sentences that candidates come from."""
LONGEST = 20
"""Maximum number of tokens of a candidate (where training answers are shorter: of 98 % of those)."""
MAX_SPANS = 60
"""Candidates of a question."""
MAX_CUES = 60
MAX_TOKENS = 4_000
"""Tokens of a context that are used; the rest is left out."""
DENSE = 14
_NEAR = (3, 8)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？；\n]")
_EDGE = "\x02"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a text and where they are in it."""

    words: tuple[str, ...]
    """In lower case."""
    shapes: tuple[str, ...]
    """``C`` capitalised, ``d`` digits, ``w`` other letters, ``.`` punctuation."""
    offsets: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[int, int], ...]
    """First token of each sentence, and the token after its last."""


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"{character()}|{word(underscore=True)}|[^\w\s]")


def tokens_of(text: str) -> Tokens:
    """The tokens of a text.

    Example:
        >>> tokens = tokens_of("In 1889 it opened. 很好")
        >>> tokens.words, tokens.sentences
        (('in', '1889', 'it', 'opened', '.', '很', '好'), ((0, 5), (5, 7)))
    """
    matches = [match for match, _ in zip(_pattern().finditer(text), range(MAX_TOKENS), strict=False)]
    offsets = tuple(match.span() for match in matches)
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    starts = [0, *np.searchsorted([start for start, _ in offsets], ends).tolist(), len(offsets)]
    sentences = tuple((start, end) for start, end in pairwise(starts) if end > start)
    return Tokens(
        tuple(match[0].lower() for match in matches), tuple(_shape(match[0]) for match in matches), offsets, sentences
    )


def _shape(token: str) -> str:
    if any(letter.isdigit() for letter in token):
        return "d"
    if not any(letter.isalpha() for letter in token):
        return "."
    return "C" if token[0].isupper() else "w"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of one question."""

    spans: list[tuple[int, int]]
    """First and last character (excluded) in the context."""
    dense: Floats
    """``(n_candidates, DENSE)``."""
    sparse: list[list[str]]
    """Names of the sparse features of each."""


@dataclass(slots=True)
class SpanGenerator:
    """Finds candidate spans by what was counted on the training rows."""

    n_contexts: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    """Word -> contexts that have it; of words in two at least."""
    cues: list[str] = field(default_factory=list)
    starts: dict[str, float] = field(default_factory=dict)
    """Feature of a start -> log odds."""
    ends: dict[str, float] = field(default_factory=dict)
    longest: int = LONGEST

    def fit(self, pairs: Sequence[tuple[Tokens, Tokens]], answers: Sequence[tuple[int, int] | None]) -> None:
        """Count.

        Args:
            pairs: Question and context of each row.
            answers: First and last token of the answer; ``None``: it has none.
        """
        contexts = list({id(context): context for _, context in pairs}.values())
        counts = Counter(token for context in contexts for token in set(context.words))
        self.n_contexts = len(contexts)
        self.seen = {token: count for token, count in sorted(counts.items()) if count > 1}
        self.cues = self._common_in_questions([question for question, _ in pairs], counts)
        lengths = [last - first + 1 for first, last in filter(None, answers)]
        self.longest = min(LONGEST, max(3, math.ceil(np.quantile(lengths, 0.98)))) if lengths else LONGEST
        self.starts = _log_odds(pairs, answers, _start_features, 0)
        self.ends = _log_odds(pairs, answers, _end_features, 1)

    def _common_in_questions(self, questions: Sequence[Tokens], in_contexts: Mapping[str, int]) -> list[str]:
        counts = Counter(token for question in questions for token in set(question.words))
        share = {
            token: count / len(questions) / ((1 + in_contexts.get(token, 0)) / (1 + self.n_contexts))
            for token, count in counts.items()
            if count >= max(2, 0.005 * len(questions))
        }
        several = sorted(token for token, ratio in share.items() if ratio >= 2)
        return sorted(several, key=lambda token: -counts[token])[:MAX_CUES]

    # ------------------------------------------------------------------------------------------------------ candidates

    def candidates(self, question: Tokens, context: Tokens) -> Candidates:
        """The candidates of a question; none of a context without words."""
        covered = self._covered(question, context)
        order = sorted(range(len(context.sentences)), key=lambda place: (-covered[place], place))[:SENTENCES]
        starts = _scores(context, self.starts, _start_features)
        ends = _scores(context, self.ends, _end_features)
        spans = [
            (starts[first] + ends[last], rank, place, first, last)
            for rank, place in enumerate(order)
            for first in range(*context.sentences[place])
            if context.shapes[first] != "."
            for last in range(first, min(first + self.longest, context.sentences[place][1]))
            if context.shapes[last] != "."
        ]
        spans.sort(key=lambda span: (-span[0], span[3], span[4]))
        kept = spans[:MAX_SPANS]
        view = _View(self, question, context, covered, starts, ends)
        dense = [view.dense(*span[1:]) for span in kept]
        sparse = [view.sparse(span[3], span[4]) for span in kept]
        places = [(context.offsets[span[3]][0], context.offsets[span[4]][1]) for span in kept]
        return Candidates(places, np.array(dense).reshape(-1, DENSE), sparse)

    def idf(self, token: str) -> float:
        """log(contexts / contexts with the word), at least that of a word in one."""
        return math.log((1 + self.n_contexts) / self.seen.get(token, 1))

    def _covered(self, question: Tokens, context: Tokens) -> list[float]:
        """Share of the question's weight that each sentence covers."""
        weights = {token: self.idf(token) for token in dict.fromkeys(question.words)}
        whole = sum(weights.values()) or 1.0
        shares = []
        for start, end in context.sentences:
            words = set(context.words[start:end])
            shares.append(sum(weight for token, weight in weights.items() if token in words) / whole)
        return shares

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in ("n_contexts", "seen", "cues", "starts", "ends", "longest")}


class _View:
    """A question paired with a context."""

    def __init__(
        self,
        counts: SpanGenerator,
        question: Tokens,
        context: Tokens,
        covered: Sequence[float],
        starts: Sequence[float],
        ends: Sequence[float],
    ) -> None:
        self.context, self.covered, self.starts, self.ends = context, covered, starts, ends
        question_words = set(question.words)
        self.cues = [cue for cue in counts.cues if cue in question_words] or [""]
        weights = {token: counts.idf(token) for token in question_words}
        self.whole = sum(weights[token] for token in sorted(question_words)) or 1.0
        hits = [weights.get(token, 0.0) for token in context.words]
        self.hits = list(accumulate(hits, initial=0.0))
        self.asked = list(accumulate((float(token in question_words) for token in context.words), initial=0.0))
        self.capitals = list(accumulate((float(shape == "C") for shape in context.shapes), initial=0.0))
        self.digits = list(accumulate((float(shape == "d") for shape in context.shapes), initial=0.0))

    def dense(self, rank: int, place: int, first: int, last: int) -> list[float]:
        """The dense features of a candidate."""
        length = last - first + 1
        around = []
        for near in _NEAR:
            left, right = max(0, first - near), min(len(self.context.words), last + 1 + near)
            around += [(self.hits[first] - self.hits[left]) / self.whole]
            around += [(self.hits[right] - self.hits[last + 1]) / self.whole]
        beside = [self.covered[other] for other in (place - 1, place + 1) if 0 <= other < len(self.covered)]
        asked, capitals, digits = (
            (sums[last + 1] - sums[first]) / length for sums in (self.asked, self.capitals, self.digits)
        )
        sentence = [self.covered[place], 1 / (1 + rank), max(beside, default=0.0)]
        odds = [self.starts[first], self.ends[last]]
        return [1.0, *sentence, *odds, *around, asked, capitals, digits, math.log(length)]

    def sparse(self, first: int, last: int) -> list[str]:
        """The names of a candidate's sparse features."""
        words, shapes = self.context.words, self.context.shapes
        before = words[first - 1] if first else _EDGE
        behind = words[last + 1] if last + 1 < len(words) else _EDGE
        own = [
            f"l{min(last - first, 8)}",
            f"s{shapes[first]}{shapes[last]}",
            f"f{words[first]}",
            f"e{words[last]}",
            f"b{before}",
            f"n{behind}",
        ]
        return own + [f"{cue}\x1f{name}" for cue in self.cues for name in own]


def _start_features(context: Tokens, place: int) -> tuple[str, ...]:
    before = context.words[place - 1] if place else _EDGE
    shapes = (context.shapes[place - 1] if place else _EDGE) + context.shapes[place]
    return f"b{before}", f"w{context.words[place]}", f"s{shapes}"


def _end_features(context: Tokens, place: int) -> tuple[str, ...]:
    behind = context.words[place + 1] if place + 1 < len(context.words) else _EDGE
    shapes = context.shapes[place] + (context.shapes[place + 1] if place + 1 < len(context.words) else _EDGE)
    return f"b{behind}", f"w{context.words[place]}", f"s{shapes}"


def _log_odds(
    pairs: Sequence[tuple[Tokens, Tokens]], answers: Sequence[tuple[int, int] | None], features: Any, side: int
) -> dict[str, float]:
    """Smoothed log ratio of a feature's share at answers to its share at all tokens."""
    here: Counter[str] = Counter()
    n_answers = 0
    for (_, context), answer in zip(pairs, answers, strict=True):
        if answer is not None:
            here.update(features(context, answer[side]))
            n_answers += 1
    contexts = {id(context): context for _, context in pairs}.values()
    everywhere = Counter(
        name for context in contexts for place in range(len(context.words)) for name in features(context, place)
    )
    n_tokens = max(1, sum(len(context.words) for context in contexts))
    share = n_answers / n_tokens
    return {
        name: math.log((here[name] + 2 * share) / ((count + 2) * share))
        for name, count in sorted(everywhere.items())
        if share and count > 1
    }


def _scores(context: Tokens, odds: Mapping[str, float], features: Any) -> list[float]:
    return [sum(odds.get(name, 0.0) for name in features(context, place)) for place in range(len(context.words))]
