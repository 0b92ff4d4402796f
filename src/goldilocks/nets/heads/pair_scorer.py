"""Networks that answer with numbers: two texts read together and scored, or each read by itself and compared.

cross  the texts of a pair are one input (a cross-encoder); a linear head scores it. Right for few, hard pairs.
apart  each text has a vector of its own (a bi-encoder); the score is the cosine of the two, scaled. A text is encoded
       once however many others it is compared with, so this is for a query and its candidates, for backbones that
       only add up what they read, and for checkpoints that have learnt to compare.

Numbers for pairs are learnt on the scale of 0 to 1 that their range in train is brought to (read together as the
sigmoid of the head, by its cross entropy; apart by the squared error); the range is kept. Of a query's candidates the
order is learnt: the softmax over them is drawn towards the shares of their relevance.

Source: Reimers & Gurevych 2019, "Sentence-BERT"; Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise
Approach" (ListNet, top one).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone, joined, texts_in
from goldilocks.nets.network import Network, NetworkConfig, linear_head
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Answer, Gold, Part, Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CROSS, APART = "cross", "apart"
CANDIDATES = 24
"""Candidates that are compared in one step of training; a longer list is learnt in pieces of equal size."""
_SHARP = 20.0
"""Cosines are multiplied by this before the softmax over candidates (Reimers & Gurevych: 20)."""
_SLOW = 0.02
"""Of ``W`` for pairs: heads learn at rates meant for those that begin with nothing, and the cosine nearly says how
alike texts are already. Chosen on STS-B's dev part (static table, 1,000 rows)."""


def settled_for(part: Part, *, together: bool) -> dict[str, Any]:
    """What ``NetworkConfig.settled`` says of a scorer for these items.

    Args:
        part: The training rows.
        together: Whether the two texts of a pair are to be read together; lists never are.
    """
    lists = any(len(one) > 2 for one in part.texts)
    return {"way": CROSS if together and not lists else APART, "lists": lists}


