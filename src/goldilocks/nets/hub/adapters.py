"""LoRA adapter folders as peft writes them (``adapter_config.json``), merged into their base model once and cached.

W + scale · (B A), with scale = lora_alpha / r, or lora_alpha / sqrt(r) for rank-stabilised adapters. Layers that were
trained whole (``modules_to_save``) replace those of the base. What else peft knows (DoRA, other kinds of adapter, added
tokens) is refused by name: ``merge_and_unload`` of peft merges it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.hub.conversion_cache import cached, convert
from goldilocks.support.files import sha256_of
from goldilocks.support.safetensors_file import check_finite

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_MERGEABLE = {"LORA": "a LoRA", "ADALORA": "an AdaLoRA", "IA3": "an (IA)³", "LOHA": "a LoHa", "LOKR": "a LoKr"}
"""Common kinds of adapter by their names in peft; what they add fits into the weights of the base."""
_PROMPTS = ("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT", "ADAPTION_PROMPT")
"""Kinds that add vectors to the input or to the attention, which no weights can hold."""
_COPIED = ("*.json", "*.txt", "*.model")
"""Files that come with the weights: configuration and tokenizer."""
_SAVED = re.compile(r"\.modules_to_save(\.default)?")


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and not a model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """The adapter's configuration.

    Raises:
        IntegrityError: it is not a JSON object.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{folder / CONFIG}: not JSON ({error}); download the adapter again.") from error
    if not isinstance(config, dict):
        raise IntegrityError(f"{folder / CONFIG}: holds {type(config).__name__}; it should be a JSON object.")
    return config


def base_of(folder: Path) -> str:
    """What the adapter calls its base: a Hub id or a folder; empty where it does not say."""
    config = read_config(folder)
    return str(config.get("base_model_name_or_path") or config.get("model_name") or "")


def advice(folder: Path) -> str:
    """What an adapter folder is, in words, for when it cannot be merged here."""
    base = base_of(folder) or "a base model that it does not name"
    kind = str(read_config(folder).get("peft_type") or "")
    merge = "merge it first (peft: merge_and_unload, then save_pretrained)"
    if not kind:
        return (
            f"is an adapter of {base} in the format of the package adapters, not a model; name the base model instead "
            "and fine-tune it here (method adapter)"
        )
    if kind in _PROMPTS:
        return (
            f"holds a trained prompt ({kind}) of {base}, not a model, and no merging turns it into one; name the base "
            "model instead and fine-tune it here (methods prompt and prefix)"
        )
    if kind in _MERGEABLE:
        return f"is {_MERGEABLE[kind]} adapter of {base}, not a model; {merge}"
    return f"is an adapter ({kind}) of {base}, not a model; {merge}"


def merged(folder: Path, base: Path) -> Path:
    """The Hub folder of the merged model; made where it has not been yet.

    Raises:
        InputError: this kind of adapter is not merged here, or the cache cannot be written to.
        IntegrityError: the adapter's files are damaged, or do not fit the base.
    """
    config = read_config(folder)
    _check_kind(folder, config)
    kinds = (*_COPIED, "*.safetensors")
    parts = [path for place in (folder, base) for kind in kinds for path in sorted(place.glob(kind))]
    digest = hashlib.sha256("".join(map(sha256_of, parts)).encode()).hexdigest()
    return cached(digest) or convert(folder.name, digest, lambda into: _write(folder, base, config, into))


def _check_kind(folder: Path, config: dict[str, Any]) -> None:
    kind = config.get("peft_type")
    problem = (
        f"of the kind {kind}"
        if kind != "LORA"
        else "with DoRA"
        if config.get("use_dora")
        else "with a bias of its own"
        if config.get("bias", "none") != "none" or config.get("lora_bias")
        else "with trained tokens"
        if config.get("trainable_token_indices")
        else ""
    )
    if problem:
        raise InputError(f"{folder}: {advice(folder)}. Adapters {problem} are not merged here.")
    if not (folder / WEIGHTS).is_file():
        raise InputError(f"{folder}: {advice(folder)}. Its weights are not there as {WEIGHTS}.")


def _write(folder: Path, base: Path, config: dict[str, Any], into: Path) -> None:
    from safetensors.torch import load_file, save_file

    from goldilocks.nets.hub.weights import hub_weights

    check_finite(folder / WEIGHTS)
    weights = hub_weights(base)
    for name, change in _changes(load_file(folder / WEIGHTS), config, folder).items():
        key = _key(name, weights, folder)
        whole, value = change
        if weights[key].shape != value.shape:
            raise IntegrityError(
                f"{folder}: its {name} has the shape {tuple(value.shape)}, the base's {tuple(weights[key].shape)}; "
                f"the adapter is not one of {base}."
            )
        weights[key] = value.to(weights[key].dtype) if whole else (weights[key].float() + value).to(weights[key].dtype)
    for source in (base, folder):  # a tokenizer of the adapter's own counts
        for pattern in _COPIED:
            for path in source.glob(pattern):
                if path.name != CONFIG and not path.name.endswith(".index.json"):
                    shutil.copyfile(path, into / path.name)
    save_file(
        {name: weight.contiguous() for name, weight in weights.items()}, into / "model.safetensors", {"format": "pt"}
    )


def _changes(given: dict[str, Tensor], config: dict[str, Any], folder: Path) -> dict[str, tuple[bool, Tensor]]:
    """Weight of the base -> (whether it is replaced, by what; else what is added)."""
    changes: dict[str, tuple[bool, Tensor]] = {}
    for full, tensor in given.items():
        name = full.removeprefix(_PREFIX).replace(".default.", ".")
        if ".lora_B." in name:
            continue
        if ".lora_A." in name:
            module = name.partition(".lora_A.")[0]
            up = given.get(full.replace(".lora_A.", ".lora_B."))
            if up is None or tensor.dim() != 2 or up.dim() != 2 or up.shape[1] != tensor.shape[0]:
                raise IntegrityError(f"{folder / WEIGHTS}: {module} has no pair of matrices; download it again.")
            product = (up.float() @ tensor.float()) * _scale(module, config, int(tensor.shape[0]), folder)
            changes[f"{module}.weight"] = (False, product.T if config.get("fan_in_fan_out") else product)
        elif "lora_" in name:
            raise InputError(f"{folder}: {advice(folder)}. Its {name} is not merged here.")
        else:
            changes[_SAVED.sub("", name)] = (True, tensor)
    return changes


def _scale(module: str, config: dict[str, Any], rank: int, folder: Path) -> float:
    patterns = config.get("alpha_pattern") or {}
    try:
        alpha = next(
            (value for name, value in patterns.items() if re.fullmatch(rf"(.*\.)?({name})", module)),
            config.get("lora_alpha", 8),
        )
        return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError, re.error) as error:
        raise IntegrityError(
            f"{folder / CONFIG}: lora_alpha or alpha_pattern give no scale for {module} ({error}); download the "
            "adapter again."
        ) from error


def _key(name: str, weights: dict[str, Tensor], folder: Path) -> str:
    """The base's name of a weight: a checkpoint may leave out, or have, one more level above."""
    rest = name.partition(".")[2]
    ends = [weight for weight in weights if weight in (name, rest) or weight.partition(".")[2] == name]
    if not ends:
        raise IntegrityError(
            f"{folder}: changes {name}, which its base does not have; the adapter is of another model."
        )
    return name if name in ends else ends[0]
