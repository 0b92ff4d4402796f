"""A tag for each word: words become rows of subwords, and each word is answered at its first one.

A backbone that looks back only (a decoder) has seen a word at its last subword, and nothing of what follows: there the
head reads the words once more, from both ends (``BiRecurrentLayer``).

An item of several sentences is read as one, with what the tokenizer makes of a line break between two of them; the tags
of each are decided by themselves. What is longer than the network reads is cut between words into several rows, whose
words are joined again before that. Tags of entities come out well formed (IOB2): the best sequence that is. With a
chain (``nets/layers/linear_chain_crf``) the network learns what follows what as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings, hides_case, mark_of
from goldilocks.nets.backbones.rnn import both_ways, recurrent_cell
from goldilocks.nets.layers.linear_chain_crf import LinearChainCrf, best_paths, rules
from goldilocks.nets.network import Network, NetworkConfig, linear_head
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
"""What the wide part's weights are multiplied by: it has to learn from a word seen once or twice."""
WIDE_HIDDEN, WORDS_HIDDEN = 0.3, 0.3
"""Share of the features, and of the words with all of theirs, that the wide part does without in training."""
REREAD_STATE = 256
"""Numbers of memory per direction where the words are read once more."""
WORD_CHARACTERS = 64
"""Of a longer word only the beginning is read."""
WORD_TOKENS = 16
"""Most tokens of a word that take part."""
_NOTHING = "?"
"""Stands for a word the tokenizer sees nothing in."""


class Wide(nn.Module):
    """Scores of each tag from the features of a word and its neighbours, beside what the hidden states say.

    Source: Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems", with a CRF's features for the wide part.
    """

    def __init__(self, n_labels: int) -> None:
        """No feature says anything yet."""
        super().__init__()
        self.table = nn.Embedding(BUCKETS, n_labels)
        nn.init.zeros_(self.table.weight)

    def forward(self, features: Tensor) -> Tensor:
        """``(n_words, MOST)`` -> ``(n_words, n_labels)``."""
        keep = features > 0
        if self.training:
            # Without some words the hidden states would be left with what the features do not explain.
            keep = keep & (torch.rand(features.shape, device=features.device) > WIDE_HIDDEN)
            keep = keep & (torch.rand((len(features), 1), device=features.device) > WORDS_HIDDEN)
        scores: Tensor = (self.table(features) * keep.unsqueeze(2)).sum(1) * GAIN
        return scores / (1 - WIDE_HIDDEN) if self.training else scores


