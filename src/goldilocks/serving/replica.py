"""A replica: one thread that takes batches from a queue and has an engine answer them.

The engine may be in this process or in one of its own. Items that one engine cannot take together are tried one request
at a time, so that a bad item fails its own request only. When an engine crashes, a new one is opened and the requests
it had are tried once more, each alone; one that brings down the second engine too is answered 503.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from goldilocks.errors import GoldilocksError, InputError, RequestError
from goldilocks.records import Text
from goldilocks.serving.engine import Call, Engine, ModelCard, Result
from goldilocks.serving.queue import BatchRun, Job, OnBatch, RequestQueue, Slice

_LOG = logging.getLogger("goldilocks.serving")
_IDLE = 0.5
"""Seconds after which a replica without work looks whether it should stop."""
_PATIENCE = 5
"""Crashes in a row after which a replica gives up."""


class EngineCrashedError(GoldilocksError):
    """The process of an engine has ended, or does not answer any more."""


class Replica(threading.Thread):
    """Answers batches until its queue is closed or a stop is requested."""

    def __init__(
        self,
        name: str,
        queue: RequestQueue,
        open_engine: Callable[[], Engine],
        on_batch: OnBatch,
        on_end: Callable[[], None],
    ) -> None:
        """Name it, and say where its work comes from.

        Args:
            name: Name of the thread.
            queue: Where batches are taken from.
            open_engine: Makes an engine; called again after a crash.
            on_batch: Called with each batch that was processed.
            on_end: Called when it answers no more.
        """
        super().__init__(name=name, daemon=True)
        self._queue, self._open, self._on_batch, self._on_end = queue, open_engine, on_batch, on_end
        self._engine: Engine | None = None
        self._stopping = threading.Event()
        self.opened = threading.Event()
        """Set when it is ready, or has failed."""
        self.card: ModelCard | None = None
        self.error: Exception | None = None
        """Why it is not there."""
        self.restarts = 0
        self.busy = False

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        return self._engine is not None and self.is_alive()

    def stop(self) -> None:
        """Take no further batch; the one in work is answered."""
        self._stopping.set()
        self._queue.wake()

    def run(self) -> None:
        """Open the engine and answer."""
        try:
            self._reopen()
        except Exception as error:  # noqa: BLE001  (whatever a library raises: readiness says it)
            self.error = error
            _LOG.error("%s: not started: %s", self.name, error)
        finally:
            self.opened.set()
        crashes = 0
        while self._engine is not None and not self._stopping.is_set():
            batch = self._queue.take(_IDLE)
            if batch is None:
                break
            if not batch:
                if not self._engine.alive:  # ended while nobody asked: the next request should not pay for that
                    _LOG.error("%s: its engine has ended", self.name)
                    crashes += 1
                    if not self._restarted(crashes):
                        break
                continue
            self.busy = True
            crashes = 0 if self._answer(batch) else crashes + 1
            self.busy = False
            if crashes and not self._restarted(crashes):
                break
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._on_end()

    def _reopen(self) -> None:
        self._engine = self._open()
        self.card = self._engine.card

    def _restarted(self, crashes: int) -> bool:
        """Open the engine again after a crash; whether that worked."""
        assert self._engine is not None
        self._engine.close()
        self._engine = None
        if crashes >= _PATIENCE:
            self.error = EngineCrashedError(f"the engine crashed {crashes} times in a row")
            return False
        self.restarts += 1
        try:
            self._reopen()
        except Exception as error:  # noqa: BLE001
            self.error = error
            _LOG.error("%s: given up: %s", self.name, error)
            return False
        return True

    def _answer(self, batch: list[Slice]) -> bool:
        """Have the engine answer a batch; ``False`` where it crashed."""
        since = time.monotonic()
        items = [item for part in batch for item in part.items]
        call = batch[0].job.call
        try:
            engine_began = time.monotonic()
            results = self._run(call, items, batch[0].job)
            engine_ended = time.monotonic()
        except EngineCrashedError as error:
            self._crashed(batch, error)
            return False
        except Exception as error:  # noqa: BLE001  (a bad item must not end the replica)
            return self._one_by_one(batch, error)
        start = 0
        for part in batch:
            count = part.end - part.start
            part.job.add_results(part.start, results[start : start + count])
            start += count
        done = BatchRun(batch, since, engine_began, engine_ended, time.monotonic())
        self._queue.record_rate(len(items), done.seconds)
        self._on_batch(done)
        return True

    def _run(self, call: Call, items: list[Text], job: Job) -> list[Result]:
        assert self._engine is not None
        on_text = None if job.on_text is None else job.stream
        results = self._engine.run(call, items, on_text=on_text)
        if len(results) != len(items):
            raise RequestError(500, "engine_error", f"the model gave {len(results)} results for {len(items)} items.")
        return results

    def _one_by_one(self, batch: list[Slice], error: Exception) -> bool:
        """Each request separately after a batch failed; one that fails alone is answered with its error."""
        if len(batch) == 1:
            batch[0].job.fail(_request_error(error))
            return True
        for number, part in enumerate(batch):
            try:
                part.job.add_results(part.start, self._run(part.job.call, list(part.items), part.job))
            except EngineCrashedError as crash:
                self._crashed(batch[number:], crash)
                return False
            except Exception as own:  # noqa: BLE001
                part.job.fail(_request_error(own))
        return True

    def _crashed(self, batch: list[Slice], error: EngineCrashedError) -> None:
        _LOG.error("%s: %s", self.name, error)
        for part in batch:
            part.job.attempts += 1
            if part.job.attempts > 1:
                part.job.fail(
                    RequestError(
                        503, "engine_crashed", "the model's process ended while it had this request; it was restarted."
                    )
                )
            else:
                self._queue.requeue(part)


def _request_error(error: Exception) -> RequestError:
    """An engine's error in the form sent to the client."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, InputError):
        return RequestError(422, "invalid_input", str(error))
    _LOG.error("the model failed: %s: %s", type(error).__name__, error)
    if isinstance(error, MemoryError):
        return RequestError(503, "out_of_memory", "the model ran out of memory; send fewer or shorter items.")
    return RequestError(500, "engine_error", f"the model failed ({type(error).__name__}); the log has more.")
