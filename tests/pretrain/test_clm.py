from __future__ import annotations

import numpy as np
import pytest
import torch

from goldilocks.pretrain import tokenizer
from goldilocks.pretrain.clm import FORM, CausalLMObjective
from goldilocks.pretrain.packing import Packer, Rows, row_kind
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.pretrain.tokenizer import Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return tokenizer.learn(
        lambda: ["a b c d e"], "bpe", FORM.specials, vocabulary=300, lowercase=False, template=FORM.template
    )  # fmt: skip


def one_row(objective: CausalLMObjective, lengths: list[int]) -> Rows:
    documents = [(np.arange(10, 10 + entry, dtype=np.int32), np.ones(entry, dtype=bool)) for entry in lengths]
    length = sum(lengths) + 2 * len(lengths)
    packer = Packer(length)
    (row,) = [row for unit in objective.units(documents, 0) for row in packer.put(unit)]
    rows = np.zeros(1, dtype=row_kind(length, objective.vocabulary.size))
    rows[0]["ids"], rows[0]["flags"] = row
    return rows


def test_every_token_behind_the_first_of_its_document_is_asked_for(vocabulary: Vocabulary) -> None:
    objective = CausalLMObjective(vocabulary, PretrainSettings(objective="clm"))
    bos, eos = vocabulary.id("bos"), vocabulary.id("eos")
    batch = objective.batch(one_row(objective, [2, 1]), [])
    assert batch["ids"].tolist() == [[bos, 10, 11, eos, bos, 10, eos]]
    assert batch["target_positions"].tolist() == [0, 1, 2, 4, 5]
    assert batch["targets"].tolist() == [10, 11, eos, 10, eos]


def test_across_documents_the_next_beginning_is_asked_for_too(vocabulary: Vocabulary) -> None:
    objective = CausalLMObjective(vocabulary, PretrainSettings(objective="clm", across=True))
    assert objective.batch(one_row(objective, [2, 1]), [])["target_positions"].tolist() == [0, 1, 2, 3, 4, 5]


@torch.no_grad()
def test_loss_of_a_packed_row_is_the_mean_over_its_documents(vocabulary: Vocabulary) -> None:
    objective = CausalLMObjective(vocabulary, PretrainSettings(objective="clm"))
    torch.manual_seed(0)
    model = objective.fresh(Size(2, 16, 2)).eval()
    rows = one_row(objective, [6, 3])

    packed = float(objective.loss(model, objective.batch(rows, [])))

    ids = torch.from_numpy(rows["ids"].astype(np.int64))
    losses = [float(model(input_ids=entry, labels=entry).loss) for entry in (ids[:, :8], ids[:, 8:])]
    assert packed == pytest.approx((7 * losses[0] + 4 * losses[1]) / 11, abs=1e-5)
