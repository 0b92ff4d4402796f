"""The masked-LM head of an encoder's checkpoint: what scores the words of the vocabulary at a mask token.

A hidden state goes through a layer, an activation and a norm; its product with the row of each token (usually that of
the word embeddings) is the token's score. Architectures differ in the names of these weights only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.hub.config import weight_names

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of the weights of a head."""

    dense: str
    norm: str
    bias: tuple[str, ...]
    """Where the scores' bias may stand; a checkpoint may have none."""
    rows: str
    """The rows of the tokens, where they are not those of the word embeddings."""
    words: str
    """The word embeddings, behind the name of the model."""
    activation: str | None = "gelu"
    """The activation; ``None``: that of the configuration (``activation_key``)."""
    activation_key: str = "hidden_act"


_BERT = _Layout(
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
    ("cls.predictions.bias", "cls.predictions.decoder.bias"),
    "cls.predictions.decoder.weight",
    "embeddings.word_embeddings.weight",
    activation=None,
)
_ROBERTA = _Layout(
    "lm_head.dense",
    "lm_head.layer_norm",
    ("lm_head.bias", "lm_head.decoder.bias"),
    "lm_head.decoder.weight",
    "embeddings.word_embeddings.weight",
)
_LAYOUTS = {
    "bert": _BERT,
    "ernie": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": _ROBERTA,
    "distilbert": _Layout(
        "vocab_transform",
        "vocab_layer_norm",
        ("vocab_projector.bias",),
        "vocab_projector.weight",
        "embeddings.word_embeddings.weight",
        activation=None,
        activation_key="activation",
    ),
    "electra": _Layout(
        "generator_predictions.dense",
        "generator_predictions.LayerNorm",
        ("generator_lm_head.bias",),
        "generator_lm_head.weight",
        "embeddings.word_embeddings.weight",
    ),
    "albert": _Layout(
        "predictions.dense",
        "predictions.LayerNorm",
        ("predictions.bias", "predictions.decoder.bias"),
        "predictions.decoder.weight",
        "embeddings.word_embeddings.weight",
        activation=None,
    ),
    "modernbert": _Layout(
        "head.dense",
        "head.norm",
        ("decoder.bias",),
        "decoder.weight",
        "embeddings.tok_embeddings.weight",
        activation=None,
        activation_key="classifier_activation",
    ),
}
"""``model_type`` -> names."""


@dataclass(frozen=True, slots=True)
class MaskedLM:
    """A masked-LM head as it was pretrained, float32."""

    dense: tuple[Tensor, Tensor | None]
    """Weight ``(inner, width)`` and bias of the layer."""
    norm: tuple[Tensor, Tensor | None]
    """Weight and bias of the norm, ``(inner,)`` each."""
    rows: Tensor
    """``(n_tokens, inner)``."""
    bias: Tensor | None
    """``(n_tokens,)``."""
    epsilon: float
    activation: str
    """A name in ``layers.activations.ACTIVATIONS``."""


def has_masked_lm(folder: Path, hub: Mapping[str, Any]) -> bool:
    """Whether a Hub folder holds a masked-LM head that ``read_masked_lm`` knows; only names of weights are read."""
    layout = _LAYOUTS.get(str(hub.get("model_type")))
    if layout is None:
        return False
    index = folder / "model.safetensors.index.json"
    try:
        if index.exists():
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        else:
            names = weight_names(folder / "model.safetensors")
    except (OSError, ValueError, KeyError, TypeError, IntegrityError):  # said where it is loaded
        return False
    return f"{layout.dense}.weight" in names


def read_masked_lm(folder: Path, hub: Mapping[str, Any]) -> MaskedLM:
    """The head of a folder that ``has_masked_lm``.

    Raises:
        InputError: one of its weights is missing, or its activation is unknown.
        MissingError: the weights are not there as safetensors.
        IntegrityError: a file is damaged.
    """
    from goldilocks.nets.hub.weights import hub_weights
    from goldilocks.nets.layers.activations import ACTIVATIONS

    layout = _LAYOUTS[str(hub["model_type"])]
    # In the oldest checkpoints the weights of LayerNorm are called gamma and beta.
    weights = {
        name.replace(".gamma", ".weight").replace(".beta", ".bias"): tensor
        for name, tensor in hub_weights(folder).items()
    }

    def named(*names: str) -> Tensor | None:
        return next((weights[name].float().clone() for name in names if name in weights), None)

    def needed(*names: str) -> Tensor:
        weight = named(*names)
        if weight is None:
            raise InputError(f"{folder}: the masked-LM head has no {names[0]!r}; download the checkpoint again.")
        return weight

    tables = [name for name in weights if name.endswith(layout.words)]
    activation = layout.activation or str(hub.get(layout.activation_key, "gelu"))
    if activation not in ACTIVATIONS:
        raise InputError(
            f"{folder}: the activation {activation!r} of the masked-LM head is unknown; use `contrastive`."
        )
    return MaskedLM(
        dense=(needed(f"{layout.dense}.weight"), named(f"{layout.dense}.bias")),
        norm=(needed(f"{layout.norm}.weight"), named(f"{layout.norm}.bias")),
        rows=needed(layout.rows, *tables),
        bias=named(*layout.bias),
        epsilon=float(hub.get("layer_norm_eps", hub.get("norm_eps", 1e-12))),
        activation=activation,
    )
