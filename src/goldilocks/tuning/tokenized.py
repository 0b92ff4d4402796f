"""The training rows of a network: their tokens, targets and costs; in a file where the texts are in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Row
from goldilocks.nets.tokenization.token_file import TokenFile
from goldilocks.records import Gold, Text
from goldilocks.support.disk_columns import TextColumn

_CHUNK = 4_096
"""Texts tokenized at a time."""


def is_streamed(texts: Sequence[Text]) -> bool:
    """Whether texts are in a file."""
    return isinstance(texts, TextColumn)


def tokenized(
    network: Network, texts: Sequence[Text], gold: Sequence[Gold]
) -> tuple[Sequence[Row], list[Any], npt.NDArray[np.int64]]:
    """Rows, the target of each (``None`` without gold answers), and how many tokens each counts as in a batch.

    Raises:
        InputError: texts are in a file, and the network needs more of a row than its tokens.
    """
    if not isinstance(texts, TextColumn):
        rows = network.rows_to_learn(texts, gold)
        # Distillation learns from texts without gold answers; its objective has targets of its own.
        targets = network.targets(rows, gold) if len(gold) else [None] * len(rows)
        return rows, targets, np.asarray(network.costs(rows, targets), dtype=np.int64)
    tokens = TokenFile(texts.folder)
    all_targets: list[Any] = []
    costs: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(texts), _CHUNK):
        answers = gold[start : start + _CHUNK]
        rows = network.rows_to_learn(texts[start : start + _CHUNK], answers)
        targets = network.targets(rows, answers)
        all_targets += targets
        costs.append(np.asarray(network.costs(rows, targets), dtype=np.int64))
        for row in rows:
            tokens.append(replace(row, item=start + row.item))
    return tokens, all_targets, np.concatenate(costs)
