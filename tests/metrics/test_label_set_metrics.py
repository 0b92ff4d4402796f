from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from goldilocks import plugins
from goldilocks.evaluation.score import score

# The confusion matrix that the official scorer (version 1.2) printed for a published system, rows gold, columns
# answered: Cause-Effect, Component-Whole, Content-Container, Entity-Destination, Entity-Origin, Instrument-Agency,
# Member-Collection, Message-Topic, Product-Producer, each (e1,e2) then (e2,e1), then Other. It gave 83.62.
# Source: github.com/sahitya0000/Relation-Classification, model/scorer_output.txt.
SCORED = """
125 2 0 2 0 0 0 0 0 0 0 0 0 0 1 0 0 0 4
0 177 0 0 0 0 0 0 7 0 0 0 0 0 0 0 1 0 9
0 0 131 3 4 1 0 0 0 0 1 0 3 4 4 0 0 0 11
1 0 7 109 0 2 1 0 0 0 0 5 0 7 5 0 0 3 10
0 0 0 0 141 1 4 0 2 0 0 0 0 0 0 1 0 0 4
0 0 0 0 1 32 0 0 0 1 0 0 0 1 0 0 0 0 4
0 0 2 0 5 0 270 0 0 0 0 0 0 0 1 0 0 0 13
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1
0 4 1 0 0 0 4 0 185 0 0 0 0 0 1 1 3 1 11
2 0 0 0 0 0 2 0 0 40 0 0 0 0 1 0 0 0 2
0 0 0 0 0 0 0 0 0 0 15 1 0 1 0 0 3 0 2
1 0 1 11 0 0 2 0 1 0 0 89 0 0 0 1 0 5 23
0 0 0 0 0 0 1 0 1 0 0 0 20 3 0 1 0 0 6
0 0 2 1 0 0 0 0 0 0 0 0 0 193 1 0 1 0 3
1 0 0 1 0 0 0 0 2 0 0 0 0 1 194 0 1 0 10
0 0 0 1 0 0 0 0 1 0 0 0 0 0 1 45 0 0 3
0 4 1 0 0 0 0 0 2 0 1 0 0 1 1 0 93 1 4
0 0 0 1 0 1 2 0 1 1 0 3 0 1 1 1 0 97 14
9 6 13 16 20 4 21 0 24 3 4 9 11 36 35 10 12 12 209
"""
RELATIONS = [f"{name}({way})" for name in "ABCDEFGHI" for way in ("e1,e2", "e2,e1")] + ["Other"]


def test_relation_score_is_the_one_the_official_scorer_printed() -> None:
    table = np.array([line.split() for line in SCORED.split("\n") if line], dtype=int)
    assert table.sum() == 2717
    cells = [(gold, given) for gold in range(19) for given in range(19) for _ in range(table[gold, given])]
    gold, given = ([RELATIONS[cell[side]] for cell in cells] for side in (0, 1))
    result = score(plugins.load("metrics", "relation_macro_f1"), gold, given)
    assert round(100 * result, 2) == 83.62


def _sets(seed: int) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    rng = np.random.default_rng(seed)
    gold = rng.random((200, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
    given = gold ^ (rng.random((200, 6)) < 0.1)
    return tuple([tuple(f"l{i}" for i in np.flatnonzero(row)) for row in side] for side in (gold, given))  # type: ignore[return-value]


@pytest.mark.parametrize("seed", [0, 1])
def test_metrics_of_label_sets_are_those_of_scikit_learn(seed: int) -> None:
    gold, given = _sets(seed)
    binary = MultiLabelBinarizer().fit(gold + given)
    tables = binary.transform(gold), binary.transform(given)
    expected = {
        "subset_accuracy": accuracy_score(*tables),
        "accuracy": accuracy_score(*tables),
        "micro_f1": f1_score(*tables, average="micro"),
        "macro_f1": f1_score(*tables, average="macro"),
        "weighted_f1": f1_score(*tables, average="weighted"),
    }
    result = {name: score(plugins.load("metrics", name), gold, given) for name in expected}
    assert result == pytest.approx(expected, abs=1e-6)


def test_no_labels_wanted_and_none_given_is_right() -> None:
    assert score(plugins.load("metrics", "micro_f1"), [(), ()], [(), ()]) == 1.0
    assert score(plugins.load("metrics", "subset_accuracy"), [(), ()], [(), ()]) == 1.0
