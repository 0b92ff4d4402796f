from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.layers.int8_embedding import empty_table, quantise_table, quantised


def test_each_row_has_a_scale_of_its_own() -> None:
    table = torch.tensor([[1.27, -0.5], [0.0, 0.0], [127.0, 0.4]])

    made = quantised(table)

    assert made.weight.tolist() == [[127, -50], [0, 0], [127, 0]]
    assert made(torch.tensor([[0, 2]])).tolist() == [[pytest.approx([1.27, -0.5]), pytest.approx([127.0, 0.0])]]
    assert made(torch.tensor([1])).tolist() == [[0.0, 0.0]]


def test_quantised_table_is_read_back_into_an_empty_one() -> None:
    first, second = (nn.ModuleDict({"words": nn.Embedding(5, 3)}) for _ in range(2))
    quantise_table(first, "words")
    empty_table(second, "words")

    second.load_state_dict(first.state_dict())

    ids = torch.arange(5)
    assert torch.equal(second["words"](ids), first["words"](ids))
    assert sum(entry.numel() * entry.element_size() for entry in second.state_dict().values()) == 5 * 3 + 5 * 4
