from __future__ import annotations

import pytest
import torch

from goldilocks.families import cnn
from goldilocks.nets.heads.pair_classifier import PairClassifier, compared
from goldilocks.records import Candidate, Goal, Output, Part, TrainingConfig, Workload
from goldilocks.tuning.run import Run, RunSetup

GOAL = Goal(labels=("other", "same"))
QUICK = TrainingConfig(epochs=40, learning_rate=3e-3, head_learning_rate=1e-2, batch_rows=16)
WORDS = ("red", "blue", "green", "black")


def _pairs() -> Part:
    """Same colour or not: no single text tells the label."""
    pairs = [(f"a {word} car", f"the car is {other}") for word in WORDS for other in WORDS]
    gold = ["same" if first.split()[1] == second.split()[-1] else "other" for first, second in pairs]
    return Part(tuple(pairs), tuple(gold), tuple(range(len(pairs))))


def test_features_are_the_difference_the_product_and_ten_times_the_cosine() -> None:
    first, second = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])

    # |3 - 4|, |4 - 3|, 3 · 4, 4 · 3 and 10 · 24 / 25
    assert compared(first, second).tolist() == [pytest.approx([1.0, 1.0, 12.0, 12.0, 9.6])]


def test_network_trained_from_scratch_learns_what_only_both_texts_tell() -> None:
    part = _pairs()
    work = Workload(rows=len(part), characters=20.0, words=7.0, labels=2, texts=2.0)
    run = Run(Candidate(cnn.models()[0], "scratch"), part, GOAL, RunSetup(None, work, seed=0, config=QUICK))
    run.advance(1.0)

    assert isinstance(run.model, PairClassifier)
    assert run.model.predict(part.texts).values == part.gold


@pytest.mark.parametrize("texts", [("a red car", "a car"), ("a red car", "a car", "a bus")])
def test_scores_of_a_network_from_scratch_are_those_of_a_bi_encoder(texts: tuple[str, ...]) -> None:
    right = 0.5 if len(texts) == 2 else (1.0, 0.0)
    network = cnn.create(cnn.models()[0], None, Part((texts,), (right,), (0,)), Goal(Output.SCORE), seed=0)

    (value,) = network.predict([texts]).values

    assert isinstance(value, float if len(texts) == 2 else tuple)
