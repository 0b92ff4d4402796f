"""Scores of text pairs and ranking of candidates: cross-encoder or bi-encoder.

cross-encoder  both texts are one input; a linear head scores it. Right for few, hard pairs.
bi-encoder     each text has a vector of its own; the score is their scaled cosine. A text is encoded once however many
               others it is compared with, so this is for a query and its candidates, for backbones without
               interactions between tokens, and for checkpoints trained to compare texts.

Scores of pairs are scaled to 0..1 by their range in the training rows, which the config keeps. The loss of the
cross-encoder is binary cross entropy of the sigmoid, that of the bi-encoder the squared error. Candidates are ranked
listwise: cross entropy between the softmax of the scores and the normalised relevance.

Source: Reimers & Gurevych 2019, "Sentence-BERT"; Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise
Approach" (ListNet, top one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone, joined, texts_in
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig, linear_head
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Answer, Gold, Part, Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CANDIDATES = 24
"""Candidates in one training row; a longer list is split into rows of equal size."""
LINE_PAIRS = 1_000
"""Training pairs from which the line from cosine to score is estimated, evenly spread."""
_SHARP = 20.0
"""Cosines are multiplied by this before the softmax over candidates (Reimers & Gurevych: 20)."""
_SLOW = 0.02
"""Factor on ``W`` for pairs: learning rates of heads suit random initialisation, and the plain cosine is a good score
already. Chosen on STS-B's dev part (static table, 1,000 rows)."""


@dataclass(frozen=True)
class PairScorerConfig(HeadConfig):
    """Kind of encoder, and the range of the scores in the training rows."""

    KIND: ClassVar[str] = "pair_scorer"
    bi_encoder: bool = False
    """Bi-encoder (cosine of two vectors) rather than cross-encoder."""
    lists: bool = False
    """Whether items are a query and its candidates, to be ranked."""
    low: float = 0.0
    """Lowest score of a training pair."""
    high: float = 1.0
    """Highest score of a training pair."""


def config_from(part: Part, *, cross_encoder: bool) -> PairScorerConfig:
    """The head config for these items.

    Args:
        part: The training rows.
        cross_encoder: Whether the backbone should encode both texts of a pair together; of lists it never does.
    """
    lists = any(len(item) > 2 for item in part.texts)
    return PairScorerConfig(bi_encoder=lists or not cross_encoder, lists=lists)


class CosineHead(nn.Module):
    """``scale · cos(W a, W b) + offset``; for candidates ``offset`` is linear in ``W b``: a query-independent prior."""

    def __init__(self, width: int, *, lists: bool) -> None:
        """``W`` (width, width) starts as the identity, the offset as 0."""
        super().__init__()
        self.turn = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.turn.weight)
        self.turn_scale = 1.0 if lists else _SLOW
        self.scale = nn.Parameter(torch.tensor([_SHARP if lists else 1.0]))
        self.offset = nn.Parameter(torch.zeros(1))
        self.wanted = nn.Parameter(torch.zeros(width)) if lists else None

    def forward(self, vectors: Tensor) -> Tensor:
        """Normalised vectors ``W x``, float32."""
        exact = vectors.to(self.turn.weight.dtype)
        turned: Tensor = F.normalize((exact + self.turn_scale * self.turn(exact)).float(), dim=-1, eps=1e-6)
        return turned

    def compared(self, first: Tensor, second: Tensor) -> Tensor:
        """Scores of pairs of outputs of ``forward``, ``(n, width)`` each -> ``(n,)``."""
        offset = self.offset.float() if self.wanted is None else self.offset.float() + second @ self.wanted.float()
        return self.scale.float() * (first * second).sum(-1) + offset


