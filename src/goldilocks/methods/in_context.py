"""Nothing is trained: the model is told in words what to do and shown a few training rows with their right answers.

The rows are drawn at random, labels taking turns (Brown et al. 2020, "Language Models are Few-Shot Learners"). Which
rows are drawn moves the score by points: one draw says little about the next.
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
    """What is shown."""

    shots: int = 8
    """Training rows shown with their answers; fewer where the model cannot read as much."""


def misfit(facts: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return None if "prompt" in facts.groups else "cannot be told in words what to do; it has to learn from rows"


def useless(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    from goldilocks.nets.generation.prompts import unaskable

    if output is not Output.LIKELIHOOD:
        return unaskable(output)
    return "a text is judged as it stands, without examples, so it would be zero_shot once more"


def effort(facts: ModelInfo) -> float:  # noqa: ARG001
    """A look at a few training texts behind the examples, against passes over all of them."""
    return 0.03


def prepare(model: Any, options: Options) -> None:
    """Say how many rows are shown.

    Raises:
        InputError: that is not at least one.
    """
    if options.shots < 1:
        raise InputError(f"in_context: shots is {options.shots}; show at least 1 row, or use zero_shot.")
    model.shots = options.shots


def fold(network: Network) -> None:
    """Nothing was added."""


def recipe(recipe: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
