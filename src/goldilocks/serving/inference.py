"""Results for the items of a request: from the cache and from replicas, and compared with those of a shadow version."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from goldilocks.errors import RequestError
from goldilocks.nets.generation.streaming import OnText
from goldilocks.records import Text
from goldilocks.serving.answer_cache import AnswerCache
from goldilocks.serving.deployment import Deployment, Version
from goldilocks.serving.engine import Call, Result
from goldilocks.serving.gate import context_of
from goldilocks.serving.metrics import Metrics
from goldilocks.serving.queue import Job
from goldilocks.serving.waiting import result_of


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """An operation requested of one version of a model."""

    request: Request
    deployment: Deployment
    version: Version
    call: Call
    on_text: OnText | None = None
    """Called from another thread with the text of a single item while it is generated."""


class Inference:
    """Items in, results out, for all models of a service."""

    def __init__(self, metrics: Metrics, cache_items: int, seconds: float) -> None:
        """Start with an empty cache.

        Args:
            metrics: Count what is answered.
            cache_items: That are kept; 0: none.
            seconds: After which a request is not waited for any more.
        """
        self._metrics, self._seconds = metrics, seconds
        self._cache = AnswerCache(cache_items)
        self.stopping = False
        """Whether the service is about to end, so that no other version takes a request over."""

    async def results(self, inference: InferenceRequest, items: Sequence[Text]) -> list[Result]:
        """A result for each item.

        Raises:
            RequestError: whatever keeps them from being answered.
        """
        deployment, version = inference.deployment, inference.version
        kept = self._kept(version, inference.call, items)
        missing = [place for place, kept_item in enumerate(kept) if kept_item is None]
        if missing:
            left = [items[place] for place in missing]
            job = self._submit(inference, left)
            answers = await result_of(inference.request, job, self._seconds)
            if job.started is not None:
                waited = job.started - job.created
                self._metrics.queue_seconds.labels(deployment.name, version.id).observe(waited)
            for place, answer in zip(missing, answers, strict=True):
                kept[place] = answer
            self._cache.store(version.id, inference.call, left, answers)
        results = [kept_item for kept_item in kept if kept_item is not None]
        self._shadowed(inference, items, results)
        return results

    def _submit(self, inference: InferenceRequest, items: Sequence[Text]) -> Job:
        """Let items wait for a version; one that has just been replaced hands them to its successor."""
        context, deployment = context_of(inference.request), inference.deployment
        key, trace = context.caller.id, context.trace
        try:
            return inference.version.submit(inference.call, items, key=key, trace=trace, on_text=inference.on_text)
        except RequestError:
            if self.stopping or inference.version in deployment.versions:
                raise
            context.version = deployment.current.id
            return deployment.current.submit(inference.call, items, key=key, trace=trace, on_text=inference.on_text)

    def _kept(self, version: Version, call: Call, items: Sequence[Text]) -> list[Result | None]:
        """Results from the cache, counted."""
        cached = self._cache.look_up(version.id, call, items)
        if self._cache.keeps(call):
            hits = sum(match is not None for match in cached)
            self._metrics.cache.labels("yes").inc(hits)
            self._metrics.cache.labels("no").inc(len(items) - hits)
        return cached

    def _shadowed(self, inference: InferenceRequest, items: Sequence[Text], results: Sequence[Result]) -> None:
        """Have the shadow version answer too, and count whether it answers the same."""
        shadow = inference.deployment.shadow
        if shadow is None or shadow is inference.version or not shadow.ready:
            return
        with contextlib.suppress(RequestError):  # where it cannot keep up it is left out
            job = shadow.submit(inference.call, items, key="shadow")
            job.future.add_done_callback(_comparing(self._metrics, shadow, results))


def _comparing(metrics: Metrics, shadow: Version, results: Sequence[Result]) -> Callable[[Any], None]:
    def compare(done: Any) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        for own, given in zip(done.result(), results, strict=True):
            same = getattr(own, "answer", own) == getattr(given, "answer", given)
            metrics.shadow.labels(shadow.model, shadow.id, "yes" if same else "no").inc()

    return compare
