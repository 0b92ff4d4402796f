from __future__ import annotations

import numpy as np
import pytest

from goldilocks.classical.sentence_features import DENSE, centrality, clauses, dense_features, reference_gains


def test_greedy_oracle_by_hand() -> None:
    gains = reference_gains(["a b", "c d", "x y"], "a b c d")
    # Words: 2·2/(2+4), pairs: 2·1/(1+3); with both sentences words 2·4/8 and (a b, c d of a b, b c, c d) 2·2/(2+3).
    first = (4 / 6 + 2 / 4) / 2
    both = (1 + 4 / 5) / 2
    assert gains == pytest.approx([first, both - first, 0.0])


def test_clauses_are_cut_in_chinese_with_western_commas() -> None:
    assert clauses("采用新方法,建立了模型；结果很好.") == ["采用新方法", "建立了模型", "结果很好."]


def test_central_sentence_shares_words_with_the_others() -> None:
    ranks = centrality([{"a", "b"}, {"b", "c"}, {"c", "d"}])
    assert int(np.argmax(ranks)) == 1
    assert ranks.sum() == pytest.approx(1.0, abs=1e-6)


def test_features_are_finite_for_one_odd_sentence() -> None:
    values = dense_features(["?1"], {}, 1.0, 10.0)
    assert values.shape == (1, DENSE)
    assert np.isfinite(values).all()
