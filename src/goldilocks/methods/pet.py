"""Pattern-exploiting training for few labels: the model begins as a zero-shot prompt and is fine-tuned from there.

The head is made of the language model's own output weights for the words of each label, calibrated, and all weights are
trained with cross entropy over the labels. Where items have several labels, each label is a decision of its own
(sigmoid), which begins at the label's share of the training rows. With several patterns or seeds one model is trained
for each; what they answer together, to the training rows and to those of ``data.unlabelled``, is then learnt by the
final one.

Encoders with a masked-LM head score the label words at mask tokens, as in the paper; causal language models score them
where they follow the pattern. No encoder that comes in a package has that head: `goldilocks pretrain` makes some, and
most pretrained encoders on the Hub are published with theirs.

Made for a few to some dozen rows per label; with more, `full` and `lora` score as well in less time, since items are
longer by the pattern.

Sources: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference" (the final model begins with the first pattern, where the paper has a classifier without one; no auxiliary
loss of language modelling; no further generations, iPET); Gao et al. 2021, "Making Pre-trained Language Models Better
Few-shot Learners".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from goldilocks.errors import InputError
from goldilocks.protocols import Variant
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
"""Temperature of the ensemble's answers, as in the paper."""
_RAREST = 0.01
"""Smallest share of a label that a score begins with, so that labels without a row can still be learnt."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the model begins."""

    words: Mapping[str, str] = field(default_factory=dict)
    """Label -> words that stand for it, e.g. ``{"1": "great", "0": "terrible"}``; other labels stand for themselves."""
    patterns: tuple[str, ...] = ()
    """The pattern around items: ``prompt`` (the default: the task's prompt, for encoders ``{text} ({mask})``) or a text
    with ``{text}`` (of several texts ``{text1}``, ``{text2}``) and ``{mask}`` at the place of the label's words.
    Without ``{mask}`` they follow at the end, the only place for decoders. Several: an ensemble teaches the final
    model."""
    seeds: int = 1
    """Number of models trained per pattern, each with its own seed; 3 in the paper."""
    weights: Literal["equal", "accuracy"] = "equal"
    """Weights of the ensemble's models: ``equal``, or their ``accuracy`` on the training rows before training."""
    calibrate: bool = True
    """Whether the mean score of each label over some training texts is subtracted before training (and, where items
    have several labels, the log-odds of the label's share of the rows added)."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if not info.masked_lm and ("prompt" not in info.groups or not info.depth):
        return "has no language-model head that scores label words; use `contrastive`"
    return None if info.pretrained else "not pretrained; use `scratch`"


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    return None if output is Output.LABEL else f"scores the words of labels; the task needs {output}; use `lora`"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """Twice the epochs of full fine-tuning, on items with a pattern."""
    return 3.0


def with_head(network: Network, options: Options) -> Network:
    """See ``protocols.ReplacesHead``.

    Raises:
        InputError: the checkpoint has no language-model head, the pattern leaves no room for items, or the words are of
            no label.
    """
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifier

    if options.seeds < 1:
        raise InputError(f"pet: seeds is {options.seeds}; train at least one model for each pattern.")
    first = options.patterns[0] if options.patterns else _PROMPT
    template = "" if first == _PROMPT else first
    if isinstance(network, DecoderClassifier):
        from goldilocks.nets.heads.label_words import begin_with_label_words

        begin_with_label_words(network, options.words, template)
        return network
    if network.masked_lm is None:
        raise InputError(f"pet: needs a language-model head, this is a {network.config.head.KIND}; use `contrastive`.")
    from goldilocks.nets.heads.masked_lm_classifier import with_label_words

    return with_label_words(network, options.words, template)


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Every weight is trained."""
    network.module.requires_grad_(True)


def objective(network: Network, texts: Sequence[Text], gold: Sequence[Gold], options: Options) -> None:
    """The head's own loss is minimised; here the texts are known that calibrate it. See ``protocols.HasObjective``."""
    import numpy as np

    shares = None
    if network.config.several:
        answers = cast(Sequence[Sequence[str]], gold)
        shares = np.array([sum(label in answer for answer in answers) for label in network.labels]) / len(gold)
    _calibrate(network, texts, shares, options)


def _calibrate(
    network: Network, texts: Sequence[Text], shares: npt.NDArray[np.floating[Any]] | None, options: Options
) -> None:
    """Centre the scores, and raise them to the log-odds of the labels' shares where each is a decision of its own."""
    import numpy as np
    import torch

    from goldilocks.nets.heads.verbalizers import calibrate

    if not options.calibrate:
        return
    head = cast(Any, network.head)
    bias = getattr(head, "out", head).bias
    calibrate(network, bias, texts)
    if shares is not None:
        shares = np.clip(shares, _RAREST, 1 - _RAREST)
        with torch.no_grad():
            bias.add_(torch.from_numpy(np.log(shares / (1 - shares))).to(bias))


def variants(options: Options) -> Sequence[Variant]:
    """See ``protocols.LearnsFromVariants``: one for each pattern and seed, where there are several."""
    patterns = options.patterns or (_PROMPT,)
    if len(patterns) * options.seeds == 1:
        return ()
    return [
        Variant(replace(options, patterns=(pattern,), seeds=1), seed)
        for pattern in patterns
        for seed in range(options.seeds)
    ]


def weighs_variants(options: Options) -> bool:
    """See ``protocols.LearnsFromVariants``."""
    return options.weights == "accuracy"


def taught_by_variants(
    network: Network, texts: Sequence[Text], probabilities: npt.NDArray[np.floating[Any]], options: Options
) -> SoftTargets:
    """See ``protocols.LearnsFromVariants``."""
    from goldilocks.nets.objectives.soft_targets import SoftTargets

    _calibrate(network, texts, probabilities.mean(axis=0) if network.config.several else None, options)
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
