"""A text written token by token, whatever it is that foretells the next token: the choice, the draw, the end.

A ``Source`` says how likely each next token of some rows is (a decoder, an encoder-decoder, a recurrent net, counts);
``onward`` writes with it. Families that have no need of torch write too, so nothing here loads it.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError

Scores = npt.NDArray[np.floating[Any]]
Decode = Callable[[Sequence[int]], str]
"""Tokens -> the text they spell."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop."""

    max_tokens: int = 64
    stops: tuple[str, ...] = ()
    """The text ends before the first of these; white space ends it only behind a first word (see ``cut``)."""
    temperature: float = 0.0
    """0: always the likeliest token."""
    top_k: int = 0
    """Only the ``top_k`` likeliest tokens; 0: all."""
    top_p: float = 1.0
    """Only the fewest tokens that have this probability together."""
    seed: int = 0
    rows: int = 16
    """Most texts written side by side."""
    tokens: int = 8192
    """Most prompt tokens in a batch, padding included."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.max_tokens < 1 or self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise InputError(
                f"sampling: {self}; max_tokens must be at least 1, temperature and top_k not below 0, "
                "and top_p above 0 and at most 1."
            )


@dataclass(frozen=True, slots=True)
class Written:
    """One text that was written."""

    text: str
    tokens: int
    """How many were written, the stop included."""
    ended: bool
    """Whether it came to an end by itself (end token or stop string) before ``max_tokens``."""
    first_seconds: float
    """From the start of its batch to its first token."""


class Draft:
    """A text while it is written."""

    def __init__(self, place: int, most: int, rng: np.random.Generator) -> None:
        """Nothing is written yet.

        Args:
            place: Its number among those that were asked for.
            most: Most tokens of it.
            rng: Each text has draws of its own, so that they do not depend on what else is in the batch.
        """
        self.place, self.most, self.rng = place, most, rng
        self.ids: list[int] = []
        self.ended = False
        self.steps = 0
        """Tokens that were chosen, the end among them."""
        self.log = 0.0
        """Natural log of their probability, where the source notes it."""
        self.begun = time.perf_counter()
        self.first_seconds = 0.0

    @property
    def going(self) -> bool:
        """Whether it is neither at its end nor at its limit."""
        return not self.ended and len(self.ids) < self.most

    def take(self, token: int, decode: Decode, stops: Sequence[str], ends: Collection[int]) -> None:
        """Go on with a token, and see whether the text is at its end."""
        self.first_seconds = self.first_seconds or time.perf_counter() - self.begun
        self.steps += 1
        if token in ends:
            self.ended = True
            return
        self.ids.append(token)
        if stops:
            # A token is at least a byte, so that a stop string lies within this many of the last ones.
            last = decode(self.ids[-(4 + max(len(stop.encode()) for stop in stops)) :])
            self.ended = any(stop in last for stop in stops) and cut(decode(self.ids), stops) is not None

    def text(self, decode: Decode, stops: Sequence[str]) -> str:
        """What is written, up to the first stop."""
        text = decode(self.ids)
        return text[: cut(text, stops)]


class Source:
    """Rows that are gone on with. A subclass gives ``scores``, ``keep`` and ``step``."""

    def scores(self) -> Scores:
        """Of each next token of each row, before softmax, ``(n_rows, vocabulary)``; minus infinity: never."""
        raise NotImplementedError

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on; ``step`` comes next."""
        raise NotImplementedError

    def step(self, ids: Sequence[int]) -> None:
        """Each row goes on with its token."""
        raise NotImplementedError

    def likeliest(self) -> list[int]:
        """The token of each row with the highest score."""
        found: list[int] = self.scores().argmax(-1).tolist()
        return found

    def drawn(self, rows: Sequence[Draft], sampling: Sampling) -> list[int]:
        """A token for each row, drawn."""
        return [draw(scores, sampling, row.rng) for row, scores in zip(rows, self.scores(), strict=True)]

    def note(self, rows: Sequence[Draft], ids: Sequence[int]) -> None:
        """Tokens were chosen; a subclass may add to ``Draft.log`` of those that are ``going``."""


