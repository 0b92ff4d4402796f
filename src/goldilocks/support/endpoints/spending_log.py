"""Spending log: what requests to endpoints have cost. In a search, one file that all its sessions and processes share.

Each answered request is one line with its checksum, on disk before its answer is used. Whatever process is killed, the
money is known, and a cap holds over candidates, rungs and ``--resume``.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path

from goldilocks.support.endpoints.usage import Usage
from goldilocks.support.files import append_line, need_file, verify_checksum, with_checksum

_COUNTS = tuple(field.name for field in fields(Usage))


class SpendingLog:
    """The entries of one spender (``by``) in a file that others may share; without a file they are kept in memory."""

    def __init__(self, path: Path | None = None, by: str = "") -> None:
        """Nothing is read or written yet; the file is made with the first entry."""
        self.path, self.by = path, by
        self._read_up_to = 0
        self._sums: dict[tuple[str, str], Usage] = {}

    def add(self, endpoint: str, usage: Usage) -> None:
        """Append an entry; counts of 0 other than the money and the tokens are left out.

        Raises:
            InputError: the file cannot be written to, or the disk is full.
        """
        if self.path is None:
            self._count(endpoint, self.by, usage)
            return
        counts = {name: count for name, count in asdict(usage).items() if count or name in _COUNTS[:4]}
        line = {"endpoint": endpoint, "by": self.by, **counts}
        self._catch_up()
        # A line that a power cut broke off is closed first, so that this one stands on its own.
        broken = self.path.exists() and self.path.stat().st_size > self._read_up_to
        append_line(self.path, ("\n" if broken else "") + with_checksum(line, indent=None))

    def spent(self, endpoint: str) -> float:
        """Money for requests to this endpoint, by all spenders."""
        self._catch_up()
        return sum(usage.money for (where, _), usage in self._sums.items() if where == endpoint)

    def total(self) -> Usage:
        """All requests, by all spenders, to all endpoints."""
        self._catch_up()
        return sum(self._sums.values(), Usage())

    def own(self) -> Usage:
        """What this spender has used."""
        self._catch_up()
        return sum((usage for (_, by), usage in self._sums.items() if by == self.by), Usage())

    def _count(self, endpoint: str, by: str, usage: Usage) -> None:
        self._sums[endpoint, by] = self._sums.get((endpoint, by), Usage()) + usage

    def _catch_up(self) -> None:
        """Read what has been added since, by this process or another."""
        if self.path is None or not self.path.exists():
            return
        need_file(self.path)
        if self.path.stat().st_size <= self._read_up_to:
            return
        with self.path.open("rb") as file:
            file.seek(self._read_up_to)
            content = file.read()
        complete = content.rpartition(b"\n")[0]
        self._read_up_to += len(complete) + 1 if b"\n" in content else 0
        for line in complete.split(b"\n"):
            try:
                raw = json.loads(line)
                verify_checksum(line, self.path)
                # Required: the first four. An older Goldilocks wrote no others.
                counts = {name: raw[name] for name in _COUNTS[:4]} | {name: raw.get(name, 0) for name in _COUNTS[4:]}
                counts = {name: float(count) if name == "money" else int(count) for name, count in counts.items()}
                if not all(0 <= count < math.inf for count in counts.values()):
                    continue
                self._count(str(raw["endpoint"]), str(raw["by"]), Usage(**counts))
            except (
                ArithmeticError,
                ValueError,
                RecursionError,
                KeyError,
                TypeError,
            ):  # broken off by a power cut: at most one request
                continue
