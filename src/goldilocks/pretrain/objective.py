"""The contract of a pretraining objective, and what masked LM, causal LM and span denoising share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.nets.hub.config import read_config
from goldilocks.nets.hub.quiet_transformers import quiet
from goldilocks.pretrain.packing import Ids, Unit
from goldilocks.pretrain.settings import Size

if TYPE_CHECKING:
    from goldilocks.pretrain.packing import Rows

Batch = Mapping[str, Tensor]
Documents = Iterable[tuple[Ids, npt.NDArray[np.bool_]]]
"""Token ids of each document, and whether a token starts a word."""


@dataclass(frozen=True, slots=True)
class TokenizerSpec:
    """The tokenizer an objective trains where none is given, and what it needs of a given one."""

    tokenizer: str
    """Default kind."""
    specials: Mapping[str, str]
    """Role -> token, in the order of their ids."""
    template: tuple[str, str]
    """Templates for one text and for two."""
    needs: tuple[str, ...]
    """Roles a given tokenizer must have."""
    sentinels: int = 0
    """How many ``<extra_id_…>`` it has."""


class Objective(Protocol):
    """A pretraining objective."""

    again: int | None
    """See ``packing.Packer``."""

    def row_length(self, length: int) -> int:
        """Tokens of text in a row for an input length of ``length``."""

    def units(self, documents: Documents, seed: int) -> Iterator[Unit]:
        """The documents as units to pack into rows."""

    def fresh(self, size: Size) -> nn.Module:
        """A model with random weights (from torch's generator)."""

    def read(self, folder: Path) -> nn.Module:
        """A checkpoint, in float32; a missing head is initialised.

        Raises:
            GoldilocksError: this objective cannot train it, or it is damaged.
        """

    def batch(self, rows: Rows, draws: Sequence[np.random.Generator]) -> Batch:
        """Rows as model inputs and targets, with a random generator for each."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean loss of the targets in nats; with gradients."""


def attention(units: Tensor, dtype: torch.dtype, *, causal: bool = False) -> Tensor:
    """Additive attention mask that keeps units apart: ``(n_rows, 1, length, length)``.

    Args:
        units: Unit of each token, ``(n_rows, length)``.
        dtype: Data type of the attention scores.
        causal: Whether later tokens are masked too.
    """
    hidden = units[:, :, None] != units[:, None, :]
    if causal:
        length = units.shape[1]
        hidden |= torch.ones(length, length, dtype=torch.bool, device=units.device).triu(1)
    return torch.zeros(hidden.shape, dtype=dtype, device=units.device).masked_fill_(
        hidden, torch.finfo(dtype).min
    )[:, None]  # fmt: skip


def tensors(arrays: Mapping[str, npt.NDArray[Any] | None]) -> dict[str, Tensor]:
    """Arrays as int64 tensors; ``None`` is left out."""
    return {name: torch.from_numpy(array.astype(np.int64)) for name, array in arrays.items() if array is not None}


def dtype_of(model: nn.Module) -> torch.dtype:
    """Precision of the model's weights."""
    return next(model.parameters()).dtype


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy; 0 without targets."""
    return nn.functional.cross_entropy(logits.float(), targets, reduction="sum") / max(1, len(targets))


_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "attention_dropout",
    "dropout_rate",
    "resid_pdrop",
    "embd_pdrop",
    "attn_pdrop",
)
_HEADS = ("cls.", "lm_head.", "bert.pooler.", "pooler.")
"""Beginnings of the names of weights a checkpoint may lack."""


def read_model(folder: Path, loader: Any, kinds: Sequence[str], *, dropout: float, length: int) -> Any:
    """A checkpoint with another dropout rate (its own is written back into its configuration).

    Args:
        folder: In the Hub's format, with safetensors.
        loader: A class of transformers with ``from_pretrained``.
        kinds: ``model_type`` that will do.
        dropout: Share that is dropped inside layers.
        length: Tokens of a row.

    Raises:
        InputError: another kind of model, rows too long for it, weights missing or of another model.
        MissingError: there is no ``config.json``.
    """
    from transformers import AutoConfig

    raw = read_config(folder)
    if raw.get("model_type") not in kinds:
        raise InputError(
            f"{folder}: is a {raw.get('model_type')!r} model, which this objective cannot continue; it takes "
            f"{', '.join(kinds)}. Choose another checkpoint or another --objective."
        )
    limit = _max_positions(raw)
    if limit and length > limit:
        raise InputError(f"{folder}: takes {limit} tokens, rows have {length}; choose a shorter --length.")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        own = {name: getattr(config, name) for name in _DROPOUTS if hasattr(config, name)}
        for name in own:
            setattr(config, name, dropout)
        with quiet():
            model, info = loader.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                attn_implementation=attention_kind(),
                output_loading_info=True,
            )
    except Exception as error:  # a file cut short comes as an error of safetensors, of the system or of torch
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder}: transformers cannot load it ({reason}); download the checkpoint again.") from error
    for name, value in own.items():
        setattr(model.config, name, value)
    lost = sorted(name for name in info["missing_keys"] if not name.startswith(_HEADS))
    if lost:
        raise InputError(f"{folder}: the weights have no {lost[0]!r}; is config.json of the same model?")
    return model


def _max_positions(config: Mapping[str, Any]) -> int:
    """Maximum number of tokens of a sequence; 0: any number."""
    positions = int(config.get("max_position_embeddings") or config.get("n_positions") or 0)
    if config.get("model_type") in ("roberta", "xlm-roberta", "camembert"):  # the first positions are those of padding
        positions -= int(config.get("pad_token_id", 1)) + 1
    windows = [limit for limit in (positions, int(config.get("sliding_window") or 0)) if limit]
    return 0 if config.get("model_type") == "t5" else min(windows, default=0)


def attention_kind() -> str:
    """On a CPU the backward pass of torch's fused attention takes longer than that of plain products."""
    from goldilocks.support.machine.hardware import device

    return "eager" if device() == "cpu" else "sdpa"
