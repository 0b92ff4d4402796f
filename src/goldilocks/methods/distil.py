"""Distillation: a network is trained on the probabilities of a finished, better candidate besides the gold labels.

The teacher is the finished candidate with the lowest validation loss that runs on this machine, of any family; it
answers the training texts once. The race offers the method as soon as there is one.

Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.records import Candidate, Gold, ModelInfo, Output, Text, TrainingConfig

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.soft_targets import SoftTargets

ON_REQUEST = "needs a better candidate to have finished before"


@dataclass(frozen=True, slots=True)
class Options:
    """How much the teacher counts."""

    weight: float = 0.5
    """Weight of the teacher in the loss, 0 to 1; the right labels have the rest."""
    temperature: float = 2.0
    """Both distributions are softened by it; 1: not at all."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if not set(info.groups) - {"prompt"}:
        return "not trained by gradient descent; use `scratch`"
    return None


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    return None if output is Output.LABEL else f"learns probabilities of labels; the task needs {output}; use `full`"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """As full fine-tuning; the teacher's one pass comes on top."""
    return 1.1


def learns_from(info: ModelInfo, teacher: Candidate) -> bool:
    """See ``protocols.NeedsTeacher``: any model on this machine that is not a student itself."""
    return not teacher.model.remote and teacher.method != "distil" and teacher.model.parameters >= info.parameters


def prepare(network: Network, options: Options) -> None:
    """Make every weight trainable.

    Raises:
        InputError: an option is out of range, or the head does not score labels from one vector.
    """
    if not 0 < options.weight <= 1 or options.temperature <= 0:
        raise InputError(
            f"distil: weight is {options.weight:g} and temperature {options.temperature:g}; "
            "the weight must be above 0 and at most 1, the temperature above 0."
        )
    if not network.pools:
        kind = network.config.head.KIND
        raise InputError(f"distil: needs a head on one vector of the text, this is a {kind}; use `full`.")
    network.module.requires_grad_(True)


def taught(
    network: Network,
    texts: Sequence[Text],  # noqa: ARG001
    gold: Sequence[Gold],
    probabilities: npt.NDArray[np.floating[Any]],
    options: Options,
) -> SoftTargets:
    """See ``protocols.NeedsTeacher``."""
    from goldilocks.nets.objectives.soft_targets import SoftTargets

    return SoftTargets(network, gold, probabilities, weight=options.weight, temperature=options.temperature)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """The family's own."""
    return config