class BiRecurrentLayer(nn.Module):
    """The words' states read once more, from both ends.

    Source: Peters et al. 2017, "Semi-supervised sequence tagging with bidirectional language models": a recurrent layer
    over the states of a frozen language model. Some numbers of a decoder's states are far larger than the others, so
    each is first brought to mean 0 and deviation 1 over some words.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, width: int) -> None:
        """Layers that have learnt nothing; ``settle`` gives mean and deviation."""
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        self.forth = recurrent_cell("gru", width, REREAD_STATE)
        self.back = recurrent_cell("gru", width, REREAD_STATE)

    def settle(self, words: Tensor) -> None:
        """Take mean and deviation from the states of some words, ``(n_words, width)``."""
        self.centre.copy_(words.mean(0))
        self.spread.copy_(words.std(0, correction=0).clamp(min=1e-6))

    def take_over(self, other: BiRecurrentLayer) -> None:
        """Mean and deviation as ``other`` has them."""
        self.centre.copy_(other.centre)
        self.spread.copy_(other.spread)

    def centred(self, words: Tensor) -> Tensor:
        """States with mean 0 and deviation 1."""
        return (words - self.centre) / self.spread

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """``(n_rows, n_words, width)`` -> ``(n_rows, n_words, 2 * REREAD_STATE)``."""
        return both_ways(self.forth, self.back, words, mask)


class TagHead(nn.Module):
    """Scores of each tag for a word; with a chain also of each step between tags, with a wide part from features."""

    def __init__(self, width: int, n_labels: int, *, chain: bool, wide: bool, reread: bool) -> None:
        """A head that knows nothing."""
        super().__init__()
        self.reread = BiRecurrentLayer(width) if reread else None
        self.linear = linear_head(2 * REREAD_STATE if reread else width, n_labels)
        self.chain = LinearChainCrf(n_labels) if chain else None
        self.wide = Wide(n_labels) if wide else None

    def forward(self, words: Tensor) -> Tensor:
        """``(n_words, width)`` -> ``(n_words, n_labels)``."""
        scores: Tensor = self.linear(words)
        return scores


class TokenClassifier(Network):
    """A network that tags words. ``shape.settled`` says whether its head has a ``chain`` and a ``wide`` part.

    ``heads`` there: so many heads learn side by side from starts of their own, and their scores are averaged (Hansen
    and Salamon 1990, "Neural network ensembles"); the backbone below runs once for all of them.
    """

    pools = False

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """Put the parts together; where the tokenizer hides how a word is written, the backbone gets marks for it."""
        tokenizer.no_truncation()  # whole sentences are tokenized, then cut between words
        self._channels: tuple[str, ...] = backbone.spelling if hides_case(tokenizer) else ()
        if self._channels:
            backbone.marks = CasingEmbeddings(self._channels, backbone.mark_width)
        super().__init__(backbone, tokenizer, shape)
        self._before, self._after = special_tokens(tokenizer)
        self._nothing = np.asarray(
            tokenizer.encode(_NOTHING, add_special_tokens=False).ids or [shape.pad_id], dtype=np.int32
        )
        self._end = np.asarray(tokenizer.encode(SENTENCE_END, add_special_tokens=False).ids, dtype=np.int32)
        self._rules = rules(self.labels)

    def new_head(self) -> nn.Module:
        """See ``Network.new_head``."""
        settled = self.shape.settled
        made = [
            TagHead(
                self.backbone.width,
                len(self.labels),
                chain=bool(settled.get("chain")),
                wide=bool(settled.get("wide")),
                reread=self.backbone.is_causal,
            )
            for _ in range(int(settled.get("heads", 1)))
        ]
        return made[0] if len(made) == 1 else nn.ModuleList(made)

    @property
    def heads(self) -> list[TagHead]:
        """The head, or all of them."""
        return [self.head] if isinstance(self.head, TagHead) else [cast(TagHead, one) for one in self.head.children()]

    def multiply_head(self, count: int) -> None:
        """See ``Network.multiply_head``."""
        before = self.heads[0].reread
        self.shape = replace(self.shape, settled={**self.shape.settled, "heads": count})
        self.head = self.new_head()
        self.module["head"] = self.head
        for one in self.heads:
            if before is not None and one.reread is not None:
                one.reread.take_over(before)

    def look_over(self, texts: Sequence[Text]) -> None:
        """See how large the backbone's states are, where the head reads them once more; before any learning."""
        rereads = [one.reread for one in self.heads if one.reread is not None]
        if not rereads or not texts:
            return
        self.module.eval()
        with torch.inference_mode():
            found = [_words_of(self.backbone(batch), batch) for _, batch in self.batches(self.rows(texts))]
            for one in rereads:
                one.settle(torch.cat(found).float())

    # --------------------------------------------------------------------------------------------------------- reading

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """See ``Network.rows``; ``places`` are the words' tokens that are answered at, ``first`` the first word."""
        items = [words_of(one) if isinstance(one, str) else one for one in texts]
        # Each word is tokenized once, however often it occurs. The blank is for tokenizers that read " a" unlike "a".
        spelled = [_spelled(words) for words in items]
        distinct = sorted({word for words in spelled for word in words})
        encoded = encodings(self.tokenizer, distinct, special=False)
        room = max(1, self.shape.max_tokens - len(self._before) - len(self._after))
        longest = min(WORD_TOKENS, room)
        pieces = {
            word: np.asarray(one.ids[:longest], dtype=np.int32) if one.ids else self._nothing[:longest]
            for word, one in zip(distinct, encoded, strict=True)
        }
        pieces[SENTENCE_END] = self._end[:longest]
        known = {word for words in items for word in words} - {SENTENCE_END}
        marks = {
            channel: {SENTENCE_END: 0} | {word: mark_of(channel, word) for word in known} for channel in self._channels
        }
        return [
            row
            for number, (words, read) in enumerate(zip(items, spelled, strict=True))
            for row in self._rows_of(number, words, [pieces[word] for word in read], marks, room)
        ]

    def _rows_of(
        self,
        item: int,
        words: Sequence[str],
        tokens: Sequence[Ids],
        marks: dict[str, dict[str, int]],
        room: int,
    ) -> Iterator[Row]:
        lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        known = self._known(words)
        asked = np.fromiter((word != SENTENCE_END for word in words), dtype=bool, count=len(words))
        first = 0
        for start, end in _cuts(lengths, room):
            inside, here = lengths[start:end], asked[start:end]
            if start and not here.any():
                continue
            ids = np.concatenate([self._before, *tokens[start:end], self._after])
            ids = ids if len(ids) else np.asarray([self.shape.pad_id], dtype=np.int32)
            channels = {name: self._spread(words[start:end], table, inside, len(ids)) for name, table in marks.items()}
            places = len(self._before) + np.cumsum(inside) - (1 if self.backbone.is_causal else inside)
            behind = first + int(here.sum())
            parts = tuple(len(one) for one in sentences_of(words[start:end]) if one)
            yield Row(ids, item, channels, places[here].astype(np.int32), first, known[first:behind], parts)
            first = behind

    def _known(self, words: Sequence[str]) -> Ids:
        """What the wide part is told of each word: of its own sentence only."""
        if self.heads[0].wide is None:
            return np.zeros((len(words), 0), np.int32)
        return np.concatenate([numbers(one) for one in sentences_of(words)])

    def _spread(
        self, words: Sequence[str], marks: dict[str, int], lengths: npt.NDArray[np.int64], n_tokens: int
    ) -> Ids:
        """The mark of each word on all of its tokens; special tokens have none."""
        found = np.zeros(n_tokens, dtype=np.int32)
        marked = np.repeat(np.fromiter((marks[word] for word in words), np.int32, len(words)), lengths)
        found[len(self._before) : len(self._before) + len(marked)] = marked
        return found

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """Numbers of the tags of each row's words."""
        number = {label: place for place, label in enumerate(self.labels)}
        tags = [np.array([number[tag] for tag in cast(tuple[str, ...], one)], dtype=np.int64) for one in gold]
        return [tags[row.item][row.first : row.first + len(row.places)] for row in rows]

    # --------------------------------------------------------------------------------------------------------- learning

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean over the words of the batch of -log probability: of each tag, or with a chain of all tags together.

        With several heads the sum of theirs, so that each has gradients of its own.
        """
        return torch.stack([self._loss_of(head, states, batch, targets) for head in self.heads]).sum()

    def _loss_of(self, head: TagHead, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        scores = self._scores_of(head, states, batch)
        wanted = torch.from_numpy(np.concatenate(targets)).to(scores.device)
        if head.chain is None:
            return F.cross_entropy(scores, wanted, label_smoothing=self.label_smoothing)
        mask = _inside([count for row in batch.rows for count in row.parts]).to(scores.device)
        tags = torch.zeros(mask.shape, dtype=torch.int64, device=scores.device).masked_scatter(mask, wanted)
        return -head.chain.log_probability(_side_by_side(scores, mask), mask, tags).sum() / len(wanted)

    def _scores(self, states: Tensor, batch: Batch) -> Tensor:
        """Scores of the tags of the batch's words one after another, ``(n_words, n_labels)``, float32."""
        return torch.stack([self._scores_of(head, states, batch) for head in self.heads]).mean(0)

    def _scores_of(self, head: TagHead, states: Tensor, batch: Batch) -> Tensor:
        words = _words_of(states, batch)
        if head.reread is None:
            words = self.dropout(words)
        else:  # dropout below the recurrent layer only
            mask = _inside([len(row.places) for row in batch.rows]).to(words.device)
            given = self.dropout(head.reread.centred(words.float()))
            words = head.reread(_side_by_side(given, mask), mask)[mask]
        scores: Tensor = head(words.to(head.linear.weight.dtype)).float()
        if head.wide is None:
            return scores
        known = np.concatenate([row.known for row in batch.rows]).astype(np.int64)
        wide: Tensor = head.wide(torch.from_numpy(known).to(states.device))
        return scores + wide

    # -------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``. The score of an answer is the probability that all of its tags are right."""
        rows = self.rows(texts)
        counts = np.fromiter((len(row.places) for row in rows), dtype=np.int64, count=len(rows))
        begins = np.cumsum(counts) - counts
        scores = torch.empty((int(counts.sum()), len(self.labels)), device=next(self.module.parameters()).device)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(rows):
                found = self._scores(self.backbone(batch), batch)
                scores[_spans(begins[chosen], counts[chosen]).to(scores.device)] = found
            sentences = [sentences_of(words_of(one)) for one in texts]
            values, sure = self._decided(scores, np.array([len(one) for item in sentences for one in item], np.int64))
        begin = np.cumsum([0, *map(len, sentences)])
        joined = [tuple(tag for one in values[a:b] for tag in one) for a, b in pairwise(begin)]
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
            moves, first = (one.to(scores.device) for one in self._rules or (torch.zeros(()), torch.zeros(())))
            if chain is not None:
                moves, first = moves + chain.moves, first + chain.first
            paths = best_paths(scores, mask, moves, first)
        if chain is not None:
            return paths, chain.log_probability(scores, mask, paths).exp()
        each = F.log_softmax(scores, dim=2).gather(2, paths.unsqueeze(2)).squeeze(2)
        return paths, (each * mask).sum(1).exp()

    def _chain(self) -> LinearChainCrf | None:
        """The head's chain, or the mean of all of theirs."""
        chains = [one.chain for one in self.heads if one.chain is not None]
        if len(chains) < 2:
            return chains[0] if chains else None
        mean = LinearChainCrf(len(self.labels)).to(chains[0].moves.device)
        mean.moves.data = torch.stack([one.moves.detach() for one in chains]).mean(0)
        mean.first.data = torch.stack([one.first.detach() for one in chains]).mean(0)
        return mean


def _spelled(words: Sequence[str]) -> list[str]:
    """Words as they stand in a running text, the beginning of each; behind a line break there is no blank."""
    found: list[str] = []
    for sentence in sentences_of(words):
        blank = "" if without_blanks(sentence) else " "
        read = [f"{blank}{word[:WORD_CHARACTERS]}" for word in sentence]
        found += [SENTENCE_END, *(one.lstrip(" ") for one in read[:1]), *read[1:]] if found else read
    return found


def _cuts(lengths: npt.NDArray[np.int64], room: int) -> Iterator[tuple[int, int]]:
    """From which word up to which (not including it) each row goes; one row at least."""
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
