"""A network that answers a question with a piece of a text: each token is scored as the answer's first and as its last.

A context longer than the network reads is read in windows that overlap by a quarter, each with the question before it.
Place 0 of a window stands for "the answer is not in here"; the score of a piece is counted from there, so that pieces
of different windows can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_values
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.network import Network, NetworkConfig, linear_head
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Gold, Text

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Ids = npt.NDArray[np.int32]

OVERLAP_SHARE = 0.25
"""Share of a window's room that it has in common with the next."""
QUESTION_SHARE = 0.25
"""Most of a window that the question may fill; what is beyond is not read."""
MOST_WINDOWS = 64
"""Windows of an item (about 12,000 tokens at 256 each); what is beyond is not read, or a book sent to a service would
hold it up for minutes."""
LONGEST = 30
"""Tokens of an answer at most, before training shows how long answers are."""
FEWEST_LONGEST = 8
LONG_QUANTILE = 0.995
"""So large a share of the training answers is no longer than the longest answer given."""


@dataclass(frozen=True, slots=True)
class Window(Row):
    """A question and a piece of its context."""

    begins: int = 0
    """Place in the row of the first token of the context."""
    offsets: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    """Characters of the context that each of its tokens in this row stands for, ``(n_tokens, 2)``: start and end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The special tokens around a question and its context, as the tokenizer sets them around a pair."""

    before: Ids
    between: Ids
    after: Ids
    types: tuple[int, int]
    """Token type of the question and of the context."""

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


class SpanExtractor(Network):
    """Answers of the kind ``span``: items are (question, context)."""

    pools = False

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """See ``Network``; the tokenizer is made to read contexts to their end."""
        super().__init__(backbone, tokenizer, shape)
        tokenizer.no_truncation()
        self._frame = frame_of(tokenizer, shape.pad_id)

    def new_head(self) -> nn.Module:
        """First and last token of the answer."""
        return linear_head(self.backbone.width, 2)

    # --------------------------------------------------------------------------------------------------------- reading

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """One or more windows for each item. Questions asked about the same context share its tokens."""
        # Text far beyond what is read would only cost tokenizing; no language has 12 characters per token.
        reach = 12 * self.shape.max_tokens
        pairs = [(question[:reach], context[: MOST_WINDOWS * reach]) for question, context in map(_pair, texts)]
        distinct = list(dict.fromkeys(text for pair in pairs for text in pair))
        encoded = dict(zip(distinct, self.tokenizer.encode_batch(distinct, add_special_tokens=False), strict=True))
        contexts = {context: _tokens(encoded[context]) for _, context in pairs}
        found: list[Row] = []
        for number, (question, context) in enumerate(pairs):
            asked = np.asarray(encoded[question].ids, dtype=np.int32)
            found += self._windows(number, asked, *contexts[context])
        return found

    def _windows(self, item: int, question: Ids, ids: Ids, offsets: npt.NDArray[np.int32]) -> Iterator[Window]:
        frame, most = self._frame, self.shape.max_tokens
        question = question[: max(1, int(QUESTION_SHARE * most))]
        room = max(1, most - len(frame) - len(question))
        step = max(1, room - int(OVERLAP_SHARE * room))
        head = np.concatenate([frame.before, question, frame.between])
        for number in range(min(MOST_WINDOWS, 1 + max(0, math.ceil((len(ids) - room) / step)))):
            piece = slice(number * step, number * step + room)
            row = np.concatenate([head, ids[piece], frame.after])
            types = np.repeat(np.array(frame.types, dtype=np.int32), [len(head), len(row) - len(head)])
            yield Window(row, item, {"types": types}, begins=len(head), offsets=offsets[piece])

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """Places of the first and last token of the answer in each window; (0, 0) where it is not (whole) in there.

        The first right answer that has a place in the context counts. How long answers are, and whether there may be
        none, is learnt here.
        """
        pieces = [next((one for one in cast(_Pieces, right) if one[0] >= 0), None) for right in gold]
        found = [_places(cast(Window, row), pieces[row.item]) for row in rows]
        lengths = [last - first + 1 for first, last in found if first]
        longest = max(FEWEST_LONGEST, math.ceil(np.quantile(lengths, LONG_QUANTILE))) if lengths else LONGEST
        self.shape = replace(self.shape, settled={"longest": longest, "silent": not all(gold)})
        return found

    # -------------------------------------------------------------------------------------------------------- learning

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean cross entropy of the first and of the last token."""
        return F.cross_entropy(self._scores(states, batch), torch.tensor(targets, device=states.device))

    def _scores(self, states: Tensor, batch: Batch) -> Tensor:
        """``(n_rows, n_tokens, 2)``, float32; -inf outside of the context and of place 0."""
        scores = self.head(self.dropout(states).to(next(self.head.parameters()).dtype)).float()
        rows = cast(Sequence[Window], batch.rows)
        begins = torch.tensor([[row.begins] for row in rows], device=scores.device)
        ends = torch.tensor([[row.begins + len(row.offsets)] for row in rows], device=scores.device)
        place = torch.arange(scores.shape[1], device=scores.device)
        outside = (place != 0) & ((place < begins) | (place >= ends))
        return cast(Tensor, scores.masked_fill(outside.unsqueeze(-1), float("-inf")))

    # ------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The best piece over all windows of an item, or nothing where every window says so.

        Where each training question had an answer, nothing is said only of contexts without tokens. A score is the
        probability of the answer in its window.
        """
        best: list[tuple[float, str, float]] = [(-math.inf, "", 0.0)] * len(texts)
        silence = np.ones(len(texts), dtype=np.float32)
        silent = bool(self.shape.settled.get("silent", True))
        rows = self.rows(texts) if texts else []
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(rows):
                found = _best_pieces(self._scores(self.backbone(batch), batch), self._longest)
                for place, gap, first, last, sure, none in zip(chosen, *found, strict=True):
                    row = cast(Window, rows[place])
                    silence[row.item] = min(silence[row.item], none)
                    if gap > best[row.item][0] and (gap > 0 or not silent):
                        context = _pair(texts[row.item])[1]
                        start, end = row.offsets[first - row.begins, 0], row.offsets[last - row.begins, 1]
                        best[row.item] = (gap, context[start:end].strip(), sure)
        values = [text for _, text, _ in best]
        scores = [sure if text else none for (_, text, sure), none in zip(best, silence.tolist(), strict=True)]
        return of_values(values, np.asarray(scores, dtype=np.float32))

    @property
    def _longest(self) -> int:
        return int(self.shape.settled.get("longest", LONGEST))


