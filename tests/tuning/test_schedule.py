from __future__ import annotations

from collections import Counter

import numpy as np

from goldilocks.records import TrainingConfig
from goldilocks.tuning.schedule import batches_of, nested_order

RECIPE = TrainingConfig(epochs=1, learning_rate=1e-3, head_learning_rate=1e-3, batch_rows=4, batch_tokens=30)


def test_an_epoch_has_every_text_once_and_keeps_the_token_budget() -> None:
    lengths = np.arange(1, 24)
    batches = batches_of(0, lengths, RECIPE, seed=0)
    assert sorted(text for batch in batches for text in batch) == list(range(23))
    assert all(len(batch) <= 4 for batch in batches)
    assert all(len(batch) == 1 or lengths[batch].max() * len(batch) <= 30 for batch in batches)


def test_epochs_differ_and_come_again() -> None:
    lengths = np.full(40, 5)
    assert batches_of(1, lengths, RECIPE, seed=0) == batches_of(1, lengths, RECIPE, seed=0)
    assert batches_of(1, lengths, RECIPE, seed=0) != batches_of(0, lengths, RECIPE, seed=0)


def test_every_beginning_has_the_labels_in_their_shares() -> None:
    gold = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    order = nested_order(gold, seed=3)
    assert sorted(order) == list(range(100))
    for count in (10, 20, 50):
        result = Counter(gold[i] for i in order[:count])
        for label, share in (("a", 0.6), ("b", 0.3), ("c", 0.1)):
            assert abs(result[label] - share * count) <= 1
