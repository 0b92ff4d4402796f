"""Requests to the Hub with limits on time and bytes, and every file checked against the size and SHA-256 it lists.

``HF_ENDPOINT`` names the Hub; a token is taken from ``HF_TOKEN`` only, and is neither written nor shown.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, IntegrityError, MissingError

if TYPE_CHECKING:
    import httpx2

SILENCE_SECONDS = 20.0
"""After this long without a byte the Hub is taken to be gone."""
_START_SECONDS, _MIN_BYTES_PER_SECOND = 60.0, 50_000.0
"""A download may take this long, and a second more for each multiple of these bytes."""
_MAX_JSON = 64_000_000
_WANTED = re.compile(
    r"(config|tokenizer|tokenizer_config|special_tokens_map|modules|sentence_bert_config|generation_config)\.json"
    r"|vocab\.txt|README\.md|model\.safetensors|model-\d+-of-\d+\.safetensors|model\.safetensors\.index\.json"
    r"|\d+_[A-Za-z]+/(config\.json|model\.safetensors)"
)


def endpoint() -> str:
    """Address of the Hub, without a slash at its end."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def without_credentials(address: str) -> str:
    """An address as it may be shown and written down.

    Example:
        >>> without_credentials("https://me:secret@hub.example.org/x")
        'https://hub.example.org/x'
    """
    return re.sub(r"(?<=//)[^/]*@", "", address)