_Pieces = Sequence[tuple[int, str]]


def frame_of(tokenizer: Tokenizer, pad_id: int) -> Frame:
    """What a tokenizer sets around a pair; one that has nothing for pairs gets what it sets around a text.

    There is always a token before the question: place 0 must not be one of the context.
    """
    pair = tokenizer.encode("a", "b")
    types = (pair.type_ids[0], pair.type_ids[-1]) if pair.type_ids else (0, 0)
    places = [[i for i, side in enumerate(pair.sequence_ids) if side == wanted] for wanted in (0, 1)]
    if all(places) and places[0][0] > 0 and places[1][0] > places[0][-1] + 1:
        (start, stop), (again, end) = ((one[0], one[-1] + 1) for one in places)
        parts = [pair.ids[:start], pair.ids[stop:again], pair.ids[end:]]
    else:
        single = tokenizer.encode("a")
        inside = [i for i, side in enumerate(single.sequence_ids) if side == 0] or [0]
        after = single.ids[inside[-1] + 1 :]
        parts = [single.ids[: inside[0]] or [pad_id], after or [pad_id], after]
    before, between, after_ids = (np.asarray(one, dtype=np.int32) for one in parts)
    return Frame(before, between, after_ids, types)


def _pair(item: Text) -> tuple[str, str]:
    """Question and context of an item."""
    return ("", item) if isinstance(item, str) else (item[0], " ".join(item[1:]))


def _tokens(encoded: Encoding) -> tuple[Ids, npt.NDArray[np.int32]]:
    offsets = np.asarray(encoded.offsets, dtype=np.int32).reshape(-1, 2)
    return np.asarray(encoded.ids, dtype=np.int32), offsets


def _places(row: Window, piece: tuple[int, str] | None) -> tuple[int, int]:
    """First and last token of a piece in a window; (0, 0) where it is not whole."""
    if piece is None or not len(row.offsets):
        return 0, 0
    start, end = piece[0], piece[0] + len(piece[1])
    first = int(np.searchsorted(row.offsets[:, 1], start, side="right"))
    last = int(np.searchsorted(row.offsets[:, 0], end, side="left")) - 1
    if first > last or start < row.offsets[0, 0] or end > row.offsets[-1, 1]:
        return 0, 0
    return row.begins + first, row.begins + last


def _best_pieces(scores: Tensor, longest: int) -> tuple[list[Any], ...]:
    """The best piece of each row of ``(n_rows, n_tokens, 2)`` scores.

    Returns:
        Lists with a number for each row: by how much the piece beats place 0 (-inf: there is no piece), its first and
        its last place, its probability, and that of place 0.
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
    whole = torch.logsumexp(scores, 1).sum(1)
    found = (value - nothing, place + 1, place + 1 + extra, (value - whole).exp(), (nothing - whole).exp())
    return tuple(one.tolist() for one in found)
