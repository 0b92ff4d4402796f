"""Encoder-decoder (sequence-to-sequence) generation: translation, summaries, replies.

A source longer than ``max_tokens`` is truncated: a single text at its end (reports begin with what matters), several
texts, such as the turns of a dialogue, at their beginning (the last one is answered). Without other settings no answer
is longer than the longest of the training rows, nor longer in proportion to its source.

At temperature 0 the answer is found by beam search and truncated at its stop string; above, it is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.nets.backbones.attention_decoder import AttentionDecoder
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.pointer_generator import PointerGenerator
from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqBackbone, Seq2SeqDecoder
from goldilocks.nets.generation.beam_search import BeamSearch, beam_search
from goldilocks.nets.generation.prompts import generation_to_plain
from goldilocks.nets.generation.sampling import (
    Logits,
    NextTokenModel,
    Sampling,
    TokenSequence,
    generate_sequences,
    generator_for,
    stop_position,
)
from goldilocks.nets.generation.streaming import reported_as
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row, by_length, padded
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.records import Generation, Gold, Part, Text, as_text

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

BETWEEN = "\n"
"""Separates the texts of an item that has several."""
_SPARE = 10
"""Tokens by which an answer may always exceed the length expected from its source."""
_SCORES = 40_000_000
"""Maximum number of logits of a step of the search: 160 MB."""
_Answer = tuple[str, float]
"""A text, and the mean log probability of its tokens."""


@dataclass(frozen=True)
class DecoderOptions:
    """Arguments of an ``AttentionDecoder``."""

    width: int
    """Width of word embeddings and recurrent state."""
    cell: str
    """``rnn``, ``gru`` or ``lstm``."""
    dropout: float
    """Dropout rate of word embeddings and of the input of the LM head."""
    copies: bool = False
    """Whether it can copy tokens of the source (``pointer_generator``)."""


@dataclass(frozen=True)
class Seq2SeqGeneratorConfig(HeadConfig):
    """Beam search, and the length of answers in the training rows."""

    KIND: ClassVar[str] = "seq2seq_generator"
    search: BeamSearch = field(default_factory=lambda: BeamSearch(2, 3))
    """Special tokens and beams."""
    max_tokens: int = 64
    """Maximum number of tokens of an answer, where neither request nor settings say it."""
    length_ratio: float = 1.0
    """Maximum number of tokens of an answer for each of its source (and a few more), under the same condition."""
    decoder: DecoderOptions | None = None
    """The recurrent decoder above a backbone that has none of its own."""
    generation: Generation = field(default_factory=Generation)
    """Default generation settings."""


class Seq2SeqGenerator(Network):
    """A tokenizer, an encoder and a ``Seq2SeqDecoder`` as its head."""

    HEAD = Seq2SeqGeneratorConfig
    pools = False
    head: Seq2SeqDecoder

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network; see ``Network``."""
        super().__init__(backbone, tokenizer, config)
        tokenizer.no_truncation()  # ``_ids`` truncates: at which end depends on the item
        tokenizer.encode_special_tokens = True  # a text that spells out "[END]" is not at its end
        self.generation = self._options.generation
        """See ``protocols.SupportsGeneration``."""

    @property
    def _options(self) -> Seq2SeqGeneratorConfig:
        return cast(Seq2SeqGeneratorConfig, self.config.head)

    def new_head(self) -> nn.Module:
        """The backbone's own decoder, or a recurrent one with attention.

        Raises:
            InputError: the backbone has no decoder, and the config describes none.
        """
        if isinstance(self.backbone, Seq2SeqBackbone):
            return self.backbone.new_decoder()
        if self._options.decoder is None:
            raise InputError("network.json: its backbone needs the options of a decoder; the file is damaged.")
        options = asdict(self._options.decoder)
        decoder = PointerGenerator if options.pop("copies") else AttentionDecoder
        return decoder(self.tokenizer.get_vocab_size(), self.backbone.width, **options)

    def groups(self) -> dict[str, list[str]]:
        """See ``Network.groups``; tied weights of backbone and decoder are the backbone's."""
        existing = {name for name, _ in self.module.named_parameters()}
        merged: dict[str, list[str]] = {}
        for part, groups in (("backbone", self.backbone.groups()), ("head", self.head.groups())):
            for role, names in groups.items():
                merged.setdefault(role, []).extend(full for name in names if (full := f"{part}.{name}") in existing)
        return {role: names for role, names in merged.items() if names}

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """See ``Network.rows``."""
        reach = 12 * self.config.max_tokens
        sources = [item[:reach] if isinstance(item, str) else BETWEEN.join(item)[-reach:] for item in texts]
        encoded = encodings(self.tokenizer, sources)
        return [
            Row(self._ids(ids, last=isinstance(text, tuple)), item)
            for item, (ids, text) in enumerate(zip(encoded, texts, strict=True))
        ]

    def _ids(self, encoded: Encoding, *, last: bool = False) -> npt.NDArray[np.int32]:
        """The first (or ``last``) ``max_tokens`` token ids, special ones kept."""
        ids, limit = encoded.ids or [self.config.pad_id], self.config.max_tokens
        if len(ids) > limit:
            special = encoded.special_tokens_mask
            before = special.index(0)
            after = special[::-1].index(0)
            body = ids[before : len(ids) - after]
            room = max(0, limit - before - after)
            body = body[len(body) - room :] if last else body[:room]
            ids = ids[:before] + body + ids[len(ids) - after :]
        return np.asarray(ids, dtype=np.int32)

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """The tokens of each answer with the end token; of several references the first is the target."""
        wanted = [_first(gold[row.item])[: 12 * self.config.max_tokens] for row in rows]
        return [self._ids(encoding) for encoding in encodings(self.tokenizer, wanted)]

    def costs(self, rows: Sequence[Row], targets: Sequence[Any]) -> list[int]:
        """What a row counts for in a training batch: twice its longer side.

        So batches hold rows whose sides are both of like length: on Multi30k they pad 8 % of the tokens, where the sum
        of both sides as the cost pads 24 %.
        """
        return [2 * max(len(row), len(target)) for row, target in zip(rows, targets, strict=True)]

    # --------------------------------------------------------------------------------------------------------- training

    def halve(self) -> None:
        """See ``Network.halve``: the decoder has most of the work."""
        self.module.to(torch.bfloat16)

    @property
    def loss_options(self) -> frozenset[str]:
        """See ``Network.loss_options``."""
        return frozenset({"label_smoothing"})

    def loss_terms(self, rows: Sequence[Row], targets: Sequence[Any]) -> int:  # noqa: ARG002
        """See ``Network.loss_terms``."""
        return sum(map(len, targets))

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean cross entropy over the target tokens of a batch."""
        lengths = np.fromiter(map(len, targets), dtype=np.int64, count=len(targets))
        inside = torch.from_numpy(np.arange(lengths.max())[None, :] < lengths[:, None]).to(states.device)
        gold_ids = torch.from_numpy(np.concatenate(targets).astype(np.int64)).to(states.device)
        ids = torch.full(inside.shape, self.config.pad_id, device=states.device)
        ids[inside] = gold_ids
        ids = torch.cat([ids.new_full((len(ids), 1), self.search.start), ids[:, :-1]], dim=1)
        return self.head.loss(
            self.dropout(states), self.head.source_of(batch), ids, gold_ids, inside, self.label_smoothing
        )

    # -------------------------------------------------------------------------------------------------------- inference

    @property
    def search(self) -> BeamSearch:
        """Beams and special tokens of the search."""
        return self._options.search

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """See ``protocols.SupportsGeneration``; a text's score is the geometric mean probability of its tokens.

        Raises:
            InputError: more tokens are asked for than it can generate.
        """
        values, scores = [""] * len(texts), np.zeros(len(texts), dtype=np.float32)
        settings = self.generation.updated(generation)
        sampling = Sampling(**generation_to_plain(settings))
        self._check_reach(settings.max_tokens)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                limits = [settings.max_tokens or self._limit(len(row)) for row in batch.rows]
                with reported_as(str.strip):
                    answered = (self._sampled if sampling.temperature else self._searched)(batch, sampling, limits)
                for place, (text, mean) in zip(chosen, answered, strict=True):
                    values[place], scores[place] = text.strip(), math.exp(mean)
        return of_values(values, scores)

    def _searched(self, batch: Batch, sampling: Sampling, limits: Sequence[int]) -> list[_Answer]:
        best = beam_search(self.head, self.backbone(batch), self.head.source_of(batch), limits, self.search)
        texts = (self.tokenizer.decode(ids, skip_special_tokens=True) for ids, _ in best)
        return [
            (text[: stop_position(text, sampling.stops)], mean) for text, (_, mean) in zip(texts, best, strict=True)
        ]

    def _sampled(self, batch: Batch, sampling: Sampling, limits: Sequence[int]) -> list[_Answer]:
        decode = partial(self.tokenizer.decode, skip_special_tokens=True)
        drafts = [
            TokenSequence(place, limit, generator_for(sampling.seed, row.ids.tolist()))
            for place, (row, limit) in enumerate(zip(batch.rows, limits, strict=True))
        ]
        source = _DecoderSource(self.head, self.backbone(batch), self.head.source_of(batch), self.search)
        answers: list[_Answer] = [("", 0.0)] * len(drafts)
        for draft in generate_sequences(source, drafts, sampling, decode, (self.search.end,)):
            answers[draft.number] = draft.text(decode, sampling.stops), draft.log_probability / draft.steps
        return answers

    def _check_reach(self, max_tokens: int | None) -> None:
        reach = self.head.max_positions
        if max_tokens is not None and reach is not None and max_tokens > reach:
            raise InputError(f"max_tokens is {max_tokens}; this model generates at most {reach} tokens: ask for fewer.")

    def batches(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], Batch]]:
        """See ``Network.batches``; a step over all beams and tokens of the vocabulary stays within bounds."""
        limit = max(1, _SCORES // (self.search.beams * self.tokenizer.get_vocab_size()))
        for chosen in by_length([len(row) for row in rows], rows=min(64, limit), tokens=8192):
            yield chosen, padded([rows[i] for i in chosen], self.config.pad_id).to(self.device)

    def _limit(self, source: int) -> int:
        """Maximum number of tokens of the answer, by that of the source."""
        expected: int = math.ceil(self._options.length_ratio * source) + _SPARE
        return max(1, min(self._options.max_tokens, expected))


class _DecoderSource(NextTokenModel):
    """Answers being generated by a decoder, one for each source."""

    def __init__(self, decoder: Seq2SeqDecoder, states: Tensor, mask: Tensor, search: BeamSearch) -> None:
        self.decoder, self.never, self.device = decoder, list(search.never), states.device
        self.memory = decoder.start(states, mask, 1)
        self.step([search.start] * len(states))

    def logits(self) -> Logits:
        logits: Logits = self.allowed.cpu().numpy()
        return logits

    def record(self, rows: Sequence[TokenSequence], ids: Sequence[int]) -> None:
        for row, token, logs in zip(rows, ids, self.logs, strict=True):
            row.log_probability += float(logs[token]) if row.active else 0.0

    def select(self, rows: Sequence[int]) -> None:
        self.decoder.select(self.memory, torch.tensor(rows, device=self.device))

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


def config_from(
    tokenizer: Tokenizer, part: Part, generation: Generation, *, search: BeamSearch, max_tokens: int
) -> Seq2SeqGeneratorConfig:
    """The head config, with the length of answers in the training rows.

    Args:
        tokenizer: Tokenizer of both sides.
        part: The training rows.
        generation: Default generation settings.
        search: Beams and special tokens.
        max_tokens: Sources and targets are truncated to this many tokens.
    """
    reach = 12 * max_tokens
    sources = encodings(tokenizer, [as_text(item)[:reach] for item in part.texts])
    targets = encodings(tokenizer, [_first(answer)[:reach] for answer in part.gold])
    read, written = ([min(len(encoding), max_tokens) for encoding in side] for side in (sources, targets))
    ratio = max((target / max(1, source) for source, target in zip(read, written, strict=True)), default=1.0)
    return Seq2SeqGeneratorConfig(search, max(written, default=0) + _SPARE, ratio, generation=generation)
