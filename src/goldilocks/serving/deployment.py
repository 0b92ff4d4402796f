"""A served model: its versions, which of them answers a request, and the replicas of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldilocks.errors import GoldilocksError, InputError, IntegrityError, RequestError
from goldilocks.nets.generation.streaming import OnText
from goldilocks.records import Text
from goldilocks.serving.engine import Call, Engine, ModelCard, version_of
from goldilocks.serving.queue import BatchRun, Job, RequestQueue
from goldilocks.serving.replica import Replica
from goldilocks.serving.settings import BatchingSettings, ReplicaSettings, RequestLimits

_AGAIN = 30.0
"""Seconds after which a replica that could not be started is tried again."""
OpenEngine = Callable[[Path], Engine]
OnVersionBatch = Callable[[str, str, BatchRun], None]
"""Called with each batch that was processed, and its model and version."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What every deployment of a service shares."""

    batching: BatchingSettings
    limits: RequestLimits
    replicas: ReplicaSettings
    open_engine: OpenEngine
    on_batch: OnVersionBatch


class Version:
    """One bundle of a model, with its queue and replicas."""

    def __init__(self, model: str, folder: Path, serving: Serving) -> None:
        """Start its replicas; they load the bundle while this returns.

        Raises:
            InputError: the folder holds no bundle.
        """
        self.model, self.folder, self.id = model, folder, version_of(folder)
        self._serving = serving
        batching = serving.batching
        self.queue = RequestQueue(
            serving.limits.queue_items,
            max_items=batching.max_items,
            max_characters=batching.max_characters,
            wait_seconds=batching.wait_ms / 1000,
            max_wait_seconds=serving.limits.queue_seconds,
        )
        self._lock = threading.Lock()
        self._ongoing: set[Job] = set()
        self._number = 0
        self._revived = -_AGAIN
        self.replicas: list[Replica] = []
        self.created = int(time.time())
        for _ in range(serving.replicas.min_replicas):
            self.add_replica()

    @property
    def limits(self) -> ReplicaSettings:
        """How many replicas it may have."""
        return self._serving.replicas

    @property
    def ongoing(self) -> int:
        """Requests that wait or are being answered."""
        return len(self._ongoing)

    @property
    def ready(self) -> bool:
        """Whether a replica answers."""
        return any(replica.ready for replica in self.replicas)

    @property
    def error(self) -> Exception | None:
        """Why no replica answers; ``None`` while one does or may yet."""
        if self.ready or any(not replica.opened.is_set() for replica in self.replicas):
            return None
        return next((replica.error for replica in self.replicas if replica.error), None)

    @property
    def card(self) -> ModelCard | None:
        """What the model is, once a replica has loaded it."""
        return next((replica.card for replica in self.replicas if replica.card), None)

    def wait(self, seconds: float | None = None) -> None:
        """Until every replica is loaded or has failed.

        Raises:
            GoldilocksError: the bundle cannot be loaded.
        """
        for replica in list(self.replicas):
            replica.opened.wait(seconds)
        if self.error is not None:
            raise (
                self.error
                if isinstance(self.error, GoldilocksError)
                else InputError(f"{self.folder}: cannot be loaded ({type(self.error).__name__}: {self.error}).")
            )

    def add_replica(self) -> None:
        """Start one more."""
        serving = self._serving
        with self._lock:
            self._number += 1
            replica = Replica(
                f"{self.model}@{self.id}#{self._number}",
                self.queue,
                self._open_engine,
                lambda batch: serving.on_batch(self.model, self.id, batch),
                self._ended,
            )
            self.replicas.append(replica)
        replica.start()

    def _open_engine(self) -> Engine:
        """Load the bundle.

        A folder that was overwritten meanwhile is refused: some replicas would answer with another model under the
        name of this version.

        Raises:
            GoldilocksError: the bundle cannot be loaded, or is not the one that this version began with.
        """
        self._check_unchanged()
        engine = self._serving.open_engine(self.folder)
        try:
            self._check_unchanged()
        except GoldilocksError:
            engine.close()
            raise
        return engine

    def _check_unchanged(self) -> None:
        if (found := version_of(self.folder)) != self.id:
            raise IntegrityError(
                f"{self.folder}: now holds version {found}, and {self.id} was served from it; put that back, or "
                f"promote the other: goldilocks promote {self.model} --bundle {self.folder}."
            )

    def remove_replica(self) -> None:
        """Stop the newest one, once it has answered what it has."""
        with self._lock:
            replica = self.replicas.pop()
        replica.stop()

    def replace_dead(self, now: float) -> None:
        """Start a replica for each that has given up; those that never began are tried again now and then."""
        with self._lock:
            dead = [replica for replica in self.replicas if replica.opened.is_set() and not replica.is_alive()]
            was_loaded = any(replica.card for replica in dead)
            if not dead or not (was_loaded or now - self._revived >= _AGAIN):
                return
            self._revived = now
            self.replicas = [replica for replica in self.replicas if replica not in dead]
        for _ in dead:
            self.add_replica()

    def _ended(self) -> None:
        """A replica answers no more; where no other does, nobody need wait."""
        if (error := self.error) is not None:
            self.queue.fail_all(RequestError(503, "model_failed", f"{self.model}: {error}", retry_after=30))

    def submit(
        self,
        call: Call,
        items: Sequence[Text],
        *,
        key: str = "",
        seconds: float | None = None,
        trace: object = None,
        on_text: OnText | None = None,
    ) -> Job:
        """Let items wait for a replica; see ``Job``.

        Raises:
            RequestError: the queue is full, or no replica can answer.
        """
        if (error := self.error) is not None:
            raise RequestError(503, "model_failed", f"{self.model}: {error}", retry_after=30)
        timeout = self._serving.limits.seconds if seconds is None else seconds
        job = Job(call, items, key=key, seconds=timeout, trace=trace, on_text=on_text)
        with self._lock:
            self._ongoing.add(job)
        job.future.add_done_callback(lambda _: self._done(job))
        try:
            self.queue.put(job)
        except RequestError:
            job.future.cancel()
            raise
        return job

    def _done(self, job: Job) -> None:
        with self._lock:
            self._ongoing.discard(job)

    def abandon(self, error: RequestError) -> int:
        """End every request that waits or is being answered with an error; how many there were."""
        self.queue.close()
        with self._lock:
            jobs = list(self._ongoing)
        self.queue.fail_all(error)
        for job in jobs:
            job.fail(error)
        return len(jobs)

    def close(self) -> None:
        """Accept nothing more, and let the replicas end when all is answered."""
        self.queue.close()

    def join(self, seconds: float) -> None:
        """Wait for the replicas to end."""
        until = time.monotonic() + seconds
        for replica in list(self.replicas):
            replica.join(max(0.0, until - time.monotonic()))
        self.queue.fail_all(RequestError(503, "stopping", "the service stopped before this request was answered."))


