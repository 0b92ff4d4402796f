"""What an operator can set: ``serve.yaml``, read and checked, with the nearest name for every mistake."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from goldilocks.errors import InputError, MissingError
from goldilocks.support.yaml_text import read_yaml

_STRICT = ConfigDict(extra="forbid")
_MAX_REPLICAS = 1_000
"""Each is a thread, and mostly a process."""


@dataclass(frozen=True, slots=True)
class BatchingSettings:
    """How requests that wait together become batches."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    max_items: int = 64
    """Maximum number of items in a batch."""
    max_characters: int = 65_536
    """Maximum number of characters in a batch; a longer item has a batch of its own."""
    wait_ms: float = 0.0
    """A batch that is not full waits so long for more. 0: whatever waits when a replica is free is a batch."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a request may ask for, and how long it may take."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    body_bytes: int = 4_000_000
    """Largest request body; above: 413."""
    items: int = 1_024
    """Maximum number of items in a request; above: 413."""
    item_characters: int = 100_000
    """Longest item; above: 413."""
    max_tokens: int = 1_024
    """Maximum number of tokens a request may have generated; above: 422."""
    seconds: float = 30.0
    """A request that is not answered by then gets 503."""
    queue_items: int = 4_096
    """Items that may wait for a model; above: 429 with ``Retry-After``."""
    queue_seconds: float = 5.0
    """While a request has waited longer for a replica, further ones of the same key get 429 with ``Retry-After``."""
    body_seconds: float = 20.0
    """A client that sends the head of a request, or its body, more slowly is cut off (408), and so is one that takes
    nothing of its answer for so long."""
    drain_seconds: float = 25.0
    """After SIGTERM accepted requests have so long to be answered; the rest gets 503. The process ends about 7 seconds
    later at the latest, whatever happens."""


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """Replicas of a model, in the words of Ray Serve's autoscaling configuration."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    min_replicas: int = 1
    """Replicas that always run."""
    max_replicas: int = 1
    """Replicas that run under load."""
    target_ongoing_requests: float = 2.0
    """Requests (waiting or being answered) per replica that the number of replicas aims at."""
    upscale_delay_s: float = 30.0
    """A replica is added after the load has asked for it this long."""
    downscale_delay_s: float = 600.0
    """A replica is removed after the load has not needed it this long."""
    processes: bool | None = None
    """Each replica is a process of its own, restarted when it crashes. Absent: where ``max_replicas`` is above 1."""

    threads: int = 0
    """Threads of a replica; 0: the machine's cores, of processes shared by ``max_replicas``."""
    memory_mb: float | None = None
    """A replica process that holds more after a batch is replaced (10**6 bytes)."""

    @property
    def isolated(self) -> bool:
        """Whether replicas are processes."""
        return self.max_replicas > 1 if self.processes is None else self.processes


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model that is served."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    bundle: Path
    """The bundle's folder."""
    aliases: tuple[str, ...] = ()
    """Further names that requests may use."""
    positive: str | None = None
    """For a model with two labels: the one whose probability a yes/no question asks for."""
    replicas: ReplicaSettings | None = None
    """Absent: those of the service."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Encryption of connections."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    certificate: Path
    """PEM file with the certificate and those it depends on."""
    key: Path
    """PEM file with the private key."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The request log that monitoring reads."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    path: Path | None = None
    """SQLite file, or folder of Parquet files; absent: nothing is logged."""
    format: str = "sqlite"
    """``sqlite``: one file, written at once; ``parquet``: a folder of files, written every 30 seconds."""
    share: float = 1.0
    """Share of requests that are logged, 0 to 1."""
    texts: str = "masked"
    """``masked``: texts with personal data replaced; ``hash``: their SHA-256 only."""
    days: float = 30.0
    """Rows are removed after this many days."""
    megabytes: float = 500.0
    """In 10**6 bytes. Above this size the SQLite file is rotated (one older file is kept), and the oldest Parquet files
    are removed."""


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Traces and metrics sent to an OpenTelemetry collector (OTLP over HTTP); needs the extra ``otel``."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    endpoint: str
    """Address of the collector, such as http://127.0.0.1:4318; nothing is sent anywhere else."""
    share: float = 1.0
    """Share of requests that are traced, 0 to 1; a request with ``traceparent`` is traced if its caller traces it."""
    seconds: float = 60.0
    """Metrics are sent this often."""


