"""Setting rows aside for validation and test: stratified by label, and groups of near duplicates stay in one part.

Test: 15 % of the rows, at most 10,000 (the interval of a share is then within 1 point). Validation: 15 % of what is
left, at most 5,000 (within 1.4 points; every candidate is scored on it again and again, so each row is paid for many
times).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]

SHARE = 0.15
MAX_TEST = 10_000
MAX_VALIDATION = 5_000
MIN_ROWS = 3
"""Labels with this many rows or more get at least one of them into the part that is set aside."""


def set_aside(
    gold: Sequence[str], groups: Ints, *, share: float, at_most: int, seed: int
) -> tuple[list[int], list[int]]:
    """Positions that stay and positions that are set aside, each in ascending order.

    Every label keeps at least one row in what stays. A group goes whole or not at all; one larger than its label's
    quota stays, so that a label made of few large groups may fall short of its quota. A group with several labels
    counts for the one it has most of.

    Args:
        gold: Label of each row.
        groups: Group of each row, shape ``(n_rows,)``.
        share: Share of the rows to set aside, 0 to 1.
        at_most: Maximum number of rows to set aside (each label's quota shrinks in step, but not below its one row).
        seed: The same seed and rows give the same split.
    """
    share = min(share, at_most / len(gold)) if len(gold) else 0.0
    members: dict[int, list[int]] = defaultdict(list)
    for position, number in enumerate(groups.tolist()):
        members[number].append(position)
    by_label: dict[str, list[list[int]]] = defaultdict(list)
    for rows in members.values():
        by_label[_main_label(gold, rows)].append(rows)
    left = Counter(gold)
    quotas = _quotas(left, share)
    rng = np.random.default_rng([seed, 0x5917])
    aside: list[int] = []
    for label in sorted(by_label):
        waiting = by_label[label]
        order = [waiting[place] for place in rng.permutation(len(waiting)).tolist()]
        aside.extend(_draw(order, quotas[label], left, gold))
    gone = set(aside)
    return [position for position in range(len(gold)) if position not in gone], sorted(aside)


def _main_label(gold: Sequence[str], rows: list[int]) -> str:
    return gold[rows[0]] if len(rows) == 1 else Counter(gold[row] for row in rows).most_common(1)[0][0]


def _quotas(counts: Mapping[str, int], share: float) -> dict[str, int]:
    """Rows of each label to set aside: its share rounded so that they add up, at least one of three, none of two."""
    exact = {label: share * count for label, count in counts.items() if count >= MIN_ROWS}
    quotas = {label: int(wanted) for label, wanted in exact.items()}
    missing = round(sum(exact.values())) - sum(quotas.values())
    for label in sorted(exact, key=lambda label: (quotas[label] - exact[label], label))[:missing]:
        quotas[label] += 1
    return {label: max(quotas.get(label, 0), int(label in exact and share > 0)) for label in counts}


def _draw(order: list[list[int]], quota: int, left: Counter[str], gold: Sequence[str]) -> list[int]:
    """Rows of whole groups, in the order given, up to the quota; ``left`` counts what stays of each label."""
    chosen_rows: list[int] = []
    for rows in order:
        if len(chosen_rows) >= quota:
            break
        if len(chosen_rows) + len(rows) <= quota and _can_go(rows, left, gold):
            chosen_rows.extend(rows)
    if not chosen_rows and quota:
        # Every group is larger than the quota: the smallest is better than a label that is never tested.
        fitting = [
            rows for rows in order if 2 * len(rows) <= left[gold[rows[0]]] and _can_go(rows, Counter(left), gold)
        ]
        if fitting:
            chosen_rows = list(sorted(fitting, key=len)[0])
            _can_go(chosen_rows, left, gold)
    return chosen_rows


def _can_go(rows: list[int], left: Counter[str], gold: Sequence[str]) -> bool:
    """Take the rows off ``left`` if a row of each of their labels stays behind."""
    going = Counter(gold[row] for row in rows)
    if any(left[label] <= count for label, count in going.items()):
        return False
    left.subtract(going)
    return True
