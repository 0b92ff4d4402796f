"""Networks that answer with a text: a backbone reads the source, a decoder above it writes the target.

A source longer than ``max_tokens`` is cut: a text at its end (what matters in a report stands first), several texts,
such as the turns of a dialogue, at their beginning (what is answered stands last). Of itself no answer is longer than
the longest of training, nor longer in proportion to its source.

At temperature 0 the likeliest answer is looked for with several beams, and cut where it stops; above, it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.nets.backbones.attention_decoder import AttentionDecoder
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqBackbone, Seq2SeqDecoder
from goldilocks.nets.generation.beam_search import Search, write
from goldilocks.nets.generation.prompts import generation_from, said
from goldilocks.nets.generation.sampling import Draft, Sampling, Scores, Source, cut, onward, seeded
from goldilocks.nets.network import Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row, by_length, padded
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.records import Generation, Gold, Part, Text, as_text

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

BETWEEN = "\n"
"""Stands between the texts of an item that holds several."""
_SPARE = 10
"""Tokens an answer may always have more than its source lets expect."""
_SCORES = 40_000_000
"""Most scores of a step of the search: 160 MB."""
_Answer = tuple[str, float]
"""A text, and the mean log probability of its tokens."""


class Seq2SeqGenerator(Network):
    """A tokenizer, a backbone and a ``Seq2SeqDecoder`` as its head."""

    pools = False
    head: Seq2SeqDecoder

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """Put the parts together; see ``Network``."""
        super().__init__(backbone, tokenizer, shape)
        tokenizer.no_truncation()  # ``_ids`` cuts: which end goes depends on the item
        tokenizer.encode_special_tokens = True  # a text that spells out "[END]" is not at its end
        self.generation = generation_from(shape.settled.get("generation", {}))
        """See ``protocols.SupportsGeneration``."""

    def new_head(self) -> nn.Module:
        """The backbone's own decoder, or a recurrent one that stands above any backbone."""
        if isinstance(self.backbone, Seq2SeqBackbone):
            return self.backbone.new_decoder()
        return AttentionDecoder(self.tokenizer.get_vocab_size(), self.backbone.width, **self.shape.settled["decoder"])

    def groups(self) -> dict[str, list[str]]:
        """See ``Network.groups``; what backbone and decoder share is the backbone's."""
        there = {name for name, _ in self.module.named_parameters()}
        found: dict[str, list[str]] = {}
        for part, groups in (("backbone", self.backbone.groups()), ("head", self.head.groups())):
            for role, names in groups.items():
                found.setdefault(role, []).extend(name for one in names if (name := f"{part}.{one}") in there)
        return {role: names for role, names in found.items() if names}

    # --------------------------------------------------------------------------------------------------------- reading

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """See ``Network.rows``."""
        reach = 12 * self.shape.max_tokens
        given = [one[:reach] if isinstance(one, str) else BETWEEN.join(one)[-reach:] for one in texts]
        encoded = encodings(self.tokenizer, given)
        return [
            Row(self._ids(ids, last=isinstance(text, tuple)), item)
            for item, (ids, text) in enumerate(zip(encoded, texts, strict=True))
        ]

    def _ids(self, encoded: Encoding, *, last: bool = False) -> npt.NDArray[np.int32]:
        """At most ``max_tokens``, the special ones kept: the ``last`` or the first."""
        ids, most = encoded.ids or [self.shape.pad_id], self.shape.max_tokens
        if len(ids) > most:
            special = encoded.special_tokens_mask
            before = special.index(0)
            after = special[::-1].index(0)
            body = ids[before : len(ids) - after]
            room = max(0, most - before - after)
            body = body[len(body) - room :] if last else body[:room]
            ids = ids[:before] + body + ids[len(ids) - after :]
        return np.asarray(ids, dtype=np.int32)

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """The tokens of each answer with the end token; of several references the first is learnt."""
        wanted = [_first(gold[row.item])[: 12 * self.shape.max_tokens] for row in rows]
        return [self._ids(one) for one in encodings(self.tokenizer, wanted)]

    def costs(self, rows: Sequence[Row], targets: Sequence[Any]) -> list[int]:
        """What a row counts in a training batch: twice its longer side.

        So batches hold rows whose sides are both of like length: on Multi30k they pad 8 % of the tokens, where the sum
        of both sides as the cost pads 24 %.
        """
        return [2 * max(len(row), len(target)) for row, target in zip(rows, targets, strict=True)]

    # -------------------------------------------------------------------------------------------------------- learning

    def halve(self) -> None:
        """See ``Network.halve``: the decoder has most of the work."""
        self.module.to(torch.bfloat16)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean cross entropy over the target tokens of a batch."""
        lengths = np.fromiter(map(len, targets), dtype=np.int64, count=len(targets))
        inside = torch.from_numpy(np.arange(lengths.max())[None, :] < lengths[:, None]).to(states.device)
        wanted = torch.from_numpy(np.concatenate(targets).astype(np.int64)).to(states.device)
        ids = torch.full(inside.shape, self.shape.pad_id, device=states.device)
        ids[inside] = wanted
        ids = torch.cat([ids.new_full((len(ids), 1), self.search.start), ids[:, :-1]], dim=1)
        return self.head.loss(self.dropout(states), batch.mask, ids, wanted, inside, self.label_smoothing)

    # ------------------------------------------------------------------------------------------------------- answering

    @property
    def search(self) -> Search:
        """How answers are looked for."""
        found = self.shape.settled["search"]
        return Search(**{**found, "never": tuple(found["never"])})

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``; how sure it is of a text is the mean (geometric) probability of its tokens.

        Raises:
            InputError: more tokens are asked for than it can write.
        """
        values, scores = [""] * len(texts), np.zeros(len(texts), dtype=np.float32)
        how = Sampling(**said(self.generation))
        self._check_reach()
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                answered = self._drawn(batch, how) if how.temperature else self._searched(batch, how)
                for place, (text, mean) in zip(chosen, answered, strict=True):
                    values[place], scores[place] = text.strip(), math.exp(mean)
        return of_values(values, scores)

    def _searched(self, batch: Batch, how: Sampling) -> list[_Answer]:
        limits = [self._limit(len(row)) for row in batch.rows]
        found = write(self.head, self.backbone(batch), batch.mask, limits, self.search)
        texts = (self.tokenizer.decode(ids, skip_special_tokens=True) for ids, _ in found)
        return [(text[: cut(text, how.stops)], mean) for text, (_, mean) in zip(texts, found, strict=True)]

    def _drawn(self, batch: Batch, how: Sampling) -> list[_Answer]:
        decode = partial(self.tokenizer.decode, skip_special_tokens=True)
        rows = [
            Draft(place, self._limit(len(row)), seeded(how.seed, row.ids.tolist()))
            for place, row in enumerate(batch.rows)
        ]
        source = _Answering(self.head, self.backbone(batch), batch.mask, self.search)
        found: list[_Answer] = [("", 0.0)] * len(rows)
        for row in onward(source, rows, how, decode, (self.search.end,)):
            found[row.place] = row.text(decode, how.stops), row.log / row.steps
        return found

    def _check_reach(self) -> None:
        asked, reach = self.generation.max_tokens, self.head.reach
        if asked is not None and reach is not None and asked > reach:
            raise InputError(f"max_tokens is {asked}; this model writes at most {reach} tokens: ask for fewer.")

    def batches(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], Batch]]:
        """See ``Network.batches``; a step over all beams and tokens of the vocabulary stays within bounds."""
        device = next(self.module.parameters()).device
        most = max(1, _SCORES // (self.search.beams * self.tokenizer.get_vocab_size()))
        for chosen in by_length([len(one) for one in rows], rows=min(64, most), tokens=8192):
            yield chosen, padded([rows[i] for i in chosen], self.shape.pad_id).to(device)

    def _limit(self, source: int) -> int:
        if self.generation.max_tokens is not None:
            return self.generation.max_tokens
        settled = self.shape.settled
        expected: int = math.ceil(settled["ratio"] * source) + _SPARE
        return max(1, min(int(settled["longest"]), expected))


class _Answering(Source):
    """Answers that a decoder goes on with, one to each source."""

    def __init__(self, decoder: Seq2SeqDecoder, states: Tensor, mask: Tensor, search: Search) -> None:
        self.decoder, self.never, self.device = decoder, list(search.never), states.device
        self.memory = decoder.begin(states, mask, 1)
        self.step([search.start] * len(states))

    def scores(self) -> Scores:
        found: Scores = self.allowed.cpu().numpy()
        return found

    def note(self, rows: Sequence[Draft], ids: Sequence[int]) -> None:
        for row, token, logs in zip(rows, ids, self.logs, strict=True):
            row.log += float(logs[token]) if row.going else 0.0

    def keep(self, rows: Sequence[int]) -> None:
        self.decoder.keep(self.memory, torch.tensor(rows, device=self.device))

    def step(self, ids: Sequence[int]) -> None:
        scores = self.decoder.step(torch.tensor(ids, device=self.device)[:, None], self.memory)[:, 0]
        self.logs = scores.float().log_softmax(-1)
        self.allowed = self.logs.clone()
        self.allowed[:, self.never] = float("-inf")


def _first(gold: Gold) -> str:
    return cast(str, gold[0] if isinstance(gold, tuple) else gold)


def texts_of(part: Part) -> Iterator[str]:
    """Both sides of some rows, for a tokenizer to learn from."""
    for item, gold in zip(part.texts, part.gold, strict=True):
        yield as_text(item)
        yield _first(gold)


def settled_for(
    tokenizer: Tokenizer,
    part: Part,
    generation: Generation,
    *,
    search: Search,
    max_tokens: int,
    decoder: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """``NetworkConfig.settled`` of a ``Seq2SeqGenerator``: how it searches, and how long answers are in the training
    rows.

    Args:
        tokenizer: Of both sides.
        part: The training rows.
        generation: How answers are written, as far as it was said.
        search: How answers are looked for.
        max_tokens: Most tokens of a text.
        decoder: The numbers of an ``AttentionDecoder``, where the backbone brings no decoder of its own.
    """
    reach = 12 * max_tokens
    sources = encodings(tokenizer, [as_text(one)[:reach] for one in part.texts])
    targets = encodings(tokenizer, [_first(one)[:reach] for one in part.gold])
    read, written = ([min(len(one), max_tokens) for one in side] for side in (sources, targets))
    longest = max(written, default=0)
    ratio = max((target / max(1, source) for source, target in zip(read, written, strict=True)), default=1.0)
    found = {
        "start": search.start,
        "end": search.end,
        "never": list(search.never),
        "beams": search.beams,
        "penalty": search.penalty,
    }
    return {
        "search": found,
        "longest": longest + _SPARE,
        "ratio": ratio,
        "decoder": dict(decoder or {}),
        "generation": said(generation),
    }
