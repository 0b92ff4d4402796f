"""Learning without forgetting: the bundle's own answers to the new rows are learnt in addition to the new labels.

No old rows are needed: the bundle's probabilities for its labels (or the tags of each word) on the new rows stand for
what it knew.

Source: Li & Hoiem 2016, "Learning without Forgetting"; one head for all labels, where the paper has one for each task,
and no warm-up of the new outputs alone. Tags: Monaikul et al. 2021, "Continual Learning for Named Entity Recognition".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.records import Gold, Part, Text, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.soft_tags import SoftTags
    from goldilocks.nets.objectives.soft_targets import SoftTargets

SOURCE = (
    "Li & Hoiem 2016, Learning without Forgetting; one head for all labels, no warm-up of new outputs alone. Tags: "
    "Monaikul et al. 2021, Continual Learning for Named Entity Recognition"
)
NEEDS_OLD_ROWS = False


@dataclass(frozen=True, slots=True)
class Options:
    """How much the old answers count."""

    weight: float = 0.5
    """Weight of the bundle's answers in the loss, 0 to 1; the new labels have the rest."""
    temperature: float = 2.0
    """Both distributions are softened by it; 1: not at all."""


def check(options: Options) -> None:
    """See ``protocols.Strategy``.

    Raises:
        InputError: an option is out of range.
    """
    if not 0 < options.weight < 1 or options.temperature <= 0:
        raise InputError(
            f"distillation: weight is {options.weight:g} and temperature {options.temperature:g}; the weight must be "
            "above 0 and below 1, the temperature above 0."
        )


def training_config(config: TrainingConfig) -> TrainingConfig:
    """As it is."""
    return config


def objective(
    network: Network,
    previous: Network,
    texts: Sequence[Text],
    gold: Sequence[Gold],
    old: Part,  # noqa: ARG001
    options: Options,
) -> SoftTargets | SoftTags:
    """See ``protocols.ConstrainsUpdates``.

    Raises:
        InputError: the network gives neither tags nor scores of labels from one vector of the text.
    """
    from goldilocks.nets.heads.token_classifier import TokenClassifier
    from goldilocks.nets.objectives.distillation import has_soft_targets
    from goldilocks.nets.objectives.soft_tags import SoftTags
    from goldilocks.nets.objectives.soft_targets import SoftTargets

    if isinstance(network, TokenClassifier) and isinstance(previous, TokenClassifier):
        return SoftTags(network, previous, texts, gold, weight=options.weight, temperature=options.temperature)
    if not has_soft_targets(network):
        raise InputError(
            f"distillation: learns probabilities of labels or tags, this is a {network.config.head.KIND}; use replay, "
            "ewc or l2_sp."
        )
    answers = previous.predict(texts).probabilities
    return SoftTargets(network, gold, answers, weight=options.weight, temperature=options.temperature)