class CosineHead(nn.Module):
    """``scale · cos(W a, W b) + offset``; for candidates ``offset`` is linear in ``W b``: what is wanted by anybody."""

    def __init__(self, width: int, *, lists: bool) -> None:
        """``W`` (width, width) begins as the identity, the offset as 0."""
        super().__init__()
        self.turn = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.turn.weight)
        self.pace = 1.0 if lists else _SLOW
        self.scale = nn.Parameter(torch.tensor([_SHARP if lists else 1.0]))
        self.offset = nn.Parameter(torch.zeros(1))
        self.wanted = nn.Parameter(torch.zeros(width)) if lists else None

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors of length 1 that the cosine is taken of, float32."""
        exact = vectors.to(self.turn.weight.dtype)
        turned: Tensor = F.normalize((exact + self.pace * self.turn(exact)).float(), dim=-1, eps=1e-6)
        return turned

    def compared(self, first: Tensor, second: Tensor) -> Tensor:
        """Scores of what ``forward`` gave, ``(n, width)`` each -> ``(n,)``."""
        offset = self.offset.float() if self.wanted is None else self.offset.float() + second @ self.wanted.float()
        return self.scale.float() * (first * second).sum(-1) + offset


class PairScorer(Network):
    """See the module. The way (``cross`` or ``apart``) stands in ``shape.settled`` before it is made."""

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """Put the parts together."""
        self.apart = shape.settled.setdefault("way", CROSS) == APART
        shape.settled.setdefault("low", 0.0)
        shape.settled.setdefault("high", 1.0)
        self.pools = not self.apart
        super().__init__(BiEncoderBackbone(backbone, shape.pooling) if self.apart else backbone, tokenizer, shape)

    def new_head(self) -> nn.Module:
        """See ``Network.new_head``."""
        if not self.apart:
            return linear_head(self.backbone.width, 1)
        return CosineHead(self.backbone.width, lists=bool(self.shape.settled.get("lists")))

    # --------------------------------------------------------------------------------------------------------- learning

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """Pairs read together: one row each. Apart: a row with all texts of the item, a long list in several."""
        if not self.apart:
            return super().rows(texts)
        distinct = list(dict.fromkeys(text for item in texts for text in item))
        read = dict(zip(distinct, super().rows(distinct), strict=True))
        found = []
        for number, item in enumerate(texts):
            query, *others = (read[text] for text in item)
            pieces = max(1, -(-len(others) // CANDIDATES))
            size = max(1, -(-len(others) // pieces))
            for first in range(0, max(1, len(others)), size):
                found.append(joined([query, *others[first : first + size]], number, first))
        return found

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """Numbers of pairs on a scale from 0 to 1 (their range is kept in ``shape``); shares of relevance of lists."""
        if any(isinstance(one, tuple) for one in gold):
            return [_shares(np.asarray(gold[row.item], dtype=np.float32), row) for row in rows]
        values = np.array(gold, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        self.shape.settled.update(low=low, high=high if high > low else low + 1)
        scaled = (values - low) / (self.shape.settled["high"] - low)
        return [float(scaled[row.item]) for row in rows]

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """See ``Network.loss``."""
        if not self.apart:
            return super().loss(states, batch, targets)
        scores = self._scores(states, batch)
        if not isinstance(targets[0], np.ndarray):
            return F.mse_loss(torch.cat(scores), torch.tensor(targets, device=states.device))
        wanted = [torch.from_numpy(one).to(states.device) for one in targets]
        losses = [-(share * one.log_softmax(0)).sum() for share, one in zip(wanted, scores, strict=True)]
        return torch.stack(losses).sum() / max(1, sum(bool(one.any()) for one in targets))

    def loss_pooled(self, pooled: Tensor, targets: Sequence[Any]) -> Tensor:
        """See ``Network.loss_pooled``."""
        wanted = torch.tensor(targets, device=pooled.device)
        return F.binary_cross_entropy_with_logits(self.score_pooled(pooled)[:, 0], wanted)

    def _scores(self, states: Tensor, batch: Batch) -> list[Tensor]:
        """Score of each candidate of each row, from the vectors of all texts."""
        head = cast(CosineHead, self.head)
        counts = [texts_in(row) for row in batch.rows]
        vectors = head(self.dropout(states))
        # The first text of each row, beside each of its texts.
        query = np.repeat(np.cumsum([0, *counts[:-1]]), counts)
        return [one[1:] for one in torch.split(head.compared(vectors[query.tolist()], vectors), counts)]

    # -------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``. A list is scored candidate by candidate where the texts are read together."""
        pairs = [(item[0], other) for item in texts for other in item[1:]]
        return self._answers(texts, self._compared(pairs) if self.apart else self._numbers(self.pooled(pairs)))

    def answer_pooled(self, pooled: Tensor) -> Answers:
        """Answers to pairs from their pooled vectors."""
        return self._answers([("", "")] * len(pooled), self._numbers(pooled))

    def _answers(self, texts: Sequence[Text], scores: npt.NDArray[np.float64]) -> Answers:
        low, high = self.shape.settled["low"], self.shape.settled["high"]
        values: list[Answer] = []
        start = 0
        for item in texts:
            found = scores[start : start + len(item) - 1]
            start += len(item) - 1
            # Numbers of pairs stay in the range they were learnt in; of candidates only the order counts.
            pair = len(item) == 2
            values.append(float(np.clip(low + (high - low) * found[0], low, high)) if pair else tuple(found.tolist()))
        return of_values(values)

    def _numbers(self, pooled: Tensor) -> npt.NDArray[np.float64]:
        with torch.inference_mode():
            found: npt.NDArray[np.float64] = self.score_pooled(pooled)[:, 0].double().sigmoid().cpu().numpy()
        return found

    def _compared(self, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        place = {text: number for number, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
        head = cast(CosineHead, self.head)
        self.module.eval()
        with torch.inference_mode():
            vectors = head(self._encoded(list(place)))
            found = np.empty(len(pairs))
            for start in range(0, len(pairs), 4096):
                chosen = pairs[start : start + 4096]
                first, second = (vectors[[place[pair[side]] for pair in chosen]] for side in (0, 1))
                found[start : start + 4096] = head.compared(first, second).cpu().numpy()
        return found

    def _encoded(self, texts: Sequence[str]) -> Tensor:
        """A vector for each text, ``(n_texts, width)``."""
        found = torch.empty((len(texts), self.backbone.width), device=next(self.module.parameters()).device)
        backbone = cast(BiEncoderBackbone, self.backbone).inner
        for chosen, batch in self.batches(super().rows(texts) if texts else []):
            found[chosen] = pool(backbone(batch), batch.mask, self.shape.pooling)
        return found


def _shares(relevance: npt.NDArray[np.float32], row: Row) -> npt.NDArray[np.float32]:
    """The relevance of the candidates in a row, summing to 1; all 0 where none is relevant."""
    here = relevance[row.first : row.first + texts_in(row) - 1]
    return here / max(float(here.sum()), 1e-9)
