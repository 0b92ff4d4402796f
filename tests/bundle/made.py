"""Rows, a decision and bundles of small models for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.bundle.write import Winner, write
from goldilocks.protocols import Model
from goldilocks.records import (
    Candidate,
    DataProfile,
    Dataset,
    Decision,
    Machine,
    Measured,
    ModelInfo,
    Objective,
    Part,
    Prices,
    Search,
    Standing,
)

TEXTS = tuple(f"{word} {number}" for number in range(15) for word in ("the sun shines on day", "rain falls on day"))
GOLD = ("dry", "wet") * 15
PART = Part(texts=TEXTS, gold=GOLD, rows=tuple(range(1, 31)))
DATASET = Dataset(
    train=PART,
    validation=PART,
    test=PART,
    labels=("dry", "wet"),
    fingerprint="0123456789abcdef",
    profile=DataProfile({"train": 30, "validation": 30, "test": 30}, {}, {}, {}, "en", {"en": 1.0}),
)


def facts(family: str) -> ModelInfo:
    """The first model a family makes itself."""
    return plugins.load("families", family).models()[0]


def fitted(family: str) -> Model:
    """That model, fitted to the rows."""
    model = plugins.load("families", family).create(facts(family), None, PART, DATASET.goal, seed=0)
    assert hasattr(model, "fit")
    model.fit(PART.texts, PART.gold, seed=0)
    return model


def decision(candidate: Candidate) -> Decision:
    """A decision that this candidate won."""
    score = Measured(0.9, 0.85, 0.95, 30, "macro_f1")
    model = candidate.model
    winner = Standing(candidate.name, model.family, model.name, candidate.method, "winner", "", score=score)
    return Decision(
        winner=winner,
        tied=(),
        map=(),
        candidates=(winner,),
        objective=Objective(),
        prices=Prices(),
        alpha=10_000.0,
        metric="macro_f1",
        sentence=f"{candidate.name} is worth its price.",
        search=Search(1.0, 1, 1.0, "value", "nothing was worth its price"),
        task="text_classification",
        seed=7,
        data_fingerprint=DATASET.fingerprint,
        versions={"numpy": "2.0"},
        machine=Machine(2, 10**9, "cpu", 50.0, False, "a machine"),
        test_score=Measured(0.8, 0.7, 0.9, 30, "macro_f1"),
        test_scores={"macro_f1": Measured(0.8, 0.7, 0.9, 30, "macro_f1"), "accuracy": Measured(0.82, 0.7, 0.9, 30, "")},
    )


def bundle(folder: Path, family: str = "naive_bayes", model: Model | None = None) -> Path:
    """Write a bundle of a family's first model to ``folder``."""
    candidate = Candidate(facts(family), "scratch")
    return write(model or fitted(family), Winner(candidate, decision(candidate)), DATASET, folder)
