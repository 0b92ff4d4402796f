"""The finished model as a folder in the Hub's format: configuration, weights, tokenizer, a card, how it was made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goldilocks.errors import InputError
from goldilocks.support.files import write_text

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.pretrain.settings import PretrainSettings

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def write_model(model: nn.Module, work: Path, out: Path) -> None:
    """Write configuration and weights: first to ``work``, then moved to ``out`` one by one.

    Raises:
        InputError: the folder cannot be written to, or the disk is full.
    """
    from safetensors import SafetensorError

    from goldilocks.nets.hub.quiet_transformers import quiet

    beside = work / "model"
    try:
        with quiet():
            cast(Any, model).cpu().save_pretrained(beside)
        for file in sorted(beside.iterdir()):
            file.replace(out / file.name)
        shutil.rmtree(beside)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{out}: cannot be written ({error}); free space, then --resume.") from error


def copy_tokenizer(start: Path, out: Path) -> None:
    """The tokenizer of the checkpoint that was continued.

    Raises:
        InputError: the folder cannot be written to.
    """
    for name in TOKENIZER_FILES:
        if (start / name).exists():
            write_text(out / name, (start / name).read_text(encoding="utf-8"))


def write_card(settings: PretrainSettings, facts: dict[str, Any], out: Path) -> None:
    """``README.md`` with the head that the Hub and the catalogue read.

    Raises:
        InputError: the folder cannot be written to.
    """
    head = {"license": settings.licence, "library_name": "transformers"}
    lines = [f"{key}: {json.dumps(value)}" for key, value in head.items()]
    lines += [f"language: {json.dumps(list(settings.languages))}"] if settings.languages else []
    lines_of_facts = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    write_text(out / "README.md", "---\n" + "\n".join(lines) + f"\n---\n# {out.resolve().name}\n\n{lines_of_facts}\n")
