"""API keys: a file of hashes, and what each key may do.

A key is ``gl_ID_SECRET`` with 256 random bits, so that a plain SHA-256 of it cannot be searched for; the file holds the
hash only. The service notices when the file changes: a key that is revoked stops working at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError, IntegrityError, MissingError, RequestError
from goldilocks.support.files import from_json, to_json, write_bytes

ANY_MODEL = "*"
_LOG = logging.getLogger("goldilocks.serving")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; never the key."""

    id: str
    name: str
    """Whose it is, for people."""
    sha256: str
    """SHA-256 of the whole key, in hex."""
    created: float
    """Seconds since 1970, as all times here."""
    models: tuple[str, ...] = (ANY_MODEL,)
    """Models it may ask."""
    expires: float | None = None
    revoked: float | None = None
    rate_per_minute: float | None = None
    """Requests."""
    quota_per_month: int | None = None
    """Items in a calendar month (UTC)."""
    admin: bool = False
    """May change which versions are served."""
    metrics: bool = False
    """May read the metrics."""

    def state(self, now: float) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "active"


@dataclass(frozen=True, slots=True)
class KeyList:
    """The content of the key file."""

    keys: tuple[ApiKey, ...] = ()


def read_keys(path: Path) -> KeyList:
    """The keys in a file.

    Raises:
        MissingError: there is no such file.
        InputError: it cannot be read.
        IntegrityError: it is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(
            f"{path}: there is no such key file; `goldilocks keys add NAME --file {path}` makes it."
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run this as the file's owner.") from error
    known = from_json(KeyList, content, where=path)
    for key in known.keys:
        _check(key, path)
    return known


def _check(key: ApiKey, path: Path) -> None:
    """Refuse what no ``keys add`` writes: with a time that is no number a key would never expire.

    Raises:
        IntegrityError: a number of the key is out of its range.
    """
    ranges = (
        ("created", key.created, 0.0),
        ("expires", key.expires, 0.0),
        ("revoked", key.revoked, 0.0),
        ("rate_per_minute", key.rate_per_minute, 1e-6),
        ("quota_per_month", key.quota_per_month, 0.0),
    )
    for name, value, low in ranges:
        if value is not None and not low <= value < float("inf"):
            raise IntegrityError(f"{path}: {name} of key {key.id[:100]!r} is {value}; restore the file, or correct it.")


def add_key(path: Path, key: ApiKey) -> str:
    """Put a new key into a file, which is made if need be.

    Args:
        path: The file.
        key: What the key may do; its ``id`` and ``sha256`` are replaced.

    Returns:
        The key. It is nowhere else: whoever loses it needs a new one.

    Raises:
        InputError: the name is empty or taken by an active key, or the file cannot be written.
    """
    with _changing(path):
        return _add_key(path, key)


def _add_key(path: Path, key: ApiKey) -> str:
    known = read_keys(path) if path.exists() else KeyList()
    if not key.name.strip() or not key.name.isprintable():
        raise InputError(f"the name of the key is {key.name!r}; give it a printable, non-empty name.")
    if any(other.name == key.name and other.state(time.time()) == "active" for other in known.keys):
        raise InputError(f"{path}: there is an active key named {key.name!r}; revoke it first, or choose another name.")
    identity, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"gl_{identity}_{secret}"
    _write(path, KeyList((*known.keys, replace(key, id=identity, sha256=_hash(text)))))
    return text


def revoke_key(path: Path, name: str) -> ApiKey:
    """Revoke the active key with a name or an id.

    Raises:
        MissingError: there is none.
    """
    with _changing(path):
        known = read_keys(path)
        now = time.time()
        for key in known.keys:
            if name in (key.id, key.name) and key.revoked is None:
                _write(path, KeyList(tuple(replace(k, revoked=now) if k is key else k for k in known.keys)))
                return key
    raise MissingError(f"{path}: no active key is named {name!r}; `goldilocks keys list` shows them.")


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """While inside, no other command changes the file: of two at a time the later would undo the earlier."""
    try:
        import fcntl

        folder = os.open(path.parent, os.O_RDONLY)
    except (ImportError, OSError):  # the folder is made only now, so that nobody else can write there
        yield
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, keys: KeyList) -> None:
    """Write the file anew for those who could read it before, such as the user that the service runs as."""
    before = _owner(path) if path.exists() else None
    write_bytes(path, to_json(keys).encode())
    path.chmod(0o600 if before is None else stat.S_IMODE(before.st_mode))
    now = _owner(path)
    if before is None or (now.st_uid, now.st_gid) == (before.st_uid, before.st_gid):
        return
    try:
        os.chown(path, before.st_uid, before.st_gid)
    except OSError:
        owner = f"{before.st_uid}:{before.st_gid}"
        _LOG.warning(
            "%s: is yours now and was of %s, so that the service may not read it any more; run: sudo chown %s %s",
            path, owner, owner, path,
        )  # fmt: skip


def _owner(path: Path) -> os.stat_result:
    return path.stat()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    id: str = ""
    """Id of the key; empty where no keys are used."""
    models: tuple[str, ...] = (ANY_MODEL,)
    admin: bool = True
    metrics: bool = True
    quota_per_month: int | None = None

    def may_ask(self, model: str) -> bool:
        """Whether it may ask a model."""
        return ANY_MODEL in self.models or model in self.models


class Access:
    """Checks the key of each request against the key file."""

    def __init__(self, path: Path | None, *, open_to_all: bool = False, usage: Path | None = None) -> None:
        """Read the file; without one everybody may do everything (``open_to_all``: but change what is served).

        Used quotas are kept in ``usage`` (or next to the key file).

        Raises:
            GoldilocksError: the file is missing or damaged.
        """
        self._path, self._open_to_all = path, open_to_all
        self._usage = usage or (path.with_name(f"{path.stem}.usage.json") if path else None)
        self._keys: dict[str, ApiKey] = {}
        self._stamp: tuple[int, int] | None = None
        self._reported: tuple[int, int] | None = None
        """Of the file that could not be read, once that has been logged."""
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._month = ""
        if path is not None:
            self._keys = {key.id: key for key in read_keys(path).keys}
            self._stamp = self._stamp_now()
            if path.stat().st_mode & stat.S_IWOTH:
                _LOG.warning("%s: every user of this machine may add keys to it; run: chmod o-w %s", path, path)
            self._used, self._month = _read_usage(self._usage)

    @property
    def required(self) -> bool:
        """Whether a key is needed."""
        return self._path is not None

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who asks, by ``Authorization: Bearer`` or ``X-API-Key`` (names of headers in lower case).

        Raises:
            RequestError: there is no key or a wrong one (401), or it asks too often (429).
        """
        if self._path is None:
            return Caller(admin=not self._open_to_all)
        self._reload()
        text = _key_in(headers)
        if not text:
            raise RequestError(
                401, "no_key", "this service needs a key: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
            )
        key = self._keys.get(text.split("_")[1] if text.count("_") >= 2 else "")
        sha256 = key.sha256 if key else "0" * 64
        if not hmac.compare_digest(_hash(text), sha256) or key is None:
            raise RequestError(401, "wrong_key", "the key is not known; ask the operator of this service for one.")
        state = key.state(time.time())
        if state != "active":
            raise RequestError(
                401, f"key_{state}", f"the key is {state}; ask the operator of this service for another."
            )
        self._check_rate(key)
        return Caller(key.id, key.models, key.admin, key.metrics, key.quota_per_month)

    def count(self, caller: Caller, items: int) -> None:
        """Count items against the month's quota.

        Raises:
            RequestError: the quota is used up (429).
        """
        if not caller.id:
            return
        with self._lock:
            now = datetime.now(UTC)
            month = f"{now:%Y-%m}"
            if month != self._month:
                self._used, self._month = {}, month
            used = self._used.get(caller.id, 0)
            quota = caller.quota_per_month
            if quota is not None and used + items > quota:
                following = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
                raise RequestError(
                    429,
                    "quota_exceeded",
                    f"{used:,} of this month's {quota:,} items are used and {items:,} more are requested; "
                    "the quota starts again next month.",
                    retry_after=(following - now).total_seconds(),
                )
            self._used[caller.id] = used + items

    def save(self) -> None:
        """Write down what was used this month, so that a restart does not reset quotas."""
        if self._path is None or self._usage is None:
            return
        with self._lock:
            content = {"month": self._month, "items": dict(self._used)}
        try:
            write_bytes(self._usage, json.dumps(content).encode())
        except InputError as error:  # a key file on a read-only disk: answers go on
            _LOG.warning("quotas are not kept over a restart: %s", error)

    def _reload(self) -> None:
        """Read the file again where it changed; a damaged one changes nothing."""
        stamp = self._stamp_now()
        if stamp == self._stamp or self._path is None:
            return
        with self._lock:
            try:
                self._keys = {key.id: key for key in read_keys(self._path).keys}
            except MissingError:
                self._keys = {}
            except Exception as error:  # noqa: BLE001  (half written by hand: valid keys stay so until it is whole)
                if stamp != self._reported:
                    _LOG.error("the keys that were valid stay valid, revoked ones too: %s", error)
                self._reported = stamp
                return
            self._stamp = stamp

    def _stamp_now(self) -> tuple[int, int] | None:
        assert self._path is not None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _check_rate(self, key: ApiKey) -> None:
        """A token bucket that holds a minute's requests."""
        if key.rate_per_minute is None:
            return
        now, per_second = time.monotonic(), key.rate_per_minute / 60
        with self._lock:
            full = max(1.0, key.rate_per_minute)
            left, since = self._buckets.get(key.id, (full, now))
            left = min(full, left + (now - since) * per_second)
            if left < 1:
                self._buckets[key.id] = left, now
                raise RequestError(
                    429,
                    "rate_exceeded",
                    f"this key may ask {key.rate_per_minute:g} times a minute; ask more slowly.",
                    retry_after=(1 - left) / per_second,
                )
            self._buckets[key.id] = left - 1, now


def _key_in(headers: Mapping[str, str]) -> str:
    kind, _, text = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and text.strip():
        return text.strip()
    return headers.get("x-api-key", "").strip()


def _read_usage(path: Path | None) -> tuple[dict[str, int], str]:
    try:
        raw: Any = json.loads(path.read_bytes()) if path else None
        return {str(key): int(used) for key, used in raw["items"].items()}, str(raw["month"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}, ""  # none yet