@dataclass(slots=True)
class HubClient:
    """One Hub; counts what it was asked for."""

    address: str = field(default_factory=endpoint)
    requests: int = 0
    received_bytes: int = 0

    @property
    def shown(self) -> str:
        """The address without a name and password."""
        return without_credentials(self.address)

    def listed(self, params: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The entries of ``/api/models``, page after page, each once; a page without a new one is the last.

        Raises:
            MissingError: the Hub cannot be reached, is too slow, or its answer is not a list.
        """
        url: str | None = f"{self.address}/api/models"
        query: Sequence[tuple[str, str]] | None = params
        seen: set[str] = set()
        while url is not None:
            page, url = self._json(url, query)
            query = None  # the next page's address holds it
            if not isinstance(page, list):
                raise MissingError(f"the Hub at {self.shown} answered with no list of models; check HF_ENDPOINT.")
            entries = {str(entry.get("id")): entry for entry in page if isinstance(entry, dict)}
            if entries.keys() <= seen:
                return
            yield from (entry for name, entry in entries.items() if name not in seen)
            seen |= entries.keys()

    def model(self, name: str, params: Sequence[tuple[str, str]], revision: str | None = None) -> Mapping[str, Any]:
        """``/api/models/org/name``.

        Raises:
            MissingError: as ``listed``, or there is no such model.
        """
        at = f"/revision/{revision}" if revision else ""
        metadata, _ = self._json(f"{self.address}/api/models/{name}{at}", params)
        if not isinstance(metadata, dict):
            raise MissingError(f"{name}: the Hub at {self.shown} did not describe it; check HF_ENDPOINT.")
        return metadata

    def download(self, name: str, revision: str, folder: Path, most_bytes: int | None = None) -> None:
        """The configuration, tokenizer and safetensors of one commit, each with the size and SHA-256 the Hub lists.

        Args:
            name: ``org/name``.
            revision: The commit.
            folder: Where they are written; it is there.
            most_bytes: What the weights may take in all.

        Raises:
            MissingError: the Hub cannot be reached or is too slow, or the model has no safetensors.
            IntegrityError: a file has another size or SHA-256 than listed, or the weights are larger than allowed.
        """
        listed = self.model(name, [("blobs", "true")], revision).get("siblings")
        files = [
            file
            for file in (listed if isinstance(listed, list) else ())
            if isinstance(file, dict) and _WANTED.fullmatch(str(file.get("rfilename")))
        ]
        weights = [file for file in files if str(file["rfilename"]).endswith(".safetensors")]
        if not weights:
            raise MissingError(f"{name}: the Hub has no safetensors for it (only pickles, which could run code).")
        for file in weights:
            if _sha256(file) is None:
                raise IntegrityError(f"{name}: the Hub lists no SHA-256 for {file['rfilename']}; choose another model.")
        large = next((file for file in files if file not in weights and _size(name, file) > _MAX_JSON), None)
        if large is not None:
            raise IntegrityError(
                f"{name}: {large['rfilename']} is listed with {_size(name, large) / 1e6:,.0f} MB, which no "
                "configuration or tokenizer takes; choose another model."
            )
        total = sum(_size(name, file) for file in weights)
        if most_bytes is not None and total > most_bytes:
            raise IntegrityError(
                f"{name}: its weights take {total / 1e6:,.0f} MB, the Hub's list allows for "
                f"{most_bytes / 1e6:,.0f} MB; choose another model."
            )
        for file in files:
            self._file(name, revision, file, folder)

    def _file(self, name: str, revision: str, listed: Mapping[str, Any], folder: Path) -> None:
        path, size, wanted = str(listed["rfilename"]), _size(name, listed), _sha256(listed)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, n_bytes = hashlib.sha256(), 0
        with (
            self._stream(f"{self.address}/{name}/resolve/{revision}/{path}", None, size) as chunks,
            target.open("wb") as file,
        ):
            for chunk in chunks:
                n_bytes += len(chunk)
                if n_bytes > size:
                    break
                digest.update(chunk)
                file.write(chunk)
        if n_bytes != size:
            amount = "more than" if n_bytes > size else f"{n_bytes:,} bytes, not"
            raise IntegrityError(f"{name}: the Hub sent {amount} the {size:,} bytes it lists for {path}; try again.")
        if wanted and digest.hexdigest() != wanted:
            raise IntegrityError(
                f"{name}: {path} has sha256 {digest.hexdigest()[:12]}…, the Hub lists {wanted[:12]}…; try again."
            )

    def _json(self, url: str, params: Sequence[tuple[str, str]] | None) -> tuple[Any, str | None]:
        """The answer, and the address of the next page on the same Hub."""
        content = bytearray()
        following: list[str] = []
        with self._stream(url, params, _MAX_JSON, following) as chunks:
            for chunk in chunks:
                content += chunk
                if len(content) > _MAX_JSON:
                    raise MissingError(f"the Hub at {self.shown} sent more than {_MAX_JSON / 1e6:g} MB as one page.")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise MissingError(f"the Hub at {self.shown} sent no JSON; check HF_ENDPOINT.") from error
        return answer, next((link for link in following if link.startswith(self.address + "/") and link != url), None)

    @contextmanager
    def _stream(
        self, url: str, params: Sequence[tuple[str, str]] | None, size: int, following: list[str] | None = None
    ) -> Iterator[Iterator[bytes]]:
        import httpx2

        token = os.environ.get("HF_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.requests += 1
        try:
            with (
                httpx2.Client(timeout=SILENCE_SECONDS, follow_redirects=True) as client,
                client.stream("GET", url, params=list(params) if params else None, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise MissingError(_refused(self.address, url, response.status_code))
                if following is not None and "next" in response.links:
                    following.append(str(response.links["next"].get("url")))
                yield self._chunks(response, time.monotonic() + _START_SECONDS + size / _MIN_BYTES_PER_SECOND)
        except httpx2.HTTPError as error:
            raise MissingError(
                f"the Hub at {self.shown} cannot be reached or stopped answering ({type(error).__name__}); check the "
                "network or HF_ENDPOINT."
            ) from error
        except httpx2.InvalidURL as error:
            raise InputError(f"HF_ENDPOINT is {self.shown!r}; write https://host.") from error

    def _chunks(self, response: httpx2.Response, until: float) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            self.received_bytes += len(chunk)
            if time.monotonic() > until:
                raise MissingError(f"the Hub at {self.shown} is too slow; try again later.")
            yield chunk


def _size(name: str, file: Mapping[str, Any]) -> int:
    """Bytes that the Hub lists for a file."""
    size = file.get("size")
    if type(size) is not int or size < 0:
        raise IntegrityError(f"{name}: the Hub lists no size for {file['rfilename']}; choose another model.")
    return size


def _sha256(file: Mapping[str, Any]) -> str | None:
    """The SHA-256 that the Hub lists for a file, if it does."""
    lfs = file.get("lfs")
    digest = lfs.get("sha256") if isinstance(lfs, dict) else None
    return digest if isinstance(digest, str) and digest else None


def _refused(address: str, url: str, status: int) -> str:
    name = url.removeprefix(f"{address}/").removeprefix("api/models/").split("?")[0]
    address = without_credentials(address)
    if name == "api/models" and status != 429 and status < 500:
        return f"the Hub at {address} lists no models (status {status}); check HF_ENDPOINT."
    if status in (401, 403):
        return f"{name}: the Hub refused it ({status}); accept the model's terms on its page and set HF_TOKEN."
    if status == 404:
        return f"{name}: the Hub at {address} has no such model; check the name."
    return f"{name}: the Hub at {address} answered with status {status}; try again later."
