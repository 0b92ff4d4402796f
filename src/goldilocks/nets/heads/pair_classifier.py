"""Labels of text pairs from a bi-encoder: a linear head on |u - v|, u ∘ v and the cosine of the two vectors.

For backbones without interactions between tokens (word averages, convolutions, recurrent networks), which cannot
compare two texts that they encode as one.

Source: Conneau et al. 2017, "Supervised Learning of Universal Sentence Representations" (InferSent), without u and v
alone, which invite a model to guess from one of the texts; the cosine as in Reimers & Gurevych 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone, joined
from goldilocks.nets.heads.logistic_regression import fit_linear_head
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Gold, Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SHARPNESS = 10.0
"""Factor on the cosine, so that one weight matters among those of many small products."""


@dataclass(frozen=True)
class PairClassifierConfig(HeadConfig):
    """Config of a bi-encoder with a linear head; it has no options."""

    KIND: ClassVar[str] = "pair_classifier"


class PairClassifier(Network):
    """A bi-encoder that classifies pairs; see the module."""

    HEAD = PairClassifierConfig

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network."""
        super().__init__(BiEncoderBackbone(backbone, config.pooling), tokenizer, config)

    @property
    def pooled_width(self) -> int:
        """See ``Network.pooled_width``."""
        return 2 * self.backbone.width + 1

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """A row with both texts of each pair; equal texts are tokenized once."""
        pairs = [_pair(item) for item in texts]
        distinct = list(dict.fromkeys(text for pair in pairs for text in pair))
        row_of = dict(zip(distinct, super().rows(distinct), strict=True))
        return [joined([row_of[text] for text in pair], number) for number, pair in enumerate(pairs)]

    def pool(self, states: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
        """See ``Network.pool``; ``states`` has the vectors of a pair one after the other."""
        return compared(states[0::2].float(), states[1::2].float())

    def features(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """See ``Network.features``: what the head sees, from the mean over tokens at each layer."""
        pairs = [_pair(item) for item in texts]
        distinct = list(dict.fromkeys(text for pair in pairs for text in pair))
        inner = cast(BiEncoderBackbone, self.backbone).inner
        layers = torch.empty((inner.depth + 1, len(distinct), inner.width))
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(super().rows(distinct)):
                hidden = inner.embed(batch)
                layers[0, chosen] = self.overview(hidden, batch).float().cpu()
                for number in range(inner.depth):
                    hidden = inner.block(number, hidden, batch.mask)
                    layers[number + 1, chosen] = self.overview(hidden, batch).float().cpu()
        place = {text: number for number, text in enumerate(distinct)}
        first, second = ([place[pair[side]] for pair in pairs] for side in (0, 1))
        features: npt.NDArray[np.float32] = (
            compared(layers[:, first], layers[:, second]).transpose(0, 1).contiguous().numpy()
        )
        return features


def fit_frozen(network: Network, texts: Sequence[Text], gold: Sequence[Gold]) -> PairClassifier:
    """A bi-encoder with the backbone of ``network`` as it is, and a head fitted by logistic regression.

    Source:
        scikit-learn's ``LogisticRegression`` (L2, C = 1) on features scaled to deviation 1; its weights become the
        head's.
    """
    if isinstance(network, PairClassifier):
        classifier = network
    else:
        config = replace(network.config, head=PairClassifierConfig())
        classifier = PairClassifier(network.backbone, network.tokenizer, config)
    classifier.module.requires_grad_(False)
    numbers = classifier.targets([Row(np.zeros(0, np.int32), item) for item in range(len(texts))], gold)
    fit_linear_head(cast(nn.Linear, classifier.head), classifier.pooled(texts).double().cpu().numpy(), numbers)
    classifier.module.eval()
    return classifier


def compared(first: Tensor, second: Tensor) -> Tensor:
    """|u - v|, u ∘ v and the scaled cosine along the last dimension: ``(…, width)`` each -> ``(…, 2 width + 1)``."""
    cosine = F.cosine_similarity(first, second, dim=-1, eps=1e-6)[..., None]
    return torch.cat([(first - second).abs(), first * second, _SHARPNESS * cosine], dim=-1)


def _pair(item: Text) -> tuple[str, str]:
    """Two texts; of several the last against the others."""
    return ("", item) if isinstance(item, str) else (" ".join(item[:-1]), item[-1])
