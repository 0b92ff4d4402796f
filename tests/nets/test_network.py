from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.answers import SURE
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import padded
from goldilocks.nets.tokenization.tokenizer import encodings, read_tokenizer
from goldilocks.records import Candidate, Goal, Output, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

SEVERAL = Goal(labels=tiny.LABELS, several=True)
CASES = {case.name: case for case in tiny.cases({Output.LABEL})}
RECIPE = TrainingConfig(epochs=30, learning_rate=3e-3, head_learning_rate=1e-2, batch_rows=8)
WORK = Workload(rows=60, characters=30, words=6, labels=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("network") / "tiny-encoder")


def encoder(folder: Path, goal: Goal = tiny.GOAL) -> Network:
    family = plugins.load("families", "encoder")
    facts = family.describe(folder, str(folder))
    assert facts is not None
    made = family.create(facts, folder, CASES["en"].part, goal, seed=0)
    assert isinstance(made, Network)
    made.module.eval()
    return made


def learnt(folder: Path, case: tiny.Case) -> Run:
    facts = plugins.load("families", "encoder").describe(folder, str(folder))
    assert facts is not None
    run = Run(
        Candidate(facts, "full"), case.part, case.goal, RunSetup(model_folder=folder, work=WORK, seed=0, config=RECIPE)
    )
    run.advance(1.0)
    return run


@pytest.mark.parametrize("content", ["", '{"version": "1.0"', '{"version": "1.0", "model": {}}'])
def test_damaged_tokenizer_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(IntegrityError, match=r"tokenizer\.json: not a tokenizer \(.*\); download the model again"):
        read_tokenizer(path, 64)


def test_texts_are_cut_a_part_at_a_time_into_the_same_tokens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = encoder(folder)
    texts: list[str | tuple[str, str]] = ["the soup", ("bank", "match"), "", "we saw a match today", "soup"]
    whole = network.rows(texts)
    sizes = []

    class Counting:
        def encode_batch_fast(self, some: list[str], **how: bool) -> list[object]:
            sizes.append(len(some))
            return list(network.tokenizer.encode_batch_fast(some, **how))

    monkeypatch.setattr("goldilocks.nets.tokenization.tokenizer._ENCODED", 2)
    parts = list(encodings(cast(Any, Counting()), texts))
    assert sizes == [2, 2, 1]
    assert [part.ids for part in parts] == [row.ids.tolist() for row in whole]


# --------------------------------------------------------------------------------------------------------------- pairs


