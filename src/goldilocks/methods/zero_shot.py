"""Zero-shot prompting: the model gets the instruction and the item; no training, no examples.

Needs an autoregressive language model. No training label is used, so the score does not depend on how many rows there
are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.records import Output


@dataclass(frozen=True, slots=True)
class Options:
    """No settings."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return None if "prompt" in info.groups else "cannot be prompted; needs training"


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    from goldilocks.nets.generation.prompts import why_not_promptable

    return why_not_promptable(output)


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """A forward pass over a few training texts, against epochs over all of them."""
    return 0.02


def prepare(model: Any, options: Options) -> None:  # noqa: ARG001
    """No examples."""
    model.n_examples = 0


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
