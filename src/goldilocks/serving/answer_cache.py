"""Results of items that were asked for before: a bounded cache, the least recently stored first out.

Not kept are long items, so that a client cannot fill the memory with them, and failed ones, which may succeed again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from goldilocks.records import Prediction, Text, as_text
from goldilocks.serving.engine import Call, Operation, Result

_LONGEST = 4_000
"""Characters of an item that is kept."""


class AnswerCache:
    """Results by version, call and item. Texts that are sampled are never kept."""

    def __init__(self, limit: int) -> None:
        """Keep at most this many items; 0: none."""
        self._limit = limit
        self._results: OrderedDict[tuple[str, Call, Text], Result] = OrderedDict()
        self._lock = threading.Lock()

    def keeps(self, call: Call) -> bool:
        """Whether results of this call are kept."""
        return self._limit > 0 and call.operation is not Operation.GENERATE

    def look_up(self, version: str, call: Call, items: Sequence[Text]) -> list[Result | None]:
        """The result of each item, where it is known."""
        if not self.keeps(call):
            return [None] * len(items)
        with self._lock:
            return [self._results.get((version, call, item)) for item in items]

    def store(self, version: str, call: Call, items: Sequence[Text], results: Sequence[Result]) -> None:
        """Keep results."""
        if not self.keeps(call):
            return
        with self._lock:
            for item, result in zip(items, results, strict=True):
                failed = isinstance(result, Prediction) and bool(result.error)
                if not failed and len(as_text(item)) <= _LONGEST:
                    self._results[version, call, item] = result
            while len(self._results) > self._limit:
                self._results.popitem(last=False)
