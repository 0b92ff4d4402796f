"""Sampling: greedy, temperature, top-k and top-p choice of the next token, stop strings, and the generation loop.

A ``NextTokenModel`` gives the logits of the next token of some rows (a decoder, an encoder-decoder, a recurrent net,
n-gram counts); ``generate_sequences`` generates with it. Families without torch generate too, so nothing here loads it.
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
from goldilocks.nets.generation.streaming import observer, without_open_stop

Logits = npt.NDArray[np.floating[Any]]
Decode = Callable[[Sequence[int]], str]
"""Tokens -> the text they spell."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop."""

    max_tokens: int = 64
    stops: tuple[str, ...] = ()
    """Stop strings: the text ends before the first of them; white space only after a first word (``stop_position``)."""
    temperature: float = 0.0
    """0: greedy."""
    top_k: int = 0
    """Only the ``top_k`` most probable tokens; 0: all."""
    top_p: float = 1.0
    """Nucleus sampling: only the fewest tokens whose probabilities add up to this share."""
    seed: int = 0
    rows: int = 16
    """Maximum number of texts generated side by side."""
    tokens: int = 8192
    """Maximum number of prompt tokens in a batch, padding included."""

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        if self.max_tokens < 1 or self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise InputError(
                f"sampling: {self}; max_tokens must be at least 1, temperature and top_k not below 0, "
                "and top_p above 0 and at most 1."
            )


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """One generated text."""

    text: str
    tokens: int
    """How many were generated, those of the stop string included."""
    ended: bool
    """Whether it ended with an end token or a stop string, before ``max_tokens``."""
    first_seconds: float
    """Time to first token, from the start of its batch."""


class TokenSequence:
    """A sequence while it is generated."""

    def __init__(self, number: int, max_tokens: int, rng: np.random.Generator) -> None:
        """An empty sequence.

        Args:
            number: Its place among the prompts.
            max_tokens: Its limit.
            rng: Each sequence has its own, so that its draws do not depend on what else is in the batch.
        """
        self.number, self.max_tokens, self.rng = number, max_tokens, rng
        self.ids: list[int] = []
        self.ended = False
        self.steps = 0
        """Tokens chosen, the end token included."""
        self.log_probability = 0.0
        """Natural logarithm, summed over the tokens, where the model records it."""
        self.started = time.perf_counter()
        self.first_seconds = 0.0

    @property
    def active(self) -> bool:
        """Whether it has neither ended nor reached its limit."""
        return not self.ended and len(self.ids) < self.max_tokens

    def append(self, token: int, decode: Decode, stops: Sequence[str], end_ids: Collection[int]) -> None:
        """Add a token, and see whether the sequence ends with it."""
        self.first_seconds = self.first_seconds or time.perf_counter() - self.started
        self.steps += 1
        if token in end_ids:
            self.ended = True
            return
        self.ids.append(token)
        if stops:
            # A token is at least a byte, so that a stop string lies within this many of the last ones.
            last = decode(self.ids[-(4 + max(len(stop.encode()) for stop in stops)) :])
            self.ended = any(stop in last for stop in stops) and stop_position(decode(self.ids), stops) is not None

    def text(self, decode: Decode, stops: Sequence[str]) -> str:
        """The text so far, up to the first stop string."""
        text = decode(self.ids)
        return text[: stop_position(text, stops)]


