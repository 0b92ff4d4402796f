from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.nets.heads.pair_scorer import PairScorerConfig
from goldilocks.nets.network import HeadConfig, Network
from goldilocks.protocols import Family
from goldilocks.records import Candidate, Goal, ModelInfo, Output, Part, Workload
from goldilocks.tuning.run import Run, RunSetup

FAMILY: Family = plugins.load("families", "cross_encoder")
NAMES = ("ada", "bob", "cem", "dia", "eva", "fay", "gus", "hal")


def _pairs(count: int, seed: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Sentences about two people, in the same or in another order of the names."""
    rng = np.random.default_rng(seed)
    items, labels = [], []
    for _ in range(count):
        first, second, third = (NAMES[i] for i in rng.permutation(len(NAMES))[:3])
        same = bool(rng.random() < 0.5)
        items.append((f"{first} saw {second} at noon", f"at noon {first} saw {second if same else third}"))
        labels.append("same" if same else "other")
    return items, labels


def _network(info: ModelInfo, goal: Goal) -> Network:
    items, labels = _pairs(16, 0)
    gold = labels if goal.output is Output.LABEL else [float(label == "same") for label in labels]
    network = FAMILY.create(info, None, Part(tuple(items), tuple(gold), tuple(range(16))), goal, seed=0)
    assert isinstance(network, Network)
    return network


@pytest.mark.parametrize("info", FAMILY.models(), ids=lambda info: info.name)
def test_weights_are_as_many_as_the_info_says_but_for_the_vocabulary(info: ModelInfo) -> None:
    network = _network(info, Goal(labels=("other", "same")))
    words = network.tokenizer.get_vocab_size()
    expected = info.parameters - (8_000 - words) * 128
    # Biases, the small tables and the head, which the info does not count.
    assert expected <= network.size_bytes() / 4 < 1.01 * expected + 2_000


def test_labels_get_a_classifier_and_scores_a_cross_encoder() -> None:
    info = FAMILY.models()[0]
    assert type(_network(info, Goal(labels=("other", "same"))).config.head) is HeadConfig
    assert _network(info, Goal(Output.SCORE)).config.head == PairScorerConfig(bi_encoder=False, lists=False)


def test_tokens_know_their_text_also_after_saving(tmp_path: Path) -> None:
    network = _network(FAMILY.models()[0], Goal(labels=("other", "same")))
    network.save(tmp_path)
    for own in (network, FAMILY.restore(tmp_path)):
        assert isinstance(own, Network)
        (row,) = own.rows([("ada saw bob", "at noon")])
        assert row.channels["types"].tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("texts", [1.0, 5.5])
def test_it_is_for_pairs_only(texts: float) -> None:
    assert FAMILY.unsuited(Workload(100, 20.0, 4.0, 2, texts=texts))  # type: ignore[attr-defined]
    assert FAMILY.unsuited(Workload(100, 20.0, 4.0, 2, texts=2.0)) is None  # type: ignore[attr-defined]


def test_it_learns_whether_a_name_was_changed() -> None:
    """Pairs whose words are equally frequent in both classes; comparing the words solves them."""
    items, labels = _pairs(400, 1)
    held_out, gold = _pairs(200, 2)
    train = Part(tuple(items), tuple(labels), tuple(range(400)))
    setup = RunSetup(model_folder=None, work=Workload(400, 40.0, 10.0, 2, texts=2.0), seed=0)
    run = Run(Candidate(FAMILY.models()[0], "scratch"), train, Goal(labels=("other", "same")), setup)
    run.advance(1.0)
    assert np.mean([answer == right for answer, right in zip(run.predict(held_out).values, gold, strict=True)]) > 0.9
