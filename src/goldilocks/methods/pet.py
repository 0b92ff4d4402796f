"""Pattern-exploiting training for few labels: the model begins as a zero-shot prompt and is fine-tuned from there.

The head is made of the language model's own output weights for the words of each label, calibrated, and all weights are
trained with cross entropy over the labels. With several patterns one model is trained for each; what they answer
together, to the training rows and to those of ``data.unlabelled``, is then learnt by the final one.

Made for a few to some dozen rows per label; with more, `full` and `lora` score as well in less time, since items are
longer by the pattern.

For causal language models: no model that comes in a package has a masked-LM head.

Sources: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference" (one run for each pattern, all with the same weight; the final model begins with the first pattern, where the
paper has a classifier without one; no auxiliary loss of language modelling); Gao et al. 2021, "Making Pre-trained
Language Models Better Few-shot Learners".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.records import Gold, ModelInfo, Output, Text, TrainingConfig

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.soft_targets import SoftTargets

ON_REQUEST = "is made for few labels (about 4 to 32 rows per label)"
HEAD_FROM = "label words"
_BATCH = 8
_PROMPT = "prompt"
"""Stands for the task's prompt among the patterns."""
_TEMPERATURE = 2.0
"""Of the ensemble's answers, as in the paper."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the model begins."""

    words: Mapping[str, str] = field(default_factory=dict)
    """Label -> words that stand for it, e.g. ``{"1": "great", "0": "terrible"}``; other labels stand for themselves."""
    patterns: tuple[str, ...] = ()
    """What items stand in: ``prompt`` (the task's prompt, the default) or a text with ``{text}`` (of several texts
    ``{text1}``, ``{text2}``) that ends where the label's words follow. Several: an ensemble teaches the final model."""
    calibrate: bool = True
    """Whether the mean score of each label over some training texts is subtracted before training."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if "prompt" not in info.groups or not info.depth:
        return "is no causal language model, so that it has no scores of label words; use `contrastive`"
    return None if info.pretrained else "not pretrained; use `scratch`"


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    return None if output is Output.LABEL else f"scores the words of labels; the task needs {output}; use `lora`"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """Twice the epochs of full fine-tuning, on items with a pattern."""
    return 3.0


def prepare(network: Network, options: Options) -> None:
    """Begin with the label words; every weight is trained.

    Raises:
        InputError: items have several labels, the pattern leaves no room for them, or the words are of no label.
    """
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
    from goldilocks.nets.heads.label_words import begin_with_label_words

    if network.config.several:
        raise InputError("pet: items with several labels have no single label word; use `lora`.")
    if not isinstance(network, DecoderClassifier):
        raise InputError(f"pet: needs a causal language model, this is a {network.config.head.KIND}; use `lora`.")
    first = options.patterns[0] if options.patterns else _PROMPT
    begin_with_label_words(network, options.words, "" if first == _PROMPT else first)
    network.module.requires_grad_(True)


def objective(network: Network, texts: Sequence[Text], gold: Sequence[Gold], options: Options) -> None:  # noqa: ARG001
    """The head's own loss is minimised; here the texts are known that calibrate it. See ``protocols.HasObjective``."""
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
    from goldilocks.nets.heads.label_words import calibrate

    if options.calibrate and isinstance(network, DecoderClassifier):
        calibrate(network, texts)


def variants(options: Options) -> Sequence[Options]:
    """See ``protocols.LearnsFromVariants``: one for each pattern, where there are several."""
    patterns = options.patterns if len(options.patterns) > 1 else ()
    return [replace(options, patterns=(pattern,)) for pattern in patterns]


def taught_by_variants(
    network: Network, texts: Sequence[Text], probabilities: npt.NDArray[np.floating[Any]], options: Options
) -> SoftTargets:
    """See ``protocols.LearnsFromVariants``."""
    from goldilocks.nets.objectives.soft_targets import SoftTargets

    objective(network, texts, (), options)
    return SoftTargets(network, (), probabilities, weight=1.0, temperature=_TEMPERATURE)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Small batches and twice the epochs, as few rows need; the head has been pretrained too."""
    return replace(
        config,
        epochs=2 * config.epochs,
        batch_rows=min(_BATCH, config.batch_rows),
        head_learning_rate=config.learning_rate,
        dropout=0.0,
    )