def test_pairs_are_read_as_transformers_reads_them_with_token_types(folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    network = encoder(folder)
    batch = padded(network.rows([("the soup", "we saw a match today"), ("bank", "")]), pad_id=0)
    types = batch.channels["types"]
    assert set(types[0].tolist()) == {0, 1}  # both texts are there

    with torch.no_grad():
        ours, untyped = network.backbone(batch), theirs(batch.ids, attention_mask=batch.mask).last_hidden_state
        wanted = theirs(batch.ids, attention_mask=batch.mask, token_type_ids=types).last_hidden_state

    assert torch.allclose(ours[batch.mask.bool()], wanted[batch.mask.bool()], atol=1e-5)
    assert not torch.allclose(wanted[0], untyped[0], atol=1e-2)  # the types do matter


def test_single_texts_have_no_token_types(folder: Path) -> None:
    (row,) = encoder(folder).rows(["the soup"])
    assert row.channels == {}


def test_a_pair_is_answered_alike_alone_and_beside_a_single_text(folder: Path) -> None:
    network = encoder(folder)
    pair, single = ("the soup", "we saw a match"), "today"
    together = network.predict([pair, single]).probabilities
    alone = np.concatenate([network.predict([entry]).probabilities for entry in (pair, single)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_which_text_of_a_pair_comes_first_matters(folder: Path) -> None:
    network = encoder(folder)
    there, back = network.predict([("the soup", "a match"), ("a match", "the soup")]).probabilities
    assert np.abs(there - back).max() > 1e-6


def test_three_texts_are_read_one_after_another(folder: Path) -> None:
    network = encoder(folder)
    (three,), (joined,) = network.rows([("the", "soup", "today")]), network.rows(["the soup today"])
    assert three.ids.tolist() == joined.ids.tolist()


def test_pairs_are_learnt(folder: Path) -> None:
    case = CASES["pairs"]
    right = np.equal(learnt(folder, case).predict(case.part.texts).values, case.part.gold)
    assert right.mean() > 0.9


# ------------------------------------------------------------------------------------------------------ several labels


def test_the_loss_of_several_labels_is_binary_cross_entropy(folder: Path) -> None:
    network = encoder(folder, SEVERAL)
    rows = network.rows(["the soup", "the bank"])
    targets = network.targets(rows, [("food", "sport"), ()])
    assert [target.tolist() for target in targets] == [[1, 0, 1], [0, 0, 0]]
    pooled = network.pooled(["the soup", "the bank"])

    got = network.loss_pooled(pooled, targets).item()

    with torch.no_grad():
        chance = torch.sigmoid(network.head(pooled)).numpy()
    # the mean over items and labels of -ln of the probability of what is so
    so = np.where(np.stack(targets) == 1, chance, 1 - chance)
    assert got == pytest.approx(float(-np.log(so).mean()), rel=1e-5)


def test_each_of_several_labels_has_a_probability_of_its_own(folder: Path) -> None:
    network = encoder(folder, SEVERAL)
    answers = network.predict(["the soup"])
    with torch.no_grad():
        wanted = torch.sigmoid(network.head(network.pooled(["the soup"]))).numpy()
    np.testing.assert_allclose(answers.probabilities, wanted, atol=1e-6)
    assert answers.values[0] == tuple(np.array(tiny.LABELS)[wanted[0] >= SURE].tolist())


def test_several_labels_are_learnt_and_come_back_from_disk(folder: Path, tmp_path: Path) -> None:
    case = CASES["several"]
    model = learnt(folder, case).model
    answers = model.predict(case.part.texts)
    assert np.mean([given == gold for given, gold in zip(answers.values, case.part.gold, strict=True)]) > 0.9
    assert any(len(answer) == 2 for answer in case.part.gold if isinstance(answer, tuple))

    model.save(tmp_path / "model")
    again = plugins.load("families", "encoder").restore(tmp_path / "model").predict(case.part.texts)

    assert again.values == answers.values
    np.testing.assert_allclose(again.probabilities, answers.probabilities, atol=1e-6)


def test_weights_that_bfloat16_holds_exactly_take_half_the_room_on_disk(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    network = encoder(folder)
    for weight in network.backbone.parameters():
        weight.data = weight.data.bfloat16().float()  # a checkpoint that was kept so, frozen; the head learnt
    network.save(tmp_path)
    kept = load_file(tmp_path / "weights.safetensors")
    again = plugins.load("families", "encoder").restore(tmp_path)
    texts = CASES["en"].part.texts

    assert isinstance(again, Network)
    assert {kept_item.dtype for name, kept_item in kept.items() if name.startswith("backbone.")} == {torch.bfloat16}
    assert kept["head.weight"].dtype == torch.float32
    assert {parameter.dtype for parameter in again.module.parameters()} == {torch.float32}
    assert np.array_equal(again.predict(texts).probabilities, network.predict(texts).probabilities)


def test_tokenizer_of_a_larger_model_is_refused(folder: Path) -> None:
    from tokenizers import Tokenizer, models

    network = encoder(folder)
    table = network.backbone.get_submodule(str(network.backbone.word_embedding))
    rows = int(table.get_parameter("weight").shape[0])
    other = Tokenizer(models.WordLevel({f"w{number}": number for number in range(rows + 1)}, unk_token="w0"))
    with pytest.raises(InputError, match=rf"tokenizer.json has {rows + 1} tokens, the model's table {rows} rows"):
        Network(network.backbone, other, network.config)
