"""Text generation and likelihoods with a causal LM, tuned or prompted.

Tuning (supervised fine-tuning) uses the prompt without examples; the loss is computed on the answer's tokens only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache
from goldilocks.nets.generation.decoding import generate, log_likelihood
from goldilocks.nets.generation.prompt_state import PromptState
from goldilocks.nets.generation.prompts import Prompt, generation_to_plain
from goldilocks.nets.generation.sampling import Sampling
from goldilocks.nets.generation.streaming import reported_as
from goldilocks.nets.generation.token_logprobs import TokenLogprobs, token_logprobs
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier, DecoderConfig
from goldilocks.nets.network import HeadConfig, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Generation, Gold, Output, Text, as_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHUNK = 64
"""Positions whose logits over the vocabulary are held at a time in training."""
_MIN_PROMPT = 40
"""Tokens that must be left for an item and its part of the prompt."""
_PIECE = 512
"""Tokens of a long text whose likelihood is computed at a time, conditioned on as many before them."""


@dataclass(frozen=True)
class DecoderGeneratorConfig(DecoderConfig):
    """Config of a causal LM that generates, or gives likelihoods."""

    KIND: ClassVar[str] = "decoder_generator"


class Scale(nn.Module):
    """An elementwise scale of the hidden states: the head of a causal LM, whose output matrix is its own."""

    def __init__(self, width: int) -> None:
        """Ones."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, states: Tensor) -> Tensor:
        """The same shape."""
        return states * self.weight.to(states.dtype)


class _LMWithHead(CausalLM):
    """The backbone with its tuned head, as a causal LM."""

    def __init__(self, backbone: CausalLM, head: nn.Module) -> None:
        self.backbone, self.head, self.max_positions = backbone, head, backbone.max_positions

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    def prepare_for_inference(self, *, incremental: bool = True) -> None:
        self.backbone.prepare_for_inference(incremental=incremental)

    def new_cache(self) -> KVCache:
        return self.backbone.new_cache()

    def forward_cached(self, ids: Tensor, context: AttentionContext, cache: KVCache) -> Tensor:
        return cast(Tensor, self.head(self.backbone.forward_cached(ids, context, cache)))

    def logits(self, hidden: Tensor) -> Tensor:
        return self.backbone.logits(hidden)

    def greedy(self, hidden: Tensor) -> Tensor:
        return self.backbone.greedy(hidden)


