"""What questions to endpoints have cost. In a search it is a file that every session and process of the search adds to.

One line an answered question, on the disk before the answer is used: whatever is killed, the money is known, and a cap
holds over candidates, rungs and ``--resume``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from goldilocks.support.files import append_line


@dataclass(frozen=True, slots=True)
class Usage:
    """What some questions to an endpoint took."""

    questions: int = 0
    """Answered ones."""
    tokens_read: int = 0
    tokens_written: int = 0
    money: float = 0.0
    """Tokens × price, in the objective's currency."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.questions + other.questions,
            self.tokens_read + other.tokens_read,
            self.tokens_written + other.tokens_written,
            self.money + other.money,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.questions - other.questions,
            self.tokens_read - other.tokens_read,
            self.tokens_written - other.tokens_written,
            self.money - other.money,
        )

    @property
    def each(self) -> float:
        """Money for a question, on average; 0 where none was asked."""
        return self.money / self.questions if self.questions else 0.0


class Account:
    """The account of one who asks (``by``) within a file that others may share; without a file it is kept in memory."""

    def __init__(self, path: Path | None = None, by: str = "") -> None:
        """Open it; the file is made with the first question."""
        self.path, self.by = path, by
        self._read_up_to = 0
        self._sums: dict[tuple[str, str], Usage] = {}

    def pay(self, endpoint: str, usage: Usage) -> None:
        """Write down answered questions.

        Raises:
            InputError: the file cannot be written to, or the disk is full.
        """
        if self.path is None:
            self._count(endpoint, self.by, usage)
            return
        line = {
            "endpoint": endpoint,
            "by": self.by,
            "questions": usage.questions,
            "tokens_read": usage.tokens_read,
            "tokens_written": usage.tokens_written,
            "money": usage.money,
        }
        self._catch_up()
        # A line that a power cut broke off is closed first, so that this one stands on its own.
        broken = self.path.exists() and self.path.stat().st_size > self._read_up_to
        append_line(self.path, ("\n" if broken else "") + json.dumps(line, ensure_ascii=False))

    def spent(self, endpoint: str) -> float:
        """Money for questions to this endpoint, whoever asked."""
        self._catch_up()
        return sum(one.money for (where, _), one in self._sums.items() if where == endpoint)

    def total(self) -> Usage:
        """All questions, whoever asked, whatever endpoint."""
        self._catch_up()
        return sum(self._sums.values(), Usage())

    def own(self) -> Usage:
        """What the one who asks here has used."""
        self._catch_up()
        return sum((one for (_, by), one in self._sums.items() if by == self.by), Usage())

    def _count(self, endpoint: str, by: str, usage: Usage) -> None:
        self._sums[endpoint, by] = self._sums.get((endpoint, by), Usage()) + usage

    def _catch_up(self) -> None:
        """Read what has been added since, by this process or another."""
        if self.path is None or not self.path.exists() or self.path.stat().st_size <= self._read_up_to:
            return
        with self.path.open("rb") as file:
            file.seek(self._read_up_to)
            content = file.read()
        whole = content.rpartition(b"\n")[0]
        self._read_up_to += len(whole) + 1 if b"\n" in content else 0
        for line in whole.split(b"\n"):
            try:
                raw = json.loads(line)
                used = Usage(raw["questions"], raw["tokens_read"], raw["tokens_written"], float(raw["money"]))
                self._count(raw["endpoint"], raw["by"], used)
            except (ValueError, KeyError, TypeError):  # broken off by a power cut: at most one question
                continue