def seeded(seed: int, prompt: Sequence[int]) -> np.random.Generator:
    """The draws of a text: the same for the same seed and prompt."""
    return np.random.default_rng(zlib.crc32(repr((seed, list(prompt))).encode()))


def onward(
    source: Source, rows: Sequence[Draft], sampling: Sampling, decode: Decode, ends: Collection[int]
) -> Iterator[Draft]:
    """Go on with rows until each is at its end; they come as they are done.

    Args:
        source: What foretells their next tokens.
        rows: The texts; each keeps to its own ``most``.
        sampling: How tokens are chosen, and where a text stops.
        decode: Turns tokens into text.
        ends: Tokens that end a text.
    """
    rows = list(rows)
    while True:
        ids = source.likeliest() if sampling.temperature == 0 else source.drawn(rows, sampling)
        source.note(rows, ids)
        for row, token in zip(rows, ids, strict=True):
            if row.going:
                row.take(token, decode, sampling.stops, ends)
        going = [place for place, row in enumerate(rows) if row.going]
        if 2 * len(going) <= len(rows) or not going:  # leaving costs a copy of the memory
            kept = set(going)
            yield from (row for place, row in enumerate(rows) if place not in kept)
            if not going:
                return
            rows, ids = [rows[place] for place in going], [ids[place] for place in going]
            source.keep(going)
        source.step(ids)


def cut(text: str, stops: Sequence[str]) -> int | None:
    r"""Where the text ends: before the first stop; ``None``: it has none yet.

    A base model likes to begin its answer on a new line. So a stop of white space counts behind the first word only.

    Example:
        >>> cut("\nHallo\nText:", ("\n",)), cut("\n\n", ("\n",)), cut("\nText: x", ("\nText:",))
        (6, None, 0)
    """
    spoken = len(text) - len(text.lstrip())
    places = (text.find(stop, spoken if stop.isspace() else 0) for stop in stops)
    return min((place for place in places if place >= 0), default=None)


def draw(scores: Scores, sampling: Sampling, rng: np.random.Generator) -> int:
    """One token, drawn from the softmax of the scores over the temperature.

    Where both are said, ``top_k`` comes first and ``top_p`` is a share of what it leaves. Of tokens with the same
    score at the edge the first ones stay.

    Args:
        scores: Of each token, ``(vocabulary,)``, before softmax.
        sampling: How; its temperature is above 0.
        rng: One number is drawn from it.

    Source:
        Fan et al. 2018, "Hierarchical Neural Story Generation" (top-k); Holtzman et al. 2020, "The Curious Case of
        Neural Text Degeneration" (top-p: the token that passes the share still counts).
    """
    given = np.asarray(scores, dtype=np.float64)
    with np.errstate(over="ignore"):  # near temperature 0 all but the likeliest end at minus infinity
        scaled = (given - given.max()) / sampling.temperature
    ids = _largest(scaled, sampling.top_k) if 0 < sampling.top_k < len(scaled) else np.arange(len(scaled))
    chances = np.exp(scaled[ids])
    if sampling.top_p < 1:
        ranked = np.sort(chances)[::-1]
        inside = np.cumsum(ranked) - ranked < sampling.top_p * ranked.sum()
        inside[0] = True
        kept = _largest(chances, int(inside.sum()))
        ids, chances = ids[kept], chances[kept]
    sums = np.cumsum(chances)
    # Below the whole, so that what it falls on has a chance at all.
    at = min(rng.random() * sums[-1], np.nextafter(sums[-1], 0))
    return int(ids[sums.searchsorted(at, side="right")])


def _largest(values: Scores, count: int) -> npt.NDArray[np.intp]:
    """Where the ``count`` largest stand, in order of place; of equal ones the first."""
    edge = np.partition(values, len(values) - count)[len(values) - count]
    taken = values > edge
    taken[np.flatnonzero(values == edge)[: count - int(taken.sum())]] = True
    return np.flatnonzero(taken)