class DecoderGenerator(DecoderClassifier):
    """Texts (``Output.TEXT``) and likelihoods of texts (``Output.LIKELIHOOD``) from a causal LM."""

    HEAD: ClassVar[type[HeadConfig]] = DecoderGeneratorConfig
    pools = False

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """See ``DecoderClassifier``."""
        super().__init__(backbone, tokenizer, config)
        self.generation = self.options.generation
        """See ``protocols.SupportsGeneration``."""

    @property
    def sparse_embedding(self) -> str | None:
        """None: the word table is the output matrix too, so every row takes part."""
        return None

    def new_head(self) -> nn.Module:
        """See ``Scale``."""
        return Scale(self.backbone.width)

    @property
    def _lm(self) -> CausalLM:
        return _LMWithHead(cast(CausalLM, self.backbone), self.head)

    # --------------------------------------------------------------------------------------------------------- training

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """Prompts alone; ``rows_to_learn`` appends the answers."""
        if self.models_text:
            prompts = self._tokens.encoded(["" if isinstance(text, str) else _before(text) for text in texts])
        else:
            prompt = self._plain_prompt()
            lead = self._tokens.encoded([prompt.lead])[0]
            # Where an item begins a program, its end is kept (below).
            cut = (
                texts
                if prompt.completes_code
                else [self._tokens.truncated(text, self.config.max_tokens // 2) for text in texts]
            )
            prompts = [[*lead, *ids] for ids in self._tokens.encoded([prompt.ask(text) for text in cut])]
        with_begin = [[*self.options.begin_ids, *ids] or [self.config.pad_id] for ids in prompts]
        return [Row(np.asarray(ids[-self.config.max_tokens :], dtype=np.int32), i) for i, ids in enumerate(with_begin)]

    def _plain_prompt(self) -> Prompt:
        """The prompt without examples that a tuned decoder is trained with."""
        goal = self.prompt_goal
        return Prompt(goal, one_line=self.options.one_line, completes_code=self.options.continues_program)

    def rows_to_learn(self, texts: Sequence[Text], gold: Sequence[Gold]) -> list[Row]:
        """Prompt and gold answer as one row; ``places`` holds the position where the answer begins."""
        prompts = self.rows(texts)
        if self.models_text:
            answers = self._tokens.encoded([_own(text) for text in texts])
        else:
            answers = self._tokens.encoded([self._plain_prompt().reply(answer) for answer in gold])
        rows = []
        for row, ids in zip(prompts, answers, strict=True):
            target = [*ids[: self.config.max_tokens], *self.options.end_ids[:1]] or [self.config.pad_id]
            joined = np.concatenate([row.ids, np.asarray(target, dtype=np.int32)])
            rows.append(replace(row, ids=joined, places=np.array([len(row.ids)], dtype=np.int32)))
        return rows

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:  # noqa: ARG002
        """None: the rows hold the answers."""
        return [None] * len(rows)

    @property
    def loss_options(self) -> frozenset[str]:
        """See ``Network.loss_options``."""
        return frozenset({"label_smoothing"})

    def loss_terms(self, rows: Sequence[Row], targets: Sequence[Any]) -> int:  # noqa: ARG002
        """See ``Network.loss_terms``."""
        return sum(len(row) - int(row.places[0]) for row in rows)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:  # noqa: ARG002
        """Mean cross-entropy of the answers' tokens."""
        states = self.head(self.dropout(states))
        firsts = [int(row.places[0]) for row in batch.rows]
        hidden = torch.cat(
            [states[i, first - 1 : len(row) - 1] for i, (first, row) in enumerate(zip(firsts, batch.rows, strict=True))]
        )
        answer_ids = torch.cat(
            [batch.ids[i, first : len(row)] for i, (first, row) in enumerate(zip(firsts, batch.rows, strict=True))]
        )
        # Logits are a thousand times as wide as a hidden state: they are recomputed in the backward pass.
        parts = zip(torch.split(hidden, _CHUNK), torch.split(answer_ids, _CHUNK), strict=True)
        sums = [checkpoint(self._entropy, states, ids, use_reentrant=False) for states, ids in parts]
        return torch.stack(sums).sum() / max(1, len(answer_ids))

    def _entropy(self, states: Tensor, targets: Tensor) -> Tensor:
        scores = cast(CausalLM, self.backbone).logits(states).float()
        return F.cross_entropy(scores, targets, reduction="sum", label_smoothing=self.label_smoothing)

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """See ``protocols.SupportsGeneration``."""
        self.module.eval()
        if not texts:
            return of_values(())
        if self.models_text:
            return of_values(self._likelihoods(texts))
        return of_values(self._generate(texts, self.generation.updated(generation)))

    def _generate(self, texts: Sequence[Text], generation: Generation) -> list[str]:
        state = self._prompt_state()
        limit = generation.max_tokens or state.max_tokens
        sampling = Sampling(**{"stops": state.prompt.stops, **generation_to_plain(generation), "max_tokens": limit})
        prefix = self._prefix_ids()
        if len(prefix) + limit + _MIN_PROMPT > self._lm.max_positions:
            raise InputError(
                f"max_tokens is {limit}; the context of this decoder is {self._lm.max_positions} tokens, and its "
                f"prompt takes {len(prefix)} of them: ask for fewer."
            )
        prompts = self._prompt_ids(texts, limit)
        # In the rest of a program indentation matters.
        trimmed = str.rstrip if state.prompt.completes_code else str.strip
        with reported_as(trimmed):
            written = generate(
                self._lm, self.tokenizer, prompts, sampling, prefix=self._prefix(), end_ids=self.options.end_ids
            )
        return [trimmed(text.text) for text in written]

    def _prompt_state(self) -> PromptState:
        """A tuned decoder gets the prompt it was trained with: the instruction and no examples."""
        return self.prompt_state or PromptState(self._plain_prompt(), max_tokens=self.options.max_tokens)

    def prompt_around(self) -> tuple[str, str]:
        """What the prompt has before and after an item of one text, without the tokens that every text begins with.

        Raises:
            InputError: each item has examples of its own.
        """
        if self._prompt_state().selector is not None:
            raise InputError(
                "the prompt has few-shot examples that are chosen for each item, which no template can state; tune "
                "again with options: {in_context: {demonstrations: balanced}}."
            )
        prompt = self._prompt_state().prompt
        mark = "\ue000"
        before, _, after = (prompt.lead + prompt.ask(mark)).partition(mark)
        return before, after

    @property
    def answer_tokens(self) -> int:
        """Maximum number of tokens of an answer, unless a request says otherwise."""
        return self.generation.max_tokens or self._prompt_state().max_tokens

    @property
    def answer_stops(self) -> tuple[str, ...]:
        """Stop sequences, unless a request says otherwise."""
        return self._prompt_state().prompt.stops if self.generation.stops is None else self.generation.stops

    def _likelihoods(self, texts: Sequence[Text]) -> list[float]:
        """Log-likelihoods; of long texts chunk by chunk, each conditioned on the tokens right before it."""
        begin, end = self.options.begin_ids, self.options.end_ids[:1]
        chunks: list[tuple[int, list[int], list[int]]] = []
        for item, text in enumerate(texts):
            before, own = self._tokens.encoded(["" if isinstance(text, str) else _before(text), _own(text)])
            chunks += [(item, *pair) for pair in _pieces([*begin, *before] or [self.config.pad_id], [*own, *end])]
        logs = log_likelihood(self._lm, [context for _, context, _ in chunks], [target for _, _, target in chunks])
        sums = [0.0] * len(texts)
        for (item, _, _), value in zip(chunks, logs.tolist(), strict=True):
            sums[item] += value
        return sums

    def token_likelihoods(self, item: Text) -> list[tuple[str, float]]:
        """See ``protocols.SupportsTokenLikelihoods``; none for texts of more tokens than are computed at a time."""
        begin, end = self.options.begin_ids, self.options.end_ids[:1]
        before, own = self._tokens.encoded(["" if isinstance(item, str) else _before(item), _own(item)])
        context, target = [*begin, *before] or [self.config.pad_id], [*own, *end]
        if len(context) > _PIECE or len(target) > _PIECE:
            return []
        self.module.eval()
        values = token_logprobs(self._lm, self.tokenizer, [*context, *target])
        pieces = [*values.tokens[len(context) : len(context) + len(own)], *([""] * len(end))]
        return [(piece, float(log or 0.0)) for piece, log in zip(pieces, values.logprobs[len(context) :], strict=True)]

    # ------------------------------------------------------------------------------------------ as a language model

    @property
    def models_text(self) -> bool:
        """See ``token_logprobs.SupportsTokenLogprobs``."""
        return self.config.output == Output.LIKELIHOOD

    def token_logprobs(self, item: Text) -> TokenLogprobs:
        """See ``token_logprobs.SupportsTokenLogprobs``.

        Raises:
            InputError: it has no tokens, or more than the model's context.
        """
        self.module.eval()
        return token_logprobs(self._lm, self.tokenizer, self._given_ids(item, 0))

    def continued(self, texts: Sequence[Text], generation: Generation) -> list[str]:
        """See ``token_logprobs.SupportsTokenLogprobs``."""
        self.module.eval()
        settings = {"max_tokens": 16, **generation_to_plain(generation)}
        prompts = [self._given_ids(text, int(settings["max_tokens"])) for text in texts]
        end_ids = self.options.end_ids
        generated = generate(self._lm, self.tokenizer, prompts, Sampling(**settings), end_ids=end_ids)
        return [text.text for text in generated]

    def _given_ids(self, item: Text, more: int) -> list[int]:
        """Token ids of a text, with those that every text begins with; ids that are given stay as they are."""
        if isinstance(item, str):
            ids = [*self.options.begin_ids, *self._tokens.encoded([item])[0]] or [self.config.pad_id]
        else:
            ids = [int(token) for token in item]
        if not ids or not all(0 <= token < self.tokenizer.get_vocab_size() for token in ids):
            raise InputError("the prompt has no tokens, or ids beyond the vocabulary; send text.")
        if len(ids) + more > self._lm.max_positions:
            raise InputError(
                f"the prompt has {len(ids):,} tokens and {more:,} may follow; the model's context is "
                f"{self._lm.max_positions:,} tokens: send less."
            )
        return ids


def _pieces(before: list[int], own: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """(context, target) pairs of at most ``_PIECE`` tokens each that make up ``own``."""
    everything = [*before, *own]
    for start in range(len(before), len(everything), _PIECE):
        yield everything[max(0, start - _PIECE) : start], everything[start : start + _PIECE]


def _before(item: tuple[str, ...]) -> str:
    return as_text(item[:-1])


def _own(item: Text) -> str:
    """The text whose likelihood is asked for; of several, the last, with the space before it."""
    return item if isinstance(item, str) else f" {item[-1]}" if len(item) > 1 else item[-1]
