from __future__ import annotations

from dataclasses import replace

import pytest
from fake_run import evaluation

from goldilocks.report.confusion import matrix, pairs


def test_few_labels_are_shown_whole() -> None:
    three = replace(evaluation(["a", "b", "c"], 9), confusion=((3, 1, 0), (0, 4, 0), (2, 0, 2)))

    shown = matrix(three)

    assert shown.whole
    assert [[cell.count for cell in row.cells] for row in shown.rows] == [[3, 1, 0], [0, 4, 0], [2, 0, 2]]
    assert shown.rows[2].cells[0].share == pytest.approx(0.5)
    assert [row.total for row in shown.rows] == [4, 4, 4]


def test_pairs_come_most_frequent_first_with_their_way_back() -> None:
    three = replace(evaluation(["a", "b", "c"], 9), confusion=((3, 1, 0), (0, 4, 0), (2, 0, 2)))

    first, second = pairs(three)

    assert (first.gold, first.predicted, first.count, first.share, first.back) == ("c", "a", 2, 0.5, 0)
    assert (second.gold, second.predicted, second.count) == ("a", "b", 1)


def test_of_many_labels_the_most_confused_are_shown_and_no_count_is_lost() -> None:
    many = evaluation([f"label {i}" for i in range(150)], 3000)
    worst = [list(row) for row in many.confusion]
    worst[140][3] += 99
    many = replace(many, confusion=tuple(map(tuple, worst)))

    shown = matrix(many)

    assert not shown.whole
    assert {"label 3", "label 140"} <= set(shown.labels)
    assert len(shown.labels) <= 14
    for row in shown.rows:
        gold = many.labels.index(row.label)
        assert sum(cell.count for cell in row.cells) + row.elsewhere == row.total == sum(many.confusion[gold])
    assert pairs(many)[0].count >= 99


def test_many_labels_without_an_error_still_make_a_matrix() -> None:
    perfect = tuple(tuple(int(i == j) for j in range(30)) for i in range(30))

    shown = matrix(replace(evaluation([str(i) for i in range(30)], 30), confusion=perfect))

    assert len(shown.labels) == 14
    assert pairs(replace(evaluation(["a"], 1), labels=("a",), confusion=((1,),))) == ()


def test_labels_without_rows_have_no_shares() -> None:
    empty = replace(evaluation(["a", "b"], 0), confusion=((0, 0), (0, 0)))

    assert [cell.share for row in matrix(empty).rows for cell in row.cells] == [0.0] * 4
