from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.objectives.soft_tags import SoftTags
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Goal, Output, Part, Text
from goldilocks.testing import tiny

CASE = next(case for case in tiny.cases({Output.TAGS}))
LONG = ("soup", "bank", "the") * 50
"""More words than a row has room for."""
TEXTS: tuple[Text, ...] = (*CASE.part.texts[:4], LONG)
GOLD = (*CASE.part.gold[:4], tuple(map(tiny.tag_of, LONG)))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> TokenClassifier:
    part = Part(TEXTS, GOLD, tuple(range(1, len(TEXTS) + 1)))
    network = tiny.encoder(tmp_path_factory.mktemp("tagger") / "checkpoint", part, Goal(Output.TAGS, tiny.TAGS))
    assert isinstance(network, TokenClassifier)
    torch.manual_seed(1)
    nn.init.normal_(network.heads[0].linear.weight)
    network.module.eval()
    return network


def student_of(teacher: TokenClassifier, more: tuple[str, ...] = ()) -> TokenClassifier:
    student = teacher.twin()
    assert isinstance(student, TokenClassifier)
    student.extend_labels((*teacher.labels, *more))
    return student


def soft(student: TokenClassifier, teacher: TokenClassifier, weight: float, temperature: float = 2.0) -> SoftTags:
    return SoftTags(student, teacher, TEXTS, GOLD, weight=weight, temperature=temperature)


def loss(objective: SoftTags, student: TokenClassifier) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The loss of all rows at once, that of the right tags alone, and the student's scores."""
    rows = student.rows(TEXTS)
    batch, targets = padded(rows, student.config.pad_id), objective.targets(rows)
    states = student.backbone(batch)
    own = student.loss(states, batch, [tags for tags, _ in targets])
    return objective.loss(student, batch, targets), own, student.word_scores(states, batch)


def test_every_row_of_a_long_sentence_has_the_scores_of_its_own_words(teacher: TokenClassifier) -> None:
    rows = teacher.rows(TEXTS)
    assert len(rows) > len(TEXTS)
    targets = soft(student_of(teacher), teacher, 0.5).targets(rows)
    for row, (tags, scores) in zip(rows, targets, strict=True):
        batch = padded([row], teacher.config.pad_id)
        with torch.no_grad():
            alone = teacher.word_scores(teacher.backbone(batch), batch)
        assert torch.allclose(scores, alone, atol=1e-4)  # in a batch with others, and by itself
        wanted = [teacher.labels.index(tag) for tag in GOLD[row.item][row.first : row.first + len(row.places)]]  # type: ignore[index]
        assert np.array_equal(tags, wanted)


@pytest.mark.parametrize(("weight", "temperature"), [(0.25, 1.0), (0.5, 3.0)])
def test_loss_is_the_softened_divergence_of_each_word_beside_the_own_loss(
    teacher: TokenClassifier, weight: float, temperature: float
) -> None:
    student = student_of(teacher, ("B-weather",))
    with torch.no_grad():
        nn.init.normal_(student.heads[0].linear.weight)
        got, own, scores = loss(soft(student, teacher, weight, temperature), student)
        rows = teacher.rows(TEXTS)
        batch = padded(rows, teacher.config.pad_id)
        theirs = (teacher.word_scores(teacher.backbone(batch), batch) / temperature).softmax(-1)
    ours = (scores[:, : len(teacher.labels)] / temperature).softmax(-1)  # the new tag is not compared
    divergence = (theirs * (theirs / ours).log()).sum(-1).mean()
    assert float(got) == pytest.approx(float((1 - weight) * own + weight * temperature**2 * divergence), rel=1e-4)


def test_student_that_scores_as_its_teacher_has_its_own_loss_only(teacher: TokenClassifier) -> None:
    student = student_of(teacher)
    with torch.no_grad():
        got, own, _ = loss(soft(student, teacher, 0.4), student)
    assert float(got) == pytest.approx(0.6 * float(own), rel=1e-4)


def test_gradients_reach_the_student_and_not_the_teacher(teacher: TokenClassifier) -> None:
    student = student_of(teacher)
    nn.init.normal_(student.heads[0].linear.weight)
    got, _, _ = loss(soft(student, teacher, 1.0), student)
    got.backward()  # type: ignore[no-untyped-call]
    assert float(F.normalize(student.heads[0].linear.weight.grad, dim=0).abs().sum()) > 0  # type: ignore[arg-type]
    assert all(weight.grad is None for weight in teacher.module.parameters())


def test_loss_knows_label_smoothing_only(teacher: TokenClassifier) -> None:
    assert SoftTags.loss_options == {"label_smoothing"}
