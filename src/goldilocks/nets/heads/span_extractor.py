"""Span extraction (extractive question answering): each token is scored as the start and as the end of the answer.

A context longer than ``max_tokens`` is split into windows that overlap by a quarter, each with the question before it.
Position 0 of a window stands for "no answer in this window"; scores of spans are relative to it, so that spans of
different windows can be compared.

Source: Devlin et al. 2019, "BERT" (start and end scores, position 0 for no answer as in SQuAD 2.0).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.heads.span_features import PairChannels, TokenFeatures, words_of
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig, linear_head
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Gold, Text

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Ids = npt.NDArray[np.int32]

OVERLAP_SHARE = 0.25
"""Overlap of consecutive windows, as a share of the context in one."""
QUESTION_SHARE = 0.25
"""Share of a window that the question may fill; longer questions are truncated."""
MAX_WINDOWS = 64
"""Windows of an item (about 12,000 tokens at 256 each); longer contexts are truncated, since a book sent to a service
would block it for minutes."""
LONGEST = 30
"""Maximum number of tokens of an answer, before training shows how long answers are."""
FEWEST_LONGEST = 8
"""The least that this limit is set to."""
LONG_QUANTILE = 0.995
"""The limit is this quantile of the lengths of the training answers."""


@dataclass(frozen=True)
class SpanExtractorConfig(HeadConfig):
    """Limits on answers, learnt from the training rows."""

    KIND: ClassVar[str] = "span_extractor"
    max_answer_tokens: int = LONGEST
    """Maximum number of tokens of an answer."""
    may_be_empty: bool = True
    """Whether some training questions have no answer."""


@dataclass(frozen=True, slots=True)
class Window(Row):
    """A question and a window of its context."""

    begins: int = 0
    """Position of the first token of the context."""
    offsets: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    """Character offsets (start, end) in the context of each of its tokens in this row, ``(n_tokens, 2)``."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The special tokens around a question and its context: the tokenizer's pair template."""

    before: Ids
    between: Ids
    after: Ids
    types: tuple[int, int]
    """Token type of the question and of the context."""

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


