"""A head that gets further labels keeps what it knows of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks.errors import InputError
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.records import Goal, Output, Part
from goldilocks.testing import tiny

ROWS = tiny.part(30)


def test_scores_of_known_labels_stay_and_new_labels_stand_behind_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = tiny.encoder(tmp_path / "bert", ROWS)
    pooled = network.pooled(ROWS.texts)
    before = network.score_pooled(pooled).detach().numpy()

    network.extend_labels((*tiny.LABELS, "weather", "travel"))

    after = network.score_pooled(pooled).detach().numpy()
    assert network.labels == network.config.labels == (*tiny.LABELS, "weather", "travel")
    assert after.shape == (30, 5)
    assert after[:, :3] == pytest.approx(before, abs=1e-6)  # a product with more columns may be summed in another order
    assert network.targets(network.rows(["soup"]), ["travel"]) == [4]


def test_extended_network_is_restored_with_all_labels(tmp_path: Path) -> None:
    from goldilocks import plugins

    network = tiny.encoder(tmp_path / "bert", ROWS)
    network.extend_labels((*tiny.LABELS, "weather"))
    network.save(tmp_path / "model")
    restored = plugins.load("families", "encoder").restore(tmp_path / "model")
    assert restored.labels == (*tiny.LABELS, "weather")
    assert np.allclose(restored.predict(ROWS.texts).probabilities, network.predict(ROWS.texts).probabilities, atol=1e-6)


def test_labels_in_another_order_are_refused(tmp_path: Path) -> None:
    network = tiny.encoder(tmp_path / "bert", ROWS)
    with pytest.raises(InputError, match="keep its order"):
        network.extend_labels(("weather", *tiny.LABELS))


def test_crf_keeps_its_transitions_and_new_tags_follow_iob2(tmp_path: Path) -> None:
    texts = tuple(tuple(text.split()) for text in map(str, ROWS.texts))
    part = Part(texts=texts, gold=tuple(("O",) * len(words) for words in texts), rows=ROWS.rows)
    network = tiny.encoder(tmp_path / "bert", part, Goal(Output.TAGS, ("B-food", "O")))
    assert isinstance(network, TokenClassifier)
    chain = network.heads[0].chain
    assert chain is not None
    with torch.no_grad():
        chain.transitions.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))

    network.extend_labels(("B-food", "O", "B-place", "I-place"))

    wider = network.heads[0].chain
    assert wider is not None
    assert torch.equal(wider.transitions[:2, :2], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    answers = network.predict(texts).values
    for tags in answers:
        assert isinstance(tags, tuple)
        pairs = zip(("O", *tags), tags, strict=False)
        assert not any(tag == "I-place" and before not in ("B-place", "I-place") for before, tag in pairs)
