"""A candidate's answers to the validation texts, given up where they would take longer than the budget lasts.

Forecasts of models that generate are often several times off, and a thousand answers can take longer than the whole
search. So a few texts are answered first. Where the others fit well into what is left they follow in one call, which is
the fastest; otherwise in portions, with a look at the clock between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from goldilocks.answers import Answers
from goldilocks.records import Text

PORTION = 32
"""Texts that are answered between two looks at the clock."""
SAFE = 0.5
"""Share of the remaining time that all the rest may be expected to take to be answered in one call."""


class Predictor(Protocol):
    """What answers: a run or a model."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers, as ``protocols.Model.predict``."""


def nothing(_per_text: float) -> float:
    """Nothing follows."""
    return 0.0


def answers_in_time(
    run: Predictor, texts: Sequence[Text], left: Callable[[], float], after: Callable[[float], float] = nothing
) -> Answers | None:
    """Answers to all texts; ``None`` where they, and what follows, would take longer than is left.

    The first portion also pays for what a model does only once, so it never gives up alone.

    Args:
        run: The candidate.
        texts: Items to answer, each of which gets the same answer alone and in a batch.
        left: Seconds that are left, asked between two portions.
        after: Seconds that must then be left, from the seconds that a text takes.
    """
    parts: list[Answers] = []
    done, size = 0, PORTION
    while done < len(texts) or not parts:
        started = time.perf_counter()
        parts.append(run.predict(texts[done : done + size]))
        done = min(done + size, len(texts))
        per_text = (time.perf_counter() - started) / size
        needed = per_text * (len(texts) - done)
        if len(parts) > 1 and needed + after(per_text) > left():
            return None
        size = len(texts) - done if needed < SAFE * left() else PORTION
    return joined(parts)


def joined(parts: Sequence[Answers]) -> Answers:
    """Answers of consecutive portions as those of one call."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    named = any(part.problems for part in parts)
    return Answers(
        values=tuple(value for part in parts for value in part.values),
        scores=np.concatenate([part.scores for part in parts]),
        labels=first.labels,
        probabilities=np.concatenate([part.probabilities for part in parts]) if first.labels else first.probabilities,
        items=tuple(item for part in parts for item in part.items),
        spans=tuple(spans for part in parts for spans in part.spans),
        problems=tuple(why for part in parts for why in (part.problems or ("",) * len(part))) if named else (),
        reviews=tuple(review for part in parts for review in part.reviews),
    )