class SpanExtractor(Network):
    """Extracts answers (``Output.SPAN``) from items that are (question, context)."""

    HEAD = SpanExtractorConfig
    pools = False

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """See ``Network``; truncation of the tokenizer is turned off, as contexts are split into windows."""
        super().__init__(backbone, tokenizer, config)
        tokenizer.no_truncation()
        self._frame = frame_of(tokenizer, config.pad_id)

    @property
    def options(self) -> SpanExtractorConfig:
        """The head's config."""
        return cast(SpanExtractorConfig, self.config.head)

    def new_head(self) -> nn.Module:
        """Start and end scores of each token."""
        return linear_head(self.backbone.width, 2)

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """One or more windows for each item. A context that several questions share is tokenized once."""
        # Tokenizing text far beyond the last window would be wasted; no language has 12 characters per token.
        reach = 12 * self.config.max_tokens
        pairs = [(question[:reach], context[: MAX_WINDOWS * reach]) for question, context in map(_pair, texts)]
        distinct = list(dict.fromkeys(text for pair in pairs for text in pair))
        encoded = dict(zip(distinct, self.tokenizer.encode_batch(distinct, add_special_tokens=False), strict=True))
        contexts = {context: _tokens(encoded[context]) for _, context in pairs}
        features = TokenFeatures(self.backbone.span_channels)
        windows: list[Row] = []
        for number, (question, context) in enumerate(pairs):
            question_ids = np.asarray(encoded[question].ids, dtype=np.int32)
            channels = features.of_pair(words_of(question, encoded[question]), words_of(context, encoded[context]))
            windows += self._windows(number, question_ids, *contexts[context], channels)
        return windows

    def _windows(
        self, item: int, question: Ids, ids: Ids, offsets: npt.NDArray[np.int32], channels: PairChannels
    ) -> Iterator[Window]:
        frame, limit = self._frame, self.config.max_tokens
        question = question[: max(1, int(QUESTION_SHARE * limit))]
        room = max(1, limit - len(frame) - len(question))
        step = max(1, room - int(OVERLAP_SHARE * room))
        head = np.concatenate([frame.before, question, frame.between])
        for number in range(min(MAX_WINDOWS, 1 + max(0, math.ceil((len(ids) - room) / step)))):
            piece = slice(number * step, number * step + room)
            row = np.concatenate([head, ids[piece], frame.after])
            types = np.repeat(np.array(frame.types, dtype=np.int32), [len(head), len(row) - len(head)])
            more = {
                name: np.concatenate(
                    [0 * frame.before, asked[: len(question)], 0 * frame.between, values[piece], 0 * frame.after]
                )
                for name, (asked, values) in channels.items()
            }
            yield Window(row, item, {"types": types, **more}, begins=len(head), offsets=offsets[piece])

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """Start and end position of the answer in each window; (0, 0) where it is not completely inside.

        The first gold answer that has an offset in the context counts. The config's limits are set from these rows.
        """
        spans = [next((span for span in cast(_Spans, right) if span[0] >= 0), None) for right in gold]
        positions = [_positions(cast(Window, row), spans[row.item]) for row in rows]
        lengths = [last - first + 1 for first, last in positions if first]
        longest = max(FEWEST_LONGEST, math.ceil(np.quantile(lengths, LONG_QUANTILE))) if lengths else LONGEST
        self.config = replace(self.config, head=SpanExtractorConfig(longest, may_be_empty=not all(gold)))
        return positions

    # --------------------------------------------------------------------------------------------------------- training

    @property
    def loss_options(self) -> frozenset[str]:
        """See ``Network.loss_options``."""
        return frozenset()

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean cross entropy of the start and of the end position."""
        return F.cross_entropy(self._scores(states, batch), torch.tensor(targets, device=states.device))

    def _scores(self, states: Tensor, batch: Batch) -> Tensor:
        """``(n_rows, n_tokens, 2)``, float32; -inf outside of the context and of position 0."""
        scores = self.head(self.dropout(states).to(next(self.head.parameters()).dtype)).float()
        rows = cast(Sequence[Window], batch.rows)
        begins = torch.tensor([[row.begins] for row in rows], device=scores.device)
        ends = torch.tensor([[row.begins + len(row.offsets)] for row in rows], device=scores.device)
        place = torch.arange(scores.shape[1], device=scores.device)
        outside = (place != 0) & ((place < begins) | (place >= ends))
        return cast(Tensor, scores.masked_fill(outside.unsqueeze(-1), float("-inf")))

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The best span over all windows of an item, or the empty answer where position 0 wins in every window.

        Where each training question had an answer, only contexts without tokens get an empty one. A score is the
        probability of the answer in its window.
        """
        best: list[tuple[float, str, float]] = [(-math.inf, "", 0.0)] * len(texts)
        no_answer = np.ones(len(texts), dtype=np.float32)
        options = self.options
        rows = self.rows(texts) if texts else []
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(rows):
                spans = _best_spans(self._scores(self.backbone(batch), batch), options.max_answer_tokens)
                for place, gap, first, last, sure, none in zip(chosen, *spans, strict=True):
                    row = cast(Window, rows[place])
                    no_answer[row.item] = min(no_answer[row.item], none)
                    if gap > best[row.item][0] and (gap > 0 or not options.may_be_empty):
                        context = _pair(texts[row.item])[1]
                        start, end = row.offsets[first - row.begins, 0], row.offsets[last - row.begins, 1]
                        best[row.item] = (gap, context[start:end].strip(), sure)
        values = [text for _, text, _ in best]
        scores = [sure if text else none for (_, text, sure), none in zip(best, no_answer.tolist(), strict=True)]
        return of_values(values, np.asarray(scores, dtype=np.float32))


