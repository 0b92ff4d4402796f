from __future__ import annotations

import numpy as np
import pytest
import torch

from goldilocks.nets.objectives.contrastive import PER_LABEL, ContrastiveObjective, pair_loss
from goldilocks.records import TrainingConfig

CONFIG = TrainingConfig(epochs=1, learning_rate=1e-4, head_learning_rate=1e-3, batch_rows=16)


def test_equal_and_different_pairs_weigh_the_same() -> None:
    # Cosines: of the equal pair (1, 0) and (0, 1): 0; of the different pairs: 0.6 and 0.8 with (0.6, 0.8).
    vectors = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    loss = pair_loss(vectors, torch.tensor([0, 0, 1]))
    assert float(loss) == pytest.approx((1.0 + (0.36 + 0.64) / 2) / 2)


def test_batch_without_pairs_has_no_loss() -> None:
    vectors = torch.ones(1, 3, requires_grad=True)
    pair_loss(vectors, torch.tensor([0])).backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert float(vectors.grad.abs().sum()) == 0


def test_every_row_is_in_one_batch_beside_others_of_its_label() -> None:
    labels = np.repeat(np.arange(77), 8).tolist()
    objective = ContrastiveObjective(None, ())  # type: ignore[arg-type]
    batches = objective.batches(0, labels, CONFIG, seed=0)
    assert sorted(row for batch in batches for row in batch) == list(range(len(labels)))
    assert all(2 <= len(batch) <= 17 for batch in batches)
    pairs = [sum(labels[a] == labels[b] for a in batch for b in batch if a < b) for batch in batches]
    # Each of the 154 groups of 4 texts of a label has 6 pairs; drawn at random a batch of 16 would have 1.4.
    assert sum(pairs) >= 154 * PER_LABEL * (PER_LABEL - 1) / 2
    assert objective.batches(0, labels, CONFIG, seed=0) == batches
    assert objective.batches(1, labels, CONFIG, seed=0) != batches
