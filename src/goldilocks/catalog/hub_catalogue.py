"""What the Hub lists, kept in the cache folder with its date: models by metadata, their files fetched when bought.

catalogue_of(...)  ->  listings  ->  families describe them  ->  candidates
fetched(...)       ->  the checked files of one model
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from goldilocks.catalog.hub import lacking, split
from goldilocks.catalog.hub_client import HubClient, endpoint
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.hub.conversion_cache import cache_folder
from goldilocks.records import HubListing, ModelInfo
from goldilocks.support.files import from_json, to_json, write_text

PERMISSIVE = (
    "afl-3.0",
    "apache-2.0",
    "artistic-2.0",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsl-1.0",
    "cc-by-4.0",
    "cc0-1.0",
    "isc",
    "mit",
    "unlicense",
    "zlib",
)
"""Licences allowed where ``limits.licenses`` names none."""
_PIPELINES = ("fill-mask", "feature-extraction", "sentence-similarity")
"""Tasks under which the Hub lists encoders that were pretrained for no label set."""
_EXPAND = ("safetensors", "config", "cardData", "tags", "siblings", "sha", "gated")
_PAGE = 500
_KEPT_DAYS = 7
_PINNED = re.compile(r"[0-9a-f]{40}")
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
_MAX_PARAMETERS = 10**13
"""No model has more; what states more is a mistake."""
BYTES_PER_SECOND = 10e6
"""Assumed speed of a download (80 Mbit/s), for forecasts."""


@dataclass(frozen=True, slots=True)
class HubCatalogue:
    """An answer of the Hub, with its date."""

    address: str
    language: str
    """As asked for; empty: any."""
    asked: str
    """ISO 8601, UTC."""
    most: int
    listings: tuple[HubListing, ...]
    passed_over: int = 0
    """Listed, but without safetensors, tokenizer.json, size or commit, or only to be had on request."""


def catalogue_of(language: str, limit: int, *, refresh: bool = False, client: HubClient | None = None) -> HubCatalogue:
    """The most downloaded encoders of the Hub for a language, from the cache if it is at most a week old.

    Args:
        language: BCP 47 tag; empty or ``und``: any.
        limit: Maximum number of models.
        refresh: Whether to ask the Hub in any case.
        client: Counts requests and bytes.

    Raises:
        MissingError: the Hub cannot be reached, or lists nothing of use.
    """
    main = language.lower().split("-")[0]
    main = "" if main in ("und", "unknown", "auto", "mul") else main
    path = _folder() / f"listed-{hashlib.sha256(f'{endpoint()} {main}'.encode()).hexdigest()[:12]}.json"
    known = None if refresh else _read(path)
    if known is not None and known.most >= limit and datetime.now(UTC) - _date(known) < timedelta(days=_KEPT_DAYS):
        return known
    fetched = _asked(client or HubClient(), main, limit)
    _write(path, fetched)
    return fetched


def known_catalogues() -> tuple[HubCatalogue, ...]:
    """Those in the cache, that of single models last."""
    paths = [*sorted(_folder().glob("listed-*.json")), _folder() / "added.json"]
    return tuple(known for known in map(_read, paths) if known is not None)


def add(name: str, client: HubClient | None = None) -> HubListing:
    """Ask for the metadata of one model and keep it: it is a candidate wherever the Hub's models are.

    Raises:
        InputError: this is no ``org/name``.
        MissingError: the Hub has no such model, or it lacks what is needed.
    """
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise InputError(f"{name}: not the id of a Hub model; write org/name.")
    client = client or HubClient()
    metadata = client.model(name, [("expand", field) for field in _EXPAND])
    lacks = lacking(_names(metadata))
    if lacks:
        raise MissingError(f"{name}: the Hub has no {lacks} for it; choose another model.")
    listing = _listing({**metadata, "id": name})
    if listing is None:
        raise MissingError(f"{name}: the Hub states no type, size or commit of it, or gives it only on request.")
    path = _folder() / "added.json"
    if path.exists() and _read(path) is None:  # models that were added before would be lost
        raise IntegrityError(f"{path}: damaged, or written by another version; delete it and add its models again.")
    others = tuple(listing for listing in added() if listing.name != name)
    _write(path, HubCatalogue(client.shown, "", _now(), 0, (*others, listing)))
    return listing


def added() -> tuple[HubListing, ...]:
    """Models added one by one."""
    known = _read(_folder() / "added.json")
    return known.listings if known else ()


def is_pinned(source: str) -> bool:
    """Whether a source names a commit of a Hub model, so that its files can be checked against the Hub's list."""
    return source.startswith("hf://") and bool(_PINNED.fullmatch(split(source)[1] or ""))


