"""The prompt that a decoder answers with, as ``fit`` left it, and its form on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goldilocks.nets.generation import prompts
from goldilocks.nets.generation.example_selection import ExampleSelector, selector_from
from goldilocks.nets.generation.prompts import Prompt


@dataclass(frozen=True, slots=True)
class PromptState:
    """The prompt of a prompted decoder; without one it predicts with its head."""

    prompt: Prompt
    prior: tuple[float, ...] = ()
    """Mean log-likelihood of each label over some training texts."""
    max_tokens: int = 64
    """Maximum number of tokens of an answer."""
    selector: ExampleSelector | None = None
    """Chooses examples for each item; ``None``: those of ``prompt`` are for all items."""

    def to_plain(self) -> dict[str, Any]:
        """JSON values that ``prompt_state_from`` reads."""
        raw = {"prompt": prompts.to_plain(self.prompt), "prior": self.prior, "max_tokens": self.max_tokens}
        return raw if self.selector is None else raw | {"selector": self.selector.to_plain()}


def prompt_state_from(raw: Mapping[str, Any]) -> PromptState:
    """What ``PromptState.to_plain`` wrote."""
    prompt = prompts.from_plain(raw["prompt"])
    return PromptState(prompt, tuple(raw["prior"]), raw["max_tokens"], selector_from(raw.get("selector")))