class PairScorer(Network):
    """A cross-encoder or bi-encoder; see the module."""

    HEAD = PairScorerConfig

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network; ``config.head`` says which encoder it is."""
        self.config = config
        self.pools = not self.options.bi_encoder
        if self.options.bi_encoder:
            backbone = BiEncoderBackbone(backbone, config.pooling)
        super().__init__(backbone, tokenizer, config)

    @property
    def options(self) -> PairScorerConfig:
        """The head's config."""
        return cast(PairScorerConfig, self.config.head)

    def new_head(self) -> nn.Module:
        """See ``Network.new_head``."""
        if not self.options.bi_encoder:
            return linear_head(self.backbone.width, 1)
        return CosineHead(self.backbone.width, lists=self.options.lists)

    # --------------------------------------------------------------------------------------------------------- training

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """Cross-encoder: a row for each pair. Bi-encoder: a row with all texts of the item, a long list in several."""
        if not self.options.bi_encoder:
            return super().rows(texts)
        distinct = list(dict.fromkeys(text for item in texts for text in item))
        row_of = dict(zip(distinct, super().rows(distinct), strict=True))
        rows = []
        for number, item in enumerate(texts):
            query, *others = (row_of[text] for text in item)
            pieces = max(1, -(-len(others) // CANDIDATES))
            size = max(1, -(-len(others) // pieces))
            for first in range(0, max(1, len(others)), size):
                rows.append(joined([query, *others[first : first + size]], number, first))
        return rows

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """Scores of pairs scaled to 0..1 (the config keeps their range); normalised relevance of lists."""
        if any(isinstance(answer, tuple) for answer in gold):
            return [_shares(np.asarray(gold[row.item], dtype=np.float32), row) for row in rows]
        scaled = self._scaled(gold)
        return [float(scaled[row.item]) for row in rows]

    def _scaled(self, gold: Sequence[Gold]) -> npt.NDArray[np.float64]:
        """Scores of pairs scaled to 0..1; the config keeps their range."""
        values: npt.NDArray[np.float64] = np.array(gold, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        high = high if high > low else low + 1
        self.config = replace(self.config, head=replace(self.options, low=low, high=high))
        return (values - low) / (high - low)

    @property
    def loss_options(self) -> frozenset[str]:
        """See ``Network.loss_options``."""
        return frozenset()

    def loss_terms(self, rows: Sequence[Row], targets: Sequence[Any]) -> int:
        """See ``Network.loss_terms``; lists without a relevant candidate are not counted."""
        lists = self.options.bi_encoder and isinstance(targets[0], np.ndarray)
        return sum(bool(target.any()) for target in targets) if lists else len(rows)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """See ``Network.loss``."""
        if not self.options.bi_encoder:
            return super().loss(states, batch, targets)
        scores = self._scores(states, batch)
        if not isinstance(targets[0], np.ndarray):
            return F.mse_loss(torch.cat(scores), torch.tensor(targets, device=states.device))
        relevance = [torch.from_numpy(target).to(states.device) for target in targets]
        losses = [-(share * row.log_softmax(0)).sum() for share, row in zip(relevance, scores, strict=True)]
        return torch.stack(losses).sum() / max(1, sum(bool(target.any()) for target in targets))

    def loss_pooled(self, pooled: Tensor, targets: Sequence[Any]) -> Tensor:
        """See ``Network.loss_pooled``."""
        gold = torch.tensor(targets, device=pooled.device)
        return F.binary_cross_entropy_with_logits(self.score_pooled(pooled)[:, 0], gold)

    def _scores(self, states: Tensor, batch: Batch) -> list[Tensor]:
        """Score of each candidate of each row, from the vectors of all texts."""
        head = cast(CosineHead, self.head)
        counts = [texts_in(row) for row in batch.rows]
        vectors = head(self.dropout(states))
        # The first text of each row, paired with each of its texts.
        query = np.repeat(np.cumsum([0, *counts[:-1]]), counts)
        return [row[1:] for row in torch.split(head.compared(vectors[query.tolist()], vectors), counts)]

    def fit_cosine(self, texts: Sequence[Text], gold: Sequence[Gold]) -> PairScorer:
        """A bi-encoder with the weights of this network as they are; nothing is trained by gradient descent.

        Scores of pairs are a line of the cosine, by least squares over at most ``LINE_PAIRS`` pairs, so that they have
        the scale of the training scores; candidates are ranked by their cosine alone.
        """
        scorer = self if self.options.bi_encoder else self._as_bi_encoder()
        if not self.options.lists:
            sample = slice(0, None, max(1, -(-len(texts) // LINE_PAIRS)))
            cosines = scorer._compared([(item[0], item[1]) for item in texts[sample]])
            wanted = np.array(scorer._scaled(gold), dtype=np.float64)[sample]
            spread = float(cosines.var())
            slope = float(np.mean((cosines - cosines.mean()) * (wanted - wanted.mean()))) / spread if spread else 0.0
            head = cast(CosineHead, scorer.head)
            with torch.no_grad():
                head.scale.fill_(slope)
                head.offset.fill_(float(wanted.mean()) - slope * float(cosines.mean()))
        scorer.module.requires_grad_(False)
        scorer.module.eval()
        return scorer

    def _as_bi_encoder(self) -> PairScorer:
        head = replace(self.options, bi_encoder=True)
        return PairScorer(self.backbone, self.tokenizer, replace(self.config, head=head))

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``. A cross-encoder scores a list candidate by candidate."""
        pairs = [(item[0], other) for item in texts for other in item[1:]]
        bi_encoder = self.options.bi_encoder
        return self._answers(texts, self._compared(pairs) if bi_encoder else self._sigmoids(self.pooled(pairs)))

    def answer_pooled(self, pooled: Tensor) -> Answers:
        """Answers to pairs from their pooled vectors."""
        return self._answers([("", "")] * len(pooled), self._sigmoids(pooled))

    def _answers(self, texts: Sequence[Text], scores: npt.NDArray[np.float64]) -> Answers:
        low, high = self.options.low, self.options.high
        values: list[Answer] = []
        start = 0
        for item in texts:
            item_scores = scores[start : start + len(item) - 1]
            start += len(item) - 1
            # Scores of pairs stay in the range of the training rows; of candidates only the order counts.
            pair = len(item) == 2
            values.append(
                float(np.clip(low + (high - low) * item_scores[0], low, high)) if pair else tuple(item_scores.tolist())
            )
        return of_values(values)

    def _sigmoids(self, pooled: Tensor) -> npt.NDArray[np.float64]:
        with torch.inference_mode():
            scores: npt.NDArray[np.float64] = self.score_pooled(pooled)[:, 0].double().sigmoid().cpu().numpy()
        return scores

    def _compared(self, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        place = {text: number for number, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
        head = cast(CosineHead, self.head)
        self.module.eval()
        with torch.inference_mode():
            vectors = head(self._encoded(list(place)))
            scores = np.empty(len(pairs))
            for start in range(0, len(pairs), 4096):
                chosen = pairs[start : start + 4096]
                first, second = (vectors[[place[pair[side]] for pair in chosen]] for side in (0, 1))
                scores[start : start + 4096] = head.compared(first, second).cpu().numpy()
        return scores

    def _encoded(self, texts: Sequence[str]) -> Tensor:
        """A vector for each text, ``(n_texts, width)``."""
        vectors = torch.empty((len(texts), self.backbone.width), device=self.device)
        backbone = cast(BiEncoderBackbone, self.backbone).inner
        for chosen, batch in self.batches(super().rows(texts) if texts else []):
            vectors[chosen] = pool(backbone(batch), batch.mask, self.config.pooling)
        return vectors


def _shares(relevance: npt.NDArray[np.float32], row: Row) -> npt.NDArray[np.float32]:
    """The relevance of the candidates in a row, normalised to sum 1; all 0 where none is relevant."""
    relevances = relevance[row.first : row.first + texts_in(row) - 1]
    return relevances / max(float(relevances.sum()), 1e-9)
