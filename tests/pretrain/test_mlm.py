from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from goldilocks.pretrain import tokenizer
from goldilocks.pretrain.mlm import FORM, MaskedLMObjective
from goldilocks.pretrain.objective import attention
from goldilocks.pretrain.packing import Packer, Rows, TokenFlag, Unit, row_kind
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.pretrain.tokenizer import Vocabulary

LENGTH = 100


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    texts = [" ".join(f"word{number}" for number in range(start, start + 20)) for start in range(0, 400, 5)]
    return tokenizer.learn(
        lambda: texts, "wordpiece", FORM.specials, vocabulary=400, lowercase=True, template=FORM.template
    )  # fmt: skip


def rows_of(objective: MaskedLMObjective, texts: list[str], length: int = LENGTH) -> Rows:
    result: list[Unit] = []
    packer = Packer(length, objective.again)
    encoded = [objective.vocabulary.tokenizer.encode(text, add_special_tokens=False) for text in texts]
    given = [
        (
            np.array(entry.ids, np.int32),
            np.array([a != b for a, b in zip(entry.word_ids, [-1, *entry.word_ids], strict=False)]),
        )
        for entry in encoded
    ]
    for unit in objective.units(given, 0):
        result += packer.put(unit)
    rows = np.zeros(len(result), dtype=row_kind(length, objective.vocabulary.size))
    for number, (ids, flags) in enumerate(result):
        rows[number]["ids"], rows[number]["flags"] = ids, flags
    return rows


def many(count: int = 800) -> list[str]:
    rng = np.random.default_rng(1)
    return [" ".join(f"word{number}" for number in rng.integers(0, 400, 40)) for _ in range(count)]


def draws(rows: Rows) -> list[np.random.Generator]:
    return [np.random.default_rng(number) for number in range(len(rows))]


def test_fifteen_percent_are_asked_and_shown_in_shares_of_80_10_10(vocabulary: Vocabulary) -> None:
    objective = MaskedLMObjective(vocabulary, PretrainSettings(length=LENGTH))
    rows = rows_of(objective, many())

    batch = objective.batch(rows, draws(rows))

    ids, shown = rows["ids"].astype(int).ravel(), batch["ids"].numpy().ravel()
    chosen = batch["target_positions"].numpy()
    text = (rows["flags"].ravel() & TokenFlag.ADDED) == 0
    assert len(chosen) / text.sum() == pytest.approx(0.15, abs=0.003)
    assert text[chosen].all()
    assert batch["targets"].tolist() == ids[chosen].tolist()
    untouched = np.ones(len(ids), dtype=bool)
    untouched[chosen] = False
    assert (ids[untouched] == shown[untouched]).all()
    # Of about 4,000 chosen tokens a share of 0.8 has a standard error of 0.006, one of 0.1 of 0.005.
    masked = shown[chosen] == vocabulary.id("mask")
    kept = shown[chosen] == ids[chosen]
    assert len(chosen) > 3000
    assert masked.mean() == pytest.approx(0.8, abs=0.025)
    assert kept.mean() == pytest.approx(0.1, abs=0.02)
    assert (~masked & ~kept).mean() == pytest.approx(0.1, abs=0.02)
    assert set(shown[chosen][~masked]) <= set(vocabulary.ordinary().tolist())


def test_what_is_chosen_follows_from_the_row_alone(vocabulary: Vocabulary) -> None:
    objective = MaskedLMObjective(vocabulary, PretrainSettings(length=LENGTH))
    rows = rows_of(objective, many(40))
    together, alone = objective.batch(rows, draws(rows)), objective.batch(rows[2:3], draws(rows)[2:3])
    assert together["ids"][2].tolist() == alone["ids"][0].tolist()


