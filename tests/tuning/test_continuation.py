"""Runs that start from a model that was tuned before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.additions import added_parameters
from goldilocks.records import Candidate, Goal, ModelInfo, Output, Part, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.continuation import Continuation, untrainable, unusable_method
from goldilocks.tuning.run import Run, RunSetup

ROWS = tiny.part(30)
CONFIG = TrainingConfig(epochs=3, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=10)
WORK = Workload(30, 30, 6, 3)


def tuned(folder: Path, method: str) -> tuple[ModelInfo, Run]:
    checkpoint = tiny.encoder_folder(folder / "tiny-bert")
    info = plugins.load("families", "encoder").describe(checkpoint, str(checkpoint))
    assert info is not None
    run = Run(Candidate(info, method), ROWS, tiny.GOAL, RunSetup(checkpoint, WORK, seed=0, config=CONFIG))
    run.advance(1.0)
    run.model.save(folder / "model")
    return info, run


def further(info: ModelInfo, method: str, start: Continuation, goal: Goal = tiny.GOAL) -> Run:
    return Run(Candidate(info, method), ROWS, goal, RunSetup(None, WORK, seed=0, config=CONFIG, continuation=start))


@pytest.mark.parametrize("method", ["full", "lora", "head_only", "adapter", "reft", "prefix", "prompt"])
def test_run_starts_with_the_answers_of_the_tuned_model(method: str, tmp_path: Path) -> None:
    info, before = tuned(tmp_path, method)
    run = further(info, method, Continuation(tmp_path / "model", method))
    expected = before.model.predict(ROWS.texts).probabilities
    assert np.allclose(run.predict(ROWS.texts).probabilities, expected, atol=1e-4)
    run.advance(1.0)
    assert not np.allclose(run.predict(ROWS.texts).probabilities, expected, atol=1e-3)


@pytest.mark.parametrize("method", ["adapter", "reft", "prefix", "prompt"])
def test_what_the_method_added_is_trained_further_and_not_added_again(method: str, tmp_path: Path) -> None:
    info, before = tuned(tmp_path, method)
    network = further(info, method, Continuation(tmp_path / "model", method)).network
    trained = {name for name, weight in network.module.named_parameters() if weight.requires_grad}
    assert trained == set(added_parameters(network)) | {"head.weight", "head.bias"}
    assert network.config.additions == before.network.config.additions


def test_new_labels_are_learnt_and_missing_ones_stay(tmp_path: Path) -> None:
    info, _ = tuned(tmp_path, "full")
    goal = Goal(labels=(*tiny.LABELS, "weather"))
    run = further(info, "full", Continuation(tmp_path / "model", "full"), goal)
    assert run.predict(["soup"]).labels == (*tiny.LABELS, "weather")


def test_frozen_layers_do_not_hide_the_objective_of_a_strategy(tmp_path: Path) -> None:
    """Distillation with a frozen backbone: its loss is not that of the head, which would be cached."""
    info, _ = tuned(tmp_path, "full")
    plain = further(info, "head_only", Continuation(tmp_path / "model", "full"))
    kept = further(info, "head_only", Continuation(tmp_path / "model", "full", "distillation"))
    for run in (plain, kept):
        run.advance(1.0)
    assert not np.allclose(plain.predict(ROWS.texts).probabilities, kept.predict(ROWS.texts).probabilities, atol=1e-4)


def test_quantised_network_is_refused(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "bert", ROWS)
    assert untrainable(network) is None
    network.config = replace(network.config, int8_embeddings=True)
    assert untrainable(network) == "is quantised; continue from the one that it was made from"


@pytest.mark.parametrize(
    ("method", "strategy", "reason"),
    [
        ("full", "ewc", None),
        ("l2_sp", "replay", None),
        ("l2_sp", "ewc", "an objective of its own"),
        ("contrastive", None, "refits the head"),
        ("cosine", None, "refits the head"),
        ("distil", None, "needs a finished candidate"),
        ("pet", None, "begins with a head from label words"),
    ],
)
def test_methods_that_cannot_continue_say_why(method: str, strategy: str | None, reason: str | None) -> None:
    plugin = plugins.load("strategies", strategy) if strategy else None
    message = unusable_method(plugins.load("methods", method), plugin)
    assert message is None if reason is None else reason in str(message)


def test_strategy_that_does_not_fit_the_network_is_refused(tmp_path: Path) -> None:
    pairs = tuple((str(text), "soup") for text in ROWS.texts)
    part = Part(texts=pairs, gold=(0.5,) * len(pairs), rows=ROWS.rows)
    goal = Goal(Output.SCORE)
    scorer = tiny.encoder(tmp_path / "bert", part, goal)
    scorer.save(tmp_path / "model")
    info = plugins.load("families", "encoder").describe(tmp_path / "bert", "tiny")
    assert info is not None
    start = Continuation(tmp_path / "model", "full", "distillation")
    run = Run(Candidate(info, "full"), part, goal, RunSetup(None, WORK, seed=0, config=CONFIG, continuation=start))
    with pytest.raises(InputError, match="distillation: learns probabilities of labels"):
        run.advance(1.0)
