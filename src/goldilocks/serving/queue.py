"""The requests that wait for a model: bounded, fair between keys, handed out as batches.

A batch is whatever waits when a replica becomes free (continuous batching), up to a budget of items and characters.
Keys take turns, a few items each, so that a client with 1,000 items does not make another one with a single item wait.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice

from goldilocks.errors import RequestError
from goldilocks.nets.generation.streaming import OnText
from goldilocks.records import Text, as_text
from goldilocks.serving.engine import Call, Result

_TURN = 8
"""Items of a key that are taken before the next key has its turn."""
_PER_ITEM = 16
"""Characters that an item counts beyond its own, so that many empty ones do not count as nothing."""


class Job:
    """The items of one request, and the future that will hold their results in order."""

    def __init__(
        self,
        call: Call,
        items: Sequence[Text],
        *,
        key: str = "",
        seconds: float = math.inf,
        trace: object = None,
        on_text: OnText | None = None,
    ) -> None:
        """Take up a request.

        Args:
            call: The operation and its settings.
            items: What it is applied to; at least one.
            key: Whose request it is.
            seconds: After which nobody waits for the answer any more.
            trace: The span of its request, where requests are traced.
            on_text: Called with the text of its only item while it is generated, from the replica's thread.
        """
        self.call, self.items, self.key, self.trace = call, items, key, trace
        self.on_text = on_text
        self.costs = [cost_of(item) for item in items]
        self.deadline = time.monotonic() + seconds
        self.future: Future[list[Result]] = Future()
        self.attempts = 0
        """Times that an engine crashed with items of this job."""
        self.started: float | None = None
        """When its first item was handed to a replica."""
        self.created = time.monotonic()
        self.taken = 0
        self._results: list[Result | None] = [None] * len(items)
        self._open = len(items)
        self._lock = threading.Lock()

    @property
    def alone(self) -> bool:
        """Whether nobody else's items may share its batch: it has brought an engine down, or is streamed."""
        return self.attempts > 0 or self.on_text is not None

    def is_over(self) -> bool:
        """Whether nobody waits for it: answered, failed, cancelled, or past its deadline (which fails it)."""
        if self.future.done():
            return True
        if time.monotonic() > self.deadline:
            self.fail(
                RequestError(
                    503, "timeout", "the request was not answered within its time limit; ask for less at a time."
                )
            )
            return True
        return False

    def stream(self, text: str) -> None:
        """Send the text generated so far.

        Raises:
            RequestError: nobody waits for it any more; the generation should end.
        """
        if self.is_over():
            raise RequestError(499, "client_gone", "nobody waits for this text any more.")
        assert self.on_text is not None
        self.on_text(text)

    def add_results(self, start: int, results: Sequence[Result]) -> None:
        """Store the results of the items from ``start`` on; the last ones complete the job."""
        with self._lock:
            self._results[start : start + len(results)] = results
            self._open -= len(results)
            done = self._open == 0
        if done:
            self._finish([result for result in self._results if result is not None], None)

    def fail(self, error: BaseException) -> None:
        """End the job with an error."""
        self._finish(None, error)

    def _finish(self, results: list[Result] | None, error: BaseException | None) -> None:
        with self._lock:
            # A future that was cancelled, or that another slice has failed, is past changing.
            if self.future.done() or not (self.future.running() or self.future.set_running_or_notify_cancel()):
                return
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(results or [])


@dataclass(frozen=True, slots=True)
class Slice:
    """Neighbouring items of a job."""

    job: Job
    start: int
    end: int

    @property
    def items(self) -> Sequence[Text]:
        """The items."""
        return self.job.items[self.start : self.end]


