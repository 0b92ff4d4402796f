"""What every continual-learning strategy must do: remember more than training without one, and still learn."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from goldilocks import plugins
from goldilocks.nets.domains import reference_of
from goldilocks.protocols import AddsDomain, ConstrainsUpdates, ReplaysRows, Strategy
from goldilocks.records import Candidate, ModelInfo, Part, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.continuation import Continuation
from goldilocks.tuning.run import Run, RunSetup

_BEFORE = TrainingConfig(epochs=12, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=10)
_AFTER = TrainingConfig(epochs=4, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=10)
_FORGOTTEN = "sport"
"""A label of the old rows that the new ones do not have."""


def check_strategy(name: str, scratch: Path) -> None:
    """Update a tiny encoder with rows that lack a label; raises ``AssertionError``.

    Args:
        name: File name in strategies/.
        scratch: An empty folder.
    """
    strategy = plugins.load("strategies", name)
    assert is_dataclass(strategy.Options), "Options is not a dataclass"
    options = strategy.Options()  # all have defaults
    strategy.check(options)
    assert strategy.SOURCE.strip(), "SOURCE is empty; name the paper"
    assert isinstance(strategy, ReplaysRows | ConstrainsUpdates | AddsDomain), "it has no effect"
    assert fields(strategy.Options), "a strategy has at least an option for how strong it is"

    info, checkpoint = _encoder(scratch / "tiny-bert")
    old = tiny.part(60)
    bundle = Run(Candidate(info, "full"), old, tiny.GOAL, RunSetup(checkpoint, _work(old), seed=0, config=_BEFORE))
    bundle.advance(1.0)
    bundle.model.save(scratch / "model")
    unlike = [place for place, gold in enumerate(old.gold) if gold != _FORGOTTEN]
    new = tiny.part(90, seed=1)
    new = new.take([place for place, gold in enumerate(new.gold) if gold != _FORGOTTEN])
    forgotten = old.take([place for place in range(len(old)) if place not in unlike])

    naive = _updated(info, new, Continuation(scratch / "model"))
    held_out = tiny.part(60, seed=2)
    held_out = held_out.take([place for place, gold in enumerate(held_out.gold) if gold != _FORGOTTEN])
    if isinstance(strategy, AddsDomain):
        _check_domains(strategy, name, info, (new, forgotten, held_out), scratch / "model")
        return
    kept = _updated(info, *_with_strategy(strategy, name, new, old, scratch / "model"))
    assert _loss(kept, forgotten) < _loss(naive, forgotten), "it forgets as much as training without a strategy"
    answers = kept.predict(held_out.texts).values
    right = sum(answer == gold for answer, gold in zip(answers, held_out.gold, strict=True))
    assert right > 0.6 * len(held_out), f"it learns too little: {right} of {len(held_out)} right"


def _check_domains(
    strategy: AddsDomain, name: str, info: ModelInfo, rows: tuple[Part, Part, Part], folder: Path
) -> None:
    """A part for the new rows learns them, and with the domain stated the old answers stay as they are."""
    new, forgotten, held_out = rows
    before: Any = plugins.load("families", info.family).restore(folder)
    run = _updated(info, new, Continuation(folder, strategy=name), strategy.METHOD)
    options = plugins.load("strategies", name).Options(old_name="old")
    reference = reference_of(before, forgotten.texts)
    model = strategy.extended(before, run.model, info.family, ("new", new.texts, "2"), (("1",), reference), options)
    old = model.predict(forgotten.texts, domains=["old"] * len(forgotten))
    assert np.array_equal(old.probabilities, before.predict(forgotten.texts).probabilities), "old answers changed"
    answers = model.predict(held_out.texts, domains=["new"] * len(held_out)).values
    right = sum(answer == gold for answer, gold in zip(answers, held_out.gold, strict=True))
    assert right > 0.6 * len(held_out), f"it learns too little: {right} of {len(held_out)} right"


def _with_strategy(strategy: Strategy, name: str, new: Part, old: Part, model: Path) -> tuple[Part, Continuation]:
    continuation = Continuation(model, strategy=name, old=old)
    if not isinstance(strategy, ReplaysRows):
        return new, continuation
    more = strategy.replayed(old, strategy.Options())
    assert set(more.texts) <= set(old.texts), "it replays rows that are not among the old ones"
    gold, rows = (*new.gold, *more.gold), (*new.rows, *more.rows)
    return Part(texts=(*new.texts, *more.texts), gold=gold, rows=rows), continuation


def _updated(info: ModelInfo, rows: Part, continuation: Continuation, method: str = "full") -> Run:
    setup = RunSetup(None, _work(rows), seed=0, config=_AFTER, continuation=continuation)
    run = Run(Candidate(info, method), rows, tiny.GOAL, setup)
    run.advance(1.0)
    return run


def _encoder(folder: Path) -> tuple[ModelInfo, Path]:
    checkpoint = tiny.encoder_folder(folder)
    info = plugins.load("families", "encoder").describe(checkpoint, str(checkpoint))
    assert info is not None
    return info, checkpoint


def _work(rows: Part) -> Workload:
    return Workload(len(rows), 30, 6, len(tiny.LABELS))


def _loss(run: Run, part: Part) -> float:
    """Mean negative log-likelihood of the right labels."""
    answers = run.predict(part.texts)
    columns = [answers.labels.index(str(gold)) for gold in part.gold]
    return float(-np.log(answers.probabilities[np.arange(len(columns)), columns] + 1e-9).mean())
