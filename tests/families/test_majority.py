from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks.errors import InputError
from goldilocks.families import majority
from goldilocks.records import Goal, Part


def _model() -> majority.ClassPrior:
    model = majority.create(majority.models()[0], None, Part(), Goal(labels=("ham", "spam")), seed=0)
    assert isinstance(model, majority.ClassPrior)
    return model


def test_every_text_gets_the_label_shares() -> None:
    model = _model()
    model.fit(["a", "b", "c", "d"], ["ham", "ham", "spam", "ham"], seed=0)
    assert model.predict(["x", ""]).probabilities.tolist() == [[0.75, 0.25], [0.75, 0.25]]


def test_before_fitting_labels_are_equally_likely() -> None:
    assert _model().predict(["x"]).probabilities.tolist() == [[0.5, 0.5]]


def test_unknown_or_no_labels_are_refused() -> None:
    with pytest.raises(InputError, match="'eggs'; the model was made for: ham, spam"):
        _model().fit(["a"], ["eggs"], seed=0)
    with pytest.raises(InputError, match="no labels"):
        _model().fit([], [], seed=0)


def test_restored_shares_are_the_saved_ones(tmp_path: Path) -> None:
    model = _model()
    model.fit(["a", "b", "c"], ["ham", "ham", "spam"], seed=0)
    model.save(tmp_path)
    restored = majority.restore(tmp_path)
    assert isinstance(restored, majority.ClassPrior)
    assert np.array_equal(restored.shares, model.shares)
