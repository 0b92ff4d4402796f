"""Classification with a causal LM: a linear head on the last token, or zero-shot and few-shot prompting.

Tuned, a linear head classifies the hidden state of the last token. Prompted (``fit``, which changes no weight), each
label is scored by the log-likelihood of its words as a continuation of the prompt.

Prompted scores are calibrated, since a decoder prefers some words whatever the input: from log p(label | item) the mean
over some training texts is subtracted (without their labels), and softmax normalises the rest to probabilities.

Source: Zhou et al. 2023, "Batch Calibration: Rethinking Calibration for In-Context Learning and Prompt Engineering".

With examples, calibration by inputs without content can take its place (``in_context``, ``calibration: contextual``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch

from goldilocks.answers import Answers, of_labels
from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.generation import prompts
from goldilocks.nets.generation.decoding import ContinuationTree, log_likelihood, score_continuations
from goldilocks.nets.generation.example_selection import Settings
from goldilocks.nets.generation.example_truncation import EXAMPLE_TOKENS, ITEM_TOKENS, FewShotExamples
from goldilocks.nets.generation.prompt_state import PromptState, prompt_state_from
from goldilocks.nets.generation.prompt_tokens import PromptTokenizer
from goldilocks.nets.generation.prompts import Prompt
from goldilocks.nets.hub.weights import inference_dtype
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Row
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.records import Generation, Goal, Gold, Output, Text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PRIOR_TEXTS = 64
"""Training texts that estimate which labels the decoder prefers."""
CONTENT_FREE = ("N/A", "[MASK]", "")
"""Inputs of contextual calibration. Source: Zhao et al. 2021, "Calibrate Before Use", section 5."""
CONTEXT_TEXTS = 8
"""Training texts whose examples precede them, where each item has its own."""


@dataclass(frozen=True)
class DecoderConfig(HeadConfig):
    """What prompting and tuning need to know about a causal LM besides its weights; shared by both decoder heads."""

    precision: str = "float32"
    """Data type of the checkpoint's weights, a name in ``torch``; prompting uses it again."""
    instruction: str = ""
    """The task in a sentence."""
    begin_ids: tuple[int, ...] = ()
    """Tokens before every text (BOS)."""
    end_ids: tuple[int, ...] = ()
    """Tokens that end a text (EOS)."""
    generation: Generation = field(default_factory=Generation)
    """Default generation settings."""
    max_tokens: int = 64
    """Maximum number of tokens of an answer, where neither request nor settings say it."""
    one_line: bool = True
    """Whether an answer ends with its line."""
    continues_program: bool = False
    """Whether an item begins a Python program of which the answer is the rest."""
    label_words: tuple[str, ...] = ()
    """Words of each label, where a trained head sees items in the pattern of a prompt; empty: it sees bare items."""
    template: str = ""
    """Pattern around the items of a trained head, with ``label_words``; see ``Prompt.template``."""
    chat: tuple[str, str] = ("", "")
    """The frame of the checkpoint's chat template, for prompting; see ``Prompt.chat``."""
    prompt_language: str = "en"
    """See ``Goal.prompt_language``."""


@dataclass(frozen=True)
class DecoderClassifierConfig(DecoderConfig):
    """Config of a causal LM that classifies."""

    KIND: ClassVar[str] = "decoder_classifier"


