"""Token classification (sequence tagging): a tag for each word, predicted at its first subword; optionally a CRF.

A causal backbone (a decoder) knows a word only at its last subword and nothing to its right: there the prediction is
made at the last subword, and a bidirectional GRU (``BiRecurrentLayer``) precedes the linear layer.

An item of several sentences is encoded as one text with line breaks between sentences; each sentence is decoded by
itself. An item longer than ``max_tokens`` is split between words into several rows, whose words are joined again before
decoding. Entity tags are decoded to the best well-formed (IOB2) sequence. With ``chain`` a linear-chain CRF
(``nets/layers/linear_chain_crf``) scores the transitions between tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings, casing_feature, hides_case
from goldilocks.nets.backbones.rnn import bidirectional, recurrent_cell
from goldilocks.nets.layers.linear_chain_crf import LinearChainCrf, iob2_constraints, viterbi
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig, linear_head
from goldilocks.nets.tokenization.batching import Batch, Row, by_length
from goldilocks.nets.tokenization.tokenizer import encodings, special_tokens
from goldilocks.records import Gold, Text
from goldilocks.support.text.iob2 import without_blanks, words_of
from goldilocks.support.text.sentences import SENTENCE_END, sentences_of
from goldilocks.support.text.word_shape import BUCKETS, numbers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.int32]

GAIN = 20.0
"""Factor on the wide part's weights: its features occur once or twice, so their gradients are few."""
WIDE_HIDDEN, WORDS_HIDDEN = 0.3, 0.3
"""Dropout of single features, and of all features of a word, in the wide part."""
RECURRENT_UNITS = 256
"""Hidden units per direction of the recurrent layer above a causal backbone."""
WORD_CHARACTERS = 64
"""Longer words are truncated to this many characters."""
WORD_TOKENS = 16
"""Longer words are truncated to this many tokens."""
_NOTHING = "?"
"""Replaces a word for which the tokenizer gives no token."""


@dataclass(frozen=True)
class TokenClassifierConfig(HeadConfig):
    """Parts of the head above the hidden states of the words."""

    KIND: ClassVar[str] = "token_classifier"
    chain: bool = False
    """A linear-chain CRF scores the transitions between tags."""
    wide: bool = False
    """Word-shape and context features add to the scores (see ``SparseFeatureScores``)."""
    heads: int = 1
    """Heads trained side by side, each with an initialisation of its own; their scores are averaged."""


class SparseFeatureScores(nn.Module):
    """Linear scores of each tag from hashed features of a word and its neighbours, added to those of the hidden states.

    Source: Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems", with a CRF's features for the wide part.
    """

    def __init__(self, n_labels: int) -> None:
        """All weights are 0."""
        super().__init__()
        self.table = nn.Embedding(BUCKETS, n_labels)
        nn.init.zeros_(self.table.weight)

    def forward(self, features: Tensor) -> Tensor:
        """``(n_words, MAX_FEATURES)`` -> ``(n_words, n_labels)``."""
        keep = features > 0
        if self.training:
            # Otherwise the hidden states would be trained only on what the features do not explain.
            keep = keep & (torch.rand(features.shape, device=features.device) > WIDE_HIDDEN)
            keep = keep & (torch.rand((len(features), 1), device=features.device) > WORDS_HIDDEN)
        scores: Tensor = (self.table(features) * keep.unsqueeze(2)).sum(1) * GAIN
        return scores / (1 - WIDE_HIDDEN) if self.training else scores


