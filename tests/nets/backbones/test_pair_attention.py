from __future__ import annotations

import numpy as np
import pytest
import torch

from goldilocks.nets.backbones.cnn import CnnBackbone
from goldilocks.nets.backbones.pair_attention import PairAttentionBackbone
from goldilocks.nets.tokenization.batching import Row, padded


def _row(first: list[int], second: list[int]) -> Row:
    types = np.array([0] * len(first) + [1] * len(second), dtype=np.int32)
    return Row(np.array(first + second, dtype=np.int32), 0, {"types": types})


@pytest.fixture
def backbone() -> PairAttentionBackbone:
    torch.manual_seed(0)
    inner = CnnBackbone(30, 8, filters=4, spans=[1], dropout=0.0, hidden_words=0.0)
    return PairAttentionBackbone(inner, 6, 0.0).eval()


def _states(backbone: PairAttentionBackbone, *rows: Row) -> torch.Tensor:
    with torch.inference_mode():
        states: torch.Tensor = backbone(padded(list(rows), 0))
    return states


def test_padding_has_no_influence(backbone: PairAttentionBackbone) -> None:
    short, long = _row([2, 3], [4, 5]), _row([7, 8, 9, 10], [11, 12, 13])
    together = _states(backbone, short, long)
    assert together[0, :4].numpy() == pytest.approx(_states(backbone, short)[0].numpy(), abs=1e-6)


def test_a_word_is_compared_with_those_of_the_other_text(backbone: PairAttentionBackbone) -> None:
    # Filters of one word and no recurrence: only the attention carries the second text to the first.
    first, second = _states(backbone, _row([2, 3], [4, 5])), _states(backbone, _row([2, 3], [9, 5]))
    assert not torch.allclose(first[0, 0], second[0, 0], atol=1e-4)


def test_equal_words_are_aligned_and_words_of_one_text_are_not(backbone: PairAttentionBackbone) -> None:
    backbone.equal_bonus.data.fill_(50.0)
    with torch.no_grad():  # the comparison passes |s - a| on as it is
        backbone.texts.weight.zero_()
        backbone.compare.weight.copy_(torch.cat([torch.eye(6), torch.zeros(6, 6)], dim=1))
        backbone.compare.bias.zero_()
    states = _states(backbone, _row([2, 3], [3, 2]))[0]
    assert states.abs().max() < 1e-5
    assert _states(backbone, _row([2, 2], [8, 9]))[0].abs().max() > 1e-3


def test_unknown_words_do_not_count_as_equal(backbone: PairAttentionBackbone) -> None:
    backbone.matches.weight.data[1] = 100.0
    known, unknown = _states(backbone, _row([5], [5])), _states(backbone, _row([1], [1]))
    assert known.abs().max() > 10 * unknown.abs().max()


def test_an_empty_text_gives_numbers(backbone: PairAttentionBackbone) -> None:
    assert torch.isfinite(_states(backbone, _row([2, 3, 4], []))).all()


def test_every_weight_has_a_group(backbone: PairAttentionBackbone) -> None:
    groups = backbone.groups()
    assert sorted(groups["embeddings"] + groups["mlp"]) == sorted(name for name, _ in backbone.named_parameters())
    assert groups["embeddings"] == ["inner.words.weight", "matches.weight"]
