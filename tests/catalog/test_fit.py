from dataclasses import replace

import pytest
from fake_shelf import dataset

from goldilocks.catalog.fit import workload
from goldilocks.records import Part


def test_words_are_runs_of_letters_and_single_chinese_characters() -> None:
    texts = ("Don't stop 2 day", "天气 good", "")
    rows = replace(dataset(), train=Part(texts=texts, gold=("a", "b", "a"), rows=(1, 2, 3)))

    work = workload(rows)

    # don, t, stop, 2, day = 5; 天, 气, good = 3; nothing = 0. Characters: 16, 7, 0.
    assert (work.rows, work.labels) == (3, 2)
    assert work.words == pytest.approx(8 / 3)
    assert work.characters == pytest.approx(23 / 3)


def test_long_data_are_sampled_from_end_to_end() -> None:
    texts = ("a",) * 5_000 + ("a b c",) * 5_000
    rows = replace(dataset(), train=Part(texts=texts, gold=("x",) * 10_000, rows=tuple(range(10_000))))

    assert workload(rows).words == pytest.approx(2.0)
    assert workload(rows).rows == 10_000
