"""What a method must do in training: only promised weights move, the loss falls, and what is saved answers alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goldilocks import plugins
from goldilocks.protocols import AddsVirtualTokens, FitsHead, ReplacesHead
from goldilocks.records import Candidate, ModelInfo, Part, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike, check_restores
from goldilocks.tuning.run import Run, RunSetup

_CONFIG = TrainingConfig(epochs=6, learning_rate=1e-3, head_learning_rate=3e-3, batch_rows=10)
_ROWS = 30


def check_method_trains(name: str, info: ModelInfo, checkpoint: Path | None, scratch: Path) -> None:
    """Train a method on tiny rows of a model that it fits; raises ``AssertionError``.

    Args:
        name: File name in methods/; it trains by gradient descent.
        info: The model.
        checkpoint: Its folder.
        scratch: An empty folder.
    """
    method, family = plugins.load("methods", name), plugins.load("families", info.family)
    part = tiny.part(_ROWS)
    config = method.training_config(_CONFIG)
    assert config is not None, f"{name} is not trained by gradient descent"

    def run() -> Run:
        setup = RunSetup(checkpoint, Workload(_ROWS, 30, 6, 3), seed=0, config=config, teacher=teacher_for(part))
        return Run(Candidate(info, name), part, tiny.GOAL, setup)

    first, before, _trainable = run(), _weights(run()), _trainable_of(run())
    loss = _loss(first, part)
    first.advance(1.0)
    falls = isinstance(method, FitsHead) or _loss(first, part) < loss  # a fitted head is good before any training
    assert falls, f"the loss of {info.name} does not fall ({loss:.3g} before training)"
    after = _weights(first)
    moved = {weight for weight in after if not np.array_equal(after[weight], before[weight])}
    assert moved <= _trainable, f"weights of {info.name} move that are frozen: {sorted(moved - _trainable)}"
    assert moved, f"no weight of {info.name} moves"
    _check_same_seed(first, run())
    merged = first.model
    gap = alike(first.predict(part.texts), merged.predict(part.texts))
    assert gap < 1e-3, f"folding {info.name} changes its answers by {gap:.2g}"
    check_restores(merged, family.restore, part.texts, scratch / "model")
    check_resumes(run(), run(), part.texts, scratch / "checkpoint")
    if not isinstance(method, AddsVirtualTokens | FitsHead | ReplacesHead):
        base = family.create(info, checkpoint, part, tiny.GOAL, seed=0)
        fresh = alike(base.predict(part.texts), run().predict(part.texts))
        assert fresh < 1e-4, f"preparing {info.name} changes its answers before any training"


def teacher_for(part: Part) -> Callable[[Sequence[Any]], Any]:
    """A teacher that gives every right label of some rows 0.8, the rest to the others."""
    right = dict(zip(part.texts, part.gold, strict=True))

    def answers(texts: Sequence[Any]) -> Any:
        chances = np.full((len(texts), len(tiny.LABELS)), 0.1, dtype=np.float32)
        for row, text in enumerate(texts):
            gold = right[text]
            labels = gold if isinstance(gold, tuple) else (gold,)
            chances[row, [tiny.LABELS.index(str(label)) for label in labels]] = 0.8
        return chances

    return answers


def check_resumes(straight: Run, cut: Run, texts: Sequence[Any], folder: Path) -> None:
    """A run that is cut, saved and resumed by another process ends where one without a break does."""
    straight.advance(0.5)
    straight.save(folder)
    cut.resume_from(folder)
    for run in (straight, cut):
        run.advance(1.0)
    gap = alike(straight.predict(texts), cut.predict(texts))
    assert gap < 1e-4, f"a resumed run of {straight.candidate.name} differs by {gap:.2g}"


def _check_same_seed(first: Run, second: Run) -> None:
    second.advance(1.0)
    ours, theirs = _weights(first), _weights(second)
    differ = [name for name in ours if not np.array_equal(ours[name], theirs[name])]
    assert not differ, f"the same seed gives other weights: {differ[:3]}"


def _loss(run: Run, part: Part) -> float:
    """Mean negative log-likelihood of the right labels."""
    answers = run.predict(part.texts)
    columns = [answers.labels.index(str(gold)) for gold in part.gold]
    return float(-np.log(answers.probabilities[np.arange(len(columns)), columns] + 1e-9).mean())


def _weights(run: Run) -> dict[str, np.ndarray[Any, Any]]:
    run.predict(["soup"])  # makes the network
    return {name: weight.detach().float().numpy().copy() for name, weight in run.network.module.named_parameters()}


def _trainable_of(run: Run) -> set[str]:
    run.predict(["soup"])
    return {name for name, weight in run.network.module.named_parameters() if weight.requires_grad}
