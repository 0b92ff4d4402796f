"""Untrained cosine: both texts are encoded by the pretrained model as it is and compared by the cosine of their vectors.

For scores only. Encoders trained to compare texts rank pairs and candidates well without any training, so this is the
candidate that tuning must beat. Scores of pairs are brought to the scale of the training rows by a line (least squares).

Source: Reimers & Gurevych 2019, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.records import Gold, ModelInfo, Output, Text, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.heads.pair_scorer import PairScorer
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """No settings."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if "prompt" in info.groups:
        return "is a language model, whose vectors are not made for comparing; use `zero_shot`"
    if not info.groups:
        return "has no vectors of texts; use `scratch`"
    return None if info.pretrained else "not pretrained, so its vectors would be random; use `scratch`"


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    return None if output is Output.SCORE else "compares texts; the task needs no score"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """A forward pass over at most a thousand pairs, against epochs over all of them."""
    return 0.02


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Nothing is trained."""
    network.module.requires_grad_(False)


def fitted(network: PairScorer, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> PairScorer:  # noqa: ARG001
    """See ``protocols.FitsInClosedForm``."""
    return network.fit_cosine(texts, gold)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
