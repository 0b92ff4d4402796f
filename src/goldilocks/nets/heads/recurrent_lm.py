"""Autoregressive recurrent language model (LSTM or GRU) with tied embeddings: likelihoods of texts, and generation.

A text is [START], its tokens and [END]; context texts come first, each with an [END] of its own. Different texts have
different tokens (``bpe.learn_bpe(lossless=True)``) and the probabilities of all token sequences sum to one, so those
of all texts sum to at most one: bits per byte are comparable with any other model's. (A text has several
segmentations; only the tokenizer's own counts, and the probability of the others is lost.)

Long texts are trained in segments (truncated backpropagation through time), each after the last tokens of the one
before, which warm up the hidden state. At inference the state is carried over a whole text, so likelihoods are exact.

For ``Output.TEXT`` an item and its answer are trained as context and text, and generation continues the item.

Source: Press & Wolf 2017, "Using the Output Embedding to Improve Language Models".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.rnn import RnnBackbone
from goldilocks.nets.generation.prompts import generation_to_plain
from goldilocks.nets.generation.sampling import (
    Logits,
    NextTokenModel,
    Sampling,
    TokenSequence,
    generate_sequences,
    generator_for,
)
from goldilocks.nets.layers.chunked_cross_entropy import chunked_cross_entropy
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.tokenization.bpe import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.records import Generation, Gold, Output, Text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STRETCH = 256
"""Tokens of a training segment."""
WARM_UP = 32
"""Tokens before a segment that only warm up the hidden state."""
_AT_ONCE = 128
"""Tokens of each text that are encoded before their logits are computed: bounds the memory."""
_SCORES = 8_000_000
"""Logits computed at a time: 32 MB."""
_NEVER = [PAD_ID, UNKNOWN_ID, START_ID]
"""Tokens that are never generated."""


@dataclass(frozen=True)
class RecurrentLMConfig(HeadConfig):
    """Limits of generation; likelihoods need none of it."""

    KIND: ClassVar[str] = "recurrent_lm"
    context_tokens: int = 1_024
    """Last tokens of an item that a continuation is conditioned on."""
    max_tokens: int = 64
    """Maximum number of tokens of an answer, where neither request nor settings say it."""
    generation: Generation = field(default_factory=Generation)
    """Default generation settings."""


class LMHead(nn.Module):
    """LM head, weight-tied, with a unigram bias: logits are projected states times word vectors, plus the bias."""

    def __init__(self, states: int, vocabulary: int, width: int) -> None:
        """Initialise the projection (normal, deviation one over the square root of its input width)."""
        super().__init__()
        self.join = nn.Linear(states, width, bias=False)
        nn.init.normal_(self.join.weight, std=states**-0.5)
        self.common = nn.Parameter(torch.zeros(vocabulary))

    def table(self, words: Tensor) -> Tensor:
        """The output matrix: word vectors ``(vocabulary, width)`` with the unigram bias as one more column."""
        return torch.cat([words, self.common.unsqueeze(1)], dim=1)

    def forward(self, states: Tensor) -> Tensor:
        """``(n, states)`` -> ``(n, width + 1)``; the product with ``table`` gives the logits."""
        aimed = self.join(states)
        return torch.cat([aimed, aimed.new_ones((*aimed.shape[:-1], 1))], dim=-1)


class RecurrentLM(Network):
    """Likelihoods (``Output.LIKELIHOOD``) and generated texts (``Output.TEXT``) from a unidirectional recurrent net."""

    HEAD = RecurrentLMConfig
    pools = False
    backbone: RnnBackbone
    head: LMHead

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network; see ``Network``."""
        super().__init__(backbone, tokenizer, config)
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True  # a text that spells out "[END]" is not at its end
        self.generation = self._options.generation
        """See ``protocols.SupportsGeneration``."""

    @property
    def _options(self) -> RecurrentLMConfig:
        return cast(RecurrentLMConfig, self.config.head)

    @property
    def sparse_embedding(self) -> str | None:
        """None: the word table is the output matrix too, so every row takes part."""
        return None

    def new_head(self) -> nn.Module:
        """See ``LMHead``."""
        words = self.backbone.words
        return LMHead(self.backbone.width, words.num_embeddings, words.embedding_dim)

    @property
    def _generates(self) -> bool:
        """Whether items are continued; else their likelihood is the answer."""
        return self.config.output == Output.TEXT

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """Whole items; ``places`` holds the position of the first token that is scored.

        Items to be continued are truncated at their beginning.
        """
        rows_of_texts = self._whole(texts)
        if not self._generates:
            return rows_of_texts
        limit = self._options.context_tokens
        return [replace(row, ids=np.concatenate([row.ids[:1], row.ids[1:][-limit:]])) for row in rows_of_texts]

    def _whole(self, texts: Sequence[Text]) -> list[Row]:
        items = [_parts(item) for item in texts]
        encoded = encodings(self.tokenizer, [text for item in items for text in item])
        rows = []
        for number, item in enumerate(items):
            parts = [next(encoded).ids for _ in item]
            ids = np.asarray([START_ID, *(token for part in parts for token in part)], dtype=np.int32)
            rows.append(Row(ids, number, places=np.array([len(ids) - len(parts[-1])], dtype=np.int32)))
        return rows

    def rows_to_learn(self, texts: Sequence[Text], gold: Sequence[Gold]) -> list[Row]:
        """Segments of the items (and their answers); context texts are trained on as well."""
        if self._generates:
            texts = [(*_parts(item), references(right)[0]) for item, right in zip(texts, gold, strict=True)]
        return [piece for row in self._whole(texts) for piece in _stretches(row)]

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:  # noqa: ARG002
        """None: the rows hold their next tokens."""
        return [None] * len(rows)

    # --------------------------------------------------------------------------------------------------------- training

    @property
    def loss_options(self) -> frozenset[str]:
        """See ``Network.loss_options``."""
        return frozenset({"label_smoothing"})

    def loss_terms(self, rows: Sequence[Row], targets: Sequence[Any]) -> int:  # noqa: ARG002
        """See ``Network.loss_terms``."""
        return sum(len(row) - max(1, int(row.places[0])) for row in rows)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:  # noqa: ARG002
        """Mean cross entropy of the tokens after the warm-up."""
        scored = _scored(batch, 1, batch.ids.shape[1])
        aimed = self.head(self.dropout(states[:, :-1][scored]))
        table = self.head.table(self.backbone.words.weight)
        return chunked_cross_entropy(aimed, table, batch.ids[:, 1:][scored], self.label_smoothing)

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """See ``protocols.SupportsGeneration``."""
        self.module.eval()
        if self._generates:
            return of_values(self._generate(texts, self.generation.updated(generation)))
        logs = np.zeros(len(texts))
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                logs[chosen] = self._likelihoods(batch).cpu().numpy()
        return of_values(logs.tolist())

    def _generate(self, texts: Sequence[Text], generation: Generation) -> list[str]:
        sampling = Sampling(**{"max_tokens": self._options.max_tokens, **generation_to_plain(generation)})
        decode = partial(self.tokenizer.decode, skip_special_tokens=True)
        answers = [""] * len(texts)
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                drafts = [
                    TokenSequence(place, sampling.max_tokens, generator_for(sampling.seed, row.ids.tolist()))
                    for place, row in zip(chosen, batch.rows, strict=True)
                ]
                for draft in generate_sequences(_RecurrentSource(self, batch), drafts, sampling, decode, (END_ID,)):
                    answers[draft.number] = draft.text(decode, sampling.stops)
        return answers

    def token_likelihoods(self, item: Text) -> list[tuple[str, float]]:
        """See ``protocols.SupportsTokenLikelihoods``."""
        self.module.eval()
        row = self.rows([item])[0]
        with torch.inference_mode():
            ((_, batch),) = self.batches([row])
            logs = torch.cat([logs for _, logs in self._token_logs(batch)]).tolist()
        ids = row.ids[int(row.places[0]) :].tolist()
        pieces = ["" if token == END_ID else self.tokenizer.decode([token]) for token in ids]
        return list(zip(pieces, logs, strict=True))

    def _likelihoods(self, batch: Batch) -> Tensor:
        """Natural log of the probability of the scored tokens of each row, ``(n_rows,)``, float64."""
        sums = torch.zeros(len(batch.ids), dtype=torch.float64, device=batch.ids.device)
        for rows, logs in self._token_logs(batch):
            sums.index_add_(0, rows, logs)
        return sums.clamp(max=0.0)

    def _token_logs(self, batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows of the scored tokens and the natural log of the probability of each, segment by segment."""
        table = self.head.table(self.backbone.words.weight)
        hidden, memory = self.backbone.embed(batch), None
        for start in range(0, batch.ids.shape[1] - 1, _AT_ONCE):
            end = min(start + _AT_ONCE, batch.ids.shape[1] - 1)
            states, memory = self.backbone.continue_from(hidden[:, start:end], memory)
            scored = _scored(batch, start + 1, end + 1)
            targets = batch.ids[:, start + 1 : end + 1][scored]
            logs = _logs(self.head(states[scored]), table, targets)
            yield scored.nonzero()[:, 0], logs


class _RecurrentSource(NextTokenModel):
    """Sequences being generated, with the hidden state of each."""

    def __init__(self, network: RecurrentLM, batch: Batch) -> None:
        self.backbone, self.head = network.backbone, network.head
        self.table = self.head.table(self.backbone.words.weight)
        self.hidden, self.memory = self.backbone.final_state(batch)

    def logits(self) -> Logits:
        scores = (self.head(self.hidden) @ self.table.T).float()
        scores[:, _NEVER] = float("-inf")
        logits: Logits = scores.cpu().numpy()
        return logits

    def select(self, rows: Sequence[int]) -> None:
        kept = torch.tensor(rows, device=self.hidden.device)
        cells = self.memory if isinstance(self.memory, tuple) else (self.memory,)
        left = tuple(cell[:, kept] for cell in cells)
        self.memory = left if isinstance(self.memory, tuple) else left[0]

    def step(self, ids: Sequence[int]) -> None:
        vectors = self.backbone.words(torch.tensor(ids, device=self.hidden.device)[:, None])
        states, self.memory = self.backbone.continue_from(vectors, self.memory)
        self.hidden = states[:, 0]


def _parts(item: Text) -> tuple[str, ...]:
    return (item,) if isinstance(item, str) else item


def _scored(batch: Batch, start: int, end: int) -> Tensor:
    """Which of the tokens from ``start`` to before ``end`` are scored, ``(n_rows, end - start)``."""
    firsts = torch.tensor([int(row.places[0]) for row in batch.rows], device=batch.ids.device)
    return (torch.arange(start, end, device=batch.ids.device) >= firsts[:, None]) & batch.mask[:, start:end].bool()


def _logs(aimed: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Natural log of the probability of each of ``targets``, ``(n,)``, float64."""
    size = max(1, _SCORES // len(table))
    parts = zip(torch.split(aimed, size), torch.split(targets, size), strict=True)
    logs = [(rows @ table.T).float().log_softmax(-1).gather(1, ids[:, None])[:, 0].double() for rows, ids in parts]
    return torch.cat(logs)


def _stretches(row: Row) -> Iterator[Row]:
    """The row in segments of ``STRETCH`` scored tokens, each after the tokens that warm up the state."""
    for start in range(1, len(row), STRETCH):
        first = max(0, start - WARM_UP) if start > 1 else 0
        yield Row(row.ids[first : start + STRETCH], row.item, places=np.array([start - first], dtype=np.int32))