@dataclass(frozen=True, slots=True)
class MaskingSettings:
    """Personal data in what models are given and what they answer; in the request log it is always masked."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    inputs: bool = False
    """Mask texts before a model is given them; placeholders in its answer are turned back."""
    outputs: bool = False
    """Mask generated texts."""
    names: str | None = None
    """Name of a served tagger whose entities are masked too."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """``serve.yaml``."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0: a free one, which is printed."""
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    """Name -> model."""
    keys: Path | None = None
    """File that ``goldilocks keys`` writes; absent: every request is accepted, on loopback only."""
    allow_open: bool = False
    """Listen beyond loopback without keys."""
    tls: TlsSettings | None = None
    batching: BatchingSettings = field(default_factory=BatchingSettings)
    limits: RequestLimits = field(default_factory=RequestLimits)
    replicas: ReplicaSettings = field(default_factory=ReplicaSettings)
    state: Path | None = None
    """File that remembers what was promoted; absent: a restart serves the bundles named here."""
    cache_items: int = 0
    """Answers kept for items that are asked again; 0: none."""
    log: LogSettings = field(default_factory=LogSettings)
    masking: MaskingSettings = field(default_factory=MaskingSettings)
    telemetry: TelemetrySettings | None = None
    """Absent: no traces, and metrics at ``/metrics`` only."""


def read_settings(path: Path) -> ServeSettings:
    """Read ``serve.yaml``; relative paths start at its folder.

    Raises:
        MissingError: there is no such file.
        InputError: it is not YAML, a key is unknown (the nearest is named) or a value does not fit.
    """
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError as error:
        raise MissingError(f"{path}: there is no such file; leave out --config, or name one.") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"{path}: not a YAML file ({error}).") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path}: holds {type(raw).__name__}; it must be a mapping with keys such as models and port.")
    return settings_from(raw, where=str(path), folder=path.resolve().parent)


def settings_from(raw: Mapping[str, Any], *, where: str = "settings", folder: Path = Path()) -> ServeSettings:
    """Settings from a mapping with the keys of ``serve.yaml``; paths in it start at ``folder``.

    Raises:
        InputError: a key is unknown, or a value does not fit.
    """
    try:
        settings = TypeAdapter(ServeSettings).validate_python(dict(raw))
    except ValidationError as error:
        raise InputError(f"{where}: {_explained(error)}") from error
    settings = _resolved(settings, folder)
    check_ranges(settings, where)
    return settings


def check_ranges(settings: ServeSettings, where: str = "settings") -> None:
    """Check that numbers are within their ranges.

    Raises:
        InputError: one is not.
    """
    all_replicas = [settings.replicas, *(model.replicas for model in settings.models.values() if model.replicas)]
    lowest: list[tuple[str, float, float]] = [
        ("port", settings.port, 0),
        ("batching.max_items", settings.batching.max_items, 1),
        ("batching.max_characters", settings.batching.max_characters, 1),
        ("batching.wait_ms", settings.batching.wait_ms, 0),
        ("cache_items", settings.cache_items, 0),
        ("log.days", settings.log.days, 0),
        ("log.megabytes", settings.log.megabytes, 0.1),
        *((f"limits.{field.name}", getattr(settings.limits, field.name), 0.001) for field in fields(settings.limits)),
        *(("replicas.min_replicas", replicas.min_replicas, 1) for replicas in all_replicas),
        *(("replicas.max_replicas", replicas.max_replicas, replicas.min_replicas) for replicas in all_replicas),
        *(("replicas.target_ongoing_requests", replicas.target_ongoing_requests, 0.01) for replicas in all_replicas),
        *(("replicas.upscale_delay_s", replicas.upscale_delay_s, 0) for replicas in all_replicas),
        *(("replicas.downscale_delay_s", replicas.downscale_delay_s, 0) for replicas in all_replicas),
        *(("replicas.threads", replicas.threads, 0) for replicas in all_replicas),
        *(("replicas.memory_mb", replicas.memory_mb, 1) for replicas in all_replicas if replicas.memory_mb is not None),
    ]
    for name, value, low in lowest:
        if not math.isfinite(value):
            raise InputError(f"{where}: {name} is {value}; it must be a number.")
        if value < low:
            raise InputError(f"{where}: {name} is {value}; it must be at least {low}.")
    for replicas in all_replicas:
        if replicas.max_replicas > _MAX_REPLICAS:
            raise InputError(
                f"{where}: replicas.max_replicas is {replicas.max_replicas}; it must be at most {_MAX_REPLICAS:,}."
            )
    for name, path in (("state", settings.state), ("log.path", settings.log.path), ("keys", settings.keys)):
        if path is not None and not path.name:
            raise InputError(f"{where}: {name} is {path}; name a file.")
    for name in (*settings.models, *(alias for model in settings.models.values() for alias in model.aliases)):
        if not name.strip() or "/" in name or not name.isprintable():
            raise InputError(f"{where}: a model is named {name!r}; choose a name that is not empty, without slashes.")
    if settings.port > 65_535:
        raise InputError(f"{where}: port is {settings.port}; it must be at most 65535.")
    if not 0 <= settings.log.share <= 1:
        raise InputError(f"{where}: log.share is {settings.log.share}; it must be between 0 and 1.")
    if settings.telemetry is not None:
        _check_telemetry(settings.telemetry, where)
    if settings.log.format not in ("sqlite", "parquet"):
        raise InputError(f"{where}: log.format is {settings.log.format!r}; it must be sqlite or parquet.")
    if settings.log.texts not in ("masked", "hash"):
        raise InputError(f"{where}: log.texts is {settings.log.texts!r}; it must be masked or hash.")