_Spans = Sequence[tuple[int, str]]


def frame_of(tokenizer: Tokenizer, pad_id: int) -> Frame:
    """The tokenizer's special tokens around a pair; without a pair template those around a single text.

    There is always a token before the question: position 0 must not be one of the context.
    """
    pair = tokenizer.encode("a", "b")
    types = (pair.type_ids[0], pair.type_ids[-1]) if pair.type_ids else (0, 0)
    places = _places(pair)
    if has_pair_template(tokenizer):
        (start, stop), (again, end) = ((side[0], side[-1] + 1) for side in places)
        parts = [pair.ids[:start], pair.ids[stop:again], pair.ids[end:]]
    else:
        encoded = tokenizer.encode("a")
        inside = [i for i, side in enumerate(encoded.sequence_ids) if side == 0] or [0]
        after = encoded.ids[inside[-1] + 1 :]
        parts = [encoded.ids[: inside[0]] or [pad_id], after or [pad_id], after]
    before, between, after_ids = (np.asarray(ids, dtype=np.int32) for ids in parts)
    return Frame(before, between, after_ids, types)


def has_pair_template(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer puts special tokens before and between the texts of a pair."""
    places = _places(tokenizer.encode("a", "b"))
    return all(places) and places[0][0] > 0 and places[1][0] > places[0][-1] + 1


def _places(pair: Encoding) -> list[list[int]]:
    """Positions of the tokens of each text of a pair."""
    return [[i for i, side in enumerate(pair.sequence_ids) if side == wanted] for wanted in (0, 1)]


def _pair(item: Text) -> tuple[str, str]:
    """Question and context of an item."""
    return ("", item) if isinstance(item, str) else (item[0], " ".join(item[1:]))


def _tokens(encoded: Encoding) -> tuple[Ids, npt.NDArray[np.int32]]:
    offsets = np.asarray(encoded.offsets, dtype=np.int32).reshape(-1, 2)
    return np.asarray(encoded.ids, dtype=np.int32), offsets


def _positions(row: Window, span: tuple[int, str] | None) -> tuple[int, int]:
    """Start and end position of a span in a window; (0, 0) where it is not completely inside."""
    if span is None or not len(row.offsets):
        return 0, 0
    start, end = span[0], span[0] + len(span[1])
    first = int(np.searchsorted(row.offsets[:, 1], start, side="right"))
    last = int(np.searchsorted(row.offsets[:, 0], end, side="left")) - 1
    if first > last or start < row.offsets[0, 0] or end > row.offsets[-1, 1]:
        return 0, 0
    return row.begins + first, row.begins + last


def _best_spans(scores: Tensor, longest: int) -> tuple[list[Any], ...]:
    """The best span of each row of ``(n_rows, n_tokens, 2)`` scores.

    Returns:
        Lists with a number for each row: by how much the span outscores position 0 (-inf: there is no span), its start
        and end position, its probability, and that of position 0.
    """
    first, last = scores[:, 1:, 0], scores[:, 1:, 1]
    n_rows, n_tokens = first.shape
    value = torch.full((n_rows,), float("-inf"), device=scores.device)
    place, extra = torch.zeros((2, n_rows), dtype=torch.long, device=scores.device)
    for more in range(min(longest, n_tokens)):  # tokens after the first
        now, where = (first[:, : n_tokens - more] + last[:, more:]).max(1)
        better = now > value
        value, place = torch.where(better, now, value), torch.where(better, where, place)
        extra = torch.where(better, more, extra)
    nothing = scores[:, 0].sum(1)
    log_partition = torch.logsumexp(scores, 1).sum(1)
    columns = (
        value - nothing,
        place + 1,
        place + 1 + extra,
        (value - log_partition).exp(),
        (nothing - log_partition).exp(),
    )
    return tuple(column.tolist() for column in columns)
