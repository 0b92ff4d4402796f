"""Networks that say how probable a text is: token by token, each foretold from those before it.

A text is [START], its tokens and [END]; what stands before it is read first, each text of it with an [END] of its own.
Different texts have different tokens (``pieces.learn_pieces(faithful=True)``) and the probabilities of all token
sequences add up to one, so those of all texts do not add up to more: bits per byte can be compared with any other
model's. (One text could be cut in several ways; only the tokenizer's own counts, and the others are lost.)

The output is tied to the word vectors (Press & Wolf 2017, "Using the Output Embedding to Improve Language Models").
Long texts are learnt in stretches, each behind the last tokens of the one before, from which the memory is warmed up;
they are answered as a whole, the memory carried from stretch to stretch, so that a likelihood is exact.

Where a text is wanted (``Output.TEXT``) an item and its answer are learnt as a text and what stands before it, and the
net goes on from the item token by token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.rnn import RnnBackbone
from goldilocks.nets.generation.prompts import generation_from, said
from goldilocks.nets.generation.sampling import Draft, Sampling, Scores, Source, onward, seeded
from goldilocks.nets.layers.chunked_cross_entropy import smoothed_loss
from goldilocks.nets.network import Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.tokenization.bpe import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.records import Gold, Output, Text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STRETCH = 256
"""Tokens of a long text that are learnt in one piece."""
WARM_UP = 32
"""Tokens before them that are only read."""
_AT_ONCE = 128
"""Tokens of each text that are read before their scores are taken: bounds the memory."""
_SCORES = 8_000_000
"""Scores computed at a time: 32 MB."""
_NEVER = [PAD_ID, UNKNOWN_ID, START_ID]
"""Tokens that are not written."""


class LMHead(nn.Module):
    """States -> what is compared with the vector of each token; and how frequent each token is by itself."""

    def __init__(self, states: int, vocabulary: int, width: int) -> None:
        """Draw the matrix (normal, one over the square root of what it reads)."""
        super().__init__()
        self.join = nn.Linear(states, width, bias=False)
        nn.init.normal_(self.join.weight, std=states**-0.5)
        self.common = nn.Parameter(torch.zeros(vocabulary))

    def table(self, words: Tensor) -> Tensor:
        """Word vectors ``(vocabulary, width)`` with their tokens' own share as one more column."""
        return torch.cat([words, self.common.unsqueeze(1)], dim=1)

    def forward(self, states: Tensor) -> Tensor:
        """``(n, states)`` -> ``(n, width + 1)``; the product with ``table`` gives the scores."""
        aimed = self.join(states)
        return torch.cat([aimed, aimed.new_ones((*aimed.shape[:-1], 1))], dim=-1)