class RequestQueue:
    """Jobs that wait; any number of replicas take from it."""

    def __init__(
        self,
        max_waiting: int,
        *,
        max_items: int,
        max_characters: int,
        wait_seconds: float = 0.0,
        max_wait_seconds: float = math.inf,
    ) -> None:
        """Set its bounds.

        Args:
            max_waiting: Maximum number of queued items.
            max_items: Maximum number of items of a batch.
            max_characters: Maximum number of characters of a batch.
            wait_seconds: A batch that is not full waits so long for more.
            max_wait_seconds: While a request of a key has waited longer for a replica, further requests of that key are
                turned away: under overload, accepted requests are answered in time.
        """
        self._max_waiting, self._max_items, self._max_characters = max_waiting, max_items, max_characters
        self._wait, self._max_wait = wait_seconds, max_wait_seconds
        self._keys: OrderedDict[str, deque[Job]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self.waiting = 0
        """Items that no replica has taken yet."""
        self._rate = 0.0
        """Items answered per second, a moving average."""

    def put(self, job: Job) -> None:
        """Queue a job.

        Raises:
            RequestError: the queue is full or too slow (429), or the service stops (503).
        """
        with self._changed:
            if self._closed:
                raise RequestError(503, "stopping", "the service is stopping; use another instance.", retry_after=5)
            if self.waiting + len(job.items) > self._max_waiting and self.waiting:
                raise RequestError(
                    429,
                    "queue_full",
                    f"{self.waiting:,} items wait already and {self._max_waiting:,} may; ask again later.",
                    retry_after=self._seconds_to_empty(),
                )
            waited = self._longest_wait(job.key)
            if waited > self._max_wait:
                raise RequestError(
                    429,
                    "queue_slow",
                    f"requests wait for {waited:.1f} s already and {self._max_wait:g} s is the limit; ask again later.",
                    retry_after=self._seconds_to_empty(),
                )
            self._keys.setdefault(job.key, deque()).append(job)
            self.waiting += len(job.items)
            self._changed.notify()

    def requeue(self, part: Slice) -> None:
        """Put items back at the front, after the replica that had them crashed."""
        old = part.job
        left = old.deadline - time.monotonic()
        job = Job(old.call, list(part.items), key=old.key, seconds=left, trace=old.trace, on_text=old.on_text)
        job.attempts = part.job.attempts
        job.future.add_done_callback(lambda done: _hand_on(done, part))
        with self._changed:
            self._keys.setdefault(job.key, deque()).appendleft(job)
            self.waiting += len(job.items)
            self._changed.notify()

    def take(self, timeout: float | None = None) -> list[Slice] | None:
        """The next batch, of equal calls; empty after ``timeout`` seconds; ``None`` once closed and empty."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.waiting > 0 or self._closed, timeout):
                return []
            if self._wait and self.waiting < self._max_items and not self._closed:
                self._changed.wait_for(lambda: self.waiting >= self._max_items or self._closed, self._wait)
            batch = self._batch()
            if not batch and self._closed and not self.waiting:
                return None
            return batch

    def record_rate(self, items: int, seconds: float) -> None:
        """Update the rate at which items are answered, for ``Retry-After``."""
        rate = items / max(seconds, 1e-6)
        self._rate = rate if not self._rate else 0.8 * self._rate + 0.2 * rate

    def close(self) -> None:
        """Accept nothing more; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Wake the replicas that wait for items."""
        with self._changed:
            self._changed.notify_all()

    def fail_all(self, error: RequestError) -> None:
        """End every job that waits."""
        with self._changed:
            jobs = [job for queue in self._keys.values() for job in queue]
            self._keys.clear()
            self.waiting = 0
            self._changed.notify_all()
        for job in jobs:
            job.fail(error)

    def _longest_wait(self, key: str) -> float:
        """Seconds that the oldest request of a key has waited for a replica to take it up; the lock is held."""
        jobs = self._keys.get(key)
        first = self._first(jobs) if jobs else None
        if first is None or jobs is None:
            return 0.0
        waiting = first if first.started is None else next(islice(jobs, 1, None), None)
        return time.monotonic() - waiting.created if waiting is not None else 0.0

    def _seconds_to_empty(self) -> float:
        return max(1.0, math.ceil(self.waiting / self._rate)) if self._rate else 1.0

    def _batch(self) -> list[Slice]:
        """Items for one batch; the lock is held."""
        batch: list[Slice] = []
        call: Call | None = None
        items = characters = 0
        skipped = 0
        while self._keys and skipped < len(self._keys) and items < self._max_items:
            key, jobs = next(iter(self._keys.items()))
            job = self._first(jobs)
            if job is None:
                del self._keys[key]
                continue
            self._keys.move_to_end(key)
            if call is not None and (job.call != call or job.alone):
                skipped += 1
                continue
            end = self._reach(job, self._max_items - items, self._max_characters - characters, first=not batch)
            if end == job.taken:
                skipped += 1
                continue
            skipped = 0
            call = job.call
            batch.append(Slice(job, job.taken, end))
            items += end - job.taken
            characters += sum(job.costs[job.taken : end])
            self.waiting -= end - job.taken
            job.taken, job.started = end, job.started or time.monotonic()
            if job.alone:
                break
        return batch

    def _first(self, jobs: deque[Job]) -> Job | None:
        """The first job that somebody waits for and that has items left."""
        while jobs:
            job = jobs[0]
            if job.taken < len(job.items) and not job.is_over():
                return job
            self.waiting -= len(job.items) - job.taken
            jobs.popleft()
        return None

    def _reach(self, job: Job, items: int, characters: int, *, first: bool) -> int:
        """Where a turn of this job ends: within the budget, but one item at least where the batch is empty."""
        end = job.taken
        while end < len(job.items) and end - job.taken < min(items, _TURN):
            cost = job.costs[end]
            if cost > characters and not (first and end == job.taken):
                break
            characters -= cost
            end += 1
        return end


def cost_of(item: Text) -> int:
    """What an item takes of a batch's characters."""
    return len(as_text(item)) + _PER_ITEM


def _hand_on(done: Future[list[Result]], part: Slice) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        part.job.fail(error)
    elif not done.cancelled():
        part.job.add_results(part.start, done.result())


@dataclass(frozen=True, slots=True)
class BatchRun:
    """A batch that an engine has processed; times are those of ``time.monotonic``."""

    slices: Sequence[Slice]
    began: float
    """When it was taken from the queue."""
    engine_began: float
    engine_ended: float
    ended: float
    """When the results had been handed to their requests."""

    @property
    def items(self) -> int:
        """Number of its items."""
        return sum(part.end - part.start for part in self.slices)

    @property
    def characters(self) -> int:
        """What its items take of a batch's characters."""
        return sum(sum(part.job.costs[part.start : part.end]) for part in self.slices)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


OnBatch = Callable[[BatchRun], None]
"""Called with each batch that was processed."""