class BiRecurrentLayer(nn.Module):
    """Bidirectional GRU over the words' states, above a causal backbone.

    Source: Peters et al. 2017, "Semi-supervised sequence tagging with bidirectional language models": a recurrent layer
    over the states of a frozen language model. Some dimensions of a decoder's states are far larger than the others,
    so each is first standardised with the mean and deviation over some words.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, width: int) -> None:
        """Untrained layers; ``standardise_by`` sets mean and deviation."""
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        self.forth = recurrent_cell("gru", width, RECURRENT_UNITS)
        self.back = recurrent_cell("gru", width, RECURRENT_UNITS)

    def standardise_by(self, words: Tensor) -> None:
        """Set mean and deviation to those of the states of some words, ``(n_words, width)``."""
        self.centre.copy_(words.mean(0))
        self.spread.copy_(words.std(0, correction=0).clamp(min=1e-6))

    def standardise_like(self, other: BiRecurrentLayer) -> None:
        """Copy mean and deviation of ``other``."""
        self.centre.copy_(other.centre)
        self.spread.copy_(other.spread)

    def standardised(self, words: Tensor) -> Tensor:
        """States minus the mean, divided by the deviation."""
        return (words - self.centre) / self.spread

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """``(n_rows, n_words, width)`` -> ``(n_rows, n_words, 2 * RECURRENT_UNITS)``."""
        return bidirectional(self.forth, self.back, words, mask)


class TagHead(nn.Module):
    """Linear tag scores of each word, optionally with a CRF, feature scores and a recurrent layer below."""

    def __init__(self, width: int, n_labels: int, *, chain: bool, wide: bool, reread: bool) -> None:
        """An untrained head."""
        super().__init__()
        self.reread = BiRecurrentLayer(width) if reread else None
        self.linear = linear_head(2 * RECURRENT_UNITS if reread else width, n_labels)
        self.chain = LinearChainCrf(n_labels) if chain else None
        self.wide = SparseFeatureScores(n_labels) if wide else None

    def forward(self, words: Tensor) -> Tensor:
        """``(n_words, width)`` -> ``(n_words, n_labels)``."""
        scores: Tensor = self.linear(words)
        return scores


class TokenClassifier(Network):
    """Sequence tagger; ``TokenClassifierConfig`` describes its head.

    The scores of several heads are averaged (Hansen and Salamon 1990, "Neural network ensembles"); the backbone below
    runs once for all of them.
    """

    HEAD = TokenClassifierConfig
    pools = False

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network; an uncased tokenizer gets casing embeddings added to its word embeddings."""
        tokenizer.no_truncation()  # whole sentences are tokenized, then split between words
        self._channels: tuple[str, ...] = backbone.casing_channels if hides_case(tokenizer) else ()
        if self._channels:
            backbone.add_channel_embeddings(CasingEmbeddings(self._channels, backbone.channel_width))
        super().__init__(backbone, tokenizer, config)
        self._before, self._after = special_tokens(tokenizer)
        self._nothing = np.asarray(
            tokenizer.encode(_NOTHING, add_special_tokens=False).ids or [config.pad_id], dtype=np.int32
        )
        self._end = np.asarray(tokenizer.encode(SENTENCE_END, add_special_tokens=False).ids, dtype=np.int32)
        self._rules = iob2_constraints(self.labels)

    def new_head(self) -> nn.Module:
        """See ``Network.new_head``."""
        options, width, causal = self._options, self.backbone.width, self.backbone.is_causal
        heads = [
            TagHead(width, len(self.labels), chain=options.chain, wide=options.wide, reread=causal)
            for _ in range(options.heads)
        ]
        return heads[0] if len(heads) == 1 else nn.ModuleList(heads)

    @property
    def _options(self) -> TokenClassifierConfig:
        return cast(TokenClassifierConfig, self.config.head)

    @property
    def heads(self) -> list[TagHead]:
        """The head, or all of them."""
        return [self.head] if isinstance(self.head, TagHead) else [cast(TagHead, head) for head in self.head.children()]

    def multiply_head(self, count: int) -> None:
        """See ``Network.multiply_head``."""
        before = self.heads[0].reread
        self.config = replace(self.config, head=replace(self._options, heads=count))
        self.head = self.new_head()
        self.module["head"] = self.head
        for head in self.heads:
            if before is not None and head.reread is not None:
                head.reread.standardise_like(before)

    def extend_labels(self, labels: Sequence[str]) -> None:
        """See ``Network.extend_labels``; tags keep their order, and the rules of IOB2 those of all tags."""
        super().extend_labels(labels)
        self._rules = iob2_constraints(self.labels)

    def estimate_scale(self, texts: Sequence[Text]) -> None:
        """Estimate mean and deviation of the states of a causal backbone from some items; before training."""
        layers = [head.reread for head in self.heads if head.reread is not None]
        if not layers or not texts:
            return
        self.module.eval()
        with torch.inference_mode():
            states = [_words_of(self.backbone(batch), batch) for _, batch in self.batches(self.rows(texts))]
            for layer in layers:
                layer.standardise_by(torch.cat(states).float())

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """See ``Network.rows``; ``places`` are the positions where words are classified, ``first`` the first word."""
        items = [words_of(item) if isinstance(item, str) else item for item in texts]
        # Each word is tokenized once, however often it occurs. The blank is for tokenizers that distinguish " a" from
        # "a".
        spelled = [_spelled(words) for words in items]
        distinct = sorted({word for words in spelled for word in words})
        encoded = encodings(self.tokenizer, distinct, special=False)
        room = max(1, self.config.max_tokens - len(self._before) - len(self._after))
        longest = min(WORD_TOKENS, room)
        pieces = {
            word: np.asarray(pieces_of_word.ids[:longest], dtype=np.int32)
            if pieces_of_word.ids
            else self._nothing[:longest]
            for word, pieces_of_word in zip(distinct, encoded, strict=True)
        }
        pieces[SENTENCE_END] = self._end[:longest]
        known = {word for words in items for word in words} - {SENTENCE_END}
        casing = {
            channel: {SENTENCE_END: 0} | {word: casing_feature(channel, word) for word in known}
            for channel in self._channels
        }
        return [
            row
            for number, (words, read) in enumerate(zip(items, spelled, strict=True))
            for row in self._rows_of(number, words, [pieces[word] for word in read], casing, room)
        ]

    def _rows_of(
        self,
        item: int,
        words: Sequence[str],
        tokens: Sequence[Ids],
        casing: dict[str, dict[str, int]],
        room: int,
    ) -> Iterator[Row]:
        lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        known = self._known(words)
        asked = np.fromiter((word != SENTENCE_END for word in words), dtype=bool, count=len(words))
        first = 0
        for start, end in _cuts(lengths, room):
            inside, asked_here = lengths[start:end], asked[start:end]
            if start and not asked_here.any():
                continue
            ids = np.concatenate([self._before, *tokens[start:end], self._after])
            ids = ids if len(ids) else np.asarray([self.config.pad_id], dtype=np.int32)
            channels = {name: self._spread(words[start:end], table, inside, len(ids)) for name, table in casing.items()}
            places = len(self._before) + np.cumsum(inside) - (1 if self.backbone.is_causal else inside)
            behind = first + int(asked_here.sum())
            parts = tuple(len(sentence) for sentence in sentences_of(words[start:end]) if sentence)
            yield Row(ids, item, channels, places[asked_here].astype(np.int32), first, known[first:behind], parts)
            first = behind

    def _known(self, words: Sequence[str]) -> Ids:
        """Feature numbers of each word, from its own sentence only, for the wide part."""
        if self.heads[0].wide is None:
            return np.zeros((len(words), 0), np.int32)
        return np.concatenate([numbers(sentence) for sentence in sentences_of(words)])

    def _spread(
        self, words: Sequence[str], casing: dict[str, int], lengths: npt.NDArray[np.int64], n_tokens: int
    ) -> Ids:
        """The casing number of each word at all of its tokens; 0 at special tokens."""
        positions = np.zeros(n_tokens, dtype=np.int32)
        marked = np.repeat(np.fromiter((casing[word] for word in words), np.int32, len(words)), lengths)
        positions[len(self._before) : len(self._before) + len(marked)] = marked
        return positions

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """Tag numbers of each row's words."""
        number = {label: place for place, label in enumerate(self.labels)}
        tags = [np.array([number[tag] for tag in cast(tuple[str, ...], answer)], dtype=np.int64) for answer in gold]
        return [tags[row.item][row.first : row.first + len(row.places)] for row in rows]

    # --------------------------------------------------------------------------------------------------------- training

    @property
    def loss_options(self) -> frozenset[str]:
        """See ``Network.loss_options``."""
        return frozenset(() if self._options.chain else {"label_smoothing"})

    def loss_terms(self, rows: Sequence[Row], targets: Sequence[Any]) -> int:  # noqa: ARG002
        """See ``Network.loss_terms``."""
        return sum(map(len, targets))

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Negative log-likelihood per word: of each tag, or with a CRF of the whole tag sequence.

        The losses of several heads are summed, so that each has gradients of its own.
        """
        return torch.stack([self._loss_of(head, states, batch, targets) for head in self.heads]).sum()

    def _loss_of(self, head: TagHead, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        scores = self._scores_of(head, states, batch)
        gold_ids = torch.from_numpy(np.concatenate(targets)).to(scores.device)
        if head.chain is None:
            return F.cross_entropy(scores, gold_ids, label_smoothing=self.label_smoothing)
        mask = _inside([count for row in batch.rows for count in row.parts]).to(scores.device)
        tags = torch.zeros(mask.shape, dtype=torch.int64, device=scores.device).masked_scatter(mask, gold_ids)
        return -head.chain.log_probability(_side_by_side(scores, mask), mask, tags).sum() / len(gold_ids)

    def word_scores(self, states: Tensor, batch: Batch) -> Tensor:
        """Scores of the tags of the batch's words one after another, ``(n_words, n_labels)``, float32."""
        return torch.stack([self._scores_of(head, states, batch) for head in self.heads]).mean(0)

    def _scores_of(self, head: TagHead, states: Tensor, batch: Batch) -> Tensor:
        words = _words_of(states, batch)
        if head.reread is None:
            words = self.dropout(words)
        else:  # dropout below the recurrent layer only
            mask = _inside([len(row.places) for row in batch.rows]).to(words.device)
            given = self.dropout(head.reread.standardised(words.float()))
            words = head.reread(_side_by_side(given, mask), mask)[mask]
        scores: Tensor = head(words.to(head.linear.weight.dtype)).float()
        if head.wide is None:
            return scores
        known = np.concatenate([row.known for row in batch.rows]).astype(np.int64)
        wide: Tensor = head.wide(torch.from_numpy(known).to(states.device))
        return scores + wide

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``. The score of an answer is the probability that all of its tags are right."""
        rows = self.rows(texts)
        counts = np.fromiter((len(row.places) for row in rows), dtype=np.int64, count=len(rows))
        begins = np.cumsum(counts) - counts
        scores = torch.empty((int(counts.sum()), len(self.labels)), device=next(self.module.parameters()).device)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(rows):
                word_scores = self.word_scores(self.backbone(batch), batch)
                scores[_spans(begins[chosen], counts[chosen]).to(scores.device)] = word_scores
            sentences = [sentences_of(words_of(text)) for text in texts]
            values, sure = self._decided(scores, np.array([len(text) for item in sentences for text in item], np.int64))
        begin = np.cumsum([0, *map(len, sentences)])
        joined = [tuple(tag for value in values[a:b] for tag in value) for a, b in pairwise(begin)]
        return of_values(joined, np.multiply.reduceat(sure, begin[:-1]) if joined else sure)

    def _decided(
        self, scores: Tensor, lengths: npt.NDArray[np.int64]
    ) -> tuple[list[tuple[str, ...]], npt.NDArray[np.float32]]:
        """Tags and their probability from the scores of all words, those of a sentence one after another."""
        begins = np.cumsum(lengths) - lengths
        values: list[tuple[str, ...]] = [()] * len(lengths)
        sure = np.ones(len(lengths), dtype=np.float32)
        for chosen in by_length(lengths.tolist(), rows=256, tokens=65_536):
            if not lengths[chosen[0]]:
                continue
            mask = _inside(lengths[chosen].tolist()).to(scores.device)
            table = _side_by_side(scores[_spans(begins[chosen], lengths[chosen]).to(scores.device)], mask)
            paths, likely = self._best(table, mask)
            for item, path, probability in zip(chosen, paths.tolist(), likely.tolist(), strict=True):
                values[item] = tuple(self.labels[number] for number in path[: lengths[item]])
                sure[item] = probability
        return values, sure

    def _best(self, scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The best tags ``(n, words)`` and their probability ``(n,)``, from scores ``(n, words, n_labels)``."""
        chain = self._chain()
        if chain is None and self._rules is None:
            paths = scores.argmax(2)
        else:
            moves, first = (rule.to(scores.device) for rule in self._rules or (torch.zeros(()), torch.zeros(())))
            if chain is not None:
                moves, first = moves + chain.transitions, first + chain.start_transitions
            paths = viterbi(scores, mask, moves, first)
        if chain is not None:
            return paths, chain.log_probability(scores, mask, paths).exp()
        each = F.log_softmax(scores, dim=2).gather(2, paths.unsqueeze(2)).squeeze(2)
        return paths, (each * mask).sum(1).exp()

    def transitions(self) -> tuple[Tensor, Tensor]:
        """Scores of decoding from tag to tag ``(n_labels, n_labels)``, and of the first tag: CRF and IOB2 rules."""
        n_labels, chain = len(self.labels), self._chain()
        moves, first = self._rules or (torch.zeros(n_labels, n_labels), torch.zeros(n_labels))
        if chain is None:
            return moves, first
        return moves + chain.transitions.detach().cpu(), first + chain.start_transitions.detach().cpu()

    @property
    def frame(self) -> tuple[Ids, Ids]:
        """Ids of the special tokens before and after a row."""
        return self._before, self._after

    @property
    def word_limits(self) -> dict[str, Any]:
        """What long words are truncated to, and the ids of a word for which the tokenizer gives no token."""
        limits = {"word_characters": WORD_CHARACTERS, "word_tokens": WORD_TOKENS}
        return {**limits, "no_token_ids": self._nothing.tolist()}

    def _chain(self) -> LinearChainCrf | None:
        """The head's CRF, or the mean of all heads' CRFs."""
        chains = [head.chain for head in self.heads if head.chain is not None]
        if len(chains) < 2:
            return chains[0] if chains else None
        mean = LinearChainCrf(len(self.labels)).to(chains[0].transitions.device)
        mean.transitions.data = torch.stack([chain.transitions.detach() for chain in chains]).mean(0)
        mean.start_transitions.data = torch.stack([chain.start_transitions.detach() for chain in chains]).mean(0)
        return mean