def test_whole_words_are_chosen_wholly(vocabulary: Vocabulary) -> None:
    objective = MaskedLMObjective(vocabulary, PretrainSettings(length=LENGTH, whole_words=True))
    rows = rows_of(objective, many())

    batch = objective.batch(rows, draws(rows))

    flags = rows["flags"].ravel()
    chosen = np.zeros(len(flags), dtype=bool)
    chosen[batch["target_positions"].numpy()] = True
    text = (flags & TokenFlag.ADDED) == 0
    inside = text & ((flags & (TokenFlag.WORD | TokenFlag.UNIT)) == 0)
    before = np.roll(text, 1)
    pieces = inside & before & (np.arange(len(flags)) % LENGTH > 0)
    assert pieces.sum() > 1000
    assert (chosen[pieces] == np.roll(chosen, 1)[pieces]).all()
    assert chosen.sum() / text.sum() == pytest.approx(0.15, abs=0.01)


def test_a_token_sees_its_own_document_only() -> None:
    seen = attention(torch.tensor([[1, 1, 2]]), torch.float32)[0, 0] == 0
    assert seen.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    seen = attention(torch.tensor([[1, 1, 2]]), torch.float32, causal=True)[0, 0] == 0
    assert seen.tolist() == [[True, False, False], [True, True, False], [False, False, True]]


@torch.no_grad()
@pytest.mark.parametrize("across", [False, True])
def test_loss_is_that_of_transformers_where_a_row_is_one_document(vocabulary: Vocabulary, across: bool) -> None:
    objective = MaskedLMObjective(vocabulary, PretrainSettings(length=16, across=across))
    rows = rows_of(objective, ["word1 word2 word3 " * 40], length=16)[:4]
    torch.manual_seed(0)
    model = objective.fresh(Size(1, 16, 2)).eval()
    batch = objective.batch(rows, draws(rows))

    labels = torch.full((4, 16), -100).flatten()
    labels[batch["target_positions"]] = batch["targets"]
    theirs = model(input_ids=batch["ids"], labels=labels.reshape(4, 16)).loss

    assert float(objective.loss(model, batch)) == pytest.approx(float(theirs), abs=1e-5)


@torch.no_grad()
def test_documents_in_one_row_give_the_loss_they_give_alone(vocabulary: Vocabulary) -> None:
    objective = MaskedLMObjective(vocabulary, PretrainSettings(length=16))
    rows = rows_of(objective, ["word1 word2", "word3 word4 word5", *["word6 word7 word8"] * 9], length=16)[:1]
    torch.manual_seed(0)
    model = objective.fresh(Size(1, 16, 2)).eval()
    batch = dict(objective.batch(rows, draws(rows)))
    hidden = model.base_model(  # type: ignore[operator]
        input_ids=batch["ids"],
        attention_mask=attention(batch["units"], torch.float32),
        position_ids=batch["position_ids"],
    ).last_hidden_state
    second = batch["units"][0] == 2
    alone = model.base_model(input_ids=batch["ids"][:, second]).last_hidden_state  # type: ignore[operator]
    assert torch.allclose(hidden[:, second], alone, atol=1e-5)


@torch.no_grad()
def test_next_sentence_is_asked_at_each_pair_whose_second_piece_is_in_the_row(vocabulary: Vocabulary) -> None:
    objective = MaskedLMObjective(vocabulary, PretrainSettings(length=LENGTH, next_sentence=True))
    rows = rows_of(objective, many(100))

    batch = objective.batch(rows, draws(rows))

    flags = rows["flags"]
    wanted = []
    for row in range(len(rows)):
        starts = [place for place in range(LENGTH) if flags[row, place] & TokenFlag.UNIT] + [LENGTH]
        for begin, end in itertools.pairwise(starts):
            own = flags[row, begin:end]
            if own[0] & TokenFlag.PAIR and any(
                statement & TokenFlag.SECOND and not statement & TokenFlag.ADDED for statement in own
            ):
                wanted.append((row * LENGTH + begin, int(bool(own[0] & TokenFlag.NEGATIVE))))
    assert list(zip(batch["pairs"].tolist(), batch["not_next"].tolist(), strict=True)) == wanted
    assert 0.4 < np.mean([not_next for _, not_next in wanted]) < 0.6
    torch.manual_seed(0)
    model = objective.fresh(Size(1, 16, 2)).eval()
    # Nothing learnt: about ln 2 for the pairs beside ln(vocabulary) for the words.
    assert float(objective.loss(model, batch)) == pytest.approx(np.log(2) + np.log(vocabulary.size), rel=0.05)
