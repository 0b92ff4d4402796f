"""Untrained cosine: both texts are encoded by the pretrained model as it is; the cosine of the vectors compares them.

Encoders trained to compare texts rank pairs and candidates well without any training, so this is the candidate that
tuning must beat. Scores of pairs are brought to the scale of the training rows by a line (least squares). For labels of
pairs the cosine alone says too little (does the second follow from the first?): there it is one of the features of a
logistic regression, in addition to |u - v| and u ∘ v; the encoder is unchanged.

Source: Reimers & Gurevych 2019, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.records import Gold, ModelInfo, Output, Text, TrainingConfig, Workload

if TYPE_CHECKING:
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
    return None if output in (Output.SCORE, Output.LABEL) else f"compares texts; the task needs {output}"


def unsuited(work: Workload) -> str | None:
    """See ``protocols.DeclinesWorkloads``."""
    pairs = work.output is Output.SCORE or work.texts == 2
    return None if pairs else "compares two texts; the items are single texts"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """At most one forward pass, against epochs of forward and backward passes."""
    return 0.1


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Nothing is trained."""
    network.module.requires_grad_(False)


def fitted(network: Network, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> Network:  # noqa: ARG001
    """See ``protocols.FitsInClosedForm``."""
    from goldilocks.nets.heads.pair_classifier import fit_frozen
    from goldilocks.nets.heads.pair_scorer import PairScorer

    if isinstance(network, PairScorer):
        return network.fit_cosine(texts, gold)
    return fit_frozen(network, texts, gold)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
