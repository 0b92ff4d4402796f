"""``evaluation.json``: an evaluation with its confusion matrix as the counts that are not zero.

The whole matrix grows with the square of the labels: 82 MB at 3,000 of them, of which nearly all are zeros. Files with
the whole matrix, as older versions wrote them, are read too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from goldilocks.errors import IntegrityError
from goldilocks.records import Evaluation
from goldilocks.support.files import from_json, plain, read_text

_KEY, _COUNTS = "confusion", "counts"


def to_stored(evaluation: Evaluation) -> str:
    """JSON, with ``{"confusion": {"counts": [[gold, predicted, count], ...]}}``: places in ``labels``, from 0."""
    counts = [
        [gold, predicted, count]
        for gold, row in enumerate(evaluation.confusion)
        for predicted, count in enumerate(row)
        if count
    ]
    fields = {name: getattr(evaluation, name) for name in Evaluation.__dataclass_fields__}
    content = plain(fields | {_KEY: {_COUNTS: counts}})
    text = json.dumps(content | {_KEY: "@"}, ensure_ascii=False, indent=2, allow_nan=False)
    # One line for all counts: indented, each would take five.
    return text.replace(f'"{_KEY}": "@"', f'"{_KEY}": {json.dumps(content[_KEY])}', 1)


def read_stored(path: Path) -> Evaluation:
    """Read what ``to_stored`` or an older version wrote.

    Raises:
        MissingError: there is no such file.
        IntegrityError: it is damaged.
    """
    text = read_text(path)
    try:
        content: Any = json.loads(text)
        if isinstance(content, dict) and isinstance(content.get(_KEY), dict):
            content[_KEY] = _whole(content[_KEY][_COUNTS], len(content["labels"]))
            text = json.dumps(content)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise IntegrityError(f"{path}: damaged or from another version ({type(error).__name__}: {error}).") from error
    return from_json(Evaluation, text, where=path)


def _whole(counts: list[list[int]], n_labels: int) -> list[list[int]]:
    rows = [[0] * n_labels for _ in range(n_labels)]
    for gold, predicted, count in counts:
        if min(gold, predicted) < 0:
            raise IndexError(f"label {min(gold, predicted)}")
        rows[gold][predicted] = count
    return rows
