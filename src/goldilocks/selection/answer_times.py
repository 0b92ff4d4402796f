"""Seconds in which candidates answer the validation part and are scored, which are no part of their training.

A run answers the whole validation part at each rung that it is scored at, however little it has trained. With a slow
model that can take longer than the training between two rungs, so the two are predicted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.records import Candidate, Trial

Floats = npt.NDArray[np.float64]


class AnswerTimes:
    """The pace of each model, from the screening and from the trials of all methods on it."""

    def __init__(self, pool: Sequence[Candidate], n_items: int, encoding: Mapping[str, float] | None = None) -> None:
        """Nothing has answered yet.

        Args:
            pool: The candidates.
            n_items: Validation items.
            encoding: Model -> seconds in which it encodes a text (``Screening.paces``).
        """
        self._place = {candidate.name: place for place, candidate in enumerate(pool)}
        names = [_model(name) for name in self._place]
        self._number = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self._models = np.array([self._number[name] for name in names], dtype=np.int64)
        self._n_items = n_items
        encoded = encoding or {}
        self._of_model = np.array([n_items * encoded.get(name, 0.0) for name in self._number], dtype=np.float64)
        self._answered = np.zeros(len(self._number), dtype=bool)
        self._own = np.zeros(len(pool))

    def take(self, trial: Trial) -> float:
        """Learn from a trial; seconds of it that were training."""
        scoring = self._n_items * trial.seconds_per_text + trial.scoring_seconds
        if not 0 <= scoring <= trial.seconds:  # a part cannot take longer: a damaged record, or a made-up one
            return trial.seconds
        number, place = self._number.get(_model(trial.candidate)), self._place.get(trial.candidate)
        if number is not None:
            known = self._of_model[number] if self._answered[number] else 0.0
            self._of_model[number], self._answered[number] = max(scoring, known), True
        if place is not None:
            self._own[place] = max(scoring, self._own[place])
        return trial.seconds - scoring

    def seconds(self) -> Floats:
        """Predicted seconds of scoring each candidate once, ``(n,)``: its slowest so far, else that of its model.

        0 where nothing is known.
        """
        return np.asarray(np.where(self._own > 0, self._own, self._of_model[self._models]))


def _model(candidate: str) -> str:
    return candidate.rpartition("/")[0]
