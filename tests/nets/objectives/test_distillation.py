"""Students of a tiny encoder: soft targets, matched layers, and answers of other outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.compression.distil import SeededDistil
from goldilocks.nets.compression.pruning import with_blocks
from goldilocks.nets.network import Network
from goldilocks.nets.objectives.distillation import TEMPERATURE, Distillation, answers_as_gold, matched_layers
from goldilocks.nets.tokenization.batching import padded
from goldilocks.protocols import Model, OneShotEstimator
from goldilocks.records import Output, TrainingConfig
from goldilocks.testing import tiny

TEXTS = tiny.part(60).texts


def made(folder: Path, output: Output = Output.LABEL, name: str = "en", depth: int = 2) -> tuple[Network, tiny.Case]:
    case = next(case for case in tiny.cases({output}) if case.name == name)
    return tiny.encoder(folder / f"depth{depth}", case.part, case.goal, depth=depth), case


def distance(student: Model, teacher: Model) -> float:
    tables = [np.asarray(network.predict(TEXTS).probabilities) for network in (student, teacher)]
    return float(np.abs(tables[0] - tables[1]).mean())


def test_loss_against_oneself_is_zero_and_by_hand_otherwise(tmp_path: Path) -> None:
    teacher, _ = made(tmp_path)
    student = teacher.twin()
    with torch.no_grad():
        student.module.get_parameter("head.bias").add_(torch.tensor([1.0, 0.0, -1.0]))
    objective = Distillation(student, teacher, TEXTS[:8])
    batch = padded(teacher.rows(TEXTS[:8]), 0)

    with torch.no_grad():
        of_itself, of_other = (float(objective.loss(network, batch, range(8))) for network in (teacher, student))

    assert of_itself == pytest.approx(0, abs=1e-5)

    softened = [network.predict(TEXTS[:8]).probabilities ** (1 / TEMPERATURE) for network in (teacher, student)]
    wanted, given = (np.asarray(table) / np.asarray(table).sum(1, keepdims=True) for table in softened)
    by_hand = TEMPERATURE**2 * (wanted * np.log(wanted / given)).sum(1).mean()
    assert of_other == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize("name", ["en", "several"])
def test_student_comes_closer_to_its_teacher(tmp_path: Path, name: str) -> None:
    teacher, _ = made(tmp_path, name=name)
    with torch.no_grad():
        teacher.module.get_parameter("head.weight").mul_(40)  # so that its answers depend on the text
    student = teacher.twin()
    with torch.no_grad():
        student.module.get_parameter("head.weight").mul_(0.1)
    before = distance(student, teacher)

    SeededDistil()(student, teacher, TEXTS, TrainingConfig(8, 3e-3, 3e-2))

    assert distance(student, teacher) < 0.5 * before


def test_layers_are_matched_evenly_where_tokens_and_widths_agree(tmp_path: Path) -> None:
    teacher, _ = made(tmp_path, depth=4)

    assert matched_layers(with_blocks(teacher, [0, 3]), teacher) == ((1, 2), (2, 4))
    wide = tiny.encoder(tmp_path / "wide", tiny.part(), width=64)
    assert matched_layers(wide, teacher) == ()


def test_answers_of_other_outputs_become_right_answers(tmp_path: Path) -> None:
    assert answers_as_gold(("soup", ""), (("which", "the soup"), ("which", "x")), Output.SPAN) == [((4, "soup"),), ()]

    teacher, case = made(tmp_path, Output.TAGS, "tags")
    student = teacher.twin()
    SeededDistil()(student, teacher, case.part.texts, TrainingConfig(1, 1e-3, 1e-3))
    assert student.predict(case.part.texts[:2]).values


def test_model_of_any_family_can_teach(tmp_path: Path) -> None:
    part, family = tiny.part(60), plugins.load("families", "naive_bayes")
    teacher = family.create(family.models()[0], None, part, tiny.GOAL, seed=0)
    assert isinstance(teacher, OneShotEstimator)
    teacher.fit(part.texts, part.gold, seed=0)
    student = tiny.encoder(tmp_path / "student", part)
    before = distance(student, teacher)

    SeededDistil()(student, teacher, TEXTS, TrainingConfig(8, 3e-3, 3e-2))

    assert distance(student, teacher) < 0.5 * before