class Deployment:
    """A model by name: the version that answers, and others that try out."""

    def __init__(self, name: str, folder: Path, serving: Serving, *, positive: str | None = None) -> None:
        """Serve the bundle in a folder.

        Raises:
            InputError: there is none.
        """
        self.name, self.positive = name, positive
        self._serving = serving
        self._lock = threading.Lock()
        self.changing = threading.Lock()
        """Held while versions are changed."""
        self.current = Version(name, folder, serving)
        self.previous: Path | None = None
        """The bundle that answered before the last promotion."""
        self.previous_id: str | None = None
        """Its version, where it is known."""
        self.canary: Version | None = None
        self.canary_share = 0.0
        self.shadow: Version | None = None
        self._due = 0.0
        self._retired: list[Version] = []

    @property
    def retired(self) -> list[Version]:
        """Versions that answer nothing new, and still have requests to answer."""
        return [version for version in self._retired if version.ongoing]

    def _retire(self, *versions: Version) -> None:
        """Let versions answer what they have accepted, and end."""
        for version in versions:
            version.close()
        with self._lock:
            self._retired = [*self.retired, *versions]

    @property
    def versions(self) -> list[Version]:
        """All that run."""
        return [version for version in (self.current, self.canary, self.shadow) if version is not None]

    def choose(self, version: str | None = None) -> Version:
        """The version that answers the next request: one that was named, or the current one but for the canary's share.

        Raises:
            RequestError: no version of that name runs.
        """
        if version is not None:
            for running in self.versions:
                if running.id == version or (len(version) >= 6 and running.id.startswith(version)):
                    return running
            raise RequestError(
                404,
                "version_not_found",
                f"{self.name} has no version {version[:100]!r}; there are: "
                f"{', '.join(running.id for running in self.versions)}.",
            )
        canary = self.canary
        if canary is None or not canary.ready:
            return self.current
        with self._lock:  # exactly the share, spread evenly
            self._due += self.canary_share
            if self._due >= 1.0 - 1e-9:
                self._due -= 1.0
                return canary
        return self.current

    def start(self, folder: Path) -> Version:
        """A new version next to those that are running; returns when it is loaded.

        Raises:
            GoldilocksError: the bundle is missing, damaged, or of another kind than the current one; nothing changes.
        """
        version = Version(self.name, folder, self._serving)
        try:
            version.wait()
            self._check_kind(version)
        except GoldilocksError:
            version.close()
            raise
        return version

    def start_previous(self) -> Version:
        """The version before the last promotion, loaded again.

        Raises:
            RequestError: there was none.
            GoldilocksError: its bundle is missing, damaged, or was replaced by another version; nothing changes.
        """
        if self.previous is None:
            raise RequestError(409, "nothing_to_roll_back", f"{self.name} has no earlier version.")
        found = version_of(self.previous)
        if self.previous_id not in (None, found):
            raise InputError(
                f"{self.previous}: now holds version {found}, and no longer the earlier one, {self.previous_id}; "
                "promote a copy of that."
            )
        return self.start(self.previous)

    def promote(self, version: Version) -> None:
        """Let a version answer from now on; the one before answers what it has accepted and ends."""
        with self._lock:
            before, self.current = self.current, version
            if before.id != version.id:  # the same version again leaves nothing to go back to
                self.previous, self.previous_id = before.folder, before.id
            leaving = [before]
            if self.canary is not None and self.canary is not version:
                leaving.append(self.canary)
            if self.shadow is version:
                self.shadow = None
            self.canary, self.canary_share, self._due = None, 0.0, 0.0
        self._retire(*leaving)

    def try_out(self, version: Version, share: float) -> None:
        """Let a version answer a share of the requests, alongside the current one."""
        with self._lock:
            before, self.canary, self.canary_share, self._due = self.canary, version, share, 0.0
        if before is not None:
            self._retire(before)

    def watch(self, version: Version | None) -> None:
        """Let a version answer every request too, unseen: its answers are only compared. ``None``: end that."""
        with self._lock:
            before, self.shadow = self.shadow, version
        if before is not None:
            self._retire(before)

    def end_canary(self) -> bool:
        """Stop trying out; whether there was something to stop."""
        with self._lock:
            canary, self.canary, self.canary_share = self.canary, None, 0.0
        if canary is not None:
            self._retire(canary)
        return canary is not None

    def _check_kind(self, version: Version) -> None:
        new, old = version.card, self.current.card
        if new is not None and old is not None and (new.task, new.output) != (old.task, old.output):
            raise InputError(
                f"{version.folder}: answers {new.task}, and {self.name} answers {old.task}; use another name."
            )


def gauges_of(version: Version) -> Callable[[str], float]:
    """What is read of a version whenever metrics are collected: name of the gauge -> its value now."""
    values: dict[str, Callable[[], float]] = {
        "queue_items": lambda: version.queue.waiting,
        "ongoing_requests": lambda: version.ongoing,
        "replicas": lambda: sum(replica.ready for replica in version.replicas),
        "ready": lambda: version.ready,
        "replica_restarts": lambda: sum(replica.restarts for replica in version.replicas),
    }
    return lambda name: float(values[name]())