def _spelled(words: Sequence[str]) -> list[str]:
    """Words as they appear in running text, truncated; after a line break there is no blank."""
    sentence_words: list[str] = []
    for sentence in sentences_of(words):
        blank = "" if without_blanks(sentence) else " "
        read = [f"{blank}{word[:WORD_CHARACTERS]}" for word in sentence]
        sentence_words += (
            [SENTENCE_END, *(word.lstrip(" ") for word in read[:1]), *read[1:]] if sentence_words else read
        )
    return sentence_words


def _cuts(lengths: npt.NDArray[np.int64], room: int) -> Iterator[tuple[int, int]]:
    """First word and end (exclusive) of each row; one row at least."""
    total = np.cumsum(lengths)
    start, count = 0, len(lengths)
    while True:
        behind = int(total[start - 1]) if start else 0
        end = int(np.searchsorted(total, behind + room, side="right"))
        yield start, end
        start = end
        if start >= count:
            return


def _words_of(states: Tensor, batch: Batch) -> Tensor:
    """States at the batch's words, one after another: ``(n_words, width)``."""
    n_tokens = states.shape[1]
    where = np.concatenate([row.places + np.int64(number * n_tokens) for number, row in enumerate(batch.rows)])
    return states.flatten(0, 1).index_select(0, torch.from_numpy(where).to(states.device))


def _inside(lengths: Sequence[int]) -> Tensor:
    """``(n, longest)``, bool: where there is a word."""
    given = torch.as_tensor(lengths)
    return torch.arange(max(1, int(given.max())))[None, :] < given[:, None]


def _side_by_side(scores: Tensor, mask: Tensor) -> Tensor:
    """Scores of words one after another as a padded table ``(n, words, n_labels)``."""
    table = scores.new_zeros((*mask.shape, scores.shape[1]))
    return table.masked_scatter(mask.unsqueeze(2), scores)


def _spans(begins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Tensor:
    """The numbers ``begin, begin + 1, ...`` of each span, one after another."""
    jumps = np.repeat(begins - (np.cumsum(counts) - counts), counts)
    return torch.from_numpy(jumps + np.arange(int(counts.sum())))