def _check_telemetry(telemetry: TelemetrySettings, where: str) -> None:
    if not telemetry.endpoint.startswith(("http://", "https://")):
        raise InputError(
            f"{where}: telemetry.endpoint is {telemetry.endpoint!r}; it must be an address such as http://127.0.0.1:4318."
        )
    if not 0 <= telemetry.share <= 1:
        raise InputError(f"{where}: telemetry.share is {telemetry.share}; it must be between 0 and 1.")
    if not 0.1 <= telemetry.seconds < float("inf"):
        raise InputError(f"{where}: telemetry.seconds is {telemetry.seconds}; it must be at least 0.1.")


def with_bundles(settings: ServeSettings, bundles: list[Path]) -> ServeSettings:
    """The settings with further models, each named after its folder (``run/bundle`` is ``run``).

    Raises:
        InputError: two models would have one name.
    """
    models = dict(settings.models)
    for folder in bundles:
        name = model_name(folder)
        if name in models:
            raise InputError(
                f"two models are named {name!r}; name them in serve.yaml: models: {{NAME: {{bundle: {folder}}}}}."
            )
        models[name] = ModelSettings(folder)
    return replace(settings, models=models)


def model_name(folder: Path) -> str:
    """The name of a model when none is given.

    Example:
        >>> model_name(Path("tickets/bundle"))
        'tickets'
    """
    full = folder.resolve()
    return full.parent.name if full.name == "bundle" and full.parent.name else full.name


def _resolved(settings: ServeSettings, folder: Path) -> ServeSettings:
    models = {name: replace(model, bundle=folder / model.bundle) for name, model in settings.models.items()}
    tls = settings.tls and TlsSettings(folder / settings.tls.certificate, folder / settings.tls.key)
    log = settings.log if settings.log.path is None else replace(settings.log, path=folder / settings.log.path)
    keys = settings.keys if settings.keys is None else folder / settings.keys
    state = settings.state if settings.state is None else folder / settings.state
    return replace(settings, models=models, tls=tls, log=log, keys=keys, state=state)


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _keys_at(path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"unknown key {key!r}.{hint} There are: {', '.join(known)}."
    if first["type"] == "missing":
        return f"{key} is missing; add it."
    return f"{key} is {first['input']!r}: {first['msg']}."


def _keys_at(path: list[str]) -> list[str]:
    """The keys that the mapping at a path may have."""
    record: Any = ServeSettings
    for part in path:
        if record is ModelSettings and part not in get_type_hints(record):
            continue  # the name of a model
        hint = get_type_hints(record).get(part)
        if part == "models":
            record = ModelSettings
            continue
        for option in (hint, *getattr(hint, "__args__", ())):
            if isinstance(option, type) and is_dataclass(option):
                record = option
    return [field.name for field in fields(record)]