class DecoderClassifier(Network):
    """Labels from a causal LM."""

    HEAD: ClassVar[type[HeadConfig]] = DecoderClassifierConfig

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """See ``Network``; the backbone is also a ``CausalLM``. Truncation of the tokenizer is turned off."""
        super().__init__(backbone, tokenizer, config)
        tokenizer.no_truncation()
        self.n_examples = 0
        """Few-shot examples that ``fit`` draws; set by the method."""
        self.demonstrations = Settings()
        """How they are chosen; set by the method."""
        self.prompt_state: PromptState | None = None
        self._lead_ids: list[int] | None = None
        self._lead_context: CachedContext | None = None
        self._label_tree: ContinuationTree | None = None

    @property
    def _lm(self) -> CausalLM:
        return cast(CausalLM, self.backbone)

    @property
    def _tokens(self) -> PromptTokenizer:
        return PromptTokenizer(self.tokenizer, self._lm.max_positions)

    @property
    def options(self) -> DecoderConfig:
        """The head's config."""
        return cast(DecoderConfig, self.config.head)

    @property
    def prompt_goal(self) -> Goal:
        """The goal with what prompts say of it."""
        options = self.options
        return replace(self.config.goal, instruction=options.instruction, prompt_language=options.prompt_language)

    @property
    def max_positions(self) -> int:
        """Tokens of the context."""
        return self._lm.max_positions

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """See ``Network.rows``; several texts are joined by line breaks."""
        if self.options.label_words and self.prompt_state is None:
            (prompt, begin), room = self._pattern(), self.item_room()
            prompts = self._tokens.encoded([prompt.ask(self._tokens.truncated(text, room)) for text in texts])
            return [Row(np.array([*begin, *ids], dtype=np.int32), item) for item, ids in enumerate(prompts)]
        limit = self.config.max_tokens
        lines = [text if isinstance(text, str) else "\n".join(text) for text in texts]
        encoded = self._tokens.encoded([line[: 12 * limit] for line in lines])
        truncated = [[*self.options.begin_ids, *ids][:limit] or [self.config.pad_id] for ids in encoded]
        return [Row(np.asarray(ids, dtype=np.int32), item) for item, ids in enumerate(truncated)]

    def _pattern(self) -> tuple[Prompt, list[int]]:
        """The pattern around items of a trained head, and the tokens before every item."""
        goal = replace(self.prompt_goal, labels=self.options.label_words)
        prompt = Prompt(goal, chat=self.options.chat, template=self.options.template)
        return prompt, [*self.options.begin_ids, *self._tokens.encoded([prompt.lead])[0]]

    def item_room(self) -> int:
        """Tokens of an item that fit into the pattern, at most ``config.max_tokens``; below 1 where none do."""
        prompt, begin = self._pattern()
        return min(
            self.config.max_tokens, self._lm.max_positions - len(begin) - len(self._tokens.encoded([prompt.ask("")])[0])
        )

    def label_ids(self) -> list[list[int]]:
        """Token ids of each label's words, where they follow the pattern."""
        prompt, _ = self._pattern()
        return self._tokens.continuations(
            prompt.ask("")[-8:], [prompt.reply(words) for words in self.options.label_words]
        )

    # -------------------------------------------------------------------------------------------------------- prompting

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Choose few-shot examples and estimate which labels the decoder prefers; no weight is trained.

        Raises:
            InputError: not even one example fits into the context, or calibration is set and there are no labels.
        """
        self._use_checkpoint_precision()
        goal = self.prompt_goal
        generates = goal.output is Output.TEXT
        continues = generates and prompts.completes_code(texts, gold)
        one_line = not generates or prompts.one_line(gold)
        chat = ("", "") if continues else self.options.chat
        prompt = Prompt(goal, (), one_line, continues, chat=chat)
        limit = self._limit(gold) if generates else 0
        state = PromptState(prompt, max_tokens=limit)
        if self.n_examples:
            if generates and self.demonstrations.calibration != "batch":
                raise InputError("in_context: calibration concerns labels, and this task has none; leave it out.")
            state = self._with_examples(state, texts, gold, seed=seed)
        self._set_prompt(state)
        if goal.output is Output.LABEL:
            self.prompt_state = replace(state, prior=self._prior(texts, seed=seed))

    def _prior(self, texts: Sequence[Text], *, seed: int) -> tuple[float, ...]:
        """What is subtracted from the scores of the labels; empty: nothing."""
        calibration = self.demonstrations.calibration if self.n_examples else "batch"
        if calibration == "none":
            return ()
        sample = [texts[i] for i in np.random.default_rng(seed).permutation(len(texts))[:PRIOR_TEXTS].tolist()]
        if calibration == "batch":
            return tuple(self._label_scores(sample).mean(0).tolist())
        # Examples that are chosen for each item depend on it: those of a few texts stand in for those of all.
        sample = sample[:CONTEXT_TEXTS] if self._prompt_state().selector is not None else sample[:1]
        parts = [1 if isinstance(text, str) else len(text) for text in sample]
        empty = [text if n == 1 else (text,) * n for n in parts for text in CONTENT_FREE]
        scores = self._label_scores(empty, examples_of=[text for text in sample for _ in CONTENT_FREE])
        if self.config.several:
            return tuple(scores.mean(0).tolist())
        shares = torch.softmax(torch.from_numpy(scores), -1).mean(0)
        return tuple(shares.clamp_min(1e-9).log().tolist())

    def _with_examples(
        self, state: PromptState, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int
    ) -> PromptState:
        """The prompt with examples, in the arrangement under which the gold answers of held-out rows are likeliest."""
        output = Output(self.config.output)
        choice = FewShotExamples(self._tokens, self.demonstrations, self.n_examples, output, seed)
        states, held_out = choice.arrangements(state, texts, gold)
        if len(states) == 1 or not held_out:
            return states[0]
        items, right = [texts[row] for row in held_out], [choice.short_answer(gold[row]) for row in held_out]
        scores = []
        for arrangement in states:
            self._set_prompt(arrangement)
            scores.append(self._gold_likelihood(items, right))
        return states[int(np.argmax(scores))]

    def _gold_likelihood(self, texts: Sequence[Text], gold: Sequence[Gold]) -> float:
        """Mean log-probability of the gold answers, calibrated over the same texts where they are labels."""
        if self.config.output == Output.LABEL:
            scores = torch.from_numpy(self._label_scores(texts))
            scores = scores - scores.mean(0)
            right = torch.tensor([[label in _labels(answer) for label in self.labels] for answer in gold])
            if self.config.several:
                return float(torch.where(right, scores, -scores).sigmoid().log().sum(1).mean())
            return float(scores.log_softmax(-1)[right].mean())
        state = self._prompt_state()
        targets = self._tokens.encoded([state.prompt.reply(answer) for answer in gold])
        prefix = self._prefix_ids()
        contexts = [[*prefix, *ids] for ids in self._prompt_ids(texts, state.max_tokens)]
        pairs = [(context, ids) for context, ids in zip(contexts, targets, strict=True) if ids]
        logs = log_likelihood(self._lm, [context for context, _ in pairs], [ids for _, ids in pairs])
        return float(logs.sum()) / max(1, sum(len(ids) for _, ids in pairs))

    def _use_checkpoint_precision(self) -> None:
        """Weights in the checkpoint's precision, or in one that is exact and faster on this machine."""
        self.module.to(inference_dtype(getattr(torch, self.options.precision)))
        self.module.eval()

    def _limit(self, gold: Sequence[Gold]) -> int:
        """Maximum number of tokens of an answer, after the training rows."""
        own = self.options.generation.max_tokens
        answers = [references(answer)[0] for answer in gold[:1000]]
        return own or prompts.answer_limit([len(ids) for ids in self._tokens.encoded(answers)])

    def _set_prompt(self, state: PromptState) -> None:
        self.prompt_state = state
        self._lead_ids, self._lead_context = None, None
        self._lm.prepare_for_inference(incremental=self.config.output == Output.TEXT)

    def _prompt_state(self) -> PromptState:
        """The prompt that inference uses."""
        assert self.prompt_state is not None
        return self.prompt_state

    def _prefix_ids(self) -> list[int]:
        if self._lead_ids is None:
            state = self._prompt_state()
            lead = state.prompt.lead if state.selector is None else state.prompt.common
            self._lead_ids = [*self.options.begin_ids, *self._tokens.encoded([lead])[0]]
        return self._lead_ids

    def _prefix(self) -> Sequence[int] | CachedContext:
        """What comes before each item: of a fixed prompt its KV cache, which is computed once."""
        if self.prompt_state is None:  # the weights may still be trained
            return self._prefix_ids()
        if self._lead_context is None:
            with torch.inference_mode():
                self._lead_context = CachedContext.encode(self._lm, self._prefix_ids())
        return self._lead_context

    def _prompt_ids(
        self, texts: Sequence[Text], max_tokens: int, *, examples_of: Sequence[Text] | None = None
    ) -> list[list[int]]:
        """Token ids of each item's part of the prompt; room is left for answers of ``max_tokens``.

        ``examples_of`` are other items whose examples are taken.
        """
        room = self._lm.max_positions - len(self._prefix_ids()) - max_tokens - 32
        room = min(ITEM_TOKENS, max(8, room))
        prompt = self._prompt_state().prompt
        if prompt.completes_code:  # the answer continues its end
            encoded = [ids[-room:] for ids in self._tokens.encoded([prompt.ask(text) for text in texts])]
        else:
            encoded = self._tokens.encoded([prompt.ask(self._tokens.truncated(text, room)) for text in texts])
        pairs = zip(examples_of or texts, encoded, strict=True)
        return [[*self._own_examples(item, len(ids) + max_tokens), *ids] for item, ids in pairs]

    def _own_examples(self, item: Text, beside: int) -> list[int]:
        """Token ids of the item's own examples, without those that do not fit, the least similar first.

        Raises:
            InputError: not even one fits.
        """
        state = self._prompt_state()
        if state.selector is None:
            return []
        examples = state.selector.examples(item, shown=self._tokens.truncated(item, EXAMPLE_TOKENS))
        room = self._lm.max_positions - len(self._prefix_ids()) - beside - 32
        room = min(room, state.selector.settings.tokens or room)
        for count in range(len(examples), 0 if examples else -1, -1):
            ids = self._tokens.encoded([state.prompt.lead_with(state.selector.arranged(examples[:count]))])[0]
            if len(ids) <= room:
                return ids
        raise InputError(
            f"not even one few-shot example fits: the context of this decoder is {self._lm.max_positions:,} tokens, "
            f"and {self._lm.max_positions - room:,} are taken; ask for fewer tokens."
        )

    def _label_scores(
        self, texts: Sequence[Text], *, examples_of: Sequence[Text] | None = None
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Log-likelihood of each label's words after each item, ``(n_items, n_labels)``."""
        state = self._prompt_state()
        if self._label_tree is None:
            before = state.prompt.ask("")[-8:]
            endings = self._tokens.continuations(before, [state.prompt.reply(label) for label in self.labels])
            self._label_tree = ContinuationTree(_prefix_free(endings, self._tokens.continuations(before, ["\n"])[0]))
        ids = self._prompt_ids(texts, state.max_tokens, examples_of=examples_of)
        return score_continuations(self._lm, ids, self._label_tree, prefix=self._prefix()).numpy()

    # -------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        if self.prompt_state is None:
            return super().predict(texts)
        prior = np.asarray(self.prompt_state.prior or 0.0, dtype=np.float32)
        calibrated = torch.from_numpy(self._label_scores(texts) - prior)
        several = self.config.several
        probabilities = torch.sigmoid(calibrated) if several else torch.softmax(calibrated, -1)
        return of_labels(probabilities.numpy(), self.labels, several=several)

    # ---------------------------------------------------------------------------------------------------------- on disk

    def save(self, folder: Path) -> None:
        """As ``Network.save``, with ``prompt.json`` where the model is prompted."""
        super().save(folder)
        if self.prompt_state is not None:
            raw = self.prompt_state.to_plain()
            (folder / "prompt.json").write_text(json.dumps(raw, ensure_ascii=False, indent=2), encoding="utf-8")

    def load_weights(self, folder: Path) -> None:
        """As ``Network.load_weights``; tuned models in float32, prompted ones in the checkpoint's precision."""
        self.module.load_state_dict(read_weights(folder / "weights.safetensors"), assign=True)
        self.module.eval()
        if (folder / "prompt.json").exists():
            raw = json.loads((folder / "prompt.json").read_text(encoding="utf-8"))
            self._use_checkpoint_precision()  # it may have been written on another machine
            self._set_prompt(prompt_state_from(raw))
            return
        if self.config.weight_bits:
            self._use_checkpoint_precision()
        else:
            self.module.float()
        if self.config.output == Output.TEXT or self.config.weight_bits:
            self._lm.prepare_for_inference()


def _labels(gold: Gold) -> tuple[Any, ...]:
    return gold if isinstance(gold, tuple) else (gold,)


def _prefix_free(endings: list[list[int]], line_end: list[int]) -> list[list[int]]:
    """Endings of which none is a prefix of another: "card" gets a line end where there is a "card arrival" too."""
    prefixes = {tuple(ids[:length]) for ids in endings for length in range(1, len(ids))}
    return [[*ids, *line_end] if tuple(ids) in prefixes else ids for ids in endings]