class NextTokenModel:
    """Rows being generated. A subclass gives ``logits``, ``select`` and ``step``."""

    def logits(self) -> Logits:
        """Logits of the next token of each row, ``(n_rows, vocabulary)``; minus infinity: never."""
        raise NotImplementedError

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows only; ``step`` comes next."""
        raise NotImplementedError

    def step(self, ids: Sequence[int]) -> None:
        """Append a token to each row."""
        raise NotImplementedError

    def greedy(self) -> list[int]:
        """The token of each row with the highest logit."""
        ids: list[int] = self.logits().argmax(-1).tolist()
        return ids

    def sample(self, sequences: Sequence[TokenSequence], sampling: Sampling) -> list[int]:
        """A sampled token for each row."""
        rows = zip(sequences, self.logits(), strict=True)
        return [sample_token(logits, sampling, sequence.rng) for sequence, logits in rows]

    def record(self, sequences: Sequence[TokenSequence], ids: Sequence[int]) -> None:
        """Tokens were chosen; a subclass may add to the ``log_probability`` of ``active`` sequences."""


def generator_for(seed: int, prompt: Sequence[int]) -> np.random.Generator:
    """The random generator of a text: the same for the same seed and prompt."""
    return np.random.default_rng(zlib.crc32(repr((seed, list(prompt))).encode()))


def generate_sequences(
    model: NextTokenModel,
    sequences: Sequence[TokenSequence],
    sampling: Sampling,
    decode: Decode,
    end_ids: Collection[int],
) -> Iterator[TokenSequence]:
    """Generate until each sequence ends; they are yielded as they finish. One alone is reported, see ``streaming``.

    Args:
        model: Gives the logits; its rows are the sequences.
        sequences: Each with its own ``max_tokens``.
        sampling: How tokens are chosen, and stop strings.
        decode: Turns tokens into text.
        end_ids: Tokens that end a sequence.
    """
    sequences = list(sequences)
    on_text = observer() if len(sequences) == 1 else None
    while True:
        ids = model.greedy() if sampling.temperature == 0 else model.sample(sequences, sampling)
        model.record(sequences, ids)
        for sequence, token in zip(sequences, ids, strict=True):
            if sequence.active:
                sequence.append(token, decode, sampling.stops, end_ids)
        if on_text is not None:
            text = sequences[0].text(decode, sampling.stops)
            on_text(without_open_stop(text, sampling.stops) if sequences[0].active else text)
        active = [row for row, sequence in enumerate(sequences) if sequence.active]
        if 2 * len(active) <= len(sequences) or not active:  # selecting rows copies the KV cache
            kept = set(active)
            yield from (sequence for row, sequence in enumerate(sequences) if row not in kept)
            if not active:
                return
            sequences, ids = [sequences[row] for row in active], [ids[row] for row in active]
            model.select(active)
        model.step(ids)


def stop_position(text: str, stops: Sequence[str]) -> int | None:
    r"""Where the first stop string starts; ``None``: there is none yet.

    A base model often starts its answer on a new line: a stop string of white space counts after the first word only.

    Example:
        >>> stop_position("\nHallo\nText:", ("\n",)), stop_position("\n\n", ("\n",))
        (6, None)
    """
    first_word = len(text) - len(text.lstrip())
    positions = (text.find(stop, first_word if stop.isspace() else 0) for stop in stops)
    return min((position for position in positions if position >= 0), default=None)


def sample_token(logits: Logits, sampling: Sampling, rng: np.random.Generator) -> int:
    """One token, sampled from the softmax of the logits over the temperature.

    With both ``top_k`` and ``top_p``, ``top_k`` comes first and ``top_p`` is a share of what it leaves. Of tokens with
    equal logits at the edge the lowest ids stay.

    Args:
        logits: Logits of each token, ``(vocabulary,)``.
        sampling: Its temperature is above 0.
        rng: One number is drawn from it.

    Source:
        Fan et al. 2018, "Hierarchical Neural Story Generation" (top-k); Holtzman et al. 2020, "The Curious Case of
        Neural Text Degeneration" (top-p: the token that passes the share still counts).
    """
    given = np.asarray(logits, dtype=np.float64)
    with np.errstate(over="ignore"):  # near temperature 0 all but the most probable end at minus infinity
        scaled = (given - given.max()) / sampling.temperature
    ids = _largest(scaled, sampling.top_k) if 0 < sampling.top_k < len(scaled) else np.arange(len(scaled))
    weights = np.exp(scaled[ids])
    if sampling.top_p < 1:
        ranked = np.sort(weights)[::-1]
        inside = np.cumsum(ranked) - ranked < sampling.top_p * ranked.sum()
        inside[0] = True
        kept = _largest(weights, int(inside.sum()))
        ids, weights = ids[kept], weights[kept]
    sums = np.cumsum(weights)
    # Strictly below the total, so that the token found has a weight above 0.
    drawn = min(rng.random() * sums[-1], np.nextafter(sums[-1], 0))
    return int(ids[sums.searchsorted(drawn, side="right")])


def _largest(values: Logits, count: int) -> npt.NDArray[np.intp]:
    """Indices of the ``count`` largest values, in ascending order; of equal values the first."""
    edge = np.partition(values, len(values) - count)[len(values) - count]
    above_edge = values > edge
    above_edge[np.flatnonzero(values == edge)[: count - int(above_edge.sum())]] = True
    return np.flatnonzero(above_edge)
