"""Few-shot prompting (in-context learning): the instruction and a few training rows with their answers; no training.

The examples are drawn at random, labels taking turns (Brown et al. 2020, "Language Models are Few-Shot Learners").
Which rows are drawn moves the score by points: one draw says little about the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.records import ModelInfo, Output, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """The few-shot examples."""

    shots: int = 8
    """Training rows in the prompt, with their answers; fewer where the context is too short."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return None if "prompt" in info.groups else "cannot be prompted; needs training"


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    from goldilocks.nets.generation.prompts import why_not_promptable

    if output is not Output.LIKELIHOOD:
        return why_not_promptable(output)
    return "texts are scored without examples, so it would equal zero_shot"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """Forward passes over the examples and a few training texts, against epochs over all rows."""
    return 0.03


def prepare(model: Any, options: Options) -> None:
    """Set the number of few-shot examples.

    Raises:
        InputError: that is not at least one.
    """
    if options.shots < 1:
        raise InputError(f"in_context: shots is {options.shots}; use at least 1, or the method zero_shot.")
    model.n_examples = options.shots


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