class RecurrentLM(Network):
    """Likelihoods of texts (``Output.LIKELIHOOD``), and texts (``Output.TEXT``), from a net that reads one way."""

    pools = False
    backbone: RnnBackbone
    head: LMHead

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """Put the parts together; see ``Network``."""
        super().__init__(backbone, tokenizer, shape)
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True  # a text that spells out "[END]" is not at its end
        # The word table is the last matrix too: every token of it takes part, whether it occurs or not.
        backbone.word_embedding = None
        self.generation = generation_from(shape.settled.get("generation", {}))
        """See ``protocols.SupportsGeneration``."""

    def new_head(self) -> nn.Module:
        """See ``LMHead``."""
        words = self.backbone.words
        return LMHead(self.backbone.width, words.num_embeddings, words.embedding_dim)

    # --------------------------------------------------------------------------------------------------------- reading

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """Whole items; ``places`` holds the first token of the text that is asked about.

        Of an item that is gone on with the end is read.
        """
        whole = self._whole(texts)
        if self.shape.output != Output.TEXT:
            return whole
        most = int(self.shape.settled["read"])
        return [replace(row, ids=np.concatenate([row.ids[:1], row.ids[1:][-most:]])) for row in whole]

    def _whole(self, texts: Sequence[Text]) -> list[Row]:
        told = [_parts(one) for one in texts]
        encoded = encodings(self.tokenizer, [text for one in told for text in one])
        found = []
        for item, one in enumerate(told):
            parts = [next(encoded).ids for _ in one]
            ids = np.asarray([START_ID, *(number for part in parts for number in part)], dtype=np.int32)
            found.append(Row(ids, item, places=np.array([len(ids) - len(parts[-1])], dtype=np.int32)))
        return found

    def rows_to_learn(self, texts: Sequence[Text], gold: Sequence[Gold]) -> list[Row]:
        """Stretches of the items (and their answers); what stands before a text is learnt as well."""
        if self.shape.output == Output.TEXT:
            texts = [(*_parts(item), references(right)[0]) for item, right in zip(texts, gold, strict=True)]
        return [piece for row in self._whole(texts) for piece in _stretches(row)]

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:  # noqa: ARG002
        """The rows hold what is to be foretold."""
        return [None] * len(rows)

    # -------------------------------------------------------------------------------------------------------- learning

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:  # noqa: ARG002
        """Mean cross entropy of the tokens behind the warm-up."""
        asked = _asked(batch, 1, batch.ids.shape[1])
        aimed = self.head(self.dropout(states[:, :-1][asked]))
        table = self.head.table(self.backbone.words.weight)
        return smoothed_loss(aimed, table, batch.ids[:, 1:][asked], self.label_smoothing)

    # ------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        self.module.eval()
        if self.shape.output == Output.TEXT:
            return of_values(self._written(texts))
        found = np.zeros(len(texts))
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                found[chosen] = self._likelihoods(batch).cpu().numpy()
        return of_values(found.tolist())

    def _written(self, texts: Sequence[Text]) -> list[str]:
        how = Sampling(**{"max_tokens": self.shape.settled["max_tokens"], **said(self.generation)})
        decode = partial(self.tokenizer.decode, skip_special_tokens=True)
        found = [""] * len(texts)
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                drafts = [
                    Draft(place, how.max_tokens, seeded(how.seed, row.ids.tolist()))
                    for place, row in zip(chosen, batch.rows, strict=True)
                ]
                for one in onward(_RecurrentSource(self, batch), drafts, how, decode, (END_ID,)):
                    found[one.place] = one.text(decode, how.stops)
        return found

    def _likelihoods(self, batch: Batch) -> Tensor:
        """Natural log of the probability of what is asked about in each row, ``(n_rows,)``, float64."""
        sums = torch.zeros(len(batch.ids), dtype=torch.float64, device=batch.ids.device)
        table = self.head.table(self.backbone.words.weight)
        hidden, memory = self.backbone.embed(batch), None
        for start in range(0, batch.ids.shape[1] - 1, _AT_ONCE):
            end = min(start + _AT_ONCE, batch.ids.shape[1] - 1)
            states, memory = self.backbone.onward(hidden[:, start:end], memory)
            asked = _asked(batch, start + 1, end + 1)
            wanted = batch.ids[:, start + 1 : end + 1][asked]
            logs = _logs(self.head(states[asked]), table, wanted)
            sums.index_add_(0, asked.nonzero()[:, 0], logs)
        return sums.clamp(max=0.0)


class _RecurrentSource(Source):
    """Rows that a net goes on with from its memory of them."""

    def __init__(self, network: RecurrentLM, batch: Batch) -> None:
        self.backbone, self.head = network.backbone, network.head
        self.table = self.head.table(self.backbone.words.weight)
        self.hidden, self.memory = self.backbone.behind(batch)

    def scores(self) -> Scores:
        scores = (self.head(self.hidden) @ self.table.T).float()
        scores[:, _NEVER] = float("-inf")
        found: Scores = scores.cpu().numpy()
        return found

    def keep(self, rows: Sequence[int]) -> None:
        kept = torch.tensor(rows, device=self.hidden.device)
        cells = self.memory if isinstance(self.memory, tuple) else (self.memory,)
        left = tuple(one[:, kept] for one in cells)
        self.memory = left if isinstance(self.memory, tuple) else left[0]

    def step(self, ids: Sequence[int]) -> None:
        vectors = self.backbone.words(torch.tensor(ids, device=self.hidden.device)[:, None])
        states, self.memory = self.backbone.onward(vectors, self.memory)
        self.hidden = states[:, 0]


def _parts(item: Text) -> tuple[str, ...]:
    return (item,) if isinstance(item, str) else item


def _asked(batch: Batch, start: int, end: int) -> Tensor:
    """Which of the tokens from ``start`` to before ``end`` are to be foretold, ``(n_rows, end - start)``."""
    firsts = torch.tensor([int(row.places[0]) for row in batch.rows], device=batch.ids.device)
    return (torch.arange(start, end, device=batch.ids.device) >= firsts[:, None]) & batch.mask[:, start:end].bool()


def _logs(aimed: Tensor, table: Tensor, wanted: Tensor) -> Tensor:
    """Natural log of the probability of each of ``wanted``, ``(n,)``, float64."""
    size = max(1, _SCORES // len(table))
    parts = zip(torch.split(aimed, size), torch.split(wanted, size), strict=True)
    found = [(one @ table.T).float().log_softmax(-1).gather(1, ids[:, None])[:, 0].double() for one, ids in parts]
    return torch.cat(found)


def _stretches(row: Row) -> Iterator[Row]:
    """The row in pieces of ``STRETCH`` tokens to foretell, each behind what warms the memory up."""
    for start in range(1, len(row), STRETCH):
        first = max(0, start - WARM_UP) if start > 1 else 0
        yield Row(row.ids[first : start + STRETCH], row.item, places=np.array([start - first], dtype=np.int32))
