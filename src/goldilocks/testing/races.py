"""Recorded races for tests of policies and experience, made from an additive model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goldilocks.selection.experience_store import write_rows
from goldilocks.selection.race_table import TableRace, races_of

Row = dict[str, str]


def rows(
    sets: int = 6, candidates: int = 8, seed: int = 0, *, rungs: Sequence[float] = (0.1, 1.0), noise: float = 0.02
) -> list[Row]:
    """Candidate c's loss is exp(-2 + offset of the set + 0.2 c): ``m0`` is the best everywhere but for the noise."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(sets):
        offset = rng.normal(0, 0.3)
        for place in range(candidates):
            loss = float(np.exp(-2 + offset + 0.2 * place + noise * rng.normal()))
            trials += [
                row(f"d{number}", f"m{place}", share, 1 - min(loss * (2 if share < 1 else 1), 0.95)) for share in rungs
            ]
    return trials


def row(dataset: str, model: str, share: float, score: float, **changes: str) -> Row:
    """One line of a table."""
    cells = {
        "dataset": dataset,
        "candidate": model,
        "family": "encoder",
        "model": model,
        "method": "full",
        "rung": f"{share:g}",
        "seconds": "10",
        "validation_score": f"{score:.6f}",
        "test_score": f"{score:.6f}",
        "n": "1000",
        "seed": "0",
        "labels": "",
        "parameters": "",
    }
    return cells | changes


def races(sets: int = 6) -> list[TableRace]:
    """The races of ``rows``."""
    return races_of(rows(sets), where="test")


def write(path: Path, content: Sequence[Row]) -> Path:
    """A CSV file."""
    write_rows(path, content)
    return path
