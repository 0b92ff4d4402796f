"""Models from the Hub: fetched into the Hub's own cache folder, and never as a pickle.

``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE`` and ``HF_TOKEN`` are honoured. The client is imported on first use.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from goldilocks.errors import InputError, MissingError

_WANTED = ["*.json", "*.txt", "*.safetensors", "tokenizer*", "README.md"]
_UNWANTED = ["*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "onnx/*", "openvino/*"]
_ASK_SECONDS = 10.0


def split(source: str) -> tuple[str, str | None]:
    """``hf://org/name@revision`` as id and revision (``None``: the main branch).

    Example:
        >>> split("hf://google-bert/bert-base-uncased@v1")
        ('google-bert/bert-base-uncased', 'v1')
    """
    name, _, revision = source.removeprefix("hf://").partition("@")
    return name, revision or None


def snapshot(source: str, *, offline: bool) -> Path:
    """The folder with a Hub model's configuration, tokenizer and safetensors; fetched where it is not there yet.

    Raises:
        InputError: this cannot be the id of a model.
        MissingError: the model is not on this machine and may not or cannot be fetched, or the Hub has no such model.
    """
    name, revision = split(source)
    if offline and not (_cache() / f"models--{name.replace('/', '--')}").is_dir():  # saves the import of the client
        raise MissingError(_offline_message(source))
    _quiet()
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            name,
            revision=revision,
            cache_dir=_cache(),
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
            local_files_only=offline,
            endpoint=os.environ.get("HF_ENDPOINT"),
            etag_timeout=_ASK_SECONDS,
        )
    except Exception as error:  # noqa: BLE001 (the client lets errors of its transport through)
        _explain(source, error, offline)
    return Path(folder)


def refusal(source: str) -> str | None:
    """Why a Hub model could not be used, asked of the Hub without fetching it; ``None`` where it could."""
    name, revision = split(source)
    _quiet()
    from huggingface_hub import HfApi

    try:
        model_info = HfApi(endpoint=os.environ.get("HF_ENDPOINT")).model_info(
            name, revision=revision, timeout=_ASK_SECONDS
        )
    except Exception as error:  # noqa: BLE001
        try:
            _explain(source, error, offline=False)
        except (InputError, MissingError) as explained:
            return str(explained)
    lacks = lacking(sibling.rfilename for sibling in model_info.siblings or ())
    return f"{source}: the Hub has no {lacks} for it" if lacks else None


def lacking(names: Iterable[str]) -> str | None:
    """What a Hub model's files lack for it to be used; ``None`` where nothing does."""
    names = list(names)
    if not any(name.endswith(".safetensors") for name in names):
        return "safetensors (only pickles, which could run code)"
    return None if "tokenizer.json" in names else "tokenizer.json"


def _cache() -> Path:
    """Where the client keeps models; read from the environment now, not when the client was imported."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _quiet() -> None:
    """Before the client is imported: nothing is reported home."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def _offline_message(source: str) -> str:
    return f"{source}: not on this machine, and the run is offline; --online fetches it, or name a local folder."


def _explain(source: str, error: Exception, offline: bool) -> NoReturn:
    """The client's error as one of ours, in one line."""
    from huggingface_hub import errors

    if isinstance(error, errors.HFValidationError):
        raise InputError(f"{source}: not the id of a Hub model; write org/name or org/name@revision.") from error
    if isinstance(error, errors.GatedRepoError):
        raise MissingError(
            f"{source}: its terms must be accepted first; do so on its page, then set HF_TOKEN."
        ) from error
    if isinstance(error, errors.RepositoryNotFoundError):
        raise MissingError(
            f"{source}: the Hub has no such model (or it is private); check the name, or set HF_TOKEN."
        ) from error
    if isinstance(error, errors.RevisionNotFoundError):
        raise MissingError(
            f"{source}: the Hub has the model but no such revision; check what follows the @."
        ) from error
    if (
        offline
        or isinstance(error.__cause__, errors.OfflineModeIsEnabled)
        or isinstance(error, errors.OfflineModeIsEnabled)
    ):
        raise MissingError(_offline_message(source)) from error
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    answer = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else error  # it hides the answer
    if isinstance(answer, errors.HfHubHTTPError):
        code = answer.response.status_code
        raise MissingError(f"{source}: the Hub at {endpoint} answered with status {code}; try again later.") from error
    raise MissingError(
        f"{source}: the Hub at {endpoint} cannot be reached ({type(answer or error).__name__}); "
        "check the network or HF_ENDPOINT, or name a local folder."
    ) from error
