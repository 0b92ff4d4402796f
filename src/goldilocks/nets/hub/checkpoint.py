"""A checkpoint folder in the Hub's format: what its configuration and file sizes say, and its tokenizer file."""

from __future__ import annotations

from pathlib import Path

from goldilocks.errors import MissingError
from goldilocks.nets.hub.config import count_weights
from goldilocks.records import ModelInfo


def is_checkpoint(folder: Path) -> bool:
    """Whether the folder has a configuration in the Hub's format."""
    return (folder / "config.json").is_file()


def checkpoint_info(folder: Path, source: str, family: str) -> ModelInfo:
    """The fields of ``ModelInfo`` that do not depend on the architecture; the family replaces the empty ones.

    Licence and languages stay open: they are on the model card.
    """
    files = sorted(folder.glob("*.safetensors"))
    return ModelInfo(
        name=source.rstrip("/").rsplit("/", 1)[-1].split("@")[0],
        family=family,
        source=source,
        architecture="",
        pretraining="not stated",
        languages=(),
        licence="unknown",
        parameters=sum(count_weights(file) for file in files),
        size_bytes=sum(file.stat().st_size for file in [*files, folder / "tokenizer.json"] if file.exists()),
    )


def tokenizer_file(folder: Path) -> Path:
    """``tokenizer.json`` of a checkpoint.

    Raises:
        MissingError: there is none.
    """
    path = folder / "tokenizer.json"
    if not path.exists():
        raise MissingError(
            f"{path}: there is no such file; write it with "
            "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
        )
    return path
