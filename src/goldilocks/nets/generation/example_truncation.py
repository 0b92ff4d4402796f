"""Truncation of a prompt's few-shot examples, so that as many of the selected ones as possible fit into the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from goldilocks.errors import InputError
from goldilocks.nets.generation.example_selection import (
    ExampleSelector,
    Settings,
    arranged,
    arrangements,
    fixed_rows,
    per_item,
    pool_rows,
    unlike,
)
from goldilocks.nets.generation.prompt_state import PromptState
from goldilocks.nets.generation.prompt_tokens import PromptTokenizer
from goldilocks.nets.generation.prompts import Prompt
from goldilocks.records import Gold, Output, Text
from goldilocks.support.text.units import references

ITEM_TOKENS = 512
"""Items in a prompt are truncated to this many tokens."""
EXAMPLE_TOKENS = 128
"""The same of few-shot examples."""
HELD_OUT = 32
"""Training rows on which arrangements of the examples are compared."""

Example = tuple[Text, Gold]


@dataclass(frozen=True, slots=True)
class FewShotExamples:
    """Chooses the examples of a prompt from the training rows."""

    tokens: PromptTokenizer
    settings: Settings
    """How they are chosen."""
    count: int
    """Examples in a prompt."""
    output: Output
    seed: int

    def arrangements(
        self, state: PromptState, texts: Sequence[Text], gold: Sequence[Gold]
    ) -> tuple[list[PromptState], list[int]]:
        """The prompt with examples, or with a selector of them, in each of the arrangements to compare.

        Also the training rows to compare them on: none of them is an example of all items, nor like one.

        Raises:
            InputError: not even one example fits.
        """
        choices = arrangements(self.settings)
        held = np.random.default_rng(self.seed).permutation(len(texts))[: min(HELD_OUT, len(texts) // 4)].tolist()
        examples: list[Example] = []
        if per_item(self.settings.strategy):  # an item is never among its own examples
            if self.settings.cached:
                room = state.max_tokens + EXAMPLE_TOKENS + 64  # for an example of the item's own
                examples = self._fixed(state.prompt, room, ("balanced", self.settings.cached), texts, gold)
            cached = replace(state.prompt, examples=tuple(examples))
            state = replace(state, selector=self._selector(cached, state.max_tokens, texts, gold))
        else:
            left = list(range(len(texts))) if len(choices) == 1 else sorted({*range(len(texts))} - {*held})
            own, answers = [texts[row] for row in left], [gold[row] for row in left]
            examples = self._fixed(state.prompt, state.max_tokens, (self.settings.strategy, self.count), own, answers)
        shown = [self.tokens.truncated(texts[row], EXAMPLE_TOKENS) for row in held]
        held = [held[place] for place in unlike(shown, [item for item, _ in examples])]
        return [self._arranged(state, examples, settings) for settings in choices], held

    def short_answer(self, gold: Gold) -> Gold:
        """The gold answer as an example shows it; a text is truncated."""
        if self.output is not Output.TEXT:
            return gold
        return cast(str, self.tokens.truncated(references(gold)[0], 2 * EXAMPLE_TOKENS))

    def _example(self, item: Text, gold: Gold) -> Example:
        return self.tokens.truncated(item, EXAMPLE_TOKENS), self.short_answer(gold)

    def _arranged(self, state: PromptState, examples: Sequence[Example], settings: Settings) -> PromptState:
        in_order = tuple(arranged(examples, settings, best_last=False, seed=self.seed))
        prompt = replace(state.prompt, examples=in_order, examples_first=settings.position == "start")
        selector = None if state.selector is None else state.selector.rearranged(settings)
        return replace(state, prompt=prompt, selector=selector)

    def _room(self, prompt: Prompt, limit: int) -> int:
        """Tokens that are left for examples next to the rest of the prompt, the longest item and the answer."""
        return self.tokens.max_positions - ITEM_TOKENS - 64 - limit - len(self.tokens.encoded([prompt.lead])[0])

    def _fixed(
        self, prompt: Prompt, limit: int, wanted: tuple[str, int], texts: Sequence[Text], gold: Sequence[Gold]
    ) -> list[Example]:
        """The same examples for all items, best first; the last ones are left out where the context is too short.

        ``wanted`` are a strategy and a number of examples.

        Raises:
            InputError: not even one fits.
        """
        rows = fixed_rows(wanted[0], texts, gold, wanted[1], seed=self.seed)
        examples = [self._example(texts[row], gold[row]) for row in rows]
        while examples and self._room(replace(prompt, examples=tuple(examples)), limit) < 0:
            examples.pop()
        if not examples:
            raise self._too_short()
        if not per_item(self.settings.strategy):  # cached ones do not count
            self._keep_within_budget(prompt, examples)
        return examples

    def _keep_within_budget(self, prompt: Prompt, examples: list[Example]) -> None:
        """Leave the last examples out, in place, as far as they have more than ``settings.tokens`` together.

        Raises:
            InputError: the first one alone has more.
        """
        while self.settings.tokens:
            taken = len(self.tokens.encoded([prompt.lead_with(examples)])[0])
            if taken <= self.settings.tokens:
                return
            if len(examples) == 1:
                raise self._over_budget(taken)
            examples.pop()

    def _selector(self, prompt: Prompt, limit: int, texts: Sequence[Text], gold: Sequence[Gold]) -> ExampleSelector:
        """Chooses from the rows that fit into the prompt and are not in it.

        Raises:
            InputError: none does.
        """
        rows = pool_rows(self.settings.strategy, len(texts), seed=self.seed)
        examples = [self._example(texts[row], gold[row]) for row in rows]
        cached = {item for item, _ in prompt.examples}
        examples = [example for example in examples if example[0] not in cached]
        room = self._room(prompt, limit)
        lengths = [len(ids) for ids in self.tokens.encoded([prompt.lead_with([example]) for example in examples])]
        most = min(room, self.settings.tokens or room)
        fitting = [example for example, length in zip(examples, lengths, strict=True) if length <= most]
        if not fitting:
            raise self._too_short() if min(lengths, default=room + 1) > room else self._over_budget(min(lengths))
        pool, answers = zip(*fitting, strict=True)
        return ExampleSelector(self.settings, self.count, pool, answers, seed=self.seed)

    def _over_budget(self, taken: int) -> InputError:
        return InputError(
            f"in_context: tokens is {self.settings.tokens}, and one example takes {taken:,}; allow more, or use "
            "zero_shot."
        )

    def _too_short(self) -> InputError:
        return InputError(
            f"in_context: not even one example fits; the context is {self.tokens.max_positions:,} tokens, of which an "
            f"item may take {ITEM_TOKENS}. Use zero_shot, a shorter instruction, or a model with a longer context."
        )
