"""The service: its models by name, and one way for every route to ask them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from starlette.requests import Request

from goldilocks.errors import InputError, RequestError
from goldilocks.records import Output, Prediction, Text
from goldilocks.serving.access import Access
from goldilocks.serving.autoscale import Scaler, scale
from goldilocks.serving.deployment import Deployment, OpenEngine, Serving, Version, gauges_of
from goldilocks.serving.engine import Call, ModelCard, Operation, Result
from goldilocks.serving.gate import Context, context_of
from goldilocks.serving.inference import Inference, InferenceRequest
from goldilocks.serving.items import check_answered, items_from
from goldilocks.serving.log_rows import LogRow
from goldilocks.serving.masking import Finder
from goldilocks.serving.metrics import Metrics, State
from goldilocks.serving.names import parsed
from goldilocks.serving.privacy import MaskingFilter, Privacy, hidden_answer, joined, names_in
from goldilocks.serving.process_engine import opener
from goldilocks.serving.queue import BatchRun, cost_of
from goldilocks.serving.request_log import RequestLog
from goldilocks.serving.settings import ModelSettings, ServeSettings
from goldilocks.serving.state import ModelState, ServingState, read_state, write_state

if TYPE_CHECKING:
    from goldilocks.serving.telemetry import Telemetry

_LOG = logging.getLogger("goldilocks.serving")
Found = TypeVar("Found")
_MUCH_TEXT = 20_000
"""Characters in which a search for personal data takes about 10 ms."""
_LOAD_CHECK_SECONDS = 0.5
"""Seconds between two checks of the load."""
_CHECKS_PER_SAVE = 120
"""Checks of the load after which used quotas are saved."""
_LACKS = {
    Operation.EMBED: "has no embeddings",
    Operation.GENERATE: "generates no text",
    Operation.PROMPT_LOGPROBS: "has no log-probabilities of tokens",
    Operation.CONTINUE: "is not a language model of whole texts",
}


@dataclass(frozen=True, slots=True)
class InferenceResponse:
    """The model and version that answered a request, its items and their results."""

    deployment: Deployment
    version: Version
    card: ModelCard
    items: Sequence[Text]
    results: Sequence[Result]
    domain: str | None = None
    """Named by the request."""

    @property
    def name(self) -> str:
        """Name of the model that answered, as sent to clients."""
        return self.deployment.name if self.domain is None else f"{self.deployment.name}:{self.domain}"


class Service:
    """Models that are served, and what they share."""

    def __init__(
        self,
        settings: ServeSettings,
        open_engine: OpenEngine | None = None,
        find: Finder | None = None,
        *,
        changeable: bool = True,
    ) -> None:
        """Start to load every model.

        Args:
            settings: What to serve, and how.
            open_engine: Makes the engine of a replica; absent: as ``settings.replicas`` says.
            find: Finds personal data (addresses are found anyway).
            changeable: Whether versions may be changed through the admin API.

        Raises:
            GoldilocksError: a bundle or the key file is missing, or two models have one name.
        """
        if not settings.models:
            raise InputError("there is nothing to serve; pass a bundle's folder, or name models in serve.yaml.")
        self.settings, self.changeable = settings, changeable
        usage = settings.state.with_name("keys.usage.json") if settings.state else None
        self.access = Access(settings.keys, open_to_all=settings.allow_open, usage=usage)
        self.metrics = Metrics(self._state)
        self.deployments: dict[str, Deployment] = {}
        self.telemetry = _telemetry(settings, self._state)
        self._aliases: dict[str, str] = {}
        self._find = joined(find)
        self._filter = MaskingFilter(self._find)
        _LOG.addFilter(self._filter)
        self.log = RequestLog(settings.log, self.metrics.log_failures.inc) if settings.log.path else None
        self._inference = Inference(self.metrics, settings.cache_items, settings.limits.seconds)
        self._searches = anyio.CapacityLimiter(1)
        self._state_lock = threading.Lock()
        self._ended = threading.Event()
        self._abandoned = False
        self._scalers: dict[Version, Scaler] = {}
        self.started = int(time.time())
        known = read_state(settings.state).models
        for name, model in settings.models.items():
            self.deployments[name] = self._deployment(name, model, known.get(name), open_engine)
            for alias in model.aliases:
                self.set_alias(alias, name)
        if settings.masking.names is not None and settings.masking.names not in self.deployments:
            raise InputError(f"masking.names is {settings.masking.names!r}, which is not served; name a served tagger.")

    def _deployment(
        self, name: str, model: ModelSettings, state: ModelState | None, open_engine: OpenEngine | None
    ) -> Deployment:
        """A model in the version it was last promoted to, or that of the settings.

        Raises:
            GoldilocksError: its bundle is missing.
        """
        settings = self.settings
        replicas = model.replicas or settings.replicas
        opened = open_engine or opener(replicas, settings.limits.seconds)
        serving = Serving(settings.batching, settings.limits, replicas, opened, self._on_batch)
        folder = Path(state.current) if state else model.bundle
        try:
            deployment = Deployment(name, folder, serving, positive=model.positive)
        except InputError as error:
            if state is None:
                raise
            raise InputError(
                f"{settings.state}: {name} was promoted to a bundle that is not there any more: {error} "
                f"Restore it, or remove {settings.state} to serve {model.bundle}."
            ) from error
        if state and state.previous:
            deployment.previous = Path(state.previous)
            deployment.previous_id = state.previous_version
        return deployment

    # ------------------------------------------------------------------------------------------------------------ names

    def set_alias(self, alias: str, name: str) -> None:
        """Let requests use a further name for a model.

        Raises:
            InputError: it is the name of another model.
        """
        if alias in self.settings.models or alias in self._aliases:
            raise InputError(f"alias {alias!r} is taken; choose another name.")
        self._aliases[alias] = name

    def aliases_of(self, name: str) -> list[str]:
        """Further names of a model."""
        return sorted(alias for alias, other in self._aliases.items() if other == name)

    def find(self, request: Request, name: str | None) -> tuple[Deployment, str | None]:
        """The model a request names (see ``names``), and the version; the domain is put into the context.

        Without a name it is the only model there is.

        Raises:
            RequestError: there is no such model or domain (404), or the key does not allow it (403).
        """
        context = context_of(request)
        if name is None:
            if len(self.deployments) != 1:
                raise RequestError(422, "no_model", f"several models are served; name one: {self._known(context)}.")
            name = next(iter(self.deployments))
        address = parsed(name, {*self.deployments, *self._aliases})
        plain = self._aliases.get(address.model, address.model)
        deployment = self.deployments.get(plain)
        # A key learns nothing of models that it may not ask.
        if deployment is None:
            raise RequestError(
                404, "model_not_found", f"no model is named {name[:100]!r}; there are: {self._known(context)}."
            )
        if not context.caller.may_ask(plain):
            raise RequestError(
                403, "model_not_allowed", f"this key may not ask {plain!r}; it may ask: {self._known(context)}."
            )
        context.domain = address.domain
        if address.domain is not None:
            self._check_domain(deployment, address.domain, address.version)
        return deployment, address.version

    def _check_domain(self, deployment: Deployment, domain: str, version: str | None) -> None:
        known = self.card(deployment.choose(version) if version else deployment.current).domains
        if domain not in known:
            domains = f"there are: {', '.join(known)}" if known else "it has no domains, so name the model alone"
            raise RequestError(404, "domain_not_found", f"{deployment.name} has no domain {domain[:100]!r}; {domains}.")

    def visible(self, request: Request) -> Iterator[Deployment]:
        """The models that a caller may ask."""
        caller = context_of(request).caller
        return (deployment for deployment in self.deployments.values() if caller.may_ask(deployment.name))

    def _known(self, context: Context) -> str:
        return ", ".join(name for name in self.deployments if context.caller.may_ask(name)) or "none"

    # -------------------------------------------------------------------------------------------------------- inference

    def card(self, version: Version) -> ModelCard:
        """What a version is.

        Raises:
            RequestError: it is not loaded yet, or cannot be (503).
        """
        if (error := version.error) is not None:
            raise RequestError(503, "model_failed", f"{version.model} cannot be loaded: {error}", retry_after=30)
        card = version.card
        if card is None:  # while an engine is opened again requests wait
            raise RequestError(503, "loading", f"{version.model} is being loaded; ask again soon.", retry_after=1)
        return card

    def chosen(self, request: Request, name: str | None) -> tuple[Deployment, Version, ModelCard]:
        """The model and version that answer a request.

        Raises:
            RequestError: as ``find`` and ``card``.
        """
        deployment, wanted = self.find(request, name)
        version = deployment.choose(wanted)
        context = context_of(request)
        if context.domain is not None and context.domain not in self.card(version).domains:
            version = deployment.current  # what is tried out need not know every domain
        context.model, context.version = deployment.name, version.id
        return deployment, version, self.card(version)

    async def ask(
        self, request: Request, name: str | None, rows: Sequence[Any], call: Call | None = None
    ) -> InferenceResponse:
        """The results for rows, as given in a request.

        Raises:
            RequestError: whatever keeps them from being answered.
        """
        deployment, version, card = self.chosen(request, name)
        items = items_from(rows, card, self.settings.limits)
        results = await self.run(InferenceRequest(request, deployment, version, call or Call()), items)
        answering = next(
            (running for running in deployment.versions if running.id == context_of(request).version), version
        )
        return InferenceResponse(deployment, answering, card, items, results, context_of(request).domain)

    async def run(self, inference: InferenceRequest, items: Sequence[Text]) -> list[Result]:
        """The results for items.

        Args:
            inference: The request, the version and the operation. Where personal data is masked no text is passed on
                while it is generated: a piece of text cannot be searched for it.
            items: The items that the operation is applied to.

        Raises:
            RequestError: whatever keeps them from being answered.
        """
        request, deployment = inference.request, inference.deployment
        card = self.card(inference.version)
        operation = inference.call.operation
        if operation not in card.operations:
            raise RequestError(
                400,
                "not_supported",
                f"{deployment.name} ({card.family}, {card.task}) {_LACKS[operation]}; "
                f"GET /v1/models lists what each model does.",
            )
        context = context_of(request)
        if operation is Operation.PREDICT and context.domain is not None:
            inference = replace(inference, call=replace(inference.call, domain=context.domain))
        self.access.count(context.caller, len(items))
        privacy = await self._privacy(request, deployment, items)
        masking = self.settings.masking
        sent = items
        if masking.inputs:
            sent = await self._aside(items, lambda: privacy.masked(items))
            for kind, count in privacy.masker.counts.items():
                self.metrics.masked.labels(kind).inc(count)
        if masking.inputs or masking.outputs:
            inference = replace(inference, on_text=None)
        results = await self._inference.results(inference, sent)
        check_answered(results)
        if masking.inputs and not (masking.outputs and card.output is Output.TEXT):
            results = privacy.restored(items, results, card.output)
        if masking.outputs and card.output is Output.TEXT:
            results = [privacy.hidden(result) for result in results]
        log = self.log if deployment.name != masking.names or context.model == masking.names else None
        if log is not None and log.sampled(context.request_id):
            log.add(await self._aside(items, lambda: self._rows(context, items, results, privacy)))
        return results

    async def _aside(self, items: Sequence[Text], search: Callable[[], Found]) -> Found:
        """What a search for personal data in items gives; of much text in a thread, while others are answered.

        One request at a time, so that few threads compete with the event loop.
        """
        if sum(map(cost_of, items)) <= _MUCH_TEXT:
            return search()
        return await anyio.to_thread.run_sync(search, limiter=self._searches)

    async def _privacy(self, request: Request, deployment: Deployment, items: Sequence[Text]) -> Privacy:
        """The personal data in items; names by the tagger that is served for that."""
        tagger, masking = self.settings.masking.names, self.settings.masking
        needs_names = masking.inputs or (self.log is not None and self.log.sampled(context_of(request).request_id))
        if tagger is None or not needs_names or deployment.name == tagger:
            return Privacy(self._find)
        texts = list(dict.fromkeys(text for item in items for text in ((item,) if isinstance(item, str) else item)))
        version = self.deployments[tagger].current
        tagged = await self._inference.results(
            InferenceRequest(request, self.deployments[tagger], version, Call()), texts
        )
        labels = self.card(version).labels
        people = [names_in(match, labels) if isinstance(match, Prediction) else [] for match in tagged]
        return Privacy(self._find, dict(zip(texts, people, strict=True)))

    def _rows(
        self, context: Context, items: Sequence[Text], results: Sequence[Result], privacy: Privacy
    ) -> list[LogRow]:
        latency = (time.monotonic() - context.since) * 1000
        now = time.time()
        return [
            LogRow(
                request_id=context.request_id,
                item=place,
                time=now,
                model=context.model,
                version=context.version,
                key_id=context.caller.id,
                text=privacy.logged(item),
                answer=self.masked_answer(result.answer),
                confidence=result.score if result.score == result.score else None,
                latency_ms=latency,
            )
            for place, (item, result) in enumerate(zip(items, results, strict=True))
            if isinstance(result, Prediction)
        ]

    def masked_answer(self, answer: Any) -> Any:
        """An answer as the log keeps it."""
        return hidden_answer(answer, self._find)

    # ------------------------------------------------------------------------------------------------------- life cycle

    @property
    def stopping(self) -> bool:
        """Whether the service is about to end."""
        return self._inference.stopping

    @stopping.setter
    def stopping(self, stopping: bool) -> None:
        self._inference.stopping = stopping

    @property
    def ready(self) -> bool:
        """Whether every model answers, and the service is not about to stop."""
        return not self.stopping and all(deployment.current.ready for deployment in self.deployments.values())

    def wait(self, seconds: float | None = None) -> None:
        """Until every model is loaded.

        Raises:
            GoldilocksError: one cannot be.
        """
        for deployment in self.deployments.values():
            deployment.current.wait(seconds)

    @contextlib.contextmanager
    def changing(self, deployment: Deployment) -> Iterator[None]:
        """While inside, nobody else changes a model's versions.

        Raises:
            RequestError: somebody does (409).
        """
        if not deployment.changing.acquire(blocking=False):
            raise RequestError(
                409, "changing", f"the versions of {deployment.name} are being changed; ask again later."
            )
        try:
            yield
        finally:
            deployment.changing.release()

    def keep_state(self) -> str | None:
        """Write down which versions are served; a warning where that fails, such as on a full disk.

        What was changed stays so: an operator who needs to roll back needs it most when something else is broken.
        """
        if self.settings.state is None:
            return None
        with self._state_lock:
            state = ServingState({name: _kept(deployment) for name, deployment in self.deployments.items()})
            try:
                write_state(self.settings.state, state)
            except InputError as error:
                reason = getattr(error.__cause__, "strerror", None) or str(error)
                warning = f"a restart would undo this: {self.settings.state} cannot be written ({reason})."
                _LOG.error("%s", warning)
                return warning
        return None

    def tend(self, now: float) -> None:
        """Replace replicas that have given up, and fit their number to the load."""
        for deployment in list(self.deployments.values()):
            for version in deployment.versions:
                version.replace_dead(now)
                scaler = self._scalers.setdefault(version, Scaler(version.limits))
                scale(scaler, now, version.ongoing, len(version.replicas), version.add_replica, version.remove_replica)
        running = {version for deployment in self.deployments.values() for version in deployment.versions}
        self._scalers = {version: scaler for version, scaler in self._scalers.items() if version in running}

    def watch(self) -> None:
        """Tend the replicas again and again, in a thread, until the service stops."""
        threading.Thread(target=self._watch, name="tend-replicas", daemon=True).start()

    def _watch(self) -> None:
        checks = 0
        while not self._ended.wait(_LOAD_CHECK_SECONDS):
            self.tend(time.monotonic())
            checks += 1
            if checks % _CHECKS_PER_SAVE == 0:
                self.access.save()

    def stop(self) -> None:
        """Answer what was accepted, then end the replicas."""
        self.stopping = True
        self._ended.set()
        versions = self._versions()
        for version in versions:
            version.close()
        until = time.monotonic() + (0.0 if self._abandoned else self.settings.limits.drain_seconds)
        for version in versions:
            version.join(max(0.1, until - time.monotonic()))
        self.save()
        if self.telemetry is not None:
            self.telemetry.close()
        _LOG.removeFilter(self._filter)

    def abandon(self) -> int:
        """Refuse whatever is not answered yet (503).

        Returns:
            How many requests that were; copies for a shadow version are none.
        """
        self._abandoned = True
        error = RequestError(503, "stopping", "the service stopped before this request was answered.")
        refused = {version: version.abandon(error) for version in self._versions()}
        shadows = [deployment.shadow for deployment in self.deployments.values()]
        return sum(count for version, count in refused.items() if version not in shadows)

    def save(self) -> None:
        """Write what is kept beyond the end: used quotas and the request log."""
        self.access.save()
        if self.log is not None:
            self.log.close()

    def _versions(self) -> list[Version]:
        """All that have, or may get, requests to answer."""
        return [
            version
            for deployment in self.deployments.values()
            for version in (*deployment.versions, *deployment.retired)
        ]

    def _on_batch(self, model: str, version: str, batch: BatchRun) -> None:
        self.metrics.on_batch(model, version, batch)
        if self.telemetry is not None:
            self.telemetry.on_batch(model, version, batch)

    def _state(self) -> Iterator[tuple[str, str, Callable[[str], float]]]:
        for deployment in list(self.deployments.values()):
            for version in deployment.versions:
                yield deployment.name, version.id, gauges_of(version)


def _kept(deployment: Deployment) -> ModelState:
    """Versions as they are written down; what is only tried out ends with the service."""
    previous = deployment.previous
    return ModelState(
        str(deployment.current.folder.absolute()),
        None if previous is None else str(previous.absolute()),
        deployment.previous_id,
    )


def _telemetry(settings: ServeSettings, state: State) -> Telemetry | None:
    if settings.telemetry is None:
        return None
    from goldilocks.serving.telemetry import export_to

    return export_to(settings.telemetry, state)


def service_of(request: Request) -> Service:
    """The service a request was made to."""
    service: Service = request.app.state.service
    return service
