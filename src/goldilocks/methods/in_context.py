"""Few-shot prompting (in-context learning): the instruction and a few training rows with their answers; no training.

By default the examples are drawn at random, labels taking turns (Brown et al. 2020, "Language Models are Few-Shot
Learners"); other strategies of the shelf ``demonstrations/`` choose them for each item. Which rows are drawn, and in
which order, moves the score by points: one draw says little about the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from goldilocks.errors import InputError
from goldilocks.records import ModelInfo, Output, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """The few-shot examples."""

    shots: int = 8
    """Training rows in the prompt, with their answers; fewer where the context is too short."""
    demonstrations: str = "balanced"
    """How they are chosen: a file name in ``demonstrations/``."""
    order: Literal["auto", "best_last", "best_first", "random", "search"] = "auto"
    """Their order; ``auto``: the best last where they are chosen for each item, otherwise as drawn. ``search`` compares
    orders on training rows (decoders only)."""
    position: Literal["after_instruction", "start", "search"] = "after_instruction"
    """Their position: after the instruction, or before it at the start of the prompt; ``search`` as for the order."""
    calibration: Literal["batch", "contextual", "none"] = "batch"
    """What is subtracted from the scores of labels: their mean over training texts (``batch``), or their scores for
    inputs without content (``contextual``; decoders only)."""
    tokens: int = 0
    """Most tokens of the examples together, so that strategies can be compared at equal costs; the last chosen are left
    out. ``cached`` ones do not count; endpoints are taken to have a token in 3 characters. 0: as the context allows."""
    cached: int = 0
    """Further examples, the same for all items (balanced), before those chosen for each item: a decoder encodes
    them once."""


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
    """Set how many few-shot examples there are and how they are chosen.

    Raises:
        InputError: there is not at least one, ``cached`` does not go with the strategy, or ``tokens`` is below 0.
        MissingError: there is no such strategy.
    """
    from goldilocks.nets.generation.example_selection import settings

    if options.shots < 1:
        raise InputError(f"in_context: shots is {options.shots}; use at least 1, or the method zero_shot.")
    model.n_examples = options.shots
    model.demonstrations = settings(
        options.demonstrations, options.order, options.position, options.calibration, options.cached, options.tokens
    )


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
