from __future__ import annotations

import numpy as np
import pytest
import torch

from goldilocks.errors import InputError
from goldilocks.pretrain import tokenizer
from goldilocks.pretrain.denoise import FORM, SpanDenoisingObjective, replaced, spans
from goldilocks.pretrain.packing import row_kind
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.pretrain.tokenizer import Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    texts = ["the cat sat on the mat and saw a dog", "a dog ran over the hill to the cat"] * 10
    return tokenizer.learn(
        lambda: texts, "unigram", FORM.specials, vocabulary=160, lowercase=False, template=FORM.template, sentinels=100
    )


def test_rows_are_as_long_as_those_of_t5(vocabulary: Vocabulary) -> None:
    # Raffel et al.: 568 tokens are read as 512 and written as 114.
    objective = SpanDenoisingObjective(vocabulary, PretrainSettings(objective="denoise", length=512))
    assert objective.row_length(512) == 568
    rows = np.zeros(3, dtype=row_kind(568, vocabulary.size))
    batch = objective.batch(rows, [np.random.default_rng(number) for number in range(3)])
    assert batch["ids"].shape == (3, 512)
    assert batch["targets"].shape == (3, 114)


@pytest.mark.parametrize("length", [8, 9, 33, 64, 128, 257])
def test_no_length_needs_padding(vocabulary: Vocabulary, length: int) -> None:
    objective = SpanDenoisingObjective(vocabulary, PretrainSettings(objective="denoise", length=length))
    rows = np.zeros(50, dtype=row_kind(objective.row_length(length), vocabulary.size))
    batch = objective.batch(rows, [np.random.default_rng(number) for number in range(50)])
    # One token of text more can leave a span more behind: some lengths are missed by one.
    assert batch["ids"].shape[1] in (length, length - 1)


def test_share_and_mean_length_of_spans() -> None:
    cuts = [spans(1000, np.random.default_rng(number)) for number in range(20)]
    begins = [(cut & ~np.roll(cut, 1)).sum() for cut in cuts]
    assert np.mean([cut.mean() for cut in cuts]) == pytest.approx(0.15)
    assert 150 / np.mean(begins) == pytest.approx(3.0)
    assert not any(cut[0] for cut in cuts)
    assert all(cut[-1] for cut in cuts)


def test_source_and_target_together_are_the_text() -> None:
    ids, sentinels = np.arange(200, 240), np.arange(100, 200)
    cut = spans(40, np.random.default_rng(0))
    source, target = replaced(ids, cut, sentinels).tolist(), replaced(ids, ~cut, sentinels).tolist()

    pieces: dict[int, list[int]] = {}
    for token in target:
        if token < 200:
            last = token
            pieces[last] = []
        else:
            pieces[last].append(token)
    back = [token for entry in source for token in (pieces[entry] if entry < 200 else [entry])]

    assert back == ids.tolist()


def test_too_few_sentinels_are_said(vocabulary: Vocabulary) -> None:
    with pytest.raises(InputError, match=r"has 100 sentinels .* tokens need"):
        SpanDenoisingObjective(vocabulary, PretrainSettings(objective="denoise", length=4096))


@torch.no_grad()
def test_loss_is_that_of_transformers(vocabulary: Vocabulary) -> None:
    objective = SpanDenoisingObjective(vocabulary, PretrainSettings(objective="denoise", length=32))
    rows = np.zeros(2, dtype=row_kind(objective.row_length(32), vocabulary.size))
    rows["ids"] = np.random.default_rng(0).choice(vocabulary.ordinary(), rows["ids"].shape)
    torch.manual_seed(0)
    model = objective.fresh(Size(1, 16, 2)).eval()
    batch = objective.batch(rows, [np.random.default_rng(0), np.random.default_rng(1)])
    theirs = model(input_ids=batch["ids"], labels=batch["targets"]).loss
    assert float(objective.loss(model, batch)) == pytest.approx(float(theirs), abs=1e-5)
