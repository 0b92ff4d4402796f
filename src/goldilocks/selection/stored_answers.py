"""Answers to the validation items as files of a run: of candidates, of the baselines, and the right ones.

Probabilities are a plain ``.npy``, answers of other kinds are ``.json``.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, decoded, encoded, of_labels
from goldilocks.errors import GoldilocksError, IntegrityError
from goldilocks.evaluation.trivial_baselines import BaselineAnswers
from goldilocks.records import Goal, Gold
from goldilocks.support.files import from_json, read_bytes, read_object, read_text, write_bytes, write_text

_NO_ANSWER = -1.0
"""Stands on disk for every probability of an item without an answer; NaN there is damage."""


def write_answers(stem: Path, answers: Answers) -> Path:
    """Write answers; ``stem`` is the path of the file without its suffix, which is returned with it."""
    path = stem.with_name(f"{stem.name}{'.npy' if answers.labels else '.json'}")
    if answers.labels:
        buffer = io.BytesIO()
        table = np.array(answers.probabilities, dtype=np.float32)
        if answers.problems:
            table[np.array(answers.problems) != ""] = _NO_ANSWER
        np.save(buffer, table, allow_pickle=False)
        write_bytes(path, buffer.getvalue())
    else:
        write_text(path, encoded(answers))
    return path


def read_answers(path: Path, goal: Goal) -> Answers:
    """What ``write_answers`` wrote.

    Raises:
        IntegrityError: the file is missing or damaged.
    """
    try:
        if path.suffix == ".json":
            return decoded(read_text(path), goal)
        probabilities = np.load(io.BytesIO(read_bytes(path)), allow_pickle=False)
        _need_finite(probabilities)
        probabilities = np.where(probabilities == _NO_ANSWER, np.nan, probabilities)
        return of_labels(probabilities, goal.labels, several=goal.several)
    except (GoldilocksError, ValueError, EOFError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{path}: damaged or missing; start again with another --out.") from error


def _need_finite(probabilities: npt.NDArray[np.floating[Any]]) -> None:
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities that are not finite")


def read_gold(path: Path) -> tuple[Goal, tuple[Gold, ...]]:
    """What was asked for, and the gold answers of the validation items.

    Raises:
        IntegrityError: the file is damaged.
    """
    try:
        content = read_object(path)
        goal = from_json(Goal, json.dumps(content["goal"]), where=path)
        return goal, tuple(_frozen(element) for element in content["gold"])
    except (GoldilocksError, ValueError, TypeError, LookupError) as error:
        raise IntegrityError(f"{path}: damaged; remove it, then the data of the task are read instead.") from error


def read_baseline_answers(path: Path) -> BaselineAnswers:
    """What the baselines answer to the validation items.

    Raises:
        IntegrityError: the file is damaged.
    """
    try:
        content = read_object(path)
        return BaselineAnswers(
            {str(name): tuple(map(_frozen, answers)) for name, answers in content["answers"].items()},
            values=tuple(map(_frozen, content["values"])),
            shares=tuple(map(float, content["shares"])),
            random=bool(content["random"]),
            notes={str(name): str(note) for name, note in content["notes"].items()},
        )
    except (GoldilocksError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise IntegrityError(f"{path}: damaged; remove it, then --resume answers for the baselines again.") from error


def _frozen(value: Any) -> Any:
    """JSON lists as the tuples that gold answers are made of."""
    return tuple(_frozen(element) for element in value) if isinstance(value, list) else value
