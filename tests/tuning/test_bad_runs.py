"""Runs that cannot go on: a loss that is not a number, too little memory, nothing to train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.records import Candidate, TrainingConfig, Workload
from goldilocks.selection.failures import own_fault
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.run import Run, RunSetup

CONFIG = TrainingConfig(epochs=2, learning_rate=1e-3, head_learning_rate=1e-3, batch_rows=8)


def run(folder: Path, method: str = "full", config: TrainingConfig = CONFIG) -> Run:
    checkpoint = tiny.encoder_folder(folder / "tiny")
    info = plugins.load("families", "encoder").describe(checkpoint, str(checkpoint))
    assert info is not None
    setup = RunSetup(checkpoint, Workload(40, 30, 6, 3), seed=0, config=config)
    return Run(Candidate(info, method), tiny.part(40), tiny.GOAL, setup)


def test_loss_that_stays_no_number_ends_the_run_with_step_checkpoint_and_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(tmp_path, config=TrainingConfig(epochs=8, learning_rate=1e-3, head_learning_rate=1e-3, batch_rows=8))
    made.advance(0.25)  # 10 steps of 40
    own = Learner._loss
    monkeypatch.setattr(Learner, "_loss", lambda self, rows: own(self, rows) * float("nan"))
    wanted = (
        r"encoder/tiny/full: the loss has not been a finite number since step 11 .*training.learning_rate, now 0.001\)"
        r".*its last checkpoint is that at 25%"
    )
    with pytest.raises(InputError, match=wanted):
        made.advance(1.0)


def test_single_step_without_a_finite_loss_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, own = run(tmp_path), Learner._loss
    monkeypatch.setattr(Learner, "_loss", lambda self, rows: own(self, rows) * (float("nan") if self.steps == 3 else 1))
    made.advance(1.0)
    assert made.share == 1


def test_batch_that_does_not_fit_is_divided_and_gives_about_the_same_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = run(tmp_path)
    wanted.advance(1.0)
    own = Learner._loss

    def small(self: Any, rows: list[int]) -> torch.Tensor:
        if len(rows) > 3:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return own(self, rows)

    monkeypatch.setattr(Learner, "_loss", small)
    divided = run(tmp_path)
    divided.advance(1.0)
    texts = tiny.part(40).texts
    assert alike(divided.predict(texts), wanted.predict(texts)) < 0.05  # gradients are added in bfloat16 in places


def test_item_that_does_not_fit_alone_ends_the_candidate_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: Any, rows: list[int]) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Learner, "_loss", never)
    with pytest.raises(MemoryError, match=r"one item of \d+ tokens at a time is too much in step 1; choose a smaller"):
        run(tmp_path).advance(1.0)
    words = own_fault(MemoryError("one item of 9 tokens at a time is too much in step 1"))
    assert words == "not enough memory on this machine (one item of 9 tokens at a time is too much in step 1)"


def test_error_that_is_not_about_memory_surfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, rows: list[int]) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Learner, "_loss", wrong)
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(tmp_path).advance(1.0)


def test_method_that_leaves_nothing_to_train_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = plugins.load("methods", "full")
    monkeypatch.setattr(method, "prepare", lambda network, options: network.module.requires_grad_(False))
    with pytest.raises(InputError, match="encoder/tiny/full: the method leaves no weight of this model to train"):
        run(tmp_path).advance(1.0)
