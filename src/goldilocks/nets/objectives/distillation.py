"""Knowledge distillation: a network (the student) is trained on the outputs of another (the teacher).

Where the answer is a label, the student learns the teacher's probabilities, softened by a temperature of 2 (Hinton et
al. 2015), and, where both encode the same tokens in the same width, the mean hidden states of the teacher's layers,
evenly assigned to its own (patient distillation, Sun et al. 2019, of mean instead of [CLS] vectors). For other outputs
the teacher's answers are its gold answers (hard targets; for sequences Kim & Rush 2016).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import logits_of
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.protocols import Model
from goldilocks.records import Answer, Gold, Output, Part, Text, TrainingConfig

TEMPERATURE = 2.0
_HIDDEN = 1.0
"""Weight of the hidden states relative to the logits."""
Layers = tuple[tuple[int, int], ...]
"""Pairs of a student's layer and the teacher's that it learns, counted from 1 (0: the embeddings)."""


class Distillation:
    """What the teacher answers to the training texts, and the student's distance to it; see ``tuning/objective.py``."""

    def __init__(self, student: Network, teacher: Model, texts: Sequence[Text]) -> None:
        """Let the teacher answer.

        Args:
            student: What will be trained; it ``has_soft_targets``.
            teacher: A model with the same labels.
            texts: Training texts; the student must make one row of each.
        """
        self.several = student.config.several
        self.logits = torch.from_numpy(logits_of(teacher.predict(texts).probabilities, several=self.several)).float()
        self.layers: Layers = ()
        self.vectors = torch.empty(0)
        if isinstance(teacher, Network):
            self.layers = matched_layers(student, teacher)
        if self.layers:
            assert isinstance(teacher, Network)
            self.vectors = layer_vectors(teacher, texts, [layer for _, layer in self.layers])

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """The number of each row's text."""
        return [row.item for row in rows]

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Distance to the teacher: of the softened probabilities, and of the matched layers."""
        scores, vectors = _outputs(network, batch, [layer for layer, _ in self.layers])
        teacher_logits = self.logits[list(targets)].to(scores.device)
        loss = _distance(scores, teacher_logits, several=self.several)
        if vectors is None:
            return loss
        theirs = self.vectors[list(targets)].to(vectors.device)
        spread = theirs.square().mean(-1).clamp(min=1e-6)
        return loss + _HIDDEN * ((vectors - theirs).square().mean(-1) / spread).mean()


def _distance(scores: Tensor, teacher_logits: Tensor, *, several: bool) -> Tensor:
    """Divergence of the student's softened probabilities from the teacher's, times the squared temperature."""
    scores, teacher_logits = scores / TEMPERATURE, teacher_logits / TEMPERATURE
    if several:
        return TEMPERATURE**2 * F.binary_cross_entropy_with_logits(scores, teacher_logits.sigmoid())
    divergence = F.kl_div(
        scores.log_softmax(-1), teacher_logits.log_softmax(-1), reduction="batchmean", log_target=True
    )
    return TEMPERATURE**2 * divergence


def has_soft_targets(network: Network) -> bool:
    """Whether the network scores every label of an item from one vector."""
    return network.config.goal.output is Output.LABEL and network.pools


def matched_layers(student: Network, teacher: Network) -> Layers:
    """Which layers of the student learn which of the teacher; none where tokens or widths differ.

    Example: of a teacher with six layers a student with three learns the second, fourth and sixth.
    """
    below, above = student.backbone, teacher.backbone
    same = isinstance(below, BertBackbone) and isinstance(above, BertBackbone) and below.width == above.width
    if not same or type(student) is not type(teacher) or not below.depth:
        return ()
    if student.tokenizer.to_str() != teacher.tokenizer.to_str():
        return ()
    return tuple((layer, round(layer * above.depth / below.depth)) for layer in range(1, below.depth + 1))


def layer_vectors(network: Network, texts: Sequence[Text], layers: Sequence[int]) -> Tensor:
    """``Network.overview`` of some layers for each text, ``(n_texts, n_layers, pooled_width)``, float32."""
    vectors = torch.empty((len(texts), len(layers), network.pooled_width))
    network.module.eval()
    rows = network.rows(texts)
    with torch.no_grad():
        for chosen, batch in network.batches(rows):
            student_states = _outputs(network, batch, layers)[1]
            assert student_states is not None
            vectors[[rows[position].item for position in chosen]] = student_states.cpu()
    return vectors


def _outputs(network: Network, batch: Batch, layers: Sequence[int]) -> tuple[Tensor, Tensor | None]:
    backbone = network.backbone
    if not layers:
        return network.score_pooled(network.pool(backbone(batch), batch)), None
    hidden, vectors = backbone.embed(batch), []
    for number in range(backbone.depth):
        hidden = backbone.block(number, hidden, batch.mask)
        if number + 1 in layers:
            vectors.append(network.overview(hidden, batch).float())
    return network.score_pooled(network.pool(hidden, batch)), torch.stack(vectors, dim=1)


def answers_as_gold(answers: Sequence[Answer], texts: Sequence[Text], output: Output) -> list[Gold]:
    """A network's own answers in the form of gold answers: of spans with the position in the context."""
    if output is not Output.SPAN:
        return [cast(Gold, answer) for answer in answers]
    contexts = [text if isinstance(text, str) else text[-1] for text in texts]
    return [
        ((context.find(str(answer)), str(answer)),) if answer else ()
        for answer, context in zip(answers, contexts, strict=True)
    ]


def distillation_config(network: Network, n_texts: int, *, steps: int, rate: float | None = None) -> TrainingConfig:
    """About ``steps`` batches of 32, at least one epoch and at most 30.

    Args:
        network: The student; wider ones learn at a lower rate, as the encoders' own training config has it.
        n_texts: Training texts.
        steps: Batches.
        rate: Learning rate of all weights; ``None``: that of a pretrained encoder.
    """
    rate = rate or min(2e-4, max(2e-5, 1e-4 * 384 / max(1, network.backbone.width)))
    epochs = min(30.0, max(1.0, steps * 32 / max(1, n_texts)))
    return TrainingConfig(epochs, learning_rate=rate, head_learning_rate=rate, batch_rows=32)


def not_distillable(model: object, family: str, outputs: Collection[Output]) -> str | None:
    """Why a model has no student of a smaller family, for the user; ``None``: it has.

    Args:
        model: The teacher.
        family: Family of the student.
        outputs: That the student supports.
    """
    if not isinstance(model, Network) or model.backbone.depth < 2:
        return "it is not a network of several layers, so a student would hardly be smaller"
    output = model.config.goal.output
    if output not in outputs:
        return f"{family} does not give {output.value}"
    return None


def rows_for(teacher: Network, texts: Sequence[Text]) -> Part:
    """The texts with the teacher's answers as gold answers, as a family creates a student from."""
    output = teacher.config.goal.output
    gold = answers_as_gold(teacher.predict(texts).values, texts, output)
    return Part(tuple(texts), tuple(gold), tuple(range(1, len(texts) + 1)))
