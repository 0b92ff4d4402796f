"""The diagonal of the Fisher information, against gradients that are taken by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from goldilocks.methods import full, head_only
from goldilocks.nets.objectives.fisher import fisher_diagonal
from goldilocks.testing import tiny

ROWS = tiny.part(12)


def test_fisher_of_a_linear_head_is_the_mean_squared_gradient(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = tiny.encoder(tmp_path / "bert", ROWS)
    head_only.prepare(network, head_only.Options())

    importance = fisher_diagonal(network, ROWS.texts, ROWS.gold)

    # The gradient of softmax cross entropy by the bias is p - y, by the matrix (p - y) x'.
    vectors = network.pooled(ROWS.texts).numpy()
    probabilities = network.predict(ROWS.texts).probabilities
    errors = probabilities - np.eye(3)[[tiny.LABELS.index(str(gold)) for gold in ROWS.gold]]
    bias = np.square(errors).mean(0)
    matrix = np.square(errors[:, :, None] * vectors[:, None, :]).mean(0)
    mean = (bias.sum() + matrix.sum()) / (bias.size + matrix.size)
    assert set(importance) == {"head.weight", "head.bias"}
    assert np.allclose(importance["head.bias"].numpy(), bias / mean, rtol=1e-3)
    assert np.allclose(importance["head.weight"].numpy(), matrix / mean, rtol=1e-3, atol=1e-5)


def test_weights_and_gradients_are_left_alone_and_words_that_do_not_occur_do_not_matter(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "bert", ROWS)
    full.prepare(network, full.Options())
    before = {name: weight.clone() for name, weight in network.module.state_dict().items()}

    importance = fisher_diagonal(network, ROWS.texts, ROWS.gold)

    assert all(torch.equal(weight, before[name]) for name, weight in network.module.state_dict().items())
    assert all(weight.grad is None for weight in network.module.parameters())
    table = importance[f"backbone.{network.backbone.word_embedding}.weight"]
    used = {int(token) for row in network.rows(ROWS.texts) for token in row.ids}
    unused = [token for token in range(len(table)) if token not in used]
    assert float(table[unused].abs().max()) == 0
    assert float(table[sorted(used)].abs().max()) > 0
