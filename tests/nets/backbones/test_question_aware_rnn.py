from __future__ import annotations

import numpy as np
import pytest
import torch

from goldilocks.nets.backbones.question_aware_rnn import MATCHES, QuestionAwareRnnBackbone
from goldilocks.nets.tokenization.batching import Row, padded


def _row(ids: list[int], question: int) -> Row:
    types = np.array([0] * question + [1] * (len(ids) - question), dtype=np.int32)
    return Row(np.array(ids, dtype=np.int32), 0, {"types": types, MATCHES: np.zeros(len(ids), np.int32)})


@pytest.fixture
def backbone() -> QuestionAwareRnnBackbone:
    torch.manual_seed(0)
    return QuestionAwareRnnBackbone(20, 8, "lstm", 6, dropout=0.3, hidden_words=0.0).eval()


def test_padding_has_no_influence(backbone: QuestionAwareRnnBackbone) -> None:
    short, long = _row([2, 3, 4, 5, 6], 2), _row([2, 7, 8, 9, 10, 11, 12, 13], 3)
    with torch.inference_mode():
        alone = backbone(padded([short], 0))
        together = backbone(padded([short, long], 0))
    assert together[0, :5].numpy() == pytest.approx(alone[0].numpy(), abs=1e-6)


def test_states_of_the_context_depend_on_the_question(backbone: QuestionAwareRnnBackbone) -> None:
    # Without the first layer's states of the question in the recurrence: only attention carries it backwards.
    with torch.inference_mode():
        first, second = (backbone(padded([_row([word, 3, 4, 5, 6], 2)], 0))[0, 4] for word in (2, 15))
    assert not torch.allclose(first, second, atol=1e-4)


def test_matches_with_the_question_are_embedded(backbone: QuestionAwareRnnBackbone) -> None:
    row = _row([2, 3, 4, 5, 6], 2)
    matched = Row(row.ids, 0, {**row.channels, MATCHES: np.array([0, 0, 1, 0, 0], np.int32)})
    with torch.inference_mode():
        plain, marked = (backbone.embed(padded([given], 0))[0, 2] for given in (row, matched))
    assert (marked - plain).numpy() == pytest.approx(
        (backbone.matches.weight[1] - backbone.matches.weight[0]).detach().numpy(), abs=1e-6
    )