def folder_here(source: str) -> Path | None:
    """The checked files of a pinned source, if they were fetched."""
    name, revision = split(source)
    folder = _folder() / f"models--{name.replace('/', '--')}" / str(revision)
    return folder if folder.is_dir() else None


def fetched(source: ModelInfo | str, client: HubClient | None = None) -> Path:
    """The checked files of a pinned source, downloaded now if they are not there.

    Raises:
        MissingError, IntegrityError: see ``HubClient.download``.
        InputError: the cache cannot be written to.
    """
    place = source.source if isinstance(source, ModelInfo) else source
    snapshot = folder_here(place)
    if snapshot is not None:
        return snapshot
    name, revision = split(place)
    limit = int(1.1 * source.size_bytes + 10e6) if isinstance(source, ModelInfo) else None
    folder = _folder() / f"models--{name.replace('/', '--')}" / str(revision)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as beside:
            clone = Path(beside) / "whole"
            clone.mkdir()
            (client or HubClient()).download(name, str(revision), clone, limit)
            shutil.rmtree(folder, ignore_errors=True)
            clone.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}); free space.") from error
    return folder


def _asked(client: HubClient, language: str, limit: int) -> HubCatalogue:
    listings: dict[str, HubListing] = {}
    passed_over = 0
    for pipeline in _PIPELINES:
        params = [("pipeline_tag", pipeline), ("filter", "safetensors"), ("sort", "downloads"), ("limit", str(_PAGE))]
        params += [("filter", language)] if language else []
        params += [("expand", field) for field in _EXPAND]
        for metadata in client.listed(params):
            listing = _listing(metadata)
            if listing is None or lacking(_names(metadata)):
                passed_over += 1
            else:
                listings.setdefault(listing.name, listing)
            if len(listings) >= limit or passed_over >= 4 * limit + _PAGE:
                break
        if len(listings) >= limit:
            break
    if not listings:
        raise MissingError(
            f"the Hub at {client.shown} lists no usable model ({passed_over} lack safetensors or a size); check "
            "HF_ENDPOINT, or name models under candidates.models."
        )
    return HubCatalogue(client.shown, language, _now(), limit, tuple(listings.values()), passed_over)


def _listing(metadata: Mapping[str, Any]) -> HubListing | None:
    """A model's metadata as a record; ``None``: something is missing, or the model is gated."""
    name, revision, weights, config = (metadata.get(key) for key in ("id", "sha", "safetensors", "config"))
    kind = config.get("model_type") if isinstance(config, dict) else None
    counts = weights.get("parameters") if isinstance(weights, dict) else None
    if not (isinstance(name, str) and re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name)) or metadata.get("gated"):
        return None
    if not (isinstance(revision, str) and _PINNED.fullmatch(revision) and isinstance(kind, str)):
        return None
    if not isinstance(counts, dict) or not all(type(count) is int and count >= 0 for count in counts.values()):
        return None
    parameters = sum(counts.values())
    if not 0 < parameters <= _MAX_PARAMETERS:
        return None
    size = sum(count * _BYTES.get(str(form), 1) for form, count in counts.items())
    card = metadata.get("cardData")
    head: Mapping[str, Any] = card if isinstance(card, dict) else {}
    licence = head.get("license")
    stated = head.get("language")
    languages = [
        language for language in (stated if isinstance(stated, list) else [stated]) if isinstance(language, str)
    ]
    return HubListing(
        name,
        revision,
        kind,
        parameters,
        size,
        licence.lower() if isinstance(licence, str) else "",
        tuple("*" if language in ("multilingual", "mul") else language for language in languages),
    )


def _names(metadata: Mapping[str, Any]) -> Iterable[str]:
    siblings = metadata.get("siblings")
    return [str(file.get("rfilename")) for file in siblings or () if isinstance(file, dict)]


def _folder() -> Path:
    return cache_folder() / "hub"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _date(known: HubCatalogue) -> datetime:
    try:
        date = datetime.fromisoformat(known.asked)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _read(path: Path) -> HubCatalogue | None:
    """``None``: not there, or damaged, so that the Hub is asked again."""
    try:
        return from_json(HubCatalogue, path.read_bytes(), where=path)
    except (OSError, InputError, IntegrityError):
        return None


def _write(path: Path, known: HubCatalogue) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, to_json(known))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); free space, or name another cache folder "
            "(GOLDILOCKS_CACHE)."
        ) from error
