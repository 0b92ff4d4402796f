"""The service on Ray Serve: its replicas are Ray's, started and stopped by Ray's autoscaler; settings stay those of
``serve.yaml``.

Every Ray replica holds the whole app with one engine per model, so that batching, keys, masking and limits are as
without Ray. What one process knows of all requests is counted per replica instead: rates, quotas, ``/metrics``, cache.
Versions cannot be changed while it runs, as a change would reach one replica only.
"""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, MissingError
from goldilocks.serving.masking import Finder
from goldilocks.serving.server import check_exposure, check_tls, listen, use_threads
from goldilocks.serving.settings import ReplicaSettings, ServeSettings
from goldilocks.support.machine.ray_environment import import_ray

if TYPE_CHECKING:
    from fastapi import FastAPI

_APP = "goldilocks"
"""Name of the application in Ray Serve."""


def serve_on_ray(settings: ServeSettings, notify: Callable[[str], None], find: Finder | None = None) -> None:
    """Serve until SIGTERM or SIGINT, on the cluster of ``RAY_ADDRESS`` or on a local one that ends with this process.

    Args:
        settings: What, where and how.
        notify: Called with the service's address when it answers.
        find: Finds personal data.

    Raises:
        InputError: a setting has no equivalent on Ray, or a bundle or the address cannot be used.
        MissingError: Ray is not installed.
    """
    check_exposure(settings)
    check_tls(settings.tls)
    check_for_ray(settings)
    own = "RAY_ADDRESS" not in os.environ
    ray = import_ray(own=own)
    try:
        from ray import serve
    except ImportError as error:
        raise MissingError(f"{error.name} is not installed; pip install 'goldilocks-lm[ray]'.") from error
    with listen(settings) as sock:  # a port that is taken is an error here; 0 becomes a free one
        port = sock.getsockname()[1]
    ray.init(log_to_driver=False, **({"include_dashboard": False} if own else {}))
    ended = _signals()
    try:
        serve.start(http_options=http_options(settings, port))
        deployment = serve.deployment(serve.ingress(_builder(settings, find))(), name=_APP, **ray_options(settings))
        try:
            serve.run(deployment.bind(), name=_APP)
        except RuntimeError as error:
            raise InputError(f"Ray could not start the service: {_reason(error)}") from error
        scheme = "https" if settings.tls else "http"
        notify(f"listening on {scheme}://{settings.host}:{port}")
        notify(f"ready: {', '.join(settings.models)} on Ray {ray.__version__}")
        ended.wait()
        serve.delete(_APP)  # replicas complete what they have accepted
    finally:
        if own:
            serve.shutdown()
        ray.shutdown()


def check_for_ray(settings: ServeSettings) -> None:
    """Check that every setting has an equivalent on Ray.

    Raises:
        InputError: one has none.
    """
    if not settings.models:
        raise InputError("there is nothing to serve; pass a bundle's folder, or name models in serve.yaml.")
    several = [name for name, model in settings.models.items() if model.replicas is not None]
    problems = [
        (bool(several), f"models.{''.join(several[:1])}.replicas: on Ray all models share replicas; set replicas"),
        (settings.replicas.memory_mb is not None, "replicas.memory_mb: Ray limits memory itself; remove it"),
        (settings.replicas.processes is False, "replicas.processes: replicas on Ray are processes; remove it"),
        (settings.state is not None, "state: on Ray versions change with serve.yaml; remove it"),
        (
            settings.log.path is not None and settings.log.format == "sqlite" and settings.replicas.max_replicas > 1,
            "log.format: several replicas cannot write one SQLite file; set it to parquet",
        ),
    ]
    for wrong, message in problems:
        if wrong:
            raise InputError(f"{message} (or serve without --executor ray).")


def ray_options(settings: ServeSettings) -> dict[str, Any]:
    """The options of a Ray Serve deployment with the service's settings.

    Example:
        >>> settings = ServeSettings(replicas=ReplicaSettings(max_replicas=4))
        >>> ray_options(settings)["autoscaling_config"]["max_replicas"]
        4
    """
    replicas = settings.replicas
    return {
        "autoscaling_config": {
            "min_replicas": replicas.min_replicas,
            "max_replicas": replicas.max_replicas,
            "target_ongoing_requests": replicas.target_ongoing_requests,
            "upscale_delay_s": replicas.upscale_delay_s,
            "downscale_delay_s": replicas.downscale_delay_s,
        },
        # A replica makes batches of the requests it has: it must be given as many as fill one.
        "max_ongoing_requests": max(settings.batching.max_items, math.ceil(2 * replicas.target_ongoing_requests)),
        "max_queued_requests": settings.limits.queue_items,
        "graceful_shutdown_timeout_s": settings.limits.drain_seconds,
        "ray_actor_options": {"num_cpus": replicas.threads or 1},
    }


def http_options(settings: ServeSettings, port: int) -> dict[str, Any]:
    """The options of Ray's HTTP proxy."""
    options: dict[str, Any] = {"host": settings.host, "port": port}
    if settings.tls is not None:
        options |= {"ssl_certfile": str(settings.tls.certificate), "ssl_keyfile": str(settings.tls.key)}
    return options


def replica_settings(settings: ServeSettings) -> ServeSettings:
    """The settings inside a Ray replica: one engine per model, in the replica's process."""
    models = {name: replace(model, bundle=model.bundle.absolute()) for name, model in settings.models.items()}
    return replace(
        settings, models=models, replicas=ReplicaSettings(processes=False, threads=settings.replicas.threads)
    )


def _builder(settings: ServeSettings, find: Finder | None) -> Callable[[], FastAPI]:
    """What makes the app in a replica."""
    inside = replica_settings(settings)

    def build() -> FastAPI:
        from goldilocks.serving.app import make_app
        from goldilocks.serving.service import Service

        use_threads(inside.replicas)
        service = Service(inside, find=find, changeable=False)
        service.wait()
        service.watch()
        return make_app(service)

    return build


def _signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _reason(error: Exception) -> str:
    """The last line of an error with some content; Ray puts a traceback into its messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("goldilocks.errors.")]
    return (named or lines or [type(error).__name__])[-1].removeprefix("goldilocks.errors.")
